//! What the way to S3 can do to a part that is made while it is sent.

use std::sync::Arc;
use std::time::Duration;

use clip_export::upload::{Completes, Pace};
use clip_export_local::faults::Fault::{self, AnswerLost, CutBody, HangUp, Reset, Stall, Throttle};
use clip_export_local::faults::When::{Call, Every};
use clip_export_local::http::Authority;

use crate::peer::has_no_faults;
use crate::rig::{MIB, Moov, PART, Rig, payload};

fn failure() -> Fault {
    Fault::Error {
        status: 500,
        code: "InternalError".to_owned(),
        message: "as scripted".to_owned(),
    }
}

#[tokio::test]
async fn a_first_part_that_failed_once_is_sent_again_from_its_beginning() {
    if has_no_faults("a_first_part_that_failed_once_is_sent_again_from_its_beginning") {
        return;
    }
    let authority = Authority::new().expect("an authority");
    let cases = [None, Some(authority)].into_iter().flat_map(|authority| {
        let faults = [
            Reset,
            failure(),
            Throttle,
            AnswerLost,
            HangUp,
            CutBody { after: 1 << 20 },
            // In the middle of what was held back.
            CutBody { after: 4 << 20 },
            Stall { after: 1 << 20 },
        ];
        faults.map(|fault| (fault, authority.clone()))
    });
    futures_util::future::join_all(cases.map(|(fault, authority)| async {
        let case = format!("{fault:?}, TLS {}", authority.is_some());
        let rig = Rig::with(1, authority).await;
        let (head, media) = (Arc::new(Moov::of(2 * MIB)), payload(PART + 100));
        let mut upload = rig.written("a.mp4", &media).await;
        // After the last part.
        rig.faults().script("UploadPart", Call(2), fault);
        upload
            .seal(head.clone(), Completes::AtOnce)
            .await
            .expect("sealed");
        // On a machine that is busy, one more try may have run out of time.
        let calls = rig.part_calls();
        assert!(matches!(calls[..], [2, 1, 1] | [2, 1, 1, 1]), "{case}: {calls:?}");
        assert_eq!(rig.tally.retries() as usize, calls.len() - 2, "{case}");
        upload.complete().await.expect("an object");
        rig.is_whole("a.mp4", &head, &media, &case).await;
    }))
    .await;
}

#[tokio::test]
async fn a_single_call_that_failed_once_is_made_again_from_its_beginning() {
    if has_no_faults("a_single_call_that_failed_once_is_made_again_from_its_beginning") {
        return;
    }
    for fault in [Reset, failure(), CutBody { after: 50 }] {
        let case = format!("{fault:?}");
        let rig = Rig::start().await;
        let (head, media) = (Arc::new(Moov::of(100_000)), payload(100_000));
        let mut upload = rig.written("a.mp4", &media).await;
        upload
            .seal(head.clone(), Completes::AtOnce)
            .await
            .expect("sealed");
        rig.faults().script("PutObject", Call(1), fault);
        upload.complete().await.expect("an object");
        assert_eq!(rig.puts(), 2, "{case}");
        rig.is_whole("a.mp4", &head, &media, &case).await;
    }
}

#[tokio::test]
async fn a_first_part_that_cannot_be_sent_leaves_nothing() {
    if has_no_faults("a_first_part_that_cannot_be_sent_leaves_nothing") {
        return;
    }
    let rig = Rig::start().await;
    let mut upload = rig.written("a.mp4", &payload(PART)).await;
    rig.faults().script("UploadPart", Every, failure());
    let sealed = upload.seal(Arc::new(Moov::of(MIB)), Completes::AtOnce).await;
    assert!(sealed.is_err(), "{sealed:?}");
    upload.abandon().await.expect("abandoned");
    rig.nothing_is_left("part 1 failed").await;
}

/// The deadline drops whoever waits.
#[tokio::test]
async fn a_seal_that_is_given_up_leaves_nothing() {
    if has_no_faults("a_seal_that_is_given_up_leaves_nothing") {
        return;
    }
    let rig = Rig::start().await;
    let mut upload = rig.written("a.mp4", &payload(2 * PART)).await;
    rig.faults()
        .script("UploadPart", Call(2), Stall { after: MIB as u64 });
    let sealing = upload.seal(Arc::new(Moov::of(MIB)), Completes::WithOthers);
    assert!(
        tokio::time::timeout(Duration::from_millis(700), sealing)
            .await
            .is_err()
    );
    upload.abandon().await.expect("abandoned");
    rig.nothing_is_left("given up").await;
}

/// Size and checksum of the whole are what an object is known by when nobody said that it is there.
#[tokio::test]
async fn an_object_whose_answer_got_lost_is_known_again() {
    if has_no_faults("an_object_whose_answer_got_lost_is_known_again") {
        return;
    }
    for (head, media, operation) in [
        (7 * MIB, 2 * PART, "CompleteMultipartUpload"),
        (100, 100, "PutObject"),
    ] {
        let rig = Rig::start().await;
        let (head, media) = (Arc::new(Moov::of(head)), payload(media));
        let mut upload = rig.written("a.mp4", &media).await;
        upload
            .seal(head.clone(), Completes::AtOnce)
            .await
            .expect("sealed");
        rig.faults().script(operation, Call(1), AnswerLost);
        let error = upload.complete().await.expect_err("the second try is refused");
        assert!(error.is_taken() || error.is_vanished(), "{error}");
        assert!(upload.may_have_landed());
        upload.abandon().await.expect("nothing to abandon");
        let existing = rig.store.look(&rig.bucket, "a.mp4", Pace::Hurried).await;
        let existing = existing.expect("an answer").expect("an object");
        assert!(upload.made(&existing.stored), "{operation}");
        let mut other = existing.stored.clone();
        other.size_bytes -= 1;
        assert!(!upload.made(&other), "{operation}");
        rig.is_whole("a.mp4", &head, &media, operation).await;
    }
}
