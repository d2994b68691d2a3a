//! Planning: lengths to segments. Pure arithmetic.

use alloc::vec::Vec;
use core::fmt;

use crate::policy::{ChunkSize, PolicyError};
use crate::profile::{Empty, Sizing};
use crate::range::{ByteRange, Segment, SegmentIndex};

/// How a source of known length is cut into segments: runs of equal size, of which there is one unless the server
/// refused a size on the way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Plan {
    total: u64,
    count: u32,
    runs: Vec<Run>,
}

/// Segments of one size: from an index and an offset on, up to the next run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Run {
    first: u32,
    start: u64,
    size: u64,
}

impl Plan {
    /// Cuts `total` bytes into segments of `wanted` bytes, or of as many more as the segment count demands, rounded
    /// up to what the server takes multiples of.
    ///
    /// # Errors
    ///
    /// [`PlanError`] names the numbers and the nearest possible plan.
    pub fn new(total: u64, sizing: &Sizing, wanted: ChunkSize) -> Result<Self, PlanError> {
        if total == 0 {
            let count = match sizing.empty {
                Empty::Refused => return Err(PlanError::EmptySource),
                Empty::OneSegment => 1,
                Empty::NoSegment => 0,
            };
            return Ok(Self { total, count, runs: alloc::vec![Run { first: 0, start: 0, size: 1 }] });
        }
        if total > sizing.max_total {
            return Err(PlanError::SourceTooLarge { total, largest: sizing.max_total });
        }
        let wanted = wanted.bytes();
        if wanted > sizing.max {
            return Err(PlanError::ChunkTooLarge { wanted, largest: sizing.max });
        }
        let size = smallest_size(total, sizing, sizing.max_count)
            .zip(round_up(wanted.max(sizing.min), sizing))
            .map(|(smallest, wanted)| smallest.max(wanted))
            .filter(|size| *size <= sizing.max);
        let Some(size) = size else {
            let largest = sizing.max.saturating_mul(u64::from(sizing.max_count)).min(sizing.max_total);
            return Err(PlanError::TooManySegments {
                total,
                count: total.div_ceil(sizing.max.max(1)),
                max_count: sizing.max_count,
                largest,
            });
        };
        let mut plan = Self { total, count: 0, runs: alloc::vec![Run { first: 0, start: 0, size }] };
        plan.count = plan.counted().unwrap_or(sizing.max_count);
        Ok(plan)
    }

    /// Cuts what lies behind the first `keep` segments anew, into segments no larger than `ceiling`: as near to
    /// `wanted` as the number of indexes left allows.
    ///
    /// # Errors
    ///
    /// The smallest size that could still be planned, if that is above the ceiling.
    pub(crate) fn shrunk(&self, keep: u32, sizing: &Sizing, wanted: u64, ceiling: u64) -> Result<Self, u64> {
        if keep >= self.count {
            return Ok(self.clone());
        }
        let start = self.segment(SegmentIndex::new(keep)).map_or(self.total, |s| s.range.start());
        let left = sizing.max_count.saturating_sub(keep);
        let smallest = smallest_size(self.total - start, sizing, left)
            .zip(round_up(sizing.min, sizing))
            .map_or(u64::MAX, |(smallest, min)| smallest.max(min));
        let ceiling = round_down(ceiling.min(sizing.max), sizing);
        if smallest > ceiling {
            return Err(smallest);
        }
        let size = round_down(wanted, sizing).clamp(smallest, ceiling);
        let mut runs: Vec<_> = self.runs.iter().copied().take_while(|run| run.first < keep).collect();
        runs.push(Run { first: keep, start, size });
        let mut plan = Self { total: self.total, count: 0, runs };
        plan.count = plan.counted().ok_or(smallest)?;
        Ok(plan)
    }

