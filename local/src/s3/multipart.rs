//! Multipart uploads up to their completion: create, parts, abort, lists.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, ChecksumAlgorithm, ChecksumType,
    CreateMultipartUploadInput, CreateMultipartUploadOutput, ETag, ListMultipartUploadsInput,
    ListMultipartUploadsOutput, ListPartsInput, ListPartsOutput, MultipartUpload, Part as ListedPart,
    ServerSideEncryption, StorageClass, UploadPartInput, UploadPartOutput,
};
use s3s::{S3ErrorCode, S3Request, S3Response, S3Result};
use tempfile::TempPath;

use super::checksum::{Algorithm, Coverage, Declared, Sum};
use super::store::{Description, OpenUpload, State, Store, identifier};
use super::{checks, intake, objects, refuse};
use crate::hex::hex;

/// Part numbers that S3 takes ("Amazon S3 multipart upload limits").
const PART_NUMBERS: std::ops::RangeInclusive<u32> = 1..=10_000;
/// Entries on one page of parts or uploads.
const PAGE: usize = 1000;

/// A multipart upload that is neither completed nor aborted.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) bucket: String,
    pub(super) key: String,
    initiated: SystemTime,
    pub(super) description: Description,
    /// What the client asked for at its creation; without it S3 adds CRC64NVME by itself.
    pub(super) checksum: Option<(Algorithm, Coverage)>,
    pub(super) parts: BTreeMap<u32, Arc<Part>>,
}

/// A stored part. Its file lives until nobody needs it, also while the part is being replaced.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) file: TempPath,
    pub(super) size: u64,
    pub(super) md5: [u8; 16],
    pub(super) crc64nvme: Sum,
    /// The checksum by the upload's algorithm, when it has one.
    pub(super) declared: Option<Sum>,
    modified: SystemTime,
}

impl Part {
    pub(super) fn etag(&self) -> String {
        hex(&self.md5)
    }
}

impl Upload {
    pub(super) fn describe(&self, id: &str) -> OpenUpload {
        OpenUpload {
            bucket: self.bucket.clone(),
            key: self.key.clone(),
            upload_id: id.to_owned(),
            parts: self
                .parts
                .iter()
                .map(|(number, part)| (*number, part.size))
                .collect(),
        }
    }
}

impl State {
    /// The upload with this id, if it belongs to this bucket and key.
    pub(super) fn upload(&mut self, bucket: &str, key: &str, id: &str) -> S3Result<&mut Upload> {
        self.bucket(bucket)?;
        let upload = self.uploads.get_mut(id);
        let upload = upload.filter(|upload| upload.bucket == bucket && upload.key == key);
        upload.ok_or_else(|| {
            let message = "The specified upload does not exist. The upload ID may be invalid, or the upload \
                 may have been aborted or completed.";
            refuse(S3ErrorCode::NoSuchUpload, message)
        })
    }
}

pub(super) fn create(
    store: &Store,
    request: S3Request<CreateMultipartUploadInput>,
) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
    let input = request.input;
    let (server_side_encryption, kms_key_id) = checks::encryption(
        input.server_side_encryption.as_ref().map(|it| it.as_str()),
        input.ssekms_key_id.as_deref(),
    )?;
    let description = Description {
        content_type: input.content_type.map(|it| it.to_string()),
        metadata: checks::metadata(input.metadata.unwrap_or_default())?,
        tags: checks::tags(input.tagging.as_deref())?,
        storage_class: checks::storage_class(input.storage_class.as_ref().map(|it| it.as_str()))?,
        server_side_encryption: server_side_encryption.clone(),
        kms_key_id: kms_key_id.clone(),
    };
    let asked_type = input.checksum_type.as_ref().map(|it| it.as_str());
    let checksum = match (&input.checksum_algorithm, asked_type) {
        (None, None) => None,
        (None, Some(_)) => {
            let message = "The x-amz-checksum-type header can only be used with the \
                 x-amz-checksum-algorithm header.";
            return Err(refuse(S3ErrorCode::InvalidRequest, message));
        }
        (Some(algorithm), asked_type) => {
            let algorithm = Algorithm::parse(algorithm.as_str())?;
            Some((algorithm, algorithm.coverage(asked_type)?))
        }
    };
    let mut state = store.state();
    state.bucket(&input.bucket)?;
    let upload_id = identifier(96);
    let upload = Upload {
        bucket: input.bucket.clone(),
        key: input.key.clone(),
        initiated: SystemTime::now(),
        description,
        checksum,
        parts: BTreeMap::new(),
    };
    state.uploads.insert(upload_id.clone(), upload);
    Ok(S3Response::new(CreateMultipartUploadOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(upload_id),
        checksum_algorithm: checksum.map(|it| ChecksumAlgorithm::from_static(it.0.name())),
        checksum_type: checksum.map(|it| ChecksumType::from_static(it.1.name())),
        server_side_encryption: Some(ServerSideEncryption::from(server_side_encryption)),
        ssekms_key_id: kms_key_id,
        ..Default::default()
    }))
}

