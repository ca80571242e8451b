//! The bridge between `s3s` and the rules: who may call, and which function answers which operation.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput,
    CompleteMultipartUploadOutput, CreateBucketInput, CreateBucketOutput, CreateMultipartUploadInput,
    CreateMultipartUploadOutput, DeleteObjectInput, DeleteObjectOutput, GetObjectInput, GetObjectOutput,
    GetObjectTaggingInput, GetObjectTaggingOutput, HeadBucketInput, HeadBucketOutput, HeadObjectInput,
    HeadObjectOutput, ListMultipartUploadsInput, ListMultipartUploadsOutput, ListObjectsV2Input,
    ListObjectsV2Output, ListPartsInput, ListPartsOutput, PutObjectInput, PutObjectOutput, UploadPartInput,
    UploadPartOutput,
};
use s3s::{S3, S3Error, S3ErrorCode, S3Request, S3Response, S3Result};

use super::store::Store;
use super::{ACCESS_KEY_ID, ACCOUNT_ID, Bucket, REGION, SECRET_ACCESS_KEY};
use super::{complete, listing, multipart, objects, refuse};

/// One pair of keys opens everything.
pub(super) struct TestCredentials;

#[async_trait::async_trait]
impl S3Auth for TestCredentials {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        if access_key == ACCESS_KEY_ID {
            return Ok(SecretKey::from(SECRET_ACCESS_KEY));
        }
        let message = "The AWS Access Key Id you provided does not exist in our records.";
        Err(refuse(S3ErrorCode::InvalidAccessKeyId, message))
    }
}

/// The operations that were asked for without a word of whose bucket it should be.
pub(super) type Unowned = Arc<Mutex<BTreeSet<String>>>;

/// Unsigned requests and those that expect another bucket owner are turned away, whatever they ask.
pub(super) struct OwnerOnly(pub(super) Unowned);

#[async_trait::async_trait]
impl S3Access for OwnerOnly {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        let expected = context.headers().get("x-amz-expected-bucket-owner");
        if expected.is_none() {
            let mut unowned = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            unowned.insert(context.s3_op().name().to_owned());
        }
        let owned = expected.is_none_or(|owner| owner.as_bytes() == ACCOUNT_ID.as_bytes());
        if context.credentials().is_some() && owned {
            return Ok(());
        }
        Err(refuse(S3ErrorCode::AccessDenied, "Access Denied"))
    }
}

/// The operations over one store.
pub(super) struct Service {
    store: Arc<Store>,
}

impl Service {
    pub(super) fn new(store: Arc<Store>) -> Self {
        Self { store }
    }
}

#[async_trait::async_trait]
impl S3 for Service {
    async fn create_bucket(
        &self,
        request: S3Request<CreateBucketInput>,
    ) -> S3Result<S3Response<CreateBucketOutput>> {
        let name = request.input.bucket;
        if self.store.state().bucket(&name).is_ok() {
            let message =
                "Your previous request to create the named bucket succeeded and you already own it.";
            return Err(refuse(S3ErrorCode::BucketAlreadyOwnedByYou, message));
        }
        let location = Some(format!("/{name}"));
        self.store
            .add_bucket(Bucket::new(name))
            .map_err(S3Error::internal_error)?;
        Ok(S3Response::new(CreateBucketOutput { location }))
    }

    async fn head_bucket(
        &self,
        request: S3Request<HeadBucketInput>,
    ) -> S3Result<S3Response<HeadBucketOutput>> {
        self.store.state().bucket(&request.input.bucket)?;
        Ok(S3Response::new(HeadBucketOutput {
            bucket_region: Some(REGION.to_owned()),
            ..Default::default()
        }))
    }

    async fn put_object(&self, request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        objects::put(&self.store, request).await
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        objects::get(&self.store, request).await
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        objects::head(&self.store, request)
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        listing::list(&self.store, request)
    }

    async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        objects::delete(&self.store, request)
    }

    async fn get_object_tagging(
        &self,
        request: S3Request<GetObjectTaggingInput>,
    ) -> S3Result<S3Response<GetObjectTaggingOutput>> {
        objects::tagging(&self.store, request)
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        multipart::create(&self.store, request)
    }

    async fn upload_part(
        &self,
        request: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        multipart::upload_part(&self.store, request).await
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        complete::complete(Arc::clone(&self.store), request).await
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        multipart::abort(&self.store, request)
    }

    async fn list_parts(&self, request: S3Request<ListPartsInput>) -> S3Result<S3Response<ListPartsOutput>> {
        multipart::list_parts(&self.store, request)
    }

    async fn list_multipart_uploads(
        &self,
        request: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        multipart::list_uploads(&self.store, request)
    }
}
