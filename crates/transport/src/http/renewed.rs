//! Credentials of the present epoch, and how they are replaced.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use chunkwise_core::CredentialEpoch;

use crate::RefreshError;

/// Credentials of the present epoch, replaced by one refresh at a time: for authorizers whose credentials expire.
#[derive(Default)]
pub struct Renewed<T> {
    current: Mutex<(CredentialEpoch, T)>,
    refreshing: tokio::sync::Mutex<()>,
}

impl<T: Clone> Renewed<T> {
    /// Credentials of the first epoch.
    pub fn new(credentials: T) -> Self {
        Self {
            current: Mutex::new((CredentialEpoch::default(), credentials)),
            refreshing: tokio::sync::Mutex::default(),
        }
    }

    /// The credentials of the present epoch, and which one that is.
    pub fn current(&self) -> (CredentialEpoch, T) {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces those of the `stale` epoch by what `renew` makes of them, unless that happened meanwhile. Whoever asks at the
    /// same time waits and has the same epoch.
    ///
    /// # Errors
    ///
    /// The error of `renew`; then everything is as it was.
    pub async fn refresh<F: Future<Output = Result<T, RefreshError>>>(
        &self,
        stale: CredentialEpoch,
        renew: impl FnOnce(T) -> F,
    ) -> Result<CredentialEpoch, RefreshError> {
        let _one_at_a_time = self.refreshing.lock().await;
        let (epoch, old) = self.current();
        if epoch > stale {
            return Ok(epoch);
        }
        let fresh = renew(old).await?;
        let epoch = stale.next();
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = (epoch, fresh);
        Ok(epoch)
    }
}

impl<T> fmt::Debug for Renewed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Renewed").finish_non_exhaustive()
    }
}
