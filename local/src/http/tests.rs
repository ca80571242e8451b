use super::*;
use bytes::Bytes;
use std::net::Ipv4Addr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
const ONCE: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

async fn serve_with(answer: impl Fn() -> Response<Body> + Send + Sync + 'static) -> Server {
    Server::bind(LOOPBACK, None, move |_, _| {
        let answer = answer();
        async { answer }
    })
    .await
    .unwrap()
}

async fn ask(server: &Server, request: &[u8]) -> TcpStream {
    let mut client = TcpStream::connect(server.address()).await.unwrap();
    client.write_all(request).await.unwrap();
    client
}

async fn read_all(mut client: TcpStream) -> (String, io::Result<usize>) {
    let mut bytes = Vec::new();
    let result = client.read_to_end(&mut bytes).await;
    (String::from_utf8(bytes).unwrap(), result)
}

#[tokio::test]
async fn a_full_body_has_a_content_length() {
    let server = serve_with(|| Response::new(Body::full("hello"))).await;
    let (text, result) = read_all(ask(&server, ONCE).await).await;
    assert!(text.contains("content-length: 5\r\n"), "{text}");
    assert!(text.ends_with("\r\n\r\nhello"), "{text}");
    result.unwrap();
}

#[tokio::test]
async fn a_channel_body_waits_for_its_reader() {
    let (sent, mut sending) = tokio::sync::mpsc::unbounded_channel();
    let server = Server::bind(LOOPBACK, None, move |_, _| {
        let sent = sent.clone();
        async move {
            let (sender, body) = Body::channel(1, None);
            tokio::spawn(async move {
                let mebibyte = Bytes::from(vec![7; 1 << 20]);
                while sender.send(Ok(mebibyte.clone())).await.is_ok() {
                    let _ = sent.send(());
                }
            });
            Response::new(body)
        }
    })
    .await
    .unwrap();
    let client = ask(&server, REQUEST).await;
    let mut mebibytes = 0;
    while tokio::time::timeout(Duration::from_millis(300), sending.recv())
        .await
        .is_ok()
    {
        mebibytes += 1;
    }
    assert!(
        (1..64).contains(&mebibytes),
        "{mebibytes} MiB produced for a client that reads nothing"
    );
    drop(client);
}

#[tokio::test]
async fn a_reset_is_a_reset() {
    let server = Server::bind(LOOPBACK, None, |_, connection| async move {
        match connection.reset().await {}
    })
    .await
    .unwrap();
    let (text, result) = read_all(ask(&server, REQUEST).await).await;
    assert_eq!(text, "");
    assert_eq!(
        result.unwrap_err().kind(),
        io::ErrorKind::ConnectionReset,
        "a FIN would have been a clean end"
    );
}

#[tokio::test]
async fn a_cut_body_delivers_its_bytes_and_then_closes_without_an_end() {
    let server = serve_with(|| cut_after(Response::new(Body::full("0123456789")), 4)).await;
    let (text, result) = read_all(ask(&server, REQUEST).await).await;
    assert!(text.contains("content-length: 10\r\n"), "{text}");
    assert!(text.ends_with("\r\n\r\n0123"), "{text}");
    result.unwrap();
}

#[tokio::test]
async fn a_cut_chunked_body_lacks_its_last_chunk() {
    let server = serve_with(|| {
        let (sender, body) = Body::channel(1, None);
        tokio::spawn(async move { sender.send(Ok(Bytes::from_static(b"abc"))).await });
        cut_after(Response::new(body), 100)
    })
    .await;
    let (text, _) = read_all(ask(&server, REQUEST).await).await;
    assert!(text.ends_with("3\r\nabc\r\n"), "{text}");
}

#[tokio::test]
async fn an_early_end_is_a_clean_end() {
    let server = serve_with(|| end_early(Response::new(Body::full("0123456789")), 4)).await;
    let (text, result) = read_all(ask(&server, ONCE).await).await;
    assert!(text.contains("transfer-encoding: chunked\r\n"), "{text}");
    assert!(!text.contains("content-length"), "{text}");
    assert!(text.ends_with("4\r\n0123\r\n0\r\n\r\n"), "{text}");
    result.unwrap();
}

#[tokio::test]
async fn a_close_delimited_body_announces_nothing() {
    let server = serve_with(|| close_delimited(Response::new(Body::full("0123456789")))).await;
    let (text, result) = read_all(ask(&server, REQUEST).await).await;
    assert!(text.starts_with("HTTP/1.0 200"), "{text}");
    assert!(!text.contains("content-length"), "{text}");
    assert!(!text.contains("transfer-encoding"), "{text}");
    assert!(text.ends_with("\r\n\r\n0123456789"), "{text}");
    result.unwrap();
}

#[tokio::test]
async fn a_stalled_body_keeps_its_connection_open() {
    let server = serve_with(|| stall_after(Response::new(Body::full("0123456789")), 4)).await;
    let mut client = ask(&server, REQUEST).await;
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(Duration::from_millis(300), client.read_to_end(&mut bytes));
    assert!(read.await.is_err(), "the connection ended");
    assert!(bytes.ends_with(b"\r\n\r\n0123"));
}

#[tokio::test]
async fn shutdown_lets_an_exchange_finish_and_frees_the_port() {
    let server = Server::bind(LOOPBACK, None, |_, _| async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        Response::new(Body::full("late"))
    })
    .await
    .unwrap();
    let address = server.address();
    let client = ask(&server, REQUEST).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let (answer, ()) = tokio::join!(read_all(client), server.shutdown());
    assert!(answer.0.ends_with("late"), "{}", answer.0);
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn dropping_the_server_ends_stalled_connections() {
    let server = serve_with(|| stall_after(Response::new(Body::full("0123456789")), 0)).await;
    let client = ask(&server, REQUEST).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    drop(server);
    let (text, _) = tokio::time::timeout(Duration::from_secs(5), read_all(client))
        .await
        .expect("the connection outlived its server");
    assert!(text.ends_with("\r\n\r\n"), "{text}");
}

#[tokio::test]
async fn tls_is_trusted_with_the_authority_and_refused_without() {
    use tokio_rustls::rustls::pki_types::ServerName;
    use tokio_rustls::rustls::pki_types::pem::PemObject;
    use tokio_rustls::rustls::{ClientConfig, RootCertStore, pki_types::CertificateDer};

    let authority = Authority::new().unwrap();
    let server = Server::bind(LOOPBACK, Some(&authority), |_, _| async {
        Response::new(Body::full("secret"))
    })
    .await
    .unwrap();
    assert!(server.endpoint().starts_with("https://localhost:"));

    for trusted in [true, false] {
        let mut roots = RootCertStore::empty();
        if trusted {
            let pem = authority.pem();
            roots
                .add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap())
                .unwrap();
        }
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let tcp = TcpStream::connect(server.address()).await.unwrap();
        let connected = tokio_rustls::TlsConnector::from(Arc::new(config))
            .connect(ServerName::try_from("localhost").unwrap(), tcp)
            .await;
        let Ok(mut client) = connected else {
            assert!(!trusted, "{:?}", connected.err());
            continue;
        };
        assert!(trusted, "an unknown authority was trusted");
        client.write_all(ONCE).await.unwrap();
        let mut bytes = Vec::new();
        client.read_to_end(&mut bytes).await.unwrap();
        assert!(bytes.ends_with(b"secret"));
    }
}
