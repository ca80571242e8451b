//! Requests for curl, as files of its options (curl(1), `--config`).
//!
//! They are signed here, before anything is measured, and the body of the PUT is declared as unsigned: what curl is
//! left with is to carry bytes. The services see what they would see in life, and nothing of them has to be relaxed.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use aws_sdk_s3::config::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use clip_export_local::account::{ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY};
use serde_json::json;

use super::Outcome;
use super::clip::Clip;
use super::stack::{BUCKET, Stack};

/// What every transfer does: no progress meter, and an error of HTTP is an error. Who asks too fast for the quota of a
/// stream asks again.
const QUIET: &str = "silent\nshow-error\nfail\nretry = 10\nretry-delay = 1\nretry-all-errors\n";

/// The GetClips of all of a clip's pieces, at an endpoint, to standard output.
pub(crate) fn download(stack: &Stack, endpoint: &str, clip: Clip) -> Outcome<String> {
    let url = format!("{endpoint}/getClip");
    let mut pieces = Vec::new();
    for (start, end) in clip.pieces()? {
        let body = json!({
            "StreamName": clip.stream,
            "ClipFragmentSelector": {
                "FragmentSelectorType": "PRODUCER_TIMESTAMP",
                "TimestampRange": {"StartTimestamp": start, "EndTimestamp": end},
            },
        });
        let body = body.to_string();
        let headers = signed("POST", &url, SignableBody::Bytes(body.as_bytes()))?;
        let mut options = options(stack, &url, &headers);
        writeln!(options, "data = {body:?}")?;
        pieces.push(options);
    }
    Ok(pieces.join("next\n"))
}

/// The PUT of so many bytes out of a file, or of standard input where that is `-`.
pub(crate) fn upload(stack: &Stack, file: &str, bytes: u64) -> Outcome<String> {
    let url = format!("{}/{BUCKET}/clip.mp4", stack.s3_endpoint());
    let headers = signed("PUT", &url, SignableBody::UnsignedPayload)?;
    let mut options = options(stack, &url, &headers);
    // S3 wants the length first; of what comes through a pipe curl knows none, and would send chunks.
    writeln!(
        options,
        "upload-file = {file:?}\nheader = \"Content-Length: {bytes}\""
    )?;
    options.push_str("header = \"Transfer-Encoding:\"\nheader = \"Expect:\"\n");
    Ok(options)
}

/// How many bytes the GetClips of a clip give, by asking once.
pub(crate) async fn length(stack: &Stack, folder: &Path, clip: Clip) -> Outcome<u64> {
    let config = download(stack, &stack.direct_kvs_endpoint, clip)?;
    let config = file(folder, "length", &config)?;
    let mut child = tokio::process::Command::new("curl")
        .arg("--config")
        .arg(config)
        .stdout(std::process::Stdio::piped())
        .spawn()?;
    let mut clip = child.stdout.take().ok_or("no standard output")?;
    let bytes = tokio::io::copy(&mut clip, &mut tokio::io::sink()).await?;
    if child.wait().await?.success() {
        Ok(bytes)
    } else {
        Err("curl could not download the clip".into())
    }
}

/// A file of options.
pub(crate) fn file(folder: &Path, name: &str, options: &str) -> Outcome<PathBuf> {
    let path = folder.join(name);
    std::fs::write(&path, options)?;
    Ok(path)
}

fn options(stack: &Stack, url: &str, headers: &[(String, String)]) -> String {
    let mut options = format!("url = {url:?}\n{QUIET}");
    let bundle = stack.bundle().map(|bundle| format!("cacert = {bundle:?}\n"));
    options.extend(bundle);
    options.extend(
        headers
            .iter()
            .map(|(name, value)| format!("header = \"{name}: {value}\"\n")),
    );
    options
}

/// The headers that the local credentials sign a request with.
fn signed(method: &str, url: &str, body: SignableBody<'_>) -> Outcome<Vec<(String, String)>> {
    let is_s3 = matches!(body, SignableBody::UnsignedPayload);
    let mut settings = SigningSettings::default();
    if is_s3 {
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    }
    let identity = Credentials::new(ACCESS_KEY_ID, SECRET_ACCESS_KEY, None, None, "bench").into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(REGION)
        .name(if is_s3 { "s3" } else { "kinesisvideo" })
        .time(SystemTime::now())
        .settings(settings)
        .build()?;
    let request = SignableRequest::new(method, url, std::iter::empty(), body)?;
    let (instructions, _) = sign(request, &parameters.into())?.into_parts();
    let headers = instructions.headers();
    Ok(headers
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect())
}
