//! What is exported: cameras, and how much of them.

use std::time::{SystemTime, UNIX_EPOCH};

use super::Outcome;

/// `motorway` of the local stack, with `moov` after the media.
pub(crate) const MOOV_LAST: &str = "motorway-moov-last";

/// Video bit rate of `motorway`.
pub(crate) const MOTORWAY_BITS_PER_SECOND: u64 = 4_410_000;

/// A camera whose clips of 200 fragments are nearly as large as `GetClip` makes them. Three hours of it are
/// 2 GB, which the memory of most machines has room for twice, while S3 makes an object of its parts.
pub(crate) const BOULEVARD: &str = "boulevard";

/// Video bit rate of [`BOULEVARD`].
pub(crate) const BOULEVARD_BITS_PER_SECOND: u64 = 1_500_000;

/// Length of the fragments of every camera here.
const FRAGMENT_SECONDS: u64 = 2;

/// What scripts that do not list fragments ask for at once: a round figure, of which 4.5 Mbit/s stay under the 100 MB
/// at which `GetClip` stops in silence.
const PIECE_SECONDS: u64 = 120;

/// A clip to export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clip {
    pub(crate) stream: &'static str,
    pub(crate) seconds: u64,
}

impl Clip {
    /// 10 MB.
    pub(crate) const SMALL: Self = Self::moov_first(18);

    /// Nearly the largest clip that is asked for with one `GetClip`: 93 MB, 95 at most.
    pub(crate) const LARGE: Self = Self::moov_first(168);

    /// Small, middling and large, with `moov` first and last. Even the small ones have room for the 5 MiB that are
    /// held back for part 1 where `moov` is last, and for two parts more.
    pub(crate) const ALL: [Self; 6] = [
        Self::moov_first(30),
        Self::moov_first(90),
        Self::LARGE,
        Self::moov_last(30),
        Self::moov_last(90),
        Self::moov_last(168),
    ];

    /// 340 MB, four `GetClip`s.
    pub(crate) const TEN_MINUTES: Self = Self {
        stream: "highway",
        seconds: 10 * 60,
    };

    /// 2 GB, 22 `GetClip`s.
    pub(crate) const HOUR: Self = Self {
        stream: "highway",
        seconds: 60 * 60,
    };

    /// 27 `GetClip`s of 200 fragments, small ones and large ones.
    pub(crate) const THREE_HOURS: [Self; 2] = [
        Self {
            stream: "front-door",
            seconds: 3 * 60 * 60,
        },
        Self {
            stream: BOULEVARD,
            seconds: 3 * 60 * 60,
        },
    ];

    const fn moov_first(seconds: u64) -> Self {
        Self {
            stream: "motorway",
            seconds,
        }
    }

    const fn moov_last(seconds: u64) -> Self {
        Self {
            stream: MOOV_LAST,
            seconds,
        }
    }

    /// Whether one `GetClip` gives all of it.
    pub(crate) fn is_one_call(self) -> bool {
        self.seconds <= Self::LARGE.seconds
    }

    /// Start and end in seconds since 1970. They begin with a whole hour, and are over for an hour, so that the
    /// cameras have all of them.
    pub(crate) fn range(self) -> Outcome<(u64, u64)> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let start = (now / 3600 - 1 - self.seconds.div_ceil(3600)) * 3600;
        Ok((start, start + self.seconds))
    }

    /// As [`range`](Self::range), but with the start of the last fragment for an end: both ends of a request
    /// belong to it, and a fragment starts with the second that ends the range.
    pub(crate) fn fragment_starts(self) -> Outcome<(u64, u64)> {
        let (start, end) = self.range()?;
        Ok((start, end - FRAGMENT_SECONDS))
    }

    /// The clip in pieces of which one `GetClip` gives each, as starts of their first and last fragments.
    pub(crate) fn pieces(self) -> Outcome<Vec<(u64, u64)>> {
        if self.is_one_call() {
            return Ok(vec![self.fragment_starts()?]);
        }
        let (start, end) = self.range()?;
        let starts = (start..end).step_by(PIECE_SECONDS as usize);
        let piece = |start: u64| (start, (start + PIECE_SECONDS).min(end) - FRAGMENT_SECONDS);
        Ok(starts.map(piece).collect())
    }
}
