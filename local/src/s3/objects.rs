//! Whole objects: put, get, head, delete, tags.

use std::io::{SeekFrom, Write};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use md5::{Digest, Md5};
use s3s::dto::{
    ChecksumMode, DeleteObjectInput, DeleteObjectOutput, ETag, ETagCondition, GetObjectInput,
    GetObjectOutput, GetObjectTaggingInput, GetObjectTaggingOutput, HeadObjectInput, HeadObjectOutput,
    PutObjectInput, PutObjectOutput, Range, ServerSideEncryption, StorageClass, StreamingBlob, Tag,
};
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result};
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::checksum::{Algorithm, Coverage, Hasher, Sum};
use super::store::{Condition, Content, Description, State, Store, StoredObject, no_such_key};
use super::{checks, intake, refuse};
use crate::hex::hex;
use crate::http::Body;

/// Bytes read from disk at a time while an object is sent; one such chunk waits besides the one in flight.
const CHUNK: usize = 256 << 10;

pub(super) async fn put(
    store: &Store,
    request: S3Request<PutObjectInput>,
) -> S3Result<S3Response<PutObjectOutput>> {
    let input = request.input;
    let condition = condition(input.if_none_match.as_ref(), input.if_match.as_ref())?;
    let (server_side_encryption, kms_key_id) = checks::encryption(
        input.server_side_encryption.as_ref().map(|it| it.as_str()),
        input.ssekms_key_id.as_deref(),
    )?;
    let description = Description {
        content_type: input.content_type.map(|it| it.to_string()),
        metadata: checks::metadata(input.metadata.unwrap_or_default())?,
        tags: checks::tags(input.tagging.as_deref())?,
        storage_class: checks::storage_class(input.storage_class.as_ref().map(|it| it.as_str()))?,
        server_side_encryption,
        kms_key_id,
    };
    store.state().bucket(&input.bucket)?;
    let received = intake::receive(
        &store.unfinished(),
        &request.headers,
        request.trailing_headers.as_ref(),
        input.body,
    )
    .await?;
    let content = Content {
        file: received.file,
        size: received.size,
        etag: hex(&received.md5),
        parts: None,
        crc64nvme: received.sums.of(Algorithm::Crc64Nvme).value,
        checksum: received.declared.map(|sum| (sum, Coverage::FullObject)),
    };
    let mut state = store.state();
    let place = (input.bucket.as_str(), input.key.as_str());
    let object = store.publish(&mut state, place, description, content, &condition)?;
    let output = PutObjectOutput {
        e_tag: Some(ETag::Strong(object.etag.clone())),
        server_side_encryption: Some(ServerSideEncryption::from(object.server_side_encryption.clone())),
        ssekms_key_id: object.kms_key_id.clone(),
        version_id: object.version_id.clone(),
        ..Default::default()
    };
    with_checksum(output, Some((&object.checksum, Some(object.coverage))))
}

/// Puts an object there without a request.
pub(super) fn seed(
    store: &Store,
    bucket: &str,
    key: &str,
    bytes: &[u8],
    content_type: &str,
    metadata: &[(&str, &str)],
) -> S3Result<StoredObject> {
    let pairs = metadata.iter();
    let pairs = pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let (server_side_encryption, kms_key_id) = checks::encryption(None, None)?;
    let description = Description {
        content_type: Some(content_type.to_owned()),
        metadata: checks::metadata(pairs)?,
        tags: checks::tags(None)?,
        storage_class: checks::storage_class(None)?,
        server_side_encryption,
        kms_key_id,
    };
    let mut file = intake::new_file(&store.unfinished())?;
    file.write_all(bytes).map_err(S3Error::internal_error)?;
    let mut hasher = Hasher::new(None);
    hasher.update(bytes);
    let md5: [u8; 16] = Md5::digest(bytes).into();
    let content = Content {
        file: file.into_temp_path(),
        size: bytes.len() as u64,
        etag: hex(&md5),
        parts: None,
        crc64nvme: hasher.finish().of(Algorithm::Crc64Nvme).value,
        checksum: None,
    };
    let mut state = store.state();
    let object = store.publish(&mut state, (bucket, key), description, content, &Condition::None)?;
    Ok(StoredObject::clone(&object))
}

