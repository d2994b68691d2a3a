//! A running upload to X, and what comes of it.

use std::ops::Deref;

use chunkwise_core::Completed;
use chunkwise_driver::{Driver, UploadHandle, UploadId};
use chunkwise_transport::http::HttpTransport;
use chunkwise_x::XMedia;
use tracing::warn;

use super::{Destination, XError, alt_text};

/// A running upload to X: an [`UploadHandle`] that ends with a media.
///
/// Dropping it stops the upload and keeps its checkpoint.
#[derive(Debug)]
pub struct XHandle {
    handle: UploadHandle,
    driver: Driver,
    transport: HttpTransport,
    destination: Destination,
}

/// A media that can be put into a post.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Uploaded {
    /// The upload it came from.
    pub id: UploadId,
    /// The media as X describes it.
    pub media: XMedia,
    /// The engine's own view of the end.
    pub completed: Completed,
}

impl XHandle {
    pub(super) const fn new(
        handle: UploadHandle,
        driver: Driver,
        transport: HttpTransport,
        destination: Destination,
    ) -> Self {
        Self { handle, driver, transport, destination }
    }

    /// Where it goes.
    pub const fn destination(&self) -> &Destination {
        &self.destination
    }

    /// Waits for the end: the media is ready, and has its alt text if one was wanted. Dropping this future stops the
    /// upload and keeps its checkpoint, also while the alt text is being set: resumed, it gives the same media.
    ///
    /// # Errors
    ///
    /// [`XError`] if there is no ready media, or its alt text could not be set.
    pub async fn wait(self) -> Result<Uploaded, XError> {
        let driver = self.driver.clone();
        let uploaded = self.wait_and_keep().await?;
        let id = &uploaded.id;
        if let Err(error) = driver.forget(id).await {
            warn!(%id, %error, "the record of a finished upload could not be removed");
        }
        Ok(uploaded)
    }

    /// The same, but the record stays: resumed, it gives the same media again. For who has to write down what came of it
    /// first; [`Driver::forget`] it then.
    ///
    /// # Errors
    ///
    /// As [`XHandle::wait`].
    pub async fn wait_and_keep(self) -> Result<Uploaded, XError> {
        let Self { handle, transport, destination, .. } = self;
        let id = handle.id().clone();
        let completed = handle.wait().await?;
        let media = XMedia::from_final(&completed.result).map_err(|_| XError::NoMedia)?;
        if let Some(text) = &destination.alt_text {
            let failed = alt_text::set(&transport, &destination, &media.media_id, text).await;
            failed.map_err(|failure| XError::AltText {
                id: id.clone(),
                media_id: media.media_id.clone(),
                failure,
            })?;
        }
        Ok(Uploaded { id, media, completed })
    }
}

impl Deref for XHandle {
    type Target = UploadHandle;

    /// Progress, events, pause and cancel are those of every upload.
    fn deref(&self) -> &UploadHandle {
        &self.handle
    }
}
