//! Whether the archive is past the end of a range.
//!
//! A fragment is archived only when the next one has begun, so the last one of a range that has just ended
//! is not there yet; and nothing says that it never will be. This module reads that off a list of the
//! fragments near the end, and says when to look again. It owns the rules and no clock: the present moment
//! is an argument.
//!
//! Sources: developer guide and the service team's answers, as [`SETTLE`](super::SETTLE) has them.

use super::gap::Measure;
use super::{Fragment, FragmentSelectorType, MAX_FRAGMENT_SECONDS, SETTLE, TimeRange};

/// From the start of the next fragment until the one before it is listed: "typically under one second".
/// Source: API reference, `ListFragments`.
pub const INDEX_MS: i64 = 1_000;

/// Least and longest time between two looks. A look pays some three per cent of what a stream's readers
/// may spend together in a second.
const LEAST_MS: i64 = 1_000;
const LONGEST_MS: i64 = 10_000;

/// By how much the service's clock may be behind that of the function's host.
pub const CLOCKS_APART_MS: i64 = 1_000;

/// Time between looks while nothing is known of the camera's fragments.
const UNKNOWN_MS: i64 = 5_000;

/// What the archive shows of the end of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// All that belongs to the range is archived.
    Past,
    /// Not all may be, but nothing more is to be expected: the stream has stopped.
    Settled,
    /// More may come.
    Open {
        /// When to look again, in milliseconds since 1970.
        next_ms: i64,
        /// When nothing more is to be expected, likewise.
        settled_ms: i64,
    },
}

impl Edge {
    /// The range of fragment starts that [`Edge::of`] wants to know: enough before the end to see two
    /// fragments, and as far behind it as the one after can begin. By the server's clock nothing begins after
    /// now, and its now may be a little behind ours.
    #[must_use]
    pub fn range(selector: FragmentSelectorType, end_ms: i64, now_ms: i64) -> Option<TimeRange> {
        let longest = MAX_FRAGMENT_SECONDS.saturating_add(1).saturating_mul(1000);
        let behind = end_ms.saturating_add(longest);
        let last = match selector {
            FragmentSelectorType::ProducerTimestamp => behind,
            FragmentSelectorType::ServerTimestamp => behind.min(now_ms.saturating_sub(CLOCKS_APART_MS)),
        };
        TimeRange::from_milliseconds(end_ms.saturating_sub(longest.saturating_mul(2)), last)
    }

    /// What the fragments `listed` in that range, in any order, say about a range that ends at `end_ms`.
    /// `skew_ms`, the server's clock minus the producer's, counts where they do not tell it.
    #[must_use]
    pub fn of(
        listed: &[Fragment],
        selector: FragmentSelectorType,
        end_ms: i64,
        skew_ms: Option<i64>,
        now_ms: i64,
    ) -> Self {
        let mut fragments: Vec<Fragment> = listed.to_vec();
        fragments.sort_by_key(|fragment| fragment.start_ms(selector));
        let (before, after) =
            fragments.split_at(fragments.partition_point(|fragment| fragment.start_ms(selector) <= end_ms));
        if !after.is_empty() {
            return Self::Past;
        }
        let measure = Measure::of(before);
        let by_producer = selector == FragmentSelectorType::ProducerTimestamp;
        // When a fragment came does not tell how long it plays: by the server's clock only what came after
        // the end shows that the end is past.
        let shows_the_end = |fragment: &Fragment| {
            let ends = fragment
                .producer_ms
                .saturating_add(measure.length(fragment.length_ms));
            measure.is_gap(ends.saturating_sub(end_ms))
        };
        if by_producer && before.iter().any(shows_the_end) {
            return Self::Past;
        }
        let skew_ms = middle_skew(before).or(skew_ms);
        let late = late_ms(selector, skew_ms);
        let settled_ms = settled_ms(selector, end_ms, skew_ms);
        if now_ms >= settled_ms {
            return Self::Settled;
        }
        let next_ms = match last_and_spacing(before, selector) {
            None => now_ms.saturating_add(UNKNOWN_MS),
            Some((last_ms, spacing_ms)) => {
                // The first fragment that begins after the end, beyond doubt: with it the one at the end is
                // archived. By the server's clock it has to be archived itself.
                let doubt = if by_producer { measure.tolerance_ms } else { 0 };
                let since = end_ms.saturating_add(doubt).saturating_sub(last_ms).max(0);
                let fragments = since.checked_div(spacing_ms).unwrap_or(0).saturating_add(1);
                let begins = last_ms.saturating_add(fragments.saturating_mul(spacing_ms));
                let closes = if by_producer {
                    begins
                } else {
                    begins.saturating_add(spacing_ms)
                };
                let expected = closes.saturating_add(late).saturating_add(INDEX_MS);
                // What is overdue is given as long again, because it may never come.
                expected.max(now_ms.saturating_add(now_ms.saturating_sub(expected)))
            }
        };
        // Nothing that shows the end can be there before it came.
        let earliest = end_ms.saturating_add(late).saturating_add(INDEX_MS);
        let next_ms = next_ms
            .min(now_ms.saturating_add(LONGEST_MS))
            .max(now_ms.saturating_add(LEAST_MS))
            .max(earliest);
        Self::Open {
            next_ms: next_ms.min(settled_ms),
            settled_ms,
        }
    }
}

