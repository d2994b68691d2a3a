//! Invariant 8.

use chunkwise_core::{
    Action, Checkpoint, CheckpointStage, Failure, Last, Plan, ProblemKind, RangeSet, Segment, Timestamp,
};

use super::{Invariant, must};
use crate::record::{Fact, Record, Seen};

/// Invariant 8: the session is on disk before the first data, a new cut of the source before the first segment of it (parts
/// family), an Append that is never repeated before it goes, "finalize sent" before Finalize; what the checkpoint holds as stored is not sent again, unless the server says
/// that it lacks it.
#[derive(Clone, Debug, Hash)]
pub struct Durable {
    /// What was stored when this process began.
    stored: RangeSet,
}

impl Durable {
    pub(super) fn new(_: &Record, from: Option<&Checkpoint>) -> Self {
        Self { stored: from.and_then(Checkpoint::stored_ranges).cloned().unwrap_or_default() }
    }
}

impl Invariant for Durable {
    const NAME: &'static str = "invariant 8 (Durable)";

    fn check(&mut self, _: Timestamp, seen: &Seen<'_>, record: &Record) -> Result<(), String> {
        match *seen {
            Seen::Perform(op) => match &op.action {
                Action::Append { session, segment, last } => {
                    let on_disk = record.durable.as_ref().and_then(|(_, session)| session.as_ref());
                    must!(on_disk == Some(session), "data for {session}, but {on_disk:?} is on disk");
                    let range = segment.range;
                    let plan = record.durable_plan.as_ref();
                    let cut = plan.and_then(|plan| plan.planned(segment.index));
                    // While the end is not on disk, the last segment may be shorter than what is planned there.
                    let ends = *last == Last::End && plan.is_some_and(Plan::is_open);
                    let same = |cut: Segment| {
                        cut.range == range
                            || ends && cut.range.start() == range.start() && range.end() <= cut.range.end()
                    };
                    let same_cut = cut.is_some_and(same) || record.is_append();
                    must!(same_cut, "{} is sent as {range}, on disk is {cut:?}", segment.index);
                    let announced = segment.index.get() < record.durable_sent_to;
                    must!(
                        announced || !record.sends_once(),
                        "that {range} is about to be sent is not on disk"
                    );
                    let again = !range.is_empty() && self.stored.overlaps(range);
                    must!(!again, "of {range}, something was stored when this process began");
                }
                Action::Finalize { session, .. } => {
                    let wanted = Some((CheckpointStage::FinalizeSent, Some(session.clone())));
                    must!(record.durable == wanted, "on disk is {:?}", record.durable);
                }
                Action::Init { .. }
                | Action::Probe { .. }
                | Action::Status { .. }
                | Action::Verify { .. }
                | Action::Abort { .. } => {}
            },
            Seen::Outcome(id, outcome) => {
                let finalize =
                    record.live.get(&id).is_some_and(|(op, _)| matches!(op.action, Action::Finalize { .. }));
                let missing = matches!(
                    &outcome.result,
                    Err(Failure::Answered(problem)) if problem.kind == ProblemKind::SegmentsMissing
                );
                if finalize && missing {
                    self.stored.clear();
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn learn(&mut self, fact: &Fact, record: &Record) {
        match fact {
            // What the server says it lacks may be sent again, whatever was known before.
            Fact::FoundOut if record.is_append() => {
                let behind: Vec<_> = self.stored.iter().collect();
                for range in behind {
                    if range.end() > record.cursor {
                        let start = range.start().max(record.cursor);
                        self.stored.remove(chunkwise_core::ByteRange::at(start, range.end() - start));
                    }
                }
            }
            Fact::FoundOut | Fact::SessionForgotten => self.stored.clear(),
            Fact::Stored(_) | Fact::Advanced { .. } | Fact::MayBeDone(_) => {}
        }
    }
}
