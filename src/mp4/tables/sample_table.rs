//! The tables inside `stbl`, read into runs and held against each other.

use crate::mp4::error::Mp4Error;
use crate::mp4::full_box::{entries, field, number, rows, table, version};
use crate::mp4::header::{FourCC, find, require};
use crate::mp4::runs::{Packer, Runs};

const STBL: FourCC = FourCC(*b"stbl");
const STTS: FourCC = FourCC(*b"stts");
const CTTS: FourCC = FourCC(*b"ctts");
const STSS: FourCC = FourCC(*b"stss");
const STSC: FourCC = FourCC(*b"stsc");
const STSZ: FourCC = FourCC(*b"stsz");
const STZ2: FourCC = FourCC(*b"stz2");
const STCO: FourCC = FourCC(*b"stco");
const CO64: FourCC = FourCC(*b"co64");

/// The tables of one track.
pub(super) struct SampleTable {
    pub(super) samples: u32,
    pub(super) durations: Runs,
    pub(super) offsets: Runs,
    pub(super) sizes: Runs,
    pub(super) sync: Option<Runs>,
    /// From each chunk to the next; the first is zero.
    pub(super) chunks: Runs,
    pub(super) samples_of_chunks: Runs,
    /// Where the first chunk begins.
    pub(super) first_chunk: u64,
    /// Where the chunk begins that stands first in the file.
    pub(super) lowest_chunk: u64,
    pub(super) usual_duration: u32,
    pub(super) duration: i64,
}

fn invalid<T>(box_type: FourCC, rule: &'static str) -> Result<T, Mp4Error> {
    Err(Mp4Error::Invalid { box_type, rule })
}

impl SampleTable {
    /// Samples of the track (8.7.3).
    pub(super) fn count(stbl: &[u8]) -> Result<u32, Mp4Error> {
        match find(STBL, stbl, STSZ)? {
            Some(stsz) => number(STSZ, stsz, 8),
            None => number(STZ2, require(STBL, stbl, STZ2)?, 8),
        }
    }

    /// Reads the payload of an `stbl` whose `stsd` has `descriptions` entries.
    pub(super) fn read(stbl: &[u8], descriptions: u32) -> Result<Self, Mp4Error> {
        let samples = Self::count(stbl)?;
        let sizes = sizes(stbl, samples)?;
        let (durations, usual_duration, duration) = durations(stbl, samples)?;
        let (chunks, samples_of_chunks, [first_chunk, lowest_chunk]) =
            chunks(stbl, samples, descriptions, &sizes)?;
        Ok(Self {
            samples,
            durations,
            offsets: offsets(stbl, samples)?,
            sizes,
            sync: sync(stbl, samples)?,
            chunks,
            samples_of_chunks,
            first_chunk,
            lowest_chunk,
            usual_duration,
            duration,
        })
    }
}

fn sizes(stbl: &[u8], samples: u32) -> Result<Runs, Mp4Error> {
    let mut sizes = Packer::default();
    if let Some(stsz) = find(STBL, stbl, STSZ)? {
        match number(STSZ, stsz, 4)? {
            0 => {
                let (_, bytes) = entries(STSZ, stsz, 12, samples, 4)?;
                for size in bytes.chunks_exact(4) {
                    sizes.push(1, i64::from(number(STSZ, size, 0)?));
                }
            }
            size => sizes.push(u64::from(samples), i64::from(size)),
        }
        return Ok(sizes.finish());
    }
    let stz2 = require(STBL, stbl, STZ2)?;
    let [_, _, _, width] = field::<4>(STZ2, stz2, 4)?;
    match width {
        4 => {
            let (_, bytes) = entries(STZ2, stz2, 12, samples.div_ceil(2), 1)?;
            let halves = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
            for (size, _) in halves.zip(0..samples) {
                sizes.push(1, i64::from(size));
            }
        }
        8 => {
            for size in entries(STZ2, stz2, 12, samples, 1)?.1 {
                sizes.push(1, i64::from(*size));
            }
        }
        16 => {
            for size in entries(STZ2, stz2, 12, samples, 2)?.1.chunks_exact(2) {
                sizes.push(1, i64::from(u16::from_be_bytes(field(STZ2, size, 0)?)));
            }
        }
        _ => return invalid(STZ2, "its fields are neither 4 nor 8 nor 16 bits wide"),
    }
    Ok(sizes.finish())
}

/// Durations, their median and their sum.
fn durations(stbl: &[u8], samples: u32) -> Result<(Runs, u32, i64), Mp4Error> {
    let stts = require(STBL, stbl, STTS)?;
    let mut durations = Packer::default();
    let (mut counted, mut sum) = (0u64, 0i64);
    for [count, delta] in rows::<2>(STTS, stts)? {
        counted += u64::from(count);
        // The product of two 32-bit numbers may have 64 bits and no sign.
        let ticks = i64::from(count).checked_mul(i64::from(delta));
        let total = ticks.and_then(|ticks| sum.checked_add(ticks));
        match total.filter(|total| *total < Runs::LIMIT) {
            Some(total) => sum = total,
            None => return invalid(STTS, "its durations add up to more than 60 bits"),
        }
        durations.push(u64::from(count), i64::from(delta));
    }
    if counted != u64::from(samples) {
        return invalid(STTS, "it does not count as many samples as there are sizes");
    }
    let durations = durations.finish();
    let usual = median(durations.iter());
    Ok((durations, usual, sum))
}

