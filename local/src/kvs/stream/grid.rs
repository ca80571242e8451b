//! Where the fragments of a stream start: their durations in turn, round and round since the epoch.

/// The starts of endless fragments, before any phase, skew or gap. Milliseconds since the epoch.
#[derive(Clone, Debug)]
pub(super) struct Grid {
    /// Where each fragment of a round ends; at least one, rising, the last is the length of the round.
    ends: Vec<i64>,
}

impl Default for Grid {
    /// Seconds.
    fn default() -> Self {
        Self { ends: vec![1_000] }
    }
}

impl Grid {
    /// Nothing without a duration, or where one is not at least 1 ms.
    pub(super) fn new(durations_ms: &[u32]) -> Option<Self> {
        let ends: Vec<i64> = durations_ms
            .iter()
            .scan(0, |end, ms| {
                *end += i64::from(*ms);
                Some(*end)
            })
            .collect();
        let whole = !ends.is_empty() && durations_ms.iter().all(|ms| *ms > 0);
        whole.then_some(Self { ends })
    }

    /// When fragment `index` starts; the next one starts where it ends.
    pub(super) fn start(&self, index: i64) -> i64 {
        let count = self.ends.len() as i64;
        let round = index.div_euclid(count) * self.round_ms();
        // Smaller than `count`, which came from a `usize`.
        let place = index.rem_euclid(count) as usize;
        round + place.checked_sub(1).map_or(0, |before| self.ends[before])
    }

    /// The first fragment that starts at this moment or later.
    pub(super) fn at_or_after(&self, moment: i64) -> i64 {
        let round = moment.div_euclid(self.round_ms()) * self.ends.len() as i64;
        let rest = moment.rem_euclid(self.round_ms());
        let place = match rest {
            0 => 0,
            rest => 1 + self.ends.partition_point(|end| *end < rest),
        };
        round + place as i64
    }

    /// Duration of the shortest fragment, at least 1 ms.
    pub(super) fn shortest_ms(&self) -> i64 {
        self.durations().min().unwrap_or(1)
    }

    /// Duration of the longest fragment.
    pub(super) fn longest_ms(&self) -> i64 {
        self.durations().max().unwrap_or(1)
    }

    fn durations(&self) -> impl Iterator<Item = i64> + '_ {
        let starts = std::iter::once(&0).chain(&self.ends);
        self.ends.iter().zip(starts).map(|(end, start)| end - start)
    }

    fn round_ms(&self) -> i64 {
        self.ends.last().copied().unwrap_or(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_durations_are_multiples() {
        let grid = Grid::new(&[2_000]).unwrap();
        assert_eq!(
            [grid.start(-1), grid.start(0), grid.start(7)],
            [-2_000, 0, 14_000]
        );
        let found = [-1, 0, 1, 1_999, 2_000, 2_001].map(|moment| grid.at_or_after(moment));
        assert_eq!(found, [0, 0, 1, 1, 1, 2]);
    }

    #[test]
    fn durations_come_in_turn() {
        let grid = Grid::new(&[1_500, 2_500, 500]).unwrap();
        let starts: Vec<i64> = (-1..6).map(|index| grid.start(index)).collect();
        assert_eq!(starts, [-500, 0, 1_500, 4_000, 4_500, 6_000, 8_500]);
        assert_eq!((grid.shortest_ms(), grid.longest_ms()), (500, 2_500));
        for index in -7..100 {
            let start = grid.start(index);
            assert_eq!(grid.at_or_after(start), index);
            assert_eq!(grid.at_or_after(start - 1), index);
            assert_eq!(grid.at_or_after(start + 1), index + 1);
        }
    }

    #[test]
    fn a_grid_needs_durations_of_some_length() {
        assert!(Grid::new(&[]).is_none());
        assert!(Grid::new(&[500, 0]).is_none());
    }
}
