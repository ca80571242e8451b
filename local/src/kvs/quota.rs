//! What a stream may be asked in a second (Kinesis Video Streams quotas page).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Points of the fragment-metadata pool, per stream and second.
const METADATA_POINTS: u64 = 10_000;

/// Points of the fragment-media pool, per stream and second.
const MEDIA_POINTS: u64 = 500;

/// Calls of GetDataEndpoint, per stream and second.
const ENDPOINT_CALLS: u64 = 5;

const SECOND: Duration = Duration::from_secs(1);

/// What a call costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cost {
    pub(super) metadata: u64,
    pub(super) media: u64,
    pub(super) endpoint_calls: u64,
}

/// What each stream has spent in its current second, which begins with the first call after the last one
/// ended. Real time, also when the stack's clock stands still: a client that waits must get on.
#[derive(Debug, Default)]
pub(super) struct Quotas {
    spent: BTreeMap<String, (Instant, Cost)>,
}

impl Quotas {
    /// Takes the cost, or says `false` and takes nothing when it would go over a pool.
    pub(super) fn pay(&mut self, stream: &str, cost: Cost, at: Instant) -> bool {
        let (since, spent) = self
            .spent
            .entry(stream.to_owned())
            .or_insert((at, Cost::default()));
        if at.duration_since(*since) >= SECOND {
            (*since, *spent) = (at, Cost::default());
        }
        let sum = Cost {
            metadata: spent.metadata.saturating_add(cost.metadata),
            media: spent.media.saturating_add(cost.media),
            endpoint_calls: spent.endpoint_calls.saturating_add(cost.endpoint_calls),
        };
        let fits = sum.metadata <= METADATA_POINTS
            && sum.media <= MEDIA_POINTS
            && sum.endpoint_calls <= ENDPOINT_CALLS;
        if fits {
            *spent = sum;
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clip(fragments: u64) -> Cost {
        Cost {
            metadata: fragments,
            media: fragments,
            ..Cost::default()
        }
    }

    #[test]
    fn two_full_clips_fit_in_a_second_and_a_third_does_not() {
        let (mut quotas, start) = (Quotas::default(), Instant::now());
        assert!(quotas.pay("a", clip(200), start));
        assert!(quotas.pay("a", clip(200), start));
        assert!(!quotas.pay("a", clip(200), start + SECOND / 2));
        assert!(
            quotas.pay("a", clip(100), start + SECOND / 2),
            "a refusal costs nothing"
        );
        assert!(
            quotas.pay("b", clip(200), start),
            "streams have pools of their own"
        );
        assert!(quotas.pay("a", clip(200), start + SECOND));
    }

    #[test]
    fn listings_empty_the_metadata_pool_for_clips_too() {
        let (mut quotas, start) = (Quotas::default(), Instant::now());
        let listing = Cost {
            metadata: 1_000,
            ..Cost::default()
        };
        for _ in 0..10 {
            assert!(quotas.pay("a", listing, start));
        }
        assert!(!quotas.pay("a", clip(1), start));
    }

    #[test]
    fn the_sixth_endpoint_call_in_a_second_is_one_too_many() {
        let (mut quotas, start) = (Quotas::default(), Instant::now());
        let call = Cost {
            endpoint_calls: 1,
            ..Cost::default()
        };
        let paid = (0..6).filter(|_| quotas.pay("a", call, start)).count();
        assert_eq!(paid, 5);
        assert!(quotas.pay("a", clip(1), start), "another pool");
    }
}
