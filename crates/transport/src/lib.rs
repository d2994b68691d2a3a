//! The narrow waist of chunkwise: what lies between the upload state machine and the world.
//!
//! - [`Transport`] performs one operation, asynchronously. It is all that the driver knows.
//! - [`http`] makes a transport of three parts: a [`Protocol`](http::Protocol) (pure codec), a
//!   [`Backend`](http::Backend) (carries one HTTP request) and an [`Authorizer`](http::Authorizer).
//!
//! Nothing here retries, redirects or waits.

pub mod http;
mod payload;
mod redact;
mod secret;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use chunkwise_core::{CredentialEpoch, Operation, Outcome, Profile};

pub use payload::{Frames, Payload, PayloadError};
pub use redact::redact;
pub use secret::Secret;

/// Performs one operation.
#[async_trait]
pub trait Transport: Send + Sync {
    /// What the protocol behind it can and cannot do.
    fn profile(&self) -> Profile;

    /// Performs the operation once. `payload` has the bytes of an Append, and none for any other operation.
    ///
    /// It never fails: whatever happens is an outcome. Dropping the future gives the operation up.
    async fn perform(&self, operation: &Operation, payload: Payload) -> Outcome;

    /// Gets new credentials in place of those of the `stale` epoch, unless that happened meanwhile: then it gives the
    /// present epoch at once. The uploads of one account ask one after the other.
    ///
    /// # Errors
    ///
    /// [`RefreshError`] if there are none to be had; the default, for transports whose credentials never change.
    async fn refresh(&self, stale: CredentialEpoch) -> Result<CredentialEpoch, RefreshError> {
        let _ = stale;
        Err(RefreshError::new("these credentials can't be refreshed"))
    }

    /// Names the account whose rate limits its operations count against, so that uploads of one account can be
    /// paced together. It is not a secret and not derived from one in a way that could be reversed.
    ///
    /// Default: none; every upload is paced by itself.
    fn account(&self) -> Option<Account> {
        None
    }
}

/// The name of an account whose uploads are paced together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Account(Arc<str>);

impl Account {
    /// An account by this name.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// An account that is no other in this process, for credentials that say nothing of whose they are.
    pub fn unique() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self::new(format!("account {}", NEXT.fetch_add(1, Ordering::Relaxed)))
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why there are no new credentials.
#[derive(Debug, Clone, thiserror::Error)]
#[error("no new credentials: {reason}")]
pub struct RefreshError {
    reason: Arc<str>,
}

impl RefreshError {
    /// With a reason for people; it must not hold a secret.
    pub fn new(reason: impl Into<Arc<str>>) -> Self {
        Self { reason: reason.into() }
    }
}