pub(super) async fn get(
    store: &Store,
    request: S3Request<GetObjectInput>,
) -> S3Result<S3Response<GetObjectOutput>> {
    let input = request.input;
    let version = input.version_id.as_deref();
    let object = find(&mut store.state(), &input.bucket, &input.key, version)?;
    read_condition(&object, input.if_match.as_ref(), input.if_none_match.as_ref())?;
    if matches!(object.storage_class.as_str(), "GLACIER" | "DEEP_ARCHIVE") {
        let message = "The operation is not valid for the object's storage class";
        return Err(refuse(S3ErrorCode::InvalidObjectState, message));
    }
    let (range, content_range) = match input.range {
        None => (0..object.size, None),
        Some(range) => {
            let range = satisfy(range, object.size)?;
            let header = format!("bytes {}-{}/{}", range.start, range.end - 1, object.size);
            (range, Some(header))
        }
    };
    let length = range.end - range.start;
    let mut file = tokio::fs::File::open(&object.path)
        .await
        .map_err(S3Error::internal_error)?;
    file.seek(SeekFrom::Start(range.start))
        .await
        .map_err(S3Error::internal_error)?;
    let shown = checksum_shown(&object, input.checksum_mode.as_ref()).filter(|_| length == object.size);
    let output = GetObjectOutput {
        body: Some(send(file.take(length), length)),
        accept_ranges: Some("bytes".to_owned()),
        content_length: i64::try_from(length).ok(),
        content_range,
        content_type: object.content_type.parse().ok(),
        e_tag: Some(ETag::Strong(object.etag.clone())),
        last_modified: Some(object.last_modified.into()),
        metadata: Some(object.metadata.clone().into_iter().collect()),
        server_side_encryption: Some(ServerSideEncryption::from(object.server_side_encryption.clone())),
        ssekms_key_id: object.kms_key_id.clone(),
        storage_class: storage_class(&object),
        tag_count: i32::try_from(object.tags.len()).ok().filter(|n| *n > 0),
        version_id: object.version_id.clone(),
        ..Default::default()
    };
    with_checksum(output, shown)
}

pub(super) fn head(
    store: &Store,
    request: S3Request<HeadObjectInput>,
) -> S3Result<S3Response<HeadObjectOutput>> {
    let input = request.input;
    let version = input.version_id.as_deref();
    let object = find(&mut store.state(), &input.bucket, &input.key, version)?;
    read_condition(&object, input.if_match.as_ref(), input.if_none_match.as_ref())?;
    let output = HeadObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        content_length: i64::try_from(object.size).ok(),
        content_type: object.content_type.parse().ok(),
        e_tag: Some(ETag::Strong(object.etag.clone())),
        last_modified: Some(object.last_modified.into()),
        metadata: Some(object.metadata.clone().into_iter().collect()),
        server_side_encryption: Some(ServerSideEncryption::from(object.server_side_encryption.clone())),
        ssekms_key_id: object.kms_key_id.clone(),
        storage_class: storage_class(&object),
        version_id: object.version_id.clone(),
        ..Default::default()
    };
    with_checksum(output, checksum_shown(&object, input.checksum_mode.as_ref()))
}

pub(super) fn delete(
    store: &Store,
    request: S3Request<DeleteObjectInput>,
) -> S3Result<S3Response<DeleteObjectOutput>> {
    let input = request.input;
    let mut state = store.state();
    let versioned = state.bucket(&input.bucket)?.versioned;
    store.remove(&mut state, &input.bucket, &input.key)?;
    // Deleting nothing succeeds, as with S3; a versioned bucket answers with a delete marker.
    Ok(S3Response::new(DeleteObjectOutput {
        delete_marker: versioned.then_some(true),
        version_id: versioned.then(|| super::store::identifier(32)),
        ..Default::default()
    }))
}

pub(super) fn tagging(
    store: &Store,
    request: S3Request<GetObjectTaggingInput>,
) -> S3Result<S3Response<GetObjectTaggingOutput>> {
    let input = request.input;
    let version = input.version_id.as_deref();
    let object = find(&mut store.state(), &input.bucket, &input.key, version)?;
    let tags = object.tags.iter().map(|(key, value)| Tag {
        key: Some(key.clone()),
        value: Some(value.clone()),
    });
    Ok(S3Response::new(GetObjectTaggingOutput {
        tag_set: tags.collect(),
        version_id: object.version_id.clone(),
    }))
}

