//! One stack and one function process for one test.

use std::path::Path;
use std::time::Duration;

use clip_export_local::faults::{Fault, When};
use clip_export_local::function::{Environment, start};
use clip_export_local::kvs::{self, Clock, Selector, Stream, StreamBuilder};
use clip_export_local::process::Process;
use clip_export_local::runtime_api::{Outcome, RuntimeApi};
use clip_export_local::s3::{self, Bucket, StoredObject};
use clip_export_local::sqs;
use serde_json::{Value, json};

/// 2026-11-20T10:00:00Z, where the samples ask for footage.
pub(crate) const TEN: i64 = 1_795_168_800;

/// Milliseconds of a second.
pub(crate) const MS: i64 = 1000;

/// "Now" of the cameras: an hour later. Fixed, so that two answers for one range are the same bytes.
const NOW_MS: i64 = (TEN + 3600) * 1000;

/// The queue of failed events.
pub(crate) const FAILED: &str = "failed";

/// What a Lambda function has at most, and no test needs.
const LONG: Duration = Duration::from_secs(120);

pub(crate) struct Rig {
    pub(crate) kvs: kvs::Server,
    pub(crate) s3: s3::Server,
    pub(crate) sqs: sqs::Server,
    pub(crate) function: Process,
    runtime: RuntimeApi,
    environment: Environment,
    _folder: tempfile::TempDir,
}

/// How a stack and a function differ from the usual ones.
#[derive(Default)]
pub(crate) struct Setup {
    environment: Vec<(String, String)>,
    streams: Vec<Stream>,
    live: bool,
    versioned: bool,
    unlistable: bool,
    failed_queue: bool,
    authority: Option<clip_export_local::http::Authority>,
}

impl Setup {
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a camera to the catalogue.
    pub(crate) fn stream(mut self, stream: Stream) -> Self {
        self.streams.push(stream);
        self
    }

    /// The cameras' clock is the machine's.
    pub(crate) fn live(mut self) -> Self {
        self.live = true;
        self
    }

    pub(crate) fn versioned(mut self) -> Self {
        self.versioned = true;
        self
    }

    pub(crate) fn unlistable(mut self) -> Self {
        self.unlistable = true;
        self
    }

    /// There is a queue for what can never be served, [`FAILED`].
    pub(crate) fn failed_queue(mut self) -> Self {
        self.failed_queue = true;
        self
    }

    /// Serves S3 and Kinesis Video Streams over TLS.
    pub(crate) fn tls(mut self, authority: clip_export_local::http::Authority) -> Self {
        self.authority = Some(authority);
        self
    }

    pub(crate) async fn start(self) -> Rig {
        let folder = tempfile::tempdir().expect("a folder");
        let mut streams = kvs::catalogue();
        streams.extend(self.streams);
        let kvs = kvs::Server::start(kvs::Options {
            streams,
            now: if self.live {
                Clock::system()
            } else {
                Clock::fixed(NOW_MS)
            },
            authority: self.authority.clone(),
            ..kvs::Options::default()
        });
        let kvs = kvs.await.expect("Kinesis Video Streams");
        let mut bucket = Bucket::new("clips");
        if self.versioned {
            bucket = bucket.versioned();
        }
        if self.unlistable {
            bucket = bucket.unlistable();
        }
        let s3 = s3::Server::start(s3::Options {
            buckets: vec![bucket, Bucket::new("evidence")],
            authority: self.authority,
            ..s3::Options::new(folder.path(), &[])
        });
        let s3 = s3.await.expect("S3");
        let sqs = sqs::Server::start(sqs::Options::new(&[FAILED]))
            .await
            .expect("SQS");
        let runtime = RuntimeApi::start().await.expect("the runtime API");
        let mut environment = Environment::of_lambda(256)
            .with_endpoints(s3.endpoint(), kvs.endpoint())
            .with_bucket("clips")
            .with("CLIP_ALLOWED_BUCKETS", "evidence")
            .with("CLIP_PART_MIB", "5")
            .with("CLIP_STALL_SECONDS", "4")
            .with("CLIP_RETRIES", "2");
        if self.failed_queue {
            environment = environment
                .with("AWS_ENDPOINT_URL_SQS", sqs.endpoint())
                .with("CLIP_FAILED_QUEUE_URL", sqs.queue_url(FAILED));
        }
        for (name, value) in self.environment {
            environment = environment.with(name, value);
        }
        let binary = Path::new(env!("CARGO_BIN_EXE_clip-export"));
        let function = start(binary, &runtime, &environment).expect("the function");
        Rig {
            kvs,
            s3,
            sqs,
            function,
            runtime,
            environment,
            _folder: folder,
        }
    }
}

