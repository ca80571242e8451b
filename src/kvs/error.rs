//! Why a clip, or the list of what there is, could not be had.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::call::CallError;

/// A failure of Kinesis Video Streams or of the way to it.
#[derive(Debug)]
pub enum FetchError {
    /// A call failed.
    Call(CallError),
    /// `GetDataEndpoint` answered without an endpoint, or with one that is not reached over TLS.
    NoEndpoint,
    /// `ListFragments` described a fragment in part only.
    PartialFragment {
        /// What is missing or cannot be right.
        field: &'static str,
        /// Number of the fragment, if it has one.
        number: Option<String>,
    },
    /// `ListFragments` gave the same page twice, or more pages than a range can fill.
    EndlessListing {
        /// Pages that were read.
        pages: usize,
    },
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
    pub(super) fn unbuildable(operation: &'static str, error: impl Error + Send + Sync + 'static) -> Self {
        Self::Call(CallError::NotSent {
            operation,
            source: Arc::new(error),
        })
    }

    /// The id of the failed request.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Call(error) => error.request_id(),
            Self::Body { request_id, .. } | Self::Stalled { request_id, .. } => request_id.as_deref(),
            Self::NoEndpoint | Self::PartialFragment { .. } | Self::EndlessListing { .. } => None,
        }
    }

    /// Whether the caller may not make this very call. That it may not ask where the stream's endpoint is says nothing
    /// of the call that was to go there.
    #[must_use]
    pub fn is_access_denied(&self) -> bool {
        let denied = matches!(
            self.code(),
            Some("AccessDeniedException" | "AccessDenied" | "NotAuthorizedException")
        );
        let is_of_endpoint = matches!(self, Self::Call(error) if error.operation() == "GetDataEndpoint");
        denied && !is_of_endpoint && !self.endpoint_is_stale()
    }

    /// Whether the fragments of a range do not go into one clip: their codec parameters, or their
    /// tracks, differ.
    #[must_use]
    pub fn is_codec_change(&self) -> bool {
        self.code() == Some("InvalidCodecPrivateDataException")
    }

    fn code(&self) -> Option<&str> {
        match self {
            Self::Call(error) => error.code(),
            _ => None,
        }
    }

    /// Whether the same call can succeed later without anybody changing anything.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Call(error) => error.may_pass() || self.endpoint_is_stale(),
            Self::NoEndpoint | Self::Body { .. } | Self::Stalled { .. } => true,
            Self::PartialFragment { .. } | Self::EndlessListing { .. } => false,
        }
    }

    /// Whether the data endpoint may have moved: nobody answers there, or somebody who knows
    /// nothing of the operation.
    #[must_use]
    pub fn endpoint_is_stale(&self) -> bool {
        match self {
            Self::Call(error) if !matches!(error.operation(), "GetClip" | "ListFragments") => false,
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
            Self::NoEndpoint => f.write_str("GetDataEndpoint named no endpoint with https"),
            Self::PartialFragment { field, number } => {
                let number = number.as_deref().unwrap_or("without a number");
                write!(f, "ListFragments gave no usable {field} of the fragment {number}")
            }
            Self::EndlessListing { pages } => {
                write!(f, "ListFragments came to no end within {pages} pages")
            }
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
            Self::NoEndpoint
            | Self::PartialFragment { .. }
            | Self::EndlessListing { .. }
            | Self::Stalled { .. } => None,
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

    #[test]
    fn refusals_that_an_export_can_go_round_are_told_apart_by_their_code() {
        let denied = refused("ListFragments", 403, "AccessDeniedException", "not yours");
        assert!(denied.is_access_denied() && !denied.may_pass() && !denied.is_codec_change());
        assert!(refused("ListFragments", 401, "NotAuthorizedException", "").is_access_denied());
        assert!(!refused("GetDataEndpoint", 401, "NotAuthorizedException", "").is_access_denied());
        let moved = "Unable to determine service/operation name to be authorized";
        let moved = refused("ListFragments", 403, "AccessDeniedException", moved);
        assert!(!moved.is_access_denied() && moved.endpoint_is_stale());
        assert!(!refused("ListFragments", 403, "ExpiredTokenException", "").is_access_denied());
        let changed = refused("GetClip", 400, "InvalidCodecPrivateDataException", "");
        assert!(changed.is_codec_change() && !changed.may_pass());
        assert!(!refused("GetClip", 400, "MissingCodecPrivateDataException", "").is_codec_change());
    }
}
