//! The answer to a request: what was asked, what was got, and where it is.

mod account;
mod clip;
mod room;

pub use account::{Account, Coverage};
pub use clip::{ClipReceipt, Footage};

use account::{GapReceipt, ListedAccount};
use serde::{Serialize, Serializer};

use crate::event::{ExportRequest, Stream};
use crate::plan::{Doubt, rfc3339};
use crate::tally::{Stage, Tally};

/// The answer to a request, as JSON in AWS's spelling.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Receipt {
    /// Whether this invocation made the clip or found it made.
    pub status: Status,
    /// What was asked, with every default filled in.
    pub request: Requested,
    /// What there is now: one clip, or one for each run of a codec. The JSON names the first of them, as many as there
    /// is room for.
    #[serde(serialize_with = "room::those_named")]
    pub clips: Vec<ClipReceipt>,
    /// How many there are.
    clip_count: usize,
    /// Whether the clips are known to hold all of the range.
    pub coverage: Coverage,
    /// The spans of the range that they are known not to hold, the earliest of them.
    gaps: Vec<GapReceipt>,
    /// Reasons to believe that they lack more.
    pub doubts: Vec<DoubtReceipt>,
    #[serde(flatten)]
    listed: Option<ListedAccount>,
    /// How long footage had to be waited for.
    #[serde(serialize_with = "milliseconds")]
    waited_seconds: f64,
    /// Calls of `ListFragments`, the failed ones too.
    pub list_fragments_calls: u32,
    /// Calls of `GetClip`, the failed ones too; 0 when the clip was there already.
    pub get_clip_calls: u32,
    /// Calls and transfers that had to be made again.
    pub retries: u32,
}

/// Whether this invocation made the clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// This invocation made it.
    Exported,
    /// An earlier one had made it.
    AlreadyExported,
}

impl Status {
    /// The value as receipts and metrics spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exported => "EXPORTED",
            Self::AlreadyExported => "ALREADY_EXPORTED",
        }
    }
}

/// What was asked.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Requested {
    /// Name of the stream, if that is how it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_name: Option<String>,
    /// ARN of the stream, if that is how it was asked for.
    #[serde(rename = "StreamARN", skip_serializing_if = "Option::is_none")]
    stream_arn: Option<String>,
    fragment_selector_type: &'static str,
    start_timestamp: String,
    end_timestamp: String,
    #[serde(serialize_with = "milliseconds")]
    duration_seconds: f64,
    boundary: &'static str,
    if_exists: &'static str,
}

impl From<&ExportRequest> for Requested {
    fn from(request: &ExportRequest) -> Self {
        let (stream_name, stream_arn) = match &request.stream {
            Stream::Name(name) => (Some(name.clone()), None),
            Stream::Arn(arn) => (None, Some(arn.clone())),
        };
        Self {
            stream_name,
            stream_arn,
            fragment_selector_type: request.selector.as_str(),
            start_timestamp: rfc3339(request.range.start()),
            end_timestamp: rfc3339(request.range.end()),
            duration_seconds: request.range.duration().as_secs_f64(),
            boundary: request.boundary.as_str(),
            if_exists: request.if_exists.as_str(),
        }
    }
}

/// One reason to believe that a clip does not hold all of its range.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DoubtReceipt {
    code: &'static str,
    message: String,
}

impl From<&Doubt> for DoubtReceipt {
    fn from(doubt: &Doubt) -> Self {
        Self {
            code: doubt.code(),
            message: doubt.to_string(),
        }
    }
}

impl Receipt {
    /// The receipt for `clips`.
    #[must_use]
    pub fn new(
        status: Status,
        request: &ExportRequest,
        clips: Vec<ClipReceipt>,
        account: Account,
        tally: &Tally,
    ) -> Self {
        let named = room::named(&clips);
        if named < clips.len() {
            tracing::warn!(
                clips = clips.len(),
                named,
                "there is no room for all clips in the receipt: the log names them"
            );
        }
        Self {
            status,
            request: request.into(),
            coverage: account.coverage,
            gaps: account.named_gaps(room::beside(&clips)),
            clip_count: clips.len(),
            clips,
            doubts: account.doubts.iter().map(DoubtReceipt::from).collect(),
            listed: account.listed,
            waited_seconds: tally.time(Stage::Wait).as_secs_f64(),
            list_fragments_calls: tally.list_fragments_calls(),
            get_clip_calls: tally.get_clip_calls(),
            retries: tally.retries(),
        }
    }
}

/// Seconds to the millisecond: what is behind it is noise of the division.
fn milliseconds<S: Serializer>(seconds: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((seconds * 1000.0).round() / 1000.0)
}

fn optional_milliseconds<S: Serializer>(seconds: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    match seconds {
        Some(seconds) => milliseconds(seconds, serializer),
        None => serializer.serialize_none(),
    }
}
