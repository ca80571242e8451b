//! Alarms: which stream and which range they mean, in every form in which CloudWatch sends them.

use super::*;

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
        assert!(super::fault(&event).contains("names no stream"));
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
