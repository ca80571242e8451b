//! Which of the listed fragments count: of copies and overlaps the oldest, and of those before the range the one that
//! runs at its start.

use super::gap::Measure;
use super::resent::{LeftOut, oldest_of_each};
use super::{Fragment, FragmentSelectorType, MAX_FRAGMENT_SECONDS};

/// Which fragments count.
#[derive(Debug, Default)]
pub(super) struct Counting {
    /// Those of the clip, in the order in which they play.
    pub(super) kept: Vec<Fragment>,
    /// Those of the range that are left out.
    pub(super) left_out: LeftOut,
    /// Those from before the range that are left out.
    pub(super) earlier: LeftOut,
    /// Those from before the range that count, and of which the clip needs nothing.
    pub(super) others: Vec<Fragment>,
    /// What those that count tell, also those from before the range.
    pub(super) measure: Measure,
}

impl Counting {
    /// Of fragments that all begin in the range.
    pub(super) fn of(inside: Vec<Fragment>) -> Self {
        let (kept, left_out) = oldest_of_each(inside);
        Self {
            measure: Measure::of(&kept),
            kept,
            left_out,
            ..Self::default()
        }
    }

    /// Of those in the range, and of those before it the one that runs at its start, if there is one: of those that count
    /// the one that ends last, which shows all of the range that the others show.
    pub(super) fn with_running(listed: Vec<Fragment>, start: i64, selector: FragmentSelectorType) -> Self {
        let is_before = |fragment: &Fragment| fragment.start_ms(selector) < start;
        let (mut all, mut this) = (listed, Self::default());
        if selector == FragmentSelectorType::ServerTimestamp {
            // What came in the range is of it, though what came before has shown it already; but for the running one.
            let (before, inside) = all.into_iter().partition(is_before);
            (this.others, this.earlier) = oldest_of_each(before);
            all = inside;
            all.extend(last_to_end(&this.others).map(|place| this.others.remove(place)));
        }
        let (mut kept, left_out) = oldest_of_each(all);
        this.measure = Measure::of(this.others.iter().chain(&kept));
        let sides = [
            (
                left_out.resent,
                &mut this.earlier.resent,
                &mut this.left_out.resent,
            ),
            (
                left_out.overlapping,
                &mut this.earlier.overlapping,
                &mut this.left_out.overlapping,
            ),
        ];
        for (fragments, before, inside) in sides {
            for fragment in fragments {
                if is_before(&fragment) {
                    before.push(fragment)
                } else {
                    inside.push(fragment)
                }
            }
        }

        let mut before: Vec<Fragment> = kept.extract_if(.., |fragment| is_before(fragment)).collect();
        let Some(running) = last_to_end(&before) else {
            this.kept = kept;
            return this;
        };
        let running = before.remove(running);
        this.others.extend(before);
        // By the server's clock copies of what came before it may lie in the range, and play first.
        let place = kept.partition_point(|fragment| fragment.producer_ms < running.producer_ms);
        kept.insert(place, running);
        this.kept = kept;
        let (running, next) = (&this.kept[place], this.kept.get(place.saturating_add(1)));
        if runs_at(start, running, next, &this.measure, selector) {
            return this;
        }
        this.others.push(this.kept.remove(place));
        if !this.left_out.is_empty() {
            // What was left out for its sake may count without it.
            this.kept.append(&mut this.left_out.resent);
            this.kept.append(&mut this.left_out.overlapping);
            (this.kept, this.left_out) = oldest_of_each(this.kept);
        }
        this
    }
}

/// Which of some fragments in the order in which they play ends last; of several the last.
fn last_to_end(fragments: &[Fragment]) -> Option<usize> {
    let ends = fragments.iter().enumerate();
    let ends = ends.map(|(place, fragment)| (fragment.listed_end_ms(), place));
    ends.max().map(|(_, place)| place)
}

/// Whether the running fragment before the range shows some of it that `next` does not.
fn runs_at(
    start: i64,
    running: &Fragment,
    next: Option<&Fragment>,
    measure: &Measure,
    selector: FragmentSelectorType,
) -> bool {
    let at = running.start_ms(selector);
    match next {
        Some(next) if next.start_ms(selector) == start => {
            measure.is_gap(running.listed_end_ms().saturating_sub(next.listed_end_ms()))
        }
        Some(next) if measure.continues(running, next) => {
            // By the server's clock it is the time of arrival that has to be near.
            start.saturating_sub(at) <= MAX_FRAGMENT_SECONDS.saturating_mul(1000)
        }
        _ => at.saturating_add(measure.length(running.length_ms)) > start,
    }
}
