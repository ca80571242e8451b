//! Whether all pictures are there, in their order and at their time.

use clip_export_local::kvs::{Archived, Selector};

use super::Timing;
use crate::case::Ask;
use crate::movie::{Frame, Movie, is_picture};

/// What milliseconds, in which Kinesis Video Streams counts, may be off by.
const ROUNDED_MS: f64 = 2.0;

/// A picture as it has to be.
pub(super) struct Picture<'a> {
    source: &'a [u8],
    pub(super) fragment: usize,
    /// When it is shown, in milliseconds since its fragment begins.
    start: f64,
    end: f64,
}

/// Where the fragments are in a movie.
pub(super) struct Placed {
    /// The picture of the fragments with which the movie begins.
    from: usize,
    /// When each begins, in milliseconds since the movie does.
    pub(super) fragments: Vec<f64>,
    /// When the fragment begins that the movie begins with, if nothing that comes before it is in the movie.
    pub(super) starts_with: Option<f64>,
}

/// All pictures of fragments, in the order in which they are decoded.
pub(super) fn pictures<'a>(
    fragments: &[Archived],
    sources: &[&'a Movie],
    loops_ms: &[f64],
) -> Vec<Picture<'a>> {
    let mut pictures = Vec::new();
    for (number, ((fragment, source), loop_ms)) in fragments.iter().zip(sources).zip(loops_ms).enumerate() {
        let first = fragment.pictures.first();
        let first = first.map_or(0.0, |picture| source.pictures[*picture].start);
        pictures.extend(fragment.pictures.iter().map(|picture| {
            let frame = &source.pictures[*picture];
            // Decoding begins with a key frame, which is the first to be shown, and the loop may begin anew.
            let start = (frame.start - first).rem_euclid(*loop_ms);
            Picture {
                source: source.bytes(frame),
                fragment: number,
                start,
                end: start + frame.end - frame.start,
            }
        }));
    }
    pictures
}

