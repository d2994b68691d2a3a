//! Invariant 1.

use chunkwise_core::{Action, Checkpoint, Empty, Timestamp};

use super::{Invariant, must};
use crate::record::{Record, Seen};

/// Invariant 1: Finalize goes out only when what is stored tiles the whole source, nothing is in flight and every
/// receipt is there, in order.
#[derive(Clone, Debug, Hash)]
pub struct Complete {
    /// Whether an empty source has its one segment: so says the profile, or the plan that a process goes on with.
    empty: Empty,
}

impl Complete {
    pub(super) fn new(record: &Record, from: Option<&Checkpoint>) -> Self {
        let planned = from.filter(|checkpoint| !checkpoint.plan().is_open());
        let empty = match planned.map(|checkpoint| checkpoint.plan().count()) {
            None => record.profile.sizing.empty,
            Some(0) => Empty::NoSegment,
            Some(_) => Empty::OneSegment,
        };
        Self { empty }
    }
}

impl Invariant for Complete {
    const NAME: &'static str = "invariant 1 (Complete)";

    fn check(&mut self, _: Timestamp, seen: &Seen<'_>, record: &Record) -> Result<(), String> {
        let Seen::Perform(op) = *seen else { return Ok(()) };
        let Action::Finalize { total, receipts, .. } = &op.action else { return Ok(()) };
        must!(record.live.is_empty(), "under way: {:?}", record.live);
        if record.is_append() {
            must!(record.cursor == *total, "the cursor is at {}, the end at {total}", record.cursor);
            return Ok(());
        }
        let mut end = 0;
        for (n, (index, range)) in (0u32..).zip(&record.acked) {
            must!(n == *index && range.start() == end, "a gap before segment {index} at {range}");
            end = range.end();
        }
        must!(end == *total, "{end} of {total} bytes are stored");
        if *total == 0 && self.empty == Empty::OneSegment {
            must!(record.acked.len() == 1, "the empty segment is not stored");
        }
        must!(receipts.is_some() == record.wants_receipts(), "receipts where none are wanted, or none");
        if let Some(receipts) = receipts {
            let held = record.acked.keys().map(|index| record.receipts.get(index));
            must!(
                receipts.iter().map(Some).eq(held),
                "not every receipt, in order, and the newest: {receipts:?}, {:?}",
                record.receipts
            );
        }
        Ok(())
    }
}
