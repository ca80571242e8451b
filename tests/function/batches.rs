//! Batches of a queue: every message is answered by itself.

use std::time::Duration;

use clip_export_local::faults::{Fault, When};
use clip_export_local::footage::Footage;
use clip_export_local::kvs::Stream;
use serde_json::{Value, json};

use crate::rig::{FAILED, Rig, Setup, TEN, event, event_from, refused, with};

/// A batch of the messages `bodies`, the ids of which are their numbers.
fn batch(queue: &str, bodies: &[String]) -> Value {
    let records: Vec<Value> = (0..)
        .zip(bodies)
        .map(|(number, body)| {
            json!({
                "messageId": id(number), "receiptHandle": "x", "body": body, "attributes": {},
                "messageAttributes": {}, "md5OfBody": "x", "eventSource": "aws:sqs",
                "eventSourceARN": format!("arn:aws:sqs:eu-west-1:123456789012:{queue}"), "awsRegion": "eu-west-1"
            })
        })
        .collect();
    json!({"Records": records})
}

fn id(number: usize) -> String {
    format!("059f36b4-87a3-44ab-83d2-{number:012}")
}

/// The numbers of the messages that stay in their queue.
fn stay(answer: &Value) -> Vec<usize> {
    let failures = answer["batchItemFailures"].as_array().expect("a list");
    let mut numbers: Vec<usize> = failures
        .iter()
        .map(|failure| {
            let id = failure["itemIdentifier"].as_str().expect("an id");
            id.rsplit('-')
                .next()
                .expect("a number")
                .parse()
                .expect("a number")
        })
        .collect();
    numbers.sort_unstable();
    numbers
}

fn clip(stream: &str) -> String {
    event(stream, 20).to_string()
}

#[tokio::test]
async fn every_message_has_its_own_fate() {
    let rig = Setup::default().failed_queue().start().await;
    let bodies = [
        clip("front-door"),
        clip("no-such-camera"),
        "hello".to_owned(),
        clip("gate"),
        with(event("front-door", 20), json!({"Destination": {"Key": "../x"}})).to_string(),
    ];
    let answer = rig.receipt(&batch("clips", &bodies)).await;
    assert_eq!(stay(&answer), [0; 0], "{}", rig.log());
    assert_eq!(rig.s3.objects("clips").len(), 2);
    assert_eq!(rig.s3.uploads(), []);
    let mut failed = rig.sqs.messages(FAILED);
    failed.sort_by_key(|message| bodies.iter().position(|body| *body == message.body));
    let told: Vec<_> = failed
        .iter()
        .map(|message| (message.body.as_str(), message.text("ErrorType").expect("a label")))
        .collect();
    assert_eq!(
        told,
        [
            (bodies[1].as_str(), "StreamNotFound"),
            (bodies[2].as_str(), "InvalidRequest"),
            (bodies[4].as_str(), "InvalidRequest"),
        ]
    );
    let message = failed[2].text("ErrorMessage").expect("a message");
    assert!(message.contains("Destination.Key"), "{message}");
    // Each is told once in the log, under its own id.
    let log = rig.log_with("the batch is worked off").await;
    for number in [1, 2, 4] {
        let told = |line: &&String| line.contains("\"ERROR\"") && line.contains(&id(number));
        assert_eq!(log.iter().filter(told).count(), 1, "{number}");
    }
    // Receipts are nowhere else: the answer has no room for them.
    let log: Vec<Value> = log
        .iter()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    for number in [0, 3] {
        let is_its_end = |line: &&Value| {
            line["span"]["message_id"] == id(number) && line["fields"]["status"] == "EXPORTED"
        };
        let end = log.iter().find(is_its_end).expect("an end");
        let receipt = end["fields"]["receipt"].as_str().expect("a receipt");
        let receipt: Value = serde_json::from_str(receipt).expect("JSON");
        assert_eq!(receipt["Clips"][0]["Bucket"], "clips");
    }
}

