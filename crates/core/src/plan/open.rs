//! Plans of sources whose end is not known yet.

use alloc::vec::Vec;

use super::{Plan, PlanError, Run, Unsupported, round_down, round_up, smallest_size};
use crate::policy::ChunkSize;
use crate::profile::{Sizing, Uniformity};
use crate::range::{Segment, SegmentIndex};

/// Whether the end of the source is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum End {
    /// It is.
    #[default]
    Known,
    /// It is not: what lies behind the plan's total may come.
    Open,
}

impl End {
    /// Then it is not written.
    pub(super) const fn is_known(&self) -> bool {
        match self {
            Self::Known => true,
            Self::Open => false,
        }
    }
}

impl Plan {
    /// Cuts a source of unknown length, of which nothing is there yet.
    ///
    /// Segments begin with `wanted` bytes (or the smallest that the server takes) and grow, so that the largest object
    /// fits into the number of segments: they are dealt out in runs of equal count, each with segments twice as large as
    /// those of the run before, up to the largest that the server takes; of the possible numbers of runs the smallest
    /// that suffices. So an upload is never far into segments that are large in proportion to it.
    ///
    /// For S3 (10,000 parts of 5 MiB to 5 GiB, objects up to 5 TiB: Amazon S3 user guide, "Multipart upload limits"),
    /// from 5 MiB on: eleven runs of 909 (the first of 910) parts, of 5 MiB up to 4.4 GiB, 10 MiB up to 13.3 GiB, 20 MiB
    /// up to 31.1 GiB, and so on to 5 GiB. From 8 MiB on: ten runs of 1,000, of 8 MiB up to 7.8 GiB.
    ///
    /// Where segments must be of one size, they don't grow: the source can have as many bytes as segments of `wanted`
    /// bytes hold.
    ///
    /// # Errors
    ///
    /// [`PlanError::ChunkTooLarge`], or [`PlanError::TooManySegments`] if there may be none.
    pub fn open(sizing: &Sizing, wanted: ChunkSize) -> Result<Self, PlanError> {
        let (wanted, largest) = (wanted.bytes(), round_down(sizing.max, sizing));
        let size = round_up(wanted.max(sizing.min), sizing).unwrap_or(u64::MAX);
        if size > largest {
            return Err(PlanError::ChunkTooLarge { wanted: size, largest });
        }
        if sizing.max_count == 0 {
            return Err(PlanError::TooManySegments { total: 1, count: 1, max_count: 0, largest: 0 });
        }
        let runs = schedule(0, 0, size, largest, sizing);
        Ok(Self { total: 0, count: 0, runs, end: End::Open })
    }

    /// The largest source that fits, once its end is known.
    pub(crate) fn reach(&self, sizing: &Sizing) -> u64 {
        let Some(last) = self.runs.last() else { return 0 };
        let left = u64::from(sizing.max_count.saturating_sub(last.first));
        last.start.saturating_add(left.saturating_mul(last.size)).min(sizing.max_total)
    }

    /// The source is known to go so far, and may go on. Without effect if its end is known.
    ///
    /// # Errors
    ///
    /// [`Unsupported::Endless`] if that is further than segments can be cut; then nothing has changed.
    pub(crate) fn grow(&mut self, up_to: u64, sizing: &Sizing) -> Result<(), PlanError> {
        if self.is_open() && up_to > self.total {
            let largest = self.reach(sizing);
            if up_to > largest {
                return Err(PlanError::Unsupported(Unsupported::Endless { seen: up_to, largest }));
            }
            self.total = up_to;
            self.count = self.whole_segments();
        }
        Ok(())
    }

    /// What the plan knew by the server's word alone does not count any more: the source is known to go so far.
    pub(crate) fn unlearn(&mut self, seen_to: u64) {
        if self.is_open() {
            self.total = self.total.min(seen_to);
            self.count = self.whole_segments();
        }
    }

