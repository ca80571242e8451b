//! One `GetClip` of the range, where no list says what should be in it.

use std::sync::Arc;

use super::incoming::Incoming;
use super::objects::Making;
use super::passing::pass_media;
use super::{Halt, Job, MovieHead};
use crate::backoff::Backoff;
use crate::error::Error;
use crate::mp4::{FragmentStart, Joiner, Layout, Selection};
use crate::plan::MAX_CLIP_BYTES;
use crate::receipt::Coverage;
use crate::tally::Stage;
use crate::upload::Completes;

/// Fetches the clip and makes it the only object.
pub(super) async fn fetch(
    job: &Job<'_>,
    backoff: &mut Backoff,
    makings: &mut Vec<Making>,
) -> Result<(), Halt> {
    let range = job.request.boundary.started(&job.request.range);
    let fetching = job.archive.get_clip(&range, None, backoff);
    let clip = job
        .tally
        .timed(Stage::Fetch, fetching)
        .await
        .map_err(Error::Fetch)?;
    let mut incoming = Incoming::new(clip);
    makings.push(Making::new(job, None, MAX_CLIP_BYTES));
    if let Some(making) = makings.last_mut() {
        making.covers(Coverage::Unknown);
        if let Some(content_type) = incoming.content_type() {
            making.called(content_type);
        }
        let transferring = async {
            match incoming.layout().await? {
                Layout::MoovFirst => as_it_comes(making, incoming).await,
                Layout::MoovLast => moov_to_the_front(job, making, incoming).await,
            }
        };
        job.tally.timed(Stage::Transfer, transferring).await?;
    }
    Ok(())
}

async fn as_it_comes(making: &mut Making, mut incoming: Incoming) -> Result<(), Error> {
    while let Some((offset, bytes)) = incoming.next().await? {
        making.upload.write(offset, bytes).await.map_err(Error::Upload)?;
    }
    making.movie = Some(incoming.finish()?);
    Ok(())
}

async fn moov_to_the_front(job: &Job<'_>, making: &mut Making, mut incoming: Incoming) -> Result<(), Error> {
    making.upload.hold_first();
    let mut given = 0;
    let (tables, start) = pass_media(making, &mut incoming, &mut given).await?;
    incoming.finish()?;
    let all = [FragmentStart {
        sample: 0,
        wall_ms: job.request.range.start().as_millisecond(),
        continues: false,
    }];
    let selection = Selection {
        fragments: &all,
        end: tables.video_samples(),
    };
    let mut joiner = Joiner::new(None);
    joiner
        .begin_passed(tables, &selection, start..start.saturating_add(given))
        .map_err(Error::Damaged)?;
    joiner.commit();
    let joined = joiner.finish().map_err(Error::Damaged)?;
    making.movie = Some(joined.movie);
    let head = Arc::new(MovieHead(joined.head));
    making
        .upload
        .seal(head, Completes::AtOnce)
        .await
        .map_err(Error::Upload)
}
