//! The cameras that stand in the storm: those of the catalogue, and some that no catalogue would have.

use clip_export_local::footage::Footage;
use clip_export_local::kvs::{
    CodecChanges, Framing, Gaps, Moov, Reconnects, Repeats, SizeCut, Stream, StreamBuilder, Timescale,
    catalogue,
};

/// 2024-05-17T10:00:00Z, a full hour: the first second that exports ask for.
pub(crate) const FIRST: i64 = 1_715_940_000;

/// Seconds after [`FIRST`] in which exports begin.
pub(crate) const SPAN: i64 = 3600;

/// "Now" of the cameras whose clock stands still, in milliseconds since 1970.
pub(crate) const NOW_MS: i64 = (FIRST + 2 * SPAN) * 1000;

/// A camera and what exports of it are like.
pub(crate) struct Camera {
    pub(crate) name: &'static str,
    /// What is special about its footage, as the report names it.
    pub(crate) kind: &'static str,
    /// How often it is drawn.
    pub(crate) weight: u32,
    /// Longest range that is asked for, in seconds.
    pub(crate) longest: i64,
    /// Ranges lie around a multiple of so many seconds, where something happens; 0 for anywhere.
    pub(crate) around: i64,
    /// Whether it may be asked for footage that is only just being made.
    pub(crate) live: bool,
    /// Whether fragments come in bursts after a reconnect, so that the two clocks order them differently.
    pub(crate) bursts: bool,
}

const fn camera(name: &'static str, kind: &'static str, weight: u32, longest: i64) -> Camera {
    Camera {
        name,
        kind,
        weight,
        longest,
        around: 0,
        live: false,
        bursts: false,
    }
}

impl Camera {
    const fn around(mut self, seconds: i64) -> Self {
        self.around = seconds;
        self
    }

    const fn live(mut self) -> Self {
        self.live = true;
        self
    }

    const fn bursts(mut self) -> Self {
        self.bursts = true;
        self
    }
}

/// Every camera of the storm. `intercom` and the last two have nothing that can be exported.
pub(crate) const CAMERAS: &[Camera] = &[
    camera("front-door", "H.264 + AAC", 8, 900).live(),
    camera("loading-dock", "H.265, no sound", 5, 600).live(),
    camera("gate", "B-frames + A-law", 6, 600).live(),
    camera("highway", "4.5 Mbit/s", 14, 60),
    camera("highway", "4.5 Mbit/s", 1, 300),
    camera("motorway", "just under 100 MB", 1, 200),
    camera("runway", "5 MB fragments", 2, 220),
    camera("airfield", "20 MB fragments", 1, 100),
    camera("glacier", "20 s fragments", 4, 900),
    camera("turnstile", "0.5 s fragments", 4, 200).live(),
    camera("revolving-door", "uneven fragments", 3, 400),
    camera("barn", "gaps, stretched", 4, 600),
    camera("stable", "gaps, closed", 4, 600),
    camera("hen-house", "every other second", 2, 120),
    camera("harbour", "rewinds", 5, 900).around(600).bursts(),
    camera("ferry", "rewinds, shifted", 5, 900).around(600).bursts(),
    camera("tram", "broken connections", 5, 900).around(600).bursts(),
    camera("trolleybus", "broken connections, long remains", 3, 300)
        .around(60)
        .bursts(),
    camera("cable-car", "broken connections, one grid", 2, 300)
        .around(300)
        .bursts(),
    camera("reception", "sound track comes and goes", 4, 300).around(600),
    camera("workshop", "codec changes", 4, 300).around(3600),
    camera("foundry", "codec changes, 4.5 Mbit/s", 6, 70).around(30),
    camera("corridor", "sound shared by answers", 3, 600),
    camera("library", "microphone off", 3, 600).around(300),
    camera("yard", "`moov` last", 5, 500),
    camera("plaza", "`moov` last, 4.5 Mbit/s, cut short", 2, 240),
    camera("hallway", "answers that differ", 4, 500),
    camera("tower", "chunked, clocks 20 s apart", 3, 300),
    camera("ferris-wheel", "a clock that is ahead, off the second", 3, 300).live(),
    camera("lane", "a clock that is 3 s behind", 3, 300).live(),
    camera("night-shift", "one hour of retention", 3, 200).around(3600),
    camera("doorbell", "no retention", 1, 60),
    camera("intercom", "G.711 mu-law", 1, 60),
    camera("dark-room", "nothing", 1, 60),
    camera("no-such-camera", "no stream", 1, 60),
];

const BULKY: u64 = 4_500_000;

/// The streams of the cameras.
pub(crate) fn streams() -> Vec<Stream> {
    let clock = Footage::h264_aac;
    let bulky = || clock().bulky(BULKY).expect("a rate");
    let builders: [StreamBuilder; 11] = [
        Stream::builder("airfield", clock().bulky(8_000_000).expect("a rate")).fragment_ms(20_000),
        Stream::builder("hen-house", Footage::h264_half_second())
            .fragment_ms(1000)
            .motion(1000, 2000),
        Stream::builder("foundry", bulky())
            .then_footage(Footage::h265())
            .codec_changes(CodecChanges::Every(30_000)),
        Stream::builder("trolleybus", clock())
            .reconnects(Reconnects::Every(60_000), 6_000, 0)
            .breaks_inside(1_480, 700)
            .gaps(Gaps::Closed),
        Stream::builder("cable-car", clock())
            .reconnects(Reconnects::Every(300_000), 6_000, 0)
            .breaks_inside(400, 0),
        Stream::builder("library", clock())
            .microphone_off((FIRST + 300) * 1000, (FIRST + 900) * 1000)
            .microphone_off((FIRST + 1500) * 1000 + 700, (FIRST + 1800) * 1000),
        Stream::builder("plaza", bulky())
            .moov(Moov::Last)
            .size_cut(SizeCut::BeforePicture)
            .listed_size_percent(40),
        Stream::builder("hallway", clock()).repeats(Repeats::OtherChunks),
        Stream::builder("tower", clock())
            .fragment_ms(4000)
            .framing(Framing::Chunked)
            .timescale(Timescale::Native)
            .gaps(Gaps::Closed)
            .skew_ms(20_000),
        Stream::builder("ferris-wheel", clock())
            .phase_ms(740)
            .skew_ms(-1500)
            .reconnects(Reconnects::Never, 0, 0),
        Stream::builder("lane", Footage::h264_half_second())
            .framing(Framing::CloseDelimited)
            .skew_ms(3000),
    ];
    let mut streams = catalogue();
    streams.extend(builders.map(|builder| builder.build().expect("a stream")));
    streams
}
