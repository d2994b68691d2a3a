//! Time as the core sees it: timestamps it is given, never a clock.

use core::fmt;
use core::time::Duration;

/// A point in time in microseconds since the Unix epoch.
///
/// The driver keeps it monotone within a process. It is wall time and not a process-local counter so that
/// deadlines, expiries and rate-limit resets outlive the process (they are stored in the [`Checkpoint`]).
///
/// All arithmetic saturates: a hostile delay can't overflow it.
///
/// [`Checkpoint`]: crate::Checkpoint
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Timestamp(u64);

impl Timestamp {
    /// The Unix epoch.
    pub const EPOCH: Self = Self(0);
    /// The end of time; "never" where a timestamp is needed.
    pub const MAX: Self = Self(u64::MAX);

    /// A timestamp from microseconds since the Unix epoch.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// A timestamp from whole seconds since the Unix epoch, as in `x-rate-limit-reset`.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000_000))
    }

    /// Microseconds since the Unix epoch.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// This point plus a duration, at most [`Timestamp::MAX`].
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(micros(duration)))
    }

    /// How long ago `earlier` was; zero if it lies in the future.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}s", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

/// A wait that a server asked for, as it said it: the codec tells the two forms apart.
///
/// Source: RFC 9110 §10.2.3 (`Retry-After`, both forms); X fact sheet §2.8 (`x-rate-limit-reset`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Delay {
    /// This long after the answer was received.
    After(Duration),
    /// Not before this point in time.
    At(Timestamp),
}

impl Delay {
    /// The point in time meant, for an answer received at `now`. Never before `now`.
    pub fn until(self, now: Timestamp) -> Timestamp {
        match self {
            Self::After(duration) => now.after(duration),
            Self::At(at) => at.max(now),
        }
    }
}

/// A duration in microseconds, saturating.
pub(crate) fn micros(duration: Duration) -> u64 {
    // Asked at every input: 64 bits will do, and are faster than `as_micros`.
    duration.as_secs().saturating_mul(1_000_000).saturating_add(u64::from(duration.subsec_micros()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Timestamp::from_micros(5).after(Duration::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::from_secs(u64::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::from_micros(5).since(Timestamp::from_micros(9)), Duration::ZERO);
    }

    #[test]
    fn a_time_is_shown_in_seconds() {
        assert_eq!(std::format!("{}", Timestamp::from_micros(1_000_000_007)), "1000.000007s");
    }

    #[test]
    fn a_reset_in_the_past_means_now() {
        let now = Timestamp::from_secs(100);
        assert_eq!(Delay::At(Timestamp::from_secs(7)).until(now), now);
        assert_eq!(Delay::After(Duration::from_secs(7)).until(now), Timestamp::from_secs(107));
    }
}
