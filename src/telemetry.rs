//! Logs and metrics.
//!
//! Logs are lines on standard output: JSON where Lambda asks for JSON (`AWS_LAMBDA_LOG_FORMAT`),
//! text elsewhere. Metrics are lines in CloudWatch's Embedded Metric Format on the same stream, one
//! per trigger, from which CloudWatch makes metrics without a call from here.
//!
//! Crates other than this one log from `WARN` up whatever the level is: the AWS SDK's finer logs
//! hold session tokens and signatures.

use std::io::Write;
use std::time::{Duration, SystemTime};

use metrique::emf::Emf;
use metrique::unit::Byte;
use metrique::unit_of_work::metrics;
use metrique::writer::format::Format;
use metrique::{CloseValue, RootEntry};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::error::ErrorType;
use crate::receipt::{Receipt, Status};
use crate::tally::{Stage, Tally};

/// CloudWatch namespace of the metrics.
pub const NAMESPACE: &str = "ClipExport";

/// Status of a trigger that asked for nothing, in answers and metrics.
pub const IGNORED: &str = "IGNORED";

/// Starts logging; `variable` looks up an environment variable.
pub fn init(variable: impl Fn(&str) -> Option<String>) {
    let level = match variable("AWS_LAMBDA_LOG_LEVEL").as_deref() {
        // Lambda's levels end with one that tracing does not have.
        Some("FATAL") => LevelFilter::ERROR,
        level => level
            .and_then(|level| level.parse().ok())
            .unwrap_or(LevelFilter::INFO),
    };
    let others = level.min(LevelFilter::WARN);
    let filter = Targets::new()
        .with_target("clip_export", level)
        // Says again, without the request, what the handler has said.
        .with_target("lambda_runtime::layers::panic", LevelFilter::OFF)
        .with_default(others);
    let json = variable("AWS_LAMBDA_LOG_FORMAT").is_some_and(|format| format.eq_ignore_ascii_case("json"));
    let lines = tracing_subscriber::fmt::layer().with_target(false);
    let registry = tracing_subscriber::registry().with(filter);
    if json {
        registry.with(lines.json().with_span_list(false)).init();
    } else {
        registry.with(lines.with_ansi(false)).init();
    }
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(
            place,
            "{}",
            panic.payload_as_str().unwrap_or("panicked without words")
        );
    }));
}

#[metrics(rename_all = "PascalCase", emf::dimension_sets = [["FunctionName"], ["FunctionName", "Outcome"]])]
struct ExportMetrics {
    #[metrics(timestamp)]
    timestamp: SystemTime,
    function_name: String,
    /// A status of the answer or a label of the error.
    outcome: &'static str,
    request_id: String,
    stream: Option<String>,
    clips: usize,
    failures: usize,
    ignored: usize,
    #[metrics(unit = Byte)]
    exported_bytes: u64,
    footage: Duration,
    list_fragments_calls: u32,
    get_clip_calls: u32,
    retries: u32,
    look_time: Duration,
    wait_time: Duration,
    list_time: Duration,
    fetch_time: Duration,
    transfer_time: Duration,
    complete_time: Duration,
}

/// What came of a trigger.
#[derive(Debug, Clone, Copy)]
pub enum Outcome<'a> {
    /// There is a clip.
    Answered(&'a Receipt),
    /// It asked for nothing.
    Ignored,
    /// There is no clip.
    Failed(ErrorType),
}

impl Outcome<'_> {
    /// A status of a receipt, `IGNORED`, or a label of an error.
    fn as_str(self) -> &'static str {
        match self {
            Self::Answered(receipt) => receipt.status.as_str(),
            Self::Ignored => IGNORED,
            Self::Failed(error_type) => error_type.as_str(),
        }
    }
}

/// Writes the metrics of one trigger to `output`.
///
/// # Errors
///
/// If they cannot be written.
pub fn write_metrics(
    output: &mut impl Write,
    function_name: &str,
    request_id: &str,
    stream: Option<&str>,
    outcome: Outcome<'_>,
    tally: &Tally,
) -> Result<(), metrique::writer::IoStreamError> {
    let exported = match outcome {
        Outcome::Answered(receipt) if receipt.status == Status::Exported => receipt.clips.as_slice(),
        _ => &[],
    };
    let footage: f64 = exported.iter().filter_map(|clip| clip.duration_seconds).sum();
    let entry = ExportMetrics {
        timestamp: SystemTime::now(),
        function_name: function_name.to_owned(),
        outcome: outcome.as_str(),
        request_id: request_id.to_owned(),
        stream: stream.map(str::to_owned),
        clips: exported.len(),
        failures: usize::from(matches!(outcome, Outcome::Failed(_))),
        ignored: usize::from(matches!(outcome, Outcome::Ignored)),
        exported_bytes: exported.iter().map(|clip| clip.size_bytes).sum(),
        footage: Duration::try_from_secs_f64(footage).unwrap_or_default(),
        list_fragments_calls: tally.list_fragments_calls(),
        get_clip_calls: tally.get_clip_calls(),
        retries: tally.retries(),
        look_time: tally.time(Stage::Look),
        wait_time: tally.time(Stage::Wait),
        list_time: tally.time(Stage::List),
        fetch_time: tally.time(Stage::Fetch),
        transfer_time: tally.time(Stage::Transfer),
        complete_time: tally.time(Stage::Complete),
    };
    let mut line = Vec::new();
    Emf::builder(NAMESPACE.to_owned(), vec![vec![]])
        .build()
        .format(&RootEntry::new(entry.close()), &mut line)?;
    output.write_all(&line).map_err(Into::into)
}
