//! A camera that has always been running: endless fragments, computed from the time and never stored.
//!
//! Fragment `i` starts where the durations of all before it end, plus `phase`, on the producer's clock, and
//! `skew` later on the server's; after a reconnect some come twice, see [`session`]. What is archived,
//! retained or missing follows from that and the present moment, so ten years of footage cost nothing and
//! every run sees the same. All moments are milliseconds since the Unix epoch.

mod builder;
mod grid;
mod session;

use super::fragment::Fragment;
use crate::account::{ACCOUNT_ID, REGION};
use crate::footage::{Footage, Occurrence, Track};
use grid::Grid;
use session::Break;

pub use builder::{StreamBuilder, StreamError};
pub(super) use session::{Run, Session};

/// Milliseconds since the epoch of the end of the year 9999, the last moment that any AWS SDK can write.
pub(super) const LAST_MOMENT_MS: i64 = 253_402_300_799_999;

const HOUR_MS: i64 = 3_600_000;

/// Which clock a range of time speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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

/// When a producer loses its connection and makes a new one, on its own clock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Reconnects {
    /// It never does.
    #[default]
    Never,
    /// At each multiple of so many milliseconds since the epoch.
    Every(i64),
    /// At these moments, which rise.
    At(Vec<i64>),
}

/// How a clip writes that nothing was recorded for a while in its middle. Which of them the real service does
/// is not documented.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gaps {
    /// The last sample of each track before it lasts until the first after it.
    #[default]
    Stretched,
    /// What comes after it follows directly.
    Closed,
}

/// Where a clip that would pass 100 MB ends. Which of them the real service does is not documented.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SizeCut {
    /// Before the fragment that would pass them.
    #[default]
    BeforeFragment,
    /// Inside it: before the first picture that would pass them.
    BeforePicture,
}

/// Which sound is in a clip beside that of its pictures, where its first and its last fragment meet those
/// that other clips hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SoundEdges {
    /// The audio samples that start in the clip's fragments.
    #[default]
    Fragments,
    /// From `before_ms` before the first picture to `after_ms` after the end of the last, in milliseconds
    /// from -1,000 to 1,000; negative takes sound away. An edit list hides what comes before the first
    /// picture (`media_time`; ISO 14496-12, 8.6.6).
    Hidden {
        /// Sound before the first picture.
        before_ms: i32,
        /// Sound after the last picture's end.
        after_ms: i32,
    },
    /// The same, but what comes before the first picture is heard: an empty edit delays the pictures.
    Heard {
        /// Sound before the first picture.
        before_ms: i32,
        /// Sound after the last picture's end.
        after_ms: i32,
    },
}

impl SoundEdges {
    /// Milliseconds of sound before the first picture and after the last.
    pub(super) fn reach_ms(self) -> (i64, i64) {
        match self {
            Self::Fragments => (0, 0),
            Self::Hidden { before_ms, after_ms } | Self::Heard { before_ms, after_ms } => {
                (before_ms.into(), after_ms.into())
            }
        }
    }
}

/// What the second, third … answer for one and the same range has else than the first. The media itself is
/// the same in all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Repeats {
    /// Nothing but what the clock says: a creation time of the same second makes the same bytes.
    #[default]
    Alike,
    /// A creation time that is a second later with each answer, whatever the clock says.
    Created,
    /// Also a longer `moov`, by a `free` box in it, and media that begin later by as much.
    LongerMoov,
    /// Also shorter chunks: the media of the tracks take turns in another order.
    OtherChunks,
}

/// For how long ListFragments does not know of fragments that GetClip has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unlisted {
    /// For ever.
    Always,
    /// In so many calls of ListFragments on this stream since the service started, each page being one.
    FirstCalls(u64),
}

/// A local stream. Made by [`Stream::builder`].
#[derive(Clone, Debug)]
pub struct Stream {
    pub(super) name: String,
    pub(super) footage: Vec<Footage>,
    grid: Grid,
    phase_ms: i64,
    skew_ms: i64,
    pub(super) retention_hours: u32,
    pub(super) created_ms: i64,
    index_ms: i64,
    codec_changes: CodecChanges,
    reconnects: Reconnects,
    rewind_ms: i64,
    shift_ms: i64,
    breaks: Option<Break>,
    missing: Vec<(i64, i64)>,
    /// Records in each so many milliseconds only the first so many.
    motion: Option<(i64, i64)>,
    microphone_off: Vec<(i64, i64)>,
    unlisted: Vec<(i64, i64, Unlisted)>,
    unclipped: Vec<(i64, i64)>,
    pub(super) moov: Moov,
    pub(super) timescale: Timescale,
    pub(super) framing: Framing,
    pub(super) gaps: Gaps,
    pub(super) size_cut: SizeCut,
    listed_percent: u32,
    pub(super) sound_edges: SoundEdges,
    pub(super) repeats: Repeats,
    pub(super) playable: bool,
    silent: bool,
}

