//! Each fault played once, and those that S3 cannot express refused.

use std::time::{Duration, Instant};

use aws_sdk_s3::primitives::ByteStream;
use clip_export_local::faults::{Call, Fault, When};

use super::*;

/// Long enough for any answer on loopback; a stall is what takes longer.
const PATIENCE: Duration = Duration::from_millis(500);

impl Stack {
    fn fails(&self, operation: &str, fault: Fault) {
        self.server.faults.script(operation, When::Call(1), fault);
    }

    async fn seeded() -> Self {
        let stack = stack().await;
        let body = bytes(1, 1_000_000);
        stack
            .server
            .put_object("clips", "clip.mp4", &body, "video/mp4", &[])
            .unwrap();
        stack
    }

    /// The bytes that GetObject brings before its end or its failure.
    async fn get(&self) -> (usize, Result<(), String>) {
        let get = self.client.get_object().bucket("clips").key("clip.mp4").send();
        let mut body = get.await.unwrap().body;
        let mut length = 0;
        loop {
            match body.next().await {
                None => return (length, Ok(())),
                Some(Ok(bytes)) => length += bytes.len(),
                Some(Err(error)) => return (length, Err(format!("{error:?}"))),
            }
        }
    }
}

#[tokio::test]
async fn throttling_and_errors_have_s3s_form_and_happen_once() {
    let stack = stack().await;
    let put = || {
        let put = stack.put_object().if_none_match("*");
        put.body(ByteStream::from(bytes(1, 3_000_000))).send()
    };
    stack.fails("PutObject", Fault::Throttle);
    assert_eq!(refusal(put().await), refused(503, "SlowDown"));
    let conflict = Fault::Error {
        status: 409,
        code: "ConditionalRequestConflict".to_owned(),
        message: "another upload < this & that".to_owned(),
    };
    stack.fails("PutObject", conflict);
    let error = put().await.unwrap_err();
    assert_eq!(error.message(), Some("another upload < this & that"));
    assert_eq!(
        refusal::<(), _>(Err(error)),
        refused(409, "ConditionalRequestConflict")
    );
    stack.assert_nothing_left();
    put().await.unwrap();
    assert_eq!(stack.server.calls("PutObject"), 3);
}

#[tokio::test]
async fn a_reset_does_no_work_and_a_lost_answer_does() {
    let stack = stack().await;
    let put = || {
        let put = stack.put_object();
        put.body(ByteStream::from_static(b"body")).send()
    };
    stack.fails("PutObject", Fault::Reset);
    let error = put().await.unwrap_err();
    assert!(error.as_service_error().is_none(), "{error:?}");
    stack.assert_nothing_left();
    stack.fails("PutObject", Fault::AnswerLost);
    let error = put().await.unwrap_err();
    assert!(error.as_service_error().is_none(), "{error:?}");
    assert_eq!(stack.server.objects("clips"), ["clip.mp4"]);
}

#[tokio::test]
async fn a_completion_whose_answer_is_lost_has_happened() {
    let stack = stack().await;
    let upload = stack.create().await;
    let part = stack.part(&upload, 1, b"body".to_vec()).await;
    stack.fails("CompleteMultipartUpload", Fault::AnswerLost);
    let complete = || stack.complete(&upload, std::slice::from_ref(&part)).send();
    assert!(complete().await.unwrap_err().as_service_error().is_none());
    assert_eq!(stack.server.objects("clips"), ["clip.mp4"]);
    assert_eq!(refusal(complete().await), refused(404, "NoSuchUpload"));
}

#[tokio::test]
async fn an_error_can_come_inside_a_200() {
    let stack = stack().await;
    let upload = stack.create().await;
    let part = stack.part(&upload, 1, b"body".to_vec()).await;
    let inside = Fault::ErrorInside200 {
        code: "InternalError".to_owned(),
        message: "We encountered an internal error. Please try again.".to_owned(),
    };
    stack.fails("CompleteMultipartUpload", inside);
    let complete = || stack.complete(&upload, std::slice::from_ref(&part)).send();
    let (status, code) = refusal(complete().await);
    assert_eq!(code, "InternalError");
    assert_eq!(status, 200, "the SDK keeps the status that was sent");
    assert_eq!(stack.server.uploads().len(), 1);
    complete().await.unwrap();
}

