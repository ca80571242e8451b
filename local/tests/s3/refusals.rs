//! Each refusal of S3 provoked once.

use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumType, ServerSideEncryption, StorageClass};

use super::*;

impl Stack {
    fn put(&self) -> PutObjectFluentBuilder {
        self.put_object().body(ByteStream::from_static(b"body"))
    }

    async fn put_is_refused(&self, put: PutObjectFluentBuilder, status: u16, code: &str) {
        assert_eq!(refusal(put.send().await), refused(status, code));
        self.assert_nothing_left();
    }
}

#[tokio::test]
async fn what_put_object_refuses() {
    let stack = stack().await;
    let put = || stack.put();
    let many = (0..11).map(|i| format!("k{i}=v")).collect::<Vec<_>>().join("&");
    for (request, status, code) in [
        (put().bucket("missing"), 404, "NoSuchBucket"),
        (put().key("k".repeat(1025)), 400, "KeyTooLongError"),
        (put().expected_bucket_owner("210987654321"), 403, "AccessDenied"),
        (
            put().storage_class(StorageClass::from("FROZEN")),
            400,
            "InvalidStorageClass",
        ),
        (put().tagging(many), 400, "InvalidTag"),
        (put().tagging("k".repeat(129)), 400, "InvalidTag"),
        (put().metadata("name", "v".repeat(2045)), 400, "MetadataTooLarge"),
        (put().checksum_crc64_nvme(crc64nvme(b"another")), 400, "BadDigest"),
        (put().content_md5("1B2M2Y8AsgTpgAmY7PhCfg=="), 400, "BadDigest"),
        (put().ssekms_key_id("1234"), 400, "InvalidArgument"),
        (
            put().server_side_encryption(ServerSideEncryption::from("rot13")),
            400,
            "InvalidArgument",
        ),
        (put().if_none_match("\"etag\""), 501, "NotImplemented"),
        (put().if_match("\"etag\""), 404, "NoSuchKey"),
    ] {
        stack.put_is_refused(request, status, code).await;
    }
}

#[tokio::test]
async fn a_key_that_exists_is_not_overwritten_under_a_condition() {
    let stack = stack().await;
    let first = stack.put().if_none_match("*").send().await.unwrap();
    let second = stack.put().if_none_match("*").send().await;
    assert_eq!(refusal(second), refused(412, "PreconditionFailed"));
    let other = stack.put().if_match("\"0123\"").send().await;
    assert_eq!(refusal(other), refused(412, "PreconditionFailed"));
    stack.put().if_match(first.e_tag().unwrap()).send().await.unwrap();
}

#[tokio::test]
async fn a_missing_key_is_404_where_it_may_be_listed_and_403_elsewhere() {
    let stack = stack().await;
    let client = &stack.client;
    for (bucket, status, code) in [
        ("clips", 404, "NoSuchKey"),
        ("unlistable", 403, "AccessDenied"),
        ("missing", 404, "NoSuchBucket"),
    ] {
        let get = client.get_object().bucket(bucket).key("k").send().await;
        assert_eq!(refusal(get), refused(status, code));
        let head = client.head_object().bucket(bucket).key("k").send().await;
        assert_eq!(
            refusal(head).0,
            status,
            "a HEAD answer has no body to read a code from"
        );
    }
    let list = client.list_objects_v2().bucket("unlistable").send().await;
    assert_eq!(refusal(list), refused(403, "AccessDenied"));
    let head = client.head_bucket().bucket("missing").send().await;
    assert_eq!(refusal(head).0, 404);
    let tags = client.get_object_tagging().bucket("clips").key("k").send().await;
    assert_eq!(refusal(tags), refused(404, "NoSuchKey"));
    let again = client.create_bucket().bucket("clips").send().await;
    assert_eq!(refusal(again), refused(409, "BucketAlreadyOwnedByYou"));
    client.create_bucket().bucket("new").send().await.unwrap();
    client.head_bucket().bucket("new").send().await.unwrap();
}

