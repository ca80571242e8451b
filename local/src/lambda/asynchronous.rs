//! Events without a caller that waits: tried again, and recorded when they end.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::FUNCTION_ARN;
use super::environment::{Environments, Played};
use crate::sqs::Queue;

/// Records that are kept; a stack that serves for days must not grow.
const RECORDS_KEPT: usize = 1_000;

/// How asynchronous events are retried, how many are on their way, and how the others ended.
pub(super) struct Records {
    retries: u32,
    retry_wait: Duration,
    on_failure: Option<Queue>,
    on_their_way: watch::Sender<usize>,
    ended: Mutex<VecDeque<Value>>,
}

impl Records {
    pub(super) fn new(retries: u32, retry_wait: Duration, on_failure: Option<Queue>) -> Self {
        Self {
            retries,
            retry_wait,
            on_failure,
            on_their_way: watch::Sender::new(0),
            ended: Mutex::default(),
        }
    }

    /// Counts an event that was taken; to be followed by [`Records::play`].
    pub(super) fn begin(&self) {
        self.on_their_way.send_modify(|events| *events += 1);
    }

    pub(super) async fn settled(&self) {
        let mut events = self.on_their_way.subscribe();
        // The sender is a part of this and cannot be gone.
        let _ = events.wait_for(|events| *events == 0).await;
    }

    pub(super) fn list(&self) -> Vec<Value> {
        self.ended().iter().cloned().collect()
    }

    /// Plays an event until it succeeds or no retry is left, and records how it ended.
    pub(super) async fn play(&self, environments: &Environments, request_id: &str, event: Bytes) {
        let mut attempts = 1;
        let mut played = environments.play_in_turn(request_id, event.clone()).await;
        while played.failed && attempts <= self.retries {
            tokio::time::sleep(self.retry_wait).await;
            attempts += 1;
            played = environments.play_in_turn(request_id, event.clone()).await;
        }
        let record = record(request_id, &event, attempts, &played);
        if let Some(queue) = self.on_failure.as_ref().filter(|_| played.failed) {
            // One that is too large for the queue is lost, as with Lambda, which only counts it.
            let _ = queue.send(&record.to_string());
        }
        self.keep(record);
        self.on_their_way.send_modify(|events| *events -= 1);
    }

    fn keep(&self, record: Value) {
        let mut ended = self.ended();
        if ended.len() == RECORDS_KEPT {
            ended.pop_front();
        }
        ended.push_back(record);
    }

    fn ended(&self) -> MutexGuard<'_, VecDeque<Value>> {
        // No code panics between two halves of a change, so poisoned records are still whole ones.
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The invocation record, as destinations get it.
fn record(request_id: &str, event: &[u8], attempts: u32, played: &Played) -> Value {
    let mut response = json!({"statusCode": 200, "executedVersion": "$LATEST"});
    if played.failed {
        response["functionError"] = "Unhandled".into();
    }
    json!({
        "version": "1.0",
        "timestamp": format!("{:.3}", jiff::Timestamp::now()),
        "requestContext": {
            "requestId": request_id,
            "functionArn": format!("{FUNCTION_ARN}:$LATEST"),
            "condition": if played.failed { "RetriesExhausted" } else { "Success" },
            "approximateInvokeCount": attempts,
        },
        "requestPayload": serde_json::from_slice(event).unwrap_or(Value::Null),
        "responseContext": response,
        "responsePayload": played.payload,
    })
}
