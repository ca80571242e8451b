//! A camera that has always been running: endless fragments, computed from the time and never stored.
//!
//! Fragment `i` starts at `i * duration + phase` on the producer's clock and `skew` later on the server's.
//! What is archived, retained or missing follows from that and the present moment, so ten years of footage
//! cost nothing and every run sees the same. All moments are milliseconds since the Unix epoch.

use std::fmt;

use super::fragment::Fragment;
use crate::account::{ACCOUNT_ID, REGION};
use crate::footage::{Footage, GROUP_OF_PICTURES_MS};

/// Longest fragment, in milliseconds (PutMedia API reference: 20 s).
const LONGEST_FRAGMENT_MS: u32 = 20_000;

/// Longest retention, in hours (CreateStream API reference: 10 years).
const LONGEST_RETENTION_HOURS: u32 = 87_600;

/// Milliseconds since the epoch of the end of the year 9999, the last moment that any AWS SDK can write.
pub(super) const LAST_MOMENT_MS: i64 = 253_402_300_799_999;

const HOUR_MS: i64 = 3_600_000;

/// Which clock a range of time speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selector {
    /// The camera's.
    ProducerTimestamp,
    /// That of Kinesis Video Streams, which notes when it began to receive a fragment.
    ServerTimestamp,
}

/// Where `moov` stands in the clips of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Moov {
    /// Before the media.
    #[default]
    First,
    /// After the media.
    Last,
}

/// The track timescale of a stream's clips.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Timescale {
    /// 1,000 ticks a second in every track, as users saw in the service's answers.
    #[default]
    Milliseconds,
    /// That of the footage: 12,800 for pictures, the sampling rate for sound.
    Native,
}

/// How the body of a GetClip answer says where it ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// `Content-Length`.
    #[default]
    ContentLength,
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// The connection closes.
    CloseDelimited,
}

/// When the codec private data of a stream changes, on the producer's clock. At each change the stream goes
/// on with its next footage, round and round.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CodecChanges {
    /// It never does.
    #[default]
    Never,
    /// At each multiple of so many milliseconds since the epoch; at least 1.
    Every(i64),
    /// At these moments.
    At(Vec<i64>),
}

/// A local stream. Made by [`Stream::builder`].
#[derive(Clone, Debug)]
pub struct Stream {
    pub(super) name: String,
    pub(super) footage: Vec<Footage>,
    pub(super) fragment_ms: i64,
    pub(super) phase_ms: i64,
    pub(super) skew_ms: i64,
    pub(super) retention_hours: u32,
    pub(super) created_ms: i64,
    index_ms: i64,
    codec_changes: CodecChanges,
    gaps: Vec<(i64, i64)>,
    pub(super) moov: Moov,
    pub(super) timescale: Timescale,
    pub(super) framing: Framing,
    pub(super) playable: bool,
    silent: bool,
}

/// Why a stream cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamError {
    /// Not 1 to 256 of letters, digits, `_`, `.` and `-` (the API's pattern).
    Name(String),
    /// A fragment of so many milliseconds: no multiple of the group of pictures, or not 2 to 20 s.
    FragmentDuration(u32),
    /// A phase that is not shorter than the fragment.
    Phase(u32),
    /// More than 87,600 hours.
    Retention(u32),
    /// A creation before 1970 or after the year 9999.
    Created(i64),
    /// A gap that ends before it begins.
    Gap(i64, i64),
    /// A period of codec changes below 1 ms.
    CodecChanges(i64),
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "{name:?} is no stream name"),
            Self::FragmentDuration(ms) => write!(
                f,
                "a fragment of {ms} ms is no multiple of {GROUP_OF_PICTURES_MS} up to {LONGEST_FRAGMENT_MS}"
            ),
            Self::Phase(ms) => write!(f, "a phase of {ms} ms is longer than a fragment"),
            Self::Retention(hours) => write!(f, "{hours} hours are more than ten years"),
            Self::Created(ms) => write!(f, "a creation at {ms} ms is out of range"),
            Self::Gap(from, to) => write!(f, "the gap from {from} to {to} ends too early"),
            Self::CodecChanges(ms) => write!(f, "codec changes every {ms} ms"),
        }
    }
}

