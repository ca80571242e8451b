//! The four calls of the Runtime API.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};

use super::{FUNCTION_ARN, LARGEST_RESPONSE, Outcome, Running, Shared};
use crate::faults::{self, Call, Fault, Faults};
use crate::http::{Body, Connection};

/// What a throttled Lambda says.
const THROTTLE: (u16, &str, &str) = (429, "TooManyRequestsException", "Rate Exceeded.");

pub(super) struct Exchange {
    shared: Arc<Shared>,
    faults: Faults,
}

pub(super) fn can_express(operation: &str, fault: &Fault) -> Result<(), String> {
    match (operation, fault) {
        ("Next" | "Response" | "Error" | "InitError", Fault::ErrorInside200 { .. }) => {
            Err("the Runtime API has no such answer".to_owned())
        }
        ("Response" | "Error" | "InitError", Fault::EndEarly { .. } | Fault::Garbage) => {
            Err("no runtime reads the body of this answer".to_owned())
        }
        ("Next" | "Response" | "Error" | "InitError", _) => Ok(()),
        _ => Err("the Runtime API has no such operation".to_owned()),
    }
}

impl Exchange {
    pub(super) fn new(shared: Arc<Shared>, faults: Faults) -> Self {
        Self { shared, faults }
    }

    pub(super) async fn answer(&self, request: Request<Incoming>, connection: Connection) -> Response<Body> {
        let path = request.uri().path().to_owned();
        let path = path.strip_prefix("/2018-06-01/runtime/");
        let segments: Vec<_> = path.map_or_else(Vec::new, |path| path.split('/').collect());
        let (operation, id) = match (request.method(), segments.as_slice()) {
            (&Method::GET, ["invocation", "next"]) => ("Next", ""),
            (&Method::POST, ["invocation", id, "response"]) => ("Response", *id),
            (&Method::POST, ["invocation", id, "error"]) => ("Error", *id),
            (&Method::POST, ["init", "error"]) => ("InitError", ""),
            _ => {
                return refuse(404, "InvalidRequest", "no such call in this version of the API");
            }
        };
        let fault = self.faults.meet(Call::of(operation));
        let work = async {
            match operation {
                "Next" => self.next().await,
                "Response" => self.response(id, request).await,
                "Error" => self.error(Some(id), request).await,
                _ => self.error(None, request).await,
            }
        };
        faults::answer(fault, &connection, THROTTLE, refuse, work).await
    }

    async fn next(&self) -> Response<Body> {
        self.shared.state().first_next.get_or_insert_with(Instant::now);
        let invocation = loop {
            let woken = self.shared.waiting.notified();
            if let Some(invocation) = self.shared.state().pending.take() {
                break invocation;
            }
            woken.await;
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or(Duration::ZERO);
        let end = now.saturating_add(invocation.deadline);
        let trace = format!(
            "Root=1-{:08x}-{:024x};Parent={:016x};Sampled=0",
            now.as_secs(),
            fastrand::u128(..) >> 32,
            fastrand::u64(..)
        );
        let mut response = Response::new(Body::full(invocation.event));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in [
            ("lambda-runtime-aws-request-id", &invocation.request_id),
            ("lambda-runtime-deadline-ms", &end.as_millis().to_string()),
            ("lambda-runtime-invoked-function-arn", &FUNCTION_ARN.to_owned()),
            ("lambda-runtime-trace-id", &trace),
        ] {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        }
        self.shared.state().running = Some(Running {
            request_id: invocation.request_id,
            outcome: invocation.outcome,
        });
        // Nobody listens any more when the invocation has timed out in its init phase.
        let _ = invocation.taken.send(());
        response
    }

    async fn response(&self, id: &str, request: Request<Incoming>) -> Response<Body> {
        let mode = request.headers().get("lambda-runtime-function-response-mode");
        if mode.is_some_and(|mode| mode.as_bytes().eq_ignore_ascii_case(b"streaming")) {
            let message = "response streaming is not part of this Runtime API";
            return refuse(400, "InvalidRequest", message);
        }
        let body = match read(request).await {
            Ok(body) => body,
            Err(Unread::Left) => return refuse(400, "InvalidRequest", "the body did not end"),
            Err(Unread::TooLarge) => {
                let outcome = Outcome::Error {
                    error_type: "Function.ResponseSizeTooLarge".to_owned(),
                    error_message: format!(
                        "Response payload size exceeded maximum allowed payload size ({LARGEST_RESPONSE} bytes)."
                    ),
                };
                if !self.finish(Some(id), outcome) {
                    return accepted(false);
                }
                let message = "Exceeded maximum allowed payload size";
                return refuse(413, "RequestEntityTooLarge", message);
            }
        };
        let outcome = match serde_json::from_slice(&body) {
            Ok(value) => Outcome::Response(value),
            Err(error) => Outcome::Error {
                error_type: "Runtime.InvalidResponse".to_owned(),
                error_message: format!("the response is not JSON: {error}"),
            },
        };
        accepted(self.finish(Some(id), outcome))
    }

    async fn error(&self, id: Option<&str>, request: Request<Incoming>) -> Response<Body> {
        let header = request.headers().get("lambda-runtime-function-error-type");
        let header = header
            .and_then(|it| it.to_str().ok())
            .unwrap_or("Unhandled")
            .to_owned();
        let Ok(body) = read(request).await else {
            return refuse(400, "InvalidRequest", "the body did not arrive whole");
        };
        let document: Value = serde_json::from_slice(&body).unwrap_or_default();
        let text = |name: &str| document[name].as_str().map(str::to_owned);
        let outcome = Outcome::Error {
            error_type: text("errorType").unwrap_or(header),
            error_message: text("errorMessage").unwrap_or_default(),
        };
        accepted(self.finish(id, outcome))
    }

    /// Ends the invocation `id`, or, without an id, whichever waits: an init error ends the first one, even
    /// if that is still to come. Says whether there was one.
    fn finish(&self, id: Option<&str>, outcome: Outcome) -> bool {
        let mut state = self.shared.state();
        let sender = match id {
            Some(id) => {
                let running = state.running.take_if(|running| running.request_id == id);
                running.map(|running| running.outcome)
            }
            None => state.pending.take().map(|pending| pending.outcome),
        };
        match (sender, id) {
            (Some(sender), _) => {
                // The caller may have stopped waiting at the deadline.
                let _ = sender.send(outcome);
                true
            }
            (None, Some(_)) => false,
            (None, None) => {
                state.failed_init = Some(outcome);
                true
            }
        }
    }
}

fn accepted(finished: bool) -> Response<Body> {
    match finished {
        true => document(202, &json!({"status": "OK"})),
        false => refuse(400, "InvalidRequestID", "Invalid request ID"),
    }
}

enum Unread {
    TooLarge,
    Left,
}

async fn read(request: Request<Incoming>) -> Result<Bytes, Unread> {
    let body = Limited::new(request.into_body(), LARGEST_RESPONSE);
    match body.collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(Unread::TooLarge),
        Err(_) => Err(Unread::Left),
    }
}

fn refuse(status: u16, code: &str, message: &str) -> Response<Body> {
    document(status, &json!({"errorType": code, "errorMessage": message}))
}

fn document(status: u16, value: &Value) -> Response<Body> {
    let mut response = Response::new(Body::full(value.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}
