//! Cutting to a range of wall-clock time.

use std::ops::Range;

use super::FragmentStart;
use super::segment::Segment;

/// Where the range cuts a clip, in ticks of the clip's video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Cut {
    /// Composition time of the picture that is shown when the range begins: in the first segment that is left.
    pub(super) start: Option<i64>,
    /// Composition time at which the range ends: in the last segment that is left.
    pub(super) end: Option<i64>,
}

/// What the wall clock says about a clip.
pub(super) struct Clock<'a> {
    pub(super) fragments: &'a [FragmentStart],
    /// Composition time of the first sample of each of them.
    pub(super) starts: &'a [i64],
    pub(super) timescale: u32,
}

impl Clock<'_> {
    /// Composition time of the moment `wall_ms`, which is not before the fragment `index`, rounded up; at most that of
    /// the next fragment of `segment`.
    fn within(&self, index: usize, segment: &Segment<'_>, wall_ms: i64) -> i64 {
        let since = i128::from(wall_ms) - i128::from(self.fragments[index].wall_ms);
        let ticks = -(-since * i128::from(self.timescale)).div_euclid(1000);
        let at = i64::try_from(ticks)
            .unwrap_or(i64::MAX)
            .saturating_add(self.starts[index]);
        match self.starts.get(index + 1) {
            Some(next) if index + 1 < segment.fragments.end => at.min(*next),
            _ => at,
        }
    }

    /// Wall-clock time of a composition time in `segment`, in milliseconds, rounded down.
    pub(super) fn wall_ms(&self, segment: &Segment<'_>, at: i64) -> i64 {
        let first = segment.fragments.start;
        let index = (segment.fragments.clone())
            .rev()
            .find(|index| self.starts[*index] <= at)
            .unwrap_or(first);
        let since = i128::from(at - self.starts[index]) * 1000;
        let since = i64::try_from(since.div_euclid(i128::from(self.timescale))).unwrap_or(0);
        self.fragments[index].wall_ms.saturating_add(since)
    }

    /// Leaves of `segments` what is presented in `range`; `started`: earlier clips have something of it.
    pub(super) fn cut(&self, segments: &mut Vec<Segment<'_>>, range: &Range<i64>, started: bool) -> Cut {
        let mut cut = Cut::default();
        let last_before = |wall_ms: i64| {
            self.fragments
                .iter()
                .rposition(|fragment| fragment.wall_ms < wall_ms)
        };
        match last_before(range.end) {
            None => segments.clear(),
            Some(index) => {
                segments.retain(|segment| segment.fragments.start <= index);
                if let Some(last) = segments.last_mut().filter(|last| last.fragments.contains(&index)) {
                    let limit = self.within(index, last, range.end);
                    if limit < last.end {
                        match last.ending_before(limit) {
                            Some(shorter) => {
                                *last = shorter;
                                cut.end = Some(limit);
                            }
                            None => {
                                segments.pop();
                            }
                        }
                    } else if limit == last.end {
                        // All of its pictures, but not the sound that reaches past them.
                        cut.end = Some(limit);
                    }
                }
            }
        }
        if let Some(index) = last_before(range.start.saturating_add(1)).filter(|_| !started) {
            segments.retain(|segment| index < segment.fragments.end);
            if let Some(first) = segments
                .first_mut()
                .filter(|first| first.fragments.contains(&index))
            {
                // Rounded down: the picture that begins in the tick in which the range begins is the one before.
                let at = self.within(index, first, range.start);
                let at = if self.is_whole(index, range.start) {
                    at
                } else {
                    at - 1
                };
                if at >= first.end {
                    segments.remove(0);
                } else {
                    let sync = first.sync_before(at);
                    if sync > first.samples.start {
                        *first = first.beginning_at(sync);
                    }
                    cut.start = Some(first.shown_at(at));
                }
            }
        }
        if segments.is_empty() { Cut::default() } else { cut }
    }

    /// Whether the moment is at a tick.
    fn is_whole(&self, index: usize, wall_ms: i64) -> bool {
        let since = i128::from(wall_ms) - i128::from(self.fragments[index].wall_ms);
        since * i128::from(self.timescale) % 1000 == 0
    }
}
