mod triggers;

use super::*;

fn defaults() -> Defaults {
    Defaults {
        bucket: Some("clips".to_owned()),
        allowed_buckets: vec!["evidence".to_owned()],
        key: KeyTemplate::parse("{stream}/{start}_{end}.mp4").expect("a template"),
        selector: FragmentSelectorType::ProducerTimestamp,
        pre_roll: SignedDuration::from_secs(30),
        post_roll: SignedDuration::from_secs(20),
        alarm_streams: AlarmStreams::default(),
    }
}

fn parse(text: &str) -> Result<ExportRequest, Faults> {
    Asked::read(text, &defaults(), &Home::default()).map(|asked| match asked {
        Asked::Export(request) => *request,
        Asked::Nothing(reason) => panic!("{reason}"),
    })
}

/// The fields of the faults of an event.
fn fields(text: &str) -> Vec<String> {
    parse(text)
        .expect_err(text)
        .0
        .into_iter()
        .map(|fault| fault.field)
        .collect()
}

fn minimal(extra: &str) -> String {
    format!(
        r#"{{"StreamName": "front-door", "ClipFragmentSelector": {{"TimestampRange":
           {{"StartTimestamp": 1795168800, "EndTimestamp": "2026-11-20T10:01:00Z"}}}}{extra}}}"#
    )
}

#[test]
fn the_smallest_request_takes_the_defaults() {
    let request = parse(&minimal("")).expect("valid");
    assert_eq!(request.stream, Stream::Name("front-door".to_owned()));
    assert_eq!(request.selector, FragmentSelectorType::ProducerTimestamp);
    assert_eq!(
        request.range.to_string(),
        "2026-11-20T10:00:00.000Z to 2026-11-20T10:01:00.000Z"
    );
    assert_eq!(request.destination.bucket, "clips");
    assert_eq!(
        request.destination.key,
        "front-door/20261120T100000Z_20261120T100100Z.mp4"
    );
    assert_eq!(request.boundary, Boundary::Cover);
    assert_eq!(request.if_exists, IfExists::Skip);
}

#[test]
fn everything_can_be_said() {
    let request = parse(
        r#"{"StreamARN": "arn:aws:kinesisvideo:eu-west-1:123456789012:stream/gate/1700000000000",
            "ClipFragmentSelector": {"FragmentSelectorType": "SERVER_TIMESTAMP",
              "Around": {"Timestamp": "2026-11-20T10:00:00.000+0000", "BeforeSeconds": 30, "AfterSeconds": 0.5}},
            "Destination": {"Bucket": "evidence", "Key": "case/42.mp4", "Tags": {"case": "42"},
              "Metadata": {"Operator": "amy"}, "StorageClass": "STANDARD_IA"},
            "Boundary": "FRAGMENT", "IfExists": "OVERWRITE"}"#,
    )
    .expect("valid");
    assert_eq!(request.stream.name(), "gate");
    assert_eq!(
        request.range.to_string(),
        "2026-11-20T09:59:30.000Z to 2026-11-20T10:00:00.500Z"
    );
    assert_eq!(request.destination.bucket, "evidence");
    assert_eq!(request.destination.tags, [("case".to_owned(), "42".to_owned())]);
    assert_eq!(
        request.destination.metadata,
        [("operator".to_owned(), "amy".to_owned())]
    );
    assert_eq!(request.destination.storage_class, Some(StorageClass::StandardIa));
    assert_eq!(request.if_exists, IfExists::Overwrite);
}

#[test]
fn null_counts_as_left_out() {
    assert!(
        parse(&minimal(
            r#", "Destination": null, "IfExists": null, "StreamARN": null"#
        ))
        .is_ok()
    );
}

#[test]
fn all_faults_are_found_at_once() {
    assert_eq!(
        fields(
            r#"{"StreamName": "front door", "streamArn": "x", "ClipFragmentSelector": {"FragmentSelectorType": "producer_timestamp",
                "TimestampRange": {"StartTimestamp": 1795168800000, "EndTimestamp": "2026-11-20T10:01:00"}},
                "Destination": {"Bucket": "Clips", "Key": "/a.mp4", "StorageClass": "COLD"}, "IfExists": 1}"#
        ),
        [
            "streamArn",
            "StreamName",
            "ClipFragmentSelector.FragmentSelectorType",
            "ClipFragmentSelector.TimestampRange.StartTimestamp",
            "ClipFragmentSelector.TimestampRange.EndTimestamp",
            "Destination.Bucket",
            "Destination.Key",
            "Destination.StorageClass",
            "IfExists"
        ]
    );
}

