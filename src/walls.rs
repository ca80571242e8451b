//! The deadline of an invocation, and the walls before it.
//!
//! Lambda kills a function at its deadline, and nothing after that can clean up. So the work ends
//! at a first wall, some seconds earlier. A call that is making the object just then may go on to a
//! second wall; what is left is for abandoning the upload, and that ends at a third, so that the
//! answer still gets out.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::error::Error;

/// Time kept from the first wall on.
const CLEANUP: Duration = Duration::from_secs(8);

/// Time kept from the second wall on: a handful of calls to S3, whose tries end after a second.
const ABANDON: Duration = Duration::from_secs(5);

/// Time kept for the answer.
const ANSWER: Duration = Duration::from_millis(300);

/// Least time in which anything can be done.
const LEAST: Duration = Duration::from_secs(1);

/// Time that a call needs after a wait, if it is to have an answer at all.
const CALL: Duration = Duration::from_millis(250);

/// When to stop working and when to stop cleaning up.
#[derive(Debug, Clone, Copy)]
pub struct Walls {
    budget: Duration,
    work_ends: Option<Instant>,
    landing_ends: Option<Instant>,
    cleanup_ends: Option<Instant>,
}

impl Walls {
    /// The walls of an invocation that is killed in `remaining`; `None` where nobody kills it.
    ///
    /// A quarter of the time is kept for cleaning up where that is less than eight seconds.
    #[must_use]
    pub fn new(remaining: Option<Duration>) -> Self {
        let Some(remaining) = remaining else {
            return Self {
                budget: Duration::MAX,
                work_ends: None,
                landing_ends: None,
                cleanup_ends: None,
            };
        };
        let now = Instant::now();
        let at = |kept: Duration| now.checked_add(remaining.saturating_sub(kept));
        Self {
            budget: remaining,
            work_ends: at(CLEANUP.min(remaining / 4)),
            landing_ends: at(ABANDON.min(remaining / 6)),
            cleanup_ends: at(ANSWER.min(remaining / 8)),
        }
    }

    /// Refuses to begin what cannot end in time.
    ///
    /// # Errors
    ///
    /// [`Error::Deadline`] if less than a second is left.
    pub fn enough_to_start(&self) -> Result<(), Error> {
        if self.budget < LEAST {
            Err(self.error("starting"))
        } else {
            Ok(())
        }
    }

    /// Runs `work` up to the first wall.
    ///
    /// # Errors
    ///
    /// [`Error::Deadline`] at the wall; `work` is dropped then.
    pub async fn work<F: Future>(&self, stage: &'static str, work: F) -> Result<F::Output, Error> {
        self.until(self.work_ends, stage, work).await
    }

    /// Whether there is time for `wait` and a call after it before the first wall.
    #[must_use]
    pub fn have_time_for(&self, wait: Duration) -> bool {
        match (
            self.work_ends,
            Instant::now().checked_add(wait.saturating_add(CALL)),
        ) {
            (Some(wall), Some(then)) => then < wall,
            (Some(_), None) => false,
            (None, _) => true,
        }
    }

    /// Waits for a call that makes the object, up to the second wall.
    ///
    /// # Errors
    ///
    /// [`Error::Deadline`] at the wall; `landing` is dropped then.
    pub async fn landing<F: Future>(&self, stage: &'static str, landing: F) -> Result<F::Output, Error> {
        self.until(self.landing_ends, stage, landing).await
    }

    /// Runs `cleanup` up to the third wall.
    ///
    /// # Errors
    ///
    /// [`Error::Deadline`] at the wall; `cleanup` is dropped then.
    pub async fn cleanup<F: Future>(&self, stage: &'static str, cleanup: F) -> Result<F::Output, Error> {
        self.until(self.cleanup_ends, stage, cleanup).await
    }

    async fn until<F: Future>(
        &self,
        wall: Option<Instant>,
        stage: &'static str,
        f: F,
    ) -> Result<F::Output, Error> {
        match wall {
            None => Ok(f.await),
            Some(wall) => timeout_at(wall, f).await.map_err(|_| self.error(stage)),
        }
    }

    fn error(&self, stage: &'static str) -> Error {
        Error::Deadline {
            stage,
            last_failure: None,
            budget_ms: u64::try_from(self.budget.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn work_ends_before_cleanup_and_cleanup_before_the_deadline() {
        let walls = Walls::new(Some(Duration::from_secs(60)));
        let begun = Instant::now();
        let never = std::future::pending::<()>;
        assert!(matches!(
            walls.work("working", never()).await,
            Err(Error::Deadline { stage: "working", .. })
        ));
        assert_eq!(begun.elapsed().as_secs(), 52);
        assert!(walls.landing("landing", never()).await.is_err());
        assert_eq!(begun.elapsed().as_secs(), 55);
        assert!(walls.cleanup("cleaning", never()).await.is_err());
        assert_eq!(begun.elapsed().as_millis(), 59_700);
    }

    #[tokio::test(start_paused = true)]
    async fn a_short_invocation_keeps_its_proportions() {
        let walls = Walls::new(Some(Duration::from_secs(2)));
        let begun = Instant::now();
        assert!(walls.enough_to_start().is_ok());
        assert!(walls.work("working", std::future::pending::<()>()).await.is_err());
        assert_eq!(begun.elapsed().as_millis(), 1500);
        assert!(
            Walls::new(Some(Duration::from_millis(999)))
                .enough_to_start()
                .is_err()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_reaches_past_the_wall_is_not_begun() {
        let walls = Walls::new(Some(Duration::from_secs(60)));
        assert!(walls.have_time_for(Duration::from_secs(51)));
        assert!(!walls.have_time_for(Duration::from_secs(52)));
        assert!(!walls.have_time_for(Duration::MAX));
        assert!(Walls::new(None).have_time_for(Duration::from_secs(52)));
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_deadline_there_are_no_walls() {
        let walls = Walls::new(None);
        assert!(walls.enough_to_start().is_ok());
        assert!(
            walls
                .work("waiting", tokio::time::sleep(Duration::from_secs(10_000)))
                .await
                .is_ok()
        );
    }
}
