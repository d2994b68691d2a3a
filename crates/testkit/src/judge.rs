//! The judge: whether an end is a right one. The object, the reasons, what is said to be left, and whether all that is
//! true.

use chunkwise_core::{
    Completed, Discard, ErrorKind, Failure, Kept, OperationKind, Problem, ProblemKind, Progress, Timestamp,
    UploadError, Violation,
};

use crate::fault::{Fault, Said};
use crate::invariants::Breach;
use crate::model::Model;
use crate::scenario::Source;
use crate::server::{Appetite, Lie, Limit, Memory, ProcessingEnds, Repeats, Server, SessionState};

/// How an upload ended, by the name of what ended it.
pub type End = &'static str;

/// Why an upload may end badly, though every fault is one to get over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Excuse {
    /// The server refused for good.
    Refused,
    /// It wanted a wait without an end.
    Endless,
    /// It took no segment of that size.
    TooLarge,
    /// A checkpoint could not be written.
    Disk,
    /// Every operation of one kind met with a fault, or every write.
    Always,
    /// There were no new credentials.
    NoCredentials,
    /// Credentials expired before their time.
    Expired,
    /// A process went on from another checkpoint than the newest.
    OlderCheckpoint,
    /// The machine slept.
    Slept,
    /// The source changed, or could not be read.
    Source,
    /// The clock was set.
    Clock,
    /// The server lied.
    Lied,
    /// A request came behind its own back.
    Late,
    /// The server did what was asked, and denied it.
    Denied,
    /// The server could not process the object.
    Unprocessed,
    /// The time ran out.
    OutOfTime,
    /// The caller stopped it.
    Stopped,
    /// The source, whose length nobody knew, was longer than the segments that there may be.
    TooLong,
}

impl Excuse {
    /// What this fault excuses.
    pub const fn of(fault: Fault) -> Option<Self> {
        match fault {
            Fault::Misconfigured => Some(Self::Refused),
            Fault::Says(said) | Fault::DoneBut(said) => Self::of_answer(said),
            Fault::RequestLate(_) => Some(Self::Late),
            Fault::Lies(Lie::NotDone) => Some(Self::Denied),
            Fault::Lies(_) => Some(Self::Lied),
            Fault::Unreachable
            | Fault::RequestLost(_)
            | Fault::Cut(_)
            | Fault::Stall(_)
            | Fault::ReplyLost(_)
            | Fault::ReplyTwice(_)
            | Fault::ReplyLate(_)
            | Fault::Misfit(_) => None,
        }
    }

    const fn of_answer(said: Said) -> Option<Self> {
        match said {
            Said::Invalid | Said::Forbidden | Said::Quota | Said::SizeMismatch => Some(Self::Refused),
            Said::Endless => Some(Self::Endless),
            Said::Expired => Some(Self::Expired),
            Said::TooLarge(_) => Some(Self::TooLarge),
            Said::Transient(_)
            | Said::Throttled(_)
            | Said::Busy(_)
            | Said::Broken(_)
            | Said::Rejected
            | Said::Gone
            | Said::Conflict
            | Said::AlreadyStored
            | Said::Missing => None,
        }
    }
}

/// What is known of an upload that has ended, beside its end.
#[derive(Clone, Copy, Debug)]
pub struct Judge<'a> {
    /// The server, as it is now.
    pub server: &'a Server,
    /// When it ended.
    pub now: Timestamp,
    /// The source's length in bytes.
    pub total: u64,
    /// How far it said that it was, last of all.
    pub progress: Progress,
    /// Whether the source has to be read to go on.
    pub needs_source: bool,
    /// What kind of source it is.
    pub source: Source,
    /// Whether it must have come to a good end, for all that went wrong.
    pub must_complete: bool,
    /// Whether it went on in another process.
    pub resumed: bool,
    /// How many Appends may still reach the server.
    pub on_their_way: usize,
    /// Why it may have ended badly.
    pub excuses: &'a [Excuse],
}

