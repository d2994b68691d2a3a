//! The bytes that every model source holds: a function of their offset.

use std::iter;

/// The byte at this offset of a model source. It repeats nowhere near, so that a byte of another offset is nearly always
/// another one.
pub const fn pattern(offset: u64) -> u8 {
    // The mixing of SplitMix64.
    let mut z = offset.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) as u8
}

/// Writes the bytes from this offset on into the buffer.
pub fn fill(offset: u64, buffer: &mut [u8]) {
    for (at, byte) in iter::successors(Some(offset), |at| at.checked_add(1)).zip(buffer) {
        *byte = pattern(at);
    }
}

/// A whole model source of so many bytes.
pub fn content(len: usize) -> Vec<u8> {
    let mut content = vec![0; len];
    fill(0, &mut content);
    content
}

/// The first byte that is not as it should be, in bytes that should begin at this offset: its offset, what it should be,
/// and what it is.
pub(super) fn wrong(offset: u64, bytes: &[u8]) -> Option<(u64, u8, u8)> {
    let offsets = iter::successors(Some(offset), |at| at.checked_add(1));
    offsets.zip(bytes).map(|(at, byte)| (at, pattern(at), *byte)).find(|(_, should, is)| should != is)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_another_place_are_found_out() {
        let content = content(10_000);
        assert_eq!(wrong(0, &content), None);
        assert_eq!(wrong(4_000, &content[4_000..]), None);
        for shift in 1..600 {
            let (at, ..) = wrong(0, &content[shift..]).expect("they are not those of the start");
            assert!(at < 8, "shifted by {shift} they look right for {at} bytes");
        }
        let mut one = content;
        one[777] ^= 1;
        assert_eq!(wrong(0, &one), Some((777, pattern(777), pattern(777) ^ 1)));
    }
}
