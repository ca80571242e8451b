//! What Lambda refuses before the function gets it.

use clip_export_local::account::SECRET_ACCESS_KEY;
use clip_export_local::faults::{Fault, When};
use clip_export_local::lambda::{Options, Server};
use serde_json::json;
use tokio::io::AsyncReadExt;

use crate::{Answer, PLAIN, begin, call, invoke, invoke_as, options, send, server, signed};

#[tokio::test]
async fn other_functions_and_versions_do_not_exist() {
    let server = server().await;
    let here = "arn:aws:lambda:eu-west-1:123456789012:function";
    for (name, arn) in [
        ("clip-import", format!("{here}:clip-import")),
        ("clip-export:live", format!("{here}:clip-export:live")),
        ("clip-export?Qualifier=7", format!("{here}:clip-export:7")),
        (
            "arn:aws:lambda:us-east-1:123456789012:function:clip-export",
            "arn:aws:lambda:us-east-1:123456789012:function:clip-export".to_owned(),
        ),
    ] {
        let (name, query) = name.split_once('?').unwrap_or((name, ""));
        let path = format!("/2015-03-31/functions/{name}/invocations?{query}");
        let answer = call(&server, &path, &[], b"{}").await;
        assert_eq!(answer.refusal(), (404, "ResourceNotFoundException"), "{name}");
        let message = format!("Function not found: {arn}");
        assert_eq!(answer.json(), json!({"Type": "User", "Message": message}));
    }
    for path in [
        "/2015-03-31/functions/clip-export",
        "/2015-03-31/functions//invocations",
        "/2015-03-31/functions/a/b/invocations",
        "/2021-11-15/functions/clip-export/response-streaming-invocations",
    ] {
        let answer = call(&server, path, &[], b"{}").await;
        assert_eq!(answer.refusal(), (404, "UnknownOperationException"), "{path}");
    }
    assert_eq!(server.calls("Invoke"), 4);
}

#[tokio::test]
async fn payloads_are_json_and_not_too_large() {
    let server = server().await;
    let answer = call(&server, PLAIN, &[], b"{'a': 1}").await;
    assert_eq!(answer.refusal(), (400, "InvalidRequestContentException"));
    let message = answer.json()["message"].to_string();
    assert!(
        message.contains("Could not parse payload into json: "),
        "{message}"
    );

    // A string of so many bytes, quotes included.
    let text = |size: usize| format!("\"{}\"", "x".repeat(size - 2));
    let largest = text(6_291_456);
    assert_eq!(call(&server, PLAIN, &[], largest.as_bytes()).await.status, 200);
    let answer = call(&server, PLAIN, &[], text(6_291_457).as_bytes()).await;
    assert_eq!(answer.refusal(), (413, "RequestEntityTooLargeException"));
    assert_eq!(
        answer.json()["message"],
        "Request must be smaller than 6291456 bytes for the InvokeFunction operation"
    );
    let event = [("x-amz-invocation-type", "Event")];
    let largest = text(1_048_576);
    assert_eq!(call(&server, PLAIN, &event, largest.as_bytes()).await.status, 202);
    let answer = call(&server, PLAIN, &event, text(1_048_577).as_bytes()).await;
    assert_eq!(answer.refusal(), (413, "RequestEntityTooLargeException"));
    assert_eq!(
        answer.json()["message"],
        "1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)"
    );
}

#[tokio::test]
async fn a_dry_run_checks_and_plays_nothing() {
    let server = server().await;
    let answer = invoke_as(&server, "DryRun", &json!({"Exit": 1})).await;
    assert_eq!((answer.status, &*answer.body), (204, ""));
    let answer = call(&server, PLAIN, &[("x-amz-invocation-type", "DryRun")], b"{").await;
    assert_eq!(answer.status, 400);
    let answer = invoke_as(&server, "Later", &json!({})).await;
    assert_eq!(answer.refusal(), (400, "ValidationException"));
    assert_eq!(server.records(), Vec::<serde_json::Value>::new());
}

#[tokio::test]
async fn requests_must_be_signed_for_lambda_unless_told() {
    let signed_by = async |server: &Server, secret: &str, service: &str| -> Answer {
        let headers = signed(server, PLAIN, &[], b"{}", secret, service);
        send(server, PLAIN, &headers, b"{}").await
    };
    let server = server().await;
    let answer = signed_by(&server, "wrong", "lambda").await;
    assert_eq!(answer.refusal(), (403, "InvalidSignatureException"));
    let answer = signed_by(&server, SECRET_ACCESS_KEY, "sqs").await;
    assert_eq!(answer.refusal(), (403, "InvalidSignatureException"));
    assert_eq!(
        answer.json()["message"],
        "Credential should be scoped to correct service: 'lambda'."
    );
    let answer = send(&server, PLAIN, &[], b"{}").await;
    assert_eq!(answer.refusal(), (403, "MissingAuthenticationTokenException"));

    let options = Options {
        verify: false,
        ..options()
    };
    let server = Server::start(options).await.unwrap();
    assert_eq!(send(&server, PLAIN, &[], b"{}").await.status, 200);
    assert_eq!(signed_by(&server, "wrong", "sqs").await.status, 200);
}

#[tokio::test]
async fn faults_play_and_foreign_ones_are_refused() {
    let server = server().await;
    server.faults.script("Invoke", When::Call(1), Fault::Throttle);
    let answer = invoke(&server, &json!({})).await;
    assert_eq!(answer.refusal(), (429, "TooManyRequestsException"));
    let fault = Fault::Error {
        status: 500,
        code: "ServiceException".to_owned(),
        message: "later".to_owned(),
    };
    server.faults.script("Invoke", When::Call(1), fault);
    let answer = invoke(&server, &json!({})).await;
    assert_eq!(answer.refusal(), (500, "ServiceException"));
    assert_eq!(answer.json()["Message"], "later");

    // The answer is lost, not the work.
    server.faults.script("Invoke", When::Call(1), Fault::AnswerLost);
    let headers = [("x-amz-invocation-type", "Event")];
    let headers = signed(&server, PLAIN, &headers, b"{}", SECRET_ACCESS_KEY, "lambda");
    let mut socket = begin(&server, PLAIN, &headers, b"{}").await;
    socket.read_to_string(&mut String::new()).await.unwrap_err();
    server.settled().await;
    assert_eq!((server.records().len(), server.calls("Invoke")), (1, 3));

    let inside = Fault::ErrorInside200 {
        code: "InternalFailure".to_owned(),
        message: "later".to_owned(),
    };
    let faults = server.faults.clone();
    let script = move || faults.script("Invoke", When::Every, inside);
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(script)).unwrap_err();
}
