//! The wire format, judged by the clients that the function uses: the real SDK against the local service.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use aws_sdk_kinesisvideo::operation::get_data_endpoint::GetDataEndpointError;
use aws_sdk_kinesisvideoarchivedmedia::error::ProvideErrorMetadata;
use aws_sdk_kinesisvideoarchivedmedia::operation::RequestId;
use aws_sdk_kinesisvideoarchivedmedia::operation::get_clip::GetClipError;
use aws_sdk_kinesisvideoarchivedmedia::operation::list_fragments::ListFragmentsError;
use aws_sdk_kinesisvideoarchivedmedia::types::FragmentSelectorType::{ProducerTimestamp, ServerTimestamp};
use clip_export_local::faults::{Fault, When};
use clip_export_local::footage::Footage;
use clip_export_local::http::Authority;
use clip_export_local::kvs::{Clock, Framing, Options, Selector, Server, Stream, catalogue};
use sha2::{Digest, Sha256};

use crate::clients::{self, Clients, HOUR, NOON, TEN_O_CLOCK, clients, server};

#[tokio::test]
async fn a_clip_arrives_byte_for_byte_in_every_framing() {
    let built = |name: &str, framing| {
        let stream = Stream::builder(name, Footage::h264_aac().bulky(3_000_000).unwrap());
        stream.framing(framing).build().unwrap()
    };
    let streams = vec![
        built("length", Framing::ContentLength),
        built("chunked", Framing::Chunked),
        built("close", Framing::CloseDelimited),
    ];
    let server = server(streams).await;
    let clients = clients(&server);
    for name in ["length", "chunked", "close"] {
        let answer = clients
            .clip(name, ProducerTimestamp, TEN_O_CLOCK, TEN_O_CLOCK + 19_999)
            .await
            .unwrap();
        assert_eq!(answer.content_type(), Some("video/mp4"));
        assert_eq!(answer.request_id().unwrap().len(), 36);
        let got = answer.payload.collect().await.unwrap().into_bytes();
        let wanted = server
            .clip_bytes(
                name,
                Selector::ProducerTimestamp,
                TEN_O_CLOCK,
                TEN_O_CLOCK + 19_999,
            )
            .unwrap();
        let digest: [u8; 32] = Sha256::digest(&wanted).into();
        assert_eq!(server.answers().last().unwrap().sha256, digest);
        assert!(got == wanted, "{name}: {} and {} bytes", got.len(), wanted.len());
    }
    let answers = server.answers();
    let named: Vec<_> = answers.iter().map(|a| a.stream.as_str()).collect();
    assert_eq!(named, ["length", "chunked", "close"]);
    assert!(answers.iter().all(|a| a.bytes > 7_000_000));
    assert_eq!(server.calls("GetClip"), 3);
    let request = &server.requests("GetClip")[0];
    assert_eq!(request["StreamName"], "length");
    assert_eq!(
        request["ClipFragmentSelector"]["TimestampRange"]["StartTimestamp"],
        1_795_168_800
    );
}

