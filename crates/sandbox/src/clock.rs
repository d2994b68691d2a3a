//! The sandbox's own time: the real one, plus whatever a test has advanced it by.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Milliseconds since the Unix epoch, by the sandbox's clock.
pub(crate) type UnixMillis = u64;

/// Never goes back, and can be moved forward without waiting: sessions, limits and processing live by it.
#[derive(Debug)]
pub(crate) struct Clock {
    unix_at_start: Duration,
    started: Instant,
    advanced_ms: AtomicU64,
}

impl Clock {
    pub(crate) fn start() -> Self {
        let unix_at_start = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { unix_at_start, started: Instant::now(), advanced_ms: AtomicU64::new(0) }
    }

    pub(crate) fn now(&self) -> UnixMillis {
        self.real_now().saturating_add(self.advanced_ms.load(Ordering::Relaxed))
    }

    /// What the world outside thinks the time is: signatures are judged by it.
    pub(crate) fn real_now(&self) -> UnixMillis {
        millis(self.unix_at_start.saturating_add(self.started.elapsed()))
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.advanced_ms.fetch_add(millis(by), Ordering::Relaxed);
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The first whole second that is not before `at`: what an epoch header may promise.
pub(crate) fn seconds_up(at: UnixMillis) -> u64 {
    at.div_ceil(1000)
}
