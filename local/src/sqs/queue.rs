//! A queue and what it holds.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::attributes::{self, Attribute};
use super::refusal::Refusal;
use super::request;
use crate::request_id::request_id;

/// Messages that a queue keeps; a stack that serves for days must not grow.
const MESSAGES_KEPT: usize = 10_000;

/// The most bytes of a message: 1 MiB, its body, and names, types and values of its attributes together
/// ("Amazon SQS message quotas"; 256 KiB until August 2025).
pub(super) const LARGEST_MESSAGE: usize = 1 << 20;

/// A message as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The id that the sender was told.
    pub id: String,
    /// Its body.
    pub body: String,
    /// Its attributes, by name.
    pub attributes: BTreeMap<String, Attribute>,
}

impl Message {
    /// A message with an id of its own.
    ///
    /// # Errors
    /// SQS would not take it: too large, empty, or with characters that XML does not have.
    pub(super) fn new(body: &str, attributes: BTreeMap<String, Attribute>) -> Result<Self, Refusal> {
        if body.is_empty() {
            return Err(Refusal::missing("MessageBody"));
        }
        let size = body.len() + attributes::size(&attributes);
        if size > LARGEST_MESSAGE {
            return Err(Refusal::too_large(LARGEST_MESSAGE));
        }
        request::characters("message body", body)?;
        Ok(Self {
            id: request_id(),
            body: body.to_owned(),
            attributes,
        })
    }

    /// The value of a `String` or `Number` attribute.
    #[must_use]
    pub fn text(&self, attribute: &str) -> Option<&str> {
        match self.attributes.get(attribute)? {
            Attribute::Text { value, .. } => Some(value),
            Attribute::Binary { .. } => None,
        }
    }
}

/// A standard queue. Clones are the same queue.
#[derive(Clone, Debug)]
pub struct Queue {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    name: String,
    messages: Mutex<VecDeque<Message>>,
}

impl Queue {
    pub(super) fn new(name: &str) -> Self {
        let inner = Inner {
            name: name.to_owned(),
            messages: Mutex::default(),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Puts a message without attributes there, as the other services of AWS do; its id.
    ///
    /// # Errors
    /// SQS would not take it.
    pub fn send(&self, body: &str) -> Result<String, Refusal> {
        let message = Message::new(body, BTreeMap::new())?;
        let id = message.id.clone();
        self.put(message);
        Ok(id)
    }

    /// What it holds, oldest first.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        self.held().iter().cloned().collect()
    }

    pub(super) fn put(&self, message: Message) {
        let mut messages = self.held();
        if messages.len() == MESSAGES_KEPT {
            messages.pop_front();
        }
        messages.push_back(message);
    }

    fn held(&self) -> MutexGuard<'_, VecDeque<Message>> {
        // No code panics between two halves of a change, so a poisoned queue is still a whole one.
        self.inner.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
