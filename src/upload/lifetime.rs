//! How a multipart upload begins, and how one that is given up is removed from S3.

use std::time::{Duration, SystemTime};

use aws_config::retry::RetryConfig;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumType, ServerSideEncryption};

use super::UploadError;
use super::parts::{State, Upload};
use crate::backoff::Backoff;
use crate::error::chain;

/// How far the clocks of S3 and of this function may be apart, where an upload is looked for by the
/// time at which it was created.
const CLOCK_SKEW: Duration = Duration::from_secs(60);

impl Upload {
    /// Creates the multipart upload, and tries again itself: the SDK would make a second upload where
    /// only the answer to the first got lost.
    pub(super) async fn create(&mut self) -> Result<String, UploadError> {
        let mut backoff = Backoff::new(self.store.transfer.retries);
        loop {
            let error = match self.try_create().await {
                Ok(upload_id) => return Ok(upload_id),
                Err(error) => error,
            };
            if let State::Creating { since } = self.state {
                if let Err(unknown) = self.abort_created_since(since).await {
                    tracing::warn!(
                        error = chain(&unknown),
                        "it is not known whether there is an upload"
                    );
                    return Err(error);
                }
                self.state = State::Local;
            }
            let (true, Some(wait)) = (error.may_pass(), backoff.next(fastrand::f64())) else {
                return Err(error);
            };
            let retry = backoff.made();
            tracing::warn!(
                error = chain(&error),
                retry,
                wait_ms = wait.as_millis(),
                "asking again"
            );
            tokio::time::sleep(wait).await;
        }
    }

    async fn try_create(&mut self) -> Result<String, UploadError> {
        let destination = &self.target.destination;
        let keeping = &self.store.keeping;
        self.state = State::Creating {
            since: SystemTime::now(),
        };
        let output = self
            .store
            .client
            .create_multipart_upload()
            .bucket(&destination.bucket)
            .key(&destination.key)
            .content_type(&self.target.content_type)
            .set_metadata(Some(self.target.metadata.iter().cloned().collect()))
            .set_tagging(self.target.tagging())
            .set_storage_class(destination.storage_class.map(|class| class.as_str().into()))
            .set_server_side_encryption(keeping.kms_key_id.as_ref().map(|_| ServerSideEncryption::AwsKms))
            .set_ssekms_key_id(keeping.kms_key_id.clone())
            .set_expected_bucket_owner(keeping.bucket_owner.clone())
            .checksum_algorithm(ChecksumAlgorithm::Crc64Nvme)
            .checksum_type(ChecksumType::FullObject)
            .customize()
            .config_override(aws_sdk_s3::config::Builder::new().retry_config(RetryConfig::disabled()))
            .send()
            .await;
        let output = output.map_err(|error| {
            let error = UploadError::of("CreateMultipartUpload", error);
            // What S3 has refused, and what was never sent, is not there. A failure of S3 may come
            // after the upload was made.
            let refused = error
                .status()
                .is_some_and(|status| status < 500 || error.is_throttling());
            if refused || matches!(error, UploadError::NotSent { .. }) {
                self.state = State::Local;
            }
            error
        })?;
        let upload_id = output.upload_id.unwrap_or_default();
        tracing::info!(
            upload_id,
            part_bytes = self.part_bytes,
            "multipart upload created"
        );
        self.state = State::Open {
            upload_id: upload_id.clone(),
        };
        Ok(upload_id)
    }

    /// Aborts until S3 says that nothing is left: a part that was on its way when the upload was
    /// aborted may survive. Source: S3 API reference, `AbortMultipartUpload`.
    pub(super) async fn abort(&self, upload_id: &str) -> Result<(), UploadError> {
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
                .send()
                .await;
            if let Err(error) = aborted {
                let error = UploadError::of("AbortMultipartUpload", error);
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
                .send()
                .await;
            match left {
                Ok(_) => tracing::warn!(upload_id, "the upload has survived its abort; aborting again"),
                Err(error) => {
                    let error = UploadError::of("ListParts", error);
                    return if error.is_vanished() { Ok(()) } else { Err(error) };
                }
            }
        }
        Err(UploadError::Evidence {
            what: "unfinished upload",
            sent: "its abort".to_owned(),
            held: upload_id.to_owned(),
        })
    }

    /// Aborts what a `CreateMultipartUpload` may have made whose answer did not come: uploads to
    /// this very key that began after the call was sent. One of a concurrent export may be among
    /// them; it then starts over, which is better than parts that nobody will ever complete.
    pub(super) async fn abort_created_since(&self, since: SystemTime) -> Result<(), UploadError> {
        let destination = &self.target.destination;
        let since = since.checked_sub(CLOCK_SKEW).unwrap_or(since);
        let uploads = self
            .store
            .client
            .list_multipart_uploads()
            .bucket(&destination.bucket)
            .prefix(&destination.key)
            .set_expected_bucket_owner(self.store.keeping.bucket_owner.clone())
            .send()
            .await
            .map_err(|error| UploadError::of("ListMultipartUploads", error))?;
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
        Ok(())
    }
}
