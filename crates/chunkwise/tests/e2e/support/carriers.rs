//! The two backends.

use std::fmt;
use std::sync::Arc;

use chunkwise::hyper::HyperBackend;
use chunkwise::transport::http::Backend;
use chunkwise_reqwest::{ReqwestBackend, recommended};

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

fn reqwest_backend(roots: rustls::RootCertStore) -> Arc<dyn Backend> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(ReqwestBackend::new(recommended().tls_backend_preconfigured(tls).build().unwrap()))
}
