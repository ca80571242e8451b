//! `clip-local` as a shell sees it, with the function of `tests/stand_in/`.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use clip_export_local::s3::{Options, Server};
use serde_json::{Value, json};
use tempfile::TempDir;

const CLIP_LOCAL: &str = env!("CARGO_BIN_EXE_clip-local");
const STAND_IN: &str = env!("CARGO_BIN_EXE_stand-in");

fn run(folder: &Path, event: &Value, more: &[&str]) -> Output {
    std::fs::write(folder.join("event.json"), event.to_string()).unwrap();
    Command::new(CLIP_LOCAL)
        .args(["run", "--function", STAND_IN])
        .args(more)
        .arg("event.json")
        .current_dir(folder)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn a_receipt_is_shown_and_the_clips_path_comes_last() {
    let folder = TempDir::new().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let options = Options::new(folder.path().join("out"), &["clips"]);
        let server = Server::start(options).await.unwrap();
        server
            .put_object("clips", "a/b.mp4", b"clip", "video/mp4", &[])
            .unwrap();
    });
    let answer =
        json!({"Status": "EXPORTED", "Clips": [{"Bucket": "clips", "Key": "a/b.mp4", "SizeBytes": 4}]});
    let event = json!({
        "Log": [
            {"level": "INFO", "fields": {"message": "clip fetched", "bytes": 4}},
            {"_aws": {"Timestamp": 1}, "ExportedBytes": 4}
        ],
        "Answer": answer
    });
    let output = run(folder.path(), &event, &[]);
    let (shown, log) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{shown}{log}");
    assert!(log.contains("clip fetched  bytes=4 B\n"), "{log}");
    assert!(!log.contains("ExportedBytes"), "{log}");
    assert!(log.contains("of processor time"), "{log}");
    assert!(
        shown.starts_with("\nEXPORTED\nClips\n  Bucket     clips\n"),
        "{shown}"
    );
    assert!(shown.ends_with("\n\nout/clips/a/b.mp4\n"), "{shown}");

    let output = run(folder.path(), &event, &["--json"]);
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(printed, answer);
}

#[test]
fn a_failed_export_fails_and_says_why() {
    let folder = TempDir::new().unwrap();
    let fail = json!({"errorType": "NoFragments", "errorMessage": "nothing was recorded"});
    let output = run(folder.path(), &json!({"Fail": fail}), &[]);
    let log = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        log.ends_with("failed: NoFragments\nnothing was recorded\n"),
        "{log}"
    );
    assert_eq!(text(&output.stdout), "");

    let output = run(folder.path(), &json!({"Exit": 3}), &[]);
    let log = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(log.contains("ended before it answered (exit status: 3)"), "{log}");
}

#[test]
fn what_is_missing_is_named() {
    let folder = TempDir::new().unwrap();
    let output = Command::new(CLIP_LOCAL)
        .args(["run", "--function", "/no/such/function", "no-event.json"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("no-event.json: No such file"));
    let output = Command::new(CLIP_LOCAL).arg("walk").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn serving_prints_an_environment_whose_endpoints_answer() {
    let folder = TempDir::new().unwrap();
    let (mut child, variables) = serve(folder.path(), &[]);
    for name in [
        "AWS_ENDPOINT_URL_S3",
        "AWS_ENDPOINT_URL_KINESIS_VIDEO",
        "AWS_ENDPOINT_URL_SQS",
    ] {
        TcpStream::connect(variables[name].strip_prefix("http://").unwrap()).unwrap();
    }
    let failed = format!("{}/123456789012/failed", variables["AWS_ENDPOINT_URL_SQS"]);
    assert_eq!(variables["CLIP_FAILED_QUEUE_URL"], failed);
    assert!(!variables.contains_key("AWS_ENDPOINT_URL_LAMBDA"));
    let log = end(&mut child, "-INT");
    assert!(log.contains("Objects are files in out."), "{log}");
}

#[test]
fn a_served_function_is_invoked_through_lambda_and_knows_the_stack() {
    let folder = TempDir::new().unwrap();
    let (mut child, variables) = serve(
        folder.path(),
        &["--function", STAND_IN, "--env", "GREETING=hello"],
    );
    let lambda = &variables["AWS_ENDPOINT_URL_LAMBDA"];
    let variable = |name: &str| invoke(lambda, &json!({"Variable": name})).1;
    for name in [
        "AWS_ENDPOINT_URL_S3",
        "AWS_ENDPOINT_URL_KINESIS_VIDEO",
        "AWS_ENDPOINT_URL_SQS",
        "CLIP_FAILED_QUEUE_URL",
        "CLIP_BUCKET",
    ] {
        assert_eq!(variable(name), *variables[name], "{name}");
    }
    assert_eq!(variable("GREETING"), "hello");
    assert_eq!(variable("CLIP_ALARM_STREAMS"), r#"{"lobby-*":"front-door"}"#);
    let fail = json!({"errorType": "NoFragments", "errorMessage": "nothing was recorded"});
    let line = json!({"level": "WARN", "fields": {"message": "nothing"}});
    let (head, body) = invoke(lambda, &json!({"Log": [line], "Fail": fail}));
    assert!(
        head.to_lowercase().contains("x-amz-function-error: unhandled"),
        "{head}"
    );
    assert_eq!(body, fail);
    let process = invoke(lambda, &json!({"Process": true})).1;
    let log = end(&mut child, "-TERM");
    assert!(log.contains(" s  warning: nothing\n"), "{log}");
    let process = format!("/proc/{process}");
    for _ in 0..1_000 {
        if !Path::new(&process).exists() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("the function outlives its server");
}

#[test]
fn a_function_that_is_not_there_is_not_served() {
    let folder = TempDir::new().unwrap();
    let output = Command::new(CLIP_LOCAL)
        .args(["serve", "--function", "/no/such/function"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let log = text(&output.stderr);
    assert!(
        log.contains("Lambda does not start: /no/such/function: no such file"),
        "{log}"
    );
}

/// `clip-local serve`, and the environment that it prints.
fn serve(folder: &Path, more: &[&str]) -> (Child, HashMap<String, String>) {
    let mut child = Command::new(CLIP_LOCAL)
        .arg("serve")
        .args(more)
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut variables = HashMap::new();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    while !variables.contains_key("CLIP_ALLOWED_BUCKETS") {
        let line = lines.next().unwrap().unwrap();
        let (name, value) = line.strip_prefix("export ").unwrap().split_once('=').unwrap();
        variables.insert(name.to_owned(), value.to_owned());
    }
    (child, variables)
}

/// Ends it by a signal; its log.
fn end(child: &mut Child, signal: &str) -> String {
    let sent = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
    assert!(child.wait().unwrap().success());
    let mut log = String::new();
    child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    log
}

/// Head and payload of the answer to an Invoke that nobody signed.
fn invoke(lambda: &str, event: &Value) -> (String, Value) {
    let address = lambda.strip_prefix("http://").unwrap();
    let mut socket = TcpStream::connect(address).unwrap();
    let body = event.to_string();
    let path = "/2015-03-31/functions/clip-export/invocations";
    let length = body.len();
    write!(
        socket,
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), serde_json::from_str(body).unwrap())
}
