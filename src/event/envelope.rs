//! Which trigger sent an event, and what it has wrapped around it.
//!
//! A request may reach the function as it was written, or inside of other services' envelopes, some of
//! which carry it as text: SNS in SQS, an event in SNS, an event that has failed before in the record of
//! its failure. Layer after layer is taken off; fields of envelopes that are not looked at here may be
//! anything.

use super::fault::shown_text;
use super::fields::{Reader, join};
use super::json::Json;
use super::{Asked, Defaults, alarm, notification, request};

/// Layers that are taken off at most: a record of failure, of an SNS event, of a message that SNS was sent
/// by EventBridge, makes three. More is no event but a puzzle.
const MAX_LAYERS: usize = 6;

/// What is under a layer.
enum Inner {
    Text(String),
    Json(Json),
}

/// Reads one trigger.
pub(super) fn read(reader: &mut Reader<'_>, text: &str, defaults: &Defaults) -> Option<Asked> {
    let mut path = String::new();
    let mut json = parsed(reader, &path, text)?;
    for _ in 0..MAX_LAYERS {
        let wrapped = match json.get("Records") {
            Some(Json::Array(records)) => Some(recorded(reader, &path, records)?),
            _ => under(&json),
        };
        let Some((name, inner)) = wrapped else {
            return asked(reader, &path, &json, defaults);
        };
        path = join(&path, name);
        json = match inner {
            Inner::Json(inner) => inner,
            Inner::Text(text) => parsed(reader, &path, &text)?,
        };
    }
    reader.fault(path, format!("is wrapped in more than {MAX_LAYERS} envelopes"));
    None
}

fn parsed(reader: &mut Reader<'_>, path: &str, text: &str) -> Option<Json> {
    serde_json::from_str(text)
        .map_err(|error| {
            let what = if path.is_empty() { "the event " } else { "" };
            reader.fault(path, format!("{what}cannot be read as JSON: {error}"));
        })
        .ok()
}

/// What the records of an event hold, and where. They can hold nothing but a message of SNS: a batch of SQS is taken
/// apart before, and is none inside of an envelope.
fn recorded(reader: &mut Reader<'_>, path: &str, records: &[Json]) -> Option<(&'static str, Inner)> {
    let fault = if let [record] = records {
        if let Some(message) = record.get("Sns").and_then(|sns| sns.text("Message")) {
            return Some(("Records[0].Sns.Message", Inner::Text(message.to_owned())));
        }
        "is of neither SQS, whose records need messageId, body and eventSource, nor SNS".to_owned()
    } else {
        format!(
            "has {} records; SNS sends one, and those of SQS each need messageId, body and eventSource",
            records.len()
        )
    };
    reader.fault(join(path, "Records"), fault);
    None
}

/// What an envelope without records holds, and where; `None` if `json` is none.
fn under(json: &Json) -> Option<(&'static str, Inner)> {
    if json.text("Type") == Some("Notification")
        && json.get("TopicArn").is_some()
        && let Some(message) = json.text("Message")
    {
        return Some(("Message", Inner::Text(message.to_owned())));
    }
    if json.get("requestContext").is_some()
        && let Some(payload) = json.get("requestPayload")
    {
        return Some(("requestPayload", Inner::Json(payload.clone())));
    }
    // What EventBridge Scheduler could not deliver is the call that it had made.
    if json.get("StateMachineArn").is_some()
        && let Some(input) = json.text("Input")
    {
        return Some(("Input", Inner::Text(input.to_owned())));
    }
    None
}

/// What the event asks for, now that nothing is wrapped around it.
fn asked(reader: &mut Reader<'_>, path: &str, json: &Json, defaults: &Defaults) -> Option<Asked> {
    if let Some(alarm) = alarm::of_action(path, json).or_else(|| alarm::of_sns(path, json)) {
        return alarm.asked(reader, defaults);
    }
    if notification::is(json) {
        return notification::read(reader, path, json, defaults);
    }
    let (Some(kind), Some(detail)) = (json.text("detail-type"), json.get("detail")) else {
        return export(reader, path, json, defaults);
    };
    let source = json.text("source").unwrap_or_default();
    if source == "aws.cloudwatch" && alarm::DETAIL_TYPES.contains(&kind) {
        return alarm::of_event(path, json, detail).asked(reader, defaults);
    }
    if source.starts_with("aws.") {
        reader.fault(
            join(path, "detail-type"),
            format!(
                "{} of {} names no stream and no range; give the rule's target an input, or an input \
                 transformer, that makes a request",
                shown_text(kind),
                shown_text(source)
            ),
        );
        return None;
    }
    export(reader, &join(path, "detail"), detail, defaults)
}

fn export(reader: &mut Reader<'_>, path: &str, json: &Json, defaults: &Defaults) -> Option<Asked> {
    let request = request::read(reader, path, json, defaults)?;
    Some(Asked::Export(Box::new(request)))
}
