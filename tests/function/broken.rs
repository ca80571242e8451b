//! A connection that broke inside of a fragment: what had arrived of it, and what was sent again on another grid.

use std::path::Path;

use clip_export_local::footage::Footage;
use clip_export_local::kvs::{Archived, Gaps, Reconnects, Selector, Stream};
use serde_json::{Value, json};

use crate::judge::{decode, run};
use crate::rig::{Rig, TEN, asked};
use crate::source::{Media, Pictures, expected, media};

/// When the fragment starts of which two pictures arrive, in seconds after ten o'clock.
const BROKE: f64 = 600.0;

/// Fragments of 2 s from the full hour on. That of 10:10:00 lasts for 80 ms; from 10:09:49.100 on fragments of 2 s are
/// sent again, of which that of 10:09:59.100 is more than half its own.
async fn cable_car(gaps: Gaps) -> Rig {
    cable_car_of(Footage::h264_aac(), gaps).await
}

async fn cable_car_of(footage: Footage, gaps: Gaps) -> Rig {
    let camera = Stream::builder("cable-car", footage)
        .reconnects(Reconnects::At(vec![moment(BROKE)]), 12_000, 0)
        .breaks_inside(80, 1_100)
        .gaps(gaps);
    Rig::with_camera(camera).await
}

/// A number of seconds after ten o'clock in milliseconds since 1970.
#[allow(
    clippy::cast_possible_truncation,
    reason = "a test's own number of seconds, of three digits"
)]
fn moment(seconds: f64) -> i64 {
    TEN * 1000 + (seconds * 1000.0).round() as i64
}

/// What counts of the archive for a range from `start` on, and begins from `from` to `to`, in seconds after ten o'clock
/// by the producer's clock. What arrived of the broken fragment is shown by what was sent again, too: a range that
/// begins later has no need of it.
fn counting(rig: &Rig, start: f64, from: f64, to: f64) -> Vec<Archived> {
    let archived = rig
        .kvs
        .archived("cable-car", Selector::ProducerTimestamp, moment(from), moment(to));
    let mut archived = archived.expect("a stream");
    archived.retain(|fragment| !fragment.copy || fragment.producer_start == moment(BROKE - 0.9));
    archived.retain(|fragment| start <= BROKE || fragment.producer_start != moment(BROKE));
    archived
}

fn wanted(rig: &Rig, fragments: &[Archived]) -> Media {
    expected(rig, "cable-car", fragments, Pictures::Coded)
}

fn event(selector: &str, from: f64, to: f64, boundary: &str) -> Value {
    asked(
        "cable-car",
        selector,
        TEN as f64 + from,
        TEN as f64 + to,
        boundary,
    )
}

/// Seconds of a frame of AAC: 1,024 samples of 16 kHz, or of 32 kHz.
const SOUND: f64 = 0.064;
const SHORT_SOUND: f64 = 0.032;

/// That the times at which the pictures of a file play rise, and each sound is heard for as long as it is, in seconds.
fn plays_evenly(file: &Path, sound: f64) {
    let path = file.to_str().expect("a path");
    for (track, steps) in [("v:0", 0.001..0.081), ("a:0", sound - 0.0005..sound + 0.0005)] {
        let probe = run(
            "ffprobe",
            &[
                "-v",
                "warning",
                "-select_streams",
                track,
                "-show_entries",
                "packet=pts_time",
                "-of",
                "csv=p=0",
                path,
            ],
        );
        let text = String::from_utf8(probe.stdout).expect("text");
        // Where an edit list hides a packet, a line without a time follows.
        let lines = text.lines().filter(|line| !line.is_empty());
        let times = lines.map(|line| line.trim_end_matches(',').parse::<f64>());
        let times: Vec<f64> = times.collect::<Result<_, _>>().expect("times");
        for pair in times.windows(2) {
            let step = pair[1] - pair[0];
            assert!(steps.contains(&step), "{track}: {step} s at {pair:?}");
        }
    }
}

