//! What comes back when everything goes well.

use clip_export_local::faults::{Fault, When};
use clip_export_local::footage::Footage;
use clip_export_local::kvs::{Framing, Stream};
use serde_json::{Value, json};

use crate::rig::{Rig, Setup, TEN, event, with};

#[tokio::test]
async fn a_small_clip_is_one_put_and_the_receipt_tells_all() {
    let rig = Rig::start().await;
    let receipt = rig.receipt(&event("front-door", 20)).await;
    let object = rig.is_lossless("front-door", 20);
    assert_eq!(
        object.key,
        "front-door/2026/11/20/front-door_20261120T100000Z_20261120T100020Z.mp4"
    );
    assert_eq!(object.content_type, "video/mp4");
    assert_eq!(object.parts, None);
    assert_eq!(rig.s3.calls("CreateMultipartUpload"), 0);

    let clip = &receipt["Clips"][0];
    // Fragments of 2 s that start from 0 s to 20 s, both included: 22 s of pictures, and a last
    // block of sound that reaches over their end.
    assert_eq!(clip["Tracks"][0]["Samples"], json!(550));
    assert_eq!(
        receipt,
        json!({
            "Status": "EXPORTED",
            "Request": {
                "StreamName": "front-door",
                "FragmentSelectorType": "PRODUCER_TIMESTAMP",
                "StartTimestamp": "2026-11-20T10:00:00.000Z",
                "EndTimestamp": "2026-11-20T10:00:20.000Z",
                "DurationSeconds": 20.0,
                "Boundary": "COVER",
                "IfExists": "SKIP",
            },
            "Clips": [{
                "Bucket": "clips",
                "Key": object.key,
                "ETag": format!("\"{}\"", object.etag),
                "ChecksumCRC64NVME": object.crc64nvme,
                "SizeBytes": object.size,
                "ContentType": "video/mp4",
                "DurationSeconds": 22.016,
                "FastStart": true,
                "StartTimestamp": "2026-11-20T10:00:00.000Z",
                "EndTimestamp": "2026-11-20T10:00:22.000Z",
                "Fragments": 11,
                "Tracks": [
                    {"Kind": "video", "Codec": "avc1", "DurationSeconds": 22.0, "Samples": 550, "SyncSamples": 11,
                     "Width": 320, "Height": 180},
                    {"Kind": "audio", "Codec": "mp4a", "DurationSeconds": clip["Tracks"][1]["DurationSeconds"],
                     "Samples": clip["Tracks"][1]["Samples"], "SyncSamples": clip["Tracks"][1]["Samples"],
                     "SampleRate": 16000},
                ],
            }],
            "ClipCount": 1,
            "Coverage": "COMPLETE",
            "Gaps": [],
            "Doubts": [],
            "GapCount": 0,
            "GapSeconds": 0.0,
            "Fragments": 11,
            "Windows": 1,
            "FragmentsResent": 0,
            "FragmentsOverlapping": 0,
            "FragmentsNotShown": 0,
            "DoubledSeconds": 0.0,
            "SkewSeconds": 0.0,
            "WaitedSeconds": 0.0,
            "ListFragmentsCalls": 1,
            "GetClipCalls": 1,
            "Retries": 0,
        })
    );
}

#[tokio::test]
async fn a_large_clip_goes_up_in_parts_while_it_comes_down() {
    let rig = Rig::start().await;
    let receipt = rig.receipt(&event("highway", 30)).await;
    let object = rig.is_lossless("highway", 30);
    assert!(object.size > 15 << 20, "{} bytes", object.size);
    assert_eq!(
        object.parts,
        Some(usize::try_from(object.size.div_ceil(5 << 20)).expect("few"))
    );
    assert_eq!(rig.s3.calls("PutObject"), 0);
    assert_eq!(receipt["Clips"][0]["SizeBytes"], json!(object.size));
    assert_eq!(receipt["Clips"][0]["ChecksumCRC64NVME"], json!(object.crc64nvme));
    let first_part = rig
        .s3
        .faults
        .log()
        .into_iter()
        .find(|call| call.operation == "UploadPart");
    assert_eq!(first_part.and_then(|call| call.part_number), Some(1));
}

