//! How fast a process may spend a stream's quota.
//!
//! A stream has two pools of points, filled each second, and everybody who reads it pays out of them:
//! players, other exports, this one. Who finds a pool empty is refused. So the exports of a process,
//! which may run side by side, together leave half of each pool to the others. Source: developer guide, quotas, "Fragment-metadata and fragment-media
//! quotas".

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::MOST_STREAMS;
use crate::event::Stream;

/// Half of the 10,000 points a second for fragment metadata. `ListFragments` pays its `MaxResults`.
/// `GetClip` pays here too, a point a fragment; at the pace below that is a fortieth of the pool.
const METADATA: u32 = 10_000 / 2;

/// Half of the 500 points a second for fragment media. `GetClip` pays a point a fragment: clips of 200
/// fragments, the largest that there are, are asked for 0.8 s apart.
const MEDIA: u32 = 500 / 2;

/// What an export may have saved up of its media points: those of a second. A clip of some minutes is
/// then a few calls in a row; in that one second they may take all of the pool.
const MEDIA_SAVED: Duration = Duration::from_secs(1);

/// The paces of the streams that were read lately, by their names: a stream has one quota, however it is named.
#[derive(Debug, Default)]
pub(super) struct Paces(Mutex<HashMap<String, Arc<StreamPace>>>);

impl Paces {
    /// The pace of a stream.
    pub(super) fn of(&self, stream: &Stream) -> Arc<StreamPace> {
        // A map of paces is never half changed: what a panicking holder left is sound.
        let mut paces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if paces.len() >= MOST_STREAMS {
            let now = Instant::now();
            paces.retain(|_, pace| Arc::strong_count(pace) > 1 || pace.owes(now));
        }
        Arc::clone(paces.entry(stream.name().to_owned()).or_default())
    }
}

/// How fast one stream may be read.
#[derive(Debug)]
pub(super) struct StreamPace {
    pub(super) metadata: Pace,
    pub(super) media: Pace,
}

impl StreamPace {
    /// Whether what was spent is not earned back yet.
    fn owes(&self, now: Instant) -> bool {
        self.metadata.owes(now) || self.media.owes(now)
    }
}

impl Default for StreamPace {
    fn default() -> Self {
        Self {
            metadata: Pace::metadata(),
            media: Pace::media(),
        }
    }
}

/// Sees to it that calls pay no more than so many points a second.
#[derive(Debug)]
pub(super) struct Pace {
    per_second: u32,
    /// For so long points are saved up.
    saved: Duration,
    /// When what was spent has been earned back.
    earned_back: Mutex<Option<Instant>>,
}

impl Pace {
    fn metadata() -> Self {
        Self::of(METADATA, Duration::ZERO)
    }

    fn media() -> Self {
        Self::of(MEDIA, MEDIA_SAVED)
    }

    fn of(per_second: u32, saved: Duration) -> Self {
        Self {
            per_second,
            saved,
            earned_back: Mutex::default(),
        }
    }

    fn owes(&self, now: Instant) -> bool {
        let earned_back = self.earned_back.lock().unwrap_or_else(PoisonError::into_inner);
        earned_back.is_some_and(|earned_back| earned_back > now)
    }

    /// Waits until what calls before have paid is earned back, but for what was saved up, and pays for
    /// one that is made right after. The first one never waits.
    pub(super) async fn pay(&self, points: u32) {
        let now = Instant::now();
        let begin = {
            // A moment is never half changed: what a panicking holder left is sound.
            let mut earned_back = self.earned_back.lock().unwrap_or_else(PoisonError::into_inner);
            let earning = Duration::from_secs(1).saturating_mul(points) / self.per_second;
            let owed = earned_back.map_or(now, |earned_back| earned_back.max(now));
            let ahead = self.saved.saturating_sub(earning);
            let begin = owed.checked_sub(ahead).map_or(owed, |begin| begin.max(now));
            *earned_back = Some(owed.checked_add(earning).unwrap_or(owed));
            begin
        };
        if begin > now {
            tokio::time::sleep_until(begin).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_first_call_never_waits_and_the_others_for_what_was_paid_before_them() {
        let pace = Pace::media();
        let begun = Instant::now();
        pace.pay(200).await;
        pace.pay(50).await;
        assert_eq!(begun.elapsed().as_millis(), 0, "a second's points are saved up");
        pace.pay(200).await;
        assert_eq!(begun.elapsed().as_millis(), 800);
        pace.pay(1).await;
        assert_eq!(begun.elapsed().as_millis(), 804);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_has_one_quota_however_it_is_named() {
        let paces = Paces::default();
        let arn = "arn:aws:kinesisvideo:eu-west-1:123456789012:stream/gate/1500000000000";
        let begun = Instant::now();
        paces.of(&Stream::Name("gate".to_owned())).media.pay(250).await;
        paces.of(&Stream::Arn(arn.to_owned())).media.pay(250).await;
        assert_eq!(begun.elapsed().as_millis(), 1000);
    }

    /// A batch may name ten thousand streams, and the next one others.
    #[tokio::test(start_paused = true)]
    async fn streams_that_nobody_reads_any_more_are_forgotten() {
        let paces = Paces::default();
        let read = paces.of(&Stream::Name("read".to_owned()));
        paces.of(&Stream::Name("owing".to_owned())).media.pay(250).await;
        for number in 0..2 * MOST_STREAMS {
            paces.of(&Stream::Name(format!("camera-{number}")));
        }
        let known = paces.0.lock().expect("sound");
        assert!(known.len() <= MOST_STREAMS, "{}", known.len());
        assert!(known.contains_key("owing") && Arc::ptr_eq(&known["read"], &read));
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_export_takes_half_of_the_pool_and_never_more_than_all_of_it() {
        let pace = Pace::media();
        let begun = Instant::now();
        let mut calls = Vec::new();
        for _ in 0..50 {
            pace.pay(84).await;
            calls.push(begun.elapsed().as_millis());
        }
        assert!(calls[49] >= 49 * 84 * 4 - 1000, "{calls:?}");
        for first in &calls {
            let within = calls.iter().filter(|call| (*first..first + 1000).contains(*call));
            assert!(within.count() * 84 <= 500, "{calls:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn no_metadata_points_are_saved_up() {
        let pace = Pace::metadata();
        pace.pay(1000).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        let begun = Instant::now();
        for _ in 0..6 {
            pace.pay(1000).await;
        }
        assert_eq!(begun.elapsed().as_millis(), 1000);
    }

    #[tokio::test(start_paused = true)]
    async fn calls_that_wait_together_go_one_after_the_other() {
        let pace = Pace::media();
        let begun = Instant::now();
        tokio::join!(pace.pay(200), pace.pay(200), pace.pay(200));
        assert_eq!(begun.elapsed().as_millis(), 1400);
    }
}
