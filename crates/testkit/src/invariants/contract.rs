//! The shape of the conversation.

use chunkwise_core::{Action, Checkpoint, Event, Last, OpId, SourceLength, Timestamp};

use super::{Invariant, must};
use crate::record::{Record, Seen};

/// The shape of the conversation: names are never used twice, one write and one refresh at a time, operations belong to
/// the session that is open, and nothing is under way where a session or the upload ends. Where the source ends is said
/// by the Append that ends there and by no other, at Init if it was known then, and always alike.
#[derive(Clone, Debug, Hash)]
pub struct Contract {
    last: Option<OpId>,
    /// Where the source ends, as far as that is known or was said.
    end: Option<u64>,
}

impl Contract {
    pub(super) fn new(record: &Record, from: Option<&Checkpoint>) -> Self {
        let end = match record.spec.length {
            SourceLength::Known(total) => Some(total),
            SourceLength::Unknown => {
                from.filter(|from| !from.plan().is_open()).map(|from| from.plan().total())
            }
        };
        Self { last: None, end }
    }

    fn ends(&mut self, end: u64) -> Result<(), String> {
        let known = *self.end.get_or_insert(end);
        must!(known == end, "the source is said to end at {end}, and before at {known}");
        Ok(())
    }
}

impl Invariant for Contract {
    const NAME: &'static str = "the contract (Contract)";

    fn check(&mut self, _: Timestamp, seen: &Seen<'_>, record: &Record) -> Result<(), String> {
        match *seen {
            Seen::Perform(op) => {
                must!(self.last < Some(op.id), "{} after {:?}", op.id, self.last);
                self.last = Some(op.id);
                match &op.action {
                    Action::Append { segment, last: Last::End, .. } => self.ends(segment.range.end())?,
                    Action::Append { segment, last: Last::More, .. } => {
                        let end = segment.range.end();
                        let before = self.end.is_none_or(|known| end < known);
                        must!(before, "{} goes to the end or behind it, and does not say so", segment.range);
                    }
                    Action::Init { total } => match (total, record.spec.length) {
                        (Some(total), _) => self.ends(*total)?,
                        (None, SourceLength::Unknown) => {
                            must!(self.end.is_none(), "Init says no length, though it is known");
                        }
                        (None, SourceLength::Known(_)) => return Err("Init says no length".into()),
                    },
                    Action::Finalize { total, .. } | Action::Verify { total, .. } => self.ends(*total)?,
                    Action::Probe { .. } | Action::Status { .. } | Action::Abort { .. } => {}
                }
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
