//! The history: what was seen of a simulated upload, in order, for whoever wants to tell of it.

use chunkwise_core::{
    ByteRange, Checkpoint, CheckpointSeq, Completed, Event, Failure, OpId, Operation, Outcome, Timestamp,
    UploadError,
};

use super::{Breach, Report, Trace, World};
use crate::fault::Fault;
use crate::record::Seen;
use crate::scenario::{Control, Scenario};

/// Something that was seen of a simulated upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    /// A fault struck what was just sent.
    Struck(Fault),
    /// The caller or the machine did this.
    Done(Control),
    /// An operation was given out.
    Performed(Operation),
    /// Of an Append that was sent the wire took, or will take, these bytes.
    Taken(OpId, ByteRange),
    /// An operation was given up.
    GivenUp(OpId),
    /// An operation was answered, and it was no; or its answer was lost.
    Failed(OpId, Failure),
    /// New credentials were asked for.
    Refreshing,
    /// An event was told.
    Told(Event),
    /// A checkpoint was written.
    Written(Box<Checkpoint>),
    /// A checkpoint could not be written.
    Unwritten,
    /// The process died, and another one goes on from this checkpoint, or begins anew.
    Restarted(Option<CheckpointSeq>),
    /// The upload is over.
    Ended(Result<Completed, UploadError>),
    /// After the end, with all well again, another process goes on from what is kept.
    GoesOn,
}

/// A simulated upload with its history.
#[derive(Clone, Debug)]
pub struct Watched {
    /// What the run came to.
    pub ran: Result<Report, Breach>,
    /// What was seen, and when; the clock is the simulation's.
    pub history: Vec<(Timestamp, Sight)>,
    /// Whether the server made the right object of some session.
    pub object: bool,
}

/// Runs a scenario to its end, and gives what was seen.
pub fn watched(scenario: &Scenario) -> Watched {
    let Ok(mut world) = World::new(scenario, Trace::Off) else {
        return Watched { ran: Ok(Report::unplanned()), history: Vec::new(), object: false };
    };
    world.history = Some(Vec::new());
    let ran = world.run();
    let committed = |session: &_| {
        world.server.state(session) == Some(crate::server::SessionState::Committed)
            && world.server.check_object(session, world.scenario.total).is_ok()
    };
    let object = world.server.sessions().any(|session| committed(&session));
    Watched { ran, object, history: world.history.unwrap_or_default() }
}

impl World {
    /// Keeps something seen, if anybody wants to know.
    pub(super) fn witness(&mut self, sight: impl FnOnce() -> Sight) {
        if let Some(history) = &mut self.history {
            history.push((self.now, sight()));
        }
    }

    pub(super) fn witness_seen(&mut self, seen: &Seen<'_>) {
        match *seen {
            Seen::Perform(op) => self.witness(|| Sight::Performed(op.clone())),
            Seen::Cancel(op) => self.witness(|| Sight::GivenUp(op)),
            Seen::Refresh(_) => self.witness(|| Sight::Refreshing),
            Seen::Notify(event) => self.witness(|| Sight::Told(event.clone())),
            Seen::Outcome(op, Outcome { result: Err(failure), .. }) => {
                self.witness(|| Sight::Failed(op, failure.clone()));
            }
            Seen::Written(Some(checkpoint)) => self.witness(|| Sight::Written(Box::new(checkpoint.clone()))),
            Seen::Written(None) => self.witness(|| Sight::Unwritten),
            Seen::Closed(result) => self.witness(|| Sight::Ended(result.clone())),
            Seen::Persist
            | Seen::Release(_)
            | Seen::Idle { .. }
            | Seen::Progress(_)
            | Seen::Started(_)
            | Seen::Outcome(..)
            | Seen::Stale { .. }
            | Seen::Refreshed
            | Seen::Hold(..)
            | Seen::Discard => {}
        }
    }
}
