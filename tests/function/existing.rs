//! What happens when there is an object at the key already, or somebody else is making one.

use std::time::Duration;

use clip_export_local::faults::{Fault, When};
use clip_export_local::runtime_api::{Outcome, RuntimeApi};
use serde_json::{Value, json};

use crate::rig::{Rig, Setup, event, refused, with};

fn status(receipt: &Value) -> &str {
    receipt["Status"].as_str().expect("a status")
}

#[tokio::test]
async fn the_same_event_twice_makes_one_object_and_one_receipt() {
    for stream in ["front-door", "yard", "highway"] {
        let rig = Setup::default().versioned().start().await;
        let first = rig.receipt(&event(stream, 20)).await;
        let second = rig.receipt(&event(stream, 20)).await;
        if stream == "yard" {
            rig.only_object();
        } else {
            rig.is_lossless(stream, 20);
        }
        assert_eq!(
            (status(&first), status(&second)),
            ("EXPORTED", "ALREADY_EXPORTED")
        );
        assert_eq!(rig.kvs.calls("GetClip"), 1);
        assert_eq!(second["GetClipCalls"], json!(0));
        assert_eq!(first["Coverage"], second["Coverage"]);
        assert_eq!(object_of(&first), object_of(&second));
    }
}

/// What a receipt says of the first object itself; which footage is in it only its maker knows.
fn object_of(receipt: &Value) -> Value {
    let mut clip = receipt["Clips"][0].clone();
    for made in ["StartTimestamp", "EndTimestamp", "Fragments", "Join"] {
        clip.as_object_mut().expect("a clip").remove(made);
    }
    clip
}

/// Two execution environments get the same event at the same moment.
#[tokio::test]
async fn twins_make_one_object() {
    for stream in ["front-door", "highway"] {
        let rig = Rig::start().await;
        let runtime = RuntimeApi::start().await.expect("the runtime API");
        let _twin = rig.twin(&runtime);
        // Both look before either writes.
        rig.kvs_fault("GetClip", When::Call(1), Fault::Delay(Duration::from_millis(700)));
        rig.kvs_fault("GetClip", When::Call(2), Fault::Delay(Duration::from_millis(700)));
        let asked = event(stream, 20);
        let twin = runtime.invoke(asked.to_string(), Duration::from_secs(60));
        let (first, second) = tokio::join!(rig.receipt(&asked), twin);
        let Outcome::Response(second) = second else {
            panic!("the twin was answered with {second:?}")
        };
        let mut statuses = [status(&first), status(&second)];
        statuses.sort_unstable();
        assert_eq!(statuses, ["ALREADY_EXPORTED", "EXPORTED"], "{stream}");
        assert_eq!(object_of(&first), object_of(&second));
        assert_eq!(rig.kvs.calls("GetClip"), 2);
        rig.is_lossless(stream, 20);
    }
}

#[tokio::test]
async fn who_comes_second_finds_the_object_of_who_came_first() {
    let rig = Rig::start().await;
    // The other export is faster: it lands while this one is still on its way.
    let other = Rig::start().await;
    other.receipt(&event("highway", 20)).await;
    let landed = other.only_object();
    let bytes = std::fs::read(&landed.path).expect("the object's file");
    let metadata: Vec<_> = landed
        .metadata
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    rig.kvs_fault(
        "GetClip",
        When::Call(1),
        Fault::Delay(Duration::from_millis(1500)),
    );
    let asked = event("highway", 20);
    let (receipt, ()) = tokio::join!(rig.receipt(&asked), async {
        while rig.kvs.calls("GetClip") == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        rig.s3
            .put_object("clips", &landed.key, &bytes, "video/mp4", &metadata)
            .expect("the other object");
    });
    assert_eq!(status(&receipt), "ALREADY_EXPORTED");
    assert_eq!(receipt["GetClipCalls"], json!(1));
    rig.is_lossless("highway", 20);
}

#[tokio::test]
async fn another_object_at_the_key_is_never_replaced_unasked() {
    let rig = Rig::start().await;
    let asked = with(event("front-door", 10), json!({"Destination": {"Key": "a.mp4"}}));
    rig.s3
        .put_object("clips", "a.mp4", b"not ours", "text/plain", &[])
        .expect("an object");
    for if_exists in ["SKIP", "FAIL"] {
        let (error_type, message) = rig
            .error(&with(asked.clone(), json!({"IfExists": if_exists})))
            .await;
        assert_eq!(error_type, "DestinationExists");
        assert!(
            message.contains("another object is at s3://clips/a.mp4"),
            "{message}"
        );
    }
    assert_eq!(rig.kvs.calls("GetClip"), 0);
    let receipt = rig.receipt(&with(asked, json!({"IfExists": "OVERWRITE"}))).await;
    assert_eq!(status(&receipt), "EXPORTED");
    rig.is_lossless("front-door", 10);
}

