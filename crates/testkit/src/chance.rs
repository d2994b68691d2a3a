//! Chance, from a seed: the world's own, apart from the engine's.

use std::time::Duration;

/// What chance says next (SplitMix64). The same seed says the same things in the same order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Chance(u64);

impl Chance {
    /// From a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A stream of its own for this purpose: what one stream is asked changes nothing in another.
    #[must_use]
    pub fn stream(seed: u64, purpose: u64) -> Self {
        let mut chance = Self(seed ^ purpose.wrapping_mul(0xd6e8_feb8_6659_fd93));
        Self(chance.next())
    }

    /// Any number.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`; zero if there is none.
    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }

    /// A number from `from` up to, but not including, `to`; `from` if there is none.
    pub fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.below(to.saturating_sub(from))
    }

    /// True in so many of 100 cases.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// A time from `from` up to `to` milliseconds.
    pub fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(self.between(from, to))
    }

    /// One of these. They must not be none.
    pub fn one_of<T: Copy, const N: usize>(&mut self, choices: [T; N]) -> T {
        const { assert!(N > 0, "there must be something to choose from") };
        choices[(self.next() % N as u64) as usize]
    }

    /// One of these, each as often as its weight says. They must not be none.
    pub fn weighted<T: Copy, const N: usize>(&mut self, choices: [(u64, T); N]) -> T {
        const { assert!(N > 0, "there must be something to choose from") };
        let mut at = self.below(choices.iter().map(|(weight, _)| weight).sum());
        for (weight, choice) in choices {
            match at.checked_sub(weight) {
                Some(rest) => at = rest,
                None => return choice,
            }
        }
        choices[0].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_says_the_same() {
        let say = |seed| (0..50).map(move |_| Chance::new(seed).next()).collect::<Vec<_>>();
        assert_eq!(say(7), say(7));
        assert_ne!(Chance::stream(7, 1), Chance::stream(7, 2));
    }

    #[test]
    fn weights_are_kept() {
        let mut chance = Chance::new(1);
        let rare = (0..10_000).filter(|_| chance.weighted([(9, false), (1, true)])).count();
        assert!((800..1_200).contains(&rare), "{rare} of 10,000");
        assert!((0..1_000).all(|_| (3..5).contains(&chance.between(3, 5))));
    }
}
