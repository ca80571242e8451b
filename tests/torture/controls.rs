//! The judges before clips that are not what they should be: each has to find the fault.

use std::sync::Arc;

use clip_export_local::kvs::Selector;
use serde_json::{Value, json};

use crate::cameras::{CAMERAS, FIRST};
use crate::case::Ask;
use crate::stack::{Worker, World};
use crate::verdict::found;

const START: i64 = FIRST * 1000;

/// Bytes at the key of a request, and what was answered.
struct Stage {
    worker: Worker,
    ask: Ask,
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
        }
    }

    /// What `GetClip` gives of a camera.
    fn clip(&self, name: &str, start: i64, end: i64) -> Vec<u8> {
        let kvs = self.worker.kvs(false);
        kvs.clip_bytes(name, Selector::ProducerTimestamp, start, end)
            .expect("a clip")
    }

    /// What is said of such an object, and of a receipt for it that `change` has bent.
    fn says(&self, bytes: &[u8], change: impl FnOnce(&mut Value)) -> Result<bool, String> {
        let (s3, ask) = (&self.worker.world.s3, &self.ask);
        let metadata = [("clip-coverage", "COMPLETE")];
        let object = s3
            .put_object(ask.bucket, &ask.key(), bytes, "video/mp4", &metadata)
            .expect("room");
        let fragments = (ask.end - ask.start) / 2000 + 1;
        let mut receipt = json!({
            "Status": "EXPORTED", "Coverage": "COMPLETE", "Gaps": [], "Doubts": [], "Fragments": fragments,
            "FragmentsResent": 0, "FragmentsOverlapping": 0,
            "Clips": [{"Key": ask.key(), "SizeBytes": object.size, "ETag": format!("\"{}\"", object.etag)}]
        });
        change(&mut receipt);
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
    let mute = Stage::of("reception", 20).await;
    // Ten minutes later the camera has no sound.
    let silent = mute.clip("reception", start + 600_000, end + 600_000);
    assert!(mute.says(&silent, |_| {}).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_that_is_not_of_the_object_is_found() {
    let stage = Stage::of("front-door", 20).await;
    let right = stage.clip("front-door", stage.ask.start, stage.ask.end);
    let bends: [fn(&mut Value); 7] = [
        |receipt| receipt["Clips"][0]["SizeBytes"] = json!(1),
        |receipt| receipt["Clips"][0]["Key"] = json!("another.mp4"),
        |receipt| receipt["Clips"] = json!([]),
        |receipt| receipt["Fragments"] = json!(10),
        |receipt| receipt["FragmentsResent"] = json!(1),
        |receipt| receipt["Coverage"] = json!("PARTIAL"),
        |receipt| receipt["Gaps"] = json!([{"Place": "TAIL"}]),
    ];
    for (number, bend) in bends.into_iter().enumerate() {
        assert!(stage.says(&right, bend).is_err(), "{number}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_that_is_not_named_is_found() {
    // 40 s of each two minutes: the last fragment begins at 38 s.
    let stage = Stage::of("stable", 60).await;
    let right = stage.clip("stable", stage.ask.start, stage.ask.end);
    let of_twenty = |receipt: &mut Value| receipt["Fragments"] = json!(20);
    let why = stage.says(&right, of_twenty).expect_err("a gap");
    assert!(why.contains("not the gaps"), "{why}");
    let named = |receipt: &mut Value| {
        of_twenty(receipt);
        receipt["Gaps"] = json!([{"Place": "TAIL"}]);
        receipt["Coverage"] = json!("PARTIAL");
    };
    assert_eq!(stage.says(&right, named), Ok(true));
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
