//! Events: what an application may want to hear. No behaviour depends on anybody listening.

use core::fmt;

use crate::failure::Failure;
use crate::operation::OperationKind;
use crate::outcome::Percent;
use crate::range::Segment;
use crate::time::Timestamp;
use crate::token::Session;

/// Something worth telling a person or a program.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// The upload entered a phase.
    Phase(Phase),
    /// A session is open.
    Opened {
        /// The server's name for it.
        session: Session,
    },
    /// A segment is stored; in the append family, these bytes of one.
    Stored(Segment),
    /// An operation failed and will be tried again.
    Retrying {
        /// Which kind of operation.
        kind: OperationKind,
        /// How often it was tried so far.
        attempts: u32,
        /// When it will be tried again at the earliest.
        at: Timestamp,
        /// What went wrong.
        failure: Failure,
    },
    /// The server (or the pacing before it) holds back a kind of operation.
    Held {
        /// Which kind of operation.
        kind: OperationKind,
        /// Until when.
        until: Timestamp,
    },
    /// The rest of the source is cut into smaller segments: the server refused larger ones.
    Replanned {
        /// The new chunk size in bytes.
        chunk_size: u64,
    },
    /// The upload starts anew in a further session; progress starts anew too.
    NewSession {
        /// Why the old one could not be used.
        reason: SessionEnd,
    },
    /// A session may be left at the server: an Init got no answer, and nobody can name what it opened; or a further session
    /// takes the place of one that could not be given up, or whose Abort was not confirmed ([`Event::NewSession`] follows);
    /// or the server says of its address that there is nothing of ours, and it may be somebody else's by now.
    SessionLeakSuspected,
    /// The window changed.
    Window {
        /// How many Appends may be live now.
        size: u32,
    },
    /// The server is processing the object.
    Processing {
        /// How far it is, if the server said so.
        percent: Option<Percent>,
    },
    /// A checkpoint could not be written; the upload goes on.
    PersistFailed,
    /// Nothing new starts until it is resumed.
    Paused,
    /// It goes on.
    Resumed,
}

/// Why a session could not be used any longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SessionEnd {
    /// The server does not know it any more.
    Gone,
    /// It expired.
    Expired,
    /// It holds what is not ours (segments in another cut, bytes behind all that was sent): the checkpoint is from
    /// before that, or there is a second writer.
    Foreign,
    /// Its segments can't be cut smaller behind what is stored (invariant 3).
    Unplannable,
    /// Finalize found a wrong size after an unknown Append was repeated (invariant 7).
    SizeMismatch,
    /// It refused a segment that it may hold already: what repeating one does is not always documented.
    RepetitionRefused,
}

/// Where an upload is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Phase {
    /// Opening a session.
    Opening,
    /// Sending segments.
    Transferring,
    /// Asking what the server holds.
    Probing,
    /// Making one object of the segments.
    Finalizing,
    /// Asking whether the object was committed.
    Verifying,
    /// Waiting for the server's processing.
    Processing,
    /// Giving the session up.
    Aborting,
    /// Over.
    Closed,
}

impl Phase {
    /// Its name as in logs and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::Transferring => "transferring",
            Self::Probing => "probing",
            Self::Finalizing => "finalizing",
            Self::Verifying => "verifying",
            Self::Processing => "processing",
            Self::Aborting => "aborting",
            Self::Closed => "closed",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How far an upload is: four numbers, none of which goes back within a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Progress {
    /// The source's length in bytes, once it is known.
    pub total: Option<u64>,
    /// Bytes handed to the wire at least once.
    pub sent: u64,
    /// Bytes in segments that the server acknowledged.
    pub stored: u64,
    /// Bytes of the finalized object: zero until the server committed it, then the total.
    pub committed: u64,
    /// How far the server's processing is; 100 once the object is ready.
    pub processed: Percent,
    /// Which session this is about, from 1; a new one starts anew.
    pub session: u32,
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn a_phase_is_shown_by_its_name() {
        assert_eq!(format!("{}", Phase::Verifying), "verifying");
    }
}
