//! Events that cannot be served: each is answered with `InvalidRequest` and *all* of its faults,
//! before any call to AWS.

use serde_json::{Value, json};

use crate::rig::{Rig, Setup, TEN, event, with};

/// An event, and the fields whose faults the answer must name.
struct Bad {
    event: String,
    faults: Vec<&'static str>,
}

fn bad(event: &Value, faults: &[&'static str]) -> Bad {
    text(&event.to_string(), faults)
}

fn text(event: &str, faults: &[&'static str]) -> Bad {
    Bad {
        event: event.to_owned(),
        faults: faults.to_vec(),
    }
}

fn range(start: Value, end: Value) -> Value {
    with(
        event("front-door", 10),
        json!({"ClipFragmentSelector": {"TimestampRange": {"StartTimestamp": start, "EndTimestamp": end}}}),
    )
}

fn around(around: Value) -> Value {
    with(
        event("front-door", 10),
        json!({"ClipFragmentSelector": {"Around": around}}),
    )
}

fn destination(destination: Value) -> Value {
    with(event("front-door", 10), json!({"Destination": destination}))
}

fn without(field: &str) -> Value {
    let mut event = event("front-door", 10);
    event.as_object_mut().expect("an object").remove(field);
    event
}

fn bad_events() -> Vec<Bad> {
    const START: &str = "ClipFragmentSelector.TimestampRange.StartTimestamp";
    const END: &str = "ClipFragmentSelector.TimestampRange.EndTimestamp";
    let arn = "arn:aws:kinesisvideo:eu-west-1:123456789012:stream/gate/1451606400000";
    let tags = |count: usize| -> Value {
        (0..count)
            .map(|number| (format!("k{number}"), json!("v")))
            .collect()
    };
    vec![
        // Not a request at all.
        text("", &["cannot be read as JSON"]),
        text("{", &["cannot be read as JSON"]),
        text("hello", &["cannot be read as JSON"]),
        text("\u{feff}{}", &["cannot be read as JSON"]),
        text(&"[".repeat(10_000), &["cannot be read as JSON"]),
        text(&" ".repeat(263_000), &["has 263000 bytes"]),
        text("null", &["must be an object"]),
        text("[]", &["must be an object"]),
        text(
            "{}",
            &["StreamName: is missing", "ClipFragmentSelector: is missing"],
        ),
        // Streams.
        bad(&without("StreamName"), &["StreamName: is missing"]),
        bad(
            &with(event("front-door", 10), json!({"StreamARN": arn})),
            &["exactly one"],
        ),
        bad(&event("", 10), &["StreamName: \"\""]),
        bad(&event("front door", 10), &["StreamName: \"front door\""]),
        bad(&event(&"x".repeat(257), 10), &["StreamName", "257 characters"]),
        bad(
            &with(without("StreamName"), json!({"StreamARN": "front-door"})),
            &["StreamARN: \"front-door\""],
        ),
        // Neither the name nor the call that would find out leaves the function.
        bad(
            &with(
                without("StreamName"),
                json!({"StreamARN": arn.replace("123456789012", "210987654321")}),
            ),
            &[
                "StreamARN: ",
                "of the account \"210987654321\"",
                "of the account 123456789012",
            ],
        ),
        bad(
            &with(
                without("StreamName"),
                json!({"StreamARN": arn.replace("eu-west-1", "us-east-1")}),
            ),
            &[
                "StreamARN: ",
                "in the region \"us-east-1\"",
                "in the region eu-west-1",
            ],
        ),
        bad(
            &with(event("front-door", 10), json!({"StreamName": 7})),
            &["StreamName: 7 must be a string"],
        ),
        // Times.
        bad(
            &without("ClipFragmentSelector"),
            &["ClipFragmentSelector: is missing"],
        ),
        bad(
            &with(event("front-door", 10), json!({"ClipFragmentSelector": {}})),
            &["ClipFragmentSelector.TimestampRange: is missing"],
        ),
        bad(
            &range(json!(TEN * 1000), json!(TEN + 10)),
            &[START, "milliseconds", "1795168800.000"],
        ),
        bad(
            &range(json!("2026-11-20T10:00:00"), json!("10:01")),
            &[START, "no offset", END],
        ),
        bad(
            &range(json!("1795168800"), json!(true)),
            &[START, "in quotes", END, "a boolean"],
        ),
        bad(
            &range(json!(TEN), json!(TEN)),
            &["the start must lie before the end"],
        ),
        bad(
            &range(json!(TEN + 1), json!(TEN)),
            &["the start must lie before the end"],
        ),
        bad(
            &range(json!(TEN), json!(TEN + 86_401)),
            &["a range may be 24 hours (86,400 s) long"],
        ),
        bad(&range(json!(-1), json!(1e300)), &[START, END]),
        bad(
            &around(json!({"Timestamp": TEN})),
            &["Around.BeforeSeconds", "Around.AfterSeconds"],
        ),
        bad(
            &around(json!({"Timestamp": TEN, "BeforeSeconds": -1, "AfterSeconds": "30"})),
            &["Around.BeforeSeconds: -1", "Around.AfterSeconds"],
        ),
        bad(
            &around(json!({"Timestamp": TEN, "BeforeSeconds": 1e12, "AfterSeconds": 1})),
            &["Around: reaches outside of the calendar"],
        ),
        bad(
            &with(
                event("front-door", 10),
                json!({"ClipFragmentSelector": {"Around": {}, "TimestampRange": {}}}),
            ),
            &["ClipFragmentSelector.TimestampRange: stands beside Around"],
        ),
        bad(
            &with(
                event("front-door", 10),
                json!({"ClipFragmentSelector": {"FragmentSelectorType": "PRODUCER",
                    "TimestampRange": {"StartTimestamp": TEN, "EndTimestamp": TEN + 1, "Start": 1}}}),
            ),
            &[
                "FragmentSelectorType: \"PRODUCER\" is not one of PRODUCER_TIMESTAMP or SERVER_TIMESTAMP",
                "TimestampRange.Start",
            ],
        ),
        // Names that nobody knows.
        bad(
            &with(
                event("front-door", 10),
                json!({"streamArn": arn, "If_Exists": "SKIP", "detail-type": "x"}),
            ),
            &[
                "did you mean StreamARN?",
                "did you mean IfExists?",
                "detail-type: is not a field",
            ],
        ),
        text(
            r#"{"StreamName": "a", "StreamName": "b", "ClipFragmentSelector": {"TimestampRange":
                {"StartTimestamp": 1, "EndTimestamp": 2}}}"#,
            &["StreamName: appears twice"],
        ),
        bad(
            &with(
                event("front-door", 10),
                json!({"Boundary": "WHOLE", "IfExists": "REPLACE"}),
            ),
            &[
                "Boundary: \"WHOLE\" is not one of COVER, FRAGMENT or EXACT",
                "IfExists: \"REPLACE\" is not one of SKIP, FAIL or OVERWRITE",
            ],
        ),
        bad(
            &with(event("front-door", 10), json!({"Boundary": "exact"})),
            &["Boundary: \"exact\" is not one of COVER, FRAGMENT or EXACT"],
        ),
        // Destinations.
        bad(
            &destination(json!("s3://clips/a.mp4")),
            &["Destination: must be an object"],
        ),
        bad(
            &destination(json!({"Bucket": "Clips_1"})),
            &["Destination.Bucket: \"Clips_1\" must be made of"],
        ),
        bad(
            &destination(json!({"Bucket": "somebody-elses"})),
            &["Destination.Bucket", "CLIP_ALLOWED_BUCKETS"],
        ),
        bad(
            &destination(json!({"Key": ""})),
            &["Destination.Key: \"\" is empty"],
        ),
        bad(
            &destination(json!({"Key": "/a.mp4"})),
            &["Destination.Key: \"/a.mp4\" starts with a slash"],
        ),
        bad(
            &destination(json!({"Key": "é".repeat(513)})),
            &["Destination.Key", "has 1026 bytes"],
        ),
        bad(
            &destination(json!({"Key": "a/../b.mp4"})),
            &["Destination.Key", ".. segment"],
        ),
        bad(
            &destination(json!({"Tags": tags(11)})),
            &["Destination.Tags: has 11 tags"],
        ),
        bad(
            &destination(json!({"Tags": {"aws:x": "v", "a{b}": "x".repeat(257), "n": 1}})),
            &[
                "starts with aws:",
                "holds '{'",
                "more than 256",
                "Destination.Tags.n: must be a string, not a number",
            ],
        ),
        bad(
            &destination(
                json!({"Metadata": {"näme": "v", "clip-start": "v", "a": "é", "b": " x", "A": "v"}}),
            ),
            &[
                "the name \"näme\"",
                "starts with clip-",
                "the value of \"a\"",
                "the value of \"b\"",
                "appears twice",
            ],
        ),
        bad(
            &destination(json!({"Metadata": {"a": "x".repeat(2000)}})),
            &["Destination.Metadata: makes", "2048"],
        ),
        bad(
            &destination(json!({"StorageClass": "COLD"})),
            &["Destination.StorageClass: \"COLD\" is not one of"],
        ),
        // Everything at once.
        bad(
            &json!({"StreamName": "", "ClipFragmentSelector": {"TimestampRange": {"StartTimestamp": "soon"}},
                "Destination": {"Key": "/", "StorageClass": 1}, "IfExists": "never", "Extra": 1}),
            &[
                "StreamName",
                START,
                "EndTimestamp: is missing",
                "Destination.Key",
                "Destination.StorageClass",
                "IfExists",
                "Extra",
            ],
        ),
    ]
}