#[tokio::test]
async fn a_key_cannot_be_a_folder_and_a_file_at_once() {
    let stack = stack().await;
    stack.put().key("a/b/c").send().await.unwrap();
    for key in ["a/b", "a", "a/b/c/d"] {
        let put = stack.put().key(key).send().await;
        assert_eq!(refusal(put), refused(501, "NotImplemented"), "{key}");
    }
    let delete = stack.client.delete_object().bucket("clips").key("a/b/c");
    delete.send().await.unwrap();
    stack.put().key("a").send().await.unwrap();
    assert_eq!(stack.server.objects("clips"), ["a"]);
}

#[tokio::test]
async fn an_archived_object_cannot_be_read() {
    let stack = stack().await;
    stack
        .put()
        .storage_class(StorageClass::Glacier)
        .send()
        .await
        .unwrap();
    let get = stack
        .client
        .get_object()
        .bucket("clips")
        .key("clip.mp4")
        .send()
        .await;
    assert_eq!(refusal(get), refused(403, "InvalidObjectState"));
    let head = stack
        .client
        .head_object()
        .bucket("clips")
        .key("clip.mp4")
        .send()
        .await
        .unwrap();
    assert_eq!(head.storage_class(), Some(&StorageClass::Glacier));
}

#[tokio::test]
async fn what_create_multipart_upload_refuses() {
    let stack = stack().await;
    let create = || {
        stack
            .client
            .create_multipart_upload()
            .bucket("clips")
            .key("clip.mp4")
    };
    for (request, status, code) in [
        (create().bucket("missing"), 404, "NoSuchBucket"),
        (
            create().expected_bucket_owner("210987654321"),
            403,
            "AccessDenied",
        ),
        (
            create().storage_class(StorageClass::from("FROZEN")),
            400,
            "InvalidStorageClass",
        ),
        (create().tagging("aws:k=v"), 400, "InvalidTag"),
        (
            create().metadata("name", "v".repeat(2045)),
            400,
            "MetadataTooLarge",
        ),
        (
            create()
                .checksum_algorithm(ChecksumAlgorithm::Crc64Nvme)
                .checksum_type(ChecksumType::Composite),
            400,
            "InvalidRequest",
        ),
    ] {
        assert_eq!(refusal(request.send().await), refused(status, code));
        stack.assert_nothing_left();
    }
}

#[tokio::test]
async fn what_upload_part_refuses() {
    let stack = stack().await;
    let upload = stack.create().await;
    let part = || {
        let part = stack.upload_part(&upload);
        part.part_number(1).body(ByteStream::from_static(b"body"))
    };
    let good = crc64nvme(b"body");
    for (request, status, code) in [
        (
            part().checksum_crc64_nvme(&good).part_number(0),
            400,
            "InvalidArgument",
        ),
        (
            part().checksum_crc64_nvme(&good).part_number(10_001),
            400,
            "InvalidArgument",
        ),
        (
            part().checksum_crc64_nvme(&good).upload_id("unknown"),
            404,
            "NoSuchUpload",
        ),
        (
            part().checksum_crc64_nvme(&good).key("other"),
            404,
            "NoSuchUpload",
        ),
        (
            part().checksum_crc64_nvme(crc64nvme(b"another")),
            400,
            "BadDigest",
        ),
        (part().checksum_crc32("y/Q5Jg=="), 400, "InvalidRequest"),
        (
            part().checksum_algorithm(ChecksumAlgorithm::Sha256),
            400,
            "InvalidRequest",
        ),
    ] {
        assert_eq!(refusal(request.send().await), refused(status, code));
        assert_eq!(stack.server.uploads()[0].parts, []);
    }
    part()
        .checksum_crc64_nvme(&good)
        .part_number(10_000)
        .send()
        .await
        .unwrap();
    assert_eq!(stack.server.uploads()[0].parts, [(10_000, 4)]);
}

