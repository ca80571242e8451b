//! One object on its way into S3: what is written becomes parts, and the parts go up.

use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use tokio::task::{JoinHandle, JoinSet};
use tracing::Instrument;

use super::calls::send_part;
use super::content::{Content, Digested, Sum};
use super::first::First;
use super::landing::Landing;
use super::size::{MAX_PARTS, part_bytes};
use super::{Replaces, Store, Target, UploadError};

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
    pub(super) sent: Vec<Part>,
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

    /// Has the object replace the one at its key that has this `ETag`. To be called before it is completed.
    pub fn replace(&mut self, etag: String) {
        self.target.replaces = Replaces::Only(etag);
    }

    /// Id of the multipart upload, if there is one in S3.
    #[must_use]
    pub fn upload_id(&self) -> Option<&str> {
        self.upload_id.as_deref()
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

    /// Bytes of the object, as far as it is known.
    pub(super) fn size(&self) -> u64 {
        self.position.saturating_add(self.first.head_bytes())
    }

    pub(super) fn incomplete(&self) -> UploadError {
        UploadError::PartsMissing {
            cut: self.parts,
            sent: self.sent.len(),
        }
    }
}
