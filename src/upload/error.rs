//! Why an object could not be put or looked at.

use std::error::Error;
use std::fmt;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::RequestId;

type Source = Box<dyn Error + Send + Sync>;

/// A failure of S3, of the way to it, or of the bytes that were to go there.
#[derive(Debug)]
pub enum UploadError {
    /// S3 answered with an error.
    Service {
        /// The call.
        operation: &'static str,
        /// HTTP status: it can be 200, because `CompleteMultipartUpload` may fail after it began to answer.
        status: u16,
        /// Error code, such as `NoSuchBucket`; an answer to a HEAD has none.
        code: Option<String>,
        /// S3's words.
        message: String,
        /// Id of the request.
        request_id: Option<String>,
    },
    /// No answer came, or one that could not be read.
    NoAnswer {
        /// The call.
        operation: &'static str,
        /// What went wrong.
        source: Source,
    },
    /// The call could not be made at all: no credentials, or a request that the SDK refuses.
    NotSent {
        /// The call.
        operation: &'static str,
        /// What went wrong.
        source: Source,
    },
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
    /// A part was lost inside this process.
    PartLost {
        /// What went wrong.
        source: Source,
    },
}

impl UploadError {
    /// Translates a failed call.
    pub(super) fn of<E>(operation: &'static str, error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let unsent = match &error {
            SdkError::ConstructionFailure(_) => true,
            SdkError::DispatchFailure(failure) => failure.is_user() || failure.is_other(),
            _ => false,
        };
        if unsent {
            return Self::NotSent {
                operation,
                source: Box::new(error),
            };
        }
        let SdkError::ServiceError(context) = &error else {
            return Self::NoAnswer {
                operation,
                source: Box::new(error),
            };
        };
        let response = context.raw();
        Self::Service {
            operation,
            status: response.status().as_u16(),
            code: error.code().map(str::to_owned),
            message: error.message().unwrap_or_default().to_owned(),
            request_id: response.request_id().map(str::to_owned),
        }
    }

    /// The error code of S3.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Service { code, .. } => code.as_deref(),
            _ => None,
        }
    }

    /// The HTTP status of S3's answer.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Service { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// The id of the failed request.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Service { request_id, .. } => request_id.as_deref(),
            _ => None,
        }
    }

    /// Whether S3 refused because too much was asked of it.
    #[must_use]
    pub fn is_throttling(&self) -> bool {
        let codes = [
            "SlowDown",
            "RequestLimitExceeded",
            "Throttling",
            "ThrottlingException",
        ];
        self.status() == Some(429) || self.code().is_some_and(|code| codes.contains(&code))
    }

    /// Whether the same call can succeed later without anybody changing anything.
    pub(super) fn may_pass(&self) -> bool {
        let failed = self.status().is_some_and(|status| status >= 500);
        failed || self.is_throttling() || matches!(self, Self::NoAnswer { .. })
    }

    /// There is an object at the key (HTTP 412).
    #[must_use]
    pub fn is_taken(&self) -> bool {
        self.code() == Some("PreconditionFailed") || self.status() == Some(412)
    }

    /// Somebody else was writing to the key at the same moment (HTTP 409). The upload is of no more
    /// use: S3 wants a new one.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.code() == Some("ConditionalRequestConflict")
    }

    /// The upload is not there any more: it was completed, or somebody aborted it.
    #[must_use]
    pub fn is_vanished(&self) -> bool {
        self.code() == Some("NoSuchUpload")
    }
}

impl fmt::Display for UploadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service {
                operation,
                status,
                code,
                message,
                ..
            } => {
                let code = code.as_deref().unwrap_or("no error code");
                write!(f, "{operation} was refused: {code} (HTTP {status})")?;
                if message.is_empty() {
                    Ok(())
                } else {
                    write!(f, ": {message}")
                }
            }
            Self::NoAnswer { operation, .. } => write!(f, "{operation} got no answer"),
            Self::NotSent { operation, .. } => write!(f, "{operation} could not be sent"),
            Self::Position { expected, actual } => {
                write!(f, "a piece for offset {actual} came where {expected} had to come")
            }
            Self::TooManyParts { part_bytes } => {
                write!(f, "the object has more than 10000 parts of {part_bytes} bytes")
            }
            Self::Evidence { what, sent, held } => {
                write!(f, "S3 holds an object with {what} {held} where {sent} was sent")
            }
            Self::PartLost { .. } => f.write_str("a part was lost before it was sent"),
        }
    }
}

impl Error for UploadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NoAnswer { source, .. } | Self::NotSent { source, .. } | Self::PartLost { source } => {
                Some(source.as_ref())
            }
            _ => None,
        }
    }
}
