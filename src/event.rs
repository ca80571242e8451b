//! From the raw JSON of an event to a checked [`ExportRequest`].
//!
//! This module owns the contract with callers: what a request may say, in which forms, and what is
//! said to whoever gets it wrong. It parses the text itself, so that a bad event is answered with a
//! label of ours and never with the name of a parser's type, and it finds *all* faults of an event
//! before it gives up. It is pure: no SDK, no runtime, no clock, no environment.
//!
//! The canonical form is the request of `GetClip`, so the JSON that people give to
//! `aws kinesis-video-archived-media get-clip --cli-input-json` works as it stands.

mod destination;
mod fault;
mod fields;
mod identity;
mod instant;
mod json;
mod key;

pub(crate) use destination::check_bucket;
pub use destination::{Destination, StorageClass};
pub(crate) use fault::shown_text;
pub use fault::{Fault, Faults};
pub use identity::Origin;
pub use key::KeyTemplate;

use std::fmt;

use fields::{Object, Reader};
use json::Json;

pub use crate::plan::Boundary;
use crate::plan::{FragmentSelectorType, MAX_RANGE, TimeRange, rfc3339};

/// Longest stream name and ARN. Source: Kinesis Video Streams API reference, `GetClip`.
const MAX_STREAM_NAME: usize = 256;
const MAX_STREAM_ARN: usize = 1024;

/// Bytes of user metadata that S3 takes, names and values together.
/// Source: S3 user guide, "Working with object metadata".
const MAX_METADATA_BYTES: usize = 2048;

/// Longest event that is read, in bytes. Everything that a request can hold, each at its longest and
/// escaped, fits into half of it; Lambda takes 6 MB, which would cost a small function its memory.
const MAX_EVENT_BYTES: usize = 64 * 1024;

/// What the operator has set for requests that do not say it themselves.
#[derive(Debug, Clone)]
pub struct Defaults {
    /// Bucket of requests that name none.
    pub bucket: Option<String>,
    /// Further buckets that a request may name.
    pub allowed_buckets: Vec<String>,
    /// Makes the key of requests that name none.
    pub key: KeyTemplate,
    /// Selector of requests that name none.
    pub selector: FragmentSelectorType,
}

/// One clip to export, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportRequest {
    /// The camera.
    pub stream: Stream,
    /// Which timestamp of a fragment the range is compared with.
    pub selector: FragmentSelectorType,
    /// From when to when.
    pub range: TimeRange,
    /// Where the clip goes.
    pub destination: Destination,
    /// Which fragments at the edges of the range belong to the clip.
    pub boundary: Boundary,
    /// What to do if there is an object at the key already.
    pub if_exists: IfExists,
}

/// A stream, by name or by ARN.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Stream {
    /// `StreamName`
    Name(String),
    /// `StreamARN`
    Arn(String),
}

impl Stream {
    /// The name of the stream; of an ARN the part that is the name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::Arn(arn) => arn.split('/').nth(1).unwrap_or(arn),
        }
    }

    /// The stream as the request names it.
    #[must_use]
    pub fn as_given(&self) -> &str {
        match self {
            Self::Name(given) | Self::Arn(given) => given,
        }
    }
}

/// What to do if there is an object at the key already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfExists {
    /// Our own earlier export is the answer; anything else there is an error.
    Skip,
    /// Anything there is an error.
    Fail,
    /// Replace what is there.
    Overwrite,
}

impl IfExists {
    const ALL: [Self; 3] = [Self::Skip, Self::Fail, Self::Overwrite];

    /// The value as requests spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "SKIP",
            Self::Fail => "FAIL",
            Self::Overwrite => "OVERWRITE",
        }
    }
}

impl fmt::Display for ExportRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "stream {}, {} by {}",
            self.stream.as_given(),
            self.range,
            self.selector
        )
    }
}

impl ExportRequest {
    /// Reads the text of an event.
    ///
    /// # Errors
    ///
    /// Every fault of the event, each with its field.
    pub fn parse(text: &str, defaults: &Defaults) -> Result<Self, Faults> {
        if text.len() > MAX_EVENT_BYTES {
            return Err(Faults(vec![Fault::new(
                "",
                format!(
                    "the event has {} bytes; a request needs far less than {MAX_EVENT_BYTES}",
                    text.len()
                ),
            )]));
        }
        let json: Json = serde_json::from_str(text).map_err(|error| {
            Faults(vec![Fault::new(
                "",
                format!("the event cannot be read as JSON: {error}"),
            )])
        })?;
        let mut reader = Reader::default();
        let request = read(&mut reader, &json, defaults);
        reader.into_result(request)
    }
}

