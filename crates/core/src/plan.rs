//! Planning: lengths to segments. Pure arithmetic.

use alloc::vec::Vec;
use core::fmt;

use crate::policy::{ChunkSize, PolicyError};
use crate::profile::{Empty, Sizing};
use crate::range::{ByteRange, Segment, SegmentIndex};
use crate::ranges::RangeSet;

mod open;

use self::open::End;

/// How a source is cut into segments: runs of equal size. Of a source of known length there is one run unless the server
/// refused a size on the way; one of unknown length is cut in ever larger ones ([`Plan::open`]).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Plan {
    total: u64,
    count: u32,
    runs: Vec<Run>,
    /// Plans made before there were open ones have none: their end is known.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "End::is_known"))]
    end: End,
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
            return Ok(Self {
                total,
                count,
                runs: alloc::vec![Run { first: 0, start: 0, size: 1 }],
                end: End::Known,
            });
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
        let runs = alloc::vec![Run { first: 0, start: 0, size }];
        let mut plan = Self { total, count: 0, runs, end: End::Known };
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
        if self.is_open() {
            return self.open_shrunk(keep, sizing, wanted, ceiling);
        }
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
        let mut plan = Self { total: self.total, count: 0, runs, end: End::Known };
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
        let Some(Segment { index, range }) = self.planned_at(offset) else {
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
        let mut cut = Self { total: self.total, count: 0, runs, end: self.end };
        cut.count = cut.counted().ok_or(range.len())?;
        cut.shrunk(first + 1, sizing, wanted, ceiling)
    }

    /// The length of the source in bytes; of one whose end is not known, how far it is known to go.
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// How many segments there are; of a source whose end is not known, how many are sure to be whole.
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// The size in bytes of the segments still to be cut.
    pub fn chunk_size(&self) -> u64 {
        match self.end {
            End::Known => self.runs.last(),
            End::Open => self.run_of(self.count),
        }
        .map_or(1, |run| run.size)
    }

    /// Whether the source's end is not known yet.
    pub const fn is_open(&self) -> bool {
        !self.end.is_known()
    }

    /// Whether the source is known to end at this offset.
    pub const fn ends_at(&self, offset: u64) -> bool {
        !self.is_open() && offset == self.total
    }

    /// Whether these bytes are all of the source, and it is known to have no more.
    pub fn is_tiled_by(&self, stored: &RangeSet) -> bool {
        !self.is_open() && stored.tiles(self.total)
    }

    /// The segment with this index, if there is one. Of a source whose end is not known a segment is there once a byte
    /// behind it is: until then it may be the last, and shorter.
    pub fn segment(&self, index: SegmentIndex) -> Option<Segment> {
        let i = index.get();
        if i >= self.count {
            return None;
        }
        let Segment { range, .. } = self.cut(index)?;
        // Of a plan from outside that was not checked yet, anything may be asked.
        ByteRange::new(range.start(), range.end().min(self.total)).map(|range| Segment { index, range })
    }

    /// What is planned for this index, whether the source goes so far or not.
    fn cut(&self, index: SegmentIndex) -> Option<Segment> {
        let i = index.get();
        let run = self.run_of(i)?;
        let steps = u64::from(i.checked_sub(run.first)?);
        let start = run.start.saturating_add(steps.saturating_mul(run.size));
        Some(Segment { index, range: ByteRange::at(start, run.size) })
    }

    fn run_of(&self, index: u32) -> Option<&Run> {
        match self.runs.as_slice() {
            [only] => Some(only),
            runs => runs.get(runs.partition_point(|run| run.first <= index).checked_sub(1)?),
        }
    }

    /// The index of the segment that holds the byte at this offset.
    pub fn index_at(&self, offset: u64) -> Option<SegmentIndex> {
        if offset < self.total { self.cut_at(offset) } else { None }
    }

    fn cut_at(&self, offset: u64) -> Option<SegmentIndex> {
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
            && self.runs.iter().all(|run| run.size > 0 && run.size <= sizing.max)
            && self.runs.windows(2).all(whole)
            && self.count <= sizing.max_count
            && match (self.end, self.total) {
                (End::Known, 0) => self.runs.len() == 1 && self.count <= 1,
                (End::Known, total) => {
                    self.runs.iter().all(|run| run.start <= total)
                        && total <= sizing.max_total
                        && self.counted() == Some(self.count)
                }
                (End::Open, total) => total <= self.reach(sizing) && self.counted() == Some(self.count),
            }
    }

    fn counted(&self) -> Option<u32> {
        match self.end {
            End::Known => {}
            End::Open => return Some(self.whole_segments()),
        }
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
    /// A source that is not there as a whole can't be uploaded like this.
    Unsupported(Unsupported),
    /// The policy can't be followed.
    Policy(PolicyError),
}

/// What can't be done with a source that is not there as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unsupported {
    /// Its length is not known, and it goes on behind the last segment that can be planned.
    Endless {
        /// How far it is known to go.
        seen: u64,
        /// The largest source of unknown length that can be planned with this chunk size: the nearest possible plan.
        largest: u64,
    },
    /// It can be read once only, so that segments of it have to be kept until they are stored, and they are too large for
    /// that. The core plans no memory: whoever reads the source says so.
    NotKept {
        /// The size of the segments.
        chunk: u64,
        /// The largest that could be kept: the nearest possible plan.
        largest: u64,
    },
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
            Self::LengthRequired => f.write_str(
                "the destination must know the source's length before the upload begins: give the length, or write the \
                 source to a file first",
            ),
            Self::Unsupported(Unsupported::Endless { seen, largest }) => write!(
                f,
                "the source has {seen} bytes or more; of one whose length is not known, at most {largest} can be \
                 uploaded with this chunk size: take a larger one, or give the length"
            ),
            Self::Unsupported(Unsupported::NotKept { chunk, largest }) => write!(
                f,
                "a source that can be read once only is kept segment by segment until it is stored; of segments of {chunk} \
                 bytes none can be kept, the largest possible has {largest}: take a smaller chunk size, or a larger byte \
                 budget, of which such sources may hold half"
            ),
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
mod tests;
