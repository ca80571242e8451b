//! The errors of an export and the one translation of them into what callers see.
//!
//! [`ErrorType`] is a contract: a closed list of labels that a Step Functions `Retry` or `Catch`
//! can match as `errorType`. Every failure gets exactly one of them, and a message that says what
//! happened, to which stream and range, under which AWS request id, and what to do.

mod error_type;

pub use error_type::ErrorType;

use std::any::Any;
use std::error::Error as StdError;
use std::fmt;

use jiff::Timestamp;
use lambda_runtime::Diagnostic;

use crate::call::CallError;
use crate::event::Faults;
use crate::kvs::FetchError;
use crate::mp4::Mp4Error;
use crate::plan::{MUCH_SKEW_MS, Strange, TimeRange, rfc3339};
use crate::upload::UploadError;

/// Why there is no clip.
#[derive(Debug)]
pub enum Error {
    /// The event is not a request that can be served.
    Request(Faults),
    /// The environment variables of the function are wrong.
    Settings(Faults),
    /// The range has not ended, or only just, and its footage is not in the archive.
    NotYetArchived {
        /// End of the range.
        end: Timestamp,
        /// When it was given up.
        now: Timestamp,
        /// From when on the same request makes sense again.
        again: Timestamp,
    },
    /// The clip could not be had.
    Fetch(FetchError),
    /// The archive lists nothing in the range, and a clip of it could not be had either.
    NothingListed {
        /// Why the clip could not be had.
        source: FetchError,
        /// The server's clock minus the camera's in milliseconds, if the camera is sending.
        skew_ms: Option<i64>,
    },
    /// What came is not a whole MP4.
    Damaged(Mp4Error),
    /// What came is not what the list of fragments says.
    Strange {
        /// What was asked for.
        range: Option<TimeRange>,
        /// What is strange about it.
        source: Strange,
    },
    /// A clip could not wait in the function's ephemeral storage.
    Spool(std::io::Error),
    /// The clip could not be stored.
    Upload(UploadError),
    /// Of several objects only some could be made.
    Partly {
        /// Keys of those that are there.
        keys: Vec<String>,
        /// Why the others are not.
        source: Box<Error>,
    },
    /// There is an object at the key, and the request does not want it replaced.
    DestinationExists {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
        /// Whether it is an earlier export of the same clip (and the request said `FAIL`).
        same_clip: bool,
    },
    /// An export of the clip has made one of its several objects, of other bytes than this one would, and not the
    /// first, which is the last to be made.
    UnderWay {
        /// The bucket.
        bucket: String,
        /// Key of that object.
        key: String,
        /// From when on it may be replaced: whoever made it has ended by then.
        from: Timestamp,
    },
    /// There was not enough time.
    Deadline {
        /// What was going on.
        stage: &'static str,
        /// What had gone wrong before, and kept the work from ending in time.
        last_failure: Option<String>,
        /// Milliseconds that were left when the work began.
        budget_ms: u64,
    },
    /// The object could not be made, and S3 did not say what is left of the attempt. Nothing more was
    /// tried, so that no more is left.
    Unsettled(Box<Error>),
    /// A defect of this function: it panicked.
    Panic(String),
}

impl Error {
    /// The error for a panic that was caught.
    #[must_use]
    pub fn panic(payload: &(dyn Any + Send)) -> Self {
        let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
        Self::Panic(text.unwrap_or_else(|| "without words".to_owned()))
    }

    /// The label of this error.
    #[must_use]
    pub fn error_type(&self) -> ErrorType {
        match self {
            Self::Request(_) | Self::Settings(_) => ErrorType::InvalidRequest,
            Self::NotYetArchived { .. } => ErrorType::NotYetArchived,
            Self::Fetch(error) => of_fetch(error),
            Self::NothingListed { source, .. } => match of_fetch(source) {
                // What has a list is there, whatever of the refusal was lost on the way.
                ErrorType::StreamNotFound => ErrorType::NoFragments,
                error_type => error_type,
            },
            Self::Damaged(Mp4Error::Unsupported { .. }) => ErrorType::UnsupportedMedia,
            Self::Damaged(Mp4Error::TooLarge { .. }) => ErrorType::UnsupportedMedia,
            // Playback that is cut to a range in which no picture begins.
            Self::Damaged(Mp4Error::Nothing) => ErrorType::NoFragments,
            Self::Damaged(_) | Self::Strange { .. } => ErrorType::ClipDamaged,
            Self::Spool(_) => ErrorType::Internal,
            Self::Unsettled(error) | Self::Partly { source: error, .. } => error.error_type(),
            Self::Upload(error) => of_upload(error),
            Self::DestinationExists { .. } => ErrorType::DestinationExists,
            Self::Deadline { .. } => ErrorType::DeadlineTooClose,
            Self::UnderWay { .. } => ErrorType::ServiceUnavailable,
            Self::Panic(_) => ErrorType::Internal,
        }
    }

