//! What the storm blows through: one S3 for all, and for each worker cameras, a queue and processes of its
//! own, so that the faults of one case are not met by another's calls.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clip_export_local::faults::Faults;
use clip_export_local::function::{Environment, start};
use clip_export_local::kvs::{self, Clock};
use clip_export_local::process::Process;
use clip_export_local::runtime_api::RuntimeApi;
use clip_export_local::s3::{self, Bucket};
use clip_export_local::sqs;

use crate::cameras::{NOW_MS, streams};
use crate::case::Case;
use crate::weather::Service;

/// Where clips go; the last one keeps versions.
pub(crate) const BUCKETS: [&str; 3] = ["clips", "evidence", "versions"];

/// The queue of failed events.
pub(crate) const FAILED: &str = "failed";

/// Memory in MiB, `CLIP_PART_MIB`, `CLIP_UPLOADS`, `CLIP_STALL_SECONDS`, `CLIP_RETRIES`. In a storm stalls are
/// to be over soon, and retries used up at times.
const PROFILES: [[u32; 5]; 3] = [[256, 5, 4, 2, 3], [128, 5, 1, 1, 1], [512, 8, 8, 2, 4]];

/// The function's own defaults but for the parts, which are as small as they may be: where nothing goes wrong, that a
/// machine is busy with fifty processes is not to look as if it did.
pub(crate) const PATIENT: usize = PROFILES.len();

/// What all workers share.
pub(crate) struct World {
    pub(crate) s3: s3::Server,
    function: PathBuf,
    _folder: tempfile::TempDir,
}

impl World {
    /// `function`: the binary; the one that this test was built with, if there is none.
    pub(crate) async fn start(function: Option<PathBuf>) -> Arc<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let [clips, evidence, versions] = BUCKETS.map(Bucket::new);
        let s3 = s3::Server::start(s3::Options {
            buckets: vec![clips, evidence, versions.versioned()],
            ..s3::Options::new(folder.path(), &[])
        });
        Arc::new(Self {
            s3: s3.await.expect("S3"),
            function: function.unwrap_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_clip-export"))),
            _folder: folder,
        })
    }
}

/// The faults of the services that a worker's cases meet.
pub(crate) struct Skies {
    kvs: Faults,
    s3: Faults,
    sqs: Faults,
    runtime: Faults,
}

impl Skies {
    pub(crate) fn faults(&self, service: Service) -> &Faults {
        match service {
            Service::Kvs => &self.kvs,
            Service::S3 => &self.s3,
            Service::Sqs => &self.sqs,
            Service::Runtime => &self.runtime,
        }
    }
}

/// One execution environment of the function.
pub(crate) struct Execution {
    pub(crate) runtime: RuntimeApi,
    pub(crate) process: Process,
}

/// One lane of the storm.
pub(crate) struct Worker {
    pub(crate) world: Arc<World>,
    still: kvs::Server,
    live: kvs::Server,
    pub(crate) sqs: sqs::Server,
    /// No process ever asks here.
    idle: RuntimeApi,
    warm: HashMap<(usize, bool), Execution>,
}

impl Worker {
    pub(crate) async fn start(world: Arc<World>) -> Self {
        Self::with(world, true).await
    }

    /// One whose cameras can be asked as often as anybody likes.
    pub(crate) async fn without_quotas(world: Arc<World>) -> Self {
        Self::with(world, false).await
    }

    async fn with(world: Arc<World>, quotas: bool) -> Self {
        Self {
            world,
            still: cameras(Clock::fixed(NOW_MS), quotas).await,
            live: cameras(Clock::system(), quotas).await,
            sqs: sqs::Server::start(sqs::Options::new(&[FAILED]))
                .await
                .expect("SQS"),
            idle: RuntimeApi::start().await.expect("the Runtime API"),
            warm: HashMap::new(),
        }
    }

    /// The cameras, with a clock that stands still or the machine's.
    pub(crate) fn kvs(&self, live: bool) -> &kvs::Server {
        if live { &self.live } else { &self.still }
    }

    /// The faults that the calls of a process meet.
    pub(crate) fn skies(&self, live: bool, execution: &Execution) -> Skies {
        self.above(live, &execution.runtime)
    }

    /// Skies to draw a case under: what can be expressed is the same for every process.
    pub(crate) fn any_skies(&self) -> Skies {
        self.above(false, &self.idle)
    }

    fn above(&self, live: bool, runtime: &RuntimeApi) -> Skies {
        Skies {
            kvs: self.kvs(live).faults.clone(),
            s3: self.world.s3.faults.clone(),
            sqs: self.sqs.faults.clone(),
            runtime: runtime.faults.clone(),
        }
    }

    /// A new process. Its first event is not asked for before there is one, so faults can be scripted still.
    pub(crate) async fn execution(&self, profile: usize, live: bool) -> Execution {
        let runtime = RuntimeApi::start().await.expect("the Runtime API");
        let environment = self.environment(profile, live);
        let process = start(&self.world.function, &runtime, &environment).expect("the function");
        Execution { runtime, process }
    }

    /// The process that served such cases before, or a new one if it is gone.
    pub(crate) async fn warm(&mut self, case: &Case) -> Execution {
        let (profile, live) = (case.profile, case.live);
        match self.warm.remove(&(profile, live)) {
            Some(execution) if !execution.process.has_ended() => execution,
            _ => self.execution(profile, live).await,
        }
    }

    /// Keeps a process for later cases.
    pub(crate) fn keep(&mut self, case: &Case, execution: Execution) {
        self.warm.insert((case.profile, case.live), execution);
    }

    fn environment(&self, profile: usize, live: bool) -> Environment {
        let drawn = PROFILES.get(profile);
        let (memory, part) = drawn.map_or((256, 5), |[memory, part, ..]| (*memory, *part));
        let environment = Environment::of_lambda(memory)
            .with_endpoints(self.world.s3.endpoint(), self.kvs(live).endpoint())
            .with_failed_queue(self.sqs.endpoint(), self.sqs.queue_url(FAILED))
            .with_bucket(BUCKETS[0])
            .with("CLIP_ALLOWED_BUCKETS", BUCKETS[1..].join(","))
            .with("CLIP_PART_MIB", part.to_string());
        let Some([_, _, uploads, stall, retries]) = drawn else {
            return environment;
        };
        environment
            .with("CLIP_UPLOADS", uploads.to_string())
            .with("CLIP_STALL_SECONDS", stall.to_string())
            .with("CLIP_RETRIES", retries.to_string())
    }
}

async fn cameras(now: Clock, quotas: bool) -> kvs::Server {
    let kvs = kvs::Server::start(kvs::Options {
        streams: streams(),
        now,
        quotas,
        record: 0,
        ..kvs::Options::default()
    });
    kvs.await.expect("Kinesis Video Streams")
}

/// Decodes every frame with ffmpeg, which has to have nothing to object to.
pub(crate) fn decodes(file: &Path) -> Result<(), String> {
    // G.711 in MP4 does not say how its channels are laid out, which ffmpeg would report.
    let arguments = ["-v", "warning", "-xerror", "-guess_layout_max", "0", "-i"];
    let mut command = std::process::Command::new("ffmpeg");
    command.args(arguments).arg(file).args(["-f", "null", "-"]);
    let output = command
        .output()
        .map_err(|error| format!("ffmpeg cannot be run ({error}): `make test` installs it"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    match output.status.success() && said.is_empty() {
        true => Ok(()),
        false => Err(format!("ffmpeg: {said}")),
    }
}
