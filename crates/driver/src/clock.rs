//! The driver's clock: wall time that never goes back.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chunkwise_core::Timestamp;
use tokio::time::Instant;

/// Wall time at its making, and from then on as far as tokio's clock went.
///
/// Steps of the wall clock do not reach the engine; paused tokio time drives it in tests. While the machine sleeps
/// it stands still on systems whose monotonic clock does (Linux): a wait then takes longer, never shorter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    wall: Timestamp,
    anchor: Instant,
}

impl Clock {
    /// Anchored now.
    pub(crate) fn start() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::showing(Timestamp::EPOCH.after(since_epoch))
    }

    /// Anchored now, which is this time.
    pub(crate) fn showing(wall: Timestamp) -> Self {
        Self { wall, anchor: Instant::now() }
    }

    /// The time.
    pub(crate) fn now(&self) -> Timestamp {
        self.wall.after(self.anchor.elapsed())
    }

    /// When to wake up so that [`Clock::now`] is not before `at`; a year ahead where tokio could not count so far.
    pub(crate) fn instant(&self, at: Timestamp) -> Instant {
        const FAR: Duration = Duration::from_secs(365 * 24 * 3600);
        let ahead = at.since(self.now()).min(FAR);
        // Timestamps have whole microseconds: one more, lest rounding wakes us before the time.
        Instant::now() + ahead + Duration::from_micros(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_follows_paused_time_and_sleeps_long_enough() {
        let clock = Clock::start();
        let before = clock.now();
        let at = before.after(Duration::from_secs(90));
        tokio::time::sleep_until(clock.instant(at)).await;
        assert!(clock.now() >= at);
        assert!(clock.now().since(at) < Duration::from_millis(5));
    }

    #[tokio::test(start_paused = true)]
    async fn told_what_time_it_is_it_goes_on_from_there() {
        let clock = Clock::showing(Timestamp::from_secs(1_000));
        tokio::time::sleep(Duration::from_secs(90)).await;
        let at = Timestamp::from_secs(1_090);
        assert!(clock.now() >= at && clock.now().since(at) < Duration::from_millis(5), "{}", clock.now());
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_time_is_a_valid_alarm() {
        let clock = Clock::start();
        assert!(clock.instant(Timestamp::MAX) > Instant::now() + Duration::from_secs(24 * 3600));
        assert!(clock.instant(Timestamp::EPOCH) <= Instant::now() + Duration::from_millis(1));
    }
}
