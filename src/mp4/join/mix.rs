//! Where the sound of each segment goes: in one unbroken cadence, corrected at seams by whole frames against the time at
//! which the pictures have arrived. What is left of the error is not remembered, so it never adds up.

use std::ops::Range;

use super::layout::Insertion;
use super::segment::Segment;
use super::sound::{Kind, Piece};
use super::stretch::{Builder, Stretch, fitting};
use crate::mp4::error::Mp4Error;
use crate::mp4::runs::Runs;
use crate::mp4::seconds::Seconds;
use crate::mp4::tables::TrackTables;

use super::layout::Layout;

/// Sound of a clip that has its place. Times are in ticks of the joined track.
#[derive(Debug, Clone)]
struct Item {
    source: Source,
    start: i64,
    units: u64,
    durations: Runs,
}

#[derive(Debug, Clone)]
enum Source {
    /// Samples of the clip without their first units.
    Samples { samples: Range<u32>, skip: u64 },
    /// Silence before this byte of the clip.
    Silence { before: u64 },
}

/// The sound of one clip on its way into the track.
#[derive(Debug)]
pub(super) struct Mix<'a> {
    kind: Kind,
    /// Ticks that a sample decodes to.
    frame: i64,
    /// Whether silence may be put in.
    fills: bool,
    joined: &'a [Stretch],
    /// How many of the joined stretches are left, and how many samples of the last of them.
    pub(super) kept: usize,
    pub(super) kept_samples: u64,
    items: Vec<Item>,
    /// Where the sound so far ends; `None` where there is none.
    pub(super) end: Option<i64>,
    pub(super) left_out: u64,
    /// How many of the joined samples at the end are silence, and how many of those were left out again.
    silent_tail: u64,
    pub(super) silence_left_out: u64,
    /// Ticks for which the last sound lasts longer since there is no silence to put in.
    pub(super) stretched: i64,
}

impl<'a> Mix<'a> {
    pub(super) fn new(
        kind: Kind,
        frame: i64,
        fills: bool,
        joined: &'a [Stretch],
        end: Option<(i64, u64)>,
    ) -> Self {
        Self {
            fills: fills && kind.silence().is_some(),
            kind,
            frame,
            joined,
            kept: joined.len(),
            kept_samples: joined.last().map_or(0, |last| last.samples),
            items: Vec::new(),
            end: end.map(|(end, _)| end),
            silent_tail: end.map_or(0, |(_, silent)| silent),
            silence_left_out: 0,
            left_out: 0,
            stretched: 0,
        }
    }

    /// Ticks of a second.
    pub(super) fn rate(&self) -> u32 {
        self.kind.rate
    }

    /// Ticks that a sample decodes to.
    pub(super) fn frame(&self) -> i64 {
        self.frame
    }

    pub(super) fn kind(&self) -> &Kind {
        &self.kind
    }

    /// Adds sound that is to be heard from `target` on, of which `hidden` samples at its beginning need not be. `before` is
    /// its first byte.
    pub(super) fn add(&mut self, piece: Piece, target: i64, hidden: u64, before: u64) {
        let (mut target, mut skip) = (target, 0);
        let half = self.frame / 2;
        if let Some(end) = self.end {
            if target - end < -half && piece.durations.rows() == 1 {
                let surplus = rounded(end - target, self.frame);
                skip = surplus.min(hidden).min(piece.units.saturating_sub(1));
                target += skip.cast_signed() * self.frame;
                self.left_out += skip;
            }
            if target - end < -half {
                self.make_room(target + half);
            }
        }
        if let Some(end) = self.end.filter(|end| target - end > half) {
            if self.fills {
                self.silence(rounded(target - end, self.frame), before);
            } else {
                self.stretched += target - end;
                self.end = Some(target);
            }
        }
        let start = self.end.unwrap_or(target);
        let units = piece.units - skip;
        let others = i64::try_from(piece.durations.sum(units.saturating_sub(1))).unwrap_or(i64::MAX);
        self.end = Some(start.saturating_add(others).saturating_add(self.frame));
        self.items.push(Item {
            source: Source::Samples {
                samples: piece.samples,
                skip,
            },
            start,
            units,
            durations: piece.durations,
        });
    }

