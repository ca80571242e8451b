//! Execution environments: where the function's processes run.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use super::Log;
use crate::function;
use crate::process::Process;
use crate::runtime_api::{Outcome, RuntimeApi};

/// How long log lines that were written before a process ended may take to arrive after it.
const LAST_LINES: Duration = Duration::from_millis(100);

/// The place that an event needs to run. One that runs cannot be throttled any more.
pub(super) struct Place {
    _permit: Option<OwnedSemaphorePermit>,
}

/// What came of an event.
#[derive(Clone, Debug)]
pub(super) struct Played {
    /// The function's response, or the error document.
    pub(super) payload: Value,
    /// Whether it is an error document.
    pub(super) failed: bool,
}

impl Played {
    fn failed(error_type: &str, error_message: &str) -> Self {
        Self {
            payload: json!({"errorType": error_type, "errorMessage": error_message}),
            failed: true,
        }
    }
}

/// All environments of the function.
pub(super) struct Environments {
    function: PathBuf,
    variables: function::Environment,
    timeout: Duration,
    log: Option<Arc<Log>>,
    places: Arc<Semaphore>,
    /// Warm ones that wait for an event.
    idle: Mutex<Vec<Environment>>,
}

struct Environment {
    api: RuntimeApi,
    process: Process,
    /// When it got its last event.
    since: Arc<Mutex<Instant>>,
    /// Passes the log on; ends with the environment.
    logging: JoinSet<()>,
}

impl Environments {
    pub(super) fn new(
        function: PathBuf,
        variables: function::Environment,
        timeout: Duration,
        concurrency: usize,
        log: Option<Log>,
    ) -> Self {
        Self {
            function,
            variables,
            timeout,
            log: log.map(Arc::new),
            places: Arc::new(Semaphore::new(concurrency)),
            idle: Mutex::default(),
        }
    }

    /// A place, if one is free.
    pub(super) fn place(&self) -> Option<Place> {
        let permit = Arc::clone(&self.places).try_acquire_owned().ok()?;
        Some(Place {
            _permit: Some(permit),
        })
    }

    /// Waits for a place and plays `event` there. The first who waits is the first to get one.
    pub(super) async fn play_in_turn(&self, request_id: &str, event: Bytes) -> Played {
        // The semaphore is never closed; were it, the event would run without a place, which harms nobody.
        let permit = Arc::clone(&self.places).acquire_owned().await.ok();
        self.play(Place { _permit: permit }, request_id, event).await
    }

    /// Hands `event` to a warm environment or to a new one, and says how it ended.
    pub(super) async fn play(&self, _place: Place, request_id: &str, event: Bytes) -> Played {
        let warm = self.warm();
        let environment = match warm {
            Some(environment) => Ok(environment),
            None => self.start().await,
        };
        let environment = match environment {
            Ok(environment) => environment,
            Err(error) => {
                let message = format!("RequestId: {request_id} Error: {error}");
                return Played::failed("Runtime.InvalidEntrypoint", &message);
            }
        };
        *held(&environment.since) = Instant::now();
        let invocation = environment
            .api
            .invoke_as(request_id.to_owned(), event, self.timeout);
        match invocation.await {
            Outcome::Response(payload) => {
                held(&self.idle).push(environment);
                Played {
                    payload,
                    failed: false,
                }
            }
            Outcome::Error {
                error_type,
                error_message,
            } => {
                if environment.api.first_next().is_some() {
                    held(&self.idle).push(environment);
                } else {
                    // It failed before it could take an event, and is about to end.
                    environment.end().await;
                }
                Played::failed(&error_type, &error_message)
            }
            Outcome::Exited { status } => {
                environment.end().await;
                let message = format!("RequestId: {request_id} Error: {}", exited(status));
                Played::failed("Runtime.ExitError", &message)
            }
            Outcome::TimedOut => {
                environment.end().await;
                let seconds = self.timeout.as_secs_f64();
                let message =
                    format!("RequestId: {request_id} Error: Task timed out after {seconds:.2} seconds");
                Played::failed("Sandbox.Timedout", &message)
            }
        }
    }

    /// A warm environment whose process is still there.
    fn warm(&self) -> Option<Environment> {
        let mut idle = held(&self.idle);
        idle.retain(|environment| !environment.process.has_ended());
        idle.pop()
    }

    async fn start(&self) -> io::Result<Environment> {
        let api = RuntimeApi::start().await?;
        let process = function::start(&self.function, &api, &self.variables)?;
        let since = Arc::new(Mutex::new(process.started()));
        let mut logging = JoinSet::new();
        if let Some(log) = self.log.clone() {
            let (process, since) = (process.clone(), Arc::clone(&since));
            logging.spawn(async move {
                let mut number = 0;
                while let Some(line) = process.line(number).await {
                    let elapsed = held(&since).elapsed();
                    log(&line, elapsed);
                    number += 1;
                }
            });
        }
        Ok(Environment {
            api,
            process,
            since,
            logging,
        })
    }
}

impl Environment {
    /// Kills the process, if it is not gone yet, and lets its last lines arrive.
    async fn end(mut self) {
        self.process.kill().await;
        // Whatever the process has started may hold its output open for longer.
        let _ = tokio::time::timeout(LAST_LINES, self.logging.join_next()).await;
    }
}

/// The end of a process as Lambda words it.
fn exited(status: Option<ExitStatus>) -> String {
    let (code, signal) = (status.and_then(|it| it.code()), status.and_then(|it| it.signal()));
    match (code, signal) {
        (Some(0), _) | (None, None) => "Runtime exited without providing a reason".to_owned(),
        (Some(code), _) => format!("Runtime exited with error: exit status {code}"),
        (None, Some(6)) => "Runtime exited with error: signal: aborted".to_owned(),
        (None, Some(9)) => "Runtime exited with error: signal: killed".to_owned(),
        (None, Some(11)) => "Runtime exited with error: signal: segmentation fault".to_owned(),
        (None, Some(signal)) => format!("Runtime exited with error: signal {signal}"),
    }
}

/// No code panics between two halves of a change, so a poisoned state is still a whole one.
fn held<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_worded_as_lambda_words_them() {
        // wait(2): the exit status in the second byte, a signal in the first.
        let end = |raw: i32| exited(Some(ExitStatus::from_raw(raw)));
        assert_eq!(end(0), "Runtime exited without providing a reason");
        assert_eq!(end(101 << 8), "Runtime exited with error: exit status 101");
        assert_eq!(end(9), "Runtime exited with error: signal: killed");
        assert_eq!(end(6), "Runtime exited with error: signal: aborted");
        assert_eq!(end(7), "Runtime exited with error: signal 7");
        assert_eq!(exited(None), "Runtime exited without providing a reason");
    }
}
