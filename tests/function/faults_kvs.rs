//! What Kinesis Video Streams, and the way to it, can do to an export.

use clip_export_local::faults::Fault::{
    self, CutBody, Delay, EndEarly, Garbage, HangUp, Reset, Stall, Throttle,
};
use clip_export_local::faults::When::{Call, Every};
use serde_json::json;

use crate::rig::{Rig, event, refused};

/// What goes wrong once is tried again, and nobody sees it in the object.
#[tokio::test]
async fn what_happens_once_is_survived() {
    // The seconds of the clip make it a single PutObject or an upload of several parts.
    for (operation, fault, stream) in [
        ("GetDataEndpoint", Throttle, "front-door"),
        ("GetDataEndpoint", Reset, "front-door"),
        ("GetDataEndpoint", refused(500, "InternalFailure"), "front-door"),
        ("GetDataEndpoint", HangUp, "front-door"),
        // Answers that cannot be read.
        ("GetDataEndpoint", Garbage, "front-door"),
        ("GetDataEndpoint", EndEarly { after: 10 }, "front-door"),
        ("GetDataEndpoint", CutBody { after: 10 }, "front-door"),
        ("ListFragments", Garbage, "front-door"),
        ("ListFragments", EndEarly { after: 100 }, "front-door"),
        ("GetClip", HangUp, "front-door"),
        ("GetClip", Throttle, "front-door"),
        (
            "GetClip",
            refused(400, "ConnectionLimitExceededException"),
            "front-door",
        ),
        (
            "GetClip",
            refused(503, "ServiceUnavailableException"),
            "front-door",
        ),
        ("GetClip", Reset, "front-door"),
        ("GetClip", Stall { after: 0 }, "front-door"),
        ("GetClip", Stall { after: 100_000 }, "front-door"),
        ("GetClip", CutBody { after: 100_000 }, "front-door"),
        ("GetClip", EndEarly { after: 100_000 }, "front-door"),
        ("GetClip", EndEarly { after: 0 }, "front-door"),
        ("GetClip", Garbage, "front-door"),
        ("GetClip", Stall { after: 8 << 20 }, "highway"),
        ("GetClip", CutBody { after: 8 << 20 }, "highway"),
        ("GetClip", EndEarly { after: 8 << 20 }, "highway"),
    ] {
        let rig = Rig::start().await;
        let name = format!("{operation} {fault:?} {stream}");
        rig.kvs_fault(operation, Call(1), fault);
        let receipt = rig.receipt(&event(stream, 20)).await;
        assert_eq!(receipt["Retries"], json!(1), "{name}");
        rig.is_lossless(stream, 20);
    }
}

/// What goes wrong every time gets a label, and leaves nothing behind.
#[tokio::test]
async fn what_happens_every_time_is_reported() {
    for (operation, fault, stream, error_type) in [
        ("GetDataEndpoint", Throttle, "front-door", "Throttled"),
        ("GetDataEndpoint", Reset, "front-door", "ServiceUnavailable"),
        (
            "GetDataEndpoint",
            refused(403, "AccessDeniedException"),
            "front-door",
            "AccessDenied",
        ),
        (
            "GetDataEndpoint",
            EndEarly { after: 10 },
            "front-door",
            "ServiceUnavailable",
        ),
        ("ListFragments", Garbage, "front-door", "ServiceUnavailable"),
        ("GetClip", Throttle, "front-door", "Throttled"),
        (
            "GetClip",
            refused(500, "InternalFailure"),
            "front-door",
            "ServiceUnavailable",
        ),
        (
            "GetClip",
            refused(401, "NotAuthorizedException"),
            "front-door",
            "AccessDenied",
        ),
        (
            "GetClip",
            refused(400, "MissingCodecPrivateDataException"),
            "front-door",
            "UnsupportedMedia",
        ),
        (
            "GetClip",
            refused(400, "InvalidMediaFrameException"),
            "front-door",
            "UnsupportedMedia",
        ),
        (
            "GetClip",
            refused(418, "TeapotException"),
            "front-door",
            "Internal",
        ),
        ("GetClip", Reset, "front-door", "ServiceUnavailable"),
        ("GetClip", Stall { after: 50_000 }, "front-door", "ClipDamaged"),
        ("GetClip", CutBody { after: 50_000 }, "front-door", "ClipDamaged"),
        ("GetClip", EndEarly { after: 50_000 }, "front-door", "ClipDamaged"),
        ("GetClip", Garbage, "front-door", "ClipDamaged"),
        ("GetClip", CutBody { after: 8 << 20 }, "highway", "ClipDamaged"),
        ("GetClip", EndEarly { after: 8 << 20 }, "highway", "ClipDamaged"),
    ] {
        let rig = Rig::start().await;
        rig.kvs_fault(operation, Every, fault);
        rig.fails(&event(stream, 20), error_type).await;
    }
}

