//! The answer to a request: what was asked, what was got, and where it is.

use serde::{Serialize, Serializer};

use crate::event::{ExportRequest, Stream};
use crate::mp4::{Movie, TrackKind};
use crate::plan::{Doubt, rfc3339};
use crate::tally::Tally;
use crate::upload::Stored;

/// The answer to a request, as JSON in AWS's spelling.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Receipt {
    /// Whether this invocation made the clip or found it made.
    pub status: Status,
    /// What was asked, with every default filled in.
    pub request: Requested,
    /// What there is now: one clip.
    pub clips: Vec<ClipReceipt>,
    /// Whether the clip is known to hold all of the range.
    pub coverage: Coverage,
    /// Reasons to believe that it does not.
    pub doubts: Vec<DoubtReceipt>,
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

/// What is known about the completeness of a clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Coverage {
    /// Nothing but what [`Receipt::doubts`] says: `GetClip` does not tell what it left out.
    Unknown,
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

/// One object.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ClipReceipt {
    bucket: String,
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_id: Option<String>,
    #[serde(rename = "ETag", skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    #[serde(rename = "ChecksumCRC64NVME", skip_serializing_if = "Option::is_none")]
    checksum_crc64nvme: Option<String>,
    /// Bytes of the object.
    pub size_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    /// Playing time; left out when an object that was there already could not be read.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "optional_milliseconds"
    )]
    pub duration_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fast_start: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tracks: Vec<TrackReceipt>,
}

impl ClipReceipt {
    /// What is said of an object and of the movie in it.
    #[must_use]
    pub fn new(
        request: &ExportRequest,
        stored: Stored,
        content_type: Option<String>,
        movie: Option<&Movie>,
    ) -> Self {
        Self {
            bucket: request.destination.bucket.clone(),
            key: request.destination.key.clone(),
            version_id: stored.version_id,
            etag: stored.etag,
            checksum_crc64nvme: stored.checksum_crc64nvme,
            size_bytes: stored.size_bytes,
            content_type,
            duration_seconds: movie.map(|movie| movie.duration_seconds),
            fast_start: movie.map(|movie| movie.moov_first),
            tracks: movie.map(tracks).unwrap_or_default(),
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct TrackReceipt {
    kind: &'static str,
    codec: String,
    #[serde(serialize_with = "milliseconds")]
    duration_seconds: f64,
    samples: u64,
    sync_samples: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sample_rate: Option<u16>,
}

fn tracks(movie: &Movie) -> Vec<TrackReceipt> {
    let receipt = |track: &crate::mp4::Track| {
        let (kind, [width, height, sample_rate]) = match track.kind {
            TrackKind::Video { width, height } => ("video", [Some(width), Some(height), None]),
            TrackKind::Audio { sample_rate } => ("audio", [None, None, Some(sample_rate)]),
            TrackKind::Other(_) => ("other", [None; 3]),
        };
        TrackReceipt {
            kind,
            codec: track.codec.to_string(),
            duration_seconds: track.duration_seconds,
            samples: track.samples,
            sync_samples: track.sync_samples,
            width,
            height,
            sample_rate,
        }
    };
    movie.tracks.iter().map(receipt).collect()
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
    /// The receipt for one clip.
    #[must_use]
    pub fn new(
        status: Status,
        request: &ExportRequest,
        clip: ClipReceipt,
        doubts: &[Doubt],
        tally: &Tally,
    ) -> Self {
        Self {
            status,
            request: request.into(),
            clips: vec![clip],
            coverage: Coverage::Unknown,
            doubts: doubts.iter().map(DoubtReceipt::from).collect(),
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
