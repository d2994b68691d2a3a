//! How a connection is made: name, TCP, proxy, TLS, HTTP.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;

use crate::error::ConnectError;
use crate::exchange::Outgoing;
use crate::meter::{BoxStream, Meter, Wire};
use crate::origin::{Origin, Peer, Security};
use crate::proxy::{self, Form, ProxyGuard, ProxyKind, ProxyUrl};
use crate::socket::{self, Socket};
use crate::trust::{Trust, TrustError};

/// How long one address has before the next is tried beside it (RFC 8305 §5).
const HEAD_START: Duration = Duration::from_millis(250);

/// The most that HTTP buffers of a request before it is written, in bytes, and the longest head of an answer.
///
/// A frame is asked for while less than this is waiting to be written: enough to fill a write with small frames,
/// too little to hold more than one of the usual size.
const MAX_BUFFER: usize = 128 * 1024;

/// Makes connections.
#[derive(Debug)]
pub(crate) struct Connector {
    trust: Trust,
    tls: OnceCell<Tls>,
    timeout: Duration,
    guard: Option<ProxyGuard>,
}

/// An HTTP/1.1 connection that carries one request at a time. It makes progress only while it is driven.
pub(crate) struct Connection {
    pub(crate) sender: http1::SendRequest<Outgoing>,
    /// Gone when the connection has ended.
    driver: Option<Pin<Box<Driver>>>,
    tcp: Arc<TcpStream>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) form: Form,
    pub(crate) peer: Peer,
}

type Driver = http1::Connection<TokioIo<Wire>, Outgoing>;

impl Connector {
    pub(crate) fn new(trust: Trust, timeout: Duration, guard: Option<ProxyGuard>) -> Self {
        Self { trust, tls: OnceCell::new(), timeout, guard }
    }

    /// A new connection to the origin.
    pub(crate) async fn connect(
        &self,
        origin: &Origin,
        proxy: Option<&ProxyUrl>,
    ) -> Result<Connection, ConnectError> {
        let layers = async {
            match proxy {
                None => self.direct(origin).await,
                Some(proxy) => self.through(proxy, origin).await,
            }
        };
        match tokio::time::timeout(self.timeout, layers).await {
            Ok(connected) => connected,
            Err(_) => {
                let via = proxy.map(|proxy| format!(" through the proxy {proxy}")).unwrap_or_default();
                let route = format!("{}{via}", origin.peer);
                Err(ConnectError::TimedOut { route, after: self.timeout })
            }
        }
    }

    async fn direct(&self, origin: &Origin) -> Result<Connection, ConnectError> {
        let (tcp, meter, stream) = dial(&origin.peer, None).await?;
        self.finish(origin, tcp, meter, stream, Form::Origin).await
    }

    async fn through(&self, proxy: &ProxyUrl, origin: &Origin) -> Result<Connection, ConnectError> {
        let to_proxy =
            |source| ConnectError::ToProxy { proxy: Box::new(proxy.clone()), source: Box::new(source) };
        let (tcp, meter, stream) = dial(proxy.peer(), self.guard.as_ref()).await.map_err(to_proxy)?;
        let stream = match proxy.kind() {
            ProxyKind::Https => self.encrypt(stream, proxy.peer()).await.map_err(to_proxy)?,
            ProxyKind::Http | ProxyKind::Socks5 | ProxyKind::Socks4 => stream,
        };
        let (stream, form) = proxy::pass(stream, proxy, origin).await?;
        self.finish(origin, tcp, meter, stream, form).await
    }

    async fn finish(
        &self,
        origin: &Origin,
        tcp: Arc<TcpStream>,
        meter: Arc<Meter>,
        stream: BoxStream,
        form: Form,
    ) -> Result<Connection, ConnectError> {
        let stream = match origin.security {
            Security::Plain => stream,
            Security::Tls => self.encrypt(stream, &origin.peer).await?,
        };
        let peer = origin.peer.clone();
        let wire = TokioIo::new(Wire::new(stream, Arc::clone(&meter)));
        let (sender, driver) = http1::Builder::new()
            .writev(true)
            .max_buf_size(MAX_BUFFER)
            .handshake(wire)
            .await
            .map_err(|source| ConnectError::Handshake { peer: peer.clone(), source })?;
        Ok(Connection { sender, driver: Some(Box::pin(driver)), tcp, meter, form, peer })
    }

