//! One object on its way into S3: parts, checksum, and the choice between completing and abandoning.

use std::time::{Duration, SystemTime};

use aws_sdk_s3::operation::complete_multipart_upload::CompleteMultipartUploadOutput;
use aws_sdk_s3::operation::put_object::PutObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumType, CompletedMultipartUpload, CompletedPart, ServerSideEncryption};
use bytes::{Bytes, BytesMut};
use crc_fast::CrcAlgorithm::Crc64Nvme;
use tokio::task::JoinSet;

use super::size::{MAX_PARTS, part_bytes};
use super::{Store, Stored, Target, UploadError};

/// How long S3 may take to put an object together from its parts. It keeps the connection alive
/// with white space meanwhile. Source: S3 API reference, `CompleteMultipartUpload`.
const COMPLETE_TIMEOUT: Duration = Duration::from_secs(300);

/// An object on its way.
///
/// Call [`write`](Self::write) for every piece, then [`complete`](Self::complete). Whatever fails,
/// and whenever a future of either is dropped, call [`abandon`](Self::abandon): dropping an upload
/// sends nothing, and S3 would keep its parts, and bill them.
#[derive(Debug)]
pub struct Upload {
    pub(super) store: Store,
    pub(super) target: Target,
    pub(super) part_bytes: usize,
    /// The part that is being filled.
    filling: BytesMut,
    in_flight: JoinSet<Result<Part, UploadError>>,
    sent: Vec<Part>,
    parts: usize,
    /// Bytes taken so far.
    position: u64,
    /// CRC-64/NVME of the parts cut so far.
    checksum: u64,
    pub(super) state: State,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// S3 knows nothing yet.
    Local,
    /// `CreateMultipartUpload` is on its way; S3 may or may not have made an upload.
    Creating { since: SystemTime },
    /// There is a multipart upload.
    Open { upload_id: String },
    /// The object is being made; it may or may not be there.
    Landing { upload_id: Option<String> },
    /// The object is there, or everything is cleaned up.
    Settled,
}

#[derive(Debug, Clone)]
struct Part {
    number: usize,
    bytes: usize,
    etag: Option<String>,
    checksum: String,
}

impl Upload {
    pub(super) fn new(store: Store, target: Target) -> Self {
        Self {
            part_bytes: part_bytes(store.transfer.part_bytes, target.expected_bytes).get(),
            store,
            target,
            filling: BytesMut::new(),
            in_flight: JoinSet::new(),
            sent: Vec::new(),
            parts: 0,
            position: 0,
            checksum: 0,
            state: State::Local,
        }
    }

    /// Bytes taken so far: the offset at which the next piece has to start.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Whether the object may be there although nobody said so: the call that makes it was sent
    /// and its answer did not come.
    #[must_use]
    pub fn may_have_landed(&self) -> bool {
        matches!(self.state, State::Landing { .. })
    }

    /// Takes the piece that starts at `offset`. Waits while as many parts are on their way as may
    /// be; memory never grows beyond the formula of this module.
    ///
    /// # Errors
    ///
    /// If the piece does not continue the object, or a part could not be sent.
    pub async fn write(&mut self, offset: u64, mut piece: Bytes) -> Result<(), UploadError> {
        if offset != self.position {
            return Err(UploadError::Position {
                expected: self.position,
                actual: offset,
            });
        }
        while !piece.is_empty() {
            // A full part is sent only when more follows: what fits into one part needs no
            // multipart upload at all.
            if self.filling.len() == self.part_bytes {
                self.send_part().await?;
            }
            if self.filling.capacity() == 0 {
                self.filling.reserve(self.part_bytes);
            }
            let room = self.part_bytes.saturating_sub(self.filling.len());
            let taken = piece.split_to(room.min(piece.len()));
            self.filling.extend_from_slice(&taken);
            self.position = self.position.saturating_add(taken.len() as u64);
        }
        Ok(())
    }

    /// Makes the object out of all that was written, and compares what S3 then holds with what was sent.
    ///
    /// # Errors
    ///
    /// If a part could not be sent, or S3 refuses: [`UploadError::is_taken`] when there is an object
    /// at the key.
    pub async fn complete(&mut self) -> Result<Stored, UploadError> {
        let stored = if self.parts == 0 {
            self.put().await?
        } else {
            self.put_together().await?
        };
        self.state = State::Settled;
        Ok(stored)
    }