#[tokio::test]
async fn a_clip_is_taken_however_http_frames_it() {
    for framing in [Framing::ContentLength, Framing::Chunked, Framing::CloseDelimited] {
        let camera = Stream::builder("lobby", Footage::h264_aac()).framing(framing);
        let rig = Rig::with_camera(camera).await;
        rig.receipt(&event("lobby", 10)).await;
        rig.is_lossless("lobby", 10);
    }
}

#[tokio::test]
async fn a_stream_may_be_named_by_its_arn_and_its_clock_may_be_the_servers() {
    let rig = Rig::start().await;
    let arn = rig.kvs.arn("gate").expect("a stream");
    let asked = json!({
        "StreamARN": arn,
        "ClipFragmentSelector": {
            "FragmentSelectorType": "SERVER_TIMESTAMP",
            "Around": {"Timestamp": "2026-11-20T11:00:10+0100", "BeforeSeconds": 10, "AfterSeconds": 20.25}
        }
    });
    let receipt = rig.receipt(&asked).await;
    assert_eq!(receipt["Request"]["StreamARN"], json!(arn));
    assert_eq!(
        receipt["Request"]["EndTimestamp"],
        json!("2026-11-20T10:00:30.250Z")
    );
    let object = rig.only_object();
    assert!(object.key.starts_with("gate/2026/11/20/gate_"), "{}", object.key);
    let sent = &rig.kvs.requests("GetClip")[0];
    assert_eq!(
        sent["ClipFragmentSelector"],
        json!({
            "FragmentSelectorType": "SERVER_TIMESTAMP",
            "TimestampRange": {"StartTimestamp": TEN, "EndTimestamp": TEN + 30}
        }),
        "from the first fragment's start to the last one's: {sent}"
    );
}

#[tokio::test]
async fn an_object_is_kept_as_the_request_and_the_operator_say() {
    let rig = Setup::default()
        .with(
            "CLIP_KMS_KEY_ID",
            "arn:aws:kms:eu-west-1:123456789012:key/1234abcd",
        )
        .with("CLIP_BUCKET_OWNER", "123456789012")
        .versioned()
        .start()
        .await;
    for (stream, key) in [("front-door", "one.mp4"), ("highway", "many.mp4")] {
        let destination = json!({"Destination": {
            "Bucket": "clips", "Key": format!("case 42/{key}"), "StorageClass": "GLACIER_IR",
            "Tags": {"case": "42 + 1", "näme=": "a@b"}, "Metadata": {"Operator": "amy b."}
        }});
        let receipt = rig.receipt(&with(event(stream, 20), destination)).await;
        let object = rig
            .s3
            .object("clips", &format!("case 42/{key}"))
            .expect("an object");
        assert_eq!(receipt["Clips"][0]["VersionId"], json!(object.version_id));
        assert!(object.version_id.is_some());
        assert_eq!(object.storage_class, "GLACIER_IR");
        assert_eq!(object.server_side_encryption, "aws:kms");
        assert_eq!(
            object.kms_key_id.as_deref(),
            Some("arn:aws:kms:eu-west-1:123456789012:key/1234abcd")
        );
        let tags: Vec<_> = object
            .tags
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        assert_eq!(tags, [("case", "42 + 1"), ("näme=", "a@b")]);
        let said = |name: &str| object.metadata.get(name).map(String::as_str);
        assert_eq!(said("operator"), Some("amy b."));
        assert_eq!(said("clip-stream"), Some(stream));
        assert_eq!(said("clip-start"), Some("2026-11-20T10:00:00.000Z"));
        assert_eq!(said("clip-end"), Some("2026-11-20T10:00:20.000Z"));
        assert_eq!(said("clip-selector"), Some("PRODUCER_TIMESTAMP"));
        assert_eq!(said("clip-fingerprint").map(str::len), Some(64));
    }
}