/// Exports, and judges that nothing is missing and each picture and sound is there once.
async fn exported(rig: &Rig, event: &Value, fragments: &[Archived], sound: f64) -> Value {
    let receipt = rig.receipt(event).await;
    assert_eq!(receipt["Gaps"], json!([]), "{event} {receipt}");
    assert_eq!(receipt["Coverage"], json!("COMPLETE"), "{event} {receipt}");
    let file = rig.only_object().path;
    let (got, wanted) = (media(&file, Pictures::Coded), wanted(rig, fragments));
    assert_eq!(got.pictures.len(), wanted.pictures.len(), "{event} {receipt}");
    assert!(got.pictures == wanted.pictures, "{event}: other pictures");
    // What is heard beyond the last picture of a fragment may have no room beside the sound of the one that follows.
    let join = &receipt["Clips"][0]["Join"];
    let left_out = join["AudioSamplesLeftOut"].as_u64().unwrap_or(0);
    assert!(
        left_out <= join["Seams"].as_u64().unwrap_or(0),
        "{event} {receipt}"
    );
    let mut sounds = got.sounds.iter().peekable();
    let missing = wanted.sounds.iter();
    let missing = missing.filter(|sound| sounds.next_if_eq(sound).is_none()).count();
    assert_eq!(sounds.next(), None, "{event}: other sounds");
    assert_eq!(missing as u64, left_out, "{event} {receipt}");
    decode(&file, wanted.pictures.len() as u64);
    plays_evenly(&file, sound);
    receipt
}

#[tokio::test]
async fn a_long_clip_across_it_is_whole_by_either_clock() {
    for gaps in [Gaps::Stretched, Gaps::Closed] {
        for selector in ["PRODUCER_TIMESTAMP", "SERVER_TIMESTAMP"] {
            let rig = cable_car(gaps).await;
            let event = event(selector, 100.0, 1000.0, "COVER");
            let to = if selector == "SERVER_TIMESTAMP" {
                999.5
            } else {
                1000.0
            };
            let receipt = exported(&rig, &event, &counting(&rig, 100.0, 100.0, to), SOUND).await;
            assert_eq!(receipt["DoubledSeconds"], json!(0.98), "{receipt}");
            assert_eq!(receipt["FragmentsOverlapping"], json!(5), "{receipt}");
        }
    }
}

/// As long after the fragment that it overlaps as the next was sent stands one of its own key frames.
#[tokio::test]
async fn key_frames_inside_of_fragments_are_not_taken_for_their_beginnings() {
    for (gaps, from, to) in [
        (Gaps::Stretched, 590.0, 610.0),
        (Gaps::Closed, 590.0, 610.0),
        (Gaps::Stretched, 100.0, 1000.0),
    ] {
        let rig = cable_car_of(Footage::h264_half_second(), gaps).await;
        let event = event("PRODUCER_TIMESTAMP", from, to, "COVER");
        let receipt = exported(&rig, &event, &counting(&rig, from, from, to), SHORT_SOUND).await;
        assert_eq!(receipt["DoubledSeconds"], json!(0.966), "{receipt}");
    }
}

/// Where ranges begin, and with which fragment their clips do, in seconds after ten o'clock.
#[tokio::test]
async fn a_range_that_begins_near_it_shows_its_start() {
    for (start, first, doubled) in [
        (597.0, 596.0, 0.98),
        (599.0, 598.0, 0.98),
        (599.1, 599.1, 0.08),
        (599.5, 599.1, 0.08),
        (600.0, 599.1, 0.08),
        (600.02, 599.1, 0.0),
        (600.06, 599.1, 0.0),
        (600.5, 599.1, 0.0),
        (601.05, 599.1, 0.0),
        (601.1, 601.1, 0.0),
        (602.0, 601.1, 0.0),
    ] {
        let lengths: &[f64] = match start {
            599.5 | 600.02 | 600.5 => &[10.0, 500.0],
            _ => &[10.0],
        };
        for &length in lengths {
            let rig = cable_car(Gaps::Stretched).await;
            let fragments = counting(&rig, start, first, start + length);
            let event = event("PRODUCER_TIMESTAMP", start, start + length, "COVER");
            let receipt = exported(&rig, &event, &fragments, SOUND).await;
            assert_eq!(receipt["DoubledSeconds"], json!(doubled), "{start} {receipt}");
        }
    }
}

