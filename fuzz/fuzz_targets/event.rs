//! No event makes the parser panic; one that it takes means the same when it is written in the canonical
//! form, and makes a key that S3 takes.
#![no_main]

use std::sync::LazyLock;

use clip_export::event::{AlarmStreams, Asked, Defaults, Event, ExportRequest, Home, KeyTemplate, Stream};
use clip_export::plan::{FragmentSelectorType, rfc3339};
use jiff::SignedDuration;
use libfuzzer_sys::fuzz_target;

static DEFAULTS: LazyLock<Defaults> = LazyLock::new(|| Defaults {
    bucket: Some("clips".to_owned()),
    allowed_buckets: vec!["evidence".to_owned()],
    key: KeyTemplate::parse("{stream}/{start:%Y/%m/%d}/{start}_{end}.mp4").expect("a template"),
    selector: FragmentSelectorType::ServerTimestamp,
    pre_roll: SignedDuration::from_secs(30),
    post_roll: SignedDuration::from_secs(30),
    alarm_streams: AlarmStreams::parse(r#"{"lobby-*": "front-door"}"#).expect("valid"),
});

/// That of the samples.
static HOME: LazyLock<Home> = LazyLock::new(|| {
    Home::of(
        Some("eu-west-1"),
        "arn:aws:lambda:eu-west-1:123456789012:function:clip-export",
    )
});

fuzz_target!(|event: &str| {
    match Event::read(event, &DEFAULTS, &HOME) {
        Ok(Event::One(asked)) => judge(asked),
        Ok(Event::Batch(batch)) => {
            for message in batch.messages {
                if let Ok(asked) = Asked::read(&message.body, &DEFAULTS, &HOME) {
                    judge(asked);
                }
            }
        }
        Err(faults) => assert!(!faults.0.is_empty(), "refused without a reason"),
    }
});

fn judge(asked: Asked) {
    match asked {
        Asked::Export(request) => is_canonical(&request),
        Asked::Nothing(reason) => assert!(!reason.is_empty(), "ignored without a reason"),
    }
}

fn is_canonical(request: &ExportRequest) {
    let stream = match &request.stream {
        Stream::Name(name) => format!(r#""StreamName": "{name}""#),
        Stream::Arn(arn) => format!(r#""StreamARN": "{arn}""#),
    };
    let canonical = format!(
        r#"{{{stream}, "ClipFragmentSelector": {{"FragmentSelectorType": "{}",
            "TimestampRange": {{"StartTimestamp": "{}", "EndTimestamp": "{}"}}}}, "Boundary": "{}"}}"#,
        request.selector,
        rfc3339(request.range.start()),
        rfc3339(request.range.end()),
        request.boundary.as_str(),
    );
    let Ok(Asked::Export(again)) = Asked::read(&canonical, &DEFAULTS, &HOME) else {
        panic!("{canonical}")
    };
    assert_eq!(request.fingerprint(), again.fingerprint(), "{canonical}");
    let key = &request.destination.key;
    assert!(
        (1..=1024).contains(&key.len()) && !key.starts_with('/') && !key.ends_with('/'),
        "{key:?}"
    );
    assert!(request.destination.numbered_key(999_999).contains("-999999"));
    let mut metadata = request.object_metadata("00000000-0000-0000-0000-000000000000");
    metadata.push(ExportRequest::numbered_metadata(999_999));
    metadata.push(ExportRequest::coverage_metadata("COMPLETE"));
    assert!(
        metadata
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum::<usize>()
            <= 2048
    );
}
