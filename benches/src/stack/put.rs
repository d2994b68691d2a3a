//! One bare PUT by the HTTP stack itself: what the stack can do without us.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, Stream, TryStreamExt as _};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use hyper::client::conn::http1;
use hyper::{Method, Request, Uri, header};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::{Carrier, Failed};

/// In what pieces the body is given.
const FRAME: usize = 64 << 10;

/// A PUT of a file, piece by piece as it is read.
#[derive(Debug)]
pub struct Put {
    uri: Uri,
    by: By,
}

#[derive(Debug)]
enum By {
    Hyper(Arc<rustls::ClientConfig>),
    Reqwest(reqwest::Client),
}

impl Put {
    /// To this URL, by hyper or reqwest.
    ///
    /// # Errors
    ///
    /// If the URL is none, or the authority can't be used.
    pub fn new(carrier: Carrier, url: &str, ca_pem: Option<&str>) -> Result<Self, Failed> {
        let by = match carrier {
            Carrier::Hyper => By::Hyper(Arc::new(super::tls(ca_pem)?)),
            Carrier::Reqwest => By::Reqwest(super::client(ca_pem)?),
        };
        Ok(Self { uri: url.parse()?, by })
    }

    /// Sends the first so many bytes of a file.
    ///
    /// # Errors
    ///
    /// If they can't be read, or are not taken.
    pub async fn send(&self, file: &Path, bytes: u64) -> Result<(), Failed> {
        let pieces = pieces(File::open(file)?, bytes);
        match &self.by {
            By::Reqwest(client) => {
                let body = reqwest::Body::wrap_stream(pieces);
                let request =
                    client.put(self.uri.to_string()).header(header::CONTENT_LENGTH, bytes).body(body);
                request.send().await?.error_for_status()?.bytes().await?;
                Ok(())
            }
            By::Hyper(tls) => {
                let authority = self.uri.authority().ok_or("a URL without a host")?;
                let tcp = TcpStream::connect(authority.as_str()).await?;
                tcp.set_nodelay(true)?;
                if self.uri.scheme_str() == Some("https") {
                    let name = ServerName::try_from(authority.host().to_owned())?;
                    let stream = tokio_rustls::TlsConnector::from(Arc::clone(tls)).connect(name, tcp).await?;
                    self.over(stream, bytes, pieces).await
                } else {
                    self.over(tcp, bytes, pieces).await
                }
            }
        }
    }

    async fn over(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        bytes: u64,
        pieces: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    ) -> Result<(), Failed> {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let host = self.uri.authority().map_or("", |authority| authority.as_str());
        let request = Request::builder()
            .method(Method::PUT)
            .uri(self.uri.path())
            .header(header::HOST, host)
            .header(header::CONTENT_LENGTH, bytes)
            .body(StreamBody::new(Box::pin(pieces.map_ok(Frame::data))))?;
        let answer = sender.send_request(request).await?;
        if !answer.status().is_success() {
            return Err(answer.status().to_string().into());
        }
        answer.into_body().collect().await?;
        drop(sender);
        connection.await??;
        Ok(())
    }
}

fn pieces(file: File, bytes: u64) -> impl Stream<Item = io::Result<Bytes>> {
    stream::try_unfold((file, bytes), |(mut file, left)| async move {
        let mut piece = Vec::with_capacity(FRAME);
        let read = file.by_ref().take(left.min(FRAME as u64)).read_to_end(&mut piece)?;
        Ok((read > 0).then(|| (Bytes::from(piece), (file, left - read as u64))))
    })
}
