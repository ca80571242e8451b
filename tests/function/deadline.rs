//! The end of the time that Lambda gives.

use std::time::Duration;

use clip_export_local::faults::{Fault, When};

use crate::rig::{Rig, Setup, event};

/// A stall that lasts longer than the invocation.
fn patient() -> Setup {
    Setup::default().with("CLIP_STALL_SECONDS", "60")
}

#[tokio::test]
async fn a_deadline_in_the_middle_of_the_body_leaves_nothing() {
    let rig = patient().start().await;
    rig.kvs_fault("GetClip", When::Every, Fault::Stall { after: 12 << 20 });
    let message = rig
        .fails_within(&event("highway", 30), Duration::from_secs(6), "DeadlineTooClose")
        .await;
    assert!(message.contains("while transferring the clip"), "{message}");
    assert!(rig.s3.calls("UploadPart") >= 1);
}

#[tokio::test]
async fn a_deadline_while_s3_keeps_silent_leaves_nothing() {
    for operation in ["CreateMultipartUpload", "UploadPart", "HeadObject"] {
        let rig = patient().start().await;
        rig.s3_fault(operation, When::Call(1), Fault::Delay(Duration::from_secs(30)));
        rig.fails_within(&event("highway", 30), Duration::from_secs(6), "DeadlineTooClose")
            .await;
    }
}

#[tokio::test]
async fn an_object_that_landed_before_the_deadline_is_reported() {
    for (stream, operation) in [
        ("front-door", "PutObject"),
        ("highway", "CompleteMultipartUpload"),
    ] {
        let rig = patient().start().await;
        // The work is done, but the answer never comes to its end.
        rig.s3_fault(operation, When::Every, Fault::AnswerLost);
        let receipt = rig
            .receipt_within(&event(stream, 20), Duration::from_secs(20))
            .await;
        assert_eq!(receipt["Status"], "EXPORTED", "{receipt}");
        rig.is_lossless(stream, 20);
    }
}

#[tokio::test]
async fn too_little_time_is_refused_before_any_call() {
    let rig = Rig::start().await;
    rig.fails_within(
        &event("front-door", 10),
        Duration::from_millis(900),
        "DeadlineTooClose",
    )
    .await;
    assert_eq!(rig.aws_calls(), 0);
}

#[tokio::test]
async fn the_next_event_is_served_after_a_deadline() {
    let rig = patient().start().await;
    rig.kvs_fault("GetClip", When::Call(1), Fault::Stall { after: 6 << 20 });
    rig.fails_within(&event("highway", 20), Duration::from_secs(4), "DeadlineTooClose")
        .await;
    rig.receipt(&event("highway", 20)).await;
    rig.is_lossless("highway", 20);
}

#[tokio::test]
async fn an_upload_that_is_created_at_the_last_moment_is_aborted() {
    let rig = patient().start().await;
    // The first wall is at 6 s of 8, the last one at 7.7 s: S3 answers in between.
    rig.s3_fault(
        "CreateMultipartUpload",
        When::Call(1),
        Fault::Delay(Duration::from_secs(6)),
    );
    rig.fails_within(&event("highway", 20), Duration::from_secs(8), "DeadlineTooClose")
        .await;
    assert_eq!(rig.s3.calls("AbortMultipartUpload"), 1);
}

#[tokio::test]
async fn an_object_that_lands_at_the_last_moment_is_reported() {
    for (stream, operation) in [
        ("front-door", "PutObject"),
        ("highway", "CompleteMultipartUpload"),
    ] {
        let rig = patient().start().await;
        // The first wall is at 9 s of 12, the second at 10 s.
        rig.s3_fault(
            operation,
            When::Call(1),
            Fault::Delay(Duration::from_millis(9000)),
        );
        let receipt = rig
            .receipt_within(&event(stream, 20), Duration::from_secs(12))
            .await;
        assert_eq!(receipt["Status"], "EXPORTED", "{receipt}");
        rig.is_lossless(stream, 20);
    }
}

#[tokio::test]
async fn an_abort_that_stalls_at_the_deadline_is_made_again() {
    let rig = patient().start().await;
    rig.kvs_fault("GetClip", When::Every, Fault::Stall { after: 12 << 20 });
    rig.s3_fault(
        "AbortMultipartUpload",
        When::Call(1),
        Fault::Delay(Duration::from_secs(20)),
    );
    rig.fails_within(&event("highway", 30), Duration::from_secs(16), "DeadlineTooClose")
        .await;
}

#[tokio::test]
async fn what_kept_an_export_until_the_deadline_is_the_error() {
    let rig = Setup::default().with("CLIP_RETRIES", "20").start().await;
    rig.kvs_fault("GetClip", When::Every, Fault::Throttle);
    let message = rig
        .fails_within(&event("front-door", 30), Duration::from_secs(6), "Throttled")
        .await;
    assert!(message.contains("ClientLimitExceededException"), "{message}");
}

/// The first wall falls into the search for an upload whose creation was not confirmed.
#[tokio::test]
async fn a_search_that_the_wall_interrupts_is_made_again() {
    let rig = patient().start().await;
    rig.kvs_fault("GetClip", When::Call(1), Fault::Delay(Duration::from_secs(5)));
    rig.s3_fault("CreateMultipartUpload", When::Call(1), Fault::AnswerLost);
    rig.s3_fault(
        "ListMultipartUploads",
        When::Call(1),
        Fault::Delay(Duration::from_millis(1100)),
    );
    rig.fails_within(&event("highway", 20), Duration::from_secs(8), "DeadlineTooClose")
        .await;
}

/// S3 has made the upload and says nothing until it is too late.
#[tokio::test]
async fn a_creation_that_is_never_answered_is_looked_for() {
    let rig = patient().start().await;
    rig.kvs_fault("GetClip", When::Call(1), Fault::Delay(Duration::from_secs(5)));
    rig.s3_fault("CreateMultipartUpload", When::Call(1), Fault::Stall { after: 0 });
    rig.fails_within(&event("highway", 20), Duration::from_secs(8), "DeadlineTooClose")
        .await;
}

#[tokio::test]
async fn a_clip_that_is_there_is_reported_though_its_head_cannot_be_read_in_time() {
    let rig = patient().start().await;
    rig.receipt(&event("highway", 20)).await;
    rig.s3_fault("GetObject", When::Every, Fault::Stall { after: 10 });
    let receipt = rig
        .receipt_within(&event("highway", 20), Duration::from_secs(8))
        .await;
    assert_eq!(receipt["Status"], "ALREADY_EXPORTED");
    assert!(receipt["Clips"][0].get("Tracks").is_none(), "{receipt}");
}
