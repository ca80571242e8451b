//! The operation, between a request and its answer.

use std::sync::Arc;

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};
use md5::{Digest, Md5};
use serde_json::{Value, json};

use super::attributes;
use super::queue::{LARGEST_MESSAGE, Queue};
use super::refusal::Refusal;
use super::request::Sending;
use crate::faults::{self, Call, Fault, Faults};
use crate::hex::hex;
use crate::http::{Body, Connection};
use crate::request_id::request_id;
use crate::signature;

/// Signing name of the service.
const SERVICE: &str = "sqs";

/// The only protocol that is spoken here.
const JSON: &str = "application/x-amz-json-1.0";

/// Longest request body in bytes: JSON may write a character of two bytes in six, and a message has 1 MiB.
const LONGEST_REQUEST: usize = 4 << 20;

/// What SQS says when it wants less.
const THROTTLE: (u16, &str, &str) = (403, "RequestThrottled", "Request is throttled.");

/// The operations that this SQS knows, as AWS spells them.
pub const OPERATIONS: [&str; 1] = ["SendMessage"];

/// For [`Faults::new`].
pub(super) fn can_express(operation: &str, fault: &Fault) -> Result<(), String> {
    if !OPERATIONS.contains(&operation) {
        return Err(format!("SQS here has {}", OPERATIONS.join(", ")));
    }
    faults::all_but_an_error_inside_200(fault)
}

pub(super) struct Service {
    queues: Vec<Queue>,
    faults: Faults,
}

impl Service {
    pub(super) fn new(queues: &[String], faults: Faults) -> Self {
        let queues = queues.iter().map(|name| Queue::new(name)).collect();
        Self { queues, faults }
    }

    pub(super) fn queue(&self, name: &str) -> Option<&Queue> {
        self.queues.iter().find(|queue| queue.name() == name)
    }

    pub(super) async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        connection: Connection,
    ) -> Response<Body> {
        let (head, body) = request.into_parts();
        let Ok(body) = Limited::new(body, LONGEST_REQUEST).collect().await else {
            return refuse(&Refusal::too_large(LARGEST_MESSAGE));
        };
        let body = body.to_bytes();
        if !sends(&head) {
            return refuse(&Refusal::unknown_operation());
        }
        let sending = Sending::read(&body);
        let fault = self.faults.meet(Call {
            operation: "SendMessage".to_owned(),
            key: sending.as_ref().ok().and_then(Sending::queue).map(str::to_owned),
            part_number: None,
        });
        let work = async {
            let sent = signature::check(&head, &body, SERVICE)
                .map_err(Refusal::from)
                .and(sending)
                .and_then(|sending| self.send(&sending));
            match sent {
                Ok(answer) => respond(StatusCode::OK, &answer),
                Err(refusal) => refuse(&refusal),
            }
        };
        let scripted = |status, code: &str, message: &str| refuse(&Refusal::scripted(status, code, message));
        faults::answer(fault, &connection, THROTTLE, scripted, work).await
    }

    fn send(&self, sending: &Sending) -> Result<Value, Refusal> {
        let queue = sending.queue().and_then(|name| self.queue(name));
        let queue = queue.ok_or_else(Refusal::no_queue)?;
        let message = sending.message()?;
        let mut answer = json!({
            "MD5OfMessageBody": hex(&Md5::digest(&message.body)),
            "MessageId": message.id,
        });
        if !message.attributes.is_empty() {
            answer["MD5OfMessageAttributes"] = attributes::md5(&message.attributes).into();
        }
        queue.put(message);
        Ok(answer)
    }
}

/// Whether a request is a `SendMessage` by the JSON protocol.
fn sends(head: &Parts) -> bool {
    let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    head.method == Method::POST
        && header("content-type") == Some(JSON)
        && header("x-amz-target") == Some("AmazonSQS.SendMessage")
}

fn refuse(refusal: &Refusal) -> Response<Body> {
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let answer = json!({"__type": refusal.kind, "message": refusal.message});
    let mut response = respond(status, &answer);
    let code = format!("{};{}", refusal.code, refusal.fault());
    // A scripted code may hold anything; one that fits no header goes without.
    if let Ok(code) = HeaderValue::try_from(code) {
        response.headers_mut().insert("x-amzn-query-error", code);
    }
    response
}

fn respond(status: StatusCode, answer: &Value) -> Response<Body> {
    let mut response = Response::new(Body::full(answer.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
    if let Ok(id) = HeaderValue::try_from(request_id()) {
        headers.insert("x-amzn-RequestId", id);
    }
    response
}
