//! Invariant 11.

use chunkwise_core::{Checkpoint, Event, Progress, Timestamp};

use super::{Invariant, must};
use crate::record::{Record, Seen};

/// Invariant 11: the four numbers of progress never go back within a session, and say what was acknowledged; a new
/// session is an event of its own.
#[derive(Clone, Debug, Default, Hash)]
pub struct Forward {
    last: Progress,
    most: u64,
}

impl Forward {
    pub(super) fn new(_: &Record, _: Option<&Checkpoint>) -> Self {
        Self::default()
    }
}

impl Invariant for Forward {
    const NAME: &'static str = "invariant 11 (Forward)";

    fn check(&mut self, _: Timestamp, seen: &Seen<'_>, record: &Record) -> Result<(), String> {
        match *seen {
            Seen::Notify(Event::NewSession { .. }) => *self = Self::default(),
            Seen::Progress(new) => {
                let old = std::mem::replace(&mut self.last, new);
                must!(new.session == record.sessions, "session {} of {}", new.session, record.sessions);
                let forward = new.sent >= old.sent
                    && new.stored >= old.stored
                    && new.committed >= old.committed
                    && new.processed >= old.processed;
                must!(forward, "{old:?}, then {new:?}");
                must!(old.total.is_none() || old.total == new.total, "{old:?}, then {new:?}");
                let total = new.total.unwrap_or(u64::MAX);
                must!(new.stored <= new.sent && new.sent <= total, "{new:?}");
                self.most = self.most.max(record.acknowledged_bytes());
                must!(new.stored == self.most, "{} are stored, {} were acknowledged", new.stored, self.most);
                must!(new.committed == 0 || new.committed == total, "{new:?}");
            }
            _ => {}
        }
        Ok(())
    }
}
