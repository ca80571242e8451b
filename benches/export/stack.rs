//! The local stack that both exporters talk to, and the clips that they export.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clip_export_local::account::{ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY};
use clip_export_local::footage::Footage;
use clip_export_local::http::Authority;
use clip_export_local::kvs::{self, Moov, Stream};
use clip_export_local::process::cpu_time;
use clip_export_local::runtime_api::RuntimeApi;
use clip_export_local::s3;

use super::Outcome;

/// The bucket that clips go to.
pub(crate) const BUCKET: &str = "clips";

/// `motorway` of the local stack, with `moov` after the media.
const MOOV_LAST: &str = "motorway-moov-last";

/// Video bit rate of `motorway`, at which 180 s are just under the 100 MB of `GetClip`.
const BITS_PER_SECOND: u64 = 4_410_000;

/// A clip to export.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clip {
    pub(crate) stream: &'static str,
    pub(crate) seconds: u64,
}

impl Clip {
    /// The largest clip that `GetClip` makes: 180 s are 99.5 MB.
    pub(crate) const LARGE: Self = Self::moov_first(180);

    /// Small, middling and large, with `moov` first and last.
    pub(crate) const ALL: [Self; 6] = [
        Self::moov_first(18),
        Self::moov_first(90),
        Self::LARGE,
        Self::moov_last(18),
        Self::moov_last(90),
        Self::moov_last(180),
    ];

    const fn moov_first(seconds: u64) -> Self {
        Self {
            stream: "motorway",
            seconds,
        }
    }

    const fn moov_last(seconds: u64) -> Self {
        Self {
            stream: MOOV_LAST,
            seconds,
        }
    }

    /// Start and end in seconds since 1970: some whole hour that is over, so that the cameras have all of it.
    pub(crate) fn range(self) -> Outcome<(u64, u64)> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let start = (now / 3600 - 1) * 3600;
        Ok((start, start + self.seconds))
    }
}

/// S3, Kinesis Video Streams and the runtime API.
pub(crate) struct Stack {
    pub(crate) s3: s3::Server,
    pub(crate) kvs: kvs::Server,
    pub(crate) runtime: RuntimeApi,
    folder: tempfile::TempDir,
    tls: bool,
}

impl Stack {
    /// Starts all of it; S3 and Kinesis Video Streams speak TLS if `tls`.
    pub(crate) async fn start(tls: bool) -> Outcome<Self> {
        // In memory, where there is such a folder: what a disk takes is the same for everybody, and hides
        // what is measured.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())?;
        let authority = tls.then(Authority::new).transpose()?;
        if let Some(authority) = &authority {
            std::fs::write(folder.path().join("ca.pem"), authority.pem())?;
        }
        let mut streams = kvs::catalogue();
        let footage = Footage::h264_aac().bulky(BITS_PER_SECOND)?;
        streams.push(Stream::builder(MOOV_LAST, footage).moov(Moov::Last).build()?);
        let kvs = kvs::Server::start(kvs::Options {
            streams,
            // Neither is part of what is measured.
            quotas: false,
            record: 0,
            authority: authority.clone(),
            ..kvs::Options::default()
        });
        let s3 = s3::Server::start(s3::Options {
            authority,
            ..s3::Options::new(folder.path().join("s3"), &[BUCKET])
        });
        Ok(Self {
            s3: s3.await?,
            kvs: kvs.await?,
            runtime: RuntimeApi::start().await?,
            folder,
            tls,
        })
    }

    /// `http` or `https`.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.tls { "https" } else { "http" }
    }

    /// The variables by which an AWS SDK finds the stack and trusts it.
    pub(crate) fn environment(&self) -> Outcome<Vec<(&'static str, String)>> {
        // By address: boto3 would make the bucket a sub-domain of a name.
        let by_address = |endpoint: String| endpoint.replace("localhost", "127.0.0.1");
        let mut variables = vec![
            ("AWS_ENDPOINT_URL_S3", by_address(self.s3.endpoint())),
            ("AWS_ENDPOINT_URL_KINESIS_VIDEO", by_address(self.kvs.endpoint())),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY.to_owned()),
            ("AWS_DEFAULT_REGION", REGION.to_owned()),
        ];
        if self.tls {
            let bundle = self.folder.path().join("ca.pem");
            let bundle = bundle
                .to_str()
                .ok_or("the temporary folder's path is not UTF-8")?;
            variables.push(("AWS_CA_BUNDLE", bundle.to_owned()));
        }
        Ok(variables)
    }

    /// Processor time of the stack so far, which is this process.
    pub(crate) fn cpu() -> Outcome<Duration> {
        Ok(cpu_time(std::process::id()).ok_or("no processor time in /proc")?)
    }

    /// Size in bytes of the object that an export has just made; whoever made none has measured nothing.
    pub(crate) fn size(&self, key: &str) -> Outcome<u64> {
        let object = self.s3.object(BUCKET, key).ok_or("the export left no object")?;
        Ok(std::fs::metadata(object.path)?.len())
    }
}