#[tokio::test]
async fn bad_events_are_told_every_fault_and_no_service_is_called() {
    let rig = Rig::start().await;
    let events = bad_events();
    assert!(events.len() >= 30, "{} events", events.len());
    for Bad { event, faults } in events {
        let (error_type, message) = rig.error_of(rig.invoke_text(&event).await);
        assert_eq!(error_type, "InvalidRequest", "{event}: {message}");
        for fault in faults {
            assert!(message.contains(fault), "{event}: no {fault:?} in {message}");
        }
    }
    assert_eq!(rig.aws_calls(), 0);
}

#[tokio::test]
async fn a_flood_of_unknown_fields_is_answered_in_short() {
    let rig = Rig::start().await;
    let fields: serde_json::Map<String, Value> = (0..4_000)
        .map(|number| (format!("k{number:06}"), json!(0)))
        .collect();
    let (error_type, message) = rig.error(&Value::Object(fields)).await;
    assert_eq!(error_type, "InvalidRequest");
    assert!(message.len() < 10_000, "{} bytes", message.len());
    assert!(message.contains("more"), "{message}");
}

#[tokio::test]
async fn bad_settings_are_told_to_every_event() {
    let rig = Setup::default()
        .with("CLIP_BUCKET", "My Clips")
        .with("CLIP_KEY", "{camera}.mp4")
        .with("CLIP_PART_MIB", "1")
        .with("AWS_CA_BUNDLE", "/nowhere/ca.pem")
        .start()
        .await;
    for _ in 0..2 {
        let message = rig.fails(&event("front-door", 10), "InvalidRequest").await;
        for variable in ["CLIP_BUCKET", "CLIP_KEY", "CLIP_PART_MIB", "AWS_CA_BUNDLE"] {
            assert!(message.contains(variable), "no {variable} in {message}");
        }
    }
    assert_eq!(rig.aws_calls(), 0);
}

