//! The objects of one clip, made together: all of them are one export's, or hold what it would have made.
//!
//! S3 makes one object at a time, and nothing locks several keys. So objects are made from the last to the
//! first, each only where its key is free, and the first decides: where it is, the clip is there, and no
//! request but one with `OVERWRITE` replaces any of it. Of several exports of one clip at once one makes the
//! first object and says `EXPORTED`; the others find it and say `ALREADY_EXPORTED`.
//!
//! What is left to say is what happens to an object with another number that is there when the first is not:
//! its export is under way, or ended between two objects. Exports at different times can have been told of
//! different fragments, and a receipt has to be of what is there. So such an object
//!
//! - stays if it holds the very bytes that would be written, and is younger than [`LASTS`];
//! - is replaced if it holds these bytes and is older, or others and is older than twice that: by `If-Match`, so
//!   that it is still the one that was looked at, and after another look for the first object;
//! - else keeps this export from being made, with an error that says from when on it can.
//!
//! No export that says `EXPORTED` loses an object to another one by that. It began at most [`LASTS`] before it
//! makes its first object. What it made itself dates from after its beginning, so the first object is there
//! before that is [`LASTS`] old; an object that it let stay was at most [`LASTS`] old then, so the first
//! object is there before that is twice as old. Whoever replaces an object has seen it older than twice
//! [`LASTS`] and has looked for the first object after that, and S3 shows each object to whoever looks after it
//! was made: they have found it, and replaced nothing. Who replaces bytes by the same ones takes nothing from
//! anybody, and makes them young: if they stayed at any age, the first object could come when they are long free.
//! That the other delivery has the same export id proves nothing: Lambda and SQS deliver at least once, and so at
//! the same time.
//!
//! An export that was told of fewer fragments may make one object, under another key, of what becomes several. So
//! each looks for what the other makes last, right before it makes its own last object; of a clip of one object
//! that costs a HEAD, less than a tenth of a PUT. What stays is the time of one call: where both have
//! looked before the call of either has made its object, both make theirs and say `EXPORTED`. S3 has no condition
//! on another key, and the function may not delete what it has made. A later export takes the younger of the two.
//!
//! S3 dates an object that came in parts by the beginning of its upload, which was in the lifetime of its
//! export as well. Source: S3 user guide, "Working with object metadata".

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

use super::existing::{accept, key_of};
use super::objects::Making;
use super::{Halt, Job};
use crate::backoff::Backoff;
use crate::error::{Error, chain};
use crate::event::{IfExists, Origin};
use crate::retry;
use crate::tally::Stage;
use crate::upload::{Existing, Pace, Stored, UploadError};

/// Longest time from the beginning of an export to its end: 15 minutes, Lambda's longest timeout, and one for
/// clocks that are apart. Source: Lambda developer guide, "Lambda quotas".
pub(super) const LASTS: Duration = Duration::from_secs(16 * 60);

/// Makes the objects out of what has been uploaded, the first one last.
pub(super) async fn complete(job: &Job<'_>, makings: &mut [Making]) -> Result<(), Halt> {
    let several = makings.iter().any(|making| making.number.is_some());
    let overwrites = job.request.if_exists == IfExists::Overwrite;
    if several && !overwrites {
        look_before(job, makings).await?;
    }
    for making in makings.iter_mut().rev() {
        if !overwrites {
            look_for_other(job, making.number).await?;
        }
        let completing = job.tally.timed(Stage::Complete, making.upload.complete());
        making.stored = Some(match completing.await {
            Ok(stored) => stored,
            Err(error) if several => mend(job, making, error).await?,
            Err(error) => return Err(Halt::Failed(Error::Upload(error))),
        });
    }
    Ok(())
}

/// Of several objects none is made if one of them cannot be, or the clip is there.
async fn look_before(job: &Job<'_>, makings: &[Making]) -> Result<(), Halt> {
    look_for_other(job, Some(1)).await?;
    for making in makings {
        let Some(existing) = look(job, making.number).await? else {
            continue;
        };
        let existing = accept(job, making.number, existing)?;
        if making.number == Some(1) {
            return Err(Halt::Found(making.number, Box::new(existing)));
        }
        place(job, making, &existing).await?;
    }
    Ok(())
}

