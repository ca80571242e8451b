//! The AWS SDK's own configuration: region, credentials, endpoints and TLS, as far as they are
//! shared by all clients.
//!
//! The SDK's variables work as everywhere (`AWS_REGION`, `AWS_PROFILE`, `AWS_ENDPOINT_URL…`), and
//! `AWS_CA_BUNDLE`, which the SDK for Rust does not read, is read here. Cryptography is *ring*: it
//! starts without gathering jitter entropy, builds without CMake, and makes a smaller binary than
//! aws-lc. Certificates are loaded when the first connection needs them.

use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::{HttpClient, SharedHttpClient, http_client_fn};

use aws_types::service_config::ServiceConfigKey;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::event::{Fault, shown_text};

/// Reads the configuration. Opens no connection where the environment names a region.
///
/// Also says what is wrong with `AWS_CA_BUNDLE`, if it names a file that is no list of certificates;
/// the configuration then trusts the system's.
pub async fn load(variable: impl Fn(&str) -> Option<String>) -> (SdkConfig, Option<Fault>) {
    let (http_client, fault) = match variable("AWS_CA_BUNDLE").filter(|path| !path.is_empty()) {
        None => (http_client(None), None),
        Some(path) => match ca_bundle(&path) {
            Ok(trust) => (http_client(Some(trust)), None),
            Err(message) => (http_client(None), Some(Fault::new("AWS_CA_BUNDLE", message))),
        },
    };
    let sdk = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http_client)
        .load()
        .await;
    (sdk, fault)
}

fn http_client(trust: Option<TlsContext>) -> SharedHttpClient {
    let builder = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring));
    let https = match trust {
        Some(context) => builder.tls_context(context).build_https(),
        None => builder.build_https(),
    };
    // The SDK loads every certificate of the system each time a client is made, unless the client
    // is one that it does not know.
    http_client_fn(move |settings, components| https.http_connector(settings, components))
}

fn ca_bundle(path: &str) -> Result<TlsContext, String> {
    let shown = shown_text(path);
    let pem = std::fs::read(path).map_err(|error| format!("{shown} cannot be read: {error}"))?;
    let certificates = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => TlsContext::builder()
            .with_trust_store(TrustStore::empty().with_pem_certificate(pem))
            .build()
            .map_err(|error| format!("{shown} cannot be trusted: {error}")),
        Ok(_) => Err(format!("{shown} holds no certificate in PEM form")),
        Err(error) => Err(format!(
            "{shown} is not a list of certificates in PEM form: {error}"
        )),
    }
}

/// The endpoint that the environment or the profile sets for a service in place of AWS's own.
///
/// An empty variable counts as not set, as it does for the AWS CLI; the SDK takes it for an address.
pub(crate) fn custom_endpoint(sdk: &SdkConfig, service_id: &str) -> Option<String> {
    let key = ServiceConfigKey::builder()
        .service_id(service_id)
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build()
        .ok()?;
    let specific = sdk.service_config().and_then(|config| config.load_config(key));
    specific
        .or_else(|| sdk.endpoint_url().map(str::to_owned))
        .filter(|url| !url.is_empty())
}
