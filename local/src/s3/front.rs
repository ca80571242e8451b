//! The HTTP face: names the operation, plays the faults, and puts S3's own headers on every answer.

use std::fmt::Write;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, SERVER};
use hyper::{Method, Request, Response, StatusCode};
use s3s::service::S3Service;

use super::OPERATIONS;
use super::store::identifier;
use crate::faults::{self, Call, Fault, Faults};
use crate::http::{Body, Connection};

/// What S3 says when it wants less: 503 with this code.
const SLOW_DOWN: (u16, &str, &str) = (503, "SlowDown", "Please reduce your request rate.");

pub(super) struct Front {
    service: S3Service,
    faults: Faults,
}

/// Where an operation carries the body that a fault could bend.
fn has_request_body(operation: &str) -> bool {
    matches!(operation, "PutObject" | "UploadPart")
}

fn has_response_body(operation: &str) -> bool {
    !has_request_body(operation)
        && !matches!(
            operation,
            "CreateBucket" | "HeadBucket" | "HeadObject" | "DeleteObject" | "AbortMultipartUpload"
        )
}

pub(super) fn can_express(operation: &str, fault: &Fault) -> Result<(), String> {
    if !OPERATIONS.contains(&operation) {
        return Err("S3 here has no such operation".to_owned());
    }
    let (possible, why) = match fault {
        Fault::Throttle | Fault::Reset | Fault::AnswerLost | Fault::HangUp | Fault::Delay(_) => (true, ""),
        Fault::Error { status, .. } => (
            (400..600).contains(status),
            "an error's status is from 400 to 599",
        ),
        Fault::Stall { .. } | Fault::CutBody { .. } => (
            has_request_body(operation) || has_response_body(operation),
            "neither its request nor its answer has a body",
        ),
        Fault::EndEarly { .. } | Fault::Garbage => (has_response_body(operation), "its answer has no body"),
        Fault::ErrorInside200 { .. } => (
            operation == "CompleteMultipartUpload",
            "only CompleteMultipartUpload answers before it knows its end",
        ),
    };
    if possible { Ok(()) } else { Err(why.to_owned()) }
}

impl Front {
    pub(super) fn new(service: S3Service, faults: Faults) -> Self {
        Self { service, faults }
    }

    pub(super) async fn answer(&self, request: Request<Incoming>, connection: Connection) -> Response<Body> {
        let ids = Ids::new();
        let call = name(&request);
        let operation = call.operation.clone();
        let uploads = has_request_body(&operation);
        let fault = self.faults.meet(call);
        let refuse = |status, code: &str, message: &str| ids.error(status, code, message);
        let response = match fault {
            Some(Fault::Stall { after }) if uploads => {
                swallow(request, after).await;
                std::future::pending().await
            }
            Some(Fault::CutBody { after }) if uploads => {
                swallow(request, after).await;
                match connection.reset().await {}
            }
            Some(Fault::ErrorInside200 { code, message }) => {
                swallow(request, u64::MAX).await;
                ids.error_inside_200(&code, &message)
            }
            Some(fault @ (Fault::Throttle | Fault::Error { .. } | Fault::Garbage)) => {
                // Read first: an answer before the end of a body can be lost with its connection.
                swallow(request, u64::MAX).await;
                let no_work = async { Response::new(Body::empty()) };
                faults::answer(Some(fault), &connection, SLOW_DOWN, refuse, no_work).await
            }
            fault => {
                let work = self.work(request, &ids);
                faults::answer(fault, &connection, SLOW_DOWN, refuse, work).await
            }
        };
        ids.sign(response)
    }

    async fn work(&self, request: Request<Incoming>, ids: &Ids) -> Response<Body> {
        let response = match self.service.call(request.map(s3s::Body::from)).await {
            Ok(response) => response,
            Err(error) => {
                let error = format!("{:?}", error);
                return ids.error(500, "InternalError", &error);
            }
        };
        let (mut parts, body) = response.into_parts();
        if parts.status.as_u16() < 400 {
            return Response::from_parts(parts, Body::new(body));
        }
        // S3's error documents name the request; s3s cannot know its ids.
        let document = match body.collect().await {
            Ok(body) => body.to_bytes(),
            Err(_) => Bytes::new(),
        };
        let text = String::from_utf8_lossy(&document);
        let text = text.replace("</Error>", &format!("{}</Error>", ids.elements()));
        parts.headers.remove(CONTENT_LENGTH);
        Response::from_parts(parts, Body::full(text))
    }
}

/// Reads up to `after` bytes of the body and drops them.
async fn swallow(request: Request<Incoming>, after: u64) {
    let mut body = request.into_body();
    let mut left = after;
    while left > 0 {
        match body.frame().await {
            Some(Ok(frame)) => {
                let length = frame.data_ref().map_or(0, Bytes::len);
                left = left.saturating_sub(length as u64);
            }
            Some(Err(_)) | None => return,
        }
    }
}

