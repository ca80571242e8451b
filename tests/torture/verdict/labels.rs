//! What each label of the closed list may be the answer to. A label that nothing explains is a lie, and so a failure.

use std::time::Duration;

use clip_export_local::faults::Fault;
use clip_export_local::kvs::{Archived, Server};

use super::{expected, in_the_way, nothing_there};
use crate::answer::Played;
use crate::archive::{unlisted, wanted};
use crate::case::Ask;
use crate::deliver::{Delivery, Met};
use crate::weather::Service;

/// What an export takes at most when nothing goes wrong, on a machine that is busy with others.
const QUICK: Duration = Duration::from_secs(8);

/// How long a service may keep silent, where a function is set to be the least patient.
const LEAST_PATIENCE: Duration = Duration::from_secs(1);

/// What a request is about.
pub(crate) struct World<'a> {
    pub(crate) kvs: &'a Server,
    pub(crate) ask: &'a Ask,
    /// Whether the clip was there before.
    pub(crate) made: bool,
    /// Whether its footage is only just being made.
    pub(crate) live: bool,
    /// What was said beside the label.
    pub(crate) message: &'a str,
}

impl<'a> World<'a> {
    pub(crate) fn of(delivery: &'a Delivery<'_>, ask: &'a Ask, made: bool, message: &'a str) -> Self {
        Self {
            kvs: delivery.kvs(),
            ask,
            made,
            live: delivery.case.live,
            message,
        }
    }
}

/// That something explains a label: what there is, or what the delivery met.
pub(crate) fn explained(label: &str, world: &World<'_>, met: &Met<'_>) -> Result<(), String> {
    let Some(label) = clip_export::error::ErrorType::ALL
        .into_iter()
        .find(|known| known.as_str() == label)
    else {
        return Err(format!("{label} is no label of the closed list"));
    };
    let is_explained =
        is_true(label.as_str(), world, met) || met.played.iter().any(|played| causes(played, label.as_str()));
    match is_explained {
        true => Ok(()),
        false => Err(format!(
            "nothing explains {}; expected {:?} after {:?}",
            label.as_str(),
            expected(world.kvs, world.ask, world.made),
            met.played
        )),
    }
}

/// Whether a label says what is so without any fault.
fn is_true(label: &str, world: &World<'_>, met: &Met<'_>) -> bool {
    let World { kvs, ask, .. } = world;
    match label {
        "DestinationExists" => in_the_way(ask, world.made),
        "StreamNotFound" | "NoFragments" | "OutsideRetention" | "UnsupportedMedia" => {
            let fits = |fragments: &[Archived]| nothing_there(ask, fragments).contains(&label);
            // Who may not list knows nothing of the fragment that is running at the start.
            let is_refused = met.played.iter().any(Played::hides_the_list);
            wanted(kvs, ask)
                .iter()
                .any(|wanted| fits(&wanted.objects.concat()))
                || (is_refused && fits(&unlisted(kvs, ask)))
        }
        "NotYetArchived" => world.live,
        // The quotas are those of the service, and earlier cases may have used them up.
        "Throttled" => world.message.contains("Limit exceeded on number of requests"),
        "DeadlineTooClose" => met.deadline < QUICK || world.live,
        _ => false,
    }
}

/// Whether a fault may be answered with a label.
fn causes(played: &Played, label: &str) -> bool {
    let Played {
        service,
        operation,
        fault,
    } = played;
    let is_broken = matches!(
        fault,
        Fault::Reset
            | Fault::AnswerLost
            | Fault::HangUp
            | Fault::Stall { .. }
            | Fault::CutBody { .. }
            | Fault::EndEarly { .. }
            | Fault::Garbage
    );
    // Of a refusal the end, and so its code, may be missing.
    let (status, code) = match fault {
        Fault::Error { status, code, .. } => (*status, &**code),
        Fault::ErrorInside200 { code, .. } => (200, &**code),
        _ => (0, ""),
    };
    // What a HEAD is refused with has no code.
    let code = if operation == "HeadObject" { "" } else { code };
    let of_aws = matches!(service, Service::Kvs | Service::S3);
    match label {
        // Of an event that came in part nobody knows what it asks for.
        "InvalidRequest" => *service == Service::Runtime && operation == "Next" && is_broken,
        "UnsupportedMedia" => code == "InvalidMediaFrameException",
        "AccessDenied" => {
            of_aws
                && (matches!(status, 401 | 403)
                    || code.starts_with("KMS.")
                    // An expired token is a 400.
                    || (operation == "HeadObject" && status == 400))
        }
        "Throttled" => {
            of_aws
                && (*fault == Fault::Throttle
                    || matches!(
                        code,
                        "ConnectionLimitExceededException" | "ClientLimitExceededException" | "SlowDown"
                    ))
        }
        "ClipDamaged" => operation == "GetClip" && is_broken,
        "UploadFailed" => *service == Service::S3 && status >= 400 && !has_its_own(played),
        "ServiceUnavailable" => {
            of_aws
                && (is_broken
                    || status >= 500
                    || matches!(code, "InternalError" | "RequestTimeout" | "ConditionalRequestConflict")
                    || matches!(fault, Fault::Delay(delay) if *delay >= LEAST_PATIENCE)
                    // That it is too much, a HEAD cannot say.
                    || (operation == "HeadObject" && *fault == Fault::Throttle))
        }
        // What went wrong had to be tried again.
        "DeadlineTooClose" => true,
        // A refusal that nobody has seen before, or of which the end with its code is missing.
        "Internal" => match fault {
            Fault::Garbage | Fault::EndEarly { .. } => true,
            Fault::Error { .. } => !of_aws || !has_its_own(played),
            _ => false,
        },
        _ => false,
    }
}

/// Whether a refusal has a label that says what it means.
fn has_its_own(played: &Played) -> bool {
    [
        "AccessDenied",
        "Throttled",
        "ServiceUnavailable",
        "UnsupportedMedia",
    ]
    .into_iter()
    .any(|label| causes(played, label))
}