pub(super) async fn upload_part(
    store: &Store,
    request: S3Request<UploadPartInput>,
) -> S3Result<S3Response<UploadPartOutput>> {
    let input = request.input;
    let number = u32::try_from(input.part_number)
        .ok()
        .filter(|number| PART_NUMBERS.contains(number));
    let number = number.ok_or_else(|| {
        let message = "Part number must be an integer between 1 and 10000, inclusive";
        refuse(S3ErrorCode::InvalidArgument, message)
    })?;
    let place = (&input.bucket, &input.key, &input.upload_id);
    let expected = store.state().upload(place.0, place.1, place.2)?.checksum;
    let declared = Declared::read(&request.headers)?.map(|declared| declared.algorithm);
    let expected = expected.map(|(algorithm, _)| algorithm);
    if declared != expected {
        let name = |it: Option<Algorithm>| it.map_or("null".to_owned(), |it| it.name().to_lowercase());
        let message = format!(
            "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {}",
            name(expected),
            name(declared)
        );
        return Err(refuse(S3ErrorCode::InvalidRequest, message));
    }
    let received = intake::receive(
        &store.unfinished(),
        &request.headers,
        request.trailing_headers.as_ref(),
        input.body,
    )
    .await?;
    let declared = received.declared.clone();
    let part = Part {
        file: received.file,
        size: received.size,
        md5: received.md5,
        crc64nvme: received.sums.of(Algorithm::Crc64Nvme),
        declared: received.declared,
        modified: SystemTime::now(),
    };
    let etag = part.etag();
    let mut state = store.state();
    // Looked up again: the upload may have been aborted or completed while the body came.
    let upload = state.upload(place.0, place.1, place.2)?;
    upload.parts.insert(number, Arc::new(part));
    let output = UploadPartOutput {
        e_tag: Some(ETag::Strong(etag)),
        server_side_encryption: Some(ServerSideEncryption::from(
            upload.description.server_side_encryption.clone(),
        )),
        ssekms_key_id: upload.description.kms_key_id.clone(),
        ..Default::default()
    };
    objects::with_checksum(output, declared.as_ref().map(|sum| (sum, None)))
}

pub(super) fn abort(
    store: &Store,
    request: S3Request<AbortMultipartUploadInput>,
) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
    let input = request.input;
    let mut state = store.state();
    state.upload(&input.bucket, &input.key, &input.upload_id)?;
    state.uploads.remove(&input.upload_id);
    Ok(S3Response::new(AbortMultipartUploadOutput::default()))
}

