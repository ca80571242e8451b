//! Events that name what is not the function's to read, or what is to look like something else.

use super::*;

#[test]
fn a_stream_of_another_account_is_another_camera() {
    let mut event = sample("eventbridge-alarm");
    event["detail"]["configuration"]["metrics"][0]["accountId"] = json!("210987654321");
    let fault = fault(&event);
    assert!(fault.contains("210987654321"), "{fault}");
    event["detail"]["configuration"]["metrics"][0]["accountId"] = json!("123456789012");
    assert_eq!(clip(&event).0, "front-door");
    // An account that watches others tells of an alarm over this one's camera.
    event["account"] = json!("210987654321");
    assert_eq!(clip(&event).0, "front-door");
}

/// A bus or a topic may bring alarms from anywhere; a camera of the same name may be here.
#[test]
fn a_stream_of_an_alarm_from_elsewhere_is_another_camera() {
    let alarm = sample("eventbridge-alarm");
    let elsewhere = with(alarm.clone(), "/account", json!("210987654321"));
    assert!(fault(&elsewhere).contains("210987654321"), "{elsewhere}");
    let resources = json!(["arn:aws:cloudwatch:us-east-1:123456789012:alarm:camera-front-door"]);
    let elsewhere = with(alarm, "/resources", resources);
    assert!(fault(&elsewhere).contains("us-east-1"), "{elsewhere}");
    let action = with(sample("alarm-action"), "/accountId", json!("210987654321"));
    assert!(fault(&action).contains("210987654321"), "{action}");
}

/// An ARN says where its stream is, and no call from here reaches it there.
#[test]
fn an_arn_of_another_account_or_region_is_refused() {
    let (account, region) = (":210987654321:", ":us-east-1:");
    for (ours, theirs) in [(":123456789012:", account), (":eu-west-1:", region)] {
        let request = sample("by-arn");
        let arn = request["StreamARN"].as_str().expect("text").replace(ours, theirs);
        let request = with(request, "/StreamARN", json!(arn));
        let told = fault(&request);
        assert!(
            told.starts_with("StreamARN: ") && told.contains(theirs.trim_matches(':')),
            "{told}"
        );
        let notified = sample("sns-fragment");
        let message = notified["Records"][0]["Sns"]["Message"].as_str().expect("text");
        let message = json!(message.replace(ours, theirs));
        let told = fault(&with(notified, "/Records/0/Sns/Message", message));
        assert!(
            told.contains("Message.StreamArn: ") && told.contains(theirs.trim_matches(':')),
            "{told}"
        );
        let mapped = Defaults {
            alarm_streams: AlarmStreams::parse(&json!({"lobby-*": arn}).to_string()).expect("valid"),
            ..defaults()
        };
        let composite = sample("eventbridge-composite").to_string();
        let told = Asked::read(&composite, &mapped, &here())
            .expect_err("a stream elsewhere")
            .to_string();
        assert!(told.starts_with("CLIP_ALARM_STREAMS: "), "{told}");
        assert!(
            Asked::read(&composite, &mapped, &Home::default()).is_ok(),
            "nobody knows where this is"
        );
    }
}

/// What names many streams, or streams that are none, is told in short and on one line.
#[test]
fn names_that_an_alarm_chose_are_shown_as_text() {
    let metric = |name: &str| json!({"metricStat": {"metric": {"namespace": "AWS/KinesisVideo", "dimensions": {"StreamName": name}}}});
    let forged = "x\n{\"_aws\": {}}";
    let metrics: Vec<Value> = (0..1000)
        .map(|number| metric(&format!("{forged}{number}")))
        .collect();
    let alarm = with(
        sample("eventbridge-alarm"),
        "/detail/configuration/metrics",
        json!(metrics),
    );
    let told = fault(&alarm);
    assert!(
        told.contains("1000 streams") && !told.contains('\n') && told.len() < 1000,
        "{told}"
    );
    let notified = sample("sns-fragment");
    let message = notified["Records"][0]["Sns"]["Message"].as_str().expect("text");
    let message = json!(message.replace("PERSISTED", &"y".repeat(1000)));
    let told = nothing(&with(notified, "/Records/0/Sns/Message", message));
    assert!(told.len() < 250, "{told}");
}
