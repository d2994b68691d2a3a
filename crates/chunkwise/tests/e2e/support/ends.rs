//! How an upload ended, in words that a table can hold.

use chunkwise::core::{Discard, Kept, UploadError};
use chunkwise::driver::{DriverError, Left};
use chunkwise::x::{Uploaded, XError};
use chunkwise::{ErrorKind, UploadId};

/// The name of what ended an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Refused,
    Misconfigured,
    Credentials,
    Exhausted,
    Throttled,
    Deadline,
    TooLarge,
    SessionLost,
    SourceChanged,
    SourceUnreadable,
    Integrity,
    SizeMismatch,
    FinalizeUnknown,
    ProcessingFailed,
    StillProcessing,
    StatusLost,
    Protocol,
    Persist,
    Cancelled,
    Discarded,
}

impl Kind {
    fn of(kind: &ErrorKind) -> Self {
        match kind {
            ErrorKind::Refused { .. } => Self::Refused,
            ErrorKind::Misconfigured { .. } => Self::Misconfigured,
            ErrorKind::Credentials { .. } => Self::Credentials,
            ErrorKind::Exhausted { .. } => Self::Exhausted,
            ErrorKind::Throttled { .. } => Self::Throttled,
            ErrorKind::Deadline { .. } => Self::Deadline,
            ErrorKind::TooLarge { .. } => Self::TooLarge,
            ErrorKind::SessionLost { .. } => Self::SessionLost,
            ErrorKind::SourceChanged => Self::SourceChanged,
            ErrorKind::SourceUnreadable { .. } => Self::SourceUnreadable,
            ErrorKind::Integrity { .. } => Self::Integrity,
            ErrorKind::SizeMismatch { .. } => Self::SizeMismatch,
            ErrorKind::FinalizeUnknown { .. } => Self::FinalizeUnknown,
            ErrorKind::ProcessingFailed { .. } => Self::ProcessingFailed,
            ErrorKind::StillProcessing { .. } => Self::StillProcessing,
            ErrorKind::StatusLost { .. } => Self::StatusLost,
            ErrorKind::Protocol { .. } => Self::Protocol,
            ErrorKind::Persist => Self::Persist,
            ErrorKind::Cancelled => Self::Cancelled,
            ErrorKind::Discarded(
                Discard::NothingToDo
                | Discard::Confirmed
                | Discard::ExpiresByItself
                | Discard::LeftBehind
                | Discard::Unconfirmed { .. }
                | Discard::AlreadyCommitted(_)
                | Discard::Unknown,
            ) => Self::Discarded,
        }
    }
}

/// How an upload ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// With a media that can be posted; its id.
    Ready(String),
    /// With an error.
    Failed(Failed),
}

#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) kind: Kind,
    pub(crate) error: UploadError,
    /// The checkpoint that is left, if one is.
    pub(crate) left: Option<UploadId>,
    /// What a person would read.
    pub(crate) text: String,
}

impl Ended {
    /// Anything but a media or an error of the engine's is a test gone wrong.
    pub(crate) fn of(result: Result<Uploaded, XError>) -> Self {
        let error = match result {
            Ok(uploaded) => return Self::Ready(uploaded.media.media_id.to_string()),
            Err(error) => error,
        };
        let text = error.to_string();
        let XError::Upload(error) = error else { panic!("{error}") };
        match *error {
            DriverError::Upload { error, left, .. } => {
                let left = match left {
                    Left::Checkpoint(id) => Some(id),
                    Left::Nothing => None,
                    Left::EarlierCheckpoint(id, why) => panic!("only an earlier checkpoint of {id}: {why}"),
                };
                assert_eq!(left.is_some(), error.kept != Kept::Nothing, "{text}: {:?}", error.kept);
                Self::Failed(Failed { kind: Kind::of(&error.kind), error, left, text })
            }
            DriverError::Panicked(why) => panic!("{why}"),
        }
    }

    pub(crate) fn ready(self) -> String {
        match self {
            Self::Ready(media_id) => media_id,
            Self::Failed(failed) => panic!("{}", failed.text),
        }
    }

    pub(crate) fn failed(self) -> Failed {
        match self {
            Self::Ready(media_id) => panic!("media {media_id} is ready"),
            Self::Failed(failed) => failed,
        }
    }
}
