//! One upload to X, before it starts.

use std::fmt;
use std::future::IntoFuture;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use chunkwise_core::{Plan, Policy};
use chunkwise_driver::{FileSource, Source, StartError, UploadId, UploadRequest, WhenDone};
use chunkwise_media::{Inspection, Media, MediaCategory, MediaType, Use};
use chunkwise_transport::http::Protocol as _;
use chunkwise_x::AltText;

use super::{Destination, Uploaded, XError, XHandle, XUploader};
use crate::records::blocking;

/// One upload to X, before it starts.
///
/// Everything has a default: type and category come from the file's content, the policy from the uploader.
#[derive(Clone, Debug)]
#[must_use = "an upload does nothing until it is started or awaited"]
pub struct XUpload {
    uploader: XUploader,
    from: From,
    destined_for: Use,
    media_type: Option<MediaType>,
    category: Option<MediaCategory>,
    alt_text: Option<String>,
    policy: Option<Policy>,
    id: Option<UploadId>,
}

/// Where the bytes of an upload come from.
#[derive(Clone)]
enum From {
    /// A file: what it is, its content says.
    Path(PathBuf),
    /// Anything else, of which the caller knows what it is.
    Source(Arc<dyn Source>, Media),
}

impl fmt::Debug for From {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => f.debug_tuple("Path").field(path).finish(),
            Self::Source(source, media) => {
                f.debug_tuple("Source").field(&source.name()).field(media).finish()
            }
        }
    }
}

/// What an upload would do.
#[derive(Clone, Debug)]
pub struct Planned {
    /// What the file is.
    pub media: Media,
    /// How it would be cut.
    pub plan: Plan,
    /// Where it would go.
    pub destination: Destination,
}

impl XUpload {
    pub(super) const fn of_path(uploader: XUploader, path: PathBuf) -> Self {
        Self::of(uploader, From::Path(path))
    }

    pub(super) fn of_source(uploader: XUploader, source: Arc<dyn Source>, media: Media) -> Self {
        Self::of(uploader, From::Source(source, media))
    }

    const fn of(uploader: XUploader, from: From) -> Self {
        Self {
            uploader,
            from,
            destined_for: Use::Post,
            media_type: None,
            category: None,
            alt_text: None,
            policy: None,
            id: None,
        }
    }

    /// What the media is for. Default: a post.
    pub const fn destined_for(mut self, destined_for: Use) -> Self {
        self.destined_for = destined_for;
        self
    }

    /// The media type, whatever the content looks like.
    pub const fn media_type(mut self, media_type: MediaType) -> Self {
        self.media_type = Some(media_type);
        self
    }

    /// The category, whatever the content looks like.
    pub const fn category(mut self, category: MediaCategory) -> Self {
        self.category = Some(category);
        self
    }

    /// A description for people who can't see the media; set once the upload is done. 1 to 1,000 characters.
    pub fn alt_text(mut self, alt_text: impl Into<String>) -> Self {
        self.alt_text = Some(alt_text.into());
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

    /// What the upload would do: looks at the file, sends nothing.
    ///
    /// # Errors
    ///
    /// [`XError::Media`] if X would not take the file, [`XError::Start`] if there is no plan for it.
    pub async fn plan(&self) -> Result<Planned, XError> {
        let (media, destination) = self.inspected().await?;
        let profile = destination.protocol()?.profile();
        let chunk_size = self.policy.as_ref().unwrap_or(&self.uploader.inner.policy).chunk_size;
        let plan = Plan::new(media.size, &profile.sizing, chunk_size).map_err(StartError::Plan)?;
        Ok(Planned { media, plan, destination })
    }

    /// Starts it. Dropping the handle stops it and keeps its checkpoint.
    ///
    /// # Errors
    ///
    /// [`XError`]; then nothing was sent and nothing is left behind.
    pub async fn start(self) -> Result<XHandle, XError> {
        let (_, destination) = self.inspected().await?;
        let Self { uploader, from, policy, id, .. } = self;
        let transport = uploader.transport(&destination)?;
        let source = match from {
            From::Path(path) => Arc::new(open(path).await?),
            From::Source(source, _) => source,
        };
        let mut request = UploadRequest::of(source, Arc::new(transport.clone()));
        request.policy = policy.unwrap_or_else(|| uploader.inner.policy.clone());
        request.id = id;
        request.destination = destination.to_record();
        // The alt text comes after the upload: until it is set, the record has to stay.
        request.when_done = WhenDone::Keep;
        let driver = uploader.inner.driver.clone();
        let handle = driver.start(request).await?;
        Ok(XHandle::new(handle, driver, transport, destination))
    }

    async fn look_at(&self, path: PathBuf) -> Result<Media, XError> {
        let mut inspection =
            Inspection::new().destined_for(self.destined_for).limits(self.uploader.inner.limits);
        if let Some(media_type) = self.media_type {
            inspection = inspection.media_type(media_type);
        }
        if let Some(category) = self.category {
            inspection = inspection.category(category);
        }
        Ok(blocking(move || inspection.inspect_path(path)).await?.map_err(Arc::new)?)
    }

    async fn inspected(&self) -> Result<(Media, Destination), XError> {
        let inner = &self.uploader.inner;
        let media = match &self.from {
            From::Path(path) => self.look_at(path.clone()).await?,
            From::Source(_, media) => *media,
        };
        if let Some(alt_text) = &self.alt_text {
            AltText::new(alt_text.as_str()).map_err(|error| XError::BadAltText(error.to_string()))?;
        }
        let destination = Destination {
            api: inner.api.name().to_owned(),
            base_url: inner.base_url.to_string(),
            media_type: media.media_type.as_str().to_owned(),
            category: media.category.as_str().to_owned(),
            max_total: inner.limits.limit(media.category).unwrap_or(u64::MAX),
            alt_text: self.alt_text.clone(),
            additional_owners: Vec::new(),
            shared: false,
        };
        Ok((media, destination))
    }
}

async fn open(path: PathBuf) -> Result<FileSource, XError> {
    Ok(blocking(move || FileSource::open(path)).await??)
}

impl IntoFuture for XUpload {
    type Output = Result<Uploaded, XError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    /// Starts it and waits for the end. Dropping the future stops it and keeps its checkpoint.
    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.start().await?.wait().await })
    }
}