impl Stream {
    /// A stream with 2 s fragments at even seconds, clocks that agree, ten years of retention, archived half
    /// a second after the next fragment has started, created on 2016-01-01.
    pub fn builder(name: &str, footage: Footage) -> StreamBuilder {
        StreamBuilder::new(name, footage)
    }

    /// `FragmentSizeInBytes`.
    pub(super) fn listed_size(&self, fragment: &Fragment) -> u64 {
        fragment.size(self) as u64 * u64::from(self.listed_percent) / 100
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

    /// What the stream shows: at least one, the next one after each codec change, round and round.
    #[must_use]
    pub fn footage(&self) -> &[Footage] {
        &self.footage
    }

    /// The moment on the server's clock from which on fragments are kept at `now`.
    pub(super) fn head_ms(&self, now: i64) -> i64 {
        let retained = now - i64::from(self.retention_hours) * HOUR_MS;
        retained.max(self.created_ms)
    }

    /// The fragment of a session with this index, unless the camera was off for a part of it.
    pub(super) fn fragment(&self, session: Session, index: i64) -> Option<Fragment> {
        let (start, end) = (self.grid.start(index), self.grid.start(index + 1));
        let (from, to) = (start + self.phase_ms, end + self.phase_ms);
        let off = self.missing.iter().any(|gap| from < gap.1 && gap.0 < to);
        let still = self
            .motion
            .is_some_and(|(every, lasting)| from.rem_euclid(every) + (to - from) > lasting);
        let codec = self.codec_at(from);
        let arrived = match self.breaks {
            Some(broke) if session.broken == Some(index) => {
                self.footage_with(codec).whole_pictures_ms(broke.after_ms)
            }
            _ => end - start,
        };
        (!off && !still).then(|| Fragment {
            session: session.number,
            copy: index < session.resumed,
            index,
            producer_start: self.producer_start(session, index),
            server_start: self.server_start(session, index),
            codec,
            footage: (start, start + arrived),
        })
    }

    /// The fragments of a run in order of time.
    pub(super) fn fragments(&self, run: Run) -> impl Iterator<Item = Fragment> + '_ {
        (run.first..=run.last).filter_map(move |index| self.fragment(run.session, index))
    }

    /// Which of the stream's codecs is in use: rises by one at each change.
    fn codec_at(&self, producer: i64) -> i64 {
        match &self.codec_changes {
            CodecChanges::Never => 0,
            CodecChanges::Every(period) => producer.div_euclid(*period),
            CodecChanges::At(moments) => moments.iter().filter(|m| **m <= producer).count() as i64,
        }
    }

    /// Which footage a fragment shows.
    pub(super) fn footage_number(&self, fragment: &Fragment) -> usize {
        self.number_with(fragment.codec)
    }

    pub(super) fn footage_of(&self, fragment: &Fragment) -> &Footage {
        self.footage_with(fragment.codec)
    }

    fn footage_with(&self, codec: i64) -> &Footage {
        &self.footage[self.number_with(codec)]
    }

    fn number_with(&self, codec: i64) -> usize {
        // Smaller than the count, which came from a `usize`.
        codec.rem_euclid(self.footage.len() as i64) as usize
    }

    /// The samples of a track in `[from, to)` of the footage's time, but no sound of when the microphone was
    /// off.
    pub(super) fn samples<'a>(
        &'a self,
        track: &'a Track,
        (from, to): (i64, i64),
    ) -> impl Iterator<Item = Occurrence> + 'a {
        let rate = i64::from(track.timescale.get());
        let off: &[(i64, i64)] = if track.is_sound() {
            &self.microphone_off
        } else {
            &[]
        };
        track.between(from, to).filter(move |sample| {
            let producer = || (sample.start * 1_000).div_euclid(rate) + self.phase_ms;
            !off.iter().any(|gap| (gap.0..gap.1).contains(&producer()))
        })
    }

    /// Whether ListFragments knows of a fragment when it is called for the `call`th time, counted from 1.
    pub(super) fn lists(&self, fragment: &Fragment, call: u64) -> bool {
        let start = fragment.producer_start;
        !self.unlisted.iter().any(|(from, to, unlisted)| {
            (*from..*to).contains(&start)
                && match unlisted {
                    Unlisted::Always => true,
                    Unlisted::FirstCalls(calls) => call <= *calls,
                }
        })
    }

    /// Whether GetClip knows of a fragment.
    pub(super) fn clips(&self, fragment: &Fragment) -> bool {
        let start = fragment.producer_start;
        !self.unclipped.iter().any(|gap| (gap.0..gap.1).contains(&start))
    }
}

#[cfg(test)]
mod tests;
