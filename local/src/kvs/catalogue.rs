//! The cameras that every local stack has. What they are for stands in the table of [`super`].

use std::error::Error;

use super::stream::{CodecChanges, Moov, Stream};
use crate::footage::Footage;

const HOUR_MS: i64 = 3_600_000;

/// Video bit rate of `highway`: 4.5 Mbit/s, where a three-minute clip goes just over the 100 MB of GetClip.
const HIGHWAY_BITS_PER_SECOND: u64 = 4_500_000;

/// Video bit rate of `motorway`, found by trial: 180 s, 90 fragments, list at 99.5 MB.
const MOTORWAY_BITS_PER_SECOND: u64 = 4_410_000;

/// The default streams.
#[must_use]
#[expect(
    clippy::expect_used,
    reason = "the settings are those below, and a test builds them"
)]
pub fn catalogue() -> Vec<Stream> {
    streams().expect("the default streams can be built")
}

fn streams() -> Result<Vec<Stream>, Box<dyn Error>> {
    let clock = Footage::h264_aac;
    let builders = [
        Stream::builder("front-door", clock()),
        Stream::builder("loading-dock", Footage::h265()),
        Stream::builder("gate", Footage::h264_bframes_alaw()),
        Stream::builder("highway", clock().bulky(HIGHWAY_BITS_PER_SECOND)?),
        Stream::builder("motorway", clock().bulky(MOTORWAY_BITS_PER_SECOND)?),
        Stream::builder("yard", clock()).moov(Moov::Last),
        Stream::builder("workshop", clock())
            .then_footage(Footage::h265())
            .codec_changes(CodecChanges::Every(HOUR_MS)),
        Stream::builder("night-shift", clock()).retention_hours(1),
        Stream::builder("doorbell", clock()).retention_hours(0),
        Stream::builder("intercom", clock()).unsupported_media(),
        Stream::builder("dark-room", clock()).without_fragments(),
    ];
    builders
        .into_iter()
        .map(|builder| builder.build().map_err(Into::into))
        .collect()
}
