//! Byte budgets: what many share, taken in shares that come back by being dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// So many bytes for everybody who has a clone of it. Nobody waits for it: what is not there is refused.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    limit: u64,
    taken: AtomicU64,
}

/// Bytes taken from a [`Budget`]; dropped, they come back.
#[derive(Debug)]
pub struct Share {
    budget: Budget,
    bytes: u64,
}

impl Budget {
    /// Of so many bytes.
    pub fn new(limit: u64) -> Self {
        Self(Arc::new(Counts { limit, taken: AtomicU64::new(0) }))
    }

    /// How many bytes it has in all.
    pub fn limit(&self) -> u64 {
        self.0.limit
    }

    /// How many of them are taken at the moment.
    pub fn taken(&self) -> u64 {
        self.0.taken.load(Ordering::Relaxed)
    }

    /// Takes so many, if they are there.
    pub fn take(&self, bytes: u64) -> Option<Share> {
        let mut share = self.none();
        share.grow(bytes).then_some(share)
    }

    /// A share of nothing, to grow.
    pub(super) fn none(&self) -> Share {
        Share { budget: self.clone(), bytes: 0 }
    }
}

impl Share {
    /// How many bytes it has.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes so many more; false, and nothing taken, if they are not there.
    pub fn grow(&mut self, more: u64) -> bool {
        let Counts { limit, taken } = &*self.budget.0;
        let grown = taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |taken| {
            taken.checked_add(more).filter(|all| all <= limit)
        });
        if grown.is_ok() {
            self.bytes += more;
        }
        grown.is_ok()
    }

    /// Gives back what is beyond so many.
    pub fn shrink_to(&mut self, bytes: u64) {
        let spare = self.bytes.saturating_sub(bytes);
        self.bytes -= spare;
        self.budget.0.taken.fetch_sub(spare, Ordering::Relaxed);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}
