//! Windows: runs of fragments that one `GetClip` serves whole.

use std::ops::Range;

use super::{MAX_CLIP_FRAGMENTS, MAX_RANGE, Planned, WINDOW_BYTES};

/// A fragment of the archive as `GetClip` will see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// When it begins by the clock of the selector.
    start_ms: i64,
    /// Which planned fragment it is, or is a copy of; `None` for one that the plan leaves out.
    owner: Option<usize>,
}

impl Entry {
    pub(super) fn new(start_ms: i64, owner: Option<usize>) -> Self {
        Self { start_ms, owner }
    }
}

/// All that is in the archive, in the order of the selector's clock.
#[derive(Debug)]
pub(super) struct Windows(Vec<Entry>);

impl Windows {
    pub(super) fn new(mut entries: Vec<Entry>) -> Self {
        entries.sort_unstable_by_key(|entry| (entry.start_ms, entry.owner));
        Self(entries)
    }

    /// Cuts a run of planned fragments into windows. A window has as many fragments as it can, and
    /// nothing else begins between its first and its last one: what was left out of the plan, because
    /// it was sent twice, would come with it.
    pub(super) fn cut(&self, fragments: &[Planned], run: Range<usize>) -> Vec<Range<usize>> {
        let mut windows = Vec::new();
        let mut start = run.start;
        while start < run.end.min(fragments.len()) {
            let end = self.reach(fragments, start, run.end.min(fragments.len()));
            windows.push(start..end);
            start = end;
        }
        windows
    }

    /// The end of the longest window that starts with the fragment `start`: at least one more.
    fn reach(&self, fragments: &[Planned], start: usize, run_end: usize) -> usize {
        let first = fragments[start].start_ms;
        let mut seen = self.0.partition_point(|entry| entry.start_ms < first);
        let most = usize::try_from(MAX_CLIP_FRAGMENTS).unwrap_or(usize::MAX);
        let reach = run_end.min(start.saturating_add(most));
        // A range has two ends, which differ: that of a single fragment ends a millisecond later.
        let (mut bytes, mut last, mut latest) = (0u64, first, first.saturating_add(1));
        let (mut furthest, mut whole) = (start, None);
        for (index, fragment) in fragments.iter().enumerate().take(reach).skip(start) {
            bytes = bytes.saturating_add(fragment.bytes);
            let fits = bytes <= WINDOW_BYTES
                && i128::from(fragment.start_ms) - i128::from(first) <= MAX_RANGE.as_millis()
                && fragment.start_ms >= last;
            if index > start && !fits {
                break;
            }
            last = fragment.start_ms;
            latest = latest.max(last);
            let mut foreign = false;
            while let Some(entry) = self.0.get(seen).filter(|entry| entry.start_ms <= latest) {
                match entry.owner.filter(|owner| *owner >= start) {
                    Some(owner) => furthest = furthest.max(owner),
                    None => foreign = true,
                }
                seen += 1;
            }
            if foreign {
                break;
            }
            // What begins in the window and comes later in the plan has to be in it too.
            if furthest <= index {
                whole = Some(index.saturating_add(1));
            }
        }
        whole.unwrap_or(start.saturating_add(1))
    }
}
