//! Sound that is missing, doubled, late or hidden.

use serde_json::{Value, json};

use super::{START, Stage, bend, said};
use crate::case::Boundary;

/// When a camera has its microphone off that shows the same as `front-door`.
const OFF: i64 = START + 300_000;

/// Ten minutes later the camera shows the same pictures, and has no sound.
async fn mute(seconds: i64) -> (Stage, Vec<u8>) {
    let stage = Stage::of("reception", seconds).await;
    let silent = stage.clip("reception", stage.ask.start + 600_000, stage.ask.end + 600_000);
    (stage, silent)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mute_clip_is_found_whatever_is_said_of_it() {
    let (stage, silent) = mute(20).await;
    stage.objects(&silent, "344 sounds of 344 are missing");
    let why = stage.says_alone(&silent, "COMPLETE").expect_err("no sound");
    assert!(why.contains("344 sounds of 344 are missing"), "{why}");
    let counted = |receipt: &mut Value| {
        receipt["Clips"][0]["Join"] = json!({"SilentFrames": 0, "AudioSamplesLeftOut": 344});
    };
    let why = stage.says(&silent, counted).expect_err("no sound");
    assert!(why.contains("344 sounds of 344 are missing"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mute_exact_clip_is_found() {
    let (mut stage, _) = mute(20).await;
    stage.ask.boundary = Boundary::Exact;
    let (start, end) = (stage.ask.start, stage.ask.end - 2000);
    let ten = |receipt: &mut Value| receipt["Fragments"] = json!(10);
    assert_eq!(stage.says(&stage.clip("reception", start, end), ten), Ok(true));
    let silent = stage.clip("reception", start + 600_000, end + 600_000);
    let why = stage.says(&silent, ten).expect_err("no sound");
    assert!(why.contains("are missing from 0 to"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sound_that_stops_or_begins_late_is_found() {
    for (from, missing) in [(OFF - 10_000, "from 10"), (OFF + 590_000, "to 10")] {
        let mut stage = Stage::of("front-door", 1).await;
        (stage.ask.start, stage.ask.end) = (from, from + 18_000);
        let right = stage.clip("front-door", stage.ask.start, stage.ask.end);
        assert_eq!(stage.says_alone(&right, "COMPLETE"), Ok(true));
        let half = stage.clip("library", stage.ask.start, stage.ask.end);
        let why = stage
            .says_alone(&half, "COMPLETE")
            .expect_err("half of the sound");
        assert!(why.contains("are missing") && why.contains(missing), "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_that_replaces_sound_is_found() {
    let stage = Stage::of("front-door", 20).await;
    let mut bent = stage.clip("front-door", stage.ask.start, stage.ask.end);
    // The second sound of the movie becomes silence: its first four bytes, which are all that a silent frame has.
    let movie = crate::movie::Movie::of_bytes(bent.clone()).expect("a movie");
    let place = movie.sounds[1].place.clone();
    bent[place.start..place.start + 4].copy_from_slice(&[0, 0, 0, 7]);
    bend(&mut bent, *b"stsz", 1, 16, |_| 4);
    stage.objects(&bent, "belongs nowhere");
}

#[tokio::test(flavor = "multi_thread")]
async fn sound_that_is_too_much_is_found() {
    let stage = Stage::of("front-door", 20).await;
    // Its answers hold sound that is before and behind their pictures.
    let more = stage.clip("corridor", stage.ask.start, stage.ask.end);
    stage.objects(&more, "belongs nowhere");
    let shares = Stage::of("corridor", 20).await;
    assert_eq!(shares.says(&more, |_| {}), Ok(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn sound_that_is_late_is_found() {
    let stage = Stage::of("front-door", 20).await;
    let mut bent = stage.clip("front-door", stage.ask.start, stage.ask.end);
    // 65 ms instead of 64 for each frame: a third of a second at the end.
    bend(&mut bent, *b"stts", 1, 12, |ticks| ticks + 1);
    stage.objects(&bent, "ms later than its picture");
}

/// Where a connection broke, what follows begins before the sound of what had arrived has ended: as `GetClip` sends it, a
/// player that plays one sound after the other has the rest of them late.
#[tokio::test(flavor = "multi_thread")]
async fn sound_that_runs_into_what_follows_is_found() {
    let mut stage = Stage::of("trolleybus", 1).await;
    stage.ask.boundary = Boundary::Fragment;
    let mut found = 0;
    for minute in 0..5 {
        let (broken, again) = stage.broken(minute);
        (stage.ask.start, stage.ask.end) = (broken.producer_start, again.producer_start);
        let sent = stage.clip("trolleybus", stage.ask.start, stage.ask.end);
        let two = |receipt: &mut Value| {
            receipt["Fragments"] = json!(2);
            let doubled = broken.producer_start + broken.duration_ms - again.producer_start;
            receipt["DoubledSeconds"] = json!(doubled as f64 / 1000.0);
            receipt["Clips"][0]["EndTimestamp"] = json!(said(again.producer_start + again.duration_ms));
        };
        if let Err(why) = stage.says(&sent, two) {
            assert!(why.contains("ms less than it is"), "{why}");
            found += 1;
        }
    }
    assert!(found > 1, "{found} of 5");
}

#[tokio::test(flavor = "multi_thread")]
async fn sound_that_is_hidden_is_found() {
    let mut stage = Stage::of("corridor", 20).await;
    // There a frame of the sound before is in the answer, and an edit list hides it.
    stage.ask.start += 2000;
    let mut bent = stage.clip("corridor", stage.ask.start, stage.ask.end);
    bend(&mut bent, *b"elst", 0, 8, |duration| duration / 2);
    stage.objects(&bent, "is hidden");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_to_the_sound_and_is_not_said_is_found() {
    let stage = Stage::of("front-door", 20).await;
    let right = stage.clip("front-door", stage.ask.start, stage.ask.end);
    for join in [json!({"SilentFrames": 1}), json!({"AudioSamplesLeftOut": 1})] {
        let why = stage.says(&right, |receipt| receipt["Clips"][0]["Join"] = join);
        let why = why.expect_err("another number");
        assert!(why.contains("the receipt names"), "{why}");
    }
    let stretched = json!({"AudioStretchedSeconds": 0.5});
    let why = stage.says(&right, |receipt| receipt["Clips"][0]["Join"] = stretched);
    assert!(why.expect_err("a stretch").contains("500 ms"));
}
