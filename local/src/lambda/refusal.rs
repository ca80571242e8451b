//! The service's error answers: codes, statuses and messages as its users saw them, unless marked otherwise.

use serde_json::{Value, json};

use crate::signature::Unsigned;

/// A refusal before the function got the event.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: String,
    /// The document in the body.
    pub(super) document: Value,
}

impl From<Unsigned> for Refusal {
    fn from(unsigned: Unsigned) -> Self {
        let code = match unsigned {
            Unsigned::Missing => "MissingAuthenticationTokenException",
            Unsigned::UnknownKey => "UnrecognizedClientException",
            Unsigned::Incomplete => "IncompleteSignatureException",
            Unsigned::Region | Unsigned::Service(_) | Unsigned::Mismatch => "InvalidSignatureException",
        };
        Self::new(403, code, json!({"message": unsigned.to_string()}))
    }
}

impl Refusal {
    fn new(status: u16, code: &str, document: Value) -> Self {
        Self {
            status,
            code: code.to_owned(),
            document,
        }
    }

    /// The model spells the member `Message` here and `message` elsewhere.
    pub(super) fn no_function(arn: &str) -> Self {
        let message = format!("Function not found: {arn}");
        let document = json!({"Type": "User", "Message": message});
        Self::new(404, "ResourceNotFoundException", document)
    }

    pub(super) fn throttled() -> Self {
        let document = json!({
            "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded",
            "Type": "User",
            "message": "Rate Exceeded.",
        });
        Self::new(429, "TooManyRequestsException", document)
    }

    /// The model calls it `RequestTooLargeException`; the service does not.
    pub(super) fn too_large(limit: usize) -> Self {
        let message = format!("Request must be smaller than {limit} bytes for the InvokeFunction operation");
        let document = json!({"Type": "User", "message": message});
        Self::new(413, "RequestEntityTooLargeException", document)
    }

    /// An event that nobody waits for; it is kept until it is played, which costs room.
    pub(super) fn too_large_to_wait(size: usize, limit: usize) -> Self {
        let message =
            format!("{size} byte payload is too large for the Event invocation type (limit {limit} bytes)");
        let document = json!({"Type": "User", "message": message});
        Self::new(413, "RequestEntityTooLargeException", document)
    }

    /// What is wrong with the JSON is worded by our parser.
    pub(super) fn not_json(error: &str) -> Self {
        let message =
            format!("Could not parse request body into json: Could not parse payload into json: {error}");
        let document = json!({"Type": "User", "message": message});
        Self::new(400, "InvalidRequestContentException", document)
    }

    pub(super) fn invocation_type(found: &str) -> Self {
        let message = format!(
            "1 validation error detected: Value '{found}' at 'invocationType' failed to satisfy constraint: Member must satisfy enum value set: [Event, RequestResponse, DryRun]"
        );
        Self::new(400, "ValidationException", json!({"message": message}))
    }

    /// Wording ours.
    pub(super) fn unknown_operation() -> Self {
        let message = "Functions can be invoked here, and nothing else.";
        Self::new(404, "UnknownOperationException", json!({"message": message}))
    }

    /// What a test scripted.
    pub(super) fn scripted(status: u16, code: &str, message: &str) -> Self {
        let kind = if status < 500 { "User" } else { "Service" };
        // Both spellings: which one a client reads depends on the code.
        let document = json!({"Type": kind, "Message": message, "message": message});
        Self::new(status, code, document)
    }
}
