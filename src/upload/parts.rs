//! One object on its way into S3: parts, checksum, and making the object out of them.

use std::time::SystemTime;

use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::{Bytes, BytesMut};
use crc_fast::CrcAlgorithm::Crc64Nvme;
use tokio::task::{JoinHandle, JoinSet};
use tracing::Instrument;

use super::calls::{base64, put, put_together, send_part};
use super::size::{MAX_PARTS, part_bytes};
use super::{Store, Stored, Target, UploadError};

/// An object on its way.
///
/// Call [`write`](Self::write) for every piece, then [`complete`](Self::complete). Whatever fails,
/// and whenever a future of either is dropped, call [`finish`](Self::finish) if the upload
/// [`is_landing`](Self::is_landing), and then [`abandon`](Self::abandon): dropping an upload sends
/// nothing, and S3 would keep its parts, and bill them.
#[derive(Debug)]
pub struct Upload {
    pub(super) store: Store,
    pub(super) target: Target,
    pub(super) part_bytes: usize,
    /// The part that is being filled.
    pub(super) filling: BytesMut,
    pub(super) in_flight: JoinSet<Result<(Part, Bytes), UploadError>>,
    sent: Vec<Part>,
    /// Memory of parts that have been sent, for those to come: allocating megabytes anew for each part
    /// leaves the allocator with holes that no formula bounds.
    spare: Vec<BytesMut>,
    parts: usize,
    /// Bytes taken so far.
    position: u64,
    /// CRC-64/NVME of the parts cut so far.
    checksum: u64,
    /// A `CreateMultipartUpload` of which it is not known what came of it.
    pub(super) creation: Option<Creation>,
    /// The multipart upload, while it is neither completed nor aborted.
    pub(super) upload_id: Option<String>,
    pub(super) landing: Landing,
}

/// A `CreateMultipartUpload` of which it is not known what came of it.
#[derive(Debug)]
pub(super) enum Creation {
    /// Its answer is awaited. The call runs by itself, so that dropping whoever waits for it loses no
    /// upload.
    Awaited {
        task: JoinHandle<Result<String, UploadError>>,
        since: SystemTime,
    },
    /// Its answer did not come, and nobody has looked yet whether there is an upload.
    Unconfirmed { since: SystemTime },
}

/// How far the object is from being there.
#[derive(Debug)]
pub(super) enum Landing {
    /// The call that makes it was not sent.
    NotBegun,
    /// The call is on its way. It runs by itself, as that of a [`Creation`].
    Pending(JoinHandle<Result<Held, UploadError>>),
    /// The call failed; the object may be there all the same.
    Failed,
    /// S3 has said that the object is there.
    Done,
}

/// What S3 says of an object that it has just made.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) checksum: Option<String>,
    pub(super) etag: Option<String>,
    pub(super) version_id: Option<String>,
}

