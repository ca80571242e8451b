//! One object on its way into S3: parts, checksum, and making the object out of them.

use std::time::SystemTime;

use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::{Bytes, BytesMut};
use tokio::task::{JoinHandle, JoinSet};
use tracing::Instrument;

use super::calls::{put, put_together, send_part};
use super::content::{Content, Digested, Sum};
use super::first::First;
use super::size::{MAX_PARTS, part_bytes};
use super::{Store, Stored, Target, UploadError};

/// An object on its way.
///
/// Call [`write`](Self::write) for every piece, then [`complete`](Self::complete). Where something has
/// to stand before the pieces that is known only after them, call [`hold_first`](Self::hold_first)
/// before the first piece and [`seal`](Self::seal) after the last. Whatever fails, and whenever a
/// future of these is dropped, call [`finish`](Self::finish) if the upload
/// [`is_landing`](Self::is_landing), and then [`abandon`](Self::abandon): dropping an upload sends
/// nothing, and S3 would keep its parts, and bill them.
#[derive(Debug)]
pub struct Upload {
    pub(super) store: Store,
    pub(super) target: Target,
    pub(super) part_bytes: usize,
    /// The part that is being filled.
    pub(super) filling: BytesMut,
    pub(super) in_flight: JoinSet<Result<(Part, Content), UploadError>>,
    sent: Vec<Part>,
    /// Memory of parts that have been sent, for those to come: allocating megabytes anew for each part
    /// leaves the allocator with holes that no formula bounds.
    pub(super) spare: Vec<BytesMut>,
    /// How part 1 comes about.
    pub(super) first: First,
    /// Parts cut so far, one that is held back among them.
    pub(super) parts: usize,
    /// Bytes taken so far.
    pub(super) position: u64,
    /// Of the parts cut so far in the order of their numbers, without one that is held back.
    pub(super) sum: Sum,
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
    pub(super) bytes: u64,
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
            first: First::InOrder,
            parts: 0,
            position: 0,
            sum: Sum::default(),
            creation: None,
            upload_id: None,
            landing: Landing::NotBegun,
        }
    }

    /// Bytes taken so far: the offset at which the next piece has to start. A head that comes last does
    /// not count, neither before nor after it is known.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Gives the object another media type. To be called before the first piece is written.
    pub fn called(&mut self, content_type: &str) {
        content_type.clone_into(&mut self.target.content_type);
    }

    /// Gives the object more user metadata. To be called before the first piece is written.
    pub fn note(&mut self, pair: (String, String)) {
        self.target.metadata.push(pair);
    }

    /// Has the object replace what is at its key. To be called before it is completed.
    pub fn overwrite(&mut self) {
        self.target.overwrite = true;
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
        let same = |held: &String| *held == self.sum.base64();
        self.may_have_landed()
            && stored.size_bytes == self.size()
            && stored.checksum_crc64nvme.as_ref().is_none_or(same)
    }

    /// Takes the piece that starts at `offset`. Waits while as many parts are on their way as may
    /// be; memory never grows beyond the formula of this module.
    ///
    /// # Errors
    ///
    /// If the piece does not continue the object, the upload is sealed, or a part could not be sent.
    pub async fn write(&mut self, offset: u64, mut piece: Bytes) -> Result<(), UploadError> {
        if offset != self.position {
            return Err(UploadError::Position {
                expected: self.position,
                actual: offset,
            });
        }
        self.hold(&mut piece)?;
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
    /// If a part could not be sent, the upload holds its first part back and is not sealed, or S3
    /// refuses: [`UploadError::is_taken`] when there is an object at the key.
    pub async fn complete(&mut self) -> Result<Stored, UploadError> {
        let whole = self.whole().await?;
        let (store, target) = (self.store.clone(), self.target.clone());
        let call = if let Some((content, digested)) = whole {
            tokio::spawn(put(store, target, content, digested).in_current_span())
        } else {
            let parts = self.all_parts().await?;
            let upload_id = self.upload_id.clone().ok_or_else(|| self.incomplete())?;
            tokio::spawn(put_together(store, target, upload_id, parts, self.sum).in_current_span())
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

    /// Cuts a part and sends it.
    pub(super) async fn send_part(&mut self) -> Result<(), UploadError> {
        let upload_id = self.room().await?;
        let number = self.parts.saturating_add(1);
        if number > MAX_PARTS {
            return Err(UploadError::TooManyParts {
                part_bytes: self.part_bytes,
            });
        }
        let content = Content::InMemory(std::mem::take(&mut self.filling).freeze());
        let digested = content.digest(self.store.sign_payload).await?;
        self.sum = self.sum.then(digested.sum);
        self.parts = number;
        self.send(upload_id, number, content, digested);
        Ok(())
    }

    /// Waits until another part may go on its way; the id of the upload that it belongs to.
    pub(super) async fn room(&mut self) -> Result<String, UploadError> {
        let upload_id = match &self.upload_id {
            Some(upload_id) => upload_id.clone(),
            None => self.create().await?,
        };
        while self.in_flight.len() >= self.store.transfer.uploads.get() {
            self.arrived().await?;
        }
        Ok(upload_id)
    }

    pub(super) fn send(&mut self, upload_id: String, number: usize, content: Content, digested: Digested) {
        let (store, target) = (self.store.clone(), self.target.clone());
        let sending = send_part(store, target, upload_id, number, content, digested);
        self.in_flight.spawn(sending.in_current_span());
    }

    /// Waits for one part to have been sent.
    pub(super) async fn arrived(&mut self) -> Result<(), UploadError> {
        match self.in_flight.join_next().await {
            None => Ok(()),
            Some(Ok(sent)) => {
                let (part, content) = sent?;
                self.sent.push(part);
                if let Some(mut memory) = content.into_memory() {
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

    /// The body of an object that goes up in one call.
    async fn whole(&mut self) -> Result<Option<(Content, Digested)>, UploadError> {
        match &mut self.first {
            First::Sealed { whole, .. } => Ok(whole.take()),
            First::Held(_) => Err(UploadError::OutOfOrder {
                step: "completed",
                rule: "after it was sealed",
            }),
            First::InOrder if self.parts > 0 => Ok(None),
            First::InOrder => {
                let content = Content::InMemory(std::mem::take(&mut self.filling).freeze());
                let digested = content.digest(self.store.sign_payload).await?;
                self.sum = digested.sum;
                Ok(Some((content, digested)))
            }
        }
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
        let bytes: u64 = self.sent.iter().map(|part| part.bytes).sum();
        let consecutive = self
            .sent
            .iter()
            .zip(1..)
            .all(|(part, number)| part.number == number);
        if self.sent.len() != self.parts || !consecutive || bytes != self.size() {
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

    /// Bytes of the object, as far as it is known.
    fn size(&self) -> u64 {
        self.position.saturating_add(self.first.head_bytes())
    }

    pub(super) fn incomplete(&self) -> UploadError {
        UploadError::PartsMissing {
            cut: self.parts,
            sent: self.sent.len(),
        }
    }

    /// S3 has checked the checksum that it was sent; that it holds another is a defect of S3 or of this
    /// function, and the object is there. It is named in the log, for a person to remove.
    fn verified(&self, held: Held) -> Result<Stored, UploadError> {
        let sent = self.sum.base64();
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
            size_bytes: self.size(),
            etag: held.etag,
            version_id: held.version_id,
            checksum_crc64nvme: held.checksum,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What S3 says it holds is believed over what was sent.
    #[tokio::test]
    async fn a_checksum_that_differs_is_no_success() {
        let (sdk, _) = crate::sdk::load(|_| None).await;
        let config = crate::config::Config::from_variables(|_| None).expect("defaults");
        let event = r#"{"StreamName": "gate", "Destination": {"Bucket": "clips"}, "ClipFragmentSelector":
            {"Around": {"Timestamp": 1, "BeforeSeconds": 0, "AfterSeconds": 1}}}"#;
        let mut defaults = config.defaults.clone();
        defaults.bucket = Some("clips".to_owned());
        let Ok(crate::event::Asked::Export(request)) =
            crate::event::Asked::read(event, &defaults, &crate::event::Home::default())
        else {
            panic!("a request")
        };
        let walls = crate::walls::Walls::new(None);
        let target = Target::of(&request, "id", "video/mp4".to_owned(), 100, walls);
        let mut upload = Upload::new(Store::new(&sdk, config.transfer, config.keeping), target);
        upload
            .write(0, Bytes::from_static(b"123456789"))
            .await
            .expect("room");
        let _ = upload.whole().await.expect("a body");
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
}
