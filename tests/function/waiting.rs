//! Ranges whose footage is still on its way.

use std::time::Duration;

use clip_export_local::faults::When;
use clip_export_local::footage::Footage;
use clip_export_local::kvs::{Stream, StreamBuilder, Unlisted};
use serde_json::{Value, json};

use crate::rig::{Rig, Setup, asked, refused};

/// A camera of its own, with fragments of 2 s that are there half a second after the next has begun.
fn camera() -> StreamBuilder {
    Stream::builder("lane", Footage::h264_aac())
}

async fn live(camera: StreamBuilder) -> Rig {
    setup(camera).start().await
}

fn setup(camera: StreamBuilder) -> Setup {
    Setup::default().live().stream(camera.build().expect("a stream"))
}

fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// An event for the footage of `lane` from so many milliseconds before `end_ms` on.
fn until(end_ms: i64, before_ms: i64, selector: &str) -> Value {
    let seconds = |ms: i64| ms as f64 / 1000.0;
    asked(
        "lane",
        selector,
        seconds(end_ms - before_ms),
        seconds(end_ms),
        "COVER",
    )
}

fn number(receipt: &Value, field: &str) -> f64 {
    receipt[field].as_f64().expect("a number")
}

/// That all fragments that begin in the range are in the clip, and time of it is missing nowhere.
fn is_complete(receipt: &Value, rig: &Rig, end_ms: i64, selector: &str) {
    assert_eq!(receipt["Status"], json!("EXPORTED"));
    assert_eq!(receipt["Coverage"], json!("COMPLETE"), "{receipt}\n{}", rig.log());
    assert_eq!(receipt["Doubts"], json!([]));
    assert!(number(receipt, "ListFragmentsCalls") <= 5.0, "busy: {receipt}");
    if selector == "PRODUCER_TIMESTAMP" {
        let shown = receipt["Clips"][0]["EndTimestamp"].as_str().expect("a time");
        let shown: jiff::Timestamp = shown.parse().expect("a time");
        assert!(shown.as_millisecond() >= end_ms, "{receipt}");
    }
}

/// That an error says from when on a retry makes sense.
#[track_caller]
fn asks_again(message: &str, from_ms: i64) {
    let from = jiff::Timestamp::from_millisecond(from_ms).expect("a time");
    assert!(
        message.contains(&format!("ask again from {from:.3} on")),
        "{message}"
    );
}

#[tokio::test]
async fn a_range_that_ends_in_the_future_is_waited_for() {
    for selector in ["PRODUCER_TIMESTAMP", "SERVER_TIMESTAMP"] {
        let rig = live(camera()).await;
        let end = now_ms() + 2500;
        let receipt = rig.receipt(&until(end, 20_000, selector)).await;
        is_complete(&receipt, &rig, end, selector);
        assert!(now_ms() > end);
        assert!(number(&receipt, "WaitedSeconds") > 2.5, "{receipt}");
        assert_eq!(rig.kvs.calls("GetClip"), 1);
    }
}

/// What begins exactly at the end belongs to the range, and is still running then.
#[tokio::test]
async fn a_fragment_that_begins_with_the_end_is_waited_for() {
    let rig = live(camera()).await;
    // Fragments begin at even seconds.
    let end = now_ms() / 2000 * 2000;
    let receipt = rig.receipt(&until(end, 10_000, "PRODUCER_TIMESTAMP")).await;
    is_complete(&receipt, &rig, end, "PRODUCER_TIMESTAMP");
    assert_eq!(receipt["Fragments"], json!(6), "{receipt}");
}

#[tokio::test]
async fn what_is_archived_already_is_not_waited_for() {
    let rig = live(camera()).await;
    let end = now_ms() - 12_000;
    let receipt = rig.receipt(&until(end, 10_000, "PRODUCER_TIMESTAMP")).await;
    is_complete(&receipt, &rig, end, "PRODUCER_TIMESTAMP");
    assert_eq!(receipt["ListFragmentsCalls"], json!(2));
    let rig = live(camera()).await;
    let end = now_ms() - 41_000;
    let receipt = rig.receipt(&until(end, 10_000, "PRODUCER_TIMESTAMP")).await;
    assert_eq!(receipt["WaitedSeconds"], json!(0.0), "{receipt}");
    assert_eq!(receipt["ListFragmentsCalls"], json!(1));
}

#[tokio::test]
async fn a_stream_that_has_stopped_is_exported_as_far_as_it_goes() {
    let stopped = now_ms() - 25_000;
    let rig = live(camera().gap(stopped, stopped + 3_600_000)).await;
    let end = now_ms() - 20_000;
    let receipt = rig.receipt(&until(end, 20_000, "PRODUCER_TIMESTAMP")).await;
    assert_eq!(receipt["Coverage"], json!("PARTIAL"), "{receipt}");
    assert_eq!(receipt["Gaps"][0]["Place"], json!("TAIL"));
    assert!(number(&receipt, "WaitedSeconds") > 10.0, "{receipt}");
    assert!(number(&receipt, "ListFragmentsCalls") <= 7.0, "busy: {receipt}");
    assert!(now_ms() >= end + 40_000, "until nothing more was to be expected");
    assert!(rig.log().contains("all that there is"), "{}", rig.log());
}

#[tokio::test]
async fn a_range_that_ends_too_late_is_refused_with_the_moment_to_ask_again() {
    let rig = live(camera()).await;
    let end = now_ms() + 95_000;
    let message = rig
        .fails(&until(end, 100_000, "PRODUCER_TIMESTAMP"), "NotYetArchived")
        .await;
    asks_again(&message, end + 40_000);
    assert_eq!(rig.aws_calls(), 0, "the clock alone says so");
}