/// The operation of a path-style request, with its key and part number.
fn name(request: &Request<Incoming>) -> Call {
    let uri = request.uri();
    let query = uri.query().unwrap_or_default().as_bytes();
    let query: Vec<_> = form_urlencoded::parse(query).into_owned().collect();
    let has = |name: &str| query.iter().any(|(key, _)| key == name);
    let part = query.iter().find(|(key, _)| key == "partNumber");
    let path = uri.path().trim_start_matches('/');
    let key = path.split_once('/').map_or("", |(_, key)| key);
    let in_bucket = key.is_empty();
    let operation = match (request.method(), in_bucket) {
        (&Method::PUT, true) => "CreateBucket",
        (&Method::HEAD, true) => "HeadBucket",
        (&Method::GET, true) if has("uploads") => "ListMultipartUploads",
        (&Method::GET, true) if has("list-type") => "ListObjectsV2",
        (&Method::PUT, false) if has("uploadId") => "UploadPart",
        (&Method::PUT, false) => "PutObject",
        (&Method::HEAD, false) => "HeadObject",
        (&Method::GET, false) if has("uploadId") => "ListParts",
        (&Method::GET, false) if has("tagging") => "GetObjectTagging",
        (&Method::GET, false) => "GetObject",
        (&Method::DELETE, false) if has("uploadId") => "AbortMultipartUpload",
        (&Method::DELETE, false) => "DeleteObject",
        (&Method::POST, false) if has("uploads") => "CreateMultipartUpload",
        (&Method::POST, false) if has("uploadId") => "CompleteMultipartUpload",
        _ => "Unknown",
    };
    // Percent-decoding as in a query, where only the plus sign differs.
    let key = key.replace('+', "%2B");
    let key = form_urlencoded::parse(key.as_bytes()).next();
    let key = key.map(|(key, _)| key.into_owned()).filter(|_| !in_bucket);
    // What a listing is about is the beginning of keys.
    let prefix = query.iter().find(|(name, _)| name == "prefix");
    Call {
        operation: operation.to_owned(),
        key: key.or_else(|| prefix.map(|(_, prefix)| prefix.clone())),
        part_number: part.and_then(|(_, number)| number.parse().ok()),
    }
}

/// `x-amz-request-id` and `x-amz-id-2` of one exchange.
struct Ids {
    request: String,
    host: String,
}

impl Ids {
    fn new() -> Self {
        Self {
            request: format!("{:016X}", fastrand::u64(..)),
            host: format!("{}=", identifier(75)),
        }
    }

    fn elements(&self) -> String {
        let Self { request, host } = self;
        format!("<RequestId>{request}</RequestId><HostId>{host}</HostId>")
    }

    fn document(&self, code: &str, message: &str) -> String {
        let mut document = String::from("<Error><Code>");
        escape(&mut document, code);
        document.push_str("</Code><Message>");
        escape(&mut document, message);
        document.push_str("</Message>");
        document.push_str(&self.elements());
        document.push_str("</Error>");
        document
    }

    fn error(&self, status: u16, code: &str, message: &str) -> Response<Body> {
        let document = self.document(code, message);
        let body = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{document}");
        let mut response = Response::new(Body::full(body));
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let xml = HeaderValue::from_static("application/xml");
        response.headers_mut().insert(CONTENT_TYPE, xml);
        response
    }

    /// As CompleteMultipartUpload fails when it had to begin its answer: the XML declaration, white space
    /// to keep the connection, and then the error.
    fn error_inside_200(&self, code: &str, message: &str) -> Response<Body> {
        let document = self.document(code, message);
        let (sender, body) = Body::channel(1, None);
        tokio::spawn(async move {
            let declaration = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
            for chunk in [declaration, " ".to_owned(), "  ".to_owned(), document] {
                if sender.send(Ok(Bytes::from(chunk))).await.is_err() {
                    return;
                }
            }
        });
        let mut response = Response::new(body);
        let xml = HeaderValue::from_static("application/xml");
        response.headers_mut().insert(CONTENT_TYPE, xml);
        response
    }

    fn sign(&self, mut response: Response<Body>) -> Response<Body> {
        let headers = response.headers_mut();
        for (name, value) in [("x-amz-request-id", &self.request), ("x-amz-id-2", &self.host)] {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        }
        headers.insert(SERVER, HeaderValue::from_static("AmazonS3"));
        response
    }
}

fn escape(document: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '<' | '>' | '&' => {
                // Writing to a string cannot fail.
                let _ = write!(document, "&#{};", u32::from(character));
            }
            _ => document.push(character),
        }
    }
}
