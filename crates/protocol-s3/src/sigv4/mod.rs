//! AWS Signature Version 4, as S3 wants it.

mod clock;
mod signature;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chunkwise_core::{CredentialEpoch, Timestamp};
use chunkwise_transport::http::{
    AuthorizeError, Authorizer, EncodeContext, Renewed, Request, RequestBody, Response, percent,
};
use chunkwise_transport::{Account, RefreshError, Secret};
use http::{HeaderValue, Uri, header};

use clock::Clock;
use signature::{Scope, canonical_request, digest, signed_headers};

/// What AWS, or a store like it, gives an account or a role.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The id of the access key. It is no secret.
    pub access_key_id: String,
    /// The access key's secret.
    pub secret_access_key: Secret<String>,
    /// The token that temporary credentials have.
    pub session_token: Option<Secret<String>>,
}

/// Gets new credentials, for instance from a profile or from the instance's metadata.
#[async_trait]
pub trait ProvideCredentials: Send + Sync {
    /// New credentials in place of those that have expired.
    ///
    /// # Errors
    ///
    /// [`RefreshError`] if there are none to be had.
    async fn provide(&self) -> Result<Credentials, RefreshError>;
}

/// Signs every request by AWS Signature Version 4.
///
/// Signed are the method, the address, the headers, and the body where there is one before it is sent (Complete's). Parts are
/// signed without their bytes, which would have to be read twice: what keeps them whole is TLS, and the checksum in their
/// trailer. The time is the context's; where a store finds it too far from its own, the difference is learnt from that answer,
/// once, and applied from then on.
pub struct SigV4 {
    region: String,
    credentials: Renewed<Credentials>,
    hook: Option<Arc<dyn ProvideCredentials>>,
    clock: Clock,
    account: Account,
}

impl SigV4 {
    /// An authorizer for this region, with credentials that can't be refreshed. Uploads with one access key are paced
    /// together.
    pub fn new(region: impl Into<String>, credentials: Credentials) -> Self {
        let account = Account::new(format!("s3:{}", credentials.access_key_id));
        Self {
            region: region.into(),
            credentials: Renewed::new(credentials),
            hook: None,
            clock: Clock::default(),
            account,
        }
    }

    /// The same with a hook that gets new credentials when these have expired.
    #[must_use]
    pub fn with_refresh(mut self, hook: impl ProvideCredentials + 'static) -> Self {
        self.hook = Some(Arc::new(hook));
        self
    }

    /// The same with another name of the account.
    #[must_use]
    pub fn with_account(mut self, account: Account) -> Self {
        self.account = account;
        self
    }

    /// The request's address with a signature in it, good for so long from now on (a week at most), for whoever has no
    /// credentials. What its headers say is part of it: they must be sent as they are here.
    ///
    /// # Errors
    ///
    /// [`AuthorizeError`] if the request can't be signed.
    pub fn presign(
        &self,
        request: &Request,
        good_for: Duration,
        now: Timestamp,
    ) -> Result<Uri, AuthorizeError> {
        let (_, keys) = self.credentials.current();
        let scope = Scope::new(self.clock.corrected(now), &self.region);
        let signed = signed_headers(&request.headers);
        let (credential, expires) = (scope.credential(&keys.access_key_id), good_for.as_secs().to_string());
        let names = signed.join(";");
        let mut query = vec![
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
            ("X-Amz-Credential", &credential),
            ("X-Amz-Date", scope.date()),
            ("X-Amz-Expires", &expires),
            ("X-Amz-SignedHeaders", &names),
        ];
        if let Some(token) = &keys.session_token {
            query.push(("X-Amz-Security-Token", token.expose()));
        }
        let separator = if request.uri.query().is_some() { '&' } else { '?' };
        let unsigned = format!("{}{separator}{}", request.uri, percent::form(&query));
        let uri: Uri = unsigned.parse().map_err(|_| unsignable())?;
        let canonical =
            canonical_request(&request.method, &uri, &request.headers, &signed, "UNSIGNED-PAYLOAD");
        let signature = canonical.and_then(|text| scope.sign(keys.secret_access_key.expose(), &text));
        let signature = signature.ok_or_else(unsignable)?;
        format!("{unsigned}&X-Amz-Signature={signature}").parse().map_err(|_| unsignable())
    }
}

fn unsignable() -> AuthorizeError {
    AuthorizeError::new("the request can't be signed: its address is not absolute, or a header is no text")
}

impl fmt::Debug for SigV4 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigV4")
            .field("region", &self.region)
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Authorizer for SigV4 {
    fn authorize(&self, request: &mut Request, context: &EncodeContext) -> Result<(), AuthorizeError> {
        let (_, keys) = self.credentials.current();
        let scope = Scope::new(self.clock.corrected(context.now), &self.region);
        let payload = payload_hash(request);
        let headers = &mut request.headers;
        let sendable = |text: &str| {
            let refused = |_| AuthorizeError::new("the credentials have characters that no header can hold");
            HeaderValue::try_from(text).map_err(refused)
        };
        headers.insert("x-amz-date", sendable(scope.date())?);
        headers.insert("x-amz-content-sha256", sendable(&payload)?);
        if let Some(token) = &keys.session_token {
            let mut token = sendable(token.expose())?;
            token.set_sensitive(true);
            headers.insert("x-amz-security-token", token);
        }
        let signed = signed_headers(headers);
        let canonical = canonical_request(&request.method, &request.uri, headers, &signed, &payload);
        let signature = canonical.and_then(|text| scope.sign(keys.secret_access_key.expose(), &text));
        let mut value = sendable(&format!(
            "AWS4-HMAC-SHA256 Credential={}, SignedHeaders={}, Signature={}",
            scope.credential(&keys.access_key_id),
            signed.join(";"),
            signature.ok_or_else(unsignable)?
        ))?;
        value.set_sensitive(true);
        request.headers.insert(header::AUTHORIZATION, value);
        Ok(())
    }

    fn observe(&self, response: &Response, received_at: Timestamp) {
        self.clock.observe(response, received_at);
    }

    /// By the corrected clock: a refusal without a word is not the clock's fault a second time.
    fn clock(&self, _: &Response, received_at: Timestamp) -> Timestamp {
        self.clock.corrected(received_at)
    }

    async fn refresh(&self, stale: CredentialEpoch) -> Result<CredentialEpoch, RefreshError> {
        let renew = |old| async move {
            if self.clock.correct() {
                return Ok(old);
            }
            match &self.hook {
                Some(hook) => hook.provide().await,
                None => {
                    Err(RefreshError::new("the access key was refused and there is no way to get another"))
                }
            }
        };
        self.credentials.refresh(stale, renew).await
    }

    fn account(&self) -> Option<Account> {
        Some(self.account.clone())
    }
}

/// What stands for the body: its digest, or that it is not signed.
fn payload_hash(request: &Request) -> String {
    match &request.body {
        RequestBody::Empty => digest(b""),
        RequestBody::Bytes(bytes) => digest(bytes),
        RequestBody::Payload { .. } if request.headers.contains_key("x-amz-trailer") => {
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER".to_owned()
        }
        RequestBody::Payload { .. } => "UNSIGNED-PAYLOAD".to_owned(),
    }
}
