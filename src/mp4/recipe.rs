//! What of a clip goes into the joined file, and what is put in between.

use std::collections::VecDeque;
use std::ops::Range;

use bytes::Bytes;

/// One step of a recipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// These bytes of the input.
    Take(Range<u64>),
    /// So many bytes of `pattern`, over and over from its beginning, before the next byte of the input that is taken.
    Put { pattern: Bytes, length: u64 },
}

impl Step {
    fn len(&self) -> u64 {
        match self {
            Self::Take(range) => range.end.saturating_sub(range.start),
            Self::Put { length, .. } => *length,
        }
    }
}

/// What of an input goes where: rising ranges of the input to take, and bytes to put in between.
///
/// It is fed with the input in pieces of any size and gives what goes out, in order and without copying media.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    steps: VecDeque<Step>,
    /// Bytes of the first step that have been given.
    into: u64,
    length: u64,
    given: u64,
    /// Bytes that an earlier run has given: they are passed over.
    given_before: u64,
}

impl Recipe {
    /// The steps' inputs have to rise.
    pub(super) fn new(steps: Vec<Step>) -> Self {
        Self {
            length: steps.iter().map(Step::len).sum(),
            steps: steps.into_iter().filter(|step| step.len() > 0).collect(),
            into: 0,
            given: 0,
            given_before: 0,
        }
    }

    /// The same recipe for an input whose media stands `by` bytes further behind; `None` where it would begin before the file.
    pub(super) fn shifted(&self, by: i64) -> Option<Self> {
        let shift = |step: &Step| {
            Some(match step {
                Step::Take(range) => {
                    Step::Take(range.start.checked_add_signed(by)?..range.end.checked_add_signed(by)?)
                }
                put @ Step::Put { .. } => put.clone(),
            })
        };
        let steps = self.steps.iter().map(shift).collect::<Option<Vec<_>>>()?;
        Some(Self::new(steps))
    }

    /// Bytes that the recipe gives in all.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether the recipe gives nothing: nothing of the clip is presented.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Bytes given so far, with those that [`resume_at`](Self::resume_at) passed over.
    #[must_use]
    pub fn given(&self) -> u64 {
        self.given
    }

    /// Whether everything has been given; an input that ends before that was cut short.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.given == self.length
    }

    /// Passes over the first `given` bytes, which an earlier run of the same recipe has given. To be called before the
    /// first [`feed`](Self::feed).
    pub fn resume_at(&mut self, given: u64) {
        self.given_before = given.min(self.length);
    }

    /// Takes the next piece of the input, which stands at `offset` in it; puts into `out` what goes out, in order.
    ///
    /// Bytes before the first that is taken, between two of them and behind the last are passed over. Pieces have to follow
    /// each other; what a gap between two pieces skips stays missing, and the recipe is never [done](Self::is_done).
    pub fn feed(&mut self, offset: u64, piece: Bytes, out: &mut Vec<Bytes>) {
        let piece_end = offset.saturating_add(piece.len() as u64);
        while let Some(step) = self.steps.front() {
            let left = step.len() - self.into;
            let moved = match step {
                Step::Put { pattern, .. } => {
                    let at = usize::try_from(self.into % pattern.len().max(1) as u64).unwrap_or(0);
                    let block = pattern.slice(at..);
                    let moved = left.min(block.len() as u64);
                    let block = first(block, moved);
                    self.give(block, out);
                    moved
                }
                Step::Take(range) => {
                    let next = range.start + self.into;
                    if next < offset || next >= piece_end {
                        return;
                    }
                    let at = usize::try_from(next - offset).unwrap_or(piece.len());
                    let moved = left.min(piece_end - next);
                    let block = first(piece.slice(at..), moved);
                    self.give(block, out);
                    moved
                }
            };
            self.into += moved;
            if moved == left {
                self.steps.pop_front();
                self.into = 0;
            }
        }
    }

    fn give(&mut self, block: Bytes, out: &mut Vec<Bytes>) {
        let length = block.len() as u64;
        let passed_over = self.given_before.saturating_sub(self.given).min(length);
        self.given += length;
        if passed_over < length {
            out.push(block.slice(usize::try_from(passed_over).unwrap_or(0)..));
        }
    }
}

/// The first `length` bytes of `block`, which has them.
fn first(mut block: Bytes, length: u64) -> Bytes {
    block.truncate(usize::try_from(length).unwrap_or(usize::MAX));
    block
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn recipe() -> Recipe {
        let put = |pattern: &'static [u8], length| Step::Put {
            pattern: Bytes::from_static(pattern),
            length,
        };
        Recipe::new(vec![
            put(b"ab", 5),
            Step::Take(10..20),
            Step::Take(30..40),
            put(b"xyz", 4),
            Step::Take(40..41),
        ])
    }

    fn run(mut recipe: Recipe, input: &[u8], sizes: &[usize]) -> (Vec<u8>, bool) {
        let (mut out, mut at) = (Vec::new(), 0);
        let mut sizes = sizes.iter().cycle();
        while at < input.len() {
            let end = (at + sizes.next().copied().unwrap_or(1)).min(input.len());
            recipe.feed(at as u64, Bytes::copy_from_slice(&input[at..end]), &mut out);
            at = end;
        }
        (out.concat(), recipe.is_done())
    }

    fn expected(input: &[u8]) -> Vec<u8> {
        [b"ababa", &input[10..20], &input[30..40], b"xyzx", &input[40..41]].concat()
    }

    proptest! {
        #[test]
        fn the_pieces_do_not_matter(sizes in proptest::collection::vec(1usize..30, 1..20), resume in 0usize..40) {
            let input: Vec<u8> = (0..60).collect();
            let mut again = recipe();
            again.resume_at(resume as u64);
            prop_assert_eq!(run(recipe(), &input, &sizes), (expected(&input), true));
            let rest = expected(&input).split_off(resume.min(30));
            prop_assert_eq!(run(again, &input, &sizes), (rest, true));
        }
    }

    #[test]
    fn an_input_that_ends_early_leaves_the_recipe_undone() {
        let input: Vec<u8> = (0..60).collect();
        assert_eq!(recipe().len(), 30);
        for length in 0..41 {
            assert!(!run(recipe(), &input[..length], &[7]).1, "{length}");
        }
    }

    #[test]
    fn media_may_stand_elsewhere_in_a_second_answer() {
        let input: Vec<u8> = (0..60).collect();
        let later = [&[99; 3], input.as_slice()].concat();
        let shifted = recipe().shifted(3).expect("inside the file");
        assert_eq!(run(shifted, &later, &[13]), (expected(&input), true));
        assert_eq!(recipe().shifted(-11), None);
    }
}
