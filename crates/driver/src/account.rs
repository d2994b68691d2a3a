//! Pacing of the uploads of one account: what one learns, all heed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use chunkwise_core::{OperationKind, Outcome, Pacer, Timestamp};
use chunkwise_transport::Account;
use tokio::sync::broadcast;

use crate::clock::Clock;

/// Every account that has uploads at the moment.
#[derive(Debug, Default)]
pub(crate) struct Accounts(Mutex<HashMap<Account, Weak<AccountPace>>>);

impl Accounts {
    /// What the uploads of this account share; one without an account has it for itself.
    pub(crate) fn pace(&self, account: Option<Account>) -> Arc<AccountPace> {
        let Some(account) = account else { return Arc::default() };
        let mut accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pace) = accounts.get(&account).and_then(Weak::upgrade) {
            return pace;
        }
        accounts.retain(|_, pace| pace.strong_count() > 0);
        let pace = Arc::default();
        accounts.insert(account, Arc::downgrade(&pace));
        pace
    }
}

/// What is known of an account's rate limits.
#[derive(Debug)]
pub(crate) struct AccountPace {
    pacer: Mutex<Pacer>,
    holds: broadcast::Sender<Hold>,
}

/// A kind of operation is not to be sent before a point in time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hold {
    pub(crate) kind: OperationKind,
    pub(crate) until: Timestamp,
}

impl Default for AccountPace {
    fn default() -> Self {
        // Whoever is too slow to hear of a hold is kept back by the gate all the same.
        Self { pacer: Mutex::default(), holds: broadcast::Sender::new(32) }
    }
}

impl AccountPace {
    /// Waits until an operation of this kind may go out; it takes nothing, others may come first.
    pub(crate) async fn ready(&self, clock: &Clock, kind: OperationKind) {
        loop {
            let now = clock.now();
            let at = self.pacer().ready_at(now, kind);
            if at <= now {
                return;
            }
            tokio::time::sleep_until(clock.instant(at)).await;
        }
    }

    /// Counts an operation of this kind that goes out now, if one may.
    pub(crate) fn try_spend(&self, now: Timestamp, kind: OperationKind) -> bool {
        let mut pacer = self.pacer();
        let ready = pacer.ready_at(now, kind) <= now;
        if ready {
            pacer.spend(now, kind);
        }
        ready
    }

    /// Learns from an outcome and tells every upload of the account when there is a new hold.
    pub(crate) fn observe(&self, now: Timestamp, kind: OperationKind, outcome: &Outcome) {
        let hold = self.pacer().observe(now, kind, outcome);
        if let Some(until) = hold {
            // An error means that nobody listens.
            let _ = self.holds.send(Hold { kind, until });
        }
    }

    pub(crate) fn holds(&self) -> broadcast::Receiver<Hold> {
        self.holds.subscribe()
    }

    fn pacer(&self) -> MutexGuard<'_, Pacer> {
        self.pacer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
