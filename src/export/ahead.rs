//! The window after the one that is being read, asked for before that one has ended.
//!
//! From a call of `GetClip` to its first byte the service needs about as long as a part takes to
//! upload; asked for early, that time costs nothing. The answer is not read before its turn: what
//! waits is bounded by the buffers of its connection.

use std::ops::Range;
use std::sync::Arc;

use tokio::task::JoinSet;
use tracing::Instrument;

use super::Job;
use crate::backoff::Backoff;
use crate::kvs::{Clip, FetchError};
use crate::plan::TimeRange;

/// A window that was asked for early. Dropping it hangs up.
#[derive(Debug)]
pub(super) struct Ahead {
    window: Range<usize>,
    call: JoinSet<Result<Clip, FetchError>>,
}

impl Ahead {
    /// Asks for `window`, whose fragments start in `range`.
    pub(super) fn ask(job: &Job<'_>, window: Range<usize>, range: TimeRange) -> Self {
        let archive = Arc::clone(&job.archive);
        let (fragments, retries) = (window.len(), job.transfer.retries);
        let asking = async move {
            let mut backoff = Backoff::new(retries);
            archive.get_clip(&range, Some(fragments), &mut backoff).await
        };
        let mut call = JoinSet::new();
        call.spawn(asking.in_current_span());
        Self { window, call }
    }

    /// Whether it is `window` that was asked for.
    pub(super) fn is_of(&self, window: &Range<usize>) -> bool {
        self.window == *window
    }

    /// The answer; `None` if the task was lost.
    pub(super) async fn answer(mut self) -> Option<Result<Clip, FetchError>> {
        self.call.join_next().await?.ok()
    }
}
