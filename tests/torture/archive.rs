//! What has to be in a clip, by the rules of the README and of `GetClip`, told by the archive itself and
//! without a line of the function's.

use std::collections::{BTreeMap, BTreeSet};

use clip_export_local::kvs::{Archived, Selector, Server};

use crate::case::{Ask, Boundary};

/// Longest fragment, and how far before a range the one that is running at its start can begin.
const LONGEST_MS: i64 = 20_000;

/// What one `GetClip` gives at most.
const CLIP_FRAGMENTS: usize = 200;
const CLIP_BYTES: usize = 100_000_000;

/// Least time without footage that has to be called a gap, and the least that may be: cameras jitter.
const GAP_MS: i64 = 600;
pub(crate) const JITTER_MS: i64 = 100;

/// What a clip may consist of.
#[derive(Clone)]
pub(crate) struct Wanted {
    /// Its fragments in the order in which they play, one list for each object.
    pub(crate) objects: Vec<Vec<Archived>>,
    /// Copies and overlapping fragments of the range that are not in it.
    pub(crate) left_out: (usize, usize),
    /// Time that no fragment shows, in milliseconds since 1970 by the clock of the selector.
    pub(crate) gaps: Vec<(i64, i64)>,
}

impl Wanted {
    /// The gaps that a receipt has to name, and those that it may.
    pub(crate) fn named_gaps(&self) -> (usize, usize) {
        let longer = |than: i64| self.gaps.iter().filter(|(from, to)| to - from > than).count();
        (longer(GAP_MS), longer(JITTER_MS))
    }
}

pub(crate) fn at(ask: &Ask, fragment: &Archived) -> i64 {
    match ask.selector {
        Selector::ProducerTimestamp => fragment.producer_start,
        Selector::ServerTimestamp => fragment.server_start,
    }
}

fn archived(kvs: &Server, ask: &Ask, from: i64, to: i64) -> Vec<Archived> {
    kvs.archived(ask.camera.name, ask.selector, from, to)
        .unwrap_or_default()
}

/// What the clip of a request consists of: the first is the rule; where the clocks order fragments
/// differently, others are as good.
pub(crate) fn wanted(kvs: &Server, ask: &Ask) -> Vec<Wanted> {
    let (before_ms, last) = match ask.boundary {
        Boundary::Fragment => (0, ask.end),
        Boundary::Cover => (LONGEST_MS + 1000, ask.end),
        // Playback that is cut to the range shows nothing of what starts at its end.
        Boundary::Exact => (LONGEST_MS + 1000, ask.end - 1),
    };
    let listed = archived(kvs, ask, ask.start - before_ms, last);
    let (before, inside): (Vec<_>, Vec<_>) = listed
        .into_iter()
        .filter(|fragment| at(ask, fragment) <= last)
        .partition(|fragment| at(ask, fragment) < ask.start);
    let alone = oldest(ask, inside.clone());
    // By the server's clock what came in the range is of it, though others from before it show the same.
    let considered = match ask.selector {
        Selector::ProducerTimestamp => before,
        Selector::ServerTimestamp => ends_last(oldest(ask, before).kept).into_iter().collect(),
    };
    let mut with = oldest(ask, [inside, considered].concat());
    let earlier = with.kept.iter().filter(|fragment| at(ask, fragment) < ask.start);
    let Some(running) = ends_last(earlier.cloned().collect()) else {
        return vec![clip(ask, alone)];
    };
    with.kept
        .retain(|fragment| at(ask, fragment) >= ask.start || fragment.number == running.number);
    // One that starts with the range and lasts as long shows all that the running one would.
    let shows_the_start = at(ask, &running) + running.duration_ms > ask.start
        && !with
            .kept
            .iter()
            .any(|fragment| at(ask, fragment) == ask.start && end(fragment) + JITTER_MS >= end(&running));
    // How long its last picture is, which alone reaches into the range, nobody tells before there is a clip, where only
    // gaps follow; the time of it is then named as missing.
    let picture_ms = running.duration_ms / running.pictures.len().max(1) as i64;
    let follows = |fragment: &Archived| {
        (1..=JITTER_MS + running.duration_ms).contains(&(fragment.producer_start - running.producer_start))
    };
    let by_a_picture =
        at(ask, &running) + running.duration_ms - ask.start <= picture_ms && !with.kept.iter().any(follows);
    let (with, alone) = (clip(ask, with), clip(ask, alone));
    let by_server = ask.selector == Selector::ServerTimestamp;
    match (shows_the_start, by_server && ask.camera.bursts) {
        (true, false) if by_a_picture => vec![with, alone],
        (true, false) => vec![with],
        (false, false) => vec![alone],
        (true, true) => vec![with, alone],
        (false, true) => vec![alone, with],
    }
}

