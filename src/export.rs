//! The pipeline: the only module that knows all stages of an export.
//!
//! look at the key → wait until the footage is archived → list the fragments → fetch window after window, and pass each into the object
//! that is being made → complete → receipt. A window that breaks off is fetched again and continued;
//! what can be mended only by starting over (an upload that somebody aborted, a list that does not
//! fit what comes) starts over here, with new uploads. However an attempt ends, by an error, a panic
//! or the deadline, its uploads are completed or abandoned before the answer goes out.

mod ahead;
mod change;
mod course;
mod existing;
mod incoming;
mod objects;
mod passing;
mod settle;
mod spool;
mod together;
mod unlisted;
mod waiting;
mod windows;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use crate::backoff::Backoff;
use crate::config::{Config, Transfer};
use crate::error::{Error, chain};
use crate::event::{Boundary, ExportRequest, IfExists, Origin};
use crate::kvs::{Archive, FetchError, Kvs};
use crate::mp4::{self, Mp4Error};
use crate::plan::{Fragment, FragmentSelectorType, MUCH_SKEW_MS, TimeRange};
use crate::receipt::{Account, ClipReceipt, Receipt, Status};
use crate::retry;
use crate::tally::Tally;
use crate::upload::{Existing, Head, Store, UploadError};
use crate::walls::Walls;
use bytes::Bytes;
use course::{Course, survey, survey_when_archived};
use objects::{Ended, Making, carry_out};
use waiting::Waiting;
use windows::Windows;

/// Media type where `GetClip` names none.
const VIDEO_MP4: &str = "video/mp4";

/// Makes clips. Lives as long as the execution environment.
#[derive(Debug)]
pub struct Exporter {
    kvs: Arc<Kvs>,
    store: Store,
    transfer: Transfer,
    max_wait: Duration,
}

/// One invocation, as far as an export has to know it.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The same for every delivery of one trigger: Lambda's request id, or a message's id.
    pub export_id: String,
    /// When to stop.
    pub walls: Walls,
}

/// One export: what it is asked for, and what it works with.
#[derive(Debug)]
struct Job<'a> {
    archive: Arc<Archive>,
    store: Store,
    transfer: Transfer,
    /// Longest wait for footage that is not archived yet.
    max_wait: Duration,
    request: &'a ExportRequest,
    invocation: &'a Invocation,
    tally: &'a Tally,
}

impl Job<'_> {
    /// The range that playback is cut to, in milliseconds since 1970, if it is.
    fn exact(&self) -> Option<Range<i64>> {
        let (start, end) = self.request.range.milliseconds();
        (self.request.boundary == Boundary::Exact).then_some(start..end)
    }

    /// Whose work the object at the key of the clip, or of its object `number`, is.
    fn origin(&self, existing: &Existing, number: Option<usize>) -> Origin {
        let export_id = &self.invocation.export_id;
        Origin::of(existing.metadata(), self.request, export_id, number)
    }

    /// Whether it is in nobody's way: what this export would make there, or an object after the first, which decides.
    fn is_ours(&self, existing: &Existing, number: Option<usize>) -> bool {
        match (self.origin(existing, number), self.request.if_exists) {
            // Lambda delivers an event again under the same request id: even FAIL means others.
            (Origin::ThisExport, _) | (Origin::SameClip, IfExists::Skip | IfExists::Overwrite) => true,
            // A clip is there once its first object is. Others without it are what is left of an export, and an error
            // that says so has promised that the same request, asked again under another id, makes the rest.
            (Origin::SameClip, IfExists::Fail) => number.is_some_and(|number| number > 1),
            (Origin::Other, _) => false,
        }
    }

    /// The fragments of a range, or why they may not be listed. `doing` is what an error at the deadline says was
    /// going on.
    async fn list(
        &self,
        range: &TimeRange,
        selector: FragmentSelectorType,
        doing: &'static str,
    ) -> Result<Result<Vec<Fragment>, FetchError>, Error> {
        let mut backoff = Backoff::new(self.transfer.retries);
        let most = range.most_fragments();
        let listing = self.archive.list_fragments(range, selector, most, &mut backoff);
        match self.invocation.walls.work(doing, listing).await? {
            Err(error) if !error.is_access_denied() => Err(Error::Fetch(error)),
            listed => Ok(listed),
        }
    }
}

