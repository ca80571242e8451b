//! A fragment that Kinesis Video Streams tells of, because its producer had marked it.
//!
//! Source: Kinesis Video Streams developer guide, "Notifications in Kinesis Video Streams". It is told when
//! the fragment is archived, and so the earliest moment at which an export of it can succeed.

use super::alarm::around_moment;
use super::fault::shown_text;
use super::fields::{Reader, join};
use super::json::Json;
use super::request::{Footage, of_footage};
use super::{Asked, Defaults, Stream, instant, stream};
use crate::plan::FragmentSelectorType;

/// The only type that there is so far.
const PERSISTED: &str = "PERSISTED";

/// Whether `json` looks like a notification.
pub(super) fn is(json: &Json) -> bool {
    json.get("StreamArn").is_some() && json.get("FragmentNumber").is_some()
}

/// The clip around the start of the fragment, by the clock that the operator has chosen.
pub(super) fn read(reader: &mut Reader<'_>, path: &str, json: &Json, defaults: &Defaults) -> Option<Asked> {
    let kind = json.text("NotificationType").unwrap_or(PERSISTED);
    if kind != PERSISTED {
        return Some(Asked::Nothing(format!(
            "the notification is of the type {}; only fragments that are {PERSISTED} are exported",
            shown_text(kind)
        )));
    }
    let arn = json.text("StreamArn").unwrap_or_default();
    let fault = stream::check_arn(arn, reader.home);
    let named = fault.is_none();
    if let Some(fault) = fault {
        reader.fault(join(path, "StreamArn"), fault);
    }
    let name = match defaults.selector {
        FragmentSelectorType::ProducerTimestamp => "FragmentStartProducerTimestamp",
        FragmentSelectorType::ServerTimestamp => "FragmentStartServerTimestamp",
    };
    let moment = json
        .get(name)
        .ok_or_else(|| "is missing".to_owned())
        .and_then(instant::milliseconds)
        .map_err(|fault| reader.fault(join(path, name), fault))
        .ok()?;
    let range = around_moment(reader, path, moment, moment, defaults)?;
    if !named {
        return None;
    }
    let footage = Footage {
        stream: Stream::Arn(arn.to_owned()),
        selector: defaults.selector,
        range,
    };
    of_footage(reader, footage, defaults).map(|request| Asked::Export(Box::new(request)))
}
