//! Clips of any length: what is in the object is what the source of the footage has in the range.

use std::path::Path;

use clip_export_local::footage::Footage;
use clip_export_local::kvs::Stream;
use serde_json::{Value, json};

use crate::judge::{decode, moov_is_first};
use crate::rig::{Rig, Setup, TEN, event, with};
use crate::source::{Pictures, comparable, expected, fragments, media, packets};

/// Parts that are on their way at once, if nothing else is set.
const UPLOADS: usize = 3;

/// Seconds of a track in a receipt.
fn seconds(receipt: &Value, track: usize) -> f64 {
    let seconds = &receipt["Clips"][0]["Tracks"][track]["DurationSeconds"];
    seconds.as_f64().expect("a number")
}

/// That an object shows the footage from `start` to `end`, in seconds, every frame of it and nothing else.
pub(crate) fn shows(rig: &Rig, stream: &str, (start, end): (i64, i64), file: &Path) {
    let fragments = fragments(rig, stream, start, end);
    let how = comparable(&fragments);
    let (wanted, got) = (expected(rig, stream, &fragments, how), media(file, how));
    assert_eq!(got.pictures.len(), wanted.pictures.len(), "pictures of {stream}");
    assert!(got.pictures == wanted.pictures, "the pictures of {stream} differ");
    let is_alaw = rig
        .kvs
        .stream(stream)
        .is_some_and(|stream| stream.footage()[0].source_alaw().is_some());
    let sounds = if is_alaw { packets(file) } else { got.sounds };
    assert_eq!(sounds.len(), wanted.sounds.len(), "sounds of {stream}");
    assert!(sounds == wanted.sounds, "the sounds of {stream} differ");
    decode(file, wanted.pictures.len() as u64);
    assert!(moov_is_first(file), "{stream}");
}

/// The pictures of the object and those that were shown from `start` to `end` are the same.
pub(crate) fn pictures(rig: &Rig, stream: &str, start: i64, end: i64) {
    let fragments = fragments(rig, stream, start, end);
    let how = comparable(&fragments);
    let wanted = expected(rig, stream, &fragments, how);
    let file = rig.only_object().path;
    let got = media(&file, how);
    decode(&file, got.pictures.len() as u64);
    assert_eq!(
        got.pictures.len(),
        wanted.pictures.len(),
        "pictures of {stream}\n{}",
        rig.log()
    );
    assert!(got.pictures == wanted.pictures, "the pictures of {stream} differ");
}

/// Exports from ten o'clock on and judges the object.
pub(crate) async fn exported(rig: &Rig, stream: &str, length: i64) -> Value {
    let receipt = rig.receipt(&event(stream, length)).await;
    let object = rig.only_object();
    shows(rig, stream, (TEN, TEN + length), &object.path);
    assert_eq!(receipt["Clips"][0]["FastStart"], json!(true), "{stream}");
    receipt
}

#[tokio::test]
async fn pictures_and_sound_over_three_windows() {
    let rig = Rig::start().await;
    let receipt = exported(&rig, "front-door", 900).await;
    assert_eq!(receipt["Coverage"], json!("COMPLETE"));
    assert_eq!(receipt["Windows"], json!(3));
    assert_eq!(receipt["GetClipCalls"], json!(3));
    assert_eq!(receipt["Fragments"], json!(451));
    assert!((seconds(&receipt, 0) - 902.0).abs() < 0.01, "{receipt}");
    assert!(
        (seconds(&receipt, 0) - seconds(&receipt, 1)).abs() < 0.065,
        "{receipt}"
    );
}

#[tokio::test]
async fn every_codec_is_joined() {
    for stream in ["loading-dock", "gate"] {
        let rig = Rig::start().await;
        let receipt = exported(&rig, stream, 500).await;
        assert_eq!(receipt["Windows"], json!(2), "{stream}");
    }
}

#[tokio::test]
async fn every_length_of_fragment_is_joined() {
    for (stream, length, windows) in [("turnstile", 150, 2), ("revolving-door", 500, 2)] {
        let rig = Rig::start().await;
        let receipt = exported(&rig, stream, length).await;
        assert_eq!(receipt["Windows"], json!(windows), "{stream}");
    }
}

#[tokio::test]
async fn fragments_of_five_megabytes_are_joined() {
    let rig = Rig::start().await;
    let receipt = exported(&rig, "runway", 240).await;
    assert_eq!(receipt["Windows"], json!(2));
    let object = rig.only_object();
    assert!(object.size > 115_000_000, "{}", object.size);
    // Part 1 goes up last; the media before it does not wait for it.
    let log = rig.s3.faults.log();
    let parts: Vec<_> = log
        .iter()
        .filter(|call| call.operation == "UploadPart")
        .filter_map(|call| call.part_number)
        .collect();
    // Those that are on their way at the same time may arrive in any order.
    let first = parts.iter().position(|part| *part == 1);
    assert!(
        first.is_some_and(|first| first + UPLOADS >= parts.len()),
        "{parts:?}"
    );
    assert_eq!(parts.len(), object.parts.expect("parts"));
}

