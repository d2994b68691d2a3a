//! What goes into an upload and what comes out of it: plain data, both ways.

use crate::error::UploadError;
use crate::event::Event;
use crate::failure::Detail;
use crate::operation::{CredentialEpoch, OpId, Operation, OperationKind};
use crate::outcome::{Final, Outcome};
use crate::range::ByteRange;
use crate::time::Timestamp;
use crate::token::Session;

/// What happened, told to the upload.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// The operation has its bytes and its turn; its timers start now.
    Started(OpId),
    /// So many bytes of the operation's payload were taken by the wire so far. What is told of several operations at one
    /// time counts before any stall timer strikes.
    Sent {
        /// The operation.
        op: OpId,
        /// How many bytes since it started.
        bytes: u64,
    },
    /// What became of the operation.
    Outcome {
        /// The operation.
        op: OpId,
        /// What became of it.
        outcome: Outcome,
    },
    /// The checkpoint with this number, and with it every earlier one, is on disk.
    Persisted(CheckpointSeq),
    /// The checkpoint with this number could not be written.
    PersistFailed(CheckpointSeq),
    /// How far a growing or one-pass source has come.
    Available {
        /// Every byte before this offset can be read.
        up_to: u64,
        /// Whether it will grow further.
        growth: Growth,
    },
    /// The source is not what it was when the upload was made.
    SourceChanged,
    /// The source could not be read.
    SourceUnreadable(Detail),
    /// The answer to [`Output::Refresh`].
    Refreshed {
        /// The epoch that was asked to be refreshed.
        stale: CredentialEpoch,
        /// The epoch that holds now, or why there is none.
        result: Result<CredentialEpoch, Detail>,
    },
    /// A sibling upload of the same account was throttled.
    Hold {
        /// Which kind of operation.
        kind: OperationKind,
        /// Until when nothing of that kind is to be sent.
        until: Timestamp,
    },
    /// Start nothing new.
    Pause,
    /// Go on.
    Resume,
    /// Stop for good.
    Cancel(Disposition),
    /// Time has passed; the same as polling. Spurious ones change nothing.
    Tick,
}

/// Whether a source will grow further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Growth {
    /// It may.
    Growing,
    /// It has ended.
    Ended,
}

/// What to do with what there is when an upload is cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Disposition {
    /// Keep it: the upload can be resumed from its checkpoint.
    Keep,
    /// Give it up: have the server forget it.
    Discard,
}

/// The number of a checkpoint, growing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct CheckpointSeq(pub(crate) u64);

impl CheckpointSeq {
    /// Its number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// What the upload wants done. Outputs come in one ordered queue; poll until [`Output::Idle`] or
/// [`Output::Closed`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub enum Output {
    /// Perform this operation, once. Answer with [`Input::Started`] when it has its bytes and its turn, with
    /// [`Input::Sent`] now and then, and with one [`Input::Outcome`].
    Perform(Operation),
    /// Give this operation up. Nothing more needs to be said of it.
    Cancel(OpId),
    /// Write [`Upload::checkpoint`](crate::Upload::checkpoint) to disk and say [`Input::Persisted`] with the
    /// checkpoint's own number. One is under way at a time.
    Persist {
        /// The number that is at least wanted.
        seq: CheckpointSeq,
    },
    /// These source bytes will not be asked for again. Said of sources only that can't be rewound.
    Release(ByteRange),
    /// The credentials of this epoch have expired: get new ones and answer with [`Input::Refreshed`].
    Refresh {
        /// The epoch that has expired.
        epoch: CredentialEpoch,
    },
    /// Tell whoever wants to know.
    Notify(Event),
    /// Nothing to do until an input comes or the time does.
    Idle {
        /// When to poll again, if nothing comes before.
        wake_at: Option<Timestamp>,
    },
    /// The upload is over. Every further poll says the same.
    Closed(Result<Completed, UploadError>),
}

/// What a finished upload gives.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Completed {
    /// The session in which it was uploaded.
    pub session: Option<Session>,
    /// The server's final answer.
    pub result: Final,
}
