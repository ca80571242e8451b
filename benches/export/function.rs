//! Exports by the function's binary, each in a fresh process.

use std::path::Path;
use std::time::{Duration, Instant};

use clip_export_local::function::{Environment, start};
use clip_export_local::process::Process;
use clip_export_local::runtime_api::{INIT_LIMIT, Outcome as Answer};
use serde_json::{Value, json};

use super::Outcome;
use super::report::Cost;
use super::stack::{BUCKET, Clip, Stack};

/// Where the clip goes; each export replaces the one before.
const KEY: &str = "clip-export.mp4";

/// The memory that the function is told to have, in MiB: the smallest it is made for.
const MEMORY_MIB: u32 = 256;

/// What a Lambda function has at most.
const DEADLINE: Duration = Duration::from_secs(900);

/// Variables of the function that differ from their defaults.
pub(crate) type Settings = [(&'static str, &'static str)];

/// `times` exports, one after the other, by a process that has just started; times are those of the last.
pub(crate) async fn export(
    stack: &Stack,
    binary: &Path,
    clip: Clip,
    settings: &Settings,
    times: usize,
) -> Outcome<Cost> {
    let (start, end) = clip.range()?;
    let event = json!({
        "StreamName": clip.stream,
        "ClipFragmentSelector": {"TimestampRange": {"StartTimestamp": start, "EndTimestamp": end}},
        "Destination": {"Key": KEY},
        "IfExists": "OVERWRITE",
    });
    let (process, init) = ready(stack, binary, settings).await?;
    for _ in 1..times {
        invoke(stack, &process, &event).await?;
    }
    let idle = process.cpu_time().ok_or("the function has ended")?;
    let stack_idle = Stack::cpu()?;
    let invoked = Instant::now();
    invoke(stack, &process, &event).await?;
    let wall = invoked.elapsed();
    let stack_cpu = Stack::cpu()?.saturating_sub(stack_idle);
    let process_cpu = process.cpu_time().ok_or("the function has ended")?;
    let peak_memory = process.peak_memory().ok_or("the function has ended")?;
    process.kill().await;
    Ok(Cost {
        bytes: stack.size(KEY)?,
        wall,
        cpu: process_cpu.saturating_sub(idle),
        process_wall: init.duration_since(process.started()) + wall,
        process_cpu,
        stack_cpu,
        peak_memory,
    })
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
    for (name, value) in stack.environment()? {
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
