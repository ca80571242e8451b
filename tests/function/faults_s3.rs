//! What S3, and the way to it, can do to an export.

use clip_export_local::faults::Fault::{
    self, AnswerLost, CutBody, EndEarly, ErrorInside200, Garbage, HangUp, Reset, Stall, Throttle,
};
use clip_export_local::faults::When::{Call, Every};
use serde_json::json;

use crate::rig::{Rig, Setup, event, refused, with};

/// One object of three parts.
const MANY: &str = "highway";
/// One object in one request.
const ONE: &str = "front-door";

fn inside_200(code: &str) -> Fault {
    ErrorInside200 {
        code: code.to_owned(),
        message: "as scripted".to_owned(),
    }
}

/// What goes wrong once is tried again, and nobody sees it in the object.
#[tokio::test]
async fn what_happens_once_is_survived() {
    for (operation, fault, stream) in [
        ("HeadObject", Reset, ONE),
        ("HeadObject", refused(500, "InternalError"), ONE),
        ("PutObject", Throttle, ONE),
        ("PutObject", Reset, ONE),
        ("PutObject", AnswerLost, ONE),
        ("PutObject", CutBody { after: 50_000 }, ONE),
        ("PutObject", refused(500, "InternalError"), ONE),
        ("HeadObject", HangUp, ONE),
        ("PutObject", HangUp, ONE),
        ("UploadPart", HangUp, MANY),
        ("CreateMultipartUpload", HangUp, MANY),
        ("CompleteMultipartUpload", HangUp, MANY),
        ("UploadPart", Throttle, MANY),
        ("UploadPart", Reset, MANY),
        ("UploadPart", AnswerLost, MANY),
        ("UploadPart", CutBody { after: 1 << 20 }, MANY),
        ("UploadPart", Stall { after: 1 << 20 }, MANY),
        ("UploadPart", refused(500, "InternalError"), MANY),
        ("CompleteMultipartUpload", Throttle, MANY),
        ("CompleteMultipartUpload", Reset, MANY),
        ("CompleteMultipartUpload", AnswerLost, MANY),
        ("CompleteMultipartUpload", inside_200("InternalError"), MANY),
        ("CreateMultipartUpload", Throttle, MANY),
        ("CreateMultipartUpload", Reset, MANY),
        ("CreateMultipartUpload", AnswerLost, MANY),
        // Answers that cannot be read: the second one after S3 had made an upload.
        ("CreateMultipartUpload", Garbage, MANY),
        ("CreateMultipartUpload", EndEarly { after: 100 }, MANY),
    ] {
        let rig = Rig::start().await;
        let name = format!("{operation} {fault:?}");
        rig.s3_fault(operation, Call(1), fault);
        let receipt = rig.receipt(&event(stream, 20)).await;
        assert_eq!(receipt["Status"], json!("EXPORTED"), "{name}");
        assert!(receipt["Retries"].as_u64() >= Some(1), "{name}: {receipt}");
        rig.is_lossless(stream, 20);
        let log = rig.log_with("\"_aws\"").await.join("\n");
        assert!(log.contains("\"WARN\""), "{name} is not in the log:\n{log}");
    }
}

/// What goes wrong every time gets a label, and leaves nothing behind.
#[tokio::test]
async fn what_happens_every_time_is_reported() {
    for (operation, fault, stream, error_type) in [
        (
            "HeadObject",
            refused(500, "InternalError"),
            ONE,
            "ServiceUnavailable",
        ),
        ("PutObject", Throttle, ONE, "Throttled"),
        ("PutObject", Reset, ONE, "ServiceUnavailable"),
        ("PutObject", refused(403, "AccessDenied"), ONE, "AccessDenied"),
        ("PutObject", refused(400, "BadDigest"), ONE, "UploadFailed"),
        (
            "CreateMultipartUpload",
            refused(403, "AccessDenied"),
            MANY,
            "AccessDenied",
        ),
        ("CreateMultipartUpload", Throttle, MANY, "Throttled"),
        ("CreateMultipartUpload", AnswerLost, MANY, "ServiceUnavailable"),
        (
            "CreateMultipartUpload",
            EndEarly { after: 100 },
            MANY,
            "ServiceUnavailable",
        ),
        ("CompleteMultipartUpload", Garbage, MANY, "ServiceUnavailable"),
        ("UploadPart", Throttle, MANY, "Throttled"),
        ("UploadPart", Reset, MANY, "ServiceUnavailable"),
        (
            "UploadPart",
            refused(400, "KMS.DisabledException"),
            MANY,
            "AccessDenied",
        ),
        (
            "CompleteMultipartUpload",
            inside_200("InternalError"),
            MANY,
            "ServiceUnavailable",
        ),
        ("CompleteMultipartUpload", Throttle, MANY, "Throttled"),
        (
            "CompleteMultipartUpload",
            refused(400, "BadDigest"),
            MANY,
            "UploadFailed",
        ),
    ] {
        let rig = Rig::start().await;
        rig.s3_fault(operation, Every, fault);
        rig.fails(&event(stream, 20), error_type).await;
    }
}

