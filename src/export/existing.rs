//! What is at the key already.

use super::Job;
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
    tracing::info!("exported already");
    let mut clips = Vec::new();
    let mut account = None;
    let mut next = Some((number, existing));
    while let Some((number, existing)) = next.take() {
        let key = key_of(job, number);
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
            next = following
                .filter(|existing| job.origin(existing, number) != Origin::Other)
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
