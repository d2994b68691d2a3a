//! What can go wrong with an upload to X.

use std::path::PathBuf;

use chunkwise_core::{ErrorKind, Failure};
use chunkwise_driver::{DriverError, SourceError, StartError, StoreError, UploadId};
use chunkwise_media::FileError;
use chunkwise_x::MediaId;

use super::{Destination, NotToX};
use crate::failed::advice;
use crate::records::NoFile;

/// Why there is no media to post.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum XError {
    /// The file is not one that X takes, or not there.
    #[error(transparent)]
    Media(#[from] std::sync::Arc<FileError>),
    /// The file can't be opened.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The upload was not started or resumed; nothing was sent.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The checkpoints can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The upload ended without a ready media.
    #[error("{0}. {advice}", advice = advice(.0))]
    Upload(Box<DriverError>),
    /// X's final answer names no media.
    #[error("X said that the upload is done, but named no media")]
    NoMedia,
    /// The media is ready, but its alt text could not be set. The record is kept: [`resume`](super::XUploader::resume)
    /// sends nothing again but the alt text.
    #[error("media {media_id} is ready, but its alt text could not be set: {failure}")]
    AltText {
        /// The upload.
        id: UploadId,
        /// The media: it can be used.
        media_id: MediaId,
        /// What went wrong.
        failure: Failure,
    },
    /// The alt text is not one that X takes.
    #[error("the alt text can't be used: {0}")]
    BadAltText(String),
    /// The checkpoint is not one of an upload to X.
    #[error(transparent)]
    NotToX(#[from] NotToX),
    /// The upload was begun at another address or API; credentials are not sent where they were not meant for.
    #[error(
        "upload {id} goes to {} ({}), but this uploader is set to {wanted}: resume it with that address and API",
        .found.base_url,
        .found.api
    )]
    OtherAddress {
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

impl XError {
    /// What ended the upload, if it was one that had begun.
    pub fn kind(&self) -> Option<&ErrorKind> {
        match self {
            Self::Upload(error) => match &**error {
                DriverError::Upload { error, .. } => Some(&error.kind),
                DriverError::Panicked(_) => None,
            },
            Self::Media(_)
            | Self::Source(_)
            | Self::Start(_)
            | Self::Store(_)
            | Self::NoMedia
            | Self::AltText { .. }
            | Self::BadAltText(_)
            | Self::NotToX(_)
            | Self::OtherAddress { .. }
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

impl From<DriverError> for XError {
    fn from(error: DriverError) -> Self {
        Self::Upload(Box::new(error))
    }
}
