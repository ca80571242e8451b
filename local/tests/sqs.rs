//! The local SQS, judged by the client that the function uses: the real SDK.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::time::{Duration, Instant};

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::{Credentials, Region};
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::operation::RequestId;
use aws_sdk_sqs::operation::send_message::SendMessageError;
use aws_sdk_sqs::operation::send_message::builders::SendMessageFluentBuilder;
use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::MessageAttributeValue;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use clip_export_local::account::{ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY};
use clip_export_local::faults::{Fault, When};
use clip_export_local::http::Authority;
use clip_export_local::sqs::{Attribute, Options, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// 1 MiB, the most bytes of a message.
const LARGEST: usize = 1_048_576;
/// The type of the JSON protocol.
const JSON: &str = "application/x-amz-json-1.0";

async fn server() -> Server {
    Server::start(Options::new(&["failed", "other"])).await.unwrap()
}

fn client(server: &Server) -> Client {
    signing(server, ACCESS_KEY_ID, SECRET_ACCESS_KEY, REGION, None)
}

fn signing(server: &Server, key: &str, secret: &str, region: &str, pem: Option<&str>) -> Client {
    let builder = aws_smithy_http_client::Builder::new();
    let http = match pem {
        None => builder.build_http(),
        Some(pem) => {
            let trust = TrustStore::empty().with_pem_certificate(pem.as_bytes());
            let context = TlsContext::builder().with_trust_store(trust).build();
            builder
                .tls_provider(Provider::Rustls(CryptoMode::Ring))
                .tls_context(context.unwrap())
                .build_https()
        }
    };
    let config = aws_sdk_sqs::Config::builder()
        .endpoint_url(server.endpoint())
        .region(Region::new(region.to_owned()))
        .credentials_provider(Credentials::new(key, secret, None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .http_client(http)
        .build();
    Client::from_conf(config)
}

fn sending(client: &Client, server: &Server, body: &str) -> SendMessageFluentBuilder {
    client
        .send_message()
        .queue_url(server.queue_url("failed"))
        .message_body(body)
}

fn text(value: &str) -> MessageAttributeValue {
    let builder = MessageAttributeValue::builder().data_type("String");
    builder.string_value(value).build().unwrap()
}

/// Status, code and message of a refused call.
async fn refused(call: SendMessageFluentBuilder) -> (u16, String, String) {
    let error = call.send().await.expect_err("SQS refuses this");
    let status = error.raw_response().map_or(0, |it| it.status().as_u16());
    let code = error.code().unwrap_or_default().to_owned();
    (status, code, error.message().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_message_arrives_with_its_attributes() {
    let server = server().await;
    let client = client(&server);
    let body = "{\"text\": \"\u{e4}\u{1f3a5}\"}\r\n\t";
    let binary = MessageAttributeValue::builder().data_type("Binary.id");
    let binary = binary.binary_value(Blob::new([0, 255])).build().unwrap();
    let answer = sending(&client, &server, body)
        .message_attributes("ErrorType", text("NoFragments"))
        .message_attributes("Raw", binary)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.request_id().unwrap().len(), 36);
    assert_eq!(
        answer.md5_of_message_body(),
        Some("aeaadea0606d1c62b942fba458b5cf44")
    );
    assert_eq!(
        answer.md5_of_message_attributes(),
        Some("35b47dd552f9e4f318f49073c9746d3c")
    );
    let [message] = &server.messages("failed")[..] else {
        panic!("one message was sent");
    };
    assert_eq!(answer.message_id(), Some(&*message.id));
    assert_eq!(message.body, body);
    assert_eq!(message.text("ErrorType"), Some("NoFragments"));
    let raw = Attribute::Binary {
        data_type: "Binary.id".to_owned(),
        value: vec![0, 255],
    };
    assert_eq!((message.text("Raw"), &message.attributes["Raw"]), (None, &raw));
    assert!(server.messages("other").is_empty());
    assert_eq!(server.calls("SendMessage"), 1);
    assert_eq!(server.faults.log()[0].key.as_deref(), Some("failed"));

    let answer = sending(&client, &server, "plain").send().await.unwrap();
    assert_eq!(answer.md5_of_message_attributes(), None);
    assert_eq!(server.messages("failed")[1].body, "plain");
}

#[tokio::test]
async fn a_queue_is_named_by_its_account_and_its_name() {
    let server = server().await;
    let client = client(&server);
    for url in [
        "",
        "failed",
        "http://127.0.0.1/123456789012/nobody",
        "http://127.0.0.1/210987654321/failed",
    ] {
        let call = client.send_message().queue_url(url).message_body("m");
        let error = call.send().await.unwrap_err();
        assert_eq!(error.raw_response().unwrap().status().as_u16(), 400);
        assert_eq!(error.code(), Some("AWS.SimpleQueueService.NonExistentQueue"));
        let error = error.into_service_error();
        assert!(
            matches!(error, SendMessageError::QueueDoesNotExist(_)),
            "{error:?}"
        );
    }
    // The service knows itself under several names, as a container has another than its host.
    let url = "https://host.docker.internal:9/123456789012/failed";
    let call = client.send_message().queue_url(url).message_body("m");
    call.send().await.unwrap();
    assert_eq!(server.messages("failed").len(), 1);
}

#[tokio::test]
async fn a_message_has_a_byte_at_least_and_a_mebibyte_at_most() {
    let server = server().await;
    let client = client(&server);
    let (status, code, message) = refused(sending(&client, &server, "")).await;
    assert_eq!((status, &*code), (400, "MissingParameter"));
    assert_eq!(message, "The request must contain the parameter MessageBody.");
    let missing = client.send_message().queue_url(server.queue_url("failed"));
    assert_eq!(refused(missing).await.1, "MissingParameter");

    // Two bytes in UTF-8, so that bytes are counted and not characters.
    let largest = "\u{e4}".repeat(LARGEST / 2);
    sending(&client, &server, &largest).send().await.unwrap();
    let (status, code, message) = refused(sending(&client, &server, &format!("{largest}x"))).await;
    assert_eq!((status, &*code), (400, "InvalidParameterValue"));
    let expected = "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.";
    assert_eq!(message, expected);
    // Name, type and value of an attribute count: 1 + 6 + 1.
    let with = |body: usize| sending(&client, &server, &largest[..body]).message_attributes("a", text("v"));
    with(LARGEST - 8).send().await.unwrap();
    assert_eq!(refused(with(LARGEST - 6)).await.1, "InvalidParameterValue");
    // Longer than any request that could be taken.
    let longest = "x".repeat(5 << 20);
    assert_eq!(refused(sending(&client, &server, &longest)).await.2, expected);
    assert_eq!(server.messages("failed").len(), 2);
}

#[tokio::test]
async fn only_characters_of_xml_are_taken() {
    let server = server().await;
    let client = client(&server);
    let good = "\t\n\r \u{d7ff}\u{e000}\u{fffd}\u{10000}\u{10ffff}";
    sending(&client, &server, good).send().await.unwrap();
    for bad in ["a\0", "\u{8}", "\u{b}", "\u{1f}", "\u{fffe}", "\u{ffff}"] {
        let error = sending(&client, &server, bad).send().await.unwrap_err();
        assert_eq!(error.code(), Some("InvalidMessageContents"));
        let error = error.into_service_error();
        assert!(
            matches!(error, SendMessageError::InvalidMessageContents(_)),
            "{error:?}"
        );
    }
    let call = sending(&client, &server, "m").message_attributes("a", text("\u{7}"));
    let (_, code, message) = refused(call).await;
    assert_eq!(code, "InvalidMessageContents");
    assert!(
        message.starts_with("Invalid binary character '#x7' was found in"),
        "{message}"
    );
    assert_eq!(server.messages("failed").len(), 1);
}

#[tokio::test]
async fn attributes_are_checked() {
    let server = server().await;
    let client = client(&server);
    let empty = MessageAttributeValue::builder()
        .data_type("String")
        .build()
        .unwrap();
    let call = sending(&client, &server, "m").message_attributes("ErrorMessage", empty);
    let (status, code, message) = refused(call).await;
    assert_eq!((status, &*code), (400, "InvalidParameterValue"));
    let expected = "Message (user) attribute 'ErrorMessage' must contain a non-empty value of type 'String'.";
    assert_eq!(message, expected);
    let many = (0..11).fold(sending(&client, &server, "m"), |call, n| {
        call.message_attributes(format!("a{n}"), text("v"))
    });
    assert_eq!(refused(many).await.1, "InvalidParameterValue");
    assert!(server.messages("failed").is_empty());
}

#[tokio::test]
async fn requests_must_be_signed_for_sqs() {
    let server = server().await;
    let by = |key: &str, secret: &str, region: &str| {
        let client = signing(&server, key, secret, region, None);
        refused(sending(&client, &server, "m"))
    };
    let (status, code, _) = by("AKIDOTHER", SECRET_ACCESS_KEY, REGION).await;
    assert_eq!((status, &*code), (403, "InvalidClientTokenId"));
    let (status, code, message) = by(ACCESS_KEY_ID, "wrong", REGION).await;
    assert_eq!((status, &*code), (403, "SignatureDoesNotMatch"));
    assert!(
        message.starts_with("The request signature we calculated"),
        "{message}"
    );
    let (status, code, _) = by(ACCESS_KEY_ID, SECRET_ACCESS_KEY, "us-east-1").await;
    assert_eq!((status, &*code), (403, "SignatureDoesNotMatch"));
    let (head, body) = by_hand(&server, "AmazonSQS.SendMessage", JSON).await;
    assert!(head.starts_with("http/1.1 403 "), "{head}");
    assert!(head.contains("x-amzn-query-error: accessdenied;sender"), "{head}");
    assert!(
        body.contains("com.amazon.coral.service#AccessDeniedException"),
        "{body}"
    );
    assert!(server.messages("failed").is_empty());
}

#[tokio::test]
async fn nothing_else_is_an_operation() {
    let server = server().await;
    let client = client(&server);
    let error = client
        .receive_message()
        .queue_url(server.queue_url("failed"))
        .send()
        .await;
    let error = error.unwrap_err();
    assert_eq!(error.code(), Some("InvalidAction"));
    assert!(matches!(error, SdkError::ServiceError(_)));
    for (target, kind) in [
        ("AmazonSQS.PurgeQueue", JSON),
        ("SendMessage", JSON),
        ("AmazonSQS.SendMessage", "application/x-www-form-urlencoded"),
    ] {
        let (head, body) = by_hand(&server, target, kind).await;
        assert!(head.starts_with("http/1.1 400 "), "{target} as {kind}: {head}");
        let unknown = "com.amazon.coral.service#UnknownOperationException";
        assert!(body.contains(unknown), "{target} as {kind}: {body}");
    }
    assert_eq!(server.calls("SendMessage"), 0);
}

#[tokio::test]
async fn faults_play_and_foreign_ones_are_refused() {
    let server = server().await;
    let client = client(&server);
    server
        .faults
        .script("SendMessage", When::Call(1), Fault::Throttle);
    let error = sending(&client, &server, "m").send().await.unwrap_err();
    let error = error.into_service_error();
    assert!(
        matches!(error, SendMessageError::RequestThrottled(_)),
        "{error:?}"
    );
    let fault = Fault::Error {
        status: 500,
        code: "InternalFailure".to_owned(),
        message: "later".to_owned(),
    };
    server.faults.script("SendMessage", When::Call(1), fault);
    let (status, code, message) = refused(sending(&client, &server, "m")).await;
    assert_eq!((status, &*code, &*message), (500, "InternalFailure", "later"));
    assert!(server.messages("failed").is_empty());

    let late = Duration::from_millis(200);
    server
        .faults
        .script("SendMessage", When::Call(1), Fault::Delay(late));
    let start = Instant::now();
    sending(&client, &server, "m").send().await.unwrap();
    assert!(start.elapsed() >= late);
    server
        .faults
        .script("SendMessage", When::Call(1), Fault::AnswerLost);
    let error = sending(&client, &server, "m").send().await.unwrap_err();
    assert!(matches!(error, SdkError::DispatchFailure(_)), "{error:?}");
    assert_eq!(server.messages("failed").len(), 2, "the work was done");
    assert_eq!(server.calls("SendMessage"), 4);

    let inside = Fault::ErrorInside200 {
        code: "InternalFailure".to_owned(),
        message: "later".to_owned(),
    };
    let faults = server.faults.clone();
    let script = move || faults.script("SendMessage", When::Every, inside);
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(script)).unwrap_err();
}

#[tokio::test]
async fn tls_needs_the_authority() {
    let authority = Authority::new().unwrap();
    let options = Options {
        authority: Some(authority.clone()),
        ..Options::new(&["failed"])
    };
    let server = Server::start(options).await.unwrap();
    assert!(server.queue_url("failed").starts_with("https://localhost:"));
    let pem = authority.pem();
    let client = signing(&server, ACCESS_KEY_ID, SECRET_ACCESS_KEY, REGION, Some(&pem));
    sending(&client, &server, "m").send().await.unwrap();
    server.queue("failed").send("from within").unwrap();
    assert_eq!(server.messages("failed").len(), 2);
    server.queue("failed").send("").unwrap_err();
}

/// Head (in lower case) and body of the answer to an empty request that nobody signed.
async fn by_hand(server: &Server, target: &str, kind: &str) -> (String, String) {
    let address = server.endpoint().replace("http://", "");
    let mut socket = tokio::net::TcpStream::connect(&address).await.unwrap();
    let request = format!(
        "POST / HTTP/1.1\r\nhost: {address}\r\nx-amz-target: {target}\r\ncontent-type: {kind}\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}"
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), body.to_owned())
}
