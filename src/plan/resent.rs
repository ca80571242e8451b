//! Which of several copies of the same footage counts.
//!
//! After a reconnect a producer rewinds and sends again what it is not sure to have delivered. Of
//! fragments with equal producer timestamps `GetClip` gives the one that was ingested first. Source:
//! API reference, `ClipFragmentSelector`. A younger one cannot be had, whatever becomes of that. What it does with
//! fragments that overlap without being equal is not documented; here the older one counts too, and the younger is left out if it has
//! less than half of its time to itself. Of n fragments, however they overlap, that takes a time of n log n: a camera, or
//! whoever speaks for one, says when its fragments were and how long.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::Fragment;
use super::shown::Shown;

/// Fragments that are left out because older ones show their time.
#[derive(Debug, Default)]
pub(super) struct LeftOut {
    /// Those with the producer timestamp of an older one.
    pub(super) resent: Vec<Fragment>,
    /// Those that overlap with ones that count.
    pub(super) overlapping: Vec<Fragment>,
}

impl LeftOut {
    pub(super) fn is_empty(&self) -> bool {
        self.resent.is_empty() && self.overlapping.is_empty()
    }
}

/// Splits `fragments` into those that count, in the order of their producer timestamps, and the rest.
pub(super) fn oldest_of_each(mut fragments: Vec<Fragment>) -> (Vec<Fragment>, LeftOut) {
    let mut left_out = LeftOut::default();
    fragments.sort_unstable_by(|a, b| {
        let by_time = a.producer_ms.cmp(&b.producer_ms);
        by_time.then_with(|| ingestion(a, b))
    });
    // What no other fragment reaches into counts, and what is apart in time is decided apart: of a day in which a few
    // fragments were sent twice only those few have to be compared.
    let mut kept = Vec::with_capacity(fragments.len());
    let mut cluster: Vec<Fragment> = Vec::new();
    let mut cluster_end = i64::MIN;
    for fragment in fragments {
        // Equal timestamps belong together even at the end of all time, where nothing lasts.
        let later = cluster
            .last()
            .is_none_or(|last| last.producer_ms < fragment.producer_ms);
        if later && fragment.producer_ms >= cluster_end {
            decide(&mut cluster, &mut kept, &mut left_out);
            cluster_end = i64::MIN;
        }
        cluster_end = cluster_end.max(end(&fragment));
        cluster.push(fragment);
    }
    decide(&mut cluster, &mut kept, &mut left_out);
    (kept, left_out)
}

/// Moves the fragments of a cluster, which are in the order of their producer timestamps, to where they belong.
fn decide(cluster: &mut Vec<Fragment>, counting: &mut Vec<Fragment>, left_out: &mut LeftOut) {
    // A camera that does not rewind sends in the order in which fragments play. What those that count show of the
    // next one is then what lies before their furthest end.
    if cluster.is_sorted_by(|a, b| ingestion(a, b).is_le()) {
        let mut furthest = i64::MIN;
        let mut older = None;
        for fragment in cluster.drain(..) {
            let shown = furthest.min(end(&fragment)).saturating_sub(fragment.producer_ms);
            match older.replace(fragment.producer_ms) {
                Some(older) if older == fragment.producer_ms => left_out.resent.push(fragment),
                _ if is_most(shown.max(0).unsigned_abs(), &fragment) => left_out.overlapping.push(fragment),
                _ => {
                    furthest = furthest.max(end(&fragment));
                    counting.push(fragment);
                }
            }
        }
        return;
    }
    cluster.sort_by(ingestion);
    let mut shown = Shown::none_of(cluster.iter().map(span));
    let mut oldest: BTreeMap<i64, Option<Fragment>> = BTreeMap::new();
    for fragment in cluster.drain(..) {
        match oldest.entry(fragment.producer_ms) {
            Entry::Occupied(_) => left_out.resent.push(fragment),
            Entry::Vacant(first) if is_most(shown.of(span(&fragment)), &fragment) => {
                first.insert(None);
                left_out.overlapping.push(fragment);
            }
            Entry::Vacant(first) => {
                shown.add(span(&fragment));
                first.insert(Some(fragment));
            }
        }
    }
    counting.extend(oldest.into_values().flatten());
}

/// Order of ingestion: by the server's clock, and within a millisecond by number. Numbers are too long
/// for an integer; of two decimals without leading zeros the longer is the larger.
pub(super) fn ingestion(a: &Fragment, b: &Fragment) -> Ordering {
    let number = |fragment: &Fragment| fragment.number.len();
    let by_clock = a.server_ms.cmp(&b.server_ms);
    by_clock
        .then_with(|| number(a).cmp(&number(b)))
        .then_with(|| a.number.cmp(&b.number))
}

