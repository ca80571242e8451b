//! Why a clip could not be had.

use std::error::Error;
use std::fmt;

use crate::call::CallError;

/// A failure of Kinesis Video Streams or of the way to it.
#[derive(Debug)]
pub enum FetchError {
    /// A call failed.
    Call(CallError),
    /// `GetDataEndpoint` answered without an endpoint.
    NoEndpoint,
    /// The body of a clip broke off.
    Body {
        /// Id of the request.
        request_id: Option<String>,
        /// What went wrong.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The body of a clip stopped coming.
    Stalled {
        /// Id of the request.
        request_id: Option<String>,
        /// Seconds without a byte.
        seconds: u64,
    },
}

impl FetchError {
    pub(super) fn unbuildable(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Call(CallError::NotSent {
            operation: "GetClip",
            source: Box::new(error),
        })
    }

    /// The id of the failed request.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Call(error) => error.request_id(),
            Self::Body { request_id, .. } | Self::Stalled { request_id, .. } => request_id.as_deref(),
            Self::NoEndpoint => None,
        }
    }

    /// Whether the same call can succeed later without anybody changing anything.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Call(error) => error.may_pass() || self.endpoint_is_stale(),
            Self::NoEndpoint | Self::Body { .. } | Self::Stalled { .. } => true,
        }
    }

    /// Whether the data endpoint may have moved: nobody answers there, or somebody who knows
    /// nothing of the operation.
    #[must_use]
    pub fn endpoint_is_stale(&self) -> bool {
        match self {
            Self::Call(error) if error.operation() != "GetClip" => false,
            Self::Call(CallError::Refused {
                status,
                code,
                message,
                ..
            }) => {
                let foreign = code.is_none() && matches!(status, 403 | 404 | 421);
                foreign || message.contains("Unable to determine service/operation name")
            }
            Self::Call(error) => matches!(error, CallError::NoAnswer { .. }),
            _ => false,
        }
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(error) => error.fmt(f),
            Self::NoEndpoint => f.write_str("GetDataEndpoint answered without an endpoint"),
            Self::Body { .. } => f.write_str("the body of the clip broke off"),
            Self::Stalled { seconds, .. } => write!(f, "the body of the clip stalled for {seconds} s"),
        }
    }
}

impl Error for FetchError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Call(error) => error.source(),
            Self::Body { source, .. } => Some(source.as_ref()),
            Self::NoEndpoint | Self::Stalled { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(operation: &'static str, status: u16, code: &str, message: &str) -> FetchError {
        FetchError::Call(CallError::refused(operation, status, code, message))
    }

    #[test]
    fn a_host_that_does_not_know_the_operation_is_a_moved_endpoint() {
        let words = "Unable to determine service/operation name to be authorized";
        assert!(refused("GetClip", 403, "", words).endpoint_is_stale());
        assert!(refused("GetClip", 403, "AccessDeniedException", words).endpoint_is_stale());
        assert!(refused("GetClip", 404, "", "").endpoint_is_stale());
        assert!(refused("GetClip", 404, "", "").may_pass());
        assert!(!refused("GetClip", 403, "AccessDeniedException", "not yours").endpoint_is_stale());
        assert!(!refused("GetDataEndpoint", 403, "", words).endpoint_is_stale());
    }
}
