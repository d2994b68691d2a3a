//! Invariant 7.

use std::collections::BTreeSet;
use std::time::Duration;

use chunkwise_core::{Action, Checkpoint, CheckpointStage, Reply, Timestamp, Verdict, Verify};

use super::{Invariant, must};
use crate::record::{Fact, Record, Seen};

/// Invariant 7: what may have been done is found out before it is repeated: an Append where repeating is not harmless, and
/// Finalize anywhere; "not committed" is believed only when seen twice, apart.
#[derive(Clone, Debug, Default, Hash)]
pub struct Certain {
    /// Parts family: segments that may be stored.
    segments: BTreeSet<u32>,
    /// Whether nobody knows what the server holds: where its cursor is (append family), or, after a resume, what it can
    /// list.
    unasked: bool,
    /// A Finalize may have been done: when "not committed" was seen since.
    finalize: Option<Vec<Timestamp>>,
}

/// How far apart "not committed" must be seen at the least.
const APART: Duration = Duration::from_secs(1);

impl Certain {
    pub(super) fn new(record: &Record, from: Option<&Checkpoint>) -> Self {
        let stage = from.map(Checkpoint::stage);
        // Where nothing is sent twice, it is on disk what is about to be sent; elsewhere that may lag behind.
        let sent_to = from.map_or(0, |checkpoint| record.announced_by(checkpoint));
        let lags = record.must_find_out() && !record.sends_once();
        Self {
            segments: (0..sent_to).collect(),
            unasked: lags && stage == Some(CheckpointStage::Transferring),
            finalize: (stage == Some(CheckpointStage::FinalizeSent)).then(Vec::new),
        }
    }
}

impl Invariant for Certain {
    const NAME: &'static str = "invariant 7 (Certain)";

    fn check(&mut self, now: Timestamp, seen: &Seen<'_>, record: &Record) -> Result<(), String> {
        match *seen {
            Seen::Perform(op) => match &op.action {
                Action::Append { segment, .. } => {
                    let index = segment.index.get();
                    must!(!self.segments.contains(&index), "segment {index} may be stored");
                    must!(!self.unasked, "nobody knows what the server holds");
                }
                Action::Finalize { .. } => {
                    if let Some(seen) = self.finalize.take() {
                        let apart = match seen.as_slice() {
                            [first, .., last] => last.since(*first),
                            [_] | [] => return Err(format!("it was not found out: {seen:?}")),
                        };
                        must!(apart >= APART, "\"not committed\" was seen twice, but only {apart:?} apart");
                    }
                }
                Action::Verify { .. } => {
                    must!(record.profile.verify == Verify::Call, "a Verify where there is none");
                }
                Action::Init { .. } | Action::Probe { .. } | Action::Status { .. } | Action::Abort { .. } => {
                }
            },
            Seen::Outcome(id, outcome) => {
                let verify =
                    record.live.get(&id).is_some_and(|(op, _)| matches!(op.action, Action::Verify { .. }));
                if verify
                    && outcome.result == Ok(Reply::Verified(Verdict::NotCommitted))
                    && let Some(seen) = &mut self.finalize
                {
                    seen.push(now);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn learn(&mut self, fact: &Fact, record: &Record) {
        match fact {
            Fact::MayBeDone(op) => match &op.action {
                Action::Append { .. } if record.is_append() => self.unasked = true,
                Action::Append { segment, .. } if record.must_find_out() => {
                    self.segments.insert(segment.index.get());
                }
                Action::Finalize { .. } => self.finalize = Some(Vec::new()),
                Action::Init { .. }
                | Action::Append { .. }
                | Action::Probe { .. }
                | Action::Status { .. }
                | Action::Verify { .. }
                | Action::Abort { .. } => {}
            },
            Fact::FoundOut => {
                self.segments.clear();
                self.unasked = false;
            }
            Fact::SessionForgotten => *self = Self::default(),
            Fact::Stored(_) | Fact::Advanced { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use chunkwise_core::{Input, Output, Policy, Profile, Upload, UploadSpec};

    use super::*;
    use crate::Model;
    use crate::invariants::Invariants;

    /// A single request, which is never repeated.
    fn once() -> Profile {
        Model::OneShot.profile()
    }

    /// Every checkpoint that is written before the first Append, and the Append.
    fn begun() -> (Vec<Checkpoint>, chunkwise_core::Operation, chunkwise_core::Plan) {
        let (now, spec) = (Timestamp::EPOCH, UploadSpec::whole(10));
        let mut upload = Upload::new(now, spec, once(), Policy::default(), 7).unwrap();
        let mut written = Vec::new();
        loop {
            match upload.poll(now) {
                Output::Persist { .. } => {
                    let checkpoint = upload.checkpoint();
                    upload.handle(now, Input::Persisted(checkpoint.seq()));
                    written.push(checkpoint);
                }
                Output::Perform(op) => return (written, op, upload.plan().clone()),
                Output::Notify(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    fn going_on(from: &Checkpoint) -> Invariants {
        Invariants::new(once(), Policy::default(), UploadSpec::whole(10), Some(from))
    }

    #[test]
    fn what_is_announced_on_disk_must_not_be_sent_by_the_next_process() {
        let (written, append, plan) = begun();
        let breach = going_on(written.last().unwrap()).see(Timestamp::EPOCH, Seen::Perform(&append), &plan);
        assert_eq!(breach.unwrap_err().detail, "segment 0 may be stored");
    }

    #[test]
    fn what_is_not_announced_on_disk_may_be_sent_once_it_is() {
        let (written, append, plan) = begun();
        let [before, announced] = written.as_slice() else { panic!("{written:?}") };
        let now = Timestamp::EPOCH;
        let breach = going_on(before).see(now, Seen::Perform(&append), &plan).unwrap_err();
        assert_eq!(breach.rule, "invariant 8 (Durable)", "{breach}");
        let mut invariants = going_on(before);
        invariants.see(now, Seen::Persist, &plan).unwrap();
        invariants.see(now, Seen::Written(Some(announced)), &plan).unwrap();
        invariants.see(now, Seen::Perform(&append), &plan).unwrap();
    }
}
