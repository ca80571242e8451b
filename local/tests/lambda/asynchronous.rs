//! Events without a caller that waits.

use std::time::{Duration, Instant};

use clip_export_local::lambda::{FUNCTION_ARN, Options, Server};
use clip_export_local::sqs;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{invoke, invoke_as, options, server, signal};

#[tokio::test]
async fn an_event_is_taken_at_once_and_played_later() {
    let server = server().await;
    let folder = TempDir::new().unwrap();
    let signal = signal(&folder);
    let event = json!({"WaitFor": &signal, "Answer": {"Status": "EXPORTED"}});
    let answer = invoke_as(&server, "Event", &event).await;
    assert_eq!((answer.status, &*answer.body), (202, ""));
    assert!(server.records().is_empty());
    std::fs::write(&signal, "").unwrap();
    server.settled().await;
    let [record] = &server.records()[..] else {
        panic!("one event has ended");
    };
    let timestamp = record["timestamp"].as_str().unwrap();
    assert_eq!(timestamp.len(), "2026-11-20T10:00:00.000Z".len());
    assert!(
        timestamp.starts_with("20") && timestamp.ends_with('Z'),
        "{timestamp}"
    );
    let expected = json!({
        "version": "1.0",
        "timestamp": timestamp,
        "requestContext": {
            "requestId": answer.header("x-amzn-requestid"),
            "functionArn": format!("{FUNCTION_ARN}:$LATEST"),
            "condition": "Success",
            "approximateInvokeCount": 1,
        },
        "requestPayload": event,
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST"},
        "responsePayload": {"Status": "EXPORTED"},
    });
    assert_eq!(record, &expected);
}

#[tokio::test]
async fn an_event_that_fails_three_times_goes_to_the_queue() {
    let sqs = sqs::Server::start(sqs::Options::new(&["failed"])).await.unwrap();
    let options = Options {
        on_failure: Some(sqs.queue("failed")),
        ..options()
    };
    let server = Server::start(options).await.unwrap();
    let error = json!({"errorType": "NoFragments", "errorMessage": "nothing there"});
    let event = json!({"Fail": error});
    let answer = invoke_as(&server, "Event", &event).await;
    server.settled().await;
    let [message] = &sqs.messages("failed")[..] else {
        panic!("one event has failed");
    };
    assert!(message.attributes.is_empty());
    let record: Value = serde_json::from_str(&message.body).unwrap();
    assert_eq!(server.records(), std::slice::from_ref(&record));
    let context = &record["requestContext"];
    assert_eq!(context["requestId"].as_str(), answer.header("x-amzn-requestid"));
    assert_eq!(context["condition"], "RetriesExhausted");
    assert_eq!(context["approximateInvokeCount"], 3);
    assert_eq!(record["responseContext"]["functionError"], "Unhandled");
    assert_eq!(
        (&record["requestPayload"], &record["responsePayload"]),
        (&event, &error)
    );

    // One that succeeds goes there no more.
    invoke_as(&server, "Event", &json!({"Answer": 1})).await;
    server.settled().await;
    assert_eq!((sqs.messages("failed").len(), server.records().len()), (1, 2));
    assert_eq!(
        sqs.calls("SendMessage"),
        0,
        "services put messages there themselves"
    );
}

#[tokio::test]
async fn a_retry_may_succeed() {
    let wait = Duration::from_millis(150);
    let options = Options {
        retry_wait: wait,
        ..options()
    };
    let server = Server::start(options).await.unwrap();
    let error = json!({"errorType": "Throttled", "errorMessage": "later"});
    let start = Instant::now();
    let event = json!({"Fail": error, "FailTimes": 1, "Answer": "well"});
    invoke_as(&server, "Event", &event).await;
    server.settled().await;
    assert!(start.elapsed() >= wait);
    let record = &server.records()[0];
    assert_eq!(record["requestContext"]["condition"], "Success");
    assert_eq!(record["requestContext"]["approximateInvokeCount"], 2);
    assert_eq!(record["responsePayload"], "well");
}

#[tokio::test]
async fn without_retries_one_failure_is_the_end() {
    let options = Options {
        retries: 0,
        ..options()
    };
    let server = Server::start(options).await.unwrap();
    invoke_as(&server, "Event", &json!({"Exit": 1})).await;
    server.settled().await;
    let record = &server.records()[0];
    assert_eq!(record["requestContext"]["approximateInvokeCount"], 1);
    assert_eq!(record["responsePayload"]["errorType"], "Runtime.ExitError");
}

#[tokio::test]
async fn events_wait_for_their_turn_and_are_never_throttled() {
    let server = server().await;
    for number in 0..5 {
        let answer = invoke_as(&server, "Event", &json!({"Answer": number})).await;
        assert_eq!(answer.status, 202);
    }
    server.settled().await;
    let records = server.records();
    let answers: Vec<_> = records.iter().map(|record| &record["responsePayload"]).collect();
    assert_eq!(answers, [0, 1, 2, 3, 4]);
    assert_eq!(invoke(&server, &json!({"Answer": 5})).await.json(), 5);
}
