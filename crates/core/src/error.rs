//! Errors: who is at fault, what happened, what is kept, what to do next.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use core::fmt;
use core::time::Duration;

use crate::failure::{Failure, ServerError};
use crate::operation::OperationKind;
use crate::outcome::Final;
use crate::time::Timestamp;
use crate::token::Session;

/// Why an upload did not end with a ready object.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{kind}")]
pub struct UploadError {
    /// What happened.
    pub kind: Box<ErrorKind>,
    /// The session, if one was open: X's media id. It may still be of use, or be of interest to a server's support.
    pub session: Option<Session>,
    /// What is left of the upload.
    pub kept: Kept,
}

/// What is left of an upload that did not end well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kept {
    /// A checkpoint from which it can go on.
    Checkpoint,
    /// A checkpoint that says no more than that the session must still be given up.
    AbortOwed,
    /// Nothing that it could go on from.
    Nothing,
}

/// Who has to do something about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The caller: the source, the settings, the credentials.
    Caller,
    /// The server: it refused, broke its protocol or lost something.
    Server,
    /// The way between: it did not work for long enough.
    Network,
    /// The machine we run on: its disk.
    Machine,
    /// Nobody: it was wanted.
    Nobody,
}

/// What ended an upload.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The server refused for good.
    Refused {
        /// Which operation.
        operation: OperationKind,
        /// What it said.
        failure: Failure,
    },
    /// The request can't be made as things are set.
    Misconfigured {
        /// Which operation.
        operation: OperationKind,
        /// What stands in the way.
        failure: Failure,
    },
    /// The credentials were refused, and a refresh did not help or was not possible.
    Credentials {
        /// What the server said.
        failure: Failure,
    },
    /// Everything was tried as often as the policy allows.
    Exhausted {
        /// Which operation.
        operation: OperationKind,
        /// How often it was tried.
        attempts: u32,
        /// What went wrong the last time.
        failure: Failure,
    },
    /// The server wants a longer wait than the policy or the deadline allows.
    Throttled {
        /// Which operation.
        operation: OperationKind,
        /// When the server would take it again.
        until: Timestamp,
    },
    /// The upload took longer than its deadline.
    Deadline {
        /// The deadline.
        deadline: Duration,
    },
    /// The server does not take segments small enough to be sent.
    TooLarge {
        /// The size it refused, in bytes.
        refused: u64,
        /// The smallest size that could still be planned, in bytes.
        smallest: u64,
    },
    /// The session is gone or expired, and no further one was possible.
    SessionLost {
        /// Why no further one was possible.
        reason: SessionLoss,
    },
    /// The source is not what it was.
    SourceChanged,
    /// The source could not be read.
    SourceUnreadable {
        /// What happened.
        detail: crate::failure::Detail,
    },
    /// The object that the server committed is not of our length.
    Integrity {
        /// Our length.
        expected: u64,
        /// The server's.
        found: u64,
    },
    /// The stored bytes do not add up, though every one was acknowledged.
    SizeMismatch {
        /// What the server said.
        failure: Failure,
    },
    /// Finalize was sent, its answer was lost, and nobody can tell whether the object was committed. Where the last Append
    /// makes the object and must not be sent twice, the same of that, whatever kept its answer from being heard.
    FinalizeUnknown {
        /// What went wrong.
        failure: Failure,
    },
    /// The server could not process the object.
    ProcessingFailed {
        /// What it said.
        error: ServerError,
    },
    /// The object is committed; the server was still processing it when the deadline passed. The session (media
    /// id) is still valid.
    StillProcessing {
        /// How long was waited.
        waited: Duration,
    },
    /// The object is committed, but the server's processing could not be followed. The session (media id) is
    /// still valid.
    StatusLost {
        /// What went wrong the last time.
        failure: Failure,
    },
    /// The server broke its protocol.
    Protocol {
        /// Which operation.
        operation: OperationKind,
        /// How.
        violation: Violation,
    },
    /// A checkpoint had to be written before going on, and could not.
    Persist,
    /// The caller cancelled and wants to keep what there is.
    Cancelled,
    /// The caller cancelled and wants nothing kept.
    Discarded(Discard),
}

/// Why a lost session was the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SessionLoss {
    /// The policy's number of sessions is used up.
    SessionsExhausted,
    /// The source can't be read a second time.
    NotRewindable,
}

/// How a server broke its protocol.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Violation {
    /// It answered something that does not fit the question.
    UnexpectedReply(&'static str),
    /// It put its cursor behind the end of the source.
    CursorBeyondEnd,
    /// It put its cursor behind everything that we sent.
    CursorBeyondSent,
    /// It put its cursor back before bytes that it had acknowledged, more often than is believed.
    CursorWentBack,
    /// It did not send a receipt that Finalize will need.
    ReceiptMissing,
    /// It lists a segment that we never sent, or not with this length.
    ForeignSegment(u32),
    /// Its list of segments does not end.
    EndlessListing,
    /// Its answers made no sense, as often as was tried.
    Unreadable(Failure),
}