impl Judge<'_> {
    fn is_excused(&self, excuse: Excuse) -> bool {
        self.excuses.contains(&excuse)
    }

    /// Whether the end is a right one, as far as it can be seen without trying what is kept; what of it is to be tried.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn ended(&self, result: &Result<Completed, UploadError>) -> Result<Kept, Breach> {
        if self.is_excused(Excuse::Lied) {
            // A liar may have any object; that it was survived is all that can be asked.
            return Ok(Kept::Nothing);
        }
        self.made_once()?;
        let error = match result {
            Ok(completed) => return self.completed_truly(completed).map(|()| Kept::Nothing),
            Err(error) => error,
        };
        for session in self.server.sessions() {
            if self.server.state(&session) == Some(SessionState::Committed) {
                self.server.check_object(&session, self.total)?;
            }
        }
        if self.must_complete {
            let detail = format!("nothing to speak of went wrong, and yet: {error:?}");
            return Err(Breach { rule: "the end", detail });
        }
        if !self.is_caused(&error.kind) {
            let detail =
                format!("nothing that happened is a reason for {error:?}; there was {:?}", self.excuses);
            return Err(Breach { rule: "the end", detail });
        }
        self.discard_is_true(error)?;
        self.doubt_is_told(error)?;
        self.kept_is_true(error)
    }

    /// Whether a process that went on from this end, and met with no fault any more, ended as it must.
    ///
    /// # Errors
    ///
    /// What is wrong with its end.
    pub fn went_on(&self, from: &UploadError, result: &Result<Completed, UploadError>) -> Result<(), Breach> {
        self.made_once()?;
        let rule = "what is kept";
        match (from.kept, result) {
            (Kept::Nothing, _) => Ok(()),
            (Kept::AbortOwed, Err(end)) if *end.kind == ErrorKind::Discarded(Discard::Confirmed) => Ok(()),
            (Kept::AbortOwed, other) => {
                Err(Breach { rule, detail: format!("an abort was owed, and came to {other:?}") })
            }
            (Kept::Checkpoint, Ok(completed)) => match &completed.session {
                Some(session) => self.server.check_object(session, self.total),
                None => Err(Breach { rule, detail: "completed without a session".into() }),
            },
            (Kept::Checkpoint, Err(again)) => self.may_not_go_on(from, again),
        }
    }

    /// How many objects there are where a single request makes one, or may come to be; nothing elsewhere.
    fn made(&self) -> usize {
        let made = || self.server.sessions().map(|session| self.server.objects(&session)).sum::<usize>();
        if self.server.settings().model.sends_once() { made() + self.on_their_way } else { 0 }
    }

    /// Whether nobody could know of an object: the server denied it, or what said so is not on the disk any more.
    fn is_misled(&self) -> bool {
        self.is_excused(Excuse::Denied) || self.is_excused(Excuse::OlderCheckpoint)
    }

    /// What a single request makes is not made twice.
    fn made_once(&self) -> Result<(), Breach> {
        let made = self.made();
        if made <= 1 || self.is_misled() {
            return Ok(());
        }
        let detail = format!("{made} requests made an object each, or may have");
        Err(Breach { rule: "invariant 7 (Certain)", detail })
    }

    /// Whoever ends with nothing left while the one request may have made an object says that nobody knows.
    fn doubt_is_told(&self, error: &UploadError) -> Result<(), Breach> {
        let told = match &*error.kind {
            ErrorKind::FinalizeUnknown { .. } | ErrorKind::Discarded(Discard::Unknown) => true,
            _ => error.kept != Kept::Nothing,
        };
        if told || self.made() == 0 || self.is_misled() {
            return Ok(());
        }
        let detail = format!("there may be an object, and yet: {error:?}");
        Err(Breach { rule: "invariant 7 (Certain)", detail })
    }

    fn completed_truly(&self, completed: &Completed) -> Result<(), Breach> {
        let rule = "the object";
        let Some(session) = &completed.session else {
            return Err(Breach { rule, detail: "completed without a session".into() });
        };
        if self.server.state(session) != Some(SessionState::Committed) {
            return Err(Breach { rule, detail: format!("completed, but {session} is not committed") });
        }
        if !self.server.told_ready(session) {
            let detail = format!("completed, but {session} was never said to be ready");
            return Err(Breach { rule, detail });
        }
        self.server.check_object(session, self.total)?;
        // Whoever has no newest checkpoint, or whose request comes behind its own back, can't know.
        let excused = self.resumed || self.is_excused(Excuse::Late) || self.is_excused(Excuse::Denied);
        if !excused && self.server.finalized_again(session) > 0 {
            return Err(Breach { rule: "invariant 7 (Certain)", detail: "Finalize was repeated".into() });
        }
        let committed = self.progress.committed;
        if committed != self.total {
            return Err(Breach { rule, detail: format!("completed, but {committed} bytes are committed") });
        }
        Ok(())
    }

    /// Whether something happened that an end of this kind is the right answer to. Where enough faults of any kind are a
    /// reason, that they were enough is for [`must_complete`](Self::must_complete) to say.
    fn is_caused(&self, kind: &ErrorKind) -> bool {
        let (server, one_of) = (self.server.settings(), |excuses: &[Excuse]| {
            excuses.iter().any(|excuse| self.is_excused(*excuse))
        });
        let late = [Excuse::Slept, Excuse::Clock, Excuse::OutOfTime, Excuse::Always];
        match kind {
            ErrorKind::Refused { .. } => one_of(&[Excuse::Refused]) || server.repeats == Repeats::Refuse,
            ErrorKind::Misconfigured { .. } => one_of(&[Excuse::Refused]),
            ErrorKind::Credentials { .. } => one_of(&[Excuse::NoCredentials, Excuse::Expired]),
            ErrorKind::Throttled { .. } => one_of(&[Excuse::Endless, Excuse::Clock]),
            ErrorKind::Deadline { .. } => one_of(&late),
            ErrorKind::TooLarge { .. } => server.limit != Limit::None || one_of(&[Excuse::TooLarge]),
            ErrorKind::SourceChanged => one_of(&[Excuse::Source]),
            ErrorKind::SourceUnreadable { .. } => one_of(&[Excuse::Source, Excuse::TooLong]),
            ErrorKind::ProcessingFailed { .. } => {
                server.processing == ProcessingEnds::Fails || one_of(&[Excuse::Unprocessed])
            }
            ErrorKind::StillProcessing { .. } => server.processing == ProcessingEnds::Never || one_of(&late),
            ErrorKind::Cancelled => one_of(&[Excuse::Stopped]),
            // Another process may owe the abort of one that failed.
            ErrorKind::Discarded(_) => one_of(&[Excuse::Stopped]) || self.resumed,
            ErrorKind::Persist => one_of(&[Excuse::Disk]),
            // Only a liar has an object of another length.
            ErrorKind::Integrity { .. } => false,
            ErrorKind::Exhausted { .. }
            | ErrorKind::SessionLost { .. }
            | ErrorKind::SizeMismatch { .. }
            | ErrorKind::FinalizeUnknown { .. }
            | ErrorKind::StatusLost { .. }
            | ErrorKind::Protocol { .. } => true,
        }
    }

    fn discard_is_true(&self, error: &UploadError) -> Result<(), Breach> {
        let ErrorKind::Discarded(discard) = &*error.kind else { return Ok(()) };
        if self.is_misled() || self.is_excused(Excuse::Late) {
            // Nothing is known of what was done behind it.
            return Ok(());
        }
        let state = error.session.as_ref().and_then(|session| self.server.state(session));
        let holds = match discard {
            Discard::NothingToDo => error.session.is_none(),
            Discard::Confirmed => !self.is_left_open(error),
            Discard::ExpiresByItself | Discard::LeftBehind => state == Some(SessionState::Open),
            Discard::AlreadyCommitted(_) => state == Some(SessionState::Committed),
            Discard::Unconfirmed { .. } | Discard::Unknown => true,
        };
        if holds {
            return Ok(());
        }
        let detail = format!("{discard:?}, but the session is {state:?}");
        Err(Breach { rule: "invariant 9 (Obedient)", detail })
    }

    fn is_left_open(&self, error: &UploadError) -> bool {
        error.session.as_ref().is_some_and(|session| self.server.is_left_open(self.now, session))
    }

    /// Whether the server has said of the address that it gave out itself that there is nothing of ours: what is there may
    /// be somebody else's, and the error names it.
    fn is_disowned(&self, error: &UploadError) -> bool {
        let lost = match &*error.kind {
            ErrorKind::SessionLost { .. } => true,
            ErrorKind::Protocol { violation, .. } => *violation == Violation::CursorBeyondSent,
            _ => false,
        };
        lost && self.server.settings().model == Model::AppendPrefix
    }

    /// What an error says to be left is what a resume finds.
    fn kept_is_true(&self, error: &UploadError) -> Result<Kept, Breach> {
        match error.kept {
            // Where a session can be given up, none is left open that the upload could name.
            Kept::Nothing
                if self.is_left_open(error)
                    && self.server.settings().model.aborts()
                    && !self.is_disowned(error) =>
            {
                let detail = format!("a session is left open by {error:?}");
                Err(Breach { rule: "what is kept", detail })
            }
            // Of a source that could be read once only, what is not stored is gone.
            Kept::Nothing if self.source == Source::Once && !self.all_is_stored() => Ok(Kept::Nothing),
            // Every resume would find it too long.
            Kept::Nothing
                if self.is_excused(Excuse::TooLong)
                    && matches!(*error.kind, ErrorKind::SourceUnreadable { .. }) =>
            {
                Ok(Kept::Nothing)
            }
            Kept::Nothing if error.session.is_some() && can_go_on(&error.kind) => {
                let detail = format!("nothing is kept of {error:?}");
                Err(Breach { rule: "what is kept", detail })
            }
            Kept::Nothing => Ok(Kept::Nothing),
            Kept::AbortOwed => Ok(Kept::AbortOwed),
            Kept::Checkpoint if self.source == Source::Once && self.needs_source => {
                let detail = format!("a checkpoint is kept that needs bytes which are gone: {error:?}");
                Err(Breach { rule: "what is kept", detail })
            }
            Kept::Checkpoint => Ok(Kept::Checkpoint),
        }
    }

    fn all_is_stored(&self) -> bool {
        self.progress.total == Some(self.progress.stored)
    }

    fn may_not_go_on(&self, error: &UploadError, again: &UploadError) -> Result<(), Breach> {
        let server = self.server.settings();
        let holds = match *again.kind {
            ErrorKind::ProcessingFailed { .. } => server.processing == ProcessingEnds::Fails,
            ErrorKind::StillProcessing { .. } => server.processing == ProcessingEnds::Never,
            // It is believed to be gone when many segments have seen it once each, and there is no other.
            ErrorKind::Exhausted {
                failure: Failure::Answered(Problem { kind: ProblemKind::SessionGone, .. }),
                ..
            } if self.progress.session > 1 => true,
            // It ended while a session was to be replaced, for a size that two resets made suspect: more may come of a source
            // whose end was not known yet than fits below it.
            ErrorKind::TooLarge { .. }
                if self.progress.total.is_none()
                    && matches!(
                        *error.kind,
                        ErrorKind::Throttled { operation: OperationKind::Abort, .. }
                    ) =>
            {
                true
            }
            ErrorKind::TooLarge { .. } | ErrorKind::Exhausted { .. } => {
                server.limit != Limit::None || matches!(server.appetite, Appetite::NothingBehind(_))
            }
            ErrorKind::FinalizeUnknown { .. } => !server.model.verifies(),
            ErrorKind::Refused { .. } => server.repeats == Repeats::Refuse,
            // Both sessions are used up; of a checkpoint that lags behind a new cut, the server's list is foreign.
            ErrorKind::SessionLost { .. }
            | ErrorKind::SizeMismatch { .. }
            | ErrorKind::Protocol { violation: Violation::ForeignSegment(_), .. } => {
                self.progress.session > 1 || self.source == Source::Once
            }
            // What the server has lost of a source that could be read once only is lost.
            ErrorKind::Protocol { operation: OperationKind::Finalize, .. } => {
                self.source == Source::Once && server.memory == Memory::LosesOnce
            }
            ErrorKind::SourceUnreadable { .. } => self.is_excused(Excuse::TooLong),
            _ => false,
        };
        if holds {
            return Ok(());
        }
        let detail = format!("it can't go on from {error:?}: {again:?}");
        Err(Breach { rule: "what is kept", detail })
    }
}

