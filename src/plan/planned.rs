//! From a list of fragments to the plan of an export.

use std::ops::Range;

use super::counting::Counting;
use super::edge::{middle, settled_ms};
use super::gap::Measure;
use super::window::{Entry, Windows};
use super::{Boundary, Fragment, FragmentSelectorType, Gap, TimeRange, Where};

/// What belongs to a clip, and how to fetch it.
#[derive(Debug)]
pub struct Plan {
    fragments: Vec<Planned>,
    windows: Windows,
    /// Where footage is missing, in order.
    pub gaps: Vec<Gap>,
    /// Copies of fragments that were sent twice; the older of each is in the plan.
    pub resent: usize,
    /// Fragments that are left out because older ones show most of their time.
    pub overlapping: usize,
    range: (i64, i64),
    selector: FragmentSelectorType,
    /// Whether playback is cut to the range.
    is_cut: bool,
    skew_ms: Option<i64>,
    measure: Measure,
}

/// A fragment that belongs to the clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planned {
    /// When it begins by the clock of the selector.
    pub start_ms: i64,
    /// When it begins by the producer's clock, which is that of its frames.
    pub producer_ms: i64,
    /// The server's clock minus the producer's.
    pub skew_ms: i64,
    /// From its first frame to its last, as listed.
    pub length_ms: i64,
    /// Bytes as listed.
    pub bytes: u64,
    /// Whether it follows the fragment before it with nothing missing between them.
    pub continues: bool,
}

impl Planned {
    /// As [`Fragment::listed_end_ms`].
    pub(super) fn listed_end_ms(&self) -> i64 {
        self.producer_ms.saturating_add(self.length_ms)
    }
}

impl Plan {
    /// Plans the clip of `range` out of the fragments that were listed for it
    /// ([`Boundary::listed`]), in any order.
    #[must_use]
    pub fn new(
        listed: Vec<Fragment>,
        selector: FragmentSelectorType,
        range: &TimeRange,
        boundary: Boundary,
    ) -> Self {
        let (start, end) = range.milliseconds();
        let at = |fragment: &Fragment| fragment.start_ms(selector);
        // Playback that is cut to the range shows nothing of what starts at its end.
        let last = match boundary {
            Boundary::Exact => end.saturating_sub(1),
            Boundary::Cover | Boundary::Fragment => end,
        };
        let listed: Vec<Fragment> = listed
            .into_iter()
            .filter(|fragment| at(fragment) <= last)
            .collect();
        let Counting {
            kept,
            left_out,
            earlier,
            others,
            measure,
        } = match boundary {
            Boundary::Fragment => Counting::of(
                listed
                    .into_iter()
                    .filter(|fragment| at(fragment) >= start)
                    .collect(),
            ),
            Boundary::Cover | Boundary::Exact => Counting::with_running(listed, start, selector),
        };

        let mut entries: Vec<Entry> = Vec::with_capacity(kept.len());
        let kept_at = |fragment: &Fragment| {
            let twin = |other: &Fragment| other.producer_ms.cmp(&fragment.producer_ms);
            kept.binary_search_by(twin).ok()
        };
        for (owner, fragment) in kept.iter().enumerate() {
            entries.push(Entry::new(at(fragment), Some(owner)));
        }
        for copy in left_out.resent.iter().chain(&earlier.resent) {
            entries.push(Entry::new(at(copy), kept_at(copy)));
        }
        for other in left_out
            .overlapping
            .iter()
            .chain(&earlier.overlapping)
            .chain(&others)
        {
            entries.push(Entry::new(at(other), None));
        }

        let mut fragments: Vec<Planned> = Vec::with_capacity(kept.len());
        for fragment in &kept {
            fragments.push(Planned {
                start_ms: at(fragment),
                producer_ms: fragment.producer_ms,
                skew_ms: fragment.server_ms.saturating_sub(fragment.producer_ms),
                length_ms: fragment.length_ms,
                bytes: fragment.bytes,
                continues: false,
            });
        }
        measure.mark(&mut fragments);
        Self {
            gaps: gaps(&fragments, (start, end), &measure),
            skew_ms: middle(fragments.iter().map(|fragment| fragment.skew_ms)),
            windows: Windows::new(entries),
            is_cut: boundary == Boundary::Exact,
            fragments,
            resent: left_out.resent.len(),
            overlapping: left_out.overlapping.len(),
            range: (start, end),
            selector,
            measure,
        }
    }

    /// Learns from the first answer how long a frame lasts, which the list does not say, and with it
    /// which of the fragments follow each other and where footage is missing.
    pub fn learn_frame(&mut self, frame_ms: i64) {
        self.measure = Measure::of_frame(frame_ms);
        self.measure.mark(&mut self.fragments);
        self.gaps = gaps(&self.fragments, self.range, &self.measure);
    }

    /// The fragments that belong to the clip, in the order in which they play.
    #[must_use]
    pub fn fragments(&self) -> &[Planned] {
        &self.fragments
    }

    /// The windows that fetch the fragments `run`: one call of `GetClip` serves each of them whole.
    #[must_use]
    pub fn windows(&self, run: Range<usize>) -> Vec<Range<usize>> {
        self.windows.cut(&self.fragments, run)
    }

