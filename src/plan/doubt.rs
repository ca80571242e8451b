//! What an answer alone gives reason to doubt.
//!
//! For clips of which no list of fragments says what should be in them: a stream that may not be
//! listed, an object of an earlier export.

use std::fmt;

use super::{MAX_CLIP_BYTES, MAX_CLIP_FRAGMENTS, MAX_FRAGMENT_SECONDS, TimeRange};

/// Longest time that a picture may stand before it counts as a pause of the camera, in seconds.
///
/// Cameras send a picture a second at least; a gap between two fragments is a reconnect, which takes
/// several seconds.
const LONGEST_PICTURE_SECONDS: f64 = 2.0;

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
}

/// A reason to believe that a clip does not cover all of its range.
#[derive(Debug, Clone, PartialEq)]
pub enum Doubt {
    /// The function may not list the stream's fragments, so nothing says what should be in the clip.
    NotListed,
    /// The clip was there already, and whoever made it had no list.
    WasNotListed,
    /// Playback should have been cut to the range, and was not, because the clip was not listed.
    NotCut,
    /// The clip was there already, as several objects, and nothing says whether more belong to it.
    Numbered,
    /// `ListFragments` named nothing and `GetClip` gave a clip all the same.
    ListedEmpty,
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
}

impl Doubt {
    /// A stable name for machines to match.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotListed | Self::WasNotListed => "NOT_LISTED",
            Self::NotCut => "NOT_CUT",
            Self::Numbered => "NUMBERED",
            Self::ListedEmpty => "LISTED_EMPTY",
            Self::NearByteLimit { .. } => "NEAR_BYTE_LIMIT",
            Self::NearFragmentLimit { .. } => "NEAR_FRAGMENT_LIMIT",
            Self::Short { .. } => "SHORTER_THAN_ASKED",
            Self::Gap { .. } => "GAP_INSIDE",
        }
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotListed => f.write_str(
                "the function may not call ListFragments, so the clip is what one GetClip gave for the \
                 range: without the fragment running at its start, and cut off where GetClip stops",
            ),
            Self::WasNotListed => f.write_str(
                "the clip was there already, and was made without a list of its fragments: it is what one \
                 GetClip gave for the range, cut off where GetClip stops",
            ),
            Self::NotCut => f.write_str(
                "playback is not cut to the range, as EXACT asks for: that takes a list of the fragments",
            ),
            Self::Numbered => f.write_str(
                "the clip became several objects; that the ones found are all of them cannot be seen",
            ),
            Self::ListedEmpty => f.write_str(
                "ListFragments named no fragment and GetClip gave a clip all the same: it may lack some",
            ),
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
    doubts
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

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
        }
    }

    fn codes(range: &TimeRange, answer: &Answer) -> Vec<&'static str> {
        doubts(range, answer).iter().map(Doubt::code).collect()
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
}
