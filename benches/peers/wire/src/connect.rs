//! A connection that speaks the HTTP that was asked for.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use socket2::SockRef;
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;

use crate::body::Chunk;
use crate::{Failed, Protocol, Put, tls};

/// The most that HTTP/1.1 buffers of a request before it is written, in bytes: as in the engine's backend.
const MAX_BUFFER: usize = 128 << 10;

/// What requests are sent by. Over HTTP/2 several may share a connection.
#[derive(Debug)]
pub(crate) enum Sender {
    H1(http1::SendRequest<Chunk>),
    H2(http2::SendRequest<Chunk>),
}

impl Sender {
    pub(crate) async fn send(&mut self, request: Request<Chunk>) -> hyper::Result<Response<Incoming>> {
        match self {
            Self::H1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
            Self::H2(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
        }
    }
}

/// A new connection, and a sender for each of so many chunks at once on it.
pub(crate) async fn connect(
    settings: &Put,
    config: Arc<ClientConfig>,
    senders: usize,
) -> Result<Vec<Sender>, Failed> {
    let tcp = dial(settings).await?;
    let stream = TlsConnector::from(config).connect(ServerName::try_from("localhost")?, tcp).await?;
    if stream.get_ref().1.alpn_protocol() != Some(tls::alpn(settings.protocol)) {
        return Err("the sink does not speak the protocol that was asked for".into());
    }
    let stream = TokioIo::new(stream);
    match settings.protocol {
        Protocol::H1 => {
            let (sender, connection) =
                http1::Builder::new().writev(true).max_buf_size(MAX_BUFFER).handshake(stream).await?;
            // How it ended, the request that it carried says.
            drop(tokio::spawn(connection));
            Ok(vec![Sender::H1(sender)])
        }
        Protocol::H2 => {
            let (sender, connection) =
                http2::Builder::new(TokioExecutor::new()).adaptive_window(false).handshake(stream).await?;
            drop(tokio::spawn(connection));
            Ok((0..senders).map(|_| Sender::H2(sender.clone())).collect())
        }
    }
}

async fn dial(settings: &Put) -> Result<TcpStream, Failed> {
    let socket = TcpSocket::new_v4()?;
    if let Some(bytes) = settings.send_buffer {
        let socket = SockRef::from(&socket);
        socket.set_send_buffer_size(bytes)?;
        // The system gives what it allows and says nothing; Linux tells twice of what it gave.
        let given = socket.send_buffer_size()? / if cfg!(target_os = "linux") { 2 } else { 1 };
        if given < bytes {
            return Err(format!(
                "a send buffer of {bytes} bytes is not given, but one of {given} (net.core.wmem_max)"
            )
            .into());
        }
    }
    let tcp = socket.connect(settings.to.parse()?).await?;
    tcp.set_nodelay(true)?;
    Ok(tcp)
}
