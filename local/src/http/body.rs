//! Response bodies: whole, streamed, and going wrong at an exact byte.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::header::{CONNECTION, CONTENT_LENGTH};
use hyper::{Response, Version};
use tokio::sync::mpsc;
use tokio::time::Sleep;

/// How long a body that is to be cut waits between its last byte and its end, so that hyper hands those
/// bytes to the kernel first: it drops its write buffer when a body fails.
const CUT_FLUSH: Duration = Duration::from_millis(20);

/// Why a body could not be produced. Ends the connection without a proper end of the body.
pub type BodyError = Box<dyn Error + Send + Sync>;

/// A response body. Its length is known (`Content-Length`) or not (chunked), and hyper pulls from it only
/// as fast as the client reads, so a streamed body is never held in memory as a whole.
pub struct Body(UnsyncBoxBody<Bytes, BodyError>);

impl Body {
    /// No bytes.
    #[must_use]
    pub fn empty() -> Self {
        Self::new(Empty::new())
    }

    /// All of `bytes`, with a `Content-Length`.
    #[must_use]
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        Self::new(Full::new(bytes.into()))
    }

    /// Any body of another crate.
    #[must_use]
    pub fn new<B>(body: B) -> Self
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BodyError>,
    {
        Self(UnsyncBoxBody::new(body.map_err(Into::into)))
    }

    /// A body of the chunks that are sent into the returned channel, which holds at most `chunks` of them
    /// (at least one): the producer waits for the client. `length` in bytes gives a `Content-Length`;
    /// without it the body is chunked. It ends when the sender is dropped; an `Err` cuts the connection.
    #[must_use]
    pub fn channel(chunks: usize, length: Option<u64>) -> (mpsc::Sender<Result<Bytes, BodyError>>, Self) {
        let (sender, chunks) = mpsc::channel(chunks.max(1));
        let body = Channel { chunks, left: length };
        (sender, Self::new(body))
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Body").field(&self.size_hint()).finish()
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Pin::new(&mut self.0).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

struct Channel {
    chunks: mpsc::Receiver<Result<Bytes, BodyError>>,
    left: Option<u64>,
}

impl HttpBody for Channel {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let chunk = ready!(self.chunks.poll_recv(cx));
        if let (Some(Ok(bytes)), Some(left)) = (&chunk, &mut self.left) {
            *left = left.saturating_sub(bytes.len() as u64);
        }
        Poll::Ready(chunk.map(|chunk| chunk.map(Frame::data)))
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// The answer stops after `after` body bytes and its connection stays open, for ever.
/// A body no longer than `after` arrives whole, but its end never does unless its length was announced.
#[must_use]
pub fn stall_after(response: Response<Body>, after: u64) -> Response<Body> {
    truncate(response, after, Ending::Stall)
}

/// The connection dies after `after` body bytes: the announced length is not reached, or the last chunk of
/// a chunked body never comes. A shorter body is sent whole and then cut before its proper end if it is
/// chunked; with a `Content-Length` it is complete by then.
#[must_use]
pub fn cut_after(response: Response<Body>, after: u64) -> Response<Body> {
    truncate(response, after, Ending::Cut)
}

/// The body ends after `after` bytes as if that were all: chunked and properly terminated, so that no
/// client can tell from HTTP that something is missing.
#[must_use]
pub fn end_early(response: Response<Body>, after: u64) -> Response<Body> {
    truncate(response, after, Ending::Clean)
}

/// The body's end is the end of the connection, as in HTTP/1.0: no `Content-Length`, not chunked.
#[must_use]
pub fn close_delimited(response: Response<Body>) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    parts.version = Version::HTTP_10;
    parts.headers.remove(CONTENT_LENGTH);
    parts
        .headers
        .insert(CONNECTION, hyper::header::HeaderValue::from_static("close"));
    let body = Truncated {
        body,
        left: u64::MAX,
        ending: Ending::Clean,
        flushing: None,
    };
    Response::from_parts(parts, Body::new(body))
}

fn truncate(response: Response<Body>, after: u64, ending: Ending) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    if matches!(ending, Ending::Clean) {
        parts.headers.remove(CONTENT_LENGTH);
    }
    let body = Truncated {
        body,
        left: after,
        ending,
        flushing: None,
    };
    Response::from_parts(parts, Body::new(body))
}

#[derive(Clone, Copy)]
enum Ending {
    Stall,
    Cut,
    Clean,
}

struct Truncated {
    body: Body,
    left: u64,
    ending: Ending,
    flushing: Option<Pin<Box<Sleep>>>,
}

impl HttpBody for Truncated {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        while self.left > 0 {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                None => self.left = 0,
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                Some(Ok(frame)) => {
                    // Trailers carry no body bytes and end with the body that they belong to.
                    let Ok(mut bytes) = frame.into_data() else {
                        continue;
                    };
                    let room = usize::try_from(self.left).unwrap_or(usize::MAX);
                    bytes.truncate(room);
                    self.left -= bytes.len() as u64;
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
            }
        }
        match self.ending {
            Ending::Clean => Poll::Ready(None),
            Ending::Stall => Poll::Pending,
            Ending::Cut => {
                let flushing = self
                    .flushing
                    .get_or_insert_with(|| Box::pin(tokio::time::sleep(CUT_FLUSH)));
                ready!(flushing.as_mut().poll(cx));
                Poll::Ready(Some(Err("the body is cut here on purpose".into())))
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self.ending {
            // Unknown on purpose: a length would give the game away.
            Ending::Clean => SizeHint::default(),
            // The promise that is then broken.
            Ending::Stall | Ending::Cut => self.body.size_hint(),
        }
    }
}