    /// Gives the upload up and removes what there is of it in S3.
    ///
    /// # Errors
    ///
    /// If S3 did not confirm that nothing is left. The bucket's lifecycle rule for unfinished
    /// uploads has to clean up then.
    pub async fn abandon(&mut self) -> Result<(), UploadError> {
        self.in_flight.shutdown().await;
        self.filling = BytesMut::new();
        match self.state.clone() {
            State::Local | State::Settled | State::Landing { upload_id: None } => {}
            State::Creating { since } => self.abort_created_since(since).await?,
            State::Open { upload_id }
            | State::Landing {
                upload_id: Some(upload_id),
            } => self.abort(&upload_id).await?,
        }
        self.state = State::Settled;
        Ok(())
    }

    async fn send_part(&mut self) -> Result<(), UploadError> {
        let upload_id = match &self.state {
            State::Open { upload_id } => upload_id.clone(),
            _ => self.create().await?,
        };
        while self.in_flight.len() >= self.store.transfer.uploads.get() {
            self.landed().await?;
        }
        let body = std::mem::take(&mut self.filling).freeze();
        let number = self.parts.saturating_add(1);
        if number > MAX_PARTS {
            return Err(UploadError::TooManyParts {
                part_bytes: self.part_bytes,
            });
        }
        let checksum = crc_fast::checksum(Crc64Nvme, &body);
        self.checksum = self.extended_checksum(checksum, body.len());
        self.parts = number;
        let sending = send_part(
            self.store.clone(),
            self.target.clone(),
            upload_id,
            number,
            body,
            base64(checksum),
        );
        self.in_flight.spawn(sending);
        Ok(())
    }

    /// Waits for one part to have been sent.
    async fn landed(&mut self) -> Result<(), UploadError> {
        match self.in_flight.join_next().await {
            None => Ok(()),
            Some(Ok(part)) => {
                self.sent.push(part?);
                Ok(())
            }
            Some(Err(lost)) => Err(UploadError::PartLost {
                source: Box::new(lost),
            }),
        }
    }

    fn extended_checksum(&self, of_part: u64, bytes: usize) -> u64 {
        if self.parts == 0 {
            of_part
        } else {
            crc_fast::checksum_combine(Crc64Nvme, self.checksum, of_part, bytes as u64)
        }
    }

    async fn put(&mut self) -> Result<Stored, UploadError> {
        let body = std::mem::take(&mut self.filling).freeze();
        let bytes = body.len();
        self.checksum = crc_fast::checksum(Crc64Nvme, &body);
        let destination = &self.target.destination;
        let keeping = &self.store.keeping;
        self.state = State::Landing { upload_id: None };
        let put = self
            .store
            .client
            .put_object()
            .bucket(&destination.bucket)
            .key(&destination.key)
            .content_type(&self.target.content_type)
            .content_length(i64::try_from(bytes).unwrap_or(i64::MAX))
            .set_metadata(Some(self.target.metadata.iter().cloned().collect()))
            .set_tagging(self.target.tagging())
            .set_storage_class(destination.storage_class.map(|class| class.as_str().into()))
            .set_server_side_encryption(keeping.kms_key_id.as_ref().map(|_| ServerSideEncryption::AwsKms))
            .set_ssekms_key_id(keeping.kms_key_id.clone())
            .set_expected_bucket_owner(keeping.bucket_owner.clone())
            .set_if_none_match(self.if_none_match())
            .checksum_crc64_nvme(base64(self.checksum))
            .body(ByteStream::from(body))
            .customize()
            .config_override(self.store.part_timeout(bytes));
        let put = if self.store.sign_payload {
            put
        } else {
            put.disable_payload_signing()
        };
        let output: PutObjectOutput = put
            .send()
            .await
            .map_err(|error| UploadError::of("PutObject", error))?;
        self.verified(output.checksum_crc64_nvme, output.e_tag, output.version_id)
    }

