//! Bytes read as decisions.

/// Bytes read as decisions: every byte string is a program, and one byte changed changes little of it. Behind the end
/// it reads zeros.
#[derive(Clone, Debug)]
pub struct Tape<'a> {
    left: &'a [u8],
}

impl<'a> Tape<'a> {
    /// From its first byte on.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { left: bytes }
    }

    /// Whether nothing is left to read.
    pub const fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        match self.left.split_first() {
            Some((first, left)) => {
                self.left = left;
                *first
            }
            None => 0,
        }
    }

    /// A number below `end`, which must not be zero.
    pub fn below(&mut self, end: u8) -> u8 {
        self.byte() % end.max(1)
    }

    /// Yes in one of `n` cases. No at the end of the tape.
    pub fn one_in(&mut self, n: u8) -> bool {
        self.below(n) == n.saturating_sub(1)
    }

    /// One of these. The first at the end of the tape.
    pub fn pick<T: Clone, const N: usize>(&mut self, from: &[T; N]) -> T {
        const { assert!(N > 0, "there is something to pick from") };
        from[usize::from(self.byte()) % N].clone()
    }

    /// One of these, if there is one.
    pub fn pick_from<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        let at = usize::from(self.byte()) % from.len().max(1);
        from.get(at).cloned()
    }

    /// A number: mostly small, sometimes one at which arithmetic likes to break, sometimes any.
    pub fn number(&mut self) -> u64 {
        match self.byte() {
            small @ 0..=199 => u64::from(small),
            200..=209 => u64::from(u16::from_be_bytes([self.byte(), self.byte()])),
            210..=219 => 1_000_000_000,
            220..=229 => u64::MAX - u64::from(self.byte()),
            230..=239 => 1 << (self.byte() % 64),
            240..=255 => {
                let mut bytes = [0; 8];
                bytes.fill_with(|| self.byte());
                u64::from_be_bytes(bytes)
            }
        }
    }

    /// Up to `len` bytes as they are.
    pub fn bytes(&mut self, len: usize) -> &'a [u8] {
        let (taken, left) = self.left.split_at(len.min(self.left.len()));
        self.left = left;
        taken
    }

    /// All that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        self.bytes(usize::MAX)
    }
}
