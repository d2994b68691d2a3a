//! Presigned addresses: somebody else signs, request by request.

use std::fmt;

use async_trait::async_trait;
use chunkwise_core::Timestamp;
use chunkwise_transport::http::{AuthorizeError, Authorizer, EncodeContext, Request, Response};
use http::{HeaderMap, Method, Uri};

use crate::said::server_time;

/// Mints presigned addresses: a backend that has the credentials, or [`SigV4::presign`](crate::SigV4::presign) itself.
#[async_trait]
pub trait MintUrl: Send + Sync {
    /// The address to which a request is sent in place of its own: the same with a signature in its query. The request's path
    /// and query say what it is for (`partNumber`, `uploadId`); its headers are sent too, so those that begin with `x-amz-` must
    /// be signed.
    ///
    /// # Errors
    ///
    /// [`AuthorizeError`] if there is none: [`AuthorizeError::unreachable`] if asking again may help.
    async fn mint(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<Uri, AuthorizeError>;
}

/// Sends every request to a presigned address, for clients without credentials. Every attempt has a new one, so none of them
/// needs to be good for longer than one part takes.
pub struct Presigned<M> {
    minter: M,
}

impl<M: MintUrl> Presigned<M> {
    /// An authorizer with addresses of this minter.
    pub const fn new(minter: M) -> Self {
        Self { minter }
    }
}

impl<M> fmt::Debug for Presigned<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presigned").finish_non_exhaustive()
    }
}

#[async_trait]
impl<M: MintUrl> Authorizer for Presigned<M> {
    async fn prepare(&self, request: &mut Request, _: &EncodeContext) -> Result<(), AuthorizeError> {
        if request.headers.contains_key("x-amz-trailer") {
            return Err(AuthorizeError::new(
                "a presigned part can't have a trailer with a checksum: set the store's checksum to none",
            ));
        }
        request.uri = self.minter.mint(&request.method, &request.uri, &request.headers).await?;
        Ok(())
    }

    fn authorize(&self, _: &mut Request, _: &EncodeContext) -> Result<(), AuthorizeError> {
        Ok(())
    }

    /// By the store's clock: ours signs nothing, so that it can't be what the store objects to.
    fn clock(&self, response: &Response, received_at: Timestamp) -> Timestamp {
        server_time(response).unwrap_or(received_at)
    }
}
