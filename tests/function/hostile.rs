//! Events, answers and hosts that mean harm. What each of them is held off by, SECURITY.md says.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use clip_export_local::http::{Authority, Body, Connection, Server};
use hyper::{Request, Response};
use serde_json::{Value, json};

use crate::rig::{FAILED, Rig, Setup, event, with};

const ANYWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// Bytes of an answer "without end": more than any function's memory, and an end for a test that fails.
const ENDLESS: usize = 1 << 30;

/// A Kinesis Video Streams that answers `GetClip` with `head` and then `more`, again and again.
async fn service(head: Vec<u8>, more: Vec<u8>) -> (Server, Arc<AtomicU64>) {
    let sent = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&sent);
    let (head, more) = (Bytes::from(head), Bytes::from(more));
    let server = Server::bind(ANYWHERE, None, move |request, _: Connection| {
        let (head, more, counted) = (head.clone(), more.clone(), Arc::clone(&counted));
        async move { answer(&request, head, more, counted) }
    });
    (server.await.expect("a server"), sent)
}

fn answer<B>(request: &Request<B>, head: Bytes, more: Bytes, sent: Arc<AtomicU64>) -> Response<Body> {
    let host = request.headers()["host"].to_str().expect("a host").to_owned();
    match request.uri().path() {
        "/getDataEndpoint" => {
            let body = json!({"DataEndpoint": format!("http://{host}")}).to_string();
            Response::new(Body::full(body))
        }
        "/getClip" => {
            let (sender, body) = Body::channel(4, None);
            tokio::spawn(async move {
                let mut piece = head;
                while sender.send(Ok(piece.clone())).await.is_ok() {
                    let total = sent.fetch_add(piece.len() as u64, Ordering::Relaxed);
                    if total > ENDLESS as u64 {
                        break;
                    }
                    piece = more.clone();
                }
            });
            Response::new(body)
        }
        _ => {
            let mut refusal = Response::new(Body::full(r#"{"Message": "no"}"#));
            *refusal.status_mut() = hyper::StatusCode::FORBIDDEN;
            let code = hyper::header::HeaderValue::from_static("AccessDeniedException");
            refusal.headers_mut().insert("x-amzn-errortype", code);
            refusal
        }
    }
}

fn boxed(size: u32, box_type: &[u8; 4], payload: &[u8]) -> Vec<u8> {
    [&size.to_be_bytes(), box_type.as_slice(), payload].concat()
}

/// Whoever looks for `moov` keeps what comes before it, and what comes after goes to S3: neither has to end.
#[tokio::test]
async fn an_answer_without_end_is_given_up() {
    let ftyp = boxed(12, b"ftyp", b"isom");
    for (case, head, more, most) in [
        (
            "empty boxes",
            ftyp.clone(),
            boxed(8, b"free", b"").repeat(100_000),
            16 << 20,
        ),
        (
            "a box of 4 GB",
            [ftyp.clone(), boxed(u32::MAX, b"free", b"")].concat(),
            vec![0; 1 << 20],
            16 << 20,
        ),
        (
            "a moov of 4 GB",
            [ftyp.clone(), boxed(u32::MAX, b"moov", b"")].concat(),
            vec![0; 1 << 20],
            16 << 20,
        ),
        (
            "an mdat of 4 GB",
            [ftyp.clone(), boxed(u32::MAX, b"mdat", b"")].concat(),
            vec![0; 1 << 20],
            16 << 20,
        ),
        (
            "an mdat without a length",
            [ftyp.clone(), boxed(0, b"mdat", b"")].concat(),
            vec![0; 1 << 20],
            256 << 20,
        ),
    ] {
        let (kvs, sent) = service(head, more).await;
        let rig = Setup::default()
            .with("AWS_ENDPOINT_URL_KINESIS_VIDEO", &kvs.endpoint())
            .with("CLIP_RETRIES", "0")
            .start()
            .await;
        let (error_type, message) = rig.error(&event("gate", 10)).await;
        assert!(
            matches!(&*error_type, "ClipDamaged" | "UnsupportedMedia"),
            "{case}: {message}"
        );
        let sent = sent.load(Ordering::Relaxed);
        assert!(sent < most, "{case}: {sent} bytes were taken");
        let peak = rig.function.peak_memory().expect("a running process");
        assert!(peak < 128 << 20, "{case}: {} MiB", peak >> 20);
        rig.nothing_is_left();
    }
}

/// Bytes that are said to be compressed and are not: who unpacked them would have nothing.
#[tokio::test]
async fn an_answer_that_says_it_is_compressed_is_not_unpacked() {
    let source = Rig::start().await;
    let clip = Bytes::from(source.clip("front-door", 20));
    let (body, nothing) = (clip.clone(), Arc::new(AtomicU64::new(0)));
    let kvs = Server::bind(ANYWHERE, None, move |request, _: Connection| {
        let mut answer = match request.uri().path() {
            "/getClip" => Response::new(Body::full(body.clone())),
            _ => answer(&request, Bytes::new(), Bytes::new(), Arc::clone(&nothing)),
        };
        if request.uri().path() == "/getClip" {
            let gzip = hyper::header::HeaderValue::from_static("gzip");
            answer.headers_mut().insert("content-encoding", gzip);
        }
        async { answer }
    });
    let kvs = kvs.await.expect("a server");
    let rig = Setup::default()
        .with("AWS_ENDPOINT_URL_KINESIS_VIDEO", &kvs.endpoint())
        .start()
        .await;
    rig.receipt(&event("front-door", 20)).await;
    let stored = std::fs::read(&rig.only_object().path).expect("the object's file");
    assert!(stored == clip, "other bytes");
}

/// The SDK goes where the operator and Kinesis Video Streams say, and not where an answer points.
#[tokio::test]
async fn a_redirect_is_not_followed() {
    let reached = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&reached);
    let inside = Server::bind(ANYWHERE, None, move |_, _| {
        counted.fetch_add(1, Ordering::Relaxed);
        async { Response::new(Body::full("{}")) }
    });
    let inside = inside.await.expect("a server");
    let location = format!("{}/latest/meta-data/", inside.endpoint());
    for status in [301, 302, 307, 308] {
        let location = location.clone();
        let kvs = Server::bind(ANYWHERE, None, move |_, _| {
            let mut moved = Response::new(Body::empty());
            *moved.status_mut() = hyper::StatusCode::from_u16(status).expect("a status");
            let location = location.parse().expect("a header");
            moved.headers_mut().insert("location", location);
            async { moved }
        });
        let kvs = kvs.await.expect("a server");
        let rig = Setup::default()
            .with("AWS_ENDPOINT_URL_KINESIS_VIDEO", &kvs.endpoint())
            .with("CLIP_RETRIES", "0")
            .start()
            .await;
        rig.error(&event("gate", 10)).await;
        rig.nothing_is_left();
    }
    assert_eq!(reached.load(Ordering::Relaxed), 0);
}

/// Over plain HTTP anybody on the way could read the session's token.
#[tokio::test]
async fn a_data_endpoint_without_tls_gets_no_request() {
    let reached = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&reached);
    let plain = Server::bind(ANYWHERE, None, move |_, _| {
        counted.fetch_add(1, Ordering::Relaxed);
        async { Response::new(Body::empty()) }
    });
    let plain = plain.await.expect("a server");
    let authority = Authority::new().expect("an authority");
    let body = json!({"DataEndpoint": plain.endpoint()}).to_string();
    let kvs = Server::bind(ANYWHERE, Some(&authority), move |_, _| {
        let answer = Response::new(Body::full(body.clone()));
        async { answer }
    });
    let kvs = kvs.await.expect("a server");
    let folder = tempfile::tempdir().expect("a folder");
    let bundle = folder.path().join("ca.pem");
    std::fs::write(&bundle, authority.pem()).expect("a file");
    let rig = Setup::default()
        .with("AWS_ENDPOINT_URL_KINESIS_VIDEO", &kvs.endpoint())
        .with("AWS_CA_BUNDLE", bundle.to_str().expect("UTF-8"))
        .with("CLIP_RETRIES", "0")
        .start()
        .await;
    let message = rig.fails(&event("gate", 10), "ServiceUnavailable").await;
    assert!(message.contains("https"), "{message}");
    assert_eq!(reached.load(Ordering::Relaxed), 0);
}