    /// Cuts what lies behind this offset anew, like [`Plan::shrunk`]. A segment that the offset is inside of ends there
    /// (or just before, where sizes go in multiples); what the server takes from the offset on then ends with a segment.
    ///
    /// # Errors
    ///
    /// The smallest size that could still be planned, if that is above the ceiling.
    pub(crate) fn shrunk_from(
        &self,
        offset: u64,
        sizing: &Sizing,
        wanted: u64,
        ceiling: u64,
    ) -> Result<Self, u64> {
        let Some(Segment { index, range }) = self.index_at(offset).and_then(|index| self.segment(index))
        else {
            return self.shrunk(0, sizing, wanted, ceiling);
        };
        let (first, start) = (index.get(), range.start());
        let size = round_down(offset - start, sizing);
        if size == 0 {
            return self.shrunk(first, sizing, wanted, ceiling);
        }
        let mut runs: Vec<_> = self.runs.iter().copied().take_while(|run| run.first < first).collect();
        runs.push(Run { first, start, size });
        runs.push(Run { first: first + 1, start: start + size, size: range.len() });
        let mut cut = Self { total: self.total, count: 0, runs };
        cut.count = cut.counted().ok_or(range.len())?;
        cut.shrunk(first + 1, sizing, wanted, ceiling)
    }

    /// The length of the source in bytes.
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// How many segments there are.
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// The size in bytes of the segments still to be cut (the last run's).
    pub fn chunk_size(&self) -> u64 {
        self.runs.last().map_or(1, |run| run.size)
    }

    /// The segment with this index, if there is one.
    pub fn segment(&self, index: SegmentIndex) -> Option<Segment> {
        let i = index.get();
        if i >= self.count {
            return None;
        }
        let run = match self.runs.as_slice() {
            [only] => only,
            runs => runs.get(runs.partition_point(|run| run.first <= i).checked_sub(1)?)?,
        };
        // Of a plan from outside that was not checked yet, anything may be asked.
        let steps = u64::from(i.checked_sub(run.first)?);
        let start = run.start.saturating_add(steps.saturating_mul(run.size));
        let end = start.saturating_add(run.size).min(self.total);
        ByteRange::new(start, end).map(|range| Segment { index, range })
    }

    /// The index of the segment that holds the byte at this offset.
    pub fn index_at(&self, offset: u64) -> Option<SegmentIndex> {
        if offset >= self.total {
            return None;
        }
        let run = self.runs.get(self.runs.partition_point(|run| run.start <= offset).checked_sub(1)?)?;
        let steps = u32::try_from(offset.checked_sub(run.start)?.checked_div(run.size)?).ok()?;
        Some(SegmentIndex::new(run.first.checked_add(steps)?))
    }

    /// Every segment, in order.
    pub fn segments(&self) -> impl Iterator<Item = Segment> + '_ {
        (0..self.count).filter_map(|i| self.segment(SegmentIndex::new(i)))
    }

    /// Whether a plan from outside (a checkpoint) is one that [`Plan::new`] and its successors could have made for
    /// this profile: then all arithmetic on it holds.
    pub(crate) fn is_sound(&self, sizing: &Sizing) -> bool {
        let whole = |pair: &[Run]| match pair {
            [a, b] => {
                a.first < b.first
                    && u64::from(b.first - a.first)
                        .checked_mul(a.size)
                        .and_then(|len| a.start.checked_add(len))
                        == Some(b.start)
            }
            _ => true,
        };
        let first_is_zero = self.runs.first().is_some_and(|run| run.first == 0 && run.start == 0);
        first_is_zero
            && self.runs.iter().all(|run| run.size > 0 && run.size <= sizing.max && run.start <= self.total)
            && self.runs.windows(2).all(whole)
            && self.count <= sizing.max_count
            && match self.total {
                0 => self.runs.len() == 1 && self.count <= 1,
                total => total <= sizing.max_total && self.counted() == Some(self.count),
            }
    }

    fn counted(&self) -> Option<u32> {
        let run = self.runs.last()?;
        let tail = (self.total - run.start).div_ceil(run.size);
        u32::try_from(tail).ok()?.checked_add(run.first)
    }
}

/// The smallest size that cuts `total` bytes into at most `count` segments, if there is one.
fn smallest_size(total: u64, sizing: &Sizing, count: u32) -> Option<u64> {
    match (total, count) {
        (0, _) => Some(1),
        (_, 0) => None,
        (total, count) => round_up(total.div_ceil(u64::from(count)), sizing),
    }
}

