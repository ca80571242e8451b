//! Which streams alarms mean that name none: composite ones, and those of metrics without a stream.

use std::fmt;

use super::Stream;
use super::fault::shown_text;
use super::json::Json;

/// Patterns of alarm names or ARNs, each with the stream that it means.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlarmStreams(Vec<(String, Stream)>);

impl AlarmStreams {
    /// Reads a JSON object such as `{"lobby-*": "front-door"}`: names or ARNs of alarms, in which `*` stands
    /// for any characters or none, and the name or ARN of a stream for each.
    ///
    /// # Errors
    ///
    /// Says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let json: Json =
            serde_json::from_str(text).map_err(|error| format!("cannot be read as JSON: {error}"))?;
        let Json::Object(members) = json else {
            return Err(format!(
                "must be an object of alarm names and streams, not {}",
                json.kind()
            ));
        };
        let mut streams: Vec<(String, Stream)> = Vec::with_capacity(members.len());
        for (pattern, stream) in members {
            let shown = shown_text(&pattern);
            if pattern.is_empty() {
                return Err("has an alarm without a name".to_owned());
            }
            if streams.iter().any(|(known, _)| *known == pattern) {
                return Err(format!("has {shown} twice; keep one of them"));
            }
            let Json::String(stream) = stream else {
                return Err(format!(
                    "has for {shown} {}, and must have the name or ARN of a stream",
                    stream.kind()
                ));
            };
            let stream = Stream::of(&stream).map_err(|fault| format!("has for {shown} a stream: {fault}"))?;
            streams.push((pattern, stream));
        }
        Ok(Self(streams))
    }

    /// The stream of an alarm: that of the first pattern, in the order in which they were written, that fits
    /// its name or, if it is written as an ARN, its ARN: a name's pattern must not fit the region in it.
    pub(super) fn of_alarm(&self, name: &str, arn: Option<&str>) -> Option<&Stream> {
        let fits = |pattern: &str| match pattern.starts_with("arn:") {
            true => arn.is_some_and(|arn| fits(pattern, arn)),
            false => fits(pattern, name),
        };
        let found = self.0.iter().find(|(pattern, _)| fits(pattern));
        found.map(|(_, stream)| stream)
    }
}

impl fmt::Display for AlarmStreams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let patterns: Vec<_> = self.0.iter().map(|(pattern, _)| shown_text(pattern)).collect();
        f.write_str(&patterns.join(", "))
    }
}

/// Whether `text` is `pattern` with something, or nothing, for each `*`.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(head) else {
        return false;
    };
    let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
    for piece in middle.split('*') {
        // The first place is the best one: it leaves the most for the pieces after it.
        match text.split_once(piece) {
            Some((_, after)) => text = after,
            None => return false,
        }
    }
    text.ends_with(tail)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn stars_stand_for_anything_or_nothing() {
        for (pattern, text) in [
            ("*", ""),
            ("*", "lobby"),
            ("lobby-*", "lobby-"),
            ("lobby-*", "lobby-door"),
            ("*-door", "lobby-door"),
            ("l*y*r", "lobby-door"),
            ("a*a", "aa"),
            ("a**b", "ab"),
            ("*a*a*", "banana"),
        ] {
            assert!(fits(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("lobby", "lobby-door"),
            ("lobby-*", "lobby"),
            ("a*a", "a"),
            ("*a*a*a*a*", "banana"),
            ("ab*ba", "aba"),
            ("", "x"),
        ] {
            assert!(!fits(pattern, text), "{pattern} {text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_made_by_filling_in_the_stars_fits(
            pieces in proptest::collection::vec("[ab]{0,3}", 1..5),
            filling in proptest::collection::vec("[abc]{0,3}", 4),
        ) {
            let mut text = String::new();
            for (number, piece) in pieces.iter().enumerate() {
                if number > 0 {
                    text.push_str(&filling[number - 1]);
                }
                text.push_str(piece);
            }
            prop_assert!(fits(&pieces.join("*"), &text), "{pieces:?} {text}");
        }
    }

    #[test]
    fn the_first_that_fits_counts_by_name_or_arn() {
        let streams = AlarmStreams::parse(
            r#"{"lobby-*": "front-door",
                "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:gate": "gate",
                "*": "arn:aws:kinesisvideo:eu-west-1:123456789012:stream/yard/1451606400000"}"#,
        )
        .expect("valid");
        let of = |name, arn| streams.of_alarm(name, arn).map(Stream::name);
        assert_eq!(of("lobby-1", None), Some("front-door"));
        let arn = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:gate";
        assert_eq!(of("gate", Some(arn)), Some("gate"));
        assert_eq!(of("gate", None), Some("yard"));
        let east = AlarmStreams::parse(r#"{"*west*": "west-gate"}"#).expect("valid");
        let arn = "arn:aws:cloudwatch:us-west-2:123456789012:alarm:motion-east";
        assert_eq!(east.of_alarm("motion-east", Some(arn)), None);
        assert_eq!(AlarmStreams::default().of_alarm("gate", None), None);
    }

    #[test]
    fn faults_name_the_alarm() {
        for (text, part) in [
            ("front-door", "JSON"),
            ("[]", "a list"),
            (r#"{"": "x"}"#, "without a name"),
            (r#"{"a": 7}"#, r#"for "a" a number"#),
            (r#"{"a": "front door"}"#, r#"for "a" a stream"#),
            (r#"{"a": "arn:aws:s3:::x"}"#, "not the ARN of a stream"),
            (r#"{"a": "x", "a": "y"}"#, "twice"),
        ] {
            let error = AlarmStreams::parse(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
