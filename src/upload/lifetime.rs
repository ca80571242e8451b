//! How a multipart upload begins, and how one that is given up is removed from S3.

use std::time::{Duration, SystemTime};

use aws_config::retry::RetryConfig;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumType, ServerSideEncryption};
use tracing::Instrument;

use super::landing::Landing;
use super::parts::{Creation, Upload};
use super::{Store, Target, UploadError};
use crate::backoff::Backoff;
use crate::call::CallError;
use crate::error::chain;
use crate::retry;

/// How far the clocks of S3 and of this function may be apart, where an upload is looked for by the
/// time at which it was created.
const CLOCK_SKEW: Duration = Duration::from_secs(5);

impl Upload {
    /// Creates the multipart upload, and tries again itself: the SDK would make a second upload where
    /// only the answer to the first got lost.
    pub(super) async fn create(&mut self) -> Result<String, UploadError> {
        let mut backoff = Backoff::new(self.store.transfer.retries);
        loop {
            let call = create(self.store.clone(), self.target.clone()).in_current_span();
            self.creation = Some(Creation::Awaited {
                task: tokio::spawn(call),
                since: SystemTime::now(),
            });
            let error = match self.created().await {
                Ok(()) => return self.upload_id.clone().ok_or(UploadError::NoUploadId),
                Err(error) => error,
            };
            if self.creation.is_some() {
                tracing::warn!(
                    error = chain(&error),
                    "it is not known whether there is an upload; looking for one"
                );
                self.confirm().await?;
            }
            let may_pass = error.call().is_some_and(CallError::may_pass);
            let (walls, tally) = (&self.target.walls, &self.store.tally);
            let failure = || chain(&error);
            if !may_pass || !retry::wait(&mut backoff, walls, tally, failure, None, "asking again").await {
                return Err(error);
            }
        }
    }

    /// Waits for the answer to a `CreateMultipartUpload`. Where none comes, the creation stays
    /// unconfirmed.
    async fn created(&mut self) -> Result<(), UploadError> {
        let Some(Creation::Awaited { task, since }) = &mut self.creation else {
            return Ok(());
        };
        let since = *since;
        let lost = |lost| {
            Err(UploadError::TaskLost {
                source: Box::new(lost),
            })
        };
        let created = task.await.unwrap_or_else(lost);
        self.creation = match &created {
            Err(error) if error.is_ambiguous() => Some(Creation::Unconfirmed { since }),
            _ => None,
        };
        let upload_id = created?;
        tracing::info!(
            upload_id,
            part_bytes = self.part_bytes,
            "multipart upload created"
        );
        self.upload_id = Some(upload_id);
        Ok(())
    }

    /// Looks for the upload that an unconfirmed creation may have made, and aborts it. The doubt stays
    /// until that is done, however often it is begun.
    async fn confirm(&mut self) -> Result<(), UploadError> {
        if let Some(Creation::Unconfirmed { since } | Creation::Awaited { since, .. }) = &self.creation {
            self.abort_created_since(*since).await?;
            self.creation = None;
        }
        Ok(())
    }

    /// Gives the upload up and removes what there is of it in S3.
    ///
    /// # Errors
    ///
    /// If S3 did not confirm that nothing is left. The bucket's lifecycle rule for unfinished
    /// uploads has to clean up then.
    pub async fn abandon(&mut self) -> Result<(), UploadError> {
        self.in_flight.shutdown().await;
        self.let_go();
        if let Landing::Pending(call) = &self.landing {
            call.abort();
        }
        // A creation that is answered in time is aborted by its id; one that is not is looked for.
        let walls = self.target.walls;
        match walls
            .landing("waiting for the upload to be created", self.created())
            .await
        {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(error = chain(&error), "CreateMultipartUpload failed"),
            Err(late) => {
                tracing::warn!(error = chain(&late), "giving up on CreateMultipartUpload");
                if let Some(Creation::Awaited { task, .. }) = &self.creation {
                    task.abort();
                }
            }
        }
        if let Some(upload_id) = self.upload_id.clone() {
            self.abort(&upload_id).await?;
            self.upload_id = None;
        }
        self.confirm().await
    }

