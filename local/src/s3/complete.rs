//! CompleteMultipartUpload: every refusal that S3 has for it, then the parts become one object.

use std::fs::File;
use std::io;
use std::sync::Arc;

use hyper::HeaderMap;
use hyper::StatusCode;
use md5::{Digest, Md5};
use s3s::dto::{
    ChecksumType, CompleteMultipartUploadInput, CompleteMultipartUploadOutput, CompletedPart, ETag,
    ServerSideEncryption,
};
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result};

use super::checksum::{Algorithm, Coverage, Sum, combine, mismatch};
use super::multipart::{Part, Upload};
use super::store::{Content, State, Store};
use super::{intake, objects, refuse};
use crate::hex::hex;

/// The least size in bytes of every part but the last: 5 MiB ("Amazon S3 multipart upload limits").
const LEAST_PART: u64 = 5 << 20;
/// The most parts of one object.
const MOST_PARTS: usize = 10_000;

pub(super) async fn complete(
    store: Arc<Store>,
    request: S3Request<CompleteMultipartUploadInput>,
) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
    // S3 finishes what it has begun although the client may have left, and copying blocks.
    tokio::task::spawn_blocking(move || complete_blocking(&store, request))
        .await
        .map_err(S3Error::internal_error)?
}

fn complete_blocking(
    store: &Store,
    request: S3Request<CompleteMultipartUploadInput>,
) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
    let (input, headers) = (request.input, request.headers);
    let condition = objects::condition(input.if_none_match.as_ref(), input.if_match.as_ref())?;
    let listed = input.multipart_upload.and_then(|it| it.parts);
    let listed = listed.unwrap_or_default();

    let content = {
        let mut state = store.state();
        let upload = state.upload(&input.bucket, &input.key, &input.upload_id)?;
        let chosen = choose(upload, &listed)?;
        Chosen::check(upload, chosen, &headers, input.mpu_object_size)?
    };
    // Copied without the lock; an upload that is aborted meanwhile is noticed below.
    let file = content.assemble(store)?;

    let mut state = store.state();
    let upload = state.upload(&input.bucket, &input.key, &input.upload_id)?;
    let description = upload.description.clone();
    let content = Content {
        file,
        size: content.size,
        etag: content.etag,
        parts: Some(content.parts.len()),
        crc64nvme: content.crc64nvme.value,
        checksum: content.checksum,
    };
    let place = (input.bucket.as_str(), input.key.as_str());
    let state: &mut State = &mut state;
    if input.mpu_object_size.is_none() || !headers.keys().any(is_checksum) {
        state.unsealed.insert(input.key.clone());
    }
    let object = store.publish(state, place, description, content, &condition)?;
    state.uploads.remove(&input.upload_id);

    let sum = |algorithm| {
        let sum = &object.checksum;
        (sum.algorithm == algorithm).then(|| sum.value.clone())
    };
    Ok(S3Response::new(CompleteMultipartUploadOutput {
        bucket: Some(input.bucket.clone()),
        key: Some(input.key.clone()),
        location: Some(format!(
            "https://s3.{}.amazonaws.com/{}/{}",
            super::REGION,
            input.bucket,
            input.key
        )),
        e_tag: Some(ETag::Strong(object.etag.clone())),
        checksum_crc32: sum(Algorithm::Crc32),
        checksum_crc32c: sum(Algorithm::Crc32c),
        checksum_crc64nvme: sum(Algorithm::Crc64Nvme),
        checksum_sha1: sum(Algorithm::Sha1),
        checksum_sha256: sum(Algorithm::Sha256),
        checksum_type: Some(ChecksumType::from_static(object.coverage.name())),
        server_side_encryption: Some(ServerSideEncryption::from(object.server_side_encryption.clone())),
        ssekms_key_id: object.kms_key_id.clone(),
        version_id: object.version_id.clone(),
        ..Default::default()
    }))
}

/// Whether a header has the checksum of the whole: all but the type of it.
fn is_checksum(name: &hyper::header::HeaderName) -> bool {
    name.as_str().starts_with("x-amz-checksum-") && name != "x-amz-checksum-type"
}

/// The stored parts that the request lists, in its order.
fn choose(upload: &Upload, listed: &[CompletedPart]) -> S3Result<Vec<Arc<Part>>> {
    if listed.is_empty() || listed.len() > MOST_PARTS {
        let message =
            "The XML you provided was not well-formed or did not validate against our published schema";
        return Err(refuse(S3ErrorCode::MalformedXML, message));
    }
    let number = |part: &CompletedPart| part.part_number.and_then(|it| u32::try_from(it).ok());
    if !listed.is_sorted_by(|one, next| number(one) < number(next)) {
        let message = "The list of parts was not in ascending order. Parts must be ordered by part number.";
        return Err(refuse(S3ErrorCode::InvalidPartOrder, message));
    }
    let mut chosen = Vec::with_capacity(listed.len());
    for part in listed {
        let stored = number(part).and_then(|number| upload.parts.get(&number));
        let stored = stored.filter(|stored| {
            let etag = part.e_tag.as_ref().map(ETag::value);
            etag == Some(stored.etag().as_str())
        });
        let stored = stored.ok_or_else(|| {
            let message = "One or more of the specified parts could not be found. The part may not have been \
                 uploaded, or the specified entity tag may not match the part's entity tag.";
            refuse(S3ErrorCode::InvalidPart, message)
        })?;
        check_part_checksum(upload, part, stored)?;
        chosen.push(Arc::clone(stored));
    }
    let gap = (1..).zip(listed).any(|(at, part)| number(part) != Some(at));
    if upload.checksum.is_some() && gap {
        // "HTTP 500 Internal Server" is what the User Guide says of gaps with additional checksums.
        let mut error = refuse(
            S3ErrorCode::InternalError,
            "We encountered an internal error. Please try again.",
        );
        error.set_status_code(StatusCode::INTERNAL_SERVER_ERROR);
        return Err(error);
    }
    let mut all_but_last = chosen.iter().rev().skip(1);
    if all_but_last.any(|part| part.size < LEAST_PART) {
        let message = "Your proposed upload is smaller than the minimum allowed size";
        return Err(refuse(S3ErrorCode::EntityTooSmall, message));
    }
    Ok(chosen)
}

