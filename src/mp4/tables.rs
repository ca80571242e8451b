//! What the `moov` of one clip says, as a joiner needs it: at most one video and one audio track, in little memory.
//!
//! Promises: the tables agree with each other (as many samples in each of them, every sample in a chunk), and none
//! of their sums overflows. What a joiner need not understand stays as it came.

mod entry;
mod read;
mod sample_table;
mod spans;

use bytes::Bytes;

pub(super) use entry::{Codec, SampleEntry};
pub(super) use read::MAX_SECONDS;
pub(super) use sample_table::median;
pub(super) use spans::{Span, SpanCursor};

use super::error::Mp4Error;
use super::header::FourCC;
use super::runs::Runs;

/// Most audio samples whose sizes are listed. A fragment lasts 20 s at most, which G.711 fills with 160,000; those of
/// a clip that claims more, in one run of equal ones, shall not fill the memory.
const MAX_SOUNDS_LISTED: usize = 1 << 18;

/// The sample tables of one clip. Read by [`Scanner::tables`](super::Scanner::tables).
#[derive(Debug, Clone)]
pub struct ClipTables {
    movie_timescale: u32,
    video: TrackTables,
    audio: Option<TrackTables>,
    left_out: Vec<FourCC>,
    /// Where in the file the first chunk of a track begins; the chunks of the tracks count from there.
    base: u64,
}

/// The tables of one track.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackTables {
    pub(super) timescale: u32,
    /// Three letters, packed (8.4.2.3).
    pub(super) language: u16,
    pub(super) edit: Edit,
    /// Transformation matrix, width and height: the last 44 bytes of `tkhd` (8.3.2).
    pub(super) shown: Bytes,
    pub(super) entry: SampleEntry,
    samples: u32,
    durations: Runs,
    /// From decode to composition time.
    offsets: Runs,
    sizes: Runs,
    /// From each sync sample to the next, the first from -1; `None` where all samples are.
    sync: Option<Runs>,
    /// From the start of each chunk to the start of the next, the first from [`ClipTables::base`].
    chunks: Runs,
    samples_of_chunks: Runs,
    /// Median of the durations.
    usual_duration: u32,
    /// All durations together.
    duration: i64,
}

/// The one edit of a track (8.6.6): when it begins, from where, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Edit {
    /// Time without media before it, in ticks of the movie.
    pub(super) empty: u64,
    /// Where in the media it begins, in ticks of the media.
    pub(super) media_time: i64,
    /// How long it lasts in ticks of the movie; `None`: to the end of the media.
    pub(super) duration: Option<u64>,
}

/// A video sample at which decoding can start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyncSample {
    /// Its number in decode order, from 0.
    pub number: u32,
    /// Its decode time in microseconds since that of the first video sample, rounded down.
    pub at_us: i64,
    /// Duration of the sample before it in microseconds, rounded down; 0 of the first.
    pub before_us: i64,
}

/// Why a clip cannot continue the file that another one began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difference {
    /// Another codec, picture size or parameter sets.
    VideoConfiguration,
    /// Another audio codec, rate or channel count.
    AudioConfiguration,
    /// Sound, where the first clip has none. [`Joiner::begin`](super::Joiner::begin) takes it.
    AudioAppears,
    /// No sound, where the first clip has some. [`Joiner::begin`](super::Joiner::begin) takes it and puts in silence.
    AudioDisappears,
}

impl ClipTables {
    /// The tracks that are not taken, by their handlers (8.4.3): second ones, text, disabled ones.
    #[must_use]
    pub fn left_out(&self) -> &[FourCC] {
        &self.left_out
    }

    /// The video track.
    #[must_use]
    pub fn video(&self) -> &TrackTables {
        &self.video
    }

    /// The audio track.
    #[must_use]
    pub fn audio(&self) -> Option<&TrackTables> {
        self.audio.as_ref()
    }