#[tokio::test]
async fn what_may_succeed_later_stays_in_the_queue() {
    let rig = Setup::default()
        .failed_queue()
        .with("CLIP_RETRIES", "0")
        .with("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
        .start()
        .await;
    rig.kvs_fault("GetClip", When::Call(2), Fault::Throttle);
    let bodies = [clip("front-door"), clip("gate"), clip("loading-dock")];
    let answer = rig.receipt(&batch("clips", &bodies)).await;
    assert_eq!(stay(&answer).len(), 1, "{}", rig.log());
    assert_eq!(rig.s3.objects("clips").len(), 2);
    assert_eq!(rig.sqs.calls("SendMessage"), 0);
    // Delivered again, it is served, and nothing is made twice.
    let answer = rig.receipt(&batch("clips", &bodies)).await;
    assert_eq!(stay(&answer), [0; 0]);
    assert_eq!(rig.s3.objects("clips").len(), 3);
    assert_eq!(rig.kvs.calls("GetClip"), 4);
}

#[tokio::test]
async fn a_message_that_cannot_be_put_aside_stays() {
    let bodies = [clip("no-such-camera"), clip("gate")];
    let rig = Setup::default().failed_queue().start().await;
    rig.sqs
        .faults
        .script("SendMessage", When::Every, refused(403, "AccessDenied"));
    assert_eq!(stay(&rig.receipt(&batch("clips", &bodies)).await), [0]);
    assert!(rig.log().contains("could not be put aside"), "{}", rig.log());
    assert_eq!(rig.sqs.messages(FAILED).len(), 0);

    let without = Rig::start().await;
    assert_eq!(stay(&without.receipt(&batch("clips", &bodies)).await), [0]);
    assert!(
        without.log().contains("CLIP_FAILED_QUEUE_URL"),
        "{}",
        without.log()
    );
}

#[tokio::test]
async fn a_failure_on_the_way_to_the_failed_queue_is_tried_again() {
    let rig = Setup::default().failed_queue().start().await;
    rig.sqs
        .faults
        .script("SendMessage", When::Call(1), Fault::Throttle);
    let answer = rig.receipt(&batch("clips", &[clip("no-such-camera")])).await;
    assert_eq!(stay(&answer), [0; 0], "{}", rig.log());
    assert_eq!(rig.sqs.messages(FAILED).len(), 1);
}

/// Four exports fit into 256 MB: all of them ask for their clips before the first has its answer.
#[tokio::test]
async fn exports_run_side_by_side() {
    let rig = Setup::default().with("CLIP_PART_MIB", "8").start().await;
    for call in 1..=4 {
        rig.kvs_fault("GetClip", When::Call(call), Fault::Delay(Duration::from_secs(2)));
    }
    let bodies = ["front-door", "gate", "loading-dock", "yard", "barn"].map(clip);
    let event = batch("clips", &bodies);
    let (answer, at_once) = tokio::join!(rig.receipt(&event), async {
        while rig.kvs.calls("GetClip") < 4 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        (rig.s3.objects("clips").len(), rig.kvs.calls("GetClip"))
    });
    assert_eq!(stay(&answer), [0; 0], "{}", rig.log());
    assert_eq!(at_once, (0, 4), "four at once, and no more");
    assert_eq!(rig.s3.objects("clips").len(), 5);
}

/// Of two days only one fits into 256 MB: the other is not begun before that is made.
#[tokio::test]
async fn long_exports_wait_for_memory() {
    // It sends four seconds an hour.
    let camera = Stream::builder("attic", Footage::h264_aac()).motion(4000, 3_600_000);
    let setup = Setup::default().stream(camera.build().expect("a camera"));
    let rig = setup.with("CLIP_PART_MIB", "8").start().await;
    rig.kvs_fault(
        "ListFragments",
        When::Call(1),
        Fault::Delay(Duration::from_secs(2)),
    );
    let hours = [20, 22].map(|hours| hours * 3600);
    let bodies = hours.map(|hours| event_from("attic", TEN - hours, hours).to_string());
    let event = batch("clips", &bodies);
    let (answer, meanwhile) = tokio::join!(rig.receipt(&event), async {
        while rig.kvs.calls("ListFragments") < 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        rig.kvs.calls("ListFragments")
    });
    assert_eq!(stay(&answer), [0; 0], "{}", rig.log());
    assert_eq!(meanwhile, 1, "the second has not asked for anything");
    assert_eq!(rig.s3.objects("clips").len(), 2);
}

/// The bound that decides how many exports run side by side holds.
#[tokio::test]
async fn a_batch_of_long_clips_stays_within_memory() {
    let rig = Setup::default().with("CLIP_PART_MIB", "8").start().await;
    let bodies: Vec<String> = (0..4)
        .map(|minute| event_from("highway", TEN + minute * 300, 200).to_string())
        .collect();
    let answer = rig.receipt(&batch("clips", &bodies)).await;
    assert_eq!(stay(&answer), [0; 0], "{}", rig.log());
    let peak = rig.function.peak_memory().expect("a running process");
    assert!(peak < 224 << 20, "{} MiB", peak >> 20);
}

#[tokio::test]
async fn a_queue_that_keeps_order_waits_for_what_failed() {
    let rig = Setup::default()
        .failed_queue()
        .with("CLIP_RETRIES", "0")
        .start()
        .await;
    rig.kvs_fault("GetClip", When::Call(2), Fault::Throttle);
    let bodies = [
        clip("front-door"),
        clip("no-such-camera"),
        clip("gate"),
        clip("yard"),
        clip("barn"),
    ];
    let answer = rig.receipt(&batch("clips.fifo", &bodies)).await;
    assert_eq!(stay(&answer), [2, 3, 4], "{}", rig.log());
    assert_eq!(rig.kvs.calls("GetClip"), 2, "what follows is not begun");
    assert_eq!(rig.log().matches("was not begun and stays").count(), 2);
    assert_eq!(
        rig.sqs.messages(FAILED).len(),
        1,
        "what can never be served holds nobody up"
    );
}

#[tokio::test]
async fn a_message_that_comes_twice_makes_one_object() {
    let rig = Rig::start().await;
    let twice = [clip("front-door"), clip("front-door")];
    let answer = rig.receipt(&batch("clips", &twice)).await;
    assert_eq!(stay(&answer), [0; 0], "{}", rig.log());
    rig.is_lossless("front-door", 20);
    let answer = rig.receipt(&batch("clips", &twice[..1])).await;
    assert_eq!(stay(&answer), [0; 0]);
    rig.only_object();
}

/// What there is no time for stays in the queue, and leaves nothing behind.
#[tokio::test]
async fn the_deadline_is_one_for_all() {
    let rig = Setup::default()
        .failed_queue()
        .with("CLIP_STALL_SECONDS", "60")
        .start()
        .await;
    rig.kvs_fault("GetClip", When::Every, Fault::Stall { after: 1000 });
    let bodies = ["front-door", "gate", "loading-dock", "yard", "barn"].map(clip);
    let outcome = rig
        .invoke_within(&batch("clips", &bodies), Duration::from_secs(6))
        .await;
    let (error_type, message) = rig.error_of(outcome);
    assert_eq!(error_type, "DeadlineTooClose", "{message}");
    assert!(message.contains("none of the 5 messages"), "{message}");
    rig.nothing_is_left();
    assert_eq!(rig.sqs.calls("SendMessage"), 0);
}

/// The exports of a batch share the half of a stream's quota that one of them leaves to viewers.
#[tokio::test]
async fn side_by_side_they_read_a_stream_no_faster_than_one() {
    let rig = Setup::default().with("CLIP_RETRIES", "0").start().await;
    let bodies: Vec<String> = (0..3)
        .map(|hour| event_from("front-door", TEN - 7200 * (hour + 1), 700).to_string())
        .collect();
    let answer = rig.receipt(&batch("clips", &bodies)).await;
    assert_eq!(stay(&answer), [0; 0], "{}", rig.log());
    assert_eq!(rig.kvs.calls("GetClip"), 6);
    assert_eq!(rig.kvs.calls("GetDataEndpoint"), 2, "one for each API");
}

/// Where the service does not say where a stream's data is, messages about that stream wait for it together: each for as
/// long as one alone would, and not one after the other.
#[tokio::test]
async fn messages_of_one_stream_wait_for_its_endpoint_together() {
    let rig = Setup::default()
        .with("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1024")
        .with("CLIP_STALL_SECONDS", "1")
        .with("CLIP_RETRIES", "0")
        .start()
        .await;
    let stall = Fault::Stall { after: 0 };
    rig.kvs_fault("GetDataEndpoint", When::Every, stall);
    let bodies: Vec<String> = (0..10)
        .map(|number| event_from("front-door", TEN + number * 60, 20).to_string())
        .collect();
    let begun = std::time::Instant::now();
    let (label, _) = rig.error(&batch("clips", &bodies)).await;
    assert_eq!(label, "ServiceUnavailable");
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
}
