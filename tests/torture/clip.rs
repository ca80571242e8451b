//! Whether an object is the clip that was asked for: every picture and every sound of its fragments, nothing
//! else, and none twice.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;

use clip_export_local::kvs::{Archived, Selector, Stream};
use serde_json::Value;

use crate::case::Ask;
use crate::movie::{Frame, Movie, is_picture};

/// Frames of sound that an answer may hold beside those of its pictures, where its camera does so.
const SHARED_SOUNDS: usize = 4;

/// Frames that have to follow each other alike before two sequences count as in step: silent ones repeat.
const STEP: usize = 12;

/// Milliseconds by which a duration may be off: a frame of sound, and what is rounded.
const ROUNDED_MS: f64 = 150.0;

/// How long what is in an object plays.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timing {
    /// As long as its fragments, with their gaps closed.
    Closed,
    /// As `EXACT` says: some of it is not there or not shown.
    Cut,
    /// As `GetClip` sent it, which may stretch pictures over gaps.
    AsSent,
}

/// A picture as it has to be.
struct Shown<'a> {
    source: &'a [u8],
    /// When it was, in milliseconds since 1970 by the clock of the selector.
    start: f64,
    end: f64,
}

/// Compares an object with the fragments that it has to consist of. `receipt` is what was said of it, if it
/// was.
pub(crate) fn is_made_of(
    path: &Path,
    stream: &Stream,
    fragments: &[Archived],
    ask: &Ask,
    timing: Timing,
    receipt: Option<&Value>,
) -> Result<(), String> {
    let cut = timing == Timing::Cut;
    let movie = Movie::read(path)?;
    let mut sources: HashMap<usize, Movie> = HashMap::new();
    for fragment in fragments {
        if let Entry::Vacant(unread) = sources.entry(fragment.footage) {
            unread.insert(Movie::source(&stream.footage()[fragment.footage])?);
        }
    }
    let (mut pictures, mut sounds) = (Vec::new(), Vec::new());
    for fragment in fragments {
        let source = &sources[&fragment.footage];
        let loop_ms = stream.footage()[fragment.footage].loop_ms() as f64;
        pictures.extend(shown(fragment, source, loop_ms, ask));
        let heard = fragment.sounds.iter().map(|sound| &source.sounds[*sound]);
        sounds.extend(source.heard(heard));
    }
    if !movie.moov_first {
        return Err("moov stands behind the media".to_owned());
    }
    same_pictures(&movie, &pictures, ask, cut)?;
    let join = receipt.map(|receipt| &receipt["Join"]);
    let number = |field: &str| join.and_then(|join| join[field].as_u64()).unwrap_or(0) as usize;
    let named = receipt.map(|_| (number("SilentFrames"), number("AudioSamplesLeftOut")));
    let heard = movie.heard(movie.sounds.iter());
    same_sounds(&sounds, &heard, shares_sound(ask), cut, named)?;
    if number("LeadingPicturesLeftOut") > 0 {
        return Err("pictures were left out of closed groups".to_owned());
    }
    let lasts: i64 = fragments.iter().map(|fragment| fragment.duration_ms).sum();
    let most = match (timing, fragments) {
        // Fragments that overlap play longer than it is from the first to the last.
        (Timing::AsSent, [first, .., last]) => {
            lasts.max(last.producer_start + last.duration_ms - first.producer_start)
        }
        _ => lasts,
    };
    let played: f64 = movie
        .pictures
        .iter()
        .map(|picture| picture.end - picture.start)
        .sum();
    let rounded = ROUNDED_MS + fragments.len() as f64;
    if !cut && (played < lasts as f64 - rounded || played > most as f64 + rounded) {
        return Err(format!("plays {played} ms of {lasts} ms to {most} ms"));
    }
    Ok(())
}

/// Whether the camera's answers share sound with their neighbours.
fn shares_sound(ask: &Ask) -> bool {
    ask.camera.name == "corridor"
}

fn shown<'a>(fragment: &Archived, source: &'a Movie, loop_ms: f64, ask: &Ask) -> Vec<Shown<'a>> {
    let clock = match ask.selector {
        Selector::ProducerTimestamp => fragment.producer_start,
        Selector::ServerTimestamp => fragment.server_start,
    };
    let first = fragment
        .pictures
        .first()
        .map(|picture| source.pictures[*picture].start);
    let of = |picture: &usize| {
        let frame = &source.pictures[*picture];
        // Decoding begins with a key frame, which is the first to be shown, and the loop may begin anew.
        let since = (frame.start - first.unwrap_or(0.0)).rem_euclid(loop_ms);
        Shown {
            source: source.bytes(frame),
            start: clock as f64 + since,
            end: clock as f64 + since + (frame.end - frame.start),
        }
    };
    fragment.pictures.iter().map(of).collect()
}