    /// The video samples at which decoding can start, in decode order.
    pub fn video_sync_samples(&self) -> impl Iterator<Item = SyncSample> + '_ {
        let track = &self.video;
        let mut durations = track.durations.iter();
        let (mut number, mut at, mut before) = (0u32, 0i64, 0i64);
        track.sync_samples().map(move |sync| {
            while let Some((run, delta)) = durations.peek().filter(|_| number < sync) {
                let step = run.min(u64::from(sync - number));
                durations.pass(step);
                number += u32::try_from(step).unwrap_or(u32::MAX);
                at += delta * step.cast_signed();
                before = delta;
            }
            SyncSample {
                number: sync,
                at_us: microseconds(at, track.timescale),
                before_us: microseconds(before, track.timescale),
            }
        })
    }

    /// Video samples.
    #[must_use]
    pub fn video_samples(&self) -> u32 {
        self.video.samples
    }

    /// The durations of all video samples together in microseconds, rounded down.
    #[must_use]
    pub fn video_end_us(&self) -> i64 {
        microseconds(self.video.duration, self.video.timescale)
    }

    /// The usual duration of a video sample, their median, in microseconds, rounded down.
    #[must_use]
    pub fn usual_picture_us(&self) -> i64 {
        microseconds(i64::from(self.video.usual_duration), self.video.timescale)
    }

    /// What nine in ten video samples do not exceed in their duration, of those that are not followed by a sync
    /// sample and not the last, in microseconds, rounded down: at those a pause of the camera may have been added, and a
    /// hiccup is no frame. The usual duration where there is no such sample.
    #[must_use]
    pub fn frame_inside_us(&self) -> i64 {
        let mut durations = self.video.durations.iter();
        let mut inside: Vec<(i64, u64)> = Vec::new();
        let mut number = 0u32;
        let ends = self.video.sync_samples().chain([self.video.samples]);
        for end in ends.filter_map(|end| end.checked_sub(1)) {
            while let Some((run, delta)) = durations.peek().filter(|_| number < end) {
                let step = run.min(u64::from(end - number));
                durations.pass(step);
                number += u32::try_from(step).unwrap_or(u32::MAX);
                inside.push((delta, step));
            }
            // The sample before the sync sample itself.
            if number == end && durations.peek().is_some() {
                durations.pass(1);
                number += 1;
            }
        }
        inside.sort_unstable();
        let samples: u64 = inside.iter().map(|(_, run)| run).sum();
        // Of five or fewer the middle: there is no tenth of them.
        let mut left = match samples {
            0..=5 => samples / 2,
            _ => samples - 1 - samples / 10,
        };
        let found = inside.iter().find(|(_, run)| {
            let is_here = left < *run;
            left = left.saturating_sub(*run);
            is_here
        });
        found.map_or(self.usual_picture_us(), |(delta, _)| {
            microseconds(*delta, self.video.timescale)
        })
    }

    /// The duration of a video sample in microseconds, rounded down; `None` behind the last.
    #[must_use]
    pub fn picture_us(&self, number: u32) -> Option<i64> {
        let mut durations = self.video.durations.iter();
        durations.pass_all(u64::from(number));
        let (_, delta) = durations.peek()?;
        Some(microseconds(delta, self.video.timescale))
    }

    /// When the last audio sample begins, in microseconds since the first video sample is decoded; `None`
    /// without sound.
    #[must_use]
    pub fn last_sound_us(&self) -> Option<i64> {
        let track = self.audio.as_ref()?;
        let last = track.durations.sum(u64::from(track.samples).checked_sub(1)?);
        let last = microseconds(i64::try_from(last).ok()?, track.timescale);
        Some(last.saturating_add(self.sound_delay_us(track)))
    }

    /// Whether the sound pauses within the clip: samples but the last stand for longer than usual, one of them for longer than
    /// 100 ms, or several by as much together, and none since has made up for it. Some players make no pause there, and play
    /// what follows too early.
    #[must_use]
    pub fn sound_pauses(&self) -> bool {
        self.audio.as_ref().is_some_and(|track| {
            let (usual, timescale) = (i64::from(track.usual_duration), i64::from(track.timescale));
            let most = (usual / 2).max(timescale / 10 - usual);
            // What rounding makes of a duration is no pause, however often.
            let rounded = (usual / 8).max(timescale / 500);
            let mut left = u64::from(track.samples).saturating_sub(1);
            let mut late = 0i64;
            track.durations.iter().any(|(run, delta)| {
                let run = run.min(left);
                left -= run;
                let off = Some(delta.saturating_sub(usual)).filter(|off| off.abs() > rounded);
                let run = i64::try_from(run).unwrap_or(i64::MAX);
                late = late.saturating_add(off.unwrap_or(0).saturating_mul(run)).max(0);
                late > most
            })
        })
    }

    /// From the decode time of the first video sample to that of the first audio sample.
    fn sound_delay_us(&self, track: &TrackTables) -> i64 {
        let delay = |edit: &Edit, timescale| {
            let empty = i64::try_from(edit.empty).unwrap_or(i64::MAX);
            microseconds(empty, self.movie_timescale).saturating_sub(microseconds(edit.media_time, timescale))
        };
        let video = delay(&self.video.edit, self.video.timescale);
        delay(&track.edit, track.timescale).saturating_sub(video)
    }

    /// Sizes of the audio samples that begin in a span of time, in microseconds since the first video sample
    /// is decoded; of the first quarter of a million if there are more.
    #[must_use]
    pub fn sound_sizes(&self, span: std::ops::Range<i64>) -> Vec<u64> {
        let Some(track) = &self.audio else {
            return Vec::new();
        };
        let delay = self.sound_delay_us(track);
        let (mut durations, mut sizes) = (track.durations.iter(), track.sizes.iter());
        let (mut at, mut found) = (0i64, Vec::new());
        while let (Some((_, delta)), Some((_, size))) = (durations.peek(), sizes.peek()) {
            let begins = microseconds(at, track.timescale).saturating_add(delay);
            if begins >= span.end || found.len() == MAX_SOUNDS_LISTED {
                break;
            }
            if begins >= span.start {
                found.push(size.unsigned_abs());
            }
            at = at.saturating_add(delta);
            durations.pass(1);
            sizes.pass(1);
        }
        found
    }

    /// Bytes of all samples of both tracks.
    #[must_use]
    pub fn media_bytes(&self) -> u64 {
        let tracks = std::iter::once(&self.video).chain(&self.audio);
        let bytes = tracks.map(|track| track.sizes.sum(track.sizes.items()));
        bytes.fold(0, |sum, bytes| {
            sum.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX))
        })
    }

    /// Sizes of some video samples in bytes.
    #[must_use]
    pub fn video_sizes(&self, samples: std::ops::Range<u32>) -> Vec<u64> {
        let mut sizes = self.video.sizes.iter();
        sizes.pass_all(u64::from(samples.start));
        let runs = std::iter::from_fn(|| {
            let run = sizes.peek()?;
            sizes.pass(run.0);
            Some(run)
        });
        runs.flat_map(|(count, size)| (0..count).map(move |_| size.unsigned_abs()))
            .take(samples.len())
            .collect()
    }

    /// Whether two answers hold the same media in the same order. Where in the file it begins may differ, and so may
    /// creation and modification times.
    #[must_use]
    pub fn same_media(&self, other: &Self) -> bool {
        self.movie_timescale == other.movie_timescale
            && self.video == other.video
            && self.audio == other.audio
    }

    /// Why this clip cannot continue a file that began with `first`; `None` if it can. Bitrates, which a muxer
    /// measures for every file, may differ.
    #[must_use]
    pub fn differs_from(&self, first: &Self) -> Option<Difference> {
        if !self.video.entry.is_same(&first.video.entry) {
            return Some(Difference::VideoConfiguration);
        }
        match (&self.audio, &first.audio) {
            (Some(one), Some(other)) if !one.entry.is_same(&other.entry) => {
                Some(Difference::AudioConfiguration)
            }
            (Some(_), None) => Some(Difference::AudioAppears),
            (None, Some(_)) => Some(Difference::AudioDisappears),
            _ => None,
        }
    }

    /// That every chunk lies inside of one of the payloads `media` of the `mdat`s.
    pub(super) fn check_within(&self, media: &[std::ops::Range<u64>]) -> Result<(), Mp4Error> {
        let mut tracks = std::iter::once(&self.video).chain(&self.audio);
        let within = tracks.all(|track| {
            track.chunk_extents().all(|chunk| {
                let (start, end) = (self.base + chunk.start, self.base + chunk.end);
                media.iter().any(|media| media.start <= start && end <= media.end)
            })
        });
        if within {
            return Ok(());
        }
        Err(Mp4Error::Invalid {
            box_type: FourCC(*b"stbl"),
            rule: "a chunk is outside of the media",
        })
    }

    pub(super) fn movie_timescale(&self) -> u32 {
        self.movie_timescale
    }

    /// Where the chunks count from.
    pub(super) fn base(&self) -> u64 {
        self.base
    }
}

