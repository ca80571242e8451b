//! What AWS's own events ask for. The samples in `events/` are the starting points; each test changes one
//! thing of them.

mod alarms;
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