#[tokio::test]
async fn an_abort_that_fails_once_is_tried_again() {
    for fault in [Throttle, Reset, AnswerLost] {
        let rig = Rig::start().await;
        rig.s3_fault("CompleteMultipartUpload", Every, refused(400, "InvalidRequest"));
        rig.s3_fault("AbortMultipartUpload", Call(1), fault);
        rig.fails(&event(MANY, 20), "UploadFailed").await;
    }
}

#[tokio::test]
async fn an_abort_that_fails_for_good_is_in_the_log_and_the_first_error_is_the_answer() {
    let rig = Rig::start().await;
    rig.s3_fault("CompleteMultipartUpload", Every, refused(400, "BadDigest"));
    rig.s3_fault("AbortMultipartUpload", Every, refused(403, "AccessDenied"));
    let (error_type, message) = rig.error(&event(MANY, 20)).await;
    assert_eq!(error_type, "UploadFailed");
    assert!(message.contains("BadDigest"), "{message}");
    let left = rig.s3.uploads();
    assert_eq!(left.len(), 1);
    let log = rig
        .log_with("an unfinished upload may be left behind")
        .await
        .join("\n");
    assert!(
        log.contains(&left[0].upload_id),
        "the log does not name the upload"
    );
}

#[tokio::test]
async fn an_object_whose_completion_is_answered_in_half_is_found() {
    let rig = Rig::start().await;
    rig.s3_fault("CompleteMultipartUpload", Call(1), EndEarly { after: 100 });
    let receipt = rig.receipt(&event(MANY, 20)).await;
    assert_eq!(receipt["Status"], json!("EXPORTED"));
    rig.is_lossless(MANY, 20);
}

#[tokio::test]
async fn a_lost_answer_under_overwrite_is_found_too() {
    for (stream, operation) in [(ONE, "PutObject"), (MANY, "CompleteMultipartUpload")] {
        let rig = Rig::start().await;
        rig.s3_fault(operation, Every, AnswerLost);
        let receipt = rig
            .receipt(&with(event(stream, 20), json!({"IfExists": "OVERWRITE"})))
            .await;
        assert_eq!(receipt["Status"], json!("EXPORTED"));
        rig.is_lossless(stream, 20);
    }
}

/// Where S3 does not say whether it has made an upload, no second one is made.
#[tokio::test]
async fn a_creation_in_doubt_is_not_repeated() {
    let rig = Rig::start().await;
    rig.s3_fault("CreateMultipartUpload", Every, AnswerLost);
    rig.s3_fault("ListMultipartUploads", Every, refused(403, "AccessDenied"));
    let (error_type, message) = rig.error(&event(MANY, 20)).await;
    assert_eq!(error_type, "AccessDenied", "{message}");
    assert_eq!(rig.s3.uploads().len(), 1);
    rig.log_with("an unfinished upload may be left behind").await;
}

/// A pause is a stall only after `CLIP_STALL_SECONDS`.
#[tokio::test]
async fn a_pause_in_an_answer_is_waited_for() {
    let rig = Setup::default().with("CLIP_STALL_SECONDS", "60").start().await;
    let pause = Fault::Delay(std::time::Duration::from_secs(7));
    rig.s3_fault("CompleteMultipartUpload", Call(1), pause);
    let receipt = rig.receipt(&event(MANY, 20)).await;
    assert_eq!(receipt["Retries"], json!(0));
    assert_eq!(rig.s3.calls("CompleteMultipartUpload"), 1);
}
