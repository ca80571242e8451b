//! The judges before clips that are not what they should be: each has to find the fault.

mod exact;
mod labels;
mod sounds;
mod unlisted;

use std::sync::Arc;

use clip_export_local::kvs::{Archived, Selector};
use serde_json::{Value, json};

use crate::cameras::{CAMERAS, FIRST};
use crate::case::{Ask, Boundary};
use crate::stack::{Worker, World};
use crate::verdict::found;

const START: i64 = FIRST * 1000;

/// A moment as receipts say it.
fn said(moment: i64) -> String {
    let moment = jiff::Timestamp::from_millisecond(moment).expect("a moment");
    format!("{moment:.3}")
}

/// Bytes at the key of a request, and what was answered.
struct Stage {
    worker: Worker,
    ask: Ask,
    /// Whether the object says that footage is missing.
    is_partial: bool,
}

impl Stage {
    async fn of(name: &str, seconds: i64) -> Self {
        let world = World::start(None).await;
        let camera = CAMERAS
            .iter()
            .find(|camera| camera.name == name)
            .expect("a camera");
        Self {
            worker: Worker::start(Arc::clone(&world)).await,
            ask: Ask::plain(camera, START, START + seconds * 1000, "control/0".to_owned()),
            is_partial: false,
        }
    }

    /// What `GetClip` gives of a camera.
    fn clip(&self, name: &str, start: i64, end: i64) -> Vec<u8> {
        let kvs = self.worker.kvs(false);
        kvs.clip_bytes(name, Selector::ProducerTimestamp, start, end)
            .expect("a clip")
    }

    /// What arrived of the fragment in which the connection of `trolleybus` breaks in this minute, and the one inside of it
    /// with which what is sent again goes on.
    fn broken(&self, minute: i64) -> (Archived, Archived) {
        let from = START + minute * 60_000;
        let kvs = self.worker.kvs(false);
        let archived = kvs.archived("trolleybus", Selector::ProducerTimestamp, from, from + 10_000);
        let archived = archived.expect("a stream");
        let broken = archived.iter().find(|fragment| fragment.duration_ms < 2000);
        let broken = broken.expect("a short one").clone();
        let inside = |fragment: &&Archived| {
            let into = fragment.producer_start - broken.producer_start;
            into > 0 && into < broken.duration_ms
        };
        let again = archived.iter().find(inside).expect("one that goes on");
        (broken.clone(), again.clone())
    }

    /// What is said of such an object without a receipt, as after a kill.
    fn says_alone(&self, bytes: &[u8], coverage: &str) -> Result<bool, String> {
        let (s3, ask) = (&self.worker.world.s3, &self.ask);
        let metadata = [("clip-coverage", coverage)];
        s3.put_object(ask.bucket, &ask.key(), bytes, "video/mp4", &metadata)
            .expect("room");
        found(s3, ask)?.judge(self.worker.kvs(false), ask, false, None, false)
    }

    /// What is said of such an object, and of a receipt for it that `change` has bent.
    fn says(&self, bytes: &[u8], change: impl FnOnce(&mut Value)) -> Result<bool, String> {
        let (s3, ask) = (&self.worker.world.s3, &self.ask);
        let coverage = if self.is_partial { "PARTIAL" } else { "COMPLETE" };
        let metadata = [("clip-coverage", coverage)];
        let object = s3
            .put_object(ask.bucket, &ask.key(), bytes, "video/mp4", &metadata)
            .expect("room");
        let fragments = (ask.end - ask.start) / 2000 + 1;
        // A fragment that starts at the end of the range is in it.
        let end = ask.end + if ask.boundary == Boundary::Exact { 0 } else { 2000 };
        let mut receipt = json!({
            "Status": "EXPORTED", "Coverage": "COMPLETE", "Gaps": [], "Doubts": [], "Fragments": fragments,
            "FragmentsResent": 0, "FragmentsOverlapping": 0, "DoubledSeconds": 0.0, "GapCount": 0, "GapSeconds": 0.0,
            "Clips": [{
                "Key": ask.key(), "SizeBytes": object.size, "ETag": format!("\"{}\"", object.etag),
                "StartTimestamp": said(ask.start), "EndTimestamp": said(end),
            }]
        });
        change(&mut receipt);
        let all = receipt["Fragments"].clone();
        if let Some(clip) = receipt["Clips"].get_mut(0).and_then(Value::as_object_mut) {
            clip.entry("Fragments").or_insert(all);
        }
        found(s3, ask)?.judge(self.worker.kvs(false), ask, false, Some(&receipt), false)
    }