#[tokio::test]
async fn answers_are_cut_ended_early_and_stalled_at_the_byte() {
    let stack = Stack::seeded().await;
    stack.fails("GetObject", Fault::CutBody { after: 400_000 });
    let (length, end) = stack.get().await;
    assert_eq!(length, 400_000);
    end.unwrap_err();
    // HTTP shows nothing of an early end; only the object's checksum, which the SDK compares, does.
    stack.fails("GetObject", Fault::EndEarly { after: 400_000 });
    let (length, end) = stack.get().await;
    assert_eq!(length, 400_000);
    assert!(end.unwrap_err().contains("ChecksumMismatch"));
    stack.fails("GetObject", Fault::EndEarly { after: 400_000 });
    let get = stack.client.get_object().bucket("clips").key("clip.mp4");
    let get = get.range("bytes=0-899999").send().await.unwrap();
    assert_eq!(get.body.collect().await.unwrap().to_vec().len(), 400_000);
    stack.fails("GetObject", Fault::Stall { after: 400_000 });
    assert!(tokio::time::timeout(PATIENCE, stack.get()).await.is_err());
    assert_eq!(stack.get().await, (1_000_000, Ok(())));
}

#[tokio::test]
async fn uploads_are_cut_and_stalled_and_nothing_is_stored() {
    let stack = stack().await;
    let upload = stack.create().await;
    let body = bytes::Bytes::from(bytes(1, 20_000_000));
    let crc64nvme = crc64nvme(&body);
    let part = || {
        let part = stack.upload_part(&upload);
        let part = part.part_number(7).checksum_crc64_nvme(&crc64nvme);
        let part = part.body(ByteStream::from(body.clone())).customize();
        // Hashing the body for a signature would take longer than the patience for a stall.
        part.disable_payload_signing().send()
    };
    stack.fails("UploadPart", Fault::CutBody { after: 1_000_000 });
    assert!(part().await.unwrap_err().as_service_error().is_none());
    stack.fails("UploadPart", Fault::Stall { after: 1_000_000 });
    assert!(tokio::time::timeout(PATIENCE, part()).await.is_err());
    assert_eq!(stack.server.uploads()[0].parts, []);
    let expected = Call {
        operation: "UploadPart".to_owned(),
        key: Some("clip.mp4".to_owned()),
        part_number: Some(7),
    };
    assert_eq!(stack.server.faults.log()[1..], [expected.clone(), expected]);
}

#[tokio::test]
async fn garbage_is_no_answer_to_anything() {
    let stack = Stack::seeded().await;
    stack.fails("CreateMultipartUpload", Fault::Garbage);
    let create = stack
        .client
        .create_multipart_upload()
        .bucket("clips")
        .key("clip.mp4");
    create.send().await.unwrap_err();
    assert_eq!(stack.server.uploads(), []);
    stack.fails("GetObject", Fault::Garbage);
    assert!(stack.get().await.0 < 100);
}

#[tokio::test]
async fn a_listing_is_about_the_keys_that_it_asks_for() {
    let stack = stack().await;
    let faults = &stack.server.faults;
    faults.script_for("a/", "ListMultipartUploads", When::Every, Fault::Throttle);
    let list = |prefix: &str| {
        let list = stack.client.list_multipart_uploads().bucket("clips");
        list.prefix(prefix).send()
    };
    list("a/clip.mp4").await.unwrap_err();
    list("b/clip.mp4").await.unwrap();
}

#[tokio::test]
async fn a_delayed_call_works_late() {
    let stack = stack().await;
    stack.fails("HeadBucket", Fault::Delay(PATIENCE));
    let begin = Instant::now();
    stack.client.head_bucket().bucket("clips").send().await.unwrap();
    assert!(begin.elapsed() >= PATIENCE);
}

#[test]
fn what_s3_cannot_express_cannot_be_scripted() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let stack = runtime.block_on(stack());
    let inside = || Fault::ErrorInside200 {
        code: String::new(),
        message: String::new(),
    };
    for (operation, fault) in [
        ("GetClip", Fault::Throttle),
        ("PutObject", Fault::EndEarly { after: 0 }),
        ("UploadPart", Fault::Garbage),
        ("HeadObject", Fault::CutBody { after: 0 }),
        ("AbortMultipartUpload", Fault::Stall { after: 0 }),
        ("PutObject", inside()),
        (
            "PutObject",
            Fault::Error {
                status: 200,
                code: String::new(),
                message: String::new(),
            },
        ),
    ] {
        let faults = stack.server.faults.clone();
        let script = move || faults.script(operation, When::Every, fault);
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(script)).unwrap_err();
    }
    let calls = std::panic::AssertUnwindSafe(|| stack.server.calls("PutObjekt"));
    std::panic::catch_unwind(calls).unwrap_err();
}
