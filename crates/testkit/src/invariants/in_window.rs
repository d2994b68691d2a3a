//! Invariant 2.

use chunkwise_core::{Action, Checkpoint, Timestamp};

use super::{Invariant, must};
use crate::record::{Record, Seen};

/// Invariant 2: live Appends are within the window, retries included; never two of one segment, none of a stored one. In
/// the append family there is one at most, and it begins at the cursor.
#[derive(Clone, Debug, Hash)]
pub struct InWindow;

impl InWindow {
    pub(super) const fn new(_: &Record, _: Option<&Checkpoint>) -> Self {
        Self
    }
}

impl Invariant for InWindow {
    const NAME: &'static str = "invariant 2 (InWindow)";

    fn check(&mut self, _: Timestamp, seen: &Seen<'_>, record: &Record) -> Result<(), String> {
        let Seen::Perform(op) = *seen else { return Ok(()) };
        let Action::Append { segment, .. } = &op.action else { return Ok(()) };
        let live = record.live_appends().count();
        if record.is_append() {
            must!(live == 0, "a second Append: {:?}", record.live);
            let (start, cursor) = (segment.range.start(), record.cursor);
            must!(start == cursor, "it begins at {start}, the cursor is at {cursor}");
            return Ok(());
        }
        let max = record.policy.window.max();
        must!(live < max as usize, "{live} Appends are live, the window is {max}");
        let index = segment.index;
        must!(
            record.live_appends().all(|other| other.action.segment() != Some(index)),
            "two live attempts of segment {index}"
        );
        must!(!record.acked.contains_key(&index.get()), "segment {index} is stored");
        Ok(())
    }
}
