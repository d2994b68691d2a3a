//! What carries an HTTP request.

use std::error::Error as StdError;

use async_trait::async_trait;
use bytes::Bytes;
use chunkwise_core::{Cut, NotSent};

use super::Body;

/// The most bytes of a response body that a backend reads: 1 MiB. X's answers have a few hundred bytes.
pub const MAX_RESPONSE: usize = 1 << 20;

/// Carries one HTTP request and says how far it got.
///
/// A backend never retries, never follows redirects and never decompresses. It sends an exact Content-Length from
/// the body's size. It reads an answer that comes while the body is still being sent, and then stops sending: a
/// 413 must not look like a broken pipe. It reads at most [`MAX_RESPONSE`] bytes of an answer's body.
#[async_trait]
pub trait Backend: Send + Sync {
    /// Sends the request and reads the whole response. Dropping the future gives the exchange up and closes its
    /// connection.
    ///
    /// # Errors
    ///
    /// [`BackendError`] says whether the server may have seen the request.
    async fn exchange(&self, request: http::Request<Body>) -> Result<http::Response<Bytes>, BackendError>;
}

#[async_trait]
impl<B: Backend + ?Sized> Backend for std::sync::Arc<B> {
    async fn exchange(&self, request: http::Request<Body>) -> Result<http::Response<Bytes>, BackendError> {
        (**self).exchange(request).await
    }
}

/// Why there is no response.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// The server has certainly not seen a byte of the request.
    #[error("{source}")]
    NotSent {
        /// Whether it may work in a moment.
        cause: NotSent,
        /// What happened. Its text must not hold a secret (no URLs with user or query).
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The server may have seen the request, all of it or a part.
    #[error("{source}")]
    Unknown {
        /// How the answer was lost.
        cut: Cut,
        /// What happened. Its text must not hold a secret.
        source: Box<dyn StdError + Send + Sync>,
    },
}
