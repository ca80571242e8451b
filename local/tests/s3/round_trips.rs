//! What goes in comes out.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumMode, ServerSideEncryption, StorageClass};
use clip_export_local::http::Authority;
use clip_export_local::s3::{Options, Server};

use super::*;

#[tokio::test]
async fn an_object_keeps_all_that_was_said_about_it() {
    let Stack { client, server, root } = stack().await;
    let body = bytes(1, 300_000);
    let put = client
        .put_object()
        .bucket("clips")
        .key("front-door/2026/alarm + ü.mp4")
        .content_type("video/mp4")
        .metadata("operator", "amy")
        .tagging("case=42&note=a%20b")
        .storage_class(StorageClass::StandardIa)
        .server_side_encryption(ServerSideEncryption::AwsKms)
        .ssekms_key_id("1234")
        .checksum_crc64_nvme(crc64nvme(&body))
        .expected_bucket_owner(s3::ACCOUNT_ID)
        .body(ByteStream::from(body.clone()))
        .send()
        .await
        .unwrap();
    let arn = "arn:aws:kms:eu-west-1:123456789012:key/1234";
    assert_eq!(put.ssekms_key_id(), Some(arn));
    assert_eq!(put.server_side_encryption(), Some(&ServerSideEncryption::AwsKms));
    assert_eq!(put.checksum_crc64_nvme(), Some(crc64nvme(&body).as_str()));
    assert_eq!(put.version_id(), None);

    let head = client
        .head_object()
        .bucket("clips")
        .key("front-door/2026/alarm + ü.mp4")
        .checksum_mode(ChecksumMode::Enabled)
        .send()
        .await
        .unwrap();
    assert_eq!(head.content_length(), Some(300_000));
    assert_eq!(head.content_type(), Some("video/mp4"));
    assert_eq!(head.metadata().unwrap()["operator"], "amy");
    assert_eq!(head.storage_class(), Some(&StorageClass::StandardIa));
    assert_eq!(head.ssekms_key_id(), Some(arn));
    assert_eq!(head.checksum_crc64_nvme(), Some(crc64nvme(&body).as_str()));
    assert_eq!(head.checksum_type().unwrap().as_str(), "FULL_OBJECT");
    assert_eq!(head.e_tag(), put.e_tag());

    let tags = client
        .get_object_tagging()
        .bucket("clips")
        .key("front-door/2026/alarm + ü.mp4")
        .send()
        .await
        .unwrap();
    let tags: Vec<_> = tags.tag_set().iter().map(|it| (it.key(), it.value())).collect();
    assert_eq!(tags, [("case", "42"), ("note", "a b")]);

    let stored = server.object("clips", "front-door/2026/alarm + ü.mp4").unwrap();
    assert_eq!(
        stored.path,
        root.path().join("clips/front-door/2026/alarm + ü.mp4")
    );
    assert_eq!(std::fs::read(&stored.path).unwrap(), body);
    assert_eq!((stored.size, stored.tags["note"].as_str()), (300_000, "a b"));
    assert_eq!(stored.kms_key_id.as_deref(), Some(arn));
    assert_eq!(server.calls("PutObject"), 1);
    assert_eq!(
        server.faults.log()[0].key.as_deref(),
        Some("front-door/2026/alarm + ü.mp4")
    );
}

#[tokio::test]
async fn ranges_are_cut_as_asked() {
    let Stack {
        client,
        server,
        root: _root,
    } = stack().await;
    let body = bytes(2, 1_000_000);
    server
        .put_object("clips", "clip.mp4", &body, "video/mp4", &[("a", "b")])
        .unwrap();
    for (range, expected) in [
        ("bytes=0-0", &body[..1]),
        ("bytes=300000-700000", &body[300_000..=700_000]),
        ("bytes=999990-", &body[999_990..]),
        ("bytes=-10", &body[999_990..]),
    ] {
        let get = client.get_object().bucket("clips").key("clip.mp4").range(range);
        let get = get.send().await.unwrap();
        assert!(get.content_range().unwrap().ends_with("/1000000"), "{range}");
        assert_eq!(get.body.collect().await.unwrap().to_vec(), expected, "{range}");
    }
    let whole = client
        .get_object()
        .bucket("clips")
        .key("clip.mp4")
        .send()
        .await
        .unwrap();
    assert_eq!(whole.metadata().unwrap()["a"], "b");
    assert_eq!(whole.body.collect().await.unwrap().to_vec(), body);
    let beyond = client
        .get_object()
        .bucket("clips")
        .key("clip.mp4")
        .range("bytes=1000000-");
    assert_eq!(refusal(beyond.send().await), refused(416, "InvalidRange"));
}

#[tokio::test]
async fn s3_adds_crc64nvme_when_nobody_sets_a_checksum() {
    let Stack {
        client,
        server,
        root: _root,
    } = stack().await;
    server
        .put_object("clips", "clip.mp4", b"123456789", "video/mp4", &[])
        .unwrap();
    let head = client.head_object().bucket("clips").key("clip.mp4");
    let head = head.checksum_mode(ChecksumMode::Enabled).send().await.unwrap();
    // The check value of CRC-64/NVME in the catalogue of parametrised CRC algorithms.
    assert_eq!(head.checksum_crc64_nvme(), Some("rosUhgp5mIg="));
    assert_eq!(head.e_tag(), Some("\"25f9e794323b453885f5181f1b624d0b\""));
}

#[tokio::test]
async fn the_sdks_own_checksum_arrives_in_a_trailer() {
    let Stack {
        client,
        server,
        root: _root,
    } = stack().await;
    let body = bytes(3, 200_000);
    let put = client.put_object().bucket("clips").key("clip.mp4");
    let put = put.body(ByteStream::from(body.clone())).send().await.unwrap();
    assert!(put.checksum_crc32().is_some(), "the SDK's default is CRC32");
    let stored = server.object("clips", "clip.mp4").unwrap();
    assert_eq!(std::fs::read(&stored.path).unwrap(), body);
    assert_eq!(stored.crc64nvme, crc64nvme(&body));
}