impl Violation {
    /// Whether the server holds something else than what was sent to it: no resume of that session can come to good.
    pub(crate) const fn is_foreign(&self) -> bool {
        match self {
            Self::ForeignSegment(_) | Self::CursorBeyondSent | Self::CursorWentBack => true,
            Self::UnexpectedReply(_)
            | Self::CursorBeyondEnd
            | Self::ReceiptMissing
            | Self::EndlessListing
            | Self::Unreadable(_) => false,
        }
    }
}

/// What became of a session that was to be given up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Discard {
    /// There was no session to give up.
    NothingToDo,
    /// The server confirmed that it forgot everything.
    Confirmed,
    /// The protocol has no way to give a session up; it expires by itself.
    ExpiresByItself,
    /// The protocol has no way to give a session up, and the server keeps what it has of it.
    LeftBehind,
    /// The server did not confirm it; an abort is still owed.
    Unconfirmed {
        /// What went wrong the last time.
        failure: Option<Failure>,
    },
    /// It was too late: the object had been committed.
    AlreadyCommitted(Option<Final>),
    /// Finalize was under way, and nobody can tell whether the object was committed.
    Unknown,
}

impl ErrorKind {
    /// Who has to do something about it.
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Misconfigured { .. }
            | Self::Credentials { .. }
            | Self::SourceChanged
            | Self::SourceUnreadable { .. } => Fault::Caller,
            Self::Refused { .. }
            | Self::Throttled { .. }
            | Self::TooLarge { .. }
            | Self::SessionLost { .. }
            | Self::Integrity { .. }
            | Self::SizeMismatch { .. }
            | Self::ProcessingFailed { .. }
            | Self::StillProcessing { .. }
            | Self::Protocol { .. } => Fault::Server,
            Self::Exhausted { .. }
            | Self::Deadline { .. }
            | Self::FinalizeUnknown { .. }
            | Self::StatusLost { .. } => Fault::Network,
            Self::Persist => Fault::Machine,
            Self::Cancelled | Self::Discarded(_) => Fault::Nobody,
        }
    }

    /// What to do about it, before trying again or instead of it.
    const fn remedy(&self) -> Remedy {
        match self {
            Self::Refused { .. } => Remedy::First("Change what the server objects to"),
            Self::Misconfigured { .. } => Remedy::First("Check the address, the proxy and the certificates"),
            Self::Credentials { .. } => Remedy::First("Get new credentials with the right scope"),
            Self::Exhausted { .. } | Self::Deadline { .. } => {
                Remedy::Again("when the server can be reached again")
            }
            Self::Throttled { .. } => Remedy::Again("after the time that the server named"),
            Self::TooLarge { .. } => {
                Remedy::Instead("Ask whoever runs the server or the proxy before it for a higher limit.")
            }
            Self::SessionLost { .. } => Remedy::Instead("Start the upload anew."),
            Self::SourceChanged => {
                Remedy::Instead("Start the upload anew, with a source that does not change meanwhile.")
            }
            Self::SourceUnreadable { .. } => Remedy::First("Make the source readable"),
            Self::Integrity { .. } => Remedy::Instead("Do not use the object; start the upload anew."),
            Self::SizeMismatch { .. } => {
                Remedy::Instead("Check that the source does not change meanwhile, then start anew.")
            }
            Self::FinalizeUnknown { .. } => Remedy::Instead(
                "Try to use the media id; if the server does not know it, start the upload anew.",
            ),
            Self::ProcessingFailed { .. } => Remedy::Instead("Check the media against the server's rules."),
            Self::StillProcessing { .. } | Self::StatusLost { .. } => {
                Remedy::Instead("The media id is valid; resume to go on waiting for it to become usable.")
            }
            Self::Protocol { .. } => Remedy::First("Check that the address is that of the right server"),
            Self::Persist => Remedy::First("Make room or permissions for the checkpoints"),
            Self::Cancelled => Remedy::Again("to go on"),
            Self::Discarded(Discard::Unconfirmed { .. }) => Remedy::Instead(SWEEP),
            Self::Discarded(Discard::AlreadyCommitted(_)) => {
                Remedy::Instead("The object is there; remove it if it must not stay.")
            }
            Self::Discarded(Discard::Unknown) => {
                Remedy::Instead("Look whether the object is there, and remove it if it must not stay.")
            }
            Self::Discarded(Discard::NothingToDo | Discard::Confirmed | Discard::ExpiresByItself) => {
                Remedy::Instead("There is nothing left to do.")
            }
            Self::Discarded(Discard::LeftBehind) => {
                Remedy::Instead("Whoever runs the server can remove what it has, if it must not stay.")
            }
        }
    }
}

/// What to do about an abort that is owed.
const SWEEP: &str = "Sweep later to give the session up for good.";

