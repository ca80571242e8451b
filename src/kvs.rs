//! Kinesis Video Streams: data endpoints, and clips as streams of bytes.
//!
//! The only module that sees the SDK clients of Kinesis Video Streams. It owns the cache of data
//! endpoints (which lives as long as the execution environment, because `GetDataEndpoint` is limited
//! to five calls a second per stream) and the retries of calls. The SDK's own retries are off: it
//! does not take `ClientLimitExceededException` (HTTP 400) for throttling, and what it retries it
//! does not report. What is asked again here is logged and counted.
//!
//! A body that fails midway is not mended here: the caller has passed bytes on already and has to
//! start over.

mod error;

pub use error::FetchError;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_kinesisvideo::types::ApiName;
use aws_sdk_kinesisvideoarchivedmedia as archived;
use aws_sdk_kinesisvideoarchivedmedia::operation::RequestId;
use aws_sdk_kinesisvideoarchivedmedia::types::{
    ClipFragmentSelector, ClipFragmentSelectorType, ClipTimestampRange,
};
use bytes::Bytes;

use crate::backoff::Backoff;
use crate::call::CallError;
use crate::config::Transfer;
use crate::error::chain;
use crate::event::Stream;
use crate::plan::{FragmentSelectorType, TimeRange};
use crate::sdk::custom_endpoint;
use crate::tally::Tally;
use crate::walls::Walls;

/// Kinesis Video Streams, as far as an export needs it.
#[derive(Debug)]
pub struct Kvs {
    control: aws_sdk_kinesisvideo::Client,
    archived: archived::Client,
    transfer: Transfer,
    /// Data endpoint for `GetClip` of each stream that was asked for.
    endpoints: Mutex<HashMap<Stream, String>>,
}

impl Kvs {
    /// Makes the clients. No connection is opened and no credential is looked up.
    #[must_use]
    pub fn new(sdk: &aws_config::SdkConfig, transfer: Transfer) -> Self {
        // To the first byte of an answer; bodies are watched piece by piece.
        let timeouts = aws_config::timeout::TimeoutConfig::builder()
            .operation_attempt_timeout(transfer.stall)
            .build();
        let mut control = aws_sdk_kinesisvideo::config::Builder::from(sdk)
            .retry_config(aws_config::retry::RetryConfig::disabled())
            .timeout_config(timeouts.clone());
        control.set_endpoint_url(custom_endpoint(sdk, "Kinesis Video"));
        let archived = archived::config::Builder::from(sdk)
            .retry_config(aws_config::retry::RetryConfig::disabled())
            .timeout_config(timeouts)
            .stalled_stream_protection(archived::config::StalledStreamProtectionConfig::disabled())
            .build();
        Self {
            control: aws_sdk_kinesisvideo::Client::from_conf(control.build()),
            archived: archived::Client::from_conf(archived),
            transfer,
            endpoints: Mutex::default(),
        }
    }

    /// Asks for the clip of `range`. Throttling, failures of the service and of the network are
    /// retried as long as `backoff` has retries and the walls leave time; a data endpoint that does
    /// not answer is asked for anew.
    ///
    /// # Errors
    ///
    /// The failure of the last try.
    pub async fn get_clip(
        &self,
        stream: &Stream,
        selector: FragmentSelectorType,
        range: &TimeRange,
        backoff: &mut Backoff,
        walls: &Walls,
        tally: &Tally,
    ) -> Result<Clip, FetchError> {
        loop {
            let error = match self.try_get_clip(stream, selector, range, tally).await {
                Ok(clip) => return Ok(clip),
                Err(error) => error,
            };
            if error.endpoint_is_stale() && self.endpoints().remove(stream).is_some() {
                tracing::warn!(%error, "dropping the data endpoint, which may have moved");
            }
            if !error.may_pass() {
                return Err(error);
            }
            let wait = backoff
                .next(fastrand::f64())
                .filter(|wait| walls.have_time_for(*wait));
            let Some(wait) = wait else {
                return Err(error);
            };
            let error = chain(&error);
            tracing::warn!(
                error,
                retry = backoff.made(),
                wait_ms = wait.as_millis(),
                "asking again"
            );
            tally.failed(error);
            tally.retried();
            tokio::time::sleep(wait).await;
        }
    }

    async fn try_get_clip(
        &self,
        stream: &Stream,
        selector: FragmentSelectorType,
        range: &TimeRange,
        tally: &Tally,
    ) -> Result<Clip, FetchError> {
        let endpoint = self.data_endpoint(stream).await?;
        let timestamps = ClipTimestampRange::builder()
            .start_timestamp(timestamp(range.start()))
            .end_timestamp(timestamp(range.end()))
            .build();
        let timestamps = timestamps.map_err(FetchError::unbuildable)?;
        let selector = ClipFragmentSelector::builder()
            .fragment_selector_type(match selector {
                FragmentSelectorType::ProducerTimestamp => ClipFragmentSelectorType::ProducerTimestamp,
                FragmentSelectorType::ServerTimestamp => ClipFragmentSelectorType::ServerTimestamp,
            })
            .timestamp_range(timestamps)
            .build();
        let selector = selector.map_err(FetchError::unbuildable)?;
        let (name, arn) = name_or_arn(stream);
        tally.asked_for_clip();
        let asked = jiff::Timestamp::now();
        let output = self
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
            asked,
            content_type: output.content_type,
            payload: output.payload,
            stall: self.transfer.stall,
        })
    }

    async fn data_endpoint(&self, stream: &Stream) -> Result<String, FetchError> {
        if let Some(endpoint) = self.endpoints().get(stream) {
            return Ok(endpoint.clone());
        }
        let (name, arn) = name_or_arn(stream);
        let output = self
            .control
            .get_data_endpoint()
            .set_stream_name(name)
            .set_stream_arn(arn)
            .api_name(ApiName::GetClip)
            .send()
            .await
            .map_err(|error| FetchError::Call(CallError::of("GetDataEndpoint", error)))?;
        let endpoint = output.data_endpoint.ok_or(FetchError::NoEndpoint)?;
        tracing::info!(endpoint, "data endpoint");
        self.endpoints().insert(stream.clone(), endpoint.clone());
        Ok(endpoint)
    }

    fn endpoints(&self) -> std::sync::MutexGuard<'_, HashMap<Stream, String>> {
        // A map of strings is never half changed: what a panicking holder left is sound.
        self.endpoints.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A clip on its way in.
#[derive(Debug)]
pub struct Clip {
    /// When it was asked for: what was not archived by then is not in it.
    pub asked: jiff::Timestamp,
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

fn name_or_arn(stream: &Stream) -> (Option<String>, Option<String>) {
    match stream {
        Stream::Name(name) => (Some(name.clone()), None),
        Stream::Arn(arn) => (None, Some(arn.clone())),
    }
}

fn timestamp(timestamp: jiff::Timestamp) -> archived::primitives::DateTime {
    archived::primitives::DateTime::from_millis(timestamp.as_millisecond())
}
