//! The Lambda Runtime API on loopback, so that the real binary runs as it does in Lambda.
//!
//! It owns the queue between a caller and one function process, and promises what Lambda promises: one
//! invocation at a time, a deadline that kills, and an end for every invocation. Version 2018-06-01
//! ("Using the Lambda runtime API for custom runtimes", AWS Lambda Developer Guide); response streaming, a
//! mode of its own, is refused.

mod exchange;

use std::io;
use std::net::SocketAddr;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::{Notify, oneshot};

use crate::faults::Faults;
use crate::http;
use crate::process::Process;
use crate::request_id::request_id;

/// The largest response in bytes: Lambda's "6 MB" for synchronous invocations ("Lambda quotas"), as its
/// error message gives it.
pub const LARGEST_RESPONSE: usize = 6_291_556;

/// How long a function may take from its start to its first `/next`: Lambda's limit of the init phase.
pub const INIT_LIMIT: Duration = Duration::from_secs(10);

/// The function's name.
pub const FUNCTION_NAME: &str = "clip-export";

/// The function that every invocation names.
pub const FUNCTION_ARN: &str = "arn:aws:lambda:eu-west-1:123456789012:function:clip-export";

/// How an invocation ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The function answered with this JSON.
    Response(Value),
    /// The function reported an error, or its answer was not one that Lambda takes
    /// (`Function.ResponseSizeTooLarge`, `Runtime.InvalidResponse` for what is not JSON).
    Error {
        /// The label that Step Functions match.
        error_type: String,
        /// The text for people.
        error_message: String,
    },
    /// The process ended before it answered.
    Exited {
        /// Its status; `None` when the system lost track of it.
        status: Option<ExitStatus>,
    },
    /// The deadline passed, or the function did not ask for its first event within [`INIT_LIMIT`]. The
    /// process has been killed, as Lambda does it.
    TimedOut,
}

/// A running Runtime API for one function process at a time.
#[derive(Debug)]
pub struct RuntimeApi {
    /// What goes wrong, for the operations `Next`, `Response`, `Error` and `InitError`.
    pub faults: Faults,
    http: http::Server,
    shared: Arc<Shared>,
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Woken when an invocation waits for a process.
    waiting: Notify,
}

#[derive(Debug, Default)]
struct State {
    process: Option<Process>,
    first_next: Option<Instant>,
    /// The init error of a process that was quicker than its first invocation.
    failed_init: Option<Outcome>,
    pending: Option<Invocation>,
    running: Option<Running>,
}

#[derive(Debug)]
struct Invocation {
    request_id: String,
    event: Bytes,
    deadline: Duration,
    taken: oneshot::Sender<()>,
    outcome: oneshot::Sender<Outcome>,
}

#[derive(Debug)]
struct Running {
    request_id: String,
    outcome: oneshot::Sender<Outcome>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Each change is a single assignment, so a poisoned state is still a whole one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RuntimeApi {
    /// Starts serving on a free loopback port.
    ///
    /// # Errors
    /// No port can be bound.
    pub async fn start() -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let faults = Faults::new(exchange::can_express);
        let exchange = Arc::new(exchange::Exchange::new(Arc::clone(&shared), faults.clone()));
        let handler = move |request, connection| {
            let exchange = Arc::clone(&exchange);
            async move { exchange.answer(request, connection).await }
        };
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        Ok(Self {
            faults,
            http: http::Server::bind(address, None, handler).await?,
            shared,
            turn: tokio::sync::Mutex::default(),
        })
    }

    /// The value of `AWS_LAMBDA_RUNTIME_API`: host and port.
    #[must_use]
    pub fn address(&self) -> String {
        self.http.address().to_string()
    }

    /// Forgets the process before, and when it first asked for an event. To be called before the next one is
    /// started: that one may ask before it is attached.
    pub fn detach(&self) {
        let mut state = self.shared.state();
        state.process = None;
        state.first_next = None;
        state.failed_init = None;
    }

    /// Makes `process` the one that invocations wait for and that a timeout kills.
    pub fn attach(&self, process: Process) {
        self.shared.state().process = Some(process);
    }

    /// When the process first asked for an event: the end of its cold start.
    #[must_use]
    pub fn first_next(&self) -> Option<Instant> {
        self.shared.state().first_next
    }

    /// Hands `event` to the function and waits for the end of the invocation. `deadline` runs from the moment
    /// when the function takes the event. Calls made at once are played one after the other.
    pub async fn invoke(&self, event: impl Into<Bytes>, deadline: Duration) -> Outcome {
        self.invoke_as(request_id(), event, deadline).await
    }

    /// The same under a given request id: Lambda keeps that of an asynchronous event through its retries.
    pub async fn invoke_as(
        &self,
        request_id: String,
        event: impl Into<Bytes>,
        deadline: Duration,
    ) -> Outcome {
        let _turn = self.turn.lock().await;
        let (taken, mut was_taken) = oneshot::channel();
        let (outcome, mut ended) = oneshot::channel();
        let process = {
            let mut state = self.shared.state();
            if let Some(outcome) = state.failed_init.take() {
                return outcome;
            }
            state.pending = Some(Invocation {
                request_id,
                event: event.into(),
                deadline,
                taken,
                outcome,
            });
            state.process.clone()
        };
        self.shared.waiting.notify_one();
        let exited = async {
            match &process {
                Some(process) => process.exited().await,
                None => std::future::pending().await,
            }
        };
        let timed_out = async {
            if tokio::time::timeout(INIT_LIMIT, &mut was_taken).await.is_ok() {
                tokio::time::sleep(deadline).await;
            }
        };
        let outcome = tokio::select! {
            // A process may answer and end at once; the answer counts.
            biased;
            Ok(outcome) = &mut ended => outcome,
            status = exited => Outcome::Exited { status },
            () = timed_out => {
                if let Some(process) = &process {
                    process.kill().await;
                }
                Outcome::TimedOut
            }
        };
        let mut state = self.shared.state();
        state.pending = None;
        state.running = None;
        outcome
    }
}

#[cfg(test)]
mod tests;
