//! TLS on both sides: TLS 1.3 with AES-256-GCM alone, as at the sink of the other measurements.

use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::{Failed, Protocol};

/// The most plaintext in a record (RFC 8446 §5.1).
const FULL_RECORD: usize = 16 << 10;
/// The head of a record, which rustls counts with it when it is told a size.
const RECORD_HEAD: usize = 5;

/// What a protocol is called when it is agreed on (RFC 7301).
pub(crate) const fn alpn(protocol: Protocol) -> &'static [u8] {
    match protocol {
        Protocol::H1 => b"http/1.1",
        Protocol::H2 => b"h2",
    }
}

fn provider() -> Arc<CryptoProvider> {
    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites = vec![aws_lc_rs::cipher_suite::TLS13_AES_256_GCM_SHA384];
    Arc::new(provider)
}

/// The sink's side, and the authority that senders have to believe, as PEM.
pub(crate) fn identity() -> Result<(Arc<ServerConfig>, String), Failed> {
    let (from, until) = (date_time_ymd(2024, 1, 1), date_time_ymd(2049, 1, 1));
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name.push(DnType::CommonName, "chunkwise wire authority");
    (authority.not_before, authority.not_after) = (from, until);
    let authority_key = KeyPair::generate()?;
    let ca_pem = authority.self_signed(&authority_key)?.pem();
    let issuer = Issuer::new(authority, authority_key);

    let mut server = CertificateParams::new(["localhost", "127.0.0.1"].map(String::from).to_vec())?;
    server.use_authority_key_identifier_extension = true;
    (server.not_before, server.not_after) = (from, until);
    let key = KeyPair::generate()?;
    let certificate = server.signed_by(&key, &issuer)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));

    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)?;
    config.alpn_protocols = vec![alpn(Protocol::H2).to_vec(), alpn(Protocol::H1).to_vec()];
    Ok((Arc::new(config), ca_pem))
}

/// The sender's side: it offers one protocol, and makes records of so many bytes at most.
pub(crate) fn client(ca: &Path, protocol: Protocol, record: usize) -> Result<Arc<ClientConfig>, Failed> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca)?)?;
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn(protocol).to_vec()];
    // A full one is what rustls makes when nothing is said.
    config.max_fragment_size = (record != FULL_RECORD).then_some(record + RECORD_HEAD);
    Ok(Arc::new(config))
}
