//! The camera that an event names.

use super::fault::shown_text;
use super::fields::{Object, Reader};
use super::home::{Home, account_of, region_of};

/// Longest stream name and ARN. Source: Kinesis Video Streams API reference, `GetClip`.
const MAX_STREAM_NAME: usize = 256;
const MAX_STREAM_ARN: usize = 1024;

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

    /// A stream by either, as an operator names it: what begins with `arn:` is an ARN.
    pub(super) fn of(given: &str) -> Result<Self, String> {
        let (fault, stream) = if given.starts_with("arn:") {
            (check_form(given), Self::Arn(given.to_owned()))
        } else {
            (check_name(given), Self::Name(given.to_owned()))
        };
        fault.map_or(Ok(stream), Err)
    }

    /// What keeps a function at `home` from reading the stream, if its ARN shows it.
    pub(super) fn elsewhere(&self, home: &Home) -> Option<String> {
        match self {
            Self::Name(_) => None,
            Self::Arn(arn) => home
                .is_not(region_of(arn), account_of(arn))
                .map(|fault| format!("{} {fault}", shown_text(arn))),
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

/// Reads `StreamName` or `StreamARN`, exactly one of which a request has.
pub(super) fn read(reader: &mut Reader<'_>, event: &Object<'_>) -> Option<Stream> {
    let name = reader.string(event, "StreamName");
    let arn = reader.string(event, "StreamARN");
    if let Some(fault) = name.and_then(check_name) {
        reader.fault(event.path_of("StreamName"), fault);
    }
    if let Some(fault) = arn.and_then(|arn| check_arn(arn, reader.home)) {
        reader.fault(event.path_of("StreamARN"), fault);
    }
    match (event.get("StreamName"), event.get("StreamARN")) {
        (Some(_), Some(_)) => {
            reader.fault(
                event.path_of("StreamName"),
                "stands beside StreamARN; give exactly one of them",
            );
            None
        }
        (None, None) => {
            reader.fault(
                event.path_of("StreamName"),
                "is missing; give StreamName or StreamARN",
            );
            None
        }
        _ => name
            .map(|name| Stream::Name(name.to_owned()))
            .or_else(|| arn.map(|arn| Stream::Arn(arn.to_owned()))),
    }
}

/// What is wrong with the name of a stream, if anything.
pub(super) fn check_name(name: &str) -> Option<String> {
    (!is_stream_name(name)).then(|| {
        format!(
            "{} must be 1 to {MAX_STREAM_NAME} letters, digits, dots, hyphens and underscores",
            shown_text(name)
        )
    })
}

/// What is wrong with the ARN of a stream that a function at `home` is to read, if anything.
pub(super) fn check_arn(arn: &str, home: &Home) -> Option<String> {
    check_form(arn).or_else(|| Stream::Arn(arn.to_owned()).elsewhere(home))
}

fn check_form(arn: &str) -> Option<String> {
    (!is_stream_arn(arn)).then(|| {
        format!(
            "{} is not the ARN of a stream: arn:aws:kinesisvideo:REGION:ACCOUNT:stream/NAME/NUMBER",
            shown_text(arn)
        )
    })
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
