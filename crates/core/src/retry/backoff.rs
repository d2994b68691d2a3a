//! Exponential backoff, with full jitter from a seed or with none.

use core::time::Duration;

use crate::policy::{Jitter, RetryPolicy};
use crate::time::micros;

/// A small generator (SplitMix64): the same seed gives the same waits, always.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 to `max`, evenly.
    fn up_to(&mut self, max: u64) -> u64 {
        let wide = u128::from(self.next()) * (u128::from(max) + 1);
        (wide >> 64) as u64
    }
}

/// The wait after the `failures`-th failure in a row (from 1): evenly drawn between zero and the ceiling
/// `min(cap, base × 2^(failures − 1))`, or without jitter the ceiling itself.
pub(crate) fn backoff(policy: &RetryPolicy, failures: u32, rng: &mut Rng) -> Duration {
    let longest = ceiling(policy, failures);
    Duration::from_micros(match policy.jitter {
        Jitter::Full => rng.up_to(longest),
        Jitter::None => longest,
    })
}

fn ceiling(policy: &RetryPolicy, failures: u32) -> u64 {
    let doubled = micros(policy.backoff_base).checked_shl(failures.saturating_sub(1));
    let base = micros(policy.backoff_base);
    // A shift that lost bits is as good as infinite.
    match doubled {
        Some(doubled) if doubled >> failures.saturating_sub(1) == base => {
            doubled.min(micros(policy.backoff_cap))
        }
        _ => micros(policy.backoff_cap),
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn the_ceilings_double_up_to_the_cap() {
        let policy = RetryPolicy::default();
        let ceilings: Vec<_> = (1..=9).map(|n| ceiling(&policy, n) / 1000).collect();
        assert_eq!(ceilings, [500, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000]);
        assert_eq!(ceiling(&policy, u32::MAX), 60_000_000);
        assert_eq!(ceiling(&policy, 0), 500_000);
        // Doubled so often that bits are lost, or all of them.
        for failures in [46, 50, 64] {
            assert_eq!(ceiling(&policy, failures), 60_000_000);
        }
    }

    /// The generator's published numbers for this seed: the waits of an upload can be replayed anywhere.
    #[test]
    fn it_is_split_mix_64() {
        let mut rng = Rng::new(1_234_567);
        let numbers = [0; 5].map(|_| rng.next());
        let published = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        assert_eq!(numbers, published);
        let mut rng = Rng::new(1_234_567);
        assert_eq!(published.map(|_| rng.up_to(u64::MAX)), published, "the whole range is evenly there");
        assert_eq!(rng.up_to(0), 0);
    }

    #[test]
    fn the_jitter_is_full_and_repeatable() {
        let policy = RetryPolicy::default();
        let draw = |seed| (0..2000).map(|_| backoff(&policy, 1, &mut Rng::new(seed))).next();
        assert_eq!(draw(7), draw(7));
        let mut rng = Rng::new(1);
        let waits: Vec<_> = (0..4000).map(|_| backoff(&policy, 1, &mut rng).as_micros()).collect();
        assert!(waits.iter().all(|wait| *wait <= 500_000));
        let mean = waits.iter().sum::<u128>() / 4000;
        assert!((230_000..270_000).contains(&mean), "{mean}");
        assert!(waits.iter().any(|w| *w < 5_000) && waits.iter().any(|w| *w > 495_000));
    }

    #[test]
    fn without_jitter_the_wait_is_the_ceiling_whatever_the_seed() {
        let policy = RetryPolicy { jitter: Jitter::None, ..RetryPolicy::default() };
        for seed in 0..20 {
            let wait = |failures| backoff(&policy, failures, &mut Rng::new(seed)).as_millis();
            assert_eq!([wait(1), wait(2), wait(3), wait(99)], [500, 1000, 2000, 60_000]);
        }
    }
}
