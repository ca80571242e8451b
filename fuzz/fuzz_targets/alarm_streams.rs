//! The stream of an alarm is that of the first pattern that fits its name or, written as an ARN, its ARN, by the
//! plainest reading of a star; no text makes the reader of the patterns panic.
#![no_main]

use std::sync::LazyLock;

use clip_export::event::{AlarmStreams, Asked, Defaults, Home, KeyTemplate};
use clip_export::plan::FragmentSelectorType;
use jiff::SignedDuration;
use libfuzzer_sys::fuzz_target;
use serde_json::json;

static DEFAULTS: LazyLock<Defaults> = LazyLock::new(|| Defaults {
    bucket: Some("clips".to_owned()),
    allowed_buckets: Vec::new(),
    key: KeyTemplate::parse("{stream}.mp4").expect("a template"),
    selector: FragmentSelectorType::ServerTimestamp,
    pre_roll: SignedDuration::from_secs(30),
    post_roll: SignedDuration::from_secs(30),
    alarm_streams: AlarmStreams::default(),
});

/// What the plainest reading would not come to an end with.
const LONGEST: usize = 200;

fuzz_target!(|input: (Vec<&str>, &str, &str, &str)| {
    let (mut patterns, name, arn, text) = input;
    let _ = AlarmStreams::parse(text);
    patterns.retain(|pattern| !pattern.is_empty() && pattern.len() <= LONGEST);
    let mut known: Vec<&str> = Vec::new();
    patterns.retain(|pattern| {
        !known.contains(pattern) && {
            known.push(pattern);
            true
        }
    });
    if name.len().max(arn.len()) > LONGEST {
        return;
    }
    let members: Vec<String> = (0..)
        .zip(&patterns)
        .map(|(number, pattern)| format!("{}: \"s{number}\"", json!(pattern)))
        .collect();
    let alarm_streams =
        AlarmStreams::parse(&format!("{{{}}}", members.join(","))).expect("names and streams");
    let event = json!({"source": "aws.cloudwatch", "detail-type": "CloudWatch Alarm State Change", "resources": [arn],
        "detail": {"alarmName": name, "state": {"value": "ALARM", "timestamp": "2026-11-20T10:00:00Z"}}});
    let defaults = Defaults {
        alarm_streams,
        ..DEFAULTS.clone()
    };
    let fits = |pattern: &&str| match pattern.starts_with("arn:") {
        true => is_match(pattern, arn),
        false => is_match(pattern, name),
    };
    let expected = patterns.iter().position(fits).map(|number| format!("s{number}"));
    let stream = match Asked::read(&event.to_string(), &defaults, &Home::default()) {
        Ok(Asked::Export(request)) => Some(request.stream.name().to_owned()),
        Ok(Asked::Nothing(reason)) => panic!("{reason}"),
        Err(_) => None,
    };
    assert_eq!(stream, expected, "{patterns:?} {name:?} {arn:?}");
});

/// Character by character: which beginnings of `text` the pattern up to here stands for.
fn is_match(pattern: &str, text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    for wanted in pattern.chars() {
        let mut next = vec![false; text.len() + 1];
        for end in 0..=text.len() {
            next[end] = if wanted == '*' {
                reached[..=end].contains(&true)
            } else {
                end > 0 && reached[end - 1] && text[end - 1] == wanted
            };
        }
        reached = next;
    }
    reached[text.len()]
}
