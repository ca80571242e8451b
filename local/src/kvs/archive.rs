//! Which fragments an answer is made of: the rules of GetClip and ListFragments, free of sockets and JSON.

use super::fragment::Fragment;
use super::refusal::Refusal;
use super::stream::{Selector, Stream};

/// Fragments in a clip at most (Kinesis Video Streams quotas: hard).
const CLIP_FRAGMENTS: usize = 200;

/// Bytes in a clip at most (same page: "100 MB"), taken as 10^6 bytes each and of the fragments' listed
/// sizes, the sharper reading.
const CLIP_BYTES: usize = 100_000_000;

/// Longest range of a clip, in milliseconds (ClipTimestampRange API reference: 24 hours).
const CLIP_RANGE_MS: i64 = 24 * 3_600_000;

/// No fragment of any stream has a higher index before the year 10000; keeps what a forged token says within
/// the arithmetic.
const LAST_INDEX: i64 = 1 << 40;

/// A range of fragment starts; both ends are in it. Milliseconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) by: Selector,
    pub(super) start: i64,
    pub(super) end: i64,
}

/// The fragments of a clip: those that start in the range, archived and retained, the first 200 of them and
/// the first 100 MB. What comes after is left out without a word.
pub(super) fn clip(stream: &Stream, range: Range, now: i64) -> Result<Vec<Fragment>, Refusal> {
    let Range { by, start, end } = range;
    if start >= end {
        return Err(Refusal::invalid("StartTimestamp must be before EndTimestamp."));
    }
    if end - start > CLIP_RANGE_MS {
        return Err(Refusal::invalid(
            "EndTimestamp must be within 24 hours of StartTimestamp.",
        ));
    }
    if stream.retention_hours == 0 {
        return Err(Refusal::no_retention());
    }
    if by == Selector::ServerTimestamp {
        if end > now {
            return Err(Refusal::invalid("EndTimestamp must be in the past."));
        }
        if end < stream.head_ms(now) {
            return Err(Refusal::outside_retention(end));
        }
    }
    let (first, last) = stream.select(by, start, end, now);
    let mut bytes = 0_usize;
    let fragments: Vec<Fragment> = (first..=last)
        .filter_map(|index| stream.fragment(index))
        .take(CLIP_FRAGMENTS)
        .take_while(|fragment| {
            bytes += fragment.size(stream);
            bytes <= CLIP_BYTES
        })
        .collect();
    let Some(first) = fragments.first() else {
        return Err(Refusal::no_fragments());
    };
    if !stream.playable {
        return Err(Refusal::unsupported_media());
    }
    if fragments.iter().any(|f| f.codec != first.codec) {
        return Err(Refusal::codec_changed());
    }
    Ok(fragments)
}

/// Where a listing stands. It knows its fragments from the first page on: later ones are not added, dropped
/// ones are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Listing {
    first: i64,
    last: i64,
    /// Places of the shuffled order that are done.
    done: i64,
}

impl Listing {
    pub(super) fn begin(stream: &Stream, range: Range, now: i64) -> Self {
        let (first, last) = stream.select(range.by, range.start, range.end, now);
        Self { first, last, done: 0 }
    }

    /// Up to `most` fragments, and what is left. The order is fixed but has nothing to do with time, across
    /// pages too: the service promises none.
    pub(super) fn page(mut self, stream: &Stream, most: usize, now: i64) -> (Vec<Fragment>, Option<Self>) {
        let (kept, _) = stream.select(Selector::ServerTimestamp, 0, now, now);
        let order = Shuffle::new(self.last - self.first + 1);
        let mut page = Vec::new();
        while self.done < order.count && page.len() < most {
            let index = self.first + order.place(self.done);
            self.done += 1;
            page.extend(stream.fragment(index).filter(|f| f.index >= kept));
        }
        (page, (self.done < order.count).then_some(self))
    }

    /// `NextToken`: opaque to clients.
    pub(super) fn token(self) -> String {
        format!("{:016x}{:016x}{:016x}", self.first, self.last, self.done)
    }

    /// Reads back what [`Listing::token`] wrote.
    pub(super) fn from_token(token: &str) -> Option<Self> {
        let number = |from: usize| {
            let digits = token.get(from..from + 16)?;
            u64::from_str_radix(digits, 16).ok().map(u64::cast_signed)
        };
        let listing = Self {
            first: number(0)?,
            last: number(16)?,
            done: number(32)?,
        };
        let fits = token.len() == 48
            && (0..=LAST_INDEX).contains(&listing.first)
            && (listing.first..=LAST_INDEX).contains(&listing.last)
            && (0..=listing.last - listing.first).contains(&listing.done);
        fits.then_some(listing)
    }
}

/// A fixed order of `count` places that has nothing to do with their numbers: steps of about the golden
/// section of `count`, which share no divisor with it, so that every place comes once.
struct Shuffle {
    count: i64,
    step: i64,
}

impl Shuffle {
    fn new(count: i64) -> Self {
        let mut step = (count * 618 / 1_000).max(1);
        while count > 0 && gcd(step, count) != 1 {
            step += 1;
        }
        Self { count, step }
    }

    /// The place that comes as the `n`-th; both from 0 to below `count`, which is at least 1.
    fn place(&self, n: i64) -> i64 {
        let wide = i128::from(n) * i128::from(self.step) + i128::from(self.count / 2);
        // Smaller than `count`.
        wide.rem_euclid(i128::from(self.count)) as i64
    }
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests;
