//! Reading numbers and names out of a head that may end anywhere.

/// The `N` bytes at `at`, if the head has them.
pub(crate) fn bytes<const N: usize>(head: &[u8], at: usize) -> Option<[u8; N]> {
    head.get(at..)?.first_chunk().copied()
}

/// Whether `expected` stands at `at`.
pub(crate) fn stands_at(head: &[u8], at: usize, expected: &[u8]) -> bool {
    head.get(at..).is_some_and(|rest| rest.starts_with(expected))
}

/// The 32-bit number at `at`, lowest byte first.
pub(crate) fn u32_le(head: &[u8], at: usize) -> Option<u32> {
    bytes(head, at).map(u32::from_le_bytes)
}

/// The 32-bit number at `at`, highest byte first.
pub(crate) fn u32_be(head: &[u8], at: usize) -> Option<u32> {
    bytes(head, at).map(u32::from_be_bytes)
}

/// The 64-bit number at `at`, highest byte first.
pub(crate) fn u64_be(head: &[u8], at: usize) -> Option<u64> {
    bytes(head, at).map(u64::from_be_bytes)
}

/// The 16-bit number at `at`, highest byte first.
pub(crate) fn u16_be(head: &[u8], at: usize) -> Option<u16> {
    bytes(head, at).map(u16::from_be_bytes)
}
