//! What became of an export.

use clip_export_local::faults::Fault;
use serde_json::Value;

use crate::weather::Service;

/// What became of one export in one delivery.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// There is a receipt.
    Receipt(Box<Value>),
    /// A message of a batch that is done with, whose receipt is in the log.
    Done,
    Error {
        label: String,
        message: String,
    },
    /// A message that stays in its queue.
    Stays,
    /// A message that is in the queue of failed events.
    Aside(String),
    /// The process ended, or answered too late.
    Gone,
}

impl Answer {
    pub(crate) fn is_good(&self) -> bool {
        matches!(self, Self::Receipt(_) | Self::Done)
    }

    /// In one word, for the report.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Receipt(receipt) => receipt["Status"].as_str().unwrap_or("a receipt"),
            Self::Done => "done in a batch",
            Self::Error { label, .. } | Self::Aside(label) => label,
            Self::Stays => "stays in its queue",
            Self::Gone => "the process ended",
        }
    }
}

/// What was seen of one case.
pub(crate) struct Told {
    /// The answers to the first delivery, one for each export.
    pub(crate) answers: Vec<Answer>,
    /// The faults that were played.
    pub(crate) played: Vec<(Service, Fault)>,
    /// Uploads that the log said were left behind.
    pub(crate) left: usize,
    /// Deliveries in all.
    pub(crate) deliveries: usize,
}
