//! A batch of messages: several exports side by side, each message answered by itself.
//!
//! What may succeed later is reported to Lambda, which leaves it in the queue. What can never succeed is
//! told once and put into the queue of failed events, so that it is neither tried for ever nor lost.

use std::panic::AssertUnwindSafe;

use futures_util::{FutureExt, StreamExt, stream};
use lambda_runtime::Diagnostic;
use serde::Serialize;
use tokio::sync::Semaphore;

use super::Ready;
use super::trigger::{Failure, Trigger};
use crate::error::{Error, ErrorType, chain};
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
    /// It stays in its queue, for this reason.
    Stays(ErrorType),
}

/// Serves all messages of the batch that `delivery` brought.
///
/// # Errors
///
/// When all of them stay. To Lambda that is the same, but it counts as an error of the function, and a mapping
/// that was set up without partial responses does not delete them.
pub(super) async fn work_off(
    ready: &Ready,
    home: &Home,
    batch: Batch,
    delivery: Trigger<'_>,
) -> Result<BatchAnswer, Diagnostic> {
    let messages = batch.messages.len();
    let room = &Semaphore::new(usize::try_from(ready.batches.room_mib).unwrap_or(Semaphore::MAX_PERMITS));
    let work = |message: Message| async move {
        // Boxed: what is below is deep, and would be part of every future around it.
        let serving = AssertUnwindSafe(Box::pin(serve(ready, home, &message, delivery, room))).catch_unwind();
        let fate = serving.await.unwrap_or_else(|panic| {
            // Its neighbours have done nothing wrong.
            tracing::error!(
                message_id = message.id,
                error = %Error::panic(panic.as_ref()),
                "the message stays in its queue"
            );
            Fate::Stays(ErrorType::Internal)
        });
        (message.id, fate)
    };
    let stays = |(id, fate)| match fate {
        Fate::Done => None,
        Fate::Stays(error_type) => Some((id, error_type)),
    };
    let stay: Vec<(String, ErrorType)> = if batch.in_order {
        let mut stay: Vec<(String, ErrorType)> = Vec::new();
        for message in batch.messages {
            // What comes after a message that failed must not overtake it.
            let ended = match stay.first() {
                None => work(message).await,
                Some((before, error_type)) => {
                    tracing::warn!(
                        message_id = message.id,
                        before,
                        "the message was not begun and stays in its queue, behind one that failed"
                    );
                    (message.id, Fate::Stays(*error_type))
                }
            };
            stay.extend(stays(ended));
        }
        stay
    } else {
        let working = stream::iter(batch.messages).map(work);
        working
            .buffer_unordered(ready.batches.side_by_side.get())
            .filter_map(|ended| async { stays(ended) })
            .collect()
            .await
    };
    tracing::info!(
        request_id = delivery.request_id,
        messages,
        stay = stay.len(),
        "the batch is worked off"
    );
    if let Some((_, error_type)) = stay.first().filter(|_| stay.len() == messages) {
        return Err(Diagnostic {
            error_type: error_type.as_str().to_owned(),
            error_message: format!(
                "none of the {messages} messages could be served, and all of them stay in the queue; the log says why \
                 of each"
            ),
        });
    }
    Ok(BatchAnswer {
        batch_item_failures: stay
            .into_iter()
            .map(|(item_identifier, _)| ItemFailure { item_identifier })
            .collect(),
    })
}

/// Serves one message, once there is `room` for it: MiB that the exports of the batch have together.
async fn serve(
    ready: &Ready,
    home: &Home,
    message: &Message,
    delivery: Trigger<'_>,
    room: &Semaphore,
) -> Fate {
    let trigger = Trigger {
        message_id: Some(&message.id),
        ..delivery
    };
    let outcome = match Asked::read(&message.body, &ready.defaults, home) {
        Ok(asked) => {
            let mib = match &asked {
                Asked::Export(request) => ready.batches.mib_of(request.range.duration()),
                Asked::Nothing(_) => 0,
            };
            let taking = room.acquire_many(mib);
            match trigger
                .walls
                .work("waiting for memory beside other exports", taking)
                .await
            {
                Ok(_taken) => trigger.serve(&ready.exporter, asked).await,
                Err(deadline) => trigger.refuse(deadline),
            }
        }
        Err(faults) => trigger.refuse(Error::Request(faults)),
    };
    match outcome {
        Ok(_) => Fate::Done,
        Err(failure) if failure.error_type.retry_can_help() => Fate::Stays(failure.error_type),
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
        return Fate::Stays(failure.error_type);
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
    Fate::Stays(failure.error_type)
}
