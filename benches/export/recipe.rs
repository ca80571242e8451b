//! Long exports by `benches/recipe_clip.py`, each in a fresh process.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::Command;

use super::stack::{BUCKET, Calls, Clip, Stack};
use super::{Outcome, system};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../benches/recipe_clip.py");

/// Where the clip goes; each export replaces the one before.
const KEY: &str = "recipe.mp4";

/// What one export took, by the script and by ffmpeg, from the start of the process to its end.
#[derive(Clone, Debug)]
pub(crate) struct Export {
    /// Size of the clip.
    pub(crate) bytes: u64,
    pub(crate) wall: Duration,
    /// User and system time.
    pub(crate) cpu: Duration,
    /// User and system time of the local stack meanwhile.
    pub(crate) stack_cpu: Duration,
    /// Bytes that went to disks.
    pub(crate) written: u64,
    /// What it asked of AWS.
    pub(crate) calls: Calls,
}

/// One export. No other child of this process may end meanwhile: its time would count here.
pub(crate) async fn export(stack: &Stack, python: &Path, clip: Clip) -> Outcome<Export> {
    let (start, end) = clip.range()?;
    let folder = tempfile::tempdir_in(system::disk())?;
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
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("TMPDIR", folder.path())
        .envs(stack.environment()?)
        .stdin(Stdio::null());
    let own = std::process::id();
    let (cpu, stack_cpu) = (system::children_cpu()?, Stack::cpu()?);
    let (written, calls) = (system::written(own)?, stack.calls());
    let started = Instant::now();
    let output = command.output().await?;
    let wall = started.elapsed();
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{SCRIPT} has failed: {}\n{said}", output.status).into());
    }
    Ok(Export {
        bytes: stack.size(KEY)?,
        wall,
        cpu: system::children_cpu()?.saturating_sub(cpu),
        stack_cpu: Stack::cpu()?.saturating_sub(stack_cpu),
        written: system::written(own)?.saturating_sub(written),
        calls: stack.calls_since(&calls),
    })
}