    async fn encrypt(&self, stream: BoxStream, peer: &Peer) -> Result<BoxStream, ConnectError> {
        let tls = self
            .tls
            .get_or_try_init(|| async {
                let config = self.trust.client_config().await?;
                Ok::<_, TrustError>(Tls(TlsConnector::from(Arc::new(config))))
            })
            .await?;
        let name = ServerName::try_from(peer.host.clone())
            .map_err(|_| ConnectError::TlsName { peer: peer.clone() })?;
        match tls.0.connect(name, stream).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(source) => Err(ConnectError::Tls { peer: peer.clone(), source }),
        }
    }
}

struct Tls(TlsConnector);

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

/// A TCP connection to the first address that answers. What the guard was asked about is what is dialled: there is one
/// lookup.
async fn dial(
    peer: &Peer,
    guard: Option<&ProxyGuard>,
) -> Result<(Arc<TcpStream>, Arc<Meter>, BoxStream), ConnectError> {
    let refused = |source| ConnectError::Tcp { peer: peer.clone(), source };
    let addresses = tokio::net::lookup_host((peer.host.as_str(), peer.port))
        .await
        .map_err(|source| ConnectError::Unresolved { peer: peer.clone(), source })?
        .collect::<Vec<_>>();
    guard.map_or(Ok(()), |guard| guard.check(peer, &addresses))?;
    let mut addresses = addresses.into_iter();
    let mut attempts = FuturesUnordered::new();
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "its name has no address");
    let tcp = loop {
        match addresses.next() {
            Some(address) => attempts.push(TcpStream::connect(address)),
            None if attempts.is_empty() => return Err(refused(failure)),
            None => {}
        }
        let more = addresses.len() > 0;
        tokio::select! {
            Some(attempt) = attempts.next() => match attempt {
                Ok(tcp) => break tcp,
                Err(error) => failure = error,
            },
            () = tokio::time::sleep(HEAD_START), if more => {}
        }
    };
    tcp.set_nodelay(true).map_err(refused)?;
    let (tcp, meter) = (Arc::new(tcp), Arc::<Meter>::default());
    let stream = Box::new(Socket::new(Arc::clone(&tcp), Arc::clone(&meter)));
    Ok((tcp, meter, stream))
}

impl Connection {
    /// Makes the progress that can be made now.
    pub(crate) fn drive(&mut self, cx: &mut Context<'_>) {
        let Some(driver) = &mut self.driver else { return };
        if let Poll::Ready(end) = driver.as_mut().poll(cx) {
            if let Err(error) = end {
                tracing::debug!(peer = %self.peer, %error, "connection ended");
            }
            // Whoever still waits for it is told by the drop.
            self.driver = None;
        }
    }

    /// Makes the progress that can be made now, so far that the sender knows if it can send again.
    pub(crate) fn settle(&mut self, cx: &mut Context<'_>) {
        self.drive(cx);
        if !self.sender.is_ready() {
            // When a request is sent out only after its answer was read, hyper 1.12 turns idle at the end of a poll,
            // and looks for the next request, which is what makes the sender ready, only in another one.
            self.drive(cx);
        }
    }

    /// Whether it can carry another request now.
    pub(crate) fn is_ready(&self) -> bool {
        self.driver.is_some() && self.sender.is_ready()
    }

    /// Whether it is still as it was left.
    pub(crate) fn is_alive(&self) -> bool {
        self.is_ready() && socket::is_quiet(&self.tcp)
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("peer", &self.peer).finish_non_exhaustive()
    }
}
