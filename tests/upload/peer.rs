//! Other implementations of S3, against which the same tests run: `S3_PEER=NAME=URL`, set by `make test-s3-peers`.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, Mutex};

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{BucketLocationConstraint, ChecksumMode, CreateBucketConfiguration};
use clip_export_local::http::Authority;
use clip_export_local::s3;

/// A peer of the local S3.
#[derive(Debug)]
pub(crate) struct Peer {
    name: String,
    pub(crate) endpoint: String,
}

/// The peer, if the tests run against one.
pub(crate) fn peer() -> Option<&'static Peer> {
    static PEER: LazyLock<Option<Peer>> = LazyLock::new(|| {
        let variable = std::env::var("S3_PEER").ok()?;
        let (name, endpoint) = variable.split_once('=').expect("S3_PEER=NAME=URL");
        Some(Peer {
            name: name.to_owned(),
            endpoint: endpoint.to_owned(),
        })
    });
    PEER.as_ref()
}

/// What peers do not do as S3 does; seen with the versions that `make test-s3-peers` installs.
const LACKING: [(&str, &str, &str); 5] = [
    (
        "moto",
        CRC64NVME,
        "it keeps none of a PutObject, and names none when it completes an upload",
    ),
    ("moto", LIST_PARTS, "its answer has a name that SDKs do not take"),
    (
        "moto",
        "another checksum",
        "it completes an upload whatever its checksum is said to be",
    ),
    ("moto", IF_MATCH, "a write replaces whatever is at its key"),
    (
        "moto",
        "another size",
        "it completes an upload whatever its size is said to be",
    ),
];

/// Checksums in answers.
pub(crate) const CRC64NVME: &str = "CRC64NVME";

/// Writes that replace one object and no other.
pub(crate) const IF_MATCH: &str = "If-Match";

/// The bytes of unfinished uploads.
pub(crate) const LIST_PARTS: &str = "ListParts";

/// Whether the peer cannot be asked for `what`. Says so, for the summary.
pub(crate) fn lacks(what: &str) -> bool {
    let Some(peer) = peer() else {
        return false;
    };
    let lacking = LACKING
        .iter()
        .find(|(name, lacks, _)| *name == peer.name && *lacks == what);
    if let Some((name, what, why)) = lacking {
        skip(name, what, why);
    }
    lacking.is_some()
}

/// Whether there is no S3 whose faults can be scripted. Says so.
pub(crate) fn has_no_faults(test: &str) -> bool {
    if let Some(peer) = peer() {
        skip(&peer.name, test, "its faults cannot be scripted");
    }
    peer().is_some()
}

/// Both ways to an S3; a peer is spoken to in plain HTTP alone.
pub(crate) fn with_tls(authority: &Authority) -> Vec<Option<Authority>> {
    match peer() {
        Some(peer) => {
            skip(&peer.name, "TLS", "it is started without a certificate");
            vec![None]
        }
        None => vec![None, Some(authority.clone())],
    }
}

fn skip(peer: &str, what: &str, why: &str) {
    static TOLD: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    // Not by println, which the harness keeps to itself while all is well.
    let line = format!("\nSKIPPED on {peer}: {what}: {why}\n");
    if TOLD.lock().expect("sound").insert(line.clone()) {
        std::io::stderr()
            .write_all(line.as_bytes())
            .expect("standard error");
    }
}

/// A name that no other test has.
pub(crate) fn fresh_bucket() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!("clips-{}-{number}", std::process::id())
}

pub(crate) async fn create(client: &Client, bucket: &str) {
    let region = BucketLocationConstraint::from(s3::REGION);
    let configuration = CreateBucketConfiguration::builder().location_constraint(region);
    let created = client
        .create_bucket()
        .bucket(bucket)
        .create_bucket_configuration(configuration.build())
        .send();
    created.await.expect("a bucket");
}

/// An object as S3 shows it.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) bytes: Vec<u8>,
    pub(crate) crc64nvme: Option<String>,
    /// `FULL_OBJECT` or `COMPOSITE`.
    pub(crate) checksum_type: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) metadata: Vec<(String, String)>,
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) storage_class: Option<String>,
    pub(crate) encryption: Option<String>,
    pub(crate) kms_key_id: Option<String>,
}

impl Object {
    pub(crate) async fn at(client: &Client, bucket: &str, key: &str) -> Self {
        let head = client
            .head_object()
            .bucket(bucket)
            .key(key)
            .checksum_mode(ChecksumMode::Enabled);
        let head = head.send().await.expect("an object");
        let got = client
            .get_object()
            .bucket(bucket)
            .key(key)
            .send()
            .await
            .expect("an object");
        let bytes = got.body.collect().await.expect("its bytes").to_vec();
        let tags = client
            .get_object_tagging()
            .bucket(bucket)
            .key(key)
            .send()
            .await
            .expect("tags");
        let sorted = |mut pairs: Vec<(String, String)>| {
            pairs.sort();
            pairs
        };
        Self {
            bytes,
            checksum_type: head.checksum_type().map(|kind| kind.as_str().to_owned()),
            crc64nvme: head.checksum_crc64_nvme,
            content_type: head.content_type,
            metadata: sorted(head.metadata.unwrap_or_default().into_iter().collect()),
            tags: sorted(tags.tag_set.into_iter().map(|tag| (tag.key, tag.value)).collect()),
            storage_class: head.storage_class.map(|class| class.as_str().to_owned()),
            encryption: head.server_side_encryption.map(|kind| kind.as_str().to_owned()),
            kms_key_id: head.ssekms_key_id,
        }
    }
}
