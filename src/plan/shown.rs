//! Which time fragments show, however they overlap.

/// Time that fragments show, within spans that are known beforehand.
///
/// The ends of all spans cut time into cells. A cell is shown or not, and once shown it stays so: each is looked at
/// once to be marked, and how much of a span is shown is told by sums over powers of two of cells (a Fenwick
/// tree). However spans lie, n of them take a time of n log n.
#[derive(Debug)]
pub(super) struct Shown {
    /// Where cells begin, in order; the last one is the end of the last cell.
    cuts: Vec<i64>,
    /// Of the cell of the same number or a later one, the first that is not shown.
    next_free: Vec<usize>,
    /// Sums of shown milliseconds.
    sums: Vec<u64>,
}

impl Shown {
    /// Nothing is shown yet of `spans`, each from its first millisecond to the one after its last.
    pub(super) fn none_of(spans: impl Iterator<Item = (i64, i64)>) -> Self {
        let mut cuts: Vec<i64> = spans.flat_map(|(start, end)| [start, end]).collect();
        cuts.sort_unstable();
        cuts.dedup();
        Self {
            next_free: (0..=cuts.len()).collect(),
            sums: vec![0; cuts.len().saturating_add(1)],
            cuts,
        }
    }

    /// Milliseconds of one of the spans that are shown.
    pub(super) fn of(&self, (start, end): (i64, i64)) -> u64 {
        self.before(self.cell(end))
            .saturating_sub(self.before(self.cell(start)))
    }

    /// Shows all of one of the spans.
    pub(super) fn add(&mut self, (start, end): (i64, i64)) {
        let end = self.cell(end);
        let mut cell = self.free(self.cell(start));
        while cell < end {
            let length = self.cuts[cell + 1].abs_diff(self.cuts[cell]);
            let mut node = cell + 1;
            while let Some(sum) = self.sums.get_mut(node) {
                *sum = sum.saturating_add(length);
                node += node & node.wrapping_neg();
            }
            self.next_free[cell] = cell + 1;
            cell = self.free(cell);
        }
    }

    /// The cell that begins at an end of a span.
    fn cell(&self, cut: i64) -> usize {
        self.cuts.partition_point(|other| *other < cut)
    }

    /// Shown milliseconds of the cells before this one.
    fn before(&self, cell: usize) -> u64 {
        let (mut node, mut sum) = (cell, 0u64);
        while node > 0 {
            sum = sum.saturating_add(self.sums[node]);
            node &= node - 1;
        }
        sum
    }

    /// The first cell from this one on that is not shown. What it passes on the way is shortened.
    fn free(&mut self, cell: usize) -> usize {
        let mut at = cell;
        while self.next_free[at] != at {
            self.next_free[at] = self.next_free[self.next_free[at]];
            at = self.next_free[at];
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn time_at_both_ends_of_all_time_is_counted() {
        let all = (i64::MIN, i64::MAX);
        let mut shown = Shown::none_of([all, (0, 5)].into_iter());
        assert_eq!((shown.of(all), shown.of((0, 5))), (0, 0));
        shown.add((0, 5));
        assert_eq!((shown.of(all), shown.of((0, 5))), (5, 5));
        shown.add(all);
        assert_eq!(shown.of(all), u64::MAX);
    }

    proptest! {
        /// Millisecond by millisecond it is the same.
        #[test]
        fn what_is_shown_is_what_each_millisecond_says(
            spans in prop::collection::vec((0i64..50, 0i64..20, any::<bool>()), 0..20),
        ) {
            let span = |(start, length, _): &(i64, i64, bool)| (*start, start + length);
            let mut shown = Shown::none_of(spans.iter().map(span));
            let mut milliseconds = HashSet::new();
            for added in &spans {
                let (start, end) = span(added);
                let expected = (start..end).filter(|ms| milliseconds.contains(ms)).count();
                prop_assert_eq!(shown.of((start, end)), expected as u64);
                if added.2 {
                    shown.add((start, end));
                    milliseconds.extend(start..end);
                }
            }
        }
    }
}
