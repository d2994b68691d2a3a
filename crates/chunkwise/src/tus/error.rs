//! What can go wrong with an upload to a tus server.

use std::path::PathBuf;

use chunkwise_core::{ErrorKind, Failure};
use chunkwise_driver::{DriverError, SourceError, StartError, StoreError, UploadId};
use chunkwise_tus::{InvalidKey, Unsupported};

use super::NotToTus;

/// Why there is no upload.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TusError {
    /// The server could not be asked what it can do; nothing was sent.
    #[error("the server could not be asked what it can do: {0}")]
    Discovery(Failure),
    /// The server can't do what was asked for; nothing was sent.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// A key of metadata that no server could read.
    #[error(transparent)]
    Metadata(#[from] InvalidKey),
    /// The file can't be opened.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The upload was not started or resumed; nothing was sent.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The checkpoints can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The upload ended without an object.
    #[error("{0}. {advice}", advice = crate::failed::advice(.0))]
    Upload(Box<DriverError>),
    /// An upload could not be terminated, or nobody can tell whether it was.
    #[error("{url} could not be terminated: {failure}")]
    Terminate {
        /// Where the server has it.
        url: String,
        /// What happened the last time.
        failure: Failure,
    },
    /// The checkpoint is not one of an upload to a tus server.
    #[error(transparent)]
    NotToTus(#[from] NotToTus),
    /// The upload was begun at another endpoint; credentials are not sent where they were not meant for.
    #[error(
        "upload {id} goes to {found}, but this uploader is set to {wanted}: resume it with that endpoint"
    )]
    OtherEndpoint {
        /// The upload.
        id: UploadId,
        /// Where it goes.
        found: String,
        /// Where this uploader goes.
        wanted: String,
    },
    /// The file of an unfinished upload is not known.
    #[error("the checkpoint of upload {id} names no file")]
    NoPath {
        /// The upload.
        id: UploadId,
    },
    /// The file of an unfinished upload is gone.
    #[error("the file {path} of upload {id} can't be opened: {error}; put it back, or discard the upload")]
    FileGone {
        /// The upload.
        id: UploadId,
        /// Where it was.
        path: PathBuf,
        /// What is wrong.
        error: SourceError,
    },
}

impl TusError {
    /// What ended the upload, if it was one that had begun.
    pub fn kind(&self) -> Option<&ErrorKind> {
        match self {
            Self::Upload(error) => match &**error {
                DriverError::Upload { error, .. } => Some(&error.kind),
                DriverError::Panicked(_) => None,
            },
            Self::Discovery(_)
            | Self::Unsupported(_)
            | Self::Metadata(_)
            | Self::Source(_)
            | Self::Start(_)
            | Self::Store(_)
            | Self::Terminate { .. }
            | Self::NotToTus(_)
            | Self::OtherEndpoint { .. }
            | Self::NoPath { .. }
            | Self::FileGone { .. } => None,
        }
    }
}

impl From<DriverError> for TusError {
    fn from(error: DriverError) -> Self {
        Self::Upload(Box::new(error))
    }
}
