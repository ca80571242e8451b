//! Takes a request body to disk: bounded memory, nothing kept of a body that does not arrive whole.

use std::fs::{File, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use http_body_util::BodyExt;
use hyper::HeaderMap;
use hyper::header::CONTENT_LENGTH;
use md5::{Digest, Md5};
use s3s::dto::StreamingBlob;
use s3s::{S3Error, S3ErrorCode, S3Result, TrailingHeaders};
use tempfile::{NamedTempFile, TempPath};

use super::checksum::{Declared, Hasher, Sum, Sums};
use super::refuse;

/// The largest body of one PutObject or UploadPart: 5 GiB ("Amazon S3 multipart upload limits").
const LARGEST_BODY: u64 = 5 << 30;

/// A body that arrived whole and is what its headers say.
#[derive(Debug)]
pub(super) struct Received {
    /// The bytes; the file goes away with this path unless it is persisted.
    pub(super) file: TempPath,
    /// Length in bytes.
    pub(super) size: u64,
    pub(super) md5: [u8; 16],
    pub(super) sums: Sums,
    /// The checksum that the client declared, verified.
    pub(super) declared: Option<Sum>,
}

/// Reads `body` into a new file in `folder` and verifies length, `Content-MD5` and the declared checksum.
pub(super) async fn receive(
    folder: &Path,
    headers: &HeaderMap,
    trailers: Option<&TrailingHeaders>,
    body: Option<StreamingBlob>,
) -> S3Result<Received> {
    let declared = Declared::read(headers)?;
    let expected = announced_length(headers)?;
    if expected > LARGEST_BODY {
        let message = "Your proposed upload exceeds the maximum allowed size";
        return Err(refuse(S3ErrorCode::EntityTooLarge, message));
    }
    let mut file = new_file(folder)?;
    let mut hasher = Hasher::new(declared.as_ref().map(|it| it.algorithm));
    let mut md5 = Md5::new();
    let mut size = 0_u64;
    if let Some(body) = body {
        let mut body = s3s::Body::from(body);
        while let Some(frame) = body.frame().await {
            let Ok(bytes) = frame.map_err(incomplete)?.into_data() else {
                continue;
            };
            md5.update(&bytes);
            hasher.update(&bytes);
            // Written on the spot: the page cache takes a chunk faster than another thread could be woken.
            file.write_all(&bytes).map_err(S3Error::internal_error)?;
            size += bytes.len() as u64;
        }
    }
    if size != expected {
        let message = "You did not provide the number of bytes specified by the Content-Length HTTP header";
        return Err(refuse(S3ErrorCode::IncompleteBody, message));
    }
    let md5: [u8; 16] = md5.finalize().into();
    if let Some(sent) = headers.get("content-md5")
        && sent.as_bytes() != BASE64.encode(md5).as_bytes()
    {
        let message = "The Content-MD5 you specified did not match what we received.";
        return Err(refuse(S3ErrorCode::BadDigest, message));
    }
    let sums = hasher.finish();
    let declared = declared
        .map(|declared| declared.verify(&sums, trailers))
        .transpose()?;
    Ok(Received {
        file: file.into_temp_path(),
        size,
        md5,
        sums,
        declared,
    })
}

/// A file that only its owner's program may write, as `umask` allows it to be read.
pub(super) fn new_file(folder: &Path) -> S3Result<NamedTempFile<File>> {
    tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o644))
        .tempfile_in(folder)
        .map_err(S3Error::internal_error)
}

/// The body's length without the framing of `aws-chunked`.
fn announced_length(headers: &HeaderMap) -> S3Result<u64> {
    let length = headers
        .get("x-amz-decoded-content-length")
        .or_else(|| headers.get(CONTENT_LENGTH));
    let length = length.ok_or_else(|| {
        let message = "You must provide the Content-Length HTTP header.";
        refuse(S3ErrorCode::MissingContentLength, message)
    })?;
    let length = length.to_str().ok().and_then(|text| text.parse().ok());
    length.ok_or_else(|| {
        let message = "The Content-Length header is not a number of bytes.";
        refuse(S3ErrorCode::InvalidArgument, message)
    })
}

/// A body that failed: its signature or digest is wrong, or, far more often, the client has left.
fn incomplete(error: Box<dyn std::error::Error + Send + Sync>) -> S3Error {
    match error.downcast::<S3Error>() {
        Ok(error) => *error,
        Err(error) => S3Error::with_source(S3ErrorCode::IncompleteBody, error),
    }
}
