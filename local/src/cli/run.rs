//! `clip-local run`: one event through the real binary.

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clip_export_local::process::Process;
use clip_export_local::runtime_api::{Outcome, RuntimeApi};
use clip_export_local::{function, s3};
use serde_json::Value;

use super::stack::{Addresses, Stack, starting};
use super::{Run, progress, receipt};

/// Lambda's longest timeout: a local machine may be slow, and a person can press Ctrl-C.
const DEADLINE: Duration = Duration::from_secs(900);
/// How long log lines that were written before the answer may take to arrive after it.
const LAST_LINES: Duration = Duration::from_millis(100);

/// Runs the function on one event; whether the export succeeded.
pub(crate) async fn run(run: Run) -> io::Result<bool> {
    let event = std::fs::read(&run.event).map_err(naming(&run.event))?;
    let stack = Stack::start(&run.out, Addresses::default()).await?;
    let api = RuntimeApi::start().await.map_err(starting("the Runtime API"))?;
    let environment = stack.environment(run.environment);
    let process = function::start(&run.function, &api, &environment).map_err(naming(&run.function))?;

    let (outcome, ended) = {
        let invocation = api.invoke(event, DEADLINE);
        let showing = show_lines(&process);
        tokio::pin!(invocation, showing);
        tokio::select! {
            outcome = &mut invocation => {
                let ended = Instant::now();
                let _ = tokio::time::timeout(LAST_LINES, &mut showing).await;
                (outcome, ended)
            }
            // The log has ended, so the process has; the invocation knows how.
            () = &mut showing => (invocation.await, Instant::now()),
        }
    };
    show_costs(&process, &api, ended);
    process.kill().await;

    stack.warn_of_uploads();
    match outcome {
        Outcome::Response(response) => {
            let paths = paths(&response, &stack.s3);
            if run.json {
                println!("{response:#}");
                for path in &paths {
                    eprintln!("{}", path.display());
                }
            } else {
                print!("\n{}", receipt::render(&response));
                println!();
                for path in &paths {
                    println!("{}", path.display());
                }
            }
            return Ok(true);
        }
        Outcome::Error {
            error_type,
            error_message,
        } => eprintln!("\nfailed: {error_type}\n{error_message}"),
        Outcome::Exited { status: Some(status) } => {
            eprintln!("\nfailed: the function's process ended before it answered ({status})");
        }
        Outcome::Exited { status: None } => {
            eprintln!("\nfailed: the function's process ended before it answered");
        }
        Outcome::TimedOut => eprintln!("\nfailed: the function did not answer in time"),
    }
    Ok(false)
}

async fn show_lines(process: &Process) {
    let mut number = 0;
    while let Some(line) = process.line(number).await {
        if let Some(line) = progress::render(&line, process.started().elapsed()) {
            eprintln!("{line}");
        }
        number += 1;
    }
}

fn show_costs(process: &Process, api: &RuntimeApi, ended: Instant) {
    let start = api
        .first_next()
        .map(|next| next.saturating_duration_since(process.started()));
    let (Some(start), Some(memory), Some(cpu)) = (start, process.peak_memory(), process.cpu_time()) else {
        return;
    };
    let wall = ended.saturating_duration_since(process.started());
    eprintln!(
        "\nstarted in {} ms, answered after {:.2} s, {:.2} s of processor time, {} at most in memory",
        start.as_millis(),
        wall.as_secs_f64(),
        cpu.as_secs_f64(),
        receipt::bytes(memory)
    );
}

/// The files of the clips that the receipt names, in its order.
fn paths(response: &Value, s3: &s3::Server) -> Vec<PathBuf> {
    let clips = response["Clips"].as_array();
    let clips = clips.into_iter().flatten();
    clips
        .filter_map(|clip| s3.object(clip["Bucket"].as_str()?, clip["Key"].as_str()?))
        .map(|object| object.path)
        .collect()
}

fn naming(path: &std::path::Path) -> impl FnOnce(io::Error) -> io::Error {
    let path = path.display().to_string();
    move |error| io::Error::new(error.kind(), format!("{path}: {error}"))
}
