//! Pacing of the uploads of one account: what one learns, all heed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chunkwise_core::{OperationKind, Outcome, Pacer, Timestamp};
use chunkwise_transport::Account;
use tokio::sync::broadcast;

use crate::clock::Clock;

/// How many accounts are remembered before those without uploads are forgotten.
const REMEMBERED: usize = 1024;

/// What is known of the accounts: it outlives their uploads, the next one may come before the next period.
#[derive(Debug, Default)]
pub(crate) struct Accounts(Mutex<HashMap<Account, Arc<AccountPace>>>);

impl Accounts {
    /// What the uploads of this account share; one without an account has it for itself.
    pub(crate) fn pace(&self, account: Option<Account>) -> Arc<AccountPace> {
        let Some(account) = account else { return Arc::default() };
        let mut accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if accounts.len() >= REMEMBERED && !accounts.contains_key(&account) {
            accounts.retain(|_, pace| Arc::strong_count(pace) > 1);
        }
        Arc::clone(accounts.entry(account).or_default())
    }
}

/// What the uploads of an account share: what is known of its rate limits, and the turn to refresh its credentials.
#[derive(Debug)]
pub(crate) struct AccountPace {
    pacer: Mutex<Pacer>,
    holds: broadcast::Sender<Hold>,
    refreshing: tokio::sync::Mutex<()>,
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
        Self {
            pacer: Mutex::default(),
            holds: broadcast::Sender::new(32),
            refreshing: tokio::sync::Mutex::default(),
        }
    }
}

impl AccountPace {
    /// Waits until an operation of this kind may go out; it takes nothing, others may come first.
    pub(crate) async fn ready(&self, clock: &Clock, kind: OperationKind) {
        loop {
            let now = clock.now();
            let at = self.pacer().ready_at(kind);
            if at <= now {
                return;
            }
            self.tell(Hold { kind, until: at });
            tokio::time::sleep_until(clock.instant(at)).await;
        }
    }

    /// Counts an operation of this kind that goes out now, if one may.
    pub(crate) fn try_spend(&self, now: Timestamp, kind: OperationKind) -> bool {
        let mut pacer = self.pacer();
        let ready = pacer.ready_at(kind) <= now;
        if ready {
            pacer.spend(now, kind);
        }
        ready
    }

    /// Learns from an outcome, and tells every upload of the account if this kind is held back now, be it that the
    /// server said no or that nothing is left until its count starts anew. Who knows already learns nothing new.
    pub(crate) fn observe(&self, now: Timestamp, kind: OperationKind, outcome: &Outcome) {
        let until = {
            let mut pacer = self.pacer();
            pacer.observe(now, kind, outcome);
            pacer.ready_at(kind)
        };
        if until > now {
            self.tell(Hold { kind, until });
        }
    }

    fn tell(&self, hold: Hold) {
        // An error means that nobody listens.
        let _ = self.holds.send(hold);
    }

    /// Waits until no other upload of the account gets new credentials.
    pub(crate) async fn refresh_turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.refreshing.lock().await
    }

    pub(crate) fn holds(&self) -> broadcast::Receiver<Hold> {
        self.holds.subscribe()
    }

    fn pacer(&self) -> MutexGuard<'_, Pacer> {
        self.pacer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chunkwise_core::{Pace, Reply};

    use super::*;

    const KIND: OperationKind = OperationKind::Append;

    fn spent(remaining: u64, reset: Timestamp) -> Outcome {
        Outcome::reply(Reply::Stored { receipt: None, expires: None })
            .with_pace(Some(Pace { remaining, reset }))
    }

    #[test]
    fn uploads_of_one_account_share_and_others_do_not() {
        let accounts = Accounts::default();
        let one = accounts.pace(Some(Account::new("one")));
        assert!(Arc::ptr_eq(&one, &accounts.pace(Some(Account::new("one")))));
        assert!(!Arc::ptr_eq(&one, &accounts.pace(Some(Account::new("other")))));
        assert!(!Arc::ptr_eq(&accounts.pace(None), &accounts.pace(None)));
        for i in 0..3 * REMEMBERED {
            accounts.pace(Some(Account::new(format!("account {i}"))));
        }
        assert!(accounts.0.lock().unwrap().len() <= REMEMBERED, "it does not grow for ever");
        assert!(Arc::ptr_eq(&one, &accounts.pace(Some(Account::new("one")))), "what is in use stays");
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_one_is_spent_once_and_the_rest_wait_for_the_reset() {
        let (pace, clock) = (AccountPace::default(), Clock::start());
        let reset = clock.now().after(Duration::from_secs(900));
        pace.observe(clock.now(), KIND, &spent(1, reset));
        pace.ready(&clock, KIND).await;
        assert!(pace.try_spend(clock.now(), KIND));
        assert!(!pace.try_spend(clock.now(), KIND), "one was left");
        assert!(pace.try_spend(clock.now(), OperationKind::Status), "another kind has its own");
        pace.ready(&clock, KIND).await;
        assert!(clock.now() >= reset);
        assert!(pace.try_spend(clock.now(), KIND));
    }
}
