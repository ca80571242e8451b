//! Events as AWS's services send them: the samples in `events/`, and what goes wrong with them.

use std::path::Path;

use serde_json::{Value, json};

use crate::judge::decode;
use crate::rig::{Rig, Setup};

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/events"))
}

fn sample(name: &str) -> Value {
    let path = folder().join(name).with_extension("json");
    let text = std::fs::read_to_string(&path).expect("a sample");
    serde_json::from_str(&text).expect("JSON")
}

async fn rig() -> Rig {
    Setup::default()
        .with("CLIP_PART_MIB", "8")
        .with("CLIP_ALARM_STREAMS", r#"{"lobby-*": "front-door"}"#)
        .start()
        .await
}

/// Each sample in `events/` is an event that the function serves.
#[tokio::test]
async fn the_samples_are_served() {
    let (mut exported, mut ignored, mut batches) = (0, 0, 0);
    for entry in std::fs::read_dir(folder()).expect("samples") {
        let path = entry.expect("a file").path();
        let name = path.display();
        let text = std::fs::read_to_string(&path).expect("a sample");
        let rig = rig().await;
        let answer = rig.receipt(&serde_json::from_str(&text).expect("JSON")).await;
        assert_eq!(rig.s3.uploads(), [], "{name}");
        let objects = rig.s3.objects("clips");
        if answer.get("batchItemFailures").is_some() {
            assert_eq!(answer, json!({"batchItemFailures": []}), "{name}\n{}", rig.log());
            assert_eq!(objects.len(), 2, "{name}");
            batches += 1;
        } else if answer["Status"] == json!("IGNORED") {
            assert!(answer["Reason"].is_string(), "{name}");
            assert_eq!(rig.aws_calls(), 0, "{name}");
            ignored += 1;
        } else {
            assert_eq!(answer["Status"], json!("EXPORTED"), "{name}");
            assert_eq!(answer["Doubts"], json!([]), "{name}");
            assert_eq!(answer["WaitedSeconds"], json!(0.0), "{name}");
            let clips = answer["Clips"].as_array().map(Vec::len);
            assert_eq!(clips, Some(objects.len()), "{name}");
            exported += 1;
        }
    }
    assert!(
        exported >= 20 && ignored >= 1 && batches >= 1,
        "{exported} {ignored} {batches}"
    );
}

/// One alarm, told in three ways and once more after it had failed, is one clip.
#[tokio::test]
async fn the_same_alarm_by_every_way_is_one_clip() {
    let rig = rig().await;
    let first = rig.receipt(&sample("eventbridge-alarm")).await;
    assert_eq!(first["Status"], json!("EXPORTED"));
    for name in ["alarm-action", "failed-event", "sns-alarm"] {
        let again = rig.receipt(&sample(name)).await;
        assert_eq!(again["Status"], json!("ALREADY_EXPORTED"), "{name}");
        assert_eq!(again["Clips"][0]["ETag"], first["Clips"][0]["ETag"], "{name}");
    }
    let object = rig.only_object();
    // From 10:00:30 to 10:02:37.101, in fragments of 2 s.
    decode(&object.path, 64 * 50);
    assert_eq!(
        first["Request"]["StartTimestamp"],
        json!("2026-11-20T10:00:30.000Z")
    );
    assert_eq!(
        first["Request"]["EndTimestamp"],
        json!("2026-11-20T10:02:37.101Z")
    );
    assert_eq!(rig.kvs.calls("GetClip"), 1);
}

#[tokio::test]
async fn the_rolls_are_the_operators() {
    let rig = Setup::default()
        .with("CLIP_PRE_ROLL_SECONDS", "0")
        .with("CLIP_POST_ROLL_SECONDS", "5")
        .start()
        .await;
    let receipt = rig.receipt(&sample("sns-alarm")).await;
    assert_eq!(
        receipt["Request"]["StartTimestamp"],
        json!("2026-11-20T10:01:00.000Z")
    );
    assert_eq!(
        receipt["Request"]["EndTimestamp"],
        json!("2026-11-20T10:02:12.101Z")
    );
}

#[tokio::test]
async fn an_alarm_that_is_over_exports_nothing_and_says_so_in_the_metrics() {
    let rig = rig().await;
    let answer = rig.receipt(&sample("eventbridge-alarm-ok")).await;
    let reason = answer["Reason"].as_str().expect("a reason");
    assert!(reason.contains("camera-front-door"), "{reason}");
    let lines = rig.log_with("\"_aws\"").await;
    let metrics = lines
        .iter()
        .find(|line| line.contains("\"_aws\""))
        .expect("metrics");
    let metrics: Value = serde_json::from_str(metrics).expect("JSON");
    assert_eq!(metrics["Outcome"], json!("IGNORED"));
    assert_eq!(
        (&metrics["Ignored"], &metrics["Failures"]),
        (&json!(1), &json!(0))
    );
}

#[tokio::test]
async fn an_alarm_that_nobody_can_place_is_an_error_without_a_call() {
    let rig = Rig::start().await;
    let message = rig
        .fails(&sample("eventbridge-composite"), "InvalidRequest")
        .await;
    assert!(
        message.contains("lobby-motion") && message.contains("CLIP_ALARM_STREAMS"),
        "{message}"
    );
    assert_eq!(rig.aws_calls(), 0);
}
