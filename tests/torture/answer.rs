//! What became of an export.

use clip_export_local::faults::Fault;
use serde_json::Value;

use crate::weather::Service;

/// What became of one export in one delivery.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// There is a receipt.
    Receipt(Box<Value>),
    /// A message of a batch that is done with, and its receipt, which is in the log.
    Done(Box<Value>),
    Error {
        label: String,
        message: String,
    },
    /// A message that stays in its queue, and what the log says of it.
    Stays {
        label: String,
        message: String,
    },
    /// A message that is in the queue of failed events.
    Aside(String),
    /// The process ended, or answered too late.
    Gone,
}

impl Answer {
    pub(crate) fn is_good(&self) -> bool {
        self.receipt().is_some()
    }

    pub(crate) fn receipt(&self) -> Option<&Value> {
        match self {
            Self::Receipt(receipt) | Self::Done(receipt) => Some(receipt),
            _ => None,
        }
    }

    /// In one word, for the report.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Receipt(receipt) => receipt["Status"].as_str().unwrap_or("a receipt"),
            Self::Done(_) => "done in a batch",
            Self::Error { label, .. } | Self::Aside(label) => label,
            Self::Stays { .. } => "stays in its queue",
            Self::Gone => "the process ended",
        }
    }
}

/// A fault that was played.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Played {
    pub(crate) service: Service,
    pub(crate) operation: String,
    pub(crate) fault: Fault,
}

impl Played {
    /// Whether a function went on without a list because of it: it may not list, or was told of no fragment by an answer
    /// that ended before it began.
    pub(crate) fn hides_the_list(&self) -> bool {
        let hides = match &self.fault {
            Fault::Error { code, .. } => {
                matches!(&**code, "AccessDeniedException" | "NotAuthorizedException")
            }
            Fault::EndEarly { after: 0 } => true,
            _ => false,
        };
        self.operation == "ListFragments" && hides
    }
}

/// What was seen of one case.
pub(crate) struct Told {
    /// The answers to the first delivery, one for each export.
    pub(crate) answers: Vec<Answer>,
    /// The faults that were played.
    pub(crate) played: Vec<Played>,
    /// Uploads that the log said were left behind.
    pub(crate) left: usize,
    /// Deliveries in all.
    pub(crate) deliveries: usize,
}