#[tokio::test]
async fn get_clip_refuses_with_the_modelled_errors() {
    let server = server(catalogue()).await;
    let clients = clients(&server);
    let hour_ago = NOON - HOUR;
    let refused = async |stream: &str, by, start, end| {
        let error = clients.clip(stream, by, start, end).await.unwrap_err();
        let status = error.raw_response().unwrap().status().as_u16();
        (status, error.into_service_error())
    };
    let (status, error) = refused("nobody", ProducerTimestamp, hour_ago, NOON).await;
    assert!(
        matches!(error, GetClipError::ResourceNotFoundException(_)),
        "{error:?}"
    );
    assert_eq!(status, 404);
    let (status, error) = refused("dark-room", ProducerTimestamp, hour_ago, NOON).await;
    assert!(
        matches!(error, GetClipError::ResourceNotFoundException(_)),
        "{error:?}"
    );
    assert_eq!(status, 404);
    assert_eq!(
        error.message(),
        Some("No fragments found in the stream for the clip request.")
    );
    let end = NOON - 2 * HOUR;
    let (status, error) = refused("night-shift", ServerTimestamp, end - HOUR, end).await;
    assert!(
        matches!(error, GetClipError::InvalidArgumentException(_)),
        "{error:?}"
    );
    assert_eq!(status, 400);
    let message = format!("End timestamp {end} is outside of the stream retention period.");
    assert_eq!(error.message(), Some(&*message));
    let (_, error) = refused("doorbell", ServerTimestamp, hour_ago, NOON).await;
    assert!(
        matches!(error, GetClipError::NoDataRetentionException(_)),
        "{error:?}"
    );
    let (_, error) = refused("intercom", ProducerTimestamp, hour_ago, NOON).await;
    let unsupported = matches!(error, GetClipError::UnsupportedStreamMediaTypeException(_));
    assert!(unsupported, "{error:?}");
    let (_, error) = refused("workshop", ProducerTimestamp, hour_ago - 2_000, hour_ago).await;
    let inconsistent = matches!(error, GetClipError::InvalidCodecPrivateDataException(_));
    assert!(inconsistent, "{error:?}");
    assert_eq!(
        error.message(),
        Some("The codec private data is not consistent between all fragments.")
    );
}

#[tokio::test]
async fn fragments_are_listed_in_pages_without_order() {
    let server = server(catalogue()).await;
    let clients = clients(&server);
    let mut pages = clients
        .list("front-door", ProducerTimestamp, NOON - HOUR, NOON)
        .max_results(700)
        .into_paginator()
        .send();
    let mut listed = Vec::new();
    while let Some(page) = pages.next().await {
        listed.extend(page.unwrap().fragments.unwrap());
    }
    assert_eq!(listed.len(), 1_799, "the running one is not archived");
    let numbers: BTreeSet<_> = listed.iter().map(|f| f.fragment_number().unwrap()).collect();
    assert_eq!(numbers.len(), 1_799);
    let starts: Vec<i64> = listed
        .iter()
        .map(|f| f.producer_timestamp().unwrap().to_millis().unwrap())
        .collect();
    assert!(!starts.is_sorted());
    assert_eq!(starts.iter().min(), Some(&(NOON - HOUR)));
    assert!(
        listed
            .iter()
            .all(|f| f.fragment_length_in_milliseconds() == 1_960)
    );
    assert!(listed.iter().all(|f| f.fragment_size_in_bytes() > 10_000));
    let nothing = clients.list("dark-room", ServerTimestamp, NOON - HOUR, NOON);
    assert_eq!(nothing.send().await.unwrap().fragments().len(), 0);
    let error = clients
        .media
        .list_fragments()
        .stream_name("front-door")
        .send()
        .await;
    let error = error.unwrap_err();
    assert_eq!(error.raw_response().unwrap().status().as_u16(), 500);
    assert_eq!(error.into_service_error().code(), Some("InternalFailure"));
}

#[tokio::test]
async fn streams_describe_themselves() {
    let server = server(catalogue()).await;
    let clients = clients(&server);
    let arn = server.arn("night-shift").unwrap();
    let answer = clients
        .control
        .describe_stream()
        .stream_arn(arn.as_str())
        .send()
        .await;
    let info = answer.unwrap().stream_info.unwrap();
    assert_eq!(info.stream_name(), Some("night-shift"));
    assert_eq!(info.stream_arn(), Some(&*arn));
    assert_eq!(info.data_retention_in_hours(), Some(1));
    assert_eq!(info.creation_time().unwrap().secs(), 1_451_606_400);
}

#[tokio::test]
async fn the_data_endpoint_is_where_the_client_came_in() {
    let server = server(catalogue()).await;
    // Another name of the same host, as from inside a container.
    let named = server.endpoint().replace("127.0.0.1", "localhost");
    let clients = Clients::at(&named, None);
    assert_eq!(clients.data_endpoint("gate").await.unwrap(), named);
    let missing = clients.data_endpoint("nobody").await.unwrap_err();
    let missing = missing.into_service_error();
    let not_found = matches!(missing, GetDataEndpointError::ResourceNotFoundException(_));
    assert!(not_found, "{missing:?}");
}

