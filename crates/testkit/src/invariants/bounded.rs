//! Invariant 5.

use std::collections::BTreeMap;

use chunkwise_core::{Checkpoint, Event, Failure, OperationKind, Phase, ProblemKind, Timestamp};

use super::{Invariant, must};
use crate::record::{Fact, Record, Seen, Thing, thing};

/// Invariant 5: the tries of one thing are bounded, failures and waits apart, and no backoff is longer than its cap; retries
/// are paid for from a budget that only growth refills; sessions are bounded.
#[derive(Clone, Debug, Hash)]
pub struct Bounded {
    /// Retries that were charged, less what grew at the server's.
    charged: i64,
    /// How often each thing failed, and how often it was told to wait, since it last came to good.
    tries: BTreeMap<Thing, Tries>,
    /// The most sessions.
    sessions: u32,
}

#[derive(Clone, Copy, Debug, Default, Hash)]
struct Tries {
    failures: u32,
    waits: u32,
}

impl Bounded {
    pub(super) fn new(record: &Record, from: Option<&Checkpoint>) -> Self {
        // A checkpoint of another policy may have used more.
        let sessions = from.map_or(0, Checkpoint::sessions).max(record.policy.sessions.get());
        Self { charged: 0, tries: BTreeMap::new(), sessions }
    }

    fn retried(&mut self, now: Timestamp, event: &Event, record: &Record) -> Result<(), String> {
        let Event::Retrying { kind, failure, at, .. } = event else { return Ok(()) };
        let retry = &record.policy.retry;
        let backoff = now.after(retry.backoff_cap);
        let latest = failure.after().map_or(backoff, |after| after.until(now).max(backoff));
        must!(*at <= latest, "the next {kind} is at {at}, now it is {now}");
        let waits = match failure {
            Failure::Answered(problem) => {
                matches!(problem.kind, ProblemKind::Throttled | ProblemKind::Busy)
            }
            Failure::NotSent { .. } | Failure::Unknown { .. } => false,
        };
        let (charged, most) = match kind {
            OperationKind::Init | OperationKind::Append | OperationKind::Probe | OperationKind::Finalize => {
                (!waits, retry.attempts.get())
            }
            OperationKind::Status | OperationKind::Verify | OperationKind::Abort => {
                (false, record.policy.processing.failures.get())
            }
        };
        if let Some(thing) = record.failed {
            let tries = self.tries.entry(thing).or_default();
            if waits {
                tries.waits += 1;
            } else {
                tries.failures += 1;
            }
            let Tries { failures, waits } = *tries;
            must!(failures < most, "{thing:?} is tried again after {failures} failures");
            must!(waits < retry.throttles.get(), "{thing:?} is tried again after {waits} waits");
        }
        self.charged += i64::from(charged);
        let (charged, most) = (self.charged, retry.budget);
        must!(charged <= i64::from(most), "{charged} retries more than the server's store grew");
        Ok(())
    }

    fn forget(&mut self, is_over: impl Fn(Thing) -> bool) {
        self.tries.retain(|thing, _| !is_over(*thing));
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
                let (used, most) = (record.sessions, self.sessions);
                must!(used <= most, "session {used} of {most}");
            }
            Seen::Notify(Event::Replanned { .. }) => self.forget(|(kind, _)| kind == OperationKind::Append),
            Seen::Notify(Event::Phase(Phase::Probing)) => {
                self.forget(|(kind, _)| kind == OperationKind::Probe)
            }
            Seen::Notify(Event::Phase(Phase::Verifying)) => {
                self.forget(|(kind, _)| kind == OperationKind::Verify)
            }
            Seen::Notify(event) => self.retried(now, event, record)?,
            Seen::Outcome(id, outcome) => {
                let Some((op, _)) = record.live.get(&id) else { return Ok(()) };
                let is_over = match (&outcome.result, op.kind()) {
                    // A poll that was answered; the next one is another.
                    (Ok(_), OperationKind::Status | OperationKind::Probe | OperationKind::Abort) => true,
                    // What is missing is sent, and the object made anew: in rounds that are bounded themselves.
                    (Err(Failure::Answered(problem)), OperationKind::Finalize) => {
                        problem.kind == ProblemKind::SegmentsMissing
                    }
                    (Ok(_) | Err(_), _) => false,
                };
                let answered = thing(op);
                if is_over {
                    self.forget(|thing| thing == answered);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn learn(&mut self, fact: &Fact, _: &Record) {
        match fact {
            Fact::Stored(segment) => {
                self.charged -= 1;
                let stored = (OperationKind::Append, Some(segment.index.get()));
                self.forget(|thing| thing == stored);
            }
            Fact::Advanced { from, to } if to > from => {
                self.charged -= 1;
                self.forget(|(kind, _)| kind == OperationKind::Append);
            }
            Fact::SessionForgotten => self.tries.clear(),
            Fact::Advanced { .. } | Fact::FoundOut | Fact::MayBeDone(_) => {}
        }
    }
}
