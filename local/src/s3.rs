//! Amazon S3 on loopback, as unkind as the real one.
//!
//! It exists to prove that the function survives S3's refusals, and to leave a person a file to open: an
//! object is the plain file `<root>/<bucket>/<key>`, what S3 knows beside the bytes lies in `<root>/.s3/`.
//! It promises that an object appears whole or not at all, that a body which does not arrive whole leaves
//! nothing, and that an open multipart upload stays until it is completed or aborted (or the server ends).
//!
//! Protocol, signatures and XML are those of the `s3s` crate; the rules are ours, over its `S3` trait.
//! `s3s-fs` was judged and left: it takes parts of any size and order, keeps no conditional completion and
//! does not check an upload's checksum or size.
//!
//! Kinder than S3, on purpose: path-style only; a versioned bucket keeps its newest version alone; two keys of
//! which one would be a folder of the other cannot both exist (501 `NotImplemented`).

mod checks;
mod checksum;
mod complete;
mod front;
mod intake;
mod listing;
mod multipart;
mod objects;
mod paths;
mod service;
mod store;

use std::borrow::Cow;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use s3s::service::S3ServiceBuilder;
use s3s::{S3Error, S3ErrorCode};

use crate::faults::Faults;
use crate::http;

pub use crate::account::{ACCESS_KEY_ID, ACCOUNT_ID, REGION, SECRET_ACCESS_KEY};
pub use store::{OpenUpload, StoredObject};

/// A bucket that exists when the server starts.
#[derive(Clone, Debug)]
pub struct Bucket {
    name: String,
    versioned: bool,
    listable: bool,
}

impl Bucket {
    /// An unversioned bucket whose keys the caller may list.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            versioned: false,
            listable: true,
        }
    }

    /// Answers carry `x-amz-version-id`.
    #[must_use]
    pub fn versioned(mut self) -> Self {
        self.versioned = true;
        self
    }

    /// As without `s3:ListBucket`: a key that does not exist is 403 `AccessDenied`, not 404.
    #[must_use]
    pub fn unlistable(mut self) -> Self {
        self.listable = false;
        self
    }
}

/// How to start a [`Server`].
#[derive(Debug)]
pub struct Options {
    /// Where to listen; port 0 picks a free port.
    pub address: SocketAddr,
    /// The folder that holds the buckets; made when missing. Objects of an earlier run are found again.
    pub root: PathBuf,
    /// The buckets; `CreateBucket` can add more.
    pub buckets: Vec<Bucket>,
    /// Serves TLS with a certificate of this authority instead of plain HTTP.
    pub authority: Option<http::Authority>,
}

impl Options {
    /// Plain HTTP on a free loopback port, with these unversioned buckets under `root`.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>, buckets: &[&str]) -> Self {
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            root: root.into(),
            buckets: buckets.iter().map(|name| Bucket::new(*name)).collect(),
            authority: None,
        }
    }
}

/// A running S3. Dropping it closes its port and connections; objects stay on disk, open uploads do not.
#[derive(Debug)]
pub struct Server {
    /// What goes wrong, and what was called. Knows the operations of [`OPERATIONS`].
    ///
    /// On `PutObject` and `UploadPart` [`Stall`](crate::faults::Fault::Stall) and
    /// [`CutBody`](crate::faults::Fault::CutBody) act on the request's body, which is then never stored; on
    /// the other operations they act on the answer's body. A 409 is scripted as an
    /// [`Error`](crate::faults::Fault::Error) with the code `ConditionalRequestConflict`.
    pub faults: Faults,
    http: http::Server,
    store: Arc<store::Store>,
    unowned: service::Unowned,
}

/// The operations that this S3 knows, as AWS spells them.
pub const OPERATIONS: [&str; 14] = [
    "CreateBucket",
    "HeadBucket",
    "PutObject",
    "GetObject",
    "HeadObject",
    "ListObjectsV2",
    "DeleteObject",
    "GetObjectTagging",
    "CreateMultipartUpload",
    "UploadPart",
    "CompleteMultipartUpload",
    "AbortMultipartUpload",
    "ListParts",
    "ListMultipartUploads",
];

