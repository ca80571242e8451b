//! Multipart uploads that succeed, and what is left of those that do not.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumMode, ChecksumType};
use tokio::io::AsyncWriteExt;

use super::*;

#[tokio::test]
async fn parts_in_any_order_become_the_object_in_theirs() {
    let stack = stack().await;
    let upload = stack.create().await;
    let (one, two, three) = (bytes(1, PART), bytes(2, PART + 1), bytes(3, 77));
    let three_part = stack.part(&upload, 3, three.clone()).await;
    let two_part = stack.part(&upload, 2, two.clone()).await;
    stack.part(&upload, 1, bytes(9, PART)).await;
    let one_part = stack.part(&upload, 1, one.clone()).await;
    let whole = [one, two, three].concat();

    let open = stack.server.uploads();
    assert_eq!(open[0].upload_id, upload);
    let sizes = [(1, PART as u64), (2, PART as u64 + 1), (3, 77)];
    assert_eq!(open[0].parts, sizes);
    assert_eq!(stack.server.objects("clips"), Vec::<String>::new());

    let done = stack
        .complete(&upload, &[one_part, two_part, three_part])
        .checksum_type(ChecksumType::FullObject)
        .checksum_crc64_nvme(crc64nvme(&whole))
        .mpu_object_size(whole.len() as i64)
        .if_none_match("*")
        .send()
        .await
        .unwrap();
    assert_eq!(done.checksum_crc64_nvme(), Some(crc64nvme(&whole).as_str()));
    assert!(done.e_tag().unwrap().ends_with("-3\""), "{:?}", done.e_tag());

    let get = stack.client.get_object().bucket("clips").key("clip.mp4");
    let get = get.checksum_mode(ChecksumMode::Enabled).send().await.unwrap();
    assert_eq!(get.checksum_crc64_nvme(), Some(crc64nvme(&whole).as_str()));
    assert_eq!(get.body.collect().await.unwrap().to_vec(), whole);
    assert_eq!(stack.server.uploads(), []);
    let again = stack.complete(&upload, &[]).send().await;
    assert_eq!(refusal(again), refused(404, "NoSuchUpload"));
}

#[tokio::test]
async fn the_etag_is_the_md5_of_the_md5s() {
    let stack = stack().await;
    let upload = stack.create().await;
    let part = stack.part(&upload, 1, b"123456789".to_vec()).await;
    let done = stack.complete(&upload, &[part]).send().await.unwrap();
    // printf 123456789 | openssl md5 -binary | openssl md5
    assert_eq!(done.e_tag(), Some("\"5927c5d64d94a5786f90003aa26d0159-1\""));
}

#[tokio::test]
async fn an_upload_without_an_algorithm_takes_parts_without_and_may_skip_numbers() {
    let stack = stack().await;
    let no_checksums = stack
        .client
        .config()
        .to_builder()
        .request_checksum_calculation(aws_sdk_s3::config::RequestChecksumCalculation::WhenRequired)
        .build();
    let client = Client::from_conf(no_checksums);
    let created = client.create_multipart_upload().bucket("clips").key("clip.mp4");
    let created = created.send().await.unwrap();
    let upload = created.upload_id().unwrap();
    let mut parts = Vec::new();
    for (number, body) in [(2, bytes(1, PART)), (9, bytes(2, 10))] {
        let part = client
            .upload_part()
            .bucket("clips")
            .key("clip.mp4")
            .upload_id(upload);
        let part = part.part_number(number).body(ByteStream::from(body));
        let part = part.send().await.unwrap();
        parts.push(
            CompletedPart::builder()
                .part_number(number)
                .set_e_tag(part.e_tag().map(str::to_owned))
                .build(),
        );
    }
    let done = stack.complete(upload, &parts).send().await.unwrap();
    let whole = [bytes(1, PART), bytes(2, 10)].concat();
    assert_eq!(done.checksum_crc64_nvme(), Some(crc64nvme(&whole).as_str()));
}

