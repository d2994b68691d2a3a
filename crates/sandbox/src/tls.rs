//! A certificate authority of the sandbox's own, and a server certificate for every name a client may use.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, crypto};

/// The names the certificate is for: loopback, and X's own hosts, so that unmodified clients can be led here.
const NAMES: [&str; 9] = [
    "localhost",
    "127.0.0.1",
    "::1",
    "x.com",
    "api.x.com",
    "upload.x.com",
    "twitter.com",
    "api.twitter.com",
    "upload.twitter.com",
];

/// Why there can be no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Making the certificates failed.
    #[error("making the sandbox's certificates failed")]
    Certificate(#[from] rcgen::Error),
    /// They can't be used.
    #[error("setting up TLS failed")]
    Setup(#[from] rustls::Error),
}

/// What HTTPS needs.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) config: Arc<ServerConfig>,
    /// The authority's certificate.
    pub(crate) ca_pem: String,
}

impl Identity {
    pub(crate) fn make() -> Result<Self, TlsError> {
        let (from, until) = (date_time_ymd(2024, 1, 1), date_time_ymd(2049, 1, 1));
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.distinguished_name.push(DnType::CommonName, "chunkwise sandbox authority");
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        (authority.not_before, authority.not_after) = (from, until);
        let authority_key = KeyPair::generate()?;
        let ca_pem = authority.self_signed(&authority_key)?.pem();
        let issuer = Issuer::new(authority, authority_key);

        let mut server = CertificateParams::new(NAMES.map(String::from).to_vec())?;
        server.distinguished_name.push(DnType::CommonName, "chunkwise sandbox");
        server.use_authority_key_identifier_extension = true;
        server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        (server.not_before, server.not_after) = (from, until);
        let server_key = KeyPair::generate()?;
        let certificate = server.signed_by(&server_key, &issuer)?;

        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(server_key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(Arc::new(crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { config: Arc::new(config), ca_pem })
    }
}
