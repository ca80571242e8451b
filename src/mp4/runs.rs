//! A long list of numbers in little memory: runs of equal ones, each run a few bytes.
//!
//! A day of video and sound has millions of samples, and each has a size, a duration and more. As the rows
//! of the file they would take 16 bytes a sample and more; packed it is two to ten.

/// A list of numbers, each within ±[`Runs::LIMIT`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Runs {
    bytes: Box<[u8]>,
    items: u64,
    rows: u64,
}

impl Runs {
    /// No number is this large: twice it, and a sign, still fit into 64 bits. As an offset it is far behind
    /// the end of every file that S3 holds.
    pub(super) const LIMIT: i64 = 1 << 60;

    /// The same number so many times.
    pub(super) fn of(count: u64, value: i64) -> Self {
        let mut runs = Packer::default();
        runs.push(count, value);
        runs.finish()
    }

    /// Numbers in the list.
    pub(super) fn items(&self) -> u64 {
        self.items
    }

    /// Runs of equal numbers in the list.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    pub(super) fn iter(&self) -> RunIter<'_> {
        RunIter {
            bytes: &self.bytes,
            left: 0,
            value: 0,
        }
    }

    /// Sum of the first `items` numbers.
    pub(super) fn sum(&self, items: u64) -> i128 {
        let (mut sum, mut runs, mut left) = (0i128, self.iter(), items);
        while let Some((count, value)) = runs.peek().filter(|_| left > 0) {
            let count = count.min(left);
            sum += i128::from(count) * i128::from(value);
            runs.pass(count);
            left -= count;
        }
        sum
    }
}

/// Makes [`Runs`].
#[derive(Debug, Default)]
pub(super) struct Packer {
    bytes: Vec<u8>,
    open: (u64, i64),
    items: u64,
    rows: u64,
}

impl Packer {
    /// Appends `value`, `count` times.
    pub(super) fn push(&mut self, count: u64, value: i64) {
        debug_assert!(value.abs() < Runs::LIMIT, "checked where it was read");
        if count == 0 {
            return;
        }
        self.items += count;
        if self.open.1 == value && self.open.0 > 0 {
            self.open.0 += count;
        } else {
            self.close();
            self.open = (count, value);
        }
    }

    fn close(&mut self) {
        let (count, value) = std::mem::take(&mut self.open);
        if count == 0 {
            return;
        }
        self.rows += 1;
        // Small numbers of either sign become small ones without a sign; the lowest bit says that a count follows.
        let unsigned = (value << 1 ^ value >> 63).cast_unsigned();
        self.number(unsigned << 1 | u64::from(count > 1));
        if count > 1 {
            self.number(count);
        }
    }

    /// Seven bits a byte, the lowest first; the top bit says that more follow.
    fn number(&mut self, mut number: u64) {
        loop {
            let [low, ..] = number.to_le_bytes();
            number >>= 7;
            if number == 0 {
                return self.bytes.push(low & 0x7f);
            }
            self.bytes.push(low | 0x80);
        }
    }

    pub(super) fn finish(mut self) -> Runs {
        self.close();
        Runs {
            bytes: self.bytes.into_boxed_slice(),
            items: self.items,
            rows: self.rows,
        }
    }
}

/// Walks the runs of a list, and stops inside one where that is asked for.
#[derive(Debug, Clone)]
pub(super) struct RunIter<'a> {
    bytes: &'a [u8],
    left: u64,
    value: i64,
}

impl RunIter<'_> {
    /// The number that comes next, and how many times it comes.
    #[inline]
    pub(super) fn peek(&mut self) -> Option<(u64, i64)> {
        if self.left == 0 {
            let head = self.number()?;
            let unsigned = head >> 1;
            self.value = (unsigned >> 1).cast_signed() ^ -(unsigned & 1).cast_signed();
            self.left = if head & 1 == 0 { 1 } else { self.number()? };
        }
        Some((self.left, self.value))
    }

    /// Steps over `count` numbers, at most as many as [`peek`](Self::peek) gave.
    #[inline]
    pub(super) fn pass(&mut self, count: u64) {
        self.left = self.left.saturating_sub(count);
    }

    /// Steps over `count` numbers.
    pub(super) fn pass_all(&mut self, mut count: u64) {
        while let Some((run, _)) = self.peek().filter(|_| count > 0) {
            let step = run.min(count);
            self.pass(step);
            count -= step;
        }
    }

    #[inline]
    fn number(&mut self) -> Option<u64> {
        let (mut number, mut shift) = (0u64, 0u32);
        loop {
            let (byte, rest) = self.bytes.split_first()?;
            self.bytes = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
            shift += 7;
        }
    }
}

impl Iterator for RunIter<'_> {
    type Item = (u64, i64);

    fn next(&mut self) -> Option<Self::Item> {
        let run = self.peek()?;
        self.pass(run.0);
        Some(run)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_packed_comes_back(
            runs in proptest::collection::vec((0u64..70_000, prop_oneof![-3i64..3, -Runs::LIMIT + 1..Runs::LIMIT]), 0..40),
            skip in 0u64..300_000,
        ) {
            let mut packer = Packer::default();
            let mut expected: Vec<(u64, i64)> = Vec::new();
            for (count, value) in runs {
                packer.push(count, value);
                match expected.last_mut() {
                    _ if count == 0 => {}
                    Some(last) if last.1 == value => last.0 += count,
                    _ => expected.push((count, value)),
                }
            }
            let packed = packer.finish();
            prop_assert_eq!(packed.iter().collect::<Vec<_>>(), expected.clone());
            prop_assert_eq!(packed.rows(), expected.len() as u64);
            let items: u64 = expected.iter().map(|run| run.0).sum();
            prop_assert_eq!(packed.items(), items);
            let total: i128 = expected.iter().map(|run| i128::from(run.0) * i128::from(run.1)).sum();
            prop_assert_eq!(packed.sum(items), total);
            let mut rest = packed.iter();
            rest.pass_all(skip);
            prop_assert_eq!(rest.map(|run| run.0).sum::<u64>(), items.saturating_sub(skip));
        }
    }

    #[test]
    fn a_sample_takes_few_bytes() {
        let mut sizes = Packer::default();
        for size in 0..1000 {
            sizes.push(1, 300 + size);
        }
        assert_eq!(sizes.finish().bytes.len(), 2000);
        assert!(Runs::of(u64::from(u32::MAX), 1).bytes.len() <= 6);
    }
}