#[tokio::test]
async fn gaps_are_closed_up_whichever_way_they_are_written() {
    let mut tracks = Vec::new();
    for stream in ["barn", "stable"] {
        let rig = Rig::start().await;
        let receipt = exported(&rig, stream, 600).await;
        assert_eq!(receipt["Coverage"], json!("PARTIAL"), "{stream}");
        let gaps = receipt["Gaps"].as_array().expect("a list");
        assert_eq!(gaps.len(), 5, "{gaps:?}");
        assert_eq!(receipt["GapCount"], json!(5));
        assert_eq!(
            gaps[0],
            json!({"Place": "INSIDE", "StartTimestamp": "2026-11-20T10:00:40.000Z",
                   "EndTimestamp": "2026-11-20T10:02:00.000Z", "Seconds": 80.0})
        );
        assert_eq!(receipt["Clips"][0]["Join"]["GapsClosed"], json!(5));
        tracks.push(receipt["Clips"][0]["Tracks"].clone());
    }
    assert_eq!(tracks[0], tracks[1]);
}

#[tokio::test]
async fn what_was_sent_twice_is_there_once() {
    let rig = Rig::start().await;
    let receipt = exported(&rig, "harbour", 700).await;
    assert_eq!(receipt["FragmentsResent"], json!(6));
    assert_eq!(receipt["Coverage"], json!("COMPLETE"));
}

#[tokio::test]
async fn sound_that_neighbouring_answers_share_is_there_once() {
    let rig = Rig::start().await;
    let receipt = rig.receipt(&event("corridor", 900)).await;
    let file = rig.only_object().path;
    let wanted = expected(
        &rig,
        "corridor",
        &fragments(&rig, "corridor", TEN, TEN + 900),
        Pictures::Coded,
    );
    let got = media(&file, Pictures::Coded);
    assert!(got.pictures == wanted.pictures);
    // What leads into the first picture and out of the last one may be there.
    let inside = got
        .sounds
        .windows(wanted.sounds.len())
        .any(|run| run == wanted.sounds);
    assert!(
        inside,
        "{} sounds, {} wanted",
        got.sounds.len(),
        wanted.sounds.len()
    );
    decode(&file, wanted.pictures.len() as u64);
    assert!(
        (seconds(&receipt, 0) - seconds(&receipt, 1)).abs() < 0.13,
        "{receipt}"
    );
}

#[tokio::test]
async fn moov_comes_to_the_front() {
    let rig = Rig::start().await;
    let receipt = exported(&rig, "yard", 500).await;
    assert_eq!(receipt["Windows"], json!(2));
    let rig = Rig::start().await;
    exported(&rig, "yard", 10).await;
}

#[tokio::test]
async fn the_fragment_that_is_running_at_the_start_belongs_to_the_clip() {
    for (boundary, first, pictures, coverage) in [
        ("COVER", "2026-11-20T10:00:00.000Z", 1000, "COMPLETE"),
        ("FRAGMENT", "2026-11-20T10:00:20.000Z", 500, "PARTIAL"),
    ] {
        let rig = Rig::start().await;
        let asked = json!({
            "StreamName": "glacier",
            "Boundary": boundary,
            "ClipFragmentSelector": {"TimestampRange": {"StartTimestamp": TEN + 13, "EndTimestamp": TEN + 21}}
        });
        let receipt = rig.receipt(&asked).await;
        let clip = &receipt["Clips"][0];
        assert_eq!(clip["StartTimestamp"], json!(first), "{boundary}");
        assert_eq!(clip["Tracks"][0]["Samples"], json!(pictures), "{boundary}");
        assert_eq!(receipt["Coverage"], json!(coverage), "{boundary}");
    }
}

#[tokio::test]
async fn playback_is_cut_to_the_range() {
    let rig = Rig::start().await;
    let asked = with(
        json!({
            "StreamName": "front-door",
            "ClipFragmentSelector": {"TimestampRange":
                {"StartTimestamp": TEN as f64 + 3.5, "EndTimestamp": TEN as f64 + 500.5}}
        }),
        json!({"Boundary": "EXACT"}),
    );
    let receipt = rig.receipt(&asked).await;
    let clip = &receipt["Clips"][0];
    assert_eq!(clip["StartTimestamp"], json!("2026-11-20T10:00:03.480Z"));
    let file = rig.only_object().path;
    let whole = expected(
        &rig,
        "front-door",
        &fragments(&rig, "front-door", TEN + 3, TEN + 500),
        Pictures::Decoded,
    );
    // Pictures of 40 ms from 10:00:02 on: the one that is shown at 3.5 s is the 38th.
    let wanted = &whole.pictures[37..12_463];
    let got = media(&file, Pictures::Decoded).pictures;
    assert_eq!(got.len(), wanted.len());
    assert!(got == wanted);
    // What leads up to the first picture is in the file and not shown.
    decode(&file, clip["Tracks"][0]["Samples"].as_u64().expect("a number"));
    assert!(
        (clip["DurationSeconds"].as_f64().expect("a number") - 497.02).abs() < 0.05,
        "{clip}"
    );
}

#[tokio::test]
async fn the_longest_fragments_are_joined() {
    let footage = Footage::h264_aac().bulky(8_000_000).expect("a rate");
    let camera = Stream::builder("airfield", footage).fragment_ms(20_000).build();
    let rig = Setup::default().stream(camera.expect("a stream")).start().await;
    let receipt = exported(&rig, "airfield", 150).await;
    assert_eq!(
        receipt["Windows"],
        json!(2),
        "of 20 MB a fragment four fit into a call"
    );
    assert_eq!(receipt["Fragments"], json!(8));
}

/// The camera sends again what it had sent, 300 ms later by its own clock.
#[tokio::test]
async fn what_was_sent_twice_at_other_times_is_left_out_and_counted() {
    let rig = Rig::start().await;
    let receipt = exported(&rig, "ferry", 700).await;
    assert_eq!(receipt["FragmentsOverlapping"], json!(6), "{receipt}");
    assert_eq!(receipt["Coverage"], json!("COMPLETE"));
}
