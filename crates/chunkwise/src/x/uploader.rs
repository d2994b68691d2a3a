//! The uploader: one account at X, and what all its uploads share.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use chunkwise_core::{Detail, Failure, NotSent, Policy, Timestamp};
use chunkwise_driver::{Driver, Listed, Record, ResumeRequest, Source, StoreError, UploadId, WhenDone};
use chunkwise_media::Limits;
use chunkwise_transport::http::{Authorizer, Backend, HttpTransport};
use chunkwise_x::{Api, BaseUrl, Post, PostId};

use super::{Destination, XError, XHandle, XUpload};
use crate::failed::within;
use crate::records;

/// Uploads media to one account at X. Clones share everything: connections, byte budget, rate limits.
#[derive(Clone)]
pub struct XUploader {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) api: Api,
    pub(super) base_url: BaseUrl,
    pub(super) backend: Arc<dyn Backend>,
    pub(super) authorizer: Arc<dyn Authorizer>,
    pub(super) driver: Driver,
    pub(super) policy: Policy,
    pub(super) limits: Limits,
}

/// Settings of an [`XUploader`].
#[must_use]
pub struct XUploaderBuilder {
    api: Api,
    base_url: Option<BaseUrl>,
    backend: Arc<dyn Backend>,
    authorizer: Arc<dyn Authorizer>,
    driver: Option<Driver>,
    policy: Policy,
    limits: Limits,
}

impl XUploaderBuilder {
    /// Which API to speak. Default: v2.
    pub fn api(self, api: Api) -> Self {
        Self { api, ..self }
    }

    /// Where the API is, for a sandbox or a gateway. Default: X itself.
    pub fn base_url(self, base_url: BaseUrl) -> Self {
        Self { base_url: Some(base_url), ..self }
    }

    /// What runs the uploads: its byte budget, bandwidth cap and checkpoints. Default: [`Driver::builder`]'s, with
    /// checkpoints in memory.
    pub fn driver(self, driver: Driver) -> Self {
        Self { driver: Some(driver), ..self }
    }

    /// Chunk size, window, retries, deadlines. Default: [`Policy::default`].
    pub fn policy(self, policy: Policy) -> Self {
        Self { policy, ..self }
    }

    /// How large a file of each category may be. Default: [`Limits::standard`].
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// The uploader.
    ///
    /// # Errors
    ///
    /// [`chunkwise_driver::BuildError`] if the default driver can't be made; never if one was given.
    pub fn build(self) -> Result<XUploader, chunkwise_driver::BuildError> {
        let Self { api, base_url, backend, authorizer, driver, policy, limits } = self;
        let driver = match driver {
            Some(driver) => driver,
            None => Driver::builder().build()?,
        };
        let base_url = base_url.unwrap_or_else(|| api.default_base_url());
        let inner = Inner { api, base_url, backend, authorizer, driver, policy, limits };
        Ok(XUploader { inner: Arc::new(inner) })
    }
}

impl XUploader {
    /// With defaults: API v2 at X, the hyper backend without a proxy, checkpoints in memory.
    #[cfg(feature = "hyper")]
    pub fn new(authorizer: impl Authorizer + 'static) -> Self {
        let builder = Self::builder(authorizer, chunkwise_hyper::HyperBackend::new());
        let XUploaderBuilder { api, backend, authorizer, policy, limits, .. } = builder;
        let (base_url, driver) = (api.default_base_url(), Driver::default());
        Self { inner: Arc::new(Inner { api, base_url, backend, authorizer, driver, policy, limits }) }
    }

    /// To be made with other settings: these credentials, over this backend.
    pub fn builder(
        authorizer: impl Authorizer + 'static,
        backend: impl Backend + 'static,
    ) -> XUploaderBuilder {
        XUploaderBuilder {
            api: Api::V2,
            base_url: None,
            backend: Arc::new(backend),
            authorizer: Arc::new(authorizer),
            driver: None,
            policy: Policy::default(),
            limits: Limits::standard(),
        }
    }

    /// An upload of this file. Await it for the whole, or [`XUpload::start`] it to watch and steer.
    pub fn upload(&self, path: impl AsRef<Path>) -> XUpload {
        XUpload::of_path(self.clone(), path.as_ref().to_owned())
    }

    /// An upload of anything else: bytes in memory, a file that still grows. What it is, you say
    /// ([`chunkwise_media::Inspector`] finds it out from its first bytes).
    pub fn upload_source(&self, source: Arc<dyn Source>, media: chunkwise_media::Media) -> XUpload {
        XUpload::of_source(self.clone(), source, media)
    }

    /// Makes a post, with media that are uploaded already. It is sent once: X has nothing to recognise a repetition by. The
    /// answer may take as long as the policy has for one.
    ///
    /// # Errors
    ///
    /// The [`Failure`]. Of [`Failure::Unknown`] nobody can tell whether the post is there; look before making another.
    pub async fn post(&self, post: &Post) -> Result<PostId, Failure> {
        let request = post.request(&self.inner.base_url).map_err(|error| Failure::NotSent {
            cause: NotSent::Misconfigured,
            detail: Detail::new(error.to_string()),
        })?;
        // The protocol has no say in a request that is made already.
        let media = chunkwise_x::Media::new(chunkwise_x::MediaType::PNG, chunkwise_x::Category::TweetImage);
        let protocol = chunkwise_x::XProtocol::new(self.inner.api, media);
        let transport =
            HttpTransport::new(Arc::new(protocol), self.inner.backend.clone(), self.inner.authorizer.clone());
        let longest = self.inner.policy.timeouts.response;
        let response = within(longest, transport.send(request)).await?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Post::decode(&response, Timestamp::EPOCH.after(now))
    }

