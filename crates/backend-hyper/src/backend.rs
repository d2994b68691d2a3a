//! The backend and its settings.

use std::error::Error;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chunkwise_transport::http::{Backend, BackendError, Body};
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header};

use crate::connect::Connector;
use crate::error::{BuildError, ConnectError};
use crate::exchange::exchange;
use crate::origin::Origin;
use crate::pool::Pool;
use crate::proxy::{Form, Proxies, ProxyFailure, ProxyGuard, ProxyUrl};
use crate::trust::{Trust, TrustError};

/// The connect timeout unless set: 10 seconds, for name, TCP, proxy and TLS together.
pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The idle timeout unless set: 25 seconds, below the keep-alive of most servers.
pub const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(25);

/// How many idle connections are kept for an origin unless set: 8.
pub const DEFAULT_MAX_IDLE: usize = 8;

/// The default backend: HTTP/1.1 over a pool of its own.
///
/// One value is one pool, so make one for each account and proxy. It is cheap to clone (the clones share the pool), and
/// cheap to make if the [`Trust`] is shared. It needs a tokio runtime with I/O and time.
#[derive(Clone, Debug)]
pub struct HyperBackend(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    connector: Connector,
    proxies: Proxies,
    pool: Arc<Pool>,
}

/// Settings of a [`HyperBackend`].
#[derive(Debug)]
#[must_use]
pub struct Builder {
    trust: Result<Trust, TrustError>,
    proxies: Proxies,
    proxy_guard: Option<ProxyGuard>,
    connect_timeout: Duration,
    idle_timeout: Duration,
    max_idle: usize,
}

impl HyperBackend {
    /// With every default: the platform's certificate authorities, and no proxy, whatever the environment says.
    pub fn new() -> Self {
        Self::assemble(Trust::platform(), Builder::new())
    }

    /// To be made with other settings.
    pub fn builder() -> Builder {
        Builder::new()
    }

    fn assemble(trust: Trust, settings: Builder) -> Self {
        Self(Arc::new(Inner {
            connector: Connector::new(trust, settings.connect_timeout, settings.proxy_guard),
            proxies: settings.proxies,
            pool: Pool::new(settings.idle_timeout, settings.max_idle),
        }))
    }
}

impl Default for HyperBackend {
    fn default() -> Self {
        Self::new()
    }
}

impl Builder {
    fn new() -> Self {
        Self {
            trust: Ok(Trust::platform()),
            proxies: Proxies::none(),
            proxy_guard: None,
            connect_timeout: DEFAULT_CONNECT_TIMEOUT,
            idle_timeout: DEFAULT_IDLE_TIMEOUT,
            max_idle: DEFAULT_MAX_IDLE,
        }
    }

    /// A proxy for every request. Default: none.
    pub fn proxy(self, proxy: ProxyUrl) -> Self {
        self.proxies(Proxies::all(proxy))
    }

    /// Proxies by target, as the environment or a configuration has them. Default: none.
    pub fn proxies(self, proxies: Proxies) -> Self {
        Self { proxies, ..self }
    }

    /// What is asked before a proxy is dialled, with its host (without brackets) and all addresses that one lookup gave
    /// it; if it objects, no connection is made and the request fails as misconfigured, its objection in the text.
    /// Exactly those addresses are dialled. Default: nobody is asked.
    ///
    /// It is for a proxy that a stranger named, who could name a port inside the network that this runs in.
    pub fn proxy_guard(
        self,
        guard: impl Fn(&str, &[IpAddr]) -> Result<(), Box<dyn Error + Send + Sync>> + Send + Sync + 'static,
    ) -> Self {
        Self { proxy_guard: Some(ProxyGuard::new(guard)), ..self }
    }

    /// Certificate authorities in a PEM file, trusted in addition to the platform's. May be called several times.
    pub fn ca_file(self, path: impl AsRef<Path>) -> Self {
        Self { trust: self.trust.and_then(|trust| trust.and_file(path)), ..self }
    }

    /// Certificate authorities as PEM text, trusted in addition to the platform's. May be called several times.
    pub fn ca_pem(self, pem: impl AsRef<[u8]>) -> Self {
        Self { trust: self.trust.and_then(|trust| trust.and_pem(pem)), ..self }
    }