/// What a write demands of its key. `If-None-Match` knows only `*`.
pub(super) fn condition(
    if_none_match: Option<&ETagCondition>,
    if_match: Option<&ETagCondition>,
) -> S3Result<Condition> {
    match (if_none_match, if_match) {
        (None, None) => Ok(Condition::None),
        (Some(ETagCondition::Any), None) => Ok(Condition::Absent),
        (None, Some(ETagCondition::ETag(etag))) => Ok(Condition::ETag(etag.value().to_owned())),
        _ => {
            let message = "A header you provided implies functionality that is not implemented";
            Err(refuse(S3ErrorCode::NotImplemented, message))
        }
    }
}

fn read_condition(
    object: &StoredObject,
    if_match: Option<&ETagCondition>,
    if_none_match: Option<&ETagCondition>,
) -> S3Result<()> {
    let is = |condition: &ETagCondition| match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(etag) => etag.value() == object.etag,
    };
    if if_match.is_some_and(|condition| !is(condition)) {
        let message = "At least one of the pre-conditions you specified did not hold";
        return Err(refuse(S3ErrorCode::PreconditionFailed, message));
    }
    if if_none_match.is_some_and(is) {
        return Err(S3ErrorCode::NotModified.into());
    }
    Ok(())
}

fn find(state: &mut State, bucket: &str, key: &str, version: Option<&str>) -> S3Result<Arc<StoredObject>> {
    let bucket = state.bucket(bucket)?;
    let Some(object) = bucket.object(key) else {
        if bucket.listable {
            return Err(no_such_key());
        }
        // Without s3:ListBucket S3 does not tell whether a key exists.
        return Err(refuse(S3ErrorCode::AccessDenied, "Access Denied"));
    };
    if version.is_some() && version != object.version_id.as_deref() {
        let message = "The specified version does not exist.";
        return Err(refuse(S3ErrorCode::NoSuchVersion, message));
    }
    Ok(Arc::clone(object))
}

fn satisfy(range: Range, size: u64) -> S3Result<std::ops::Range<u64>> {
    range.check(size).map_err(|_| {
        let message = "The requested range is not satisfiable";
        refuse(S3ErrorCode::InvalidRange, message)
    })
}

/// S3 leaves the header out for the default class.
fn storage_class(object: &StoredObject) -> Option<StorageClass> {
    let class = object.storage_class.clone();
    (class != "STANDARD").then(|| StorageClass::from(class))
}

fn checksum_shown<'a>(
    object: &'a StoredObject,
    mode: Option<&ChecksumMode>,
) -> Option<(&'a Sum, Option<Coverage>)> {
    mode.filter(|mode| mode.as_str() == ChecksumMode::ENABLED)?;
    Some((&object.checksum, Some(object.coverage)))
}

/// The answer with its checksum headers: one way for five fields in each of the outputs.
pub(super) fn with_checksum<T>(output: T, sum: Option<(&Sum, Option<Coverage>)>) -> S3Result<S3Response<T>> {
    let mut headers = HeaderMap::new();
    if let Some((sum, coverage)) = sum {
        let value = HeaderValue::from_str(&sum.value).map_err(S3Error::internal_error)?;
        headers.insert(HeaderName::from_static(sum.algorithm.header()), value);
        if let Some(coverage) = coverage {
            let value = HeaderValue::from_static(coverage.name());
            headers.insert(HeaderName::from_static("x-amz-checksum-type"), value);
        }
    }
    Ok(S3Response::with_headers(output, headers))
}

/// Streams a file's bytes as fast as the client takes them.
fn send(mut file: tokio::io::Take<tokio::fs::File>, length: u64) -> StreamingBlob {
    let (sender, body) = Body::channel(1, Some(length));
    tokio::spawn(async move {
        let mut left = length;
        while left > 0 {
            let mut chunk = BytesMut::with_capacity(CHUNK);
            let read = file.read_buf(&mut chunk).await;
            let chunk: Result<Bytes, _> = match read {
                Ok(0) => Err("the object's file is shorter than the object".into()),
                Ok(_) => Ok(chunk.freeze()),
                Err(error) => Err(error.into()),
            };
            left -= chunk.as_ref().map_or(left, |chunk| chunk.len() as u64);
            // The receiver is gone when the client is.
            if sender.send(chunk).await.is_err() {
                return;
            }
        }
    });
    StreamingBlob::from(s3s::Body::http_body_unsync(body))
}
