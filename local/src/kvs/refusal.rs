//! The service's error answers. Codes, statuses and messages are those that users of the service saw, where
//! any did; messages that nobody has published are worded here and marked so.

use std::fmt;

use crate::signature::Unsigned;

/// A refusal as a client sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// The error code, such as `ResourceNotFoundException`.
    pub code: String,
    /// The text in `Message`.
    pub message: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.code, self.status, self.message)
    }
}

impl std::error::Error for Refusal {}

impl From<Unsigned> for Refusal {
    fn from(unsigned: Unsigned) -> Self {
        let code = match unsigned {
            Unsigned::Missing => "MissingAuthenticationTokenException",
            Unsigned::UnknownKey => "UnrecognizedClientException",
            Unsigned::Incomplete | Unsigned::Region | Unsigned::Service(_) | Unsigned::Mismatch => {
                "InvalidSignatureException"
            }
        };
        Self::new(403, code, unsigned.to_string())
    }
}

impl Refusal {
    fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.to_owned(),
            message: message.into(),
        }
    }

    /// A fault in the request itself. Wordings are ours.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "InvalidArgumentException", message)
    }

    /// An end on the server's clock before everything that is kept.
    pub(super) fn outside_retention(end_ms: i64) -> Self {
        Self::invalid(format!(
            "End timestamp {end_ms} is outside of the stream retention period."
        ))
    }

    pub(super) fn no_fragments() -> Self {
        Self::new(
            404,
            "ResourceNotFoundException",
            "No fragments found in the stream for the clip request.",
        )
    }

    /// Wording ours, after that of the control plane.
    pub(super) fn no_stream() -> Self {
        Self::new(
            404,
            "ResourceNotFoundException",
            "The requested stream is not found or not active.",
        )
    }

    /// Wording ours.
    pub(super) fn no_retention() -> Self {
        Self::new(
            400,
            "NoDataRetentionException",
            "The stream does not retain data.",
        )
    }

    /// Wording ours.
    pub(super) fn unsupported_media() -> Self {
        Self::new(
            400,
            "UnsupportedStreamMediaTypeException",
            "The media type of the stream is not supported.",
        )
    }

    pub(super) fn codec_changed() -> Self {
        Self::new(
            400,
            "InvalidCodecPrivateDataException",
            "The codec private data is not consistent between all fragments.",
        )
    }

    /// Seen for GetDataEndpoint; for the others the same pattern is assumed.
    pub(super) fn throttled(operation: &str, stream: &str) -> Self {
        Self::new(
            400,
            "ClientLimitExceededException",
            format!("Limit exceeded on number of requests for {operation} API for resource '{stream}'"),
        )
    }

    pub(super) fn internal(message: impl Into<String>) -> Self {
        Self::new(500, "InternalFailure", message)
    }

    /// What a test scripted.
    pub(super) fn scripted(status: u16, code: &str, message: &str) -> Self {
        Self::new(status, code, message)
    }
}
