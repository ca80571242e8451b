//! Where the bytes of a clip go.

use std::ops::Range;

use bytes::Bytes;

use crate::mp4::error::Mp4Error;
use crate::mp4::header::FourCC;
use crate::mp4::recipe::{Recipe, Step};

/// Bytes to be put in before a byte of the input.
#[derive(Debug, Clone)]
pub(super) struct Insertion {
    pub(super) before: u64,
    pub(super) pattern: Bytes,
    pub(super) length: u64,
}

/// Bytes of the input and where they go.
#[derive(Debug, Clone)]
struct Piece {
    input: Range<u64>,
    output: u64,
}

/// The plan for the bytes of one clip.
#[derive(Debug)]
pub(super) struct Layout {
    pieces: Vec<Piece>,
    /// Where each insertion goes, in the order of the insertions.
    pub(super) inserted: Vec<u64>,
    pub(super) recipe: Recipe,
}

impl Layout {
    /// Takes `extents` of the input, and the `insertions`, which have to rise, to the output from `position` on.
    pub(super) fn new(mut extents: Vec<Range<u64>>, insertions: &[Insertion], position: u64) -> Self {
        extents.retain(|extent| !extent.is_empty());
        extents.sort_unstable_by_key(|extent| extent.start);
        let mut merged: Vec<Range<u64>> = Vec::new();
        for extent in extents {
            match merged.last_mut() {
                Some(last) if extent.start <= last.end => last.end = last.end.max(extent.end),
                _ => merged.push(extent),
            }
        }
        let mut layout = Self {
            pieces: Vec::new(),
            inserted: Vec::new(),
            recipe: Recipe::new(Vec::new()),
        };
        let (mut steps, mut output) = (Vec::new(), position);
        let mut waiting = insertions.iter().peekable();
        for mut extent in merged {
            while let Some(insertion) = waiting.next_if(|insertion| insertion.before < extent.end) {
                let split = insertion.before.max(extent.start);
                layout.take(extent.start..split, &mut output, &mut steps);
                layout.put(insertion, &mut output, &mut steps);
                extent.start = split;
            }
            layout.take(extent, &mut output, &mut steps);
        }
        for insertion in waiting {
            layout.put(insertion, &mut output, &mut steps);
        }
        layout.recipe = Recipe::new(steps);
        layout
    }

    /// The bytes `passed` went to the output from `position` on as they were.
    pub(super) fn passed(passed: Range<u64>, position: u64) -> Self {
        Self {
            pieces: vec![Piece {
                input: passed,
                output: position,
            }],
            inserted: Vec::new(),
            recipe: Recipe::new(Vec::new()),
        }
    }

    fn take(&mut self, input: Range<u64>, output: &mut u64, steps: &mut Vec<Step>) {
        if input.is_empty() {
            return;
        }
        let length = input.end - input.start;
        steps.push(Step::Take(input.clone()));
        self.pieces.push(Piece {
            input,
            output: *output,
        });
        *output += length;
    }

    fn put(&mut self, insertion: &Insertion, output: &mut u64, steps: &mut Vec<Step>) {
        steps.push(Step::Put {
            pattern: insertion.pattern.clone(),
            length: insertion.length,
        });
        self.inserted.push(*output);
        *output += insertion.length;
    }

    /// Where the byte `at` of the input goes, and how many behind it follow it there.
    pub(super) fn output(&self, at: u64) -> Result<(u64, u64), Mp4Error> {
        let behind = self.pieces.partition_point(|piece| piece.input.start <= at);
        let piece = behind.checked_sub(1).and_then(|index| self.pieces.get(index));
        match piece.filter(|piece| at < piece.input.end) {
            Some(piece) => Ok((piece.output + (at - piece.input.start), piece.input.end - at)),
            None => Err(Mp4Error::Invalid {
                box_type: FourCC(*b"stbl"),
                rule: "a sample is outside of the media",
            }),
        }
    }
}
