//! S3, and uploads into it through the real SDK: the one on loopback, or the peer that `S3_PEER` names.

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
use clip_export::upload::{Head, Replaces, Store, Target, Upload};
use clip_export::walls::Walls;
use clip_export_local::http::Authority;
use clip_export_local::s3::{self, Bucket};

use crate::peer::{self, LIST_PARTS, Object, lacks};

pub(crate) const MIB: usize = 1 << 20;

/// Bytes of a part: the least that S3 takes.
pub(crate) const PART: usize = 5 * MIB;

/// How a rig differs from the usual one.
pub(crate) struct Setup {
    /// Parts on their way at a time: one, so that the order of the calls is known.
    pub(crate) uploads: usize,
    /// Bytes of a part.
    pub(crate) part: usize,
    /// Serves over TLS.
    pub(crate) authority: Option<Authority>,
    pub(crate) keeping: Keeping,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            uploads: 1,
            part: PART,
            authority: None,
            keeping: Keeping::default(),
        }
    }
}

pub(crate) struct Rig {
    /// The local S3, whose faults can be scripted; a peer has none.
    local: Option<s3::Server>,
    /// Looks at the bucket; what it does is not counted.
    pub(crate) client: aws_sdk_s3::Client,
    pub(crate) bucket: String,
    pub(crate) store: Store,
    pub(crate) tally: Tally,
    seen: Arc<Mutex<Vec<Sent>>>,
    _folder: tempfile::TempDir,
}

/// A request that carried a part or an object.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    /// The number of the part; none of an object that is a single call.
    pub(crate) part: Option<u32>,
    /// `x-amz-content-sha256`
    pub(crate) sha256: String,
}

impl Rig {
    pub(crate) async fn start() -> Self {
        Setup::default().start().await
    }

    pub(crate) async fn with(uploads: usize, authority: Option<Authority>) -> Self {
        let setup = Setup {
            uploads,
            authority,
            ..Setup::default()
        };
        setup.start().await
    }
}

impl Setup {
    pub(crate) async fn start(self) -> Rig {
        let folder = tempfile::tempdir().expect("a folder");
        let (local, endpoint, bucket) = match peer::peer() {
            Some(peer) => (None, peer.endpoint.clone(), peer::fresh_bucket()),
            None => {
                let s3 = s3::Server::start(s3::Options {
                    buckets: vec![Bucket::new("clips")],
                    authority: self.authority.clone(),
                    ..s3::Options::new(folder.path(), &[])
                });
                let s3 = s3.await.expect("S3");
                let endpoint = s3.endpoint().to_owned();
                (Some(s3), endpoint, "clips".to_owned())
            }
        };
        let http = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring));
        let http = match self.authority {
            None => http.build_https(),
            Some(authority) => {
                let trust = TrustStore::empty().with_pem_certificate(authority.pem());
                let context = TlsContext::builder().with_trust_store(trust).build();
                http.tls_context(context.expect("a certificate")).build_https()
            }
        };
        let seen: Arc<Mutex<Vec<Sent>>> = Arc::default();
        let noted = Arc::clone(&seen);
        let (unseen, http) = (http.clone(), http);
        let http = http_client_fn(move |settings, components| {
            SharedHttpConnector::new(Seen(
                http.http_connector(settings, components),
                Arc::clone(&noted),
            ))
        });
        let sdk = SdkConfig::builder()
            .behavior_version(aws_config::BehaviorVersion::latest())
            .endpoint_url(endpoint)
            .region(Region::new(s3::REGION))
            .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(
                peer::peer().map_or_else(
                    || Credentials::new(s3::ACCESS_KEY_ID, s3::SECRET_ACCESS_KEY, None, None, "test"),
                    |_| Credentials::new(clip_export_local::account::ACCOUNT_ID, "any", None, None, "test"),
                ),
            ))
            .http_client(http)
            .sleep_impl(aws_smithy_async::rt::sleep::SharedAsyncSleep::new(
                aws_smithy_async::rt::sleep::TokioSleep::new(),
            ))
            .time_source(aws_smithy_async::time::SystemTimeSource::new())
            .build();
        let transfer = Transfer {
            part_bytes: self.part.try_into().expect("not zero"),
            uploads: self.uploads.try_into().expect("not zero"),
            // A peer has a thread or two.
            stall: Duration::from_secs(if local.is_some() { 2 } else { 60 }),
            retries: 2,
        };
        let tally = Tally::default();
        let looking = aws_sdk_s3::config::Builder::from(&sdk)
            .force_path_style(true)
            .http_client(unseen)
            .build();
        let rig = Rig {
            local,
            client: aws_sdk_s3::Client::from_conf(looking),
            bucket,
            store: Store::new(&sdk, transfer, self.keeping).counting(&tally),
            tally,
            seen,
            _folder: folder,
        };
        if rig.local.is_none() {
            peer::create(&rig.client, &rig.bucket).await;
        }
        rig
    }
}

