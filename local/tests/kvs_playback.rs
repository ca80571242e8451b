//! What GetClip answers is decoded by an independent player: ffmpeg, without a single warning.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use clip_export_local::footage::Footage;
use clip_export_local::kvs::{
    Clock, Gaps, Moov, Options, Reconnects, Repeats, Selector, Server, SizeCut, SoundEdges, Stream,
    StreamBuilder, Timescale, catalogue,
};
use serde_json::Value;

/// 2026-11-20T10:00:00Z: a full hour, and where every loop begins.
const TEN_O_CLOCK: i64 = 1_795_168_800_000;

/// Late enough that all of the hour after ten is archived.
const NOON: i64 = TEN_O_CLOCK + 2 * 3_600_000;

/// A clip in a file that goes away with it.
struct Played {
    path: std::path::PathBuf,
    bytes: Vec<u8>,
}

impl Drop for Played {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn server(streams: Vec<Stream>) -> Server {
    let options = Options {
        streams,
        now: Clock::fixed(NOON),
        ..Options::default()
    };
    Server::start(options).await.unwrap()
}

/// Gets the clip of `[start, start + length)` and plays it: nothing may be worth a warning.
fn play(server: &Server, stream: &str, start: i64, length: i64) -> Played {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let end = start + length - 1;
    let bytes = server
        .clip_bytes(stream, Selector::ProducerTimestamp, start, end)
        .unwrap();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("kvs-playback-{}-{count}.mp4", std::process::id());
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, &bytes).unwrap();
    let file = path.to_str().unwrap();
    // G.711 in MP4 has no field for a channel layout, and ffmpeg would say that it guesses "mono".
    let input = ["-guess_layout_max", "0", "-i", file];
    let arguments = [&["-v", "warning", "-xerror"], &input[..], &["-f", "null", "-"]].concat();
    let output = run("ffmpeg", &arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{stream}: {said}");
    Played { path, bytes }
}

fn run(program: &str, arguments: &[&str]) -> std::process::Output {
    Command::new(program)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{program} must be installed for this test: {error}"))
}

impl Played {
    /// What ffprobe says of the first stream of a kind (`v` or `a`), its frames decoded and counted.
    fn track(&self, kind: &str) -> Value {
        let file = self.path.to_str().unwrap();
        let (select, show) = ("-select_streams", "-show_streams");
        let json = ["-count_frames", "-of", "json", "-v", "warning", file];
        let output = run("ffprobe", &[&[select, kind, show], &json[..]].concat());
        let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
        shown["streams"][0].clone()
    }

