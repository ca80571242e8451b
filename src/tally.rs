//! What an export has done so far, counted and timed where it happens.

use std::future::Future;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A stage of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Looking at what is at the key already.
    Look,
    /// From asking for a clip to its first byte.
    Fetch,
    /// Passing the clip on.
    Transfer,
    /// Completing the object.
    Complete,
}

/// Counts and times of one export, for its receipt and its metrics.
#[derive(Debug, Default)]
pub struct Tally {
    get_clip_calls: AtomicU32,
    retries: AtomicU32,
    /// Milliseconds by [`Stage`]; the attempts of an export add up.
    spent: [AtomicU64; 4],
}

impl Tally {
    /// `GetClip` was called.
    pub(crate) fn asked_for_clip(&self) {
        self.get_clip_calls.fetch_add(1, Ordering::Relaxed);
    }

    /// Something that had failed is tried again.
    pub(crate) fn retried(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    /// Adds time to a stage.
    pub(crate) fn spent(&self, stage: Stage, time: Duration) {
        let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.of(stage).fetch_add(milliseconds, Ordering::Relaxed);
    }

    /// Runs `work` and adds its time to a stage.
    pub(crate) async fn timed<F: Future>(&self, stage: Stage, work: F) -> F::Output {
        let begun = Instant::now();
        let output = work.await;
        self.spent(stage, begun.elapsed());
        output
    }

    /// Calls of `GetClip`, the failed ones too.
    #[must_use]
    pub fn get_clip_calls(&self) -> u32 {
        self.get_clip_calls.load(Ordering::Relaxed)
    }

    /// Calls and transfers that were tried again.
    #[must_use]
    pub fn retries(&self) -> u32 {
        self.retries.load(Ordering::Relaxed)
    }

    /// Time spent in a stage so far.
    #[must_use]
    pub fn time(&self, stage: Stage) -> Duration {
        Duration::from_millis(self.of(stage).load(Ordering::Relaxed))
    }

    fn of(&self, stage: Stage) -> &AtomicU64 {
        let [look, fetch, transfer, complete] = &self.spent;
        match stage {
            Stage::Look => look,
            Stage::Fetch => fetch,
            Stage::Transfer => transfer,
            Stage::Complete => complete,
        }
    }
}
