//! Labels that are no answer to what there is and to what was met.

use std::time::Duration;

use clip_export_local::faults::Fault;

use super::Stage;
use crate::answer::Played;
use crate::case::Before;
use crate::deliver::Met;
use crate::verdict::labels::{World, explained};
use crate::weather::Service;

fn met(played: &[Played], seconds: u64) -> Met<'_> {
    Met {
        played,
        deadline: Duration::from_secs(seconds),
        log_begun: 0,
        begun_ms: 0,
    }
}

fn fault(service: Service, operation: &str, fault: Fault) -> Played {
    Played {
        service,
        operation: operation.to_owned(),
        fault,
    }
}

fn refusal(status: u16, code: &str) -> Fault {
    Fault::Error {
        status,
        code: code.to_owned(),
        message: String::new(),
    }
}

/// A request of which nothing is there yet and all has been filmed.
fn calm(stage: &Stage) -> World<'_> {
    World {
        kvs: stage.worker.kvs(false),
        ask: &stage.ask,
        made: false,
        live: false,
        message: "",
    }
}

/// What is said of a label by itself, and of one after a fault that explains it.
fn only_after(stage: &Stage, label: &str, cause: Played, other: Played) {
    let world = calm(stage);
    for played in [&[][..], &[other]] {
        let why = explained(label, &world, &met(played, 30)).expect_err(label);
        assert!(why.contains(&format!("nothing explains {label}")), "{why}");
    }
    explained(label, &world, &met(&[cause], 30)).expect(label);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_label_that_nothing_explains_is_found() {
    let stage = Stage::of("front-door", 20).await;
    let delay = || fault(Service::S3, "PutObject", Fault::Delay(Duration::from_millis(900)));
    let denied = || fault(Service::Kvs, "GetClip", refusal(403, "AccessDeniedException"));
    let reset = |service, operation| fault(service, operation, Fault::Reset);
    only_after(&stage, "AccessDenied", denied(), reset(Service::Kvs, "GetClip"));
    only_after(
        &stage,
        "Throttled",
        fault(Service::Kvs, "GetClip", Fault::Throttle),
        denied(),
    );
    only_after(
        &stage,
        "ClipDamaged",
        reset(Service::Kvs, "GetClip"),
        reset(Service::S3, "PutObject"),
    );
    only_after(
        &stage,
        "UploadFailed",
        fault(Service::S3, "PutObject", refusal(400, "BadDigest")),
        fault(Service::Kvs, "GetClip", refusal(400, "BadDigest")),
    );
    only_after(
        &stage,
        "ServiceUnavailable",
        reset(Service::S3, "PutObject"),
        delay(),
    );
    only_after(
        &stage,
        "InvalidRequest",
        reset(Service::Runtime, "Next"),
        reset(Service::S3, "PutObject"),
    );
    only_after(
        &stage,
        "UnsupportedMedia",
        fault(
            Service::Kvs,
            "GetClip",
            refusal(400, "InvalidMediaFrameException"),
        ),
        denied(),
    );
    only_after(
        &stage,
        "Internal",
        fault(Service::Kvs, "GetClip", refusal(418, "TeapotException")),
        delay(),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_label_about_what_there_is_has_to_be_true() {
    let front_door = Stage::of("front-door", 20).await;
    let dark_room = Stage::of("dark-room", 20).await;
    let refused = [fault(
        Service::Kvs,
        "ListFragments",
        refusal(403, "AccessDeniedException"),
    )];
    let says = |stage: &Stage, label: &str, played: &[Played], seconds: u64| {
        let world = World {
            kvs: stage.worker.kvs(false),
            ask: &stage.ask,
            made: false,
            live: false,
            message: "",
        };
        explained(label, &world, &met(played, seconds))
    };
    for lie in [
        "NoFragments",
        "OutsideRetention",
        "StreamNotFound",
        "NotYetArchived",
        "DestinationExists",
        "DeadlineTooClose",
        "Whatever",
    ] {
        says(&front_door, lie, &[], 30).expect_err(lie);
    }
    says(&front_door, "NoFragments", &refused, 30).expect_err("one GetClip gives all of it");
    says(&front_door, "DeadlineTooClose", &[], 2).expect("too little time");
    says(&dark_room, "NoFragments", &[], 30).expect("an empty archive");
    says(&dark_room, "OutsideRetention", &[], 30).expect_err("ten years of retention");
    let mut taken = front_door;
    taken.ask.before = Before::Foreign;
    says(&taken, "DestinationExists", &[], 30).expect("an object in the way");
}

/// What has a label of its own is no defect and no refusal of an object.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_that_is_known_explains_its_own_label_alone() {
    let stage = Stage::of("front-door", 20).await;
    let world = calm(&stage);
    let denied = [fault(Service::S3, "PutObject", refusal(403, "AccessDenied"))];
    let slowed = [fault(Service::S3, "PutObject", refusal(503, "SlowDown"))];
    let throttled = [fault(
        Service::Kvs,
        "GetClip",
        refusal(400, "ClientLimitExceededException"),
    )];
    let mut lies = Vec::new();
    for (label, played) in [
        ("Internal", &denied),
        ("UploadFailed", &denied),
        ("UploadFailed", &slowed),
        ("Internal", &slowed),
        ("Internal", &throttled),
    ] {
        if explained(label, &world, &met(played, 30)).is_ok() {
            lies.push((label, &played[0].fault));
        }
    }
    assert!(lies.is_empty(), "{lies:?}");
}