    /// The id of the AWS request that failed, if one did.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Fetch(error) | Self::NothingListed { source: error, .. } => error.request_id(),
            Self::Upload(error) => error.request_id(),
            Self::Unsettled(error) | Self::Partly { source: error, .. } => error.request_id(),
            _ => None,
        }
    }

    /// What callers see: the label, and a message with the causes, `context` (the stream and the
    /// range, if they are known), the request id and the cure.
    #[must_use]
    pub fn diagnostic(&self, context: Option<&str>) -> Diagnostic {
        let mut message = chain(self);
        let request_id = self.request_id().map(|id| format!("AWS request id {id}"));
        let about: Vec<&str> = context.into_iter().chain(request_id.as_deref()).collect();
        if !about.is_empty() {
            message = format!("{message} ({})", about.join("; "));
        }
        let error_type = self.error_type();
        Diagnostic {
            error_type: error_type.as_str().to_owned(),
            error_message: format!("{message}. {}", error_type.cure()),
        }
    }
}

/// An error and its causes, each said once.
pub(crate) fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.ends_with(&words) {
            text = format!("{text}: {words}");
        }
        cause = error.source();
    }
    text
}

fn of_fetch(error: &FetchError) -> ErrorType {
    let call = match error {
        FetchError::Call(call) => call,
        FetchError::Body { .. } | FetchError::Stalled { .. } => return ErrorType::ClipDamaged,
        FetchError::NoEndpoint | FetchError::PartialFragment { .. } | FetchError::EndlessListing { .. } => {
            return ErrorType::ServiceUnavailable;
        }
    };
    let CallError::Refused { code, message, .. } = call else {
        return of_call(call);
    };
    match code.as_deref().unwrap_or_default() {
        "ResourceNotFoundException" if message.contains("No fragments found") => ErrorType::NoFragments,
        "ResourceNotFoundException" => ErrorType::StreamNotFound,
        "NoDataRetentionException" => ErrorType::OutsideRetention,
        "InvalidArgumentException" if message.contains("retention period") => ErrorType::OutsideRetention,
        "InvalidArgumentException" => ErrorType::InvalidRequest,
        "InvalidCodecPrivateDataException"
        | "MissingCodecPrivateDataException"
        | "InvalidMediaFrameException"
        | "UnsupportedStreamMediaTypeException" => ErrorType::UnsupportedMedia,
        _ if error.endpoint_is_stale() => ErrorType::ServiceUnavailable,
        _ => match of_call(call) {
            ErrorType::UploadFailed => ErrorType::Internal,
            error_type => error_type,
        },
    }
}

fn of_upload(error: &UploadError) -> ErrorType {
    match error {
        // What somebody else did at the same moment: the next try finds out what.
        error if error.is_taken() || error.is_conflict() || error.is_vanished() => {
            ErrorType::ServiceUnavailable
        }
        UploadError::Call(call) => of_call(call),
        UploadError::Position { .. }
        | UploadError::HeadLength { .. }
        | UploadError::OutOfOrder { .. }
        | UploadError::PartsMissing { .. }
        | UploadError::TaskLost { .. } => ErrorType::Internal,
        UploadError::NoUploadId | UploadError::TooManyUploads | UploadError::SurvivedAbort { .. } => {
            ErrorType::ServiceUnavailable
        }
        UploadError::TooManyParts { .. } | UploadError::Evidence { .. } => ErrorType::UploadFailed,
    }
}

