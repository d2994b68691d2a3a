//! Invariant 12.

use chunkwise_core::{Checkpoint, Timestamp};

use super::{Invariant, must};
use crate::record::{Awaits, Record, Seen};

/// Invariant 12: whatever the server says, a drain is finite and waits for something: no endless loop, no standstill.
#[derive(Clone, Debug, Hash)]
pub struct Finite;

/// The most outputs between two inputs. A window of Appends, their cancels and their events are far less.
const OUTPUTS: usize = 400;

impl Finite {
    pub(super) const fn new(_: &Record, _: Option<&Checkpoint>) -> Self {
        Self
    }
}

impl Invariant for Finite {
    const NAME: &'static str = "invariant 12 (Finite)";

    fn check(&mut self, now: Timestamp, seen: &Seen<'_>, record: &Record) -> Result<(), String> {
        let Seen::Idle { outputs, wake_at, awaits } = *seen else { return Ok(()) };
        must!(outputs < OUTPUTS, "{outputs} outputs without a pause");
        must!(wake_at.is_none_or(|at| at > now), "a wake-up in the past: {wake_at:?} at {now}");
        let something = !record.live.is_empty()
            || record.writing
            || record.refreshing
            || record.paused
            || awaits == Awaits::Source;
        // A far deadline is no answer to "what next?".
        let soon = wake_at.is_some_and(|at| at.since(now) <= record.policy.retry.longest_wait);
        must!(something || soon, "it waits for nothing: {now}, {wake_at:?}");
        Ok(())
    }
}
