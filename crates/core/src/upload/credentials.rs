//! Credentials: which epoch holds, and whether new ones are being fetched.

use crate::failure::Failure;
use crate::operation::CredentialEpoch;

/// How many refreshes may be refused before any operation succeeds. Two: the first may only tell that a sibling
/// upload has refreshed meanwhile.
const REFRESHES: u32 = 2;

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Credentials {
    epoch: CredentialEpoch,
    refresh: Refresh,
    /// Refreshes since an operation last succeeded.
    fruitless: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
enum Refresh {
    #[default]
    None,
    UnderWay(Failure),
}

/// What an expiry asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expired {
    /// New credentials are there or on their way: queue the operation once more, for free.
    Requeue,
    /// Ask for new credentials in place of these; queue the operation once more, for free.
    Ask(CredentialEpoch),
    /// New credentials were refused as well.
    GiveUp,
}

impl Credentials {
    pub(super) const fn epoch(&self) -> CredentialEpoch {
        self.epoch
    }

    /// Whether operations have to wait for new credentials.
    pub(super) const fn is_refreshing(&self) -> bool {
        matches!(self.refresh, Refresh::UnderWay(_))
    }

    /// What asked for the new credentials that are being fetched.
    pub(super) const fn asked_by(&self) -> Option<&Failure> {
        match &self.refresh {
            Refresh::UnderWay(failure) => Some(failure),
            Refresh::None => None,
        }
    }

    pub(super) const fn accepted(&mut self) {
        self.fruitless = 0;
    }

    /// The server refused the credentials of this epoch.
    pub(super) fn expired(&mut self, used: CredentialEpoch, failure: &Failure) -> Expired {
        if used < self.epoch || self.is_refreshing() {
            return Expired::Requeue;
        }
        if self.fruitless >= REFRESHES {
            return Expired::GiveUp;
        }
        self.fruitless += 1;
        self.refresh = Refresh::UnderWay(failure.clone());
        Expired::Ask(self.epoch)
    }

    /// New credentials are there (or not): gives the failure that asked for them if they are of no use.
    pub(super) fn refreshed(
        &mut self,
        stale: CredentialEpoch,
        fresh: Option<CredentialEpoch>,
    ) -> Option<Failure> {
        if stale != self.epoch {
            return None;
        }
        let Refresh::UnderWay(asked_by) = core::mem::take(&mut self.refresh) else { return None };
        match fresh {
            Some(fresh) if fresh > stale => {
                self.epoch = fresh;
                None
            }
            Some(_) | None => Some(asked_by),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::{ProblemKind, ServerError};

    fn refused() -> Failure {
        Failure::answered(ProblemKind::CredentialsExpired, ServerError::default())
    }

    const E0: CredentialEpoch = CredentialEpoch::new(0);
    const E1: CredentialEpoch = CredentialEpoch::new(1);

    #[test]
    fn many_expiries_of_one_epoch_ask_once() {
        let mut credentials = Credentials::default();
        assert_eq!(credentials.expired(E0, &refused()), Expired::Ask(E0));
        assert_eq!(credentials.expired(E0, &refused()), Expired::Requeue);
        assert_eq!(credentials.refreshed(E0, Some(E1)), None);
        assert_eq!(credentials.expired(E0, &refused()), Expired::Requeue, "an answer of an older epoch");
        assert_eq!(credentials.epoch(), E1);
    }

    #[test]
    fn fruitless_refreshes_end() {
        let mut credentials = Credentials::default();
        let mut epoch = E0;
        for _ in 0..REFRESHES {
            assert_eq!(credentials.expired(epoch, &refused()), Expired::Ask(epoch));
            assert_eq!(credentials.refreshed(epoch, Some(epoch.next())), None);
            epoch = epoch.next();
        }
        assert_eq!(credentials.expired(epoch, &refused()), Expired::GiveUp);
        credentials.accepted();
        assert_eq!(credentials.expired(epoch, &refused()), Expired::Ask(epoch));
    }

    #[test]
    fn a_refresh_that_brings_nothing_new_has_failed() {
        for fresh in [None, Some(E0)] {
            let mut credentials = Credentials::default();
            let _ = credentials.expired(E0, &refused());
            assert_eq!(credentials.refreshed(E0, fresh), Some(refused()));
            assert!(!credentials.is_refreshing());
        }
    }
}
