//! Where a clip goes: bucket, key, tags, metadata and storage class, each held to S3's rules.

use std::collections::HashSet;

use super::MAX_METADATA_BYTES;
use super::fault::shown_text;
use super::fields::{Object, Reader};
use super::key::check_key;

/// Tags that an object can have, and the longest key and value in characters.
/// Source: S3 user guide, "Categorizing objects using tags".
const MAX_TAGS: usize = 10;
const MAX_TAG_KEY: usize = 128;
const MAX_TAG_VALUE: usize = 256;

/// Names under which the function itself writes metadata start with this.
pub(super) const OWN_METADATA_PREFIX: &str = "clip-";

/// Where a clip goes and how it is kept there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Destination {
    /// Name of the bucket.
    pub bucket: String,
    /// Object key, at most 1,024 bytes.
    pub key: String,
    /// Tags, at most ten, keys unique.
    pub tags: Vec<(String, String)>,
    /// User metadata: names in lower case, without the `x-amz-meta-` in front.
    pub metadata: Vec<(String, String)>,
    /// Storage class; the bucket's default (`STANDARD`) where the request names none.
    pub storage_class: Option<StorageClass>,
}

impl Destination {
    /// The key of one of several objects, counted from 1: the number stands before the ending, as in
    /// `gate/alarm-2.mp4`.
    #[must_use]
    pub fn numbered_key(&self, number: usize) -> String {
        let name = self.key.rfind('/').map_or(0, |slash| slash.saturating_add(1));
        // A dot at the start of a name hides a file; it does not begin an ending.
        let ending = self.key.rfind('.').filter(|dot| *dot > name);
        let (stem, ending) = self.key.split_at(ending.unwrap_or(self.key.len()));
        format!("{stem}-{number}{ending}")
    }
}

/// S3's storage classes for general purpose buckets. Source: S3 API reference, `PutObject`,
/// `x-amz-storage-class`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorageClass {
    /// `STANDARD`
    Standard,
    /// `REDUCED_REDUNDANCY`
    ReducedRedundancy,
    /// `STANDARD_IA`
    StandardIa,
    /// `ONEZONE_IA`
    OnezoneIa,
    /// `INTELLIGENT_TIERING`
    IntelligentTiering,
    /// `GLACIER_IR`
    GlacierIr,
    /// `GLACIER`
    Glacier,
    /// `DEEP_ARCHIVE`
    DeepArchive,
}

impl StorageClass {
    const ALL: [Self; 8] = [
        Self::Standard,
        Self::ReducedRedundancy,
        Self::StandardIa,
        Self::OnezoneIa,
        Self::IntelligentTiering,
        Self::GlacierIr,
        Self::Glacier,
        Self::DeepArchive,
    ];

    /// The value as the AWS API spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "STANDARD",
            Self::ReducedRedundancy => "REDUCED_REDUNDANCY",
            Self::StandardIa => "STANDARD_IA",
            Self::OnezoneIa => "ONEZONE_IA",
            Self::IntelligentTiering => "INTELLIGENT_TIERING",
            Self::GlacierIr => "GLACIER_IR",
            Self::Glacier => "GLACIER",
            Self::DeepArchive => "DEEP_ARCHIVE",
        }
    }
}

/// The `Destination` of a request as it was written, before the defaults are filled in.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) bucket: Option<String>,
    pub(super) key: Option<String>,
    pub(super) tags: Vec<(String, String)>,
    pub(super) metadata: Vec<(String, String)>,
    pub(super) storage_class: Option<StorageClass>,
}

pub(super) const FIELDS: [&str; 5] = ["Bucket", "Key", "Tags", "Metadata", "StorageClass"];

/// Reads `Destination`.
pub(super) fn read(reader: &mut Reader<'_>, object: &Object<'_>) -> Written {
    let bucket = reader.string(object, "Bucket").map(str::to_owned);
    if let Some(fault) = bucket.as_deref().and_then(check_bucket) {
        let value = shown_text(bucket.as_deref().unwrap_or_default());
        reader.fault(object.path_of("Bucket"), format!("{value} {fault}"));
    }
    let key = reader.string(object, "Key").map(str::to_owned);
    if let Some(fault) = key.as_deref().and_then(check_key) {
        let value = shown_text(key.as_deref().unwrap_or_default());
        reader.fault(object.path_of("Key"), format!("{value} {fault}"));
    }
    Written {
        tags: tags(reader, object),
        metadata: metadata(reader, object),
        storage_class: reader.choice(object, "StorageClass", &StorageClass::ALL, StorageClass::as_str),
        bucket,
        key,
    }
}

