//! What can go wrong with an upload to S3.

use std::path::PathBuf;

use chunkwise_core::{ErrorKind, Failure};
use chunkwise_driver::{DriverError, SourceError, StartError, StoreError, UploadId};

use super::{Destination, NotToS3};
use crate::failed::advice;
use crate::records::NoFile;

/// Why there is no object.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum S3Error {
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
    #[error("{0}. {advice}", advice = advice(.0))]
    Upload(Box<DriverError>),
    /// An object could not be deleted, or nobody can tell whether it was.
    #[error("{object} could not be deleted: {failure}")]
    Delete {
        /// The object, as in `s3://bucket/key`.
        object: String,
        /// What happened the last time.
        failure: Failure,
    },
    /// The system gives no random numbers, and without one an object can't be told from an older one.
    #[error("the system gives no random numbers: {0}")]
    Random(String),
    /// The content type can't be used, or the checkpoint is not one of an upload to S3.
    #[error(transparent)]
    NotToS3(#[from] NotToS3),
    /// The upload was begun at another store; credentials are not sent where they were not meant for.
    #[error("upload {id} goes to {}, but this uploader is set to {wanted}: resume it with that endpoint", .found.endpoint)]
    OtherStore {
        /// The upload.
        id: UploadId,
        /// Where it goes.
        found: Box<Destination>,
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

impl S3Error {
    /// What ended the upload, if it was one that had begun.
    pub fn kind(&self) -> Option<&ErrorKind> {
        match self {
            Self::Upload(error) => match &**error {
                DriverError::Upload { error, .. } => Some(&error.kind),
                DriverError::Panicked(_) => None,
            },
            Self::Source(_)
            | Self::Start(_)
            | Self::Store(_)
            | Self::Delete { .. }
            | Self::Random(_)
            | Self::NotToS3(_)
            | Self::OtherStore { .. }
            | Self::NoPath { .. }
            | Self::FileGone { .. } => None,
        }
    }

    pub(super) fn no_file(id: &UploadId, why: NoFile) -> Self {
        match why {
            NoFile::Unnamed => Self::NoPath { id: id.clone() },
            NoFile::Gone(path, error) => Self::FileGone { id: id.clone(), path, error },
        }
    }
}

impl From<DriverError> for S3Error {
    fn from(error: DriverError) -> Self {
        Self::Upload(Box::new(error))
    }
}
