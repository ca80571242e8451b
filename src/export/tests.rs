//! How an attempt ends when the code itself fails, which no event can bring about.

use std::time::Duration;

use bytes::Bytes;
use clip_export_local::{account, s3};

use super::objects::Ended;
use super::*;
use crate::error::ErrorType;
use crate::event::{Asked, Home};
use crate::upload::Upload;

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
    let Ok(Asked::Export(request)) = Asked::read(event, &config.defaults, &Home::default()) else {
        panic!("a request")
    };
    Rig {
        exporter: Exporter::new(&sdk, &config),
        request: *request,
        s3,
        _folder: folder,
    }
}

impl Rig {
    async fn carry_out<W>(&self, remaining: Duration, work: W) -> Result<Ended, Error>
    where
        W: AsyncFnOnce(&Job<'_>, &mut Vec<Making>) -> Result<(), Halt>,
    {
        let invocation = Invocation {
            export_id: REQUEST_ID.to_owned(),
            walls: Walls::new(Some(remaining)),
        };
        let tally = Tally::default();
        let job = self.exporter.job(&self.request, &invocation, &tally);
        carry_out(&job, async |makings: &mut Vec<Making>| work(&job, makings).await).await
    }

    fn nothing_is_left(&self) {
        assert_eq!(self.s3.uploads(), []);
        assert_eq!(self.s3.objects("clips"), [""; 0]);
    }
}

/// Begins an object and writes enough for parts to be on their way.
async fn three_parts<'a>(job: &Job<'_>, makings: &'a mut Vec<Making>) -> &'a mut Upload {
    let number = makings.len() + 1;
    makings.push(Making::new(job, (number > 1).then_some(number), 0));
    let upload = &mut makings.last_mut().expect("just begun").upload;
    for number in 0..20 {
        let piece = Bytes::from(vec![number; 1 << 20]);
        upload.write(u64::from(number) << 20, piece).await.expect("room");
    }
    upload
}

#[tokio::test]
async fn a_panic_leaves_nothing_behind() {
    let rig = rig().await;
    let outcome = rig
        .carry_out(Duration::from_secs(60), async |job, makings| {
            three_parts(job, makings).await;
            three_parts(job, makings).await;
            panic!("a defect");
        })
        .await;
    let error = outcome.expect_err("it panicked");
    assert_eq!(error.error_type(), ErrorType::Internal);
    assert!(error.to_string().contains("a defect"), "{error}");
    assert_eq!(rig.s3.calls("CreateMultipartUpload"), 2);
    rig.nothing_is_left();
}

#[tokio::test]
async fn a_deadline_leaves_nothing_behind() {
    let rig = rig().await;
    let outcome = rig
        .carry_out(Duration::from_secs(4), async |job, makings| {
            three_parts(job, makings).await;
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
        .carry_out(Duration::from_secs(60), async |job, makings| {
            let upload = three_parts(job, makings).await;
            let piece = Bytes::from_static(b"doubled");
            upload.write(5, piece).await.map_err(Error::Upload)?;
            Ok(())
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
            .carry_out(Duration::from_secs(60), async |job, makings| {
                makings.push(Making::new(job, None, 0));
                let upload = &mut makings.last_mut().expect("just begun").upload;
                // Pieces of a size that meets no boundary.
                for offset in (0..length).step_by(1_000_003) {
                    let piece = bytes.slice(offset..length.min(offset + 1_000_003));
                    upload.write(offset as u64, piece).await.map_err(Error::Upload)?;
                }
                Ok(())
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
        .carry_out(Duration::from_secs(60), async |job, makings| {
            makings.push(Making::new(job, None, 0));
            let upload = &mut makings.last_mut().expect("just begun").upload;
            let piece = Bytes::from_static(b"something longer");
            upload.write(0, piece).await.map_err(Error::Upload)?;
            Ok(())
        })
        .await;
    let Ok(Ended::Found(receipt)) = outcome else {
        panic!("the clip is there: {outcome:?}")
    };
    assert_eq!(
        (receipt.status, receipt.clips[0].size_bytes),
        (Status::AlreadyExported, 3)
    );
}

/// Two small objects, sealed: all their bytes are in S3.
async fn two_sealed(job: &Job<'_>, makings: &mut Vec<Making>) {
    #[derive(Debug)]
    struct Four;
    impl Head for Four {
        fn bytes(&self) -> u64 {
            4
        }
        fn pieces(&self) -> Box<dyn Iterator<Item = Bytes> + Send> {
            Box::new(std::iter::once(Bytes::from_static(b"head")))
        }
    }
    for number in [1, 2] {
        let mut making = Making::new(job, Some(number), 0);
        making.upload.hold_first();
        making
            .upload
            .write(0, Bytes::from_static(b"media"))
            .await
            .expect("room");
        let sealing = making
            .upload
            .seal(Arc::new(Four), crate::upload::Completes::WithOthers);
        sealing.await.expect("sealed");
        makings.push(making);
    }
}

#[tokio::test]
async fn of_several_objects_none_is_there_before_all_are() {
    let rig = rig().await;
    let outcome = rig
        .carry_out(Duration::from_secs(60), async |job, makings| {
            two_sealed(job, makings).await;
            assert_eq!(rig.s3.objects("clips"), [""; 0]);
            assert_eq!(rig.s3.uploads().len(), 2);
            Err(Halt::Renumber)
        })
        .await;
    assert!(matches!(outcome, Ok(Ended::StartOver)), "{outcome:?}");
    rig.nothing_is_left();

    let outcome = rig
        .carry_out(Duration::from_secs(60), async |job, makings| {
            two_sealed(job, makings).await;
            Ok(())
        })
        .await;
    assert!(matches!(outcome, Ok(Ended::Made(makings)) if makings.len() == 2));
    let key = |number| rig.request.destination.numbered_key(number);
    assert_eq!(rig.s3.objects("clips"), [key(1), key(2)]);
    assert_eq!(rig.s3.uploads(), []);
}

#[tokio::test]
async fn of_several_objects_none_is_made_where_another_is_in_the_way() {
    let rig = rig().await;
    let key = rig.request.destination.numbered_key(1);
    rig.s3
        .put_object("clips", &key, b"abc", "video/mp4", &[])
        .expect("somebody's object");
    let outcome = rig
        .carry_out(Duration::from_secs(60), async |job, makings| {
            two_sealed(job, makings).await;
            Ok(())
        })
        .await;
    let error = outcome.expect_err("in the way");
    assert_eq!(error.error_type(), ErrorType::DestinationExists);
    assert_eq!((rig.s3.objects("clips"), rig.s3.uploads().len()), (vec![key], 0));
}

/// An earlier delivery of the event was killed after the first of its two calls. While it might be alive, what it
/// has made stays.
#[tokio::test]
async fn what_an_earlier_delivery_had_begun_is_ended_when_that_has_ended() {
    let rig = rig().await;
    let mut metadata = rig.request.object_metadata("another request");
    metadata.push(ExportRequest::numbered_metadata(2));
    let metadata: Vec<_> = metadata
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let second = rig.request.destination.numbered_key(2);
    rig.s3
        .put_object("clips", &second, b"abc", "video/mp4", &metadata)
        .expect("the second of them");
    let outcome = rig
        .carry_out(Duration::from_secs(4), async |job, makings| {
            two_sealed(job, makings).await;
            Ok(())
        })
        .await;
    let error = outcome.expect_err("it may be under way");
    assert_eq!(error.error_type(), ErrorType::ServiceUnavailable, "{error}");
    assert_eq!(
        (rig.s3.objects("clips"), rig.s3.uploads().len()),
        (vec![second.clone()], 0)
    );
    rig.s3.age("clips", &second, 2 * together::LASTS);
    let outcome = rig
        .carry_out(Duration::from_secs(60), async |job, makings| {
            two_sealed(job, makings).await;
            Ok(())
        })
        .await;
    assert!(matches!(outcome, Ok(Ended::Made(_))), "{outcome:?}");
    assert_eq!((rig.s3.objects("clips").len(), rig.s3.uploads().len()), (2, 0));
    let second = rig
        .s3
        .object("clips", &second)
        .expect("made again: it was another object");
    assert_eq!(second.size, 9);
}
