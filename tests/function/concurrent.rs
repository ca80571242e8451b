//! Several exports of one clip of several objects, at once or one after the end of another: what a receipt has told
//! of stays as it was told.

use std::time::Duration;

use clip_export_local::faults::{Fault, When};
use clip_export_local::footage::Footage;
use clip_export_local::kvs::{CodecChanges, Stream, StreamBuilder, Unlisted};
use clip_export_local::runtime_api::{Outcome, RuntimeApi};
use serde_json::{Value, json};

use crate::rig::{MS, Rig, TEN, covered, refused};
use crate::source::{Pictures, media};

/// Whoever has ended by now.
const HALF_AN_HOUR: Duration = Duration::from_secs(33 * 60);

/// A camera that changes its codec at ten, and whose first list lacks a fragment after that.
fn foundry() -> StreamBuilder {
    Stream::builder("foundry", Footage::h264_aac())
        .then_footage(Footage::h265())
        .codec_changes(CodecChanges::At(vec![TEN * MS]))
        .unlisted((TEN + 30) * MS, (TEN + 31) * MS, Unlisted::FirstCalls(1))
}

/// That the objects are those that a receipt told of.
fn is_as_told(rig: &Rig, receipt: &Value) {
    for clip in receipt["Clips"].as_array().expect("clips") {
        let key = clip["Key"].as_str().expect("a key");
        let object = rig.s3.object("clips", key).expect("an object");
        assert_eq!(clip["SizeBytes"], json!(object.size), "{key}\n{}", rig.log());
        assert_eq!(clip["ETag"], json!(format!("\"{}\"", object.etag)), "{key}");
    }
    assert_eq!(rig.s3.uploads(), []);
}

/// An export that has listed less, and of which the operation `held` takes so long, and another one that begins
/// meanwhile and ends before it; their receipts.
async fn race(rig: &Rig, wanted: &Value, held: Duration) -> (Outcome, Value) {
    let runtime = RuntimeApi::start().await.expect("the runtime API");
    let _twin = rig.twin(&runtime);
    rig.kvs_fault("GetClip", When::Call(1), Fault::Delay(held));
    let faster = async {
        while rig.kvs.calls("GetClip") == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        match runtime.invoke(wanted.to_string(), Duration::from_secs(60)).await {
            Outcome::Response(receipt) => receipt,
            other => panic!("{other:?}"),
        }
    };
    tokio::join!(rig.invoke(wanted), faster)
}

#[tokio::test]
async fn a_slower_export_that_knows_less_replaces_nothing() {
    let rig = Rig::with_camera(foundry()).await;
    let (slower, faster) = race(&rig, &covered("foundry", -30, 30), Duration::from_secs(3)).await;
    let Outcome::Response(slower) = slower else {
        panic!("{slower:?}")
    };
    assert_eq!(faster["Status"], json!("EXPORTED"));
    assert_eq!(faster["Coverage"], json!("COMPLETE"));
    is_as_told(&rig, &faster);
    assert_eq!(slower["Status"], json!("ALREADY_EXPORTED"), "{slower}");
    is_as_told(&rig, &slower);
    assert_eq!(slower["Clips"].as_array().map(Vec::len), Some(2));
}

/// The slower one was not told of the fragment with which the codec changes, so that its clip is one object.
#[tokio::test]
async fn a_clip_that_one_makes_of_two_objects_is_not_made_by_another_of_one() {
    let change = (TEN + 30) * MS;
    let camera = Stream::builder("foundry", Footage::h264_aac())
        .then_footage(Footage::h265())
        .codec_changes(CodecChanges::At(vec![change]))
        .unlisted(change, change + 1000, Unlisted::FirstCalls(1));
    let rig = Rig::with_camera(camera).await;
    let (slower, faster) = race(&rig, &covered("foundry", 0, 30), Duration::from_secs(3)).await;
    let Outcome::Response(slower) = slower else {
        panic!("{slower:?}")
    };
    assert_eq!(faster["Status"], json!("EXPORTED"));
    assert_eq!(slower["Status"], json!("ALREADY_EXPORTED"), "{slower}");
    assert_eq!(rig.s3.objects("clips"), ["shift-1.mp4", "shift-2.mp4"]);
    is_as_told(&rig, &slower);
}

/// The faster one has made its second object, and its first takes longer than the slower one waits.
#[tokio::test]
async fn an_export_that_is_still_under_way_loses_no_object() {
    let rig = Rig::with_camera(foundry()).await;
    for operation in ["PutObject", "CompleteMultipartUpload"] {
        rig.s3_fault(operation, When::Call(2), Fault::Delay(Duration::from_secs(6)));
    }
    let wanted = covered("foundry", -30, 30);
    let (slower, faster) = race(&rig, &wanted, Duration::from_secs(1)).await;
    assert_eq!(faster["Status"], json!("EXPORTED"));
    is_as_told(&rig, &faster);
    let (label, message) = rig.error_of(slower);
    assert_eq!(label, "ServiceUnavailable", "{message}");
    assert!(message.contains("s3://clips/shift-2.mp4"), "{message}");
    let again = rig.receipt(&wanted).await;
    assert_eq!(again["Status"], json!("ALREADY_EXPORTED"), "{again}");
    is_as_told(&rig, &again);
}

