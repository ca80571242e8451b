//! Object keys: S3's rules, and the template that makes a key out of a request.

use std::fmt;

use jiff::Timestamp;

use crate::plan::TimeRange;

/// Longest key in bytes of UTF-8. Source: S3 user guide, "Naming Amazon S3 objects".
const MAX_KEY_BYTES: usize = 1024;

/// Format of `{start}` and `{end}` where the template gives none: compact ISO 8601 in UTC.
const DEFAULT_TIME_FORMAT: &str = "%Y%m%dT%H%M%SZ";

/// A template such as `{stream}/{start:%Y/%m/%d}/{end:%H%M%S}.mp4`.
///
/// Placeholders: `{stream}`, the name of the stream; `{start}` and `{end}`, the ends of the range in
/// UTC, with a `strftime` format after a colon. The key depends on the request alone, so that a
/// repeated event meets its own object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyTemplate {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Stream,
    Start(String),
    End(String),
}

impl KeyTemplate {
    /// Reads a template.
    ///
    /// # Errors
    ///
    /// Says what is wrong: an unknown placeholder, a brace without its partner, or a time format
    /// that cannot be written.
    pub fn parse(template: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = template;
        while let Some(brace) = rest.find(['{', '}']) {
            let (text, placeholder) = rest.split_at(brace);
            if !text.is_empty() {
                pieces.push(Piece::Text(text.to_owned()));
            }
            let inner = placeholder.strip_prefix('{').ok_or("has a } without its {")?;
            let (inner, after) = inner.split_once('}').ok_or("has a { without its }")?;
            pieces.push(Self::placeholder(inner)?);
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        if pieces.is_empty() {
            return Err("is empty".to_owned());
        }
        Ok(Self { pieces })
    }

    fn placeholder(inner: &str) -> Result<Piece, String> {
        let (name, format) = inner.split_once(':').unwrap_or((inner, DEFAULT_TIME_FORMAT));
        let checked = |piece: fn(String) -> Piece| {
            format_time(Timestamp::UNIX_EPOCH, format)
                .map(|_| piece(format.to_owned()))
                .map_err(|error| format!("has the time format {format:?} that cannot be written: {error}"))
        };
        match name {
            "stream" if inner == "stream" => Ok(Piece::Stream),
            "start" => checked(Piece::Start),
            "end" => checked(Piece::End),
            _ => Err(format!(
                "has the unknown placeholder {{{inner}}}; there are {{stream}}, {{start:FORMAT}} and {{end:FORMAT}}"
            )),
        }
    }

    /// The key for a stream and a range. Not yet held to the rules for keys.
    #[must_use]
    pub fn render(&self, stream: &str, range: &TimeRange) -> String {
        let mut key = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => key.push_str(text),
                Piece::Stream => key.push_str(stream),
                // The format was written once when the template was read, and what a format may
                // hold does not depend on the moment.
                Piece::Start(format) => key.push_str(&format_time(range.start(), format).unwrap_or_default()),
                Piece::End(format) => key.push_str(&format_time(range.end(), format).unwrap_or_default()),
            }
        }
        key
    }
}

fn format_time(timestamp: Timestamp, format: &str) -> Result<String, jiff::Error> {
    jiff::fmt::strtime::format(format, timestamp)
}

impl fmt::Display for KeyTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => f.write_str(text)?,
                Piece::Stream => f.write_str("{stream}")?,
                Piece::Start(format) => write!(f, "{{start:{format}}}")?,
                Piece::End(format) => write!(f, "{{end:{format}}}")?,
            }
        }
        Ok(())
    }
}

/// What is wrong with an object key, if anything.
///
/// S3 takes nearly any text; refused here is what S3 refuses (empty, too long) and what would
/// surprise whoever looks for the clip: a leading or trailing slash (an unnamed folder, a folder
/// mark), `.` and `..` segments (which clients resolve away), control characters, and what makes text look
/// like other text: line and paragraph separators, and changes of direction.
pub(super) fn check_key(key: &str) -> Option<String> {
    if key.is_empty() {
        return Some("is empty".to_owned());
    }
    if key.len() > MAX_KEY_BYTES {
        return Some(format!(
            "has {} bytes; S3 keys have {MAX_KEY_BYTES} at most",
            key.len()
        ));
    }
    if key.starts_with('/') {
        return Some(
            "starts with a slash, which makes a folder without a name; leave the slash out".to_owned(),
        );
    }
    if key.ends_with('/') {
        return Some("ends with a slash, which makes a folder and no file; add a file name".to_owned());
    }
    if key.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Some("has a . or .. segment, which clients resolve away; write the key in full".to_owned());
    }
    if key
        .chars()
        .any(|c| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
    {
        return Some("has a control character; leave it out".to_owned());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range() -> TimeRange {
        TimeRange::new(
            "2026-11-20T10:00:00.250Z".parse().expect("a timestamp"),
            "2026-11-20T10:01:30Z".parse().expect("a timestamp"),
        )
        .expect("a range")
    }

    #[test]
    fn a_template_makes_the_same_key_every_time() {
        let template =
            KeyTemplate::parse("{stream}/{start:%Y/%m/%d}/{stream}_{start}_{end:%H%M%S}.mp4").expect("valid");
        assert_eq!(
            template.render("front-door", &range()),
            "front-door/2026/11/20/front-door_20261120T100000Z_100130.mp4"
        );
        let milliseconds = KeyTemplate::parse("{start:%S.%3f}").expect("valid");
        assert_eq!(milliseconds.render("x", &range()), "00.250");
    }

    #[test]
    fn a_template_is_shown_as_it_was_written() {
        let text = "a/{stream}-{start:%Y}-{end:%H}.mp4";
        assert_eq!(KeyTemplate::parse(text).expect("valid").to_string(), text);
    }

    #[test]
    fn bad_templates_say_what_is_wrong() {
        for (template, part) in [
            ("", "empty"),
            ("{stream", "without its }"),
            ("stream}", "without its {"),
            ("{camera}.mp4", "unknown placeholder {camera}"),
            ("{stream:%Y}.mp4", "unknown placeholder"),
            ("{start:%!}.mp4", "cannot be written"),
        ] {
            let error = KeyTemplate::parse(template).expect_err(template);
            assert!(error.contains(part), "{template}: {error}");
        }
    }

    #[test]
    fn keys_that_would_surprise_are_refused() {
        for key in [
            "",
            "/a.mp4",
            "a/",
            "a/../b.mp4",
            "./a",
            "a\nb",
            "a\u{2028}b",
            "a\u{202e}4pm.exe",
            &"x".repeat(1025),
        ] {
            assert!(check_key(key).is_some(), "{key:?}");
        }
        for key in ["a.mp4", "a/b c/é.mp4", "a//b", &"x".repeat(1024)] {
            assert_eq!(check_key(key), None, "{key:?}");
        }
    }
}
