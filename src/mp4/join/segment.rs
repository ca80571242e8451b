//! The pictures of a clip, split where footage is missing, and where fragments overlap.
//!
//! Inside a segment pictures keep their times to the tick. Over a gap nothing is kept: a segment begins where the
//! one before it ends, however the service wrote the gap. Where a connection broke inside of a fragment and what is sent
//! again overlaps it, pictures follow each other as they came, but the sound behind has another cadence.

use std::ops::Range;

use super::{FragmentStart, Selection};
use crate::mp4::error::Mp4Error;
use crate::mp4::seconds::Seconds;
use crate::mp4::tables::{Span, SpanCursor, TrackTables, median};

/// How far from where the clock has it a fragment may begin in a clip, in milliseconds: both count in milliseconds, and a
/// camera's clock may be read a moment late. Further off, the service has moved it behind what it overlaps.
const MOVED_MS: i128 = 20;

/// Pictures that follow each other without a gap or an overlap. Times are in ticks of the clip's video.
#[derive(Debug, Clone)]
pub(super) struct Segment<'a> {
    video: &'a TrackTables,
    /// Stands at the first sample.
    cursor: SpanCursor<'a>,
    /// Samples in decode order.
    pub(super) samples: Range<u32>,
    /// The fragments that begin in it, or before it if its beginning was cut off.
    pub(super) fragments: Range<usize>,
    /// Composition times of the pictures before which other sound ends, and from which on there is other sound, if there is
    /// any: where in the clip this run of fragments begins, and where the next one does.
    pub(super) seams: [Option<i64>; 2],
    /// Whether nothing is missing before it.
    pub(super) continues: bool,
    /// Leading pictures that cannot be decoded: the samples behind the first.
    pub(super) dropped: u32,
    /// How long the last sample lasts, where that is not what the clip says: the service may have stretched it over a gap,
    /// and a muxer may not have known.
    last_delta: Option<u32>,
    /// Decode time of the first sample.
    pub(super) first_dts: i64,
    /// Composition time of the first picture.
    pub(super) start: i64,
    /// Composition time at which the last picture ends.
    pub(super) end: i64,
    /// From decode time to composition time, the least of all samples.
    pub(super) least_offset: i64,
    /// From the start of this segment to the start of the next.
    pub(super) length: i64,
}

/// Splits what is selected at its gaps. Also gives the composition time of each fragment's first sample.
pub(super) fn split<'a>(
    video: &'a TrackTables,
    selection: &Selection<'_>,
) -> Result<(Vec<Segment<'a>>, Vec<i64>), Mp4Error> {
    let fragments = selection.fragments;
    let rises = fragments.windows(2).all(|pair| pair[0].sample < pair[1].sample);
    let inside = fragments.last().is_some_and(|last| last.sample < selection.end);
    if !rises || !inside || selection.end > video.samples() {
        return Err(Mp4Error::Mismatch {
            what: "the selected samples are none, do not rise or are more than it has",
        });
    }
    let (mut begins, mut starts) = (Vec::new(), Vec::new());
    let mut cursor = video.spans();
    for fragment in fragments {
        cursor.skip_to(fragment.sample);
        let mut first = cursor.clone();
        starts.extend(first.next_before(fragment.sample + 1).map(|span| span.cts()));
        begins.push(cursor.clone());
    }
    let is_seam = |index: &usize| !fragments[*index].continues || is_moved(video, fragments, &starts, *index);
    let mut seams: Vec<usize> = (1..fragments.len()).filter(is_seam).collect();
    seams.push(fragments.len());
    let (mut segments, mut from) = (Vec::new(), 0);
    for until in seams {
        let after = fragments.get(until);
        let end = after.map_or(selection.end, |after| after.sample);
        let first = &fragments[from];
        let gap_follows = after.is_some_and(|after| !after.continues);
        let segment = Segment::new(video, begins[from].clone(), end, first.continues, gap_follows);
        segments.push(Segment {
            fragments: from..until,
            seams: [
                starts.get(from).copied().filter(|_| first.sample > 0),
                starts.get(until).copied(),
            ],
            ..segment
        });
        from = until;
    }
    Ok((segments, starts))
}

