//! CONNECT through an HTTP proxy (RFC 9110 §9.3.6).

use std::future::{Future as _, poll_fn};
use std::io;
use std::pin::pin;
use std::task::Poll;

use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri, header};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use super::{ProxyFailure, ProxyUrl};
use crate::meter::BoxStream;
use crate::origin::Peer;

/// The longest head of an answer to CONNECT, in bytes.
const MAX_HEAD: usize = 16 * 1024;

/// Asks the proxy for a tunnel. The stream it gives back is the same, now leading to the peer.
pub(super) async fn connect(
    stream: BoxStream,
    proxy: &ProxyUrl,
    peer: &Peer,
) -> Result<BoxStream, ProxyFailure> {
    let request = request(proxy, peer)?;
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(MAX_HEAD)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(failure)?;
    let mut connection = pin!(connection.without_shutdown());
    let mut answer = pin!(sender.send_request(request));
    let mut ended = None;
    let answer = poll_fn(|cx| {
        if ended.is_none()
            && let Poll::Ready(end) = connection.as_mut().poll(cx)
        {
            ended = Some(end);
        }
        answer.as_mut().poll(cx)
    })
    .await
    .map_err(failure)?;
    accepted(answer.status(), proxy, peer)?;
    let parts = match ended {
        Some(end) => end,
        None => connection.await,
    }
    .map_err(failure)?;
    if parts.read_buf.is_empty() {
        Ok(parts.io.into_inner())
    } else {
        // In TLS the client speaks first.
        Err(ProxyFailure::Garbled { protocol: "HTTP: it sent bytes that nobody asked for" })
    }
}

fn request(proxy: &ProxyUrl, peer: &Peer) -> Result<Request<Empty<Bytes>>, ProxyFailure> {
    let unaskable = || ProxyFailure::Unaskable { peer: peer.to_string(), why: "it is no valid host" };
    let mut request = Request::new(Empty::new());
    *request.method_mut() = Method::CONNECT;
    *request.uri_mut() = Uri::try_from(peer.to_string()).map_err(|_| unaskable())?;
    let host = header::HeaderValue::try_from(peer.to_string()).map_err(|_| unaskable())?;
    request.headers_mut().insert(header::HOST, host);
    if let Some(authorization) = proxy.basic_authorization() {
        request.headers_mut().insert(header::PROXY_AUTHORIZATION, authorization);
    }
    Ok(request)
}

fn accepted(status: StatusCode, proxy: &ProxyUrl, peer: &Peer) -> Result<(), ProxyFailure> {
    let answer = status.as_str();
    if status.is_success() {
        Ok(())
    } else if matches!(status, StatusCode::PROXY_AUTHENTICATION_REQUIRED | StatusCode::UNAUTHORIZED) {
        // tinyproxy 1.11 answers 407 to none and 401 to wrong ones.
        Err(ProxyFailure::unauthorized(proxy.credentials().is_some(), answer))
    } else if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        Err(ProxyFailure::Unreached { peer: peer.to_string(), answer: answer.to_owned() })
    } else {
        Err(ProxyFailure::Forbidden { peer: peer.to_string(), answer: answer.to_owned() })
    }
}

fn failure(error: hyper::Error) -> ProxyFailure {
    if error.is_parse() {
        return ProxyFailure::Garbled { protocol: "HTTP" };
    }
    let source = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<io::Error>());
    ProxyFailure::Broken(match source {
        Some(source) => io::Error::new(source.kind(), crate::error::reason(source)),
        None => io::Error::new(io::ErrorKind::UnexpectedEof, error),
    })
}
