//! The local stack that every way talks to.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use clip_export_local::account::{ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY};
use clip_export_local::footage::Footage;
use clip_export_local::http::Authority;
use clip_export_local::kvs::{self, Moov, Stream};
use clip_export_local::process::cpu_time;
use clip_export_local::runtime_api::RuntimeApi;
use clip_export_local::s3;

use super::Outcome;
use super::clip::{BOULEVARD, BOULEVARD_BITS_PER_SECOND, MOOV_LAST, MOTORWAY_BITS_PER_SECOND};
use super::link::{Link, Speed};

/// The bucket that clips go to.
pub(crate) const BUCKET: &str = "clips";

/// What lies between an exporter and the services.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Network {
    pub(crate) kvs: Option<Speed>,
    pub(crate) s3: Option<Speed>,
}

/// How often each operation of AWS was called.
pub(crate) type Calls = BTreeMap<&'static str, u64>;

/// S3, Kinesis Video Streams and the runtime API.
pub(crate) struct Stack {
    s3: s3::Server,
    kvs: kvs::Server,
    pub(crate) runtime: RuntimeApi,
    folder: tempfile::TempDir,
    tls: bool,
    /// Where S3 is found: its own endpoint, or the near end of a link.
    s3_endpoint: String,
    /// Where Kinesis Video Streams is found.
    kvs_endpoint: String,
    /// The same, but never slowed down.
    pub(crate) direct_kvs_endpoint: String,
    /// Held for its end: with it go the connections.
    _links: Vec<Link>,
}

impl Stack {
    /// Starts all of it behind a network; S3 and Kinesis Video Streams speak TLS if `tls`. Without `quotas` of Kinesis
    /// Video Streams exports may follow each other faster than in life.
    pub(crate) async fn start(tls: bool, network: Network, quotas: bool) -> Outcome<Self> {
        // In memory, where there is such a folder: what a disk takes is the same for everybody, and hides
        // what is measured.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())?;
        let authority = tls.then(Authority::new).transpose()?;
        if let Some(authority) = &authority {
            std::fs::write(folder.path().join("ca.pem"), authority.pem())?;
        }
        let mut streams = kvs::catalogue();
        let footage = Footage::h264_aac().bulky(MOTORWAY_BITS_PER_SECOND)?;
        streams.push(Stream::builder(MOOV_LAST, footage).moov(Moov::Last).build()?);
        let footage = Footage::h264_aac().bulky(BOULEVARD_BITS_PER_SECOND)?;
        streams.push(Stream::builder(BOULEVARD, footage).build()?);
        let kvs = kvs::Server::start(kvs::Options {
            streams,
            quotas,
            // The digests of answers are no part of what is measured.
            record: 0,
            authority: authority.clone(),
            ..kvs::Options::default()
        });
        let s3 = s3::Server::start(s3::Options {
            authority,
            ..s3::Options::new(folder.path().join("s3"), &[BUCKET])
        });
        let (s3, kvs) = (s3.await?, kvs.await?);
        let (s3_link, s3_endpoint) = behind(network.s3, &s3.endpoint()).await?;
        let (kvs_link, kvs_endpoint) = behind(network.kvs, &kvs.endpoint()).await?;
        Ok(Self {
            direct_kvs_endpoint: by_address(&kvs.endpoint()),
            s3,
            kvs,
            runtime: RuntimeApi::start().await?,
            folder,
            tls,
            s3_endpoint,
            kvs_endpoint,
            _links: [s3_link, kvs_link].into_iter().flatten().collect(),
        })
    }

    /// Where S3 is.
    pub(crate) fn s3_endpoint(&self) -> &str {
        &self.s3_endpoint
    }

    /// Where Kinesis Video Streams is, every stream's data endpoint included.
    pub(crate) fn kvs_endpoint(&self) -> &str {
        &self.kvs_endpoint
    }

    /// The certificates to trust, in PEM, if the stack speaks TLS.
    pub(crate) fn bundle(&self) -> Option<PathBuf> {
        self.tls.then(|| self.folder.path().join("ca.pem"))
    }

    /// The variables by which AWS SDKs find the stack and trust it.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let mut variables = vec![
            ("AWS_ENDPOINT_URL_S3", self.s3_endpoint.clone()),
            ("AWS_ENDPOINT_URL_KINESIS_VIDEO", self.kvs_endpoint.clone()),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY.to_owned()),
            // JavaScript's SDK reads the first, Python's the second.
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_DEFAULT_REGION", REGION.to_owned()),
        ];
        if let Some(bundle) = self.bundle() {
            let bundle = bundle.display().to_string();
            variables.push(("AWS_CA_BUNDLE", bundle.clone()));
            variables.push(("NODE_EXTRA_CA_CERTS", bundle));
        }
        variables
    }

    /// Processor time of the stack so far, which is this process.
    pub(crate) fn cpu() -> Outcome<Duration> {
        Ok(cpu_time(std::process::id()).ok_or("no processor time in /proc")?)
    }

    /// How often each operation was called since `before`; operations that were not are left out.
    pub(crate) fn calls_since(&self, before: &Calls) -> Calls {
        let mut calls = self.calls();
        calls.retain(|operation, count| {
            *count -= before.get(operation).copied().unwrap_or_default();
            *count > 0
        });
        calls
    }

    /// How often each operation was called so far.
    pub(crate) fn calls(&self) -> Calls {
        let kvs = kvs::OPERATIONS.iter().map(|name| (*name, self.kvs.calls(name)));
        let s3 = s3::OPERATIONS.iter().map(|name| (*name, self.s3.calls(name)));
        kvs.chain(s3).collect()
    }

    /// How often Kinesis Video Streams was called so far, by whatever operation.
    pub(crate) fn kvs_calls(&self) -> u64 {
        kvs::OPERATIONS.iter().map(|name| self.kvs.calls(name)).sum()
    }

    /// Bytes of all objects, which are emptied with it: the next export finds the memory free, and one that makes
    /// no object cannot pass for the one before.
    pub(crate) fn take(&self) -> Outcome<u64> {
        let mut bytes = 0;
        for key in self.s3.objects(BUCKET) {
            let object = self.s3.object(BUCKET, &key).ok_or("an object is gone")?;
            bytes += std::fs::metadata(object.path)?.len();
            self.s3.put_object(BUCKET, &key, &[], "video/mp4", &[])?;
        }
        if bytes == 0 {
            return Err("the export left no object".into());
        }
        Ok(bytes)
    }
}

/// By address: boto3 would make the bucket a sub-domain of a name.
fn by_address(endpoint: &str) -> String {
    endpoint.replace("localhost", "127.0.0.1")
}

/// A link to the service at that endpoint, and its near end; without a speed, the service's own.
async fn behind(speed: Option<Speed>, endpoint: &str) -> Outcome<(Option<Link>, String)> {
    let endpoint = by_address(endpoint);
    let Some(speed) = speed else {
        return Ok((None, endpoint));
    };
    let mut link = Link::new(speed);
    let (scheme, far) = endpoint.split_once("://").ok_or("an endpoint without a scheme")?;
    let near = link.to(far.parse()?).await?;
    Ok((Some(link), format!("{scheme}://{near}")))
}
