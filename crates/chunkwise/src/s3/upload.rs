//! One upload to S3, before it starts.

use std::fmt;
use std::future::IntoFuture;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use chunkwise_core::Policy;
use chunkwise_driver::{FileSource, Source, UploadId, UploadRequest};
use chunkwise_media::MediaType;
use chunkwise_s3::{Mark, Object};

use super::{Destination, S3Error, S3Handle, S3Uploader, Uploaded};
use crate::records::blocking;

/// One upload to S3, before it starts.
#[derive(Clone, Debug)]
#[must_use = "an upload does nothing until it is started or awaited"]
pub struct S3Upload {
    uploader: S3Uploader,
    from: From,
    object: Object,
    content_type: Option<String>,
    policy: Option<Policy>,
    id: Option<UploadId>,
}

/// Where the bytes of an upload come from.
#[derive(Clone)]
enum From {
    Path(PathBuf),
    Source(Arc<dyn Source>),
}

impl fmt::Debug for From {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => f.debug_tuple("Path").field(path).finish(),
            Self::Source(source) => f.debug_tuple("Source").field(&source.name()).finish(),
        }
    }
}

impl S3Upload {
    pub(super) const fn of_path(uploader: S3Uploader, path: PathBuf, object: Object) -> Self {
        Self::of(uploader, From::Path(path), object)
    }

    pub(super) fn of_source(uploader: S3Uploader, source: Arc<dyn Source>, object: Object) -> Self {
        Self::of(uploader, From::Source(source), object)
    }

    const fn of(uploader: S3Uploader, from: From, object: Object) -> Self {
        Self { uploader, from, object, content_type: None, policy: None, id: None }
    }

    /// The type that the object will have, as in `video/mp4`. Default: what the ending of its key stands for; of another
    /// ending, what the store makes of it.
    pub fn content_type(mut self, content_type: impl Into<String>) -> Self {
        self.content_type = Some(content_type.into());
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
    /// [`S3Error`]; then nothing was sent and nothing is left behind.
    pub async fn start(self) -> Result<S3Handle, S3Error> {
        let Self { uploader, from, object, content_type, policy, id } = self;
        let inner = &uploader.inner;
        let of_name = MediaType::from_file_name(object.key()).map(MediaType::as_str);
        let mut mark = [0; 16];
        getrandom::fill(&mut mark).map_err(|error| S3Error::Random(error.to_string()))?;
        let destination = Destination {
            object: object.to_string(),
            endpoint: inner.endpoint.to_string(),
            region: inner.region.clone(),
            style: inner.style,
            store: inner.store,
            mark: Mark::new(u128::from_le_bytes(mark)).to_string(),
            content_type: content_type.or_else(|| of_name.map(str::to_owned)),
        };
        let transport = Arc::new(uploader.transport(&destination)?);
        let source: Arc<dyn Source> = match from {
            From::Path(path) => Arc::new(blocking(move || FileSource::open(path)).await??),
            From::Source(source) => source,
        };
        let mut request = UploadRequest::of(source, transport);
        request.policy = policy.unwrap_or_else(|| inner.policy.clone());
        request.id = id;
        request.destination = destination.to_record();
        let handle = inner.driver.start(request).await?;
        Ok(S3Handle { handle, destination })
    }
}

impl IntoFuture for S3Upload {
    type Output = Result<Uploaded, S3Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    /// Starts it and waits for the end. Dropping the future stops it and keeps its checkpoint.
    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.start().await?.wait().await })
    }
}
