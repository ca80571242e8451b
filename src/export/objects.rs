//! The objects of an export: one, or one for each run of a codec.
//!
//! None of them is there before all of them are whole. [`carry_out`] sees to it that each is
//! completed or abandoned, however the work on them ends; [`complete`] makes those of one clip.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;

use super::existing::judge;
use super::settle::{Landed, settle};
use super::together::complete;
use super::{Halt, Job, VIDEO_MP4};
use crate::error::Error;
use crate::event::ExportRequest;
use crate::mp4::Movie;
use crate::receipt::{Coverage, Footage, Receipt};
use crate::upload::{Stored, Target, Upload};

/// Bytes that an object can have beyond the media that was planned: its `moov`, and media that was
/// sent twice after a failure. Only decides the size of parts.
const ROOM: u64 = 256 * 1024 * 1024;

/// An object in the making.
#[derive(Debug)]
pub(super) struct Making {
    pub(super) upload: Upload,
    /// The key, with the number of the object if there are several.
    pub(super) key: String,
    /// That number, from 1 on.
    pub(super) number: Option<usize>,
    /// Media type.
    pub(super) content_type: String,
    /// How many fragments came for it.
    pub(super) fragments: usize,
    /// Of how many of them playback, cut to the range, shows nothing.
    pub(super) not_shown: usize,
    /// What is in it, once all of it has been seen.
    pub(super) movie: Option<Movie>,
    /// Which footage that is, where a list says so.
    pub(super) footage: Option<Footage>,
    /// What its metadata says of its completeness.
    coverage: Option<Coverage>,
    /// What S3 holds, once it does.
    pub(super) stored: Option<Stored>,
}

impl Making {
    /// The object of a whole request, or its part `number` (from 1) if it has several.
    pub(super) fn new(job: &Job<'_>, number: Option<usize>, media_bytes: u64) -> Self {
        let expected = media_bytes.saturating_add(media_bytes / 4).saturating_add(ROOM);
        let mut target = Target::of(
            job.request,
            &job.invocation.export_id,
            VIDEO_MP4.to_owned(),
            expected,
            job.invocation.walls,
        );
        if let Some(number) = number {
            let key = job.request.destination.numbered_key(number);
            target = target
                .with_key(key)
                .with_metadata([ExportRequest::numbered_metadata(number)]);
        }
        Self {
            key: target.destination.key.clone(),
            number,
            upload: job.store.upload(target),
            content_type: VIDEO_MP4.to_owned(),
            fragments: 0,
            not_shown: 0,
            movie: None,
            footage: None,
            coverage: None,
            stored: None,
        }
    }

    /// Writes into the metadata how complete the clip will be. To be called before the first piece is
    /// written; later it does nothing.
    pub(super) fn covers(&mut self, coverage: Coverage) {
        if self.coverage.is_none() && self.upload.position() == 0 {
            self.coverage = Some(coverage);
            self.upload
                .note(ExportRequest::coverage_metadata(coverage.as_str()));
        }
    }

    /// Takes the media type that the service gave the clip.
    pub(super) fn called(&mut self, content_type: &str) {
        self.upload.called(content_type);
        content_type.clone_into(&mut self.content_type);
    }
}

/// How the work on objects ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// All objects are there.
    Made(Vec<Making>),
    /// The same clip is there, made by another export.
    Found(Box<Receipt>),
    /// Nothing is there: the work has to begin anew, under other keys.
    StartOver,
}

/// Has `work` make objects and completes them.
pub(super) async fn carry_out<W>(job: &Job<'_>, work: W) -> Result<Ended, Error>
where
    W: AsyncFnOnce(&mut Vec<Making>) -> Result<(), Halt>,
{
    let mut makings = Vec::new();
    let walls = &job.invocation.walls;
    let working = async {
        work(&mut makings).await?;
        complete(job, &mut makings).await
    };
    let working = AssertUnwindSafe(working).catch_unwind();
    let halt = match walls.work("transferring the clip", working).await {
        Ok(Ok(Ok(()))) => {
            for making in &makings {
                let stored = making.stored.as_ref();
                tracing::info!(
                    key = making.key,
                    bytes = stored.map(|stored| stored.size_bytes),
                    etag = stored.and_then(|stored| stored.etag.as_deref()),
                    "the object is there"
                );
            }
            return Ok(Ended::Made(makings));
        }
        Ok(Ok(Err(halt))) => halt,
        Ok(Err(panic)) => Halt::Failed(Error::panic(panic.as_ref())),
        Err(deadline) => Halt::Failed(deadline),
    };
    let (mut error, mut found) = match halt {
        Halt::Failed(error) => (Some(error), None),
        Halt::Renumber => (None, None),
        Halt::Found(number, existing) => (None, Some((number, existing))),
    };
    // What goes wrong in cleaning up is not why the attempt failed.
    let cause = job.tally.last_failure();
    let mut unsettled = false;
    for making in makings.iter_mut().filter(|making| making.stored.is_none()) {
        match settle(job, making, error.as_ref()).await {
            Ok(Landed::Ours(stored)) => making.stored = Some(stored),
            Ok(Landed::Theirs(existing)) if making.number.is_some_and(|number| number > 1) => tracing::warn!(
                key = making.key,
                etag = existing.stored.etag,
                "an object of the same clip is there already"
            ),
            Ok(Landed::Theirs(existing)) => found = Some((making.number, existing)),
            Ok(Landed::Nothing) => {}
            Ok(Landed::Unsettled) => unsettled = true,
            Err(in_the_way) => error = Some(in_the_way),
        }
    }
    job.tally.last_failure_was(cause);
    let made: Vec<&str> = makings
        .iter()
        .filter(|making| making.stored.is_some())
        .map(|making| making.key.as_str())
        .collect();
    if let Some((number, existing)) = found {
        if number.is_none() && !made.is_empty() {
            tracing::warn!(keys = ?made, "another export has made the clip as one object: these are left, and no part of it");
        }
        return judge(job, number, *existing)
            .await
            .map(|receipt| Ended::Found(Box::new(receipt)));
    }
    if !made.is_empty() && made.len() == makings.len() {
        return Ok(Ended::Made(makings));
    }
    let Some(error) = error else {
        return Ok(Ended::StartOver);
    };
    let error = if unsettled {
        Error::Unsettled(Box::new(error))
    } else {
        error
    };
    if made.is_empty() {
        return Err(error);
    }
    tracing::error!(keys = ?made, "only some of the objects are there");
    Err(Error::Partly {
        keys: made.into_iter().map(str::to_owned).collect(),
        source: Box::new(error),
    })
}
