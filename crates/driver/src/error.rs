//! What can go wrong with a driven upload.

use std::fmt;

use chunkwise_core::{ErrorKind, PlanError, ResumeError, UploadError};

use crate::checkpoint::{StoreError, UploadId};
use crate::source::{SourceChange, SourceError};

/// Why there is no driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// A frame has to hold something, and not more than the byte budget.
    #[error(
        "frames of {frame_size} bytes do not fit a byte budget of {byte_budget} bytes: give frames of 1 byte up to the budget"
    )]
    FrameSize {
        /// The frame size asked for.
        frame_size: usize,
        /// The byte budget asked for.
        byte_budget: usize,
    },
    /// At least one frame must be readable.
    #[error("the read-ahead must be at least one frame")]
    ReadAhead,
}

/// Why an upload was not started or resumed. Nothing was sent.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StartError {
    /// There is no plan for it.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Something is wrong with the source.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Something is wrong with the checkpoint store or the checkpoint.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The checkpoint does not fit.
    #[error("upload {id} can't be resumed: {error}")]
    Resume {
        /// The upload.
        id: UploadId,
        /// Why.
        error: ResumeError,
    },
    /// The source is not the one that the checkpoint belongs to.
    #[error(
        "{source_name} is not what upload {id} was started with: {change}; discard that upload and start anew, or give \
         the file as it was"
    )]
    SourceChanged {
        /// The upload.
        id: UploadId,
        /// What the source is called.
        source_name: String,
        /// What differs.
        change: SourceChange,
    },
    /// There is an unfinished upload of this name.
    #[error("there is an unfinished upload {id} already: resume or discard it, or choose another name")]
    Exists {
        /// The upload.
        id: UploadId,
    },
    /// The driver is being shut down.
    #[error("the driver is being shut down and starts nothing new")]
    ShutDown,
    /// The system gives no random numbers.
    #[error("the system gives no random numbers: {0}")]
    Random(#[from] getrandom::Error),
}

/// Why an upload did not end with a ready object.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DriverError {
    /// The upload ended.
    #[error("{}", Told(.error, .fault.as_ref()))]
    Upload {
        /// As the engine says it, with what to do next.
        error: UploadError,
        /// What exactly is wrong with the source, if that is what ended it.
        fault: Option<SourceError>,
        /// What is left of it on this machine.
        left: Left,
    },
    /// Code of the embedder's (a transport, a store) panicked. It ends its own upload and no other; what that one
    /// held (bytes, its name, its turn in the account) is free again, and its last checkpoint is kept. A source that
    /// panics is unreadable instead.
    #[error("the upload's task failed: {0}")]
    Panicked(String),
}

/// What is left of an upload on this machine.
#[derive(Clone, Debug)]
pub enum Left {
    /// A checkpoint under this name, up to date.
    Checkpoint(UploadId),
    /// At best an earlier checkpoint under this name: the last one could not be written, or none removed.
    EarlierCheckpoint(UploadId, StoreError),
    /// Nothing.
    Nothing,
}

/// An upload error with the driver's knowledge of the source.
struct Told<'a>(&'a UploadError, Option<&'a SourceError>);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&*self.0.kind, self.1) {
            (
                ErrorKind::SourceChanged
                | ErrorKind::SourceUnreadable { .. }
                | ErrorKind::Misconfigured { .. },
                Some(fault),
            ) => fault.fmt(f),
            _ => self.0.fmt(f),
        }
    }
}