#[tokio::test]
async fn fail_means_our_own_clip_too() {
    let rig = Rig::start().await;
    let asked = with(event("front-door", 10), json!({"IfExists": "FAIL"}));
    assert_eq!(status(&rig.receipt(&asked).await), "EXPORTED");
    let (error_type, message) = rig.error(&asked).await;
    assert_eq!(error_type, "DestinationExists");
    assert!(message.contains("this very clip"), "{message}");
}

#[tokio::test]
async fn a_race_that_is_lost_to_another_object_is_an_error() {
    for stream in ["front-door", "highway"] {
        let rig = Rig::start().await;
        rig.kvs_fault(
            "GetClip",
            When::Call(1),
            Fault::Delay(Duration::from_millis(1500)),
        );
        let asked = with(event(stream, 20), json!({"Destination": {"Key": "a.mp4"}}));
        let (failed, ()) = tokio::join!(rig.error(&asked), async {
            while rig.kvs.calls("GetClip") == 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            rig.s3
                .put_object("clips", "a.mp4", b"faster", "text/plain", &[])
                .expect("an object");
        });
        assert_eq!(failed.0, "DestinationExists", "{}", failed.1);
        assert_eq!(rig.only_object().size, 6);
    }
}

#[tokio::test]
async fn a_conflict_starts_over() {
    for (stream, operation) in [
        ("front-door", "PutObject"),
        ("highway", "CompleteMultipartUpload"),
    ] {
        let rig = Rig::start().await;
        let conflict = Fault::Error {
            status: 409,
            code: "ConditionalRequestConflict".to_owned(),
            message: "a conflicting operation is in progress".to_owned(),
        };
        rig.s3_fault(operation, When::Call(1), conflict);
        let receipt = rig.receipt(&event(stream, 20)).await;
        assert_eq!(status(&receipt), "EXPORTED");
        assert_eq!(receipt["GetClipCalls"], json!(2));
        rig.is_lossless(stream, 20);
    }
}

#[tokio::test]
async fn an_upload_that_somebody_aborted_starts_over() {
    let rig = Rig::start().await;
    let gone = Fault::Error {
        status: 404,
        code: "NoSuchUpload".to_owned(),
        message: "the upload does not exist".to_owned(),
    };
    rig.s3_fault("UploadPart", When::Call(2), gone);
    let receipt = rig.receipt(&event("highway", 20)).await;
    assert_eq!(status(&receipt), "EXPORTED");
    rig.is_lossless("highway", 20);
}

#[tokio::test]
async fn who_may_not_list_is_told_so() {
    let rig = Setup::default().unlistable().start().await;
    let message = rig.fails(&event("front-door", 10), "AccessDenied").await;
    assert!(message.contains("s3:ListBucket"), "{message}");
}

/// Made by a function that may not list, and found by the same or another one.
#[tokio::test]
async fn a_clip_that_was_made_without_a_list_is_doubted_when_it_is_found() {
    let rig = Rig::start().await;
    rig.kvs_fault(
        "ListFragments",
        When::Every,
        refused(403, "AccessDeniedException"),
    );
    let wanted = with(event("front-door", 20), json!({"Boundary": "EXACT"}));
    rig.receipt(&wanted).await;
    let found = rig.receipt(&wanted).await;
    assert_eq!(found["Status"], json!("ALREADY_EXPORTED"));
    assert_eq!(found["Coverage"], json!("UNKNOWN"));
    let doubts = found["Doubts"].as_array().expect("a list").iter();
    let codes: Vec<_> = doubts.map(|doubt| &doubt["Code"]).collect();
    assert_eq!(codes, ["NOT_LISTED", "NOT_CUT"], "{found}");
}

/// Yesterday the clip was three objects; the first run is outside of the retention now, and an `OVERWRITE` made two. The
/// third of yesterday is none of it: its footage is in the second, too.
#[tokio::test]
async fn an_object_that_an_overwrite_has_left_behind_is_not_told_as_part_of_the_clip() {
    let rig = Rig::start().await;
    let mut wanted = crate::rig::covered("workshop", -30, 30);
    rig.receipt(&wanted).await;
    let second = rig.s3.object("clips", "shift-2.mp4").expect("an object");
    let bytes = std::fs::read(&second.path).expect("a file");
    let metadata: Vec<(&str, &str)> = second
        .metadata
        .iter()
        .map(|(name, value)| match name.as_str() {
            "clip-number" => ("clip-number", "3"),
            "clip-export-id" => ("clip-export-id", "yesterday's"),
            name => (name, value.as_str()),
        })
        .collect();
    rig.s3
        .put_object("clips", "shift-3.mp4", &bytes, "video/mp4", &metadata)
        .expect("room");
    rig.s3
        .age("clips", "shift", std::time::Duration::from_secs(24 * 3600));
    wanted["IfExists"] = json!("OVERWRITE");
    let made = rig.receipt(&wanted).await;
    assert_eq!(made["Clips"].as_array().map(Vec::len), Some(2), "{made}");
    wanted["IfExists"] = json!("SKIP");
    let found = rig.receipt(&wanted).await;
    assert_eq!(found["Clips"].as_array().map(Vec::len), Some(2), "{found}");
}