    async fn put_together(&mut self) -> Result<Stored, UploadError> {
        if !self.filling.is_empty() {
            self.send_part().await?;
        }
        while !self.in_flight.is_empty() {
            self.landed().await?;
        }
        let State::Open { upload_id } = self.state.clone() else {
            return Err(self.incomplete());
        };
        self.sent.sort_unstable_by_key(|part| part.number);
        let bytes: u64 = self.sent.iter().map(|part| part.bytes as u64).sum();
        let consecutive = self
            .sent
            .iter()
            .zip(1..)
            .all(|(part, number)| part.number == number);
        if self.sent.len() != self.parts || !consecutive || bytes != self.position {
            return Err(self.incomplete());
        }
        let parts = self.sent.iter().map(|part| {
            CompletedPart::builder()
                .part_number(i32::try_from(part.number).unwrap_or(i32::MAX))
                .set_e_tag(part.etag.clone())
                .checksum_crc64_nvme(&part.checksum)
                .build()
        });
        let parts = CompletedMultipartUpload::builder()
            .set_parts(Some(parts.collect()))
            .build();
        self.state = State::Landing {
            upload_id: Some(upload_id.clone()),
        };
        let output: CompleteMultipartUploadOutput = self
            .store
            .client
            .complete_multipart_upload()
            .bucket(&self.target.destination.bucket)
            .key(&self.target.destination.key)
            .upload_id(upload_id)
            .multipart_upload(parts)
            .checksum_crc64_nvme(base64(self.checksum))
            .checksum_type(ChecksumType::FullObject)
            .mpu_object_size(i64::try_from(self.position).unwrap_or(i64::MAX))
            .set_if_none_match(self.if_none_match())
            .set_expected_bucket_owner(self.store.keeping.bucket_owner.clone())
            .customize()
            .config_override(self.store.attempt_timeout(COMPLETE_TIMEOUT))
            .send()
            .await
            .map_err(|error| UploadError::of("CompleteMultipartUpload", error))?;
        self.verified(output.checksum_crc64_nvme, output.e_tag, output.version_id)
    }

    fn incomplete(&self) -> UploadError {
        UploadError::Evidence {
            what: "parts",
            sent: format!("{} ({} bytes)", self.parts, self.position),
            held: self.sent.len().to_string(),
        }
    }

    fn if_none_match(&self) -> Option<String> {
        (!self.target.overwrite).then(|| "*".to_owned())
    }

    fn verified(
        &self,
        held: Option<String>,
        etag: Option<String>,
        version_id: Option<String>,
    ) -> Result<Stored, UploadError> {
        let sent = base64(self.checksum);
        if let Some(held) = held.filter(|held| *held != sent) {
            return Err(UploadError::Evidence {
                what: "CRC-64/NVME",
                sent,
                held,
            });
        }
        Ok(Stored {
            size_bytes: self.position,
            etag,
            version_id,
            checksum_crc64nvme: Some(sent),
        })
    }
}

async fn send_part(
    store: Store,
    target: Target,
    upload_id: String,
    number: usize,
    body: Bytes,
    checksum: String,
) -> Result<Part, UploadError> {
    let bytes = body.len();
    let part = store
        .client
        .upload_part()
        .bucket(&target.destination.bucket)
        .key(&target.destination.key)
        .upload_id(upload_id)
        .part_number(i32::try_from(number).unwrap_or(i32::MAX))
        .content_length(i64::try_from(bytes).unwrap_or(i64::MAX))
        .checksum_crc64_nvme(&checksum)
        .set_expected_bucket_owner(store.keeping.bucket_owner.clone())
        .body(ByteStream::from(body))
        .customize()
        .config_override(store.part_timeout(bytes));
    let part = if store.sign_payload {
        part
    } else {
        part.disable_payload_signing()
    };
    let output = part
        .send()
        .await
        .map_err(|error| UploadError::of("UploadPart", error))?;
    tracing::info!(number, bytes, "part uploaded");
    Ok(Part {
        number,
        bytes,
        etag: output.e_tag,
        checksum,
    })
}

/// A checksum as S3 writes it: big-endian bytes in Base64.
fn base64(checksum: u64) -> String {
    aws_smithy_types::base64::encode(checksum.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_of_parts_make_the_checksum_of_the_whole() {
        let bytes: Vec<u8> = (0..100_000u32).flat_map(u32::to_be_bytes).collect();
        let whole = crc_fast::checksum(Crc64Nvme, &bytes);
        let combined = bytes.chunks(70_001).fold(None, |sum, part| {
            let part_sum = crc_fast::checksum(Crc64Nvme, part);
            Some(sum.map_or(part_sum, |sum| {
                crc_fast::checksum_combine(Crc64Nvme, sum, part_sum, part.len() as u64)
            }))
        });
        assert_eq!(combined, Some(whole));
    }

    #[test]
    fn the_checksum_is_the_one_that_s3_names() {
        // The check value of CRC-64/NVME for "123456789", AE8B14860A799888, in the form of the header.
        assert_eq!(
            base64(crc_fast::checksum(Crc64Nvme, b"123456789")),
            "rosUhgp5mIg="
        );
    }
}
