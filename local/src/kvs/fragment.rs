//! What the archive knows of one fragment.

use super::stream::Stream;
use crate::footage::PICTURE_MS;

/// Bytes that Matroska adds to each frame in a fragment: a `SimpleBlock` element's id, size, track, time and
/// flags.
const BLOCK_OVERHEAD: usize = 10;

/// Bytes of a fragment beside its frames: EBML head, segment, tracks, cluster and the tags of the service.
const FRAGMENT_OVERHEAD: usize = 900;

/// One fragment of a stream. Moments in milliseconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fragment {
    /// Position in the stream: counts durations since the epoch.
    pub(super) index: i64,
    /// Start on the producer's clock.
    pub(super) producer_start: i64,
    /// When the service began to receive it, on its own clock.
    pub(super) server_start: i64,
    /// Which of the stream's codecs it uses.
    pub(super) codec: i64,
}

impl Fragment {
    /// 47 decimal digits, rising with ingestion: a fixed beginning, the server timestamp, and digits that
    /// nobody should read anything into.
    pub(super) fn number(&self) -> String {
        format!("91343852333{:013}{:023}", self.server_start, scatter(self.index))
    }

    /// `FragmentSizeInBytes`: the Matroska fragment with its metadata, a little more than its media.
    pub(super) fn size(&self, stream: &Stream) -> usize {
        let (from, to) = stream.footage_span(self);
        let footage = stream.footage_of(self);
        let frames: usize = footage
            .tracks()
            .iter()
            .flat_map(|track| {
                let frames = track.between(from, to);
                frames.map(|frame| footage.size(track, frame.sample) + BLOCK_OVERHEAD)
            })
            .sum();
        frames + FRAGMENT_OVERHEAD
    }

    /// `FragmentLengthInMilliseconds`: from the first picture's start to the last one's, so a picture short
    /// of the truth.
    pub(super) fn listed_length_ms(stream: &Stream) -> i64 {
        stream.fragment_ms - i64::from(PICTURE_MS)
    }
}

/// A well-mixed number for an index (the finalizer of SplitMix64).
fn scatter(index: i64) -> u64 {
    let mut z = index.cast_unsigned().wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