/// What to do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Remedy {
    /// This, and then resume, or start anew where nothing is kept.
    First(&'static str),
    /// Resume then, or start anew.
    Again(&'static str),
    /// This; there is nothing to be resumed.
    Instead(&'static str),
}

impl UploadError {
    /// What to do next, as a sentence: it knows whether there is anything to resume.
    pub fn advice(&self) -> String {
        let (again, at_the_start) = match self.kept {
            Kept::Checkpoint => ("resume", "Resume"),
            Kept::AbortOwed | Kept::Nothing => ("upload again", "Upload again"),
        };
        let advice: String = match (self.kind.remedy(), self.kept, &*self.kind) {
            // There is nothing to go on with.
            (_, Kept::AbortOwed, ErrorKind::Cancelled | ErrorKind::Discarded(_)) => return SWEEP.into(),
            (_, Kept::Checkpoint, ErrorKind::FinalizeUnknown { .. }) => {
                "Try to use the media id, or resume to ask once more; if the server does not know it, start the \
                 upload anew."
                    .into()
            }
            (Remedy::First(first), ..) => format!("{first}, then {again}."),
            (Remedy::Again(when), ..) => format!("{at_the_start} {when}."),
            (Remedy::Instead(instead), ..) => instead.into(),
        };
        match self.kept {
            Kept::AbortOwed => format!("{advice} {SWEEP}"),
            Kept::Checkpoint | Kept::Nothing => advice,
        }
    }
}

/// A failure after a sentence that says its kind already: of an answer, what the server said.
struct Said<'a>(&'a Failure);

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Failure::Answered(problem) => problem.server.fmt(f),
            failure @ (Failure::NotSent { .. } | Failure::Unknown { .. }) => failure.fmt(f),
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { operation, failure } => {
                write!(f, "the server refused {operation}: {}", Said(failure))
            }
            Self::Misconfigured { operation, failure } => write!(f, "{operation} can't be sent: {failure}"),
            Self::Credentials { failure } => {
                write!(f, "the credentials were refused: {}", Said(failure))
            }
            Self::Exhausted { operation, attempts, failure } => {
                let times = if *attempts == 1 { "time" } else { "times" };
                write!(f, "{operation} failed {attempts} {times}; the last time {failure}")
            }
            Self::Throttled { operation, until } => {
                write!(
                    f,
                    "the server takes no {operation} before {until} (Unix time), which is too long to wait"
                )
            }
            Self::Deadline { deadline } => {
                write!(f, "the upload took longer than its deadline of {} s", deadline.as_secs())
            }
            Self::TooLarge { refused, smallest } => write!(
                f,
                "the server refuses segments of {refused} bytes, and the smallest that can be planned has \
                 {smallest} bytes"
            ),
            Self::SessionLost { reason: SessionLoss::SessionsExhausted } => {
                f.write_str("the server lost the session, and no further one is allowed")
            }
            Self::SessionLost { reason: SessionLoss::NotRewindable } => {
                f.write_str("the server lost the session, and the source can't be read a second time")
            }
            Self::SourceChanged => f.write_str("the source changed during the upload"),
            Self::SourceUnreadable { detail } => write!(f, "the source can't be read: {detail}"),
            Self::Integrity { expected, found } => {
                write!(f, "the server committed {found} bytes, but the source has {expected}")
            }
            Self::SizeMismatch { failure } => {
                write!(f, "the stored segments do not add up, the source may have changed: {}", Said(failure))
            }
            Self::FinalizeUnknown { failure } => {
                write!(f, "nobody can tell whether the object was committed: {failure}")
            }
            Self::ProcessingFailed { error } => write!(f, "the server could not process the media: {error}"),
            Self::StillProcessing { waited } => {
                write!(f, "the server was still processing the media after {} s", waited.as_secs())
            }
            Self::StatusLost { failure } => {
                write!(f, "the media is committed, but its processing can't be followed: {failure}")
            }
            Self::Protocol { operation, violation } => {
                write!(f, "the server broke its protocol in answer to {operation}: {violation}")
            }
            Self::Persist => f.write_str("the checkpoint could not be written"),
            Self::Cancelled => f.write_str("cancelled; the upload is kept"),
            Self::Discarded(discard) => write!(f, "cancelled and discarded: {discard}"),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnexpectedReply(name) => write!(f, "{name} is no answer to that"),
            Self::CursorBeyondEnd => f.write_str("its cursor lies behind the end of the source"),
            Self::CursorBeyondSent => f.write_str("its cursor lies behind everything that was sent"),
            Self::CursorWentBack => {
                f.write_str("its cursor goes back before bytes that it had acknowledged, again and again")
            }
            Self::ReceiptMissing => f.write_str("it stored a segment without a receipt"),
            Self::ForeignSegment(index) => write!(f, "it lists segment {index}, which is not as we sent it"),
            Self::EndlessListing => f.write_str("its list of segments does not end"),
            Self::Unreadable(failure) => Said(failure).fmt(f),
        }
    }
}

impl fmt::Display for Discard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NothingToDo => "there was no session to give up",
            Self::Confirmed => "the server gave the session up",
            Self::ExpiresByItself => "the session expires by itself",
            Self::LeftBehind => "the server keeps what it has, nobody can tell it to forget",
            Self::Unconfirmed { .. } => "the server did not confirm it, an abort is still owed",
            Self::AlreadyCommitted(_) => "it was too late, the object had been committed",
            Self::Unknown => "it may have been too late, nobody can tell whether the object was committed",
        })
    }
}

#[cfg(test)]
mod tests;
