//! From the raw JSON of an event to checked [`ExportRequest`]s.
//!
//! This module owns the contract with callers: what a request may say, in which forms, which of AWS's own
//! events mean one, and what is said to whoever gets it wrong. It is lenient about AWS's envelopes, whose
//! further fields are AWS's business, and strict about requests, in which an unknown field is a mistake. It
//! parses the text itself, so that a bad event is answered with a label of ours and never with the name of
//! a parser's type, and it finds *all* faults of an event before it gives up. It is pure: no SDK, no
//! runtime, no clock, no environment.
//!
//! The canonical form is the request of `GetClip`, so the JSON that people give to
//! `aws kinesis-video-archived-media get-clip --cli-input-json` works as it stands.

mod alarm;
mod alarm_streams;
mod batch;
mod destination;
mod envelope;
mod fault;
mod fields;
mod home;
mod identity;
mod instant;
mod json;
mod key;
mod notification;
mod request;
mod stream;

pub use alarm_streams::AlarmStreams;
pub use batch::{Batch, Message};
pub use destination::{Destination, StorageClass, check_bucket};
pub use fault::{Fault, Faults, shown_text};
pub use home::Home;
pub use identity::Origin;
pub use key::KeyTemplate;
pub use request::{ExportRequest, IfExists};
pub use stream::Stream;

use jiff::SignedDuration;

use fields::Reader;

pub use crate::plan::Boundary;
use crate::plan::FragmentSelectorType;

/// Bytes of user metadata that S3 takes, names and values together.
/// Source: S3 user guide, "Working with object metadata".
const MAX_METADATA_BYTES: usize = 2048;

/// Longest event or message of a batch that is read, in bytes. Everything that a request can hold, each at
/// its longest, escaped and wrapped, fits into half of it, as do CloudWatch's own events; Lambda takes 6 MB,
/// which would cost a small function its memory.
const MAX_EVENT_BYTES: usize = 256 * 1024;

/// What the operator has set for events that do not say it themselves.
#[derive(Debug, Clone)]
pub struct Defaults {
    /// Bucket of requests that name none.
    pub bucket: Option<String>,
    /// Further buckets that a request may name.
    pub allowed_buckets: Vec<String>,
    /// Makes the key of requests that name none.
    pub key: KeyTemplate,
    /// Selector of requests that name none.
    pub selector: FragmentSelectorType,
    /// How much of the time before an alarm or a notified fragment belongs to its clip; not negative.
    pub pre_roll: SignedDuration,
    /// How much of the time after it does; not negative.
    pub post_roll: SignedDuration,
    /// Which streams alarms mean that name none.
    pub alarm_streams: AlarmStreams,
}

/// What one event holds.
#[derive(Debug)]
pub enum Event {
    /// One trigger.
    One(Asked),
    /// Messages of a queue, each of them a trigger.
    Batch(Batch),
}

/// What one trigger asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// A clip.
    Export(Box<ExportRequest>),
    /// Nothing, and why: an alarm that is over, say.
    Nothing(String),
}

impl Event {
    /// Reads the text of an event. The messages of a batch are taken apart, not read.
    ///
    /// # Errors
    ///
    /// Every fault of the event, each with its field.
    pub fn read(text: &str, defaults: &Defaults, home: &Home) -> Result<Self, Faults> {
        match Batch::of(text) {
            Some(batch) => Ok(Self::Batch(batch)),
            None => Asked::read(text, defaults, home).map(Self::One),
        }
    }
}

impl Asked {
    /// Reads the text of one trigger: an event, or a message of a batch.
    ///
    /// # Errors
    ///
    /// Every fault of it, each with its field.
    pub fn read(text: &str, defaults: &Defaults, home: &Home) -> Result<Self, Faults> {
        if text.len() > MAX_EVENT_BYTES {
            return Err(Faults(vec![Fault::new(
                "",
                format!(
                    "the event has {} bytes; a request needs far less than {MAX_EVENT_BYTES}",
                    text.len()
                ),
            )]));
        }
        let mut reader = Reader::at(home);
        let asked = envelope::read(&mut reader, text, defaults);
        reader.into_result(asked)
    }
}

#[cfg(test)]
mod tests;
