//! Clips that become several objects: all of them are there, or none.

use std::time::Duration;

use clip_export_local::faults::{Fault, When};
use clip_export_local::footage::Footage;
use clip_export_local::kvs::{CodecChanges, Moov, Stream, StreamBuilder, Unlisted};
use serde_json::json;

use crate::rig::{MS, Rig, TEN, covered, refused};
use crate::source::{Pictures, expected, fragments, media};

/// A camera that begins with H.264.
fn foundry(first: Footage, changes: CodecChanges) -> StreamBuilder {
    let camera = Stream::builder("foundry", first);
    camera.then_footage(Footage::h265()).codec_changes(changes)
}

/// Three runs of a codec; an object that is not ours is at the first key, and the upload of the third is
/// gone.
#[tokio::test]
async fn a_foreign_object_keeps_no_other_upload_from_being_aborted() {
    let camera = foundry(
        Footage::h264_aac().bulky(4_500_000).expect("a rate"),
        CodecChanges::Every(30 * MS),
    );
    let rig = Rig::with_camera(camera).await;
    rig.s3
        .put_object("clips", "shift-1.mp4", b"not ours", "text/plain", &[])
        .expect("room");
    // The answer for the third upload: one that the bucket's lifecycle rule has removed.
    rig.s3_fault(
        "CreateMultipartUpload",
        When::Call(3),
        refused(404, "NoSuchUpload"),
    );
    let wanted = covered("foundry", 0, 89);
    let (label, _) = rig.error(&wanted).await;
    assert_eq!(rig.s3.uploads(), [], "{label}");
}

/// Between the look at the keys and the making of the objects somebody puts one at the first key.
#[tokio::test]
async fn what_was_made_before_a_foreign_object_appeared_is_named() {
    let rig = Rig::start().await;
    rig.s3
        .put_object("clips", "shift-1.mp4", b"not ours", "text/plain", &[])
        .expect("room");
    // Looks: the key, the first number, and before the objects are made the key and both numbers.
    rig.s3_fault("HeadObject", When::Call(4), refused(404, "NotFound"));
    let wanted = covered("workshop", -30, 30);
    let (label, message) = rig.error(&wanted).await;
    // The first is made last.
    assert_eq!(rig.s3.objects("clips"), ["shift-1.mp4", "shift-2.mp4"]);
    assert!(message.contains("shift-2.mp4"), "{label} {message}");
    assert!(!message.contains("the same event"), "{label} {message}");
    assert_eq!(rig.s3.uploads(), [], "{label}");
}

/// While it is looked for where the codec changes, an answer is no clip, and the refusal of another breaks off.
#[tokio::test]
async fn what_is_no_answer_says_nothing_about_the_codec() {
    let faults = [
        (2, Fault::Garbage),
        (3, Fault::EndEarly { after: 8 }),
        (1, Fault::CutBody { after: 6 }),
    ];
    for (call, fault) in faults {
        let rig = Rig::start().await;
        rig.kvs_fault("GetClip", When::Call(call), fault.clone());
        let wanted = covered("workshop", -30, 50);
        let receipt = rig.receipt(&wanted).await;
        assert_eq!(
            receipt["Clips"].as_array().map(Vec::len),
            Some(2),
            "{fault:?}: {receipt}"
        );
        assert_eq!(receipt["Retries"], json!(1), "{fault:?}");
    }
}

/// The answers to the calls that make the objects get lost, but the objects are there.
#[tokio::test]
async fn lost_answers_for_several_objects() {
    let rig = Rig::start().await;
    for operation in ["PutObject", "CompleteMultipartUpload"] {
        rig.s3_fault(operation, When::Call(1), Fault::AnswerLost);
    }
    let wanted = covered("workshop", -30, 30);
    let receipt = rig.receipt(&wanted).await;
    assert_eq!(receipt["Clips"].as_array().map(Vec::len), Some(2), "{receipt}");
    assert_eq!(receipt["Retries"], json!(1));
}

/// Killed while many windows are on their way.
#[tokio::test]
async fn the_deadline_leaves_nothing_of_several_objects() {
    let camera = foundry(
        Footage::h264_aac().bulky(4_500_000).expect("a rate"),
        CodecChanges::Every(30 * MS),
    );
    let rig = Rig::with_camera(camera).await;
    let wanted = covered("foundry", 0, 3000);
    let outcome = rig.invoke_within(&wanted, Duration::from_secs(12)).await;
    assert_eq!(rig.error_of(outcome).0, "DeadlineTooClose");
    tokio::time::sleep(Duration::from_millis(500)).await;
    rig.nothing_is_left();
}

