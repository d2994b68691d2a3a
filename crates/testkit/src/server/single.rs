//! A single request that makes the object: whatever arrives of it as a whole makes another one.

use chunkwise_core::ByteRange;

use super::{Answer, Arrived};

/// The objects that were made, each as the bytes of the source that it has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Single(Vec<ByteRange>);

impl Single {
    /// The first of them: there should be no other.
    pub(super) fn object(&self) -> Vec<ByteRange> {
        self.0.first().copied().into_iter().filter(|range| !range.is_empty()).collect()
    }

    pub(super) const fn made(&self) -> usize {
        self.0.len()
    }

    /// Makes an object; which one, from 0. A part makes none, and nobody hears of it.
    pub(super) fn append(&mut self, range: ByteRange, arrived: Arrived) -> Result<usize, Answer> {
        match arrived {
            Arrived::Whole => {
                self.0.push(range);
                Ok(self.0.len() - 1)
            }
            Arrived::Part(_) => Err(Answer::Reset),
        }
    }
}
