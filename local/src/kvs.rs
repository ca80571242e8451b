//! Kinesis Video Streams on loopback: cameras that have always been running, and the APIs that read them.
//!
//! It exists so that a person can try the function, and tests can break it, without an account. It owns the
//! streams, their quotas and the recorded requests, and promises the semantics of the real service where they
//! are documented or were seen by its users: GetClip takes fragments that *start* in the range (both ends
//! included), stops at 200 fragments or 100 MB without a word, takes of fragments with equal producer
//! timestamps the one that was ingested first, and sees a fragment only once the next one has started;
//! ListFragments has no order and lists every copy. Signatures are verified, their age is not. What the
//! archive really holds, [`Server::archived`] tells.
//!
//! | stream | footage | for |
//! | --- | --- | --- |
//! | `front-door` | H.264 + AAC | everything: ten years of retention, so nearly any date works |
//! | `loading-dock` | H.265 | pictures without sound, `hvc1` |
//! | `gate` | H.264 with B-frames + G.711 A-law | composition offsets, sound that is not AAC |
//! | `highway` | the first at 4.5 Mbit/s | clips that GetClip cuts at 100 MB |
//! | `motorway` | the first at 4.4 Mbit/s | 180 s are 90 fragments and just under 100 MB |
//! | `runway` | the first at 4 Mbit/s, fragments of 10 s | 5 MB a fragment: GetClip cuts after 19 |
//! | `glacier` | the first, fragments of 20 s | the longest fragments, a clip of over an hour |
//! | `turnstile` | H.264 at 30 pictures a second + AAC, fragments of 0.5 s | the shortest fragments, clips of 100 s |
//! | `revolving-door` | the same, fragments of 1.5, 2.5, 0.5 and 2 s in turn | fragments of unequal length |
//! | `barn` | the first, the first 40 s of each two minutes | gaps, written as samples that last |
//! | `stable` | the same | gaps that are closed up inside a clip |
//! | `harbour` | the first, reconnecting each ten minutes | 12 s that are archived twice, with equal producer timestamps |
//! | `ferry` | the same, the second time 300 ms later | fragments that overlap |
//! | `tram` | the same, its connections break inside of fragments and go on with another grid | a fragment of two pictures, and one that it begins in |
//! | `reception` | the first, without its sound track every other ten minutes | a track change: `InvalidCodecPrivateDataException` |
//! | `corridor` | the first | each answer shares 60 ms of sound with its neighbours, which an edit list hides |
//! | `yard` | the first | `moov` after the media |
//! | `workshop` | the first, then H.265, changing each full hour | `InvalidCodecPrivateDataException` |
//! | `night-shift` | the first | one hour of retention |
//! | `doorbell` | the first | no retention: `NoDataRetentionException` |
//! | `intercom` | stands for G.711 mu-law | `UnsupportedStreamMediaTypeException` |
//! | `dark-room` | none | a stream without fragments |
//!
//! Where the real service is unknown, this one chose, and a stream can be set otherwise where it matters: a
//! gap inside a clip lengthens the sample before it; a clip ends before the fragment that would pass 100 MB;
//! `moov` comes first and the length is announced; a clip's fragments stand in the order of their producer
//! timestamps, whichever clock selected them, and what overlaps is put behind what it overlaps; what arrived of
//! a fragment in which the connection broke is a fragment of its own; a start before the retention period is no
//! error, only an end is.

mod answer;
mod archive;
mod archived;
mod catalogue;
mod clip;
mod clock;
mod fragment;
mod quota;
mod refusal;
mod request;
mod service;
mod stream;

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::faults::Faults;
use crate::http::{self, Authority};
use answer::Answers;
use archive::Range;
use service::{Endpoint, Service, held};

pub use answer::Answer;
pub use archived::Archived;
pub use catalogue::catalogue;
pub use clock::Clock;
pub use refusal::Refusal;
pub use service::OPERATIONS;
pub use stream::{
    CodecChanges, Framing, Gaps, Moov, Reconnects, Repeats, Selector, SizeCut, SoundEdges, Stream,
    StreamBuilder, StreamError, Timescale, Unlisted,
};

/// How to start the service. The default is the catalogue on a free port of 127.0.0.1, with quotas, on the
/// machine's clock.
pub struct Options {
    /// Address to listen on.
    pub host: IpAddr,
    /// Port to listen on; 0 picks a free one.
    pub port: u16,
    /// The streams; names must differ.
    pub streams: Vec<Stream>,
    /// Where "now" comes from.
    pub now: Clock,
    /// Whether calls are throttled as the real quotas do.
    pub quotas: bool,
    /// How many full GetClip answers [`Server::answers`] remembers. 0 spares the time of their digests.
    pub record: usize,
    /// Serves TLS with a certificate of this authority, instead of plain HTTP.
    pub authority: Option<Authority>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            streams: catalogue(),
            now: Clock::system(),
            quotas: true,
            record: 16,
            authority: None,
        }
    }
}

/// The running service. Dropping it closes its sockets at once.
pub struct Server {
    /// What goes wrong, and what was called. Knows [`OPERATIONS`].
    pub faults: Faults,
    service: Arc<Service>,
    host: IpAddr,
    authority: Option<Authority>,
    first: http::Server,
    others: Mutex<Vec<http::Server>>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("kvs::Server").field(&self.endpoint()).finish()
    }
}

