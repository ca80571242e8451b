//! What a receipt says of one object.

use serde::Serialize;

use super::{milliseconds, optional_milliseconds};
use crate::mp4::{FourCC, JoinReport, Movie, TrackKind};
use crate::plan::rfc3339_of_ms;
use crate::upload::Stored;

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
    #[serde(flatten)]
    footage: Option<Footage>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tracks: Vec<TrackReceipt>,
}

impl ClipReceipt {
    /// What is said of an object and of the movie in it.
    #[must_use]
    pub fn new(
        bucket: &str,
        key: String,
        stored: Stored,
        content_type: Option<String>,
        movie: Option<&Movie>,
        footage: Option<Footage>,
    ) -> Self {
        Self {
            bucket: bucket.to_owned(),
            key,
            version_id: stored.version_id,
            etag: stored.etag,
            checksum_crc64nvme: stored.checksum_crc64nvme,
            size_bytes: stored.size_bytes,
            content_type,
            duration_seconds: movie.map(|movie| movie.duration_seconds),
            fast_start: movie.map(|movie| movie.moov_first),
            footage,
            tracks: movie.map(tracks).unwrap_or_default(),
        }
    }
}

/// Which footage is in a clip, as the list of fragments says.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Footage {
    /// When its first picture was, by the clock of the selector.
    start_timestamp: String,
    /// When its last picture ended.
    end_timestamp: String,
    fragments: usize,
    /// Handlers of the tracks that are not in the clip: a second one of a kind, text.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tracks_left_out: Vec<String>,
    /// How it was joined; left out of an answer of `GetClip` that went as it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    join: Option<Join>,
}

/// What was done to make one movie of several clips.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Join {
    /// Places where one clip, or footage after a gap, follows another.
    seams: u32,
    /// Gaps at which the footage after follows directly on that before.
    gaps_closed: u32,
    /// Frames of silence put in where there was no sound.
    silent_frames: u64,
    /// Samples of sound left out where two clips overlapped.
    audio_samples_left_out: u64,
    /// By how much the last sound before a pause was made to last longer, where no silence could be written.
    #[serde(serialize_with = "milliseconds")]
    audio_stretched_seconds: f64,
    /// Pictures left out because what they refer to is missing.
    leading_pictures_left_out: u64,
    /// Pictures left out because an edit list of `GetClip`'s own hides them.
    hidden_pictures_left_out: u64,
    /// Bytes of the object that no sample refers to: media that was sent again after a failure.
    unreferenced_bytes: u64,
}

impl Footage {
    /// Notes which tracks of `GetClip`'s answers are not in the clip.
    #[must_use]
    pub fn without_tracks(mut self, handlers: &[FourCC]) -> Self {
        self.tracks_left_out = handlers.iter().map(ToString::to_string).collect();
        self
    }

    /// From `start_ms` to `end_ms`, in milliseconds since 1970.
    #[must_use]
    pub fn new(start_ms: i64, end_ms: i64, fragments: usize, report: Option<&JoinReport>) -> Self {
        Self {
            start_timestamp: rfc3339_of_ms(start_ms),
            end_timestamp: rfc3339_of_ms(end_ms),
            fragments,
            tracks_left_out: Vec::new(),
            join: report.map(|report| Join {
                seams: report.seams,
                gaps_closed: report.gaps_closed,
                silent_frames: report.silent_frames,
                audio_samples_left_out: report.audio_samples_left_out,
                audio_stretched_seconds: report.audio_stretched_ms as f64 / 1000.0,
                leading_pictures_left_out: report.leading_pictures_dropped,
                hidden_pictures_left_out: report.hidden_pictures,
                unreferenced_bytes: report.unreferenced_bytes,
            }),
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
