//! What makes two requests the same clip, and how an object says which clip it is.

use sha2::{Digest, Sha256};

use super::ExportRequest;
use crate::plan::rfc3339;

/// Metadata name of the fingerprint.
pub(super) const FINGERPRINT: &str = "clip-fingerprint";

/// Metadata name of the export that wrote the object: the request id of the Lambda invocation, or the id of a message of a batch.
pub(super) const EXPORT_ID: &str = "clip-export-id";

/// Metadata name of the place that an object has among several of one clip.
const NUMBER: &str = "clip-number";

/// Bytes kept for the number: a clip has less than a million fragments, and so objects.
const NUMBER_BYTES: usize = 6;

/// Metadata name of what is known about the completeness of the clip.
const COVERAGE: &str = "clip-coverage";

/// Bytes of the longest word for it, `COMPLETE`.
const COVERAGE_BYTES: usize = 8;

/// Bytes of a Lambda request id, a UUID in text.
const EXPORT_ID_BYTES: usize = 36;

impl ExportRequest {
    /// SHA-256, in hexadecimal, over all that decides which media the clip holds: stream, selector,
    /// range and boundary. Two requests with one fingerprint ask for the same clip, wherever it goes.
    ///
    /// A stream by name and the same stream by ARN count as two: telling them apart costs an error
    /// that a person can read, taking them for one could hide that they are not.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        for line in [
            // A change of what the lines mean must change every fingerprint.
            "clip-export 1",
            self.stream.as_given(),
            self.selector.as_str(),
            &self.range.start().as_millisecond().to_string(),
            &self.range.end().as_millisecond().to_string(),
            self.boundary.as_str(),
        ] {
            hash.update(line.as_bytes());
            hash.update(b"\n");
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The user metadata of the object: what the request says, and ours, which tells a person and
    /// a later export what the object is. `export_id` is the same for each delivery of one trigger.
    #[must_use]
    pub fn object_metadata(&self, export_id: &str) -> Vec<(String, String)> {
        let mut metadata = self.destination.metadata.clone();
        metadata.extend(self.own_metadata().map(|(name, value)| (name.to_owned(), value)));
        metadata.push((EXPORT_ID.to_owned(), export_id.to_owned()));
        metadata
    }

    /// What [`Self::object_metadata`] lacks where the clip is several objects, counted from 1.
    #[must_use]
    pub fn numbered_metadata(number: usize) -> (String, String) {
        (NUMBER.to_owned(), number.to_string())
    }

    /// What [`Self::object_metadata`] lacks once it is known how complete the clip will be.
    #[must_use]
    pub fn coverage_metadata(coverage: &str) -> (String, String) {
        (COVERAGE.to_owned(), coverage.to_owned())
    }

    /// What the metadata of an object says about the completeness of its clip.
    pub fn coverage_of<'a>(metadata: impl IntoIterator<Item = (&'a str, &'a str)>) -> Option<&'a str> {
        let mut metadata = metadata.into_iter();
        metadata
            .find(|(name, _)| *name == COVERAGE)
            .map(|(_, value)| value)
    }

    /// Bytes that the metadata of an object takes at most, names and values together.
    pub(super) fn metadata_bytes(&self) -> usize {
        let own = self.own_metadata().map(|(name, value)| name.len() + value.len());
        let asked = self
            .destination
            .metadata
            .iter()
            .map(|(name, value)| name.len() + value.len());
        let later = [
            EXPORT_ID.len() + EXPORT_ID_BYTES,
            NUMBER.len() + NUMBER_BYTES,
            COVERAGE.len() + COVERAGE_BYTES,
        ];
        own.chain(asked).chain(later).sum()
    }

    fn own_metadata(&self) -> impl Iterator<Item = (&'static str, String)> {
        [
            ("clip-stream", self.stream.name().to_owned()),
            ("clip-start", rfc3339(self.range.start())),
            ("clip-end", rfc3339(self.range.end())),
            ("clip-selector", self.selector.as_str().to_owned()),
            ("clip-boundary", self.boundary.as_str().to_owned()),
            (FINGERPRINT, self.fingerprint()),
        ]
        .into_iter()
    }
}

/// Whose work an existing object is, read from its metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// This very export wrote it, and had the answer got lost or come late.
    ThisExport,
    /// An earlier or concurrent export of the same clip wrote it.
    SameClip,
    /// It is something else.
    Other,
}

impl Origin {
    /// Compares an object's metadata with a request, the export that serves it, and the number that the object would
    /// have among several: where keys of clips are like numbered keys of others, one of several objects would pass
    /// for the clip, or a whole clip for one of several.
    pub fn of<'a>(
        metadata: impl IntoIterator<Item = (&'a str, &'a str)>,
        request: &ExportRequest,
        export_id: &str,
        number: Option<usize>,
    ) -> Self {
        let (mut same_clip, mut same_export, mut found_number) = (false, false, None);
        for (name, value) in metadata {
            match name {
                FINGERPRINT => same_clip = value == request.fingerprint(),
                EXPORT_ID => same_export = value == export_id,
                NUMBER => found_number = Some(value),
                _ => {}
            }
        }
        same_clip &= found_number == number.map(|number| number.to_string()).as_deref();
        match (same_clip, same_export) {
            (true, true) => Self::ThisExport,
            (true, false) => Self::SameClip,
            (false, _) => Self::Other,
        }
    }
}