/// Cut to the range: a run of what counts, as long as the range and what plays twice in it.
#[tokio::test]
async fn an_exact_range_across_it_is_cut_to_the_picture() {
    let across = [(590.5, 610.5), (100.5, 700.5), (602.5, 1100.5)];
    // By the server's clock what was sent again, all of it, is of a range that begins when the connection breaks.
    let in_it = [
        (599.5, 612.0),
        (600.0, 612.0),
        (600.04, 612.0),
        (600.5, 1100.5),
        (590.5, 600.06),
    ];
    for (selector, ranges) in [
        ("PRODUCER_TIMESTAMP", across.into_iter().chain(in_it).collect()),
        ("SERVER_TIMESTAMP", across.to_vec()),
    ] {
        for (start, end) in ranges {
            let rig = cable_car(Gaps::Stretched).await;
            let event = event(selector, start, end, "EXACT");
            let receipt = rig.receipt(&event).await;
            assert_eq!(receipt["Gaps"], json!([]), "{event} {receipt}");
            let file = rig.only_object().path;
            let wanted = expected(
                &rig,
                "cable-car",
                &counting(&rig, start, start - 3.0, end),
                Pictures::Decoded,
            );
            let got = media(&file, Pictures::Decoded);
            let is_run = wanted
                .pictures
                .windows(got.pictures.len())
                .any(|run| run == got.pictures);
            assert!(is_run, "{event} {receipt}");
            // Of the fragment of 80 ms, too, nothing is taken away.
            // What ends in it is cut where the longer fragment shows that moment.
            let doubled = match (start, end) {
                (_, 600.06) => 0.9,
                (..599.0, _) => 0.98,
                (..=600.0, _) => 0.08,
                _ => 0.0,
            };
            let seconds = got.pictures.len() as f64 * 0.04;
            let off = seconds - (end - start) - doubled;
            assert!(off.abs() < 0.05, "{event}: {off} s {receipt}");
            plays_evenly(&file, SOUND);
        }
    }
}

/// The fragment of two pictures plays last, and the one before it lasts for a second longer: the clip ends with that.
#[tokio::test]
async fn a_clip_ends_when_the_last_of_its_pictures_does() {
    for from in [590.0, 100.0] {
        let rig = cable_car(Gaps::Stretched).await;
        let event = event("PRODUCER_TIMESTAMP", from, 600.06, "COVER");
        let receipt = rig.receipt(&event).await;
        assert_eq!(receipt["Gaps"], json!([]), "{receipt}");
        assert_eq!(
            receipt["Clips"][0]["EndTimestamp"],
            json!("2026-11-20T10:10:01.100Z"),
            "{from} {receipt}"
        );
    }
}

/// The range ends while the fragment of 10:09:58 still shows it. That of 10:09:59.100 begins in it too, and nothing of it is
/// in the object: nothing plays twice, and it is not counted.
#[tokio::test]
async fn an_exact_receipt_counts_what_is_in_the_object() {
    let rig = cable_car(Gaps::Stretched).await;
    let receipt = rig
        .receipt(&event("PRODUCER_TIMESTAMP", 590.0, 599.5, "EXACT"))
        .await;
    let file = rig.only_object().path;
    let got = media(&file, Pictures::Coded).pictures.len();
    // Whole fragments of 50 pictures, and what of the last one is shown.
    let fragments = got.div_ceil(50);
    let told = &receipt["Clips"][0];
    assert_eq!(
        (&told["Fragments"], &receipt["DoubledSeconds"]),
        (&json!(fragments), &json!(0.0)),
        "{got} pictures: {receipt}"
    );
}
