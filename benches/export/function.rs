//! Exports by the function's binary, each in a fresh process.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clip_export_local::function::{Environment, start};
use clip_export_local::process::Process;
use clip_export_local::runtime_api::{INIT_LIMIT, Outcome as Answer};
use serde_json::{Map, Value, json};

use super::Outcome;
use super::clip::Clip;
use super::run::{Run, watch};
use super::stack::{BUCKET, Stack};
use super::system;

/// The memory that the function is told to have, in MiB: the least that Lambda gives.
const MEMORY_MIB: u32 = 128;

/// What a Lambda function has at most.
const DEADLINE: Duration = Duration::from_secs(900);

/// Variables of the function that differ from their defaults.
pub(crate) type Settings = [(&'static str, &'static str)];

/// What is known of an export beside its cost.
#[derive(Clone, Debug)]
pub(crate) struct Export {
    pub(crate) run: Run,
    /// How long each stage took in seconds, by its name in the metrics. Stages can overlap.
    pub(crate) stages: Map<String, Value>,
}

/// `times` exports, one after the other, by a process that has just started; times are those of the last.
pub(crate) async fn export(
    stack: &Stack,
    binary: &Path,
    clip: Clip,
    settings: &Settings,
    times: usize,
) -> Outcome<Export> {
    let (start, end) = clip.fragment_starts()?;
    let event = || {
        // A key for each: what is at one already would be the answer.
        static KEYS: AtomicUsize = AtomicUsize::new(0);
        let number = KEYS.fetch_add(1, Ordering::Relaxed);
        json!({
            "StreamName": clip.stream,
            "ClipFragmentSelector": {"TimestampRange": {"StartTimestamp": start, "EndTimestamp": end}},
            "Destination": {"Key": format!("function/{number}.mp4")},
        })
    };
    let (process, init) = ready(stack, binary, settings).await?;
    for _ in 1..times {
        invoke(stack, &process, &event()).await?;
        stack.take()?;
    }
    let event = event();
    let idle = system::cpu(process.pid())?;
    let stack_idle = Stack::cpu()?;
    let calls = stack.calls();
    let invoked = Instant::now();
    let (answer, seen) = watch(stack, process.pid(), invoke(stack, &process, &event)).await;
    let wall = invoked.elapsed();
    answer?;
    let stack_cpu = Stack::cpu()?.saturating_sub(stack_idle);
    let process_cpu = system::cpu(process.pid())?;
    let started = init.duration_since(process.started());
    let run = Run {
        bytes: stack.take()?,
        wall: (started + wall).as_secs_f64(),
        cpu: process_cpu.as_secs_f64(),
        transfer_wall: Some(wall.as_secs_f64()),
        transfer_cpu: Some(process_cpu.saturating_sub(idle).as_secs_f64()),
        first_request: seen
            .first_request
            .map(|first| (started + first.duration_since(invoked)).as_secs_f64()),
        peak_memory: process.peak_memory().ok_or("the function has ended")?,
        written: system::written(process.pid())?,
        calls: stack.calls_since(&calls),
        stack_cpu: stack_cpu.as_secs_f64(),
    };
    let stages = stages(&process, times).await?;
    process.kill().await;
    Ok(Export { run, stages })
}

/// The times in the metrics of the invocation `number`, counted from 1 (CloudWatch's embedded metric format):
/// the members whose names end with `Time`, in milliseconds, each a number or in a histogram.
async fn stages(process: &Process, number: usize) -> Outcome<Map<String, Value>> {
    // The log comes on another way than the answer, and may come later.
    let (mut seen, mut line) = (0, String::new());
    let mut lines = 0..;
    while seen < number {
        let next = process.line(lines.next().unwrap_or_default()).await;
        line = next.ok_or("the function wrote no metrics")?;
        seen += usize::from(line.contains("\"_aws\""));
    }
    let metrics: Map<String, Value> = serde_json::from_str(&line)?;
    let stages = metrics.iter().filter_map(|(name, value)| {
        let stage = name.strip_suffix("Time")?;
        let milliseconds = value.as_f64().or_else(|| value["Values"][0].as_f64())?;
        Some((stage.to_owned(), json!(milliseconds / 1e3)))
    });
    Ok(stages.collect())
}

/// One invocation, which must succeed: a failure is quick, and would pass for a good figure.
async fn invoke(stack: &Stack, process: &Process, event: &Value) -> Outcome<()> {
    match stack.runtime.invoke(event.to_string(), DEADLINE).await {
        Answer::Response(_) => Ok(()),
        answer => Err(format!("{answer:?}\n{}", process.lines().join("\n")).into()),
    }
}

/// Time from the start of the process to its first request for an event.
pub(crate) async fn cold_start(stack: &Stack, binary: &Path) -> Outcome<Duration> {
    let (process, init) = ready(stack, binary, &[]).await?;
    process.kill().await;
    Ok(init.duration_since(process.started()))
}

/// Starts the function: the process, and when it first asked for an event.
async fn ready(stack: &Stack, binary: &Path, settings: &Settings) -> Outcome<(Process, Instant)> {
    let mut environment = Environment::of_lambda(MEMORY_MIB)
        .with_bucket(BUCKET)
        // As template.yaml has it.
        .with("MALLOC_MMAP_THRESHOLD_", "4194304");
    for (name, value) in stack.environment() {
        environment = environment.with(name, value);
    }
    for (name, value) in settings {
        environment = environment.with(*name, *value);
    }
    let process = start(binary, &stack.runtime, &environment)?;
    while process.started().elapsed() < INIT_LIMIT {
        if let Some(init) = stack.runtime.first_next() {
            return Ok((process, init));
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Err(format!("the function did not start\n{}", process.lines().join("\n")).into())
}
