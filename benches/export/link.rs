//! A network of limited speed between an exporter and a service of the local stack.
//!
//! On loopback the services cost more time than the way to them, and whoever fetches first and sends
//! afterwards loses nothing by it. Real bytes come and go at the speed of a link, each way on its own; so a
//! [`Link`] passes connections on unchanged, and no faster than that: all of them together, or each by itself.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Bytes that pass at once: some milliseconds of a fast link, and a twelfth of a second of a slow one.
const PIECE: usize = 256 * 1024;

/// Time without bytes that is made up for: timers are late by some milliseconds, which must not make the link
/// slower than it is.
const SLACK: Duration = Duration::from_millis(20);

/// What is how fast, in bytes a second, each way.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Speed {
    /// All connections together.
    Shared(u32),
    /// Each connection.
    PerConnection(u32),
}

/// One way of a link, or of one of its connections.
#[derive(Debug)]
struct Way {
    bytes_per_second: u32,
    /// When what has been let in will have passed.
    free: Mutex<Instant>,
}

impl Way {
    fn new(bytes_per_second: u32) -> Arc<Self> {
        Arc::new(Self {
            bytes_per_second,
            free: Mutex::new(Instant::now()),
        })
    }

    /// Waits as long as `bytes` take, behind all that is on its way.
    async fn pass(&self, bytes: usize) {
        let free = {
            let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let begin = (*free).max(now.checked_sub(SLACK).unwrap_or(now));
            *free = begin + Duration::from_secs_f64(bytes as f64 / f64::from(self.bytes_per_second));
            *free
        };
        tokio::time::sleep_until(free).await;
    }
}

/// Up and down.
type Ways = [Arc<Way>; 2];

fn ways(bytes_per_second: u32) -> Ways {
    [Way::new(bytes_per_second), Way::new(bytes_per_second)]
}

/// A link with any number of servers at its far end. Dropping it closes every connection.
#[derive(Debug)]
pub(crate) struct Link {
    speed: Speed,
    shared: Ways,
    accepting: JoinSet<()>,
}

impl Link {
    pub(crate) fn new(speed: Speed) -> Self {
        let (Speed::Shared(bytes_per_second) | Speed::PerConnection(bytes_per_second)) = speed;
        Self {
            speed,
            shared: ways(bytes_per_second),
            accepting: JoinSet::new(),
        }
    }

    /// The address at this end for a server at the far end.
    pub(crate) async fn to(&mut self, server: SocketAddr) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (speed, shared) = (self.speed, self.shared.clone());
        self.accepting.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                let ways = match speed {
                    Speed::Shared(_) => shared.clone(),
                    Speed::PerConnection(bytes_per_second) => ways(bytes_per_second),
                };
                connections.spawn(async move {
                    // What ends a connection at one end ends it at the other: there is nobody else to tell.
                    let _ = connect(near, server, &ways).await;
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(address)
    }
}

async fn connect(near: TcpStream, server: SocketAddr, [up, down]: &Ways) -> io::Result<()> {
    let far = TcpStream::connect(server).await?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let (near_read, near_write) = near.into_split();
    let (far_read, far_write) = far.into_split();
    tokio::try_join!(carry(near_read, far_write, up), carry(far_read, near_write, down))?;
    Ok(())
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, way: &Way) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        let length = from.read(&mut piece).await?;
        if length == 0 {
            return to.shutdown().await;
        }
        way.pass(length).await;
        to.write_all(&piece[..length]).await?;
    }
}