    /// Whose certificates are believed, shared with other backends; it replaces what was set before.
    pub fn trust(self, trust: Trust) -> Self {
        Self { trust: Ok(trust), ..self }
    }

    /// How long a connection may take: name, TCP, proxy and TLS together. Default: [`DEFAULT_CONNECT_TIMEOUT`].
    pub fn connect_timeout(self, connect_timeout: Duration) -> Self {
        Self { connect_timeout, ..self }
    }

    /// How long an idle connection is kept; zero keeps none. Default: [`DEFAULT_IDLE_TIMEOUT`].
    pub fn idle_timeout(self, idle_timeout: Duration) -> Self {
        Self { idle_timeout, ..self }
    }

    /// How many idle connections are kept for one origin; zero keeps none. Default: [`DEFAULT_MAX_IDLE`]. As many as
    /// requests go in parallel are enough.
    pub fn max_idle(self, max_idle: usize) -> Self {
        Self { max_idle, ..self }
    }

    /// The backend.
    ///
    /// # Errors
    ///
    /// [`BuildError`] if a certificate authority that was given can't be read or used. The platform's are loaded when
    /// the first TLS connection needs them; if there are none, that connection fails as misconfigured.
    pub fn build(mut self) -> Result<HyperBackend, BuildError> {
        let trust = std::mem::replace(&mut self.trust, Ok(Trust::platform()))?;
        Ok(HyperBackend::assemble(trust, self))
    }
}

#[async_trait]
impl Backend for HyperBackend {
    async fn exchange(&self, mut request: Request<Body>) -> Result<Response<Bytes>, BackendError> {
        let Inner { connector, proxies, pool } = &*self.0;
        let origin = Origin::of(request.uri())?;
        let proxy = proxies.for_origin(&origin);
        let connection = match pool.take(&origin) {
            Some(connection) => connection,
            None => connector.connect(&origin, proxy).await?,
        };
        address(&mut request, &origin, &connection.form)?;
        let forwarded = matches!(connection.form, Form::Absolute { .. });
        let answer = exchange(connection, request).await?;
        if let Some(connection) = answer.connection {
            pool.put(origin, connection);
        }
        match proxy {
            // Only the proxy itself can say this: it has not forwarded the request.
            Some(proxy)
                if forwarded && answer.response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED =>
            {
                let failure = ProxyFailure::unauthorized(proxy.credentials().is_some(), "407");
                Err(ConnectError::Proxy { proxy: Box::new(proxy.clone()), failure }.into())
            }
            _ => Ok(answer.response),
        }
    }
}

/// Completes the head of a request: request line, Host, length, and what a forwarding proxy wants.
fn address(request: &mut Request<Body>, origin: &Origin, form: &Form) -> Result<(), ConnectError> {
    *request.uri_mut() = match form {
        Form::Origin => {
            let path = request.uri().path_and_query().cloned();
            Uri::from(path.unwrap_or_else(|| PathAndQuery::from_static("/")))
        }
        Form::Absolute { .. } => origin.absolute_form(request.uri())?,
    };
    let host = HeaderValue::try_from(origin.host_header()).map_err(|_| ConnectError::NoHost)?;
    // A server must not take an empty body for a missing one (RFC 9110 §8.6).
    let says_empty = request.body().is_empty()
        && (*request.method() == Method::POST
            || *request.method() == Method::PUT
            || *request.method() == Method::PATCH);
    let headers = request.headers_mut();
    headers.insert(header::HOST, host);
    // The length comes from the body itself, always exact.
    headers.remove(header::CONTENT_LENGTH);
    headers.remove(header::TRANSFER_ENCODING);
    if says_empty {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    if let Form::Absolute { authorization } = form {
        // Some proxies pass the target's answer on as it is and then close: tinyproxy 1.11 does, and a request that
        // went out on such a connection would be lost.
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        if let Some(authorization) = authorization {
            headers.insert(header::PROXY_AUTHORIZATION, authorization.clone());
        }
    }
    Ok(())
}
