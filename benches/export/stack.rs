//! The local stack that both exporters talk to, and the clips that they export.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clip_export_local::account::{ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY};
use clip_export_local::footage::Footage;
use clip_export_local::http::Authority;
use clip_export_local::kvs::{self, Moov, Stream};
use clip_export_local::process::cpu_time;
use clip_export_local::runtime_api::RuntimeApi;
use clip_export_local::s3;

use super::Outcome;
use super::link::Link;

/// The bucket that clips go to.
pub(crate) const BUCKET: &str = "clips";

/// `motorway` of the local stack, with `moov` after the media.
const MOOV_LAST: &str = "motorway-moov-last";

/// Video bit rate of `motorway`.
const BITS_PER_SECOND: u64 = 4_410_000;

/// A camera whose clips of 200 fragments are nearly as large as `GetClip` makes them. Three hours of it are
/// 2 GB, which the memory of most machines has room for twice, while S3 makes an object of its parts.
const BOULEVARD: &str = "boulevard";

/// Video bit rate of [`BOULEVARD`].
const BOULEVARD_BITS_PER_SECOND: u64 = 1_500_000;

/// Length of the fragments of every camera here.
const FRAGMENT_SECONDS: u64 = 2;

/// A clip to export.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clip {
    pub(crate) stream: &'static str,
    pub(crate) seconds: u64,
}

impl Clip {
    /// Nearly the largest clip that is asked for with one `GetClip`: 93 MB, 95 at most.
    pub(crate) const LARGE: Self = Self::moov_first(168);

    /// Small, middling and large, with `moov` first and last. Even the small ones have room for the 5 MiB that are
    /// held back for part 1 where `moov` is last, and for two parts more.
    pub(crate) const ALL: [Self; 6] = [
        Self::moov_first(30),
        Self::moov_first(90),
        Self::LARGE,
        Self::moov_last(30),
        Self::moov_last(90),
        Self::moov_last(168),
    ];

    /// One `GetClip`, 68 MB.
    pub(crate) const TWO_MINUTES: Self = Self {
        stream: "highway",
        seconds: 2 * 60,
    };

    /// 340 MB, four `GetClip`s.
    pub(crate) const TEN_MINUTES: Self = Self {
        stream: "highway",
        seconds: 10 * 60,
    };

    /// 27 `GetClip`s of 200 fragments, small ones and large ones.
    pub(crate) const THREE_HOURS: [Self; 2] = [
        Self {
            stream: "front-door",
            seconds: 3 * 60 * 60,
        },
        Self {
            stream: BOULEVARD,
            seconds: 3 * 60 * 60,
        },
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

    /// Start and end in seconds since 1970. They begin with a whole hour, and are over for an hour, so that the
    /// cameras have all of them.
    pub(crate) fn range(self) -> Outcome<(u64, u64)> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let start = (now / 3600 - 1 - self.seconds.div_ceil(3600)) * 3600;
        Ok((start, start + self.seconds))
    }

    /// As [`range`](Self::range), but with the start of the last fragment for an end: both ends of a request
    /// belong to it, and a fragment starts with the second that ends the range.
    pub(crate) fn fragment_starts(self) -> Outcome<(u64, u64)> {
        let (start, end) = self.range()?;
        Ok((start, end - FRAGMENT_SECONDS))
    }
}

/// How often each operation of AWS was called.
pub(crate) type Calls = BTreeMap<&'static str, u64>;

/// S3, Kinesis Video Streams and the runtime API.
pub(crate) struct Stack {
    pub(crate) s3: s3::Server,
    pub(crate) kvs: kvs::Server,
    pub(crate) runtime: RuntimeApi,
    folder: tempfile::TempDir,
    tls: bool,
    /// Where S3 and Kinesis Video Streams are found: their own endpoints, or the near end of a link.
    endpoints: [String; 2],
    /// Held for its end: with it go the connections.
    _link: Option<Link>,
}

impl Stack {
    /// Starts all of it without the quotas of Kinesis Video Streams, for exports that follow each other faster
    /// than in life; it and S3 speak TLS if `tls`.
    pub(crate) async fn start(tls: bool) -> Outcome<Self> {
        Self::serve(tls, false).await
    }

    /// As [`start`](Self::start), without TLS and with the quotas.
    pub(crate) async fn with_quotas() -> Outcome<Self> {
        Self::serve(false, true).await
    }

    /// As [`with_quotas`](Self::with_quotas), at the far end of a link.
    pub(crate) async fn behind(mut link: Link) -> Outcome<Self> {
        let mut stack = Self::serve(false, true).await?;
        for endpoint in &mut stack.endpoints {
            let far = endpoint.strip_prefix("http://").unwrap_or(endpoint).parse()?;
            *endpoint = format!("http://{}", link.to(far).await?);
        }
        stack._link = Some(link);
        Ok(stack)
    }

    async fn serve(tls: bool, quotas: bool) -> Outcome<Self> {
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
        // By address: boto3 would make the bucket a sub-domain of a name.
        let endpoints = [s3.endpoint(), kvs.endpoint()].map(|it| it.replace("localhost", "127.0.0.1"));
        Ok(Self {
            s3,
            kvs,
            runtime: RuntimeApi::start().await?,
            folder,
            tls,
            endpoints,
            _link: None,
        })
    }

    /// `http` or `https`.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.tls { "https" } else { "http" }
    }

    /// The variables by which an AWS SDK finds the stack and trusts it.
    pub(crate) fn environment(&self) -> Outcome<Vec<(&'static str, String)>> {
        let [s3, kinesis_video] = self.endpoints.clone();
        let mut variables = vec![
            ("AWS_ENDPOINT_URL_S3", s3),
            ("AWS_ENDPOINT_URL_KINESIS_VIDEO", kinesis_video),
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

    /// Size in bytes of the object that an export has just made; whoever made none has measured nothing.
    pub(crate) fn size(&self, key: &str) -> Outcome<u64> {
        let object = self.s3.object(BUCKET, key).ok_or("the export left no object")?;
        Ok(std::fs::metadata(object.path)?.len())
    }
}
