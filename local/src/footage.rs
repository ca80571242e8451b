//! Small real recordings, looped for ever, that the local cameras show.
//!
//! A camera that runs around the clock cannot be committed, so two minutes of it are, and time wraps around
//! them: the loop of length L shows its position `t mod L` at the moment `t` of the Unix epoch. This module
//! owns the embedded files and their sample tables and promises that any span of time can be asked for, by
//! samples, with memory that does not grow with the span. How the files were made stands in
//! `local/footage/README.md`.

mod bulk;
mod read;

use std::num::NonZeroU32;
use std::sync::{Arc, OnceLock};

use bytes::BytesMut;
use shiguredo_mp4::TrackKind;
use shiguredo_mp4::boxes::SampleEntry;

use bulk::Bulk;
pub use read::FootageError;

/// A recording in a loop; clones share the media.
#[derive(Clone, Debug)]
pub struct Footage {
    recording: Arc<Recording>,
    bulk: Option<Bulk>,
    /// Whether the sound track is left out.
    mute: bool,
}

#[derive(Debug)]
struct Recording {
    /// Pictures first.
    tracks: Vec<Track>,
    movie: &'static [u8],
    alaw: Option<&'static [u8]>,
}

/// One track of a recording: a loop of samples in decode order.
#[derive(Debug)]
pub(crate) struct Track {
    pub(crate) kind: TrackKind,
    pub(crate) entry: SampleEntry,
    /// Ticks per second, 1 to 2^32 - 1.
    pub(crate) timescale: NonZeroU32,
    /// Length of the loop in ticks.
    length: i64,
    samples: Vec<Sample>,
    media: &'static [u8],
}

/// One sample of a loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    /// Where the media begins in the track's file, in bytes.
    offset: usize,
    /// Bytes in the file.
    size: usize,
    /// Decode time since the loop began, in ticks.
    start: i64,
    /// Decode time until the next sample, in ticks.
    pub(crate) duration: i64,
    /// Presentation time minus decode time, in ticks (ISO 14496-12, 8.6.1.3).
    pub(crate) composition_offset: i64,
    /// Whether decoding can start here.
    pub(crate) sync: bool,
}

/// A sample at one of the moments when its loop comes round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Occurrence {
    /// Which sample of the loop.
    pub(crate) sample: usize,
    /// Decode time since the Unix epoch, in ticks of the track.
    pub(crate) start: i64,
}

impl Footage {
    /// H.264 High without B-frames and AAC-LC, 16 kHz mono, 120 s, about 73 kbit/s.
    #[must_use]
    pub fn h264_aac() -> Self {
        static READ: OnceLock<Arc<Recording>> = OnceLock::new();
        let movie = include_bytes!("../footage/clock-h264-aac.mp4");
        Self::embedded(&READ, movie, None)
    }

    /// H.265 Main as `hvc1` without sound, 60 s, about 60 kbit/s.
    #[must_use]
    pub fn h265() -> Self {
        static READ: OnceLock<Arc<Recording>> = OnceLock::new();
        let movie = include_bytes!("../footage/clock-h265.mp4");
        Self::embedded(&READ, movie, None)
    }

    /// H.264 High with B-frames and G.711 A-law, 8 kHz mono in packets of 20 ms, 60 s, about 130 kbit/s.
    #[must_use]
    pub fn h264_bframes_alaw() -> Self {
        static READ: OnceLock<Arc<Recording>> = OnceLock::new();
        let movie = include_bytes!("../footage/clock-h264-bframes.mp4");
        let alaw = include_bytes!("../footage/clock-alaw.al");
        Self::embedded(&READ, movie, Some(alaw))
    }

    /// H.264 High without B-frames at 30 pictures a second, which no millisecond divides, with a key frame
    /// every half second, and AAC-LC, 32 kHz mono, 60 s, about 95 kbit/s.
    #[must_use]
    pub fn h264_half_second() -> Self {
        static READ: OnceLock<Arc<Recording>> = OnceLock::new();
        let movie = include_bytes!("../footage/clock-h264-half-second.mp4");
        Self::embedded(&READ, movie, None)
    }

