//! Random numbers from a seed that a failing test prints; `CHUNKWISE_SEED` repeats it.

use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) struct Random {
    state: u64,
}

impl Random {
    /// A new seed, printed: the test runner shows it when the test fails.
    pub(crate) fn new() -> Self {
        let given = std::env::var("CHUNKWISE_SEED").ok().map(|seed| seed.parse().expect("a number"));
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos() as u64;
        let seed = given.unwrap_or_else(now);
        eprintln!("repeat with CHUNKWISE_SEED={seed}");
        Self { state: seed }
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to `end`, without it.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.next() as u8
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.byte()).collect()
    }
}