impl Rig {
    pub(crate) async fn start() -> Self {
        Setup::default().start().await
    }

    /// A function with one setting of its own.
    pub(crate) async fn with(name: &str, value: &str) -> Self {
        Setup::default().with(name, value).start().await
    }

    /// A stack with another camera than those of the catalogue.
    pub(crate) async fn with_camera(camera: StreamBuilder) -> Self {
        let camera = camera.build().expect("a stream");
        Setup::default().stream(camera).start().await
    }

    /// Sends an event and waits for the end of the invocation.
    pub(crate) async fn invoke(&self, event: &Value) -> Outcome {
        self.invoke_within(event, LONG).await
    }

    pub(crate) async fn invoke_within(&self, event: &Value, deadline: Duration) -> Outcome {
        self.runtime.invoke(event.to_string(), deadline).await
    }

    pub(crate) async fn invoke_text(&self, event: &str) -> Outcome {
        self.runtime.invoke(event.to_owned(), LONG).await
    }

    /// A second execution environment of the same function, on the same services.
    pub(crate) fn twin(&self, runtime: &RuntimeApi) -> Process {
        let binary = Path::new(env!("CARGO_BIN_EXE_clip-export"));
        start(binary, runtime, &self.environment).expect("the function")
    }

    /// Sends an event that must be served.
    pub(crate) async fn receipt(&self, event: &Value) -> Value {
        self.receipt_within(event, LONG).await
    }

    pub(crate) async fn receipt_within(&self, event: &Value, deadline: Duration) -> Value {
        match self.invoke_within(event, deadline).await {
            Outcome::Response(receipt) => receipt,
            other => panic!("{event} was answered with {other:?}\n{}", self.log()),
        }
    }

    /// Sends an event that must fail; the error type and the message.
    pub(crate) async fn error(&self, event: &Value) -> (String, String) {
        self.error_of(self.invoke(event).await)
    }

    pub(crate) fn error_of(&self, outcome: Outcome) -> (String, String) {
        match outcome {
            Outcome::Error {
                error_type,
                error_message,
            } => (error_type, error_message),
            other => panic!("answered with {other:?}\n{}", self.log()),
        }
    }

    /// Sends an event that must fail with `error_type` and leave nothing behind; the message.
    pub(crate) async fn fails(&self, event: &Value, error_type: &str) -> String {
        self.fails_within(event, LONG, error_type).await
    }

    pub(crate) async fn fails_within(&self, event: &Value, deadline: Duration, error_type: &str) -> String {
        let (actual, message) = self.error_of(self.invoke_within(event, deadline).await);
        assert_eq!(actual, error_type, "{message}\n{}", self.log());
        self.nothing_is_left();
        message
    }

    pub(crate) fn nothing_is_left(&self) {
        assert_eq!(self.s3.uploads(), [], "unfinished uploads\n{}", self.log());
        for bucket in ["clips", "evidence"] {
            assert_eq!(self.s3.objects(bucket), [""; 0], "objects\n{}", self.log());
        }
    }

    /// The one object in the bucket `clips`, once no upload is left behind.
    pub(crate) fn only_object(&self) -> StoredObject {
        assert_eq!(self.s3.uploads(), [], "unfinished uploads\n{}", self.log());
        let keys = self.s3.objects("clips");
        let [key] = &keys[..] else {
            panic!("objects: {keys:?}\n{}", self.log())
        };
        self.s3.object("clips", key).expect("an object")
    }

