//! What an Invoke asks for.

use hyper::Method;
use hyper::http::request::Parts;
use percent_encoding::percent_decode_str;

use super::refusal::Refusal;
use super::{FUNCTION_ARN, FUNCTION_NAME};
use crate::account::{ACCOUNT_ID, REGION};

/// The most bytes of an event with a caller that waits ("Lambda quotas": 6 MB).
pub(super) const LARGEST_EVENT: usize = 6_291_456;

/// The most bytes of an event without one (1 MB; 256 KB until October 2025).
const LARGEST_ASYNCHRONOUS_EVENT: usize = 1_048_576;

/// What an event is when none is sent.
const NO_EVENT: &[u8] = b"{}";

/// How the function is to be invoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Invocation {
    /// The caller waits for the response.
    RequestResponse,
    /// The caller wants to know that the event was taken.
    Event,
    /// The caller wants to know whether it may call.
    DryRun,
}

/// The function as the path of an Invoke names it; `None` when this is no Invoke.
pub(super) fn function(head: &Parts) -> Option<String> {
    let path = head.uri.path().strip_prefix("/2015-03-31/functions/")?;
    let name = path.strip_suffix("/invocations")?;
    let name = percent_decode_str(name).decode_utf8().ok()?;
    let posted = head.method == Method::POST && !name.is_empty() && !name.contains('/');
    posted.then(|| name.into_owned())
}

/// Refuses a name, partial ARN or ARN of any other function than the one that is here, in its only version.
/// A version may stand behind the name, or in the query.
pub(super) fn check_function(name: &str, head: &Parts) -> Result<(), Refusal> {
    let whole = format!("arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:");
    let partial = format!("{ACCOUNT_ID}:function:");
    let unqualified = name.strip_prefix(&whole).or(name.strip_prefix(&partial));
    let unqualified = unqualified.unwrap_or(name);
    let query = head.uri.query().unwrap_or_default();
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let asked = pairs
        .find(|(name, _)| name == "Qualifier")
        .map(|(_, value)| value);
    let (plain, qualifier) = match unqualified.split_once(':') {
        Some((plain, qualifier)) => (plain, Some(qualifier)),
        None => (unqualified, asked.as_deref()),
    };
    if plain == FUNCTION_NAME && qualifier.is_none_or(|it| it == "$LATEST") {
        return Ok(());
    }
    Err(Refusal::no_function(&if name.starts_with("arn:") {
        name.to_owned()
    } else {
        let function = FUNCTION_ARN.strip_suffix(FUNCTION_NAME).unwrap_or_default();
        let qualifier = qualifier.map(|it| format!(":{it}")).unwrap_or_default();
        format!("{function}{plain}{qualifier}")
    }))
}

/// `X-Amz-Invocation-Type`.
pub(super) fn invocation(head: &Parts) -> Result<Invocation, Refusal> {
    let Some(kind) = head.headers.get("x-amz-invocation-type") else {
        return Ok(Invocation::RequestResponse);
    };
    match kind.as_bytes() {
        b"RequestResponse" => Ok(Invocation::RequestResponse),
        b"Event" => Ok(Invocation::Event),
        b"DryRun" => Ok(Invocation::DryRun),
        other => Err(Refusal::invocation_type(&String::from_utf8_lossy(other))),
    }
}

/// The event in a body, if Lambda takes it.
pub(super) fn event(body: &[u8], invocation: Invocation) -> Result<&[u8], Refusal> {
    let size = body.len();
    if size > LARGEST_EVENT {
        return Err(Refusal::too_large(LARGEST_EVENT));
    }
    if invocation == Invocation::Event && size > LARGEST_ASYNCHRONOUS_EVENT {
        return Err(Refusal::too_large_to_wait(size, LARGEST_ASYNCHRONOUS_EVENT));
    }
    if body.is_empty() {
        return Ok(NO_EVENT);
    }
    match serde_json::from_slice::<serde::de::IgnoredAny>(body) {
        Ok(_) => Ok(body),
        Err(error) => Err(Refusal::not_json(&error.to_string())),
    }
}
