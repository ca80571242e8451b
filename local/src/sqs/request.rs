//! Request bodies, read as strictly as the service's model says (AWS JSON 1.0, botocore's `sqs`). Members
//! that the model does not have are passed over, as AWS does.

use serde_json::{Map, Value};

use super::attributes;
use super::queue::Message;
use super::refusal::Refusal;
use crate::account::ACCOUNT_ID;

/// The request of a `SendMessage`, as far as it decides what is sent.
#[derive(Debug, Default)]
pub(super) struct Sending(Map<String, Value>);

impl Sending {
    pub(super) fn read(body: &[u8]) -> Result<Self, Refusal> {
        match serde_json::from_slice(body) {
            Ok(Value::Object(members)) => Ok(Self(members)),
            _ => Err(Refusal::malformed("The request body is not a JSON object.")),
        }
    }

    /// Name of the queue in `QueueUrl`. Which host stands there is no matter: the service knows itself under
    /// several names.
    pub(super) fn queue(&self) -> Option<&str> {
        let url = self.0.get("QueueUrl")?.as_str()?;
        let (_, address) = url.split_once("://")?;
        let (_, path) = address.split_once('/')?;
        path.strip_prefix(ACCOUNT_ID)?.strip_prefix('/')
    }

    /// The message, if SQS takes it.
    pub(super) fn message(&self) -> Result<Message, Refusal> {
        let body = match self.0.get("MessageBody") {
            None | Some(Value::Null) => "",
            Some(Value::String(body)) => body,
            Some(_) => return Err(Refusal::malformed("MessageBody is not a string.")),
        };
        let attributes = match self.0.get("MessageAttributes") {
            None | Some(Value::Null) => attributes::read(&Map::new()),
            Some(Value::Object(attributes)) => attributes::read(attributes),
            Some(_) => Err(Refusal::malformed("MessageAttributes is not an object.")),
        };
        Message::new(body, attributes?)
    }
}

/// Refuses characters that XML 1.0 does not have; `place` is where they stand.
pub(super) fn characters(place: &str, text: &str) -> Result<(), Refusal> {
    let outside = |c: &char| !matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    match text.chars().find(outside) {
        None => Ok(()),
        Some(found) => Err(Refusal::characters(place, found)),
    }
}
