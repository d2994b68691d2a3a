//! Invariant 9.

use chunkwise_core::{Checkpoint, OperationKind, RangeSet, Rewind, Timestamp};

use super::{Invariant, must};
use crate::record::{Record, Seen};

/// Invariant 9: nothing new starts in a pause, a discard sends nothing new, nothing follows the end; released bytes are
/// stored and not asked for again.
#[derive(Clone, Debug, Default, Hash)]
pub struct Obedient {
    released: RangeSet,
}

impl Obedient {
    pub(super) fn new(_: &Record, _: Option<&Checkpoint>) -> Self {
        Self::default()
    }
}

impl Invariant for Obedient {
    const NAME: &'static str = "invariant 9 (Obedient)";

    fn check(&mut self, _: Timestamp, seen: &Seen<'_>, record: &Record) -> Result<(), String> {
        match *seen {
            Seen::Perform(op) => {
                must!(!record.paused, "{} starts in a pause", op.kind());
                must!(!record.closed, "{} starts behind the end", op.kind());
                let released = op.payload().is_some_and(|range| self.released.overlaps(range));
                must!(!released, "{:?} was released", op.payload());
                let sends = match op.kind() {
                    OperationKind::Init
                    | OperationKind::Append
                    | OperationKind::Probe
                    | OperationKind::Finalize => true,
                    OperationKind::Status | OperationKind::Verify | OperationKind::Abort => false,
                };
                must!(!(record.discarding && sends), "a discard sends {}", op.kind());
            }
            Seen::Release(range) => {
                must!(record.spec.rewind == Rewind::UntilReleased, "{range} is released of a file");
                let stored = if record.is_append() {
                    range.end() <= record.cursor && !self.released.overlaps(range)
                } else {
                    record.acked.values().any(|acked| *acked == range)
                };
                must!(stored, "{range} is released, but not stored");
                self.released.insert(range);
            }
            _ => {}
        }
        Ok(())
    }
}
