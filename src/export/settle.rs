//! What is at the key after an attempt has failed.

use super::existing::accept;
use super::objects::Making;
use super::{Job, is_decided_elsewhere};
use crate::error::{Error, chain};
use crate::event::{IfExists, Origin};
use crate::upload::{Existing, Pace, Stored};

/// Cleans up after a failed attempt, and finds out whether there is an object all the same: the
/// answer to the call that makes it may have got lost, or another export was faster.
///
/// `error` is why the attempt failed; `None` if it was given up for another one.
pub(super) async fn settle(
    job: &Job<'_>,
    making: &mut Making,
    error: Option<&Error>,
) -> Result<Landed, Error> {
    let (bucket, key) = (&job.request.destination.bucket, &making.key);
    let upload = &mut making.upload;
    let walls = &job.invocation.walls;
    if upload.is_landing() {
        match walls
            .landing("waiting for S3 to make the object", upload.finish())
            .await
        {
            Ok(Ok(stored)) => return Ok(Landed::Ours(stored)),
            Ok(Err(late)) => tracing::warn!(error = chain(&late), "the call that makes the object failed"),
            Err(late) => tracing::error!(error = chain(&late), bucket, key, "the object may yet appear"),
        }
    }
    let look = upload.may_have_landed()
        || matches!(error, Some(Error::Upload(error)) if is_decided_elsewhere(error));
    let abandoning = walls.cleanup("abandoning the upload", upload.abandon());
    let abandoned = abandoning.await.and_then(|done| done.map_err(Error::Upload));
    // A PutObject whose bytes were all sent can still land.
    let nothing = if abandoned.is_ok() && !upload.is_landing() {
        Landed::Nothing
    } else {
        Landed::Unsettled
    };
    if let Err(left) = abandoned {
        let upload_id = upload.upload_id();
        tracing::error!(
            error = chain(&left),
            bucket,
            key,
            upload_id,
            "an unfinished upload may be left behind"
        );
    }
    if !look {
        return Ok(nothing);
    }
    let looking = job.store.look(bucket, key, Pace::Hurried);
    let existing = match walls
        .cleanup("looking for the object", looking)
        .await
        .map(|done| done.map_err(Error::Upload))
    {
        Ok(Ok(existing)) => existing,
        Ok(Err(unknown)) | Err(unknown) => {
            tracing::error!(
                error = chain(&unknown),
                bucket,
                key,
                "it is not known whether the object is there"
            );
            return Ok(Landed::Unsettled);
        }
    };
    match existing {
        None => Ok(nothing),
        Some(existing)
            if job.origin(&existing, making.number) == Origin::ThisExport
                && upload.made(&existing.stored) =>
        {
            tracing::warn!(
                error = error.map(|error| chain(error)),
                "the object is there although its making seemed to fail"
            );
            Ok(Landed::Ours(existing.stored))
        }
        Some(_) if job.request.if_exists == IfExists::Overwrite => Ok(nothing),
        Some(existing) => {
            accept(job, making.number, existing).map(|existing| Landed::Theirs(Box::new(existing)))
        }
    }
}

/// What is at the key after an attempt has failed.
pub(super) enum Landed {
    /// Our object.
    Ours(Stored),
    /// The same clip, made by another export.
    Theirs(Box<Existing>),
    /// Nothing, or what was there before.
    Nothing,
    /// S3 did not say what is left.
    Unsettled,
}
