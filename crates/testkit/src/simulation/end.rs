//! The end: the object, the reasons, what is said to be left, and whether all that is true.

use chunkwise_core::{Completed, Discard, ErrorKind, Kept, Session, UploadError, Violation};

use super::{Coming, Excuse, Life, Sight, World};
use crate::invariants::Breach;
use crate::record::Seen;
use crate::scenario::{Control, Faults, Source};
use crate::server::{Limit, Memory, ProcessingEnds, SessionState};

/// How a simulated upload ended, by the name of what ended it.
pub type End = &'static str;

impl World {
    /// Whether the end is a right one; its name.
    pub(super) fn judge(&mut self) -> Result<End, Breach> {
        let breach = |rule: &'static str, detail: String| Err(Breach { rule, detail });
        let result = match &self.life {
            Life::Ended(result) => (**result).clone(),
            Life::CannotResume => return Ok("not rewindable"),
            Life::Runs => return breach("liveness", "it has no end".into()),
        };
        if self.is_excused(Excuse::Lied) {
            // A liar may have any object; that it was survived is all that can be asked.
            return Ok(result.map_or_else(|error| name(&error.kind), |_| "completed"));
        }
        let error = match result {
            Ok(completed) => {
                self.completed_truly(&completed)?;
                return Ok("completed");
            }
            Err(error) => error,
        };
        for session in self.server.sessions() {
            if self.server.state(&session) == Some(SessionState::Committed) {
                self.object_is_right(&session)?;
            }
        }
        if self.is_without_reason() {
            return breach("the end", format!("nothing to speak of went wrong, and yet: {error:?}"));
        }
        self.discard_is_true(&error)?;
        self.kept_is_true(&error)?;
        Ok(name(&error.kind))
    }

    fn completed_truly(&self, completed: &Completed) -> Result<(), Breach> {
        let rule = "the object";
        let Some(session) = &completed.session else {
            return Err(Breach { rule, detail: "completed without a session".into() });
        };
        if self.server.state(session) != Some(SessionState::Committed) {
            return Err(Breach { rule, detail: format!("completed, but {session} is not committed") });
        }
        self.object_is_right(session)?;
        // Whoever has no newest checkpoint, or whose request comes behind its own back, can't know.
        let excused = self.process > 0 || self.is_excused(Excuse::Late);
        if !excused && self.server.finalized_again(session) > 0 {
            return Err(Breach { rule: "invariant 7 (Certain)", detail: "Finalize was repeated".into() });
        }
        let committed = self.upload.progress().committed;
        if committed != self.scenario.total {
            return Err(Breach { rule, detail: format!("completed, but {committed} bytes are committed") });
        }
        Ok(())
    }

    pub(super) fn object_is_right(&self, session: &Session) -> Result<(), Breach> {
        let object = self.server.object(session);
        let mut end = 0;
        let whole = object.iter().all(|range| {
            let fits = range.start() == end;
            end = range.end();
            fits
        });
        if whole && end == self.scenario.total {
            return Ok(());
        }
        Err(Breach { rule: "the object", detail: format!("{session} is {object:?}") })
    }

    /// Whether too little went wrong for any other end than a good one.
    fn is_without_reason(&self) -> bool {
        let server = &self.scenario.server;
        let intervened = self.scenario.interventions.iter().map(|i| i.control);
        let controls = self.scenario.controls.iter().map(|(_, control)| *control);
        let calm = controls.chain(intervened).all(|control| {
            matches!(control, Control::Pause | Control::Resume | Control::Hold | Control::Rotate)
        });
        self.faults_met < 2
            && server.model.verifies()
            && server.limit == Limit::None
            && server.lifetime.is_none()
            && server.processing == ProcessingEnds::Ready
            && server.repeats != crate::server::Repeats::Refuse
            && self.process == 0
            && calm
            && self.excuses.is_empty()
            && (self.scenario.source != Source::Once || server.memory == Memory::Good)
            // What is sent once only can't be sent again where a whole session is lost.
            && (self.scenario.source != Source::Once || self.faults_met == 0)
    }