    /// What `GetClip` answers for an event made by [`event`].
    pub(crate) fn clip(&self, stream: &str, seconds: i64) -> Vec<u8> {
        let (start, end) = (TEN * 1000, (TEN + seconds) * 1000);
        let clip = self
            .kvs
            .clip_bytes(stream, Selector::ProducerTimestamp, start, end);
        clip.expect("a clip")
    }

    /// That the only object is, byte for byte, what `GetClip` answers.
    pub(crate) fn is_lossless(&self, stream: &str, seconds: i64) -> StoredObject {
        let object = self.only_object();
        let stored = std::fs::read(&object.path).expect("the object's file");
        assert!(
            stored == self.clip(stream, seconds),
            "the object differs from the clip"
        );
        object
    }

    pub(crate) fn kvs_fault(&self, operation: &str, when: When, fault: Fault) {
        self.kvs.faults.script(operation, when, fault);
    }

    pub(crate) fn s3_fault(&self, operation: &str, when: When, fault: Fault) {
        self.s3.faults.script(operation, when, fault);
    }

    pub(crate) fn aws_calls(&self) -> u64 {
        let kvs: u64 = kvs::OPERATIONS
            .iter()
            .map(|operation| self.kvs.calls(operation))
            .sum();
        let s3: u64 = s3::OPERATIONS
            .iter()
            .map(|operation| self.s3.calls(operation))
            .sum();
        kvs + s3
    }

    pub(crate) fn log(&self) -> String {
        self.function.lines().join("\n")
    }

    /// The lines of the log, once `wanted` is among them: the last ones can come after the answer.
    pub(crate) async fn log_with(&self, wanted: &str) -> Vec<String> {
        for number in 0.. {
            let Some(line) = self.function.line(number).await else {
                break;
            };
            if line.contains(wanted) {
                return self.function.lines();
            }
        }
        panic!("no {wanted} in the log:\n{}", self.log());
    }
}

/// An event for the first `seconds` seconds after ten o'clock by the producer's clock.
pub(crate) fn event(stream: &str, seconds: i64) -> Value {
    event_from(stream, TEN, seconds)
}

/// The same for the `seconds` seconds after `start`, which is in seconds since 1970.
pub(crate) fn event_from(stream: &str, start: i64, seconds: i64) -> Value {
    json!({
        "StreamName": stream,
        "ClipFragmentSelector": {
            "TimestampRange": {"StartTimestamp": start, "EndTimestamp": start + seconds}
        }
    })
}

/// `event` with further fields.
pub(crate) fn with(mut event: Value, fields: Value) -> Value {
    let (Some(event_fields), Value::Object(fields)) = (event.as_object_mut(), fields) else {
        panic!("objects")
    };
    event_fields.extend(fields);
    event
}

/// An event with everything that decides the footage, for the key `shift.mp4`.
pub(crate) fn asked(stream: &str, selector: &str, start: f64, end: f64, boundary: &str) -> Value {
    json!({
        "StreamName": stream,
        "Boundary": boundary,
        "Destination": {"Key": "shift.mp4"},
        "ClipFragmentSelector": {
            "FragmentSelectorType": selector,
            "TimestampRange": {"StartTimestamp": start, "EndTimestamp": end}
        }
    })
}

/// [`asked`] by the producer's clock, for every fragment that shows some of it, between seconds after ten o'clock.
pub(crate) fn covered(stream: &str, from: i64, to: i64) -> Value {
    let (start, end) = ((TEN + from) as f64, (TEN + to) as f64);
    asked(stream, "PRODUCER_TIMESTAMP", start, end, "COVER")
}

/// A refusal of a service.
pub(crate) fn refused(status: u16, code: &str) -> Fault {
    Fault::Error {
        status,
        code: code.to_owned(),
        message: "no".to_owned(),
    }
}