    /// Aborts until S3 says that nothing is left: a part that was on its way when the upload was
    /// aborted may survive. Source: S3 API reference, `AbortMultipartUpload`.
    async fn abort(&self, upload_id: &str) -> Result<(), UploadError> {
        const TRIES: usize = 3;
        let destination = &self.target.destination;
        for _ in 0..TRIES {
            let aborted = self
                .store
                .client
                .abort_multipart_upload()
                .bucket(&destination.bucket)
                .key(&destination.key)
                .upload_id(upload_id)
                .set_expected_bucket_owner(self.store.keeping.bucket_owner.clone())
                .customize()
                .interceptor(self.store.watch())
                .config_override(self.store.hurry())
                .send()
                .await;
            if let Err(error) = aborted {
                let error = UploadError::Call(CallError::of("AbortMultipartUpload", error));
                if error.is_vanished() {
                    return Ok(());
                }
                return Err(error);
            }
            let left = self
                .store
                .client
                .list_parts()
                .bucket(&destination.bucket)
                .key(&destination.key)
                .upload_id(upload_id)
                .max_parts(1)
                .set_expected_bucket_owner(self.store.keeping.bucket_owner.clone())
                .customize()
                .interceptor(self.store.watch())
                .config_override(self.store.hurry())
                .send()
                .await;
            match left {
                Ok(_) => tracing::warn!(upload_id, "the upload has survived its abort; aborting again"),
                Err(error) => {
                    let error = UploadError::Call(CallError::of("ListParts", error));
                    return if error.is_vanished() { Ok(()) } else { Err(error) };
                }
            }
        }
        Err(UploadError::SurvivedAbort {
            upload_id: upload_id.to_owned(),
        })
    }

    /// Aborts the uploads to this very key that began from just before `since` on. One of a concurrent
    /// export of the same clip may be among them; it then starts over, which is better than parts that
    /// nobody will ever complete.
    async fn abort_created_since(&self, since: SystemTime) -> Result<(), UploadError> {
        let destination = &self.target.destination;
        let since = since.checked_sub(CLOCK_SKEW).unwrap_or(since);
        let uploads = self
            .store
            .client
            .list_multipart_uploads()
            .bucket(&destination.bucket)
            .prefix(&destination.key)
            .set_expected_bucket_owner(self.store.keeping.bucket_owner.clone())
            .customize()
            .interceptor(self.store.watch())
            .config_override(self.store.hurry())
            .send()
            .await
            .map_err(|error| UploadError::Call(CallError::of("ListMultipartUploads", error)))?;
        for upload in uploads.uploads() {
            let recent = upload
                .initiated()
                .and_then(|initiated| SystemTime::try_from(*initiated).ok())
                .is_some_and(|initiated| initiated >= since);
            if let (true, Some(upload_id)) = (
                recent && upload.key() == Some(&destination.key),
                upload.upload_id(),
            ) {
                tracing::warn!(upload_id, "aborting an upload whose creation was not confirmed");
                self.abort(upload_id).await?;
            }
        }
        if uploads.is_truncated() == Some(true) {
            return Err(UploadError::TooManyUploads);
        }
        Ok(())
    }
}

async fn create(store: Store, target: Target) -> Result<String, UploadError> {
    let (destination, keeping) = (&target.destination, &store.keeping);
    let output = store
        .client
        .create_multipart_upload()
        .bucket(&destination.bucket)
        .key(&destination.key)
        .content_type(&target.content_type)
        .set_metadata(Some(target.metadata.iter().cloned().collect()))
        .set_tagging(target.tagging())
        .set_storage_class(destination.storage_class.map(|class| class.as_str().into()))
        .set_server_side_encryption(keeping.kms_key_id.as_ref().map(|_| ServerSideEncryption::AwsKms))
        .set_ssekms_key_id(keeping.kms_key_id.clone())
        .set_expected_bucket_owner(keeping.bucket_owner.clone())
        .checksum_algorithm(ChecksumAlgorithm::Crc64Nvme)
        .checksum_type(ChecksumType::FullObject)
        .customize()
        .interceptor(store.watch())
        .config_override(aws_sdk_s3::config::Builder::new().retry_config(RetryConfig::disabled()))
        .send()
        .await
        .map_err(|error| UploadError::Call(CallError::of("CreateMultipartUpload", error)))?;
    output.upload_id.ok_or(UploadError::NoUploadId)
}
