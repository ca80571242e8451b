//! What is at the key already.

use super::Job;
use super::together::LASTS;
use crate::error::{Error, chain};
use crate::event::{Boundary, ExportRequest, Origin};
use crate::mp4::{Movie, Scanner};
use crate::plan::{Answer, Doubt, doubts};
use crate::receipt::{Account, ClipReceipt, Coverage, Receipt, Status};
use crate::tally::Stage;
use crate::upload::{Existing, Pace, Stored};

/// Looks whether the clip is there. Of one that became several objects the first is made last: where
/// it is, all of them are.
pub(super) async fn look(job: &Job<'_>) -> Result<Option<Receipt>, Error> {
    let plain = head(job, &key_of(job, None)).await?;
    // Another object under a number is in the way only of a clip that becomes several.
    let numbered = head(job, &key_of(job, Some(1))).await?;
    let numbered = numbered.filter(|numbered| job.origin(numbered, Some(1)) != Origin::Other);
    let (number, existing) = match (plain, numbered) {
        (None, None) => return Ok(None),
        (None, Some(numbered)) => (Some(1), numbered),
        // After an OVERWRITE the clip may have become one, or several: what was written last counts.
        (Some(plain), Some(numbered))
            if job.is_ours(&plain, None) && numbered.last_modified >= plain.last_modified =>
        {
            (Some(1), numbered)
        }
        (Some(plain), _) => (None, plain),
    };
    judge(job, number, existing).await.map(Some)
}

/// The key of the clip, or of its object `number` (from 1) if it has several.
pub(super) fn key_of(job: &Job<'_>, number: Option<usize>) -> String {
    let destination = &job.request.destination;
    number.map_or_else(
        || destination.key.clone(),
        |number| destination.numbered_key(number),
    )
}

async fn head(job: &Job<'_>, key: &str) -> Result<Option<Existing>, Error> {
    let looking = job
        .store
        .look(&job.request.destination.bucket, key, Pace::Patient);
    let looking = job.tally.timed(Stage::Look, looking);
    let walls = &job.invocation.walls;
    let existing = walls.work("looking at the destination", looking).await?;
    existing.map_err(Error::Upload)
}

/// The object at the key of the clip, or of its object `number`, for a request that does not want it replaced: what
/// belongs there, or in the way.
pub(super) fn accept(job: &Job<'_>, number: Option<usize>, existing: Existing) -> Result<Existing, Error> {
    if job.is_ours(&existing, number) {
        return Ok(existing);
    }
    Err(Error::DestinationExists {
        bucket: job.request.destination.bucket.clone(),
        key: key_of(job, number),
        same_clip: job.origin(&existing, number) == Origin::SameClip,
    })
}

/// The receipt for an object that is there already, if it is the clip, or its object `number` and those after it.
pub(super) async fn judge(
    job: &Job<'_>,
    number: Option<usize>,
    existing: Existing,
) -> Result<Receipt, Error> {
    let request = job.request;
    let destination = &request.destination;
    let existing = accept(job, number, existing)?;
    if !destination.tags.is_empty() || !destination.metadata.is_empty() || destination.storage_class.is_some()
    {
        tracing::warn!(
            "tags, metadata and storage class of an object that is there already are left as they are"
        );
    }
    let mut clips = Vec::new();
    let mut account = None;
    let first_modified = existing.last_modified;
    let mut next = Some((number, existing));
    while let Some((number, existing)) = next.take() {
        let key = key_of(job, number);
        tracing::info!(key, etag = existing.stored.etag, "exported already");
        let movie = movie(job, &key, &existing).await;
        account.get_or_insert_with(|| {
            if number.is_some() {
                return Account::unknown(vec![Doubt::Numbered]);
            }
            let coverage = ExportRequest::coverage_of(existing.metadata());
            coverage.and_then(Account::of_metadata).unwrap_or_else(|| {
                let mut doubts = Vec::new();
                if coverage == Some(Coverage::Unknown.as_str()) {
                    doubts.push(Doubt::WasNotListed);
                    doubts.extend((request.boundary == Boundary::Exact).then_some(Doubt::NotCut));
                }
                doubts.extend(doubts_of(request, movie.as_ref(), Some(&existing.stored)));
                Account::unknown(doubts)
            })
        });
        clips.push(ClipReceipt::new(
            &destination.bucket,
            key,
            existing.stored,
            existing.content_type,
            movie.as_ref(),
            None,
        ));
        if let Some(number) = number {
            let number = Some(number.saturating_add(1));
            let following = head(job, &key_of(job, number)).await?;
            let following = following.filter(|existing| job.origin(existing, number) != Origin::Other);
            next = following
                .filter(|existing| may_be_with(first_modified, existing))
                .map(|existing| (number, existing));
        }
    }
    let account = account.unwrap_or_else(|| Account::unknown(Vec::new()));
    for doubt in &account.doubts {
        tracing::warn!(code = doubt.code(), "{doubt}");
    }
    Ok(Receipt::new(
        Status::AlreadyExported,
        request,
        clips,
        account,
        job.tally,
    ))
}

