//! A running upload to S3, and what comes of it.

use std::ops::Deref;

use chunkwise_core::Completed;
use chunkwise_driver::{UploadHandle, UploadId};

use super::{Destination, S3Error};

/// A running upload to S3: an [`UploadHandle`] that knows where it goes.
///
/// Dropping it stops the upload and keeps its checkpoint.
#[derive(Debug)]
pub struct S3Handle {
    pub(super) handle: UploadHandle,
    pub(super) destination: Destination,
}

/// An object that is there.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Uploaded {
    /// The upload it came from.
    pub id: UploadId,
    /// Its address, as in `s3://bucket/key`.
    pub object: String,
    /// The engine's own view of the end; its body is the store's answer to Complete, empty where that was lost.
    pub completed: Completed,
}

impl S3Handle {
    /// Where it goes.
    pub const fn destination(&self) -> &Destination {
        &self.destination
    }

    /// Waits for the end: the object is there. Dropping this future stops the upload and keeps its checkpoint.
    ///
    /// # Errors
    ///
    /// [`S3Error`] if it is not.
    pub async fn wait(self) -> Result<Uploaded, S3Error> {
        let id = self.handle.id().clone();
        let completed = self.handle.wait().await?;
        Ok(Uploaded { id, object: self.destination.object, completed })
    }
}

impl Deref for S3Handle {
    type Target = UploadHandle;

    /// Progress, events, pause and cancel are those of every upload.
    fn deref(&self) -> &UploadHandle {
        &self.handle
    }
}
