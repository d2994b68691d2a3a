//! How long a fetch that comes to nothing takes, whatever it came to nothing by (threat T17).
//!
//! A stranger who is told of a blocked address at once, and of a closed port after a round trip, needs no words to tell them
//! apart. So no failure is told before the same time, with a chance of its own in it, has passed. What takes longer
//! than that of itself (a host that swallows packets) is told when it is known: that can be seen from anywhere, since only
//! what is public is ever dialled.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::limits::FetchLimits;

/// Where chance comes from: any number is as likely as any other.
#[derive(Clone)]
pub(crate) struct Chance(Arc<dyn Fn() -> u64 + Send + Sync>);

impl Chance {
    pub(crate) fn new(draw: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(draw))
    }

    /// That of the operating system. Where it has none, there is no jitter.
    pub(crate) fn system() -> Self {
        Self::new(|| getrandom::u64().unwrap_or(0))
    }

    /// Any time up to this one.
    fn up_to(&self, most: Duration) -> Duration {
        let most = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos((self.0)() % most.saturating_add(1).max(1))
    }
}

impl fmt::Debug for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Chance")
    }
}

/// Waits until what began then may be told to have failed.
pub(crate) async fn until_told(began: Instant, limits: &FetchLimits, chance: &Chance) {
    sleep_until(began + limits.floor + chance.up_to(limits.jitter)).await;
}
