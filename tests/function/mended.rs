//! Answers that break off, end early, or are not what the archive lists.

use std::time::Duration;

use clip_export_local::faults::{Fault, When};
use clip_export_local::footage::Footage;
use clip_export_local::kvs::{Moov, Repeats, SizeCut, Stream, Unlisted};
use serde_json::json;

use crate::long::{exported, shows};
use crate::rig::{Rig, Setup, TEN, event};

#[tokio::test]
async fn a_body_that_breaks_off_is_continued_where_it_broke() {
    for repeats in [Repeats::Created, Repeats::LongerMoov, Repeats::OtherChunks] {
        for moov in [Moov::First, Moov::Last] {
            let camera = Stream::builder("hallway", Footage::h264_aac())
                .moov(moov)
                .repeats(repeats);
            let rig = Rig::with_camera(camera).await;
            rig.kvs_fault("GetClip", When::Call(1), Fault::CutBody { after: 2_000_000 });
            rig.kvs_fault("GetClip", When::Call(3), Fault::CutBody { after: 300_000 });
            let receipt = exported(&rig, "hallway", 500).await;
            assert_eq!(receipt["Retries"], json!(2), "{repeats:?}");
            assert_eq!(receipt["GetClipCalls"], json!(4), "{repeats:?}");
            let unused = receipt["Clips"][0]["Join"]["UnreferencedBytes"]
                .as_u64()
                .expect("a number");
            let log = rig.log();
            match (repeats, moov) {
                (Repeats::OtherChunks, _) | (_, Moov::Last) => {
                    assert!(unused > 200_000, "{repeats:?} {moov:?} {unused}\n{log}");
                }
                _ => assert_eq!(unused, 0, "{repeats:?} {moov:?}\n{log}"),
            }
        }
    }
}

#[tokio::test]
async fn a_clip_that_is_cut_short_is_continued() {
    for cut in [SizeCut::BeforeFragment, SizeCut::BeforePicture] {
        // Listed sizes that are far too small: the plan believes that a window holds twice as much.
        let camera = Stream::builder("plaza", Footage::h264_aac().bulky(4_500_000).expect("a rate"))
            .size_cut(cut)
            .listed_size_percent(40);
        let rig = Rig::with_camera(camera).await;
        let receipt = exported(&rig, "plaza", 300).await;
        assert_eq!(receipt["Coverage"], json!("COMPLETE"));
        assert!(rig.log().contains("cut the clip short"), "{}", rig.log());
        assert!(receipt["Windows"].as_u64() > Some(1));
    }
}

#[tokio::test]
async fn a_fragment_that_only_get_clip_knows_is_an_error_or_in_the_clip() {
    // The list catches up after its first call.
    let camera = Stream::builder("landing", Footage::h264_aac()).unlisted(
        (TEN + 4) * 1000,
        (TEN + 6) * 1000,
        Unlisted::FirstCalls(1),
    );
    let rig = Rig::with_camera(camera).await;
    let receipt = exported(&rig, "landing", 20).await;
    assert_eq!(receipt["Retries"], json!(1));
    assert_eq!(receipt["Coverage"], json!("COMPLETE"));
    // It never does.
    let camera = Stream::builder("landing", Footage::h264_aac()).unlisted(
        (TEN + 4) * 1000,
        (TEN + 6) * 1000,
        Unlisted::Always,
    );
    let rig = Rig::with_camera(camera).await;
    let message = rig.fails(&event("landing", 20), "ClipDamaged").await;
    assert!(message.contains("more than the fragments"), "{message}");
}

#[tokio::test]
async fn a_fragment_that_get_clip_leaves_out_is_an_error() {
    let camera =
        Stream::builder("landing", Footage::h264_aac()).unclipped((TEN + 4) * 1000, (TEN + 6) * 1000);
    let rig = Rig::with_camera(camera).await;
    rig.fails(&event("landing", 20), "ClipDamaged").await;
}

#[tokio::test]
async fn without_permission_to_list_one_clip_is_exported_and_doubted() {
    let denied = Fault::Error {
        status: 403,
        code: "AccessDeniedException".to_owned(),
        message: "User is not authorized to perform: kinesisvideo:ListFragments".to_owned(),
    };
    let rig = Rig::start().await;
    rig.kvs_fault("ListFragments", When::Every, denied.clone());
    let receipt = rig.receipt(&event("front-door", 20)).await;
    rig.is_lossless("front-door", 20);
    assert_eq!(receipt["Coverage"], json!("UNKNOWN"));
    assert_eq!(receipt["Doubts"][0]["Code"], json!("NOT_LISTED"));
    let rig = Rig::start().await;
    rig.kvs_fault("ListFragments", When::Every, denied);
    let receipt = rig.receipt(&event("yard", 20)).await;
    assert_eq!(receipt["Clips"][0]["FastStart"], json!(true));
    shows(&rig, "yard", (TEN, TEN + 20), &rig.only_object().path);
}