pub(super) fn list_parts(
    store: &Store,
    request: S3Request<ListPartsInput>,
) -> S3Result<S3Response<ListPartsOutput>> {
    let input = request.input;
    let mut state = store.state();
    let upload = state.upload(&input.bucket, &input.key, &input.upload_id)?;
    let after = u32::try_from(input.part_number_marker.unwrap_or(0)).map_err(|_| {
        let message = "Argument part-number-marker must be an integer between 0 and 2147483647";
        refuse(S3ErrorCode::InvalidArgument, message)
    })?;
    let page = page(input.max_parts)?;
    let mut rest = upload.parts.range(after.saturating_add(1)..);
    let mut parts = Vec::new();
    let mut last = None;
    for (number, part) in rest.by_ref().take(page) {
        last = i32::try_from(*number).ok();
        let sum = |algorithm| {
            let sum = part.declared.as_ref()?;
            (sum.algorithm == algorithm).then(|| sum.value.clone())
        };
        parts.push(ListedPart {
            part_number: i32::try_from(*number).ok(),
            size: i64::try_from(part.size).ok(),
            e_tag: Some(ETag::Strong(part.etag())),
            last_modified: Some(part.modified.into()),
            checksum_crc32: sum(Algorithm::Crc32),
            checksum_crc32c: sum(Algorithm::Crc32c),
            checksum_crc64nvme: sum(Algorithm::Crc64Nvme),
            checksum_sha1: sum(Algorithm::Sha1),
            checksum_sha256: sum(Algorithm::Sha256),
        });
    }
    let is_truncated = rest.next().is_some();
    Ok(S3Response::new(ListPartsOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(input.upload_id),
        checksum_algorithm: upload
            .checksum
            .map(|it| ChecksumAlgorithm::from_static(it.0.name())),
        checksum_type: upload.checksum.map(|it| ChecksumType::from_static(it.1.name())),
        storage_class: Some(StorageClass::from(upload.description.storage_class.clone())),
        part_number_marker: input.part_number_marker.or(Some(0)),
        next_part_number_marker: last,
        max_parts: i32::try_from(page).ok(),
        is_truncated: Some(is_truncated),
        parts: Some(parts),
        ..Default::default()
    }))
}

pub(super) fn list_uploads(
    store: &Store,
    request: S3Request<ListMultipartUploadsInput>,
) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
    let input = request.input;
    if input.delimiter.is_some() {
        let message = "The local S3 lists multipart uploads without a delimiter";
        return Err(refuse(S3ErrorCode::NotImplemented, message));
    }
    let mut state = store.state();
    state.bucket(&input.bucket)?;
    let prefix = input.prefix.clone().unwrap_or_default();
    let mut found: Vec<_> = state
        .uploads
        .iter()
        .filter(|(_, upload)| upload.bucket == input.bucket && upload.key.starts_with(&prefix))
        .map(|(id, upload)| (upload.key.clone(), id.clone(), upload))
        .collect();
    found.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
    let after_key = input.key_marker.clone().unwrap_or_default();
    let after_id = input.upload_id_marker.clone();
    let page = page(input.max_uploads)?;
    let mut rest = found.into_iter().skip_while(|(key, id, _)| match &after_id {
        Some(after_id) => (key, id) <= (&after_key, after_id),
        None => !after_key.is_empty() && *key <= after_key,
    });
    let mut uploads = Vec::new();
    let mut last = (None, None);
    for (key, id, upload) in rest.by_ref().take(page) {
        last = (Some(key.clone()), Some(id.clone()));
        uploads.push(MultipartUpload {
            key: Some(key),
            upload_id: Some(id),
            initiated: Some(upload.initiated.into()),
            storage_class: Some(StorageClass::from(upload.description.storage_class.clone())),
            checksum_algorithm: upload
                .checksum
                .map(|it| ChecksumAlgorithm::from_static(it.0.name())),
            checksum_type: upload.checksum.map(|it| ChecksumType::from_static(it.1.name())),
            ..Default::default()
        });
    }
    let is_truncated = rest.next().is_some();
    let (next_key_marker, next_upload_id_marker) = if is_truncated { last } else { (None, None) };
    Ok(S3Response::new(ListMultipartUploadsOutput {
        bucket: Some(input.bucket),
        prefix: input.prefix,
        key_marker: input.key_marker,
        upload_id_marker: input.upload_id_marker,
        next_key_marker,
        next_upload_id_marker,
        max_uploads: i32::try_from(page).ok(),
        is_truncated: Some(is_truncated),
        uploads: Some(uploads),
        ..Default::default()
    }))
}

fn page(asked: Option<i32>) -> S3Result<usize> {
    let Some(asked) = asked else { return Ok(PAGE) };
    let asked = usize::try_from(asked).map_err(|_| {
        let message = "The page size must be an integer between 0 and 2147483647";
        refuse(S3ErrorCode::InvalidArgument, message)
    })?;
    Ok(asked.min(PAGE))
}