    /// What runs the uploads.
    pub fn driver(&self) -> &Driver {
        &self.inner.driver
    }

    /// Every upload of which there is a checkpoint, of whatever destination, the damaged ones included.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the checkpoints can't be read.
    pub async fn unfinished(&self) -> Result<Vec<Listed>, StoreError> {
        self.inner.driver.uploads().await
    }

    /// Goes on with an upload from its checkpoint. Its file is opened where it was, and must be as it was. Of an upload
    /// that is finished only the alt text is set, and the same media comes of it; no file is needed.
    ///
    /// # Errors
    ///
    /// [`XError`]; then nothing was sent, and the checkpoint is as it was.
    pub async fn resume(&self, id: &UploadId) -> Result<XHandle, XError> {
        let record = self.record(id).await?;
        let source = records::reopened(&record).map_err(|why| XError::no_file(id, why))?;
        self.go_on(id, &record, source).await
    }

    /// The same, with the bytes from elsewhere than from the file that the record names. They must be the same bytes.
    ///
    /// # Errors
    ///
    /// As [`XUploader::resume`].
    pub async fn resume_source(&self, id: &UploadId, source: Arc<dyn Source>) -> Result<XHandle, XError> {
        let record = self.record(id).await?;
        let source = Some(source).filter(|_| record.needs_source());
        self.go_on(id, &record, source).await
    }

    async fn go_on(
        &self,
        id: &UploadId,
        record: &Record,
        source: Option<Arc<dyn Source>>,
    ) -> Result<XHandle, XError> {
        let destination = Destination::from_record(&record.destination)?;
        self.check_address(id, &destination)?;
        let transport = self.transport(&destination)?;
        let mut request = ResumeRequest::new(id.clone(), source, Arc::new(transport.clone()));
        request.policy = self.inner.policy.clone();
        request.when_done = WhenDone::Keep;
        let driver = self.inner.driver.clone();
        let handle = driver.resume(request).await?;
        Ok(XHandle::new(handle, driver, transport, destination))
    }

    /// Gives an unfinished upload up: its checkpoint is removed, and the server told, where it can be told (X can't:
    /// there the session expires by itself). Of a finished upload the record is removed; the media stays as it is.
    ///
    /// # Errors
    ///
    /// [`XError`] if the upload is running, unknown, or not one to this address. A checkpoint that is damaged is
    /// removed all the same.
    pub async fn discard(&self, id: &UploadId) -> Result<(), XError> {
        let record = match self.record(id).await {
            Ok(record) => record,
            Err(XError::Store(StoreError::Damaged { .. } | StoreError::Newer { .. })) => {
                return Ok(self.inner.driver.forget(id).await?);
            }
            Err(error) => return Err(error),
        };
        if record.finished.is_some() {
            return Ok(self.inner.driver.forget(id).await?);
        }
        let destination = Destination::from_record(&record.destination)?;
        let protocol = destination.protocol()?;
        if chunkwise_transport::http::Protocol::profile(&protocol).abort != chunkwise_core::Abort::Call {
            return Ok(self.inner.driver.forget(id).await?);
        }
        self.check_address(id, &destination)?;
        let transport = Arc::new(self.transport(&destination)?);
        let mut request = ResumeRequest::new(id.clone(), None, transport);
        request.policy = self.inner.policy.clone();
        records::discard::<XError>(&self.inner.driver, request).await?;
        Ok(())
    }

    async fn record(&self, id: &UploadId) -> Result<Record, XError> {
        Ok(records::record(&self.inner.driver, id).await?)
    }

    fn check_address(&self, id: &UploadId, destination: &Destination) -> Result<(), XError> {
        let wanted = self.destination_name();
        // Older records have the host as it was given.
        let base_url = BaseUrl::new(&destination.base_url);
        if base_url.is_ok_and(|at| format!("{at} ({})", destination.api) == wanted) {
            return Ok(());
        }
        Err(XError::OtherAddress { id: id.clone(), found: Box::new(destination.clone()), wanted })
    }

    fn destination_name(&self) -> String {
        format!("{} ({})", self.inner.base_url, self.inner.api.name())
    }

    pub(super) fn transport(&self, destination: &Destination) -> Result<HttpTransport, XError> {
        let protocol = Arc::new(destination.protocol()?);
        Ok(HttpTransport::new(protocol, Arc::clone(&self.inner.backend), Arc::clone(&self.inner.authorizer)))
    }
}

impl fmt::Debug for XUploader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("XUploader").field("to", &self.destination_name()).finish_non_exhaustive()
    }
}

impl fmt::Debug for XUploaderBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("XUploaderBuilder").field("api", &self.api).finish_non_exhaustive()
    }
}