/// Before the last object is made: whether the clip is there as one object where it was to be several, or the
/// other way round.
async fn look_for_other(job: &Job<'_>, number: Option<usize>) -> Result<(), Halt> {
    let other = match number {
        None => Some(1),
        Some(1) => None,
        Some(_) => return Ok(()),
    };
    match look(job, other).await? {
        // Another object under a number is in the way only of a clip that becomes several.
        Some(existing) if other.is_none() || job.origin(&existing, other) != Origin::Other => {
            Err(Halt::Found(other, Box::new(accept(job, other, existing)?)))
        }
        _ => Ok(()),
    }
}

/// Finds out what became of one of several objects whose making failed: its answer may have got lost,
/// or an object is there.
async fn mend(job: &Job<'_>, making: &mut Making, error: UploadError) -> Result<Stored, Halt> {
    if !making.upload.may_have_landed() && !error.is_taken() {
        return Err(Halt::Failed(Error::Upload(error)));
    }
    let existing = look(job, making.number).await?;
    let Some(existing) = existing.filter(|existing| job.is_ours(existing, making.number)) else {
        return Err(Halt::Failed(Error::Upload(error)));
    };
    let overwrites = job.request.if_exists == IfExists::Overwrite;
    let place = if overwrites || making.number == Some(1) {
        if job.origin(&existing, making.number) == Origin::ThisExport && making.upload.made(&existing.stored)
        {
            Place::Stays
        } else if overwrites {
            return Err(Halt::Failed(Error::Upload(error)));
        } else {
            return Err(Halt::Found(making.number, Box::new(existing)));
        }
    } else {
        place(job, making, &existing).await?
    };
    match place {
        Place::Stays => {
            tracing::warn!(
                error = chain(&error),
                key = making.key,
                "the object is there all the same"
            );
            making.upload.abandon().await.map_err(Error::Upload)?;
            Ok(existing.stored)
        }
        Place::Replaced(etag) => {
            tracing::warn!(
                key = making.key,
                etag,
                "replacing the object of an export that has ended without the others"
            );
            making.upload.replace(etag);
            let completing = job.tally.timed(Stage::Complete, making.upload.complete());
            completing
                .await
                .map_err(|error| Halt::Failed(Error::Upload(error)))
        }
    }
}

/// What becomes of an object that is there while the first is not.
enum Place {
    /// It holds what was to be written.
    Stays,
    /// It has this `ETag`.
    Replaced(String),
}

/// Decides it, by the rule of this module. The export that has made the object may be about to make the first:
/// that is waited for as long as there are retries.
async fn place(job: &Job<'_>, making: &Making, existing: &Existing) -> Result<Place, Halt> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let modified = existing.last_modified.map(i64::cast_unsigned);
    let modified = modified.map_or(now, Duration::from_secs);
    let age = now.saturating_sub(modified);
    let is_same = making.upload.is_same_as(&existing.stored);
    if age <= LASTS && is_same {
        return Ok(Place::Stays);
    }
    let (bucket, key) = (&job.request.destination.bucket, &making.key);
    let ended = LASTS.saturating_mul(2);
    let is_free = is_same || age > ended;
    let mut backoff = Backoff::new(job.transfer.retries);
    loop {
        if let Some(first) = look(job, Some(1)).await? {
            return Err(Halt::Found(Some(1), Box::new(accept(job, Some(1), first)?)));
        }
        if let (true, Some(etag)) = (is_free, &existing.stored.etag) {
            return Ok(Place::Replaced(etag.clone()));
        }
        let (walls, tally) = (&job.invocation.walls, job.tally);
        let failure = || format!("an export has made {key}, and not the first object of the clip");
        if !retry::wait(&mut backoff, walls, tally, failure, None, "looking for it again").await {
            let from = modified.saturating_add(ended).as_secs();
            let from = i64::try_from(from)
                .ok()
                .and_then(|s| Timestamp::from_second(s).ok());
            return Err(Halt::Failed(Error::UnderWay {
                bucket: bucket.clone(),
                key: key.clone(),
                from: from.unwrap_or(Timestamp::MAX),
            }));
        }
    }
}

async fn look(job: &Job<'_>, number: Option<usize>) -> Result<Option<Existing>, Error> {
    let (bucket, key) = (&job.request.destination.bucket, key_of(job, number));
    let looking = job.store.look(bucket, &key, Pace::Patient);
    let looking = job.tally.timed(Stage::Look, looking);
    looking.await.map_err(Error::Upload)
}