/// The time of a fragment, from its first millisecond to the one after its last. It has one at least.
fn span(fragment: &Fragment) -> (i64, i64) {
    (fragment.producer_ms, end(fragment))
}

fn end(fragment: &Fragment) -> i64 {
    fragment.producer_ms.saturating_add(fragment.length_ms.max(1))
}

/// Whether so many milliseconds are more than half of a fragment.
fn is_most(milliseconds: u64, fragment: &Fragment) -> bool {
    u128::from(milliseconds) * 2 > u128::from(fragment.length_ms.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fragment::tests::fragment;
    use super::*;

    fn sent(producer_ms: i64, server_ms: i64) -> Fragment {
        Fragment {
            server_ms,
            ..fragment(producer_ms, 1960)
        }
    }

    fn starts(fragments: &[Fragment]) -> Vec<(i64, i64)> {
        fragments.iter().map(|f| (f.producer_ms, f.server_ms)).collect()
    }

    #[test]
    fn order_of_the_list_does_not_matter() {
        let (kept, left_out) = oldest_of_each(vec![sent(4000, 4), sent(0, 0), sent(2000, 2)]);
        assert_eq!(starts(&kept), [(0, 0), (2000, 2), (4000, 4)]);
        assert!(left_out.resent.is_empty() && left_out.overlapping.is_empty());
    }

    #[test]
    fn of_equal_timestamps_the_oldest_ingested_counts() {
        let (kept, left_out) =
            oldest_of_each(vec![sent(2000, 90), sent(0, 0), sent(2000, 2), sent(4000, 91)]);
        assert_eq!(starts(&kept), [(0, 0), (2000, 2), (4000, 91)]);
        assert_eq!(starts(&left_out.resent), [(2000, 90)]);
    }

    /// `GetClip` gives the oldest of them, whatever else shows its time.
    #[test]
    fn a_younger_one_does_not_stand_in_for_an_equal_one_that_overlaps() {
        let longer = |producer_ms, server_ms| Fragment {
            length_ms: 10_000,
            ..sent(producer_ms, server_ms)
        };
        for first in [0, 9] {
            let (kept, left_out) = oldest_of_each(vec![longer(0, first), sent(8000, 10), longer(8000, 20)]);
            assert_eq!(starts(&kept), [(0, first)]);
            assert_eq!(starts(&left_out.overlapping), [(8000, 10)]);
            assert_eq!(starts(&left_out.resent), [(8000, 20)]);
        }
        // Not in the order in which they play.
        let all = vec![longer(0, 1), sent(8000, 10), longer(8000, 20), longer(18_000, 0)];
        let (kept, left_out) = oldest_of_each(all);
        assert_eq!(starts(&kept), [(0, 1), (18_000, 0)]);
        assert_eq!(starts(&left_out.resent), [(8000, 20)]);
    }

    #[test]
    fn within_a_millisecond_the_number_decides() {
        let numbered = |number: &str| Fragment {
            number: number.into(),
            ..sent(0, 7)
        };
        let (kept, _) = oldest_of_each(vec![numbered("1000"), numbered("999")]);
        assert_eq!(&*kept[0].number, "999");
    }

    /// `ListFragments` may name any length.
    #[test]
    fn lengths_beyond_all_time_are_no_overflow() {
        let endless = |producer_ms| Fragment {
            length_ms: i64::MAX,
            ..sent(producer_ms, producer_ms)
        };
        let (kept, left_out) = oldest_of_each(vec![endless(0), endless(1), sent(2000, 2000)]);
        assert_eq!(starts(&kept), [(0, 0)]);
        assert_eq!(starts(&left_out.overlapping), [(1, 1), (2000, 2000)]);
    }

    #[test]
    fn copies_at_the_end_of_all_time_are_copies() {
        let (kept, left_out) = oldest_of_each(vec![sent(i64::MAX, 2), sent(i64::MAX, 1)]);
        assert_eq!(starts(&kept), [(i64::MAX, 1)]);
        assert_eq!(starts(&left_out.resent), [(i64::MAX, 2)]);
    }

    fn of(producer_ms: i64, server_ms: i64, length_ms: i64) -> Fragment {
        Fragment {
            length_ms,
            ..sent(producer_ms, server_ms)
        }
    }

    /// Two reconnects in a row, and the connection broke in the middle of a fragment: the archive keeps its short
    /// beginning (10.000 to 10.040 s). What is sent again has another grid each time.
    #[test]
    fn what_an_older_one_shows_is_left_out_though_a_short_one_begins_between_them() {
        let (_, left_out) = oldest_of_each(vec![
            of(8000, 8000, 1960),
            of(10_000, 10_000, 40),
            // After the first reconnect: older ones show 100 ms of it.
            of(9900, 20_000, 1960),
            // After the second: the one before shows 1,760 ms of it.
            of(10_100, 30_000, 1960),
        ]);
        assert_eq!(starts(&left_out.overlapping), [(10_100, 30_000)]);
    }

    /// Two older ones overlap, and what both show counts once: the younger has 2,030 of its 4,000 ms to itself.
    #[test]
    fn what_two_older_ones_show_counts_once() {
        let (_, left_out) = oldest_of_each(vec![of(10_000, 1, 1960), of(11_000, 2, 1960), of(7970, 3, 4000)]);
        assert_eq!(starts(&left_out.overlapping), []);
    }

    /// Moments with a pause behind each, and as many younger fragments that last for seconds and are shown for the most
    /// part: to look at each moment under each of them would take minutes.
    #[test]
    fn a_hundred_thousand_that_overlap_are_decided_soon() {
        let moments = (0..50_000).map(|number| of(number * 3, number, 2));
        let long = (0..50_000).map(|number| of(number * 3 + 1, 100_000 + number, 20_000));
        let (kept, left_out) = oldest_of_each(moments.chain(long).collect());
        assert_eq!(kept.len() + left_out.overlapping.len(), 100_000);
        assert!(
            left_out.overlapping.len() > 40_000,
            "{}",
            left_out.overlapping.len()
        );
    }

    proptest! {
        /// The rule by its plainest reading, millisecond by millisecond.
        #[test]
        fn what_counts_is_what_the_rule_says(
            times in prop::collection::vec((0i64..60, 0i64..9, 0i64..20), 0..20),
        ) {
            let fragments: Vec<Fragment> = times
                .into_iter()
                .enumerate()
                .map(|(number, (producer_ms, server_ms, length_ms))| Fragment {
                    number: format!("{number:03}").into(),
                    ..of(producer_ms, server_ms, length_ms)
                })
                .collect();
            let mut by_age = fragments.clone();
            by_age.sort_by(ingestion);
            let mut counting: Vec<Fragment> = Vec::new();
            let (mut resent, mut overlapping) = (0, 0);
            for (number, fragment) in by_age.iter().enumerate() {
                let shows = |other: &Fragment, ms: i64| (other.producer_ms..end(other)).contains(&ms);
                let shown = (fragment.producer_ms..end(fragment))
                    .filter(|ms| counting.iter().any(|other| shows(other, *ms)))
                    .count();
                if by_age[..number].iter().any(|older| older.producer_ms == fragment.producer_ms) {
                    resent += 1;
                } else if shown as i64 * 2 > fragment.length_ms {
                    overlapping += 1;
                } else {
                    counting.push(fragment.clone());
                }
            }
            counting.sort_by_key(|fragment| fragment.producer_ms);
            let (kept, left_out) = oldest_of_each(fragments);
            prop_assert_eq!(starts(&kept), starts(&counting));
            prop_assert_eq!((left_out.resent.len(), left_out.overlapping.len()), (resent, overlapping));
        }
    }

    #[test]
    fn what_is_left_out_does_not_depend_on_copies_elsewhere() {
        let shown_by_both = [sent(0, 0), sent(1100, 90), sent(2200, 2)];
        let with_copies = shown_by_both
            .iter()
            .cloned()
            .chain([sent(60_000, 60), sent(60_000, 95)]);
        let (alone, left_out) = oldest_of_each(shown_by_both.to_vec());
        assert_eq!(starts(&alone), [(0, 0), (2200, 2)]);
        assert_eq!(starts(&left_out.overlapping), [(1100, 90)]);
        let (kept, _) = oldest_of_each(with_copies.collect());
        assert_eq!(starts(&kept), [(0, 0), (2200, 2), (60_000, 60)]);
    }

    #[test]
    fn a_shifted_copy_is_left_out_and_a_touching_one_is_not() {
        let (kept, left_out) = oldest_of_each(vec![
            sent(0, 0),
            sent(2000, 2),
            sent(30, 90),
            sent(2030, 92),
            sent(3900, 94),
        ]);
        assert_eq!(starts(&kept), [(0, 0), (2000, 2), (3900, 94)]);
        assert_eq!(starts(&left_out.overlapping), [(30, 90), (2030, 92)]);
    }
}
