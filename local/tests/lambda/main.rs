//! The local Lambda, invoked over HTTP, with requests signed by the SDK's own signer.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod asynchronous;
mod invoke;
mod refusals;

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::SystemTime;

use aws_sdk_sqs::config::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use clip_export_local::account::{ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY};
use clip_export_local::function::Environment;
use clip_export_local::lambda::{Options, Server};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

/// The path of an Invoke by the plain name.
const PLAIN: &str = "/2015-03-31/functions/clip-export/invocations";

fn options() -> Options {
    let environment = Environment::of_lambda(256).with("GREETING", "hello");
    Options::new(env!("CARGO_BIN_EXE_stand-in"), environment)
}

async fn server() -> Server {
    Server::start(options()).await.unwrap()
}

/// Options whose log lines arrive in a channel.
fn logging() -> (Options, mpsc::UnboundedReceiver<String>) {
    let (sender, lines) = mpsc::unbounded_channel();
    let log = move |line: &str, _| {
        let _ = sender.send(line.to_owned());
    };
    let options = Options {
        log: Some(Box::new(log)),
        ..options()
    };
    (options, lines)
}

/// An answer, its header names in lower case.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: HashMap<String, String>,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// Status and code of a refusal.
    fn refusal(&self) -> (u16, &str) {
        (self.status, self.header("x-amzn-errortype").unwrap_or_default())
    }
}

/// Invokes by the plain name and waits.
async fn invoke(server: &Server, event: &Value) -> Answer {
    call(server, PLAIN, &[], event.to_string().as_bytes()).await
}

/// Invokes by the plain name, as `kind` says.
async fn invoke_as(server: &Server, kind: &str, event: &Value) -> Answer {
    let headers = [("x-amz-invocation-type", kind)];
    call(server, PLAIN, &headers, event.to_string().as_bytes()).await
}

/// A POST that the local credentials signed.
async fn call(server: &Server, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let signed = signed(server, path, headers, body, SECRET_ACCESS_KEY, "lambda");
    send(server, path, &signed, body).await
}

/// The headers, and those of a signature.
fn signed(
    server: &Server,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
    secret: &str,
    service: &str,
) -> Vec<(String, String)> {
    let identity = Credentials::new(ACCESS_KEY_ID, secret, None, None, "test").into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(REGION)
        .name(service)
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .unwrap();
    let url = format!("{}{path}", server.endpoint());
    let request = SignableRequest::new("POST", url, headers.iter().copied(), SignableBody::Bytes(body));
    let (instructions, _) = sign(request.unwrap(), &params.into()).unwrap().into_parts();
    let signature = instructions.headers();
    let all = headers.iter().copied().chain(signature);
    all.map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

async fn send(server: &Server, path: &str, headers: &[(String, String)], body: &[u8]) -> Answer {
    let mut socket = begin(server, path, headers, body).await;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap();
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    Answer {
        status: status.parse().unwrap(),
        headers: headers.collect(),
        body: body.to_owned(),
    }
}

/// Sends a request; its answer is still to be read.
async fn begin(server: &Server, path: &str, headers: &[(String, String)], body: &[u8]) -> TcpStream {
    let address = server.endpoint().replace("http://", "");
    let mut socket = TcpStream::connect(&address).await.unwrap();
    let headers: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n"
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.write_all(body).await.unwrap();
    socket
}

/// A file that an event can wait for; it is not there yet.
fn signal(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("signal")
}