impl std::error::Error for StreamError {}

/// Sets up a [`Stream`].
#[derive(Clone, Debug)]
#[must_use]
pub struct StreamBuilder(Stream);

impl Stream {
    /// A stream with 2 s fragments at even seconds, clocks that agree, ten years of retention, archived half
    /// a second after the next fragment has started, created on 2016-01-01.
    pub fn builder(name: &str, footage: Footage) -> StreamBuilder {
        StreamBuilder(Self {
            name: name.to_owned(),
            footage: vec![footage],
            fragment_ms: i64::from(GROUP_OF_PICTURES_MS),
            phase_ms: 0,
            skew_ms: 0,
            retention_hours: LONGEST_RETENTION_HOURS,
            created_ms: 1_451_606_400_000,
            index_ms: 500,
            codec_changes: CodecChanges::Never,
            gaps: Vec::new(),
            moov: Moov::First,
            timescale: Timescale::Milliseconds,
            framing: Framing::ContentLength,
            playable: true,
            silent: false,
        })
    }

    /// The stream's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `arn:aws:kinesisvideo:eu-west-1:123456789012:stream/NAME/CREATION`, the creation in milliseconds.
    #[must_use]
    pub fn arn(&self) -> String {
        let Self { name, created_ms, .. } = self;
        format!("arn:aws:kinesisvideo:{REGION}:{ACCOUNT_ID}:stream/{name}/{created_ms}")
    }

    /// The moment on the server's clock from which on fragments are kept at `now`.
    pub(super) fn head_ms(&self, now: i64) -> i64 {
        let retained = now - i64::from(self.retention_hours) * HOUR_MS;
        retained.max(self.created_ms)
    }

    /// First and last index of the fragments that start in `[start, end]` and are archived and retained at
    /// `now`; there are none when the first is after the last. Gaps are still in it.
    pub(super) fn select(&self, by: Selector, start: i64, end: i64, now: i64) -> (i64, i64) {
        let clock = match by {
            Selector::ProducerTimestamp => self.phase_ms,
            Selector::ServerTimestamp => self.phase_ms + self.skew_ms,
        };
        let server = self.phase_ms + self.skew_ms;
        // Closed when the next fragment starts, and found a moment later.
        let newest = now - self.index_ms - self.fragment_ms;
        let first = self
            .at_or_after(start - clock)
            .max(self.at_or_after(self.head_ms(now) - server));
        let last = (end - clock).min(newest - server).div_euclid(self.fragment_ms);
        (first, if self.silent { first - 1 } else { last })
    }

    fn at_or_after(&self, moment: i64) -> i64 {
        (moment + self.fragment_ms - 1).div_euclid(self.fragment_ms)
    }

    /// The fragment with this index, unless the camera was off for a part of it.
    pub(super) fn fragment(&self, index: i64) -> Option<Fragment> {
        let start = index * self.fragment_ms + self.phase_ms;
        let end = start + self.fragment_ms;
        let off = |(from, to): &(i64, i64)| start < *to && *from < end;
        (!self.gaps.iter().any(off)).then(|| Fragment {
            index,
            producer_start: start,
            server_start: start + self.skew_ms,
            codec: self.codec_at(start),
        })
    }

    /// Which of the stream's codecs is in use: rises by one at each change.
    fn codec_at(&self, producer: i64) -> i64 {
        match &self.codec_changes {
            CodecChanges::Never => 0,
            CodecChanges::Every(period) => producer.div_euclid(*period),
            CodecChanges::At(moments) => moments.iter().filter(|m| **m <= producer).count() as i64,
        }
    }

    pub(super) fn footage_of(&self, fragment: &Fragment) -> &Footage {
        let count = self.footage.len() as i64;
        // Smaller than `count`, which came from a `usize`.
        &self.footage[fragment.codec.rem_euclid(count) as usize]
    }

    /// When the footage of a fragment begins and ends, in the footage's own time: the phase of the fragments
    /// shifts the pictures too, so that a fragment is always whole groups of pictures.
    pub(super) fn footage_span(&self, fragment: &Fragment) -> (i64, i64) {
        let start = fragment.producer_start - self.phase_ms;
        (start, start + self.fragment_ms)
    }
}