#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) number: usize,
    pub(super) bytes: usize,
    pub(super) etag: Option<String>,
    pub(super) checksum: String,
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
            spare: Vec::new(),
            parts: 0,
            position: 0,
            checksum: 0,
            creation: None,
            upload_id: None,
            landing: Landing::NotBegun,
        }
    }

    /// Bytes taken so far: the offset at which the next piece has to start.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Id of the multipart upload, if there is one in S3.
    #[must_use]
    pub fn upload_id(&self) -> Option<&str> {
        self.upload_id.as_deref()
    }

    /// Whether the call that makes the object is on its way.
    #[must_use]
    pub fn is_landing(&self) -> bool {
        matches!(self.landing, Landing::Pending(_))
    }

    /// Whether the object may be there although nobody said so: the call that makes it was sent
    /// and its answer did not come.
    #[must_use]
    pub fn may_have_landed(&self) -> bool {
        matches!(self.landing, Landing::Pending(_) | Landing::Failed)
    }

    /// Whether `stored` is, by size and checksum, the object that this upload was to make.
    #[must_use]
    pub fn made(&self, stored: &Stored) -> bool {
        let same = |held: &String| *held == base64(self.checksum);
        self.may_have_landed()
            && stored.size_bytes == self.position
            && stored.checksum_crc64nvme.as_ref().is_none_or(same)
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
                self.filling = self.spare.pop().unwrap_or_default();
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
        let call = if self.parts == 0 {
            let body = self.whole();
            tokio::spawn(put(self.store.clone(), self.target.clone(), body).in_current_span())
        } else {
            let parts = self.all_parts().await?;
            let upload_id = self.upload_id.clone().ok_or_else(|| self.incomplete())?;
            let (store, target) = (self.store.clone(), self.target.clone());
            tokio::spawn(
                put_together(
                    store,
                    target,
                    upload_id,
                    parts,
                    self.position,
                    base64(self.checksum),
                )
                .in_current_span(),
            )
        };
        self.landing = Landing::Pending(call);
        self.finish().await
    }

    /// Waits for the call that makes the object.
    ///
    /// # Errors
    ///
    /// As [`complete`](Self::complete).
    pub async fn finish(&mut self) -> Result<Stored, UploadError> {
        let Landing::Pending(call) = &mut self.landing else {
            return Err(self.incomplete());
        };
        let held = call.await.unwrap_or_else(|lost| {
            Err(UploadError::TaskLost {
                source: Box::new(lost),
            })
        });
        self.landing = if held.is_ok() {
            Landing::Done
        } else {
            Landing::Failed
        };
        let held = held?;
        self.upload_id = None;
        self.verified(held)
    }

    async fn send_part(&mut self) -> Result<(), UploadError> {
        let upload_id = match &self.upload_id {
            Some(upload_id) => upload_id.clone(),
            None => self.create().await?,
        };
        while self.in_flight.len() >= self.store.transfer.uploads.get() {
            self.arrived().await?;
        }
        let number = self.parts.saturating_add(1);
        if number > MAX_PARTS {
            return Err(UploadError::TooManyParts {
                part_bytes: self.part_bytes,
            });
        }
        let body = std::mem::take(&mut self.filling).freeze();
        let checksum = crc_fast::checksum(Crc64Nvme, &body);
        self.checksum = match self.parts {
            0 => checksum,
            _ => crc_fast::checksum_combine(Crc64Nvme, self.checksum, checksum, body.len() as u64),
        };
        self.parts = number;
        let sending = send_part(
            self.store.clone(),
            self.target.clone(),
            upload_id,
            number,
            body,
            base64(checksum),
        );
        self.in_flight.spawn(sending.in_current_span());
        Ok(())
    }

    /// Waits for one part to have been sent.
    async fn arrived(&mut self) -> Result<(), UploadError> {
        match self.in_flight.join_next().await {
            None => Ok(()),
            Some(Ok(sent)) => {
                let (part, body) = sent?;
                self.sent.push(part);
                if let Ok(mut memory) = body.try_into_mut() {
                    memory.clear();
                    self.spare.push(memory);
                }
                Ok(())
            }
            Some(Err(lost)) => Err(UploadError::TaskLost {
                source: Box::new(lost),
            }),
        }
    }

    /// The body of an object that fits into one part.
    fn whole(&mut self) -> Bytes {
        let body = std::mem::take(&mut self.filling).freeze();
        self.checksum = crc_fast::checksum(Crc64Nvme, &body);
        body
    }

    /// Sends what is left and waits for all parts; what completes the upload is the proof that none is missing.
    async fn all_parts(&mut self) -> Result<CompletedMultipartUpload, UploadError> {
        if !self.filling.is_empty() {
            self.send_part().await?;
        }
        while !self.in_flight.is_empty() {
            self.arrived().await?;
        }
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
        Ok(CompletedMultipartUpload::builder()
            .set_parts(Some(parts.collect()))
            .build())
    }

    fn incomplete(&self) -> UploadError {
        UploadError::PartsMissing {
            cut: self.parts,
            sent: self.sent.len(),
        }
    }

    /// S3 has checked the checksum that it was sent; that it holds another is a defect of S3 or of this
    /// function, and the object is there. It is named in the log, for a person to remove.
    fn verified(&self, held: Held) -> Result<Stored, UploadError> {
        let sent = base64(self.checksum);
        match &held.checksum {
            None => tracing::warn!(sent, "S3 has not said which checksum it holds"),
            Some(checksum) if *checksum != sent => {
                let destination = &self.target.destination;
                tracing::error!(
                    bucket = destination.bucket,
                    key = destination.key,
                    version_id = held.version_id,
                    "an object with another checksum than was sent is there; remove it"
                );
                return Err(UploadError::Evidence {
                    what: "CRC-64/NVME",
                    sent,
                    held: checksum.clone(),
                });
            }
            Some(_) => {}
        }
        Ok(Stored {
            size_bytes: self.position,
            etag: held.etag,
            version_id: held.version_id,
            checksum_crc64nvme: held.checksum,
        })
    }
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

    /// What S3 says it holds is believed over what was sent.
    #[tokio::test]
    async fn a_checksum_that_differs_is_no_success() {
        let (sdk, _) = crate::sdk::load(|_| None).await;
        let config = crate::config::Config::from_variables(|_| None).expect("defaults");
        let event = r#"{"StreamName": "gate", "Destination": {"Bucket": "clips"}, "ClipFragmentSelector":
            {"Around": {"Timestamp": 1, "BeforeSeconds": 0, "AfterSeconds": 1}}}"#;
        let mut defaults = config.defaults.clone();
        defaults.bucket = Some("clips".to_owned());
        let request = crate::event::ExportRequest::parse(event, &defaults).expect("a request");
        let walls = crate::walls::Walls::new(None);
        let target = Target::of(&request, "id", "video/mp4".to_owned(), 100, walls);
        let mut upload = Upload::new(Store::new(&sdk, config.transfer, config.keeping), target);
        upload
            .write(0, Bytes::from_static(b"123456789"))
            .await
            .expect("room");
        let _ = upload.whole();
        let held = |checksum: &str| Held {
            checksum: Some(checksum.to_owned()),
            etag: None,
            version_id: None,
        };
        assert!(upload.verified(held("rosUhgp5mIg=")).is_ok());
        assert!(matches!(
            upload.verified(held("AAAAAAAAAAA=")),
            Err(UploadError::Evidence { .. })
        ));
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