/// Lets an export make `shift-2.mp4`, and no more.
async fn half_made(rig: &Rig, wanted: &Value) {
    for operation in ["PutObject", "CompleteMultipartUpload"] {
        for call in 2..9 {
            rig.s3_fault(operation, When::Call(call), refused(403, "AccessDenied"));
        }
    }
    let (label, message) = rig.error(wanted).await;
    assert_eq!(label, "AccessDenied");
    assert!(message.contains("only shift-2.mp4"), "{message}");
    assert_eq!(rig.s3.objects("clips"), ["shift-2.mp4"], "{}", rig.log());
    rig.s3.faults.clear();
}

/// An earlier export got as far as the second object, and knew less.
#[tokio::test]
async fn an_object_of_an_export_that_ended_half_way_is_replaced_when_it_must_have_ended() {
    let rig = Rig::with_camera(foundry()).await;
    let wanted = covered("foundry", -30, 30);
    half_made(&rig, &wanted).await;
    let earlier = rig.s3.object("clips", "shift-2.mp4").expect("an object").etag;
    let (label, message) = rig.error(&wanted).await;
    assert_eq!(label, "ServiceUnavailable", "{message}");
    assert!(message.contains("may be replaced from 20"), "{message}");
    assert_eq!(
        rig.s3.object("clips", "shift-2.mp4").expect("an object").etag,
        earlier
    );
    assert_eq!(rig.s3.uploads(), []);
    rig.s3.age("clips", "shift", HALF_AN_HOUR);
    let receipt = rig.receipt(&wanted).await;
    is_as_told(&rig, &receipt);
    let made = rig.s3.object("clips", "shift-2.mp4").expect("an object");
    let samples = media(&made.path, Pictures::Coded).pictures.len();
    let told = &receipt["Clips"][1];
    assert_eq!(told["Tracks"][0]["Samples"], json!(samples), "{receipt}");
    assert_eq!(told["Fragments"], json!(samples / 50), "{receipt}");
}

/// The same, but nothing more is known: what is there is what would be written.
#[tokio::test]
async fn an_object_of_an_earlier_export_with_the_same_footage_stays() {
    let rig = Rig::start().await;
    let wanted = covered("workshop", -30, 30);
    half_made(&rig, &wanted).await;
    let earlier = rig.s3.object("clips", "shift-2.mp4").expect("an object");
    let receipt = rig.receipt(&wanted).await;
    assert_eq!(receipt["Status"], json!("EXPORTED"), "{receipt}");
    is_as_told(&rig, &receipt);
    let now = rig.s3.object("clips", "shift-2.mp4").expect("an object");
    assert_eq!(now.last_modified, earlier.last_modified, "it was written again");
}

/// Somebody replaces an object between the look at it and the call that was to replace it.
#[tokio::test]
async fn only_the_object_that_was_looked_at_is_replaced() {
    let rig = Rig::with_camera(foundry()).await;
    let wanted = covered("foundry", -30, 30);
    half_made(&rig, &wanted).await;
    rig.s3.age("clips", "shift", HALF_AN_HOUR);
    // The first call is refused, as the key is taken; the second is the one that replaces.
    rig.s3_fault(
        "CompleteMultipartUpload",
        When::Call(2),
        Fault::Delay(Duration::from_secs(2)),
    );
    let put = async {
        while rig.s3.calls("CompleteMultipartUpload") < 4 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        rig.s3
            .put_object("clips", "shift-2.mp4", b"not ours", "text/plain", &[])
            .expect("room")
    };
    let (outcome, put) = tokio::join!(rig.invoke(&wanted), put);
    let (label, message) = rig.error_of(outcome);
    assert_eq!(label, "DestinationExists", "{message}");
    assert_eq!(
        rig.s3.object("clips", "shift-2.mp4").expect("an object").etag,
        put.etag
    );
    assert_eq!(
        (rig.s3.objects("clips"), rig.s3.uploads()),
        (vec!["shift-2.mp4".to_owned()], vec![])
    );
}

/// The same twenty minutes later, as a queue delivers again: what holds the very bytes that would be written is in
/// nobody's way, and no other footage.
#[tokio::test]
async fn the_same_footage_of_twenty_minutes_ago_is_in_nobodys_way() {
    let rig = Rig::start().await;
    let wanted = covered("workshop", -30, 30);
    half_made(&rig, &wanted).await;
    rig.s3.age("clips", "shift", Duration::from_secs(20 * 60));
    let receipt = match rig.invoke(&wanted).await {
        Outcome::Response(receipt) => receipt,
        other => panic!("{other:?}"),
    };
    assert_eq!(receipt["Status"], json!("EXPORTED"), "{receipt}");
    is_as_told(&rig, &receipt);
}

/// The answer to an export that got half way is that the same event makes the rest. A workflow asks again under another
/// request id; with `FAIL` too, what is there is no clip, but what is left of the same request.
#[tokio::test]
async fn the_same_event_makes_the_rest_of_a_clip_that_must_not_be_there() {
    let rig = Rig::start().await;
    let mut wanted = covered("workshop", -30, 30);
    wanted["IfExists"] = json!("FAIL");
    half_made(&rig, &wanted).await;
    for age in [0, 20, 33] {
        rig.s3.age("clips", "shift", Duration::from_secs(age * 60));
        match rig.invoke(&wanted).await {
            Outcome::Response(receipt) => {
                assert_eq!(receipt["Status"], json!("EXPORTED"), "{receipt}");
                is_as_told(&rig, &receipt);
                return;
            }
            // Not yet, but it is worth to ask again.
            Outcome::Error { error_type, .. } if error_type == "ServiceUnavailable" => {}
            other => panic!("{other:?}"),
        }
    }
    panic!("the rest was never made");
}
