//! What goes behind a payload.

use std::fmt;

use bytes::Bytes;

/// What goes behind a payload.
#[derive(Clone, Debug)]
pub enum Tail {
    /// These bytes; there may be none.
    Fixed(Bytes),
    /// Bytes that follow from the payload, such as a trailer with its digest.
    Computed(Box<dyn ComputeTail>),
}

/// A tail that is computed from the payload as it goes by. Its length is known beforehand, so that the body's is exact.
pub trait ComputeTail: Send + Sync {
    /// The exact number of bytes that [`finish`](Self::finish) will give.
    fn len(&self) -> usize;

    /// Takes in the next frame of the payload. It is called on the way to the socket and must not block.
    fn update(&mut self, frame: &[u8]);

    /// The tail, once the whole payload went by.
    fn finish(&mut self) -> Bytes;

    /// The same computation in the same state.
    fn boxed_clone(&self) -> Box<dyn ComputeTail>;

    /// Whether the tail has no byte.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Tail {
    /// Its exact length in bytes.
    pub fn len(&self) -> usize {
        match self {
            Self::Fixed(bytes) => bytes.len(),
            Self::Computed(tail) => tail.len(),
        }
    }

    /// Whether there is no byte in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl From<Bytes> for Tail {
    fn from(bytes: Bytes) -> Self {
        Self::Fixed(bytes)
    }
}

impl Clone for Box<dyn ComputeTail> {
    fn clone(&self) -> Self {
        (**self).boxed_clone()
    }
}

impl fmt::Debug for dyn ComputeTail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ComputeTail").field("len", &self.len()).finish_non_exhaustive()
    }
}
