//! What a range is, which fragments are in it, and which calls of `GetClip` fetch them whole.
//!
//! `GetClip` says nothing when it stops at 100 MB or 200 fragments, and leaves out the fragment that
//! is running at the start. So the fragments are listed first, and this module makes a [`Plan`] of
//! the list: what belongs to the clip, what was sent twice, where footage is missing, and which
//! windows of fragment starts a single call can serve whole. What then comes back is compared with
//! it ([`compare`]). Where there is no list, [`doubts`] says what an answer alone gives away. Of a range that
//! has only just ended, [`Edge`] tells whether all of it is there.
//!
//! Pure: it knows no SDK, no runtime and no clock. Times are milliseconds since 1970, by the clock
//! that the request selects unless a name says which.

mod arrival;
mod counting;
mod doubt;
mod edge;
mod fragment;
mod gap;
mod planned;
mod resent;
mod shown;
mod window;

pub use arrival::{Arrival, FragmentAt, Seen, Strange, Sync, compare};
pub use doubt::{Answer, Doubt, doubts};
pub use edge::{CLOCKS_APART_MS, Edge, INDEX_MS, middle_skew, settled_ms};
pub use fragment::Fragment;
pub use gap::{Gap, Where};
pub use planned::{Plan, Planned};

use std::fmt;

use jiff::{SignedDuration, Timestamp};

/// Longest range that one `GetClip` accepts: the end lies within 24 hours of the start.
///
/// Source: Kinesis Video Streams API reference, `ClipTimestampRange`.
pub const MAX_RANGE: SignedDuration = SignedDuration::from_hours(24);

/// Bytes after which `GetClip` stops without an error: "100 MB".
///
/// The documentation does not say whether a megabyte is 10^6 or 2^20 bytes; the smaller reading is
/// the one that never misses a cut. Source: Kinesis Video Streams developer guide, quotas.
pub const MAX_CLIP_BYTES: u64 = 100_000_000;

/// Fragments after which `GetClip` stops without an error. Source: as [`MAX_CLIP_BYTES`].
pub const MAX_CLIP_FRAGMENTS: u64 = 200;

/// Longest fragment that a producer may send, in seconds. Source: developer guide, `PutMedia` quotas.
pub const MAX_FRAGMENT_SECONDS: i64 = 20;

/// Longest time between the end of a fragment and its showing up in the archive.
///
/// A fragment is archived when the next one starts (up to [`MAX_FRAGMENT_SECONDS`] later), or when the
/// service gives up a connection that broke; uploading and indexing it takes some seconds more. A range that
/// ends nearer to now than this may be missing its tail ([`Edge`]).
pub const SETTLE: SignedDuration = SignedDuration::from_secs(MAX_FRAGMENT_SECONDS + 20);

/// Distance of the two clocks that is worth a warning, in milliseconds: uploads take a second or two, and a
/// clip by the camera's clock shows another time than is asked for by as much.
pub const MUCH_SKEW_MS: i64 = 10_000;

/// Bytes of listed fragments that a window takes at most.
///
/// The list gives the size of the Matroska fragment. What an MP4 adds instead, some twenty bytes of
/// sample tables for each frame, is at worst (G.711 in packets of 20 ms beside pictures of a few
/// hundred bytes) a little more than what Matroska adds; five per cent is ample, and a clip that is
/// cut short all the same is noticed and continued.
pub const WINDOW_BYTES: u64 = MAX_CLIP_BYTES / 100 * 95;

/// Fragments that a producer may send in a second at most. Source: developer guide, `PutMedia` quotas.
pub const MAX_FRAGMENTS_PER_SECOND: i64 = 5;

/// Which of a fragment's two timestamps a range is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FragmentSelectorType {
    /// The time that the producer wrote into the fragment.
    ProducerTimestamp,
    /// The time at which the service began to receive the fragment.
    ServerTimestamp,
}

impl FragmentSelectorType {
    /// All values, in the order in which messages list them.
    pub const ALL: [Self; 2] = [Self::ProducerTimestamp, Self::ServerTimestamp];

    /// The value as the AWS API spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ProducerTimestamp => "PRODUCER_TIMESTAMP",
            Self::ServerTimestamp => "SERVER_TIMESTAMP",
        }
    }
}

