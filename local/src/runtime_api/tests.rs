use super::*;
use crate::faults::{Fault, When};
use serde_json::json;
use std::collections::HashMap;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;

const LONG: Duration = Duration::from_secs(60);

/// A runtime written by hand: one request, one answer with its headers in lower case.
async fn call(api: &str, method: &str, path: &str, body: &[u8]) -> (u16, HashMap<String, String>, String) {
    let mut socket = TcpStream::connect(api).await.unwrap();
    let head = format!(
        "{method} /2018-06-01/runtime/{path} HTTP/1.1\r\nHost: {api}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    // The server may answer and close before it has read a body that is too large.
    let _ = socket.write_all(body).await;
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let mut lines = head.lines();
    let status = lines
        .next()
        .and_then(|it| it.split(' ').nth(1))
        .map_or(0, |it| it.parse().unwrap());
    let headers = lines
        .filter_map(|it| it.split_once(": "))
        .map(|(n, v)| (n.to_owned(), v.to_owned()));
    (status, headers.collect(), body.to_owned())
}

async fn take(api: &str) -> (HashMap<String, String>, String, String) {
    let (status, headers, event) = call(api, "GET", "invocation/next", b"").await;
    assert_eq!(status, 200);
    let id = headers["lambda-runtime-aws-request-id"].clone();
    (headers, event, id)
}

#[tokio::test]
async fn an_event_goes_out_with_lambdas_headers_and_the_answer_comes_back() {
    let api = RuntimeApi::start().await.unwrap();
    assert_eq!(api.first_next(), None);
    let runtime = async {
        let (headers, event, id) = take(&api.address()).await;
        assert_eq!(event, "{\"a\":1}");
        assert_eq!(headers["lambda-runtime-invoked-function-arn"], FUNCTION_ARN);
        assert!(headers["lambda-runtime-trace-id"].starts_with("Root=1-"));
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap();
        let end: u128 = headers["lambda-runtime-deadline-ms"].parse().unwrap();
        assert!((now.as_millis()..=now.as_millis() + 60_000).contains(&end));
        assert_eq!((id.len(), &id[14..15]), (36, "4"));
        let path = format!("invocation/{id}/response");
        call(&api.address(), "POST", &path, b"{\"b\":2}").await.0
    };
    let (outcome, status) = tokio::join!(api.invoke("{\"a\":1}", LONG), runtime);
    assert_eq!(outcome, Outcome::Response(json!({"b": 2})));
    assert_eq!(status, 202);
    assert!(api.first_next().is_some());
}

#[tokio::test]
async fn a_reported_error_keeps_its_type_and_a_second_answer_is_refused() {
    let api = RuntimeApi::start().await.unwrap();
    let runtime = async {
        let (_, _, id) = take(&api.address()).await;
        let error = br#"{"errorType":"NoFragments","errorMessage":"nothing there"}"#;
        let path = format!("invocation/{id}/error");
        let first = call(&api.address(), "POST", &path, error).await.0;
        let second = call(&api.address(), "POST", &path, error).await;
        (first, second.0, second.2)
    };
    let (outcome, (first, second, body)) = tokio::join!(api.invoke("{}", LONG), runtime);
    let expected = Outcome::Error {
        error_type: "NoFragments".to_owned(),
        error_message: "nothing there".to_owned(),
    };
    assert_eq!(outcome, expected);
    assert_eq!((first, second), (202, 400));
    assert!(body.contains("InvalidRequestID"), "{body}");
}

#[tokio::test]
async fn a_response_ends_at_six_megabytes() {
    let api = RuntimeApi::start().await.unwrap();
    for (size, fits) in [(LARGEST_RESPONSE, true), (LARGEST_RESPONSE + 1, false)] {
        let runtime = async {
            let (_, _, id) = take(&api.address()).await;
            let body = format!("\"{}\"", "x".repeat(size - 2));
            let path = format!("invocation/{id}/response");
            call(&api.address(), "POST", &path, body.as_bytes()).await
        };
        let (outcome, _) = tokio::join!(api.invoke("{}", LONG), runtime);
        match outcome {
            Outcome::Response(_) => assert!(fits),
            Outcome::Error { error_type, .. } => {
                assert_eq!(
                    (fits, error_type.as_str()),
                    (false, "Function.ResponseSizeTooLarge")
                );
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn what_is_not_json_is_no_response() {
    let api = RuntimeApi::start().await.unwrap();
    let runtime = async {
        let (_, _, id) = take(&api.address()).await;
        call(&api.address(), "POST", &format!("invocation/{id}/response"), b"{").await
    };
    let (outcome, _) = tokio::join!(api.invoke("{}", LONG), runtime);
    assert!(matches!(outcome, Outcome::Error { error_type, .. } if error_type == "Runtime.InvalidResponse"));
}

#[tokio::test]
async fn an_init_error_ends_the_first_invocation_whichever_comes_first() {
    let api = RuntimeApi::start().await.unwrap();
    let error = br#"{"errorType":"Config","errorMessage":"CLIP_BUCKET is missing"}"#;
    let late = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        call(&api.address(), "POST", "init/error", error).await
    };
    let (outcome, _) = tokio::join!(api.invoke("{}", LONG), late);
    assert!(matches!(&outcome, Outcome::Error { error_type, .. } if error_type == "Config"));
    call(&api.address(), "POST", "init/error", error).await;
    assert_eq!(api.invoke("{}", LONG).await, outcome);
    call(&api.address(), "POST", "init/error", error).await;
    // Not of the next process.
    api.detach();
    let address = api.address();
    let next = async { tokio::join!(api.invoke("{}", Duration::from_millis(50)), take(&address)) };
    let (outcome, _) = tokio::time::timeout(Duration::from_secs(10), next).await.unwrap();
    assert_eq!(outcome, Outcome::TimedOut);
}

#[tokio::test]
async fn a_process_may_ask_for_an_event_before_it_is_attached() {
    let api = RuntimeApi::start().await.unwrap();
    let process = Process::spawn(Command::new("/bin/true")).unwrap();
    let asking = async {
        take(&api.address()).await;
        api.attach(process.clone());
        api.first_next()
    };
    let (first_next, _) = tokio::join!(asking, api.invoke("{}", Duration::from_millis(100)));
    assert!(first_next.unwrap() >= process.started());
    api.detach();
    assert_eq!(api.first_next(), None);
}

#[tokio::test]
async fn a_process_that_ends_ends_its_invocation() {
    let api = RuntimeApi::start().await.unwrap();
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "sleep 0.2; exit 7"]);
    api.attach(Process::spawn(command).unwrap());
    let Outcome::Exited { status } = api.invoke("{}", LONG).await else {
        panic!("the process has ended");
    };
    assert_eq!(status.unwrap().code(), Some(7));
}

#[tokio::test]
async fn the_deadline_runs_from_the_taking_of_the_event_and_kills() {
    let api = RuntimeApi::start().await.unwrap();
    let mut command = Command::new("/bin/sleep");
    command.arg("60");
    let process = Process::spawn(command).unwrap();
    api.attach(process.clone());
    let deadline = Duration::from_millis(300);
    let address = api.address();
    let runtime = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        take(&address).await;
        Instant::now()
    };
    let (outcome, taken) = tokio::join!(api.invoke("{}", deadline), runtime);
    assert_eq!(outcome, Outcome::TimedOut);
    assert!(taken.elapsed() >= deadline);
    assert!(
        process.exited().await.unwrap().code().is_none(),
        "killed by a signal"
    );
}

#[tokio::test]
async fn faults_play_and_foreign_ones_are_refused() {
    let api = RuntimeApi::start().await.unwrap();
    let error = Fault::Error {
        status: 500,
        code: "InternalError".to_owned(),
        message: "later".to_owned(),
    };
    api.faults.script("Next", When::Call(1), error);
    assert_eq!(call(&api.address(), "GET", "invocation/next", b"").await.0, 500);
    api.faults.script("Next", When::Call(1), Fault::Reset);
    assert_eq!(call(&api.address(), "GET", "invocation/next", b"").await.0, 0);
    assert_eq!(call(&api.address(), "GET", "invocation/other", b"").await.0, 404);
    let faults = api.faults.clone();
    let script = move || faults.script("Response", When::Every, Fault::Garbage);
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(script)).unwrap_err();
}
