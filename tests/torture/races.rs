//! Races: one event, delivered many times at once, to as many processes.

use std::sync::Arc;
use std::time::Duration;

use clip_export_local::runtime_api::Outcome;
use serde_json::Value;

use crate::cameras::{CAMERAS, FIRST};
use crate::case::{Ask, id};
use crate::stack::{Execution, PATIENT, Worker, World};
use crate::verdict::found;

const LONG: Duration = Duration::from_secs(300);

/// Cameras, and seconds of theirs that are raced for: one `PutObject`, parts, and an object for each of two codecs.
pub(crate) const CLIPS: [(&str, i64); 3] = [("front-door", 20), ("highway", 20), ("foundry", 40)];

/// Deliveries of one request at once, each with a request id of its own: one makes the objects, and all others
/// say that they were there. Also says how many gave up an upload for it.
pub(crate) async fn race(
    world: &Arc<World>,
    (name, seconds): (&str, i64),
    deliveries: usize,
) -> Result<String, String> {
    let camera = CAMERAS
        .iter()
        .find(|camera| camera.name == name)
        .ok_or("no camera")?;
    // They race for the key, and not for the five calls of GetDataEndpoint that a stream has in a second.
    let worker = Worker::without_quotas(Arc::clone(world)).await;
    let mut line = format!("| {name}, {seconds} s | {deliveries} |");
    for same_id in [false, true] {
        let stem = format!("race-{name}-{deliveries}/{same_id}");
        let ask = Ask::plain(camera, FIRST * 1000, (FIRST + seconds) * 1000, stem);
        let before = world.s3.calls("CreateMultipartUpload");
        let receipts = deliver(&worker, &ask, deliveries, same_id).await?;
        let uploads = world.s3.calls("CreateMultipartUpload") - before;
        let made = receipts
            .iter()
            .filter(|receipt| receipt["Status"] == "EXPORTED")
            .count();
        let found_there = receipts
            .iter()
            .filter(|receipt| receipt["Status"] == "ALREADY_EXPORTED")
            .count();
        // Under one request id all of them are one export, which may find its own object.
        let fits = if same_id { made >= 1 } else { made == 1 };
        if !fits || made + found_there != deliveries {
            return Err(format!(
                "{made} made it and {found_there} found it, of {deliveries}"
            ));
        }
        let left = world
            .s3
            .uploads()
            .into_iter()
            .filter(|upload| upload.key.starts_with(&ask.stem));
        let left: Vec<_> = left.collect();
        if !left.is_empty() {
            return Err(format!("uploads are left: {left:?}"));
        }
        let there = found(&world.s3, &ask)?;
        for receipt in &receipts {
            if !there.judge(worker.kvs(false), &ask, false, Some(receipt), false)? {
                return Err(format!("no whole clip, but {receipt}"));
            }
        }
        line += &format!(" {made} | {found_there} | {uploads} |");
    }
    Ok(line)
}

/// The head of a table of races.
pub(crate) const HEAD: &str = "\
| One request, at once | Deliveries | `EXPORTED` | `ALREADY_EXPORTED` | Uploads begun | One event: `EXPORTED` | `ALREADY_EXPORTED` | Uploads begun |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |";

async fn deliver(worker: &Worker, ask: &Ask, deliveries: usize, same_id: bool) -> Result<Vec<Value>, String> {
    let mut executions: Vec<Execution> = Vec::new();
    for _ in 0..deliveries {
        executions.push(worker.execution(PATIENT, false).await);
    }
    let racing = executions.iter().zip(0u64..).map(|(execution, number)| {
        let id = id("44444444", if same_id { 0 } else { number });
        execution.runtime.invoke_as(id, ask.event().to_string(), LONG)
    });
    let outcomes = futures_util::future::join_all(racing).await;
    let receipt = |outcome| match outcome {
        Outcome::Response(receipt) => Ok(receipt),
        other => Err(format!("a delivery was answered with {other:?}")),
    };
    outcomes.into_iter().map(receipt).collect()
}
