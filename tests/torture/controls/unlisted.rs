//! Clips without a list.

use serde_json::{Value, json};

use super::Stage;
use crate::verdict::found;

/// What is said of a clip that says itself that it was made without a list.
fn says(stage: &Stage, bytes: &[u8], unlisted: Option<i64>) -> Result<bool, String> {
    let (s3, ask) = (&stage.worker.world.s3, &stage.ask);
    let metadata = [("clip-coverage", "UNKNOWN")];
    let object = s3
        .put_object(ask.bucket, &ask.key(), bytes, "video/mp4", &metadata)
        .expect("room");
    let receipt: Value = json!({
        "Status": "EXPORTED", "Coverage": "UNKNOWN", "Gaps": [], "Doubts": [{"Code": "NOT_LISTED"}],
        "Clips": [{"Key": ask.key(), "SizeBytes": object.size, "ETag": format!("\"{}\"", object.etag)}]
    });
    let mut found = found(s3, ask)?;
    found.unlisted = unlisted;
    found.judge(
        stage.worker.kvs(false),
        ask,
        unlisted.is_some(),
        Some(&receipt),
        false,
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clip_that_was_not_listed_although_it_could_have_been_is_found() {
    let mut stage = Stage::of("front-door", 20).await;
    // The fragment that runs at the start belongs to it, and what one GetClip gives does not have it.
    stage.ask.start += 500;
    let short = stage.clip("front-door", stage.ask.start, stage.ask.end);
    let why = says(&stage, &short, None).expect_err("nobody refused a list");
    assert!(why.contains("nobody refused one"), "{why}");
    assert_eq!(says(&stage, &short, Some(stage.ask.end)), Ok(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unlisted_clip_of_live_footage_may_lack_what_came_later_and_no_more() {
    let stage = Stage::of("front-door", 20).await;
    let (start, end) = (stage.ask.start, stage.ask.end);
    let early = stage.clip("front-door", start, end - 4000);
    // All but the last two fragments were archived when it was asked for.
    assert_eq!(says(&stage, &early, Some(end - 2000)), Ok(true));
    let why = says(&stage, &early, Some(end + 60_000)).expect_err("a short clip");
    assert!(why.contains("450 pictures of 550"), "{why}");
    let one = stage.clip("front-door", start, start + 1);
    says(&stage, &one, Some(end)).expect_err("a clip of one fragment");
}