#[tokio::test]
async fn quotas_throttle_each_stream_by_itself() {
    let options = Options {
        now: Clock::fixed(NOON),
        ..Options::default()
    };
    let server = Server::start(options).await.unwrap();
    let clients = clients(&server);
    let begun = Instant::now();
    let mut refused = None;
    for _ in 0..6 {
        refused = clients.data_endpoint("front-door").await.err();
    }
    assert!(begun.elapsed() < Duration::from_secs(1), "too slow to judge");
    let error = refused.unwrap().into_service_error();
    let limited = matches!(error, GetDataEndpointError::ClientLimitExceededException(_));
    assert!(limited, "{error:?}");
    let message = "Limit exceeded on number of requests for GetDataEndpoint API for resource 'front-door'";
    assert_eq!(error.message(), Some(message));
    assert!(clients.data_endpoint("gate").await.is_ok());

    // 1,000 points each: the eleventh is too many.
    let mut refused = None;
    for _ in 0..11 {
        let list = clients.list("yard", ProducerTimestamp, NOON - HOUR, NOON - HOUR);
        refused = list.max_results(1_000).send().await.err();
    }
    let error = refused.unwrap().into_service_error();
    assert!(
        matches!(error, ListFragmentsError::ClientLimitExceededException(_)),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_moved_endpoint_leaves_a_403_behind() {
    let server = server(catalogue()).await;
    let clients = clients(&server);
    let new = server.move_endpoint("front-door").await.unwrap();
    let (start, end) = (TEN_O_CLOCK, TEN_O_CLOCK + 4_000);
    let error = clients.clip("front-door", ProducerTimestamp, start, end).await;
    let error = error.unwrap_err();
    let raw = error.raw_response().unwrap();
    assert_eq!(raw.status().as_u16(), 403);
    let body = String::from_utf8_lossy(raw.body().bytes().unwrap());
    assert!(body.contains("Unable to determine service/operation name to be authorized"));
    assert_eq!(clients.data_endpoint("front-door").await.unwrap(), new);
    let moved = Clients::at(&new, None);
    assert!(
        moved
            .clip("front-door", ProducerTimestamp, start, end)
            .await
            .is_ok()
    );
    assert!(clients.clip("gate", ProducerTimestamp, start, end).await.is_ok());
    assert!(moved.clip("gate", ProducerTimestamp, start, end).await.is_err());
    assert!(server.move_endpoint("nobody").await.is_err());
}

#[tokio::test]
async fn only_requests_signed_for_this_region_with_the_local_key_pass() {
    let server = server(catalogue()).await;
    let refused = async |key: &str, secret: &str, region: &str| {
        let clients = Clients::signed(&server.endpoint(), key, secret, region, None);
        let error = clients.data_endpoint("gate").await.unwrap_err();
        let status = error.raw_response().unwrap().status().as_u16();
        let error = error.into_service_error();
        (
            status,
            error.code().unwrap().to_owned(),
            error.message().unwrap().to_owned(),
        )
    };
    use clip_export_local::account::{ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY};
    let (status, code, message) = refused(ACCESS_KEY_ID, SECRET_ACCESS_KEY, "us-east-1").await;
    assert_eq!((status, &*code), (403, "InvalidSignatureException"));
    assert_eq!(message, "Credential should be scoped to a valid region.");
    let (status, code, _) = refused("AKIDOTHER", SECRET_ACCESS_KEY, REGION).await;
    assert_eq!((status, &*code), (403, "UnrecognizedClientException"));
    let (status, code, message) = refused(ACCESS_KEY_ID, "guessed", REGION).await;
    assert_eq!((status, &*code), (403, "InvalidSignatureException"));
    assert!(
        message.starts_with("The request signature we calculated"),
        "{message}"
    );
    let (head, body) = clients::unsigned(&server, "/getClip").await;
    assert!(head.starts_with("HTTP/1.1 403"), "{head}");
    assert!(head.contains("x-amzn-errortype: MissingAuthenticationTokenException:https://kinesisvideo.amazonaws.com/doc/2017-09-30/"), "{head}");
    assert!(head.contains("connection: close"), "{head}");
    assert_eq!(body, r#"{"Message":"Missing Authentication Token"}"#);
    let (head, body) = clients::unsigned(&server, "/getclip").await;
    assert!(head.starts_with("HTTP/1.1 403"), "{head}");
    assert!(
        body.contains("Unable to determine service/operation name"),
        "{body}"
    );
}

#[tokio::test]
async fn tls_is_served_by_an_authority_that_the_client_was_told() {
    let authority = Authority::new().unwrap();
    let pem = authority.pem();
    let options = Options {
        authority: Some(authority),
        ..Options::default()
    };
    let server = Server::start(options).await.unwrap();
    let clients = Clients::at(&server.endpoint(), Some(&pem));
    let endpoint = clients.data_endpoint("gate").await.unwrap();
    assert!(endpoint.starts_with("https://"), "{endpoint}");
    assert_eq!(endpoint, server.endpoint());
}

#[tokio::test]
async fn each_fault_shows_as_it_is_named() {
    let server = server(catalogue()).await;
    let clients = clients(&server);
    let clip = async || {
        let (start, end) = (TEN_O_CLOCK, TEN_O_CLOCK + 9_999);
        let answer = clients.clip("front-door", ProducerTimestamp, start, end).await;
        match answer {
            Ok(answer) => {
                let announced = answer.payload.size_hint().1;
                let body = answer.payload.collect().await;
                let bytes = body.map(|b| b.into_bytes()).map_err(|e| e.to_string());
                Ok((announced, bytes))
            }
            Err(error) => Err(error),
        }
    };
    let (_, whole) = clip().await.unwrap();
    let whole = whole.unwrap();
    let next = |fault| server.faults.script("GetClip", When::Call(1), fault);

    next(Fault::Throttle);
    let error = clip().await.unwrap_err();
    assert_eq!(error.raw_response().unwrap().status().as_u16(), 400);
    let error = error.into_service_error();
    assert!(
        matches!(error, GetClipError::ClientLimitExceededException(_)),
        "{error:?}"
    );

    next(Fault::Error {
        status: 503,
        code: "ServiceUnavailableException".to_owned(),
        message: "later".to_owned(),
    });
    let error = clip().await.unwrap_err();
    assert_eq!(error.raw_response().unwrap().status().as_u16(), 503);
    assert_eq!(
        error.into_service_error().code(),
        Some("ServiceUnavailableException")
    );

    for fault in [Fault::Reset, Fault::AnswerLost] {
        next(fault);
        let error = clip().await.unwrap_err();
        assert!(error.raw_response().is_none(), "{error:?}");
    }

    next(Fault::CutBody { after: 20_000 });
    let (announced, body) = clip().await.unwrap();
    assert_eq!(announced, Some(whole.len() as u64));
    assert!(body.is_err());

    next(Fault::EndEarly { after: 20_000 });
    let (announced, body) = clip().await.unwrap();
    assert_eq!(announced, None);
    assert_eq!(body.unwrap(), whole[..20_000]);

    next(Fault::Stall { after: 20_000 });
    let stalled = tokio::time::timeout(Duration::from_millis(300), clip()).await;
    assert!(stalled.is_err());

    next(Fault::Garbage);
    let (_, body) = clip().await.unwrap();
    assert_ne!(&body.unwrap()[4..8], b"ftyp");

    next(Fault::Delay(Duration::from_millis(200)));
    let begun = Instant::now();
    let (_, body) = clip().await.unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(200));
    assert_eq!(body.unwrap(), whole);
    assert_eq!(server.calls("GetClip"), 10);
    assert_eq!(server.answers().len(), 2, "only those that went out whole");
}
