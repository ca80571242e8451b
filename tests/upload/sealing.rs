//! What goes up, and when it can be seen.

use std::sync::Arc;

use crate::peer::{self, CRC64NVME, LIST_PARTS, lacks};
use crate::rig::{MIB, Moov, PART, Rig, Sent, payload};
use clip_export::upload::{Completes, UploadError};
use clip_export_local::http::Authority;

/// Lengths at which the calls differ, over plain HTTP (where bodies are signed) and over TLS.
#[tokio::test]
async fn a_head_stands_before_what_was_written_before_it() {
    let authority = Authority::new().expect("an authority");
    for (head, media, sent) in [
        // Fits into one part: one call, whatever is in it.
        (1000, 0, &[][..]),
        (0, 1000, &[]),
        (1000, PART - 1000, &[]),
        // One byte more: the only part of an upload.
        (1001, PART - 1000, &[1]),
        (0, PART, &[]),
        (1, PART, &[1]),
        (12 * MIB, 10, &[1]),
        // What is held back is 5 MiB, and another byte needs a second part.
        (1, PART + 1, &[2, 1]),
        (0, PART + 1, &[2, 1]),
        (12 * MIB, 2 * PART, &[2, 1]),
        (12 * MIB, 2 * PART + 1, &[2, 3, 1]),
        (500, 13 * MIB, &[2, 3, 1]),
    ] {
        for authority in peer::with_tls(&authority) {
            let case = format!("head {head}, media {media}, TLS {}", authority.is_some());
            let rig = Rig::with(1, authority).await;
            let (head, media) = (Arc::new(Moov::of(head)), payload(media));
            let mut upload = rig.written("a.mp4", &media).await;
            upload
                .seal(head.clone(), Completes::AtOnce)
                .await
                .expect("sealed");
            assert_eq!(upload.position(), media.len() as u64, "{case}");
            assert_eq!(rig.objects().await, [""; 0], "{case}");
            let stored = upload.complete().await.expect("an object");
            let object = rig.is_whole("a.mp4", &head, &media, &case).await;
            assert_eq!(stored.size_bytes, object.bytes.len() as u64, "{case}");
            if !lacks(CRC64NVME) {
                assert_eq!(stored.checksum_crc64nvme, object.crc64nvme, "{case}");
            }
            assert_eq!(rig.part_calls(), sent, "{case}");
            assert_eq!(rig.puts(), usize::from(sent.is_empty()), "{case}");
            assert_eq!(rig.tally.retries(), 0, "{case}");
        }
    }
}

/// Nothing but the signature protects a body over plain HTTP; over TLS it would cost CPU for nothing.
#[tokio::test]
async fn bodies_are_signed_over_plain_http_alone() {
    let authority = Authority::new().expect("an authority");
    for authority in peer::with_tls(&authority) {
        let plain = authority.is_none();
        let rig = Rig::with(1, authority).await;
        for (key, media) in [("a.mp4", 100), ("b.mp4", PART + 1)] {
            let mut upload = rig.written(key, &payload(media)).await;
            upload
                .seal(Arc::new(Moov::of(100)), Completes::AtOnce)
                .await
                .expect("sealed");
            upload.complete().await.expect("an object");
        }
        let sent = rig.sent();
        assert_eq!(sent.len(), 3, "an object and two parts");
        for Sent { sha256, .. } in sent {
            assert_eq!(
                sha256 != "UNSIGNED-PAYLOAD" && sha256.len() == 64,
                plain,
                "{sha256}"
            );
        }
    }
}

#[tokio::test]
async fn parts_that_overtake_each_other_make_the_same_object() {
    let rig = Rig::with(4, None).await;
    let (head, media) = (Arc::new(Moov::of(7 * MIB)), payload(43 * MIB));
    let mut upload = rig.written("a.mp4", &media).await;
    upload
        .seal(head.clone(), Completes::AtOnce)
        .await
        .expect("sealed");
    upload.complete().await.expect("an object");
    rig.is_whole("a.mp4", &head, &media, "four at once").await;
}

/// Whatever can fail has happened before the first of several objects is there.
#[tokio::test]
async fn objects_that_wait_for_each_other_are_sent_and_not_seen() {
    let rig = Rig::start().await;
    let lengths = [(100, 200), (1000, PART + 9), (9 * MIB, 50)];
    let mut uploads = Vec::new();
    for (number, (head, media)) in (1..).zip(lengths) {
        let (head, media) = (Arc::new(Moov::of(head)), payload(media));
        let key = format!("a-{number}.mp4");
        let mut upload = rig.written(&key, &media).await;
        upload
            .seal(head.clone(), Completes::WithOthers)
            .await
            .expect("sealed");
        uploads.push((key, head, media, upload));
    }
    assert_eq!(rig.objects().await, [""; 0]);
    let expected: Vec<u64> = lengths
        .iter()
        .map(|(head, media)| (head + media) as u64)
        .collect();
    if !lacks(LIST_PARTS) {
        assert_eq!(
            sorted(rig.uploads().await),
            sorted(expected),
            "every byte is there already"
        );
    }
    for (_, _, _, upload) in &mut uploads {
        upload.complete().await.expect("an object");
    }
    for (key, head, media, _) in &uploads {
        rig.is_whole(key, head, media, key).await;
    }
}

