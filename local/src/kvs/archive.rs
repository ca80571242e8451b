//! Which fragments an answer is made of: the rules of GetClip and ListFragments, free of sockets and JSON.

use std::iter::Peekable;

use super::fragment::Fragment;
use super::refusal::Refusal;
use super::stream::{LAST_MOMENT_MS, Run, Selector, SizeCut, Stream};

/// Fragments in a clip at most (Kinesis Video Streams quotas: hard).
const CLIP_FRAGMENTS: usize = 200;

/// Bytes in a clip at most (same page: "100 MB"), taken as 10^6 bytes each and of the fragments' listed
/// sizes, the sharper reading.
const CLIP_BYTES: usize = 100_000_000;

/// Longest range of a clip, in milliseconds (ClipTimestampRange API reference: 24 hours).
const CLIP_RANGE_MS: i64 = 24 * 3_600_000;

/// A range of fragment starts; both ends are in it. Milliseconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) by: Selector,
    pub(super) start: i64,
    pub(super) end: i64,
}

/// The fragments of a clip: those that start in the range, archived and retained, the first 200 of them and
/// the first 100 MB. What comes after is left out without a word. Of fragments with equal producer timestamps
/// the one that was ingested first is taken (ClipFragmentSelector API reference).
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
    let found = in_order(stream, &stream.runs(by, start, end, now)).filter(|f| stream.clips(f));
    let fragments = up_to_caps(stream, found);
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

/// The fragments of all runs in order of producer timestamps; of equal ones only that of the earliest
/// session.
fn in_order<'a>(stream: &'a Stream, runs: &[Run]) -> impl Iterator<Item = Fragment> + 'a {
    let mut runs: Vec<Peekable<_>> = runs.iter().map(|run| stream.fragments(*run).peekable()).collect();
    std::iter::from_fn(move || {
        // The earliest session comes first, and the first of equals is the least.
        let next = runs.iter_mut().filter_map(Peekable::peek);
        let next = *next.min_by_key(|f| f.producer_start)?;
        for run in &mut runs {
            run.next_if(|f| f.producer_start == next.producer_start);
        }
        Some(next)
    })
}

fn up_to_caps(stream: &Stream, found: impl Iterator<Item = Fragment>) -> Vec<Fragment> {
    let (mut fragments, mut left) = (Vec::new(), CLIP_BYTES);
    for fragment in found.take(CLIP_FRAGMENTS) {
        match left.checked_sub(fragment.size(stream)) {
            Some(rest) => left = rest,
            None => {
                if stream.size_cut == SizeCut::BeforePicture {
                    fragments.extend(fragment.cut(stream, left));
                }
                break;
            }
        }
        fragments.push(fragment);
    }
    fragments
}

/// All fragments that start in the range, archived and retained at `now`, copies too: in order of producer
/// timestamps, equal ones in order of ingestion.
pub(super) fn all(stream: &Stream, range: Range, now: i64) -> Vec<Fragment> {
    let Range { by, start, end } = range;
    let runs = stream.runs(by, start, end, now);
    let mut all: Vec<Fragment> = runs.iter().flat_map(|run| stream.fragments(*run)).collect();
    all.sort_by_key(|f| (f.producer_start, f.session));
    all
}

/// Where a listing stands. It knows its fragments from the first page on: later ones are not added, dropped
/// ones are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Listing {
    range: Range,
    /// When it began.
    begun: i64,
    /// Places of the shuffled order that are done.
    done: i64,
}

impl Listing {
    pub(super) fn begin(range: Range, now: i64) -> Self {
        Self {
            range,
            begun: now,
            done: 0,
        }
    }

    /// Up to `most` fragments, and what is left. The order is fixed but has nothing to do with time, across
    /// pages too: the service promises none. It is the `call`th call of all listings of the stream.
    pub(super) fn page(
        mut self,
        stream: &Stream,
        most: usize,
        now: i64,
        call: u64,
    ) -> (Vec<Fragment>, Option<Self>) {
        let Range { by, start, end } = self.range;
        let runs = stream.runs(by, start, end, self.begun);
        let kept = stream.head_ms(now);
        let order = Shuffle::new(runs.iter().map(Run::count).sum());
        let mut page = Vec::new();
        while self.done < order.count && page.len() < most {
            let found = place(stream, &runs, order.place(self.done));
            self.done += 1;
            page.extend(found.filter(|f| f.server_start >= kept && stream.lists(f, call)));
        }
        (page, (self.done < order.count).then_some(self))
    }

    /// `NextToken`: opaque to clients.
    pub(super) fn token(self) -> String {
        let by = match self.range.by {
            Selector::ProducerTimestamp => 'p',
            Selector::ServerTimestamp => 's',
        };
        let Range { start, end, .. } = self.range;
        format!("{by}{start:016x}{end:016x}{:016x}{:016x}", self.begun, self.done)
    }

    /// Reads back what [`Listing::token`] wrote.
    pub(super) fn from_token(token: &str) -> Option<Self> {
        let by = match token.get(..1)? {
            "p" => Selector::ProducerTimestamp,
            "s" => Selector::ServerTimestamp,
            _ => return None,
        };
        let number = |place: usize| {
            let from = 1 + 16 * place;
            let digits = u64::from_str_radix(token.get(from..from + 16)?, 16).ok()?;
            let number = i64::try_from(digits).ok()?;
            // Keeps what a forged token says within the arithmetic.
            (number <= LAST_MOMENT_MS).then_some(number)
        };
        let (start, end) = (number(0)?, number(1)?);
        let listing = Self {
            range: Range { by, start, end },
            begun: number(2)?,
            done: number(3)?,
        };
        (token.len() == 65 && start <= end).then_some(listing)
    }
}

/// The fragment at a place, counted through all runs, unless it is in a gap.
fn place(stream: &Stream, runs: &[Run], mut place: i64) -> Option<Fragment> {
    for run in runs {
        if place < run.count() {
            return stream.fragment(run.session, run.first + place);
        }
        place -= run.count();
    }
    None
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
