//! The operation, between a request and its answer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Request, Response, StatusCode};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::asynchronous::Records;
use super::environment::{Environments, Played};
use super::refusal::Refusal;
use super::request::{self, Invocation, LARGEST_EVENT};
use crate::faults::{self, Call, Fault, Faults};
use crate::http::{Body, Connection};
use crate::request_id::request_id;
use crate::signature;

/// Signing name of the service.
const SERVICE: &str = "lambda";

/// Bytes of a body that are read, so that one that is somewhat too large is refused and not cut off.
const LONGEST_REQUEST: usize = 16 << 20;

/// What Lambda says to a caller that asks too often.
const THROTTLE: (u16, &str, &str) = (429, "TooManyRequestsException", "Rate Exceeded.");

/// The operations that this Lambda knows, as AWS spells them.
pub const OPERATIONS: [&str; 1] = ["Invoke"];

/// For [`Faults::new`].
pub(super) fn can_express(operation: &str, fault: &Fault) -> Result<(), String> {
    if !OPERATIONS.contains(&operation) {
        return Err(format!("Lambda here has {}", OPERATIONS.join(", ")));
    }
    faults::all_but_an_error_inside_200(fault)
}

pub(super) struct Service {
    environments: Arc<Environments>,
    records: Arc<Records>,
    verify: bool,
    faults: Faults,
    /// Invocations, which go on without the connection that they came by, and end with the service.
    invocations: Mutex<JoinSet<()>>,
}

impl Service {
    pub(super) fn new(environments: Environments, records: Records, verify: bool, faults: Faults) -> Self {
        Self {
            environments: Arc::new(environments),
            records: Arc::new(records),
            verify,
            faults,
            invocations: Mutex::default(),
        }
    }

    pub(super) fn records(&self) -> &Records {
        &self.records
    }

    pub(super) async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        connection: Connection,
    ) -> Response<Body> {
        let (head, body) = request.into_parts();
        let Some(function) = request::function(&head) else {
            return refuse(&Refusal::unknown_operation());
        };
        let fault = self.faults.meet(Call {
            operation: "Invoke".to_owned(),
            key: Some(function.clone()),
            part_number: None,
        });
        let work = async {
            let Ok(body) = Limited::new(body, LONGEST_REQUEST).collect().await else {
                return refuse(&Refusal::too_large(LARGEST_EVENT));
            };
            let invoked = self.invoke(&function, &head, body.to_bytes()).await;
            invoked.unwrap_or_else(|refusal| refuse(&refusal))
        };
        let scripted = |status, code: &str, message: &str| refuse(&Refusal::scripted(status, code, message));
        faults::answer(fault, &connection, THROTTLE, scripted, work).await
    }

    async fn invoke(&self, function: &str, head: &Parts, body: Bytes) -> Result<Response<Body>, Refusal> {
        if self.verify {
            signature::check(head, &body, SERVICE)?;
        }
        request::check_function(function, head)?;
        let invocation = request::invocation(head)?;
        let event = Bytes::copy_from_slice(request::event(&body, invocation)?);
        let id = request_id();
        match invocation {
            Invocation::DryRun => Ok(respond(StatusCode::NO_CONTENT, &id, Body::empty())),
            Invocation::Event => {
                self.records.begin();
                let (environments, records) = (Arc::clone(&self.environments), Arc::clone(&self.records));
                let request_id = id.clone();
                self.spawn(async move { records.play(&environments, &request_id, event).await });
                Ok(respond(StatusCode::ACCEPTED, &id, Body::empty()))
            }
            Invocation::RequestResponse => {
                let place = self.environments.place().ok_or_else(Refusal::throttled)?;
                let environments = Arc::clone(&self.environments);
                let (ended, end) = oneshot::channel();
                let request_id = id.clone();
                self.spawn(async move {
                    let played = environments.play(place, &request_id, event).await;
                    // The caller may have left.
                    let _ = ended.send(played);
                });
                match end.await {
                    Ok(played) => Ok(result(&id, &played)),
                    Err(_) => Err(Refusal::scripted(
                        500,
                        "ServiceException",
                        "the stack is shutting down",
                    )),
                }
            }
        }
    }

    fn spawn(&self, invocation: impl Future<Output = ()> + Send + 'static) {
        let mut invocations = self.invocations();
        while invocations.try_join_next().is_some() {}
        invocations.spawn(invocation);
    }

    fn invocations(&self) -> MutexGuard<'_, JoinSet<()>> {
        // No code panics between two halves of a change, so a poisoned set is still a whole one.
        self.invocations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn result(request_id: &str, played: &Played) -> Response<Body> {
    let mut response = respond(StatusCode::OK, request_id, Body::full(played.payload.to_string()));
    let headers = response.headers_mut();
    headers.insert("X-Amz-Executed-Version", HeaderValue::from_static("$LATEST"));
    if played.failed {
        headers.insert("X-Amz-Function-Error", HeaderValue::from_static("Unhandled"));
    }
    response
}

fn refuse(refusal: &Refusal) -> Response<Body> {
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = respond(status, &request_id(), Body::full(refusal.document.to_string()));
    // A scripted code may hold anything; one that fits no header goes without.
    if let Ok(code) = HeaderValue::try_from(&refusal.code) {
        response.headers_mut().insert("x-amzn-ErrorType", code);
    }
    response
}

fn respond(status: StatusCode, request_id: &str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(id) = HeaderValue::try_from(request_id) {
        headers.insert("x-amzn-RequestId", id);
    }
    response
}
