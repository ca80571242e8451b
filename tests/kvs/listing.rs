//! What `ListFragments` says, and how it is asked.

use std::time::Instant;

use clip_export::event::Stream;
use clip_export::kvs::FetchError;
use clip_export::plan::{Fragment, FragmentSelectorType};
use clip_export_local::faults::Fault::{self, Reset, Throttle};
use clip_export_local::faults::When::{Call, Every};
use serde_json::json;

use crate::rig::{RETRIES, Rig, SLOW, TEN, after_ten, backoff};

fn refusal(status: u16, code: &str) -> Fault {
    Fault::Error {
        status,
        code: code.to_owned(),
        message: "as scripted".to_owned(),
    }
}

/// When the fragments begin by the producer's clock, in order.
fn starts(fragments: &[Fragment]) -> Vec<i64> {
    let mut starts: Vec<i64> = fragments
        .iter()
        .map(|fragment| fragment.producer_ms - TEN)
        .collect();
    starts.sort_unstable();
    starts
}

/// Starts of fragments of two seconds.
fn every_two_seconds(count: i64) -> Vec<i64> {
    (0..count).map(|number| number * 2000).collect()
}

#[tokio::test]
async fn all_pages_are_read_and_a_call_asks_for_what_the_range_can_hold() {
    for (most, asked, pages) in [(30, 30, 1), (7, 7, 5), (1, 1, 30), (0, 1, 30), (40_000, 1000, 1)] {
        let rig = Rig::start("front-door").await;
        let fragments = rig
            .archive()
            .list_fragments(&after_ten(0, 58_000), rig.selector, most, &mut backoff())
            .await
            .expect("a list");
        assert_eq!(starts(&fragments), every_two_seconds(30), "{most}");
        let requests = rig.server.requests("ListFragments");
        assert!(
            requests
                .iter()
                .all(|request| request["MaxResults"] == json!(asked)),
            "{most}"
        );
        assert_eq!(requests.len(), pages, "{most}");
        assert_eq!(rig.tally.list_fragments_calls() as usize, pages, "{most}");
        assert_eq!(rig.tally.retries(), 0);
    }
}

#[tokio::test]
async fn fragments_come_whole_and_without_order() {
    let rig = Rig::start(SLOW).await;
    let fragments = rig
        .archive()
        .list_fragments(&after_ten(0, 58_000), rig.selector, 10, &mut backoff())
        .await
        .expect("a list");
    let in_order = fragments.is_sorted_by_key(|fragment| fragment.producer_ms);
    assert!(
        !in_order,
        "the stack gives no order, as the service promises none"
    );
    for fragment in &fragments {
        assert_eq!(fragment.length_ms, 1960, "a picture short of the truth");
        assert_eq!(fragment.server_ms, fragment.producer_ms + 1300);
        assert!(fragment.bytes > 1000);
        assert!(fragment.number.len() > 40);
    }
}

#[tokio::test]
async fn a_range_is_read_by_the_clock_that_is_asked_for() {
    let mut rig = Rig::start(SLOW).await;
    rig.selector = FragmentSelectorType::ServerTimestamp;
    rig.stream = Stream::Arn(rig.server.arn(SLOW).expect("an ARN"));
    let fragments = rig
        .archive()
        .list_fragments(&after_ten(0, 58_000), rig.selector, 30, &mut backoff())
        .await
        .expect("a list");
    // The one that begins at the end by the producer's clock is received after it.
    assert_eq!(starts(&fragments), every_two_seconds(29));
}

#[tokio::test]
async fn nothing_in_the_range_is_no_error() {
    let rig = Rig::start("dark-room").await;
    let fragments = rig
        .archive()
        .list_fragments(&after_ten(0, 60_000), rig.selector, 30, &mut backoff())
        .await;
    assert_eq!(fragments.expect("a list"), []);
}

#[tokio::test]
async fn a_page_that_failed_is_asked_for_again_and_no_other() {
    for fault in [Throttle, Reset, refusal(500, "InternalFailure")] {
        let rig = Rig::start("front-door").await;
        rig.server.faults.script("ListFragments", Call(3), fault.clone());
        let fragments = rig
            .archive()
            .list_fragments(&after_ten(0, 58_000), rig.selector, 10, &mut backoff())
            .await
            .expect("a list");
        assert_eq!(starts(&fragments), every_two_seconds(30), "{fault:?}");
        assert_eq!(rig.tally.retries(), 1, "{fault:?}");
        assert_eq!(rig.tally.list_fragments_calls(), 4, "{fault:?}");
    }
}

