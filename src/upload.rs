//! S3: looking at what is there, and putting a clip there whole or not at all.
//!
//! The only module that sees the SDK client of S3. [`Store`] is the client with the operator's
//! settings; [`Upload`] is one object on its way. What goes out is bounded by one formula:
//!
//! > peak memory of an upload = part size × (parts in flight + 1)
//!
//! because an upload waits for room *before* it takes more bytes. One whose head comes last holds the
//! first 5 MiB of the rest back as well, and no head: that is made piece by piece while it is sent. A
//! sealed upload that is not complete yet holds nothing, or, where it will be a single call, less
//! than one part. An object is either completed,
//! with its size and its CRC-64/NVME checked by S3, or abandoned: never both. [`Upload::abandon`]
//! leaves nothing behind that costs money or could be completed later.

mod calls;
mod content;
mod error;
mod first;
mod landing;
mod lifetime;
mod object;
mod parts;
mod size;

pub use content::Head;
pub use error::UploadError;
pub use first::Completes;
pub use object::{Existing, Replaces, Stored, Target};
pub use parts::Upload;
pub use size::part_bytes;

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_sdk_s3 as s3;
use aws_sdk_s3::config::interceptors::{BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef};
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::retries::RequestAttempts;
use bytes::Bytes;

use crate::call::CallError;
use crate::config::{Keeping, Transfer};
use crate::error::chain;
use crate::sdk::custom_endpoint;
use crate::tally::Tally;

/// S3 with the operator's settings.
#[derive(Debug, Clone)]
pub struct Store {
    client: s3::Client,
    transfer: Transfer,
    keeping: Keeping,
    /// Where retries are counted.
    tally: Tally,
    /// Whether bodies are signed. Over TLS they need not be: the connection and the checksum
    /// protect them, and hashing every byte a second time costs more CPU than all the rest.
    sign_payload: bool,
}

impl Store {
    /// Makes the client. No connection is opened and no credential is looked up.
    #[must_use]
    pub fn new(sdk: &aws_config::SdkConfig, transfer: Transfer, keeping: Keeping) -> Self {
        let endpoint = custom_endpoint(sdk, "S3");
        let mut config = s3::config::Builder::from(sdk)
            // A container's host.docker.internal has no sub-domains for buckets.
            .force_path_style(endpoint.is_some())
            .retry_config(RetryConfig::standard().with_max_attempts(transfer.retries.saturating_add(1)))
            .timeout_config(
                aws_config::timeout::TimeoutConfig::builder()
                    .operation_attempt_timeout(transfer.stall)
                    .build(),
            )
            // The timeouts here watch for stalls, and by the operator's setting.
            .stalled_stream_protection(s3::config::StalledStreamProtectionConfig::disabled())
            // Checksums are computed here, once, and named in each request.
            .request_checksum_calculation(s3::config::RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(s3::config::ResponseChecksumValidation::WhenRequired);
        config.set_endpoint_url(endpoint.clone());
        Self {
            client: s3::Client::from_conf(config.build()),
            transfer,
            keeping,
            tally: Tally::default(),
            sign_payload: endpoint.is_some_and(|endpoint| endpoint.starts_with("http://")),
        }
    }

    /// This store for one export, whose retries count in `tally`.
    #[must_use]
    pub fn counting(&self, tally: &Tally) -> Self {
        Self {
            tally: tally.clone(),
            ..self.clone()
        }
    }

    /// Looks at the object at a key.
    ///
    /// # Errors
    ///
    /// If S3 does not say whether there is one. It says 403 for a key that does not exist to who
    /// may not list the bucket.
    pub async fn look(&self, bucket: &str, key: &str, pace: Pace) -> Result<Option<Existing>, UploadError> {
        let timeouts = match pace {
            Pace::Patient => self.attempt_timeout(self.transfer.stall),
            Pace::Hurried => self.hurry(),
        };
        let answer = self
            .client
            .head_object()
            .bucket(bucket)
            .key(key)
            .checksum_mode(s3::types::ChecksumMode::Enabled)
            .set_expected_bucket_owner(self.keeping.bucket_owner.clone())
            .customize()
            .interceptor(self.watch())
            .config_override(timeouts)
            .send()
            .await;
        match answer {
            Ok(output) => Ok(Some(Existing::from(output))),
            Err(error) => match CallError::of("HeadObject", error) {
                error if error.status() == Some(404) => Ok(None),
                error => Err(UploadError::Call(error)),
            },
        }
    }

    /// Reads an object from a byte on, as long as it is the one with `etag`.
    ///
    /// # Errors
    ///
    /// If S3 refuses or the object has changed.
    pub async fn read(
        &self,
        bucket: &str,
        key: &str,
        etag: Option<&str>,
        from: u64,
    ) -> Result<Reading, UploadError> {
        let output = self
            .client
            .get_object()
            .bucket(bucket)
            .key(key)
            .range(format!("bytes={from}-"))
            .set_if_match(etag.map(str::to_owned))
            .set_expected_bucket_owner(self.keeping.bucket_owner.clone())
            .customize()
            .interceptor(self.watch())
            .send()
            .await
            .map_err(|error| UploadError::Call(CallError::of("GetObject", error)))?;
        Ok(Reading {
            body: output.body,
            stall: self.transfer.stall,
        })
    }

    /// Begins an object. Nothing is sent before there are bytes to send.
    #[must_use]
    pub fn upload(&self, target: Target) -> Upload {
        Upload::new(self.clone(), target)
    }

    /// Longest time for one try of a call that carries a part: what a stalled connection may take,
    /// and a second for each MiB, which is far below what S3 takes from a Lambda function.
    fn part_timeout(&self, bytes: u64) -> s3::config::Builder {
        self.attempt_timeout(
            self.transfer
                .stall
                .saturating_add(Duration::from_secs(bytes >> 20)),
        )
    }

    /// Watches a call for retries that the SDK makes.
    fn watch(&self) -> Watch {
        Watch(self.tally.clone())
    }

    /// For the calls of a cleanup, which has seconds: three tries of little more than a second.
    fn hurry(&self) -> s3::config::Builder {
        const TRY: Duration = Duration::from_millis(1200);
        const BACKOFF: Duration = Duration::from_millis(50);
        self.attempt_timeout(TRY).retry_config(
            RetryConfig::standard()
                .with_max_attempts(3)
                .with_initial_backoff(BACKOFF),
        )
    }

    fn attempt_timeout(&self, timeout: Duration) -> s3::config::Builder {
        s3::config::Builder::new().timeout_config(
            aws_config::timeout::TimeoutConfig::builder()
                .operation_attempt_timeout(timeout)
                .build(),
        )
    }
}

/// How long a look may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// As long as any call.
    Patient,
    /// A few seconds, because the time is nearly over.
    Hurried,
}

