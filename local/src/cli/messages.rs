//! What became of each message of a batch, one line for each. The answer to a batch names only those that stay in
//! their queue; the function's log tells the rest, under the ids of the messages.

use serde_json::Value;

/// What is told of one message.
struct Outcome {
    /// A status, or an error type.
    label: String,
    detail: String,
}

/// A line for each message of `event`, with its id; none if it is no batch. `stays` says of an id whether the
/// message stays in its queue.
pub(super) fn render(event: &[u8], log: &[String], stays: impl Fn(&str) -> bool) -> Vec<String> {
    let event: Value = serde_json::from_slice(event).unwrap_or_default();
    let records = event["Records"].as_array().into_iter().flatten();
    let ids = records.filter_map(|record| record["messageId"].as_str());
    let log: Vec<Value> = log
        .iter()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let outcomes: Vec<_> = ids.map(|id| (id, outcome(&log, id, stays(id)))).collect();
    let widths = outcomes.iter().map(|(_, outcome)| outcome.label.chars().count());
    let width = widths.max().unwrap_or(0);
    let line =
        |(id, outcome): &(&str, Outcome)| format!("{id}  {:width$}  {}", outcome.label, outcome.detail);
    outcomes.iter().map(line).collect()
}

fn outcome(log: &[Value], id: &str, stays: bool) -> Outcome {
    let mut told = log.iter().filter(|line| line["span"]["message_id"] == id);
    let place = if stays {
        "stays in its queue"
    } else {
        "is in the queue of failed events"
    };
    told.find_map(|line| {
        let field = |name: &str| line["fields"][name].as_str();
        match (field("status"), field("error_type"), field("reason")) {
            (Some(status), _, _) => Some((status, keys(field("receipt").unwrap_or_default()))),
            (_, Some(error_type), _) => Some((error_type, place.to_owned())),
            (_, _, Some(reason)) => Some(("IGNORED", reason.to_owned())),
            _ => None,
        }
    })
    .map_or_else(
        // In a queue that keeps order, what follows a message that failed is not begun.
        || Outcome {
            label: "-".to_owned(),
            detail: place.to_owned(),
        },
        |(label, detail)| Outcome {
            label: label.to_owned(),
            detail,
        },
    )
}

/// The objects that a receipt names.
fn keys(receipt: &str) -> String {
    let receipt: Value = serde_json::from_str(receipt).unwrap_or_default();
    let clips = receipt["Clips"].as_array().into_iter().flatten();
    let object = |clip: &Value| Some(format!("{}/{}", clip["Bucket"].as_str()?, clip["Key"].as_str()?));
    clips.filter_map(object).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(id: &str, fields: &Value) -> String {
        json!({"level": "INFO", "fields": fields, "span": {"message_id": id, "name": "export"}}).to_string()
    }

    #[test]
    fn each_message_has_a_line_with_its_outcome() {
        let event =
            json!({"Records": (1..=5).map(|id| json!({"messageId": id.to_string()})).collect::<Vec<_>>()});
        let receipt =
            json!({"Clips": [{"Bucket": "clips", "Key": "a-1.mp4"}, {"Bucket": "clips", "Key": "a-2.mp4"}]});
        // Side by side, their lines mix.
        let log = [
            line("1", &json!({"message": "planned", "bytes": 4})),
            line(
                "3",
                &json!({"message": "nothing to export", "reason": "the alarm is over"}),
            ),
            line(
                "1",
                &json!({"message": "done", "status": "EXPORTED", "receipt": receipt.to_string()}),
            ),
            line(
                "2",
                &json!({"message": "no stream", "error_type": "InvalidRequest"}),
            ),
            line("4", &json!({"message": "too much", "error_type": "Throttled"})),
            "no JSON".to_owned(),
        ];
        assert_eq!(
            render(event.to_string().as_bytes(), &log, |id| id > "3"),
            [
                "1  EXPORTED        clips/a-1.mp4, clips/a-2.mp4",
                "2  InvalidRequest  is in the queue of failed events",
                "3  IGNORED         the alarm is over",
                "4  Throttled       stays in its queue",
                "5  -               stays in its queue",
            ]
        );
    }

    #[test]
    fn what_is_no_batch_has_no_messages() {
        for event in ["", "7", "{}", r#"{"Records": [{"Sns": {}}]}"#] {
            assert_eq!(render(event.as_bytes(), &[], |_| true), [""; 0], "{event}");
        }
    }
}
