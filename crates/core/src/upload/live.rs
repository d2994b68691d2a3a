//! Operations that are under way, and the timers of each.

use core::time::Duration;

use crate::operation::{CredentialEpoch, OpId};
use crate::policy::Timeouts;
use crate::time::Timestamp;

/// An operation under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct LiveOp {
    pub(super) id: OpId,
    pub(super) epoch: CredentialEpoch,
    /// Bytes it has to send.
    len: u64,
    /// Bytes taken by the wire so far.
    sent: u64,
    timer: OpTimer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum OpTimer {
    /// It waits for its bytes and its turn; nothing runs.
    NotStarted,
    /// It counts as stalled then.
    Sending { stalled_at: Timestamp },
    /// Its answer is overdue then.
    Waiting { overdue_at: Timestamp },
}

/// Why an operation timed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    Stalled(Duration),
    Unanswered(Duration),
}

impl LiveOp {
    pub(super) const fn new(id: OpId, epoch: CredentialEpoch, len: u64) -> Self {
        Self { id, epoch, len, sent: 0, timer: OpTimer::NotStarted }
    }

    pub(super) const fn sent(&self) -> u64 {
        self.sent
    }

    pub(super) const fn is_started(&self) -> bool {
        match self.timer {
            OpTimer::NotStarted => false,
            OpTimer::Sending { .. } | OpTimer::Waiting { .. } => true,
        }
    }

    pub(super) fn started(&mut self, now: Timestamp, timeouts: &Timeouts) {
        if self.timer == OpTimer::NotStarted {
            self.arm(now, timeouts);
        }
    }

    /// Takes in how much was sent; what makes no sense (less than before, more than there is) is bounded.
    pub(super) fn progressed(&mut self, now: Timestamp, bytes: u64, timeouts: &Timeouts) {
        let bytes = bytes.min(self.len);
        if bytes > self.sent && self.timer != OpTimer::NotStarted {
            self.sent = bytes;
            self.arm(now, timeouts);
        }
    }

    fn arm(&mut self, now: Timestamp, timeouts: &Timeouts) {
        self.timer = if self.sent < self.len {
            OpTimer::Sending { stalled_at: now.after(timeouts.stall) }
        } else {
            OpTimer::Waiting { overdue_at: now.after(timeouts.response) }
        };
    }

    /// Whether, and why, it has timed out by now.
    pub(super) fn overdue(&self, now: Timestamp, timeouts: &Timeouts) -> Option<Overdue> {
        match self.timer {
            OpTimer::Sending { stalled_at } if stalled_at <= now => Some(Overdue::Stalled(timeouts.stall)),
            OpTimer::Waiting { overdue_at } if overdue_at <= now => {
                Some(Overdue::Unanswered(timeouts.response))
            }
            OpTimer::NotStarted | OpTimer::Sending { .. } | OpTimer::Waiting { .. } => None,
        }
    }

    pub(super) const fn wake_at(&self) -> Option<Timestamp> {
        match self.timer {
            OpTimer::NotStarted => None,
            OpTimer::Sending { stalled_at: at } | OpTimer::Waiting { overdue_at: at } => Some(at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUTS: Timeouts =
        Timeouts { stall: Duration::from_secs(30), response: Duration::from_secs(120) };

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    #[test]
    fn timers_run_from_the_start_and_from_every_progress() {
        let mut op = LiveOp::new(OpId::from_raw(1), CredentialEpoch::default(), 10);
        assert_eq!(op.wake_at(), None);
        op.progressed(at(5), 3, &TIMEOUTS);
        assert_eq!(op.wake_at(), None, "nothing runs before it has started");
        op.started(at(10), &TIMEOUTS);
        op.started(at(20), &TIMEOUTS);
        assert_eq!(op.wake_at(), Some(at(40)));
        op.progressed(at(30), 4, &TIMEOUTS);
        op.progressed(at(50), 4, &TIMEOUTS);
        op.progressed(at(51), 2, &TIMEOUTS);
        assert_eq!(op.wake_at(), Some(at(60)), "what is no progress moves no timer");
        assert_eq!(op.overdue(at(59), &TIMEOUTS), None);
        assert_eq!(op.overdue(at(60), &TIMEOUTS), Some(Overdue::Stalled(TIMEOUTS.stall)));
        op.progressed(at(60), 99, &TIMEOUTS);
        assert_eq!((op.sent(), op.wake_at()), (10, Some(at(180))));
        assert_eq!(op.overdue(at(180), &TIMEOUTS), Some(Overdue::Unanswered(TIMEOUTS.response)));
    }
}
