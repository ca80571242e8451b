//! The cameras that every local stack has. What they are for stands in the table of [`super`].

use std::error::Error;

use super::stream::{CodecChanges, Gaps, Moov, Reconnects, SoundEdges, Stream};
use crate::footage::Footage;

const HOUR_MS: i64 = 3_600_000;

/// Video bit rate of `highway`: 4.5 Mbit/s, where a three-minute clip goes just over the 100 MB of GetClip.
const HIGHWAY_BITS_PER_SECOND: u64 = 4_500_000;

/// Video bit rate of `motorway`, found by trial: 180 s, 90 fragments, list at 99.5 MB.
const MOTORWAY_BITS_PER_SECOND: u64 = 4_410_000;

/// Video bit rate of `runway`: 10 s of it list at just over 5 MB, 19 of them at 95.6.
const RUNWAY_BITS_PER_SECOND: u64 = 4_000_000;

const MINUTE_MS: i64 = 60_000;

/// What `harbour`, `ferry` and `tram` send again after a reconnect: six fragments.
const REWIND_MS: u32 = 12_000;

/// What arrives of the fragment in which a connection of `tram` breaks: two pictures.
const ARRIVED_MS: u32 = 80;

/// How much later each connection of `tram` begins its fragments: the last one that it sends again has more than
/// half of its time to itself.
const GRID_MS: u32 = 1_100;

/// Sound that neighbouring answers of `corridor` share, about one AAC frame on each side.
const SHARED_SOUND: SoundEdges = SoundEdges::Hidden {
    before_ms: 60,
    after_ms: 60,
};

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
        Stream::builder("runway", clock().bulky(RUNWAY_BITS_PER_SECOND)?).fragment_ms(10_000),
        Stream::builder("glacier", clock()).fragment_ms(20_000),
        Stream::builder("turnstile", Footage::h264_half_second()).fragment_ms(500),
        Stream::builder("revolving-door", Footage::h264_half_second())
            .fragment_durations_ms(&[1_500, 2_500, 500, 2_000]),
        Stream::builder("barn", clock()).motion(40_000, 2 * MINUTE_MS),
        Stream::builder("stable", clock())
            .motion(40_000, 2 * MINUTE_MS)
            .gaps(Gaps::Closed),
        Stream::builder("harbour", clock()).reconnects(ten_minutes(), REWIND_MS, 0),
        Stream::builder("ferry", clock()).reconnects(ten_minutes(), REWIND_MS, 300),
        Stream::builder("tram", clock())
            .reconnects(ten_minutes(), REWIND_MS, 0)
            .breaks_inside(ARRIVED_MS, GRID_MS),
        Stream::builder("reception", clock())
            .then_footage(clock().without_sound())
            .codec_changes(CodecChanges::Every(10 * MINUTE_MS)),
        Stream::builder("corridor", clock()).sound_edges(SHARED_SOUND),
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

fn ten_minutes() -> Reconnects {
    Reconnects::Every(10 * MINUTE_MS)
}
