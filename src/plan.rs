//! What a range is, and what one `GetClip` can serve of it.
//!
//! This module owns the time range of an export, the selector that says which clock the range is
//! read by, and the documented limits of `GetClip`. It is pure: it knows no SDK, no runtime and no
//! clock. A range is served by a single call; [`doubts`] says what such a call may have left out,
//! because `GetClip` itself says nothing when it stops early.

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
/// A fragment is archived when the next one starts (up to [`MAX_FRAGMENT_SECONDS`] later); uploading
/// and indexing it takes some seconds more. A range that ends nearer to now than this may be
/// missing its tail.
pub const SETTLE: SignedDuration = SignedDuration::from_secs(MAX_FRAGMENT_SECONDS + 10);

/// Longest time that a picture may stand before it counts as a pause of the camera, in seconds.
///
/// Cameras send a picture a second at least; a gap between two fragments is a reconnect, which takes
/// several seconds.
const LONGEST_PICTURE_SECONDS: f64 = 2.0;

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

/// What came back from one `GetClip`, as far as it bears on completeness.
#[derive(Debug, Clone, Copy)]
pub struct Answer {
    /// Bytes of the whole MP4.
    pub bytes: u64,
    /// Sync samples of the video track. Every fragment starts with one, so there are at least as
    /// many sync samples as fragments.
    pub video_sync_samples: u64,
    /// Playing time of the clip's pictures in seconds.
    pub duration_seconds: f64,
    /// Longest time for which one picture stands, in seconds.
    pub longest_picture_seconds: f64,
    /// Time from the end of the range to the call.
    pub age_of_end: SignedDuration,
}

/// A reason to believe that a clip does not cover all of its range.
#[derive(Debug, Clone, PartialEq)]
pub enum Doubt {
    /// One more fragment could have taken the clip over the limit.
    NearByteLimit {
        /// Bytes of the clip.
        bytes: u64,
    },
    /// The clip may hold as many fragments as `GetClip` puts into one.
    NearFragmentLimit {
        /// Sync samples of the video track.
        sync_samples: u64,
    },
    /// The clip plays for less time than was asked for, by more than the one fragment at the start
    /// that `GetClip` leaves out can explain.
    Short {
        /// Seconds missing.
        seconds: f64,
    },
    /// One picture stands for so long that the camera must have paused.
    Gap {
        /// Seconds for which it stands.
        seconds: f64,
    },
    /// The range had only just ended when the clip was asked for.
    LiveEdge {
        /// Seconds from the end of the range to the call.
        seconds: f64,
    },
}

impl Doubt {
    /// A stable name for machines to match.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NearByteLimit { .. } => "NEAR_BYTE_LIMIT",
            Self::NearFragmentLimit { .. } => "NEAR_FRAGMENT_LIMIT",
            Self::Short { .. } => "SHORTER_THAN_ASKED",
            Self::Gap { .. } => "GAP_INSIDE",
            Self::LiveEdge { .. } => "LIVE_EDGE",
        }
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NearByteLimit { bytes } => write!(
                f,
                "the clip has {bytes} bytes and GetClip stops without an error at {MAX_CLIP_BYTES}: \
                 its end may be missing; ask for a shorter range"
            ),
            Self::NearFragmentLimit { sync_samples } => write!(
                f,
                "the clip may have up to {sync_samples} fragments and GetClip stops without an error \
                 at {MAX_CLIP_FRAGMENTS}: its end may be missing; ask for a shorter range"
            ),
            Self::Short { seconds } => write!(
                f,
                "the clip plays {seconds:.3} s less than was asked for: the camera may have paused, \
                 or the clip was cut off"
            ),
            Self::Gap { seconds } => write!(
                f,
                "one picture of the clip stands for {seconds:.3} s: the camera paused there"
            ),
            Self::LiveEdge { seconds } => write!(
                f,
                "the range had ended only {seconds:.3} s before the clip was made: its last \
                 fragment may not have been archived yet; for the rest, ask again with OVERWRITE"
            ),
        }
    }
}