/// Why the work on objects stopped.
#[derive(Debug)]
enum Halt {
    /// It failed.
    Failed(Error),
    /// The clip turned out to be several objects, or only one, which needs other keys.
    Renumber,
    /// Another export has made the clip: its object, or with the number 1 the first of several.
    Found(Option<usize>, Box<Existing>),
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// The head of a joined movie, as an upload takes it.
#[derive(Debug)]
struct MovieHead(mp4::Head);

impl Head for MovieHead {
    fn bytes(&self) -> u64 {
        self.0.len()
    }

    fn pieces(&self) -> Box<dyn Iterator<Item = Bytes> + Send> {
        Box::new(self.0.pieces())
    }
}

impl Exporter {
    /// Makes the clients. No connection is opened and no credential is looked up.
    #[must_use]
    pub fn new(sdk: &aws_config::SdkConfig, config: &Config) -> Self {
        Self {
            kvs: Arc::new(Kvs::new(sdk, config.transfer)),
            store: Store::new(sdk, config.transfer, config.keeping.clone()),
            transfer: config.transfer,
            max_wait: config.max_wait,
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
        let job = self.job(request, invocation, tally);
        let outcome = job.export().await;
        outcome.map_err(|error| explained(error, tally))
    }

    fn job<'a>(&self, request: &'a ExportRequest, invocation: &'a Invocation, tally: &'a Tally) -> Job<'a> {
        let (stream, selector) = (&request.stream, request.selector);
        let archive = self.kvs.archive(stream, selector, invocation.walls, tally);
        Job {
            archive: Arc::new(archive),
            store: self.store.counting(tally),
            transfer: self.transfer,
            max_wait: self.max_wait,
            request,
            invocation,
            tally,
        }
    }
}