    /// The range to ask `GetClip` for, to get the fragments of a window and no others.
    #[must_use]
    pub fn range(&self, window: &Range<usize>) -> Option<TimeRange> {
        let fragments = self.fragments.get(window.clone())?;
        let start = fragments.first()?.start_ms;
        let end = fragments.last()?.start_ms;
        if start < end {
            return TimeRange::from_milliseconds(start, end);
        }
        // The two ends of a range differ: a moment has a millisecond more, behind it or before it.
        let (before, after) = (start.saturating_sub(1), start.saturating_add(1));
        match self.windows.is_free(after, window) || !self.windows.is_free(before, window) {
            true => TimeRange::from_milliseconds(start, after),
            false => TimeRange::from_milliseconds(before, start),
        }
    }

    /// Listed bytes of the fragments of a run.
    #[must_use]
    pub fn bytes(&self, run: &Range<usize>) -> u64 {
        let fragments = self.fragments.get(run.clone()).unwrap_or_default();
        fragments
            .iter()
            .map(|fragment| fragment.bytes)
            .fold(0, u64::saturating_add)
    }

    /// When the frames of a fragment were, by the clock of the selector, in milliseconds since 1970.
    ///
    /// What the producer's clock says, and by the server's clock that much later or earlier than most of
    /// the fragments came: each by itself may have come in a burst.
    #[must_use]
    pub fn wall_ms(&self, fragment: &Planned) -> i64 {
        match self.selector {
            FragmentSelectorType::ProducerTimestamp => fragment.producer_ms,
            FragmentSelectorType::ServerTimestamp => {
                fragment.producer_ms.saturating_add(self.skew_ms().unwrap_or(0))
            }
        }
    }

    /// When the fragments end by the clock of the selector, in milliseconds since 1970.
    #[must_use]
    pub fn end_ms(&self) -> Option<i64> {
        self.fragments.iter().map(|fragment| self.ends_ms(fragment)).max()
    }

    fn ends_ms(&self, fragment: &Planned) -> i64 {
        self.wall_ms(fragment)
            .saturating_add(self.measure.length(fragment.length_ms))
    }

    /// Milliseconds that fragments of the plan show twice, because they overlap by less than half. Playback that is cut to
    /// the range ends in the first that lasts so long.
    #[must_use]
    pub fn doubled_ms(&self) -> i64 {
        let (_, end) = self.range;
        let (mut doubled, mut furthest) = (0i64, i64::MIN);
        for fragment in &self.fragments {
            doubled = doubled.saturating_add(self.measure.overlap(furthest, fragment));
            furthest = furthest.max(fragment.listed_end_ms());
            if self.is_cut && self.ends_ms(fragment) >= end {
                break;
            }
        }
        doubled
    }

    /// Until when footage of the range may still come, in milliseconds since 1970, if the plan lacks any: in
    /// a gap, because a fragment of a connection that broke is archived late; at the end, unless the plan shows
    /// it or it is known to be past.
    #[must_use]
    pub fn settles_ms(&self, is_past: bool) -> Option<i64> {
        let (_, end) = self.range;
        // By the server's clock what is there does not show what comes after it.
        let shows_the_end = self.selector == FragmentSelectorType::ProducerTimestamp
            && self
                .end_ms()
                .is_some_and(|last| self.measure.is_gap(last.saturating_sub(end)));
        let end = (!is_past && !shows_the_end).then_some(end);
        let lacking = self.gaps.iter().map(|gap| gap.end_ms).chain(end).max()?;
        Some(settled_ms(self.selector, lacking, self.skew_ms))
    }

    /// The server's clock minus the producer's in milliseconds: the middle one of all fragments.
    #[must_use]
    pub fn skew_ms(&self) -> Option<i64> {
        self.skew_ms
    }
}

fn gaps(fragments: &[Planned], (start, end): (i64, i64), measure: &Measure) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let listed_end = |fragment: &Planned| {
        fragment
            .start_ms
            .saturating_add(measure.length(fragment.length_ms))
    };
    let Some(first) = fragments.first() else {
        return Gap::new(Where::Head, start, end).into_iter().collect();
    };
    // By the server's clock what plays first or last need not have come first or last.
    let earliest = fragments.iter().map(|fragment| fragment.start_ms).min();
    let earliest = earliest.unwrap_or(first.start_ms);
    let latest = fragments.iter().map(listed_end).max().unwrap_or(end);
    if measure.is_gap(earliest.saturating_sub(start)) {
        gaps.extend(Gap::new(Where::Head, start, earliest));
    }
    // Frames follow the producer's clock; what the server received in a burst has its gaps there too.
    let mut furthest = first.listed_end_ms();
    for next in fragments.iter().skip(1) {
        if !next.continues {
            let missing = next
                .producer_ms
                .saturating_sub(furthest)
                .saturating_sub(measure.frame_ms);
            let from = next.start_ms.saturating_sub(missing);
            // What came in a burst came sooner after what is before it than it was filmed.
            let told = gaps.last().map_or(from, |last: &Gap| last.end_ms);
            gaps.extend(Gap::new(Where::Inside, from.max(told), next.start_ms));
        }
        furthest = furthest.max(next.listed_end_ms());
    }
    if measure.is_gap(end.saturating_sub(latest)) {
        gaps.extend(Gap::new(Where::Tail, latest, end));
    }
    // What the running fragment lacks before the range is not missing from it.
    let of_range = gaps
        .iter()
        .filter_map(|gap| Gap::new(gap.place, gap.start_ms.max(start), gap.end_ms.min(end)));
    of_range.collect()
}

#[cfg(test)]
mod tests;
