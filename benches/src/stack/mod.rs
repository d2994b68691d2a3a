//! What an upload is made of, as the measurements want it: either backend, X's limits or none, and the bare PUT that it is
//! compared with.

mod put;
mod unlimited;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use chunkwise::hyper::HyperBackend;
use chunkwise::transport::http::{Backend, Bearer, HttpTransport, Protocol};
use chunkwise::x::{Api, BaseUrl, Category, Media, MediaType, XProtocol};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

pub use put::Put;
pub use unlimited::Unlimited;

/// What goes wrong in a measurement; nobody but a person reads it.
pub type Failed = Box<dyn std::error::Error + Send + Sync>;

/// Which HTTP stack carries the requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// `chunkwise-hyper`, or hyper itself.
    Hyper,
    /// `chunkwise-reqwest`, or reqwest itself.
    Reqwest,
}

impl Carrier {
    /// Both of them.
    pub const BOTH: [Self; 2] = [Self::Hyper, Self::Reqwest];

    /// The backend, with a pool of its own that keeps so many connections. Without an authority it is for plain HTTP.
    ///
    /// # Errors
    ///
    /// If the authority can't be used.
    pub fn backend(self, ca_pem: Option<&str>, connections: usize) -> Result<Arc<dyn Backend>, Failed> {
        Ok(match self {
            Self::Hyper => {
                let builder = HyperBackend::builder().max_idle(connections);
                let builder = ca_pem.into_iter().fold(builder, |builder, pem| builder.ca_pem(pem));
                Arc::new(builder.build()?)
            }
            Self::Reqwest => Arc::new(chunkwise::reqwest::ReqwestBackend::new(client(ca_pem)?)),
        })
    }
}

impl fmt::Display for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hyper => "hyper",
            Self::Reqwest => "reqwest",
        })
    }
}

impl FromStr for Carrier {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::BOTH
            .into_iter()
            .find(|carrier| carrier.to_string() == name)
            .ok_or_else(|| format!("{name:?}: there are hyper and reqwest"))
    }
}

/// A client of reqwest as `chunkwise-reqwest` recommends it.
fn client(ca_pem: Option<&str>) -> Result<reqwest::Client, Failed> {
    let tls = tls(ca_pem)?;
    Ok(chunkwise::reqwest::recommended().tls_backend_preconfigured(tls).build()?)
}

/// TLS that believes this authority.
fn tls(ca_pem: Option<&str>) -> Result<rustls::ClientConfig, Failed> {
    let mut roots = rustls::RootCertStore::empty();
    if let Some(pem) = ca_pem {
        roots.add(CertificateDer::from_pem_slice(pem.as_bytes())?)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// Whose limits hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limits {
    /// X's: segments of five million bytes at most, a thousand of them.
    X,
    /// Nobody's: any size, any number, in X's words. No server of X's would take it.
    None,
}

impl FromStr for Limits {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "x" => Ok(Self::X),
            "none" => Ok(Self::None),
            _ => Err(format!("{name:?}: there are x and none")),
        }
    }
}

/// A transport that speaks X's v2 to this place.
///
/// # Errors
///
/// If the place is no URL.
pub fn transport(url: &str, backend: Arc<dyn Backend>, limits: Limits) -> Result<HttpTransport, Failed> {
    let media = Media::new(MediaType::MP4, Category::AmplifyVideo).with_max_total(u64::MAX);
    let x = XProtocol::new(Api::V2, media).with_base_url(BaseUrl::new(url)?);
    let protocol: Arc<dyn Protocol> = match limits {
        Limits::X => Arc::new(x),
        Limits::None => Arc::new(Unlimited::new(x)),
    };
    Ok(HttpTransport::new(protocol, backend, Arc::new(Bearer::new("a token".to_owned()))))
}