/// From when on nothing more is to be expected of a range that ends at `end_ms`, all in milliseconds since
/// 1970, where the server's clock is `skew_ms` ahead of the producer's.
#[must_use]
pub fn settled_ms(selector: FragmentSelectorType, end_ms: i64, skew_ms: Option<i64>) -> i64 {
    end_ms
        .saturating_add(late_ms(selector, skew_ms))
        .saturating_add(i64::try_from(SETTLE.as_millis()).unwrap_or(i64::MAX))
}

/// By how much footage comes later than its own time: a camera's clock that is behind, a slow upload.
fn late_ms(selector: FragmentSelectorType, skew_ms: Option<i64>) -> i64 {
    match selector {
        FragmentSelectorType::ProducerTimestamp => skew_ms.unwrap_or(0).max(0),
        FragmentSelectorType::ServerTimestamp => 0,
    }
}

/// The server's clock minus the producer's: the middle one of all fragments.
#[must_use]
pub fn middle_skew(fragments: &[Fragment]) -> Option<i64> {
    let skew = |fragment: &Fragment| fragment.server_ms.saturating_sub(fragment.producer_ms);
    middle(fragments.iter().map(skew))
}

/// The start of the last fragment, and how far apart the starts are, of fragments in order.
fn last_and_spacing(fragments: &[Fragment], selector: FragmentSelectorType) -> Option<(i64, i64)> {
    let starts: Vec<i64> = fragments
        .iter()
        .map(|fragment| fragment.start_ms(selector))
        .collect();
    let apart = starts.windows(2).map(|pair| pair[1].saturating_sub(pair[0]));
    // Copies of one moment are not apart.
    let spacing = middle(apart.filter(|apart| *apart > 0))?;
    Some((*starts.last()?, spacing))
}

