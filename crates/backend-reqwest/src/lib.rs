//! Backend over an embedder's own [`reqwest::Client`]: for programs that have one already.
//!
//! ```no_run
//! # fn main() -> Result<(), reqwest::Error> {
//! use chunkwise_reqwest::{ReqwestBackend, recommended};
//!
//! // With the features of reqwest that bring a TLS provider, as its defaults do. With `rustls-no-provider` give
//! // it one: `.tls_backend_preconfigured(a_rustls_client_config)`.
//! let backend = ReqwestBackend::new(recommended().build()?);
//! # drop(backend);
//! # Ok(())
//! # }
//! ```
//!
//! # What the client must not do
//!
//! The engine counts attempts and decides what is repeated, so the client must not repeat or redirect on its own.
//! [`recommended`] is a builder with that seen to. A client that was built otherwise still works, with less truth:
//! one that follows redirects hides where the answer came from; one with a `timeout` of its own cuts slow segments;
//! one that decompresses changes bodies; one that reads proxies from the environment surprises.
//! A body of ours is never replayed, whatever the client's settings: it can't be cloned.
//!
//! # What reqwest can't do
//!
//! - **An early refusal that is followed by a reset may be lost.** reqwest gives a connection up when a write fails,
//!   also when the answer lies unread before it: a 413 of a server that closes with unread bytes may come out as
//!   [`Unknown`](BackendError::Unknown). Over loopback, with 8 MiB bodies, 4 to 46 of 50 such refusals were seen,
//!   mostly some 36. If the server reads on or closes only its sending side, the answer is seen.
//! - **An early success is believed** even if the rest of the body could not be sent.
//! - **A forwarding proxy's 407** can't be told from one of the target's, which no target should send; both count as
//!   a proxy that refuses us.
//! - **"Not sent" is told for failed connections only.** Anything after that is unknown, also where not a byte had left.
//! - A connection whose sending was ended is closed a moment later, by a task of the client.
//!
//! `chunkwise-hyper` has none of these.

mod body;
mod error;

use std::error::Error as StdError;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use chunkwise_core::Cut;
use chunkwise_transport::http::{Backend, BackendError, Body, MAX_RESPONSE, SendingEnd};
use http::{Request, Response, StatusCode};

/// Carries requests over a [`reqwest::Client`].
#[derive(Clone, Debug)]
pub struct ReqwestBackend {
    client: reqwest::Client,
}

impl ReqwestBackend {
    /// Over a client; see the crate's documentation for how it should be built.
    pub const fn new(client: reqwest::Client) -> Self {
        Self { client }
    }
}

/// A builder of a client that suits: no redirects, no retries, no proxies unless given, HTTP/1.1 only (parallel bodies
/// on one connection would share one congestion window), idle connections closed after 25 seconds, 10 seconds to
/// connect. What else it needs (proxies, certificates, a TLS provider) is the embedder's to add.
pub fn recommended() -> reqwest::ClientBuilder {
    use std::time::Duration;
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .http1_only()
        .tcp_nodelay(true)
        .referer(false)
        .connect_timeout(Duration::from_secs(10))
        .pool_idle_timeout(Duration::from_secs(25))
}

/// Ends the sending when it is dropped: at the end of a refusal, however its reading ends.
struct Ending(SendingEnd);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.end();
    }
}

#[async_trait]
impl Backend for ReqwestBackend {
    async fn exchange(&self, request: Request<Body>) -> Result<Response<Bytes>, BackendError> {
        let end = request.body().sending_end();
        let (mut head, body) = request.into_parts();
        // The length comes from the body itself; `wrap` keeps its size hint, and with it an exact Content-Length.
        head.headers.remove(http::header::CONTENT_LENGTH);
        head.headers.remove(http::header::TRANSFER_ENCODING);
        if body.is_empty()
            && matches!(head.method, http::Method::POST | http::Method::PUT | http::Method::PATCH)
        {
            head.headers.insert(http::header::CONTENT_LENGTH, http::HeaderValue::from_static("0"));
        }
        let request = Request::from_parts(head, reqwest::Body::wrap(body::Shared::new(body)));
        let request = reqwest::Request::try_from(request).map_err(error::classify)?;
        let mut response = self.client.execute(request).await.map_err(error::classify)?;

        if response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
            end.end();
            return Err(error::proxy_refusal());
        }
        let refused = !response.status().is_success();
        let _ending = refused.then(|| {
            end.hold();
            Ending(end)
        });
        let mut bytes = BytesMut::new();
        loop {
            match response.chunk().await {
                Ok(Some(data)) => {
                    let room = MAX_RESPONSE - bytes.len();
                    bytes.extend_from_slice(data.get(..room).unwrap_or(&data));
                    if data.len() > room && !refused {
                        let source: Box<dyn StdError + Send + Sync> =
                            format!("the answer is longer than {MAX_RESPONSE} bytes").into();
                        return Err(BackendError::Unknown { cut: Cut::Ambiguous { after: None }, source });
                    } else if data.len() > room {
                        break;
                    }
                }
                Ok(None) => break,
                // The status says the most important.
                Err(_) if refused => break,
                Err(error) => return Err(error::classify(error)),
            }
        }
        let mut answer = Response::new(bytes.freeze());
        *answer.status_mut() = response.status();
        *answer.version_mut() = response.version();
        *answer.headers_mut() = std::mem::take(response.headers_mut());
        Ok(answer)
    }
}
