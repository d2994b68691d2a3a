//! Byte budgets: what many share, taken in shares that come back by being dropped.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chunkwise_driver::{Driver, Loan};

/// So many bytes for everybody who has a clone of it. Nobody waits for it: what is not there is refused.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    limit: u64,
    used: Mutex<Used>,
}

#[derive(Debug)]
struct Used {
    taken: u64,
    backing: Backing,
}

/// Where the bytes come from.
#[derive(Debug)]
enum Backing {
    /// They are the budget's own.
    Own,
    /// They are a driver's, as many as are needed at the moment, and never fewer than these.
    Lent(Driver, Option<Loan>, u64),
}

impl Used {
    /// Makes it so many bytes in all, up to the limit; false, and nothing changed, if they are not there.
    fn grow_to(&mut self, bytes: u64, limit: u64) -> bool {
        let there = bytes <= limit
            && match &mut self.backing {
                Backing::Own => true,
                Backing::Lent(_, Some(loan), _) => loan.grow_to(bytes),
                Backing::Lent(driver, none, _) => {
                    *none = driver.lend(bytes);
                    none.is_some()
                }
            };
        if there {
            self.taken = bytes;
        }
        there
    }

    fn shrink_to(&mut self, bytes: u64) {
        self.taken = bytes;
        match &mut self.backing {
            Backing::Own | Backing::Lent(_, None, _) => {}
            Backing::Lent(_, Some(loan), least) => loan.shrink_to(bytes.max(*least)),
        }
    }
}

/// Bytes taken from a [`Budget`]; dropped, they come back.
#[derive(Debug)]
pub struct Share {
    budget: Budget,
    bytes: u64,
}

impl Budget {
    /// Of so many bytes of its own.
    pub fn new(limit: u64) -> Self {
        Self::of(limit, Backing::Own)
    }

    /// Of so many bytes at most of those that a driver has, so that what comes in and what goes out count against one
    /// budget. The limit leaves the driver what it needs to go on; `least` it never gets back, so that what goes out, which
    /// takes all there is as long as its server is slow, leaves room for what comes in.
    pub fn lent_by(driver: Driver, least: u64, limit: u64) -> Self {
        let loan = driver.lend(least);
        Self::of(limit, Backing::Lent(driver, loan, least))
    }

    fn of(limit: u64, backing: Backing) -> Self {
        Self(Arc::new(Counts { limit, used: Mutex::new(Used { taken: 0, backing }) }))
    }

    fn used(&self) -> MutexGuard<'_, Used> {
        self.0.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many bytes it has in all.
    pub fn limit(&self) -> u64 {
        self.0.limit
    }

    /// How many of them are taken at the moment.
    pub fn taken(&self) -> u64 {
        self.used().taken
    }

    /// Takes so many, if they are there.
    pub fn take(&self, bytes: u64) -> Option<Share> {
        let mut share = Share { budget: self.clone(), bytes: 0 };
        share.grow(bytes).then_some(share)
    }
}

impl Share {
    /// How many bytes it has.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes so many more; false, and nothing taken, if they are not there.
    pub fn grow(&mut self, more: u64) -> bool {
        self.grow_up_to(more, self.budget.0.limit)
    }

    /// Takes so many more for what could be elsewhere as well: only as long as half of the budget is left for those who
    /// can't do without.
    pub fn grow_at_leisure(&mut self, more: u64) -> bool {
        self.grow_up_to(more, self.budget.0.limit / 2)
    }

    fn grow_up_to(&mut self, more: u64, limit: u64) -> bool {
        let mut used = self.budget.used();
        let grown = more == 0 || used.taken.checked_add(more).is_some_and(|all| used.grow_to(all, limit));
        drop(used);
        if grown {
            self.bytes += more;
        }
        grown
    }

    /// All of it, in another hand.
    pub(super) fn take_all(&mut self) -> Self {
        Self { budget: self.budget.clone(), bytes: std::mem::take(&mut self.bytes) }
    }

    /// Gives back what is beyond so many.
    pub fn shrink_to(&mut self, bytes: u64) {
        let spare = self.bytes.saturating_sub(bytes);
        self.bytes -= spare;
        let mut used = self.budget.used();
        let left = used.taken.saturating_sub(spare);
        used.shrink_to(left);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}
