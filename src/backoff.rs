//! How long to wait before a call is made again.

use std::time::Duration;

/// Longest wait before the first retry. Quotas of Kinesis Video Streams are counted per second, so
/// the second or third retry falls into a fresh one.
const BASE: Duration = Duration::from_millis(500);

/// Longest wait before any retry.
const CAP: Duration = Duration::from_secs(16);

/// Waits for a bounded number of retries: exponential, with full jitter, so that callers which were
/// throttled together do not come back together.
#[derive(Debug)]
pub struct Backoff {
    made: u32,
    retries: u32,
}

impl Backoff {
    /// With so many retries.
    #[must_use]
    pub fn new(retries: u32) -> Self {
        Self { made: 0, retries }
    }

    /// Retries made so far.
    #[must_use]
    pub fn made(&self) -> u32 {
        self.made
    }

    /// The wait before the next retry; `None` when there is none left. `random` is in 0..1.
    pub fn next(&mut self, random: f64) -> Option<Duration> {
        if self.made >= self.retries {
            return None;
        }
        let longest = BASE.saturating_mul(2u32.saturating_pow(self.made)).min(CAP);
        self.made += 1;
        Some(longest.mul_f64(random))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_the_cap_and_end() {
        let mut backoff = Backoff::new(8);
        let waits: Vec<_> = std::iter::from_fn(|| backoff.next(1.0))
            .map(|wait| wait.as_millis())
            .collect();
        assert_eq!(waits, [500, 1000, 2000, 4000, 8000, 16_000, 16_000, 16_000]);
        assert_eq!(backoff.made(), 8);
    }

    #[test]
    fn jitter_reaches_down_to_nothing() {
        assert_eq!(Backoff::new(1).next(0.0), Some(Duration::ZERO));
        assert_eq!(Backoff::new(0).next(0.5), None);
    }
}
