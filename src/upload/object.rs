//! Objects: what one is to become, and what one is.

use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::event::{Destination, ExportRequest, IfExists};
use crate::walls::Walls;

/// What an object is to become.
#[derive(Debug, Clone)]
pub struct Target {
    /// Bucket, key, tags and storage class.
    pub destination: Destination,
    /// All user metadata, the function's own included.
    pub metadata: Vec<(String, String)>,
    /// Media type.
    pub content_type: String,
    /// What of an object at the key may be replaced.
    pub replaces: Replaces,
    /// Bytes that the object will have at most; decides the size of its parts.
    pub expected_bytes: u64,
    /// When to stop trying.
    pub walls: Walls,
}

/// What an object may replace. S3 sees to it when the object is made, whoever writes to the key meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replaces {
    /// Nothing: the key has to be free (`If-None-Match: *`).
    Nothing,
    /// Only the object with this `ETag` (`If-Match`). Source: S3 user guide, "Conditional writes".
    Only(String),
    /// Whatever is there.
    Anything,
}

impl Target {
    /// The object that a request asks for, written by the export `export_id`.
    #[must_use]
    pub fn of(
        request: &ExportRequest,
        export_id: &str,
        content_type: String,
        expected_bytes: u64,
        walls: Walls,
    ) -> Self {
        Self {
            destination: request.destination.clone(),
            metadata: request.object_metadata(export_id),
            content_type,
            replaces: match request.if_exists {
                IfExists::Overwrite => Replaces::Anything,
                IfExists::Skip | IfExists::Fail => Replaces::Nothing,
            },
            expected_bytes,
            walls,
        }
    }

    /// The same under another key: one of several objects that a request makes.
    #[must_use]
    pub fn with_key(mut self, key: String) -> Self {
        self.destination.key = key;
        self
    }

    /// The same with further user metadata. S3 takes 2 KB of it in all.
    #[must_use]
    pub fn with_metadata(mut self, pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        self.metadata.extend(pairs);
        self
    }

    /// Value of `x-amz-tagging`: the tags as the query part of a URL.
    pub(super) fn tagging(&self) -> Option<String> {
        /// RFC 3986's unreserved characters need no escape.
        const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
            .remove(b'-')
            .remove(b'.')
            .remove(b'_')
            .remove(b'~');
        let pairs: Vec<String> = self
            .destination
            .tags
            .iter()
            .map(|(key, value)| {
                format!(
                    "{}={}",
                    utf8_percent_encode(key, ESCAPED),
                    utf8_percent_encode(value, ESCAPED)
                )
            })
            .collect();
        (!pairs.is_empty()).then(|| pairs.join("&"))
    }
}

/// An object that S3 holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Bytes.
    pub size_bytes: u64,
    /// Entity tag; of a multipart upload it is no MD5 of the object.
    pub etag: Option<String>,
    /// Version, in a bucket that keeps versions.
    pub version_id: Option<String>,
    /// CRC-64/NVME over the whole object: eight bytes, big-endian, in Base64.
    pub checksum_crc64nvme: Option<String>,
}

/// An object that was there already.
#[derive(Debug, Clone)]
pub struct Existing {
    /// What S3 holds.
    pub stored: Stored,
    /// Its user metadata.
    pub metadata: Vec<(String, String)>,
    /// Media type.
    pub content_type: Option<String>,
    /// When it was written, in seconds since 1970.
    pub last_modified: Option<i64>,
}

impl Existing {
    /// Its user metadata, name by name.
    pub fn metadata(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.metadata.iter();
        pairs.map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl From<HeadObjectOutput> for Existing {
    fn from(output: HeadObjectOutput) -> Self {
        Self {
            stored: Stored {
                size_bytes: output
                    .content_length
                    .and_then(|length| u64::try_from(length).ok())
                    .unwrap_or(0),
                etag: output.e_tag,
                version_id: output.version_id,
                checksum_crc64nvme: output.checksum_crc64_nvme,
            },
            content_type: output.content_type,
            last_modified: output.last_modified.map(|time| time.secs()),
            metadata: output.metadata.unwrap_or_default().into_iter().collect(),
        }
    }
}