fn read(reader: &mut Reader, json: &Json, defaults: &Defaults) -> Option<ExportRequest> {
    const FIELDS: [&str; 6] = [
        "StreamName",
        "StreamARN",
        "ClipFragmentSelector",
        "Destination",
        "Boundary",
        "IfExists",
    ];
    let event = reader.object("", json, &FIELDS)?;
    let stream = stream(reader, &event);
    let selection = clip_fragment_selector(reader, &event, defaults);
    let written = event
        .get("Destination")
        .and_then(|json| reader.object("Destination", json, &destination::FIELDS))
        .map(|object| destination::read(reader, &object))
        .unwrap_or_default();
    let boundary = reader
        .choice(&event, "Boundary", &Boundary::ALL, Boundary::as_str)
        .unwrap_or(Boundary::Cover);
    let if_exists = reader
        .choice(&event, "IfExists", &IfExists::ALL, IfExists::as_str)
        .unwrap_or(IfExists::Skip);
    let bucket = bucket(reader, written.bucket, defaults);

    let (stream, (selector, range)) = (stream?, selection?);
    let key = match written.key {
        Some(key) => key,
        None => {
            let key = defaults.key.render(stream.name(), &range);
            if let Some(fault) = key::check_key(&key) {
                reader.fault(
                    "Destination.Key",
                    format!("the key {} that CLIP_KEY makes {fault}", shown_text(&key)),
                );
            }
            key
        }
    };
    let request = ExportRequest {
        stream,
        selector,
        range,
        destination: Destination {
            bucket: bucket?,
            key,
            tags: written.tags,
            metadata: written.metadata,
            storage_class: written.storage_class,
        },
        boundary,
        if_exists,
    };
    let bytes = request.metadata_bytes();
    // Metadata that is too large by itself has been told already.
    let asked: usize = request
        .destination
        .metadata
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    if bytes > MAX_METADATA_BYTES && asked <= MAX_METADATA_BYTES {
        reader.fault(
            "Destination.Metadata",
            format!(
                "makes {bytes} bytes together with what this function adds; S3 takes {MAX_METADATA_BYTES}"
            ),
        );
    }
    Some(request)
}

fn stream(reader: &mut Reader, event: &Object<'_>) -> Option<Stream> {
    let name = reader.string(event, "StreamName");
    let arn = reader.string(event, "StreamARN");
    if let Some(name) = name.filter(|name| !is_stream_name(name)) {
        reader.fault(
            "StreamName",
            format!(
                "{} must be 1 to {MAX_STREAM_NAME} letters, digits, dots, hyphens and underscores",
                shown_text(name)
            ),
        );
    }
    if let Some(arn) = arn.filter(|arn| !is_stream_arn(arn)) {
        reader.fault(
            "StreamARN",
            format!(
                "{} is not the ARN of a stream: arn:aws:kinesisvideo:REGION:ACCOUNT:stream/NAME/NUMBER",
                shown_text(arn)
            ),
        );
    }
    match (event.get("StreamName"), event.get("StreamARN")) {
        (Some(_), Some(_)) => {
            reader.fault("StreamName", "stands beside StreamARN; give exactly one of them");
            None
        }
        (None, None) => {
            reader.fault("StreamName", "is missing; give StreamName or StreamARN");
            None
        }
        _ => name
            .map(|name| Stream::Name(name.to_owned()))
            .or_else(|| arn.map(|arn| Stream::Arn(arn.to_owned()))),
    }
}