#[tokio::test]
async fn retries_of_a_listing_are_bounded() {
    let rig = Rig::start("front-door").await;
    rig.server.faults.script("ListFragments", Every, Throttle);
    let error = rig
        .archive()
        .list_fragments(&after_ten(0, 58_000), rig.selector, 30, &mut backoff())
        .await
        .expect_err("throttled for ever");
    assert!(
        matches!(&error, FetchError::Call(error) if error.is_throttling()),
        "{error}"
    );
    assert_eq!(rig.server.calls("ListFragments"), u64::from(RETRIES) + 1);
}

/// The strict quotas of the stack refuse the eleventh page of a second.
#[tokio::test]
async fn a_long_listing_stays_within_half_of_the_quota() {
    let rig = Rig::start("front-door").await;
    let begun = Instant::now();
    let fragments = rig
        .archive()
        .list_fragments(&after_ten(0, 12_999 * 2000), rig.selector, 13_000, &mut backoff())
        .await
        .expect("a list");
    assert_eq!(starts(&fragments), every_two_seconds(13_000));
    assert_eq!(rig.tally.list_fragments_calls(), 13);
    assert_eq!(rig.tally.retries(), 0);
    assert!(begun.elapsed().as_millis() >= 2400, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn each_api_has_an_endpoint_of_its_own_that_is_asked_for_once() {
    let rig = Rig::start("front-door").await;
    for _ in 0..2 {
        let archive = rig.archive();
        let range = after_ten(0, 4000);
        archive
            .list_fragments(&range, rig.selector, 3, &mut backoff())
            .await
            .expect("a list");
        archive
            .get_clip(&range, Some(3), &mut backoff())
            .await
            .expect("a clip");
    }
    let requests = rig.server.requests("GetDataEndpoint");
    let names: Vec<_> = requests
        .iter()
        .filter_map(|request| request["APIName"].as_str())
        .collect();
    assert_eq!(names, ["LIST_FRAGMENTS", "GET_CLIP"]);
}

#[tokio::test]
async fn an_endpoint_that_moved_is_asked_for_anew() {
    let rig = Rig::start("front-door").await;
    let (archive, range) = (rig.archive(), after_ten(0, 18_000));
    archive
        .list_fragments(&range, rig.selector, 10, &mut backoff())
        .await
        .expect("a list");
    rig.server
        .move_endpoint("front-door")
        .await
        .expect("a new endpoint");
    let fragments = archive
        .list_fragments(&range, rig.selector, 10, &mut backoff())
        .await;
    assert_eq!(starts(&fragments.expect("a list")), every_two_seconds(10));
    assert_eq!(rig.tally.retries(), 1);
    assert_eq!(rig.server.calls("GetDataEndpoint"), 2);
}

/// An export goes on without a list then; so it must not be kept waiting, nor take it for anything else.
#[tokio::test]
async fn a_missing_permission_is_known_at_once() {
    for operation in ["ListFragments", "GetDataEndpoint"] {
        for (status, code) in [(403, "AccessDeniedException"), (401, "NotAuthorizedException")] {
            let rig = Rig::start("front-door").await;
            rig.server.faults.script(operation, Every, refusal(status, code));
            let error = rig
                .archive()
                .list_fragments(&after_ten(0, 58_000), rig.selector, 30, &mut backoff())
                .await
                .expect_err("refused");
            // Who may not ask for an endpoint cannot get a clip either.
            assert_eq!(error.is_access_denied(), operation == "ListFragments", "{error}");
            assert_eq!(rig.server.calls(operation), 1);
        }
    }
    let rig = Rig::start("no-such-stream").await;
    let error = rig
        .archive()
        .list_fragments(&after_ten(0, 58_000), rig.selector, 30, &mut backoff())
        .await
        .expect_err("no stream");
    assert!(!error.is_access_denied(), "{error}");
}
