//! Invariant 5.

use chunkwise_core::{Checkpoint, Event, Failure, OperationKind, ProblemKind, Timestamp};

use super::{Invariant, must};
use crate::record::{Fact, Record, Seen};

/// Invariant 5: attempts are bounded per operation, and no backoff is longer than its cap; retries are paid for from a budget that only growth refills;
/// sessions are bounded.
#[derive(Clone, Debug, Default, Hash)]
pub struct Bounded {
    /// Retries that were charged, less what grew at the server's.
    charged: i64,
}

impl Bounded {
    pub(super) fn new(_: &Record, _: Option<&Checkpoint>) -> Self {
        Self::default()
    }
}

impl Invariant for Bounded {
    const NAME: &'static str = "invariant 5 (Bounded)";

    fn check(&mut self, now: Timestamp, seen: &Seen<'_>, record: &Record) -> Result<(), String> {
        match *seen {
            Seen::Perform(op) => {
                let retry = &record.policy.retry;
                let polls = record.policy.processing.failures.get();
                let most = retry.attempts.get().max(polls) + retry.throttles.get();
                must!(op.attempt <= most, "attempt {} of {:?}", op.attempt, op.kind());
                let (used, most) = (record.sessions, record.policy.sessions.get());
                must!(used <= most, "session {used} of {most}");
            }
            Seen::Notify(Event::Retrying { kind, failure, at, .. }) => {
                let backoff = now.after(record.policy.retry.backoff_cap);
                let most = failure.after().map_or(backoff, |after| after.until(now).max(backoff));
                must!(*at <= most, "the next {kind} is at {at}, now it is {now}");
                let waits = match failure {
                    Failure::Answered(problem) => {
                        matches!(problem.kind, ProblemKind::Throttled | ProblemKind::Busy)
                    }
                    Failure::NotSent { .. } | Failure::Unknown { .. } => false,
                };
                let charged = match kind {
                    OperationKind::Init
                    | OperationKind::Append
                    | OperationKind::Probe
                    | OperationKind::Finalize => !waits,
                    OperationKind::Status | OperationKind::Verify | OperationKind::Abort => false,
                };
                self.charged += i64::from(charged);
                let (charged, most) = (self.charged, record.policy.retry.budget);
                must!(charged <= i64::from(most), "{charged} retries more than the server's store grew");
            }
            _ => {}
        }
        Ok(())
    }

    fn learn(&mut self, fact: &Fact, _: &Record) {
        match fact {
            Fact::Stored(_) => self.charged -= 1,
            Fact::Advanced { from, to } => self.charged -= i64::from(to > from),
            Fact::FoundOut | Fact::MayBeDone(_) | Fact::SessionForgotten => {}
        }
    }
}