/// What all services of AWS mean alike.
fn of_call(error: &CallError) -> ErrorType {
    let CallError::Refused { status, code, .. } = error else {
        return match error {
            CallError::NoAnswer { .. } => ErrorType::ServiceUnavailable,
            _ if error.lacks_credentials() => ErrorType::AccessDenied,
            _ => ErrorType::Internal,
        };
    };
    if error.is_throttling() {
        return ErrorType::Throttled;
    }
    match (code.as_deref().unwrap_or_default(), *status) {
        // The clock of the host, or a body that came too slowly: nobody's permissions.
        ("RequestTimeTooSkewed" | "RequestExpired" | "RequestTimeout" | "IncompleteBody", _) => {
            ErrorType::ServiceUnavailable
        }
        ("ExpiredToken" | "ExpiredTokenException" | "InvalidToken" | "UnrecognizedClientException", _) => {
            ErrorType::AccessDenied
        }
        (code, 400) if code.starts_with("KMS.") => ErrorType::AccessDenied,
        // S3 gives no reason for a HEAD. What it refuses with 400 there is an expired token.
        ("", 400) if error.operation() == "HeadObject" => ErrorType::AccessDenied,
        (_, 401 | 403) => ErrorType::AccessDenied,
        ("InternalError" | "InternalFailure" | "ServiceUnavailable", _) | (_, 500..) => {
            ErrorType::ServiceUnavailable
        }
        _ => ErrorType::UploadFailed,
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(faults) => write!(f, "the event cannot be served: {faults}"),
            Self::Settings(faults) => write!(f, "the function's environment variables are wrong: {faults}"),
            Self::NotYetArchived { end, now, again } => write!(
                f,
                "the range ends at {} and it is {}: its footage is not archived yet; ask again from {} on",
                rfc3339(*end),
                rfc3339(*now),
                rfc3339(*again)
            ),
            Self::Fetch(_) => f.write_str("the clip could not be fetched"),
            Self::NothingListed { skew_ms, .. } => {
                f.write_str("the archive lists no fragment in the range")?;
                match skew_ms.filter(|skew| skew.abs() > MUCH_SKEW_MS) {
                    None => Ok(()),
                    Some(skew) => write!(
                        f,
                        ", and the camera's clock is {:.3} s {} the server's, so that PRODUCER_TIMESTAMP means other moments; \
                         ask by SERVER_TIMESTAMP",
                        skew.unsigned_abs() as f64 / 1000.0,
                        if skew > 0 { "behind" } else { "ahead of" }
                    ),
                }
            }
            Self::Damaged(_) => f.write_str("what GetClip sent is not a whole clip"),
            Self::Strange { range, .. } => {
                f.write_str("what GetClip sent is not what ListFragments named")?;
                match range {
                    Some(range) => write!(f, " for {range}"),
                    None => Ok(()),
                }
            }
            Self::Spool(_) => f.write_str("a clip could not wait in the ephemeral storage"),
            Self::Upload(_) => f.write_str("the clip could not be stored"),
            Self::Partly { keys, source } => {
                write!(f, "of several objects only {} could be made", keys.join(", "))?;
                match source.error_type() {
                    ErrorType::DestinationExists => Ok(()),
                    _ => f.write_str("; the same event again makes the rest"),
                }
            }
            Self::DestinationExists {
                bucket,
                key,
                same_clip,
            } => {
                let what = if *same_clip {
                    "this very clip"
                } else {
                    "another object"
                };
                write!(f, "{what} is at s3://{bucket}/{key} already")
            }
            Self::UnderWay { bucket, key, from } => write!(
                f,
                "an export of this very clip has made s3://{bucket}/{key}, of other bytes than this one would write \
                 there, and not all of the clip's objects; if it has ended, that object may be replaced from {} on",
                rfc3339(*from)
            ),
            Self::Deadline {
                stage,
                budget_ms,
                last_failure,
            } => {
                write!(
                    f,
                    "the time of the invocation was over while {stage}; it began with {budget_ms} ms left"
                )?;
                match last_failure {
                    Some(failure) => write!(f, "; before that: {failure}"),
                    None => Ok(()),
                }
            }
            Self::Unsettled(_) => {
                f.write_str("S3 did not say what is left of the attempt (the log says more)")
            }
            Self::Panic(message) => write!(f, "the function panicked: {message}"),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Fetch(error) | Self::NothingListed { source: error, .. } => Some(error),
            Self::Damaged(error) => Some(error),
            Self::Upload(error) => Some(error),
            Self::Strange { source, .. } => Some(source),
            Self::Spool(error) => Some(error),
            Self::Unsettled(error) | Self::Partly { source: error, .. } => Some(error.as_ref()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
