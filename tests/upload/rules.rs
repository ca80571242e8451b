//! S3's own rules, as far as an export rests on them.

use std::sync::Arc;

use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumType, CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use clip_export::config::Keeping;
use clip_export::event::StorageClass;
use clip_export::upload::{Completes, Upload};
use proptest::prelude::*;

use crate::peer::{CRC64NVME, IF_MATCH, lacks};
use crate::rig::{MIB, Moov, PART, Rig, Setup, payload};

const KEY: &str = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";

/// A single call, and an upload in parts.
const LENGTHS: [usize; 2] = [1000, PART + 1];

fn crc64nvme(bytes: &[u8]) -> String {
    let sum = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Nvme, bytes);
    aws_smithy_types::base64::encode(sum.to_be_bytes())
}

async fn sealed(rig: &Rig, key: &str, media: &Bytes) -> Upload {
    let mut upload = rig.written(key, media).await;
    let head = Arc::new(Moov::of(100));
    upload.seal(head, Completes::AtOnce).await.expect("sealed");
    upload
}

#[tokio::test]
async fn an_object_has_all_that_was_said_of_it() {
    for length in LENGTHS {
        let rig = Rig::start().await;
        let mut target = rig.target("a/b c/ü.mp4");
        target.destination.storage_class = Some(StorageClass::StandardIa);
        let tags = [("case", "42 + 1"), ("näme=", "a@b=c:d/e")];
        target.destination.tags = tags
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .to_vec();
        let mut upload = rig.written_in(target, &payload(length), &[MIB]).await;
        let head = Arc::new(Moov::of(100));
        upload.seal(head, Completes::AtOnce).await.expect("sealed");
        upload.complete().await.expect("an object");
        let object = rig.object("a/b c/ü.mp4").await;
        assert_eq!(object.content_type.as_deref(), Some("video/mp4"), "{length}");
        assert_eq!(
            object.metadata,
            [("clip-stream".to_owned(), "gate".to_owned())],
            "{length}"
        );
        assert_eq!(object.storage_class.as_deref(), Some("STANDARD_IA"), "{length}");
        let kept: Vec<_> = object
            .tags
            .iter()
            .map(|(key, value)| (&**key, &**value))
            .collect();
        assert_eq!(kept, tags, "{length}");
    }
}

#[tokio::test]
async fn an_object_is_under_the_operators_key() {
    if lacks("SSE-KMS") {
        return;
    }
    for length in LENGTHS {
        let keeping = Keeping {
            kms_key_id: Some(KEY.to_owned()),
            ..Keeping::default()
        };
        let setup = Setup {
            keeping,
            ..Setup::default()
        };
        let rig = setup.start().await;
        sealed(&rig, "a.mp4", &payload(length))
            .await
            .complete()
            .await
            .expect("an object");
        let object = rig.object("a.mp4").await;
        assert_eq!(object.encryption.as_deref(), Some("aws:kms"), "{length}");
        assert_eq!(object.kms_key_id.as_deref(), Some(KEY), "{length}");
    }
}

/// The checksum of an object is one of all of its bytes, however many parts it came in.
#[tokio::test]
async fn the_checksum_is_that_of_the_whole_object() {
    if lacks(CRC64NVME) {
        return;
    }
    for length in LENGTHS {
        let rig = Rig::start().await;
        let media = payload(length);
        let stored = sealed(&rig, "a.mp4", &media)
            .await
            .complete()
            .await
            .expect("an object");
        let object = rig.object("a.mp4").await;
        let whole = [Moov::of(100).whole(), media.to_vec()].concat();
        let sum = crc64nvme(&whole);
        assert_eq!(object.crc64nvme.as_deref(), Some(&*sum), "{length}");
        assert_eq!(stored.checksum_crc64nvme, object.crc64nvme, "{length}");
        assert_eq!(object.checksum_type.as_deref(), Some("FULL_OBJECT"), "{length}");
    }
}

/// Two exports of one key: who completes second is told so, and changes nothing.
#[tokio::test]
async fn of_two_uploads_for_one_key_the_first_to_complete_is_the_object() {
    for (length, condition) in LENGTHS
        .into_iter()
        .zip(["conditional PutObject", "conditional completion"])
    {
        if lacks(condition) {
            continue;
        }
        let rig = Rig::start().await;
        let (first, second) = (payload(length), payload(length + 1));
        let mut uploads = [
            sealed(&rig, "a.mp4", &first).await,
            sealed(&rig, "a.mp4", &second).await,
        ];
        uploads[1].complete().await.expect("an object");
        let error = uploads[0].complete().await.expect_err("it is taken");
        assert!(error.is_taken(), "{length}: {error}");
        uploads[0].abandon().await.expect("abandoned");
        rig.is_whole("a.mp4", &Moov::of(100), &second, condition).await;
    }
}