impl StreamBuilder {
    /// Duration of each fragment in milliseconds: a multiple of 2,000 up to 20,000.
    pub fn fragment_ms(mut self, ms: u32) -> Self {
        self.0.fragment_ms = i64::from(ms);
        self
    }

    /// How long after a multiple of their duration fragments start, in milliseconds; less than the duration.
    pub fn phase_ms(mut self, ms: u32) -> Self {
        self.0.phase_ms = i64::from(ms);
        self
    }

    /// The server's clock minus the producer's, in milliseconds: positive for the delay of an upload or a
    /// slow camera clock.
    pub fn skew_ms(mut self, ms: i32) -> Self {
        self.0.skew_ms = i64::from(ms);
        self
    }

    /// Hours that fragments are kept, 0 to 87,600; 0 keeps none.
    pub fn retention_hours(mut self, hours: u32) -> Self {
        self.0.retention_hours = hours;
        self
    }

    /// When the stream was created, in milliseconds since the epoch: no fragment is older.
    pub fn created_ms(mut self, moment: i64) -> Self {
        self.0.created_ms = moment;
        self
    }

    /// How long after the next one's start a fragment can be found, in milliseconds.
    pub fn index_ms(mut self, ms: u32) -> Self {
        self.0.index_ms = i64::from(ms);
        self
    }

    /// When the codec private data changes.
    pub fn codec_changes(mut self, changes: CodecChanges) -> Self {
        self.0.codec_changes = changes;
        self
    }

    /// One more footage, which the next codec change turns to.
    pub fn then_footage(mut self, footage: Footage) -> Self {
        self.0.footage.push(footage);
        self
    }

    /// The camera was off from here to there on the producer's clock (the end is not in the gap): every
    /// fragment that the gap touches is missing.
    pub fn gap(mut self, from: i64, to: i64) -> Self {
        self.0.gaps.push((from, to));
        self
    }

    /// Where `moov` stands in clips.
    pub fn moov(mut self, moov: Moov) -> Self {
        self.0.moov = moov;
        self
    }

    /// The track timescale of clips.
    pub fn timescale(mut self, timescale: Timescale) -> Self {
        self.0.timescale = timescale;
        self
    }

    /// How the body of a GetClip answer ends.
    pub fn framing(mut self, framing: Framing) -> Self {
        self.0.framing = framing;
        self
    }

    /// The media is such that GetClip refuses it with `UnsupportedStreamMediaTypeException`, as it does G.711
    /// mu-law.
    pub fn unsupported_media(mut self) -> Self {
        self.0.playable = false;
        self
    }

    /// The stream exists, but nothing was ever put into it.
    pub fn without_fragments(mut self) -> Self {
        self.0.silent = true;
        self
    }

    /// The stream, if it can be.
    ///
    /// # Errors
    /// A setting outside the range that its setter names.
    pub fn build(self) -> Result<Stream, StreamError> {
        let Self(stream) = self;
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        if !(1..=256).contains(&stream.name.len()) || !stream.name.chars().all(allowed) {
            return Err(StreamError::Name(stream.name));
        }
        // Both were set from a u32.
        let (fragment, phase) = (stream.fragment_ms as u32, stream.phase_ms as u32);
        if !(1..=LONGEST_FRAGMENT_MS).contains(&fragment) || !fragment.is_multiple_of(GROUP_OF_PICTURES_MS) {
            return Err(StreamError::FragmentDuration(fragment));
        }
        if phase >= fragment {
            return Err(StreamError::Phase(phase));
        }
        if stream.retention_hours > LONGEST_RETENTION_HOURS {
            return Err(StreamError::Retention(stream.retention_hours));
        }
        if !(0..=LAST_MOMENT_MS).contains(&stream.created_ms) {
            return Err(StreamError::Created(stream.created_ms));
        }
        if let Some((from, to)) = stream.gaps.iter().find(|(from, to)| from >= to) {
            return Err(StreamError::Gap(*from, *to));
        }
        if let CodecChanges::Every(period @ ..1) = stream.codec_changes {
            return Err(StreamError::CodecChanges(period));
        }
        Ok(stream)
    }
}

#[cfg(test)]
mod tests;
