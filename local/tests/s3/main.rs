//! The local S3 asked by the real SDK: what goes in comes out, and what S3 refuses is refused.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod faults;
mod refusals;
mod round_trips;
mod uploads;

use std::fmt::Debug;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::complete_multipart_upload::builders::CompleteMultipartUploadFluentBuilder;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::operation::upload_part::builders::UploadPartFluentBuilder;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use base64::Engine;
use clip_export_local::s3::{self, Bucket, Options, Server};
use tempfile::TempDir;

/// The least size of a part that is not the last: 5 MiB.
const PART: usize = 5 << 20;

struct Stack {
    client: Client,
    server: Server,
    root: TempDir,
}

async fn stack() -> Stack {
    stack_with(vec![
        Bucket::new("clips"),
        Bucket::new("versioned").versioned(),
        Bucket::new("unlistable").unlistable(),
    ])
    .await
}

async fn stack_with(buckets: Vec<Bucket>) -> Stack {
    let root = TempDir::new().unwrap();
    let mut options = Options::new(root.path(), &[]);
    options.buckets = buckets;
    let server = Server::start(options).await.unwrap();
    let client = client(&server, s3::ACCESS_KEY_ID, s3::SECRET_ACCESS_KEY);
    Stack { client, server, root }
}

fn client(server: &Server, key: &str, secret: &str) -> Client {
    let credentials = Credentials::new(key, secret, Some("token".to_owned()), None, "test");
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(s3::REGION))
        .endpoint_url(server.endpoint())
        .force_path_style(true)
        .credentials_provider(credentials)
        .retry_config(RetryConfig::disabled())
        .http_client(http)
        .build();
    Client::from_conf(config)
}

/// The status and error code of a refused call.
fn refusal<T: Debug, E: ProvideErrorMetadata + Debug>(result: Result<T, SdkError<E>>) -> (u16, String) {
    let error = result.expect_err("S3 refuses this");
    let status = error.raw_response().map_or(0, |it| it.status().as_u16());
    let code = error.code().unwrap_or_default().to_owned();
    (status, code)
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

/// Bytes that differ from part to part and from place to place.
fn bytes(seed: u8, length: usize) -> Vec<u8> {
    let mut state = u32::from(seed);
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// CRC64NVME in base64, as `x-amz-checksum-crc64nvme` carries it.
fn crc64nvme(bytes: &[u8]) -> String {
    let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Nvme, bytes);
    base64::engine::general_purpose::STANDARD.encode(crc.to_be_bytes())
}

impl Stack {
    /// Opens an upload of `clips/clip.mp4` that wants CRC64NVME.
    async fn create(&self) -> String {
        let created = self
            .client
            .create_multipart_upload()
            .bucket("clips")
            .key("clip.mp4")
            .checksum_algorithm(ChecksumAlgorithm::Crc64Nvme)
            .send()
            .await
            .unwrap();
        created.upload_id().unwrap().to_owned()
    }

    /// The request that puts `clips/clip.mp4`, ready for more fields.
    fn put_object(&self) -> PutObjectFluentBuilder {
        self.client.put_object().bucket("clips").key("clip.mp4")
    }

    /// The request that sends a part of that upload, ready for more fields.
    fn upload_part(&self, upload: &str) -> UploadPartFluentBuilder {
        let part = self.client.upload_part().bucket("clips").key("clip.mp4");
        part.upload_id(upload)
    }

    /// Uploads one part to that upload.
    async fn part(&self, upload: &str, number: i32, bytes: Vec<u8>) -> CompletedPart {
        let crc64nvme = crc64nvme(&bytes);
        let answer = self
            .upload_part(upload)
            .part_number(number)
            .checksum_crc64_nvme(&crc64nvme)
            .body(ByteStream::from(bytes))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.checksum_crc64_nvme(), Some(crc64nvme.as_str()));
        CompletedPart::builder()
            .part_number(number)
            .set_e_tag(answer.e_tag().map(str::to_owned))
            .checksum_crc64_nvme(crc64nvme)
            .build()
    }

    /// The request that completes that upload, ready for more fields.
    fn complete(&self, upload: &str, parts: &[CompletedPart]) -> CompleteMultipartUploadFluentBuilder {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts.to_vec()));
        self.client
            .complete_multipart_upload()
            .bucket("clips")
            .key("clip.mp4")
            .upload_id(upload)
            .multipart_upload(parts.build())
    }

    /// Neither an object nor an open upload nor a file that only waits.
    fn assert_nothing_left(&self) {
        assert_eq!(self.server.objects("clips"), Vec::<String>::new());
        assert_eq!(self.server.uploads(), []);
        let waiting = self.root.path().join(".s3/unfinished");
        assert_eq!(std::fs::read_dir(waiting).unwrap().count(), 0);
    }
}
