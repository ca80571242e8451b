//! The storm: cases without end, several at once, until so many exports were tried or the time is over.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::case::Case;
use crate::deliver::Delivery;
use crate::report::Report;
use crate::stack::{BUCKETS, Worker, World};

/// Function processes that work at once: on two cores more only wait for each other.
const WORKERS: usize = 4;

/// Each so manieth case is decoded too.
const DECODED: u64 = 16;

/// How long and how hard.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Storm {
    pub(crate) seed: u64,
    pub(crate) exports: usize,
    pub(crate) time: Duration,
}

impl Storm {
    /// Plays all cases and says what became of them.
    pub(crate) async fn blow(self, world: &Arc<World>) -> Report {
        let report = Arc::new(Mutex::new(Report::default()));
        let next = Arc::new(AtomicUsize::new(0));
        let begun = Instant::now();
        let mut lanes = tokio::task::JoinSet::new();
        for _ in 0..WORKERS {
            let (report, next, world) = (Arc::clone(&report), Arc::clone(&next), Arc::clone(world));
            lanes.spawn(async move {
                let mut worker = Worker::start(world).await;
                loop {
                    let tried = report.lock().unwrap_or_else(PoisonError::into_inner).exports();
                    if tried >= self.exports || begun.elapsed() >= self.time {
                        break;
                    }
                    let seed = self.case(next.fetch_add(1, Ordering::Relaxed));
                    play(&mut worker, seed, &report).await;
                }
            });
        }
        while let Some(lane) = lanes.join_next().await {
            lane.expect("a lane that does not panic");
        }
        let mut report = std::mem::take(&mut *report.lock().unwrap_or_else(PoisonError::into_inner));
        report.took = begun.elapsed();
        report
    }

    /// The seed of a case.
    fn case(self, number: usize) -> u64 {
        Rng::with_seed(self.seed ^ (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)).u64(..)
    }
}

/// Plays one case into the report.
pub(crate) async fn play(worker: &mut Worker, seed: u64, report: &Mutex<Report>) {
    let case = Case::new(seed, &worker.any_skies());
    let execution = worker.warm(&case).await;
    let skies = worker.skies(case.live, &execution);
    let mut delivery = Delivery {
        worker,
        case: &case,
        execution,
        skies,
        decode: seed.is_multiple_of(DECODED),
        left: HashSet::new(),
        unlisted: HashMap::new(),
    };
    let begun = Instant::now();
    let told = delivery.run().await;
    let log = delivery.execution.process.lines();
    // A process whose Runtime API went wrong may be about to end.
    let is_sound = !delivery.has_runtime_faults();
    let Delivery { execution, .. } = delivery;
    if is_sound {
        worker.keep(&case, execution);
    }
    for ask in &case.asks {
        for bucket in BUCKETS {
            for key in worker.world.s3.objects(bucket) {
                if key.starts_with(&ask.stem)
                    && let Some(object) = worker.world.s3.object(bucket, &key)
                {
                    // Room for the next; an object without its file is none.
                    let _ = std::fs::remove_file(object.path);
                }
            }
        }
    }
    let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
    report.add(&case, told, begun.elapsed(), &log);
}