/// Only a refusal of the list itself makes a clip without one: what is refused on the way there is refused for every call.
#[tokio::test]
async fn an_endpoint_that_is_refused_once_is_no_refusal_of_the_list() {
    let rig = Rig::start().await;
    rig.kvs_fault("GetDataEndpoint", Call(1), refused(401, "NotAuthorizedException"));
    rig.fails(&event("front-door", 20), "AccessDenied").await;
    assert_eq!(rig.kvs.calls("GetClip"), 0);
}

#[tokio::test]
async fn retries_are_bounded() {
    let rig = Rig::start().await;
    rig.kvs_fault("GetClip", Every, Throttle);
    rig.fails(&event("front-door", 10), "Throttled").await;
    assert_eq!(rig.kvs.calls("GetClip"), 3, "one call and CLIP_RETRIES more");

    let rig = Rig::start().await;
    rig.kvs_fault("GetClip", Every, EndEarly { after: 50_000 });
    rig.fails(&event("front-door", 10), "ClipDamaged").await;
    assert_eq!(rig.kvs.calls("GetClip"), 3);
}

#[tokio::test]
async fn a_service_that_takes_its_time_is_waited_for() {
    let rig = Rig::start().await;
    rig.kvs_fault("GetClip", Call(1), Delay(std::time::Duration::from_millis(1200)));
    let receipt = rig.receipt(&event("front-door", 10)).await;
    assert_eq!(receipt["Retries"], json!(0));
    rig.is_lossless("front-door", 10);
}

#[tokio::test]
async fn every_retry_is_in_the_log() {
    let rig = Rig::start().await;
    rig.kvs_fault("GetClip", Call(1), Throttle);
    rig.kvs_fault("GetClip", Call(2), CutBody { after: 100_000 });
    let receipt = rig.receipt(&event("front-door", 20)).await;
    assert_eq!(receipt["Retries"], json!(2));
    assert_eq!(receipt["GetClipCalls"], json!(3));
    let log = rig.log_with("\"_aws\"").await.join("\n");
    assert!(
        log.contains("asking again") && log.contains("ClientLimitExceededException"),
        "{log}"
    );
    assert!(
        log.contains("fetching the window again") && log.contains("broke off"),
        "{log}"
    );
}

/// A signature that does not match is answered with the request as it was to be signed.
#[tokio::test]
async fn no_secret_reaches_the_log_or_the_answer_of_a_refused() {
    for operation in ["GetDataEndpoint", "GetClip"] {
        let rig = Rig::start().await;
        let echo = Fault::Error {
            status: 403,
            code: "InvalidSignatureException".to_owned(),
            message: "The request signature does not match. The Canonical String for this request should have been\n\
                      'POST\nx-amz-security-token:local-session-token'"
                .to_owned(),
        };
        rig.kvs_fault(operation, Every, echo);
        let message = rig.fails(&event("front-door", 10), "AccessDenied").await;
        let log = rig.log_with("\"_aws\"").await.join("\n");
        assert!(!message.contains("local-session-token"), "{message}");
        assert!(!log.contains("local-session-token"), "{log}");
    }
}