    /// The source ends there. Without effect if its end is known.
    ///
    /// # Errors
    ///
    /// [`Unsupported::Endless`], or [`PlanError::EmptySource`]; then nothing has changed.
    pub(crate) fn close(&mut self, total: u64, sizing: &Sizing) -> Result<(), PlanError> {
        if !self.is_open() {
            return Ok(());
        }
        let largest = self.reach(sizing);
        if total > largest {
            return Err(PlanError::Unsupported(Unsupported::Endless { seen: total, largest }));
        }
        if total == 0 {
            // Whatever the size was to be, there is one way to cut nothing.
            *self = Self::new(0, sizing, ChunkSize::DEFAULT)?;
            return Ok(());
        }
        self.runs.retain(|run| run.start < total);
        (self.total, self.end) = (total, End::Known);
        self.count = self.counted().unwrap_or(sizing.max_count);
        Ok(())
    }

    /// The segment with this index, as it is planned should the source go so far. Of a source whose end is known, the same
    /// as [`Plan::segment`].
    pub fn planned(&self, index: SegmentIndex) -> Option<Segment> {
        if self.is_open() { self.cut(index) } else { self.segment(index) }
    }

    /// The segment that the byte at this offset belongs to, as it is planned should the source go so far. Of a source
    /// whose end is known, the one that holds it, if there is one.
    pub fn planned_at(&self, offset: u64) -> Option<Segment> {
        let index = if self.is_open() { self.cut_at(offset) } else { self.index_at(offset) };
        self.planned(index?)
    }

    /// How many segments have a byte behind them.
    pub(super) fn whole_segments(&self) -> u32 {
        let last = self.total.checked_sub(1).and_then(|last| self.cut_at(last));
        last.map_or(0, |index| index.get())
    }

    /// [`Plan::shrunk`] of an open plan: what lies behind the first `keep` segments grows anew, but never above the
    /// ceiling.
    pub(super) fn open_shrunk(
        &self,
        keep: u32,
        sizing: &Sizing,
        wanted: u64,
        ceiling: u64,
    ) -> Result<Self, u64> {
        let Some(start) = self.cut(SegmentIndex::new(keep)).map(|segment| segment.range.start()) else {
            return Err(u64::MAX);
        };
        let left = sizing.max_count.saturating_sub(keep);
        // What is there already must fit, whatever comes.
        let smallest = smallest_size(self.total.saturating_sub(start).max(1), sizing, left)
            .zip(round_up(sizing.min, sizing))
            .map_or(u64::MAX, |(smallest, min)| smallest.max(min));
        let ceiling = round_down(ceiling.min(sizing.max), sizing);
        if smallest > ceiling {
            return Err(smallest);
        }
        let size = round_down(wanted, sizing).clamp(smallest, ceiling);
        let mut runs: Vec<_> = self.runs.iter().copied().take_while(|run| run.first < keep).collect();
        runs.extend(schedule(keep, start, size, ceiling, sizing));
        let mut plan = Self { total: self.total, count: 0, runs, end: End::Open };
        plan.count = plan.whole_segments();
        Ok(plan)
    }
}

/// Runs from an index and an offset on, of segments from `size` up to `largest`.
fn schedule(first: u32, start: u64, size: u64, largest: u64, sizing: &Sizing) -> Vec<Run> {
    let left = sizing.max_count.saturating_sub(first);
    let most = match sizing.uniformity {
        Uniformity::Free => left,
        Uniformity::Uniform => 1,
    };
    let mut runs = Vec::new();
    for count in 1..=u32::BITS * 2 {
        if count > most.max(1) {
            break;
        }
        runs.clear();
        let (mut next, mut at) = (first, start);
        for step in 0..count {
            let size = size.checked_shl(step).filter(|grown| grown >> step == size).unwrap_or(u64::MAX);
            let run = Run { first: next, start: at, size: size.min(largest) };
            runs.push(run);
            // What can't be dealt out evenly is of the smallest size.
            let segments = left / count + if step == 0 { left % count } else { 0 };
            next = next.saturating_add(segments);
            at = at.saturating_add(u64::from(segments).saturating_mul(run.size));
        }
        let grown = runs.last().is_some_and(|last| last.size >= largest);
        // Beyond the last number no run could begin where the one before ends.
        if at >= sizing.max_total || at == u64::MAX || grown {
            break;
        }
    }
    runs
}
