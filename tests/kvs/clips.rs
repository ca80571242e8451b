//! Clips beside each other, their pace, and what does not go into one.

use std::time::Instant;

use clip_export::kvs::Clip;
use clip_export::plan::TimeRange;
use clip_export_local::kvs::Selector;

use crate::rig::{Rig, after_ten, backoff};

const HOUR: i64 = 3_600_000;

/// What is left of a clip.
async fn rest(clip: &mut Clip) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(piece) = clip.next().await.expect("a piece") {
        bytes.extend_from_slice(&piece);
    }
    bytes
}

fn truth(rig: &Rig, stream: &str, range: &TimeRange) -> Vec<u8> {
    let (start, end) = (range.start().as_millisecond(), range.end().as_millisecond());
    let clip = rig
        .server
        .clip_bytes(stream, Selector::ProducerTimestamp, start, end);
    clip.expect("a clip")
}

#[tokio::test]
async fn the_next_clip_can_be_asked_for_before_one_has_drained() {
    let rig = Rig::start("highway").await;
    let archive = rig.archive();
    let ranges = [after_ten(0, 18_000), after_ten(20_000, 38_000)];
    let mut first = archive
        .get_clip(&ranges[0], Some(10), &mut backoff())
        .await
        .expect("a clip");
    let mut begun = first.next().await.expect("a piece").expect("a piece").to_vec();
    let mut second = archive
        .get_clip(&ranges[1], Some(10), &mut backoff())
        .await
        .expect("a clip");
    let whole = rest(&mut second).await;
    begun.extend(rest(&mut first).await);
    assert!(begun == truth(&rig, "highway", &ranges[0]));
    assert!(whole == truth(&rig, "highway", &ranges[1]));
    assert_eq!(rig.tally.get_clip_calls(), 2);
}

/// The strict quotas of the stack refuse the sixth clip of a hundred fragments in a second.
#[tokio::test]
async fn clips_are_asked_for_within_half_of_the_quota() {
    let rig = Rig::start("front-door").await;
    let archive = rig.archive();
    let begun = Instant::now();
    for number in 0..6 {
        let from = number * 200_000;
        let range = after_ten(from, from + 198_000);
        archive
            .get_clip(&range, Some(100), &mut backoff())
            .await
            .expect("a clip");
    }
    assert_eq!(rig.tally.retries(), 0);
    // 600 points, of which a second's are saved up.
    assert!(begun.elapsed().as_millis() >= 1400, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn what_does_not_go_into_one_clip_is_found_out_without_having_it() {
    let rig = Rig::start("workshop").await;
    let archive = rig.archive();
    for (from, to, accepted) in [
        (HOUR - 60_000, HOUR - 2000, true),
        (HOUR - 60_000, HOUR + 60_000, false),
        (HOUR, HOUR + 60_000, true),
    ] {
        match archive
            .get_clip(&after_ten(from, to), Some(60), &mut backoff())
            .await
        {
            Ok(_) => assert!(accepted, "{from} to {to}"),
            Err(error) => assert!(!accepted && error.is_codec_change(), "{from} to {to}: {error}"),
        }
    }
    assert_eq!(rig.tally.get_clip_calls(), 3);
    assert_eq!(rig.tally.retries(), 0, "a codec change is an answer");
}

#[tokio::test]
async fn other_refusals_are_no_codec_change() {
    let rig = Rig::start("dark-room").await;
    let clip = rig
        .archive()
        .get_clip(&after_ten(0, 10_000), Some(6), &mut backoff())
        .await;
    let error = clip.expect_err("no fragments");
    assert!(!error.is_codec_change() && !error.is_access_denied(), "{error}");
}
