//! Connections to addresses that were checked, and to nothing else.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;

use crate::error::{FetchProblem, Step};
use crate::slots::{Slot, Slots};
use crate::target::{Security, Target};

/// How long one address has before the next is tried beside it (RFC 8305 §5).
const HEAD_START: Duration = Duration::from_millis(250);

/// A connection, of whatever layers.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}
pub(crate) type BoxStream = Box<dyn Stream>;

/// What makes a connection to an address. There is no name here that could be looked up.
#[async_trait]
pub(crate) trait Dial: fmt::Debug + Send + Sync {
    /// The connection, and where it leads as far as it knows.
    async fn dial(&self, address: SocketAddr) -> io::Result<(BoxStream, SocketAddr)>;
}

/// TCP.
#[derive(Debug)]
pub(crate) struct Tcp;

#[async_trait]
impl Dial for Tcp {
    async fn dial(&self, address: SocketAddr) -> io::Result<(BoxStream, SocketAddr)> {
        let tcp = TcpStream::connect(address).await?;
        tcp.set_nodelay(true)?;
        let peer = tcp.peer_addr()?;
        Ok((Box::new(tcp), peer))
    }
}

/// A connection to the first of the addresses that takes one. Each is tried a moment after the one before it, or as soon
/// as that has failed.
pub(crate) async fn connect(
    dial: &dyn Dial,
    slots: &Slots,
    addresses: &[IpAddr],
    port: u16,
    within: Duration,
) -> Result<(BoxStream, Slot), FetchProblem> {
    let attempt = |address: IpAddr| async move {
        let slot = slots.take(address).await;
        let dialled = SocketAddr::new(address, port);
        let (stream, peer) = timeout(within, dial.dial(dialled))
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(FetchProblem::Unreachable)?;
        // What was checked is what was dialled; this asks the kernel if it sees it so too.
        if (peer.ip().to_canonical(), peer.port()) == (address.to_canonical(), port) {
            Ok((stream, slot))
        } else {
            Err(FetchProblem::OtherPeer { dialled, peer })
        }
    };
    let mut addresses = addresses.iter().copied();
    let mut attempts = FuturesUnordered::new();
    let mut failure = FetchProblem::NoAddress;
    loop {
        match addresses.next() {
            Some(address) => attempts.push(attempt(address)),
            None if attempts.is_empty() => return Err(failure),
            None => {}
        }
        let more = addresses.len() > 0;
        tokio::select! {
            Some(attempt) = attempts.next() => match attempt {
                Ok(connected) => return Ok(connected),
                Err(problem) => failure = problem,
            },
            () = sleep(HEAD_START), if more => {}
        }
    }
}

/// TLS for fetches: HTTP/1.1 alone, and nothing by which an origin would know us again.
pub(crate) fn tls(mut config: ClientConfig) -> TlsConnector {
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    TlsConnector::from(Arc::new(config))
}

/// The connection as the target wants it: with TLS to its host, or as it is.
pub(crate) async fn secure(
    stream: BoxStream,
    target: &Target,
    tls: &TlsConnector,
    within: Duration,
) -> Result<BoxStream, FetchProblem> {
    match target.security {
        Security::Plain => Ok(stream),
        Security::Tls => {
            let name = ServerName::try_from(target.host_name()).map_err(|_| FetchProblem::TlsName)?;
            match timeout(within, tls.connect(name, stream)).await {
                Ok(Ok(stream)) => Ok(Box::new(stream)),
                Ok(Err(error)) => Err(FetchProblem::Tls(error)),
                Err(_) => Err(FetchProblem::TimedOut { step: Step::Tls, after: within }),
            }
        }
    }
}
