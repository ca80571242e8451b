//! The pipeline: the only module that knows all stages of an export.
//!
//! look at the key → ask for the clip → pass it through the scanner into the upload → complete →
//! receipt. What can be mended by starting over (a broken body, an upload that somebody aborted)
//! starts over here, with a new upload. However an attempt ends, by an error, a panic or the
//! deadline, its upload is completed or abandoned before the answer goes out.

mod settle;

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use jiff::Timestamp;

use crate::backoff::Backoff;
use crate::config::{Config, Transfer};
use crate::error::{Error, ErrorType, chain};
use crate::event::{ExportRequest, IfExists};
use crate::kvs::{Clip, FetchError, Kvs};
use crate::mp4::{Movie, Mp4Error, Scanner};
use crate::plan::{Answer, MAX_CLIP_BYTES, SETTLE, doubts};
use crate::receipt::{ClipReceipt, Receipt, Status};
use crate::tally::{Stage, Tally};
use crate::upload::{Pace, Store, Stored, Target, Upload, UploadError};
use crate::walls::Walls;
use settle::{Landed, judge, settle};

/// Media type where `GetClip` names none.
const VIDEO_MP4: &str = "video/mp4";

/// Makes clips. Lives as long as the execution environment.
#[derive(Debug)]
pub struct Exporter {
    kvs: Kvs,
    store: Store,
    transfer: Transfer,
}

/// One invocation, as far as an export has to know it.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// Lambda's request id; the same for every retry of an asynchronous event.
    pub request_id: String,
    /// When to stop.
    pub walls: Walls,
}

impl Exporter {
    /// Makes the clients. No connection is opened and no credential is looked up.
    #[must_use]
    pub fn new(sdk: &aws_config::SdkConfig, config: &Config) -> Self {
        Self {
            kvs: Kvs::new(sdk, config.transfer),
            store: Store::new(sdk, config.transfer, config.keeping.clone()),
            transfer: config.transfer,
        }
    }

    /// Puts the clip that `request` asks for where it asks for it.
    ///
    /// # Errors
    ///
    /// When there is no clip; then there is no unfinished upload either, or the log says so.
    pub async fn export(
        &self,
        request: &ExportRequest,
        invocation: &Invocation,
        tally: &Tally,
    ) -> Result<Receipt, Error> {
        let outcome = self.try_export(request, invocation, tally).await;
        outcome.map_err(|error| explained(error, request, tally))
    }

    async fn try_export(
        &self,
        request: &ExportRequest,
        invocation: &Invocation,
        tally: &Tally,
    ) -> Result<Receipt, Error> {
        let now = Timestamp::now();
        if request.range.end() > now {
            return Err(Error::NotYetArchived {
                end: request.range.end(),
                now,
            });
        }
        invocation.walls.enough_to_start()?;
        let store = self.store.counting(tally);
        if request.if_exists != IfExists::Overwrite {
            let destination = &request.destination;
            let looking = store.look(&destination.bucket, &destination.key, Pace::Patient);
            let looking = tally.timed(Stage::Look, looking);
            let existing = invocation
                .walls
                .work("looking at the destination", looking)
                .await?;
            if let Some(existing) = existing.map_err(Error::Upload)? {
                return judge(&store, existing, request, invocation, tally).await;
            }
        }
        let mut backoff = Backoff::new(self.transfer.retries);
        loop {
            let error = match self
                .attempt(&store, request, invocation, &mut backoff, tally)
                .await
            {
                Ok(receipt) => return Ok(receipt),
                Err(error) => error,
            };
            if !mends_by_starting_over(&error) {
                return Err(error);
            }
            let wait = backoff
                .next(fastrand::f64())
                .filter(|wait| invocation.walls.have_time_for(*wait));
            let Some(wait) = wait else {
                return Err(error);
            };
            let text = chain(&error);
            tracing::warn!(
                error = text,
                retry = backoff.made(),
                wait_ms = wait.as_millis(),
                "starting over"
            );
            tally.failed(text);
            tally.retried();
            tokio::time::sleep(wait).await;
        }
    }

    /// One try: one `GetClip`, one upload.
    async fn attempt(
        &self,
        store: &Store,
        request: &ExportRequest,
        invocation: &Invocation,
        backoff: &mut Backoff,
        tally: &Tally,
    ) -> Result<Receipt, Error> {
        let walls = &invocation.walls;
        let fetching = self.kvs.get_clip(
            &request.stream,
            request.selector,
            &request.range,
            backoff,
            walls,
            tally,
        );
        let fetching = tally.timed(Stage::Fetch, fetching);
        let clip = walls
            .work("asking for the clip", fetching)
            .await?
            .map_err(Error::Fetch)?;
        tracing::info!(
            get_clip_request_id = clip.request_id,
            content_type = clip.content_type,
            "the clip is coming"
        );
        let content_type = clip.content_type.clone().unwrap_or_else(|| VIDEO_MP4.to_owned());
        let asked = clip.asked;
        let pass_on = async |passage: &mut Passage| passage.run(clip, tally).await;
        carry_out(store, request, invocation, tally, content_type, asked, pass_on).await
    }
}