/// Whether a fragment begins elsewhere in the clip than its clock and that of the fragment before it say.
fn is_moved(video: &TrackTables, fragments: &[FragmentStart], starts: &[i64], index: usize) -> bool {
    let (Some([before, this]), Some([from, to])) =
        (fragments.get(index - 1..=index), starts.get(index - 1..=index))
    else {
        return false;
    };
    let timescale = i128::from(video.timescale());
    let in_clip = (i128::from(*to) - i128::from(*from)) * 1000;
    let by_clock = (i128::from(this.wall_ms) - i128::from(before.wall_ms)) * timescale;
    (in_clip - by_clock).abs() > MOVED_MS * timescale
}

impl<'a> Segment<'a> {
    /// The samples from `cursor` to before `end`.
    fn new(
        video: &'a TrackTables,
        cursor: SpanCursor<'a>,
        end: u32,
        continues: bool,
        gap_follows: bool,
    ) -> Self {
        let samples = cursor.number()..end;
        let mut segment = Self {
            video,
            cursor,
            samples,
            fragments: 0..0,
            seams: [None; 2],
            continues,
            dropped: 0,
            last_delta: None,
            first_dts: 0,
            start: i64::MAX,
            end: i64::MIN,
            least_offset: i64::MAX,
            length: 1,
        };
        segment.drop_leading();
        if gap_follows || segment.ends_at_once() {
            segment.last_delta = Some(segment.usual_delta());
        }
        let (mut start, mut least, mut last_dts, mut durations) = (i64::MAX, i64::MAX, 0, 0);
        // When the last picture begins and when it ends.
        let mut last = (i64::MIN, i64::MIN);
        segment.kept(|span| {
            start = start.min(span.cts());
            least = least.min(i64::from(span.offset));
            last = last.max((span.last_cts(), span.last_cts() + i64::from(span.delta)));
            last_dts = span.last_dts() - segment.first_dts;
            durations = last_dts + i64::from(span.delta);
        });
        let (last_start, end) = last;
        // Durations add up without an error, while offsets may have been rounded for each picture. But where pictures
        // are decoded long before they are presented, the last one has to be shown for most of its time.
        let in_order = 2 * durations >= last_start + end - 2 * start;
        let length = if in_order { durations } else { end - start };
        Self {
            start,
            // A single picture may have no duration, nor one to take it from.
            end: end.max(start + 1),
            least_offset: least,
            // Decode times have to rise into the next segment too.
            length: length.max(last_dts + 1),
            ..segment
        }
    }

    /// Counts the pictures behind the first sample that are presented before it: they refer to what is missing.
    fn drop_leading(&mut self) {
        let mut cursor = self.cursor.clone();
        let Some(first) = cursor.next_before(self.samples.start + 1) else {
            return;
        };
        self.first_dts = first.dts;
        // Where the first sample is no place to begin decoding, nobody knows what refers to what.
        if self.continues || !self.video.is_sync(self.samples.start) {
            return;
        }
        while let Some(span) = cursor.next_before(self.samples.end) {
            let early = span.presented_before(first.cts());
            if early > 0 {
                self.dropped += early;
                // It is decoded where the last of them was, so that decode times keep their distance to the next.
                self.first_dts = span.part(early - 1..early).dts;
            }
            if early < span.count {
                return;
            }
        }
    }

    /// Whether the last sample has no duration, as muxers write it that do not know when the next one would be.
    fn ends_at_once(&self) -> bool {
        let mut cursor = self.cursor.clone();
        cursor.skip_to(self.samples.end.saturating_sub(1));
        cursor
            .next_before(self.samples.end)
            .is_some_and(|last| last.delta == 0)
    }