/// An object on its way in.
#[derive(Debug)]
pub struct Reading {
    body: s3::primitives::ByteStream,
    stall: Duration,
}

impl Reading {
    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    ///
    /// If the connection fails or stalls.
    pub async fn next(&mut self) -> Result<Option<Bytes>, UploadError> {
        let next = tokio::time::timeout(self.stall, self.body.next()).await;
        let broken = |source: Box<dyn std::error::Error + Send + Sync>| {
            UploadError::Call(CallError::NoAnswer {
                operation: "GetObject",
                source: source.into(),
            })
        };
        match next {
            Ok(next) => next.transpose().map_err(|error| broken(Box::new(error))),
            Err(elapsed) => Err(broken(Box::new(elapsed))),
        }
    }
}

/// Counts the tries that the SDK makes again, and writes down those that failed: it says nothing itself.
#[derive(Debug)]
struct Watch(Tally);

impl Intercept for Watch {
    fn name(&self) -> &'static str {
        "Watch"
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), s3::error::BoxError> {
        if config
            .load::<RequestAttempts>()
            .is_some_and(|attempts| attempts.attempts() > 1)
        {
            self.0.retried();
        }
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), s3::error::BoxError> {
        let Some(Err(error)) = context.output_or_error() else {
            return Ok(());
        };
        let status = context.response().map(|response| response.status().as_u16());
        // No object at the key, and somebody else's object at the key, are answers.
        if matches!(status, Some(404 | 412)) {
            return Ok(());
        }
        let operation = config.load::<Metadata>().map(Metadata::name);
        let attempt = config.load::<RequestAttempts>().map(RequestAttempts::attempts);
        let body = context.response().and_then(|response| response.body().bytes());
        let code = body.and_then(error_code);
        let cause = error.as_connector_error().map(|error| chain(error));
        tracing::warn!(operation, attempt, status, code, cause, "a call of S3 failed");
        let what = cause.as_deref().or(code).unwrap_or("no reason given");
        self.0
            .failed(format!("{} failed: {what}", operation.unwrap_or("a call")));
        Ok(())
    }
}

/// The content of `<Code>` in an error document. The rest of it stays out of the log: S3 repeats
/// headers of the request in it, the session token among them.
fn error_code(body: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, rest) = text.split_once("<Code>")?;
    rest.split_once("</Code>").map(|(code, _)| code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_code_of_an_error_document_is_shown() {
        let body = b"<?xml version=\"1.0\"?><Error><Code>SlowDown</Code><Message>m</Message></Error>";
        assert_eq!(error_code(body), Some("SlowDown"));
        assert_eq!(error_code(b"<html>"), None);
        assert_eq!(error_code(b"\xff<Code>x</Code>"), None);
    }
}
