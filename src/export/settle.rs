//! What is at the key: before an export, and after an attempt has failed.

use jiff::Timestamp;

use super::{Invocation, is_decided_elsewhere, receipt};
use crate::error::{Error, chain};
use crate::event::{ExportRequest, IfExists, Origin};
use crate::mp4::{Movie, Scanner};
use crate::receipt::{Receipt, Status};
use crate::tally::Tally;
use crate::upload::{Existing, Pace, Store, Stored, Upload};

/// Cleans up after a failed attempt, and finds out whether there is an object all the same: the
/// answer to the call that makes it may have got lost, or another export was faster.
pub(super) async fn settle(
    store: &Store,
    upload: &mut Upload,
    error: &Error,
    request: &ExportRequest,
    invocation: &Invocation,
    tally: &Tally,
) -> Result<Landed, Error> {
    let destination = &request.destination;
    let (bucket, key) = (&destination.bucket, &destination.key);
    let walls = &invocation.walls;
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
    let look =
        upload.may_have_landed() || matches!(error, Error::Upload(error) if is_decided_elsewhere(error));
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
    let looking = store.look(bucket, key, Pace::Hurried);
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
            if origin(&existing, request, invocation) == Origin::ThisExport
                && upload.made(&existing.stored) =>
        {
            tracing::warn!(
                error = chain(error),
                "the object is there although its making seemed to fail"
            );
            Ok(Landed::Ours(existing.stored))
        }
        Some(_) if request.if_exists == IfExists::Overwrite => Ok(nothing),
        Some(existing) => judge(store, existing, request, invocation, tally)
            .await
            .map(Landed::Theirs),
    }
}

/// What is at the key after an attempt has failed.
pub(super) enum Landed {
    /// Our object.
    Ours(Stored),
    /// The same clip, made by another export.
    Theirs(Receipt),
    /// Nothing, or what was there before.
    Nothing,
    /// S3 did not say what is left.
    Unsettled,
}

/// What an object at the key means for a request that does not want it replaced.
pub(super) async fn judge(
    store: &Store,
    existing: Existing,
    request: &ExportRequest,
    invocation: &Invocation,
    tally: &Tally,
) -> Result<Receipt, Error> {
    let origin = origin(&existing, request, invocation);
    let ours = match (origin, request.if_exists) {
        // Lambda delivers an event again under the same request id: even FAIL means others.
        (Origin::ThisExport, _) | (Origin::SameClip, IfExists::Skip | IfExists::Overwrite) => true,
        (Origin::SameClip, IfExists::Fail) | (Origin::Other, _) => false,
    };
    if !ours {
        return Err(Error::DestinationExists {
            bucket: request.destination.bucket.clone(),
            key: request.destination.key.clone(),
            same_clip: origin == Origin::SameClip,
        });
    }
    // The clip is there: that its head cannot be read, or not in time, only makes the receipt shorter.
    let reading = read_movie(store, request, &existing);
    let movie = match invocation.walls.landing("reading the object", reading).await {
        Ok(Ok(movie)) => Some(movie),
        Ok(Err(error)) | Err(error) => {
            tracing::warn!(error = chain(&error), "the object is there but could not be read");
            None
        }
    };
    let destination = &request.destination;
    if !destination.tags.is_empty() || !destination.metadata.is_empty() || destination.storage_class.is_some()
    {
        tracing::warn!(
            "tags, metadata and storage class of an object that is there already are left as they are"
        );
    }
    tracing::info!("exported already");
    let written = existing
        .last_modified
        .and_then(|seconds| Timestamp::from_second(seconds).ok());
    Ok(receipt(
        Status::AlreadyExported,
        request,
        existing.stored,
        existing.content_type,
        movie.as_ref(),
        written.unwrap_or_else(Timestamp::now),
        tally,
    ))
}

/// Reads what a receipt says of a movie out of an object, without its media.
async fn read_movie(store: &Store, request: &ExportRequest, existing: &Existing) -> Result<Movie, Error> {
    let destination = &request.destination;
    let (etag, size) = (existing.stored.etag.as_deref(), existing.stored.size_bytes);
    let mut scanner = Scanner::new();
    'reading: while scanner.position() < size {
        let reading = store.read(&destination.bucket, &destination.key, etag, scanner.position());
        let mut reading = reading.await.map_err(Error::Upload)?;
        while let Some(bytes) = reading.next().await.map_err(Error::Upload)? {
            scanner.push(&bytes).map_err(Error::Damaged)?;
            let skippable = scanner.skippable().min(size.saturating_sub(scanner.position()));
            if skippable > 0 {
                scanner.skip(skippable);
                continue 'reading;
            }
        }
        break;
    }
    scanner.finish().map_err(Error::Damaged)
}

fn origin(existing: &Existing, request: &ExportRequest, invocation: &Invocation) -> Origin {
    let metadata = existing
        .metadata
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    Origin::of(metadata, request, &invocation.request_id)
}
