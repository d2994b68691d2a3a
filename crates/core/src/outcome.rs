//! Outcomes: what became of an operation.

use alloc::sync::Arc;
use alloc::vec::Vec;

use bytes::Bytes;

use crate::failure::{Failure, ServerError};
use crate::range::{ByteRange, SegmentIndex};
use crate::time::{Delay, Timestamp};
use crate::token::{PageToken, Receipt, Session};

/// What became of an operation, and what the answer said about the server's rate limits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Outcome {
    /// The answer, or the failure.
    pub result: Result<Reply, Failure>,
    /// The rate limit of this kind of operation, if the answer told.
    pub pace: Option<Pace>,
}

impl Outcome {
    /// A good answer that said nothing of rate limits.
    pub const fn reply(reply: Reply) -> Self {
        Self { result: Ok(reply), pace: None }
    }

    /// A failure that said nothing of rate limits.
    pub const fn failure(failure: Failure) -> Self {
        Self { result: Err(failure), pace: None }
    }

    /// The same outcome with what it said of the rate limit.
    #[must_use]
    pub const fn with_pace(mut self, pace: Option<Pace>) -> Self {
        self.pace = pace;
        self
    }
}

impl From<Reply> for Outcome {
    fn from(reply: Reply) -> Self {
        Self::reply(reply)
    }
}

impl From<Failure> for Outcome {
    fn from(failure: Failure) -> Self {
        Self::failure(failure)
    }
}

/// How many operations of a kind the server will still take, and until when that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Pace {
    /// How many more operations the server takes before `reset`.
    pub remaining: u64,
    /// When the count starts anew.
    pub reset: Timestamp,
}

/// A good answer. Which replies fit which operation is checked by the engine: one that does not fit is a
/// protocol error, never a panic.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reply {
    /// To an Init: the session is open.
    Opened {
        /// The server's name for it.
        session: Session,
        /// When the server forgets it, if it said so.
        expires: Option<Delay>,
    },
    /// To an Append, parts family: the whole segment is stored.
    Stored {
        /// What the server wants back at Finalize.
        receipt: Option<Receipt>,
        /// When the server forgets the session, if it said so anew.
        expires: Option<Delay>,
    },
    /// To an Append or a Probe, append family: the server holds everything before this offset.
    Advanced {
        /// The offset of the first byte that the server does not hold.
        cursor: u64,
        /// To an Append: when the server forgets the session, if it said so anew.
        expires: Option<Delay>,
    },
    /// To a Probe, parts family: one page of the segments that the server holds.
    Probed(Page),
    /// To a Finalize, Status or Verify: the object is committed and being processed.
    Processing(Processing),
    /// To any operation: the object is there and ready.
    Completed(Final),
    /// To a Verify: whether the object was committed.
    Verified(Verdict),
    /// To an Abort: the server holds nothing of the session any more.
    Aborted,
    /// To an Abort: the server took it, but something of the session may still be there. The next one says that it was
    /// [taken](crate::Taken), so that a codec whose protocol can look for what is left does so.
    AbortPending,
}

impl Reply {
    /// Its name as in logs and errors.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Opened { .. } => "Opened",
            Self::Stored { .. } => "Stored",
            Self::Advanced { .. } => "Advanced",
            Self::Probed(_) => "Probed",
            Self::Processing(_) => "Processing",
            Self::Completed(_) => "Completed",
            Self::Verified(_) => "Verified",
            Self::Aborted => "Aborted",
            Self::AbortPending => "AbortPending",
        }
    }
}

/// One page of a Probe in the parts family.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Page {
    /// The segments that the server holds, as it counts them.
    pub parts: Vec<Part>,
    /// Where the next page begins, if there is one.
    pub next: Option<PageToken>,
}

/// A segment that the server says it holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Part {
    /// Its index, from 0.
    pub index: SegmentIndex,
    /// Its length in bytes.
    pub len: u64,
    /// Its receipt.
    pub receipt: Option<Receipt>,
    /// The bytes it stands for, where the server knows.
    pub range: Option<ByteRange>,
}

/// How the processing goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Processing {
    /// It goes on.
    Running {
        /// How long to wait before asking again; the engine honours it within a floor and a ceiling.
        after: Option<Delay>,
        /// How far it is, if the server said so.
        percent: Option<Percent>,
    },
    /// The server could not process the object.
    Failed(ServerError),
}

/// A share from 0 to 100.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Percent(u8);

impl Percent {
    /// All of it.
    pub const FULL: Self = Self(100);

    /// The share; what lies above 100 counts as 100 (servers have been seen to overshoot).
    pub const fn saturating(percent: u64) -> Self {
        match percent {
            0..100 => Self(percent as u8),
            _ => Self::FULL,
        }
    }

    /// As a number from 0 to 100.
    pub const fn get(self) -> u8 {
        self.0
    }
}

/// Whether the whole object was committed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It was.
    Committed(Commitment),
    /// It was not. Believed only when seen twice, apart.
    NotCommitted,
    /// The server can't tell.
    CannotTell,
}

/// A committed object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Commitment {
    /// It is ready for use.
    Ready(Final),
    /// It is being processed.
    Processing(Processing),
}

/// The final answer of a server: what the caller came for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Final {
    /// The name under which the object can be used: X's media id, an object key, a URL.
    pub id: Arc<str>,
    /// The length of the object as the server counted it; one that differs from ours is an error.
    pub size: Option<u64>,
    /// When the result ceases to be usable, if the server said so.
    pub expires_at: Option<Timestamp>,
    /// The server's final answer as it came (bounded), for the protocol's own typed view.
    pub body: Bytes,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_goes_by_its_name() {
        let running = Processing::Running { after: None, percent: None };
        for (reply, name) in [
            (Reply::Opened { session: Session::new("7"), expires: None }, "Opened"),
            (Reply::Stored { receipt: None, expires: None }, "Stored"),
            (Reply::Advanced { cursor: 1, expires: None }, "Advanced"),
            (Reply::Probed(Page { parts: Vec::new(), next: None }), "Probed"),
            (Reply::Processing(running), "Processing"),
            (Reply::Verified(Verdict::CannotTell), "Verified"),
            (Reply::Aborted, "Aborted"),
            (Reply::AbortPending, "AbortPending"),
        ] {
            assert_eq!(reply.name(), name);
        }
    }

    #[test]
    fn a_share_is_at_most_all() {
        let shares = [0, 99, 100, 101, u64::MAX].map(|percent| Percent::saturating(percent).get());
        assert_eq!(shares, [0, 99, 100, 100, 100]);
    }
}
