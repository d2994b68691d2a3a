//! What the uploaders of every protocol do with the records of unfinished uploads.

use std::path::PathBuf;
use std::sync::Arc;

use chunkwise_core::{Discard, ErrorKind};
use chunkwise_driver::{
    Driver, DriverError, FileSource, Record, ResumeRequest, Source, SourceError, StartError, StoreError,
    UploadId,
};

/// The record of an upload.
pub(crate) async fn record(driver: &Driver, id: &UploadId) -> Result<Record, StoreError> {
    let listed = driver.uploads().await?;
    match listed.into_iter().find(|listed| listed.id == *id) {
        Some(listed) => listed.record,
        None => Err(StoreError::NotFound { id: id.clone() }),
    }
}

/// Why the file of an unfinished upload can't be opened.
pub(crate) enum NoFile {
    /// The record names none.
    Unnamed,
    /// It is gone, or not to be read.
    Gone(PathBuf, SourceError),
}

/// The file of an unfinished upload, if it needs one.
pub(crate) fn reopened(record: &Record) -> Result<Option<Arc<dyn Source>>, NoFile> {
    if !record.needs_source() {
        return Ok(None);
    }
    let path = record.source.path().ok_or(NoFile::Unnamed)?;
    match FileSource::open(path) {
        Ok(source) => Ok(Some(Arc::new(source))),
        Err(error) => Err(NoFile::Gone(path.to_owned(), error)),
    }
}

/// Gives an unfinished upload up, and waits until the server has been told. The source has no part in it: it may be gone.
pub(crate) async fn discard<E: From<StartError> + From<DriverError>>(
    driver: &Driver,
    request: ResumeRequest,
) -> Result<Discard, E> {
    match driver.discard(request).await?.wait().await {
        Ok(completed) => Ok(Discard::AlreadyCommitted(Some(completed.result))),
        Err(error) => {
            if let DriverError::Upload { error: upload, .. } = &error
                && let ErrorKind::Discarded(discard) = &*upload.kind
            {
                return Ok(discard.clone());
            }
            Err(error.into())
        }
    }
}

/// Work that may block, on a thread for it.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, DriverError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| DriverError::Panicked(error.to_string()))
}