#[tokio::test]
async fn the_default_of_other_sdks_is_a_composite_crc32() {
    let stack = stack().await;
    let client = &stack.client;
    let created = client.create_multipart_upload().bucket("clips").key("clip.mp4");
    let created = created
        .checksum_algorithm(ChecksumAlgorithm::Crc32)
        .send()
        .await
        .unwrap();
    assert_eq!(created.checksum_type(), Some(&ChecksumType::Composite));
    let upload = created.upload_id().unwrap();
    let part = client
        .upload_part()
        .bucket("clips")
        .key("clip.mp4")
        .upload_id(upload);
    let part = part.part_number(1).checksum_algorithm(ChecksumAlgorithm::Crc32);
    let part = part
        .body(ByteStream::from_static(b"123456789"))
        .send()
        .await
        .unwrap();
    assert_eq!(part.checksum_crc32(), Some("y/Q5Jg=="));
    let part = CompletedPart::builder()
        .part_number(1)
        .set_e_tag(part.e_tag().map(str::to_owned));
    let missing = stack.complete(upload, &[part.clone().build()]).send().await;
    assert_eq!(refusal(missing), refused(400, "InvalidRequest"));
    let part = part.checksum_crc32("y/Q5Jg==").build();
    let done = stack.complete(upload, &[part]).send().await.unwrap();
    assert!(done.checksum_crc32().unwrap().ends_with("-1"));
}

#[tokio::test]
async fn uploads_and_parts_are_listed_until_aborted() {
    let stack = stack().await;
    let upload = stack.create().await;
    stack.part(&upload, 1, b"one".to_vec()).await;
    stack.part(&upload, 2, b"two".to_vec()).await;
    let list = stack
        .client
        .list_parts()
        .bucket("clips")
        .key("clip.mp4")
        .upload_id(&upload);
    let page = list.clone().max_parts(1).send().await.unwrap();
    assert_eq!((page.parts().len(), page.is_truncated()), (1, Some(true)));
    let rest = list.part_number_marker(page.next_part_number_marker().unwrap());
    let rest = rest.send().await.unwrap();
    assert_eq!(rest.parts()[0].part_number(), Some(2));
    assert_eq!(
        rest.parts()[0].checksum_crc64_nvme(),
        Some(crc64nvme(b"two").as_str())
    );
    let open = stack
        .client
        .list_multipart_uploads()
        .bucket("clips")
        .send()
        .await
        .unwrap();
    assert_eq!(open.uploads()[0].upload_id(), Some(upload.as_str()));

    let abort = || {
        let abort = stack
            .client
            .abort_multipart_upload()
            .bucket("clips")
            .key("clip.mp4");
        abort.upload_id(&upload).send()
    };
    abort().await.unwrap();
    stack.assert_nothing_left();
    assert_eq!(refusal(abort().await), refused(404, "NoSuchUpload"));
}

#[tokio::test]
async fn of_two_writers_one_wins() {
    let stack = stack().await;
    let put = || {
        let put = stack.put_object().if_none_match("*");
        put.body(ByteStream::from(bytes(1, 100_000))).send()
    };
    let (one, two) = tokio::join!(put(), put());
    let (won, lost) = if one.is_ok() { (one, two) } else { (two, one) };
    won.unwrap();
    assert_eq!(refusal(lost), refused(412, "PreconditionFailed"));

    let upload = stack.create().await;
    let part = stack.part(&upload, 1, b"late".to_vec()).await;
    let late = stack.complete(&upload, &[part]).if_none_match("*").send().await;
    assert_eq!(refusal(late), refused(412, "PreconditionFailed"));
    assert_eq!(stack.server.uploads().len(), 1, "a lost race leaves its upload");
    assert_eq!(stack.server.object("clips", "clip.mp4").unwrap().size, 100_000);
}

#[tokio::test]
async fn a_body_that_does_not_arrive_whole_leaves_nothing() {
    let stack = stack().await;
    let upload = stack.create().await;
    let presigning =
        aws_sdk_s3::presigning::PresigningConfig::expires_in(std::time::Duration::from_secs(60)).unwrap();
    let put = stack.put_object();
    let put = put.presigned(presigning.clone()).await.unwrap();
    let target = put.uri().split_once("127.0.0.1").unwrap().1;
    let path = &target[target.find('/').unwrap()..];
    let mut socket = tokio::net::TcpStream::connect(stack.server.address())
        .await
        .unwrap();
    let host = stack.server.address();
    let head = format!("PUT {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 100\r\n\r\n");
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.write_all(&[7; 60]).await.unwrap();
    // The server has begun to store before the client leaves.
    while stack.server.calls("PutObject") == 0 {
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    drop(socket);
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert_eq!(stack.server.objects("clips"), Vec::<String>::new());
    let abort = stack
        .client
        .abort_multipart_upload()
        .bucket("clips")
        .key("clip.mp4");
    abort.upload_id(upload).send().await.unwrap();
    stack.assert_nothing_left();
}
