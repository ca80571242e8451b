//! Kills: a process that is gone in the middle of an export, as Lambda's are at their deadline or when their
//! host fails, and then the same event again.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clip_export_local::runtime_api::Outcome;
use fastrand::Rng;

use crate::cameras::{CAMERAS, FIRST};
use crate::case::{Ask, id};
use crate::stack::{Execution, PATIENT, Worker, World};
use crate::verdict::found;

const LONG: Duration = Duration::from_secs(120);

/// What is exported: seconds of a camera, as one `PutObject`, as parts, and as several objects.
const VICTIMS: [(&str, i64); 4] = [
    ("front-door", 120),
    ("highway", 40),
    ("motorway", 90),
    ("foundry", 50),
];

/// What became of the killed.
#[derive(Debug, Default)]
pub(crate) struct Killed {
    kills: usize,
    /// That were faster.
    survived: usize,
    /// Uploads that were left.
    left: usize,
    /// That left an object, or some of several.
    made: usize,
    /// After which the next delivery had a whole clip.
    whole: usize,
}

impl std::fmt::Display for Killed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            kills,
            survived,
            left,
            made,
            whole,
        } = self;
        writeln!(
            f,
            "| Killed while exporting | Had answered already | Had made an object | Uploads left for the lifecycle rule | \
             One whole clip after the next delivery |\n| ---: | ---: | ---: | ---: | ---: |\n\
             | {kills} | {survived} | {made} | {left} | {whole} |"
        )
    }
}

/// Kills so many.
pub(crate) async fn kill(world: &Arc<World>, seed: u64, kills: usize) -> Result<Killed, String> {
    let mut rng = Rng::with_seed(seed);
    let worker = Worker::start(Arc::clone(world)).await;
    let mut killed = Killed::default();
    for number in 0..kills {
        let (name, seconds) = VICTIMS[number % VICTIMS.len()];
        let camera = CAMERAS
            .iter()
            .find(|camera| camera.name == name)
            .ok_or("no camera")?;
        let start = (FIRST + 20 * number as i64) * 1000;
        let stem = |what: &str| format!("{seed:016x}-{what}/{number}");
        let ask = |what: &str| Ask::plain(camera, start, start + seconds * 1000, stem(what));
        // Undisturbed, to know how many calls there are to be killed at.
        let before = calls(&worker);
        let calm = worker.execution(PATIENT, false).await;
        deliver(&calm, &ask("calm"), number).await?;
        let whole = calls(&worker) - before;
        clear(world, &ask("calm"));
        let victim = ask("killed");
        let (at, pause) = (rng.u64(1..=whole), Duration::from_micros(rng.u64(0..40_000)));
        one(&worker, &victim, number, (at, pause), &mut killed)
            .await
            .map_err(|error| format!("kill {number} at call {at} and {pause:?}, of {name}: {error}"))?;
        clear(world, &victim);
    }
    Ok(killed)
}

async fn one(
    worker: &Worker,
    ask: &Ask,
    number: usize,
    (at, pause): (u64, Duration),
    killed: &mut Killed,
) -> Result<(), String> {
    let s3 = &worker.world.s3;
    let uploads = || {
        let all = s3.uploads().into_iter();
        let mut ids: Vec<_> = all
            .filter(|upload| upload.key.starts_with(&ask.stem))
            .map(|upload| upload.upload_id)
            .collect();
        ids.sort();
        ids
    };
    let doomed = worker.execution(PATIENT, false).await;
    let before = calls(worker);
    let invoking = doomed
        .runtime
        .invoke_as(id("33333333", number as u64), ask.event().to_string(), LONG);
    let killing = async {
        while calls(worker) - before < at && !doomed.process.has_ended() {
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
        tokio::time::sleep(pause).await;
        doomed.process.kill().await;
    };
    let (outcome, ()) = tokio::join!(invoking, killing);
    killed.kills += 1;
    match outcome {
        Outcome::Exited { .. } => {}
        Outcome::Response(_) => killed.survived += 1,
        other => return Err(format!("the killed one answered {other:?}")),
    }
    // A call that S3 has whole goes on without its caller.
    let (mut left, mut found_then) = (uploads(), found(s3, ask)?.clips.len());
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        (left, found_then) = (uploads(), found(s3, ask)?.clips.len());
    }
    found(s3, ask)?.judge(worker.kvs(false), ask, false, None, false)?;
    killed.left += left.len();
    killed.made += usize::from(found_then > 0);
    let next = worker.execution(PATIENT, false).await;
    let receipt = deliver(&next, ask, number).await?;
    let there = found(s3, ask)?;
    let whole = there.judge(worker.kvs(false), ask, false, Some(&receipt), false)?;
    if !whole {
        return Err(format!("no whole clip after the next delivery: {receipt}"));
    }
    // Exactly what the kill left is there still: the next delivery left nothing, and touches no upload that
    // another export may be making.
    if uploads() != left {
        return Err(format!(
            "{left:?} were left by the kill, and {:?} in the end",
            uploads()
        ));
    }
    killed.whole += 1;
    Ok(())
}

async fn deliver(execution: &Execution, ask: &Ask, number: usize) -> Result<serde_json::Value, String> {
    let id = id("33333333", number as u64);
    match execution
        .runtime
        .invoke_as(id, ask.event().to_string(), LONG)
        .await
    {
        Outcome::Response(receipt) => Ok(receipt),
        other => Err(format!("{} was answered with {other:?}", ask.event())),
    }
}

/// Calls that Kinesis Video Streams and S3 have received.
fn calls(worker: &Worker) -> u64 {
    let kvs = worker.kvs(false);
    let kvs: u64 = clip_export_local::kvs::OPERATIONS
        .iter()
        .map(|name| kvs.calls(name))
        .sum();
    let s3 = &worker.world.s3;
    let s3: u64 = clip_export_local::s3::OPERATIONS
        .iter()
        .map(|name| s3.calls(name))
        .sum();
    kvs + s3
}

/// Makes room for the next; an object without its file is none.
fn clear(world: &World, ask: &Ask) {
    if let Ok(found) = found(&world.s3, ask) {
        for clip in found.clips {
            let _ = std::fs::remove_file(clip.path);
        }
    }
}

/// That the bucket's rule for unfinished uploads is there, is on, and spares no key: what a kill leaves is
/// under it.
pub(crate) fn the_lifecycle_rule_covers_every_key() {
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("template.yaml");
    let template = std::fs::read_to_string(template).expect("the template");
    let rules = template
        .split_once("LifecycleConfiguration:")
        .expect("a lifecycle")
        .1;
    let rule = rules
        .split_once("- Id: AbortUnfinishedUploads")
        .expect("the rule")
        .1;
    let rule = rule.split("\n\n").next().unwrap_or_default();
    let rule = rule.split("- Id:").next().unwrap_or_default();
    assert!(rule.contains("Status: Enabled"), "{rule}");
    assert!(rule.contains("AbortIncompleteMultipartUpload:"), "{rule}");
    for narrower in ["Prefix", "TagFilters", "ObjectSize"] {
        assert!(!rule.contains(narrower), "{rule}");
    }
}
