//! A certificate authority that lives as long as a test, to prove that a CA bundle setting works.

use std::fmt;
use std::io;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// A throw-away certificate authority; it signs one certificate per server, for `localhost`, `127.0.0.1`
/// and `host.docker.internal`. Clones are the same authority, so that several servers can share one CA bundle.
#[derive(Clone)]
pub struct Authority {
    issuer: Arc<CertifiedIssuer<'static, KeyPair>>,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The issuer holds the private key, which belongs in no log.
        f.write_str("Authority")
    }
}

impl Authority {
    /// A new authority with a new key.
    ///
    /// # Errors
    /// No key or certificate could be made.
    pub fn new() -> io::Result<Self> {
        let mut params = CertificateParams::new(Vec::new()).map_err(io::Error::other)?;
        params.distinguished_name = named("clip-export local authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let issuer = CertifiedIssuer::self_signed(params, key).map_err(io::Error::other)?;
        Ok(Self {
            issuer: Arc::new(issuer),
        })
    }

    /// The authority's own certificate in PEM, ready for `AWS_CA_BUNDLE`.
    #[must_use]
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    pub(super) fn acceptor(&self) -> io::Result<TlsAcceptor> {
        let names = ["localhost", "127.0.0.1", "host.docker.internal"].map(String::from);
        let mut params = CertificateParams::new(names).map_err(io::Error::other)?;
        params.distinguished_name = named("localhost");
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let certificate = params.signed_by(&key, &*self.issuer).map_err(io::Error::other)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        // The provider is named because a process can hold two, and rustls then refuses to choose.
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .map_err(io::Error::other)?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

/// Authority and server need different names: OpenSSL takes a certificate that bears its issuer's name for a
/// self-signed one, and refuses it.
fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}
