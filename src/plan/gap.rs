//! Where footage is missing.

use super::{Fragment, Planned, rfc3339_of_ms};

/// Longest frame that a gap is measured from, in milliseconds: cameras send a picture a second at
/// least, and what lasts longer is the gap itself.
const LONGEST_FRAME_MS: i64 = 1_000;

/// Least time beside a frame that is no gap, in milliseconds. Producers' clocks jitter by some tens of them; a
/// reconnect takes seconds. Of slow cameras it is half a frame: less than a whole one can be missing unnamed.
const LEAST_TOLERANCE_MS: i64 = 250;

/// A span of the range that the clip does not show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// Where it lies.
    pub place: Where,
    /// Its first millisecond, by the clock of the selector.
    pub start_ms: i64,
    /// The first millisecond after it.
    pub end_ms: i64,
}

/// Where a gap lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where {
    /// At the start of the range.
    Head,
    /// Between two fragments.
    Inside,
    /// At the end of the range.
    Tail,
}

impl Where {
    /// The value as receipts spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Head => "HEAD",
            Self::Inside => "INSIDE",
            Self::Tail => "TAIL",
        }
    }
}

impl Gap {
    /// The gap, if there is any time in it.
    pub(super) fn new(place: Where, start_ms: i64, end_ms: i64) -> Option<Self> {
        (start_ms < end_ms).then_some(Self {
            place,
            start_ms,
            end_ms,
        })
    }

    /// Its first moment, as receipts say it; nothing outside of the years that can be written.
    #[must_use]
    pub fn start(&self) -> String {
        rfc3339_of_ms(self.start_ms)
    }

    /// The first moment after it, as receipts say it.
    #[must_use]
    pub fn end(&self) -> String {
        rfc3339_of_ms(self.end_ms)
    }

    /// Its length in seconds.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.end_ms.saturating_sub(self.start_ms) as f64 / 1000.0
    }
}

/// How far the starts of fragments may be apart before footage is missing between them.
///
/// `ListFragments` gives a length that leaves out the last frame, so that even between fragments
/// without a gap there is a slack of one frame. How long a frame is it does not say: at first one of the
/// least slacks is taken for it, and the first answer of `GetClip` tells.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Measure {
    /// What a listed length leaves out.
    pub(super) frame_ms: i64,
    /// Slack that is no gap.
    pub(super) tolerance_ms: i64,
}

