//! Walking all tables of a track at once.

use std::ops::Range;

use super::TrackTables;
use crate::mp4::runs::RunIter;

/// Samples in a row that are alike and stand one behind the other in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    /// Number of the first.
    pub(crate) first: u32,
    pub(crate) count: u32,
    /// Decode time of the first, in ticks of the media.
    pub(crate) dts: i64,
    /// Duration of each.
    pub(crate) delta: u32,
    /// From decode to composition time of each.
    pub(crate) offset: i32,
    /// Bytes of each.
    pub(crate) size: u32,
    /// Where the first begins, from the base of the clip's chunks.
    pub(crate) at: u64,
}

impl Span {
    /// Number of the sample behind the last.
    pub(crate) fn end(&self) -> u32 {
        self.first + self.count
    }

    /// Composition time of the first.
    pub(crate) fn cts(&self) -> i64 {
        self.dts + i64::from(self.offset)
    }

    /// Decode time of the last.
    pub(crate) fn last_dts(&self) -> i64 {
        self.dts + i64::from(self.count.saturating_sub(1)) * i64::from(self.delta)
    }

    /// Bytes of them all.
    pub(crate) fn bytes(&self) -> u64 {
        u64::from(self.count) * u64::from(self.size)
    }

    /// Composition time of the last.
    pub(crate) fn last_cts(&self) -> i64 {
        self.last_dts() + i64::from(self.offset)
    }

    /// How many of the samples are presented before `limit`: the first ones.
    pub(crate) fn presented_before(&self, limit: i64) -> u32 {
        let ahead = limit.saturating_sub(self.cts());
        if ahead <= 0 {
            return 0;
        }
        match i64::from(self.delta) {
            0 => self.count,
            delta => u32::try_from((ahead - 1) / delta + 1).map_or(self.count, |early| early.min(self.count)),
        }
    }

    /// Those of the samples whose places in the span are in `places`.
    pub(crate) fn part(&self, places: Range<u32>) -> Self {
        let skipped = places.start.min(self.count);
        Self {
            first: self.first + skipped,
            count: places.end.min(self.count) - skipped,
            dts: self.dts + i64::from(skipped) * i64::from(self.delta),
            at: self.at + u64::from(skipped) * u64::from(self.size),
            ..*self
        }
    }
}

/// Goes through the samples of a track in decode order.
#[derive(Debug, Clone)]
pub(crate) struct SpanCursor<'a> {
    number: u32,
    samples: u32,
    dts: i64,
    durations: RunIter<'a>,
    offsets: RunIter<'a>,
    sizes: RunIter<'a>,
    chunks: RunIter<'a>,
    samples_of_chunks: RunIter<'a>,
    chunk_at: i64,
    /// Samples of the chunk that are still to come, and where the next one begins.
    left: u64,
    at: u64,
}

impl TrackTables {
    pub(crate) fn spans(&self) -> SpanCursor<'_> {
        SpanCursor {
            number: 0,
            samples: self.samples,
            dts: 0,
            durations: self.durations.iter(),
            offsets: self.offsets.iter(),
            sizes: self.sizes.iter(),
            chunks: self.chunks.iter(),
            samples_of_chunks: self.samples_of_chunks.iter(),
            chunk_at: 0,
            left: 0,
            at: 0,
        }
    }
}

impl TrackTables {
    /// From where to where each chunk reaches, counted from the base of the clip's chunks.
    pub(crate) fn chunk_extents(&self) -> impl Iterator<Item = Range<u64>> + '_ {
        let (mut chunks, mut fills, mut sizes) = (
            self.chunks.iter(),
            self.samples_of_chunks.iter(),
            self.sizes.iter(),
        );
        let mut start = 0i64;
        std::iter::from_fn(move || {
            let (_, gap) = chunks.peek()?;
            let (_, samples) = fills.peek()?;
            chunks.pass(1);
            fills.pass(1);
            start += gap;
            let (mut left, mut bytes) = (samples.cast_unsigned(), 0);
            while let Some((run, size)) = sizes.peek().filter(|_| left > 0) {
                let run = run.min(left);
                bytes += run * size.cast_unsigned();
                sizes.pass(run);
                left -= run;
            }
            Some(start.cast_unsigned()..start.cast_unsigned() + bytes)
        })
    }
}

impl SpanCursor<'_> {
    /// Number of the sample that comes next.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// The next samples, none of them numbered `end` or higher.
    pub(crate) fn next_before(&mut self, end: u32) -> Option<Span> {
        let end = end.min(self.samples);
        if self.number >= end {
            return None;
        }
        if self.left == 0 {
            let (_, gap) = self.chunks.peek()?;
            let (_, samples) = self.samples_of_chunks.peek()?;
            self.chunks.pass(1);
            self.samples_of_chunks.pass(1);
            self.chunk_at += gap;
            self.at = self.chunk_at.cast_unsigned();
            self.left = samples.cast_unsigned();
        }
        let (durations, delta) = self.durations.peek()?;
        let (offsets, offset) = self.offsets.peek()?;
        let (sizes, size) = self.sizes.peek()?;
        let most = u64::from(end - self.number).min(self.left);
        let count = most.min(durations).min(offsets).min(sizes);
        self.durations.pass(count);
        self.offsets.pass(count);
        self.sizes.pass(count);
        let span = Span {
            first: self.number,
            count: u32::try_from(count).ok()?,
            dts: self.dts,
            delta: u32::try_from(delta).ok()?,
            offset: i32::try_from(offset).ok()?,
            size: u32::try_from(size).ok()?,
            at: self.at,
        };
        self.number = span.end();
        self.dts += delta * count.cast_signed();
        self.at += span.bytes();
        self.left -= count;
        Some(span)
    }

    /// Steps over all samples before number `number`.
    pub(crate) fn skip_to(&mut self, number: u32) {
        while self.next_before(number).is_some() {}
    }
}
