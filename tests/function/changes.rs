//! Footage that cannot be in one file: each codec becomes an object of its own.

use serde_json::json;

use crate::judge::decode;
use crate::rig::{Rig, TEN};
use crate::source::{Pictures, expected, fragments, media};

#[tokio::test]
async fn each_codec_gets_an_object_of_its_own() {
    for (stream, change) in [("workshop", TEN), ("reception", TEN)] {
        let rig = Rig::start().await;
        let (start, end) = (change - 30, change + 30);
        let asked = json!({
            "StreamName": stream,
            "Destination": {"Key": "shift.mp4"},
            "ClipFragmentSelector": {"TimestampRange": {"StartTimestamp": start, "EndTimestamp": end}}
        });
        let receipt = rig.receipt(&asked).await;
        assert_eq!(
            rig.s3.objects("clips"),
            ["shift-1.mp4", "shift-2.mp4"],
            "{stream}"
        );
        assert_eq!(rig.s3.uploads(), []);
        let all = fragments(&rig, stream, start, end);
        let (before, after): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|f| f.producer_start < change * 1000);
        for (number, half) in [before, after].iter().enumerate() {
            let key = format!("shift-{}.mp4", number + 1);
            assert_eq!(receipt["Clips"][number]["Key"], json!(key));
            let object = rig.s3.object("clips", &key).expect("an object");
            let wanted = expected(&rig, stream, half, Pictures::Coded);
            let got = media(&object.path, Pictures::Coded);
            assert!(got.pictures == wanted.pictures, "{key} of {stream}");
            assert!(got.sounds == wanted.sounds, "{key} of {stream}");
            decode(&object.path, wanted.pictures.len() as u64);
        }
        assert_eq!(receipt["Coverage"], json!("COMPLETE"));
        // Listed once; the whole, at most eight to find the change, and the halves.
        let calls = receipt["GetClipCalls"].as_u64().expect("a number");
        assert!(calls <= 11, "{calls} calls");

        let again = rig.receipt(&asked).await;
        assert_eq!(again["Status"], json!("ALREADY_EXPORTED"));
        assert_eq!(again["Clips"].as_array().map(Vec::len), Some(2));
        assert_eq!(again["GetClipCalls"], json!(0));
    }
}

#[tokio::test]
async fn a_codec_that_changes_late_renames_what_was_begun() {
    let rig = Rig::start().await;
    let (start, end) = (TEN - 1000, TEN + 10);
    let asked = json!({
        "StreamName": "workshop",
        "Destination": {"Key": "shift.mp4"},
        "ClipFragmentSelector": {"TimestampRange": {"StartTimestamp": start, "EndTimestamp": end}}
    });
    let receipt = rig.receipt(&asked).await;
    assert_eq!(rig.s3.objects("clips"), ["shift-1.mp4", "shift-2.mp4"]);
    assert_eq!(rig.s3.uploads(), []);
    assert_eq!(receipt["Clips"][0]["Fragments"], json!(500));
    assert_eq!(receipt["Clips"][1]["Fragments"], json!(6));
}
