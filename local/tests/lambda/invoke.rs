//! Events with a caller that waits.

use std::path::Path;
use std::time::Duration;

use clip_export_local::account::SECRET_ACCESS_KEY;
use clip_export_local::function::Environment;
use clip_export_local::lambda::{FUNCTION_ARN, Options, Server};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{PLAIN, begin, call, invoke, invoke_as, logging, options, server, signal, signed};

#[tokio::test]
async fn a_response_comes_back_under_every_name_of_the_function() {
    let server = server().await;
    let arn = FUNCTION_ARN.replace(':', "%3A");
    let names = [
        "clip-export".to_owned(),
        "clip-export:$LATEST".to_owned(),
        "clip-export%3A%24LATEST".to_owned(),
        "123456789012%3Afunction%3Aclip-export".to_owned(),
        FUNCTION_ARN.to_owned(),
        format!("{arn}%3A%24LATEST"),
        arn,
    ];
    for name in names {
        let path = format!("/2015-03-31/functions/{name}/invocations");
        let answer = call(&server, &path, &[], br#"{"Answer": {"a": [1]}}"#).await;
        assert_eq!(answer.status, 200, "{name}: {answer:?}");
        assert_eq!(answer.json(), json!({"a": [1]}));
        assert_eq!(answer.header("x-amz-executed-version"), Some("$LATEST"));
        assert_eq!(answer.header("x-amz-function-error"), None);
        assert_eq!(answer.header("x-amzn-requestid").unwrap().len(), 36);
    }
    let path = format!("{PLAIN}?Qualifier=%24LATEST");
    assert_eq!(call(&server, &path, &[], b"{}").await.status, 200);
    assert_eq!(server.calls("Invoke"), 8);
    assert_eq!(server.faults.log()[4].key.as_deref(), Some(FUNCTION_ARN));
}

#[tokio::test]
async fn no_event_is_an_empty_one() {
    let server = server().await;
    let answer = call(&server, PLAIN, &[], b"").await;
    assert_eq!((answer.status, &*answer.body), (200, "null"));
}

#[tokio::test]
async fn the_function_has_its_environment_and_stays_warm() {
    let server = server().await;
    let greeting = invoke(&server, &json!({"Variable": "GREETING"})).await;
    assert_eq!(greeting.json(), "hello");
    let first = invoke(&server, &json!({"Process": true})).await.json();
    // An error that the function reports does not end it.
    let error = json!({"errorType": "NoFragments", "errorMessage": "nothing there"});
    let failed = invoke(&server, &json!({"Fail": error})).await;
    assert_eq!(failed.status, 200);
    assert_eq!(failed.header("x-amz-function-error"), Some("Unhandled"));
    assert_eq!(failed.json(), error);
    assert_eq!(invoke(&server, &json!({"Process": true})).await.json(), first);
}

#[tokio::test]
async fn an_end_is_an_error_and_a_new_process_follows() {
    let server = server().await;
    let first = invoke(&server, &json!({"Process": true})).await.json();
    let ended = invoke(&server, &json!({"Exit": 3})).await;
    assert_eq!(ended.header("x-amz-function-error"), Some("Unhandled"));
    let id = ended.header("x-amzn-requestid").unwrap();
    let message = format!("RequestId: {id} Error: Runtime exited with error: exit status 3");
    let expected = json!({"errorType": "Runtime.ExitError", "errorMessage": message});
    assert_eq!(ended.json(), expected);
    let second = invoke(&server, &json!({"Process": true})).await.json();
    assert!(second.is_u64() && second != first, "{second} after {first}");
}

#[tokio::test]
async fn a_process_that_ended_between_events_is_replaced() {
    let server = server().await;
    let first = invoke(&server, &json!({"Process": true})).await.json();
    let killed = std::process::Command::new("kill")
        .args(["-KILL", &first.to_string()])
        .status();
    assert!(killed.unwrap().success());
    gone(&first).await;
    let second = invoke(&server, &json!({"Process": true})).await.json();
    assert!(second.is_u64() && second != first, "{second} after {first}");
}

#[tokio::test]
async fn a_timeout_kills_and_a_new_process_follows() {
    let timeout = Duration::from_millis(1_500);
    let server = Server::start(Options { timeout, ..options() }).await.unwrap();
    let first = invoke(&server, &json!({"Process": true})).await.json();
    let late = invoke(&server, &json!({"WaitFor": "/no/such/file"})).await;
    assert_eq!(late.header("x-amz-function-error"), Some("Unhandled"));
    let id = late.header("x-amzn-requestid").unwrap();
    let message = format!("RequestId: {id} Error: Task timed out after 1.50 seconds");
    let expected = json!({"errorType": "Sandbox.Timedout", "errorMessage": message});
    assert_eq!(late.json(), expected);
    assert!(!Path::new(&format!("/proc/{first}")).exists());
    assert_ne!(invoke(&server, &json!({"Process": true})).await.json(), first);
}

#[tokio::test]
async fn a_function_that_cannot_begin_fails_every_time() {
    let error = json!({"errorType": "InvalidRequest", "errorMessage": "CLIP_BUCKET is missing"});
    let environment = Environment::of_lambda(256).with("STAND_IN_INIT_ERROR", error.to_string());
    let server = Options::new(env!("CARGO_BIN_EXE_stand-in"), environment);
    let server = Server::start(server).await.unwrap();
    for _ in 0..2 {
        assert_eq!(invoke(&server, &json!({})).await.json(), error);
    }
    let folder = TempDir::new().unwrap();
    let no_program = folder.path().join("bootstrap");
    std::fs::write(&no_program, "").unwrap();
    let server = Options::new(&no_program, Environment::of_lambda(256));
    let server = Server::start(server).await.unwrap();
    let answer = invoke(&server, &json!({})).await.json();
    assert_eq!(answer["errorType"], "Runtime.InvalidEntrypoint");
    let missing = Options::new("/no/such/function", Environment::of_lambda(256));
    let error = Server::start(missing).await.unwrap_err();
    assert_eq!(error.to_string(), "/no/such/function: no such file");
}

#[tokio::test]
async fn events_at_once_need_environments_of_their_own() {
    let (options, mut lines) = logging();
    let options = Options {
        concurrency: 2,
        ..options
    };
    let server = Server::start(options).await.unwrap();
    let folder = TempDir::new().unwrap();
    let signal = signal(&folder);
    let waiting = json!({"Log": ["begun"], "WaitFor": &signal, "Process": true});
    let more = async {
        assert_eq!(lines.recv().await.as_deref(), Some("\"begun\""));
        assert_eq!(lines.recv().await.as_deref(), Some("\"begun\""));
        let third = invoke(&server, &json!({})).await;
        std::fs::write(&signal, "").unwrap();
        third
    };
    let (first, second, third) = tokio::join!(invoke(&server, &waiting), invoke(&server, &waiting), more);
    assert_eq!(third.refusal(), (429, "TooManyRequestsException"));
    assert_eq!(
        third.json()["Reason"],
        "ReservedFunctionConcurrentInvocationLimitExceeded"
    );
    assert_ne!(first.json(), second.json(), "two processes");
    assert_eq!(invoke(&server, &json!({})).await.status, 200);
}

#[tokio::test]
async fn an_invocation_goes_on_when_its_caller_leaves() {
    let (options, mut lines) = logging();
    let server = Server::start(options).await.unwrap();
    let folder = TempDir::new().unwrap();
    let signal = signal(&folder);
    let process = invoke(&server, &json!({"Process": true})).await.json();
    let event = json!({"Log": ["begun"], "WaitFor": &signal}).to_string();
    let headers = signed(&server, PLAIN, &[], event.as_bytes(), SECRET_ACCESS_KEY, "lambda");
    let caller = begin(&server, PLAIN, &headers, event.as_bytes()).await;
    assert_eq!(lines.recv().await.as_deref(), Some("\"begun\""));
    drop(caller);
    // Waits for its turn, which comes only when the one before has ended.
    invoke_as(&server, "Event", &json!({"Process": true})).await;
    assert_eq!(invoke(&server, &json!({})).await.status, 429);
    std::fs::write(&signal, "").unwrap();
    server.settled().await;
    assert_eq!(server.records()[0]["responsePayload"], process);
}

#[tokio::test]
async fn processes_end_with_the_server() {
    let (options, mut lines) = logging();
    let options = Options {
        concurrency: 2,
        ..options
    };
    let server = Server::start(options).await.unwrap();
    let idle = invoke(&server, &json!({"Process": true})).await.json();
    // One more is at work.
    let event = json!({"Log": ["begun"], "WaitFor": "/no/such/file"});
    invoke_as(&server, "Event", &event).await;
    assert_eq!(lines.recv().await.as_deref(), Some("\"begun\""));
    let other = invoke(&server, &json!({"Process": true})).await.json();
    assert_ne!(idle, other);
    drop(server);
    gone(&idle).await;
    gone(&other).await;
    assert_eq!(lines.recv().await, None, "nobody logs any more");
}

/// Waits until there is no such process.
async fn gone(process: &Value) {
    let proc = format!("/proc/{process}");
    let gone = async {
        while Path::new(&proc).exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone).await.unwrap();
}

#[tokio::test]
async fn the_last_lines_of_a_process_arrive() {
    let (options, mut lines) = logging();
    let server = Server::start(options).await.unwrap();
    // More than arrive by chance before the answer does.
    let log: Vec<_> = (0..20_000).collect();
    invoke(&server, &json!({"Log": log, "Exit": 1})).await;
    for number in log {
        assert_eq!(lines.try_recv(), Ok(number.to_string()));
    }
}