/// The median of durations; of two in the middle the shorter.
pub(in crate::mp4) fn median(runs: impl Iterator<Item = (u64, i64)>) -> u32 {
    let mut counts = std::collections::BTreeMap::new();
    let mut items = 0u64;
    for (count, value) in runs {
        *counts.entry(value).or_insert(0u64) += count;
        items += count;
    }
    let mut below = 0;
    for (value, count) in counts {
        below += count;
        if below * 2 >= items {
            return u32::try_from(value).unwrap_or(u32::MAX);
        }
    }
    0
}

fn offsets(stbl: &[u8], samples: u32) -> Result<Runs, Mp4Error> {
    let mut offsets = Packer::default();
    let mut counted = 0u64;
    if let Some(ctts) = find(STBL, stbl, CTTS)? {
        version(CTTS, ctts)?;
        for [count, offset] in rows::<2>(CTTS, ctts)? {
            counted += u64::from(count);
            // Version 0 has no sign, but there are muxers that write one; no clip waits 2^31 ticks for a picture.
            offsets.push(u64::from(count), i64::from(offset.cast_signed()));
        }
    }
    match u64::from(samples).checked_sub(counted) {
        Some(rest) => offsets.push(rest, 0),
        None => return invalid(CTTS, "it counts more samples than there are"),
    }
    Ok(offsets.finish())
}

fn sync(stbl: &[u8], samples: u32) -> Result<Option<Runs>, Mp4Error> {
    let Some(stss) = find(STBL, stbl, STSS)? else {
        return Ok(None);
    };
    let mut sync = Packer::default();
    let mut last = 0;
    for [number] in rows::<1>(STSS, stss)? {
        if number <= last || number > samples {
            return invalid(STSS, "its samples do not rise, or there are not as many");
        }
        sync.push(1, i64::from(number - last));
        last = number;
    }
    Ok(Some(sync.finish()))
}

/// Where the chunks are, and how many samples are in each.
fn chunks(
    stbl: &[u8],
    samples: u32,
    descriptions: u32,
    sizes: &Runs,
) -> Result<(Runs, Runs, [u64; 2]), Mp4Error> {
    let (box_type, wide, (count, places)) = match find(STBL, stbl, STCO)? {
        Some(stco) => (STCO, false, table(STCO, stco, 4)?),
        None => (CO64, true, table(CO64, require(STBL, stbl, CO64)?, 8)?),
    };
    let place = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(0, |number, byte| number << 8 | u64::from(*byte))
    };
    let mut places = places.chunks_exact(if wide { 8 } else { 4 }).map(place);

    let (mut starts, mut fills) = (Packer::default(), Packer::default());
    let (mut first, mut lowest, mut last, mut left) = (0u64, u64::MAX, 0u64, samples);
    let mut sizes = sizes.iter();
    let mut rows = rows::<3>(STSC, require(STBL, stbl, STSC)?)?.peekable();
    let mut expected = 1;
    while let Some([from, fill, description]) = rows.next() {
        let next = rows.peek().map(|[next, ..]| *next);
        if from != expected || fill == 0 || !(1..=descriptions).contains(&description) {
            return invalid(STSC, "a chunk is not the next, is empty or has no sample entry");
        }
        let until = match next {
            Some(next) if next > from && next <= count => next,
            Some(_) => return invalid(STSC, "its chunks do not rise, or there are not as many"),
            None => count.saturating_add(1),
        };
        expected = until;
        // The last chunk may count more samples than there are, and chunks may follow that have none.
        for _ in from..until {
            if left == 0 {
                break;
            }
            let Some(start) = places.next() else {
                break;
            };
            let fill = fill.min(left);
            let mut bytes = 0u64;
            let mut unsized_samples = u64::from(fill);
            while let Some((run, size)) = sizes.peek().filter(|_| unsized_samples > 0) {
                let run = run.min(unsized_samples);
                bytes += run * size.cast_unsigned();
                sizes.pass(run);
                unsized_samples -= run;
            }
            let inside = start
                .checked_add(bytes)
                .is_some_and(|end| end < Runs::LIMIT.cast_unsigned());
            if !inside {
                return invalid(box_type, "a chunk ends behind every possible file");
            }
            if left == samples {
                first = start;
                last = start;
            }
            starts.push(1, start.cast_signed() - last.cast_signed());
            fills.push(1, i64::from(fill));
            last = start;
            lowest = lowest.min(start);
            left -= fill;
        }
    }
    if left > 0 {
        return invalid(STSC, "its chunks do not hold all samples");
    }
    Ok((starts.finish(), fills.finish(), [first, lowest]))
}