/// `[a-zA-Z0-9_.-]{1,256}`, as the API has it.
fn is_stream_name(name: &str) -> bool {
    (1..=MAX_STREAM_NAME).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

/// `arn:[a-z\d-]+:kinesisvideo:[a-z0-9-]+:[0-9]+:[a-z]+/[a-zA-Z0-9_.-]+/[0-9]+`, as the API has it,
/// with `stream` for the kind of resource.
fn is_stream_arn(arn: &str) -> bool {
    let lower = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = arn.split(':').collect();
    let ["arn", partition, "kinesisvideo", region, account, resource] = parts[..] else {
        return false;
    };
    let resource: Vec<&str> = resource.split('/').collect();
    let ["stream", name, created] = resource[..] else {
        return false;
    };
    arn.len() <= MAX_STREAM_ARN
        && lower(partition)
        && lower(region)
        && digits(account)
        && is_stream_name(name)
        && digits(created)
}

fn clip_fragment_selector(
    reader: &mut Reader,
    event: &Object<'_>,
    defaults: &Defaults,
) -> Option<(FragmentSelectorType, TimeRange)> {
    const FIELDS: [&str; 3] = ["FragmentSelectorType", "TimestampRange", "Around"];
    let Some(json) = event.get("ClipFragmentSelector") else {
        reader.fault(
            "ClipFragmentSelector",
            "is missing; give it with a TimestampRange, or with Around",
        );
        return None;
    };
    let object = reader.object("ClipFragmentSelector", json, &FIELDS)?;
    let selector = reader
        .choice(
            &object,
            "FragmentSelectorType",
            &FragmentSelectorType::ALL,
            FragmentSelectorType::as_str,
        )
        .unwrap_or(defaults.selector);
    let range = match (object.get("TimestampRange"), object.get("Around")) {
        (Some(json), None) => timestamp_range(reader, &object, json),
        (None, Some(json)) => around(reader, &object, json),
        (Some(_), Some(_)) => {
            reader.fault(
                object.path_of("TimestampRange"),
                "stands beside Around; give exactly one of them",
            );
            None
        }
        (None, None) => {
            reader.fault(
                object.path_of("TimestampRange"),
                "is missing; give it with StartTimestamp and EndTimestamp, or give Around",
            );
            None
        }
    }?;
    if range.duration() > MAX_RANGE {
        reader.fault(
            object.path(),
            format!(
                "asks for {:.3} s; a range may be 24 hours (86,400 s) long",
                range.duration().as_secs_f64()
            ),
        );
        return None;
    }
    Some((selector, range))
}

fn timestamp_range(reader: &mut Reader, selector: &Object<'_>, json: &Json) -> Option<TimeRange> {
    let path = selector.path_of("TimestampRange");
    let object = reader.object(&path, json, &["StartTimestamp", "EndTimestamp"])?;
    let start = required(reader, &object, "StartTimestamp", instant::moment);
    let end = required(reader, &object, "EndTimestamp", instant::moment);
    let (start, end) = (start?, end?);
    rounded(reader, &path, start, end)
}

fn around(reader: &mut Reader, selector: &Object<'_>, json: &Json) -> Option<TimeRange> {
    let path = selector.path_of("Around");
    let object = reader.object(&path, json, &["Timestamp", "BeforeSeconds", "AfterSeconds"])?;
    let moment = required(reader, &object, "Timestamp", instant::moment);
    let before = required(reader, &object, "BeforeSeconds", instant::seconds);
    let after = required(reader, &object, "AfterSeconds", instant::seconds);
    let (moment, before, after) = (moment?, before?, after?);
    let ends = moment
        .checked_sub(before)
        .and_then(|start| Ok((start, moment.checked_add(after)?)));
    let Ok((start, end)) = ends else {
        reader.fault(path, "reaches outside of the calendar");
        return None;
    };
    rounded(reader, &path, start, end)
}

/// Makes a range of whole milliseconds, the resolution of Kinesis Video Streams, that never leaves
/// out a part of what was asked.
fn rounded(
    reader: &mut Reader,
    path: &str,
    start: jiff::Timestamp,
    end: jiff::Timestamp,
) -> Option<TimeRange> {
    let rounded = instant::floor_to_millisecond(start).zip(instant::ceil_to_millisecond(end));
    let range = rounded
        .filter(|_| start < end)
        .and_then(|(start, end)| TimeRange::new(start, end));
    if range.is_none() {
        reader.fault(
            path,
            format!(
                "starts at {} and ends at {}; the start must lie before the end",
                rfc3339(start),
                rfc3339(end)
            ),
        );
    }
    range
}

fn required<T>(
    reader: &mut Reader,
    object: &Object<'_>,
    name: &str,
    parse: fn(&Json) -> Result<T, String>,
) -> Option<T> {
    let Some(json) = object.get(name) else {
        reader.fault(object.path_of(name), "is missing");
        return None;
    };
    parse(json)
        .map_err(|message| reader.fault(object.path_of(name), message))
        .ok()
}

fn bucket(reader: &mut Reader, named: Option<String>, defaults: &Defaults) -> Option<String> {
    let Some(named) = named else {
        if defaults.bucket.is_none() {
            reader.fault(
                "Destination.Bucket",
                "is missing and the environment variable CLIP_BUCKET sets no default; give one of them",
            );
        }
        return defaults.bucket.clone();
    };
    let allowed = defaults
        .bucket
        .iter()
        .chain(&defaults.allowed_buckets)
        .any(|bucket| *bucket == named);
    if !allowed && check_bucket(&named).is_none() {
        reader.fault(
            "Destination.Bucket",
            format!(
                "{} is not a bucket that the operator allows; leave it out, or list it in the environment variable CLIP_ALLOWED_BUCKETS",
                shown_text(&named)
            ),
        );
    }
    allowed.then_some(named)
}

#[cfg(test)]
mod tests;
