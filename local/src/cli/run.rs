//! `clip-local run`: one event through the real binary.

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clip_export_local::function::{self, Environment};
use clip_export_local::process::Process;
use clip_export_local::runtime_api::{Outcome, RuntimeApi};
use clip_export_local::{kvs, s3};
use serde_json::Value;

use super::{BUCKETS, Run, progress, receipt, starting};

/// Lambda's longest timeout: a local machine may be slow, and a person can press Ctrl-C.
const DEADLINE: Duration = Duration::from_secs(900);
/// The memory that the function is told to have, in MiB: the smallest it is made for.
const MEMORY: u32 = 256;
/// How long log lines that were written before the answer may take to arrive after it.
const LAST_LINES: Duration = Duration::from_millis(100);

/// Runs the function on one event; whether the export succeeded.
pub(crate) async fn run(run: Run) -> io::Result<bool> {
    let event = std::fs::read(&run.event).map_err(naming(&run.event))?;
    let s3 = s3::Options::new(&run.out, &BUCKETS);
    let s3 = s3::Server::start(s3).await.map_err(starting("S3"))?;
    let kvs = kvs::Options {
        record: 0,
        ..kvs::Options::default()
    };
    let kvs = kvs::Server::start(kvs)
        .await
        .map_err(starting("Kinesis Video Streams"))?;
    let api = RuntimeApi::start().await.map_err(starting("the Runtime API"))?;
    let mut environment = Environment::of_lambda(MEMORY)
        .with_endpoints(s3.endpoint(), kvs.endpoint())
        .with_bucket(BUCKETS[0])
        .with("CLIP_ALLOWED_BUCKETS", BUCKETS[1]);
    for (name, value) in run.environment {
        environment = environment.with(name, value);
    }
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

    let open = s3.uploads();
    for upload in &open {
        let (bucket, key) = (&upload.bucket, &upload.key);
        eprintln!("warning: the multipart upload to {bucket}/{key} was left open");
    }
    match outcome {
        Outcome::Response(response) => {
            let paths = paths(&response, &s3);
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
