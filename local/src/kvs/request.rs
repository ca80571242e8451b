//! Request bodies, read as strictly as the service's models say (rest-json, botocore's `kinesisvideo` and
//! `kinesis-video-archived-media`). Members that the model does not have are passed over, as AWS does.

use serde_json::{Map, Value};

use super::archive::{Listing, Range};
use super::refusal::Refusal;
use super::stream::{LAST_MOMENT_MS, Selector, Stream};

/// `APIName` of GetDataEndpoint.
const API_NAMES: [&str; 8] = [
    "PUT_MEDIA",
    "GET_MEDIA",
    "LIST_FRAGMENTS",
    "GET_MEDIA_FOR_FRAGMENT_LIST",
    "GET_HLS_STREAMING_SESSION_URL",
    "GET_DASH_STREAMING_SESSION_URL",
    "GET_CLIP",
    "GET_IMAGES",
];

/// `MaxResults` when a request names none (ListFragments API reference).
const DEFAULT_PAGE: usize = 100;

/// A JSON object out of a body; an empty body is an empty object.
pub(super) fn object(body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        _ => Err(Refusal::invalid("The request body is not a JSON object.")),
    }
}

/// What a request says about its stream, for the log: the name or the ARN.
pub(super) fn mentioned(object: &Map<String, Value>) -> Option<String> {
    let id = object.get("StreamName").or(object.get("StreamARN"))?;
    id.as_str().map(str::to_owned)
}

/// The stream that a request names, by name or by ARN, exactly one of them.
pub(super) fn stream<'a>(object: &Map<String, Value>, streams: &'a [Stream]) -> Result<&'a Stream, Refusal> {
    let name = text(object, "StreamName")?;
    let arn = text(object, "StreamARN")?;
    let found = match (name, arn) {
        (Some(name), None) => streams.iter().find(|s| s.name() == name),
        (None, Some(arn)) => streams.iter().find(|s| s.arn() == arn),
        (None, None) => return Err(Refusal::invalid("StreamName or StreamARN is required.")),
        (Some(_), Some(_)) => {
            return Err(Refusal::invalid(
                "StreamName and StreamARN cannot both be specified.",
            ));
        }
    };
    found.ok_or_else(Refusal::no_stream)
}

/// `APIName` of GetDataEndpoint: one that the service knows.
pub(super) fn api_name(object: &Map<String, Value>) -> Result<(), Refusal> {
    let name = text(object, "APIName")?.ok_or_else(|| Refusal::invalid("APIName is required."))?;
    let known = API_NAMES.contains(&name);
    known
        .then_some(())
        .ok_or_else(|| Refusal::invalid(format!("APIName '{name}' is not known.")))
}

/// `ClipFragmentSelector` of GetClip.
pub(super) fn clip_range(object: &Map<String, Value>) -> Result<Range, Refusal> {
    let selector = member(object, "ClipFragmentSelector")?
        .ok_or_else(|| Refusal::invalid("ClipFragmentSelector is required."))?;
    range(selector)
}

/// What a ListFragments request asks for: where to start, and how many.
pub(super) enum Page {
    /// A new listing.
    First(Range),
    /// The next page of one.
    Next(Listing),
}

/// `FragmentSelector` or `NextToken` of ListFragments. Without either the service fails instead of refusing;
/// so does this.
pub(super) fn page(object: &Map<String, Value>) -> Result<Page, Refusal> {
    if let Some(token) = text(object, "NextToken")? {
        return Listing::from_token(token)
            .map(Page::Next)
            .ok_or_else(|| Refusal::invalid("NextToken is not valid."));
    }
    match member(object, "FragmentSelector")? {
        Some(selector) => {
            let range = range(selector)?;
            if range.start > range.end {
                return Err(Refusal::invalid("StartTimestamp must be before EndTimestamp."));
            }
            Ok(Page::First(range))
        }
        None => Err(Refusal::internal("InternalFailure")),
    }
}

/// `MaxResults`: 1 to 1,000.
pub(super) fn max_results(object: &Map<String, Value>) -> Result<usize, Refusal> {
    match object.get("MaxResults") {
        None | Some(Value::Null) => Ok(DEFAULT_PAGE),
        Some(value) => value
            .as_u64()
            .filter(|most| (1..=1_000).contains(most))
            .and_then(|most| usize::try_from(most).ok())
            .ok_or_else(|| Refusal::invalid("MaxResults must be between 1 and 1000.")),
    }
}

fn range(selector: &Map<String, Value>) -> Result<Range, Refusal> {
    let by = match text(selector, "FragmentSelectorType")? {
        Some("PRODUCER_TIMESTAMP") => Selector::ProducerTimestamp,
        Some("SERVER_TIMESTAMP") => Selector::ServerTimestamp,
        _ => {
            return Err(Refusal::invalid(
                "FragmentSelectorType must be PRODUCER_TIMESTAMP or SERVER_TIMESTAMP.",
            ));
        }
    };
    let range =
        member(selector, "TimestampRange")?.ok_or_else(|| Refusal::invalid("TimestampRange is required."))?;
    Ok(Range {
        by,
        start: moment(range, "StartTimestamp")?,
        end: moment(range, "EndTimestamp")?,
    })
}

/// A moment in epoch seconds, cut to the milliseconds that the service keeps.
fn moment(object: &Map<String, Value>, name: &str) -> Result<i64, Refusal> {
    let seconds = object
        .get(name)
        .and_then(Value::as_f64)
        .ok_or_else(|| Refusal::invalid(format!("{name} must be a number of seconds since the epoch.")))?;
    // Cut from rounded microseconds: 1795168860.57 is a little less in binary, and would lose a millisecond.
    let milliseconds = ((seconds * 1e6).round() / 1e3).floor();
    if (0.0..=LAST_MOMENT_MS as f64).contains(&milliseconds) {
        Ok(milliseconds as i64)
    } else {
        Err(Refusal::invalid(format!("{name} is out of range.")))
    }
}

fn text<'a>(object: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, Refusal> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Refusal::invalid(format!("{name} must be a string."))),
    }
}

fn member<'a>(object: &'a Map<String, Value>, name: &str) -> Result<Option<&'a Map<String, Value>>, Refusal> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(member)) => Ok(Some(member)),
        Some(_) => Err(Refusal::invalid(format!("{name} must be an object."))),
    }
}

#[cfg(test)]
mod tests;
