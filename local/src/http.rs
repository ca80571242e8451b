//! The HTTP/1.1 server under every local service.
//!
//! It exists because the services must be able to misbehave below HTTP: reset a connection, stop sending,
//! die in the middle of a body. It owns the listening socket and every accepted connection, and promises
//! that both are gone once the [`Server`] is dropped or [`Server::shutdown`] has returned.
//!
//! Built on hyper's `http1` connection, not on a framework: frameworks hide the socket that a reset needs.

mod body;
mod tls;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::{JoinHandle, JoinSet};

pub use body::{Body, BodyError, close_delimited, cut_after, end_early, stall_after};
pub use tls::Authority;

/// How long [`Server::shutdown`] lets running exchanges finish before it closes their connections.
/// A scripted stall never finishes by itself, so the wait needs an end.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(2);

/// A listening HTTP/1.1 server. Dropping it closes the listener and all connections at once.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    scheme: &'static str,
    stop: watch::Sender<bool>,
    accepting: JoinHandle<()>,
}

impl Server {
    /// Listens on `address` (port 0 picks a free port) and answers every request with `handler`,
    /// over plain TCP or, when `authority` is given, over TLS with a certificate that it signed.
    ///
    /// The handler's future is dropped when its connection ends, so work that must survive a client's
    /// disappearance has to be spawned.
    ///
    /// # Errors
    /// The address cannot be bound, or the certificate cannot be made.
    pub async fn bind<H, F>(
        address: SocketAddr,
        authority: Option<&Authority>,
        handler: H,
    ) -> io::Result<Self>
    where
        H: Fn(Request<Incoming>, Connection) -> F + Send + Sync + 'static,
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let acceptor = authority.map(Authority::acceptor).transpose()?;
        let (stop, stopped) = watch::channel(false);
        let scheme = if acceptor.is_some() { "https" } else { "http" };
        let handler = Arc::new(handler);
        let accepting = tokio::spawn(accept(listener, acceptor, handler, stopped));
        Ok(Self {
            address,
            scheme,
            stop,
            accepting,
        })
    }

    /// The bound address, with the real port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT`, or `https://localhost:PORT` over TLS. A server bound to every interface
    /// is named by its loopback address.
    #[must_use]
    pub fn endpoint(&self) -> String {
        let port = self.address.port();
        match (self.scheme, self.address.ip()) {
            ("https", _) => format!("https://localhost:{port}"),
            (scheme, ip) if ip.is_unspecified() => format!("{scheme}://127.0.0.1:{port}"),
            (scheme, _) => format!("{scheme}://{}", self.address),
        }
    }

    /// Stops accepting, lets running exchanges finish for up to two seconds, then closes what is left.
    pub async fn shutdown(mut self) {
        // Fails only when the accepting task is already gone, which is the wanted end.
        let _ = self.stop.send(true);
        let _ = tokio::time::timeout(SHUTDOWN_GRACE, &mut self.accepting).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The task owns the connections in a `JoinSet`, so they end with it.
        self.accepting.abort();
    }
}

/// The connection that carries a request; lets the handler end it the hard way.
#[derive(Clone, Debug)]
pub struct Connection {
    peer: SocketAddr,
    reset: Arc<Reset>,
}

#[derive(Debug, Default)]
struct Reset {
    asked: AtomicBool,
    wake: Notify,
}

impl Connection {
    /// The client's address.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Sends a TCP RST and ends the connection, whatever was being read or written on it.
    ///
    /// Never returns: the handler's future is dropped with its connection. A handler ends itself with
    /// `match connection.reset().await {}`.
    pub async fn reset(&self) -> Infallible {
        self.reset.asked.store(true, Ordering::Release);
        self.hang_up().await
    }

    /// Closes the connection with a FIN and without an answer, as a server does that lets go of an idle
    /// connection just when a request comes in. Never returns, as [`Connection::reset`].
    pub async fn hang_up(&self) -> Infallible {
        self.reset.wake.notify_one();
        std::future::pending().await
    }
}

async fn accept<H, F>(
    listener: TcpListener,
    acceptor: Option<tokio_rustls::TlsAcceptor>,
    handler: Arc<H>,
    mut stopped: watch::Receiver<bool>,
) where
    H: Fn(Request<Incoming>, Connection) -> F + Send + Sync + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            _ = stopped.changed() => break,
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let Ok((tcp, peer)) = accepted else {
            // Out of file descriptors, or the peer left during the handshake: neither ends the server.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let connection = Connection {
            peer,
            reset: Arc::default(),
        };
        let socket = Socket {
            tcp,
            reset: Arc::clone(&connection.reset),
        };
        let (handler, acceptor, stopped) = (Arc::clone(&handler), acceptor.clone(), stopped.clone());
        connections.spawn(async move {
            // Small answers must not wait for Nagle's algorithm; failing to set it only costs time.
            let _ = socket.tcp.set_nodelay(true);
            match acceptor {
                None => serve(socket, connection, handler, stopped).await,
                Some(acceptor) => {
                    if let Ok(tls) = acceptor.accept(socket).await {
                        serve(tls, connection, handler, stopped).await;
                    }
                }
            }
        });
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn serve<S, H, F>(
    socket: S,
    connection: Connection,
    handler: Arc<H>,
    mut stopped: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
    H: Fn(Request<Incoming>, Connection) -> F,
    F: Future<Output = Response<Body>>,
{
    let reset = Arc::clone(&connection.reset);
    let service = service_fn(move |request| {
        let answer = handler(request, connection.clone());
        async { Ok::<_, Infallible>(answer.await) }
    });
    let mut exchange = pin!(http1::Builder::new().serve_connection(TokioIo::new(socket), service));
    // An error means that the client left or that a body was cut on purpose: the end either way.
    tokio::select! {
        _ = exchange.as_mut() => return,
        () = reset.wake.notified() => return,
        _ = stopped.wait_for(|stop| *stop) => exchange.as_mut().graceful_shutdown(),
    }
    tokio::select! {
        _ = exchange => {}
        () = reset.wake.notified() => {}
    }
}

/// The accepted TCP stream; its drop sends a RST when that was asked for, and a FIN otherwise.
struct Socket {
    tcp: TcpStream,
    reset: Arc<Reset>,
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.reset.asked.load(Ordering::Acquire) {
            // SO_LINGER of zero turns the coming close into a RST. Without it the client still loses the
            // connection, only more politely.
            let _ = self.tcp.set_zero_linger();
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
