//! What is wrong with a request, told field by field.

use std::fmt;

use super::json::Json;

/// Longest piece of an event's value that a message repeats, in characters.
const SHOWN: usize = 80;

/// Faults that a message tells. A request has far fewer fields; an event with more faults is
/// something else altogether, and its answer has to fit into a queue's message.
const TOLD: usize = 50;

/// One thing that is wrong: where, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Path of the field in the event, such as `ClipFragmentSelector.TimestampRange`, or the name
    /// of an environment variable.
    pub field: String,
    /// What is wrong with it and how to put it right, including the value where that helps.
    pub message: String,
}

impl Fault {
    /// Makes a fault of `field`.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            message: message.into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.field, self.message)
        }
    }
}

/// Every fault that was found, in the order of the fields; never empty when it is returned as an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().take(TOLD).enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{fault}")?;
        }
        match self.0.len().saturating_sub(TOLD) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

impl std::error::Error for Faults {}

/// A value as a message shows it: quoted where it is text, cut where it is long.
pub(super) fn shown(json: &Json) -> String {
    value(json).unwrap_or_else(|| json.kind().to_owned())
}

/// That a value is of another kind than `wanted`.
pub(super) fn other_kind(json: &Json, wanted: &str) -> String {
    let value = value(json).map_or_else(String::new, |value| value + " ");
    format!("{value}must be {wanted}, not {}", json.kind())
}

/// As [`shown`]; nothing of what has members or no value.
fn value(json: &Json) -> Option<String> {
    match json {
        Json::String(text) => Some(shown_text(text)),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(value) => Some(value.to_string()),
        _ => None,
    }
}

/// Text as a message shows it: quoted, escaped, cut to a length that keeps messages readable.
pub fn shown_text(text: &str) -> String {
    if text.chars().count() <= SHOWN {
        return format!("{text:?}");
    }
    let head: String = text.chars().take(SHOWN).collect();
    format!("{head:?}… ({} characters)", text.chars().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_are_cut() {
        let shown = shown_text(&"ä".repeat(81));
        assert!(shown.ends_with("… (81 characters)"), "{shown}");
        assert_eq!(shown_text("a\nb"), r#""a\nb""#);
    }

    #[test]
    fn a_flood_of_faults_is_cut() {
        let faults = Faults(
            (0..60)
                .map(|number| Fault::new(number.to_string(), "is bad"))
                .collect(),
        );
        assert!(
            faults.to_string().ends_with("49: is bad; and 10 more"),
            "{faults}"
        );
    }

    #[test]
    fn all_faults_are_told() {
        let faults = Faults(vec![Fault::new("A", "is bad"), Fault::new("", "is worse")]);
        assert_eq!(faults.to_string(), "A: is bad; is worse");
    }
}
