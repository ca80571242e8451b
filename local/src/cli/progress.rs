//! The function's log lines as a person reads them.

use std::fmt::Write;
use std::time::Duration;

use serde_json::{Map, Value};

use super::receipt;

/// One line for one log line, `elapsed` after the function's start; nothing for a metric.
///
/// Understands the JSON of `tracing-subscriber` (`level`, `fields`) and of Lambda itself (`level`,
/// `message`); anything else is shown as it is.
pub(super) fn render(line: &str, elapsed: Duration) -> Option<String> {
    let time = format!("{:7.2} s", elapsed.as_secs_f64());
    let Ok(Value::Object(log)) = serde_json::from_str(line) else {
        return (!line.trim().is_empty()).then(|| format!("{time}  {line}"));
    };
    // Embedded metric format: for CloudWatch, not for people.
    if log.contains_key("_aws") {
        return None;
    }
    let nothing = Map::new();
    let fields = log.get("fields").and_then(Value::as_object);
    let fields = fields.unwrap_or(&nothing);
    let message = fields.get("message").or_else(|| log.get("message"));
    let mut text = format!("{time}  ");
    match log.get("level").and_then(Value::as_str) {
        Some("WARN") => text.push_str("warning: "),
        Some("ERROR") => text.push_str("error: "),
        _ => {}
    }
    text.push_str(&message.map_or_else(String::new, |it| receipt::scalar("", it)));
    for (name, value) in fields {
        if name != "message" {
            // Writing to a string cannot fail.
            let _ = write!(text, "  {name}={}", receipt::scalar(name, value));
        }
    }
    Some(text.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(line: &str) -> Option<String> {
        render(line, Duration::from_millis(1234))
    }

    #[test]
    fn a_log_line_is_its_message_and_its_fields() {
        let line = r#"{"timestamp":"t","level":"INFO","fields":{"message":"part stored","part":3,
            "bytes":8388608,"key":"a/b.mp4"},"target":"x","span":{"name":"invocation"}}"#;
        assert_eq!(
            show(line).unwrap(),
            "   1.23 s  part stored  bytes=8.4 MB  key=a/b.mp4  part=3"
        );
    }

    #[test]
    fn warnings_and_errors_say_so() {
        let line = r#"{"level":"WARN","fields":{"message":"throttled"}}"#;
        assert_eq!(show(line).unwrap(), "   1.23 s  warning: throttled");
        let line = r#"{"level":"ERROR","message":"gone"}"#;
        assert_eq!(show(line).unwrap(), "   1.23 s  error: gone");
    }

    #[test]
    fn metrics_and_empty_lines_are_not_shown_and_text_is() {
        assert_eq!(show(r#"{"_aws":{"Timestamp":1},"Bytes":3}"#), None);
        assert_eq!(show("  "), None);
        assert_eq!(
            show("thread 'main' panicked").unwrap(),
            "   1.23 s  thread 'main' panicked"
        );
        assert_eq!(show("[1,2]").unwrap(), "   1.23 s  [1,2]");
    }
}
