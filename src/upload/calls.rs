//! The calls that carry the bytes of an object, and the one that puts its parts together.

use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumType, CompletedMultipartUpload, ServerSideEncryption};
use bytes::Bytes;
use crc_fast::CrcAlgorithm::Crc64Nvme;

use super::parts::{Held, Part};
use super::{Store, Target, UploadError};
use crate::call::CallError;

/// How long S3 may take to put an object together from its parts. It keeps the connection alive
/// with white space meanwhile. Source: S3 API reference, `CompleteMultipartUpload`.
const COMPLETE_TIMEOUT: Duration = Duration::from_secs(300);

impl Target {
    fn if_none_match(&self) -> Option<String> {
        (!self.overwrite).then(|| "*".to_owned())
    }
}

pub(super) async fn put(store: Store, target: Target, body: Bytes) -> Result<Held, UploadError> {
    let bytes = body.len();
    let (destination, keeping) = (&target.destination, &store.keeping);
    let call = store
        .client
        .put_object()
        .bucket(&destination.bucket)
        .key(&destination.key)
        .content_type(&target.content_type)
        .content_length(i64::try_from(bytes).unwrap_or(i64::MAX))
        .set_metadata(Some(target.metadata.iter().cloned().collect()))
        .set_tagging(target.tagging())
        .set_storage_class(destination.storage_class.map(|class| class.as_str().into()))
        .set_server_side_encryption(keeping.kms_key_id.as_ref().map(|_| ServerSideEncryption::AwsKms))
        .set_ssekms_key_id(keeping.kms_key_id.clone())
        .set_expected_bucket_owner(keeping.bucket_owner.clone())
        .set_if_none_match(target.if_none_match())
        .checksum_crc64_nvme(base64(crc_fast::checksum(Crc64Nvme, &body)))
        .body(ByteStream::from(body))
        .customize()
        .interceptor(store.watch())
        .config_override(store.part_timeout(bytes));
    let call = if store.sign_payload {
        call
    } else {
        call.disable_payload_signing()
    };
    let output = call
        .send()
        .await
        .map_err(|error| UploadError::Call(CallError::of("PutObject", error)))?;
    Ok(Held {
        checksum: output.checksum_crc64_nvme,
        etag: output.e_tag,
        version_id: output.version_id,
    })
}

pub(super) async fn put_together(
    store: Store,
    target: Target,
    upload_id: String,
    parts: CompletedMultipartUpload,
    bytes: u64,
    checksum: String,
) -> Result<Held, UploadError> {
    let output = store
        .client
        .complete_multipart_upload()
        .bucket(&target.destination.bucket)
        .key(&target.destination.key)
        .upload_id(upload_id)
        .multipart_upload(parts)
        .checksum_crc64_nvme(checksum)
        .checksum_type(ChecksumType::FullObject)
        .mpu_object_size(i64::try_from(bytes).unwrap_or(i64::MAX))
        .set_if_none_match(target.if_none_match())
        .set_expected_bucket_owner(store.keeping.bucket_owner.clone())
        .customize()
        .interceptor(store.watch())
        .config_override(store.attempt_timeout(COMPLETE_TIMEOUT))
        .send()
        .await
        .map_err(|error| UploadError::Call(CallError::of("CompleteMultipartUpload", error)))?;
    Ok(Held {
        checksum: output.checksum_crc64_nvme,
        etag: output.e_tag,
        version_id: output.version_id,
    })
}

pub(super) async fn send_part(
    store: Store,
    target: Target,
    upload_id: String,
    number: usize,
    body: Bytes,
    checksum: String,
) -> Result<(Part, Bytes), UploadError> {
    let bytes = body.len();
    let call = store
        .client
        .upload_part()
        .bucket(&target.destination.bucket)
        .key(&target.destination.key)
        .upload_id(upload_id)
        .part_number(i32::try_from(number).unwrap_or(i32::MAX))
        .content_length(i64::try_from(bytes).unwrap_or(i64::MAX))
        .checksum_crc64_nvme(&checksum)
        .set_expected_bucket_owner(store.keeping.bucket_owner.clone())
        .body(ByteStream::from(body.clone()))
        .customize()
        .interceptor(store.watch())
        .config_override(store.part_timeout(bytes));
    let call = if store.sign_payload {
        call
    } else {
        call.disable_payload_signing()
    };
    let output = call
        .send()
        .await
        .map_err(|error| UploadError::Call(CallError::of("UploadPart", error)))?;
    tracing::info!(number, bytes, "part uploaded");
    let part = Part {
        number,
        bytes,
        etag: output.e_tag,
        checksum,
    };
    Ok((part, body))
}

/// A checksum as S3 writes it: big-endian bytes in Base64.
pub(super) fn base64(checksum: u64) -> String {
    aws_smithy_types::base64::encode(checksum.to_be_bytes())
}
