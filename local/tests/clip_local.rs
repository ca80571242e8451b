//! `clip-local` as a shell sees it, with the function of `tests/stand_in/`.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use aws_sdk_sqs::config::{Credentials, Region};
use aws_sdk_sqs::types::MessageAttributeValue;
use clip_export_local::account::{ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY};
use clip_export_local::s3::{Options, Server};
use serde_json::{Value, json};
use tempfile::TempDir;

const CLIP_LOCAL: &str = env!("CARGO_BIN_EXE_clip-local");
const STAND_IN: &str = env!("CARGO_BIN_EXE_stand-in");

fn run(folder: &Path, event: &Value, more: &[&str]) -> Output {
    start(folder, event, more).wait_with_output().unwrap()
}

fn start(folder: &Path, event: &Value, more: &[&str]) -> Child {
    std::fs::write(folder.join("event.json"), event.to_string()).unwrap();
    Command::new(CLIP_LOCAL)
        .args(["run", "--function", STAND_IN])
        .args(more)
        .arg("event.json")
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
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
fn an_event_that_is_ignored_is_no_failure() {
    let folder = TempDir::new().unwrap();
    let answer = json!({"Status": "IGNORED", "Reason": "the alarm is not in ALARM"});
    let output = run(folder.path(), &json!({"Answer": answer}), &[]);
    assert!(output.status.success());
    let shown = text(&output.stdout);
    assert_eq!(shown, "\nIGNORED\nReason  the alarm is not in ALARM\n\n");
}

#[test]
fn a_batch_fails_if_one_of_its_messages_does() {
    let folder = TempDir::new().unwrap();
    let output = run(folder.path(), &json!({"Answer": {"batchItemFailures": []}}), &[]);
    assert!(output.status.success());
    assert_eq!(text(&output.stdout), "\nbatchItemFailures  none\n\n");

    let answer = json!({"batchItemFailures": [{"itemIdentifier": "059f36b4"}]});
    let output = run(folder.path(), &json!({"Answer": answer}), &[]);
    assert_eq!(output.status.code(), Some(1));
    let shown = text(&output.stdout);
    assert_eq!(shown, "\nbatchItemFailures\n  itemIdentifier  059f36b4\n\n");
    let output = run(folder.path(), &json!({"Answer": answer}), &["--json"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap(), answer);
}

#[test]
fn a_batch_tells_of_each_message_what_became_of_it() {
    let folder = TempDir::new().unwrap();
    let line =
        |id: &str, fields: Value| json!({"level": "INFO", "fields": fields, "span": {"message_id": id}});
    let receipt = json!({"Clips": [{"Bucket": "clips", "Key": "lobby/a.mp4"}]}).to_string();
    let mut event = json!({
        "Records": [{"messageId": "m1"}, {"messageId": "m2"}, {"messageId": "m3"}],
        "Log": [
            line("m3", json!({"message": "no stream", "error_type": "StreamNotFound"})),
            line("m1", json!({"message": "done", "status": "EXPORTED", "receipt": receipt})),
            line("m2", json!({"message": "too much", "error_type": "Throttled"})),
        ],
        "Answer": {"batchItemFailures": [{"itemIdentifier": "m2"}]},
    });
    let told = "m1  EXPORTED        clips/lobby/a.mp4\n\
                m2  Throttled       stays in its queue\n\
                m3  StreamNotFound  is in the queue of failed events\n";
    let output = run(folder.path(), &event, &[]);
    let shown = text(&output.stdout);
    assert!(shown.ends_with(&format!("m2\n\n{told}\n")), "{shown}");

    let output = run(folder.path(), &event, &["--json"]);
    assert_eq!(
        serde_json::from_slice::<Value>(&output.stdout).unwrap(),
        event["Answer"]
    );
    assert!(text(&output.stderr).ends_with(told), "{}", text(&output.stderr));

    event["Fail"] = json!({"errorType": "Throttled", "errorMessage": "all of them stay"});
    let output = run(folder.path(), &event, &[]);
    let log = text(&output.stderr);
    assert!(
        log.contains("all of them stay\nm1  EXPORTED")
            && log.ends_with("m3  StreamNotFound  stays in its queue\n"),
        "{log}"
    );
    assert_eq!(text(&output.stdout), "");
}

#[tokio::test]
async fn a_batch_shows_what_was_written_and_what_can_never_be() {
    let folder = TempDir::new().unwrap();
    let signal = folder.path().join("signal");
    let event = json!({
        "Show": ["AWS_ENDPOINT_URL_S3", "CLIP_FAILED_QUEUE_URL"],
        "WaitFor": &signal,
        "Answer": {"batchItemFailures": []},
    });
    let mut child = start(folder.path(), &event, &[]);
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut shown = |name: &str| {
        let mut line = String::new();
        while !line.contains(name) {
            line.clear();
            assert_ne!(log.read_line(&mut line).unwrap(), 0, "{name} was not shown");
        }
        line.trim_end().split_once('=').unwrap().1.to_owned()
    };
    let (s3, queue) = (shown("AWS_ENDPOINT_URL_S3"), shown("CLIP_FAILED_QUEUE_URL"));

    // What the function would do, by its own clients.
    let http = aws_smithy_http_client::Builder::new().build_http();
    let credentials = Credentials::new(ACCESS_KEY_ID, SECRET_ACCESS_KEY, None, None, "test");
    let config = aws_sdk_s3::Config::builder()
        .endpoint_url(s3)
        .force_path_style(true)
        .region(Region::new(REGION))
        .credentials_provider(credentials.clone())
        .http_client(http.clone())
        .build();
    let put = aws_sdk_s3::Client::from_conf(config).put_object();
    put.bucket("clips").key("lobby/a.mp4").send().await.unwrap();
    let config = aws_sdk_sqs::Config::builder()
        .endpoint_url(queue.split("/123456789012").next().unwrap())
        .region(Region::new(REGION))
        .credentials_provider(credentials)
        .http_client(http)
        .build();
    let attribute = |text: &str| {
        let attribute = MessageAttributeValue::builder().data_type("String");
        attribute.string_value(text).build().unwrap()
    };
    let send = aws_sdk_sqs::Client::from_conf(config).send_message();
    send.queue_url(queue)
        .message_body("{\"StreamName\": 7}")
        .message_attributes("ErrorType", attribute("InvalidRequest"))
        .message_attributes("ErrorMessage", attribute("StreamName is no text"))
        .send()
        .await
        .unwrap();

    std::fs::write(&signal, "").unwrap();
    let mut rest = String::new();
    log.read_to_string(&mut rest).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let warning = "went to the queue of failed events\n  InvalidRequest: StreamName is no text\n  {\"StreamName\": 7}\n";
    assert!(rest.contains(warning), "{rest}");
    let shown = text(&output.stdout);
    assert_eq!(shown, "\nbatchItemFailures  none\n\nout/clips/lobby/a.mp4\n");
}

#[test]
fn a_run_knows_the_queue_of_failed_events_and_the_streams_of_alarms() {
    let folder = TempDir::new().unwrap();
    for (name, part) in [
        ("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:"),
        ("CLIP_FAILED_QUEUE_URL", "/123456789012/failed"),
        ("CLIP_ALARM_STREAMS", r#"{\"lobby-*\":\"front-door\"}"#),
    ] {
        let output = run(folder.path(), &json!({"Variable": name}), &["--json"]);
        let shown = text(&output.stdout);
        assert!(shown.contains(part), "{name}: {shown}");
    }
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