/// Whether an upload that ended like this in an open session can go on another time: then a checkpoint must be kept.
const fn can_go_on(kind: &ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Exhausted { .. }
            | ErrorKind::Misconfigured { .. }
            | ErrorKind::Credentials { .. }
            | ErrorKind::Throttled { .. }
            | ErrorKind::Deadline { .. }
            | ErrorKind::SourceUnreadable { .. }
            | ErrorKind::StillProcessing { .. }
            | ErrorKind::StatusLost { .. }
            | ErrorKind::Cancelled
    )
}

/// Whether a server does nothing by itself that an upload can't get over.
pub fn is_harmless(server: &Server, source: Source) -> bool {
    let settings = server.settings();
    settings.model.verifies()
        && settings.limit == Limit::None
        && settings.lifetime.is_none()
        && settings.processing == ProcessingEnds::Ready
        && !matches!(settings.appetite, Appetite::NothingBehind(_))
        && settings.repeats != Repeats::Refuse
        && (source != Source::Once || settings.memory == Memory::Good)
}

/// The name of an end.
pub fn name(result: &Result<Completed, UploadError>) -> End {
    match result {
        Ok(_) => "completed",
        Err(error) => kind_name(&error.kind),
    }
}

/// The name of what ended an upload badly.
pub const fn kind_name(kind: &ErrorKind) -> End {
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
