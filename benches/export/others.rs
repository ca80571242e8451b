//! Exports by what a user would pick instead, each in fresh processes, and the floor beneath all of them.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

use serde_json::Value;
use tokio::process::Command;

use super::clip::Clip;
use super::run::{Run, watch};
use super::stack::{BUCKET, Stack};
use super::{Outcome, Tools, floor, system};

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../benches/contenders");

/// Who exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// The function.
    ClipExport,
    /// boto3's `upload_fileobj`, a piece after the other.
    Boto3,
    /// The AWS CLI, by a file.
    AwsCli,
    /// lib-storage of the AWS SDK for JavaScript.
    Node,
    /// Pieces on a disk, joined by ffmpeg.
    Recipe,
    /// Bytes through a pipe.
    Curl,
    /// The half of the floor that fetches.
    DownloadAlone,
    /// The half of the floor that sends, out of a file.
    UploadAlone,
}

impl Way {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ClipExport => "clip-export",
            Self::Boto3 => "boto3",
            Self::AwsCli => "AWS CLI",
            Self::Node => "Node.js",
            Self::Recipe => "recipe",
            Self::Curl => "curl",
            Self::DownloadAlone => "download alone",
            Self::UploadAlone => "upload alone",
        }
    }
}

/// One export by another way than the function. `length` is that of the clip as GetClip gives it, for those who must
/// say it beforehand. No other child of this process may end meanwhile: its time would count here.
pub(crate) async fn export(stack: &Stack, tools: &Tools, way: Way, clip: Clip, length: u64) -> Outcome<Run> {
    let folder = tempfile::tempdir_in(system::disk())?;
    let mut command = command(stack, tools, way, clip, length, folder.path())?;
    command
        .env_clear()
        .env("PATH", path(tools)?)
        .env("NODE_PATH", &tools.node_modules)
        .env("TMPDIR", folder.path())
        .envs(stack.environment())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let own = std::process::id();
    let (cpu, stack_cpu) = (system::children_cpu()?, Stack::cpu()?);
    let (written, calls) = (system::written(own)?, stack.calls());
    let started = Instant::now();
    let child = command.spawn()?;
    let pid = child.id().ok_or("it ended at once")?;
    let (output, seen) = watch(stack, pid, child.wait_with_output()).await;
    let (output, wall) = (output?, started.elapsed());
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{} has failed: {}\n{said}", way.name(), output.status).into());
    }
    let said: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    Ok(Run {
        bytes: if way == Way::DownloadAlone {
            length
        } else {
            stack.take()?
        },
        wall: wall.as_secs_f64(),
        cpu: system::children_cpu()?.saturating_sub(cpu).as_secs_f64(),
        transfer_wall: said["transfer_wall"].as_f64(),
        transfer_cpu: said["transfer_cpu"].as_f64(),
        first_request: seen
            .first_request
            .map(|first| first.duration_since(started).as_secs_f64()),
        peak_memory: seen.peak_memory,
        written: system::written(own)?.saturating_sub(written),
        calls: stack.calls_since(&calls),
        stack_cpu: Stack::cpu()?.saturating_sub(stack_cpu).as_secs_f64(),
    })
}

/// The AWS CLI lies beside the Python that it was installed for.
fn path(tools: &Tools) -> Outcome<std::ffi::OsString> {
    let own = std::env::var_os("PATH").unwrap_or_default();
    let beside = tools.python.parent().map(Path::to_owned).into_iter();
    Ok(std::env::join_paths(beside.chain(std::env::split_paths(&own)))?)
}

fn command(
    stack: &Stack,
    tools: &Tools,
    way: Way,
    clip: Clip,
    length: u64,
    folder: &Path,
) -> Outcome<Command> {
    let script = |name: &str| PathBuf::from(SCRIPTS).join(name);
    let (program, script) = match way {
        Way::ClipExport => return Err("the function is not started like this".into()),
        Way::Boto3 => (tools.python.as_path(), script("boto3_clip.py")),
        Way::AwsCli => (Path::new("sh"), script("aws_clip.sh")),
        Way::Node => (Path::new("node"), script("node_clip.cjs")),
        Way::Recipe => (tools.python.as_path(), script("recipe_clip.py")),
        Way::Curl => {
            let download = floor::download(stack, stack.kvs_endpoint(), clip)?;
            let mut command = Command::new("sh");
            command
                .arg(script("curl_clip.sh"))
                .arg(floor::file(folder, "download", &download)?)
                .arg(floor::file(
                    folder,
                    "upload",
                    &floor::upload(stack, "-", length)?,
                )?);
            return Ok(command);
        }
        Way::DownloadAlone => {
            let download = floor::download(stack, stack.kvs_endpoint(), clip)?;
            let download = floor::file(folder, "download", &download)?;
            let mut command = Command::new("curl");
            command.args(["--output", "/dev/null", "--config"]).arg(download);
            return Ok(command);
        }
        Way::UploadAlone => {
            let body = folder.join("body");
            std::fs::File::create(&body)?.set_len(length)?;
            let upload = floor::upload(stack, &body.display().to_string(), length)?;
            let mut command = Command::new("curl");
            command
                .arg("--config")
                .arg(floor::file(folder, "upload", &upload)?);
            return Ok(command);
        }
    };
    let mut command = Command::new(program);
    command.arg(script).args([clip.stream, BUCKET, "clip"]);
    let ranges = if way == Way::Recipe {
        vec![clip.range()?]
    } else {
        clip.pieces()?
    };
    for (start, end) in ranges {
        command.args([start.to_string(), end.to_string()]);
    }
    Ok(command)
}
