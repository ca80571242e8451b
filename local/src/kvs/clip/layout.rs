//! When each sample of a clip is decoded, and where it stands in the file.

use super::{divide, ticks};
use crate::footage::{Footage, Track};
use crate::kvs::fragment::Fragment;
use crate::kvs::stream::{Gaps, Stream};

/// A sample in the order of the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed {
    pub(super) track: usize,
    pub(super) sample: usize,
    /// Decode time in ticks of the output, counted from the first picture's; only sound may come before it.
    pub(super) start: i64,
    /// Which turn of its track it belongs to.
    turn: i64,
}

/// All samples in the order of the file: each track runs for `interleave_ms` before the next one's turn.
pub(super) fn place(
    stream: &Stream,
    fragments: &[Fragment],
    footage: &Footage,
    interleave_ms: i64,
) -> Vec<Placed> {
    let starts = starts(stream.gaps, fragments);
    let mut media = Vec::new();
    for (index, track) in footage.tracks().iter().enumerate() {
        let spans = spans(stream, fragments, track);
        for (span, at) in spans.zip(&starts) {
            samples(stream, track, index, span, *at, interleave_ms, &mut media);
        }
    }
    // Stable, so each track stays in decode order.
    media.sort_by_key(|placed| (placed.turn, placed.track));
    media
}

/// When each fragment begins, in milliseconds since the clip does. None begins before the end of the one
/// before it: what overlaps is put behind it.
fn starts(gaps: Gaps, fragments: &[Fragment]) -> Vec<i64> {
    let origin = fragments.first().map_or(0, |first| first.producer_start);
    let mut end = 0;
    let start = |fragment: &Fragment| {
        let start = match gaps {
            Gaps::Stretched => end.max(fragment.producer_start - origin),
            Gaps::Closed => end,
        };
        end = start + fragment.duration_ms();
        start
    };
    fragments.iter().map(start).collect()
}

/// What part of the footage's time a track takes of a fragment, and when the fragment itself begins in it.
type Span = ((i64, i64), i64);

fn spans<'a>(stream: &Stream, fragments: &'a [Fragment], track: &Track) -> impl Iterator<Item = Span> + 'a {
    let reach = if track.is_sound() {
        stream.sound_edges.reach_ms()
    } else {
        (0, 0)
    };
    let last = fragments.len() - 1;
    fragments.iter().enumerate().map(move |(place, fragment)| {
        let (from, to) = fragment.footage;
        let before = if place == 0 { reach.0 } else { 0 };
        let after = if place == last { reach.1 } else { 0 };
        ((from - before, to + after), from)
    })
}

fn samples(
    stream: &Stream,
    track: &Track,
    index: usize,
    (span, origin): Span,
    at: i64,
    interleave_ms: i64,
    media: &mut Vec<Placed>,
) {
    let rate = i64::from(track.timescale.get());
    let out = i64::from(ticks(stream.timescale, track).get());
    media.extend(stream.samples(track, span).map(|occurrence| {
        // Exact until here: ticks times 1,000, counted from the start of the clip.
        let since = occurrence.start * 1_000 + (at - origin) * rate;
        Placed {
            track: index,
            sample: occurrence.sample,
            start: divide(since * out, rate * 1_000),
            // The first turn is that of the pictures, whose track is the first one in the service's answers.
            turn: since.div_euclid(rate * interleave_ms).max(0),
        }
    }));
}