impl Server {
    /// Starts serving.
    ///
    /// # Errors
    /// The address cannot be bound, or the folder cannot be made or read.
    pub async fn start(options: Options) -> io::Result<Self> {
        let store = Arc::new(store::Store::open(options.root, options.buckets)?);
        let mut builder = S3ServiceBuilder::new(service::Service::new(Arc::clone(&store)));
        builder.set_auth(service::TestCredentials);
        let unowned = service::Unowned::default();
        builder.set_access(service::OwnerOnly(Arc::clone(&unowned)));
        let faults = Faults::new(front::can_express);
        let front = Arc::new(front::Front::new(builder.build(), faults.clone()));
        let handler = move |request, connection| {
            let front = Arc::clone(&front);
            async move { front.answer(request, connection).await }
        };
        let http = http::Server::bind(options.address, options.authority.as_ref(), handler).await?;
        Ok(Self {
            faults,
            http,
            store,
            unowned,
        })
    }

    /// The URL for `AWS_ENDPOINT_URL_S3`. Path-style addressing is needed.
    #[must_use]
    pub fn endpoint(&self) -> String {
        self.http.endpoint()
    }

    /// The address that the server listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.http.address()
    }

    /// The object at this key, as it is now.
    #[must_use]
    pub fn object(&self, bucket: &str, key: &str) -> Option<StoredObject> {
        self.store.object(bucket, key)
    }

    /// The keys in a bucket, in order; none for a bucket that does not exist.
    #[must_use]
    pub fn objects(&self, bucket: &str) -> Vec<String> {
        self.store.keys(bucket)
    }

    /// Multipart uploads that were neither completed nor aborted: what a test calls a leak.
    #[must_use]
    pub fn uploads(&self) -> Vec<OpenUpload> {
        self.store.uploads()
    }

    /// How often an operation was called.
    ///
    /// # Panics
    /// When S3 has no such operation: a misspelt name would count zero for ever.
    #[must_use]
    pub fn calls(&self, operation: &str) -> u64 {
        assert!(
            OPERATIONS.contains(&operation),
            "S3 here has no operation {operation}"
        );
        self.faults.calls(operation)
    }

    /// The operations that were called without `ExpectedBucketOwner`, in the order of their names.
    #[must_use]
    pub fn unowned(&self) -> Vec<String> {
        let unowned = self.unowned.lock().unwrap_or_else(PoisonError::into_inner);
        unowned.iter().cloned().collect()
    }

    /// Keys of the uploads that were completed without the size of the whole or without its checksum, in order.
    #[must_use]
    pub fn unsealed(&self) -> Vec<String> {
        self.store.state().unsealed.iter().cloned().collect()
    }

    /// Puts an object there without a request: the bytes, their type and the user metadata.
    ///
    /// # Errors
    /// The bucket does not exist, or the file cannot be written.
    pub fn put_object(
        &self,
        bucket: &str,
        key: &str,
        bytes: &[u8],
        content_type: &str,
        metadata: &[(&str, &str)],
    ) -> io::Result<StoredObject> {
        let object = objects::seed(&self.store, bucket, key, bytes, content_type, metadata);
        object.map_err(io::Error::other)
    }

    /// Makes the objects in a bucket whose keys begin so look older than they are: as if time had passed.
    pub fn age(&self, bucket: &str, keys: &str, by: Duration) {
        self.store.age(bucket, keys, by);
    }

    /// Lets running exchanges finish for up to two seconds and closes the port.
    pub async fn shutdown(self) {
        self.http.shutdown().await;
    }
}

/// S3's error answer for a code that `s3s` knows the HTTP status of.
fn refuse(code: S3ErrorCode, message: impl Into<Cow<'static, str>>) -> S3Error {
    S3Error::with_message(code, message)
}
