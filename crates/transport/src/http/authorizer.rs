//! Who we are: what turns credentials into request headers.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use chunkwise_core::{CredentialEpoch, NotSent, Timestamp};
use http::{HeaderValue, header};

use super::{EncodeContext, Renewed, Request, Response};
use crate::{Account, RefreshError, Secret};

/// Turns credentials into request headers, and gets new ones when they have expired.
#[async_trait]
pub trait Authorizer: Send + Sync {
    /// Does to the request what takes time before it can be authorized: asks somebody else for a signed address, for
    /// instance. Called for every attempt, before [`authorize`](Self::authorize). Default: nothing.
    ///
    /// # Errors
    ///
    /// [`AuthorizeError`] if it can't be had.
    async fn prepare(&self, request: &mut Request, context: &EncodeContext) -> Result<(), AuthorizeError> {
        let _ = (request, context);
        Ok(())
    }

    /// Adds to the request what proves who we are. Called for every attempt, after the request is complete but for
    /// its payload.
    ///
    /// # Errors
    ///
    /// [`AuthorizeError`] if the credentials can't be put into a header.
    fn authorize(&self, request: &mut Request, context: &EncodeContext) -> Result<(), AuthorizeError>;

    /// Gets new credentials in place of those of the `stale` epoch. If they were replaced meanwhile, it gives the
    /// present epoch at once; several uploads may ask at the same time, and one refresh serves them all.
    ///
    /// # Errors
    ///
    /// [`RefreshError`] if there are none to be had; the default.
    async fn refresh(&self, stale: CredentialEpoch) -> Result<CredentialEpoch, RefreshError> {
        let _ = stale;
        Err(RefreshError::new("these credentials can't be refreshed"))
    }

    /// Sees every answer before it is decoded: what it tells about our credentials (how far our clock is off) is kept for
    /// the next [`refresh`](Self::refresh). `received_at` is the wall-clock time of receipt. Default: nothing.
    fn observe(&self, response: &Response, received_at: Timestamp) {
        let _ = (response, received_at);
    }

    /// When an answer was received, by the clock that requests are authorized by: an answer is decoded as of then. Default: the
    /// wall clock's time, which is given.
    fn clock(&self, response: &Response, received_at: Timestamp) -> Timestamp {
        let _ = response;
        received_at
    }

    /// The account whose rate limits count.
    fn account(&self) -> Option<Account> {
        None
    }
}

#[async_trait]
impl<A: Authorizer + ?Sized> Authorizer for Arc<A> {
    async fn prepare(&self, request: &mut Request, context: &EncodeContext) -> Result<(), AuthorizeError> {
        (**self).prepare(request, context).await
    }

    fn authorize(&self, request: &mut Request, context: &EncodeContext) -> Result<(), AuthorizeError> {
        (**self).authorize(request, context)
    }

    async fn refresh(&self, stale: CredentialEpoch) -> Result<CredentialEpoch, RefreshError> {
        (**self).refresh(stale).await
    }

    fn observe(&self, response: &Response, received_at: Timestamp) {
        (**self).observe(response, received_at);
    }

    fn clock(&self, response: &Response, received_at: Timestamp) -> Timestamp {
        (**self).clock(response, received_at)
    }

    fn account(&self) -> Option<Account> {
        (**self).account()
    }
}

/// Nobody in particular: requests go without credentials.
#[derive(Clone, Copy, Debug, Default)]
pub struct Anonymous;

impl Authorizer for Anonymous {
    fn authorize(&self, _: &mut Request, _: &EncodeContext) -> Result<(), AuthorizeError> {
        Ok(())
    }
}

/// Why credentials can't be put into a request.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the credentials can't be used: {reason}")]
pub struct AuthorizeError {
    cause: NotSent,
    reason: String,
}

impl AuthorizeError {
    /// With a reason for people; it must not hold a secret. It will not help to try again.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { cause: NotSent::Misconfigured, reason: reason.into() }
    }

    /// The same, of what may work in a moment.
    pub fn unreachable(reason: impl Into<String>) -> Self {
        Self { cause: NotSent::Unreachable, reason: reason.into() }
    }

    /// Whether it may work in a moment.
    pub const fn cause(&self) -> NotSent {
        self.cause
    }
}

/// Gets a new bearer token, for instance from an OAuth 2.0 token endpoint.
#[async_trait]
pub trait RefreshToken: Send + Sync {
    /// A new token in place of the stale one.
    ///
    /// # Errors
    ///
    /// [`RefreshError`] if there is none to be had.
    async fn refresh(&self, stale: &Secret<String>) -> Result<Secret<String>, RefreshError>;
}