fn tags(reader: &mut Reader<'_>, object: &Object<'_>) -> Vec<(String, String)> {
    let tags = reader.string_map(object, "Tags");
    let path = object.path_of("Tags");
    if tags.len() > MAX_TAGS {
        reader.fault(
            &path,
            format!("has {} tags; an S3 object has {MAX_TAGS} at most", tags.len()),
        );
    }
    for (key, value) in &tags {
        let length = key.chars().count();
        if length == 0 || length > MAX_TAG_KEY {
            reader.fault(
                &path,
                format!(
                    "the key {} must have 1 to {MAX_TAG_KEY} characters",
                    shown_text(key)
                ),
            );
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            reader.fault(
                &path,
                format!(
                    "the key {} starts with aws:, which S3 keeps for itself",
                    shown_text(key)
                ),
            );
        }
        if value.chars().count() > MAX_TAG_VALUE {
            reader.fault(
                &path,
                format!(
                    "the value of {} has more than {MAX_TAG_VALUE} characters",
                    shown_text(key)
                ),
            );
        }
        for (what, text) in [("key", key), ("value of", value)] {
            if let Some(odd) = text.chars().find(|c| !is_tag_char(*c)) {
                // What a tag says is nobody's who reads the log.
                reader.fault(
                    &path,
                    format!(
                        "the {what} {} holds {odd:?}; S3 tags take letters, digits, spaces and + - = . _ : / @",
                        shown_text(key)
                    ),
                );
            }
        }
    }
    tags
}

fn is_tag_char(c: char) -> bool {
    c.is_alphanumeric() || c == ' ' || "+-=._:/@".contains(c)
}

/// User metadata travels in HTTP headers: names are tokens (RFC 9110, 5.6.2) in lower case, values
/// are printable ASCII without spaces at the ends, because S3 would hand anything else back changed.
fn metadata(reader: &mut Reader<'_>, object: &Object<'_>) -> Vec<(String, String)> {
    let written = reader.string_map(object, "Metadata");
    let path = object.path_of("Metadata");
    let mut pairs: Vec<(String, String)> = Vec::with_capacity(written.len());
    let mut seen = HashSet::with_capacity(written.len());
    let bytes: usize = written
        .iter()
        .map(|(name, value)| name.len().saturating_add(value.len()))
        .sum();
    if bytes > MAX_METADATA_BYTES {
        reader.fault(&path, format!("has {bytes} bytes; S3 takes {MAX_METADATA_BYTES}"));
    }
    for (name, value) in written {
        let shown = shown_text(&name);
        if name.is_empty() || !name.bytes().all(is_token_byte) {
            reader.fault(
                &path,
                format!("the name {shown} must be made of letters, digits and !#$%&'*+-.^_`|~"),
            );
        }
        let lower = name.to_ascii_lowercase();
        if lower.starts_with(OWN_METADATA_PREFIX) {
            reader.fault(
                &path,
                format!(
                    "the name {shown} starts with {OWN_METADATA_PREFIX}, which this function writes itself"
                ),
            );
        }
        if !seen.insert(lower.clone()) {
            reader.fault(
                &path,
                format!("the name {shown} appears twice; case does not count"),
            );
        }
        if !value.bytes().all(|byte| (b' '..=b'~').contains(&byte)) || value.trim() != value {
            reader.fault(
                &path,
                format!("the value of {shown} must be printable ASCII without spaces at its ends"),
            );
        }
        pairs.push((lower, value));
    }
    pairs
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// What is wrong with a bucket name, if anything.
///
/// Source: S3 user guide, "General purpose bucket naming rules". Names that end in `--x-s3` or
/// `--table-s3` belong to other kinds of bucket, which have other semantics for conditional writes.
pub fn check_bucket(name: &str) -> Option<&'static str> {
    const RESERVED_START: [&str; 3] = ["xn--", "sthree-", "amzn-s3-demo-"];
    const RESERVED_END: [&str; 5] = ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"];
    let bytes = name.as_bytes();
    if !(3..=63).contains(&bytes.len()) {
        return Some("must have 3 to 63 characters to be the name of an S3 bucket");
    }
    if !bytes
        .iter()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-'))
    {
        return Some(
            "must be made of lower-case letters, digits, dots and hyphens to be the name of an S3 bucket",
        );
    }
    let ends = [bytes.first(), bytes.last()];
    if !ends.iter().flatten().all(|byte| byte.is_ascii_alphanumeric()) {
        return Some("must begin and end with a letter or a digit to be the name of an S3 bucket");
    }
    if name.contains("..") {
        return Some("must not have two dots in a row to be the name of an S3 bucket");
    }
    if name.parse::<std::net::Ipv4Addr>().is_ok() {
        return Some("is an IP address, which S3 refuses as the name of a bucket");
    }
    if RESERVED_START.iter().any(|start| name.starts_with(start))
        || RESERVED_END.iter().any(|end| name.ends_with(end))
    {
        return Some("has a prefix or suffix that S3 keeps for itself; name a general purpose bucket");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_names_follow_the_rules_of_s3() {
        for name in ["abc", "clips", "my.clips-2026", "1clip", &"a".repeat(63)] {
            assert_eq!(check_bucket(name), None, "{name}");
        }
        for name in [
            "ab",
            "Clips",
            "clips_1",
            "-clips",
            "clips.",
            "a..b",
            "192.168.5.4",
            "xn--clips",
            "clips--x-s3",
            "clips-s3alias",
            &"a".repeat(64),
        ] {
            assert!(check_bucket(name).is_some(), "{name}");
        }
    }
}
