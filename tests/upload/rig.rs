//! S3 on loopback, and uploads into it through the real SDK.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_types::SdkConfig;
use aws_types::region::Region;
use bytes::Bytes;
use clip_export::config::{Keeping, Transfer};
use clip_export::event::Destination;
use clip_export::tally::Tally;
use clip_export::upload::{Head, Store, Target, Upload};
use clip_export::walls::Walls;
use clip_export_local::http::Authority;
use clip_export_local::s3::{self, Bucket, StoredObject};

pub(crate) const MIB: usize = 1 << 20;

/// Bytes of a part: the least that S3 takes.
pub(crate) const PART: usize = 5 * MIB;

pub(crate) struct Rig {
    pub(crate) s3: s3::Server,
    pub(crate) store: Store,
    pub(crate) tally: Tally,
    /// `x-amz-content-sha256` of each request that carried a part or an object.
    pub(crate) signed: Arc<Mutex<Vec<String>>>,
    _folder: tempfile::TempDir,
}

impl Rig {
    /// With one part on its way at a time, so that the order of the calls is known.
    pub(crate) async fn start() -> Self {
        Self::with(1, None).await
    }

    pub(crate) async fn with(uploads: usize, authority: Option<Authority>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let s3 = s3::Server::start(s3::Options {
            buckets: vec![Bucket::new("clips")],
            authority: authority.clone(),
            ..s3::Options::new(folder.path(), &[])
        });
        let s3 = s3.await.expect("S3");
        let http = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring));
        let http = match authority {
            None => http.build_https(),
            Some(authority) => {
                let trust = TrustStore::empty().with_pem_certificate(authority.pem());
                let context = TlsContext::builder().with_trust_store(trust).build();
                http.tls_context(context.expect("a certificate")).build_https()
            }
        };
        let signed: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = Arc::clone(&signed);
        let http = http_client_fn(move |settings, components| {
            SharedHttpConnector::new(Seen(http.http_connector(settings, components), Arc::clone(&seen)))
        });
        let sdk = SdkConfig::builder()
            .behavior_version(aws_config::BehaviorVersion::latest())
            .endpoint_url(s3.endpoint())
            .region(Region::new(s3::REGION))
            .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(
                Credentials::new(s3::ACCESS_KEY_ID, s3::SECRET_ACCESS_KEY, None, None, "test"),
            ))
            .http_client(http)
            .sleep_impl(aws_smithy_async::rt::sleep::SharedAsyncSleep::new(
                aws_smithy_async::rt::sleep::TokioSleep::new(),
            ))
            .time_source(aws_smithy_async::time::SystemTimeSource::new())
            .build();
        let transfer = Transfer {
            part_bytes: PART.try_into().expect("not zero"),
            uploads: uploads.try_into().expect("not zero"),
            stall: Duration::from_secs(2),
            retries: 2,
        };
        let tally = Tally::default();
        Self {
            store: Store::new(&sdk, transfer, Keeping::default()).counting(&tally),
            s3,
            tally,
            signed,
            _folder: folder,
        }
    }

    pub(crate) fn target(key: &str) -> Target {
        Target {
            destination: Destination {
                bucket: "clips".to_owned(),
                key: key.to_owned(),
                tags: Vec::new(),
                metadata: Vec::new(),
                storage_class: None,
            },
            metadata: vec![("clip-stream".to_owned(), "gate".to_owned())],
            content_type: "video/mp4".to_owned(),
            overwrite: false,
            expected_bytes: 0,
            walls: Walls::new(None),
        }
    }

    /// An upload that waits for its head, with `payload` written in uneven pieces.
    pub(crate) async fn written(&self, key: &str, payload: &Bytes) -> Upload {
        let mut upload = self.store.upload(Self::target(key));
        upload.hold_first();
        let mut offset = 0;
        for piece in payload.chunks(777_777) {
            upload
                .write(offset, payload.slice_ref(piece))
                .await
                .expect("a piece is taken");
            offset += piece.len() as u64;
            assert_eq!(upload.position(), offset, "payload alone counts");
        }
        upload
    }

    pub(crate) fn nothing_is_left(&self, case: &str) {
        assert_eq!(self.s3.uploads(), [], "{case}");
        assert_eq!(self.s3.objects("clips"), [""; 0], "{case}");
    }

    /// That the object is `head` and `payload`, and that S3's checksum says so too.
    pub(crate) fn is_whole(&self, key: &str, head: &Moov, payload: &[u8], case: &str) -> StoredObject {
        assert_eq!(self.s3.uploads(), [], "{case}");
        let object = self.s3.object("clips", key).expect("an object");
        let mut expected = head.whole();
        expected.extend_from_slice(payload);
        let stored = std::fs::read(&object.path).expect("the object's file");
        assert!(stored == expected, "{case}: other bytes");
        object
    }

    /// Numbers of the parts that were sent, in the order of their calls.
    pub(crate) fn part_calls(&self) -> Vec<u32> {
        let log = self.s3.faults.log();
        log.iter().filter_map(|call| call.part_number).collect()
    }
}

/// A connection on which the requests are looked at.
#[derive(Debug)]
struct Seen(SharedHttpConnector, Arc<Mutex<Vec<String>>>);

impl HttpConnector for Seen {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if request.method() == "PUT" {
            let sha256 = request.headers().get("x-amz-content-sha256").unwrap_or_default();
            self.1.lock().expect("sound").push(sha256.to_owned());
        }
        self.0.call(request)
    }
}

/// Bytes that differ from place to place.
pub(crate) fn payload(length: usize) -> Bytes {
    let mut state = 7u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// A head in pieces of 64 KiB that knows how many of them are in memory.
#[derive(Debug)]
pub(crate) struct Moov {
    bytes: usize,
    /// What it says its length is.
    pub(crate) announced: u64,
    alive: Arc<Alive>,
}

#[derive(Debug, Default)]
struct Alive {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Moov {
    pub(crate) fn of(bytes: usize) -> Self {
        Self {
            bytes,
            announced: bytes as u64,
            alive: Arc::default(),
        }
    }

    pub(crate) fn whole(&self) -> Vec<u8> {
        let mut whole = Vec::with_capacity(self.bytes);
        self.pieces().for_each(|piece| whole.extend_from_slice(&piece));
        whole
    }

    /// Most bytes of pieces that were in memory at once.
    pub(crate) fn most_in_memory(&self) -> usize {
        self.alive.most.load(Ordering::Relaxed) * PIECE
    }
}

const PIECE: usize = 64 * 1024;

struct Piece(Vec<u8>, Arc<Alive>);

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.1.now.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Head for Moov {
    fn bytes(&self) -> u64 {
        self.announced
    }

    fn pieces(&self) -> Box<dyn Iterator<Item = Bytes> + Send> {
        let (bytes, alive) = (self.bytes, Arc::clone(&self.alive));
        let starts = (0..bytes).step_by(PIECE);
        Box::new(starts.map(move |start| {
            let length = PIECE.min(bytes - start);
            let now = alive.now.fetch_add(1, Ordering::Relaxed) + 1;
            alive.most.fetch_max(now, Ordering::Relaxed);
            let number = (start / PIECE) as u32;
            let piece = number.wrapping_mul(2_654_435_761).to_be_bytes();
            Bytes::from_owner(Piece(
                piece.into_iter().cycle().take(length).collect(),
                Arc::clone(&alive),
            ))
        }))
    }
}
