//! Comparing what came with what was planned.
//!
//! Every fragment begins with a sync sample, so the planned fragments have to be found among the
//! sync samples of the clip, as far apart as their producer timestamps are. Over a gap the service
//! either lets the last picture stand until the next fragment or closes the gap up; it is not
//! documented which, and both are recognised.

use std::fmt;
use std::ops::Range;

use super::Planned;

/// How far a sync sample may be from where it is expected, in microseconds: rounding to milliseconds
/// on the way from the producer's clock to the track's, with room for a camera's jitter.
const TOLERANCE_US: i64 = 150_000;

/// Rounding between two clocks that count in milliseconds, in microseconds.
const ROUNDING_US: i64 = 20_000;

/// What a clip's tables say of its pictures. Times are microseconds of decode time from the first
/// picture on.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// Sync samples in order.
    pub sync_samples: &'a [Sync],
    /// Samples.
    pub samples: u32,
    /// When the last picture begins.
    pub last_us: i64,
    /// How long a picture usually stands.
    pub usual_us: i64,
    /// When the last frame of sound begins, if there is sound: a fragment is listed up to its last frame
    /// of either kind.
    pub last_sound_us: Option<i64>,
    /// Whether the clip is so large that the service may have cut it off.
    pub may_be_cut: bool,
}

/// A picture at which decoding can start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sync {
    /// Number of the sample, from 0.
    pub sample: u32,
    /// When it begins.
    pub at_us: i64,
    /// How long the picture before it stands; 0 for the first.
    pub before_us: i64,
}

/// Where a planned fragment begins in a clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FragmentAt {
    /// Its first video sample.
    pub sample: u32,
    /// Whether it follows what came before it with nothing missing between them.
    pub continues: bool,
}

/// What of a window has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// The fragments that are known to have come whole: the first ones of the window.
    pub fragments: Vec<FragmentAt>,
    /// The video sample that ends the last of them (not in it).
    pub end: u32,
}

/// A clip that cannot be what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strange {
    /// It holds more than the fragments that were asked for.
    More {
        /// Milliseconds too many.
        milliseconds: i64,
    },
    /// A fragment does not begin where it has to.
    NotFound {
        /// Which one, counted from the first of the window.
        fragment: usize,
        /// Where it has to begin, in milliseconds from the first picture on.
        expected_ms: i64,
    },
    /// Not one fragment came whole.
    Nothing,
    /// It ends early without being near the limits of `GetClip`, and which fragment is missing cannot be
    /// told from its pictures.
    Short,
    /// It begins with the fragment that ended the clip before it.
    Again,
    /// It is other media than an earlier answer for the same fragments.
    Other,
}

impl fmt::Display for Strange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::More { milliseconds } => {
                write!(
                    f,
                    "it plays {milliseconds} ms more than the fragments that were asked for"
                )
            }
            Self::NotFound {
                fragment,
                expected_ms,
            } => write!(
                f,
                "no picture that its fragment number {} can begin with stands at {expected_ms} ms",
                fragment.saturating_add(1)
            ),
            Self::Nothing => f.write_str("it holds no whole fragment"),
            Self::Short => {
                f.write_str("it ends early, and not for its size: which fragment is missing cannot be told")
            }
            Self::Again => f.write_str(
                "it begins with a fragment that had come before: one of those listed is not in it",
            ),
            Self::Other => f.write_str("it holds other media than an earlier answer for the same fragments"),
        }
    }
}

impl std::error::Error for Strange {}

