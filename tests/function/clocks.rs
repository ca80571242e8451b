//! Two clocks, copies and gaps: which footage a range is.

use clip_export_local::faults::When;
use clip_export_local::footage::Footage;
use clip_export_local::kvs::{Gaps, Stream};
use serde_json::json;

use crate::long::pictures;
use crate::rig::{Rig, TEN, asked, event, refused};

#[tokio::test]
async fn harbour_by_the_servers_clock() {
    let rig = Rig::start().await;
    rig.receipt(&asked(
        "harbour",
        "SERVER_TIMESTAMP",
        (TEN + 100) as f64,
        (TEN + 700) as f64,
        "COVER",
    ))
    .await;
    pictures(&rig, "harbour", TEN + 100, TEN + 700);
}

#[tokio::test]
async fn ferry_by_either_clock() {
    for selector in ["PRODUCER_TIMESTAMP", "SERVER_TIMESTAMP"] {
        let rig = Rig::start().await;
        rig.receipt(&asked(
            "ferry",
            selector,
            (TEN + 100) as f64,
            (TEN + 700) as f64,
            "COVER",
        ))
        .await;
        pictures(&rig, "ferry", TEN + 100, TEN + 700);
    }
}

/// The range starts with the reconnect: the originals are outside of it, and the last copy overlaps with
/// what comes after it.
#[tokio::test]
async fn ferry_by_the_servers_clock_from_the_reconnect() {
    let rig = Rig::start().await;
    rig.receipt(&asked(
        "ferry",
        "SERVER_TIMESTAMP",
        TEN as f64,
        (TEN + 60) as f64,
        "COVER",
    ))
    .await;
}

/// The range starts between a fragment and its shifted copy.
#[tokio::test]
async fn a_running_fragment_and_its_copy_are_not_both_in_the_clip() {
    let rig = Rig::start().await;
    let start = TEN as f64 + 592.15;
    rig.receipt(&asked(
        "ferry",
        "PRODUCER_TIMESTAMP",
        start,
        (TEN + 640) as f64,
        "COVER",
    ))
    .await;
    pictures(&rig, "ferry", TEN + 593, TEN + 640);
}

/// Every other second is missing.
#[tokio::test]
async fn half_of_the_footage_missing_is_a_gap() {
    for gaps in [Gaps::Stretched, Gaps::Closed] {
        let camera = Stream::builder("hen-house", Footage::h264_half_second())
            .fragment_ms(1000)
            .motion(1000, 2000)
            .gaps(gaps);
        let rig = Rig::with_camera(camera).await;
        let receipt = rig.receipt(&event("hen-house", 60)).await;
        assert_eq!(receipt["Coverage"], json!("PARTIAL"), "{receipt}");
        assert_eq!(receipt["Gaps"].as_array().map(Vec::len), Some(30), "{receipt}");
    }
}

#[tokio::test]
async fn gaps_by_the_servers_clock_around_a_reconnect() {
    let rig = Rig::start().await;
    let start = TEN as f64 + 595.0;
    let receipt = rig
        .receipt(&asked(
            "harbour",
            "SERVER_TIMESTAMP",
            start,
            (TEN + 640) as f64,
            "COVER",
        ))
        .await;
    assert_eq!(receipt["Gaps"], json!([]));
}

#[tokio::test]
async fn exact_by_the_servers_clock_around_a_reconnect() {
    let rig = Rig::start().await;
    let (start, end) = (TEN as f64 + 590.0, TEN as f64 + 600.5);
    let receipt = rig
        .receipt(&asked("harbour", "SERVER_TIMESTAMP", start, end, "EXACT"))
        .await;
    let seconds = receipt["Clips"][0]["DurationSeconds"].as_f64().expect("a number");
    assert!((10.0..11.0).contains(&seconds), "{receipt}");
}

/// The range ends where the codec changes: nothing of the second run is shown.
#[tokio::test]
async fn an_exact_range_that_ends_with_a_codec_is_exported() {
    let rig = Rig::start().await;
    let wanted = asked(
        "workshop",
        "PRODUCER_TIMESTAMP",
        (TEN - 30) as f64,
        TEN as f64,
        "EXACT",
    );
    rig.receipt(&wanted).await;
}

/// Nothing can be cut to the range without a list; the answer has to say so.
#[tokio::test]
async fn exact_without_a_list_is_said_not_to_be() {
    let rig = Rig::start().await;
    rig.kvs_fault(
        "ListFragments",
        When::Every,
        refused(403, "AccessDeniedException"),
    );
    let wanted = asked(
        "front-door",
        "PRODUCER_TIMESTAMP",
        TEN as f64 + 3.5,
        TEN as f64 + 20.5,
        "EXACT",
    );
    let receipt = rig.receipt(&wanted).await;
    let text = receipt["Doubts"].to_string();
    assert!(text.contains("EXACT") || text.contains("cut to"), "{text}");
}
