//! Clips as streams of bytes: `GetClip`.

use std::time::Duration;

use aws_sdk_kinesisvideoarchivedmedia as archived;
use aws_sdk_kinesisvideoarchivedmedia::operation::RequestId;
use aws_sdk_kinesisvideoarchivedmedia::types::{
    ClipFragmentSelector, ClipFragmentSelectorType, ClipTimestampRange,
};
use bytes::Bytes;

use super::endpoint::Api;
use super::{Archive, FetchError, name_or_arn, timestamp};
use crate::backoff::Backoff;
use crate::call::CallError;
use crate::plan::{FragmentSelectorType, MAX_CLIP_FRAGMENTS, TimeRange};

impl Archive {
    /// Asks for the clip of `range`, which has so many `fragments`, as far as that is known.
    /// Throttling, failures of the service and of the network are retried as long as `backoff` has
    /// retries and the walls leave time; a data endpoint that does not answer is asked for anew.
    ///
    /// A call waits until the fragments of those before it are earned back at half of the stream's
    /// quota; the first never waits. Other clips may be on their way meanwhile.
    ///
    /// # Errors
    ///
    /// The failure of the last try.
    pub async fn get_clip(
        &self,
        range: &TimeRange,
        fragments: Option<usize>,
        backoff: &mut Backoff,
    ) -> Result<Clip, FetchError> {
        loop {
            match self.try_get_clip(range, fragments).await {
                Ok(clip) => return Ok(clip),
                Err(error) => self.wait_for_retry(Api::GetClip, error, backoff).await?,
            }
        }
    }

    async fn try_get_clip(&self, range: &TimeRange, fragments: Option<usize>) -> Result<Clip, FetchError> {
        let endpoint = self.kvs.data_endpoint(&self.stream, Api::GetClip).await?;
        let unbuildable = |error| FetchError::unbuildable("GetClip", error);
        let timestamps = ClipTimestampRange::builder()
            .start_timestamp(timestamp(range.start()))
            .end_timestamp(timestamp(range.end()))
            .build()
            .map_err(unbuildable)?;
        let selector = ClipFragmentSelector::builder()
            .fragment_selector_type(match self.selector {
                FragmentSelectorType::ProducerTimestamp => ClipFragmentSelectorType::ProducerTimestamp,
                FragmentSelectorType::ServerTimestamp => ClipFragmentSelectorType::ServerTimestamp,
            })
            .timestamp_range(timestamps)
            .build()
            .map_err(unbuildable)?;
        let (name, arn) = name_or_arn(&self.stream);
        self.pace.media.pay(points(fragments)).await;
        self.tally.asked_for_clip();
        let output = self
            .kvs
            .archived
            .get_clip()
            .set_stream_name(name)
            .set_stream_arn(arn)
            .clip_fragment_selector(selector)
            .customize()
            .config_override(archived::config::Builder::new().endpoint_url(endpoint))
            .send()
            .await
            .map_err(|error| FetchError::Call(CallError::of("GetClip", error)))?;
        Ok(Clip {
            request_id: output.request_id().map(str::to_owned),
            content_type: output.content_type,
            payload: output.payload,
            stall: self.kvs.transfer.stall,
        })
    }
}

/// What a clip pays: a point a fragment, and it never has more than a clip can.
fn points(fragments: Option<usize>) -> u32 {
    let most = u32::try_from(MAX_CLIP_FRAGMENTS).unwrap_or(u32::MAX);
    fragments.map_or(most, |fragments| {
        u32::try_from(fragments).unwrap_or(u32::MAX).min(most)
    })
}

/// A clip on its way in.
#[derive(Debug)]
pub struct Clip {
    /// Media type that the service gave it.
    pub content_type: Option<String>,
    /// Id of the request, for the service's support.
    pub request_id: Option<String>,
    payload: archived::primitives::ByteStream,
    stall: Duration,
}

impl Clip {
    /// The next bytes; `None` at the end of the body.
    ///
    /// # Errors
    ///
    /// If the connection fails, or no byte comes for `CLIP_STALL_SECONDS`.
    pub async fn next(&mut self) -> Result<Option<Bytes>, FetchError> {
        match tokio::time::timeout(self.stall, self.payload.next()).await {
            Ok(None) => Ok(None),
            Ok(Some(Ok(bytes))) => Ok(Some(bytes)),
            Ok(Some(Err(error))) => Err(FetchError::Body {
                request_id: self.request_id.clone(),
                source: Box::new(error),
            }),
            Err(_) => Err(FetchError::Stalled {
                request_id: self.request_id.clone(),
                seconds: self.stall.as_secs(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clip_pays_for_its_fragments_and_for_all_it_can_have_where_they_are_not_known() {
        assert_eq!(points(Some(0)), 0);
        assert_eq!(points(Some(37)), 37);
        assert_eq!(points(Some(10_000)), 200);
        assert_eq!(points(None), 200);
    }
}