    fn discard_is_true(&self, error: &UploadError) -> Result<(), Breach> {
        let ErrorKind::Discarded(discard) = &*error.kind else { return Ok(()) };
        if self.is_excused(Excuse::OlderCheckpoint) || self.is_excused(Excuse::Late) {
            // Nothing is known of what was done behind it.
            return Ok(());
        }
        let state = error.session.as_ref().and_then(|session| self.server.state(session));
        let left = error.session.as_ref().is_some_and(|s| self.server.is_left_open(self.now, s));
        let holds = match discard {
            Discard::NothingToDo => error.session.is_none(),
            Discard::Confirmed => !left,
            Discard::ExpiresByItself => state == Some(SessionState::Open),
            Discard::AlreadyCommitted(_) => state == Some(SessionState::Committed),
            Discard::Unconfirmed { .. } | Discard::Unknown => true,
        };
        if holds {
            return Ok(());
        }
        let detail = format!("{discard:?}, but the session is {state:?}");
        Err(Breach { rule: "invariant 9 (Obedient)", detail })
    }

    /// What an error says to be left is what a resume finds.
    fn kept_is_true(&mut self, error: &UploadError) -> Result<(), Breach> {
        let rule = "what is kept";
        match error.kept {
            Kept::Nothing => {
                // Where a session can be given up, none is left open that the upload could name.
                let left = error.session.as_ref().is_some_and(|s| self.server.is_left_open(self.now, s));
                if left && self.scenario.server.model.aborts() {
                    return Err(Breach { rule, detail: format!("a session is left open by {error:?}") });
                }
                Ok(())
            }
            Kept::AbortOwed => match self.go_on()? {
                Some(Err(end)) if *end.kind == ErrorKind::Discarded(Discard::Confirmed) => Ok(()),
                other => Err(Breach { rule, detail: format!("an abort was owed, and came to {other:?}") }),
            },
            Kept::Checkpoint => {
                if self.scenario.source == Source::Once && self.upload.checkpoint().needs_source() {
                    return Ok(());
                }
                match self.go_on()? {
                    None => Ok(()),
                    Some(Ok(completed)) => match &completed.session {
                        Some(session) => self.object_is_right(session),
                        None => Err(Breach { rule, detail: "completed without a session".into() }),
                    },
                    Some(Err(again)) => self.may_not_go_on(error, &again),
                }
            }
        }
    }

    fn may_not_go_on(&self, error: &UploadError, again: &UploadError) -> Result<(), Breach> {
        let server = &self.scenario.server;
        let holds = match *again.kind {
            ErrorKind::ProcessingFailed { .. } => server.processing == ProcessingEnds::Fails,
            ErrorKind::StillProcessing { .. } => server.processing == ProcessingEnds::Never,
            ErrorKind::TooLarge { .. } | ErrorKind::Exhausted { .. } => server.limit != Limit::None,
            ErrorKind::FinalizeUnknown { .. } => !server.model.verifies(),
            ErrorKind::Refused { .. } => server.repeats == crate::server::Repeats::Refuse,
            // Both sessions are used up; of a checkpoint that lags behind a new cut, the server's list is foreign.
            ErrorKind::SessionLost { .. }
            | ErrorKind::SizeMismatch { .. }
            | ErrorKind::Protocol { violation: Violation::ForeignSegment(_), .. } => {
                self.upload.progress().session > 1 || self.scenario.source == Source::Once
            }
            _ => false,
        };
        if holds {
            return Ok(());
        }
        let detail = format!("it can't go on from {error:?}: {again:?}");
        Err(Breach { rule: "what is kept", detail })
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

/// The name of what ended an upload.
pub(crate) const fn name(kind: &ErrorKind) -> End {
    match kind {
        ErrorKind::Refused { .. } => "refused",
        ErrorKind::Misconfigured { .. } => "misconfigured",
        ErrorKind::Credentials { .. } => "credentials",
        ErrorKind::Exhausted { .. } => "exhausted",
        ErrorKind::Throttled { .. } => "throttled",
        ErrorKind::Deadline { .. } => "deadline",
        ErrorKind::TooLarge { .. } => "too large",
        ErrorKind::SessionLost { .. } => "session lost",
        ErrorKind::SourceChanged => "source changed",
        ErrorKind::SourceUnreadable { .. } => "source unreadable",
        ErrorKind::Integrity { .. } => "integrity",
        ErrorKind::SizeMismatch { .. } => "size mismatch",
        ErrorKind::FinalizeUnknown { .. } => "finalize unknown",
        ErrorKind::ProcessingFailed { .. } => "processing failed",
        ErrorKind::StillProcessing { .. } => "still processing",
        ErrorKind::StatusLost { .. } => "status lost",
        ErrorKind::Protocol { .. } => "protocol",
        ErrorKind::Persist => "persist",
        ErrorKind::Cancelled => "cancelled",
        ErrorKind::Discarded(_) => "discarded",
    }
}
