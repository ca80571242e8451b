//! Waiting for footage that is not archived yet.
//!
//! A range may end in the future, or so shortly ago that its last fragment is still running. Waiting costs
//! little, asking costs the stream's readers: so the archive is looked at when the fragment at the end
//! should have arrived, and not before. What would take longer than the operator allows, or than there is
//! time for, is [`Error::NotYetArchived`], with the moment from which on a retry makes sense.

use std::time::Duration;

use jiff::Timestamp;

use super::Job;
use crate::error::Error;
use crate::plan::{Edge, Fragment, FragmentSelectorType, INDEX_MS, settled_ms};

/// The wait of one export, which may come in several parts.
#[derive(Debug)]
pub(super) struct Waiting<'a> {
    job: &'a Job<'a>,
    end_ms: i64,
    /// When to give up, in milliseconds since 1970.
    gives_up_ms: i64,
}

impl<'a> Waiting<'a> {
    /// A wait that begins now.
    pub(super) fn new(job: &'a Job<'a>) -> Self {
        let longest = i64::try_from(job.max_wait.as_millis()).unwrap_or(i64::MAX);
        Self {
            job,
            end_ms: job.request.range.end().as_millisecond(),
            gives_up_ms: now_ms().saturating_add(longest),
        }
    }

    /// Refuses a range that ends too far in the future, before anything is asked.
    pub(super) fn is_worth_it(&self) -> Result<(), Error> {
        let first_look = self.end_ms.saturating_add(INDEX_MS);
        self.allows(first_look, self.settles_ms(None))
    }

    /// From when on nothing more is to be expected, as far as the skew of the clocks is known.
    pub(super) fn settles_ms(&self, skew_ms: Option<i64>) -> i64 {
        settled_ms(self.selector(), self.end_ms, skew_ms)
    }

    /// Waits until `moment_ms`, when nothing more is to be expected.
    pub(super) async fn settle(&self, moment_ms: i64) -> Result<(), Error> {
        self.allows(moment_ms, moment_ms)?;
        self.pause_until(moment_ms).await;
        Ok(())
    }

    /// Waits until the archive is past the end of the range, or nothing more is to be expected. Whether it is
    /// past it.
    pub(super) async fn wait(&self, skew_ms: Option<i64>) -> Result<bool, Error> {
        self.pause_until(self.end_ms.saturating_add(INDEX_MS)).await;
        loop {
            let edge = match self.look().await? {
                Some(listed) => Edge::of(&listed, self.selector(), self.end_ms, skew_ms, now_ms()),
                // Without a list only time can tell.
                None => self.blind(skew_ms),
            };
            match edge {
                Edge::Past => {
                    // What shows this may be listed before what came before it.
                    self.pause_until(now_ms().saturating_add(INDEX_MS)).await;
                    return Ok(true);
                }
                Edge::Settled => {
                    tracing::info!("no later fragment has come: what is archived now is all that there is");
                    return Ok(false);
                }
                Edge::Open { next_ms, settled_ms } => {
                    self.allows(next_ms, settled_ms)?;
                    self.pause_until(next_ms).await;
                }
            }
        }
    }

    /// What is known without a list.
    fn blind(&self, skew_ms: Option<i64>) -> Edge {
        let settled_ms = self.settles_ms(skew_ms);
        if now_ms() >= settled_ms {
            return Edge::Settled;
        }
        Edge::Open {
            next_ms: settled_ms,
            settled_ms,
        }
    }

    /// The fragments near the end of the range; `None` where they may not be listed.
    async fn look(&self) -> Result<Option<Vec<Fragment>>, Error> {
        let Some(range) = Edge::range(self.selector(), self.end_ms, now_ms()) else {
            return Ok(Some(Vec::new()));
        };
        let looking = self.job.list(&range, self.selector(), "waiting for the footage");
        Ok(looking.await?.ok())
    }

    /// Whether there may be a pause until `moment_ms`; where not, the export makes sense `again_ms`.
    fn allows(&self, moment_ms: i64, again_ms: i64) -> Result<(), Error> {
        let now_ms = now_ms();
        let pause = Duration::from_millis(moment_ms.saturating_sub(now_ms).max(0).unsigned_abs());
        if moment_ms <= now_ms
            || (moment_ms <= self.gives_up_ms && self.job.invocation.walls.have_time_for(pause))
        {
            return Ok(());
        }
        let at = |ms| Timestamp::from_millisecond(ms).unwrap_or(self.job.request.range.end());
        Err(Error::NotYetArchived {
            end: self.job.request.range.end(),
            now: at(now_ms),
            again: at(again_ms),
        })
    }

    async fn pause_until(&self, moment_ms: i64) {
        let pause = moment_ms.saturating_sub(now_ms());
        if pause > 0 {
            tracing::info!(wait_ms = pause, "waiting for footage to be archived");
            tokio::time::sleep(Duration::from_millis(pause.unsigned_abs())).await;
        }
    }

    fn selector(&self) -> FragmentSelectorType {
        self.job.request.selector
    }
}

/// Milliseconds since 1970.
pub(super) fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}
