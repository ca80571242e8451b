//! Lambda's Invoke API on loopback, in front of the function's real binary.
//!
//! It exists so that whatever invokes functions, a state machine above all, can invoke this one without an
//! account. It owns the execution environments, each a [`RuntimeApi`](crate::runtime_api::RuntimeApi) with a
//! process of its own, and promises what Lambda promises: an environment is started when it is needed, serves
//! one event at a time, stays warm, and is replaced after it ended or timed out; more events at once than
//! there may be environments are throttled. An invocation goes on when its caller leaves.
//!
//! Events that are invoked asynchronously wait for an environment, are tried again after an error of the
//! function, and end as a record ("Capturing records of Lambda asynchronous invocations", AWS Lambda Developer
//! Guide).
//!
//! Other than Lambda, on purpose: the function is always `clip-export`, version `$LATEST`; there are no logs
//! in the answer, no streamed responses, no freezing between events, and no event grows too old.

mod asynchronous;
mod environment;
mod refusal;
mod request;
mod service;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::faults::Faults;
use crate::function::Environment;
use crate::http;
use crate::sqs::Queue;
use asynchronous::Records;
use environment::Environments;
use service::Service;

pub use crate::runtime_api::{FUNCTION_ARN, FUNCTION_NAME};
pub use service::OPERATIONS;

/// Takes the function's log lines, each with the time since its environment got the event that it is about.
pub type Log = Box<dyn Fn(&str, Duration) + Send + Sync>;

/// How to start a [`Server`].
pub struct Options {
    /// Where to listen; port 0 picks a free port.
    pub address: SocketAddr,
    /// The function's binary.
    pub function: PathBuf,
    /// Its environment.
    pub environment: Environment,
    /// How long an event may take: Lambda's `Timeout`.
    pub timeout: Duration,
    /// The most execution environments, and so the most events at once: Lambda's reserved concurrency.
    pub concurrency: usize,
    /// How often an event that was invoked asynchronously is tried again: Lambda's `MaximumRetryAttempts`.
    pub retries: u32,
    /// How long to wait before that. Lambda waits one minute, then two.
    pub retry_wait: Duration,
    /// Where the record of such an event goes that failed each time: Lambda's `OnFailure`.
    pub on_failure: Option<Queue>,
    /// Whether requests must be signed with the local credentials. Services that run beside this stack have
    /// credentials of their own.
    pub verify: bool,
    /// Where the function's log lines go.
    pub log: Option<Log>,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("lambda::Options").field(&self.function).finish()
    }
}

impl Options {
    /// On a free loopback port: one environment, Lambda's longest timeout, two retries without a wait, no
    /// destination, signatures verified.
    #[must_use]
    pub fn new(function: impl Into<PathBuf>, environment: Environment) -> Self {
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            function: function.into(),
            environment,
            timeout: Duration::from_secs(900),
            concurrency: 1,
            retries: 2,
            retry_wait: Duration::ZERO,
            on_failure: None,
            verify: true,
            log: None,
        }
    }
}

/// A running Lambda with one function. Dropping it closes its port and kills the function's processes.
pub struct Server {
    /// What goes wrong, and what was called. Knows [`OPERATIONS`].
    pub faults: Faults,
    service: Arc<Service>,
    http: http::Server,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("lambda::Server").field(&self.endpoint()).finish()
    }
}

impl Server {
    /// Starts serving; the function's first process is started with its first event.
    ///
    /// # Errors
    /// The address cannot be bound, or there is no such binary.
    pub async fn start(options: Options) -> io::Result<Self> {
        let function = options.function;
        if !function.is_file() {
            let message = format!("{}: no such file", function.display());
            return Err(io::Error::new(io::ErrorKind::NotFound, message));
        }
        let faults = Faults::new(service::can_express);
        let environments = Environments::new(
            function,
            options.environment,
            options.timeout,
            options.concurrency,
            options.log,
        );
        let records = Records::new(options.retries, options.retry_wait, options.on_failure);
        let service = Arc::new(Service::new(
            environments,
            records,
            options.verify,
            faults.clone(),
        ));
        let answering = Arc::clone(&service);
        let answer = move |request, connection| Arc::clone(&answering).answer(request, connection);
        let http = http::Server::bind(options.address, None, answer).await?;
        Ok(Self {
            faults,
            service,
            http,
        })
    }

    /// The URL for `AWS_ENDPOINT_URL_LAMBDA`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        self.http.endpoint()
    }

    /// Waits until every event that was invoked asynchronously so far has ended.
    pub async fn settled(&self) {
        self.service.records().settled().await;
    }

    /// The records of events that were invoked asynchronously, of those that succeeded too, in the order in
    /// which they ended: the newest 1,000.
    #[must_use]
    pub fn records(&self) -> Vec<Value> {
        self.service.records().list()
    }

    /// How often one of [`OPERATIONS`] was called, faults included.
    ///
    /// # Panics
    /// When there is no such operation: a misspelt name would count zero for ever.
    #[must_use]
    pub fn calls(&self, operation: &str) -> u64 {
        assert!(
            OPERATIONS.contains(&operation),
            "Lambda here has no operation {operation}"
        );
        self.faults.calls(operation)
    }
}
