//! From an invocation to its answer: the one place where an event, its exports, log lines, metrics and a
//! [`Diagnostic`] meet.

mod batch;
mod trigger;

use std::time::{Duration, SystemTime};

use lambda_runtime::{Diagnostic, LambdaEvent};
use serde::Serialize;

use crate::config::{Batches, Config};
use crate::error::Error;
use crate::event::{Defaults, Event, Faults, Home};
use crate::export::Exporter;
use crate::failed_queue::FailedQueue;
use crate::receipt::Receipt;
use crate::telemetry::IGNORED;
use crate::walls::Walls;
use batch::{BatchAnswer, work_off};
use trigger::{Done, Trigger};

/// The function between two invocations.
#[derive(Debug)]
pub struct Function {
    name: String,
    ready: Result<Ready, Faults>,
}

#[derive(Debug)]
struct Ready {
    /// Where calls of AWS go.
    region: Option<String>,
    defaults: Defaults,
    batches: Batches,
    exporter: Exporter,
    failed_queue: Option<FailedQueue>,
}

/// What an event is answered with.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// There is a clip.
    Receipt(Box<Receipt>),
    /// There was nothing to do.
    Ignored(Ignored),
    /// What is left of a batch.
    Batch(BatchAnswer),
}

/// Why there was nothing to do.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Ignored {
    status: &'static str,
    reason: String,
}

impl From<Done> for Answer {
    fn from(done: Done) -> Self {
        match done {
            Done::Exported(receipt) => Self::Receipt(receipt),
            Done::Ignored(reason) => Self::Ignored(Ignored {
                status: IGNORED,
                reason,
            }),
        }
    }
}

impl Function {
    /// Makes the function out of its settings. Bad settings are kept for the answers to events.
    #[must_use]
    pub fn new(name: String, config: Result<Config, Faults>, sdk: &aws_config::SdkConfig) -> Self {
        let ready = config.map(|config| Ready {
            region: sdk.region().map(ToString::to_string),
            exporter: Exporter::new(sdk, &config),
            failed_queue: config
                .batches
                .failed_queue_url
                .as_deref()
                .map(|url| FailedQueue::new(sdk, url, config.transfer)),
            defaults: config.defaults,
            batches: config.batches,
        });
        Self { name, ready }
    }

    /// Answers one event, given as its text.
    ///
    /// # Errors
    ///
    /// With one of the labels of [`crate::error::ErrorType`]. Of a batch, whose messages fail each by
    /// itself, only where all of them stay in their queue.
    pub async fn handle(&self, event: LambdaEvent<String>) -> Result<Answer, Diagnostic> {
        let LambdaEvent { payload, context } = event;
        let walls = Walls::new(remaining(context.deadline, SystemTime::now()));
        let trigger = Trigger {
            function_name: &self.name,
            request_id: &context.request_id,
            message_id: None,
            walls,
        };
        let outcome = match &self.ready {
            Err(faults) => trigger.refuse(Error::Settings(faults.clone())),
            Ok(ready) => {
                let home = Home::of(ready.region.as_deref(), &context.invoked_function_arn);
                match Event::read(&payload, &ready.defaults, &home) {
                    Ok(Event::Batch(batch)) => {
                        drop(payload);
                        let answer = work_off(ready, &home, batch, trigger).await;
                        return answer.map(Answer::Batch);
                    }
                    Ok(Event::One(asked)) => trigger.serve(&ready.exporter, asked).await,
                    Err(faults) => trigger.refuse(Error::Request(faults)),
                }
            }
        };
        outcome.map(Answer::from).map_err(|failure| failure.diagnostic)
    }
}

/// Time until Lambda kills the invocation; `None` if `deadline` (milliseconds since 1970) is none.
///
/// Some emulators count the deadline from 1970 instead of from now, which says nothing.
fn remaining(deadline: u64, now: SystemTime) -> Option<Duration> {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let now = now.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    let deadline = Duration::from_millis(deadline);
    (deadline.saturating_add(DAY) > now).then(|| deadline.saturating_sub(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_of_1970_is_none() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_168_800);
        assert_eq!(remaining(600_000, now), None);
        assert_eq!(remaining(1_795_168_860_000, now), Some(Duration::from_secs(60)));
        assert_eq!(remaining(1_795_168_799_000, now), Some(Duration::ZERO));
    }
}
