//! Whether all sound is heard with its pictures. What may be missing and what may have been put in follows from
//! where it stands, and not from what is said of it: a sound is missing only where another one of the footage
//! is heard in its place, and silence stands only where the footage has none.

use std::ops::Range;

use clip_export_local::kvs::Archived;

use super::Timing;
use super::pictures::Placed;
use crate::movie::{Frame, Movie};

/// Frames of sound that an answer may hold at either end beside those of its pictures, where its camera does so.
pub(super) const SHARED: usize = 4;

/// What milliseconds, in which Kinesis Video Streams counts, may be off by when they are added up.
const ROUNDED_MS: f64 = 3.0;

/// The silent frame of AAC-LC in mono, and that of A-law (ITU-T G.711, table 1a: the least magnitude).
const SILENCE: [&[u8]; 2] = [&[0, 0, 0, 7], &[0xd5]];

/// Milliseconds of a byte of G.711.
const ALAW_BYTE_MS: f64 = 0.125;

/// What was done to the sound.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// Units of silence that are in the movie and not in the footage.
    pub(super) put_in: usize,
    /// Units of the footage that had no room.
    pub(super) left_out: usize,
    /// For how long the last sound before a pause lasts longer.
    pub(super) stretched_ms: f64,
}

/// Sound of the footage that is heard without a pause, and where it has to be in the movie.
struct Run<'a> {
    units: Vec<&'a [u8]>,
    /// From which unit on, and when that is, once for each fragment.
    anchors: Vec<(usize, f64)>,
    unit_ms: f64,
    /// Units that may be missing.
    spare: Vec<bool>,
}

impl Run<'_> {
    fn at(&self, unit: usize) -> f64 {
        let anchor = self.anchors.partition_point(|(first, _)| *first <= unit) - 1;
        let (first, at) = self.anchors[anchor];
        at + (unit - first) as f64 * self.unit_ms
    }

    fn end(&self) -> f64 {
        self.at(self.units.len() - 1) + self.unit_ms
    }
}

/// The sound of a movie.
struct Track<'a> {
    units: Vec<&'a [u8]>,
    at: Vec<f64>,
    unit_ms: f64,
}

impl<'a> Track<'a> {
    fn of(movie: &'a Movie, unit_ms: f64) -> Self {
        let units = movie.units(movie.sounds.iter());
        let mut at = Vec::with_capacity(units.len());
        for sound in &movie.sounds {
            let count = if movie.is_alaw { sound.place.len() } else { 1 };
            at.extend((0..count).map(|unit| sound.start + unit as f64 * unit_ms));
        }
        Self { units, at, unit_ms }
    }
}

/// A run, or what is left of it, where it is in the movie.
struct Found {
    /// Units of the run.
    of_run: Range<usize>,
    /// The first unit of the movie.
    first: usize,
}

/// Compares the sound of a movie with that of its fragments, whose pictures stand where `placed` says. Of what
/// is cut, what is not presented may be missing. `shared`: the answers hold some sound more at their ends.
pub(super) fn account(
    movie: &Movie,
    fragments: &[Archived],
    sources: &[&Movie],
    placed: &Placed,
    timing: Timing,
    shared: bool,
) -> Result<Account, String> {
    let cut = timing == Timing::Cut;
    let runs = runs(fragments, sources, &placed.fragments, shared);
    let unit_ms = match sources {
        _ if movie.is_alaw => ALAW_BYTE_MS,
        [source, ..] => source.sounds.first().map_or(0.0, |sound| sound.end - sound.start),
        [] => 0.0,
    };
    let track = Track::of(movie, unit_ms);
    let mut account = Account {
        stretched_ms: stretched(&track, timing)?,
        ..Account::default()
    };
    let mut at = 0;
    let mut found = Vec::new();
    for run in &runs {
        let place = find(run, &track, at);
        if let Some(place) = &place {
            account.put_in += silent(&track, at..place.first)?;
            if at == 0 && place.first > 0 {
                return Err("silence was put in before any sound".to_owned());
            }
            at = place.first + place.of_run.len();
            in_time(run, &track, place)?;
            is_heard(run, &track, place, movie, cut)?;
        }
        found.push(place);
    }
    account.put_in += silent(&track, at..track.units.len())?;
    // A cut takes the sound that has begun; elsewhere it is what is nearest.
    let over = if cut { unit_ms } else { unit_ms / 2.0 };
    if let Some(last) = track.at.last().filter(|_| at < track.units.len())
        && last + unit_ms > movie.shown.end + over + ROUNDED_MS
    {
        return Err("silence was put in behind the last picture".to_owned());
    }
    let last = movie
        .pictures
        .iter()
        .map(|picture| picture.end)
        .fold(0.0, f64::max);
    let mut shown = movie.shown.start..movie.shown.end.min(last);
    if let Some(begin) = placed.starts_with {
        // The sound that a fragment begins with is the first that begins in it; what reaches into it is that of the one before.
        shown.start = shown.start.max(begin + unit_ms - 2.0 * ROUNDED_MS);
    }
    account.left_out = left_out(&runs, &found, &track, cut.then_some(&shown))?;
    Ok(account)
}