#[tokio::test]
async fn a_deadline_in_a_later_window_leaves_nothing_behind() {
    let rig = Setup::default().with("CLIP_STALL_SECONDS", "60").start().await;
    rig.kvs_fault("GetClip", When::Call(3), Fault::Stall { after: 20_000_000 });
    rig.fails_within(&event("highway", 600), Duration::from_secs(9), "DeadlineTooClose")
        .await;
    assert!(rig.s3.calls("UploadPart") > 10, "two windows had gone up");
}

/// A window breaks off when the next one has been asked for already, and is not found when it is asked for again:
/// from its second fragment on there are other windows, and what was asked for early is none of them.
#[tokio::test]
async fn after_a_window_that_was_not_found_the_next_ones_are_asked_for_early_again() {
    let rig = Setup::default().with("CLIP_STALL_SECONDS", "60").start().await;
    rig.kvs_fault("GetClip", When::Call(1), Fault::CutBody { after: 2_000_000 });
    let nothing = Fault::Error {
        status: 404,
        code: "ResourceNotFoundException".to_owned(),
        message: "No fragments found in the stream for the clip request.".to_owned(),
    };
    // The window asked for early is the second call, the first fragment alone the fourth.
    rig.kvs_fault("GetClip", When::Call(3), nothing);
    rig.kvs_fault("GetClip", When::Call(5), Fault::Stall { after: 1_000_000 });
    let wanted = event("front-door", 1300);
    let early = async {
        while rig.kvs.calls("GetClip") < 6 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        outcome = rig.invoke(&wanted) => panic!("{outcome:?}"),
        early = tokio::time::timeout(Duration::from_secs(20), early) => early.expect("a sixth call"),
    }
}

/// Two deliveries at once: to one of them the list did not yet name the fragment with which the codec changes, so that
/// it makes one object, and the other, which has looked at the keys before that, two. One of them has made the clip.
#[tokio::test]
async fn a_clip_that_one_makes_of_one_object_is_not_made_by_another_of_two() {
    use clip_export_local::footage::Footage;
    use clip_export_local::kvs::{CodecChanges, Stream, Unlisted};
    let change = (crate::rig::TEN + 30) * crate::rig::MS;
    let camera = Stream::builder("foundry", Footage::h264_aac())
        .then_footage(Footage::h265())
        .codec_changes(CodecChanges::At(vec![change]))
        .unlisted(change, change + 1000, Unlisted::FirstCalls(1));
    let rig = crate::rig::Rig::with_camera(camera).await;
    let wanted = crate::rig::covered("foundry", 0, 30);
    let one = rig.receipt(&wanted).await;
    assert_eq!(one["Status"], serde_json::json!("EXPORTED"), "{one}");
    // What the other delivery saw when it looked.
    rig.s3_fault(
        "HeadObject",
        clip_export_local::faults::When::Call(1),
        crate::rig::refused(404, "NotFound"),
    );
    let other = rig.receipt(&wanted).await;
    assert_eq!(rig.s3.objects("clips"), ["shift.mp4"], "{other}\n{}", rig.log());
    assert_eq!(other["Status"], serde_json::json!("ALREADY_EXPORTED"), "{other}");
}

/// Of every window of several fragments nothing comes: each time its first fragment is had alone, which is counted, and
/// not for ever.
#[tokio::test]
async fn a_rest_of_which_nothing_comes_is_not_asked_for_as_often_as_it_has_fragments() {
    let nothing = || Fault::Error {
        status: 404,
        code: "ResourceNotFoundException".to_owned(),
        message: "No fragments found in the stream for the clip request.".to_owned(),
    };
    let rig = Setup::default().with("CLIP_RETRIES", "2").start().await;
    for call in [1, 3] {
        rig.kvs_fault("GetClip", When::Call(call), nothing());
    }
    let receipt = rig.receipt(&event("front-door", 20)).await;
    shows(&rig, "front-door", (TEN, TEN + 20), &rig.only_object().path);
    assert_eq!(
        (&receipt["Retries"], &receipt["GetClipCalls"]),
        (&json!(2), &json!(5)),
        "{receipt}"
    );
    let rig = Setup::default().with("CLIP_RETRIES", "1").start().await;
    // Once for the first fragment, and once over again.
    for call in [1, 3, 4, 6] {
        rig.kvs_fault("GetClip", When::Call(call), nothing());
    }
    let message = rig.fails(&event("front-door", 20), "ClipDamaged").await;
    assert!(message.contains("no whole fragment"), "{message}");
    assert_eq!(rig.kvs.calls("GetClip"), 6);
}
