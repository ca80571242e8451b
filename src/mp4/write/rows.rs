//! The rows of the sample tables, one stretch at a time.

use crate::mp4::write::JoinedTrack;

/// A table that is written row by row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    /// `stts`: runs of durations.
    Durations,
    /// `ctts`: runs of offsets.
    Offsets,
    /// `stsz`: a size each.
    Sizes,
    /// `stss`: a number each.
    Sync,
    /// `stsc`: runs of chunks.
    Chunks,
    /// `stco`: where each chunk begins.
    Places,
    /// `co64`: the same in 64 bits.
    WidePlaces,
}

impl Table {
    /// Bytes of a row.
    pub(super) fn width(self) -> u64 {
        match self {
            Self::Durations | Self::Offsets | Self::WidePlaces => 8,
            Self::Sizes | Self::Sync | Self::Places => 4,
            Self::Chunks => 12,
        }
    }
}

/// Writes a table.
#[derive(Debug)]
pub(super) struct Rows {
    table: Table,
    lead: i64,
    /// Added to every place: the bytes before the payload.
    before: u64,
    stretch: usize,
    /// The run that may go on in the next stretch.
    open: Option<(u64, i128)>,
    /// Samples or chunks so far.
    number: u64,
    /// Whether a number had no room in its field.
    pub(super) overflow: bool,
}

impl Rows {
    pub(super) fn new(table: Table, lead: i64, before: u64) -> Self {
        Self {
            table,
            lead,
            before,
            stretch: 0,
            open: None,
            number: 0,
            overflow: false,
        }
    }

    /// Writes the rows of one more stretch; false when there are no more.
    pub(super) fn step(&mut self, track: &JoinedTrack, sink: &mut dyn FnMut(&[u8])) -> bool {
        let Some(stretch) = track.stretches.get(self.stretch) else {
            self.close(sink);
            return false;
        };
        self.stretch += 1;
        let factor = track.factor(stretch);
        match self.table {
            Table::Durations => {
                let (mut left, mut rest) = (stretch.samples - 1, i128::from(stretch.length));
                for (count, delta) in stretch.durations.iter() {
                    let count = count.min(left);
                    left -= count;
                    rest -= i128::from(count) * i128::from(delta);
                    self.run(count, i128::from(delta) * factor, sink);
                }
                self.run(1, rest * factor, sink);
            }
            Table::Offsets => {
                let constant = i128::from(self.lead) - i128::from(stretch.lead) * factor;
                let mut left = stretch.samples;
                for (count, offset) in stretch.offsets.iter() {
                    let count = count.min(left);
                    left -= count;
                    self.run(count, i128::from(offset) * factor + constant, sink);
                }
            }
            Table::Sizes => {
                let mut left = stretch.samples;
                for (count, size) in stretch.sizes.iter() {
                    let count = count.min(left);
                    left -= count;
                    for _ in 0..count {
                        let row = self.number32(i128::from(size));
                        sink(&row);
                    }
                }
            }
            Table::Sync => {
                match &stretch.sync {
                    None => {
                        for number in 1..=stretch.samples {
                            let row = self.number32(i128::from(self.number + number));
                            sink(&row);
                        }
                    }
                    Some(sync) => {
                        let mut at = i128::from(self.number);
                        for (count, gap) in sync.iter() {
                            for _ in 0..count {
                                at += i128::from(gap);
                                let row = self.number32(at);
                                sink(&row);
                            }
                        }
                    }
                }
                self.number += stretch.samples;
            }
            Table::Chunks => {
                let mut left = stretch.samples;
                for (count, samples) in stretch.samples_of_chunks.iter() {
                    for _ in 0..count {
                        let samples = samples.cast_unsigned().min(left);
                        left -= samples;
                        if samples > 0 {
                            self.run(1, i128::from(samples), sink);
                        }
                    }
                }
            }
            Table::Places | Table::WidePlaces => {
                let (mut left, mut at) = (stretch.samples, i128::from(self.before));
                let mut fills = stretch.samples_of_chunks.iter();
                for (count, gap) in stretch.chunks.iter() {
                    for _ in 0..count {
                        at += i128::from(gap);
                        let Some((_, samples)) = fills.peek().filter(|_| left > 0) else {
                            break;
                        };
                        fills.pass(1);
                        left -= samples.cast_unsigned().min(left);
                        if self.table == Table::WidePlaces {
                            sink(&u64::try_from(at).unwrap_or(u64::MAX).to_be_bytes());
                        } else {
                            let row = self.number32(at);
                            sink(&row);
                        }
                    }
                }
            }
        }
        true
    }

    fn run(&mut self, count: u64, value: i128, sink: &mut dyn FnMut(&[u8])) {
        if count == 0 {
            return;
        }
        match &mut self.open {
            Some((open, same)) if *same == value => *open += count,
            _ => {
                self.close(sink);
                self.open = Some((count, value));
            }
        }
    }

    fn close(&mut self, sink: &mut dyn FnMut(&[u8])) {
        let Some((count, value)) = self.open.take() else {
            return;
        };
        let value = self.number32(value);
        if self.table == Table::Chunks {
            // First chunk of the run, samples of each, and the one sample entry.
            let first = self.number32(i128::from(self.number + 1));
            sink(&first);
            sink(&value);
            sink(&1u32.to_be_bytes());
            self.number += count;
        } else {
            let count = self.number32(i128::from(count));
            sink(&count);
            sink(&value);
        }
    }

    fn number32(&mut self, number: i128) -> [u8; 4] {
        u32::try_from(number)
            .unwrap_or_else(|_| {
                self.overflow = true;
                u32::MAX
            })
            .to_be_bytes()
    }
}