fn round_up(size: u64, sizing: &Sizing) -> Option<u64> {
    size.checked_next_multiple_of(sizing.multiple_of.max(1))
}

fn round_down(size: u64, sizing: &Sizing) -> u64 {
    size - size % sizing.multiple_of.max(1)
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The source has no byte, and the protocol can't upload that.
    EmptySource,
    /// The source is larger than the destination takes.
    SourceTooLarge {
        /// The source's length.
        total: u64,
        /// The largest that is taken.
        largest: u64,
    },
    /// The chunk size is larger than the protocol takes.
    ChunkTooLarge {
        /// The chunk size asked for.
        wanted: u64,
        /// The largest that is taken: the nearest possible plan.
        largest: u64,
    },
    /// Even the largest segments would be too many.
    TooManySegments {
        /// The source's length.
        total: u64,
        /// How many segments of the largest size it would take.
        count: u64,
        /// How many there may be.
        max_count: u32,
        /// The largest source that can be planned: the nearest possible plan.
        largest: u64,
    },
    /// The protocol must know the source's length before it begins.
    LengthRequired,
    /// The engine does not run this kind of transfer yet.
    Unsupported(Unsupported),
    /// The policy can't be followed.
    Policy(PolicyError),
}

/// What the engine does not run yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unsupported {
    /// A source of unknown length.
    UnknownLength,
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmptySource => {
                f.write_str("the source is empty, and the destination takes no empty object")
            }
            Self::SourceTooLarge { total, largest } => {
                write!(f, "the source has {total} bytes; the destination takes at most {largest}")
            }
            Self::ChunkTooLarge { wanted, largest } => {
                write!(f, "a chunk size of {wanted} bytes is too large; the largest possible is {largest}")
            }
            Self::TooManySegments { total, count, max_count, largest } => write!(
                f,
                "{total} bytes need {count} segments of the largest size, but there may be {max_count}; the largest \
                 source possible has {largest} bytes"
            ),
            Self::LengthRequired => {
                f.write_str("the destination must know the source's length before the upload begins")
            }
            Self::Unsupported(Unsupported::UnknownLength) => {
                f.write_str("sources of unknown length are not supported yet")
            }
            Self::Policy(error) => error.fmt(f),
        }
    }
}

