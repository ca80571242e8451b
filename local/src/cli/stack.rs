//! The services that both commands run.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use clip_export_local::function::Environment;
use clip_export_local::{kvs, s3, sqs};

/// The buckets of the local S3: where clips go, and a second one that an event may name.
pub(super) const BUCKETS: [&str; 2] = ["clips", "evidence"];

/// The queue of failed events.
pub(super) const FAILED: &str = "failed";

/// The memory that the function is told to have, in MiB: the smallest it is made for.
const MEMORY: u32 = 256;

/// `CLIP_ALARM_STREAMS`, so that alarms which name no stream find one.
const ALARM_STREAMS: &str = r#"{"lobby-*":"front-door"}"#;

/// Where the services listen. The default is free ports on loopback.
pub(super) struct Addresses {
    pub(super) host: IpAddr,
    pub(super) s3_port: u16,
    pub(super) kvs_port: u16,
    pub(super) sqs_port: u16,
}

impl Default for Addresses {
    fn default() -> Self {
        Self {
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            s3_port: 0,
            kvs_port: 0,
            sqs_port: 0,
        }
    }
}

/// The running services.
pub(super) struct Stack {
    pub(super) s3: s3::Server,
    pub(super) kvs: kvs::Server,
    pub(super) sqs: sqs::Server,
}

impl Stack {
    /// Starts them; objects are files below `out`.
    ///
    /// # Errors
    /// One does not start; the error says which.
    pub(super) async fn start(out: &Path, addresses: Addresses) -> io::Result<Self> {
        let Addresses {
            host,
            s3_port,
            kvs_port,
            sqs_port,
        } = addresses;
        let mut options = s3::Options::new(out, &BUCKETS);
        options.address = SocketAddr::new(host, s3_port);
        let s3 = s3::Server::start(options).await.map_err(starting("S3"))?;
        let options = kvs::Options {
            host,
            port: kvs_port,
            record: 0,
            ..kvs::Options::default()
        };
        let kvs = kvs::Server::start(options)
            .await
            .map_err(starting("Kinesis Video Streams"))?;
        let mut options = sqs::Options::new(&[FAILED]);
        options.address = SocketAddr::new(host, sqs_port);
        let sqs = sqs::Server::start(options).await.map_err(starting("SQS"))?;
        Ok(Self { s3, kvs, sqs })
    }

    /// The environment of a function that uses them, with what was given on the command line.
    pub(super) fn environment(&self, given: Vec<(String, String)>) -> Environment {
        let environment = Environment::of_lambda(MEMORY)
            .with_endpoints(self.s3.endpoint(), self.kvs.endpoint())
            .with_failed_queue(self.sqs.endpoint(), self.sqs.queue_url(FAILED))
            .with_bucket(BUCKETS[0])
            .with("CLIP_ALLOWED_BUCKETS", BUCKETS[1])
            .with("CLIP_ALARM_STREAMS", ALARM_STREAMS);
        let set = |environment: Environment, (name, value)| environment.with(name, value);
        given.into_iter().fold(environment, set)
    }

    /// Says what should not be there in the end.
    pub(super) fn warn_of_uploads(&self) {
        for upload in self.s3.uploads() {
            let (bucket, key) = (upload.bucket, upload.key);
            eprintln!("warning: the multipart upload to {bucket}/{key} was left open");
        }
    }
}

/// Says which of the stack's parts did not start: an I/O error alone names neither port nor folder.
pub(super) fn starting(part: &str) -> impl FnOnce(io::Error) -> io::Error {
    let part = part.to_owned();
    move |error| io::Error::new(error.kind(), format!("{part} does not start: {error}"))
}