impl TrackTables {
    /// Samples, in decode order numbered from 0.
    #[must_use]
    pub fn samples(&self) -> u32 {
        self.samples
    }

    /// Type of the sample entry, which names the codec (`avc1`, `hvc1`, `mp4a`, `alaw`).
    #[must_use]
    pub fn codec(&self) -> FourCC {
        self.entry.codec
    }

    /// Ticks of a second.
    #[must_use]
    pub fn timescale(&self) -> u32 {
        self.timescale
    }

    /// Numbers of the samples at which decoding can start.
    pub(super) fn sync_samples(&self) -> impl Iterator<Item = u32> + '_ {
        let all = self.sync.is_none().then_some(0..self.samples);
        let mut number = -1i64;
        let listed = self.sync.as_ref().map(|sync| {
            let gaps = sync.iter().flat_map(|(count, gap)| (0..count).map(move |_| gap));
            gaps.filter_map(move |gap| {
                number += gap;
                u32::try_from(number).ok()
            })
        });
        all.into_iter().flatten().chain(listed.into_iter().flatten())
    }

    /// Whether decoding can start at a sample.
    pub(super) fn is_sync(&self, number: u32) -> bool {
        self.sync.is_none() || self.sync_samples().find(|sync| *sync >= number) == Some(number)
    }

    pub(super) fn usual_duration(&self) -> u32 {
        self.usual_duration
    }

    pub(super) fn has_sync_table(&self) -> bool {
        self.sync.is_some()
    }
}

/// `ticks` in microseconds, rounded down.
fn microseconds(ticks: i64, timescale: u32) -> i64 {
    let exact = (i128::from(ticks) * 1_000_000).div_euclid(i128::from(timescale.max(1)));
    i64::try_from(exact).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