impl From<PolicyError> for PlanError {
    fn from(error: PolicyError) -> Self {
        Self::Policy(error)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::profile::Uniformity;

    const X: Sizing = Sizing {
        min: 1,
        max: 5_000_000,
        multiple_of: 1,
        max_count: 1000,
        max_total: u64::MAX,
        uniformity: Uniformity::Free,
        empty: Empty::Refused,
    };

    fn chunk(bytes: u64) -> ChunkSize {
        ChunkSize::new(bytes).unwrap()
    }

    #[test]
    fn the_numbers_of_the_x_fact_sheet() {
        // §2.3: 512 MiB needs segments of at least 536,871 bytes; the largest file is 5.0 GB.
        let video = 536_870_912;
        assert_eq!(Plan::new(video, &X, ChunkSize::DEFAULT).unwrap().count(), 128);
        let smallest = Plan::new(video, &X, chunk(1)).unwrap();
        assert_eq!((smallest.chunk_size(), smallest.count()), (536_871, 1000));
        let largest = Plan::new(5_000_000_000, &X, ChunkSize::DEFAULT).unwrap();
        assert_eq!((largest.chunk_size(), largest.count()), (5_000_000, 1000));
        assert_eq!(
            Plan::new(5_000_000_001, &X, ChunkSize::DEFAULT),
            Err(PlanError::TooManySegments {
                total: 5_000_000_001,
                count: 1001,
                max_count: 1000,
                largest: 5_000_000_000
            })
        );
    }

    #[test]
    fn what_is_impossible_names_the_nearest_possible() {
        assert_eq!(
            Plan::new(10, &X, chunk(5_000_001)),
            Err(PlanError::ChunkTooLarge { wanted: 5_000_001, largest: 5_000_000 })
        );
        assert_eq!(Plan::new(0, &X, ChunkSize::DEFAULT), Err(PlanError::EmptySource));
        let small = Sizing { max_total: 9, ..X };
        assert_eq!(Plan::new(10, &small, chunk(1)), Err(PlanError::SourceTooLarge { total: 10, largest: 9 }));
    }

    /// Where the server has no largest segment, "no size at all" must not be taken for a very large one.
    #[test]
    fn without_a_largest_segment_what_is_impossible_stays_impossible() {
        let unbounded = Sizing { max: u64::MAX, ..X };
        let none = Sizing { max_count: 0, ..unbounded };
        assert!(matches!(Plan::new(103, &none, chunk(78)), Err(PlanError::TooManySegments { count: 1, .. })));
        // The next multiple of ten lies beyond the largest number.
        let tens = Sizing { max_count: 1, multiple_of: 10, ..unbounded };
        assert!(matches!(Plan::new(u64::MAX, &tens, chunk(1)), Err(PlanError::TooManySegments { .. })));
        assert_eq!(Plan::new(u64::MAX - 5, &tens, chunk(1)).unwrap().chunk_size(), u64::MAX - 5);
    }

    #[test]
    fn an_empty_source_is_one_segment_or_none() {
        let one = Plan::new(0, &Sizing { empty: Empty::OneSegment, ..X }, chunk(4)).unwrap();
        assert_eq!(one.segments().map(|s| s.range.len()).collect::<Vec<_>>(), [0]);
        let none = Plan::new(0, &Sizing { empty: Empty::NoSegment, ..X }, chunk(4)).unwrap();
        assert_eq!(none.count(), 0);
        assert!(one.is_sound(&X) && none.is_sound(&X));
    }

    #[test]
    fn a_shrunk_plan_keeps_what_is_frozen() {
        let plan = Plan::new(100, &X, chunk(10)).unwrap();
        let shrunk = plan.shrunk(3, &X, 5, 9).unwrap();
        assert_eq!(shrunk.count(), 3 + 14);
        for i in 0..3 {
            assert_eq!(shrunk.segment(SegmentIndex::new(i)), plan.segment(SegmentIndex::new(i)));
        }
        assert_eq!(shrunk.segment(SegmentIndex::new(3)).unwrap().range, ByteRange::at(30, 5));
        // Too few indexes left: the size is raised, but never to what was refused.
        let tight = Sizing { max_count: 11, ..X };
        assert_eq!(plan.shrunk(3, &tight, 5, 9).unwrap().chunk_size(), 9);
        assert_eq!(plan.shrunk(3, &Sizing { max_count: 10, ..X }, 5, 9), Err(10));
    }

    #[test]
    fn a_plan_that_nobody_could_have_made_is_not_sound() {
        let sizing = Sizing { max: 50, max_count: 12, max_total: 200, ..X };
        let run = |first, start, size| Run { first, start, size };
        let plan = |total, count, runs: &[Run]| Plan { total, count, runs: runs.to_vec() };
        let sound = plan(100, 12, &[run(0, 0, 10), run(4, 40, 8)]);
        assert!(sound.is_sound(&sizing));
        for (why, plan) in [
            ("no run", plan(100, 0, &[])),
            ("it begins in the middle", plan(100, 10, &[run(0, 5, 10)])),
            ("its first index is not 0", plan(100, 11, &[run(1, 0, 10)])),
            ("a hole between two runs", plan(100, 11, &[run(0, 0, 10), run(4, 50, 8)])),
            ("one run over another", plan(100, 12, &[run(0, 0, 10), run(4, 39, 8)])),
            ("two runs of one index", plan(100, 10, &[run(0, 0, 20), run(0, 0, 10)])),
            ("runs the other way round", plan(100, 10, &[run(0, 0, 10), run(5, 50, 10), run(4, 40, 10)])),
            ("segments without a byte", plan(0, 0, &[run(0, 0, 0)])),
            ("segments too large", plan(100, 2, &[run(0, 0, 51)])),
            ("a run behind the end", plan(30, 4, &[run(0, 0, 10), run(4, 40, 8)])),
            ("too many segments", plan(100, 13, &[run(0, 0, 8)])),
            ("a count that is not so", plan(100, 9, &[run(0, 0, 10)])),
            ("a source too large", plan(201, 5, &[run(0, 0, 50)])),
            ("two segments of nothing", plan(0, 2, &[run(0, 0, 1)])),
            ("two runs of nothing", plan(0, 1, &[run(0, 0, 1), run(1, 1, 1)])),
        ] {
            assert!(!plan.is_sound(&sizing), "{why}");
        }
    }

    #[test]
    fn what_stands_in_the_way_of_a_plan_is_said_with_its_numbers() {
        use alloc::string::ToString as _;

        for (error, told) in [
            (PlanError::EmptySource, "the source is empty, and the destination takes no empty object"),
            (
                PlanError::SourceTooLarge { total: 10, largest: 9 },
                "the source has 10 bytes; the destination takes at most 9",
            ),
            (
                PlanError::ChunkTooLarge { wanted: 6, largest: 5 },
                "a chunk size of 6 bytes is too large; the largest possible is 5",
            ),
            (
                PlanError::TooManySegments { total: 100, count: 20, max_count: 10, largest: 50 },
                "100 bytes need 20 segments of the largest size, but there may be 10; the largest source \
                 possible has 50 bytes",
            ),
            (
                PlanError::LengthRequired,
                "the destination must know the source's length before the upload begins",
            ),
        ] {
            assert_eq!(error.to_string(), told);
        }
    }

    proptest! {
        /// Segments tile the source exactly, whatever was shrunk on the way, and every lookup agrees.
        #[test]
        fn segments_tile_the_source(
            total in 1u64..5000, wanted in 1u64..600, multiple_of in 1u64..9, max_count in 1u32..200,
            shrinks in proptest::collection::vec((0u32..200, 1u64..300, any::<bool>()), 0..4),
        ) {
            let sizing = Sizing { max: 1000, multiple_of, max_count, ..X };
            let Ok(mut plan) = Plan::new(total, &sizing, chunk(wanted)) else {
                prop_assert!(total > u64::from(max_count) * (1000 - 1000 % multiple_of));
                return Ok(());
            };
            for (keep, ceiling, at_an_offset) in shrinks {
                if at_an_offset {
                    let offset = u64::from(keep) * 7 % total;
                    if let Ok(cut) = plan.shrunk_from(offset, &sizing, ceiling / 2 + 1, ceiling) {
                        for segment in cut.segments().filter(|s| s.range.end() > offset) {
                            prop_assert!(segment.range.len() <= ceiling, "{} behind {offset}", segment.range);
                        }
                        let kept = |plan: &Plan| {
                            let kept = plan.segments().filter(|s| s.range.end() <= offset - offset % multiple_of);
                            kept.collect::<Vec<_>>()
                        };
                        prop_assert!(kept(&cut).starts_with(&kept(&plan)));
                        plan = cut;
                    }
                    continue;
                }
                let keep = keep.min(plan.count());
                match plan.shrunk(keep, &sizing, ceiling / 2 + 1, ceiling) {
                    Ok(shrunk) => {
                        prop_assert!(keep == plan.count() || shrunk.chunk_size() <= ceiling);
                        plan = shrunk;
                    }
                    Err(smallest) => prop_assert!(smallest > ceiling - ceiling % multiple_of),
                }
            }
            prop_assert!(plan.is_sound(&sizing));
            prop_assert!(plan.count() <= max_count);
            let mut at = 0;
            for (i, segment) in plan.segments().enumerate() {
                prop_assert_eq!(segment.index.get() as usize, i);
                prop_assert_eq!(segment.range.start(), at);
                prop_assert!(!segment.range.is_empty());
                prop_assert!(segment.range.len() % multiple_of == 0 || segment.range.end() == total);
                for offset in [segment.range.start(), segment.range.end() - 1] {
                    prop_assert_eq!(plan.index_at(offset), Some(segment.index));
                }
                at = segment.range.end();
            }
            prop_assert_eq!(at, total);
            prop_assert_eq!(plan.index_at(total), None);
            prop_assert_eq!(plan.segment(SegmentIndex::new(plan.count())), None);
        }
    }
}