/// A bearer token (RFC 6750), with an optional hook that gets a new one.
pub struct Bearer {
    current: Renewed<Secret<String>>,
    hook: Option<Box<dyn RefreshToken>>,
    account: Account,
}

impl Bearer {
    /// A token that can't be refreshed.
    pub fn new(token: impl Into<Secret<String>>) -> Self {
        Self { current: Renewed::new(token.into()), hook: None, account: Account::unique() }
    }

    /// The same with a hook that gets a new token when this one has expired.
    #[must_use]
    pub fn with_refresh(mut self, hook: impl RefreshToken + 'static) -> Self {
        self.hook = Some(Box::new(hook));
        self
    }

    /// The same with the name of the account it belongs to, so that its uploads are paced together with those of
    /// another token of that account. Default: all uploads with this one value are paced together.
    #[must_use]
    pub fn with_account(mut self, account: Account) -> Self {
        self.account = account;
        self
    }
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bearer").field("account", &self.account).finish_non_exhaustive()
    }
}

#[async_trait]
impl Authorizer for Bearer {
    fn authorize(&self, request: &mut Request, _: &EncodeContext) -> Result<(), AuthorizeError> {
        let (_, token) = self.current.current();
        let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose()))
            .map_err(|_| AuthorizeError::new("the token has characters that no header can hold"))?;
        value.set_sensitive(true);
        request.headers.insert(header::AUTHORIZATION, value);
        Ok(())
    }

    async fn refresh(&self, stale: CredentialEpoch) -> Result<CredentialEpoch, RefreshError> {
        let Some(hook) = &self.hook else {
            return Err(RefreshError::new("the token was refused and there is no way to get another"));
        };
        self.current.refresh(stale, |token| async move { hook.refresh(&token).await }).await
    }

    fn account(&self) -> Option<Account> {
        Some(self.account.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use http::{Method, Uri};

    use super::*;

    struct Counting(Arc<AtomicU32>);

    #[async_trait]
    impl RefreshToken for Counting {
        async fn refresh(&self, _: &Secret<String>) -> Result<Secret<String>, RefreshError> {
            tokio::task::yield_now().await;
            let n = self.0.fetch_add(1, Ordering::Relaxed) + 1;
            Ok(Secret::new(format!("token-{n}")))
        }
    }

    fn authorization(bearer: &Bearer) -> HeaderValue {
        let mut request = Request::new(Method::GET, Uri::from_static("http://localhost/"));
        bearer.authorize(&mut request, &EncodeContext { now: Default::default(), nonce: 0 }).unwrap();
        request.headers.remove(header::AUTHORIZATION).unwrap()
    }

    #[tokio::test]
    async fn many_refreshes_of_one_epoch_are_one() {
        let calls = Arc::new(AtomicU32::new(0));
        let bearer = Bearer::new("token-0".to_owned()).with_refresh(Counting(Arc::clone(&calls)));
        assert_eq!(authorization(&bearer), "Bearer token-0");
        let stale = CredentialEpoch::default();
        let epochs = futures::future::join_all((0..8).map(|_| bearer.refresh(stale))).await;
        assert!(epochs.into_iter().all(|epoch| epoch.unwrap() == stale.next()));
        assert_eq!(calls.load(Ordering::Relaxed), 1);
        assert_eq!(authorization(&bearer), "Bearer token-1");
    }

    #[tokio::test]
    async fn without_a_hook_there_is_no_refresh() {
        assert!(Bearer::new("t".to_owned()).refresh(CredentialEpoch::default()).await.is_err());
    }

    #[test]
    fn uploads_with_one_token_are_paced_together() {
        let (one, other) = (Bearer::new("t".to_owned()), Bearer::new("t".to_owned()));
        assert!(one.account().is_some() && one.account() == one.account());
        assert_ne!(one.account(), other.account());
        let named = other.with_account(Account::new("x:1"));
        assert_eq!(named.account(), Some(Account::new("x:1")));
    }

    #[test]
    fn the_header_is_marked_and_never_printed() {
        let bearer = Bearer::new("hunter2".to_owned());
        let value = authorization(&bearer);
        assert!(value.is_sensitive());
        assert!(!format!("{bearer:?} {value:?}").contains("hunter2"));
    }

    #[test]
    fn a_token_that_no_header_can_hold_is_an_error_without_the_token() {
        let bearer = Bearer::new("hunter2\n".to_owned());
        let mut request = Request::new(Method::GET, Uri::from_static("http://localhost/"));
        let context = EncodeContext { now: Default::default(), nonce: 0 };
        let error = bearer.authorize(&mut request, &context).unwrap_err();
        assert!(!error.to_string().contains("hunter2"));
    }
}
