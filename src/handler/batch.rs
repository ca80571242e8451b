//! A batch of messages: several exports side by side, each message answered by itself.
//!
//! What may succeed later is reported to Lambda, which leaves it in the queue. What can never succeed is
//! told once and put into the queue of failed events, so that it is neither tried for ever nor lost.

use futures_util::StreamExt;
use futures_util::stream;
use serde::Serialize;

use super::Ready;
use super::trigger::{Failure, Trigger};
use crate::error::{Error, chain};
use crate::event::{Asked, Batch, Home, Message};
use crate::walls::Walls;

/// The answer to a batch.
///
/// Source: Lambda developer guide, "Implementing partial batch responses".
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchAnswer {
    batch_item_failures: Vec<ItemFailure>,
}

/// A message that stays in its queue.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ItemFailure {
    item_identifier: String,
}

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It is done with.
    Done,
    /// It stays in its queue.
    Stays,
}

/// Serves all messages of the batch that `delivery` brought.
pub(super) async fn work_off(ready: &Ready, home: &Home, batch: Batch, delivery: Trigger<'_>) -> BatchAnswer {
    let messages = batch.messages.len();
    let work = |message: Message| async move {
        let fate = serve(ready, home, &message, delivery).await;
        (message.id, fate)
    };
    let stay: Vec<String> = if batch.in_order {
        let mut stay = Vec::new();
        for message in batch.messages {
            // What comes after a message that failed must not overtake it.
            let (id, fate) = match stay.is_empty() {
                true => work(message).await,
                false => (message.id, Fate::Stays),
            };
            stay.extend((fate == Fate::Stays).then_some(id));
        }
        stay
    } else {
        let working = stream::iter(batch.messages).map(work);
        working
            .buffer_unordered(ready.batches.side_by_side.get())
            .filter_map(|(id, fate)| async move { (fate == Fate::Stays).then_some(id) })
            .collect()
            .await
    };
    tracing::info!(
        request_id = delivery.request_id,
        messages,
        stay = stay.len(),
        "the batch is worked off"
    );
    BatchAnswer {
        batch_item_failures: stay
            .into_iter()
            .map(|item_identifier| ItemFailure { item_identifier })
            .collect(),
    }
}

async fn serve(ready: &Ready, home: &Home, message: &Message, delivery: Trigger<'_>) -> Fate {
    let trigger = Trigger {
        message_id: Some(&message.id),
        ..delivery
    };
    let outcome = match Asked::read(&message.body, &ready.defaults, home) {
        Ok(asked) => trigger.serve(&ready.exporter, asked).await,
        Err(faults) => trigger.refuse(Error::Request(faults)),
    };
    match outcome {
        Ok(_) => Fate::Done,
        Err(failure) if failure.error_type.retry_can_help() => Fate::Stays,
        Err(failure) => put_aside(ready, message, &failure, trigger.walls).await,
    }
}

/// Moves a message that can never be served out of its queue.
async fn put_aside(ready: &Ready, message: &Message, failure: &Failure, walls: Walls) -> Fate {
    let Some(queue) = &ready.failed_queue else {
        tracing::warn!(
            message_id = message.id,
            "there is no CLIP_FAILED_QUEUE_URL: the message stays until its queue gives it up"
        );
        return Fate::Stays;
    };
    let (label, text) = (&failure.diagnostic.error_type, &failure.diagnostic.error_message);
    let sending = queue.send(&message.body, label, text);
    let refusal = match walls.cleanup("putting a message aside", sending).await {
        Ok(Ok(())) => {
            tracing::warn!(
                message_id = message.id,
                error_type = label,
                "the message is in the queue of failed events"
            );
            return Fate::Done;
        }
        Ok(Err(refusal)) => chain(&refusal),
        Err(deadline) => chain(&deadline),
    };
    tracing::error!(
        message_id = message.id,
        error = refusal,
        "the message could not be put aside and stays in its queue"
    );
    Fate::Stays
}
