//! `clip-local` as a shell sees it, with the function of `tests/stand_in/`.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Output, Stdio};

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
    let mut child = Command::new(CLIP_LOCAL)
        .arg("serve")
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for name in ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_KINESIS_VIDEO"] {
        let line = lines.next().unwrap().unwrap();
        let prefix = format!("export {name}=http://");
        let address = line.strip_prefix(&prefix).expect(&line);
        std::net::TcpStream::connect(address).unwrap();
    }
    let interrupted = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(interrupted.unwrap().success());
    assert!(child.wait().unwrap().success());
    let mut log = String::new();
    child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(log.contains("Objects are files in out."), "{log}");
}
