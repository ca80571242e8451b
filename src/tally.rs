//! What an export has done so far, counted and timed where it happens.

use std::future::Future;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A stage of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Looking at what is at the key already.
    Look,
    /// Waiting until the footage is archived.
    Wait,
    /// Listing the fragments of the range.
    List,
    /// From asking for a clip to its first byte.
    Fetch,
    /// Passing the clip on.
    Transfer,
    /// Completing the object.
    Complete,
}

/// Counts and times of one export, for its receipt and its metrics. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Tally(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    get_clip_calls: AtomicU32,
    list_fragments_calls: AtomicU32,
    retries: AtomicU32,
    /// Milliseconds by [`Stage`]; the attempts of an export add up.
    spent: [AtomicU64; 6],
    /// What went wrong last.
    last_failure: Mutex<Option<String>>,
}

impl Tally {
    /// `GetClip` was called.
    pub(crate) fn asked_for_clip(&self) {
        self.0.get_clip_calls.fetch_add(1, Ordering::Relaxed);
    }

    /// `ListFragments` was called.
    pub(crate) fn asked_for_fragments(&self) {
        self.0.list_fragments_calls.fetch_add(1, Ordering::Relaxed);
    }

    /// Something failed, as `failure` says, and may be tried again.
    pub(crate) fn failed(&self, failure: String) {
        self.last_failure_was(Some(failure));
    }

    /// Sets what went wrong last.
    pub(crate) fn last_failure_was(&self, failure: Option<String>) {
        *self.0.last_failure.lock().unwrap_or_else(PoisonError::into_inner) = failure;
    }

    /// Something that had failed is tried again.
    pub(crate) fn retried(&self) {
        self.0.retries.fetch_add(1, Ordering::Relaxed);
    }

    /// What went wrong last.
    pub(crate) fn last_failure(&self) -> Option<String> {
        self.0
            .last_failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Adds time to a stage.
    fn spent(&self, stage: Stage, time: Duration) {
        let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.of(stage).fetch_add(milliseconds, Ordering::Relaxed);
    }

    /// Runs `work` and adds its time to a stage.
    ///
    /// The time counts however the work ends, dropped in the middle too.
    pub(crate) async fn timed<F: Future>(&self, stage: Stage, work: F) -> F::Output {
        struct Clock<'a>(&'a Tally, Stage, Instant);
        impl Drop for Clock<'_> {
            fn drop(&mut self) {
                self.0.spent(self.1, self.2.elapsed());
            }
        }
        let _clock = Clock(self, stage, Instant::now());
        work.await
    }

    /// Calls of `GetClip`, the failed ones too.
    #[must_use]
    pub fn get_clip_calls(&self) -> u32 {
        self.0.get_clip_calls.load(Ordering::Relaxed)
    }

    /// Calls of `ListFragments`, one for each page, the failed ones too.
    #[must_use]
    pub fn list_fragments_calls(&self) -> u32 {
        self.0.list_fragments_calls.load(Ordering::Relaxed)
    }

    /// Calls and transfers that were tried again.
    #[must_use]
    pub fn retries(&self) -> u32 {
        self.0.retries.load(Ordering::Relaxed)
    }

    /// Time spent in a stage so far.
    #[must_use]
    pub fn time(&self, stage: Stage) -> Duration {
        Duration::from_millis(self.of(stage).load(Ordering::Relaxed))
    }

    fn of(&self, stage: Stage) -> &AtomicU64 {
        let [look, wait, list, fetch, transfer, complete] = &self.0.spent;
        match stage {
            Stage::Look => look,
            Stage::Wait => wait,
            Stage::List => list,
            Stage::Fetch => fetch,
            Stage::Transfer => transfer,
            Stage::Complete => complete,
        }
    }
}
