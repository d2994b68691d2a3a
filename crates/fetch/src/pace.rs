//! The least rate at which a body must come.

use std::time::Duration;

/// Counts what comes in windows of waiting.
///
/// Windows follow each other; a trickle is noticed at the end of the first one that it fills. The time that the reader
/// takes for itself counts for nobody.
#[derive(Debug)]
pub(crate) struct Pace {
    /// Bytes a second; 0 for no bound.
    rate: u64,
    window: Duration,
    waited: Duration,
    bytes: u64,
}

/// So many bytes came in a whole window, and that is too little.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooSlow(pub(crate) u64);

impl Pace {
    pub(crate) fn new(rate: u64, window: Duration) -> Self {
        Self { rate, window, waited: Duration::ZERO, bytes: 0 }
    }

    /// How much longer can be waited before the window ends; `None` without a bound.
    pub(crate) fn left(&self) -> Option<Duration> {
        self.is_bound().then(|| self.window.saturating_sub(self.waited))
    }

    /// So many bytes came after so long a wait.
    pub(crate) fn count(&mut self, waited: Duration, bytes: u64) -> Result<(), TooSlow> {
        self.waited = self.waited.saturating_add(waited);
        self.bytes = self.bytes.saturating_add(bytes);
        if !self.is_bound() || self.waited < self.window {
            return Ok(());
        }
        let due = u128::from(self.rate) * self.window.as_millis() / 1000;
        let came = std::mem::take(&mut self.bytes);
        self.waited = Duration::ZERO;
        if u128::from(came) < due { Err(TooSlow(came)) } else { Ok(()) }
    }

    fn is_bound(&self) -> bool {
        self.rate > 0 && !self.window.is_zero()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn just_enough_is_enough_and_one_byte_less_is_not() {
        let mut pace = Pace::new(100, 3 * SECOND);
        for _ in 0..10 {
            assert_eq!(pace.count(SECOND, 100), Ok(()));
        }
        let mut pace = Pace::new(100, 3 * SECOND);
        assert_eq!(pace.count(SECOND, 100), Ok(()));
        assert_eq!(pace.count(SECOND, 100), Ok(()));
        assert_eq!(pace.left(), Some(SECOND));
        assert_eq!(pace.count(SECOND, 99), Err(TooSlow(299)));
    }

    #[test]
    fn a_good_window_does_not_pay_for_the_next() {
        let mut pace = Pace::new(100, 3 * SECOND);
        assert_eq!(pace.count(3 * SECOND, 1_000_000), Ok(()));
        assert_eq!(pace.count(3 * SECOND, 0), Err(TooSlow(0)));
    }

    #[test]
    fn without_a_rate_nothing_is_too_slow() {
        for mut pace in [Pace::new(0, SECOND), Pace::new(5, Duration::ZERO)] {
            assert_eq!(pace.left(), None);
            assert_eq!(pace.count(1000 * SECOND, 0), Ok(()));
        }
    }
}