#[tokio::test]
async fn a_part_without_the_uploads_checksum_is_refused_in_s3s_words() {
    let stack = stack().await;
    let upload = stack.create().await;
    let bare = stack
        .client
        .config()
        .to_builder()
        .request_checksum_calculation(aws_sdk_s3::config::RequestChecksumCalculation::WhenRequired)
        .build();
    let part = Client::from_conf(bare)
        .upload_part()
        .bucket("clips")
        .key("clip.mp4");
    let part = part
        .upload_id(upload)
        .part_number(1)
        .body(ByteStream::from_static(b"body"));
    let error = part.send().await.unwrap_err();
    assert_eq!(
        error.message(),
        Some(
            "Checksum Type mismatch occurred, expected checksum Type: crc64nvme, actual checksum Type: null"
        )
    );
}

#[tokio::test]
async fn what_complete_multipart_upload_refuses() {
    let stack = stack().await;
    let upload = stack.create().await;
    let one = stack.part(&upload, 1, bytes(1, PART)).await;
    let two = stack.part(&upload, 2, bytes(2, PART - 1)).await;
    let three = stack.part(&upload, 3, bytes(3, 10)).await;
    let whole = [bytes(1, PART), bytes(2, PART - 1)].concat();
    let forged = |part: &CompletedPart| {
        let part = CompletedPart::builder().part_number(part.part_number().unwrap());
        part.e_tag("\"d41d8cd98f00b204e9800998ecf8427e\"").build()
    };
    let absent = CompletedPart::builder()
        .part_number(4)
        .e_tag(one.e_tag().unwrap())
        .build();
    let both = [one.clone(), two.clone()];
    let complete = |parts: &[CompletedPart]| stack.complete(&upload, parts);
    for (request, status, code) in [
        (complete(&[]), 400, "MalformedXML"),
        (complete(&[two.clone(), one.clone()]), 400, "InvalidPartOrder"),
        (complete(&[one.clone(), one.clone()]), 400, "InvalidPartOrder"),
        (complete(&[one.clone(), forged(&two)]), 400, "InvalidPart"),
        (
            complete(&[one.clone(), two.clone(), three.clone(), absent]),
            400,
            "InvalidPart",
        ),
        (
            complete(&[one.clone(), two.clone(), three.clone()]),
            400,
            "EntityTooSmall",
        ),
        (complete(&[one.clone(), three.clone()]), 500, "InternalError"),
        (complete(std::slice::from_ref(&two)), 500, "InternalError"),
        (
            complete(&both).checksum_crc64_nvme(crc64nvme(b"another")),
            400,
            "BadDigest",
        ),
        (complete(&both).checksum_crc32("y/Q5Jg=="), 400, "InvalidRequest"),
        (
            complete(&both).checksum_type(ChecksumType::Composite),
            400,
            "InvalidRequest",
        ),
        (
            complete(&both).mpu_object_size(whole.len() as i64 - 1),
            400,
            "InvalidRequest",
        ),
        (
            complete(&both).expected_bucket_owner("210987654321"),
            403,
            "AccessDenied",
        ),
        (complete(&both).upload_id("unknown"), 404, "NoSuchUpload"),
        (complete(&both).key("other"), 404, "NoSuchUpload"),
        (complete(&both).if_none_match("\"etag\""), 501, "NotImplemented"),
    ] {
        assert_eq!(refusal(request.send().await), refused(status, code));
        assert_eq!(
            stack.server.uploads()[0].parts.len(),
            3,
            "the upload stays as it was"
        );
        assert_eq!(stack.server.objects("clips"), Vec::<String>::new());
    }
    complete(&both)
        .checksum_crc64_nvme(crc64nvme(&whole))
        .send()
        .await
        .unwrap();
}

#[tokio::test]
async fn a_refusal_names_its_request() {
    use aws_sdk_s3::operation::RequestId;
    use aws_sdk_s3::operation::RequestIdExt;

    let stack = stack().await;
    let error = stack.put().bucket("missing").send().await.unwrap_err();
    assert_eq!(error.request_id().map(str::len), Some(16));
    assert_eq!(error.extended_request_id().map(str::len), Some(76));
    let document = error.raw_response().unwrap().body().bytes().unwrap();
    let document = std::str::from_utf8(document).unwrap();
    assert!(document.contains(error.request_id().unwrap()), "{document}");
    let answer = stack.put().send().await.unwrap();
    assert_eq!(answer.request_id().map(str::len), Some(16));
}
