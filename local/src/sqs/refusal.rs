//! The service's error answers. Codes and messages are those that its users saw, where any did; messages that
//! nobody has published are worded here and marked so.

use std::fmt;

use crate::signature::Unsigned;

/// Namespace of errors that the service's model has.
const MODELLED: &str = "com.amazonaws.sqs";

/// Namespace of errors that the framework under it makes.
const FRAMEWORK: &str = "com.amazon.coral.service";

/// A refusal as a client sees it. Its two codes are those of the JSON protocol and of the query protocol
/// before it, which the SDKs still report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// What `__type` says, with its namespace.
    pub kind: String,
    /// The error code, such as `AWS.SimpleQueueService.NonExistentQueue`.
    pub code: String,
    /// The text for people.
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
        let (status, kind, code) = match unsigned {
            Unsigned::Missing => (403, "AccessDeniedException", "AccessDenied"),
            Unsigned::Incomplete => (400, "IncompleteSignatureException", "IncompleteSignature"),
            Unsigned::UnknownKey => (403, "UnrecognizedClientException", "InvalidClientTokenId"),
            Unsigned::Region | Unsigned::Service(_) | Unsigned::Mismatch => {
                (403, "InvalidSignatureException", "SignatureDoesNotMatch")
            }
        };
        Self::new(status, FRAMEWORK, kind, code, unsigned.to_string())
    }
}

impl Refusal {
    fn new(status: u16, space: &str, kind: &str, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            kind: format!("{space}#{kind}"),
            code: code.to_owned(),
            message: message.into(),
        }
    }

    /// Whose fault it is, as the query protocol has it.
    pub(super) fn fault(&self) -> &'static str {
        if self.status < 500 { "Sender" } else { "Receiver" }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        let (kind, code) = ("InvalidParameterValueException", "InvalidParameterValue");
        Self::new(400, FRAMEWORK, kind, code, message)
    }

    /// More than `limit` bytes.
    pub(super) fn too_large(limit: usize) -> Self {
        Self::invalid(format!(
            "One or more parameters are invalid. Reason: Message must be shorter than {limit} bytes."
        ))
    }

    pub(super) fn missing(member: &str) -> Self {
        let (kind, code) = ("MissingRequiredParameterException", "MissingParameter");
        let message = format!("The request must contain the parameter {member}.");
        Self::new(400, FRAMEWORK, kind, code, message)
    }

    pub(super) fn characters(place: &str, found: char) -> Self {
        let kind = "InvalidMessageContents";
        let message = format!(
            "Invalid binary character '#x{:X}' was found in the {place}, the set of allowed characters is #x9 | #xA | #xD | [#x20-#xD7FF] | [#xE000-#xFFFD] | [#x10000-#x10FFFF].",
            u32::from(found)
        );
        Self::new(400, MODELLED, kind, kind, message)
    }

    pub(super) fn no_queue() -> Self {
        let (kind, code) = ("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue");
        Self::new(400, MODELLED, kind, code, "The specified queue does not exist.")
    }

    pub(super) fn lists() -> Self {
        let (kind, code) = (
            "UnsupportedOperation",
            "AWS.SimpleQueueService.UnsupportedOperation",
        );
        let message = "Message attribute list values in SendMessage operation are not supported.";
        Self::new(400, MODELLED, kind, code, message)
    }

    /// Wording ours.
    pub(super) fn unknown_operation() -> Self {
        let (kind, code) = ("UnknownOperationException", "InvalidAction");
        let message = "This queue takes messages and nothing else, by the JSON protocol.";
        Self::new(400, FRAMEWORK, kind, code, message)
    }

    /// Wording ours.
    pub(super) fn malformed(message: impl Into<String>) -> Self {
        let (kind, code) = ("SerializationException", "MalformedInput");
        Self::new(400, FRAMEWORK, kind, code, message)
    }

    /// What a test scripted, with one code for both protocols.
    pub(super) fn scripted(status: u16, code: &str, message: &str) -> Self {
        Self::new(status, MODELLED, code, code, message)
    }
}
