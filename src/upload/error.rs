//! Why an object could not be put or looked at.

use std::error::Error;
use std::fmt;

use crate::call::CallError;

/// A failure of S3, of the way to it, or of the bytes that were to go there.
#[derive(Debug)]
pub enum UploadError {
    /// A call failed.
    Call(CallError),
    /// A piece came that does not continue the object.
    Position {
        /// Offset at which the next piece has to start.
        expected: u64,
        /// Offset that the piece was said to have.
        actual: u64,
    },
    /// The object needs more parts than S3 takes.
    TooManyParts {
        /// Bytes of a part.
        part_bytes: usize,
    },
    /// S3 holds something else than what was sent.
    Evidence {
        /// What differs.
        what: &'static str,
        /// What was sent.
        sent: String,
        /// What S3 says it holds.
        held: String,
    },
    /// A head has another length than it said.
    HeadLength {
        /// Bytes that the first part was to have.
        announced: u64,
        /// Bytes that it has.
        given: u64,
    },
    /// A step was taken out of its order.
    OutOfOrder {
        /// The step.
        step: &'static str,
        /// What has to come before it, or what it has to come before.
        rule: &'static str,
    },
    /// Not every part that was cut was sent.
    PartsMissing {
        /// Parts that were cut.
        cut: usize,
        /// Parts that were sent.
        sent: usize,
    },
    /// S3 has created an upload and not said which.
    NoUploadId,
    /// S3 has more uploads to the key than it lists at once.
    TooManyUploads,
    /// The upload is still there after its aborts.
    SurvivedAbort {
        /// Id of the upload.
        upload_id: String,
    },
    /// A call was lost inside this process.
    TaskLost {
        /// What went wrong.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl UploadError {
    /// The id of the failed request.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.call().and_then(CallError::request_id)
    }

    /// There is an object at the key that may not be replaced (HTTP 412).
    #[must_use]
    pub fn is_taken(&self) -> bool {
        self.code() == Some("PreconditionFailed") || self.call().and_then(CallError::status) == Some(412)
    }

    /// Somebody else was writing to the key at the same moment (HTTP 409). The upload is of no more
    /// use: S3 wants a new one.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.code() == Some("ConditionalRequestConflict")
    }

    /// The upload is not there any more, as it was completed or somebody aborted it; or the object that it was
    /// to replace.
    #[must_use]
    pub fn is_vanished(&self) -> bool {
        matches!(self.code(), Some("NoSuchUpload" | "NoSuchKey"))
    }

    /// The bytes changed on their way.
    #[must_use]
    pub fn is_corruption(&self) -> bool {
        self.code() == Some("BadDigest")
    }

    /// S3 may have done what it was asked to do, and nobody knows.
    pub(super) fn is_ambiguous(&self) -> bool {
        match self {
            Self::Call(CallError::NoAnswer { .. }) | Self::TaskLost { .. } | Self::NoUploadId => true,
            // A failure of S3 may come after the work was done; throttling does not.
            Self::Call(error) => error.status().is_some_and(|status| status >= 500) && !error.is_throttling(),
            _ => false,
        }
    }

    pub(super) fn call(&self) -> Option<&CallError> {
        match self {
            Self::Call(error) => Some(error),
            _ => None,
        }
    }

    pub(super) fn code(&self) -> Option<&str> {
        self.call().and_then(CallError::code)
    }
}

impl fmt::Display for UploadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(error) => error.fmt(f),
            Self::Position { expected, actual } => {
                write!(f, "a piece for offset {actual} came where {expected} had to come")
            }
            Self::TooManyParts { part_bytes } => {
                write!(f, "the object has more than 10000 parts of {part_bytes} bytes")
            }
            Self::Evidence { what, sent, held } => {
                write!(f, "S3 holds an object with {what} {held} where {sent} was sent")
            }
            Self::HeadLength { announced, given } => {
                write!(
                    f,
                    "the first part has {given} bytes where {announced} were announced"
                )
            }
            Self::OutOfOrder { step, rule } => write!(f, "an upload is {step} only {rule}"),
            Self::PartsMissing { cut, sent } => write!(f, "{sent} of {cut} parts were sent"),
            Self::NoUploadId => f.write_str("CreateMultipartUpload answered without an upload id"),
            Self::TooManyUploads => f.write_str("there are more unfinished uploads than S3 lists at once"),
            Self::SurvivedAbort { upload_id } => write!(f, "the upload {upload_id} has survived its aborts"),
            Self::TaskLost { .. } => f.write_str("a call was lost inside of the function"),
        }
    }
}

impl Error for UploadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Call(error) => error.source(),
            Self::TaskLost { source } => Some(source.as_ref()),
            _ => None,
        }
    }
}