/// A line of CloudWatch's Embedded Metric Format, which would count as the function's own.
const FORGED: &str = "\n{\"_aws\": {\"Timestamp\": 0, \"CloudWatchMetrics\": []}}\n\u{1b}[2J\u{2028}";

fn forgeries() -> Vec<Value> {
    let metric = |name: &str| json!({"metricStat": {"metric": {"namespace": "AWS/KinesisVideo", "dimensions": {"StreamName": name}}}});
    let alarm = |name: &str, metrics: Value| {
        json!({"source": "aws.cloudwatch", "detail-type": "CloudWatch Alarm State Change", "resources": [],
            "detail": {"alarmName": name, "configuration": {"metrics": metrics},
                "state": {"value": "ALARM", "timestamp": "2026-11-20T10:02:07.101+0000"}}})
    };
    let two = json!([metric(&format!("a{FORGED}")), metric(&format!("b{FORGED}"))]);
    let record = json!({"messageId": format!("id{FORGED}"), "body": FORGED, "eventSource": "aws:sqs"});
    vec![
        event(FORGED, 10),
        with(event("gate", 10), json!({FORGED: FORGED})),
        with(event("gate", 10), json!({"IfExists": FORGED, "Boundary": FORGED})),
        with(
            event("gate", 10),
            json!({"Destination": {"Key": format!("a{FORGED}.mp4")}}),
        ),
        with(
            event("gate", 10),
            json!({"Destination": {"Tags": {FORGED: FORGED}, "Metadata": {FORGED: FORGED}}}),
        ),
        alarm(FORGED, json!([])),
        alarm("a", two),
        json!({"source": format!("aws.{FORGED}"), "detail-type": FORGED, "detail": {}}),
        json!({"StreamArn": FORGED, "FragmentNumber": FORGED, "NotificationType": FORGED}),
        json!({"Records": [record]}),
        json!(FORGED),
    ]
}

