//! The calls that carry the bytes of an object, and the one that puts its parts together.

use std::time::Duration;

use aws_runtime::auth::PayloadSigningOverride;
use aws_sdk_s3::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::types::{ChecksumType, CompletedMultipartUpload, ServerSideEncryption};

use super::content::{Content, Digested, Sum};
use super::landing::Held;
use super::parts::Part;
use super::{Replaces, Store, Target, UploadError};
use crate::call::CallError;

/// How long S3 may take to put an object together from its parts. It keeps the connection alive
/// with white space meanwhile. Source: S3 API reference, `CompleteMultipartUpload`.
const COMPLETE_TIMEOUT: Duration = Duration::from_secs(300);

impl Target {
    fn if_none_match(&self) -> Option<String> {
        (self.replaces == Replaces::Nothing).then(|| "*".to_owned())
    }

    fn if_match(&self) -> Option<String> {
        match &self.replaces {
            Replaces::Only(etag) => Some(etag.clone()),
            Replaces::Nothing | Replaces::Anything => None,
        }
    }
}

pub(super) async fn put(
    store: Store,
    target: Target,
    content: Content,
    digested: Digested,
) -> Result<Held, UploadError> {
    let bytes = content.bytes();
    let (destination, keeping) = (&target.destination, &store.keeping);
    let output = store
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
        .set_if_match(target.if_match())
        .checksum_crc64_nvme(digested.sum.base64())
        .body(content.body())
        .customize()
        .interceptor(store.watch())
        .interceptor(Signing::of(&store, digested))
        .config_override(store.part_timeout(bytes))
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
    sum: Sum,
) -> Result<Held, UploadError> {
    let output = store
        .client
        .complete_multipart_upload()
        .bucket(&target.destination.bucket)
        .key(&target.destination.key)
        .upload_id(upload_id)
        .multipart_upload(parts)
        .checksum_crc64_nvme(sum.base64())
        .checksum_type(ChecksumType::FullObject)
        .mpu_object_size(i64::try_from(sum.bytes).unwrap_or(i64::MAX))
        .set_if_none_match(target.if_none_match())
        .set_if_match(target.if_match())
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
    content: Content,
    digested: Digested,
) -> Result<(Part, Content), UploadError> {
    let (bytes, checksum) = (content.bytes(), digested.sum.base64());
    let output = store
        .client
        .upload_part()
        .bucket(&target.destination.bucket)
        .key(&target.destination.key)
        .upload_id(upload_id)
        .part_number(i32::try_from(number).unwrap_or(i32::MAX))
        .content_length(i64::try_from(bytes).unwrap_or(i64::MAX))
        .checksum_crc64_nvme(&checksum)
        .set_expected_bucket_owner(store.keeping.bucket_owner.clone())
        .body(content.body())
        .customize()
        .interceptor(store.watch())
        .interceptor(Signing::of(&store, digested))
        .config_override(store.part_timeout(bytes))
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
    Ok((part, content))
}

/// How a body is signed, where it is not as the SDK does by itself: with the SHA-256 of bytes that are
/// in memory.
#[derive(Debug)]
struct Signing(Option<PayloadSigningOverride>);

impl Signing {
    /// Over plain HTTP nothing else keeps a body from being changed on its way, so it is signed there;
    /// for one that is not in memory the SDK by itself would sign `UNSIGNED-PAYLOAD`.
    fn of(store: &Store, digested: Digested) -> Self {
        Self(if store.sign_payload {
            digested.sha256.map(PayloadSigningOverride::Precomputed)
        } else {
            Some(PayloadSigningOverride::UnsignedPayload)
        })
    }
}

impl Intercept for Signing {
    fn name(&self) -> &'static str {
        "Signing"
    }

    fn read_before_signing(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(signing) = &self.0 {
            config.interceptor_state().store_put(signing.clone());
        }
        Ok(())
    }
}