    /// Types of the top-level boxes, in order.
    fn boxes(&self) -> Vec<String> {
        let (mut types, mut rest) = (Vec::new(), &self.bytes[..]);
        while rest.len() >= 8 {
            types.push(String::from_utf8_lossy(&rest[4..8]).into_owned());
            let size = match u32::from_be_bytes(rest[..4].try_into().unwrap()) {
                1 => u64::from_be_bytes(rest[8..16].try_into().unwrap()) as usize,
                size => size as usize,
            };
            rest = &rest[size..];
        }
        assert!(rest.is_empty(), "the last box is cut");
        types
    }
}

fn number(value: &Value) -> f64 {
    value.as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn clips_of_every_camera_play_whole() {
    let server = server(catalogue()).await;
    for (stream, video, audio) in [
        ("front-door", "h264", Some("aac")),
        ("loading-dock", "hevc", None),
        ("gate", "h264", Some("pcm_alaw")),
        ("yard", "h264", Some("aac")),
        ("workshop", "hevc", None),
        ("night-shift", "h264", Some("aac")),
        ("highway", "h264", Some("aac")),
    ] {
        for seconds in [10, 60] {
            // Half an hour ago, in the retention of all of them and in one codec of the workshop; every
            // loop's seam comes 4 s in.
            let start = NOON - 1_800_000 - 4_000;
            let clip = play(&server, stream, start, seconds * 1_000);
            let picture = clip.track("v");
            assert_eq!(picture["codec_name"], video, "{stream}");
            assert_eq!(number(&picture["nb_read_frames"]), seconds as f64 * 25.0);
            assert_eq!(number(&picture["duration"]), seconds as f64, "{stream}");
            assert_eq!(number(&picture["start_time"]), 0.0, "{stream}");
            assert_eq!(picture["time_base"], "1/1000");
            assert_eq!(picture["tags"]["handler_name"], "USP Video Handler");
            assert_eq!(picture["tags"]["language"], "eng");
            let sound = clip.track("a");
            assert_eq!(sound["codec_name"].as_str(), audio, "{stream}");
            if audio.is_some() {
                let short = seconds as f64 - number(&sound["duration"]);
                assert!(short.abs() < 0.065, "{stream}: {short} s of sound missing");
            }
        }
    }
}

#[tokio::test]
async fn the_index_stands_where_the_stream_wants_it() {
    let server = server(catalogue()).await;
    let first = play(&server, "front-door", TEN_O_CLOCK, 4_000).boxes();
    assert_eq!(first, ["ftyp", "moov", "free", "mdat"]);
    let last = play(&server, "yard", TEN_O_CLOCK, 4_000).boxes();
    assert_eq!(last, ["ftyp", "free", "mdat", "moov"]);
}

#[tokio::test]
async fn three_minutes_of_motorway_are_just_under_a_hundred_megabytes() {
    let server = server(catalogue()).await;
    let clip = play(&server, "motorway", TEN_O_CLOCK + 30_000, 180_000);
    assert_eq!(number(&clip.track("v")["nb_read_frames"]), 4_500.0);
    let size = clip.bytes.len();
    assert!((99_000_000..100_000_000).contains(&size), "{size}");
}

#[tokio::test]
async fn three_minutes_of_highway_are_cut_at_a_hundred_megabytes() {
    let server = server(catalogue()).await;
    let clip = play(&server, "highway", TEN_O_CLOCK, 180_000);
    let frames = number(&clip.track("v")["nb_read_frames"]);
    assert_eq!(frames, 88.0 * 50.0, "two of 90 fragments are missing");
    assert!((98_000_000..100_000_000).contains(&clip.bytes.len()));
}

#[tokio::test]
async fn sound_keeps_its_place_however_the_cut_falls_into_it() {
    let server = server(catalogue()).await;
    for fragment in 0..4 {
        let start = TEN_O_CLOCK + fragment * 2_000;
        let sound = play(&server, "front-door", start, 4_000).track("a");
        // The first AAC frame that begins in the fragment: frames last 64 ms and begin at ten o'clock.
        let expected = (-(fragment * 2_000)).rem_euclid(64) as f64 / 1e3;
        assert_eq!(number(&sound["start_time"]), expected, "{fragment}");
    }
}

#[tokio::test]
async fn native_timescales_and_long_fragments_play_too() {
    let plain = |footage: Footage| Stream::builder("test", footage).timescale(Timescale::Native);
    let builders: [(StreamBuilder, f64); 3] = [
        (plain(Footage::h264_aac()).fragment_ms(6_000), 750.0),
        (plain(Footage::h265()).moov(Moov::Last).phase_ms(700), 750.0),
        (
            plain(Footage::h264_bframes_alaw().bulky(2_000_000).unwrap()),
            750.0,
        ),
    ];
    for (builder, frames) in builders {
        let server = server(vec![builder.build().unwrap()]).await;
        let clip = play(&server, "test", TEN_O_CLOCK + 102_000, 30_000);
        let picture = clip.track("v");
        assert_eq!(number(&picture["nb_read_frames"]), frames);
        assert_eq!(number(&picture["duration"]), 30.0);
        assert_eq!(picture["time_base"], "1/12800");
    }
}

#[tokio::test]
async fn a_gap_is_a_picture_that_stays() {
    let gap = (TEN_O_CLOCK + 4_000, TEN_O_CLOCK + 10_000);
    let stream = Stream::builder("test", Footage::h264_aac()).gap(gap.0, gap.1);
    let server = server(vec![stream.build().unwrap()]).await;
    let picture = play(&server, "test", TEN_O_CLOCK, 14_000).track("v");
    assert_eq!(number(&picture["nb_read_frames"]), 8.0 * 25.0);
    assert_eq!(number(&picture["duration"]), 14.0);
}

#[tokio::test]
async fn archives_of_every_kind_play_without_a_word() {
    let server = server(catalogue()).await;
    let reconnect = TEN_O_CLOCK + 600_000;
    for (stream, start, length, frames, seconds) in [
        ("glacier", TEN_O_CLOCK, 60_000, 1_500.0, 60.0),
        ("turnstile", TEN_O_CLOCK + 50_000, 20_000, 600.0, 20.0),
        ("barn", TEN_O_CLOCK, 180_000, 2_000.0, 160.0),
        ("stable", TEN_O_CLOCK, 180_000, 2_000.0, 80.0),
        ("harbour", reconnect - 30_000, 60_000, 1_500.0, 60.0),
        ("ferry", reconnect - 30_000, 60_000, 1_800.0, 72.0),
        ("reception", TEN_O_CLOCK, 20_000, 500.0, 20.0),
        ("reception", TEN_O_CLOCK + 600_000, 20_000, 500.0, 20.0),
        ("corridor", TEN_O_CLOCK + 2_000, 20_000, 500.0, 20.0),
    ] {
        let picture = play(&server, stream, start, length).track("v");
        assert_eq!(number(&picture["nb_read_frames"]), frames, "{stream}");
        // The last of 33.3 ms is written as 33.
        let short = seconds - number(&picture["duration"]);
        assert!((0.0..0.002).contains(&short), "{stream}: {picture}");
        assert_eq!(number(&picture["start_time"]), 0.0, "{stream}");
    }
}

#[tokio::test]
async fn settings_of_every_kind_play_without_a_word() {
    let clock = || Stream::builder("test", Footage::h264_aac());
    let bframes = || Stream::builder("test", Footage::h264_bframes_alaw());
    let gap = (TEN_O_CLOCK + 10_000, TEN_O_CLOCK + 14_000);
    let edges = |before_ms, after_ms| SoundEdges::Hidden { before_ms, after_ms };
    let heard = |before_ms, after_ms| SoundEdges::Heard { before_ms, after_ms };
    let at = Reconnects::At(vec![TEN_O_CLOCK + 10_000]);
    let bulky = Footage::h264_bframes_alaw().bulky(40_000_000).unwrap();
    let builders = [
        clock().sound_edges(edges(60, 60)),
        clock().sound_edges(edges(-60, -60)),
        clock().sound_edges(heard(60, 60)).timescale(Timescale::Native),
        bframes().sound_edges(heard(60, 60)),
        bframes().sound_edges(edges(60, 60)).timescale(Timescale::Native),
        bframes().gap(gap.0, gap.1).gaps(Gaps::Closed),
        clock().microphone_off(gap.0, gap.1),
        clock().microphone_off(TEN_O_CLOCK, gap.0),
        clock().microphone_off(TEN_O_CLOCK, TEN_O_CLOCK + 60_000),
        bframes().reconnects(at.clone(), 6_000, -300),
        clock()
            .reconnects(at.clone(), 6_000, 300)
            .timescale(Timescale::Native),
        clock().reconnects(at.clone(), 4_000, 0).breaks_inside(80, 1_100),
        clock().reconnects(at, 4_000, 0).breaks_inside(1_000, 700),
        clock().unclipped(gap.0, gap.1).moov(Moov::Last),
        clock().repeats(Repeats::LongerMoov).moov(Moov::Last),
        Stream::builder("test", bulky).size_cut(SizeCut::BeforePicture),
    ];
    for (setting, builder) in builders.into_iter().enumerate() {
        let server = server(vec![builder.build().unwrap()]).await;
        let picture = play(&server, "test", TEN_O_CLOCK + 2_000, 28_000).track("v");
        let frames = number(&picture["nb_read_frames"]);
        assert!(
            (450.0..=850.0).contains(&frames),
            "{frames} frames of setting {setting}"
        );
    }
}

/// MD5 of each decoded picture of a file.
fn hashes(path: &std::path::Path) -> Vec<String> {
    let file = path.to_str().unwrap();
    let input = ["-v", "warning", "-guess_layout_max", "0", "-i", file];
    // Each picture once, whatever its time says.
    let output = ["-map", "0:v", "-fps_mode", "passthrough", "-f", "framemd5", "-"];
    let output = run("ffmpeg", &[&input[..], &output].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
    let lines = String::from_utf8(output.stdout).unwrap();
    let frames = lines.lines().filter(|line| !line.starts_with('#'));
    frames
        .map(|line| line.rsplit(',').next().unwrap().trim().to_owned())
        .collect()
}

#[tokio::test]
async fn pictures_are_those_that_the_archive_names_of_the_source() {
    let server = server(catalogue()).await;
    for (stream, start, length) in [
        ("turnstile", TEN_O_CLOCK + 55_500, 10_000),
        ("barn", TEN_O_CLOCK + 30_000, 100_000),
        ("ferry", TEN_O_CLOCK + 594_000, 12_000),
        ("tram", TEN_O_CLOCK + 594_000, 12_000),
        ("gate", TEN_O_CLOCK + 50_000, 20_000),
    ] {
        let clip = play(&server, stream, start, length);
        let end = start + length - 1;
        let archived = server.archived(stream, Selector::ProducerTimestamp, start, end);
        let archived = archived.unwrap();
        let source = server.stream(stream).unwrap().footage()[0].source_movie();
        let path = std::env::temp_dir().join(format!("kvs-source-{}-{stream}.mp4", std::process::id()));
        std::fs::write(&path, source).unwrap();
        let source = hashes(&path);
        std::fs::remove_file(&path).unwrap();
        // Groups of pictures are closed, so a fragment shows the same ones in order of presentation.
        let pictures = archived.iter().flat_map(|f| &f.pictures);
        let expected: Vec<&String> = pictures.map(|n| &source[*n]).collect();
        let got = hashes(&clip.path);
        assert!(got.iter().eq(expected), "{stream}: {} pictures", got.len());
    }
}
