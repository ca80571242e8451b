//! What S3 refuses before it looks at a body: tags, metadata, storage classes, encryption.

use std::collections::BTreeMap;

use s3s::{S3ErrorCode, S3Result};

use super::refuse;
use super::{ACCOUNT_ID, REGION};

/// Tags on one object ("Categorizing your storage using tags", Amazon S3 User Guide).
const MOST_TAGS: usize = 10;
/// Unicode characters in a tag key, at least one.
const LONGEST_TAG_KEY: usize = 128;
/// Unicode characters in a tag value.
const LONGEST_TAG_VALUE: usize = 256;
/// Bytes of all user metadata names and values together, in UTF-8 ("Working with object metadata").
const MOST_METADATA: usize = 2048;

/// Storage classes of general purpose buckets (`PutObject`, `x-amz-storage-class`).
const STORAGE_CLASSES: [&str; 8] = [
    "STANDARD",
    "REDUCED_REDUNDANCY",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER",
    "DEEP_ARCHIVE",
    "GLACIER_IR",
];

/// Reads the `x-amz-tagging` header, a URL query string.
pub(super) fn tags(header: Option<&str>) -> S3Result<BTreeMap<String, String>> {
    let mut tags = BTreeMap::new();
    let pairs = form_urlencoded::parse(header.unwrap_or_default().as_bytes());
    for (key, value) in pairs.into_owned() {
        if !(1..=LONGEST_TAG_KEY).contains(&key.chars().count()) || !key.chars().all(tag_character) {
            let message = "The TagKey you have provided is invalid";
            return Err(refuse(S3ErrorCode::InvalidTag, message));
        }
        if value.chars().count() > LONGEST_TAG_VALUE || !value.chars().all(tag_character) {
            let message = "The TagValue you have provided is invalid";
            return Err(refuse(S3ErrorCode::InvalidTag, message));
        }
        if key.starts_with("aws:") {
            let message = "System tags cannot be added/updated by requester";
            return Err(refuse(S3ErrorCode::InvalidTag, message));
        }
        if tags.insert(key, value).is_some() {
            let message = "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query \
                 parameters without tag name duplicates.";
            return Err(refuse(S3ErrorCode::InvalidArgument, message));
        }
    }
    if tags.len() > MOST_TAGS {
        let message = "Object tags cannot be greater than 10";
        return Err(refuse(S3ErrorCode::InvalidTag, message));
    }
    Ok(tags)
}

fn tag_character(character: char) -> bool {
    character.is_alphanumeric() || " +-=._:/@".contains(character)
}

/// Measures user metadata, given without the `x-amz-meta-` prefix.
pub(super) fn metadata(
    pairs: impl IntoIterator<Item = (String, String)>,
) -> S3Result<BTreeMap<String, String>> {
    let metadata: BTreeMap<String, String> = pairs.into_iter().collect();
    let size: usize = metadata
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    if size > MOST_METADATA {
        let message = "Your metadata headers exceed the maximum allowed metadata size";
        return Err(refuse(S3ErrorCode::MetadataTooLarge, message));
    }
    Ok(metadata)
}

/// The storage class, `STANDARD` when none is named.
pub(super) fn storage_class(asked: Option<&str>) -> S3Result<String> {
    let class = asked.unwrap_or("STANDARD");
    if STORAGE_CLASSES.contains(&class) {
        return Ok(class.to_owned());
    }
    let message = "The storage class you specified is not valid";
    Err(refuse(S3ErrorCode::InvalidStorageClass, message))
}

/// Server-side encryption as S3 answers it: the algorithm, and for KMS the key's ARN.
pub(super) fn encryption(
    algorithm: Option<&str>,
    key_id: Option<&str>,
) -> S3Result<(String, Option<String>)> {
    let arn = |id: &str| format!("arn:aws:kms:{REGION}:{ACCOUNT_ID}:{id}");
    match (algorithm, key_id) {
        (None | Some("AES256"), None) => Ok(("AES256".to_owned(), None)),
        (None | Some("AES256"), Some(_)) => {
            let message = "Server Side Encryption with AWS KMS managed key requires HTTP header \
                 x-amz-server-side-encryption : aws:kms";
            Err(refuse(S3ErrorCode::InvalidArgument, message))
        }
        (Some(kms @ ("aws:kms" | "aws:kms:dsse")), key_id) => {
            let key_id = match key_id {
                Some(id) if id.starts_with("arn:") => id.to_owned(),
                Some(id) if id.starts_with("alias/") => arn(id),
                Some(id) => arn(&format!("key/{id}")),
                None => arn("alias/aws/s3"),
            };
            Ok((kms.to_owned(), Some(key_id)))
        }
        (Some(_), _) => {
            let message = "The encryption method specified is not supported";
            Err(refuse(S3ErrorCode::InvalidArgument, message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code<T: std::fmt::Debug>(result: S3Result<T>) -> String {
        result.unwrap_err().code().as_str().to_owned()
    }

    #[test]
    fn tags_are_counted_and_measured() {
        let many = |n: usize| (0..n).map(|i| format!("k{i}=v")).collect::<Vec<_>>().join("&");
        assert_eq!(tags(Some(&many(10))).unwrap().len(), 10);
        assert_eq!(code(tags(Some(&many(11)))), "InvalidTag");
        let key = "é".repeat(LONGEST_TAG_KEY);
        assert!(tags(Some(&format!("{key}=v"))).is_ok());
        assert_eq!(code(tags(Some(&format!("{key}x=v")))), "InvalidTag");
        let value = "v".repeat(LONGEST_TAG_VALUE);
        assert!(tags(Some(&format!("k={value}"))).is_ok());
        assert_eq!(code(tags(Some(&format!("k={value}v")))), "InvalidTag");
        assert_eq!(code(tags(Some("=v"))), "InvalidTag");
        assert_eq!(code(tags(Some("aws:k=v"))), "InvalidTag");
        assert_eq!(code(tags(Some("k=a%23b"))), "InvalidTag");
        assert_eq!(code(tags(Some("k=a&k=b"))), "InvalidArgument");
        assert_eq!(tags(Some("a+b=c%2Fd")).unwrap()["a b"], "c/d");
        assert!(tags(None).unwrap().is_empty());
    }

    #[test]
    fn metadata_ends_at_two_kibibytes() {
        let pair = |n: usize| [("name".to_owned(), "v".repeat(n))];
        assert!(metadata(pair(2044)).is_ok());
        assert_eq!(code(metadata(pair(2045))), "MetadataTooLarge");
    }

    #[test]
    fn storage_classes_of_other_bucket_types_are_refused() {
        assert_eq!(storage_class(None).unwrap(), "STANDARD");
        assert_eq!(storage_class(Some("GLACIER_IR")).unwrap(), "GLACIER_IR");
        assert_eq!(code(storage_class(Some("OUTPOSTS"))), "InvalidStorageClass");
        assert_eq!(code(storage_class(Some("standard"))), "InvalidStorageClass");
    }

    #[test]
    fn a_kms_key_is_answered_as_an_arn() {
        let (algorithm, key) = encryption(Some("aws:kms"), Some("1234")).unwrap();
        assert_eq!(algorithm, "aws:kms");
        assert_eq!(key.unwrap(), "arn:aws:kms:eu-west-1:123456789012:key/1234");
        assert_eq!(code(encryption(Some("AES256"), Some("1234"))), "InvalidArgument");
        assert_eq!(code(encryption(Some("rot13"), None)), "InvalidArgument");
        assert_eq!(encryption(None, None).unwrap(), ("AES256".to_owned(), None));
    }
}