/// Neither in JSON nor in text does a line of the log begin where an event wants one to.
#[tokio::test]
async fn no_event_writes_a_line_of_its_own_into_the_log() {
    for format in ["JSON", "Text"] {
        let rig = Setup::default()
            .with("AWS_LAMBDA_LOG_FORMAT", format)
            .with("AWS_LAMBDA_LOG_LEVEL", "TRACE")
            .start()
            .await;
        for forgery in forgeries() {
            rig.invoke(&forgery).await;
        }
        rig.receipt(&event("front-door", 10)).await;
        let lines = rig.log_with("EXPORTED").await;
        assert!(lines.len() > 20, "{format}: {lines:#?}");
        for line in lines {
            let own = line.contains("\"Namespace\":\"ClipExport\"");
            let logged = if format == "JSON" {
                line.starts_with("{\"timestamp\":")
            } else {
                line.starts_with("20") && !line.contains('\u{2028}')
            };
            assert!(!line.contains('\u{1b}'), "{format}: {line:?}");
            assert!(own || logged, "{format}: {line:?}");
        }
    }
}

/// A message that is too long, too deep, or somebody else's takes nothing from those beside it.
#[tokio::test]
async fn hostile_messages_do_not_hold_up_the_others() {
    let rig = Setup::default().failed_queue().start().await;
    let elsewhere = "arn:aws:kinesisvideo:eu-west-1:210987654321:stream/gate/1451606400000";
    let mut foreign = event("gate", 20);
    foreign.as_object_mut().expect("an object").remove("StreamName");
    let hostile = [
        "x".repeat(300_000),
        "[".repeat(100_000),
        "{\"a\":".repeat(40_000),
        "\u{0}\u{ffff}".repeat(1000),
        with(foreign, json!({"StreamARN": elsewhere})).to_string(),
        with(
            event("gate", 20),
            json!({"Destination": {"Bucket": "somebody-elses"}}),
        )
        .to_string(),
        with(
            event("gate", 20),
            json!({"Destination": {"Key": "../../etc/passwd"}}),
        )
        .to_string(),
    ];
    let good = event("front-door", 20).to_string();
    let records: Vec<Value> = (0..)
        .zip(hostile.iter().chain([&good]))
        .map(|(number, body)| json!({"messageId": format!("m{number}"), "body": body, "eventSource": "aws:sqs"}))
        .collect();
    let answer = rig.receipt(&json!({"Records": records})).await;
    // SQS takes no control characters: that message stays until its queue gives it up.
    assert_eq!(
        answer,
        json!({"batchItemFailures": [{"itemIdentifier": "m3"}]}),
        "{}",
        rig.log()
    );
    rig.is_lossless("front-door", 20);
    let failed = rig.sqs.messages(FAILED);
    assert_eq!(failed.len(), hostile.len() - 1);
    assert!(
        failed
            .iter()
            .all(|message| message.text("ErrorType") == Some("InvalidRequest"))
    );
}

/// What Lambda would never hand over is not worked off message by message.
#[tokio::test]
async fn a_batch_larger_than_lambdas_makes_one_line_and_no_call() {
    let rig = Setup::default().failed_queue().start().await;
    let record = json!({"messageId": "m", "body": "x", "eventSource": "aws:sqs"});
    let batch = json!({"Records": vec![record; 20_000]});
    let (error_type, message) = rig.error(&batch).await;
    assert_eq!(error_type, "InvalidRequest", "{message}");
    assert_eq!(rig.sqs.calls("SendMessage"), 0);
    assert!(rig.log().lines().count() < 10, "{}", rig.log());
}

/// Where a request goes is the operator's to say: no field of an event is an address.
#[tokio::test]
async fn no_event_names_a_host() {
    let rig = Rig::start().await;
    let reached = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&reached);
    let host = Server::bind(ANYWHERE, None, move |_, _| {
        counted.fetch_add(1, Ordering::Relaxed);
        async { Response::new(Body::empty()) }
    });
    let host = host.await.expect("a server");
    let (url, name) = (host.endpoint(), host.address().to_string());
    for bucket in [
        url.clone(),
        name.clone(),
        format!("clips@{name}"),
        format!("clips.{name}#"),
    ] {
        rig.fails(
            &with(event("gate", 10), json!({"Destination": {"Bucket": bucket}})),
            "InvalidRequest",
        )
        .await;
    }
    for stream in [url.clone(), format!("@{name}"), format!("gate/../../{name}")] {
        rig.fails(&event(&stream, 10), "InvalidRequest").await;
    }
    let more = json!({"EndpointUrl": url, "Endpoint": name, "AWS_ENDPOINT_URL": url, "QueueUrl": url});
    rig.fails(&with(event("gate", 10), more), "InvalidRequest").await;
    // A key is a path, wherever it seems to point.
    let key = format!("http://{name}/a?b#c%2e%2e.mp4");
    rig.receipt(&with(event("gate", 10), json!({"Destination": {"Key": key}})))
        .await;
    assert_eq!(rig.only_object().key, key);
    assert_eq!(reached.load(Ordering::Relaxed), 0);
}
