//! Why a clip could not be had.

use std::error::Error;
use std::fmt;

use aws_sdk_kinesisvideoarchivedmedia::config::http::HttpResponse;
use aws_sdk_kinesisvideoarchivedmedia::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kinesisvideoarchivedmedia::operation::RequestId;

type Source = Box<dyn Error + Send + Sync>;

/// A failure of Kinesis Video Streams or of the way to it.
#[derive(Debug)]
pub enum FetchError {
    /// The service answered with an error.
    Service {
        /// The call.
        operation: &'static str,
        /// HTTP status.
        status: u16,
        /// Error code, such as `ResourceNotFoundException`; `None` if the answer had none, as from
        /// a host that is not the right one.
        code: Option<String>,
        /// The service's words.
        message: String,
        /// Id of the request.
        request_id: Option<String>,
    },
    /// No answer came: the host could not be reached, or was silent for too long.
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
    /// `GetDataEndpoint` answered without an endpoint.
    NoEndpoint,
    /// The body of a clip broke off.
    Body {
        /// Id of the request.
        request_id: Option<String>,
        /// What went wrong.
        source: Source,
    },
    /// The body of a clip stopped coming.
    Stalled {
        /// Id of the request.
        request_id: Option<String>,
        /// Seconds without a byte.
        seconds: u64,
    },
}

/// Codes that mean "too much, come back later". The AWS SDKs know the second half only.
const THROTTLING: [&str; 8] = [
    "ClientLimitExceededException",
    "ConnectionLimitExceededException",
    "LimitExceededException",
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
];

impl FetchError {
    /// Translates a failed call.
    pub(super) fn of<E>(operation: &'static str, error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        if matches!(error, SdkError::TimeoutError(_) | SdkError::DispatchFailure(_)) {
            let unsent = matches!(&error, SdkError::DispatchFailure(failure) if failure.is_user() || failure.is_other());
            let source: Source = Box::new(error);
            return if unsent {
                Self::NotSent { operation, source }
            } else {
                Self::NoAnswer { operation, source }
            };
        }
        let Some(response) = error.raw_response() else {
            return Self::NotSent {
                operation,
                source: Box::new(error),
            };
        };
        let status = response.status().as_u16();
        if (200..300).contains(&status) {
            return Self::NoAnswer {
                operation,
                source: Box::new(error),
            };
        }
        let body = response
            .body()
            .bytes()
            .map(String::from_utf8_lossy)
            .unwrap_or_default();
        let request_id = response.request_id().map(str::to_owned);
        let code = error.code().map(str::to_owned);
        let message = error.message().map_or_else(|| plain(&body), str::to_owned);
        Self::Service {
            operation,
            status,
            code,
            message,
            request_id,
        }
    }

    pub(super) fn unbuildable(error: impl Error + Send + Sync + 'static) -> Self {
        Self::NotSent {
            operation: "GetClip",
            source: Box::new(error),
        }
    }

    pub(super) fn no_endpoint() -> Self {
        Self::NoEndpoint
    }

    /// The error code of the service.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Service { code, .. } => code.as_deref(),
            _ => None,
        }
    }

    /// The id of the failed request.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Service { request_id, .. }
            | Self::Body { request_id, .. }
            | Self::Stalled { request_id, .. } => request_id.as_deref(),
            Self::NoAnswer { .. } | Self::NotSent { .. } | Self::NoEndpoint => None,
        }
    }

    /// Whether the service refused because too much was asked of it.
    #[must_use]
    pub fn is_throttling(&self) -> bool {
        match self {
            Self::Service { status, code, .. } => {
                *status == 429 || code.as_deref().is_some_and(|code| THROTTLING.contains(&code))
            }
            _ => false,
        }
    }

    /// Whether the same call can succeed later without anybody changing anything.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Service { status, .. } => {
                *status >= 500 || self.is_throttling() || self.endpoint_is_stale()
            }
            Self::NoAnswer { .. } | Self::NoEndpoint | Self::Body { .. } | Self::Stalled { .. } => true,
            Self::NotSent { .. } => false,
        }
    }

    /// Whether the data endpoint may have moved: nobody answers there, or somebody who knows
    /// nothing of the operation.
    pub(super) fn endpoint_is_stale(&self) -> bool {
        match self {
            Self::Service {
                operation: "GetClip",
                status,
                code,
                message,
                ..
            } => {
                let foreign = code.is_none() && matches!(status, 403 | 404 | 421);
                foreign || message.contains("Unable to determine service/operation name")
            }
            Self::NoAnswer { operation, .. } => *operation == "GetClip",
            _ => false,
        }
    }
}

/// The start of a body that is not the JSON that it should be, on one line.
fn plain(body: &str) -> String {
    const SHOWN: usize = 200;
    let line: String = body.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(SHOWN).collect()
}

impl fmt::Display for FetchError {
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
            Self::NoEndpoint => f.write_str("GetDataEndpoint answered without an endpoint"),
            Self::Body { .. } => f.write_str("the body of the clip broke off"),
            Self::Stalled { seconds, .. } => write!(f, "the body of the clip stalled for {seconds} s"),
        }
    }
}

impl Error for FetchError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NoAnswer { source, .. } | Self::NotSent { source, .. } | Self::Body { source, .. } => {
                Some(source.as_ref())
            }
            Self::Service { .. } | Self::NoEndpoint | Self::Stalled { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(operation: &'static str, status: u16, code: Option<&str>, message: &str) -> FetchError {
        FetchError::Service {
            operation,
            status,
            code: code.map(str::to_owned),
            message: message.to_owned(),
            request_id: None,
        }
    }

    #[test]
    fn throttling_comes_as_http_400() {
        let error = service(
            "GetClip",
            400,
            Some("ClientLimitExceededException"),
            "Rate exceeded",
        );
        assert!(error.is_throttling() && error.may_pass() && !error.endpoint_is_stale());
    }

    #[test]
    fn what_nobody_can_wait_for_is_not_retried() {
        for code in [
            "ResourceNotFoundException",
            "InvalidArgumentException",
            "AccessDeniedException",
        ] {
            assert!(!service("GetClip", 403, Some(code), "no").may_pass(), "{code}");
        }
    }

    #[test]
    fn a_host_that_does_not_know_the_operation_is_a_moved_endpoint() {
        let words = "Unable to determine service/operation name to be authorized";
        assert!(service("GetClip", 403, None, words).endpoint_is_stale());
        assert!(service("GetClip", 403, Some("AccessDeniedException"), words).endpoint_is_stale());
        assert!(service("GetClip", 404, None, "").endpoint_is_stale());
        assert!(!service("GetClip", 403, Some("AccessDeniedException"), "not yours").endpoint_is_stale());
        assert!(!service("GetDataEndpoint", 403, None, words).endpoint_is_stale());
    }

    #[test]
    fn failures_of_the_service_may_pass() {
        assert!(service("GetDataEndpoint", 500, Some("InternalFailure"), "").may_pass());
        assert!(service("GetClip", 503, None, "").may_pass());
    }
}