/// Of the fragments before a range that count, the one that may show its start.
fn ends_last(before: Vec<Archived>) -> Option<Archived> {
    let last = |fragment: &Archived| (end(fragment), fragment.producer_start);
    before.into_iter().max_by_key(last)
}

/// The first millisecond after a fragment, by the producer's clock.
pub(crate) fn end(fragment: &Archived) -> i64 {
    fragment.producer_start + fragment.duration_ms
}

/// What one `GetClip` of the range gives: all that a function has which may not list.
pub(crate) fn unlisted(kvs: &Server, ask: &Ask) -> Vec<Archived> {
    let last = match ask.boundary {
        Boundary::Exact => (ask.end - 1).max(ask.start + 1),
        Boundary::Cover | Boundary::Fragment => ask.end,
    };
    let mut fragments = oldest_of_equals(archived(kvs, ask, ask.start, last));
    let mut left = CLIP_BYTES;
    fragments.truncate(CLIP_FRAGMENTS);
    let fits = |fragment: &Archived| {
        let rest = left.checked_sub(fragment.bytes);
        left = rest.unwrap_or(0);
        rest.is_some()
    };
    let fitting = fragments.iter().map(fits).take_while(|fits| *fits).count();
    fragments.truncate(fitting);
    fragments
}

/// Fragments that count, in the order of their producer timestamps.
struct Oldest {
    kept: Vec<Archived>,
    resent: usize,
    overlapping: usize,
}

fn ingested(mut fragments: Vec<Archived>) -> Vec<Archived> {
    fragments.sort_by(|a, b| (a.server_start, &a.number).cmp(&(b.server_start, &b.number)));
    fragments
}

fn oldest_of_equals(fragments: Vec<Archived>) -> Vec<Archived> {
    let mut kept = BTreeMap::new();
    for fragment in ingested(fragments) {
        kept.entry(fragment.producer_start).or_insert(fragment);
    }
    kept.into_values().collect()
}

/// Of fragments with equal producer timestamps the one that was ingested first counts; of those that overlap
/// the younger is left out if less than half of its time is its own. Those of the range that are left out are counted.
fn oldest(ask: &Ask, fragments: Vec<Archived>) -> Oldest {
    let mut kept: Vec<Archived> = Vec::new();
    let (mut resent, mut overlapping) = (0, 0);
    let mut begun = BTreeSet::new();
    for fragment in ingested(fragments) {
        let counts = usize::from(at(ask, &fragment) >= ask.start);
        if !begun.insert(fragment.producer_start) {
            resent += counts;
            continue;
        }
        // What several show counts once: millisecond by millisecond, of those that reach into it.
        let near: Vec<&Archived> = kept
            .iter()
            .filter(|other| other.producer_start < end(&fragment) && fragment.producer_start < end(other))
            .collect();
        let is_shown = |ms: &i64| {
            let shows = |other: &&Archived| (other.producer_start..end(other)).contains(ms);
            near.iter().any(shows)
        };
        let own = (fragment.producer_start..end(&fragment)).filter(|ms| !is_shown(ms));
        if own.count() as i64 * 2 < fragment.duration_ms {
            overlapping += counts;
        } else {
            kept.push(fragment);
        }
    }
    kept.sort_by_key(|fragment| fragment.producer_start);
    Oldest {
        kept,
        resent,
        overlapping,
    }
}

fn clip(ask: &Ask, oldest: Oldest) -> Wanted {
    let gaps = gaps(ask, &oldest.kept);
    let objects = oldest.kept.chunk_by(|a, b| a.codec == b.codec);
    Wanted {
        objects: objects.map(<[Archived]>::to_vec).collect(),
        left_out: (oldest.resent, oldest.overlapping),
        gaps,
    }
}

fn gaps(ask: &Ask, kept: &[Archived]) -> Vec<(i64, i64)> {
    let mut gaps = Vec::new();
    let first = kept.iter().map(|fragment| at(ask, fragment)).min();
    let last = kept
        .iter()
        .map(|fragment| at(ask, fragment) + fragment.duration_ms)
        .max();
    let (Some(first), Some(last)) = (first, last) else {
        return gaps;
    };
    gaps.push((ask.start, first));
    // Frames follow the producer's clock, and nothing is missing where any of those before still plays.
    let mut furthest = i64::MAX;
    for fragment in kept {
        let missing = fragment.producer_start.saturating_sub(furthest);
        gaps.push((at(ask, fragment) - missing.max(0), at(ask, fragment)));
        furthest = match furthest {
            i64::MAX => end(fragment),
            before => before.max(end(fragment)),
        };
    }
    gaps.push((last, ask.end));
    let of_range = gaps
        .into_iter()
        .map(|(from, to)| (from.max(ask.start), to.min(ask.end)));
    of_range.filter(|(from, to)| from < to).collect()
}