impl Server {
    /// Starts the service.
    ///
    /// # Errors
    /// The address cannot be bound, no certificate can be made, or two streams have one name.
    pub async fn start(options: Options) -> io::Result<Self> {
        let Options {
            host,
            port,
            streams,
            now,
            quotas,
            record,
            authority,
        } = options;
        let mut names: Vec<&str> = streams.iter().map(Stream::name).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            let message = format!("two streams are named {}", twice[0]);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let faults = Faults::new(service::can_express);
        let service = Arc::new(Service {
            streams,
            clock: now,
            faults: faults.clone(),
            quotas: quotas.then(Mutex::default),
            answers: Arc::new(Answers::new(record)),
            scheme: if authority.is_some() { "https" } else { "http" },
            moved: Mutex::default(),
            requests: Mutex::default(),
            listings: Mutex::default(),
            repeats: Mutex::default(),
        });
        let address = SocketAddr::new(host, port);
        let first = listen(&service, address, authority.as_ref(), 0).await?;
        Ok(Self {
            faults,
            service,
            host,
            authority,
            first,
            others: Mutex::default(),
        })
    }

    /// The control plane's address, such as `http://127.0.0.1:PORT`, and at first every stream's data
    /// endpoint.
    #[must_use]
    pub fn endpoint(&self) -> String {
        self.first.endpoint()
    }

    /// The ARN of a stream, if there is one of that name.
    #[must_use]
    pub fn arn(&self, stream: &str) -> Option<String> {
        self.stream(stream).map(Stream::arn)
    }

    /// The stream of that name.
    #[must_use]
    pub fn stream(&self, name: &str) -> Option<&Stream> {
        self.service.stream(name)
    }

    /// What the archive holds of a stream at this moment, for a judge to compute what has to be in a file:
    /// the fragments that start in the range, both ends included, in milliseconds since the epoch. Sorted by
    /// producer timestamp, then by ingestion; copies are in it, and so are fragments that ListFragments or
    /// GetClip leaves out. Costs no quota, and has no limit but memory.
    ///
    /// # Errors
    /// There is no such stream.
    pub fn archived(
        &self,
        stream: &str,
        by: Selector,
        start: i64,
        end: i64,
    ) -> Result<Vec<Archived>, Refusal> {
        let stream = self.stream(stream).ok_or_else(Refusal::no_stream)?;
        let range = Range { by, start, end };
        let fragments = archive::all(stream, range, self.service.clock.now_ms());
        let archived = |fragment| Archived::new(stream, fragment);
        Ok(fragments.iter().map(archived).collect())
    }

    /// How often one of [`OPERATIONS`] was called, faults included.
    ///
    /// # Panics
    /// When there is no such operation: a misspelt name would count zero for ever.
    #[must_use]
    pub fn calls(&self, operation: &str) -> u64 {
        assert!(
            OPERATIONS.contains(&operation),
            "Kinesis Video Streams here has no operation {operation}"
        );
        self.faults.calls(operation)
    }

    /// The request bodies of an operation in order of arrival, the newest 10,000; null for one that was no
    /// JSON object.
    #[must_use]
    pub fn requests(&self, operation: &str) -> Vec<Value> {
        let requests = held(&self.service.requests);
        let kept = requests.get(operation);
        kept.map(|kept| kept.iter().cloned().collect())
            .unwrap_or_default()
    }

    /// The newest GetClip answers that went out whole, as many as [`Options::record`] says, oldest first.
    #[must_use]
    pub fn answers(&self) -> Vec<Answer> {
        self.service.answers.list()
    }

    /// The very bytes that GetClip would answer at this moment, in memory. Their creation time is the clock's
    /// second, so only a [`Clock::fixed`] makes them the same as an answer's. Start and end in milliseconds
    /// since the epoch, both included. Costs no quota.
    ///
    /// # Errors
    /// What GetClip would refuse.
    pub fn clip_bytes(&self, stream: &str, by: Selector, start: i64, end: i64) -> Result<Vec<u8>, Refusal> {
        self.service.clip_bytes(stream, Range { by, start, end })
    }

    /// Moves a stream's data endpoint to a port of its own and says where: the old one answers 403 for it
    /// from now on, as a wrong host does, and GetDataEndpoint names the new one.
    ///
    /// # Errors
    /// There is no such stream, or no port is free.
    pub async fn move_endpoint(&self, stream: &str) -> io::Result<String> {
        if self.stream(stream).is_none() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "no such stream"));
        }
        let endpoint = held(&self.others).len() + 1;
        let address = SocketAddr::new(self.host, 0);
        let server = listen(&self.service, address, self.authority.as_ref(), endpoint).await?;
        let home = (endpoint, server.address().port());
        held(&self.service.moved).insert(stream.to_owned(), home);
        let named = server.endpoint();
        held(&self.others).push(server);
        Ok(named)
    }

    /// Stops listening, lets running answers finish for up to two seconds, then closes what is left.
    pub async fn shutdown(self) {
        let others = std::mem::take(&mut *held(&self.others));
        for server in others {
            server.shutdown().await;
        }
        self.first.shutdown().await;
    }
}

async fn listen(
    service: &Arc<Service>,
    address: SocketAddr,
    authority: Option<&Authority>,
    endpoint: Endpoint,
) -> io::Result<http::Server> {
    let service = Arc::clone(service);
    let answer = move |request, connection| Arc::clone(&service).answer(request, connection, endpoint);
    http::Server::bind(address, authority, answer).await
}