    #[expect(
        clippy::expect_used,
        reason = "the files are part of the binary and the tests read each of them"
    )]
    fn embedded(read: &OnceLock<Arc<Recording>>, movie: &'static [u8], alaw: Option<&'static [u8]>) -> Self {
        let recording = read.get_or_init(|| {
            let mut tracks = read::movie(movie).expect("embedded footage can be read");
            tracks.extend(alaw.map(read::alaw));
            Arc::new(Recording { tracks, movie, alaw })
        });
        Self {
            recording: Arc::clone(recording),
            bulk: None,
            mute: false,
        }
    }

    /// The same pictures without the sound track.
    #[must_use]
    pub fn without_sound(mut self) -> Self {
        self.mute = true;
        self
    }

    /// The file that the pictures and, if it is AAC, the sound come from: one round of the loop, for a judge
    /// to decode. What [`Footage::bulky`] adds and [`Footage::without_sound`] takes away does not show in it.
    #[must_use]
    pub fn source_movie(&self) -> &'static [u8] {
        self.recording.movie
    }

    /// The bare G.711 A-law bytes that the sound comes from, 8 kHz mono, one round of the loop.
    #[must_use]
    pub fn source_alaw(&self) -> Option<&'static [u8]> {
        self.recording.alaw
    }

    /// Length of the loop in milliseconds. A loop begins at each multiple of it since the epoch.
    #[must_use]
    pub fn loop_ms(&self) -> i64 {
        let video = &self.recording.tracks[0];
        video.length * 1_000 / i64::from(video.timescale.get())
    }

    /// Pictures in the loop.
    #[must_use]
    pub fn pictures(&self) -> usize {
        self.recording.tracks[0].samples.len()
    }

    /// Audio samples in the loop: AAC frames, or packets of 160 bytes of G.711. 0 without sound.
    #[must_use]
    pub fn sounds(&self) -> usize {
        self.tracks().get(1).map_or(0, |track| track.samples.len())
    }

    /// Length of a group of pictures in milliseconds: fragments last a multiple of it.
    #[must_use]
    pub fn group_of_pictures_ms(&self) -> u32 {
        let video = &self.recording.tracks[0];
        let second = video.samples.iter().skip(1).find(|s| s.sync);
        let ticks = second.map_or(video.length, |s| s.start);
        u32::try_from(ticks * 1_000 / i64::from(video.timescale.get())).unwrap_or(u32::MAX)
    }

    /// Duration of a picture in milliseconds, a part of one rounded up.
    pub(crate) fn picture_ms(&self) -> i64 {
        let video = &self.recording.tracks[0];
        let rate = i64::from(video.timescale.get());
        video
            .samples
            .first()
            .map_or(0, |s| (s.duration * 1_000 + rate - 1) / rate)
    }

    /// How long the pictures last that end within the first so many milliseconds of a group of pictures; a part of
    /// a millisecond rounded down.
    pub(crate) fn whole_pictures_ms(&self, ms: i64) -> i64 {
        let video = &self.recording.tracks[0];
        let rate = i64::from(video.timescale.get());
        let picture = video.samples.first().map_or(1, |s| s.duration.max(1));
        let pictures = ms * rate / (picture * 1_000);
        pictures * picture * 1_000 / rate
    }

    /// The same pictures at a higher bit rate: each picture that is smaller than its share is filled up with
    /// a filler data NAL unit, which decoders skip (ISO 14496-10, 7.3.2.7; ISO 23008-2, 7.3.2.8). Key frames
    /// above their share keep their size. The sound stays as it is and comes on top.
    ///
    /// # Errors
    /// The rate is 0, or a picture's share would not fit 16 MiB.
    pub fn bulky(mut self, video_bits_per_second: u64) -> Result<Self, FootageError> {
        let video = self.tracks().iter().find(|t| t.kind == TrackKind::Video);
        self.bulk = Some(Bulk::new(
            video.ok_or(FootageError::NoVideo)?,
            video_bits_per_second,
        )?);
        Ok(self)
    }

    pub(crate) fn tracks(&self) -> &[Track] {
        let all = &self.recording.tracks;
        if self.mute { &all[..1] } else { all }
    }

    /// Size of a sample in bytes, filling included.
    pub(crate) fn size(&self, track: &Track, sample: usize) -> usize {
        let size = track.samples[sample].size;
        size + self.bulk_of(track).map_or(0, |bulk| bulk.padding(size))
    }

    /// Appends a sample's media, filling included.
    pub(crate) fn write(&self, track: &Track, sample: usize, to: &mut BytesMut) {
        let Sample { offset, size, .. } = track.samples[sample];
        to.extend_from_slice(&track.media[offset..offset + size]);
        if let Some(bulk) = self.bulk_of(track) {
            bulk.write(bulk.padding(size), to);
        }
    }

    fn bulk_of(&self, track: &Track) -> Option<&Bulk> {
        self.bulk.as_ref().filter(|_| track.kind == TrackKind::Video)
    }
}

impl Track {
    pub(crate) fn is_sound(&self) -> bool {
        self.kind == TrackKind::Audio
    }

    pub(crate) fn sample(&self, index: usize) -> &Sample {
        &self.samples[index]
    }

    /// The samples whose decode time lies in `[from, to)`, in order; both in milliseconds since the Unix
    /// epoch and not before it.
    pub(crate) fn between(&self, from: i64, to: i64) -> impl Iterator<Item = Occurrence> + '_ {
        let ticks = i64::from(self.timescale.get());
        let from = (from * ticks + 999).div_euclid(1_000);
        let first = self
            .samples
            .partition_point(|s| s.start < from.rem_euclid(self.length));
        let mut sample = first;
        let mut round = from.div_euclid(self.length) * self.length;
        std::iter::from_fn(move || {
            if sample == self.samples.len() {
                sample = 0;
                round += self.length;
            }
            let start = round + self.samples[sample].start;
            (start * 1_000 < to * ticks).then(|| {
                sample += 1;
                Occurrence {
                    sample: sample - 1,
                    start,
                }
            })
        })
    }
}

#[cfg(test)]
mod tests;
