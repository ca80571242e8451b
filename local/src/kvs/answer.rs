//! Answers on the wire: headers, error documents and the streamed clip.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::Response;
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderValue};
use hyper::http::StatusCode;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::clip::Clip;
use super::refusal::Refusal;
use super::stream::Framing;
use crate::http::{Body, close_delimited};
use crate::request_id::request_id;

/// Type of a clip.
const MP4: &str = "video/mp4";

const JSON: &str = "application/json";

/// The documentation that the service names behind each error code.
const ERROR_DOCUMENTATION: &str = "https://kinesisvideo.amazonaws.com/doc/2017-09-30/";

/// What a host answers that knows no such operation, whatever was asked.
const UNKNOWN_OPERATION: &str = "<AccessDeniedException>\n  <Message>Unable to determine service/operation name to be authorized</Message>\n</AccessDeniedException>\n";

/// A line that no MP4 begins with: it would be a box of 1.9 GB and of no known type.
const GARBAGE: &str = "no clip today, only this line again and again\n";

/// How often the line comes: more than a reader takes for a header.
const GARBAGE_LINES: usize = 2_000;

/// A GetClip answer that was handed to the connection to its last byte, by no fault shortened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Name of the stream.
    pub stream: String,
    /// Length of the clip in bytes.
    pub bytes: u64,
    /// SHA-256 of the clip.
    pub sha256: [u8; 32],
}

/// The newest answers, at most as many as it was made for.
#[derive(Debug)]
pub(super) struct Answers {
    room: usize,
    newest: Mutex<VecDeque<Answer>>,
}

impl Answers {
    pub(super) fn new(room: usize) -> Self {
        Self {
            room,
            newest: Mutex::default(),
        }
    }

    pub(super) fn list(&self) -> Vec<Answer> {
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        newest.iter().cloned().collect()
    }

    fn add(&self, answer: Answer) {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if newest.len() == self.room {
            newest.pop_front();
        }
        newest.push_back(answer);
    }
}

pub(super) fn json(value: &Value) -> Response<Body> {
    respond(StatusCode::OK, JSON, Body::full(value.to_string()))
}

pub(super) fn refuse(refusal: &Refusal) -> Response<Body> {
    let Refusal {
        status,
        code,
        message,
    } = refusal;
    let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = json!({ "Message": message }).to_string();
    let mut response = respond(status, JSON, Body::full(body));
    let headers = response.headers_mut();
    // A scripted code may hold anything; one that fits no header goes without.
    if let Ok(kind) = HeaderValue::try_from(format!("{code}:{ERROR_DOCUMENTATION}")) {
        headers.insert("x-amzn-ErrorType", kind);
    }
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

pub(super) fn unknown_operation() -> Response<Body> {
    let body = Body::full(UNKNOWN_OPERATION);
    respond(StatusCode::FORBIDDEN, "application/xml", body)
}

/// Status 200 and the promised type, but not the promised content.
pub(super) fn garbage(is_clip: bool) -> Response<Body> {
    let kind = if is_clip { MP4 } else { JSON };
    let body = Body::full(GARBAGE.repeat(GARBAGE_LINES));
    respond(StatusCode::OK, kind, body)
}

/// Streams a clip; `record` notes it once its last byte is out.
pub(super) fn clip(
    clip: Clip,
    stream: String,
    framing: Framing,
    record: Option<&Arc<Answers>>,
) -> Response<Body> {
    let length = clip.len();
    let body = ClipBody {
        chunks: Box::new(clip.into_chunks()),
        length,
        left: length,
        announced: framing == Framing::ContentLength,
        digest: record
            .filter(|answers| answers.room > 0)
            .map(|answers| (Sha256::new(), Arc::clone(answers))),
        stream,
    };
    let response = respond(StatusCode::OK, MP4, Body::new(body));
    match framing {
        Framing::ContentLength | Framing::Chunked => response,
        Framing::CloseDelimited => close_delimited(response),
    }
}

fn respond(status: StatusCode, kind: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(id) = HeaderValue::try_from(request_id()) {
        headers.insert("x-amzn-RequestId", id);
    }
    response
}

struct ClipBody {
    chunks: Box<dyn Iterator<Item = Bytes> + Send>,
    length: u64,
    left: u64,
    announced: bool,
    digest: Option<(Sha256, Arc<Answers>)>,
    stream: String,
}

impl HttpBody for ClipBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(chunk) = self.chunks.next() else {
            return Poll::Ready(None);
        };
        self.left = self.left.saturating_sub(chunk.len() as u64);
        if let Some((digest, _)) = &mut self.digest {
            digest.update(&chunk);
        }
        if self.left == 0
            && let Some((digest, answers)) = self.digest.take()
        {
            answers.add(Answer {
                stream: std::mem::take(&mut self.stream),
                bytes: self.length,
                sha256: digest.finalize().into(),
            });
        }
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }

    fn size_hint(&self) -> SizeHint {
        if self.announced {
            SizeHint::with_exact(self.left)
        } else {
            SizeHint::default()
        }
    }
}
