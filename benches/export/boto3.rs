//! Exports by `benches/boto3_clip.py`, each in a fresh process.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::process::Command;

use super::Outcome;
use super::report::Cost;
use super::stack::{BUCKET, Clip, Stack};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../benches/boto3_clip.py");

/// Where the clip goes; each export replaces the one before.
const KEY: &str = "boto3.mp4";

/// One export by a process that has just started.
pub(crate) async fn export(stack: &Stack, python: &Path, clip: Clip) -> Outcome<Cost> {
    let (start, end) = clip.fragment_starts()?;
    let mut command = Command::new(python);
    command
        .args([
            SCRIPT,
            clip.stream,
            &start.to_string(),
            &end.to_string(),
            BUCKET,
            KEY,
        ])
        .env_clear()
        .envs(stack.environment()?)
        .stdin(Stdio::null());
    let stack_idle = Stack::cpu()?;
    let started = Instant::now();
    let output = command.output().await?;
    let process_wall = started.elapsed();
    let stack_cpu = Stack::cpu()?.saturating_sub(stack_idle);
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{SCRIPT} has failed: {}\n{said}", output.status).into());
    }
    let said: Value = serde_json::from_slice(&output.stdout)?;
    let number = |name: &str| said[name].as_f64().ok_or_else(|| format!("no {name} in {said}"));
    let seconds = |name: &str| -> Outcome<Duration> { Ok(Duration::try_from_secs_f64(number(name)?)?) };
    Ok(Cost {
        bytes: stack.size(KEY)?,
        wall: seconds("transfer_wall")?,
        cpu: seconds("transfer_cpu")?,
        process_wall,
        process_cpu: seconds("process_cpu")?,
        stack_cpu,
        peak_memory: said["peak_memory"].as_u64().ok_or("no peak_memory")?,
    })
}
