//! Time, as it is told to the store.

use std::time::{Duration, SystemTime};

/// Milliseconds since the Unix epoch. The store never asks a clock: every call that needs the time is given it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixMillis(i64);

impl UnixMillis {
    /// That many milliseconds after (or, if negative, before) the start of 1970.
    pub const fn new(millis: i64) -> Self {
        Self(millis)
    }

    /// The number.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// This much later; at the end of time at the latest.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// This much earlier; at the start of time at the latest.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long ago `earlier` was; zero if it was not.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The start of the hour: as exactly as it is kept when a key was used.
    pub(super) const fn hour(self) -> Self {
        Self(self.0 - self.0.rem_euclid(3_600_000))
    }
}

impl From<SystemTime> for UnixMillis {
    fn from(time: SystemTime) -> Self {
        let millis = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => Self(millis(after)),
            Err(before) => Self(-millis(before.duration())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_systems_time_in_milliseconds_and_never_overflows() {
        let later = SystemTime::UNIX_EPOCH + Duration::from_micros(1_500);
        assert_eq!(UnixMillis::from(later), UnixMillis::new(1));
        let earlier = SystemTime::UNIX_EPOCH - Duration::from_millis(7);
        assert_eq!(UnixMillis::from(earlier), UnixMillis::new(-7));
        assert_eq!(UnixMillis::new(i64::MAX - 1).plus(Duration::MAX), UnixMillis::new(i64::MAX));
        assert_eq!(UnixMillis::new(7).minus(Duration::from_millis(9)), UnixMillis::new(-2));
        assert_eq!(UnixMillis::new(5).since(UnixMillis::new(9)), Duration::ZERO);
        assert_eq!(UnixMillis::new(i64::MAX).since(UnixMillis::new(i64::MIN)).as_millis(), i64::MAX as u128);
        assert_eq!(UnixMillis::new(7_200_001).hour(), UnixMillis::new(7_200_000));
        assert_eq!(UnixMillis::new(-1).hour(), UnixMillis::new(-3_600_000));
    }
}