    /// Adds `frames` of silence before the byte `before` of the clip.
    fn silence(&mut self, frames: u64, before: u64) {
        if let Some(start) = self.end.filter(|_| frames > 0) {
            self.end = Some(start + frames.cast_signed() * self.frame);
            self.items.push(Item {
                source: Source::Silence { before },
                start,
                units: frames,
                durations: Runs::of(frames, self.frame),
            });
        }
    }

    /// Adds silence for the whole of a segment, which begins at `at` and has no sound: some for every second
    /// before the pictures of that second, so that a player need not look for it far away. `base` is where the chunks of its clip count from.
    pub(super) fn fill(
        &mut self,
        segment: &Segment<'_>,
        video: &TrackTables,
        at: Seconds,
        base: u64,
    ) -> Result<(), Mp4Error> {
        if !self.fills || self.end.is_none() {
            return Ok(());
        }
        let second = i64::from(video.timescale());
        let mut next = segment.first_dts;
        let mut places = Vec::new();
        segment.kept(|span| {
            while let Some(early) = Some(span.presented_before(next.saturating_add(i64::from(span.offset))))
                .filter(|early| *early < span.count)
            {
                let sample = span.part(early..span.count);
                places.push((base + sample.at, sample.dts));
                next = sample.dts + second;
            }
        });
        let length = segment.seconds();
        for (index, (before, _)) in places.iter().enumerate() {
            let until = match places.get(index + 1) {
                Some((_, dts)) => Seconds::of(dts - segment.first_dts, video.timescale()),
                None => length,
            };
            let target = at.plus(until)?.round(self.kind.rate)?;
            if let Some(end) = self.end.filter(|end| target > *end) {
                self.silence(rounded(target - end, self.frame), *before);
            }
        }
        Ok(())
    }

    /// Leaves out samples at the end until what is left ends at or before `limit`.
    fn make_room(&mut self, limit: i64) {
        while self.end.is_some_and(|end| end > limit) {
            if let Some(last) = self.items.last_mut() {
                let (fit, end) = fitting(&last.durations, last.units, last.start, self.frame, limit);
                if matches!(last.source, Source::Samples { .. }) {
                    self.left_out += last.units - fit;
                }
                last.units = fit;
                self.end = Some(end);
                if fit == 0 {
                    self.items.pop();
                    self.end = Some(self.end_of_last());
                }
            } else if let Some(last) = self.kept.checked_sub(1).and_then(|last| self.joined.get(last)) {
                let (fit, end) = fitting(&last.durations, self.kept_samples, last.start, self.frame, limit);
                let removed = self.kept_samples - fit;
                let silent = removed.min(self.silent_tail);
                self.silent_tail -= silent;
                self.silence_left_out += silent;
                self.left_out += removed - silent;
                self.kept_samples = fit;
                self.end = Some(end);
                if fit == 0 {
                    self.kept -= 1;
                    self.kept_samples = self
                        .kept
                        .checked_sub(1)
                        .map_or(0, |last| self.joined[last].samples);
                    self.end = Some(self.end_of_last());
                }
            } else {
                self.end = None;
            }
        }
    }

    /// Where what is left ends.
    fn end_of_last(&self) -> i64 {
        let end = |durations: &Runs, units: u64, start: i64| {
            let others = i64::try_from(durations.sum(units.saturating_sub(1))).unwrap_or(i64::MAX);
            start.saturating_add(others).saturating_add(self.frame)
        };
        match (
            self.items.last(),
            self.kept.checked_sub(1).and_then(|last| self.joined.get(last)),
        ) {
            (Some(item), _) => end(&item.durations, item.units, item.start),
            (None, Some(last)) => end(&last.durations, self.kept_samples, last.start),
            // Behind every limit, so that the caller sees that nothing is left.
            (None, None) => i64::MAX,
        }
    }

    /// When the first sample of the clip is heard.
    pub(super) fn start(&self) -> Option<i64> {
        self.items.first().map(|item| item.start)
    }

    /// How many of the samples at the end are silence.
    pub(super) fn silent_at_end(&self) -> u64 {
        let mut silent = 0;
        for item in self.items.iter().rev() {
            match item.source {
                Source::Silence { .. } => silent += item.units,
                Source::Samples { .. } => return silent,
            }
        }
        silent + self.silent_tail
    }

