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
        self.moment_ms(index, at)
    }

    /// Wall-clock time of a composition time in the fragment `index`, in milliseconds, rounded down.
    fn moment_ms(&self, index: usize, at: i64) -> i64 {
        let since = (i128::from(at) - i128::from(self.starts[index])) * 1000;
        let since = i64::try_from(since.div_euclid(i128::from(self.timescale))).unwrap_or(i64::MAX);
        self.fragments[index].wall_ms.saturating_add(since)
    }

    /// Wall-clock time at which the pictures of a fragment end, in milliseconds, rounded down; `None` if it is in none of
    /// the segments.
    fn end_ms(&self, index: usize, segments: &[Segment<'_>]) -> Option<i64> {
        let segment = segments
            .iter()
            .find(|segment| segment.fragments.contains(&index))?;
        let end = match self.starts.get(index + 1) {
            Some(next) if index + 1 < segment.fragments.end => *next,
            _ => segment.end,
        };
        Some(self.moment_ms(index, end))
    }

    /// The fragment in which the range begins. Of those that begin no later the last need not be the one that lasts
    /// longest: where a connection broke, a few pictures can lie inside of what was sent again.
    fn first_shown(&self, segments: &[Segment<'_>], start_ms: i64) -> Option<usize> {
        let begun = |index: &usize| self.fragments[*index].wall_ms <= start_ms;
        let begun = (0..self.fragments.len()).filter(begun);
        begun.max_by_key(|index| self.end_ms(*index, segments))
    }

    /// The fragment in which the range ends: the first that lasts until then, which shows all that later ones show of the
    /// range; or else the last that begins in it.
    fn last_shown(&self, segments: &[Segment<'_>], end_ms: i64) -> Option<usize> {
        let begun = |index: &usize| self.fragments[*index].wall_ms < end_ms;
        let mut begun = (0..self.fragments.len()).filter(begun);
        let last = begun.clone().next_back()?;
        let lasts = |index: &usize| self.end_ms(*index, segments).is_some_and(|end| end >= end_ms);
        Some(begun.find(lasts).unwrap_or(last))
    }

    /// Leaves of `segments` what is presented in `range`; `started`: earlier clips have something of it.
    pub(super) fn cut(&self, segments: &mut Vec<Segment<'_>>, range: &Range<i64>, started: bool) -> Cut {
        let mut cut = Cut::default();
        let first_shown = self.first_shown(segments, range.start).filter(|_| !started);
        match self.last_shown(segments, range.end) {
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
        if let Some(index) = first_shown {
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
