//! Invariant 4.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use chunkwise_core::{
    Action, Checkpoint, Event, Failure, OperationKind, Outcome, ProblemKind, Processing, Reply, Timestamp,
};

use super::{Invariant, must};
use crate::record::{Fact, Record, Seen, Thing, thing};

/// Invariant 4: nothing goes out before its backoff, Retry-After or reset has passed; a processing hint is honoured
/// within the policy's floor and ceiling.
#[derive(Clone, Debug, Default, Hash)]
pub struct Patient {
    things: BTreeMap<Thing, Timestamp>,
    kinds: BTreeMap<OperationKind, Timestamp>,
    /// The newest period of a rate limit that was told: when it ends, and how many were left in it.
    periods: BTreeMap<OperationKind, (Timestamp, u64)>,
}

impl Patient {
    pub(super) fn new(_: &Record, _: Option<&Checkpoint>) -> Self {
        Self::default()
    }

    fn hold(&mut self, kind: OperationKind, until: Timestamp) {
        let held = self.kinds.entry(kind).or_default();
        *held = (*held).max(until);
    }

    fn outcome(
        &mut self,
        now: Timestamp,
        op: &chunkwise_core::Operation,
        outcome: &Outcome,
        record: &Record,
    ) {
        // A reset beyond anybody's patience is nonsense, and no rate limit.
        let horizon = now.after(record.policy.retry.longest_wait);
        if let Some(pace) = outcome.pace.filter(|pace| pace.reset <= horizon) {
            // Answers overtake each other: of two periods the later one counts, within one the smaller number.
            let (reset, left) = self.periods.entry(op.kind()).or_insert((pace.reset, pace.remaining));
            match pace.reset.cmp(reset) {
                Ordering::Greater => (*reset, *left) = (pace.reset, pace.remaining),
                Ordering::Equal => *left = pace.remaining.min(*left),
                Ordering::Less => {}
            }
        }
        match (&op.action, &outcome.result) {
            (
                Action::Status { .. } | Action::Finalize { .. },
                Ok(Reply::Processing(Processing::Running { after, .. })),
            ) => {
                let policy = &record.policy.processing;
                let hint = after.map_or(policy.default_delay, |after| after.until(now).since(now));
                let at = now.after(hint.max(policy.floor).min(policy.ceiling));
                self.things.insert((OperationKind::Status, None), at);
            }
            (_, Err(Failure::Answered(problem))) => {
                if let Some(after) = problem.after {
                    let at = after.until(now);
                    self.things.insert(thing(op), at);
                    if problem.kind == ProblemKind::Throttled {
                        self.hold(op.kind(), at);
                    }
                }
            }
            (_, Ok(_) | Err(Failure::NotSent { .. } | Failure::Unknown { .. })) => {}
        }
    }
}

impl Invariant for Patient {
    const NAME: &'static str = "invariant 4 (Patient)";

    fn check(&mut self, now: Timestamp, seen: &Seen<'_>, record: &Record) -> Result<(), String> {
        // What has passed forbids nothing any more.
        self.things.retain(|_, at| *at > now);
        self.kinds.retain(|_, at| *at > now);
        self.periods.retain(|_, (reset, _)| *reset > now);
        match *seen {
            Seen::Perform(op) => {
                if let Some(at) = self.things.get(&thing(op)) {
                    must!(*at <= now, "{:?} goes out at {now}, not allowed before {at}", thing(op));
                }
                if let Some(at) = self.kinds.get(&op.kind()) {
                    must!(*at <= now, "{} goes out at {now}, the kind is held until {at}", op.kind());
                }
                if let Some((reset, left)) = self.periods.get(&op.kind()) {
                    must!(*left > 0, "{} goes out at {now}, none is left until {reset}", op.kind());
                }
            }
            Seen::Outcome(id, outcome) => {
                if let Some((op, _)) = record.live.get(&id) {
                    self.outcome(now, op, outcome, record);
                }
            }
            Seen::Notify(Event::Retrying { kind, at, .. }) => {
                let Some(failed) = record.failed else { return Err("a retry of nothing".into()) };
                must!(failed.0 == *kind, "a retry of {kind}, but {failed:?} failed");
                let earliest = self.things.entry(failed).or_default();
                *earliest = (*earliest).max(*at);
            }
            // A sibling that waits longer than anybody does is one to try before.
            Seen::Hold(kind, until) => {
                self.hold(kind, until.min(now.after(record.policy.retry.longest_wait)));
            }
            _ => {}
        }
        Ok(())
    }

    fn learn(&mut self, fact: &Fact, record: &Record) {
        let append = |index: u32| (OperationKind::Append, Some(index));
        match fact {
            Fact::SessionForgotten => self.things.clear(),
            // What is stored has nothing left to wait for; should the server lose it, that is another matter.
            Fact::Stored(segment) => {
                self.things.remove(&append(segment.index.get()));
            }
            Fact::FoundOut => {
                self.things.retain(|thing, _| !record.acked.keys().any(|index| *thing == append(*index)));
            }
            Fact::Advanced { .. } => self.things.retain(|(kind, _), _| *kind != OperationKind::Append),
            Fact::MayBeDone(_) => {}
        }
    }
}
