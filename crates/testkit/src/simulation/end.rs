//! The end of a simulated upload: judged, and what is said to be left tried.

use chunkwise_core::{Completed, UploadError};

use super::{Coming, Life, Sight, World};
use crate::invariants::Breach;
use crate::judge::{End, Judge, Left, is_harmless, name};
use crate::record::Seen;
use crate::scenario::{Control, Faults, Source};

impl World {
    /// Whether the end is a right one; its name.
    pub(super) fn judge(&mut self) -> Result<End, Breach> {
        let result = match &self.life {
            Life::Ended(result) => (**result).clone(),
            Life::CannotResume => return Ok("not rewindable"),
            Life::Runs => return Err(Breach { rule: "liveness", detail: "it has no end".into() }),
        };
        let end = name(&result);
        let left = self.as_judge().ended(&result)?;
        let Err(error) = result else { return Ok(end) };
        match left {
            Left::Nothing => {}
            Left::Checkpoint | Left::AbortOwed => match self.go_on()? {
                Some(again) => self.as_judge().went_on(&error, &again)?,
                None if left == Left::Checkpoint => {}
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
            total: self.upload.plan().total(),
            progress: self.upload.progress(),
            needs_source: self.upload.checkpoint().needs_source(),
            now: self.now,
            source: self.scenario.source,
            must_complete: self.is_without_reason(),
            resumed: self.process > 0,
            excuses: &self.excuses,
        }
    }

    /// Whether too little went wrong for any other end than a good one.
    fn is_without_reason(&self) -> bool {
        let intervened = self.scenario.interventions.iter().map(|i| i.control);
        let controls = self.scenario.controls.iter().map(|(_, control)| *control);
        let calm = controls.chain(intervened).all(|control| {
            matches!(control, Control::Pause | Control::Resume | Control::Hold | Control::Rotate)
        });
        self.faults_met < 2
            && is_harmless(&self.server, self.scenario.source)
            && self.process == 0
            && calm
            && self.excuses.is_empty()
            // What is sent once only can't be sent again where a whole session is lost.
            && (self.scenario.source != Source::Once || self.faults_met == 0)
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
        self.queue.retain(|_, coming| matches!(coming, Coming::Grown(_) | Coming::Arrival(..)));
        let checkpoint = self.upload.checkpoint();
        self.disturb(std::time::Duration::ZERO);
        self.restart(Some(checkpoint))?;
        self.until_the_end()?;
        self.see(Seen::Progress(self.upload.progress()))?;
        Ok(match &self.life {
            Life::Ended(result) => Some((**result).clone()),
            Life::Runs | Life::CannotResume => None,
        })
    }
}