/// The sound of fragments that begin in the movie at `begins`, cut where it has a pause or the camera went on
/// elsewhere.
fn runs<'a>(fragments: &[Archived], sources: &[&'a Movie], begins: &[f64], shared: bool) -> Vec<Run<'a>> {
    let mut runs: Vec<Run<'a>> = Vec::new();
    let mut last = None;
    for ((fragment, source), begin) in fragments.iter().zip(sources).zip(begins) {
        let Some(picture) = fragment.pictures.first() else {
            continue;
        };
        // Decoding begins with the fragment.
        let lead = source.pictures[0].start;
        let first = source.pictures[*picture].start - lead;
        for (number, sound) in fragment.sounds.iter().enumerate() {
            let frame = &source.sounds[*sound];
            let at = begin + since(frame, first, source);
            let follows = last.is_some_and(|last: usize| (last + 1) % source.sounds.len() == *sound);
            match runs.last_mut() {
                Some(run) if follows && (run.end() - at).abs() < ROUNDED_MS => {
                    if number == 0 {
                        run.anchors.push((run.units.len(), at));
                    }
                    run.units.extend(source.units(std::iter::once(frame)));
                }
                _ => {
                    let units = source.units(std::iter::once(frame));
                    let unit_ms = (frame.end - frame.start) / units.len() as f64;
                    runs.push(Run {
                        units,
                        anchors: vec![(0, at)],
                        unit_ms,
                        spare: Vec::new(),
                    });
                }
            }
            last = Some(*sound);
        }
    }
    for run in &mut runs {
        run.spare = vec![false; run.units.len()];
    }
    if shared && let (Some(first), Some(last)) = (fragments.first(), fragments.last()) {
        share(&mut runs, [first, last], [sources[0], sources[sources.len() - 1]]);
    }
    runs
}

/// Adds what answers share with their neighbours.
fn share<'a>(runs: &mut [Run<'a>], [first, last]: [&Archived; 2], [before, after]: [&'a Movie; 2]) {
    if let (Some(run), Some(sound)) = (runs.first_mut(), first.sounds.first()) {
        let all = before.sounds.len();
        let lead = (1..=SHARED)
            .rev()
            .map(|back| &before.sounds[(sound + all - back) % all]);
        run.units.splice(0..0, before.units(lead));
        run.spare.splice(0..0, [true; SHARED]);
        for (unit, _) in &mut run.anchors {
            *unit += SHARED;
        }
        let at = run.anchors[0].1 - SHARED as f64 * run.unit_ms;
        run.anchors.insert(0, (0, at));
    }
    if let (Some(run), Some(sound)) = (runs.last_mut(), last.sounds.last()) {
        let all = after.sounds.len();
        let trail = (1..=SHARED).map(|on| &after.sounds[(sound + on) % all]);
        run.units.extend(after.units(trail));
        run.spare.extend([true; SHARED]);
    }
}

/// How long after `first` a sound of the loop begins.
fn since(sound: &Frame, first: f64, source: &Movie) -> f64 {
    let loop_ms = source.sounds.last().map_or(1.0, |last| last.end);
    let since = (sound.start - first).rem_euclid(loop_ms);
    // What is less than nothing by a rounding error is not a round of the loop.
    if since > loop_ms - 1.0 {
        since - loop_ms
    } else {
        since
    }
}

/// For how long sounds last longer than they are. None may begin before the one before it ends, but that `GetClip`
/// lets the last one of a fragment reach into what follows.
fn stretched(track: &Track<'_>, timing: Timing) -> Result<f64, String> {
    let mut stretched = 0.0;
    let shorter = if timing == Timing::AsSent {
        track.unit_ms
    } else {
        ROUNDED_MS / 2.0
    };
    for (number, pair) in track.at.windows(2).enumerate() {
        let pause = pair[1] - pair[0] - track.unit_ms;
        if pause < -shorter {
            return Err(format!("sound {number} is heard for {pause} ms less than it is"));
        }
        if pause > ROUNDED_MS / 2.0 {
            stretched += pause;
        }
    }
    Ok(stretched)
}

/// The place, from unit `from` of the movie on, at which most of a run stands where it belongs.
fn find(run: &Run<'_>, track: &Track<'_>, from: usize) -> Option<Found> {
    let tolerance = run.unit_ms / 2.0 + ROUNDED_MS;
    let near = |a: f64, b: f64| (a - b).abs() <= tolerance;
    let start = run.at(0);
    let first = from + track.at[from..].partition_point(|at| *at < start - tolerance);
    let whole = (first..track.units.len())
        .take_while(|unit| near(track.at[*unit], start))
        .map(|unit| (0, unit));
    // Without its beginning, for which there is no room any more.
    let next = track.at.get(from).copied().unwrap_or(f64::INFINITY);
    let begun = (1..run.units.len())
        .skip_while(|unit| run.at(*unit) < next - tolerance)
        .take_while(|unit| near(run.at(*unit), next))
        .map(|unit| (unit, from));
    let alike = |(unit, first): &(usize, usize)| {
        let pairs = run.units[*unit..].iter().zip(&track.units[*first..]);
        pairs.take_while(|(a, b)| a == b).count()
    };
    let off = |(unit, first): &(usize, usize)| (run.at(*unit) - track.at[*first]).abs();
    let best = whole
        .chain(begun)
        .map(|place| (alike(&place), off(&place), place));
    let best = best.max_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)));
    best.filter(|(count, ..)| *count > 0)
        .map(|(count, _, (unit, first))| Found {
            of_run: unit..unit + count,
            first,
        })
}