/// Whether an object may be of one set with the first one. `OVERWRITE` can make fewer objects than were there, as when
/// the retention has moved on, and the footage of those that it leaves behind is in its own. What an export lets stay is
/// at most [`LASTS`] old then, and its first object dates from at most [`LASTS`] after its beginning.
fn may_be_with(first_modified: Option<i64>, existing: &Existing) -> bool {
    let Some((first, modified)) = first_modified.zip(existing.last_modified) else {
        return true;
    };
    let apart = i64::try_from(LASTS.as_secs()).unwrap_or(i64::MAX);
    let may_be = modified >= first.saturating_sub(apart.saturating_mul(2));
    if !may_be {
        tracing::warn!(
            etag = existing.stored.etag,
            "the next object is older than the first one's can be: an OVERWRITE has left it behind"
        );
    }
    may_be
}

/// What an object holds. The clip is there: that its head cannot be read, or not in time, only makes
/// the receipt shorter.
async fn movie(job: &Job<'_>, key: &str, existing: &Existing) -> Option<Movie> {
    let reading = read(job, key, existing);
    match job.invocation.walls.landing("reading the object", reading).await {
        Ok(Ok(movie)) => Some(movie),
        Ok(Err(error)) | Err(error) => {
            tracing::warn!(error = chain(&error), "the object is there but could not be read");
            None
        }
    }
}

/// Reads what a receipt says of a movie out of an object, without its media.
async fn read(job: &Job<'_>, key: &str, existing: &Existing) -> Result<Movie, Error> {
    let bucket = &job.request.destination.bucket;
    let (etag, size) = (existing.stored.etag.as_deref(), existing.stored.size_bytes);
    let mut scanner = Scanner::new();
    'reading: while scanner.position() < size {
        let reading = job.store.read(bucket, key, etag, scanner.position());
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

/// What a clip gives away about itself, made by one `GetClip`.
pub(super) fn doubts_of(
    request: &ExportRequest,
    movie: Option<&Movie>,
    stored: Option<&Stored>,
) -> Vec<Doubt> {
    let Some((movie, stored)) = movie.zip(stored) else {
        return Vec::new();
    };
    let answer = Answer {
        bytes: stored.size_bytes,
        video_sync_samples: movie.video_sync_samples(),
        duration_seconds: movie.video_seconds(),
        longest_picture_seconds: movie.longest_picture_seconds(),
    };
    doubts(&request.range, &answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first object of an export dates from its end, and the second stayed from an export that had just begun as
    /// long before this one as may be.
    #[test]
    fn what_may_have_stayed_belongs_to_the_clip_and_what_is_older_does_not() {
        let apart = i64::try_from(2 * LASTS.as_secs()).expect("seconds");
        let existing = |last_modified| Existing {
            stored: Stored {
                size_bytes: 1,
                etag: None,
                version_id: None,
                checksum_crc64nvme: None,
            },
            metadata: Vec::new(),
            content_type: None,
            last_modified,
        };
        for (first, next, may_be) in [
            (Some(5000), Some(5000 - apart), true),
            (Some(5000), Some(5000 - apart - 1), false),
            (Some(5000), Some(9000), true),
            (None, Some(0), true),
            (Some(5000), None, true),
        ] {
            assert_eq!(may_be_with(first, &existing(next)), may_be, "{first:?} {next:?}");
        }
    }
}