/// Finds the fragments of a window, of which there is at least one, in a clip.
///
/// # Errors
///
/// If the clip is not the beginning of the window.
pub fn compare(window: &[Planned], seen: &Seen<'_>) -> Result<Arrival, Strange> {
    let Some((first, _)) = window.first().zip(seen.sync_samples.first()) else {
        return Err(Strange::Nothing);
    };
    let mut found = vec![FragmentAt {
        sample: 0,
        continues: first.continues,
    }];
    let (mut at_us, mut fragment) = (0i64, first);
    let mut complete = true;
    for (number, next) in window.iter().enumerate().skip(1) {
        let since = |other: &Planned| micros(next.producer_ms.saturating_sub(other.producer_ms));
        let expected = at_us.saturating_add(since(fragment));
        let listed = at_us.saturating_add(micros(fragment.length_ms));
        let place = place(seen, at_us..listed, [expected, since(first)], next.continues);
        let Some(sync) = place else {
            if seen.last_us > listed.saturating_add(slack(seen)) {
                return Err(Strange::NotFound {
                    fragment: number,
                    expected_ms: expected / 1000,
                });
            }
            complete = false;
            break;
        };
        found.push(FragmentAt {
            sample: sync.sample,
            continues: next.continues,
        });
        (at_us, fragment) = (sync.at_us, next);
    }
    let last_expected = at_us.saturating_add(micros(fragment.length_ms));
    let beyond = seen.last_us.saturating_sub(last_expected);
    if complete && fragment.length_ms > 0 && beyond > slack(seen) {
        return Err(Strange::More {
            milliseconds: beyond / 1000,
        });
    }
    let mut end = seen.samples;
    let last_us = seen.last_us.max(seen.last_sound_us.unwrap_or(i64::MIN));
    let is_short = last_us.saturating_add(ROUNDING_US) < last_expected;
    if !complete || seen.may_be_cut || is_short {
        // Where an answer was cut, it may be a picture or two before the end of a fragment, which the
        // listed length, rounded and up to the last sound, cannot show. That fragment is asked for again.
        end = found.pop().map_or(0, |partial| partial.sample);
    }
    if found.is_empty() {
        return Err(Strange::Nothing);
    }
    Ok(Arrival {
        fragments: found,
        end,
    })
}

/// What the last picture of a fragment may be later than its listed length says.
fn slack(seen: &Seen<'_>) -> i64 {
    seen.usual_us.saturating_mul(2).max(TOLERANCE_US)
}

/// The sync sample nearest to `expected`, if it is near.
fn nearest(seen: &Seen<'_>, expected: i64) -> Option<Sync> {
    let after = seen.sync_samples.partition_point(|sync| sync.at_us < expected);
    let around = [after.checked_sub(1), Some(after)];
    let candidates = around
        .into_iter()
        .flatten()
        .filter_map(|i| seen.sync_samples.get(i));
    candidates
        .copied()
        .min_by_key(|sync| sync.at_us.abs_diff(expected))
        .filter(|sync| sync.sample > 0 && sync.at_us.abs_diff(expected) <= TOLERANCE_US.unsigned_abs())
}

/// Where the fragment begins that comes after the one that is listed `before` it: at one of the times at which it is
/// `expected`, if the picture before it stands until then, or else where the pictures before it end.
///
/// Pictures that overlap, and those of a gap that was closed up, stand behind those before them; at the time at which
/// they are expected there may be any key frame of either.
fn place(seen: &Seen<'_>, before: Range<i64>, expected: [i64; 2], continues: bool) -> Option<Sync> {
    let Range { start, end: listed } = before;
    let closed = listed.saturating_add(seen.usual_us);
    // Where all pictures before it may be over.
    let is_behind = |sync: &Sync| sync.at_us > start && sync.at_us.saturating_add(TOLERANCE_US) >= listed;
    let near = |time: i64| nearest(seen, time).filter(is_behind);
    let stretched = |expected: i64| {
        let missing = expected.saturating_sub(listed);
        near(expected).filter(|sync| sync.before_us.saturating_mul(2) > missing)
    };
    // Where it is listed up to a frame of sound, the pictures end before that.
    let early = || {
        let next = seen.sync_samples.iter().find(|sync| is_behind(sync));
        next.copied().filter(|sync| sync.at_us < closed)
    };
    // Where nothing is missing, the list may say less of a length than the pictures do.
    let late = || near(expected[0]).filter(|_| continues);
    expected
        .into_iter()
        .find_map(stretched)
        .or_else(|| near(closed))
        .or_else(early)
        .or_else(late)
}

fn micros(milliseconds: i64) -> i64 {
    milliseconds.saturating_mul(1000)
}

#[cfg(test)]
mod tests;
