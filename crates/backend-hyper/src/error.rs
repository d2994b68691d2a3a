//! What can go wrong before a request is on its way, and whose fault it is.

use std::io;
use std::time::Duration;

use chunkwise_core::{Cut, NotSent};
use chunkwise_transport::http::BackendError;

use crate::origin::Peer;
use crate::proxy::{Objection, ProxyFailure, ProxyUrl};
use crate::trust::TrustError;

/// Why a backend can't be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A certificate authority that was given can't be used.
    #[error(transparent)]
    Trust(#[from] TrustError),
}

/// Why there is no connection. No text here holds a path, a query or credentials.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("the address has no scheme: it must begin with http:// or https://")]
    NoScheme,
    #[error("the address begins with {scheme}: but only http: and https: are spoken")]
    Scheme { scheme: String },
    #[error("the address has no usable host")]
    NoHost,
    #[error("the name {} could not be resolved: {}", .peer.host, reason(.source))]
    Unresolved { peer: Peer, source: io::Error },
    #[error("{} must not be connected to: {source}", .peer.host)]
    Forbidden { peer: Peer, source: Objection },
    #[error("could not connect to {peer}: {}", reason(.source))]
    Tcp { peer: Peer, source: io::Error },
    #[error("could not connect to {route}: no connection within {after:?}")]
    TimedOut { route: String, after: Duration },
    #[error("the proxy {proxy} can't be used: {source}")]
    ToProxy { proxy: Box<ProxyUrl>, source: Box<Self> },
    #[error("TLS can't be used here: {0}")]
    NoTls(#[from] TrustError),
    #[error("{peer} is no name that TLS can check")]
    TlsName { peer: Peer },
    #[error("TLS with {peer} failed: {}", tls_reason(.source))]
    Tls { peer: Peer, source: io::Error },
    #[error("the proxy {proxy} {failure}")]
    Proxy { proxy: Box<ProxyUrl>, failure: ProxyFailure },
    #[error("no HTTP could be spoken with {peer}: {source}")]
    Handshake { peer: Peer, source: hyper::Error },
    #[error("the connection to {peer} was closed before a byte of the request was sent")]
    Dead { peer: Peer },
}

impl ConnectError {
    /// Whether it may work in a moment.
    pub(crate) fn cause(&self) -> NotSent {
        match self {
            Self::NoScheme
            | Self::Scheme { .. }
            | Self::NoHost
            | Self::Forbidden { .. }
            | Self::NoTls(_)
            | Self::TlsName { .. } => NotSent::Misconfigured,
            Self::Unresolved { .. }
            | Self::Tcp { .. }
            | Self::TimedOut { .. }
            | Self::Handshake { .. }
            | Self::Dead { .. } => NotSent::Unreachable,
            Self::Tls { source, .. } => tls_cause(source),
            Self::ToProxy { source, .. } => source.cause(),
            Self::Proxy { failure, .. } => failure.cause(),
        }
    }
}

impl From<ConnectError> for BackendError {
    fn from(error: ConnectError) -> Self {
        Self::NotSent { cause: error.cause(), source: Box::new(error) }
    }
}

/// Why there is no answer although the request was, or may have been, on its way.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExchangeError {
    #[error("the connection to {peer} broke before the answer: {}", hyper_reason(.source))]
    Broken { peer: Peer, source: hyper::Error },
    #[error("the answer of {peer} is no HTTP: {}", hyper_reason(.source))]
    Garbled { peer: Peer, source: hyper::Error },
    #[error("{0}")]
    Source(chunkwise_transport::PayloadError),
    #[error("the connection to {peer} broke in the middle of its answer ({status}): {}", hyper_reason(.source))]
    CutAnswer { peer: Peer, status: http::StatusCode, source: hyper::Error },
    #[error("the answer of {peer} ({status}) is longer than {limit} bytes")]
    LongAnswer { peer: Peer, status: http::StatusCode, limit: usize },
    #[error("{peer} answered {status} before it had the whole request, and then broke the connection")]
    HastyAnswer { peer: Peer, status: http::StatusCode },
}

impl From<ExchangeError> for BackendError {
    fn from(error: ExchangeError) -> Self {
        let cut = match &error {
            ExchangeError::Broken { .. }
            | ExchangeError::Source(_)
            | ExchangeError::CutAnswer { .. }
            | ExchangeError::HastyAnswer { .. } => Cut::Reset,
            ExchangeError::Garbled { .. } | ExchangeError::LongAnswer { .. } => {
                Cut::Ambiguous { after: None }
            }
        };
        Self::Unknown { cut, source: Box::new(error) }
    }
}

/// An I/O error in words, without the number of the operating system where it has a name of its own.
pub(crate) fn reason(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(_) => {
            let kind = error.kind().to_string();
            // The standard library has no name for many kinds.
            if kind.contains("error") { error.to_string() } else { kind }
        }
        None => error.to_string(),
    }
}

/// hyper's errors say what it was doing; the cause says what happened.
fn hyper_reason(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => match source.downcast_ref::<io::Error>() {
            Some(source) => reason(source),
            None => source.to_string(),
        },
        None => error.to_string(),
    }
}

fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>())
}

fn tls_reason(error: &io::Error) -> String {
    use rustls::{CertificateError, Error};
    match tls_error(error) {
        Some(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            "its certificate comes from an authority that is not trusted here".to_owned()
        }
        Some(Error::InvalidMessage(_)) => "it does not speak TLS".to_owned(),
        Some(error) => error.to_string(),
        None => reason(error),
    }
}

/// What the peer is or how we are set does not pass; a broken connection does.
fn tls_cause(error: &io::Error) -> NotSent {
    use rustls::{AlertDescription, Error};
    match tls_error(error) {
        None => NotSent::Unreachable,
        // The peer's own trouble, which may pass.
        Some(Error::AlertReceived(
            AlertDescription::InternalError | AlertDescription::UserCanceled | AlertDescription::CloseNotify,
        )) => NotSent::Unreachable,
        Some(_) => NotSent::Misconfigured,
    }
}
