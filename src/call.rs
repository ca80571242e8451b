//! How a call to AWS fails, whichever service it goes to.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// Shared, as exports side by side may wait for one call.
type Source = Arc<dyn Error + Send + Sync>;

/// Longest text of a service that is repeated, in characters.
const SHOWN: usize = 400;

/// A call that did not do what it was to do.
#[derive(Debug, Clone)]
pub enum CallError {
    /// The service answered with an error.
    Refused {
        /// The call.
        operation: &'static str,
        /// HTTP status: it can be 200, because `CompleteMultipartUpload` may fail after it began to answer.
        status: u16,
        /// Error code, such as `NoSuchBucket`. An answer to a HEAD has none, nor has one of a host that
        /// is not the right one.
        code: Option<String>,
        /// The service's words.
        message: String,
        /// Id of the request.
        request_id: Option<String>,
    },
    /// No answer came, or one that could not be read. The service may have done its work all the same.
    NoAnswer {
        /// The call.
        operation: &'static str,
        /// What went wrong.
        source: Source,
    },
    /// The call was not made: no credentials, or a request that the SDK refuses.
    NotSent {
        /// The call.
        operation: &'static str,
        /// What went wrong.
        source: Source,
    },
}

/// Codes that mean "too much, come back later". The AWS SDKs know only some of them.
const THROTTLING: [&str; 11] = [
    "ClientLimitExceededException",
    "ConnectionLimitExceededException",
    "KMS.ThrottlingException",
    "LimitExceededException",
    "RequestLimitExceeded",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequests",
    "TooManyRequestsException",
];

impl CallError {
    /// Translates a failed call.
    pub(crate) fn of<E>(operation: &'static str, error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        // Everything else that goes wrong on the way may have reached the service: an idle connection
        // that closes under a request looks the same as an answer that got lost.
        let unsent = match &error {
            SdkError::ConstructionFailure(_) => true,
            SdkError::DispatchFailure(failure) => failure.is_user() || lacks_credentials(&error),
            _ => false,
        };
        if unsent {
            return Self::NotSent {
                operation,
                source: Arc::new(error),
            };
        }
        let response = match error.raw_response() {
            // An answer that broke off is none, whatever its status: what it would have said is not known, and Kinesis
            // Video Streams throttles with HTTP 400. The SDK also calls a 200 that it cannot read, such as one whose
            // body ends early, an error of the service; only one that has a code is.
            Some(response)
                if !matches!(error, SdkError::ResponseError(_))
                    && (!response.status().is_success() || error.code().is_some()) =>
            {
                response
            }
            _ => {
                return Self::NoAnswer {
                    operation,
                    source: Arc::new(error),
                };
            }
        };
        let header = |name: &str| response.headers().get(name).map(str::to_owned);
        let mut message = presentable(error.message().unwrap_or_default());
        if let Some(region) =
            header("x-amz-bucket-region").filter(|_| matches!(response.status().as_u16(), 301 | 400))
        {
            message = format!("{message} (the bucket is in {region})")
                .trim_start()
                .to_owned();
        }
        Self::Refused {
            operation,
            status: response.status().as_u16(),
            code: error.code().map(str::to_owned),
            message,
            request_id: header("x-amzn-requestid").or_else(|| header("x-amz-request-id")),
        }
    }

    /// The call.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        match self {
            Self::Refused { operation, .. }
            | Self::NoAnswer { operation, .. }
            | Self::NotSent { operation, .. } => operation,
        }
    }

    /// The error code of the service.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => code.as_deref(),
            _ => None,
        }
    }

    /// The HTTP status of the answer.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// The id of the failed request.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Refused { request_id, .. } => request_id.as_deref(),
            _ => None,
        }
    }

    /// Whether the service refused because too much was asked of it.
    #[must_use]
    pub fn is_throttling(&self) -> bool {
        self.status() == Some(429) || self.code().is_some_and(|code| THROTTLING.contains(&code))
    }

    /// Whether the call was not made for want of credentials.
    #[must_use]
    pub fn lacks_credentials(&self) -> bool {
        match self {
            Self::NotSent { source, .. } => lacks_credentials(source.as_ref()),
            _ => false,
        }
    }

    /// Whether the same call can succeed later without anybody changing anything.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        let failed = self.status().is_some_and(|status| status >= 500);
        failed || self.is_throttling() || matches!(self, Self::NoAnswer { .. })
    }
}

fn lacks_credentials(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<CredentialsError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// What of a service's words may be shown. An answer to a bad signature repeats the request as it was
/// to be signed, the session token in it.
fn presentable(message: &str) -> String {
    let until = [
        "Canonical String",
        "canonical string",
        "StringToSign",
        "String-to-Sign",
    ]
    .iter()
    .filter_map(|mark| message.find(mark))
    .min()
    .unwrap_or(message.len());
    let line: Vec<&str> = message
        .get(..until)
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    line.join(" ").chars().take(SHOWN).collect()
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused {
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
        }
    }
}

impl Error for CallError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NoAnswer { source, .. } | Self::NotSent { source, .. } => Some(source.as_ref()),
            Self::Refused { .. } => None,
        }
    }
}

#[cfg(test)]
impl CallError {
    /// A refusal as a test needs it.
    pub(crate) fn refused(operation: &'static str, status: u16, code: &str, message: &str) -> Self {
        Self::Refused {
            operation,
            status,
            code: (!code.is_empty()).then(|| code.to_owned()),
            message: message.to_owned(),
            request_id: Some("r-1".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throttling_comes_as_http_400_too() {
        let error = CallError::refused("GetClip", 400, "ClientLimitExceededException", "Rate exceeded");
        assert!(error.is_throttling() && error.may_pass());
        assert!(CallError::refused("PutObject", 503, "SlowDown", "").is_throttling());
    }

    #[test]
    fn what_nobody_can_wait_for_may_not_pass() {
        for code in [
            "ResourceNotFoundException",
            "InvalidArgumentException",
            "AccessDenied",
        ] {
            assert!(
                !CallError::refused("GetClip", 403, code, "no").may_pass(),
                "{code}"
            );
        }
        assert!(CallError::refused("GetClip", 503, "", "").may_pass());
    }

    #[test]
    fn what_was_to_be_signed_is_not_repeated() {
        let message = "The request signature does not match.\n\nThe Canonical String for this request should have \
                       been\n'POST\nx-amz-security-token:IQoJb3JpZ2lu'";
        let shown = presentable(message);
        assert_eq!(shown, "The request signature does not match. The");
        assert_eq!(presentable(&"x".repeat(1000)).len(), SHOWN);
    }
}
