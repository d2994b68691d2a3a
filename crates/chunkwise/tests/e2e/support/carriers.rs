//! The two backends.

use std::fmt;
use std::sync::Arc;

use chunkwise::hyper::HyperBackend;
use chunkwise::transport::http::Backend;
use chunkwise_reqwest::{ReqwestBackend, recommended};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// Which backend carries the requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    Hyper,
    Reqwest,
}

impl fmt::Display for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hyper => "hyper",
            Self::Reqwest => "reqwest",
        })
    }
}

impl Carrier {
    pub(crate) const BOTH: [Self; 2] = [Self::Hyper, Self::Reqwest];

    /// With its own pool.
    pub(crate) fn backend(self) -> Arc<dyn Backend> {
        match self {
            Self::Hyper => Arc::new(HyperBackend::new()),
            Self::Reqwest => reqwest_backend(rustls::RootCertStore::empty()),
        }
    }
}

/// A backend that trusts this authority alone (reqwest) or as well (hyper).
pub(crate) fn trusting(carrier: Carrier, ca_pem: &str) -> Arc<dyn Backend> {
    match carrier {
        Carrier::Hyper => Arc::new(HyperBackend::builder().ca_pem(ca_pem).build().unwrap()),
        Carrier::Reqwest => reqwest_backend(roots(ca_pem)),
    }
}

/// reqwest with this authority and this proxy.
pub(crate) fn trusting_through(ca_pem: &str, proxy: &str) -> Arc<dyn Backend> {
    let client = client(roots(ca_pem)).proxy(reqwest::Proxy::all(proxy).unwrap());
    Arc::new(ReqwestBackend::new(client.build().unwrap()))
}

fn roots(ca_pem: &str) -> rustls::RootCertStore {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).unwrap()).unwrap();
    roots
}

fn reqwest_backend(roots: rustls::RootCertStore) -> Arc<dyn Backend> {
    Arc::new(ReqwestBackend::new(client(roots).build().unwrap()))
}

fn client(roots: rustls::RootCertStore) -> reqwest::ClientBuilder {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    recommended().tls_backend_preconfigured(tls)
}