#[tokio::test]
async fn a_data_endpoint_is_asked_for_once_and_again_when_it_moves() {
    let rig = Rig::start().await;
    rig.receipt(&event("front-door", 10)).await;
    rig.receipt(&event("front-door", 12)).await;
    assert_eq!(rig.kvs.calls("GetDataEndpoint"), 2, "one for each operation");
    rig.kvs.move_endpoint("front-door").await.expect("a port");
    let receipt = rig.receipt(&event("front-door", 14)).await;
    assert_eq!(rig.kvs.calls("GetDataEndpoint"), 4);
    assert_eq!(receipt["Retries"], json!(2));
    assert_eq!(receipt["ListFragmentsCalls"], json!(2));
    assert_eq!(receipt["GetClipCalls"], json!(2));
}

#[tokio::test]
async fn logs_are_json_with_the_request_and_metrics_are_embedded() {
    let rig = Rig::start().await;
    rig.s3_fault("UploadPart", When::Call(1), Fault::Throttle);
    rig.receipt(&event("highway", 20)).await;
    let lines = rig.log_with("\"_aws\"").await;
    let lines: Vec<Value> = lines
        .iter()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect();
    let metrics = lines
        .iter()
        .find(|line| line.get("_aws").is_some())
        .expect("metrics");
    assert_eq!(
        metrics["_aws"]["CloudWatchMetrics"][0]["Namespace"],
        json!("ClipExport")
    );
    assert_eq!(
        metrics["_aws"]["CloudWatchMetrics"][0]["Dimensions"],
        json!([["FunctionName"], ["FunctionName", "Outcome"]])
    );
    assert_eq!(metrics["Outcome"], json!("EXPORTED"));
    assert_eq!(metrics["ExportedBytes"], json!(rig.only_object().size));
    assert_eq!(metrics["Clips"], json!(1));
    assert_eq!(metrics["GetClipCalls"], json!(1));
    assert_eq!(metrics["Failures"], json!(0));
    assert_eq!(metrics["Footage"], json!(22016));

    let stages: Vec<_> = lines
        .iter()
        .filter_map(|line| line["fields"]["message"].as_str())
        .collect();
    for stage in [
        "request accepted",
        "data endpoint",
        "the clip is coming",
        "multipart upload created",
        "part uploaded",
        "a call of S3 failed",
        "the clip is whole",
        "the object is there",
        "done",
    ] {
        assert!(stages.contains(&stage), "{stage} in {stages:?}");
    }
    for line in lines.iter().filter(|line| line.get("fields").is_some()) {
        assert_eq!(line["span"]["stream"], json!("highway"), "{line}");
        assert_eq!(line["span"]["start"], json!("2026-11-20T10:00:00.000Z"), "{line}");
        assert!(line["span"]["request_id"].is_string(), "{line}");
        assert!(
            line["timestamp"].is_string() && line["level"].is_string(),
            "{line}"
        );
    }
}

#[tokio::test]
async fn no_secret_reaches_the_log_at_any_level() {
    let rig = Setup::default()
        .with("AWS_LAMBDA_LOG_LEVEL", "TRACE")
        .start()
        .await;
    rig.receipt(&event("highway", 20)).await;
    let log = rig.log_with("\"_aws\"").await.join("\n");
    for secret in [
        clip_export_local::account::SECRET_ACCESS_KEY,
        "local-session-token",
        "Signature=",
    ] {
        assert!(!log.contains(secret), "{secret} in the log");
    }
}

/// What the README's section on costs counts with, at the defaults.
#[tokio::test]
async fn a_minute_takes_ten_requests_of_s3() {
    let rig = Rig::with("CLIP_PART_MIB", "8").await;
    rig.receipt(&event("highway", 60)).await;
    let calls = |operation| rig.s3.calls(operation);
    assert_eq!((calls("HeadObject"), calls("UploadPart")), (3, 5));
    let all: u64 = clip_export_local::s3::OPERATIONS.into_iter().map(calls).sum();
    assert_eq!(all, 10);
}