#[tokio::test]
async fn unsigned_payloads_are_taken_and_wrong_secrets_are_not() {
    let Stack {
        client,
        server,
        root: _root,
    } = stack().await;
    let put = client
        .put_object()
        .bucket("clips")
        .key("clip.mp4")
        .body(ByteStream::from_static(b"x"));
    put.customize().disable_payload_signing().send().await.unwrap();
    assert_eq!(server.objects("clips"), ["clip.mp4"]);

    let wrong = super::client(&server, s3::ACCESS_KEY_ID, "another secret");
    let listed = wrong.list_objects_v2().bucket("clips").send().await;
    assert_eq!(refusal(listed), refused(403, "SignatureDoesNotMatch"));
    let unknown = super::client(&server, "AKIDUNKNOWN", s3::SECRET_ACCESS_KEY);
    let listed = unknown.list_objects_v2().bucket("clips").send().await;
    assert_eq!(refusal(listed), refused(403, "InvalidAccessKeyId"));
}

#[tokio::test]
async fn objects_outlive_the_server_and_uploads_do_not() {
    let Stack { client, server, root } = stack().await;
    let put = client
        .put_object()
        .bucket("clips")
        .key("a/clip.mp4")
        .metadata("stream", "front-door");
    put.body(ByteStream::from_static(b"whole")).send().await.unwrap();
    server
        .put_object("clips", "moved.mp4", b"whole", "video/mp4", &[])
        .unwrap();
    client
        .create_multipart_upload()
        .bucket("clips")
        .key("open")
        .send()
        .await
        .unwrap();
    assert_eq!(server.uploads().len(), 1);
    server.shutdown().await;
    std::fs::remove_file(root.path().join("clips/moved.mp4")).unwrap();

    let server = Server::start(Options::new(root.path(), &["clips"]))
        .await
        .unwrap();
    assert_eq!(server.objects("clips"), ["a/clip.mp4"]);
    assert_eq!(server.uploads(), []);
    let client = super::client(&server, s3::ACCESS_KEY_ID, s3::SECRET_ACCESS_KEY);
    let head = client
        .head_object()
        .bucket("clips")
        .key("a/clip.mp4")
        .send()
        .await
        .unwrap();
    assert_eq!(head.metadata().unwrap()["stream"], "front-door");
}

#[tokio::test]
async fn lists_page_and_fold() {
    let Stack {
        client,
        server,
        root: _root,
    } = stack().await;
    for key in ["a/1", "a/2", "b 1", "b/1", "c"] {
        server.put_object("clips", key, b"", "text/plain", &[]).unwrap();
    }
    let list = || {
        client
            .list_objects_v2()
            .bucket("clips")
            .delimiter("/")
            .max_keys(2)
    };
    let first = list().send().await.unwrap();
    assert_eq!(first.is_truncated(), Some(true));
    let second = list().continuation_token(first.next_continuation_token().unwrap());
    let second = second.send().await.unwrap();
    assert_eq!(second.is_truncated(), Some(false));
    let mut names: Vec<_> = [&first, &second]
        .iter()
        .flat_map(|page| {
            let keys = page.contents().iter().filter_map(|it| it.key());
            keys.chain(page.common_prefixes().iter().filter_map(|it| it.prefix()))
        })
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["a/", "b 1", "b/", "c"]);
    let below = client
        .list_objects_v2()
        .bucket("clips")
        .prefix("a/")
        .start_after("a/1");
    let below = below.send().await.unwrap();
    assert_eq!(below.contents()[0].key(), Some("a/2"));
    assert_eq!(below.key_count(), Some(1));
}

#[tokio::test]
async fn a_versioned_bucket_names_its_versions() {
    let Stack {
        client,
        server: _server,
        root: _root,
    } = stack().await;
    let put = || {
        let put = client.put_object().bucket("versioned").key("k");
        put.body(ByteStream::from_static(b"v")).send()
    };
    let (first, second) = (put().await.unwrap(), put().await.unwrap());
    assert_ne!(first.version_id().unwrap(), second.version_id().unwrap());
    let head = client
        .head_object()
        .bucket("versioned")
        .key("k")
        .send()
        .await
        .unwrap();
    assert_eq!(head.version_id(), second.version_id());
    let deleted = client
        .delete_object()
        .bucket("versioned")
        .key("k")
        .send()
        .await
        .unwrap();
    assert_eq!(deleted.delete_marker(), Some(true));
}

#[tokio::test]
async fn the_ca_bundle_opens_the_tls_endpoint() {
    use aws_smithy_http_client::tls::{TlsContext, TrustStore};

    let root = tempfile::TempDir::new().unwrap();
    let authority = Authority::new().unwrap();
    let mut options = Options::new(root.path(), &["clips"]);
    options.authority = Some(authority.clone());
    let server = Server::start(options).await.unwrap();
    let plain = super::client(&server, s3::ACCESS_KEY_ID, s3::SECRET_ACCESS_KEY);
    let untrusted = plain.head_bucket().bucket("clips").send().await;
    assert!(untrusted.unwrap_err().as_service_error().is_none());

    let store = TrustStore::empty().with_pem_certificate(authority.pem().into_bytes());
    let context = TlsContext::builder().with_trust_store(store).build().unwrap();
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .tls_context(context)
        .build_https();
    let config = plain.config().to_builder().http_client(http).build();
    let trusting = aws_sdk_s3::Client::from_conf(config);
    trusting.head_bucket().bucket("clips").send().await.unwrap();
}