impl fmt::Display for FragmentSelectorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which fragments at the edges of the range belong to the clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Boundary {
    /// Every fragment that starts in the range, and the one that is running at its start.
    Cover,
    /// The rule of `GetClip`: every fragment that *starts* in the range.
    Fragment,
    /// As [`Cover`](Self::Cover), played from the start of the range to its end, to the frame.
    Exact,
}

impl Boundary {
    /// All values, the default first.
    pub const ALL: [Self; 3] = [Self::Cover, Self::Fragment, Self::Exact];

    /// The value as requests spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cover => "COVER",
            Self::Fragment => "FRAGMENT",
            Self::Exact => "EXACT",
        }
    }

    /// The range of fragment starts to list: for the fragment that is running at the start, from as far
    /// before it as a fragment can last.
    #[must_use]
    pub fn listed(self, range: &TimeRange) -> TimeRange {
        let before = match self {
            Self::Fragment => 0,
            Self::Cover | Self::Exact => MAX_FRAGMENT_SECONDS + 1,
        };
        let earlier = range.start.checked_sub(SignedDuration::from_secs(before));
        TimeRange {
            start: earlier.unwrap_or(range.start),
            end: range.end,
        }
    }

    /// The range of fragment starts of which playback shows anything: where it is cut, not of what starts at the end.
    #[must_use]
    pub fn started(self, range: &TimeRange) -> TimeRange {
        let (start, end) = range.milliseconds();
        match self {
            Self::Cover | Self::Fragment => *range,
            Self::Exact => TimeRange::from_milliseconds(start, end.saturating_sub(1)).unwrap_or(*range),
        }
    }
}

/// A span of wall-clock time in whole milliseconds; both ends belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    start: Timestamp,
    end: Timestamp,
}

impl TimeRange {
    /// Makes a range. `None` unless `start` is before `end`.
    #[must_use]
    pub fn new(start: Timestamp, end: Timestamp) -> Option<Self> {
        (start < end).then_some(Self { start, end })
    }

    /// As [`new`](Self::new), of milliseconds since 1970. `None` too outside the years -9999 to 9999.
    #[must_use]
    pub fn from_milliseconds(start: i64, end: i64) -> Option<Self> {
        let at = |milliseconds| Timestamp::from_millisecond(milliseconds).ok();
        Self::new(at(start)?, at(end)?)
    }

    /// First instant of the range.
    #[must_use]
    pub fn start(&self) -> Timestamp {
        self.start
    }

    /// Last instant of the range.
    #[must_use]
    pub fn end(&self) -> Timestamp {
        self.end
    }

    /// Milliseconds since 1970 of both ends.
    #[must_use]
    pub fn milliseconds(&self) -> (i64, i64) {
        (self.start.as_millisecond(), self.end.as_millisecond())
    }

    /// Most fragments that can start in the range.
    #[must_use]
    pub fn most_fragments(&self) -> u32 {
        let seconds = self.duration().as_secs().saturating_add(1);
        u32::try_from(seconds.saturating_mul(MAX_FRAGMENTS_PER_SECOND)).unwrap_or(u32::MAX)
    }

    /// Time between the two ends.
    #[must_use]
    pub fn duration(&self) -> SignedDuration {
        self.end.duration_since(self.start)
    }
}

impl fmt::Display for TimeRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", rfc3339(self.start), rfc3339(self.end))
    }
}

/// RFC 3339 in UTC with exactly three digits of fraction: the one form in which times leave here.
#[must_use]
pub fn rfc3339(timestamp: Timestamp) -> String {
    format!("{timestamp:.3}")
}

/// As [`rfc3339`], of milliseconds since 1970; nothing outside of the years that can be written.
#[must_use]
pub fn rfc3339_of_ms(milliseconds: i64) -> String {
    Timestamp::from_millisecond(milliseconds)
        .map(rfc3339)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(seconds: i64) -> TimeRange {
        let start: Timestamp = "2026-11-20T10:00:00Z".parse().expect("a timestamp");
        TimeRange::new(start, start + SignedDuration::from_secs(seconds)).expect("a range")
    }

    #[test]
    fn a_range_ends_after_it_starts() {
        let start = range(1).start();
        assert_eq!(TimeRange::new(start, start), None);
        assert_eq!(TimeRange::new(range(1).end(), start), None);
    }

    #[test]
    fn times_leave_in_utc_with_milliseconds() {
        assert_eq!(
            range(60).to_string(),
            "2026-11-20T10:00:00.000Z to 2026-11-20T10:01:00.000Z"
        );
    }
}
