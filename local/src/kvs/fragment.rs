//! What the archive knows of one fragment.

use super::stream::Stream;

/// Bytes that Matroska adds to each frame in a fragment: a `SimpleBlock` element's id, size, track, time and
/// flags.
const BLOCK_OVERHEAD: usize = 10;

/// Bytes of a fragment beside its frames: EBML head, segment, tracks, cluster and the tags of the service.
const FRAGMENT_OVERHEAD: usize = 900;

/// One fragment of a stream. Moments in milliseconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fragment {
    /// The producer's connection that sent it; what is sent again comes with a later one.
    pub(super) session: i64,
    /// Whether an earlier session had sent it already, and whole.
    pub(super) copy: bool,
    /// Position in the stream: counts fragments since the epoch.
    pub(super) index: i64,
    /// Start on the producer's clock.
    pub(super) producer_start: i64,
    /// When the service began to receive it, on its own clock.
    pub(super) server_start: i64,
    /// Which of the stream's codecs it uses.
    pub(super) codec: i64,
    /// When its footage begins and ends, in the footage's own time: the phase of the fragments shifts the
    /// pictures too, so that a fragment is always whole groups of pictures, and a copy shows the same.
    pub(super) footage: (i64, i64),
}

/// Bits of an index that no fragment before the year 10000 uses, for the session.
const SESSION_SHIFT: u32 = 40;

impl Fragment {
    /// 47 decimal digits, rising with ingestion: a fixed beginning, the server timestamp, and digits that
    /// nobody should read anything into.
    pub(super) fn number(&self) -> String {
        let digits = scatter(self.index ^ (self.session << SESSION_SHIFT));
        format!("91343852333{:013}{digits:023}", self.server_start)
    }

    /// How long it lasts, in milliseconds.
    pub(super) fn duration_ms(&self) -> i64 {
        self.footage.1 - self.footage.0
    }

    /// `FragmentSizeInBytes`: the Matroska fragment with its metadata, a little more than its media.
    pub(super) fn size(&self, stream: &Stream) -> usize {
        let footage = stream.footage_of(self);
        let frames: usize = footage
            .tracks()
            .iter()
            .flat_map(|track| {
                let frames = stream.samples(track, self.footage);
                frames.map(|frame| footage.size(track, frame.sample) + BLOCK_OVERHEAD)
            })
            .sum();
        frames + FRAGMENT_OVERHEAD
    }

    /// `FragmentLengthInMilliseconds`: from the first picture's start to the last one's, so a picture short
    /// of the truth; 0 where there is only one.
    pub(super) fn listed_length_ms(&self, stream: &Stream) -> i64 {
        (self.duration_ms() - stream.footage_of(self).picture_ms()).max(0)
    }

    /// The longest beginning of it that has whole pictures and at most so many bytes; nothing if not even one
    /// picture fits.
    pub(super) fn cut(&self, stream: &Stream, bytes: usize) -> Option<Self> {
        let track = stream.footage_of(self).tracks().first()?;
        let rate = i64::from(track.timescale.get());
        let until = |moment: i64| Self {
            footage: (self.footage.0, moment),
            ..*self
        };
        let pictures: Vec<i64> = stream
            .samples(track, self.footage)
            .skip(1)
            .map(|picture| (picture.start * 1_000).div_euclid(rate))
            .collect();
        let fitting = pictures.partition_point(|moment| until(*moment).size(stream) <= bytes);
        let last = fitting.checked_sub(1)?;
        pictures.get(last).map(|moment| until(*moment))
    }
}

/// A well-mixed number for an index (the finalizer of SplitMix64).
fn scatter(index: i64) -> u64 {
    let mut z = index.cast_unsigned().wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
