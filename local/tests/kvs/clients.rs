//! The real SDK's clients, pointed at the local service.

use aws_sdk_kinesisvideo::operation::get_data_endpoint::GetDataEndpointError;
use aws_sdk_kinesisvideo::types::ApiName;
use aws_sdk_kinesisvideoarchivedmedia as media;
use aws_sdk_kinesisvideoarchivedmedia::config::{Credentials, Region, SharedCredentialsProvider};
use aws_sdk_kinesisvideoarchivedmedia::error::SdkError;
use aws_sdk_kinesisvideoarchivedmedia::operation::get_clip::{GetClipError, GetClipOutput};
use aws_sdk_kinesisvideoarchivedmedia::operation::list_fragments::builders::ListFragmentsFluentBuilder;
use aws_sdk_kinesisvideoarchivedmedia::primitives::DateTime;
use aws_sdk_kinesisvideoarchivedmedia::types::{
    ClipFragmentSelector, ClipTimestampRange, FragmentSelector, FragmentSelectorType, TimestampRange,
};
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use clip_export_local::account::{ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY};
use clip_export_local::kvs::{Clock, Options, Server, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// 2026-11-20T10:00:00Z.
pub(crate) const TEN_O_CLOCK: i64 = 1_795_168_800_000;
/// Two hours later, where the service's clock stands.
pub(crate) const NOON: i64 = TEN_O_CLOCK + 2 * HOUR;
/// In milliseconds.
pub(crate) const HOUR: i64 = 3_600_000;

/// A service at noon without quotas.
pub(crate) async fn server(streams: Vec<Stream>) -> Server {
    let options = Options {
        streams,
        now: Clock::fixed(NOON),
        quotas: false,
        ..Options::default()
    };
    Server::start(options).await.unwrap()
}

/// Both clients.
pub(crate) struct Clients {
    /// Of the control plane.
    pub(crate) control: aws_sdk_kinesisvideo::Client,
    /// Of the data plane.
    pub(crate) media: media::Client,
}

/// Clients that the service accepts.
pub(crate) fn clients(server: &Server) -> Clients {
    Clients::at(&server.endpoint(), None)
}

impl Clients {
    /// Clients for an address; with an authority's certificate for TLS.
    pub(crate) fn at(endpoint: &str, pem: Option<&str>) -> Self {
        Self::signed(endpoint, ACCESS_KEY_ID, SECRET_ACCESS_KEY, REGION, pem)
    }

    /// Clients with any credentials; none of them retries.
    pub(crate) fn signed(endpoint: &str, key: &str, secret: &str, region: &str, pem: Option<&str>) -> Self {
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
        let credentials = Credentials::new(key, secret, None, None, "test");
        let credentials = SharedCredentialsProvider::new(credentials);
        let control = aws_sdk_kinesisvideo::Config::builder()
            .endpoint_url(endpoint)
            .region(Region::new(region.to_owned()))
            .credentials_provider(credentials.clone())
            .retry_config(aws_sdk_kinesisvideo::config::retry::RetryConfig::disabled())
            .http_client(http.clone())
            .build();
        let data = media::Config::builder()
            .endpoint_url(endpoint)
            .region(Region::new(region.to_owned()))
            .credentials_provider(credentials)
            .retry_config(media::config::retry::RetryConfig::disabled())
            .http_client(http)
            .build();
        Self {
            control: aws_sdk_kinesisvideo::Client::from_conf(control),
            media: media::Client::from_conf(data),
        }
    }

    /// GetDataEndpoint for GetClip.
    pub(crate) async fn data_endpoint(&self, stream: &str) -> Result<String, SdkError<GetDataEndpointError>> {
        let call = self.control.get_data_endpoint().stream_name(stream);
        let answer = call.api_name(ApiName::GetClip).send().await?;
        Ok(answer.data_endpoint.unwrap())
    }

    /// GetClip; moments in milliseconds since the epoch.
    pub(crate) async fn clip(
        &self,
        stream: &str,
        by: FragmentSelectorType,
        start: i64,
        end: i64,
    ) -> Result<GetClipOutput, SdkError<GetClipError>> {
        let range = ClipTimestampRange::builder()
            .start_timestamp(DateTime::from_millis(start))
            .end_timestamp(DateTime::from_millis(end))
            .build()
            .unwrap();
        let kind = match by {
            FragmentSelectorType::ServerTimestamp => "SERVER_TIMESTAMP",
            _ => "PRODUCER_TIMESTAMP",
        };
        let selector = ClipFragmentSelector::builder()
            .fragment_selector_type(kind.into())
            .timestamp_range(range)
            .build()
            .unwrap();
        let call = self.media.get_clip().stream_name(stream);
        call.clip_fragment_selector(selector).send().await
    }

    /// ListFragments, still to be sent.
    pub(crate) fn list(
        &self,
        stream: &str,
        by: FragmentSelectorType,
        start: i64,
        end: i64,
    ) -> ListFragmentsFluentBuilder {
        let range = TimestampRange::builder()
            .start_timestamp(DateTime::from_millis(start))
            .end_timestamp(DateTime::from_millis(end))
            .build()
            .unwrap();
        let selector = FragmentSelector::builder()
            .fragment_selector_type(by)
            .timestamp_range(range)
            .build()
            .unwrap();
        let call = self.media.list_fragments().stream_name(stream);
        call.fragment_selector(selector)
    }
}

/// Head (in lower-case names) and body of the answer to a request that nobody signed.
pub(crate) async fn unsigned(server: &Server, path: &str) -> (String, String) {
    let address = server.endpoint().replace("http://", "");
    let mut socket = tokio::net::TcpStream::connect(&address).await.unwrap();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}"
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}
