//! Signature Version 4 as AWS checks it (IAM User Guide, "Create a signed AWS API request"), for every local
//! service but S3, which has rules of its own.
//!
//! The signature itself is verified, over the headers that the client names. The age of the request is not:
//! the stack's clock may stand still at a moment of the test's choice.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use hyper::http::request::Parts;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

use crate::account::{ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY};
use crate::hex::hex;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// What a canonical path keeps as it is: the unreserved characters of RFC 3986, and its slashes.
const ESCAPED: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// Why a signature is not taken. Each service has codes of its own for these; the texts are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unsigned {
    /// There is no signature.
    Missing,
    /// A part of the `Authorization` header, or the date, is not there.
    Incomplete,
    /// Nobody has this access key.
    UnknownKey,
    /// It was signed for another region.
    Region,
    /// It was signed for another service than this.
    Service(&'static str),
    /// It is not the signature of this request.
    Mismatch,
}

impl fmt::Display for Unsigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("Missing Authentication Token"),
            Self::Incomplete => f.write_str("Authorization header is incomplete."),
            Self::UnknownKey => f.write_str("The security token included in the request is invalid."),
            Self::Region => f.write_str("Credential should be scoped to a valid region."),
            Self::Service(name) => write!(f, "Credential should be scoped to correct service: '{name}'."),
            Self::Mismatch => {
                f.write_str("The request signature we calculated does not match the signature you provided.")
            }
        }
    }
}

/// Whether the local credentials signed the request for `service` and the local region.
///
/// # Errors
/// They did not.
pub(crate) fn check(head: &Parts, body: &[u8], service: &'static str) -> Result<(), Unsigned> {
    let authorization = header(head, "authorization").ok_or(Unsigned::Missing)?;
    let fields = authorization.strip_prefix(ALGORITHM).ok_or(Unsigned::Missing)?;
    let field = |name: &str| {
        let mut parts = fields.split(',').map(str::trim);
        parts.find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
    };
    let scope = field("Credential").ok_or(Unsigned::Incomplete)?;
    let signed_headers = field("SignedHeaders").ok_or(Unsigned::Incomplete)?;
    let signature = field("Signature").ok_or(Unsigned::Incomplete)?;

    let (key_id, scope) = scope.split_once('/').unwrap_or((scope, ""));
    if key_id != ACCESS_KEY_ID {
        return Err(Unsigned::UnknownKey);
    }
    let [date, region, signed_service, "aws4_request"] = scope.split('/').collect::<Vec<_>>()[..] else {
        return Err(Unsigned::Incomplete);
    };
    if region != REGION {
        return Err(Unsigned::Region);
    }
    if signed_service != service {
        return Err(Unsigned::Service(service));
    }

    let canonical = canonical_request(head, signed_headers, body);
    let moment = header(head, "x-amz-date").ok_or(Unsigned::Incomplete)?;
    let digest = hex(&Sha256::digest(canonical));
    let to_sign = format!("{ALGORITHM}\n{moment}\n{scope}\n{digest}");
    let secret = format!("AWS4{SECRET_ACCESS_KEY}");
    let key = [date, region, service, "aws4_request"]
        .iter()
        .fold(secret.into_bytes(), |key, part| hmac(&key, part));
    if hex(&hmac(&key, &to_sign)) != signature {
        return Err(Unsigned::Mismatch);
    }
    Ok(())
}

fn canonical_request(head: &Parts, signed_headers: &str, body: &[u8]) -> String {
    let headers: String = signed_headers
        .split(';')
        .map(|name| {
            let values: Vec<&str> = head
                .headers
                .get_all(name)
                .iter()
                .filter_map(|value| value.to_str().ok())
                .map(str::trim)
                .collect();
            format!("{name}:{}\n", values.join(","))
        })
        .collect();
    format!(
        "{}\n{}\n{}\n{headers}\n{signed_headers}\n{}",
        head.method,
        // Once more than it was sent: every service but S3 has its paths encoded twice.
        utf8_percent_encode(head.uri.path(), &ESCAPED),
        head.uri.query().unwrap_or_default(),
        hex(&Sha256::digest(body)),
    )
}

fn header<'a>(head: &'a Parts, name: &str) -> Option<&'a str> {
    head.headers.get(name)?.to_str().ok()
}

fn hmac(key: &[u8], message: &str) -> Vec<u8> {
    // HMAC takes keys of any length (RFC 2104), so the error of the general interface cannot occur.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return Vec::new();
    };
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().to_vec()
}
