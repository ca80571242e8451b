//! Doing again what has failed: the one place where a retry is waited for, written down and counted.

use std::ops::Range;

use crate::backoff::Backoff;
use crate::tally::Tally;
use crate::walls::Walls;

/// Waits before what has failed, as `failure` says, is done again, which `what` names; `window` are the
/// fragments that it is about, if it is about some. False, without a wait, if there is no retry left or
/// no time for it.
pub(crate) async fn wait(
    backoff: &mut Backoff,
    walls: &Walls,
    tally: &Tally,
    failure: impl FnOnce() -> String,
    window: Option<&Range<usize>>,
    what: &'static str,
) -> bool {
    let wait = backoff
        .next(fastrand::f64())
        .filter(|wait| walls.have_time_for(*wait));
    let Some(wait) = wait else {
        return false;
    };
    let failure = failure();
    tracing::warn!(
        error = failure,
        window = window.map(tracing::field::debug),
        retry = backoff.made(),
        wait_ms = wait.as_millis(),
        "{what}"
    );
    tally.failed(failure);
    tally.retried();
    tokio::time::sleep(wait).await;
    true
}
