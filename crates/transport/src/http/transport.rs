//! The HTTP transport: protocol + backend + authorizer.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use chunkwise_core::{CredentialEpoch, Detail, Failure, NotSent, Operation, Outcome, Profile, Timestamp};
use http::HeaderValue;

use super::{
    AuthorizeError, Authorizer, Backend, BackendError, Body, EncodeContext, Protocol, Request, Response,
};
use crate::{Account, Payload, RefreshError, Transport};

/// What requests call us unless the protocol says otherwise.
const USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("chunkwise/", env!("CARGO_PKG_VERSION")));

/// Performs operations over HTTP.
#[derive(Clone)]
pub struct HttpTransport {
    protocol: Arc<dyn Protocol>,
    backend: Arc<dyn Backend>,
    authorizer: Arc<dyn Authorizer>,
}

impl HttpTransport {
    /// Of its three parts.
    pub fn new(
        protocol: Arc<dyn Protocol>,
        backend: Arc<dyn Backend>,
        authorizer: Arc<dyn Authorizer>,
    ) -> Self {
        Self { protocol, backend, authorizer }
    }

    async fn exchange(&self, operation: &Operation, mut payload: Payload) -> Result<Outcome, Failure> {
        let context = context()?;
        let mut request =
            self.protocol.encode(operation, &context).map_err(|error| unsendable(&error.to_string()))?;
        if let Some(mut preview) = self.protocol.preview(operation) {
            let read = payload.read_before(|bytes| preview.bytes(bytes)).await;
            read.map_err(|error| unsendable(&error.to_string()))?;
            preview.finish(&mut request);
        }
        let response = self.carry(request, &context, payload).await?;
        let received_at = wall_clock();
        self.authorizer.observe(&response, received_at);
        let received_at = self.authorizer.clock(&response, received_at);
        Ok(self.protocol.decode(operation, &response, received_at))
    }

    /// Sends a request that is no operation of an upload (an alt text, for instance), once, with the same backend
    /// and credentials.
    ///
    /// # Errors
    ///
    /// [`Failure`] if there is no answer; any answer is one.
    pub async fn send(&self, request: Request) -> Result<Response, Failure> {
        let response = self.carry(request, &context()?, Payload::empty()).await?;
        self.authorizer.observe(&response, wall_clock());
        Ok(response)
    }

    async fn carry(
        &self,
        mut request: Request,
        context: &EncodeContext,
        payload: Payload,
    ) -> Result<Response, Failure> {
        let refused = |error: AuthorizeError| {
            let detail = Detail::new(error.to_string());
            Failure::NotSent { cause: error.cause(), detail }
        };
        self.authorizer.prepare(&mut request, context).await.map_err(refused)?;
        self.authorizer.authorize(&mut request, context).map_err(refused)?;
        let mut http = http::Request::new(Body::new(request.body, payload));
        *http.method_mut() = request.method;
        *http.uri_mut() = request.uri;
        *http.headers_mut() = request.headers;
        http.headers_mut().entry(http::header::USER_AGENT).or_insert(USER_AGENT);
        match self.backend.exchange(http).await {
            Ok(response) => Ok(response),
            Err(BackendError::NotSent { cause, source }) => {
                Err(Failure::NotSent { cause, detail: Detail::new(source.to_string()) })
            }
            Err(BackendError::Unknown { cut, source }) => {
                Err(Failure::Unknown { cut, detail: Detail::new(source.to_string()) })
            }
        }
    }
}

fn context() -> Result<EncodeContext, Failure> {
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce).map_err(|error| unsendable(&error.to_string()))?;
    Ok(EncodeContext { now: wall_clock(), nonce: u128::from_le_bytes(nonce) })
}

fn unsendable(reason: &str) -> Failure {
    Failure::NotSent { cause: NotSent::Misconfigured, detail: Detail::new(reason) }
}

/// The wall clock; only what is compared with a server's dates comes from it.
fn wall_clock() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::EPOCH.after(since_epoch)
}

#[async_trait]
impl Transport for HttpTransport {
    fn profile(&self) -> Profile {
        self.protocol.profile()
    }

    async fn perform(&self, operation: &Operation, payload: Payload) -> Outcome {
        let outcome = self.exchange(operation, payload).await.unwrap_or_else(Outcome::failure);
        tracing::debug!(op = %operation.id, kind = %operation.kind(), attempt = operation.attempt, ok = outcome.result.is_ok(), "performed");
        outcome
    }

    async fn refresh(&self, stale: CredentialEpoch) -> Result<CredentialEpoch, RefreshError> {
        self.authorizer.refresh(stale).await
    }

    fn account(&self) -> Option<Account> {
        self.authorizer.account()
    }
}

impl fmt::Debug for HttpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTransport")
            .field("protocol", &self.protocol.profile().name)
            .finish_non_exhaustive()
    }
}