fn same_pictures(movie: &Movie, wanted: &[Shown<'_>], ask: &Ask, cut: bool) -> Result<(), String> {
    let is = |frame: &Frame, wanted: &Shown<'_>| is_picture(movie.bytes(frame), wanted.source);
    if !cut {
        if movie.pictures.len() != wanted.len() {
            return Err(format!("{} pictures of {}", movie.pictures.len(), wanted.len()));
        }
        let other = movie.pictures.iter().zip(wanted).position(|(a, b)| !is(a, b));
        return other.map_or(Ok(()), |number| Err(format!("picture {number} is another one")));
    }
    // A part of the fragments, that holds all that is shown.
    let runs = 0..=wanted.len().saturating_sub(movie.pictures.len());
    let mut starts = runs.filter(|from| {
        let run = &wanted[*from..];
        run.len() >= movie.pictures.len() && movie.pictures.iter().zip(run).all(|(a, b)| is(a, b))
    });
    let Some(from) = starts.next() else {
        return Err("the pictures are no run of the fragments'".to_owned());
    };
    if ask.camera.bursts && ask.selector == Selector::ServerTimestamp {
        // Fragments came in bursts: what was when by that clock is a matter of taste.
        return Ok(());
    }
    let (start, end) = (ask.start as f64, ask.end as f64);
    for (number, picture) in wanted.iter().enumerate() {
        let frame = number
            .checked_sub(from)
            .and_then(|place| movie.pictures.get(place));
        let is_shown = frame
            .is_some_and(|frame| frame.end > movie.shown.start + 1.0 && frame.start < movie.shown.end - 1.0);
        // A millisecond, which is all that Kinesis Video Streams counts in, may be rounded to either side.
        let (must, may) = (
            picture.end > start + 2.0 && picture.start < end - 2.0,
            picture.end > start - 2.0 && picture.start < end + 2.0,
        );
        if (must && !is_shown) || (is_shown && !may) {
            let (start, end) = (picture.start - start, picture.end - end);
            return Err(format!(
                "picture {number}, from {start} ms after the start to {end} ms after the end, is shown: {is_shown}"
            ));
        }
    }
    Ok(())
}

/// That all sounds are there, and what was put in and left out is `named`; what was found at the key has no
/// account of its making. A clip that is `cut` has a part of them, and one whose answers share sound may have
/// some more at either end.
fn same_sounds(
    wanted: &[&[u8]],
    got: &[&[u8]],
    shares: bool,
    cut: bool,
    named: Option<(usize, usize)>,
) -> Result<(), String> {
    let most = if shares {
        SHARED_SOUNDS.min(got.len() / 2)
    } else {
        0
    };
    let edges = (0..=most).flat_map(|lead| (0..=most).map(move |trail| lead..got.len() - trail));
    for inner in edges {
        let got = &got[inner];
        let is_there = match cut {
            true => got.is_empty() || wanted.windows(got.len()).any(|run| run == got),
            false => got == wanted,
        };
        if is_there {
            return Ok(());
        }
    }
    let (mut inserted, mut removed) = differences(wanted, got, cut);
    if shares {
        // Of what two answers share one is left out, which the archive has only once.
        inserted = inserted.saturating_sub(2 * SHARED_SOUNDS);
        removed = named.map_or(removed, |(_, named)| removed.max(named));
    }
    match named {
        Some(named) if named != (inserted, removed) => Err(format!(
            "{inserted} sounds too many and {removed} too few, but the receipt names {named:?}: {} of {}",
            got.len(),
            wanted.len()
        )),
        _ => Ok(()),
    }
}

/// How many sounds are in `got` and not in `wanted`, and the other way round; what is missing at the ends of
/// a clip that is `cut` does not count.
fn differences(wanted: &[&[u8]], got: &[&[u8]], cut: bool) -> (usize, usize) {
    let (mut inserted, mut removed) = (0, 0);
    let (mut at, mut of) = (0, 0);
    while at < got.len() && of < wanted.len() {
        if got[at] == wanted[of] {
            (at, of) = (at + 1, of + 1);
            continue;
        }
        let (skip, pass) = in_step(&wanted[of..], &got[at..]);
        if !(cut && at == 0 && of == 0) {
            inserted += skip;
            removed += pass;
        }
        (at, of) = (at + skip, of + pass);
    }
    let missing = if cut { 0 } else { wanted.len() - of };
    (inserted + got.len() - at, removed + missing)
}

/// How many of `got` and of `wanted` to pass over so that both go on alike.
fn in_step(wanted: &[&[u8]], got: &[&[u8]]) -> (usize, usize) {
    let alike = |a: &[&[u8]], b: &[&[u8]]| {
        let length = STEP.min(a.len()).min(b.len());
        length > 0 && a[..length] == b[..length]
    };
    let longest = wanted.len().max(got.len());
    for distance in 1..longest {
        if got.get(distance..).is_some_and(|rest| alike(rest, wanted)) {
            return (distance, 0);
        }
        if wanted.get(distance..).is_some_and(|rest| alike(rest, got)) {
            return (0, distance);
        }
    }
    (got.len(), wanted.len())
}