/// The pictures of the fragments with which a movie may begin that has all of them or, `cut`, some of them.
pub(super) fn beginnings(movie: &Movie, wanted: &[Picture<'_>], cut: bool) -> Result<Vec<usize>, String> {
    let is = |frame: &Frame, wanted: &Picture<'_>| is_picture(movie.bytes(frame), wanted.source);
    let count = movie.pictures.len();
    if !cut {
        if count != wanted.len() {
            return Err(format!("{count} pictures of {}", wanted.len()));
        }
        let other = movie.pictures.iter().zip(wanted).position(|(a, b)| !is(a, b));
        return other.map_or(Ok(vec![0]), |number| {
            Err(format!("picture {number} is another one"))
        });
    }
    let runs = 0..(wanted.len() + 1).saturating_sub(count);
    let begins = |from: &usize| movie.pictures.iter().zip(&wanted[*from..]).all(|(a, b)| is(a, b));
    let found: Vec<usize> = runs.filter(|from| count > 0 && begins(from)).collect();
    match found[..] {
        [] => Err("the pictures are no run of the fragments'".to_owned()),
        _ => Ok(found),
    }
}

/// Where the fragments are in a movie that begins with picture `from` of theirs; that each picture is shown when it
/// was, and each fragment when the one before it ends.
pub(super) fn place(
    movie: &Movie,
    fragments: &[Archived],
    wanted: &[Picture<'_>],
    from: usize,
    timing: Timing,
) -> Result<Placed, String> {
    let mut begins: Vec<Option<f64>> = vec![None; fragments.len()];
    for (number, (frame, picture)) in movie.pictures.iter().zip(&wanted[from..]).enumerate() {
        let at = frame.start - picture.start;
        let begin = *begins[picture.fragment].get_or_insert(at);
        if (at - begin).abs() > ROUNDED_MS {
            return Err(format!("picture {number} is shown {} ms late", at - begin));
        }
    }
    let lasts = |fragment: usize| fragments[fragment].duration_ms as f64;
    // As long as it is from one to the next, where that may be kept.
    let most = |fragment: usize| match timing {
        Timing::AsSent => {
            let next = fragments[fragment + 1].producer_start;
            lasts(fragment).max((next - fragments[fragment].producer_start) as f64)
        }
        Timing::Closed | Timing::Cut => lasts(fragment),
    };
    let (mut early, mut late) = (0.0, 0.0);
    for (fragment, pair) in begins.windows(2).enumerate() {
        let [Some(begin), Some(next)] = pair else { continue };
        early += next - begin - lasts(fragment);
        late += next - begin - most(fragment);
        let [this, after] = &fragments[fragment..fragment + 2] else {
            continue;
        };
        let is_seam = this.producer_start + this.duration_ms != after.producer_start;
        let rounded = if is_seam { 1.0 } else { 0.0 };
        (early, late) = (early + rounded, late - rounded);
        if early < -ROUNDED_MS || late > ROUNDED_MS {
            return Err(format!(
                "fragment {} begins {} ms after the one before it, which lasts for {} ms",
                fragment + 1,
                next - begin,
                lasts(fragment)
            ));
        }
    }
    let first = begins
        .iter()
        .position(Option::is_some)
        .ok_or("no fragment is shown")?;
    for fragment in (0..first).rev() {
        begins[fragment] = begins[fragment + 1].map(|next| next - lasts(fragment));
    }
    for fragment in first + 1..fragments.len() {
        let follows = begins[fragment - 1].map(|before| before + lasts(fragment - 1));
        begins[fragment] = begins[fragment].or(follows);
    }
    let starts_with = begins[first].filter(|_| wanted[from].start == 0.0);
    Ok(Placed {
        from,
        fragments: begins.into_iter().flatten().collect(),
        starts_with,
    })
}

/// That what has to be presented is, and of a movie that is cut nothing else.
pub(super) fn presented(
    movie: &Movie,
    fragments: &[Archived],
    wanted: &[Picture<'_>],
    placed: &Placed,
    ask: &Ask,
    cut: bool,
) -> Result<(), String> {
    let last = movie
        .pictures
        .iter()
        .map(|picture| picture.end)
        .fold(0.0, f64::max);
    if movie.shown.end.is_finite() && movie.shown.end > last + ROUNDED_MS {
        return Err(format!(
            "{:?} is presented, but pictures end at {last}",
            movie.shown
        ));
    }
    for (number, picture) in wanted.iter().enumerate() {
        let frame = number.checked_sub(placed.from);
        let frame = frame.and_then(|place| movie.pictures.get(place));
        let is_shown = frame
            .is_some_and(|frame| frame.end > movie.shown.start + 1.0 && frame.start < movie.shown.end - 1.0);
        let (must, may) = if cut {
            due(picture, fragments, ask)
        } else {
            (true, true)
        };
        if (must && !is_shown) || (is_shown && !may) {
            return Err(format!(
                "picture {number}, {} ms into fragment {}, is shown: {is_shown}; the movie begins with picture {} of them and presents {:?}",
                picture.start, picture.fragment, placed.from, movie.shown
            ));
        }
    }
    Ok(())
}

/// Whether a picture has to be presented, and whether it may be, where a range is cut to its moments: in what plays one
/// after the other, the first fragment that lasts to the end of the range is the last one.
fn due(picture: &Picture<'_>, fragments: &[Archived], ask: &Ask) -> (bool, bool) {
    let (start, end) = (ask.start as f64, ask.end as f64);
    let late = late_ms(fragments, ask);
    let begin = |fragment: &Archived| (fragment.producer_start + late) as f64;
    let this = begin(&fragments[picture.fragment]);
    let (from, to) = (this + picture.start, this + picture.end);
    let until = fragments[..picture.fragment]
        .iter()
        .map(|before| begin(before) + before.duration_ms as f64);
    let until = until.fold(f64::NEG_INFINITY, f64::max);
    // A millisecond, which is all that Kinesis Video Streams counts in, may be rounded to either side.
    (
        to > start + ROUNDED_MS && from < end - ROUNDED_MS && until < end - ROUNDED_MS,
        to > start - ROUNDED_MS && from < end + ROUNDED_MS && until < end + ROUNDED_MS,
    )
}

/// How much later than the producer's the clock of the selector is. What came in a burst came later than its pictures
/// were taken, each by as much as chance would have it: the middle one says what the clocks differ by.
fn late_ms(fragments: &[Archived], ask: &Ask) -> i64 {
    if ask.selector == Selector::ProducerTimestamp {
        return 0;
    }
    let late = fragments
        .iter()
        .map(|fragment| fragment.server_start - fragment.producer_start);
    let mut late: Vec<i64> = late.collect();
    late.sort_unstable();
    late[late.len() / 2]
}
