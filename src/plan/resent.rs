//! Which of several copies of the same footage counts.
//!
//! After a reconnect a producer rewinds and sends again what it is not sure to have delivered. Of
//! fragments with equal producer timestamps `GetClip` gives the one that was ingested first. Source:
//! API reference, `ClipFragmentSelector`. What it does with fragments that overlap without being
//! equal is not documented; here the older one counts too, and the younger is left out if it has
//! less than half of its time to itself.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::Fragment;

/// Fragments that are left out because older ones show their time.
#[derive(Debug, Default)]
pub(super) struct LeftOut {
    /// Those with the producer timestamp of one that counts.
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
    let alone = |pair: &[Fragment]| {
        pair[0].producer_ms < pair[1].producer_ms && !is_most(overlap(&pair[0], &pair[1]), &pair[1])
    };
    if fragments.windows(2).all(alone) {
        return (fragments, left_out);
    }
    fragments.sort_by(ingestion);
    let mut kept: BTreeMap<i64, Fragment> = BTreeMap::new();
    for fragment in fragments {
        if kept.contains_key(&fragment.producer_ms) {
            left_out.resent.push(fragment);
            continue;
        }
        let before = kept.range(..fragment.producer_ms).next_back();
        let after = kept.range(fragment.producer_ms..end(&fragment));
        let mut shown = 0i64;
        let mut others = before.into_iter().chain(after);
        // One that claims to last for hours overlaps with thousands, and half of its time is enough.
        let is_shown = others.any(|(_, other)| {
            shown = shown.saturating_add(overlap(other, &fragment));
            is_most(shown, &fragment)
        });
        if is_shown {
            left_out.overlapping.push(fragment);
        } else {
            kept.insert(fragment.producer_ms, fragment);
        }
    }
    (kept.into_values().collect(), left_out)
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

fn end(fragment: &Fragment) -> i64 {
    fragment.producer_ms.saturating_add(fragment.length_ms.max(1))
}

/// Whether so many milliseconds are more than half of a fragment.
fn is_most(milliseconds: i64, fragment: &Fragment) -> bool {
    i128::from(milliseconds) * 2 > i128::from(fragment.length_ms)
}

/// Milliseconds that both fragments show.
fn overlap(a: &Fragment, b: &Fragment) -> i64 {
    let start = a.producer_ms.max(b.producer_ms);
    let end = end(a).min(end(b));
    end.saturating_sub(start).max(0)
}

#[cfg(test)]
mod tests {
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