/// What S3 holds an upload to when it is put together.
#[tokio::test]
async fn an_upload_that_is_not_what_it_says_is_not_completed() {
    let rig = Rig::start().await;
    for (case, first, number, sum, bytes, code) in [
        ("as it is", PART, 2, true, 0, None),
        (
            "a part that is too small",
            PART - 1,
            2,
            true,
            0,
            Some("EntityTooSmall"),
        ),
        ("a part that was not sent", PART, 3, true, 0, Some("InvalidPart")),
        ("another checksum", PART, 2, false, 0, Some("BadDigest")),
        ("another size", PART, 2, true, 1, Some("InvalidRequest")),
    ] {
        if lacks(case) {
            continue;
        }
        let (client, bucket) = (&rig.client, &rig.bucket);
        let created = client
            .create_multipart_upload()
            .bucket(bucket)
            .key("a.mp4")
            .checksum_algorithm(ChecksumAlgorithm::Crc64Nvme)
            .checksum_type(ChecksumType::FullObject)
            .send();
        let id = created.await.expect("an upload").upload_id.expect("an id");
        let media = [payload(first), payload(10)];
        let mut parts = CompletedMultipartUpload::builder();
        for ((sent, named), bytes) in [(1, 1), (2, number)].into_iter().zip(&media) {
            let part = client
                .upload_part()
                .bucket(bucket)
                .key("a.mp4")
                .upload_id(&id)
                .part_number(sent)
                .checksum_crc64_nvme(crc64nvme(bytes))
                .body(bytes.clone().into())
                .send();
            let etag = part.await.expect("a part").e_tag;
            parts = parts.parts(
                CompletedPart::builder()
                    .part_number(named)
                    .set_e_tag(etag)
                    .build(),
            );
        }
        let whole = media.concat();
        let of = if sum { &whole[..] } else { &whole[1..] };
        let completed = client
            .complete_multipart_upload()
            .bucket(bucket)
            .key("a.mp4")
            .upload_id(&id)
            .multipart_upload(parts.build())
            .checksum_crc64_nvme(crc64nvme(of))
            .checksum_type(ChecksumType::FullObject)
            .mpu_object_size(whole.len() as i64 + bytes)
            .send();
        let refused = completed
            .await
            .err()
            .and_then(|error| error.code().map(str::to_owned));
        assert_eq!(refused.as_deref(), code, "{case}");
        let aborted = client
            .abort_multipart_upload()
            .bucket(bucket)
            .key("a.mp4")
            .upload_id(&id)
            .send();
        assert_eq!(aborted.await.is_ok(), code.is_some(), "{case}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// Pieces, parts and how many of them are on their way decide how an object goes up, and not what it is.
    #[test]
    fn neither_pieces_nor_parts_change_the_object(
        media in 0usize..12 * MIB,
        head in 0usize..2 * MIB,
        pieces in prop::collection::vec(1usize..3 * MIB, 1..6),
        part in PART..7 * MIB,
        uploads in 1usize..5,
        together: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let setup = Setup { uploads, part, ..Setup::default() };
            let rig = setup.start().await;
            let (head, media) = (Arc::new(Moov::of(head)), payload(media));
            let mut upload = rig.written_in(rig.target("a.mp4"), &media, &pieces).await;
            let completes = if together { Completes::WithOthers } else { Completes::AtOnce };
            upload.seal(head.clone(), completes).await.expect("sealed");
            let stored = upload.complete().await.expect("an object");
            let object = rig.is_whole("a.mp4", &head, &media, "any pieces").await;
            let sum = crc64nvme(&object.bytes);
            if !lacks(CRC64NVME) {
                assert_eq!(stored.checksum_crc64nvme, Some(sum));
            }
        });
    }
}

#[tokio::test]
async fn only_the_object_that_is_named_is_replaced() {
    if lacks(IF_MATCH) {
        return;
    }
    for length in LENGTHS {
        let rig = Rig::start().await;
        let stored = sealed(&rig, "a.mp4", &payload(length)).await.complete().await;
        let etag = stored.expect("an object").etag.expect("an ETag");
        let media = payload(length + 1);
        let mut other = sealed(&rig, "a.mp4", &media).await;
        other.replace("\"0123456789abcdef0123456789abcdef\"".to_owned());
        let error = other.complete().await.expect_err("another object is there");
        assert!(error.is_taken(), "{length}: {error}");
        other.abandon().await.expect("nothing left");
        let mut gone = sealed(&rig, "b.mp4", &media).await;
        gone.replace(etag.clone());
        let error = gone.complete().await.expect_err("nothing is there");
        assert!(error.is_vanished(), "{length}: {error}");
        gone.abandon().await.expect("nothing left");
        let mut right = sealed(&rig, "a.mp4", &media).await;
        right.replace(etag);
        right.complete().await.expect("replaced");
        rig.is_whole("a.mp4", &Moov::of(100), &media, "replaced").await;
    }
}
