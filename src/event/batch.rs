//! Messages of an SQS queue, as Lambda's event source mapping hands them over.

use serde::Deserialize;

/// Most messages that Lambda hands over at once. Who writes a batch himself cannot make more log lines and calls
/// of SQS out of one event. Source: Lambda developer guide, "Using Lambda with Amazon SQS", batch size.
const MAX_MESSAGES: usize = 10_000;

/// Messages that Lambda has taken out of a queue.
#[derive(Debug, PartialEq, Eq)]
pub struct Batch {
    /// In the order of the queue.
    pub messages: Vec<Message>,
    /// Whether the queue keeps that order (FIFO): what follows a message that failed has to wait for it.
    pub in_order: bool,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The queue's name for it, by which its failure is reported. The same however often it is delivered.
    pub id: String,
    /// What was sent: a trigger as text.
    pub body: String,
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "Records")]
    records: Vec<Record>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    message_id: String,
    body: String,
    event_source: String,
    #[serde(rename = "eventSourceARN", default)]
    event_source_arn: String,
}

impl Batch {
    /// The batch that the text of an event holds; `None` if it is not one.
    pub(super) fn of(text: &str) -> Option<Self> {
        const SOURCE: &str = "aws:sqs";
        // A batch may have Lambda's 6 MB; anything else is not worth a second reading.
        if !text.contains(SOURCE) {
            return None;
        }
        let event: Event = serde_json::from_str(text).ok()?;
        let is_batch = (1..=MAX_MESSAGES).contains(&event.records.len())
            && event
                .records
                .iter()
                .all(|record| record.event_source == SOURCE && !record.message_id.is_empty());
        is_batch.then(|| Self {
            in_order: event
                .records
                .iter()
                .any(|record| record.event_source_arn.ends_with(".fifo")),
            messages: event
                .records
                .into_iter()
                .map(|record| Message {
                    id: record.message_id,
                    body: record.body,
                })
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: &str, source: &str, arn: &str) -> String {
        format!(
            r#"{{"messageId": "{id}", "body": "{{\"a\": 1}}", "eventSource": "{source}", "eventSourceARN": "{arn}",
                "receiptHandle": "x", "attributes": {{"ApproximateReceiveCount": "1"}}, "messageAttributes": {{}}}}"#
        )
    }

    fn of(records: &[String]) -> Option<Batch> {
        Batch::of(&format!(r#"{{"Records": [{}]}}"#, records.join(",")))
    }

    #[test]
    fn messages_are_taken_apart_and_not_read() {
        let arn = "arn:aws:sqs:eu-west-1:123456789012:clips";
        let batch = of(&[record("m1", "aws:sqs", arn), record("m2", "aws:sqs", arn)]).expect("a batch");
        assert!(!batch.in_order);
        let ids: Vec<_> = batch.messages.iter().map(|message| &*message.id).collect();
        assert_eq!(ids, ["m1", "m2"]);
        assert_eq!(batch.messages[0].body, r#"{"a": 1}"#);
        let fifo = of(&[record(
            "m1",
            "aws:sqs",
            "arn:aws:sqs:eu-west-1:123456789012:clips.fifo",
        )]);
        assert!(fifo.expect("a batch").in_order);
    }

    #[test]
    fn anything_else_is_no_batch() {
        assert_eq!(of(&[]), None);
        let many = |count| vec![record("m1", "aws:sqs", ""); count];
        assert!(of(&many(MAX_MESSAGES)).is_some());
        assert_eq!(of(&many(MAX_MESSAGES + 1)), None);
        assert_eq!(of(&[record("", "aws:sqs", "")]), None);
        assert_eq!(of(&[record("m1", "aws:s3", "")]), None);
        assert_eq!(
            of(&[record("m1", "aws:sqs", ""), record("m2", "aws:sns", "")]),
            None
        );
        assert_eq!(Batch::of(r#"{"StreamName": "aws:sqs"}"#), None);
        assert_eq!(
            Batch::of(r#"{"Records": [{"eventSource": "aws:sqs", "body": 7}]}"#),
            None
        );
    }
}