fn sorted(mut numbers: Vec<u64>) -> Vec<u64> {
    numbers.sort_unstable();
    numbers
}

#[tokio::test]
async fn a_sealed_upload_that_is_abandoned_leaves_nothing() {
    for (head, media, completes) in [
        (100, 100, Completes::AtOnce),
        (100, 100, Completes::WithOthers),
        (6 * MIB, 3 * PART, Completes::AtOnce),
    ] {
        let rig = Rig::start().await;
        let mut upload = rig.written("a.mp4", &payload(media)).await;
        upload
            .seal(Arc::new(Moov::of(head)), completes)
            .await
            .expect("sealed");
        upload.abandon().await.expect("abandoned");
        rig.nothing_is_left(&format!("{completes:?}")).await;
        assert!(!upload.may_have_landed());
    }
}

#[tokio::test]
async fn an_upload_that_holds_its_first_part_back_is_abandoned_like_any_other() {
    for media in [100, PART, 3 * PART] {
        let rig = Rig::start().await;
        let mut upload = rig.written("a.mp4", &payload(media)).await;
        upload.abandon().await.expect("abandoned");
        rig.nothing_is_left("not sealed").await;
    }
}

/// 40 MiB of head: what is in memory is what the connection takes at once.
#[tokio::test]
async fn a_head_is_never_in_memory() {
    let rig = Rig::start().await;
    let (head, media) = (Arc::new(Moov::of(40 * MIB)), payload(10));
    let mut upload = rig.written("a.mp4", &media).await;
    upload
        .seal(head.clone(), Completes::AtOnce)
        .await
        .expect("sealed");
    let most = head.most_in_memory();
    assert!(most < 2 * MIB, "{most} bytes");
    upload.complete().await.expect("an object");
    rig.is_whole("a.mp4", &head, &media, "a large head").await;
}

#[tokio::test]
async fn steps_out_of_their_order_make_no_object() {
    let rig = Rig::start().await;
    let head = Arc::new(Moov::of(10));
    let mut upload = rig.written("a.mp4", &payload(10)).await;
    let unsealed = upload.complete().await;
    assert!(
        matches!(unsealed, Err(UploadError::OutOfOrder { .. })),
        "{unsealed:?}"
    );
    upload
        .seal(head.clone(), Completes::AtOnce)
        .await
        .expect("sealed");
    let twice = upload.seal(head.clone(), Completes::AtOnce).await;
    assert!(matches!(twice, Err(UploadError::OutOfOrder { .. })), "{twice:?}");
    let late = upload.write(10, payload(1)).await;
    assert!(matches!(late, Err(UploadError::OutOfOrder { .. })), "{late:?}");

    let mut upload = rig.store.upload(rig.target("b.mp4"));
    upload.write(0, payload(10)).await.expect("a piece is taken");
    upload.hold_first();
    let never_held = upload.seal(head, Completes::AtOnce).await;
    assert!(
        matches!(never_held, Err(UploadError::OutOfOrder { .. })),
        "{never_held:?}"
    );
    rig.nothing_is_left("out of order").await;
}

#[tokio::test]
async fn a_head_of_another_length_than_it_says_is_not_sent() {
    for (wrong, completes) in [
        (MIB as u64 - 1, Completes::AtOnce),
        (MIB as u64 + 1, Completes::WithOthers),
    ] {
        let rig = Rig::start().await;
        let mut upload = rig.written("a.mp4", &payload(3 * PART)).await;
        let mut head = Moov::of(MIB);
        head.announced = wrong;
        let sealed = upload.seal(Arc::new(head), completes).await;
        assert!(
            matches!(sealed, Err(UploadError::HeadLength { .. })),
            "{sealed:?}"
        );
        let completed = upload.complete().await;
        assert!(
            matches!(completed, Err(UploadError::PartsMissing { .. })),
            "{completed:?}"
        );
        upload.abandon().await.expect("abandoned");
        rig.nothing_is_left("a wrong head").await;
    }
}

#[tokio::test]
async fn a_target_takes_another_key_and_further_metadata() {
    let rig = Rig::start().await;
    let target = rig
        .target("a.mp4")
        .with_key("a-2.mp4".to_owned())
        .with_metadata([("clip-run".to_owned(), "2".to_owned())]);
    let mut upload = rig.store.upload(target);
    upload.hold_first();
    upload.write(0, payload(9)).await.expect("a piece is taken");
    upload
        .seal(Arc::new(Moov::of(9)), Completes::WithOthers)
        .await
        .expect("sealed");
    upload.complete().await.expect("an object");
    let object = rig.object("a-2.mp4").await;
    let metadata: Vec<_> = object
        .metadata
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect();
    assert_eq!(metadata, [("clip-run", "2"), ("clip-stream", "gate")]);
}