/// A clip became two objects, and the same footage is asked for under the key of the first: that is half of it.
#[tokio::test]
async fn one_of_several_objects_is_not_the_clip() {
    let rig = crate::rig::Rig::start().await;
    let mut wanted = crate::rig::covered("workshop", -30, 30);
    let made = rig.receipt(&wanted).await;
    assert_eq!(made["Clips"].as_array().map(Vec::len), Some(2), "{made}");
    wanted["Destination"]["Key"] = serde_json::json!("shift-1.mp4");
    let (label, message) = rig.error(&wanted).await;
    assert_eq!(label, "DestinationExists", "{message}");
}

/// The other way round: the same footage under a key that looks like one of several is nothing that another key has.
#[tokio::test]
async fn a_clip_of_its_own_is_no_object_of_another_key() {
    let rig = crate::rig::Rig::start().await;
    let mut wanted = crate::rig::covered("front-door", 0, 20);
    wanted["Destination"]["Key"] = serde_json::json!("shift-1.mp4");
    rig.receipt(&wanted).await;
    wanted["Destination"]["Key"] = serde_json::json!("shift.mp4");
    let receipt = rig.receipt(&wanted).await;
    assert_eq!(
        receipt["Clips"][0]["Key"],
        serde_json::json!("shift.mp4"),
        "{receipt}"
    );
}
