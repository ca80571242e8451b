//! The object made out of what went up: the call that makes it, and what S3 then says that it holds.

use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use tokio::task::JoinHandle;
use tracing::Instrument;

use super::calls::{put, put_together};
use super::content::{Content, Digested};
use super::first::First;
use super::parts::Upload;
use super::{Stored, UploadError};

/// How far the object is from being there.
#[derive(Debug)]
pub(super) enum Landing {
    /// The call that makes it was not sent.
    NotBegun,
    /// The call is on its way. It runs by itself, as that of a [`Creation`](super::parts::Creation).
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

impl Upload {
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

    /// Whether `stored` has, by size and checksum, the very bytes of this upload, whoever wrote them. To be asked
    /// once it is sealed.
    #[must_use]
    pub fn is_same_as(&self, stored: &Stored) -> bool {
        stored.size_bytes == self.size() && stored.checksum_crc64nvme.as_ref() == Some(&self.sum.base64())
    }

    /// Makes the object out of all that was written, and compares what S3 then holds with what was sent.
    ///
    /// # Errors
    ///
    /// If a part could not be sent, the upload holds its first part back and is not sealed, or S3
    /// refuses: [`UploadError::is_taken`] when there is an object at the key that may not be replaced.
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
    use bytes::Bytes;

    use super::*;
    use crate::upload::{Store, Target};

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
