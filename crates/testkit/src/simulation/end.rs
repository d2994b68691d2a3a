//! The end of a simulated upload: judged, and what is said to be left tried.

use chunkwise_core::{Completed, ErrorKind, Kept, UploadError};

use super::{Coming, Life, Sight, World};
use crate::invariants::Breach;
use crate::judge::{End, Excuse, Judge, is_harmless, name};
use crate::record::Seen;
use crate::scenario::{Faults, Source};
use crate::server::Memory;

/// How many faults an upload gets over, whichever they are: fewer than the tries of one thing, and than what two sessions can
/// be lost by.
const FEW: u32 = 3;

impl World {
    /// Whether the end is a right one; its name.
    pub(super) fn judge(&mut self) -> Result<End, Breach> {
        let result = match &self.life {
            Life::Ended(result) => (**result).clone(),
            Life::Runs => return Err(Breach { rule: "liveness", detail: "it has no end".into() }),
        };
        let end = name(&result);
        let left = self.as_judge().ended(&result)?;
        let Err(error) = result else { return Ok(end) };
        match left {
            Kept::Nothing => {}
            Kept::Checkpoint | Kept::AbortOwed => match self.go_on()? {
                Some(again) => self.as_judge().went_on(&error, &again)?,
                None if left == Kept::Checkpoint => {}
                None => {
                    let detail = "an abort was owed, and could not be gone on with".into();
                    return Err(Breach { rule: "what is kept", detail });
                }
            },
        }
        Ok(end)
    }

    fn as_judge(&self) -> Judge<'_> {
        Judge {
            server: &self.server,
            total: self.scenario.total,
            progress: self.upload.progress(),
            needs_source: self.upload.checkpoint().needs_source(),
            now: self.now,
            source: self.scenario.source,
            must_complete: self.is_without_reason(),
            resumed: self.process > 0,
            on_their_way: self.queue.values().filter(|coming| coming.is_an_append()).count(),
            excuses: &self.excuses,
        }
    }

    /// Whether too little went wrong for any other end than a good one: a few faults, crashes among them, none of which
    /// ends an upload by itself.
    fn is_without_reason(&self) -> bool {
        // What is sent once only can't be sent again where a session is lost; credentials may be refused once; three writes
        // in a row that fail are the end.
        let few = if self.scenario.source == Source::Once {
            0
        } else if self.excuses.contains(&Excuse::Expired) {
            1
        } else if self.excuses.contains(&Excuse::Disk) {
            FEW - 1
        } else {
            FEW
        };
        let lost = u32::from(self.scenario.server.memory == Memory::LosesOnce);
        self.faults_met + self.process + lost <= few
            && is_harmless(&self.server, self.scenario.source)
            && self.excuses.iter().all(|excuse| matches!(excuse, Excuse::Expired | Excuse::Disk))
    }

    /// Another process goes on from the end, and all is well from now on.
    fn go_on(&mut self) -> Result<Option<Result<Completed, UploadError>>, Breach> {
        self.note(|| "another process goes on, and nothing goes wrong any more".into());
        self.faults_left = 0;
        self.scenario.faults = Faults::Scheduled(Vec::new());
        self.scenario.crashes.clear();
        self.scenario.interventions.clear();
        self.scenario.unwritten.clear();
        self.credentials = true;
        self.witness(|| Sight::GoesOn);
        self.queue.retain(|_, coming| matches!(coming, Coming::Grown(..) | Coming::Arrival(..)));
        let disk_fails = matches!(&self.life, Life::Ended(result)
            if matches!(&**result, Err(error) if *error.kind == ErrorKind::Persist));
        let from = if disk_fails { self.disk.newest()? } else { Some(self.upload.checkpoint()) };
        self.disturb(std::time::Duration::ZERO);
        self.restart(from)?;
        self.until_the_end()?;
        self.see(Seen::Progress(self.upload.progress()))?;
        Ok(match &self.life {
            Life::Ended(result) => Some((**result).clone()),
            Life::Runs => None,
        })
    }
}