    fn objects(&self, bytes: &[u8], to: &str) {
        let why = self.says(bytes, |_| {}).expect_err("a judge that sees it");
        assert!(why.contains(to), "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn media_that_is_missing_doubled_or_changed_is_found() {
    let stage = Stage::of("front-door", 20).await;
    let (start, end) = (stage.ask.start, stage.ask.end);
    let right = stage.clip("front-door", start, end);
    assert_eq!(stage.says(&right, |_| {}), Ok(true));
    stage.objects(
        &stage.clip("front-door", start, end - 2000),
        "500 pictures of 550",
    );
    stage.objects(
        &stage.clip("front-door", start, end + 2000),
        "600 pictures of 550",
    );
    stage.objects(
        &stage.clip("front-door", start + 2000, end + 2000),
        "picture 0 is another one",
    );
    stage.objects(&stage.clip("yard", start, end), "behind the media");
    stage.objects(&right[..right.len() - 1000], "");
    let mut bent = right.clone();
    let last = bent.len() - 10;
    bent[last] ^= 1;
    stage.objects(&bent, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_that_is_not_of_the_object_is_found() {
    let stage = Stage::of("front-door", 20).await;
    let right = stage.clip("front-door", stage.ask.start, stage.ask.end);
    let bends: [fn(&mut Value); 15] = [
        |receipt| receipt["Clips"][0]["SizeBytes"] = json!(1),
        |receipt| receipt["Clips"][0]["Key"] = json!("another.mp4"),
        |receipt| receipt["Clips"] = json!([]),
        |receipt| receipt["Clips"][0]["DurationSeconds"] = json!(20.0),
        |receipt| receipt["Fragments"] = json!(10),
        |receipt| receipt["Clips"][0]["Fragments"] = json!(10),
        |receipt| receipt["FragmentsNotShown"] = json!(1),
        |receipt| receipt["FragmentsResent"] = json!(1),
        |receipt| receipt["Coverage"] = json!("PARTIAL"),
        |receipt| receipt["Gaps"] = json!([{"Place": "TAIL"}]),
        |receipt| receipt["GapCount"] = json!(1),
        |receipt| receipt["GapSeconds"] = json!(1.0),
        |receipt| receipt["DoubledSeconds"] = json!(0.1),
        |receipt| receipt["Clips"][0]["StartTimestamp"] = json!(said(START + 500)),
        |receipt| receipt["Clips"][0]["EndTimestamp"] = json!(said(START + 20_000)),
    ];
    for (number, bend) in bends.into_iter().enumerate() {
        assert!(stage.says(&right, bend).is_err(), "{number}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_that_is_not_named_is_found() {
    // 40 s of each two minutes: the last fragment begins at 38 s.
    let mut stage = Stage::of("stable", 60).await;
    stage.is_partial = true;
    let right = stage.clip("stable", stage.ask.start, stage.ask.end);
    let gap = (stage.ask.start + 40_000, stage.ask.end);
    let of_twenty = |receipt: &mut Value| {
        receipt["Fragments"] = json!(20);
        receipt["Clips"][0]["EndTimestamp"] = json!(said(gap.0));
    };
    let why = stage.says(&right, of_twenty).expect_err("a gap");
    assert!(why.contains("not the gaps"), "{why}");
    let named = |receipt: &mut Value, (from, to): (i64, i64), seconds: f64| {
        of_twenty(receipt);
        receipt["Gaps"] = json!([{"Place": "TAIL", "StartTimestamp": said(from), "EndTimestamp": said(to)}]);
        receipt["Coverage"] = json!("PARTIAL");
        (receipt["GapCount"], receipt["GapSeconds"]) = (json!(1), json!(seconds));
    };
    assert_eq!(stage.says(&right, |receipt| named(receipt, gap, 20.0)), Ok(true));
    let elsewhere = (gap.0 + 5000, gap.1);
    let why = stage.says(&right, |receipt| named(receipt, elsewhere, 15.0));
    assert!(why.expect_err("elsewhere").contains("is none of"));
    let why = stage.says(&right, |receipt| named(receipt, gap, 15.0));
    assert!(why.expect_err("another sum").contains("gaps of 15.0 s are told"));
    let why = stage.says_alone(&right, "COMPLETE").expect_err("a gap");
    assert!(why.contains("says Some(\"COMPLETE\")"), "{why}");
    assert_eq!(stage.says_alone(&right, "PARTIAL"), Ok(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_elsewhere_or_of_another_number_is_found() {
    let stage = Stage::of("front-door", 20).await;
    let right = stage.clip("front-door", stage.ask.start, stage.ask.end);
    let put = |bucket: &str, key: &str| {
        let object = stage
            .worker
            .world
            .s3
            .put_object(bucket, key, &right, "video/mp4", &[]);
        object.expect("room").path
    };
    let numbered = put("clips", "control/0-1.mp4");
    assert!(stage.says(&right, |_| {}).is_err());
    std::fs::remove_file(numbered).expect("a file");
    assert_eq!(stage.says(&right, |_| {}), Ok(true));
    put("evidence", "control/0.mp4");
    assert!(stage.says(&right, |_| {}).is_err());
}

/// A 32-bit number in the box of a kind, the `nth` one in the file, so many bytes behind its type.
fn bend(bytes: &mut [u8], kind: [u8; 4], nth: usize, behind: usize, to: impl FnOnce(u32) -> u32) {
    let places = bytes.windows(4).enumerate().filter(|(_, four)| **four == kind);
    let (at, _) = places.into_iter().nth(nth).expect("such a box");
    let field = &mut bytes[at + 4 + behind..at + 8 + behind];
    let number = u32::from_be_bytes(field.try_into().expect("four bytes"));
    field.copy_from_slice(&to(number).to_be_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_that_are_hidden_or_late_are_found() {
    // Pictures are decoded before they are shown, so there is an edit list.
    let stage = Stage::of("gate", 20).await;
    let right = stage.clip("gate", stage.ask.start, stage.ask.end);
    assert_eq!(stage.says(&right, |_| {}), Ok(true));
    let mut bent = right.clone();
    // The duration of the one edit of the pictures, behind the version and the count.
    bend(&mut bent, *b"elst", 0, 8, |duration| duration / 2);
    stage.objects(&bent, "is shown: false");
    let mut bent = right;
    // The duration of the first pictures, behind the version and the counts.
    bend(&mut bent, *b"stts", 0, 12, |ticks| ticks + 1);
    stage.objects(&bent, "ms late");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exact_clip_that_ends_early_is_found_in_a_burst_too() {
    let mut stage = Stage::of("harbour", 20).await;
    let (start, end) = (stage.ask.start + 100_000, stage.ask.end + 100_000);
    (stage.ask.start, stage.ask.end) = (start, end);
    stage.ask.boundary = Boundary::Exact;
    stage.ask.selector = Selector::ServerTimestamp;
    let ten = |receipt: &mut Value| receipt["Fragments"] = json!(10);
    let clip = |from, to| stage.clip("harbour", from, to);
    assert_eq!(stage.says(&clip(start, end - 2000), ten), Ok(true));
    let why = stage
        .says(&clip(start, end - 4000), ten)
        .expect_err("a short clip");
    assert!(why.contains("is shown: false"), "{why}");
    let why = stage
        .says(&clip(start + 2000, end - 2000), ten)
        .expect_err("a late clip");
    assert!(why.contains("is shown: false"), "{why}");
}
