//! Amazon SQS on loopback: queues that take messages, as unkind as the real one.
//!
//! It exists to show where events end that the function can never serve. It owns the queues' messages and
//! promises that only what SQS takes gets there: the JSON protocol, signatures, and the limits of
//! [`SendMessage`](https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html).
//! Nothing receives: whoever wants to know what was sent asks [`Server::messages`].
//!
//! Other than SQS, on purpose: standard queues only; members of a request that are no part of a message's
//! content (`DelaySeconds`, `MessageSystemAttributes`) are passed over; and where AWS's own pages differ, on
//! characters that XML does not have, it is the harsher one that counts: they are refused, not replaced.

mod attributes;
mod queue;
mod refusal;
mod request;
mod service;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::account::ACCOUNT_ID;
use crate::faults::Faults;
use crate::http::{self, Authority};
use service::Service;

pub use attributes::Attribute;
pub use queue::{Message, Queue};
pub use refusal::Refusal;
pub use service::OPERATIONS;

/// How to start a [`Server`].
#[derive(Debug)]
pub struct Options {
    /// Where to listen; port 0 picks a free port.
    pub address: SocketAddr,
    /// The names of the queues.
    pub queues: Vec<String>,
    /// Serves TLS with a certificate of this authority instead of plain HTTP.
    pub authority: Option<Authority>,
}

impl Options {
    /// Plain HTTP on a free loopback port, with these queues.
    #[must_use]
    pub fn new(queues: &[&str]) -> Self {
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            queues: queues.iter().map(|name| (*name).to_owned()).collect(),
            authority: None,
        }
    }
}

/// A running SQS. Dropping it closes its port and connections at once.
pub struct Server {
    /// What goes wrong, and what was called. Knows [`OPERATIONS`].
    pub faults: Faults,
    service: Arc<Service>,
    http: http::Server,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("sqs::Server").field(&self.endpoint()).finish()
    }
}

impl Server {
    /// Starts serving.
    ///
    /// # Errors
    /// The address cannot be bound, or no certificate can be made.
    pub async fn start(options: Options) -> io::Result<Self> {
        let faults = Faults::new(service::can_express);
        let service = Arc::new(Service::new(&options.queues, faults.clone()));
        let answering = Arc::clone(&service);
        let answer = move |request, connection| Arc::clone(&answering).answer(request, connection);
        let http = http::Server::bind(options.address, options.authority.as_ref(), answer).await?;
        Ok(Self {
            faults,
            service,
            http,
        })
    }

    /// The URL for `AWS_ENDPOINT_URL_SQS`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        self.http.endpoint()
    }

    /// The queue of that name, to be written to without a request.
    ///
    /// # Panics
    /// There is no such queue: a misspelt name would be empty for ever.
    #[must_use]
    pub fn queue(&self, name: &str) -> Queue {
        let queue = self.service.queue(name).cloned();
        queue.unwrap_or_else(|| panic!("SQS here has no queue {name}"))
    }

    /// The URL that clients name a queue by.
    ///
    /// # Panics
    /// There is no such queue.
    #[must_use]
    pub fn queue_url(&self, name: &str) -> String {
        format!("{}/{ACCOUNT_ID}/{}", self.endpoint(), self.queue(name).name())
    }

    /// What a queue holds, oldest first: the newest 10,000 messages.
    ///
    /// # Panics
    /// There is no such queue.
    #[must_use]
    pub fn messages(&self, queue: &str) -> Vec<Message> {
        self.queue(queue).messages()
    }

    /// How often one of [`OPERATIONS`] was called, faults included.
    ///
    /// # Panics
    /// When there is no such operation: a misspelt name would count zero for ever.
    #[must_use]
    pub fn calls(&self, operation: &str) -> u64 {
        assert!(
            OPERATIONS.contains(&operation),
            "SQS here has no operation {operation}"
        );
        self.faults.calls(operation)
    }

    /// Lets running exchanges finish for up to two seconds and closes the port.
    pub async fn shutdown(self) {
        self.http.shutdown().await;
    }
}
