//! Ranges that are cut where fragments overlap.

use serde_json::{Value, json};

use super::Stage;
use crate::case::Boundary;

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_end_with_the_first_fragment_that_lasts_so_long_is_found() {
    let mut stage = Stage::of("trolleybus", 1).await;
    let (broken, again) = stage.broken(1);
    let (from, to) = (broken.producer_start, again.producer_start);
    (stage.ask.start, stage.ask.end) = (from, from + broken.duration_ms);
    stage.ask.boundary = Boundary::Exact;
    let one_of_two = |receipt: &mut Value| {
        receipt["Fragments"] = json!(1);
        receipt["FragmentsNotShown"] = json!(1);
    };
    let right = stage.clip("trolleybus", from, from + 1);
    assert_eq!(stage.says(&right, one_of_two), Ok(true));
    for (from, to, is_shown) in [(from, to, true), (to, to + 1, false)] {
        let other = stage.clip("trolleybus", from, to);
        let why = stage.says(&other, one_of_two).expect_err("another end");
        assert!(why.contains(&format!("is shown: {is_shown}")), "{why}");
    }
}
