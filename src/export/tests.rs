//! How an attempt ends when the code itself fails, which no event can bring about.

use std::time::Duration;

use bytes::Bytes;
use clip_export_local::{account, s3};

use super::*;
use crate::error::ErrorType;

const REQUEST_ID: &str = "8f5d3c1e-0000-4000-8000-000000000000";

struct Rig {
    s3: s3::Server,
    exporter: Exporter,
    request: ExportRequest,
    _folder: tempfile::TempDir,
}

async fn rig() -> Rig {
    let folder = tempfile::tempdir().expect("a folder");
    let s3 = s3::Server::start(s3::Options::new(folder.path(), &["clips"]))
        .await
        .expect("S3");
    let config =
        Config::from_variables(|name| (name == "CLIP_BUCKET").then(|| "clips".to_owned())).expect("settings");
    let keys = aws_sdk_s3::config::Credentials::new(
        account::ACCESS_KEY_ID,
        account::SECRET_ACCESS_KEY,
        None,
        None,
        "the local stack",
    );
    let (sdk, _) = crate::sdk::load(|_| None).await;
    let sdk = sdk
        .into_builder()
        .region(aws_config::Region::new(s3::REGION))
        .credentials_provider(aws_sdk_s3::config::SharedCredentialsProvider::new(keys))
        .endpoint_url(s3.endpoint())
        .build();
    let event = r#"{"StreamName": "front-door", "ClipFragmentSelector": {"TimestampRange":
        {"StartTimestamp": 1795168800, "EndTimestamp": 1795168860}}}"#;
    Rig {
        exporter: Exporter::new(&sdk, &config),
        request: ExportRequest::parse(event, &config.defaults).expect("a request"),
        s3,
        _folder: folder,
    }
}

impl Rig {
    async fn carry_out<W>(&self, remaining: Duration, work: W) -> Result<Receipt, Error>
    where
        W: AsyncFnOnce(&mut Passage) -> Result<Stored, Error>,
    {
        let invocation = Invocation {
            request_id: REQUEST_ID.to_owned(),
            walls: Walls::new(Some(remaining)),
        };
        let tally = Tally::default();
        let store = self.exporter.store.counting(&tally);
        let asked = Timestamp::now();
        carry_out(
            &store,
            &self.request,
            &invocation,
            &tally,
            VIDEO_MP4.to_owned(),
            asked,
            work,
        )
        .await
    }

    fn nothing_is_left(&self) {
        assert_eq!(self.s3.uploads(), []);
        assert_eq!(self.s3.objects("clips"), [""; 0]);
    }
}

/// Writes enough for parts to be on their way.
async fn three_parts(passage: &mut Passage) {
    for number in 0..20 {
        let piece = Bytes::from(vec![number; 1 << 20]);
        passage
            .upload
            .write(u64::from(number) << 20, piece)
            .await
            .expect("room");
    }
}

#[tokio::test]
async fn a_panic_leaves_nothing_behind() {
    let rig = rig().await;
    let outcome = rig
        .carry_out(Duration::from_secs(60), async |passage| {
            three_parts(passage).await;
            panic!("a defect");
        })
        .await;
    let error = outcome.expect_err("it panicked");
    assert_eq!(error.error_type(), ErrorType::Internal);
    assert!(error.to_string().contains("a defect"), "{error}");
    assert_eq!(rig.s3.calls("CreateMultipartUpload"), 1);
    rig.nothing_is_left();
}

#[tokio::test]
async fn a_deadline_leaves_nothing_behind() {
    let rig = rig().await;
    let outcome = rig
        .carry_out(Duration::from_secs(4), async |passage| {
            three_parts(passage).await;
            std::future::pending().await
        })
        .await;
    assert_eq!(
        outcome.expect_err("too late").error_type(),
        ErrorType::DeadlineTooClose
    );
    assert_eq!(rig.s3.calls("CreateMultipartUpload"), 1);
    rig.nothing_is_left();
}

#[tokio::test]
async fn a_piece_out_of_place_leaves_nothing_behind() {
    let rig = rig().await;
    let outcome = rig
        .carry_out(Duration::from_secs(60), async |passage| {
            three_parts(passage).await;
            let piece = Bytes::from_static(b"doubled");
            passage.upload.write(5, piece).await.map_err(Error::Upload)?;
            passage.upload.complete().await.map_err(Error::Upload)
        })
        .await;
    let error = outcome.expect_err("out of place");
    assert!(matches!(
        error,
        Error::Upload(UploadError::Position {
            expected: 20_971_520,
            actual: 5
        })
    ));
    rig.nothing_is_left();
}

/// The bytes of an object of `length` bytes, different at every offset that a mistake could confuse.
fn ramp(length: usize) -> Vec<u8> {
    (0u32..)
        .flat_map(|number| number.wrapping_mul(2_654_435_761).to_be_bytes())
        .take(length)
        .collect()
}

#[tokio::test]
async fn an_object_is_cut_at_part_boundaries_and_nowhere_else() {
    const PART: usize = 8 << 20;
    for (length, parts) in [
        (1, None),
        (PART - 1, None),
        (PART, None),
        (PART + 1, Some(2)),
        (2 * PART, Some(2)),
        (2 * PART + 1, Some(3)),
    ] {
        let rig = rig().await;
        let bytes = Bytes::from(ramp(length));
        let outcome = rig
            .carry_out(Duration::from_secs(60), async |passage| {
                // Pieces of a size that meets no boundary.
                for offset in (0..length).step_by(1_000_003) {
                    let piece = bytes.slice(offset..length.min(offset + 1_000_003));
                    passage
                        .upload
                        .write(offset as u64, piece)
                        .await
                        .map_err(Error::Upload)?;
                }
                passage.upload.complete().await.map_err(Error::Upload)
            })
            .await;
        outcome.expect("an object");
        let object = rig
            .s3
            .object("clips", &rig.request.destination.key)
            .expect("an object");
        assert_eq!((object.size, object.parts), (length as u64, parts));
        assert!(
            std::fs::read(&object.path).expect("its file") == bytes,
            "{length} bytes differ"
        );
        assert_eq!(rig.s3.uploads(), []);
    }
}

/// Lambda delivered the same event twice under one request id, and the other delivery was faster.
#[tokio::test]
async fn the_object_of_a_twin_is_not_taken_for_our_own() {
    let rig = rig().await;
    let metadata = rig.request.object_metadata(REQUEST_ID);
    let metadata: Vec<_> = metadata
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let key = &rig.request.destination.key;
    rig.s3
        .put_object("clips", key, b"abc", "video/mp4", &metadata)
        .expect("the twin's object");
    let outcome = rig
        .carry_out(Duration::from_secs(60), async |passage| {
            let piece = Bytes::from_static(b"something longer");
            passage.upload.write(0, piece).await.map_err(Error::Upload)?;
            passage.upload.complete().await.map_err(Error::Upload)
        })
        .await;
    let receipt = outcome.expect("the clip is there");
    assert_eq!(
        (receipt.status, receipt.clips[0].size_bytes),
        (Status::AlreadyExported, 3)
    );
}
