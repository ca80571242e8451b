//! Kinesis Video Streams on loopback, and its client.

use std::sync::Arc;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::SystemTimeSource;
use clip_export::backoff::Backoff;
use clip_export::config::Transfer;
use clip_export::event::Stream;
use clip_export::kvs::{Archive, Kvs};
use clip_export::plan::{FragmentSelectorType, TimeRange};
use clip_export::tally::Tally;
use clip_export::walls::Walls;
use clip_export_local::footage::Footage;
use clip_export_local::kvs::{self, Clock};
use clip_export_local::s3::{ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY};
use jiff::Timestamp;

/// 2026-11-20T10:00:00Z in milliseconds, when a fragment of every camera begins.
pub(crate) const TEN: i64 = 1_795_168_800_000;

/// "Now" of the cameras: a day later. Fixed, so that two answers for one range are the same bytes.
const NOW: i64 = TEN + 24 * 3_600_000;

/// A camera whose fragments are received 1.3 s after they begin by its own clock.
pub(crate) const SLOW: &str = "far-field";

/// Retries of an export's calls.
pub(crate) const RETRIES: u32 = 2;

pub(crate) struct Rig {
    pub(crate) server: kvs::Server,
    pub(crate) kvs: Arc<Kvs>,
    pub(crate) stream: Stream,
    pub(crate) selector: FragmentSelectorType,
    pub(crate) tally: Tally,
    walls: Walls,
}

impl Rig {
    pub(crate) async fn start(stream: &str) -> Self {
        let slow = kvs::Stream::builder(SLOW, Footage::h264_aac())
            .retention_hours(48)
            .skew_ms(1300)
            .build();
        let mut streams = kvs::catalogue();
        streams.push(slow.expect("a camera"));
        let server = kvs::Server::start(kvs::Options {
            streams,
            now: Clock::fixed(NOW),
            ..kvs::Options::default()
        });
        let server = server.await.expect("Kinesis Video Streams");
        let http = aws_smithy_http_client::Builder::new().build_http();
        let sdk = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(server.endpoint())
            .region(Region::new(REGION))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
                ACCESS_KEY_ID,
                SECRET_ACCESS_KEY,
                None,
                None,
                "test",
            )))
            .http_client(http)
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .time_source(SystemTimeSource::new())
            .build();
        let transfer = Transfer {
            part_bytes: (5 << 20).try_into().expect("not zero"),
            uploads: 1.try_into().expect("not zero"),
            stall: Duration::from_secs(2),
            retries: RETRIES,
        };
        Self {
            server,
            kvs: Arc::new(Kvs::new(&sdk, transfer)),
            stream: Stream::Name(stream.to_owned()),
            selector: FragmentSelectorType::ProducerTimestamp,
            tally: Tally::default(),
            walls: Walls::new(None),
        }
    }

    pub(crate) fn archive(&self) -> Archive {
        self.kvs
            .archive(&self.stream, self.selector, self.walls, &self.tally)
    }
}

pub(crate) fn backoff() -> Backoff {
    Backoff::new(RETRIES)
}

/// From so many milliseconds after ten o'clock to so many, both included.
pub(crate) fn after_ten(from: i64, to: i64) -> TimeRange {
    let at = |ms| Timestamp::from_millisecond(TEN + ms).expect("a timestamp");
    TimeRange::new(at(from), at(to)).expect("a range")
}