#[tokio::test]
async fn the_deadline_allows_no_wait_that_it_would_not_outlive() {
    let rig = live(camera()).await;
    let end = now_ms() + 8_000;
    let asked = until(end, 20_000, "PRODUCER_TIMESTAMP");
    let outcome = rig.invoke_within(&asked, Duration::from_secs(9)).await;
    let (error_type, message) = rig.error_of(outcome);
    assert_eq!(error_type, "NotYetArchived", "{message}");
    assert_eq!(rig.aws_calls(), 0);
}

#[tokio::test]
async fn a_wait_that_turns_out_longer_than_allowed_is_given_up() {
    // The fragment at the end of the range has begun 3 s ago and runs for 17 s more.
    let now = now_ms();
    let phase = u32::try_from((now - 3000).rem_euclid(20_000)).expect("less than 20 s");
    let rig = setup(camera().fragment_ms(20_000).phase_ms(phase))
        .with("CLIP_MAX_WAIT_SECONDS", "1")
        .start()
        .await;
    let end = now - 2000;
    let message = rig
        .fails(&until(end, 60_000, "PRODUCER_TIMESTAMP"), "NotYetArchived")
        .await;
    assert!(message.contains("ask again from"), "{message}");
    assert_eq!(rig.kvs.calls("ListFragments"), 1);
    assert_eq!(rig.kvs.calls("GetClip"), 0);
}

/// The camera's clock is 15 s behind: the footage of now comes in 15 s.
#[tokio::test]
async fn a_camera_whose_clock_is_behind_is_waited_for_longer() {
    let rig = live(camera().skew_ms(15_000)).await;
    let end = now_ms() - 14_000;
    let receipt = rig.receipt(&until(end, 20_000, "PRODUCER_TIMESTAMP")).await;
    is_complete(&receipt, &rig, end, "PRODUCER_TIMESTAMP");
    assert_eq!(receipt["SkewSeconds"], json!(15.0));
    assert!(rig.log().contains("far apart"), "{}", rig.log());
}

/// It is 50 s behind: when all would have settled by a good clock, the end of the range has not begun.
#[tokio::test]
async fn a_tail_that_a_bad_clock_delays_is_no_gap() {
    let rig = live(camera().skew_ms(50_000)).await;
    let end = now_ms() - 48_000;
    let receipt = rig.receipt(&until(end, 20_000, "PRODUCER_TIMESTAMP")).await;
    is_complete(&receipt, &rig, end, "PRODUCER_TIMESTAMP");
    assert_eq!(receipt["SkewSeconds"], json!(50.0));
}

/// It is five minutes behind, as an upload with a backlog is: nothing of the range is there yet.
#[tokio::test]
async fn a_backlog_is_found_out() {
    let rig = live(camera().skew_ms(300_000)).await;
    let end = now_ms() - 45_000;
    let message = rig
        .fails(&until(end, 20_000, "PRODUCER_TIMESTAMP"), "NotYetArchived")
        .await;
    asks_again(&message, end + 340_000);
    assert_eq!(rig.kvs.calls("GetClip"), 0);
}

/// It is an hour behind: what it sends in an hour will be of another moment.
#[tokio::test]
async fn a_clock_that_is_wrong_is_named() {
    let rig = live(camera().skew_ms(3_600_000)).await;
    let end = now_ms() - 45_000;
    let message = rig
        .fails(&until(end, 20_000, "PRODUCER_TIMESTAMP"), "NoFragments")
        .await;
    assert!(message.contains("3600.000 s behind"), "{message}");
    assert!(message.contains("SERVER_TIMESTAMP"), "{message}");
}

/// The last fragment begins just before the end of the range, lasts 20 s, and is indexed late: what is there
/// when all should have settled reaches so near to the end that no gap shows.
#[tokio::test]
async fn a_fragment_that_begins_just_before_the_end_is_not_forgotten() {
    let end = now_ms() - 31_500;
    let phase = u32::try_from((end - 200).rem_euclid(20_000)).expect("less than 20 s");
    let slow = camera().fragment_ms(20_000).phase_ms(phase).index_ms(12_000);
    let rig = live(slow).await;
    let receipt = rig.receipt(&until(end, 50_000, "PRODUCER_TIMESTAMP")).await;
    assert_eq!(receipt["Fragments"], json!(4), "{receipt}\n{}", rig.log());
    is_complete(&receipt, &rig, end, "PRODUCER_TIMESTAMP");
}

/// A connection breaks: its last fragment is archived later than those of the next one.
#[tokio::test]
async fn a_gap_that_may_still_close_is_given_time() {
    let end = now_ms() - 36_000;
    let hole = (end - 4000) / 2000 * 2000;
    let late = camera().unlisted(hole, hole + 2000, Unlisted::FirstCalls(3));
    let rig = live(late).await;
    let receipt = rig.receipt(&until(end, 20_000, "PRODUCER_TIMESTAMP")).await;
    is_complete(&receipt, &rig, end, "PRODUCER_TIMESTAMP");
    assert!(number(&receipt, "ListFragmentsCalls") > 2.0, "{receipt}");
}

#[tokio::test]
async fn without_a_list_the_time_of_settling_is_waited_for() {
    let rig = live(camera()).await;
    rig.kvs_fault(
        "ListFragments",
        When::Every,
        refused(403, "AccessDeniedException"),
    );
    let end = now_ms() - 37_000;
    let receipt = rig.receipt(&until(end, 20_000, "PRODUCER_TIMESTAMP")).await;
    assert_eq!(receipt["Coverage"], json!("UNKNOWN"), "{receipt}");
    assert_eq!(receipt["Doubts"][0]["Code"], json!("NOT_LISTED"));
    assert!(now_ms() >= end + 40_000);
}