/// Begins an object and has `work` make it, and sees to it that the object is there or nothing is,
/// however `work` ends.
async fn carry_out<W>(
    store: &Store,
    request: &ExportRequest,
    invocation: &Invocation,
    tally: &Tally,
    content_type: String,
    asked: Timestamp,
    work: W,
) -> Result<Receipt, Error>
where
    W: AsyncFnOnce(&mut Passage) -> Result<Stored, Error>,
{
    let target = Target::of(
        request,
        &invocation.request_id,
        content_type.clone(),
        MAX_CLIP_BYTES,
        invocation.walls,
    );
    let mut passage = Passage {
        upload: store.upload(target),
        movie: None,
    };
    let working = AssertUnwindSafe(work(&mut passage)).catch_unwind();
    let outcome = match invocation.walls.work("transferring the clip", working).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(panic)) => Err(Error::panic(panic.as_ref())),
        Err(deadline) => Err(deadline),
    };
    let stored = match outcome {
        Ok(stored) => stored,
        Err(error) => {
            // What goes wrong in cleaning up is not why the attempt failed.
            let cause = tally.last_failure();
            let landed = settle(store, &mut passage.upload, &error, request, invocation, tally).await;
            tally.last_failure_was(cause);
            match landed? {
                Landed::Ours(stored) => stored,
                Landed::Theirs(receipt) => return Ok(receipt),
                Landed::Nothing => return Err(error),
                Landed::Unsettled => return Err(Error::Unsettled(Box::new(error))),
            }
        }
    };
    tracing::info!(
        bytes = stored.size_bytes,
        etag = stored.etag,
        "the object is there"
    );
    let movie = passage.movie.as_ref();
    Ok(receipt(
        Status::Exported,
        request,
        stored,
        Some(content_type),
        movie,
        asked,
        tally,
    ))
}

/// A clip on its way through the function.
struct Passage {
    upload: Upload,
    movie: Option<Movie>,
}

impl Passage {
    /// Passes the clip on as it comes, and completes the object if it was whole.
    async fn run(&mut self, mut clip: Clip, tally: &Tally) -> Result<Stored, Error> {
        let mut scanner = Scanner::new();
        let transferring = async {
            while let Some(bytes) = clip.next().await.map_err(Error::Fetch)? {
                let offset = scanner.position();
                scanner.push(&bytes).map_err(Error::Damaged)?;
                self.upload.write(offset, bytes).await.map_err(Error::Upload)?;
            }
            Ok(())
        };
        tally.timed(Stage::Transfer, transferring).await?;
        let movie = self.movie.insert(scanner.finish().map_err(Error::Damaged)?);
        tracing::info!(
            bytes = self.upload.position(),
            seconds = movie.duration_seconds,
            tracks = movie.tracks.len(),
            moov_first = movie.moov_first,
            "the clip is whole"
        );
        tally
            .timed(Stage::Complete, self.upload.complete())
            .await
            .map_err(Error::Upload)
    }
}

/// S3 refused because of what somebody else did to the key or to the upload.
fn is_decided_elsewhere(error: &UploadError) -> bool {
    error.is_taken() || error.is_conflict() || error.is_vanished()
}

/// Whether a new `GetClip` and a new upload may do what the last ones did not.
fn mends_by_starting_over(error: &Error) -> bool {
    match error {
        Error::Fetch(FetchError::Body { .. } | FetchError::Stalled { .. }) => true,
        Error::Damaged(error) => !matches!(error, Mp4Error::Unsupported { .. }),
        Error::Upload(error) => is_decided_elsewhere(error) || error.is_corruption(),
        _ => false,
    }
}

/// The error as it is answered: nothing in the archive right after the end of the range does not mean
/// that there will be nothing, and what kept an export until its deadline is worth more than the deadline.
fn explained(error: Error, request: &ExportRequest, tally: &Tally) -> Error {
    let now = Timestamp::now();
    let end = request.range.end();
    let fresh = now.duration_since(end) < SETTLE;
    match error {
        Error::Deadline { stage, budget_ms, .. } => Error::Deadline {
            stage,
            budget_ms,
            last_failure: tally.last_failure(),
        },
        Error::Unsettled(error) => Error::Unsettled(Box::new(explained(*error, request, tally))),
        error if fresh && error.error_type() == ErrorType::NoFragments => Error::NotYetArchived { end, now },
        error => error,
    }
}

fn receipt(
    status: Status,
    request: &ExportRequest,
    stored: Stored,
    content_type: Option<String>,
    movie: Option<&Movie>,
    asked: Timestamp,
    tally: &Tally,
) -> Receipt {
    let doubts = movie.map(|movie| {
        let answer = Answer {
            bytes: stored.size_bytes,
            video_sync_samples: movie.video_sync_samples(),
            duration_seconds: movie.video_seconds(),
            longest_picture_seconds: movie.longest_picture_seconds(),
            age_of_end: asked.duration_since(request.range.end()),
        };
        doubts(&request.range, &answer)
    });
    let doubts = doubts.unwrap_or_default();
    for doubt in &doubts {
        tracing::warn!(code = doubt.code(), "{doubt}");
    }
    let clip = ClipReceipt::new(request, stored, content_type, movie);
    Receipt::new(status, request, clip, &doubts, tally)
}

#[cfg(test)]
mod tests;
