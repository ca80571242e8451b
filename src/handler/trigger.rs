//! One trigger, whether it came alone or in a batch: its export, its log lines, its metrics.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use lambda_runtime::Diagnostic;
use tracing::Instrument;

use crate::error::{Error, ErrorType};
use crate::event::{Asked, ExportRequest};
use crate::export::{Exporter, Invocation};
use crate::plan::rfc3339;
use crate::receipt::Receipt;
use crate::tally::Tally;
use crate::telemetry::{self, Outcome};
use crate::walls::Walls;

/// One trigger, and what delivered it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trigger<'a> {
    pub(super) function_name: &'a str,
    /// Lambda's id of the invocation.
    pub(super) request_id: &'a str,
    /// The queue's id of the message, if it is one of a batch.
    pub(super) message_id: Option<&'a str>,
    /// When to stop.
    pub(super) walls: Walls,
}

/// What came of a trigger.
#[derive(Debug)]
pub(super) enum Done {
    /// The clip is there.
    Exported(Box<Receipt>),
    /// It asked for nothing, for this reason.
    Ignored(String),
}

/// Why there is no clip.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error_type: ErrorType,
    pub(super) diagnostic: Diagnostic,
}

impl Trigger<'_> {
    /// Exports what the trigger asks for.
    pub(super) async fn serve(self, exporter: &Exporter, asked: Asked) -> Result<Done, Failure> {
        let span = self.span();
        let serving = async {
            let request = match asked {
                Asked::Export(request) => request,
                Asked::Nothing(reason) => {
                    return self.report(None, Ok(Done::Ignored(reason)), &Tally::default());
                }
            };
            let tally = Tally::default();
            // Boxed: the future of an export is large, and would be part of every future around it.
            let exporting = Box::pin(self.export(exporter, &request, &tally));
            let outcome = AssertUnwindSafe(exporting).catch_unwind().await;
            let outcome = outcome.unwrap_or_else(|panic| Err(Error::panic(panic.as_ref())));
            let done = outcome.map(|receipt| Done::Exported(Box::new(receipt)));
            self.report(Some(&request), done, &tally)
        };
        serving.instrument(span).await
    }

    /// Answers a trigger that could not be read.
    pub(super) fn refuse(self, error: Error) -> Result<Done, Failure> {
        self.span()
            .in_scope(|| self.report(None, Err(error), &Tally::default()))
    }

    fn span(self) -> tracing::Span {
        tracing::info_span!(
            "export",
            request_id = self.request_id,
            message_id = self.message_id,
            stream = tracing::field::Empty,
            start = tracing::field::Empty,
            end = tracing::field::Empty,
        )
    }

    /// Writes down what came of the trigger.
    fn report(
        self,
        request: Option<&ExportRequest>,
        outcome: Result<Done, Error>,
        tally: &Tally,
    ) -> Result<Done, Failure> {
        let outcome = outcome.map_err(|error| {
            let context = request.map(ToString::to_string);
            let diagnostic = error.diagnostic(context.as_deref());
            tracing::error!(error_type = diagnostic.error_type, "{}", diagnostic.error_message);
            Failure {
                error_type: error.error_type(),
                diagnostic,
            }
        });
        match &outcome {
            Ok(Done::Exported(receipt)) => tracing::info!(
                status = receipt.status.as_str(),
                retries = receipt.retries,
                // Nobody else is told of it: the answer to a batch has no room for receipts.
                receipt = self.message_id.and_then(|_| serde_json::to_string(receipt).ok()),
                "done"
            ),
            Ok(Done::Ignored(reason)) => tracing::info!(reason, "nothing to export"),
            Err(_) => {}
        }
        let written = telemetry::write_metrics(
            &mut std::io::stdout().lock(),
            self.function_name,
            self.request_id,
            request.map(|request| request.stream.as_given()),
            match &outcome {
                Ok(Done::Exported(receipt)) => Outcome::Answered(receipt),
                Ok(Done::Ignored(_)) => Outcome::Ignored,
                Err(failure) => Outcome::Failed(failure.error_type),
            },
            tally,
        );
        if let Err(error) = written {
            tracing::warn!(%error, "the metrics could not be written");
        }
        outcome
    }

    async fn export(
        self,
        exporter: &Exporter,
        request: &ExportRequest,
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
            export_id: self.export_id().to_owned(),
            walls: self.walls,
        };
        exporter.export(request, &invocation, tally).await
    }

    /// What tells a repeated delivery of this trigger from another one for the same clip: the id under
    /// which it is delivered again.
    fn export_id(&self) -> &str {
        // A queue's ids are UUIDs, as Lambda's are; what is none would not go into an object's metadata.
        let is_id = |id: &&str| id.len() <= 36 && id.bytes().all(|byte| byte.is_ascii_graphic());
        self.message_id.filter(is_id).unwrap_or(self.request_id)
    }
}
