//! Whether an object is the clip that was asked for: every picture and every sound of its fragments, nothing
//! else, and none twice.

mod pictures;
mod sounds;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;

use clip_export_local::kvs::{Archived, Stream};
use serde_json::Value;

use crate::case::Ask;
use crate::movie::Movie;
use pictures::{Picture, beginnings, pictures, place, presented};
use sounds::{Account, SHARED, account};

/// Milliseconds by which a duration may be off: a frame of sound, and what is rounded.
const ROUNDED_MS: f64 = 150.0;

/// Milliseconds by which what a receipt says of a duration may be off.
const TOLD_MS: f64 = 2.0;

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
    let mut read: HashMap<usize, Movie> = HashMap::new();
    for fragment in fragments {
        if let Entry::Vacant(unread) = read.entry(fragment.footage) {
            unread.insert(Movie::source(&stream.footage()[fragment.footage])?);
        }
    }
    let sources: Vec<&Movie> = fragments
        .iter()
        .map(|fragment| &read[&fragment.footage])
        .collect();
    let loop_ms = |fragment: &Archived| stream.footage()[fragment.footage].loop_ms() as f64;
    let loops_ms: Vec<f64> = fragments.iter().map(loop_ms).collect();
    if !movie.moov_first {
        return Err("moov stands behind the media".to_owned());
    }
    let wanted = pictures(fragments, &sources, &loops_ms);
    let mut why = Vec::new();
    // A loop shows the same pictures again, so there may be several places for them.
    for from in beginnings(&movie, &wanted, cut)? {
        let judged = plays(&movie, fragments, &sources, &wanted, from, ask, timing);
        let there = &wanted[from..from + movie.pictures.len()];
        let judged = judged.and_then(|account| is_told(&movie, &account, ask, receipt));
        match judged.and_then(|()| counts(there, receipt)) {
            Ok(()) => return lasts(&movie, fragments, timing),
            Err(error) => why.push(error),
        }
    }
    Err(why.join("; or: "))
}

/// That a movie which begins with picture `from` of the fragments presents all that it has to.
fn plays(
    movie: &Movie,
    fragments: &[Archived],
    sources: &[&Movie],
    wanted: &[Picture<'_>],
    from: usize,
    ask: &Ask,
    timing: Timing,
) -> Result<Account, String> {
    let cut = timing == Timing::Cut;
    let placed = place(movie, fragments, wanted, from, timing)?;
    presented(movie, fragments, wanted, &placed, ask, cut)?;
    account(movie, fragments, sources, &placed, timing, shares_sound(ask))
}

/// That a receipt counts the fragments of these pictures.
fn counts(pictures: &[Picture<'_>], receipt: Option<&Value>) -> Result<(), String> {
    let fragments = pictures.chunk_by(|a, b| a.fragment == b.fragment).count();
    match receipt.map(|receipt| &receipt["Fragments"]) {
        Some(told) if *told != fragments => Err(format!(
            "the receipt counts {told} fragments, and there are {fragments}"
        )),
        _ => Ok(()),
    }
}

/// That a receipt says what was done to the sound, and how long all of it plays.
fn is_told(movie: &Movie, account: &Account, ask: &Ask, receipt: Option<&Value>) -> Result<(), String> {
    let Some(receipt) = receipt else {
        return Ok(());
    };
    let join = &receipt["Join"];
    let number = |field: &str| join[field].as_u64().unwrap_or(0) as usize;
    if number("LeadingPicturesLeftOut") + number("HiddenPicturesLeftOut") > 0 {
        return Err("pictures were left out of closed groups, of which nothing is hidden".to_owned());
    }
    // Of what two answers share one is left out, which the archive has only once.
    let shared = if shares_sound(ask) {
        2 * SHARED * number("Seams")
    } else {
        0
    };
    let named = (number("SilentFrames"), number("AudioSamplesLeftOut"));
    let left_out = account.left_out..=account.left_out + shared;
    if named.0 != account.put_in || !left_out.contains(&named.1) {
        return Err(format!(
            "the receipt names {named:?} sounds, but it is {account:?}"
        ));
    }
    let stretched = join["AudioStretchedSeconds"].as_f64().unwrap_or(0.0) * 1000.0;
    // What one `GetClip` gives goes as it comes, with the sound of before a pause that lasts until after it.
    if !join.is_null() && (stretched - account.stretched_ms).abs() > TOLD_MS {
        return Err(format!("the receipt names {stretched} ms, but it is {account:?}"));
    }
    let end = |presented: f64, frames: &[crate::movie::Frame]| {
        presented.min(frames.iter().map(|frame| frame.end).fold(0.0, f64::max))
    };
    let ends = end(movie.shown.end, &movie.pictures).max(end(movie.heard.end, &movie.sounds));
    let told = receipt["DurationSeconds"]
        .as_f64()
        .map(|seconds| seconds * 1000.0);
    // What an answer hides of the sound that it shares counts for the service's own duration.
    let hidden = movie.sounds.first().map_or(0.0, |sound| -sound.start.min(0.0));
    let hidden = if join.is_null() && shares_sound(ask) {
        hidden
    } else {
        0.0
    };
    match told {
        Some(told) if told < ends - TOLD_MS || told > ends + hidden + TOLD_MS => Err(format!(
            "the receipt says that it lasts for {told} ms, and it does for {ends}"
        )),
        _ => Ok(()),
    }
}

/// That a movie lasts as long as its fragments do.
fn lasts(movie: &Movie, fragments: &[Archived], timing: Timing) -> Result<(), String> {
    let lasts: i64 = fragments.iter().map(|fragment| fragment.duration_ms).sum();
    let most = match (timing, fragments) {
        (Timing::Cut, _) => return Ok(()),
        // Fragments that overlap play longer than it is from the first to the last.
        (Timing::AsSent, [first, .., last]) => {
            lasts.max(last.producer_start + last.duration_ms - first.producer_start)
        }
        _ => lasts,
    };
    let played = movie.pictures.iter().map(|picture| picture.end - picture.start);
    let played: f64 = played.sum();
    let rounded = ROUNDED_MS + fragments.len() as f64;
    if played < lasts as f64 - rounded || played > most as f64 + rounded {
        return Err(format!("plays {played} ms of {lasts} ms to {most} ms"));
    }
    Ok(())
}

/// Whether the camera's answers share sound with their neighbours.
fn shares_sound(ask: &Ask) -> bool {
    ask.camera.name == "corridor"
}
