//! `clip-local run`: one event through the real binary.

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use clip_export_local::process::Process;
use clip_export_local::runtime_api::{Outcome, RuntimeApi};
use clip_export_local::sqs::Message;
use clip_export_local::{function, s3};
use serde_json::Value;

use super::stack::{Addresses, BUCKETS, FAILED, Stack, starting};
use super::{Run, messages, progress, receipt};

/// Lambda's longest timeout: a local machine may be slow, and a person can press Ctrl-C.
const DEADLINE: Duration = Duration::from_secs(900);
/// How long log lines that were written before the answer may take to arrive after it.
const LAST_LINES: Duration = Duration::from_millis(100);

/// Runs the function on one event; whether all that it was asked for succeeded.
pub(crate) async fn run(run: Run) -> io::Result<bool> {
    let started = SystemTime::now();
    let event = std::fs::read(&run.event).map_err(naming(&run.event))?;
    let stack = Stack::start(&run.out, Addresses::default()).await?;
    let api = RuntimeApi::start().await.map_err(starting("the Runtime API"))?;
    let environment = stack.environment(run.environment);
    let process = function::start(&run.function, &api, &environment).map_err(naming(&run.function))?;

    let (outcome, ended) = {
        let invocation = api.invoke(event.clone(), DEADLINE);
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
    for message in stack.sqs.messages(FAILED) {
        eprintln!("{}", warning(&message));
    }
    let log = process.lines();
    match outcome {
        Outcome::Response(response) => {
            let failures = response["batchItemFailures"].as_array();
            let stays = |id: &str| {
                let mut failures = failures.into_iter().flatten();
                failures.any(|failure| failure["itemIdentifier"] == id)
            };
            let messages = messages::render(&event, &log, stays);
            let paths = match failures {
                None => paths(&response, &stack.s3),
                // A batch's answer names no clips.
                Some(_) => written(&stack.s3, started),
            };
            if run.json {
                println!("{response:#}");
                for message in &messages {
                    eprintln!("{message}");
                }
                for path in &paths {
                    eprintln!("{}", path.display());
                }
            } else {
                print!("\n{}", receipt::render(&response));
                println!();
                for message in &messages {
                    println!("{message}");
                }
                if !messages.is_empty() {
                    println!();
                }
                for path in &paths {
                    println!("{}", path.display());
                }
            }
            return Ok(failures.is_none_or(Vec::is_empty));
        }
        Outcome::Error {
            error_type,
            error_message,
        } => {
            eprintln!("\nfailed: {error_type}\n{error_message}");
            // A batch is answered with an error if all of it stays.
            for message in messages::render(&event, &log, |_| true) {
                eprintln!("{message}");
            }
        }
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

/// The files of the objects that were written since then, in the order in which they were.
fn written(s3: &s3::Server, since: SystemTime) -> Vec<PathBuf> {
    let in_bucket = |bucket| {
        let keys = s3.objects(bucket).into_iter();
        keys.filter_map(move |key| s3.object(bucket, &key))
    };
    let objects = BUCKETS.into_iter().flat_map(in_bucket);
    let mut objects: Vec<_> = objects.filter(|it| it.last_modified >= since).collect();
    objects.sort_by_key(|object| object.last_modified);
    objects.into_iter().map(|object| object.path).collect()
}

/// What a person should know of a message in the queue of failed events.
fn warning(message: &Message) -> String {
    let attribute = |name| message.text(name).unwrap_or("-");
    let (error_type, error_message) = (attribute("ErrorType"), attribute("ErrorMessage"));
    let body = &message.body;
    format!(
        "warning: a message can never be served and went to the queue of failed events\n  {error_type}: {error_message}\n  {body}"
    )
}

fn naming(path: &std::path::Path) -> impl FnOnce(io::Error) -> io::Error {
    let path = path.display().to_string();
    move |error| io::Error::new(error.kind(), format!("{path}: {error}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use clip_export_local::sqs::Attribute;
    use tempfile::TempDir;

    use super::*;

    #[tokio::test]
    async fn what_was_written_since_then_is_listed_in_its_order() {
        let folder = TempDir::new().unwrap();
        let options = s3::Options::new(folder.path(), &BUCKETS);
        let s3 = s3::Server::start(options).await.unwrap();
        let put = |bucket, key| s3.put_object(bucket, key, b"clip", "video/mp4", &[]).unwrap();
        put("clips", "kept.mp4");
        put("clips", "replaced.mp4");
        let since = SystemTime::now();
        let expected = [
            put("evidence", "z.mp4"),
            put("clips", "replaced.mp4"),
            put("evidence", "a.mp4"),
        ];
        assert_eq!(written(&s3, since), expected.map(|object| object.path));
    }

    #[test]
    fn a_failed_message_is_shown_with_its_error() {
        let text = |value: &str| Attribute::Text {
            data_type: "String".to_owned(),
            value: value.to_owned(),
        };
        let mut message = Message {
            id: "1".to_owned(),
            body: "{}".to_owned(),
            attributes: BTreeMap::from([
                ("ErrorType".to_owned(), text("InvalidRequest")),
                ("ErrorMessage".to_owned(), text("no stream")),
            ]),
        };
        assert!(warning(&message).ends_with("failed events\n  InvalidRequest: no stream\n  {}"));
        message.attributes.clear();
        assert!(warning(&message).ends_with("failed events\n  -: -\n  {}"));
    }
}
