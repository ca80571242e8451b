//! Clips cut to the range, of which a run of a codec shows nothing.
//!
//! A camera reconnects, sends its last ten seconds again in a burst, and goes on with another codec. By the
//! server's clock what came again lies in the range, and what plays of it does not.

use clip_export_local::faults::When;
use clip_export_local::footage::Footage;
use clip_export_local::kvs::{CodecChanges, Reconnects, Stream, StreamBuilder};
use serde_json::{Value, json};

use crate::rig::{MS, Rig, TEN, asked, refused};

fn reconnecting(camera: StreamBuilder) -> StreamBuilder {
    camera.reconnects(Reconnects::At(vec![TEN * MS]), 10_000, 0)
}

/// The codec changes with the reconnect.
fn foundry() -> StreamBuilder {
    let camera = Stream::builder("foundry", Footage::h264_aac()).then_footage(Footage::h265());
    reconnecting(camera.codec_changes(CodecChanges::At(vec![TEN * MS])))
}

/// From a moment after the reconnect on.
fn until(end: f64) -> Value {
    let ten = TEN as f64;
    asked("foundry", "SERVER_TIMESTAMP", ten + 0.1, ten + end, "EXACT")
}

fn keys(receipt: &Value) -> Vec<&str> {
    let clips = receipt["Clips"].as_array().expect("clips").iter();
    clips.map(|clip| clip["Key"].as_str().expect("a key")).collect()
}

#[tokio::test]
async fn a_clip_of_which_one_run_shows_nothing_is_found_again_and_named_once() {
    let rig = Rig::with_camera(foundry()).await;
    let made = rig.receipt(&until(60.0)).await;
    assert_eq!(keys(&made), ["shift.mp4"], "{made}");
    let left_out = made["FragmentsNotShown"].as_u64().expect("a number");
    assert!(left_out > 0, "{made}");
    assert_eq!(made["Fragments"], made["Clips"][0]["Fragments"], "{made}");
    rig.log_with("shows nothing of these fragments").await;
    let again = rig.receipt(&until(60.0)).await;
    assert_eq!(again["Status"], json!("ALREADY_EXPORTED"));
    assert_eq!(keys(&again), ["shift.mp4"], "{again}");
    assert_eq!(again["GetClipCalls"], json!(0));
    assert_eq!(rig.s3.uploads(), []);
}

#[tokio::test]
async fn starting_over_loses_no_run_to_one_that_shows_nothing() {
    let rig = Rig::with_camera(foundry()).await;
    for operation in ["PutObject", "CompleteMultipartUpload"] {
        rig.s3_fault(
            operation,
            When::Call(1),
            refused(409, "ConditionalRequestConflict"),
        );
    }
    let receipt = rig.receipt(&until(60.0)).await;
    assert_eq!(keys(&receipt), ["shift.mp4"], "{receipt}");
    assert_eq!(receipt["Retries"], json!(1), "{receipt}");
    assert_eq!(rig.s3.uploads(), []);
}

/// What was under way at the reconnect shows all of the range.
#[tokio::test]
async fn a_last_run_that_shows_nothing_costs_no_other_run() {
    // The same camera with one codec.
    let one = Rig::with_camera(reconnecting(Stream::builder("foundry", Footage::h264_aac()))).await;
    let rig = Rig::with_camera(foundry()).await;
    for end in [1.9, 2.1, 2.3, 2.5, 3.0, 4.0] {
        let mut wanted = until(end);
        wanted["IfExists"] = json!("OVERWRITE");
        let (receipt, of_one) = tokio::join!(rig.receipt(&wanted), one.receipt(&wanted));
        assert_eq!(keys(&receipt), ["shift.mp4"], "{end}: {receipt}");
        assert_eq!(rig.s3.objects("clips"), ["shift.mp4"], "{end}");
        assert_eq!(rig.s3.uploads(), [], "{end}");
        for field in ["StartTimestamp", "EndTimestamp", "DurationSeconds"] {
            assert_eq!(
                receipt["Clips"][0][field], of_one["Clips"][0][field],
                "{end}: {receipt}"
            );
        }
        let fragments = |receipt: &Value, field: &str| receipt[field].as_u64().expect("a number");
        let left_out = fragments(&receipt, "FragmentsNotShown");
        assert!(left_out > 0, "{receipt}");
        assert_eq!(
            fragments(&receipt, "Fragments") + left_out,
            fragments(&of_one, "Fragments") + fragments(&of_one, "FragmentsNotShown"),
            "{end}"
        );
    }
}
