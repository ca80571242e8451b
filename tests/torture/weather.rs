//! What goes wrong: faults at random calls of random operations, whatever the services can express.

use std::time::Duration;

use clip_export_local::faults::{Fault, Faults, When};
use fastrand::Rng;

/// Whose calls go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Service {
    Kvs,
    S3,
    Sqs,
    Runtime,
}

impl Service {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Kvs => "Kinesis Video Streams",
            Self::S3 => "S3",
            Self::Sqs => "SQS",
            Self::Runtime => "Runtime API",
        }
    }

    /// The calls that the function makes, those that matter most several times.
    fn operations(self) -> &'static [&'static str] {
        match self {
            Self::Kvs => &[
                "GetDataEndpoint",
                "ListFragments",
                "ListFragments",
                "GetClip",
                "GetClip",
                "GetClip",
            ],
            Self::S3 => &[
                "HeadObject",
                "GetObject",
                "PutObject",
                "PutObject",
                "PutObject",
                "CreateMultipartUpload",
                "UploadPart",
                "UploadPart",
                "CompleteMultipartUpload",
                "CompleteMultipartUpload",
                "AbortMultipartUpload",
                "ListParts",
                "ListMultipartUploads",
            ],
            Self::Sqs => &["SendMessage"],
            Self::Runtime => &["Next", "Response", "Error"],
        }
    }

    /// Errors that the service is known to answer with. Not those that would be a lie about what it holds,
    /// such as a 404 for an object that is there: from a wrong premise any answer follows.
    fn errors(self) -> &'static [(u16, &'static str)] {
        match self {
            Self::Kvs => &[
                (500, "InternalFailure"),
                (503, "ServiceUnavailableException"),
                (400, "ConnectionLimitExceededException"),
                (403, "AccessDeniedException"),
                (401, "NotAuthorizedException"),
                (400, "InvalidMediaFrameException"),
                (418, "TeapotException"),
            ],
            Self::S3 => &[
                (500, "InternalError"),
                (503, "ServiceUnavailable"),
                (400, "RequestTimeout"),
                (400, "BadDigest"),
                (403, "AccessDenied"),
                (409, "ConditionalRequestConflict"),
                (400, "KMS.DisabledException"),
            ],
            Self::Sqs => &[
                (500, "InternalFailure"),
                (403, "AccessDenied"),
                (400, "KmsThrottled"),
            ],
            Self::Runtime => &[(500, "ServiceError"), (403, "Forbidden"), (413, "TooLarge")],
        }
    }
}

/// One fault of a case.
#[derive(Debug, Clone)]
pub(crate) struct Planted {
    pub(crate) service: Service,
    pub(crate) operation: &'static str,
    pub(crate) when: When,
    pub(crate) fault: Fault,
    /// Which message of a batch it meets, if it is one of S3's.
    pub(crate) message: usize,
}

/// What the report calls a fault.
pub(crate) fn name(fault: &Fault) -> &'static str {
    match fault {
        Fault::Throttle => "throttled",
        Fault::Error { .. } => "an error",
        Fault::Reset => "reset",
        Fault::AnswerLost => "answer lost",
        Fault::HangUp => "hung up",
        Fault::Stall { .. } => "stalled",
        Fault::CutBody { .. } => "body cut off",
        Fault::EndEarly { .. } => "body ends early",
        Fault::Garbage => "garbage",
        Fault::ErrorInside200 { .. } => "an error inside of a 200",
        Fault::Delay(_) => "delayed",
    }
}

/// A fault that `faults` of the service can play.
pub(crate) fn draw(rng: &mut Rng, service: Service, faults: &Faults, messages: usize) -> Planted {
    loop {
        let operation = choose(rng, service.operations());
        let fault = any(rng, service);
        if faults.can_express(operation, &fault) {
            return Planted {
                service,
                operation,
                when: when(rng),
                fault,
                message: rng.usize(..messages),
            };
        }
    }
}

/// A fault of S3 after which an upload has to be given up, so that what goes wrong with that is met.
pub(crate) fn undoing(rng: &mut Rng, faults: &Faults, messages: usize) -> Planted {
    loop {
        let planted = draw(rng, Service::S3, faults, messages);
        let makes = matches!(
            planted.operation,
            "CreateMultipartUpload" | "UploadPart" | "CompleteMultipartUpload"
        );
        if makes {
            return Planted {
                when: When::Every,
                ..planted
            };
        }
    }
}

impl Planted {
    /// Whether it goes wrong only where something is given up.
    pub(crate) fn is_met_in_undoing(&self) -> bool {
        matches!(
            self.operation,
            "AbortMultipartUpload" | "ListParts" | "ListMultipartUploads"
        )
    }
}

/// Early calls more often than late ones, since most exports make few; and sometimes all of them.
fn when(rng: &mut Rng) -> When {
    match rng.u8(..10) {
        0 => When::Every,
        1..=6 => When::Call(rng.u64(1..=2)),
        _ => When::Call(rng.u64(1..=8)),
    }
}

fn any(rng: &mut Rng, service: Service) -> Fault {
    // From the first byte to some megabytes, small numbers as likely as large ones.
    let bits = rng.u32(0..=23);
    let after = rng.u64(0..1 << bits);
    match rng.u8(..11) {
        0 => Fault::Throttle,
        1 => {
            let (status, code) = choose(rng, service.errors());
            Fault::Error {
                status,
                code: code.to_owned(),
                message: "as the storm will have it".to_owned(),
            }
        }
        2 => Fault::Reset,
        3 => Fault::AnswerLost,
        4 => Fault::HangUp,
        5 => Fault::Stall { after },
        6 => Fault::CutBody { after },
        7 => Fault::EndEarly { after },
        8 => Fault::Garbage,
        9 => Fault::ErrorInside200 {
            code: choose(rng, &["InternalError", "SlowDown"]).to_owned(),
            message: "as the storm will have it".to_owned(),
        },
        _ => Fault::Delay(Duration::from_millis(rng.u64(1..1500))),
    }
}

pub(crate) fn choose<T: Copy>(rng: &mut Rng, from: &[T]) -> T {
    from[rng.usize(..from.len())]
}
