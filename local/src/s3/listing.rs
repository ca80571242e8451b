//! ListObjectsV2.

use std::collections::BTreeSet;

use s3s::dto::{
    CommonPrefix, ETag, EncodingType, ListObjectsV2Input, ListObjectsV2Output, Object, ObjectStorageClass,
};
use s3s::{S3ErrorCode, S3Request, S3Response, S3Result};

use super::refuse;
use super::store::Store;

/// Entries on one page.
const PAGE: usize = 1000;

pub(super) fn list(
    store: &Store,
    request: S3Request<ListObjectsV2Input>,
) -> S3Result<S3Response<ListObjectsV2Output>> {
    let input = request.input;
    let mut state = store.state();
    let bucket = state.bucket(&input.bucket)?;
    if !bucket.listable {
        return Err(refuse(S3ErrorCode::AccessDenied, "Access Denied"));
    }
    let page = input.max_keys.map_or(Ok(PAGE), usize::try_from);
    let page = page.map_err(|_| {
        let message = "Argument maxKeys must be an integer between 0 and 2147483647";
        refuse(S3ErrorCode::InvalidArgument, message)
    })?;
    let page = page.min(PAGE);
    let url = input.encoding_type.as_ref().map(EncodingType::as_str) == Some(EncodingType::URL);
    let encode = |text: String| match url {
        true => form_urlencoded::byte_serialize(text.as_bytes()).collect(),
        false => text,
    };
    let prefix = input.prefix.clone().unwrap_or_default();
    let delimiter = input.delimiter.clone().unwrap_or_default();
    let token = input.continuation_token.as_ref();
    let after = token.or(input.start_after.as_ref()).cloned();
    let after = after.unwrap_or_default();

    let mut contents = Vec::new();
    let mut prefixes = BTreeSet::new();
    let mut last = None;
    let mut is_truncated = false;
    for object in bucket.objects() {
        let Some(rest) = object.key.strip_prefix(&prefix) else {
            continue;
        };
        let end = match delimiter.as_str() {
            "" => None,
            delimiter => rest.find(delimiter).map(|at| at + delimiter.len()),
        };
        let entry = end.map_or(object.key.as_str(), |end| &object.key[..prefix.len() + end]);
        if entry <= after.as_str() || prefixes.contains(entry) {
            continue;
        }
        if contents.len() + prefixes.len() == page {
            is_truncated = page > 0;
            break;
        }
        last = Some(entry.to_owned());
        if end.is_some() {
            prefixes.insert(entry.to_owned());
            continue;
        }
        contents.push(Object {
            key: Some(encode(object.key.clone())),
            size: i64::try_from(object.size).ok(),
            e_tag: Some(ETag::Strong(object.etag.clone())),
            last_modified: Some(object.last_modified.into()),
            storage_class: Some(ObjectStorageClass::from(object.storage_class.clone())),
            ..Default::default()
        });
    }
    let prefixes = prefixes.into_iter().map(|prefix| CommonPrefix {
        prefix: Some(encode(prefix)),
    });
    let prefixes: Vec<_> = prefixes.collect();
    Ok(S3Response::new(ListObjectsV2Output {
        name: Some(input.bucket),
        prefix: Some(encode(prefix)),
        delimiter: input.delimiter.map(encode),
        start_after: input.start_after.map(encode),
        continuation_token: input.continuation_token,
        next_continuation_token: last.filter(|_| is_truncated),
        is_truncated: Some(is_truncated),
        max_keys: i32::try_from(page).ok(),
        key_count: i32::try_from(contents.len() + prefixes.len()).ok(),
        contents: Some(contents),
        common_prefixes: Some(prefixes),
        encoding_type: input.encoding_type,
        request_charged: None,
    }))
}
