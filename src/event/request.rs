//! The canonical request, and what any other event becomes.

use std::fmt;

use super::destination::{self, Written};
use super::fault::shown_text;
use super::fields::{Object, Reader};
use super::json::Json;
use super::{Defaults, Destination, MAX_METADATA_BYTES, Stream, instant, key, stream};
use crate::plan::{Boundary, FragmentSelectorType, MAX_RANGE, TimeRange, rfc3339};

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

/// Reads the canonical request `json`, which stands at `path` of the event.
pub(super) fn read(
    reader: &mut Reader<'_>,
    path: &str,
    json: &Json,
    defaults: &Defaults,
) -> Option<ExportRequest> {
    const FIELDS: [&str; 6] = [
        "StreamName",
        "StreamARN",
        "ClipFragmentSelector",
        "Destination",
        "Boundary",
        "IfExists",
    ];
    let event = reader.object(path, json, &FIELDS)?;
    let stream = stream::read(reader, &event);
    let selection = clip_fragment_selector(reader, &event, defaults);
    let written = event
        .get("Destination")
        .and_then(|json| reader.object(&event.path_of("Destination"), json, &destination::FIELDS))
        .map(|object| destination::read(reader, &object))
        .unwrap_or_default();
    let boundary = reader
        .choice(&event, "Boundary", &Boundary::ALL, Boundary::as_str)
        .unwrap_or(Boundary::Cover);
    let if_exists = reader
        .choice(&event, "IfExists", &IfExists::ALL, IfExists::as_str)
        .unwrap_or(IfExists::Skip);
    let written = Written {
        bucket: bucket(reader, &event, written.bucket, defaults),
        ..written
    };
    let (stream, (selector, range)) = (stream?, selection?);
    let footage = Footage {
        stream,
        selector,
        range,
    };
    let request = with_defaults(reader, &event, footage, written, defaults)?;
    Some(ExportRequest {
        boundary,
        if_exists,
        ..request
    })
}

/// What an event that is no request of ours asks for.
#[derive(Debug)]
pub(super) struct Footage {
    pub(super) stream: Stream,
    pub(super) selector: FragmentSelectorType,
    pub(super) range: TimeRange,
}

/// The request for `footage` in which all else is as the operator has it.
pub(super) fn of_footage(
    reader: &mut Reader<'_>,
    footage: Footage,
    defaults: &Defaults,
) -> Option<ExportRequest> {
    let nothing = Object::empty();
    let written = Written {
        bucket: bucket(reader, &nothing, None, defaults),
        ..Written::default()
    };
    with_defaults(reader, &nothing, footage, written, defaults)
}

fn with_defaults(
    reader: &mut Reader<'_>,
    event: &Object<'_>,
    footage: Footage,
    written: Written,
    defaults: &Defaults,
) -> Option<ExportRequest> {
    let Footage {
        stream,
        selector,
        range,
    } = footage;
    let key = match written.key {
        Some(key) => key,
        None => {
            let key = defaults.key.render(stream.name(), &range);
            if let Some(fault) = key::check_key(&key) {
                reader.fault(
                    event.path_of("Destination.Key"),
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
            bucket: written.bucket?,
            key,
            tags: written.tags,
            metadata: written.metadata,
            storage_class: written.storage_class,
        },
        boundary: Boundary::Cover,
        if_exists: IfExists::Skip,
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
            event.path_of("Destination.Metadata"),
            format!(
                "makes {bytes} bytes together with what this function adds; S3 takes {MAX_METADATA_BYTES}"
            ),
        );
    }
    Some(request)
}

fn clip_fragment_selector(
    reader: &mut Reader<'_>,
    event: &Object<'_>,
    defaults: &Defaults,
) -> Option<(FragmentSelectorType, TimeRange)> {
    const FIELDS: [&str; 3] = ["FragmentSelectorType", "TimestampRange", "Around"];
    let Some(json) = event.get("ClipFragmentSelector") else {
        reader.fault(
            event.path_of("ClipFragmentSelector"),
            "is missing; give it with a TimestampRange, or with Around",
        );
        return None;
    };
    let object = reader.object(&event.path_of("ClipFragmentSelector"), json, &FIELDS)?;
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
        (Some(range), Some(moment)) => {
            // What is wrong with either is told at once.
            timestamp_range(reader, &object, range);
            around(reader, &object, moment);
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
    if let Some(fault) = check_length(&range) {
        reader.fault(object.path(), fault);
        return None;
    }
    Some((selector, range))
}

/// What is wrong with the length of a range, if anything.
pub(super) fn check_length(range: &TimeRange) -> Option<String> {
    (range.duration() > MAX_RANGE).then(|| {
        format!(
            "asks for {:.3} s; a range may be 24 hours (86,400 s) long at most",
            range.duration().as_secs_f64()
        )
    })
}

fn timestamp_range(reader: &mut Reader<'_>, selector: &Object<'_>, json: &Json) -> Option<TimeRange> {
    let path = selector.path_of("TimestampRange");
    let object = reader.object(&path, json, &["StartTimestamp", "EndTimestamp"])?;
    let start = required(reader, &object, "StartTimestamp", instant::moment);
    let end = required(reader, &object, "EndTimestamp", instant::moment);
    let (start, end) = (start?, end?);
    rounded(reader, &path, start, end)
}

fn around(reader: &mut Reader<'_>, selector: &Object<'_>, json: &Json) -> Option<TimeRange> {
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
pub(super) fn rounded(
    reader: &mut Reader<'_>,
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
    reader: &mut Reader<'_>,
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

fn bucket(
    reader: &mut Reader<'_>,
    event: &Object<'_>,
    named: Option<String>,
    defaults: &Defaults,
) -> Option<String> {
    let path = event.path_of("Destination.Bucket");
    let Some(named) = named else {
        if defaults.bucket.is_none() {
            reader.fault(
                path,
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
    if !allowed && destination::check_bucket(&named).is_none() {
        reader.fault(
            path,
            format!(
                "{} is not a bucket that the operator allows; leave it out, or list it in the environment variable CLIP_ALLOWED_BUCKETS",
                shown_text(&named)
            ),
        );
    }
    allowed.then_some(named)
}
