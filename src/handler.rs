//! From an invocation to its answer: the one place where an event, an export, a log line, the
//! metrics and a [`Diagnostic`] meet.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use lambda_runtime::{Context, Diagnostic, LambdaEvent};
use tracing::Instrument;

use crate::config::Config;
use crate::error::Error;
use crate::event::{ExportRequest, Faults};
use crate::export::{Exporter, Invocation};
use crate::plan::rfc3339;
use crate::receipt::Receipt;
use crate::tally::Tally;
use crate::telemetry;
use crate::walls::Walls;

/// The function between two invocations.
#[derive(Debug)]
pub struct Function {
    name: String,
    ready: Result<Ready, Faults>,
}

#[derive(Debug)]
struct Ready {
    config: Config,
    exporter: Exporter,
}

impl Function {
    /// Makes the function out of its settings. Bad settings are kept for the answers to events.
    #[must_use]
    pub fn new(name: String, config: Result<Config, Faults>, sdk: &aws_config::SdkConfig) -> Self {
        let ready = config.map(|config| Ready {
            exporter: Exporter::new(sdk, &config),
            config,
        });
        Self { name, ready }
    }

    /// Answers one event, given as its text.
    ///
    /// # Errors
    ///
    /// With one of the labels of [`crate::error::ErrorType`].
    pub async fn handle(&self, event: LambdaEvent<String>) -> Result<Receipt, Diagnostic> {
        let LambdaEvent { payload, context } = event;
        let span = tracing::info_span!(
            "export",
            request_id = context.request_id,
            stream = tracing::field::Empty,
            start = tracing::field::Empty,
            end = tracing::field::Empty,
        );
        self.answer(&payload, &context).instrument(span).await
    }

    async fn answer(&self, text: &str, context: &Context) -> Result<Receipt, Diagnostic> {
        let tally = Tally::default();
        let (request, outcome) = match self.read(text) {
            Err(error) => (None, Err(error)),
            Ok((exporter, request)) => {
                // Boxed: the future of an export is large, and would be part of every future around it.
                let exporting = Box::pin(begin(exporter, &request, context, &tally));
                let exporting = AssertUnwindSafe(exporting).catch_unwind();
                let outcome = exporting
                    .await
                    .unwrap_or_else(|panic| Err(Error::panic(panic.as_ref())));
                (Some(request), outcome)
            }
        };
        let outcome = outcome.map_err(|error| {
            let diagnostic = error.diagnostic(request.as_ref().map(ToString::to_string).as_deref());
            tracing::error!(error_type = diagnostic.error_type, "{}", diagnostic.error_message);
            (error.error_type(), diagnostic)
        });
        if let Ok(receipt) = &outcome {
            tracing::info!(
                status = receipt.status.as_str(),
                retries = receipt.retries,
                "done"
            );
        }
        let stream = request.as_ref().map(|request| request.stream.as_given());
        let summary = outcome.as_ref().map_err(|(error_type, _)| *error_type);
        let written = telemetry::write_metrics(
            &mut std::io::stdout().lock(),
            &self.name,
            &context.request_id,
            stream,
            summary,
            &tally,
        );
        if let Err(error) = written {
            tracing::warn!(%error, "the metrics could not be written");
        }
        outcome.map_err(|(_, diagnostic)| diagnostic)
    }

    fn read(&self, text: &str) -> Result<(&Exporter, ExportRequest), Error> {
        let ready = self
            .ready
            .as_ref()
            .map_err(|faults| Error::Settings(faults.clone()))?;
        let request = ExportRequest::parse(text, &ready.config.defaults).map_err(Error::Request)?;
        Ok((&ready.exporter, request))
    }
}

async fn begin(
    exporter: &Exporter,
    request: &ExportRequest,
    context: &Context,
    tally: &Tally,
) -> Result<Receipt, Error> {
    let span = tracing::Span::current();
    span.record("stream", request.stream.as_given());
    span.record("start", rfc3339(request.range.start()));
    span.record("end", rfc3339(request.range.end()));
    tracing::info!(
        bucket = request.destination.bucket,
        key = request.destination.key,
        selector = request.selector.as_str(),
        "request accepted"
    );
    let invocation = Invocation {
        request_id: context.request_id.clone(),
        walls: Walls::new(remaining(context.deadline, SystemTime::now())),
    };
    exporter.export(request, &invocation, tally).await
}

/// Time until Lambda kills the invocation; `None` if `deadline` (milliseconds since 1970) is none.
///
/// Some emulators count the deadline from 1970 instead of from now, which says nothing.
fn remaining(deadline: u64, now: SystemTime) -> Option<Duration> {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let now = now.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    let deadline = Duration::from_millis(deadline);
    (deadline.saturating_add(DAY) > now).then(|| deadline.saturating_sub(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_of_1970_is_none() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_168_800);
        assert_eq!(remaining(600_000, now), None);
        assert_eq!(remaining(1_795_168_860_000, now), Some(Duration::from_secs(60)));
        assert_eq!(remaining(1_795_168_799_000, now), Some(Duration::ZERO));
    }
}