impl Job<'_> {
    async fn export(&self) -> Result<Receipt, Error> {
        let walls = &self.invocation.walls;
        walls.enough_to_start()?;
        let waiting = Waiting::new(self);
        waiting.is_worth_it()?;
        if self.request.if_exists != IfExists::Overwrite
            && let Some(receipt) = existing::look(self).await?
        {
            return Ok(receipt);
        }
        let mut course = survey_when_archived(self, &waiting).await?;
        let mut backoff = Backoff::new(self.transfer.retries);
        loop {
            let error = match self.attempt(&mut course, &mut backoff).await {
                Ok(Some(receipt)) => return Ok(receipt),
                Ok(None) => {
                    tracing::warn!("starting over, because the number of objects is another");
                    continue;
                }
                Err(error) => error,
            };
            let failure = || chain(&error);
            if !mends_by_starting_over(&error, &course)
                || !retry::wait(&mut backoff, walls, self.tally, failure, None, "starting over").await
            {
                return Err(error);
            }
            if matches!(error, Error::Strange { .. }) {
                // The list may have been behind what GetClip knew.
                course = survey(self).await?;
            }
        }
    }

    /// One try, with uploads of its own. `None` if the clip has to be made again under other keys.
    async fn attempt(&self, course: &mut Course, backoff: &mut Backoff) -> Result<Option<Receipt>, Error> {
        let mut windows = 1;
        let ended = match course {
            Course::Unlisted(why) => {
                let ended = carry_out(self, async |makings: &mut Vec<Making>| {
                    unlisted::fetch(self, backoff, makings).await
                });
                ended.await.map_err(|error| why.explain(error))?
            }
            Course::Listed(listed) => {
                carry_out(self, async |makings: &mut Vec<Making>| {
                    windows = Windows::new(self, listed, makings).run().await?;
                    Ok(())
                })
                .await?
            }
        };
        match ended {
            Ended::Made(makings) => Ok(Some(self.receipt(course, windows, makings))),
            Ended::Found(receipt) => Ok(Some(*receipt)),
            Ended::StartOver => Ok(None),
        }
    }

    /// The receipt for what has been made.
    fn receipt(&self, course: &Course, windows: u32, makings: Vec<Making>) -> Receipt {
        let request = self.request;
        let account = match course {
            Course::Listed(listed) => {
                if let Some(skew_ms) = listed.plan.skew_ms().filter(|skew| skew.abs() > MUCH_SKEW_MS) {
                    tracing::warn!(
                        skew_ms,
                        "the server's clock and the camera's are far apart: its clock is off, or its upload is late"
                    );
                }
                let cut_off: usize = makings.iter().map(|making| making.not_shown).sum();
                let not_shown = listed.fragments_not_shown().saturating_add(cut_off);
                Account::of_plan(&listed.plan, windows, not_shown)
            }
            Course::Unlisted(why) => {
                let seen = makings.first().and_then(|making| making.movie.as_ref());
                let bytes = makings.first().and_then(|making| making.stored.as_ref());
                let mut doubts = why.doubts(request.boundary);
                doubts.extend(existing::doubts_of(request, seen, bytes));
                Account::unknown(doubts)
            }
        };
        for doubt in &account.doubts {
            tracing::warn!(code = doubt.code(), "{doubt}");
        }
        for gap in &account.gaps {
            tracing::warn!(
                place = gap.place.as_str(),
                start = gap.start(),
                end = gap.end(),
                seconds = gap.seconds(),
                "footage is missing"
            );
        }
        let bucket = &request.destination.bucket;
        let clips = makings.into_iter().filter_map(|making| {
            let stored = making.stored?;
            let (movie, key) = (making.movie.as_ref(), making.key);
            let content_type = Some(making.content_type);
            Some(ClipReceipt::new(
                bucket,
                key,
                stored,
                content_type,
                movie,
                making.footage,
            ))
        });
        Receipt::new(Status::Exported, request, clips.collect(), account, self.tally)
    }
}

/// S3 refused because of what somebody else did to the key or to the upload.
fn is_decided_elsewhere(error: &UploadError) -> bool {
    error.is_taken() || error.is_conflict() || error.is_vanished()
}

/// Whether new calls of `GetClip` and new uploads may do what the last ones did not. Of a plan, a
/// window that broke off has been fetched again already.
fn mends_by_starting_over(error: &Error, course: &Course) -> bool {
    match error {
        Error::Strange { .. } => true,
        Error::Upload(error) => is_decided_elsewhere(error) || error.is_corruption(),
        Error::Partly { source, .. } => mends_by_starting_over(source, course),
        error => matches!(course, Course::Unlisted(_)) && breaks_off(error),
    }
}

/// Whether a clip may come whole when it is asked for again.
fn breaks_off(error: &Error) -> bool {
    match error {
        Error::Fetch(FetchError::Body { .. } | FetchError::Stalled { .. }) => true,
        Error::Damaged(error) => matches!(
            error,
            Mp4Error::Invalid { .. } | Mp4Error::Truncated { .. } | Mp4Error::Missing { .. }
        ),
        _ => false,
    }
}

/// The error as it is answered: what kept an export until its deadline is worth more than the deadline.
fn explained(error: Error, tally: &Tally) -> Error {
    match error {
        Error::Deadline { stage, budget_ms, .. } => Error::Deadline {
            stage,
            budget_ms,
            last_failure: tally.last_failure(),
        },
        Error::Unsettled(error) => Error::Unsettled(Box::new(explained(*error, tally))),
        Error::Partly { keys, source } => Error::Partly {
            keys,
            source: Box::new(explained(*source, tally)),
        },
        error => error,
    }
}

#[cfg(test)]
mod tests;
