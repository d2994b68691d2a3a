//! The Appends that are under way at once.

use alloc::vec::Vec;

use super::Past;
use crate::operation::OpId;
use crate::policy::Timeouts;
use crate::range::{Segment, SegmentIndex};
use crate::time::Timestamp;
use crate::upload::live::{LiveOp, Overdue};
use crate::window::Among;

/// An Append that is under way.
#[derive(Clone, Debug, Hash)]
pub(super) struct Live {
    pub(super) op: LiveOp,
    pub(super) segment: Segment,
    pub(super) past: Past,
    pub(super) among: Among,
}

/// All of them. What is asked of all whenever anything happens to one is kept, and not summed up each time: how much they have
/// sent, and when the first becomes overdue.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Lanes {
    live: Vec<Live>,
    /// Bytes taken by the wire, of all together.
    sent: u64,
    /// When the first becomes overdue.
    overdue_at: Option<Timestamp>,
}

impl Lanes {
    pub(super) const fn len(&self) -> usize {
        self.live.len()
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.live.is_empty()
    }

    pub(super) const fn sent(&self) -> u64 {
        self.sent
    }

    pub(super) const fn overdue_at(&self) -> Option<Timestamp> {
        self.overdue_at
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Live> {
        self.live.iter()
    }

    /// Whether this segment is under way.
    pub(super) fn holds(&self, index: SegmentIndex) -> bool {
        self.live.iter().any(|live| live.segment.index == index)
    }

    /// One more, of which nothing is sent yet and no timer runs.
    pub(super) fn begin(&mut self, live: Live) {
        self.live.push(live);
    }

    /// Moves the timer of one; whether there is one of this name.
    pub(super) fn tell(&mut self, op: OpId, news: impl FnOnce(&mut LiveOp)) -> bool {
        // It is mostly the last: that it has started.
        let mut ops = self.live.iter_mut().rev().map(|live| &mut live.op);
        let Some(op) = ops.find(|live| live.id == op) else { return false };
        let (sent, due) = (op.sent(), op.wake_at());
        news(op);
        let (sent_now, due_now) = (op.sent(), op.wake_at());
        self.sent = self.sent - sent + sent_now;
        self.rearmed(due, due_now);
        true
    }

    /// Takes out what has an answer.
    pub(super) fn take(&mut self, op: OpId) -> Option<Live> {
        self.take_first(|live| live.op.id == op)
    }

    /// Takes out one that was given out and not started.
    pub(super) fn take_unstarted(&mut self) -> Option<Live> {
        self.take_first(|live| !live.op.is_started())
    }

    /// Takes out one that has timed out by now.
    #[cold]
    pub(super) fn take_overdue(&mut self, now: Timestamp, timeouts: &Timeouts) -> Option<(Live, Overdue)> {
        let live = self.take_first(|live| live.op.overdue(now, timeouts).is_some())?;
        let why = live.op.overdue(now, timeouts)?;
        Some((live, why))
    }

    /// Takes out all.
    pub(super) fn take_all(&mut self) -> Vec<Live> {
        core::mem::take(self).live
    }

    #[inline]
    fn take_first(&mut self, wanted: impl Fn(&Live) -> bool) -> Option<Live> {
        let i = self.live.iter().position(wanted)?;
        let live = self.live.swap_remove(i);
        self.sent -= live.op.sent();
        self.rearmed(live.op.wake_at(), None);
        Some(live)
    }

    /// The timer of one was set anew, begun or ended.
    #[inline]
    fn rearmed(&mut self, before: Option<Timestamp>, after: Option<Timestamp>) {
        if before.is_some() && before == self.overdue_at {
            self.overdue_at = self.live.iter().filter_map(|live| live.op.wake_at()).min();
        } else if let Some(after) = after {
            self.overdue_at = Some(self.overdue_at.map_or(after, |first| first.min(after)));
        }
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::operation::CredentialEpoch;
    use crate::policy::WindowPolicy;
    use crate::range::ByteRange;
    use crate::window::Window;

    const TIMEOUTS: Timeouts = Timeouts { stall: Duration::from_secs(30), response: Duration::from_secs(7) };
    const LEN: u64 = 10;

    fn live(nth: u64) -> Live {
        Live {
            op: LiveOp::new(OpId(nth), CredentialEpoch::default(), LEN),
            segment: Segment { index: SegmentIndex::new(nth as u32), range: ByteRange::at(nth * LEN, LEN) },
            past: Past::default(),
            among: Window::new(WindowPolicy::default()).among(1),
        }
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Begin,
        Start(u64),
        Sent(u64, u64),
        Take(u64),
        TakeUnstarted,
        TakeOverdue,
        TakeAll,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            5 => Just(Step::Begin),
            5 => (0u64..12).prop_map(Step::Start),
            5 => (0u64..12, 0..LEN + 2).prop_map(|(op, bytes)| Step::Sent(op, bytes)),
            5 => (0u64..12).prop_map(Step::Take),
            1 => Just(Step::TakeUnstarted),
            1 => Just(Step::TakeOverdue),
            1 => Just(Step::TakeAll),
        ]
    }

    proptest! {
        /// What is kept of all is what asking each would give.
        #[test]
        fn what_is_known_of_all_is_known_of_each(steps in proptest::collection::vec((step(), 0u64..9), 0..60)) {
            let (mut lanes, mut now, mut next) = (Lanes::default(), Timestamp::from_secs(1), 0);
            for (step, secs) in steps {
                now = now.after(Duration::from_secs(secs));
                let oldest = lanes.iter().map(|live| live.op.id.get()).min().unwrap_or(0);
                match step {
                    Step::Begin => {
                        prop_assert!(!lanes.holds(SegmentIndex::new(next as u32)));
                        lanes.begin(live(next));
                        prop_assert!(lanes.holds(SegmentIndex::new(next as u32)));
                        next += 1;
                    }
                    Step::Start(op) => {
                        lanes.tell(OpId(oldest + op), |op| op.started(now, &TIMEOUTS));
                    }
                    Step::Sent(op, bytes) => {
                        lanes.tell(OpId(oldest + op), |op| op.progressed(now, bytes, &TIMEOUTS));
                    }
                    Step::Take(op) => {
                        let op = OpId(oldest + op);
                        let there = lanes.iter().any(|live| live.op.id == op);
                        prop_assert_eq!(lanes.take(op).map(|live| live.op.id), there.then_some(op));
                    }
                    Step::TakeUnstarted => {
                        let any = lanes.iter().any(|live| !live.op.is_started());
                        let taken = lanes.take_unstarted();
                        prop_assert_eq!(taken.is_some(), any);
                        prop_assert!(taken.is_none_or(|live| !live.op.is_started()));
                    }
                    Step::TakeOverdue => {
                        let any = lanes.overdue_at().is_some_and(|at| at <= now);
                        prop_assert_eq!(lanes.take_overdue(now, &TIMEOUTS).is_some(), any);
                    }
                    Step::TakeAll => {
                        let all = lanes.len();
                        prop_assert_eq!(lanes.take_all().len(), all);
                        prop_assert!(lanes.is_empty());
                    }
                }
                prop_assert_eq!(lanes.sent(), lanes.iter().map(|live| live.op.sent()).sum::<u64>());
                prop_assert_eq!(lanes.overdue_at(), lanes.iter().filter_map(|live| live.op.wake_at()).min());
            }
        }
    }
}
