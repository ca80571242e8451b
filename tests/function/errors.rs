//! Every label that can occur, provoked by the services' own rules rather than by scripted faults.
//! `Throttled`, `ServiceUnavailable`, `ClipDamaged`, `UploadFailed` and `DeadlineTooClose` stand with
//! the faults that bring them about; `Internal` with the panics in `src/export/tests.rs`.

use clip_export_local::faults::{Fault, When};
use serde_json::json;

use crate::rig::{Rig, Setup, TEN, asked, event, event_from, refused, with};

#[tokio::test]
async fn a_stream_that_does_not_exist() {
    let rig = Rig::start().await;
    let message = rig.fails(&event("back-door", 10), "StreamNotFound").await;
    for part in [
        "GetDataEndpoint",
        "stream back-door",
        "2026-11-20T10:00:00.000Z",
        "AWS request id ",
        "region",
    ] {
        assert!(message.contains(part), "no {part:?} in {message}");
    }
    assert_eq!(rig.kvs.calls("GetDataEndpoint"), 1, "nothing to try again");
}

#[tokio::test]
async fn a_range_without_footage() {
    let rig = Rig::start().await;
    let message = rig.fails(&event("dark-room", 10), "NoFragments").await;
    assert!(message.contains("No fragments found"), "{message}");
    assert_eq!(rig.kvs.calls("GetClip"), 1);
}

/// `stable` sends 40 s of every two minutes. The range is a pause of it, up to the very moment at which the next fragment
/// begins, of which `EXACT` shows nothing.
#[tokio::test]
async fn a_pause_cut_to_its_end_holds_nothing() {
    let rig = Rig::start().await;
    let (start, end) = ((TEN + 60) as f64, (TEN + 120) as f64);
    for (selector, camera) in [
        ("PRODUCER_TIMESTAMP", "stable"),
        ("SERVER_TIMESTAMP", "stable"),
        ("PRODUCER_TIMESTAMP", "barn"),
    ] {
        let wanted = asked(camera, selector, start, end, "EXACT");
        rig.fails(&wanted, "NoFragments").await;
        assert_eq!(rig.s3.objects("clips"), [""; 0]);
    }
}

/// A refusal may come without its words; the stream has been listed, and so it is there.
#[tokio::test]
async fn a_range_without_footage_of_which_the_refusal_is_cut_short() {
    let rig = Rig::start().await;
    rig.kvs_fault("GetClip", When::Every, Fault::EndEarly { after: 0 });
    rig.fails(&event("dark-room", 10), "NoFragments").await;
}

#[tokio::test]
async fn a_range_outside_of_the_retention() {
    let rig = Rig::start().await;
    let hours_ago = |hours: i64| {
        json!({
            "StreamName": "night-shift",
            "ClipFragmentSelector": {
                "FragmentSelectorType": "SERVER_TIMESTAMP",
                "TimestampRange": {"StartTimestamp": TEN - hours * 3600, "EndTimestamp": TEN - hours * 3600 + 10}
            }
        })
    };
    rig.fails(&hours_ago(5), "OutsideRetention").await;
    rig.fails(&event("doorbell", 10), "OutsideRetention").await;
}

#[tokio::test]
async fn a_range_that_has_not_ended() {
    let rig = Setup::default()
        .live()
        .with("CLIP_MAX_WAIT_SECONDS", "0")
        .start()
        .await;
    let now = jiff::Timestamp::now().as_second();
    let lasts = |seconds: i64| event_from("dark-room", now - 60, seconds);
    rig.fails(&lasts(120), "NotYetArchived").await;
    assert_eq!(rig.aws_calls(), 0, "the clock alone says so");
    rig.fails(&lasts(55), "NotYetArchived").await;
    assert_eq!(rig.kvs.calls("GetClip"), 0, "nothing was made");
    rig.fails(&lasts(10), "NoFragments").await;
}

#[tokio::test]
async fn media_that_get_clip_refuses() {
    let rig = Rig::start().await;
    rig.fails(&event("intercom", 10), "UnsupportedMedia").await;
}

#[tokio::test]
async fn credentials_that_nobody_knows() {
    let rig = Rig::with("AWS_ACCESS_KEY_ID", "AKIDUNKNOWN").await;
    rig.fails(&event("front-door", 10), "AccessDenied").await;
    let rig = Rig::with("AWS_ACCESS_KEY_ID", "AKIDUNKNOWN").await;
    rig.fails(
        &with(event("front-door", 10), json!({"IfExists": "OVERWRITE"})),
        "AccessDenied",
    )
    .await;
}

#[tokio::test]
async fn a_bucket_of_another_account() {
    let rig = Rig::with("CLIP_BUCKET_OWNER", "999999999999").await;
    rig.fails(&event("front-door", 10), "AccessDenied").await;
    assert_eq!(rig.kvs.calls("GetClip"), 0);
    // Which does not look before it writes: in one call, and in parts.
    for stream in ["front-door", "highway"] {
        let asked = with(event(stream, 20), json!({"IfExists": "OVERWRITE"}));
        rig.fails(&asked, "AccessDenied").await;
    }
}

/// What a bucket of that name is that somebody else has made meanwhile, no call must find out; and S3 is told of each
/// object that it puts together what the whole has to be.
#[tokio::test]
async fn every_call_says_whose_the_bucket_is_and_every_object_what_it_must_be() {
    let rig = Rig::with("CLIP_BUCKET_OWNER", "123456789012").await;
    for stream in ["front-door", "highway", "workshop"] {
        rig.receipt(&event(stream, 20)).await;
        rig.receipt(&event(stream, 20)).await;
    }
    // An upload that nobody says was made, and one that is given up.
    rig.s3_fault("CreateMultipartUpload", When::Every, Fault::AnswerLost);
    let again = with(event("highway", 20), json!({"IfExists": "OVERWRITE"}));
    rig.error(&again).await;
    rig.s3.faults.clear();
    rig.s3_fault(
        "CompleteMultipartUpload",
        When::Every,
        refused(403, "AccessDenied"),
    );
    rig.error(&again).await;
    for operation in [
        "HeadObject",
        "GetObject",
        "PutObject",
        "CreateMultipartUpload",
        "UploadPart",
        "CompleteMultipartUpload",
        "AbortMultipartUpload",
        "ListParts",
        "ListMultipartUploads",
    ] {
        assert!(rig.s3.calls(operation) > 0, "{operation}");
    }
    assert_eq!(rig.s3.unowned(), [""; 0]);
    assert_eq!(rig.s3.unsealed(), [""; 0]);
}

#[tokio::test]
async fn a_bucket_that_does_not_exist() {
    let rig = Rig::with("CLIP_BUCKET", "no-such-clips").await;
    rig.fails(
        &with(event("front-door", 10), json!({"IfExists": "OVERWRITE"})),
        "UploadFailed",
    )
    .await;
}

#[tokio::test]
async fn services_that_do_not_answer() {
    let nowhere = "http://127.0.0.1:9";
    let rig = Rig::with("AWS_ENDPOINT_URL_KINESIS_VIDEO", nowhere).await;
    rig.fails(&event("front-door", 10), "ServiceUnavailable").await;
    let rig = Rig::with("AWS_ENDPOINT_URL_S3", nowhere).await;
    rig.fails(&event("front-door", 10), "ServiceUnavailable").await;
}
