//! Bytes from a seed, for tests that have no fuzzer at hand.

/// Byte strings of up to `longest` bytes, the same for the same seed, without an end.
///
/// Every third one is made of few different bytes: they lead further than even noise does.
pub fn noise(seed: u64, longest: usize) -> impl Iterator<Item = Vec<u8>> {
    let mut state = seed;
    // SplitMix64 (Steele, Lea, Flood 2014).
    let mut next = move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    (0u64..).map(move |n| {
        let len = usize::try_from(next()).unwrap_or(usize::MAX) % longest.saturating_add(1);
        let mask = if n % 3 == 0 { 0x1f } else { 0xff };
        (0..len).map(|_| (next() & mask) as u8).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        let some = |seed| noise(seed, 50).take(20).collect::<Vec<_>>();
        assert_eq!(some(1), some(1));
        assert_ne!(some(1), some(2));
        assert!(some(1).iter().all(|bytes| bytes.len() <= 50));
    }
}
