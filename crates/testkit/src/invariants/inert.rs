//! Invariant 6.

use chunkwise_core::{Checkpoint, Stats, Timestamp};

use super::{Invariant, must};
use crate::record::{Record, Seen};

/// Invariant 6: a late, duplicate or unknown outcome changes nothing, and is counted.
#[derive(Clone, Debug, Hash)]
pub struct Inert;

impl Inert {
    pub(super) const fn new(_: &Record, _: Option<&Checkpoint>) -> Self {
        Self
    }
}

impl Invariant for Inert {
    const NAME: &'static str = "invariant 6 (Inert)";

    fn check(&mut self, _: Timestamp, seen: &Seen<'_>, _: &Record) -> Result<(), String> {
        let Seen::Stale { before, after } = *seen else { return Ok(()) };
        must!(before.checkpoint() == after.checkpoint(), "the checkpoint changed");
        must!(before.progress() == after.progress(), "the progress changed");
        must!(before.phase() == after.phase(), "the phase changed");
        let (before, after) = (before.stats(), after.stats());
        let counted = Stats { ignored: before.ignored + 1, ..*before };
        must!(counted == *after, "it is not counted, or more: {before:?}, {after:?}");
        Ok(())
    }
}
