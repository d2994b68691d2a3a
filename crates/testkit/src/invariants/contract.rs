//! The shape of the conversation.

use chunkwise_core::{Checkpoint, Event, OpId, Timestamp};

use super::{Invariant, must};
use crate::record::{Record, Seen};

/// The shape of the conversation: names are never used twice, one write and one refresh at a time, operations belong to
/// the session that is open, and nothing is under way where a session or the upload ends.
#[derive(Clone, Debug, Hash)]
pub struct Contract {
    last: Option<OpId>,
}

impl Contract {
    pub(super) const fn new(_: &Record, _: Option<&Checkpoint>) -> Self {
        Self { last: None }
    }
}

impl Invariant for Contract {
    const NAME: &'static str = "the contract (Contract)";

    fn check(&mut self, _: Timestamp, seen: &Seen<'_>, record: &Record) -> Result<(), String> {
        match *seen {
            Seen::Perform(op) => {
                must!(self.last < Some(op.id), "{} after {:?}", op.id, self.last);
                self.last = Some(op.id);
                if let Some(session) = op.action.session() {
                    let open = record.session.as_ref();
                    must!(Some(session) == open, "{session} is used, but {open:?} is open");
                }
            }
            Seen::Cancel(id) => must!(record.live.contains_key(&id), "{id} is given up, but not under way"),
            Seen::Persist => {
                must!(!record.writing, "two checkpoints are written at a time");
                must!(!record.closed, "a checkpoint is wanted behind the end");
            }
            Seen::Refresh(_) => must!(!record.refreshing, "two refreshes at a time"),
            Seen::Notify(Event::NewSession { .. }) => {
                must!(record.live.is_empty(), "of the old session is under way: {:?}", record.live);
            }
            Seen::Closed(_) => must!(record.live.is_empty(), "under way behind the end: {:?}", record.live),
            _ => {}
        }
        Ok(())
    }
}