/// That these units of the movie are silence, and how many they are.
fn silent(track: &Track<'_>, units: Range<usize>) -> Result<usize, String> {
    let other = units.clone().find(|unit| !SILENCE.contains(&track.units[*unit]));
    match other {
        None => Ok(units.len()),
        Some(unit) => Err(format!(
            "sound {unit} of {}, at {:.0} ms, belongs nowhere",
            track.units.len(),
            track.at[unit]
        )),
    }
}

/// That a run is heard with its pictures all the way.
fn in_time(run: &Run<'_>, track: &Track<'_>, found: &Found) -> Result<(), String> {
    let anchors = run.anchors.iter().map(|(unit, _)| *unit);
    let ends = [found.of_run.start, found.of_run.end - 1];
    for unit in anchors.chain(ends).filter(|unit| found.of_run.contains(unit)) {
        let heard = track.at[found.first + unit - found.of_run.start];
        let late = heard - run.at(unit);
        if late.abs() > run.unit_ms / 2.0 + ROUNDED_MS {
            return Err(format!(
                "sound at {heard:.0} ms is {late:.0} ms later than its picture"
            ));
        }
    }
    Ok(())
}

/// That no edit list hides a run; `cut`: but where it hides the pictures too.
fn is_heard(run: &Run<'_>, track: &Track<'_>, found: &Found, movie: &Movie, cut: bool) -> Result<(), String> {
    let heard = &movie.heard;
    let is_hidden = |unit: &usize| {
        let at = track.at[found.first + unit - found.of_run.start];
        let end = at + run.unit_ms;
        let is_silent = at < heard.start - ROUNDED_MS || end > heard.end + ROUNDED_MS;
        let is_shown = end > movie.shown.start + ROUNDED_MS && at < movie.shown.end - ROUNDED_MS;
        // The last frame may reach past the last picture, and its edit only up to there.
        is_silent
            && !run.spare[*unit]
            && (!cut || is_shown && end.min(movie.shown.end) > heard.end + ROUNDED_MS)
    };
    let hidden = found.of_run.clone().find(is_hidden);
    match hidden {
        None => Ok(()),
        Some(unit) => Err(format!(
            "the sound at {:.0} ms is hidden: heard is {heard:?} and shown {:?}",
            run.at(unit),
            movie.shown
        )),
    }
}

/// How many units have been left out for want of room; none for another reason. `shown`: what may be heard, where
/// the rest may be missing.
fn left_out(
    runs: &[Run<'_>],
    found: &[Option<Found>],
    track: &Track<'_>,
    shown: Option<&Range<f64>>,
) -> Result<usize, String> {
    let there = |places: &[Option<Found>]| places.iter().any(Option::is_some);
    let mut left_out = 0;
    for (number, (run, place)) in runs.iter().zip(found).enumerate() {
        let all = run.units.len();
        let (before, after) = match place {
            Some(place) => (0..place.of_run.start, place.of_run.end..all),
            None => (0..0, 0..all),
        };
        let begun = there(&found[..number]);
        let goes_on = there(&found[number + 1..]);
        for (lost, between) in [(before, begun), (after, goes_on && (begun || place.is_some()))] {
            let lost: Vec<usize> = lost.filter(|unit| !run.spare[*unit]).collect();
            if between {
                left_out += lost.len();
            }
            let presented = |unit: &&usize| {
                shown.is_none_or(|shown| {
                    run.at(**unit) + run.unit_ms > shown.start + ROUNDED_MS
                        && run.at(**unit) < shown.end - ROUNDED_MS
                })
            };
            let presented: Vec<&usize> = lost.iter().filter(presented).collect();
            let (Some(first), Some(last)) = (presented.first(), presented.last()) else {
                continue;
            };
            let room = run.at(**first)..run.at(**last) + run.unit_ms;
            let empty = room.end - room.start - taken(found, track, &room);
            if !between || empty > ROUNDED_MS.min(run.unit_ms) {
                return Err(format!(
                    "{} sounds of {all} are missing from {:.0} to {:.0} ms, where {empty:.0} ms are free",
                    presented.len(),
                    room.start,
                    room.end
                ));
            }
        }
    }
    Ok(left_out)
}

/// How much of a time is taken by sound of the footage.
fn taken(found: &[Option<Found>], track: &Track<'_>, time: &Range<f64>) -> f64 {
    let spans = found.iter().flatten().map(|found| {
        let (first, last) = (found.first, found.first + found.of_run.len() - 1);
        let from = track.at[first].max(time.start);
        let to = (track.at[last] + track.unit_ms).min(time.end);
        (to - from).max(0.0)
    });
    spans.sum()
}
