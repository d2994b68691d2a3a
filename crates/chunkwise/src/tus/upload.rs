//! One upload to a tus server: before it starts, and running.

use std::fmt;
use std::future::IntoFuture;
use std::ops::Deref;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use chunkwise_core::{Completed, Policy};
use chunkwise_driver::{DriverError, FileSource, Source, UploadHandle, UploadId, UploadRequest};
use chunkwise_media::MediaType;
use chunkwise_tus::{Metadata, Way};

use super::{Destination, TusError, TusUploader};

/// The type of a file of which nothing is known (RFC 2046, 4.5.1).
const ANY_BYTES: &str = "application/octet-stream";

/// One upload to a tus server, before it starts.
#[derive(Clone)]
#[must_use = "an upload does nothing until it is started or awaited"]
pub struct TusUpload {
    uploader: TusUploader,
    from: From,
    way: Way,
    metadata: Vec<(String, String)>,
    checksums: bool,
    policy: Option<Policy>,
    id: Option<UploadId>,
}

/// Where the bytes of an upload come from.
#[derive(Clone)]
pub(super) enum From {
    Path(PathBuf),
    Source(Arc<dyn Source>),
}

impl TusUpload {
    pub(super) const fn new(uploader: TusUploader, from: From) -> Self {
        Self {
            uploader,
            from,
            way: Way::Whole,
            metadata: Vec::new(),
            checksums: false,
            policy: None,
            id: None,
        }
    }

    /// How the source becomes an upload. Default: [`Way::Whole`]. [`Way::Parts`] sends several segments at once, where the
    /// server can join them.
    pub const fn way(mut self, way: Way) -> Self {
        self.way = way;
        self
    }

    /// What the server is told about the upload, key by key. Default: of a file its `filename`, and the `filetype` that its name
    /// stands for; some servers answer no question about an upload without these (tuspyserver).
    pub fn metadata(mut self, key: &str, value: &str) -> Self {
        self.metadata.push((key.to_owned(), value.to_owned()));
        self
    }

    /// With a SHA-1 of the bytes in every request, which the server checks; needs its extension `checksum`, and reads the
    /// source twice. Default: without.
    pub const fn checksums(mut self) -> Self {
        self.checksums = true;
        self
    }

    /// Chunk size, window, retries, deadlines for this upload. Default: the uploader's.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = Some(policy);
        self
    }

    /// The name of its checkpoint. Default: a new one.
    pub fn id(mut self, id: UploadId) -> Self {
        self.id = Some(id);
        self
    }

    /// Starts it. Dropping the handle stops it and keeps its checkpoint.
    ///
    /// # Errors
    ///
    /// [`TusError`]; then no byte of the source was sent, and nothing is left behind.
    pub async fn start(self) -> Result<TusHandle, TusError> {
        let mut metadata = Metadata::new();
        let source: Arc<dyn Source> = match self.from {
            From::Path(path) => {
                if let Some(name) = path.file_name() {
                    let name = name.to_string_lossy();
                    let filetype = MediaType::from_file_name(&name).map_or(ANY_BYTES, MediaType::as_str);
                    metadata = metadata.with("filename", &*name)?.with("filetype", filetype)?;
                }
                let opened = tokio::task::spawn_blocking(move || FileSource::open(path)).await;
                Arc::new(opened.map_err(|error| DriverError::Panicked(error.to_string()))??)
            }
            From::Source(source) => source,
        };
        for (key, value) in self.metadata {
            metadata = metadata.with(&key, value)?;
        }
        let uploader = self.uploader;
        let server = uploader.capabilities().await?;
        let destination = Destination::new(uploader.endpoint(), self.way, &metadata, self.checksums, server);
        let transport = uploader.transport(&destination).await?;
        let mut request = UploadRequest::of(source, Arc::new(transport));
        request.policy = self.policy.unwrap_or_else(|| uploader.policy().clone());
        request.id = self.id;
        request.destination = destination.to_record();
        Ok(TusHandle::new(uploader.driver().start(request).await?))
    }
}

impl IntoFuture for TusUpload {
    type Output = Result<Uploaded, TusError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    /// Starts it and waits for the end. Dropping the future stops it and keeps its checkpoint.
    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.start().await?.wait().await })
    }
}

impl fmt::Debug for TusUpload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TusUpload")
            .field("to", &self.uploader)
            .field("way", &self.way)
            .finish_non_exhaustive()
    }
}

/// A running upload to a tus server: an [`UploadHandle`] that ends with a URL.
///
/// Dropping it stops the upload and keeps its checkpoint.
#[derive(Debug)]
pub struct TusHandle(UploadHandle);

/// An upload that the server has as a whole.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Uploaded {
    /// The upload it came from.
    pub id: UploadId,
    /// Where the server has it.
    pub url: String,
    /// The engine's own view of the end.
    pub completed: Completed,
}

impl TusHandle {
    pub(super) const fn new(handle: UploadHandle) -> Self {
        Self(handle)
    }

    /// Waits for the end. Dropping this future stops the upload and keeps its checkpoint.
    ///
    /// # Errors
    ///
    /// [`TusError`] if the server has not got it as a whole, or nobody can tell.
    pub async fn wait(self) -> Result<Uploaded, TusError> {
        let id = self.0.id().clone();
        let completed = self.0.wait().await?;
        Ok(Uploaded { id, url: completed.result.id.to_string(), completed })
    }
}

impl Deref for TusHandle {
    type Target = UploadHandle;

    /// Progress, events, pause and cancel are those of every upload.
    fn deref(&self) -> &UploadHandle {
        &self.0
    }
}