#[test]
fn a_repeated_field_has_no_single_meaning() {
    assert_eq!(
        fields(&minimal(r#", "IfExists": "SKIP", "IfExists": "FAIL""#)),
        ["IfExists"]
    );
}

#[test]
fn a_bucket_must_be_one_that_the_operator_named() {
    assert_eq!(
        fields(&minimal(r#", "Destination": {"Bucket": "elsewhere"}"#)),
        ["Destination.Bucket"]
    );
    let mut none = defaults();
    none.bucket = None;
    let faults = Asked::read(&minimal(""), &none, &Home::default()).expect_err("no bucket");
    assert!(faults.to_string().contains("CLIP_BUCKET"), "{faults}");
}

#[test]
fn an_arn_has_the_shape_that_the_api_gives_it() {
    for arn in [
        "arn:aws:kinesisvideo:eu-west-1:123456789012:stream/a.b-c_1/1",
        "arn:aws-us-gov:kinesisvideo:us-gov-west-1:123456789012:stream/x/1700000000000",
    ] {
        assert!(stream::check_arn(arn, &Home::default()).is_none(), "{arn}");
    }
    for arn in [
        "",
        "arn:aws:kinesisvideo:eu-west-1:123456789012:channel/x/1",
        "arn:aws:kinesisvideo:eu-west-1:123456789012:stream/x",
        "arn:aws:kinesisvideo::123456789012:stream/x/1",
        "arn:aws:kinesisvideo:eu-west-1:acct:stream/x/1",
        "arn:aws:s3:eu-west-1:123456789012:stream/x/1",
        "arn:aws:kinesisvideo:eu-west-1:123456789012:stream/x y/1",
    ] {
        assert!(stream::check_arn(arn, &Home::default()).is_some(), "{arn}");
    }
}

#[test]
fn the_fingerprint_is_that_of_the_media_and_not_of_the_place() {
    let here = parse(&minimal("")).expect("valid");
    let there = parse(&minimal(
        r#", "Destination": {"Key": "x.mp4", "Tags": {"a": "b"}}"#,
    ))
    .expect("valid");
    let later = parse(&minimal("").replace("10:01:00Z", "10:01:00.001Z")).expect("valid");
    assert_eq!(here.fingerprint(), there.fingerprint());
    assert_ne!(here.fingerprint(), later.fingerprint());
    assert_eq!(here.fingerprint().len(), 64);
}

#[test]
fn what_tags_and_metadata_say_is_in_no_fault() {
    for destination in [
        r#"{"Tags": {"patient": "Amy § 4711"}}"#,
        r#"{"Tags": {"patient": 4711}}"#,
        r#"{"Tags": {"patient": ["4711"]}}"#,
        r#"{"Metadata": {"patient": 4711}}"#,
        r#"{"Metadata": {"patient": " 4711"}}"#,
        r#"{"Metadata": {"patient": true}}"#,
    ] {
        let refused = parse(&minimal(&format!(r#", "Destination": {destination}"#)));
        let fault = refused.expect_err(destination).to_string();
        assert!(fault.contains("patient"), "{fault}");
        for said in ["4711", "Amy", "true"] {
            assert!(!fault.contains(said), "{fault}");
        }
    }
}

#[test]
fn both_of_two_ranges_are_told_what_is_wrong_with_them() {
    let two = minimal("").replace(
        r#""TimestampRange""#,
        r#""Around": {"Timestamp": "2026-11-20T10:00:00Z", "BeforeSeconds": -3}, "TimestampRange""#,
    );
    let refused = parse(&two).expect_err("two ranges").to_string();
    for part in ["stands beside Around", "BeforeSeconds", "AfterSeconds"] {
        assert!(refused.contains(part), "{part}: {refused}");
    }
}

#[test]
fn metadata_is_counted_with_what_is_added() {
    let request = parse(&minimal("")).expect("valid");
    let id = "8f5d3c1e-0000-4000-8000-000000000000";
    let mut metadata = request.object_metadata(id);
    metadata.push(ExportRequest::numbered_metadata(123_456));
    metadata.push(ExportRequest::coverage_metadata("COMPLETE"));
    let bytes: usize = metadata
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    assert_eq!(bytes, request.metadata_bytes());
    let room = 2048 - bytes - "note".len();
    let fits = |length: usize| {
        minimal(&format!(
            r#", "Destination": {{"Metadata": {{"note": "{}"}}}}"#,
            "x".repeat(length)
        ))
    };
    assert!(parse(&fits(room)).is_ok());
    assert_eq!(fields(&fits(room + 1)), ["Destination.Metadata"]);
}

#[test]
fn an_object_says_whose_it_is() {
    let request = parse(&minimal("")).expect("valid");
    let other = parse(&minimal("").replace("front-door", "gate")).expect("valid");
    let metadata = request.object_metadata("id-1");
    let mut numbered = metadata.clone();
    numbered.push(ExportRequest::numbered_metadata(2));
    let origin = |metadata: &[(String, String)], request: &ExportRequest, id: &str, number| {
        let metadata = metadata
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        Origin::of(metadata, request, id, number)
    };
    assert_eq!(origin(&metadata, &request, "id-1", None), Origin::ThisExport);
    assert_eq!(origin(&metadata, &request, "id-2", None), Origin::SameClip);
    assert_eq!(origin(&metadata, &other, "id-1", None), Origin::Other);
    assert_eq!(origin(&[], &request, "id-1", None), Origin::Other);
    assert_eq!(origin(&metadata, &request, "id-1", Some(2)), Origin::Other);
    assert_eq!(origin(&numbered, &request, "id-1", Some(2)), Origin::ThisExport);
    for number in [None, Some(1), Some(22)] {
        assert_eq!(origin(&numbered, &request, "id-1", number), Origin::Other);
    }
}

#[test]
fn several_objects_are_numbered_before_the_ending() {
    let numbered = |key: &str| {
        let destination = Destination {
            key: key.to_owned(),
            ..Destination::default()
        };
        destination.numbered_key(2)
    };
    assert_eq!(numbered("gate/alarm.mp4"), "gate/alarm-2.mp4");
    assert_eq!(numbered("gate.a/alarm"), "gate.a/alarm-2");
    assert_eq!(numbered("gate/.mp4"), "gate/.mp4-2");
    assert_eq!(numbered("a.b.mp4"), "a.b-2.mp4");
}