    /// Frames of silence.
    pub(super) fn silent_frames(&self) -> u64 {
        let silent = |item: &&Item| matches!(item.source, Source::Silence { .. });
        self.items.iter().filter(silent).map(|item| item.units).sum()
    }

    /// The bytes to be put in, in the order of the input.
    pub(super) fn insertions(&self) -> Vec<Insertion> {
        let Some((length, pattern)) = self.kind.silence() else {
            return Vec::new();
        };
        let mut last = 0;
        let silences = self.items.iter().filter_map(|item| match item.source {
            Source::Silence { before } => Some((before, item.units)),
            Source::Samples { .. } => None,
        });
        silences
            .map(|(before, frames)| {
                last = before.max(last);
                Insertion {
                    before: last,
                    pattern: pattern.clone(),
                    length: frames * length,
                }
            })
            .collect()
    }

    /// Where in the clip the samples stand that are kept: from where, how many, and of how many bytes each.
    pub(super) fn media(
        &self,
        track: &TrackTables,
        base: u64,
        mut visit: impl FnMut(u64, u64, u64) -> Result<(), Mp4Error>,
    ) -> Result<(), Mp4Error> {
        let mut cursor = track.spans();
        for item in &self.items {
            self.item_media(item, &mut cursor, base, &mut visit)?;
        }
        Ok(())
    }

    fn item_media(
        &self,
        item: &Item,
        cursor: &mut crate::mp4::tables::SpanCursor<'_>,
        base: u64,
        visit: &mut impl FnMut(u64, u64, u64) -> Result<(), Mp4Error>,
    ) -> Result<(), Mp4Error> {
        let Source::Samples { samples, skip } = &item.source else {
            return Ok(());
        };
        let (mut skip, mut left) = (*skip, item.units);
        cursor.skip_to(samples.start);
        while let Some(span) = cursor.next_before(samples.end).filter(|_| left > 0) {
            let size = self.kind.unit.unwrap_or(span.size);
            let units = match self.kind.unit {
                Some(unit) => u64::from(span.size / unit) * u64::from(span.count),
                None => u64::from(span.count),
            };
            let skipped = skip.min(units);
            skip -= skipped;
            let taken = (units - skipped).min(left);
            left -= taken;
            if taken > 0 {
                let at = base + span.at + skipped * u64::from(size);
                visit(at, taken, u64::from(size))?;
            }
        }
        Ok(())
    }

    /// The samples and the silence of the clip, where `layout` has put them; `None` if there are none.
    pub(super) fn stretch(
        &self,
        track: Option<&TrackTables>,
        base: u64,
        layout: &Layout,
    ) -> Result<Option<Stretch>, Mp4Error> {
        let (Some(first), Some(end)) = (self.items.first(), self.end) else {
            return Ok(None);
        };
        let mut builder = Builder::default();
        let mut cursor = track.map(TrackTables::spans);
        let mut inserted = layout.inserted.iter();
        let silent_bytes = self.kind.silence().map_or(0, |(length, _)| length);
        for (index, item) in self.items.iter().enumerate() {
            match (&item.source, &mut cursor) {
                (Source::Silence { .. }, _) => {
                    let output = inserted.next().copied().unwrap_or_default();
                    builder.put(output, item.units, silent_bytes);
                }
                (Source::Samples { .. }, Some(cursor)) => {
                    self.item_media(item, cursor, base, &mut |at, count, size| {
                        builder.place(layout, at, count, size)
                    })?;
                }
                (Source::Samples { .. }, None) => {}
            }
            // All but the last as they are; the last one until the next item begins.
            let (mut left, mut at) = (item.units - 1, item.start);
            for (count, delta) in item.durations.iter() {
                let count = count.min(left);
                builder.durations(count, delta);
                left -= count;
                at += count.cast_signed() * delta;
            }
            let next = self.items.get(index + 1).map_or(end, |next| next.start);
            builder.durations(1, next - at);
        }
        let mut stretch = builder.finish(self.kind.rate, false);
        stretch.start = first.start;
        stretch.length = end - first.start;
        Ok(Some(stretch))
    }
}

/// How often `frame` goes into `ticks`, neither negative, to the nearest.
fn rounded(ticks: i64, frame: i64) -> u64 {
    ((ticks + frame / 2) / frame.max(1)).unsigned_abs()
}
