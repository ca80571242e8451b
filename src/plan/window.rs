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

/// What one call serves whole.
#[derive(Debug, Clone, Copy)]
struct Caps {
    fragments: u64,
    bytes: u64,
    milliseconds: i128,
}

const OF_GET_CLIP: Caps = Caps {
    fragments: MAX_CLIP_FRAGMENTS,
    bytes: WINDOW_BYTES,
    milliseconds: MAX_RANGE.as_millis(),
};

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
        self.cut_within(OF_GET_CLIP, fragments, run)
    }

    /// Whether nothing begins in a millisecond but fragments of a window and copies of them.
    pub(super) fn is_free(&self, moment_ms: i64, window: &Range<usize>) -> bool {
        let from = self.0.partition_point(|entry| entry.start_ms < moment_ms);
        let mut begin = self.0[from..]
            .iter()
            .take_while(|entry| entry.start_ms == moment_ms);
        begin.all(|entry| entry.owner.is_some_and(|owner| window.contains(&owner)))
    }

    fn cut_within(&self, caps: Caps, fragments: &[Planned], run: Range<usize>) -> Vec<Range<usize>> {
        let mut windows = Vec::new();
        let mut start = run.start;
        while start < run.end.min(fragments.len()) {
            let end = self.reach(caps, fragments, start, run.end.min(fragments.len()));
            windows.push(start..end);
            start = end;
        }
        windows
    }

    /// The end of the longest window that starts with the fragment `start`: at least one more.
    fn reach(&self, caps: Caps, fragments: &[Planned], start: usize, run_end: usize) -> usize {
        let first = fragments[start].start_ms;
        let mut seen = self.0.partition_point(|entry| entry.start_ms < first);
        let most = usize::try_from(caps.fragments).unwrap_or(usize::MAX);
        let reach = run_end.min(start.saturating_add(most));
        // A range has two ends, which differ: that of a single fragment has a millisecond more.
        let (mut bytes, mut last, mut latest) = (0u64, first, first.saturating_add(1));
        let (mut furthest, mut whole) = (start, None);
        'fragments: for (index, fragment) in fragments.iter().enumerate().take(reach).skip(start) {
            bytes = bytes.saturating_add(fragment.bytes);
            let fits = bytes <= caps.bytes
                && i128::from(fragment.start_ms) - i128::from(first) <= caps.milliseconds
                && fragment.start_ms >= last;
            if index > start && !fits {
                break;
            }
            last = fragment.start_ms;
            latest = latest.max(last);
            while let Some(entry) = self.0.get(seen).filter(|entry| entry.start_ms <= latest) {
                // A copy of what lies before the window, or of what would be in none with it. Not looked any
                // further: thousands of fragments may begin in one millisecond of the server's clock.
                let Some(owner) = entry.owner.filter(|owner| (start..reach).contains(owner)) else {
                    break 'fragments;
                };
                furthest = furthest.max(owner);
                seen += 1;
            }
            // What begins in the window and comes later in the plan has to be in it too.
            if furthest <= index {
                whole = Some(index.saturating_add(1));
            }
        }
        whole.unwrap_or(start.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn planned(start_ms: i64, bytes: u64) -> Planned {
        Planned {
            start_ms,
            producer_ms: 0,
            skew_ms: 0,
            length_ms: 0,
            bytes,
            continues: true,
        }
    }

    proptest! {
        /// Whatever one call serves: each fragment is in one window, in order, and each window holds what it
        /// can and nothing that begins in it is anywhere else.
        #[test]
        fn windows_of_any_caps_hold_each_fragment_once(
            fragments in prop::collection::vec((0i64..1000, 0u64..100), 0..60),
            copies in prop::collection::vec((0i64..1000, prop::option::of(any::<prop::sample::Index>())), 0..8),
            (most, bytes, milliseconds) in (1u64..20, 1u64..500, 1i128..500),
        ) {
            let caps = Caps { fragments: most, bytes, milliseconds };
            let fragments: Vec<_> = fragments.into_iter().map(|(start, bytes)| planned(start, bytes)).collect();
            let own = fragments.iter().enumerate();
            let own = own.map(|(owner, fragment)| Entry::new(fragment.start_ms, Some(owner)));
            let copies = copies.into_iter().map(|(start, of)| {
                let owner = of.filter(|_| !fragments.is_empty()).map(|of| of.index(fragments.len()));
                Entry::new(start, owner)
            });
            let windows = Windows::new(own.chain(copies).collect());
            let mut next = 0;
            for window in windows.cut_within(caps, &fragments, 0..fragments.len()) {
                prop_assert_eq!(window.start, next);
                prop_assert!(window.end > next);
                next = window.end;
                let held = &fragments[window.clone()];
                let (first, last) = (held[0].start_ms, held[held.len() - 1].start_ms);
                if held.len() > 1 {
                    prop_assert!(held.len() as u64 <= most);
                    prop_assert!(held.iter().map(|fragment| fragment.bytes).sum::<u64>() <= bytes);
                    prop_assert!(i128::from(last - first) <= milliseconds);
                    let asked = first..=last.max(first + 1);
                    let mut begun = windows.0.iter().filter(|entry| asked.contains(&entry.start_ms));
                    prop_assert!(begun.all(|entry| entry.owner.is_some_and(|owner| window.contains(&owner))));
                }
            }
            prop_assert_eq!(next, fragments.len());
        }
    }
}