    /// The usual duration of all samples but the last; the clip's where there is no other.
    fn usual_delta(&self) -> u32 {
        let mut deltas = Vec::new();
        self.kept(|span| {
            let count = span.count - u32::from(span.end() == self.samples.end);
            deltas.push((u64::from(count), i64::from(span.delta)));
        });
        match deltas.iter().map(|run| run.0).sum() {
            0u64 => self.video.usual_duration(),
            _ => median(deltas.into_iter()),
        }
    }

    /// Visits the samples that are kept, with the times that they shall have.
    pub(super) fn kept(&self, mut visit: impl FnMut(Span)) {
        let mut visit = |span: Span| match self.last_delta.filter(|_| span.end() == self.samples.end) {
            None => visit(span),
            Some(delta) => {
                let last = span.count - 1;
                if last > 0 {
                    visit(span.part(0..last));
                }
                visit(Span {
                    delta,
                    ..span.part(last..span.count)
                });
            }
        };
        let mut cursor = self.cursor.clone();
        let Some(first) = cursor.next_before(self.samples.start + 1) else {
            return;
        };
        let behind = self.samples.start + 1 + self.dropped;
        let mut delta = first.delta;
        while let Some(dropped) = cursor.next_before(behind) {
            delta = dropped.delta;
        }
        let moved = self.first_dts - first.dts;
        visit(Span {
            dts: self.first_dts,
            delta,
            // It is presented behind those that were dropped, and they are presented when they are decoded or later.
            offset: i32::try_from(i64::from(first.offset) - moved).unwrap_or(i32::MIN),
            // Nothing may stand between it and the last sample of all, if that is not itself.
            ..first
        });
        while let Some(span) = cursor.next_before(self.samples.end) {
            visit(span);
        }
    }

    /// From the first decode time to the first picture.
    pub(super) fn lead(&self) -> i64 {
        self.start - self.first_dts
    }

    /// The segment from `sample` on, where decoding begins anew.
    pub(super) fn beginning_at(&self, sample: u32) -> Self {
        let mut cursor = self.cursor.clone();
        cursor.skip_to(sample);
        let segment = Self::new(
            self.video,
            cursor,
            self.samples.end,
            false,
            self.last_delta.is_some(),
        );
        Self {
            fragments: self.fragments.clone(),
            seams: self.seams,
            ..segment
        }
    }

    /// The segment without the samples at its end that are presented at `limit` or later; `None` if none is left.
    pub(super) fn ending_before(&self, limit: i64) -> Option<Self> {
        let mut end = self.samples.start;
        self.kept(|span| {
            let early = span.presented_before(limit);
            if early > 0 {
                end = span.first + early;
            }
        });
        if end == self.samples.end {
            return Some(self.clone());
        }
        if end == self.samples.start {
            return None;
        }
        let segment = Self::new(self.video, self.cursor.clone(), end, self.continues, false);
        Some(Self {
            fragments: self.fragments.clone(),
            seams: self.seams,
            ..segment
        })
    }

    /// The last sample presented at or before `at` at which decoding can begin; the first one where there is none.
    pub(super) fn sync_before(&self, at: i64) -> u32 {
        let mut found = self.samples.start;
        let mut cursor = self.cursor.clone();
        for sync in self
            .video
            .sync_samples()
            .skip_while(|sync| *sync < self.samples.start)
        {
            cursor.skip_to(sync);
            match cursor.clone().next_before((sync + 1).min(self.samples.end)) {
                Some(span) if span.cts() <= at => found = sync,
                // Sync samples are presented in the order in which they are decoded.
                _ => break,
            }
        }
        found
    }

    /// The start of the picture that is shown at `at`.
    pub(super) fn shown_at(&self, at: i64) -> i64 {
        let mut shown = self.start;
        self.kept(|span| {
            if let Some(last) = span.presented_before(at.saturating_add(1)).checked_sub(1) {
                shown = shown.max(span.part(last..last + 1).cts());
            }
        });
        shown
    }

    /// How long it is.
    pub(super) fn seconds(&self) -> Seconds {
        Seconds::of(self.length, self.video.timescale())
    }
}