impl Rig {
    /// The scripts of the local S3.
    pub(crate) fn faults(&self) -> &clip_export_local::faults::Faults {
        &self.local.as_ref().expect("the local S3").faults
    }

    pub(crate) fn target(&self, key: &str) -> Target {
        Target {
            destination: Destination {
                bucket: self.bucket.clone(),
                key: key.to_owned(),
                tags: Vec::new(),
                metadata: Vec::new(),
                storage_class: None,
            },
            metadata: vec![("clip-stream".to_owned(), "gate".to_owned())],
            content_type: "video/mp4".to_owned(),
            replaces: Replaces::Nothing,
            expected_bytes: 0,
            walls: Walls::new(None),
        }
    }

    /// An upload that waits for its head, with `payload` written in uneven pieces.
    pub(crate) async fn written(&self, key: &str, payload: &Bytes) -> Upload {
        self.written_in(self.target(key), payload, &[777_777]).await
    }

    /// The same in pieces of these sizes in turn.
    pub(crate) async fn written_in(&self, target: Target, payload: &Bytes, sizes: &[usize]) -> Upload {
        let mut upload = self.store.upload(target);
        upload.hold_first();
        let (mut offset, mut sizes) = (0, sizes.iter().cycle());
        while offset < payload.len() {
            let end = payload.len().min(offset + sizes.next().expect("endless"));
            upload
                .write(offset as u64, payload.slice(offset..end))
                .await
                .expect("a piece is taken");
            offset = end;
            assert_eq!(upload.position(), offset as u64, "payload alone counts");
        }
        upload
    }

    /// The keys of all objects.
    pub(crate) async fn objects(&self) -> Vec<String> {
        let listed = self.client.list_objects_v2().bucket(&self.bucket).send().await;
        let listed = listed.expect("a list");
        listed
            .contents()
            .iter()
            .filter_map(|object| object.key.clone())
            .collect()
    }

    /// The bytes of all parts of each unfinished upload.
    pub(crate) async fn uploads(&self) -> Vec<u64> {
        let listed = self
            .client
            .list_multipart_uploads()
            .bucket(&self.bucket)
            .send()
            .await;
        let mut uploads = Vec::new();
        for upload in listed.expect("a list").uploads() {
            if lacks(LIST_PARTS) {
                uploads.push(0);
                continue;
            }
            let parts = self
                .client
                .list_parts()
                .bucket(&self.bucket)
                .set_key(upload.key.clone())
                .set_upload_id(upload.upload_id.clone())
                .send();
            let parts = parts.await.expect("a list");
            let bytes = parts.parts().iter().filter_map(|part| part.size);
            uploads.push(
                bytes
                    .map(|bytes| u64::try_from(bytes).expect("not negative"))
                    .sum(),
            );
        }
        uploads
    }

    pub(crate) async fn object(&self, key: &str) -> Object {
        Object::at(&self.client, &self.bucket, key).await
    }

    pub(crate) async fn nothing_is_left(&self, case: &str) {
        assert_eq!(self.uploads().await, [0; 0], "{case}");
        assert_eq!(self.objects().await, [""; 0], "{case}");
    }

    /// That the object is `head` and `payload`, and that S3's checksum says so too.
    pub(crate) async fn is_whole(&self, key: &str, head: &Moov, payload: &[u8], case: &str) -> Object {
        assert_eq!(self.uploads().await, [0; 0], "{case}");
        let object = self.object(key).await;
        let mut expected = head.whole();
        expected.extend_from_slice(payload);
        assert!(object.bytes == expected, "{case}: other bytes");
        object
    }

    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.seen.lock().expect("sound").clone()
    }

    /// Numbers of the parts that were sent, in the order of their calls.
    pub(crate) fn part_calls(&self) -> Vec<u32> {
        self.sent().iter().filter_map(|sent| sent.part).collect()
    }

    /// How often a whole object was sent.
    pub(crate) fn puts(&self) -> usize {
        self.sent().iter().filter(|sent| sent.part.is_none()).count()
    }
}

/// A connection on which the requests are looked at.
#[derive(Debug)]
struct Seen(SharedHttpConnector, Arc<Mutex<Vec<Sent>>>);

impl HttpConnector for Seen {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if request.method() == "PUT" {
            let (_, number) = request.uri().split_once("partNumber=").unzip();
            let number = number.and_then(|number| number.split('&').next());
            self.1.lock().expect("sound").push(Sent {
                part: number.map(|number| number.parse().expect("a number")),
                sha256: request
                    .headers()
                    .get("x-amz-content-sha256")
                    .unwrap_or_default()
                    .to_owned(),
            });
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