/// Every reason to doubt that `answer` covers `range`. Empty means: none that a single `GetClip`
/// can show.
#[must_use]
pub fn doubts(range: &TimeRange, answer: &Answer) -> Vec<Doubt> {
    let mut doubts = Vec::new();
    let asked = range.duration().as_secs_f64();
    // What was cut off at a limit is shorter than its range. It was cut at the last fragment that went
    // in whole, so the next one, which can be as long as a fragment may be, would have been too much.
    let ended_early = answer.duration_seconds < asked;
    let bytes_per_second = answer.bytes as f64 / answer.duration_seconds.max(0.001);
    let with_another = answer.bytes as f64 + bytes_per_second * MAX_FRAGMENT_SECONDS as f64;
    if ended_early && with_another >= MAX_CLIP_BYTES as f64 {
        doubts.push(Doubt::NearByteLimit { bytes: answer.bytes });
    }
    if ended_early && answer.video_sync_samples >= MAX_CLIP_FRAGMENTS {
        doubts.push(Doubt::NearFragmentLimit {
            sync_samples: answer.video_sync_samples,
        });
    }
    let missing = range.duration().as_secs_f64() - answer.duration_seconds;
    if missing > MAX_FRAGMENT_SECONDS as f64 || answer.duration_seconds < range.duration().as_secs_f64() / 2.0
    {
        doubts.push(Doubt::Short { seconds: missing });
    }
    if answer.longest_picture_seconds > LONGEST_PICTURE_SECONDS {
        doubts.push(Doubt::Gap {
            seconds: answer.longest_picture_seconds,
        });
    }
    if answer.age_of_end < SETTLE {
        doubts.push(Doubt::LiveEdge {
            seconds: answer.age_of_end.as_secs_f64(),
        });
    }
    doubts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(seconds: i64) -> TimeRange {
        let start: Timestamp = "2026-11-20T10:00:00Z".parse().expect("a timestamp");
        TimeRange::new(start, start + SignedDuration::from_secs(seconds)).expect("a range")
    }

    fn whole(seconds: f64) -> Answer {
        Answer {
            bytes: 1_000_000,
            video_sync_samples: 30,
            duration_seconds: seconds,
            longest_picture_seconds: 0.04,
            age_of_end: SETTLE,
        }
    }

    fn codes(range: &TimeRange, answer: &Answer) -> Vec<&'static str> {
        doubts(range, answer).iter().map(Doubt::code).collect()
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

    #[test]
    fn a_whole_clip_raises_no_doubt() {
        assert_eq!(codes(&range(60), &whole(60.0)), [""; 0]);
    }

    #[test]
    fn one_missing_fragment_is_the_rule_of_get_clip() {
        assert_eq!(codes(&range(60), &whole(58.0)), [""; 0]);
        assert_eq!(codes(&range(60), &whole(39.9)), ["SHORTER_THAN_ASKED"]);
    }

    #[test]
    fn a_picture_that_stands_is_a_gap() {
        let mut answer = whole(60.0);
        answer.longest_picture_seconds = 2.0;
        assert_eq!(codes(&range(60), &answer), [""; 0]);
        answer.longest_picture_seconds = 6.04;
        assert_eq!(codes(&range(60), &answer), ["GAP_INSIDE"]);
    }

    #[test]
    fn half_of_a_short_range_is_short() {
        assert_eq!(codes(&range(10), &whole(4.0)), ["SHORTER_THAN_ASKED"]);
    }

    #[test]
    fn both_silent_limits_are_noticed() {
        let mut answer = whole(50.0);
        answer.video_sync_samples = 200;
        assert_eq!(codes(&range(60), &answer), ["NEAR_FRAGMENT_LIMIT"]);
        // 90 MB in 60 s of 75: a fragment of 20 s more would have had 30 MB.
        let mut answer = whole(60.0);
        answer.bytes = 90_000_000;
        assert_eq!(codes(&range(75), &answer), ["NEAR_BYTE_LIMIT"]);
        answer.bytes = 70_000_000;
        assert_eq!(codes(&range(75), &answer), [""; 0]);
    }

    #[test]
    fn a_clip_as_long_as_its_range_was_not_cut_off() {
        let mut answer = whole(60.0);
        answer.bytes = 99_000_000;
        answer.video_sync_samples = 200;
        assert_eq!(codes(&range(60), &answer), [""; 0]);
    }

    #[test]
    fn a_range_that_has_just_ended_may_lack_its_tail() {
        let mut answer = whole(60.0);
        answer.age_of_end = SETTLE - SignedDuration::from_millis(1);
        assert_eq!(codes(&range(60), &answer), ["LIVE_EDGE"]);
    }
}
