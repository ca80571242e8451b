//! Kinesis Video Streams: data endpoints, lists of fragments, and clips as streams of bytes.
//!
//! The only module that sees the SDK clients of Kinesis Video Streams. [`Kvs`] owns the clients and the
//! cache of data endpoints (which lives as long as the execution environment, because `GetDataEndpoint`
//! is limited to five calls a second per stream) and of the pace with which this process leaves half of a
//! stream's quota to others; [`Archive`] is one stream as one export reads it, and owns the retries of calls. The SDK's
//! own retries are off: it does not take `ClientLimitExceededException` (HTTP 400) for throttling, and
//! what it retries it does not report. What is asked again here is logged and counted.
//!
//! A body that fails midway is not mended here: the caller has passed bytes on already, and knows how
//! to go on behind them.

mod clip;
mod endpoint;
mod error;
mod list;
mod pace;

pub use clip::Clip;
pub use error::FetchError;

use std::sync::Arc;

use aws_sdk_kinesisvideoarchivedmedia as archived;

use crate::backoff::Backoff;
use crate::config::Transfer;
use crate::error::chain;
use crate::event::Stream;
use crate::plan::FragmentSelectorType;
use crate::retry;
use crate::sdk::custom_endpoint;
use crate::tally::Tally;
use crate::walls::Walls;
use endpoint::{Api, Endpoints};
use pace::{Paces, StreamPace};

/// Streams of which something is kept between exports, before what nobody is using is forgotten. Few functions serve so
/// many cameras; an event can name any number, and each takes half a kilobyte.
const MOST_STREAMS: usize = 1_000;

/// Kinesis Video Streams, as far as an export needs it.
#[derive(Debug)]
pub struct Kvs {
    control: aws_sdk_kinesisvideo::Client,
    archived: archived::Client,
    transfer: Transfer,
    endpoints: Endpoints,
    paces: Paces,
    /// Whether requests may go out without TLS: only where the operator has the service asked so.
    plain: bool,
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
        let endpoint = custom_endpoint(sdk, "Kinesis Video");
        let plain = endpoint.as_deref().is_some_and(|url| url.starts_with("http://"));
        control.set_endpoint_url(endpoint);
        let archived = archived::config::Builder::from(sdk)
            .retry_config(aws_config::retry::RetryConfig::disabled())
            .timeout_config(timeouts)
            .stalled_stream_protection(archived::config::StalledStreamProtectionConfig::disabled())
            .build();
        Self {
            control: aws_sdk_kinesisvideo::Client::from_conf(control.build()),
            archived: archived::Client::from_conf(archived),
            transfer,
            endpoints: Endpoints::default(),
            paces: Paces::default(),
            plain,
        }
    }

    /// The archive of a stream, for one export. `selector` is the clock by which all ranges are read.
    #[must_use]
    pub fn archive(
        self: &Arc<Self>,
        stream: &Stream,
        selector: FragmentSelectorType,
        walls: Walls,
        tally: &Tally,
    ) -> Archive {
        Archive {
            kvs: Arc::clone(self),
            stream: stream.clone(),
            selector,
            walls,
            tally: tally.clone(),
            pace: self.paces.of(stream),
        }
    }
}

/// The archive of one stream, as one export reads it. All exports of a process that read the same stream
/// share its pace.
#[derive(Debug)]
pub struct Archive {
    kvs: Arc<Kvs>,
    stream: Stream,
    selector: FragmentSelectorType,
    /// When to stop trying.
    walls: Walls,
    /// Where calls and retries are counted.
    tally: Tally,
    pace: Arc<StreamPace>,
}

impl Archive {
    /// Waits before a failed call is made again, or gives its error back if it is not to be.
    async fn wait_for_retry(
        &self,
        api: Api,
        error: FetchError,
        backoff: &mut Backoff,
    ) -> Result<(), FetchError> {
        if error.endpoint_is_stale() && self.kvs.endpoints.forget(&self.stream, api) {
            tracing::warn!(%error, "dropping the data endpoint, which may have moved");
        }
        if !error.may_pass() {
            return Err(error);
        }
        let failure = || chain(&error);
        if !retry::wait(backoff, &self.walls, &self.tally, failure, None, "asking again").await {
            return Err(error);
        }
        Ok(())
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
