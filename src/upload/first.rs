//! Part 1 of an object whose head is known only at its end.
//!
//! S3 takes parts in any order, and only their numbers decide where they stand. So the beginning of
//! what is written is held back, the rest goes up as parts 2 to n, and part 1 goes last: the head, and
//! the beginning after it, which makes it as large as S3 wants a part that is not the last.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::UploadError;
use super::content::{Content, Digested, Head};
use super::parts::Upload;
use super::size::LEAST_PART;

/// How part 1 of an object comes about.
#[derive(Debug)]
pub(super) enum First {
    /// Like any other part.
    InOrder,
    /// Held back: the beginning of what is written.
    Held(BytesMut),
    /// Its head is known.
    Sealed {
        /// Bytes of the head.
        head: u64,
        /// The whole object, where it goes up in one call.
        whole: Option<(Content, Digested)>,
    },
}

impl First {
    pub(super) fn head_bytes(&self) -> u64 {
        match self {
            Self::Sealed { head, .. } => *head,
            Self::InOrder | Self::Held(_) => 0,
        }
    }
}

/// When an object that is sealed is going to be completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completes {
    /// At once: a small one goes up in a single call then, and is held in memory until then.
    AtOnce,
    /// When others are ready too: everything goes up before, and nothing of it is held in memory.
    WithOthers,
}

impl Upload {
    /// Holds the first 5 MiB of what will be written back for part 1, which
    /// [`seal`](Self::seal) sends with a head before it. To be called before the first piece is
    /// written; later it does nothing, and the upload cannot be sealed.
    pub fn hold_first(&mut self) {
        if let (First::InOrder, 0) = (&self.first, self.position) {
            self.first = First::Held(BytesMut::new());
            self.parts = 1;
        }
    }

    /// Takes what part 1 still needs from the front of `piece`.
    pub(super) fn hold(&mut self, piece: &mut Bytes) -> Result<(), UploadError> {
        match &mut self.first {
            First::InOrder => {}
            First::Held(beginning) => {
                if beginning.capacity() == 0 {
                    beginning.reserve(LEAST_PART);
                }
                let room = LEAST_PART.saturating_sub(beginning.len());
                let taken = piece.split_to(room.min(piece.len()));
                beginning.extend_from_slice(&taken);
                self.position = self.position.saturating_add(taken.len() as u64);
            }
            First::Sealed { .. } => {
                return Err(UploadError::OutOfOrder {
                    step: "written to",
                    rule: "before it is sealed",
                });
            }
        }
        Ok(())
    }

    /// Puts `head` before all that was written, and sends what is left: the last part, and then part 1.
    /// After it S3 has every byte of the object, but there is no object before
    /// [`complete`](Self::complete). An object that fits into one part and completes at once is not
    /// sent yet.
    ///
    /// # Errors
    ///
    /// If the beginning was not [held back](Self::hold_first), the head is not as long as it says, or
    /// a part could not be sent. The upload is of no more use then: abandon it.
    pub async fn seal(&mut self, head: Arc<dyn Head>, completes: Completes) -> Result<(), UploadError> {
        let First::Held(beginning) = &mut self.first else {
            return Err(UploadError::OutOfOrder {
                step: "sealed",
                rule: "once, and if its first part was held back",
            });
        };
        let beginning = std::mem::take(beginning).freeze();
        let size = self.position.saturating_add(head.bytes());
        self.first = First::Sealed {
            head: head.bytes(),
            whole: None,
        };
        let nothing_sent = self.parts == 1;
        let fits = nothing_sent && size <= self.part_bytes as u64;
        let rest = if fits {
            std::mem::take(&mut self.filling).freeze()
        } else {
            if !self.filling.is_empty() {
                self.send_part().await?;
            }
            Bytes::new()
        };
        let head_bytes = head.bytes();
        let content = Content::Headed(head, [beginning, rest]);
        let digested = content.digest(self.store.sign_payload).await?;
        self.sum = digested.sum.then(self.sum);
        if fits && completes == Completes::AtOnce {
            self.first = First::Sealed {
                head: head_bytes,
                whole: Some((content, digested)),
            };
            return Ok(());
        }
        let upload_id = self.room().await?;
        self.send(upload_id, 1, content, digested);
        while !self.in_flight.is_empty() {
            self.arrived().await?;
        }
        // Other uploads may go on for long before this one is completed.
        self.spare = Vec::new();
        Ok(())
    }

    /// Gives the memory back of what will not be sent any more.
    pub(super) fn let_go(&mut self) {
        self.filling = BytesMut::new();
        self.spare = Vec::new();
        match &mut self.first {
            First::InOrder => {}
            First::Held(beginning) => *beginning = BytesMut::new(),
            First::Sealed { whole, .. } => *whole = None,
        }
    }
}