/// The middle one of some numbers.
pub(super) fn middle(numbers: impl Iterator<Item = i64>) -> Option<i64> {
    let mut numbers: Vec<i64> = numbers.collect();
    let middle = numbers.len() / 2;
    (!numbers.is_empty()).then(|| *numbers.select_nth_unstable(middle).1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fragment::tests::fragment;
    use super::FragmentSelectorType::{ProducerTimestamp, ServerTimestamp};
    use super::*;

    const END: i64 = 1_000_000;

    /// Fragments of 2 s from far before the end up to the one that starts at `last`.
    fn up_to(last: i64) -> Vec<Fragment> {
        (0..15).map(|i| fragment(last - i * 2000, 1960)).collect()
    }

    fn next(edge: Edge) -> i64 {
        match edge {
            Edge::Open { next_ms, .. } => next_ms,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_later_fragment_shows_that_the_end_is_past() {
        for selector in [ProducerTimestamp, ServerTimestamp] {
            assert_eq!(
                Edge::of(&up_to(END + 1), selector, END, None, END + 3000),
                Edge::Past
            );
        }
    }

    #[test]
    fn a_fragment_that_shows_the_end_is_the_last_one_by_the_producers_clock_alone() {
        let shown = up_to(END - 1000);
        assert_eq!(
            Edge::of(&shown, ProducerTimestamp, END, None, END + 2000),
            Edge::Past
        );
        assert!(matches!(
            Edge::of(&shown, ServerTimestamp, END, None, END + 2000),
            Edge::Open { .. }
        ));
    }

    /// What begins exactly at the end of a range belongs to it.
    #[test]
    fn a_fragment_that_ends_with_the_range_is_followed_by_one() {
        let touching = up_to(END - 2000);
        let edge = Edge::of(&touching, ProducerTimestamp, END, None, END + 1000);
        // The next one runs from the end on for 2 s, and is listed a second later.
        assert_eq!(next(edge), END + 2000 + INDEX_MS);
        assert_eq!(
            Edge::of(&up_to(END), ProducerTimestamp, END, None, END + 3000),
            Edge::Past
        );
    }

    #[test]
    fn the_next_look_is_when_the_fragment_at_the_end_should_be_there() {
        let edge = Edge::of(&up_to(END - 5000), ProducerTimestamp, END, None, END + 500);
        // 3000 to 1000 before the end, 1000 before to 1000 after.
        assert_eq!(next(edge), END + 1000 + INDEX_MS);
        let edge = Edge::of(&up_to(END - 5000), ServerTimestamp, END, None, END + 500);
        assert_eq!(next(edge), END + 3000 + INDEX_MS);
        let late = |now| next(Edge::of(&up_to(END - 5000), ProducerTimestamp, END, None, now)) - now;
        assert_eq!(late(END + 2000), LEAST_MS);
        assert_eq!(late(END + 6000), 4000, "as long again as it is overdue");
        assert_eq!(late(END + 20_000), LONGEST_MS);
    }

    #[test]
    fn a_stream_that_has_stopped_settles() {
        let settle = settled_ms(ServerTimestamp, 0, None);
        for selector in [ProducerTimestamp, ServerTimestamp] {
            let edge = |now| Edge::of(&up_to(END - 9000), selector, END, None, now);
            assert_eq!(next(edge(END + settle - 100)), END + settle);
            assert_eq!(edge(END + settle), Edge::Settled);
        }
        assert_eq!(
            Edge::of(&[], ProducerTimestamp, END, None, END + settle),
            Edge::Settled
        );
        assert_eq!(
            next(Edge::of(&[], ProducerTimestamp, END, None, END)),
            END + UNKNOWN_MS
        );
    }

    #[test]
    fn a_camera_whose_clock_is_behind_settles_later() {
        let behind: Vec<Fragment> = up_to(END - 9000)
            .into_iter()
            .map(|fragment| Fragment {
                server_ms: fragment.producer_ms + 40_000,
                ..fragment
            })
            .collect();
        let settle = settled_ms(ServerTimestamp, 0, None);
        let edge = Edge::of(&behind, ProducerTimestamp, END, None, END + settle);
        assert!(
            matches!(edge, Edge::Open { settled_ms, .. } if settled_ms == END + 40_000 + settle),
            "{edge:?}"
        );
    }

    #[test]
    fn what_is_asked_for_does_not_lie_in_the_servers_future() {
        let range = Edge::range(ServerTimestamp, END, END + 1000).expect("a range");
        assert_eq!(range.milliseconds(), (END - 42_000, END));
        let range = Edge::range(ProducerTimestamp, END, END + 1000).expect("a range");
        assert_eq!(range.milliseconds(), (END - 42_000, END + 21_000));
    }

    proptest! {
        /// A camera that sends, looked at as the edges say: the end is past in time, after few looks, and then
        /// all that begins in the range is there.
        #[test]
        fn a_running_camera_is_waited_for_and_no_longer(
            length in 200i64..20_000,
            phase in 0i64..20_000,
            skew in -20_000i64..20_000,
            index in 0i64..INDEX_MS,
            by_producer: bool,
        ) {
            let selector = if by_producer { ProducerTimestamp } else { ServerTimestamp };
            let skewed = |producer_ms: i64| Fragment {
                server_ms: producer_ms + skew,
                ..fragment(producer_ms, length - 40)
            };
            let first = END - 100_000 + phase % length;
            let listed = |now: i64| -> Vec<Fragment> {
                let range = Edge::range(selector, END, now).expect("a range");
                (0..)
                    .map(|i| skewed(first + i * length))
                    .take_while(|f| f.server_ms + length + index <= now)
                    .filter(|f| {
                        let (start, end) = range.milliseconds();
                        (start..=end).contains(&f.start_ms(selector))
                    })
                    .collect()
            };
            let mut now = END + INDEX_MS;
            let mut looks = 0;
            loop {
                looks += 1;
                prop_assert!(looks <= 8, "{} looks", looks);
                match Edge::of(&listed(now), selector, END, None, now) {
                    Edge::Open { next_ms, .. } => {
                        prop_assert!(next_ms > now);
                        now = next_ms;
                    }
                    Edge::Past => break,
                    Edge::Settled => {
                        // By the server's clock a fragment of 20 s may be on its way for nearly 40.
                        prop_assert!(!by_producer || skew < 0);
                        break;
                    }
                }
            }
            // Of the fragment at the end, and by the server's clock of the next one too, nothing is missing after
            // its length; what the skew and the index add, and a look that came just too early.
            let fragments = if by_producer { length } else { 2 * length };
            prop_assert!(now - END <= fragments + skew.max(0) + 4 * INDEX_MS, "waited until {}", now - END);
            let there = listed(now);
            let all = (0..).map(|i| skewed(first + i * length))
                .take_while(|f| f.start_ms(selector) <= END)
                .filter(|f| f.start_ms(selector) >= END - 42_000);
            for fragment in all {
                prop_assert!(there.contains(&fragment), "{:?} is not there at {}", fragment, now - END);
            }
        }
    }
}