fn check_part_checksum(upload: &Upload, listed: &CompletedPart, stored: &Part) -> S3Result<()> {
    let named = [
        (Algorithm::Crc32, &listed.checksum_crc32),
        (Algorithm::Crc32c, &listed.checksum_crc32c),
        (Algorithm::Crc64Nvme, &listed.checksum_crc64nvme),
        (Algorithm::Sha1, &listed.checksum_sha1),
        (Algorithm::Sha256, &listed.checksum_sha256),
    ];
    for (algorithm, value) in named {
        let Some(value) = value else {
            if upload.checksum == Some((algorithm, Coverage::Composite)) {
                let name = algorithm.name().to_lowercase();
                let message = format!(
                    "The upload was created using a {name} checksum. The complete request must include the \
                     checksum for each part. It was missing for part {} in the request.",
                    listed.part_number.unwrap_or_default()
                );
                return Err(refuse(S3ErrorCode::InvalidRequest, message));
            }
            continue;
        };
        let sum = stored.declared.as_ref();
        if sum.is_none_or(|sum| sum.algorithm != algorithm || sum.value != *value) {
            let message = "One or more of the specified parts could not be found. The part's checksum does \
                 not match.";
            return Err(refuse(S3ErrorCode::InvalidPart, message));
        }
    }
    Ok(())
}

/// Parts that S3 agrees to join, and what their object will be.
struct Chosen {
    parts: Vec<Arc<Part>>,
    size: u64,
    etag: String,
    crc64nvme: Sum,
    checksum: Option<(Sum, Coverage)>,
}

impl Chosen {
    fn check(
        upload: &Upload,
        parts: Vec<Arc<Part>>,
        headers: &HeaderMap,
        object_size: Option<i64>,
    ) -> S3Result<Self> {
        let size = parts.iter().map(|part| part.size).sum();
        if let Some(sent) = object_size
            && u64::try_from(sent) != Ok(size)
        {
            let message = format!(
                "The provided 'x-amz-mp-object-size' header value {sent} does not match what was computed: {size}"
            );
            return Err(refuse(S3ErrorCode::InvalidRequest, message));
        }
        let whole: Vec<_> = parts
            .iter()
            .map(|part| (part.crc64nvme.clone(), part.size))
            .collect();
        let crc64nvme = combine(Algorithm::Crc64Nvme, Coverage::FullObject, &whole)?;
        let checksum = match upload.checksum {
            None => None,
            Some((algorithm, coverage)) => {
                let sums: Vec<_> = parts
                    .iter()
                    .filter_map(|part| Some((part.declared.clone()?, part.size)))
                    .collect();
                Some((combine(algorithm, coverage, &sums)?, coverage))
            }
        };
        verify_whole(headers, upload.checksum, checksum.as_ref(), &crc64nvme)?;
        let mut md5 = Md5::new();
        for part in &parts {
            md5.update(part.md5);
        }
        let md5: [u8; 16] = md5.finalize().into();
        Ok(Self {
            etag: format!("{}-{}", hex(&md5), parts.len()),
            parts,
            size,
            crc64nvme,
            checksum,
        })
    }

    fn assemble(&self, store: &Store) -> S3Result<tempfile::TempPath> {
        let mut whole = intake::new_file(&store.unfinished())?;
        for part in &self.parts {
            // The standard library copies between files inside the kernel.
            let copied = File::open(&part.file)
                .and_then(|mut part| io::copy(&mut part, whole.as_file_mut()))
                .map_err(S3Error::internal_error)?;
            if copied != part.size {
                return Err(S3ErrorCode::InternalError.into());
            }
        }
        Ok(whole.into_temp_path())
    }
}

/// Compares the whole object's checksum and type that the request names with the computed ones.
fn verify_whole(
    headers: &HeaderMap,
    created_with: Option<(Algorithm, Coverage)>,
    checksum: Option<&(Sum, Coverage)>,
    crc64nvme: &Sum,
) -> S3Result<()> {
    let text = |name: &str| headers.get(name).and_then(|it| it.to_str().ok());
    let coverage = created_with.map_or(Coverage::FullObject, |it| it.1);
    if text("x-amz-checksum-type").is_some_and(|sent| sent != coverage.name()) {
        let message = format!(
            "The upload was created using the {} checksum mode. The complete request must use the same \
             checksum mode.",
            coverage.name()
        );
        return Err(refuse(S3ErrorCode::InvalidRequest, message));
    }
    let computed = checksum.map_or(crc64nvme, |it| &it.0);
    for algorithm in Algorithm::ALL {
        let Some(sent) = text(algorithm.header()) else {
            continue;
        };
        if algorithm != computed.algorithm {
            let message = format!(
                "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {}",
                computed.algorithm.name().to_lowercase(),
                algorithm.name().to_lowercase()
            );
            return Err(refuse(S3ErrorCode::InvalidRequest, message));
        }
        if sent != computed.value {
            return Err(mismatch(algorithm));
        }
    }
    Ok(())
}
