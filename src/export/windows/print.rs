//! What tells one fragment from another, without a byte of its media.

use std::ops::Range;

use crate::mp4::ClipTables;
use crate::plan::Sync;

/// Sizes of a fragment's samples. An encoder that fills every picture up to its share gives all
/// fragments the same ones; then its sound may tell.
#[derive(Debug)]
pub(super) struct Print {
    pictures: Vec<u64>,
    sounds: Vec<u64>,
}

impl Print {
    /// Of the fragment that has the video samples `samples` of a clip with these sync samples.
    pub(super) fn of(tables: &ClipTables, syncs: &[Sync], samples: Range<u32>) -> Self {
        let at = |sample: u32| {
            let sync = syncs.binary_search_by_key(&sample, |sync| sync.sample).ok();
            sync.and_then(|sync| syncs.get(sync)).map(|sync| sync.at_us)
        };
        let start = at(samples.start).unwrap_or(0);
        let end = at(samples.end).unwrap_or_else(|| tables.video_end_us());
        Self {
            pictures: tables.video_sizes(samples),
            sounds: tables.sound_sizes(start..end),
        }
    }

    /// Whether it can be told from that of another fragment.
    pub(super) fn is_telling(&self) -> bool {
        /// A key frame, a filled-up picture, one or two that were too large for that; silence.
        const ALIKE: usize = 5;
        let mut sizes: Vec<u64> = self.pictures.iter().chain(&self.sounds).copied().collect();
        sizes.sort_unstable();
        sizes.dedup();
        sizes.len() > ALIKE
    }

    /// Whether it is the same fragment in another clip, where the sound at its edges may belong to its
    /// neighbours.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let inner = match self.sounds.as_slice() {
            [_, inner @ .., _] => inner,
            _ => &[],
        };
        let sounds_alike = inner.is_empty() || other.sounds.windows(inner.len()).any(|run| run == inner);
        self.pictures == other.pictures && sounds_alike
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(pictures: &[u64], sounds: &[u64]) -> Print {
        Print {
            pictures: pictures.to_vec(),
            sounds: sounds.to_vec(),
        }
    }

    #[test]
    fn filled_up_pictures_tell_nothing_and_sound_does() {
        assert!(!print(&[900, 500, 500, 500], &[]).is_telling());
        assert!(print(&[900, 500, 500], &[31, 32, 33, 34]).is_telling());
        assert!(print(&[900, 501, 502, 503, 504, 505], &[]).is_telling());
    }

    #[test]
    fn sound_at_the_edges_may_differ() {
        let one = print(&[9, 5], &[1, 2, 3, 4]);
        assert!(one.is_same(&print(&[9, 5], &[2, 3, 4, 7])));
        assert!(!one.is_same(&print(&[9, 5], &[2, 9, 4, 7])));
        assert!(!one.is_same(&print(&[9, 6], &[1, 2, 3, 4])));
    }
}
