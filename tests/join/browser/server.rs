//! Serves the page and the files, and takes what the page saw.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{ACCEPT_RANGES, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::{Viewed, Viewing};

const PAGE: &str = include_str!("page.html");

struct Work {
    viewings: Vec<Viewing>,
    viewed: Mutex<Option<oneshot::Sender<Vec<Viewed>>>>,
}

/// Serves on loopback for as long as the runtime lives; the receiver has what the page posts.
pub(super) async fn serve(viewings: Vec<Viewing>) -> (SocketAddr, oneshot::Receiver<Vec<Viewed>>) {
    let (sender, receiver) = oneshot::channel();
    let work = Arc::new(Work {
        viewings,
        viewed: Mutex::new(Some(sender)),
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let work = Arc::clone(&work);
            let service = service_fn(move |request| answer(Arc::clone(&work), request));
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(connection), service);
            // The browser closes connections as it likes, in the middle of an answer too.
            tokio::spawn(async { drop(connection.await) });
        }
    });
    (address, receiver)
}

async fn answer(work: Arc<Work>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    let file = path
        .strip_prefix("/files/")
        .and_then(|number| number.parse::<usize>().ok());
    let answer = match (path.as_str(), file.and_then(|number| work.viewings.get(number))) {
        ("/", _) => typed("text/html", PAGE.into()),
        ("/viewings", _) => typed(
            "application/json",
            serde_json::to_vec(&work.viewings).expect("JSON").into(),
        ),
        ("/viewed", _) => {
            let body = request.into_body().collect().await.expect("a body").to_bytes();
            let viewed = serde_json::from_slice(&body).expect("what the page saw");
            if let Some(sender) = work.viewed.lock().expect("no panic").take() {
                drop(sender.send(viewed));
            }
            Response::default()
        }
        (_, Some(viewing)) => {
            let bytes = Bytes::from(std::fs::read(&viewing.path).expect("the file"));
            let asked = request.headers().get(RANGE).and_then(|range| range.to_str().ok());
            part(bytes, asked)
        }
        _ => status(StatusCode::NOT_FOUND),
    };
    Ok(answer)
}

/// The part of a file that `Range` asks for (RFC 9110, 14.2), or all of it.
fn part(bytes: Bytes, asked: Option<&str>) -> Response<Full<Bytes>> {
    let size = bytes.len();
    let mut response = match asked.map(|asked| range(asked, size)) {
        None => typed("video/mp4", bytes),
        Some(None) => status(StatusCode::RANGE_NOT_SATISFIABLE),
        Some(Some(range)) => {
            let told = format!("bytes {}-{}/{size}", range.start, range.end - 1);
            let mut response = typed("video/mp4", bytes.slice(range));
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            response
                .headers_mut()
                .insert(CONTENT_RANGE, told.parse().expect("plain text"));
            response
        }
    };
    response
        .headers_mut()
        .insert(ACCEPT_RANGES, "bytes".parse().expect("plain text"));
    response
}

/// `bytes=FROM-` and `bytes=FROM-TO`, which is what browsers send for media.
fn range(asked: &str, size: usize) -> Option<Range<usize>> {
    let (from, to) = asked.strip_prefix("bytes=")?.split_once('-')?;
    let from = from.parse().ok()?;
    let end = to.parse::<usize>().map_or(size, |to| size.min(to + 1));
    (from < end).then_some(from..end)
}

fn typed(content_type: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, content_type.parse().expect("plain text"));
    response
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::default();
    *response.status_mut() = status;
    response
}
