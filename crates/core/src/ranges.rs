//! The committed bytes as intervals.

use alloc::vec::Vec;

use crate::range::ByteRange;

/// A set of bytes, kept as disjoint, non-adjacent, ascending intervals. Its size follows the number of holes, not
/// the number of segments.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(from = "Vec<ByteRange>", into = "Vec<ByteRange>")
)]
pub struct RangeSet {
    intervals: Vec<ByteRange>,
    bytes: u64,
}

impl RangeSet {
    /// Without a byte.
    pub const fn new() -> Self {
        Self { intervals: Vec::new(), bytes: 0 }
    }

    /// Adds a range and says how many bytes were new.
    pub fn insert(&mut self, range: ByteRange) -> u64 {
        if range.is_empty() {
            return 0;
        }
        // The intervals that overlap or touch the range: they melt into one.
        let from = self.intervals.partition_point(|held| held.end() < range.start());
        let behind = self.intervals.get(from..).unwrap_or_default();
        let to = from + behind.iter().take_while(|held| held.start() <= range.end()).count();
        let touched = self.intervals.get(from..to).unwrap_or_default();
        let held: u64 = touched.iter().map(|r| r.len()).sum();
        let start = touched.first().map_or(range.start(), |first| first.start().min(range.start()));
        let end = touched.last().map_or(range.end(), |last| last.end().max(range.end()));
        let merged = ByteRange::at(start, end - start);
        match (to - from, self.intervals.get_mut(from)) {
            // What is stored in order only makes one longer.
            (1, Some(one)) => *one = merged,
            _ => drop(self.intervals.splice(from..to, [merged])),
        }
        let new = merged.len() - held;
        self.bytes += new;
        new
    }

    /// Takes a range out of it.
    pub fn remove(&mut self, range: ByteRange) {
        if range.is_empty() {
            return;
        }
        let mut left = Vec::with_capacity(self.intervals.len() + 1);
        for held in &self.intervals {
            if let Some(before) = ByteRange::new(held.start(), held.end().min(range.start())) {
                left.push(before);
            }
            if let Some(behind) = ByteRange::new(held.start().max(range.end()), held.end()) {
                left.push(behind);
            }
        }
        left.retain(|range| !range.is_empty());
        self.bytes = left.iter().map(|r| r.len()).sum();
        self.intervals = left;
    }

    /// Whether every byte of the range is in it. An empty range is in every set.
    pub fn contains(&self, range: ByteRange) -> bool {
        range.is_empty() || self.covering(range.start()).is_some_and(|held| held.end() >= range.end())
    }

    /// Whether any byte of the range is in it.
    pub fn overlaps(&self, range: ByteRange) -> bool {
        let i = self.intervals.partition_point(|held| held.end() <= range.start());
        !range.is_empty() && self.intervals.get(i).is_some_and(|held| held.start() < range.end())
    }

    /// The interval that holds the byte at this offset.
    pub fn covering(&self, offset: u64) -> Option<ByteRange> {
        // What is sent next is mostly behind all that is stored.
        if offset >= self.end() {
            return None;
        }
        let i = self.intervals.partition_point(|held| held.end() <= offset);
        self.intervals.get(i).copied().filter(|held| held.start() <= offset)
    }

    /// Whether it is exactly `[0, total)`.
    pub fn tiles(&self, total: u64) -> bool {
        match self.intervals.as_slice() {
            [] => total == 0,
            [only] => only.start() == 0 && only.end() == total,
            _ => false,
        }
    }

    /// How many bytes are in it.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The offset behind its last byte.
    pub fn end(&self) -> u64 {
        self.intervals.last().map_or(0, |last| last.end())
    }

    /// Its intervals in ascending order; none is empty, none touches another.
    pub fn iter(&self) -> impl Iterator<Item = ByteRange> + '_ {
        self.intervals.iter().copied()
    }

    /// Takes every byte out.
    pub fn clear(&mut self) {
        self.intervals.clear();
        self.bytes = 0;
    }
}

impl From<Vec<ByteRange>> for RangeSet {
    fn from(ranges: Vec<ByteRange>) -> Self {
        let mut set = Self::new();
        for range in ranges {
            set.insert(range);
        }
        set
    }
}

impl From<RangeSet> for Vec<ByteRange> {
    fn from(set: RangeSet) -> Self {
        set.intervals
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn range() -> impl Strategy<Value = ByteRange> {
        (0u64..40, 0u64..12).prop_map(|(start, len)| ByteRange::at(start, len))
    }

    proptest! {
        /// Against a set of single bytes.
        #[test]
        fn it_behaves_like_a_set_of_bytes(steps in proptest::collection::vec((range(), any::<bool>()), 0..20)) {
            let (mut set, mut oracle) = (RangeSet::new(), BTreeSet::new());
            for (range, add) in steps {
                if add {
                    let before = oracle.len();
                    oracle.extend(range.start()..range.end());
                    prop_assert_eq!(set.insert(range), (oracle.len() - before) as u64);
                } else {
                    oracle.retain(|byte| !(range.start()..range.end()).contains(byte));
                    set.remove(range);
                }
                prop_assert_eq!(set.bytes(), oracle.len() as u64);
                prop_assert_eq!(set.end(), oracle.last().map_or(0, |last| last + 1));
                let intervals: Vec<_> = set.iter().collect();
                prop_assert!(intervals.iter().all(|r| !r.is_empty()));
                prop_assert!(intervals.windows(2).all(|pair| pair[0].end() < pair[1].start()));
                for start in 0..45 {
                    prop_assert_eq!(set.covering(start).is_some(), oracle.contains(&start));
                    for len in [1, 2, 7] {
                        let asked = ByteRange::at(start, len);
                        let mut bytes = start..start + len;
                        prop_assert_eq!(set.contains(asked), bytes.clone().all(|b| oracle.contains(&b)));
                        prop_assert_eq!(set.overlaps(asked), bytes.any(|b| oracle.contains(&b)));
                    }
                }
                let total = oracle.len() as u64;
                prop_assert_eq!(set.tiles(total), (0..total).all(|b| oracle.contains(&b)));
            }
        }
    }

    #[test]
    fn segments_in_any_order_melt_into_one_interval() {
        let mut set = RangeSet::new();
        for i in [3, 0, 1, 5, 4, 2] {
            assert_eq!(set.insert(ByteRange::at(i * 10, 10)), 10);
        }
        assert!(set.tiles(60) && !set.tiles(61) && !set.tiles(59));
        assert_eq!(set.iter().count(), 1);
    }
}
