//! Signature Version 4 as the service checks it (IAM User Guide, "Create a signed AWS API request").
//!
//! The signature itself is verified, over the headers that the client names. The age of the request is not:
//! the stack's clock may stand still at a moment of the test's choice.

use hmac::{Hmac, KeyInit, Mac};
use hyper::http::request::Parts;
use sha2::{Digest, Sha256};

use super::refusal::Refusal;
use crate::account::{ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Signing name of every Kinesis Video Streams API.
const SERVICE: &str = "kinesisvideo";

const MISMATCH: &str = "The request signature we calculated does not match the signature you provided.";

/// Refuses a request that the local credentials did not sign for this service and region.
pub(super) fn check(head: &Parts, body: &[u8]) -> Result<(), Refusal> {
    let authorization = header(head, "authorization").ok_or_else(Refusal::unsigned)?;
    let fields = authorization
        .strip_prefix(ALGORITHM)
        .ok_or_else(Refusal::unsigned)?;
    let field = |name: &str| {
        let mut parts = fields.split(',').map(str::trim);
        parts.find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
    };
    let incomplete = || Refusal::bad_signature("Authorization header is incomplete.");
    let scope = field("Credential").ok_or_else(incomplete)?;
    let signed_headers = field("SignedHeaders").ok_or_else(incomplete)?;
    let signature = field("Signature").ok_or_else(incomplete)?;

    let mut scope = scope.splitn(2, '/');
    if scope.next() != Some(ACCESS_KEY_ID) {
        return Err(Refusal::unknown_key());
    }
    let scope = scope.next().unwrap_or_default();
    let [date, region, service, "aws4_request"] = scope.split('/').collect::<Vec<_>>()[..] else {
        return Err(incomplete());
    };
    if region != REGION {
        return Err(Refusal::bad_signature(
            "Credential should be scoped to a valid region.",
        ));
    }
    if service != SERVICE {
        return Err(Refusal::bad_signature(
            "Credential should be scoped to correct service: 'kinesisvideo'.",
        ));
    }

    let canonical = canonical_request(head, signed_headers, body);
    let moment = header(head, "x-amz-date").ok_or_else(incomplete)?;
    let digest = hex(&Sha256::digest(canonical));
    let to_sign = format!("{ALGORITHM}\n{moment}\n{scope}\n{digest}");
    let secret = format!("AWS4{SECRET_ACCESS_KEY}");
    let key = [date, region, service, "aws4_request"]
        .iter()
        .fold(secret.into_bytes(), |key, part| hmac(&key, part));
    if hex(&hmac(&key, &to_sign)) != signature {
        return Err(Refusal::bad_signature(MISMATCH));
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
        head.uri.path(),
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

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