/// An object among several is gone.
#[tokio::test]
async fn a_clip_of_which_one_object_is_gone_is_not_there() {
    let rig = Rig::start().await;
    let wanted = covered("workshop", -30, 30);
    rig.receipt(&wanted).await;
    // Looks: the key, the first, the second.
    rig.s3_fault("HeadObject", When::Call(3), refused(404, "NotFound"));
    let again = rig.receipt(&wanted).await;
    assert_eq!(again["Clips"].as_array().map(Vec::len), Some(1), "{again}");
    assert_eq!(again["Coverage"], json!("UNKNOWN"), "{again}");
    assert_eq!(again["Doubts"][0]["Code"], json!("NUMBERED"), "{again}");
}

/// What was one object has become several: an earlier one under the plain key.
#[tokio::test]
async fn overwriting_leaves_no_object_that_a_later_export_takes_for_the_clip() {
    let camera = foundry(Footage::h264_aac(), CodecChanges::At(vec![(TEN + 30) * MS])).unlisted(
        (TEN + 30) * MS,
        (TEN + 31) * MS,
        Unlisted::FirstCalls(1),
    );
    let rig = Rig::with_camera(camera).await;
    let mut wanted = covered("foundry", 0, 30);
    rig.receipt(&wanted).await;
    assert_eq!(rig.s3.objects("clips"), ["shift.mp4"]);
    wanted["IfExists"] = json!("OVERWRITE");
    rig.receipt(&wanted).await;
    wanted["IfExists"] = json!("SKIP");
    let found = rig.receipt(&wanted).await;
    assert_eq!(found["Clips"].as_array().map(Vec::len), Some(2), "{found}");
}

/// The codec changes at each minute of a quarter of an hour.
#[tokio::test]
async fn a_change_each_minute_takes_few_calls() {
    let camera = foundry(Footage::h264_aac(), CodecChanges::Every(60 * MS));
    let rig = Rig::with_camera(camera).await;
    let receipt = rig.receipt(&covered("foundry", 0, 899)).await;
    let calls = receipt["GetClipCalls"].as_u64().expect("a number");
    assert!(calls <= 15 * 9, "{calls}");
}

/// A window ends just where the codec changes.
#[tokio::test]
async fn a_change_at_the_edge_of_a_window() {
    for (moov, second) in [
        (Moov::First, Footage::h265()),
        (Moov::Last, Footage::h265()),
        (Moov::First, Footage::h264_aac().without_sound()),
        (Moov::Last, Footage::h264_aac().without_sound()),
    ] {
        let camera = Stream::builder("foundry", Footage::h264_aac())
            .then_footage(second)
            .codec_changes(CodecChanges::At(vec![(TEN + 400) * MS, (TEN + 800) * MS]))
            .moov(moov);
        let rig = Rig::with_camera(camera).await;
        let wanted = covered("foundry", 0, 900);
        rig.receipt(&wanted).await;
        assert_eq!(
            rig.s3.objects("clips"),
            ["shift-1.mp4", "shift-2.mp4", "shift-3.mp4"]
        );
        assert_eq!(rig.s3.uploads(), []);
        let all = fragments(&rig, "foundry", TEN, TEN + 900);
        for number in 0..3 {
            let of: Vec<_> = all.iter().filter(|f| f.codec == number).cloned().collect();
            let key = format!("shift-{}.mp4", number + 1);
            let got = media(
                &rig.s3.object("clips", &key).expect("an object").path,
                Pictures::Coded,
            );
            let expected = expected(&rig, "foundry", &of, Pictures::Coded);
            assert!(got.pictures == expected.pictures, "{key} {moov:?}");
            assert!(got.sounds == expected.sounds, "{key} {moov:?}");
        }
    }
}

/// What is listed has to be there: that GetClip finds nothing is no answer about the range, wherever it is asked.
#[tokio::test]
async fn nothing_found_while_the_change_is_looked_for_is_not_an_empty_archive() {
    for call in 1..=3 {
        let rig = Rig::start().await;
        let fault = Fault::Error {
            status: 404,
            code: "ResourceNotFoundException".to_owned(),
            message: "No fragments found in the stream for the clip request.".to_owned(),
        };
        rig.kvs_fault("GetClip", When::Call(call), fault);
        let receipt = rig.receipt(&covered("workshop", -30, 50)).await;
        let clips = receipt["Clips"].as_array().map(Vec::len);
        assert_eq!(clips, Some(2), "call {call}: {receipt}");
    }
}

/// The second of two objects is there when the upload of the first is found gone (the export of another delivery
/// looked for one of its own): what one object survives by starting over, several do.
#[tokio::test]
async fn an_upload_that_is_gone_when_an_object_is_there_already_is_made_again() {
    let rig = Rig::start().await;
    rig.s3_fault(
        "CompleteMultipartUpload",
        When::Call(2),
        refused(404, "NoSuchUpload"),
    );
    let receipt = rig.receipt(&covered("workshop", -30, 30)).await;
    assert_eq!(receipt["Clips"].as_array().map(Vec::len), Some(2), "{receipt}");
    assert_eq!(rig.s3.objects("clips"), ["shift-1.mp4", "shift-2.mp4"]);
    assert_eq!(rig.s3.uploads(), []);
}
