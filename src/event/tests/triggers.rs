//! What AWS's own events ask for. The samples in `events/` are the starting points; each test changes one
//! thing of them.

mod elsewhere;

use serde_json::{Value, json};

use super::*;

fn sample(name: &str) -> Value {
    let path = format!("{}/events/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).expect(&path);
    serde_json::from_str(&text).expect(&path)
}

fn mapped() -> Defaults {
    Defaults {
        alarm_streams: AlarmStreams::parse(r#"{"lobby-*": "yard"}"#).expect("valid"),
        ..defaults()
    }
}

/// Where the samples come from.
fn here() -> Home {
    Home::of(
        Some("eu-west-1"),
        "arn:aws:lambda:eu-west-1:123456789012:function:clip-export",
    )
}

fn asked(event: &Value) -> Result<Asked, Faults> {
    Asked::read(&event.to_string(), &mapped(), &here())
}

/// The stream and the range that an event asks for.
fn clip(event: &Value) -> (String, String) {
    match asked(event) {
        Ok(Asked::Export(request)) => (request.stream.as_given().to_owned(), request.range.to_string()),
        other => panic!("{event}: {other:?}"),
    }
}

fn nothing(event: &Value) -> String {
    match asked(event) {
        Ok(Asked::Nothing(reason)) => reason,
        other => panic!("{event}: {other:?}"),
    }
}

fn fault(event: &Value) -> String {
    asked(event).expect_err("a fault").to_string()
}

/// `event` with `value` at `pointer`.
fn with(mut event: Value, pointer: &str, value: Value) -> Value {
    *event.pointer_mut(pointer).expect(pointer) = value;
    event
}

fn without(mut event: Value, pointer: &str, name: &str) -> Value {
    let object = event.pointer_mut(pointer).and_then(Value::as_object_mut);
    object.expect(pointer).remove(name).expect(name);
    event
}

/// The range of the samples of alarms: 30 s before the data that raised it, 20 s after it was raised.
const RAISED: &str = "2026-11-20T10:00:30.000Z to 2026-11-20T10:02:27.101Z";

/// The same where nothing says when the data begins.
const MOMENT: &str = "2026-11-20T10:01:37.101Z to 2026-11-20T10:02:27.101Z";

#[test]
fn an_alarm_is_the_same_in_every_form() {
    for (name, stream, range) in [
        ("eventbridge-alarm", "front-door", RAISED),
        ("alarm-action", "front-door", RAISED),
        ("failed-event", "front-door", RAISED),
        ("sns-alarm", "front-door", RAISED),
        ("eventbridge-metric-math", "front-door", RAISED),
        ("eventbridge-contributor", "front-door", RAISED),
        // From the alarm on that it follows, 51 ms earlier.
        (
            "eventbridge-composite",
            "yard",
            "2026-11-20T10:01:37.050Z to 2026-11-20T10:02:27.101Z",
        ),
    ] {
        let expected = (stream.to_owned(), range.to_owned());
        assert_eq!(clip(&sample(name)), expected, "{name}");
    }
}

#[test]
fn an_alarm_takes_the_operators_defaults() {
    let by_server = Defaults {
        selector: FragmentSelectorType::ServerTimestamp,
        ..defaults()
    };
    let text = sample("eventbridge-alarm").to_string();
    let Ok(Asked::Export(request)) = Asked::read(&text, &by_server, &here()) else {
        panic!("a request")
    };
    assert_eq!(request.selector, FragmentSelectorType::ServerTimestamp);
    assert_eq!(request.destination.bucket, "clips");
    assert_eq!(
        request.destination.key,
        "front-door/20261120T100030Z_20261120T100227Z.mp4"
    );
    assert_eq!(
        (request.boundary, request.if_exists),
        (Boundary::Cover, IfExists::Skip)
    );
    let nowhere = Defaults {
        bucket: None,
        ..defaults()
    };
    let faults = Asked::read(&text, &nowhere, &here()).expect_err("no bucket");
    assert_eq!(faults.0[0].field, "Destination.Bucket");
}

#[test]
fn only_alarm_exports() {
    let reason = nothing(&sample("eventbridge-alarm-ok"));
    assert!(
        reason.contains("camera-front-door") && reason.contains("\"OK\""),
        "{reason}"
    );
    let unsure = json!("INSUFFICIENT_DATA");
    for (name, pointer) in [
        ("eventbridge-alarm", "/detail/state/value"),
        ("alarm-action", "/alarmData/state/value"),
        ("eventbridge-composite", "/detail/state/value"),
    ] {
        let reason = nothing(&with(sample(name), pointer, unsure.clone()));
        assert!(reason.contains("INSUFFICIENT_DATA"), "{reason}");
    }
}

#[test]
fn footage_starts_where_the_data_begins_if_that_is_earlier() {
    let event = without(sample("eventbridge-alarm"), "/detail/state", "reason");
    let reason = |start: &str| json!(format!(r#"{{"startDate": "{start}"}}"#));
    for (data, range) in [
        (reason("2026-11-20T10:05:00.000+0000"), MOMENT),
        (reason("soon"), MOMENT),
        (json!("no JSON"), MOMENT),
        (json!(7), MOMENT),
        (
            reason("2026-11-20T09:00:00.000+0000"),
            "2026-11-20T08:59:30.000Z to 2026-11-20T10:02:27.101Z",
        ),
    ] {
        let event = with(event.clone(), "/detail/state/reasonData", data);
        assert_eq!(clip(&event).1, range);
    }
    let days = reason("2026-11-18T10:00:00.000+0000");
    let fault = fault(&with(event, "/detail/state/reasonData", days));
    assert!(
        fault.starts_with("detail.state.timestamp: asks for") && fault.contains("2026-11-18T10:00:00Z"),
        "{fault}"
    );
}

#[test]
fn points_of_data_in_a_reason_tell_when_it_began() {
    let event = without(sample("eventbridge-alarm"), "/detail/state", "reasonData");
    for (reason, range) in [
        ("Threshold Crossed: no datapoints were received", MOMENT),
        ("Threshold Crossed: 1 datapoint [1.0 (99/99/99 10:01:00)]", MOMENT),
        ("crossed (5.0): [7.0 (20/11/26 10:01:00)]", RAISED),
        (
            "2 datapoints [7.0 (20/11/26 10:01:00), 6.0 (20/11/26 09:59:00)] (5.0)",
            "2026-11-20T09:58:30.000Z to 2026-11-20T10:02:27.101Z",
        ),
    ] {
        let event = with(event.clone(), "/detail/state/reason", json!(reason));
        assert_eq!(clip(&event).1, range, "{reason}");
    }
}

/// Such an alarm sends a message for each series, and none for all of them.
#[test]
fn a_contributor_in_a_message_to_sns_names_its_stream() {
    let mut event = sample("sns-alarm");
    let message = event["Records"][0]["Sns"]["Message"].as_str().expect("text");
    let mut message: Value = serde_json::from_str(message).expect("JSON");
    message["AlarmContributorId"] = json!("6d442278dba546f6");
    message["AlarmContributorAttributes"] = json!({"StreamName": "gate"});
    message["Trigger"] = json!({"Metrics": [{"Id": "q1", "ReturnData": true,
        "Expression": "SELECT SUM(x) FROM SCHEMA(\"AWS/KinesisVideo\", StreamName) GROUP  BY StreamName"}]});
    event["Records"][0]["Sns"]["Message"] = json!(message.to_string());
    assert_eq!(clip(&event), ("gate".to_owned(), RAISED.to_owned()));
}

#[test]
fn an_alarm_without_its_stream_is_told_how_to_name_it() {
    let composite = with(
        sample("eventbridge-composite"),
        "/detail/alarmName",
        json!("hall"),
    );
    let fault = fault(&composite);
    assert!(
        fault.contains("detail.configuration.metrics") && fault.contains("CLIP_ALARM_STREAMS"),
        "{fault}"
    );
    assert!(
        fault.contains(r#""hall""#) && fault.contains(r#""lobby-*""#),
        "{fault}"
    );
    let dimensions = "/detail/configuration/metrics/0/metricStat/metric/dimensions";
    for other in [json!({}), json!({"InstanceId": "i-1"}), Value::Null, json!(7)] {
        let event = with(sample("eventbridge-alarm"), dimensions, other);
        assert!(super::triggers::fault(&event).contains("names no stream"));
    }
}

/// Streams of data have the same name of a dimension as streams of video.
#[test]
fn a_stream_of_another_service_is_none() {
    let event = with(
        sample("eventbridge-alarm"),
        "/detail/configuration/metrics/0/metricStat/metric/namespace",
        json!("AWS/Kinesis"),
    );
    assert!(fault(&event).contains("names no stream"));
    let own = with(
        sample("eventbridge-alarm"),
        "/detail/configuration/metrics/0/metricStat/metric/namespace",
        json!("Motion"),
    );
    assert_eq!(clip(&own).0, "front-door");
    let contributor = with(
        sample("eventbridge-contributor"),
        "/detail/configuration/metrics/0/expression",
        json!(r#"SELECT SUM(x) FROM SCHEMA("AWS/Kinesis", StreamName) GROUP BY StreamName"#),
    );
    assert!(fault(&contributor).contains("names no stream"));
}

#[test]
fn several_streams_need_a_choice() {
    let mut event = sample("eventbridge-alarm");
    let metrics = "/detail/configuration/metrics";
    let first = event.pointer(metrics).expect("metrics")[0].clone();
    let second = with(
        first.clone(),
        "/metricStat/metric/dimensions/StreamName",
        json!("gate"),
    );
    event = with(event, metrics, json!([first, second, first]));
    let fault = fault(&event);
    assert!(fault.contains(r#"2 streams ("front-door", "gate")"#), "{fault}");
    let chosen = with(event, "/detail/alarmName", json!("lobby-1"));
    assert_eq!(clip(&chosen).0, "yard");
}

/// Of an alarm that watches many series the event of each series names its stream.
#[test]
fn the_sum_of_many_series_is_left_to_its_parts() {
    let whole = with(
        without(sample("eventbridge-contributor"), "/detail", "alarmContributor"),
        "/detail-type",
        json!("CloudWatch Alarm State Change"),
    );
    assert!(nothing(&whole).contains("many series"));
    let mapped = with(whole, "/detail/alarmName", json!("lobby-any"));
    assert_eq!(clip(&mapped).0, "yard");
}

#[test]
fn metrics_in_a_message_to_sns_are_read_in_both_spellings() {
    let mut event = sample("sns-alarm");
    let message = event["Records"][0]["Sns"]["Message"].as_str().expect("text");
    let mut message: Value = serde_json::from_str(message).expect("JSON");
    message["Trigger"] = json!({"Metrics": [
        {"Id": "e1", "Expression": "m1 * 2", "ReturnData": true},
        {"Id": "m1", "MetricStat": {"Metric": {"Namespace": "AWS/KinesisVideo",
            "Dimensions": [{"Name": "Other", "Value": "x"}, {"Name": "StreamName", "Value": "gate"}]}}}
    ]});
    event["Records"][0]["Sns"]["Message"] = json!(message.to_string());
    assert_eq!(clip(&event).0, "gate");
}

#[test]
fn a_notified_fragment_is_taken_by_the_operators_clock() {
    let event = sample("sns-fragment");
    let (stream, range) = clip(&event);
    assert!(stream.starts_with("arn:aws:kinesisvideo:"), "{stream}");
    assert_eq!(range, "2026-11-20T10:01:30.000Z to 2026-11-20T10:02:20.000Z");
    let by_server = Defaults {
        selector: FragmentSelectorType::ServerTimestamp,
        ..defaults()
    };
    let Ok(Asked::Export(request)) = Asked::read(&event.to_string(), &by_server, &here()) else {
        panic!("a request")
    };
    assert_eq!(
        request.range.to_string(),
        "2026-11-20T10:01:30.412Z to 2026-11-20T10:02:20.412Z"
    );
}

#[test]
fn a_notification_is_told_its_faults() {
    let notification = |fields: Value| {
        let mut notification = json!({"StreamArn": "arn:aws:kinesisvideo:eu-west-1:123456789012:stream/gate/1",
            "FragmentNumber": "1", "FragmentStartProducerTimestamp": 1_795_168_920_000_i64,
            "NotificationType": "PERSISTED"});
        let object = notification.as_object_mut().expect("an object");
        object.extend(fields.as_object().expect("an object").clone());
        notification
    };
    assert_eq!(
        clip(&notification(
            json!({"FragmentStartProducerTimestamp": "1795168920000"})
        ))
        .1,
        "2026-11-20T10:01:30.000Z to 2026-11-20T10:02:20.000Z"
    );
    let fault = fault(&notification(
        json!({"StreamArn": "gate", "FragmentStartProducerTimestamp": "ten"}),
    ));
    assert!(
        fault.contains("StreamArn: \"gate\"") && fault.contains("FragmentStartProducerTimestamp: \"ten\""),
        "{fault}"
    );
    assert!(nothing(&notification(json!({"NotificationType": "DROPPED"}))).contains("DROPPED"));
}

#[test]
fn a_custom_event_holds_a_request_that_is_read_strictly() {
    let (stream, range) = clip(&sample("eventbridge-custom"));
    assert_eq!(stream, "gate");
    assert_eq!(range, "2026-11-20T10:01:47.000Z to 2026-11-20T10:02:17.000Z");
    let mut bad = sample("eventbridge-custom");
    bad["detail"]["Stream"] = json!("gate");
    bad["detail"]["ClipFragmentSelector"]["Around"]["Timestamp"] = json!("noon");
    bad["detail"]["Destination"]["Bucket"] = json!("elsewhere");
    let fields: Vec<String> = asked(&bad)
        .expect_err("faults")
        .0
        .into_iter()
        .map(|f| f.field)
        .collect();
    assert_eq!(
        fields,
        [
            "detail.Stream",
            "detail.ClipFragmentSelector.Around.Timestamp",
            "detail.Destination.Bucket"
        ]
    );
    // Unknown fields of the envelope are its sender's business.
    let mut more = sample("eventbridge-custom");
    more["replay-name"] = json!("x");
    assert_eq!(clip(&more).0, "gate");
}

#[test]
fn events_of_other_services_are_told_what_they_lack() {
    let scheduled = json!({"version": "0", "detail-type": "Scheduled Event", "source": "aws.events",
        "account": "123456789012", "time": "2026-11-20T10:00:00Z", "detail": {}});
    let fault = fault(&scheduled);
    assert!(fault.starts_with("detail-type: \"Scheduled Event\""), "{fault}");
    assert!(fault.contains("input"), "{fault}");
}

#[test]
fn faults_inside_of_envelopes_have_their_whole_path() {
    let message =
        |message: &str| json!({"Type": "Notification", "TopicArn": "t", "Message": message}).to_string();
    let nested = json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": message("hello")}}]});
    let told = fault(&nested);
    assert!(
        told.starts_with("Records[0].Sns.Message.Message: cannot be read as JSON"),
        "{told}"
    );
    let unknown = json!({"requestContext": {}, "requestPayload": {"StreamNam": "x"}});
    assert!(fault(&unknown).contains("requestPayload.StreamNam: is not a field"));
}

#[test]
fn what_a_schedule_could_not_deliver_can_be_replayed() {
    let undelivered = json!({
        "StateMachineArn": "arn:aws:states:eu-west-1:123456789012:stateMachine:clip-export",
        "Input": sample("scheduler").to_string()
    });
    assert_eq!(clip(&undelivered), clip(&sample("scheduler")));
}

#[test]
fn envelopes_have_an_end() {
    let mut text = sample("minimal").to_string();
    for _ in 0..5 {
        text = json!({"Type": "Notification", "TopicArn": "t", "Message": text}).to_string();
    }
    assert!(matches!(
        Asked::read(&text, &defaults(), &here()),
        Ok(Asked::Export(_))
    ));
    text = json!({"Type": "Notification", "TopicArn": "t", "Message": text}).to_string();
    let faults = Asked::read(&text, &defaults(), &here()).expect_err("a puzzle");
    assert!(faults.to_string().contains("6 envelopes"), "{faults}");
}

#[test]
fn records_of_other_kinds_are_refused() {
    let record = json!({"eventSource": "aws:s3", "s3": {}});
    assert!(fault(&json!({"Records": [record]})).contains("neither SQS"));
    assert!(fault(&json!({"Records": [record, record]})).contains("has 2 records"));
    assert!(fault(&json!({"Records": []})).contains("has 0 records"));
}

#[test]
fn messages_of_a_batch_are_events() {
    let text = sample("sqs-batch").to_string();
    let Ok(Event::Batch(batch)) = Event::read(&text, &defaults(), &here()) else {
        panic!("a batch")
    };
    let asked: Vec<_> = batch
        .messages
        .iter()
        .map(|message| Asked::read(&message.body, &defaults(), &here()).expect("valid"))
        .collect();
    assert!(matches!(
        &asked[..],
        [Asked::Export(_), Asked::Export(_), Asked::Nothing(_)]
    ));
    // A queue cannot hold a queue.
    let nested = sample("sqs-batch");
    assert!(super::triggers::asked(&nested).is_err());
}

#[test]
fn every_sample_is_read() {
    let folder = format!("{}/events", env!("CARGO_MANIFEST_DIR"));
    let mut samples = 0;
    for entry in std::fs::read_dir(folder).expect("samples") {
        let path = entry.expect("a file").path();
        let text = std::fs::read_to_string(&path).expect("a sample");
        assert!(
            Event::read(&text, &mapped(), &here()).is_ok(),
            "{}",
            path.display()
        );
        samples += 1;
    }
    assert!(samples >= 24, "{samples} samples");
}