impl Measure {
    /// Learns from fragments in any order.
    pub(super) fn of<'a>(fragments: impl IntoIterator<Item = &'a Fragment>) -> Self {
        let times = fragments.into_iter();
        let mut times: Vec<(i64, i64)> = times
            .map(|fragment| (fragment.producer_ms, fragment.length_ms))
            .collect();
        times.sort_unstable();
        let slacks = times.windows(2).map(|pair| {
            let ((start, length), (next, _)) = (pair[0], pair[1]);
            (slack(start, length, next), length)
        });
        // A frame is not longer than the fragment that it ends.
        let mut slacks: Vec<i64> = slacks
            .filter(|(slack, length)| *slack >= 0 && (slack <= length || *length == 0))
            .map(|(slack, _)| slack)
            .collect();
        // Not the very least: a camera's clock jitters.
        let low = slacks.len() / 10;
        Self::of_frame(match slacks.is_empty() {
            true => 0,
            false => *slacks.select_nth_unstable(low).1,
        })
    }

    /// Where a frame lasts so long.
    pub(super) fn of_frame(frame_ms: i64) -> Self {
        let frame_ms = frame_ms.clamp(0, LONGEST_FRAME_MS);
        Self {
            frame_ms,
            tolerance_ms: frame_ms.saturating_add((frame_ms / 2).max(LEAST_TOLERANCE_MS)),
        }
    }

    /// Whether `next` follows `fragment` with nothing missing between them.
    pub(super) fn continues(&self, fragment: &Fragment, next: &Fragment) -> bool {
        !self.is_gap(slack(fragment.producer_ms, fragment.length_ms, next.producer_ms))
    }

    /// Notes which of the fragments follow what is before them. Of those before, the last need not be the one that
    /// lasts longest: where a connection broke, a few pictures can lie inside of what was sent again.
    pub(super) fn mark(&self, fragments: &mut [Planned]) {
        let mut furthest = None;
        for fragment in fragments {
            let continues = |end: i64| !self.is_gap(fragment.producer_ms.saturating_sub(end));
            fragment.continues = furthest.is_some_and(continues);
            furthest = furthest.max(Some(fragment.listed_end_ms()));
        }
    }

    /// Milliseconds that a fragment shows although those before it, whose furthest listed end is `furthest`, show them
    /// too, if that is more than jitter or all of it.
    pub(super) fn overlap(&self, furthest: i64, fragment: &Planned) -> i64 {
        let end = fragment.listed_end_ms();
        let overlap = furthest.min(end).saturating_sub(fragment.producer_ms);
        if overlap > LEAST_TOLERANCE_MS || end < furthest {
            overlap.saturating_add(self.frame_ms)
        } else {
            0
        }
    }

    /// Whether so many milliseconds without footage are more than a frame and jitter.
    pub(super) fn is_gap(&self, milliseconds: i64) -> bool {
        milliseconds > self.tolerance_ms
    }

    /// How long a fragment plays that is listed with a length, its last frame included.
    pub(super) fn length(&self, listed_ms: i64) -> i64 {
        listed_ms.saturating_add(self.frame_ms)
    }
}

/// Milliseconds from the listed end of a fragment to the start of the next.
fn slack(start_ms: i64, length_ms: i64, next_ms: i64) -> i64 {
    next_ms.saturating_sub(start_ms).saturating_sub(length_ms)
}

#[cfg(test)]
mod tests {
    use super::super::fragment::tests::fragment;
    use super::*;

    #[test]
    fn what_is_longer_than_its_fragment_is_no_frame() {
        let every_other: Vec<Fragment> = (0..10).map(|i| fragment(i * 2000, 960)).collect();
        assert!(!Measure::of(&every_other).continues(&every_other[0], &every_other[1]));
    }

    #[test]
    fn most_of_the_pairs_may_have_gaps() {
        let starts = [0, 2000, 10_000, 20_000, 30_000, 32_000];
        let fragments: Vec<Fragment> = starts.map(|start| fragment(start, 1960)).to_vec();
        assert_eq!(Measure::of(&fragments).frame_ms, 40);
    }

    #[test]
    fn the_frame_is_one_of_the_least_slacks() {
        let fragments = [
            fragment(0, 1960),
            fragment(2000, 1960),
            fragment(4000, 1960),
            fragment(66_000, 1960),
        ];
        let measure = Measure::of(&fragments);
        assert_eq!(measure.frame_ms, 40);
        assert!(measure.continues(&fragments[0], &fragments[1]));
        assert!(!measure.continues(&fragments[2], &fragments[3]));
    }

    #[test]
    fn a_slow_camera_has_no_gaps_in_it() {
        let fragments = [fragment(0, 1000), fragment(2000, 1000), fragment(4000, 1000)];
        assert!(Measure::of(&fragments).continues(&fragments[0], &fragments[1]));
    }

    #[test]
    fn two_fragments_far_apart_are_a_gap() {
        let fragments = [fragment(0, 1960), fragment(60_000, 1960)];
        assert!(!Measure::of(&fragments).continues(&fragments[0], &fragments[1]));
        assert_eq!(Measure::of(&fragments[..1]).frame_ms, 0);
    }

    #[test]
    fn a_gap_has_time_in_it() {
        assert_eq!(Gap::new(Where::Inside, 5, 5), None);
        let gap = Gap::new(Where::Tail, 500, 2000).expect("a gap");
        assert!((gap.seconds() - 1.5).abs() < 1e-9);
    }
}
