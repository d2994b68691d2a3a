//! Money.

use std::fmt;

/// Millionths of a US dollar, whole ones. No operation wraps, none rounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MicroDollars(i64);

impl MicroDollars {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// That many millionths.
    pub const fn new(micros: i64) -> Self {
        Self(micros)
    }

    /// How many millionths.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The sum, unless it can't be held.
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// The difference, unless it can't be held.
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(difference) => Some(Self(difference)),
            None => None,
        }
    }
}

impl fmt::Display for MicroDollars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let micros = self.0.unsigned_abs();
        write!(f, "{sign}${}.{:06}", micros / 1_000_000, micros % 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_shown_exactly_and_never_wraps() {
        assert_eq!(MicroDollars::new(1_000).to_string(), "$0.001000");
        assert_eq!(MicroDollars::new(-12_345_678).to_string(), "-$12.345678");
        assert_eq!(MicroDollars::new(i64::MIN).to_string(), "-$9223372036854.775808");
        assert_eq!(MicroDollars::new(i64::MAX).checked_add(MicroDollars::new(1)), None);
        assert_eq!(MicroDollars::new(i64::MIN).checked_sub(MicroDollars::new(1)), None);
        assert_eq!(MicroDollars::new(2).checked_sub(MicroDollars::new(3)), Some(MicroDollars::new(-1)));
    }
}
