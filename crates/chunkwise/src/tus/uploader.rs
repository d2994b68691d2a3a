//! The uploader: one tus server, and what all uploads to it share.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use chunkwise_core::{Discard, Policy};
use chunkwise_driver::{BuildError, Driver, Record, ResumeRequest, Source, UploadId};
use chunkwise_transport::http::{Authorizer, Backend, HttpTransport};
use chunkwise_tus::{Capabilities, Endpoint, Extension, TusProtocol, Unsupported, Way};
use tokio::sync::OnceCell;

use super::upload::From;
use super::{Destination, TusError, TusHandle, TusUpload};
use crate::beside::{Tries, repeated, unsayable};
use crate::records::{self, NoFile};

/// Uploads to one tus server. Clones share everything: connections, byte budget, what the server can do.
#[derive(Clone)]
pub struct TusUploader {
    inner: Arc<Inner>,
}

struct Inner {
    endpoint: Endpoint,
    elsewhere: Vec<Endpoint>,
    capabilities: OnceCell<Capabilities>,
    backend: Arc<dyn Backend>,
    authorizer: Arc<dyn Authorizer>,
    driver: Driver,
    policy: Policy,
}

/// Settings of a [`TusUploader`].
#[must_use]
pub struct TusUploaderBuilder {
    endpoint: Endpoint,
    elsewhere: Vec<Endpoint>,
    capabilities: OnceCell<Capabilities>,
    backend: Arc<dyn Backend>,
    authorizer: Arc<dyn Authorizer>,
    driver: Option<Driver>,
    policy: Policy,
}

impl TusUploaderBuilder {
    /// What the server can do, for one that does not say it. Default: it is asked.
    pub fn capabilities(self, capabilities: Capabilities) -> Self {
        Self { capabilities: OnceCell::new_with(Some(capabilities)), ..self }
    }

    /// Another place where the server has its uploads: the credentials go there, too. Default: at the endpoint's origin alone.
    pub fn uploads_at(mut self, elsewhere: Endpoint) -> Self {
        self.elsewhere.push(elsewhere);
        self
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

    /// The uploader.
    ///
    /// # Errors
    ///
    /// [`BuildError`] if the default driver can't be made; never if one was given.
    pub fn build(self) -> Result<TusUploader, BuildError> {
        let Self { endpoint, elsewhere, capabilities, backend, authorizer, driver, policy } = self;
        let driver = match driver {
            Some(driver) => driver,
            None => Driver::builder().build()?,
        };
        let inner = Inner { endpoint, elsewhere, capabilities, backend, authorizer, driver, policy };
        Ok(TusUploader { inner: Arc::new(inner) })
    }
}

impl TusUploader {
    /// With defaults: the hyper backend without a proxy, checkpoints in memory.
    ///
    /// # Errors
    ///
    /// [`chunkwise_tus::EndpointError`] if the endpoint is no absolute http or https URL, or holds credentials.
    #[cfg(feature = "hyper")]
    pub fn new(
        endpoint: &str,
        authorizer: impl Authorizer + 'static,
    ) -> Result<Self, chunkwise_tus::EndpointError> {
        let builder =
            Self::builder(Endpoint::new(endpoint)?, authorizer, chunkwise_hyper::HyperBackend::new());
        let TusUploaderBuilder { endpoint, elsewhere, capabilities, backend, authorizer, policy, .. } =
            builder;
        let driver = Driver::default();
        let inner = Inner { endpoint, elsewhere, capabilities, backend, authorizer, driver, policy };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// To be made with other settings: to this server, with these credentials
    /// ([`Anonymous`](chunkwise_transport::http::Anonymous) if it wants none), over this backend.
    pub fn builder(
        endpoint: Endpoint,
        authorizer: impl Authorizer + 'static,
        backend: impl Backend + 'static,
    ) -> TusUploaderBuilder {
        TusUploaderBuilder {
            endpoint,
            elsewhere: Vec::new(),
            capabilities: OnceCell::new(),
            backend: Arc::new(backend),
            authorizer: Arc::new(authorizer),
            driver: None,
            policy: Policy::default(),
        }
    }

    /// An upload of this file. Await it for the whole, or [`TusUpload::start`] it to watch and steer.
    pub fn upload(&self, path: impl AsRef<Path>) -> TusUpload {
        TusUpload::new(self.clone(), From::Path(path.as_ref().to_owned()))
    }

    /// An upload of anything else: bytes in memory, a file that still grows.
    pub fn upload_source(&self, source: Arc<dyn Source>) -> TusUpload {
        TusUpload::new(self.clone(), From::Source(source))
    }

    /// What runs the uploads.
    pub fn driver(&self) -> &Driver {
        &self.inner.driver
    }

    /// What the server can do, as it says itself. It is asked once; while what is in the way may pass it is tried three times,
    /// with the policy's backoff, and credentials that have expired are renewed.
    ///
    /// # Errors
    ///
    /// [`TusError::Discovery`] if it can't be asked, or speaks no tus 1.0.
    pub async fn capabilities(&self) -> Result<&Capabilities, TusError> {
        let inner = &self.inner;
        let asked = inner.capabilities.get_or_try_init(async || {
            // The protocol has no say in a request that is made already.
            let assumed = Capabilities::new([Extension::Creation]);
            let protocol = TusProtocol::new(inner.endpoint.clone(), assumed, Way::Whole)
                .map_err(|error| unsayable(&error))?;
            repeated(
                Tries::of(&inner.policy),
                &self.over(protocol),
                || Capabilities::request(&inner.endpoint),
                Capabilities::decode,
            )
            .await
        });
        asked.await.map_err(TusError::Discovery)
    }

    /// Goes on with an upload from its checkpoint. Its file is opened where it was, and must be as it was.
    ///
    /// # Errors
    ///
    /// [`TusError`]; then no byte of the source was sent, and the checkpoint is as it was.
    pub async fn resume(&self, id: &UploadId) -> Result<TusHandle, TusError> {
        let record = self.record(id).await?;
        let source = self.reopened(id, &record)?;
        self.go_on(id, &record, source).await
    }

    /// The same, with the bytes from elsewhere than from the file that the record names. They must be the same bytes.
    ///
    /// # Errors
    ///
    /// As [`TusUploader::resume`].
    pub async fn resume_source(&self, id: &UploadId, source: Arc<dyn Source>) -> Result<TusHandle, TusError> {
        let record = self.record(id).await?;
        let source = Some(source).filter(|_| record.needs_source());
        self.go_on(id, &record, source).await
    }

    /// Gives an unfinished upload up: the server is told, if it can be told, and the checkpoint removed unless that is still
    /// owed. Its file is not needed. What came of it is told.
    ///
    /// # Errors
    ///
    /// [`TusError`] if the upload is running, unknown, or not one to this server.
    pub async fn discard(&self, id: &UploadId) -> Result<Discard, TusError> {
        let record = self.record(id).await?;
        let request = self.request(id, &record, None).await?;
        records::discard(self.driver(), request).await
    }

    /// Has the server forget an upload that it has, finished or not; one that is not there any more is as good as forgotten.
    /// It is tried three times, while what is in the way may pass.
    ///
    /// # Errors
    ///
    /// [`TusError::Unsupported`] if the server lacks `termination`; nothing was sent then. [`TusError::Terminate`] if it
    /// refuses, or nobody can tell whether it did it: asking once more does no harm.
    pub async fn terminate(&self, url: &str) -> Result<(), TusError> {
        let capabilities = self.capabilities().await?.clone();
        if !capabilities.has(Extension::Termination) {
            return Err(Unsupported { lacks: Extension::Termination }.into());
        }
        let tus = TusProtocol::new(self.inner.endpoint.clone(), capabilities, Way::Whole)?;
        let elsewhere = self.inner.elsewhere.iter();
        let tus = elsewhere.fold(tus, |tus, place| tus.with_uploads_at(place));
        let terminated = repeated(
            Tries::USUAL,
            &self.over(tus.clone()),
            || tus.terminate_request(url),
            |response, received_at| tus.decode_terminate(response, received_at),
        )
        .await;
        terminated.map_err(|failure| TusError::Terminate { url: url.to_owned(), failure })
    }

    async fn go_on(
        &self,
        id: &UploadId,
        record: &Record,
        source: Option<Arc<dyn Source>>,
    ) -> Result<TusHandle, TusError> {
        let request = self.request(id, record, source).await?;
        Ok(TusHandle::new(self.driver().resume(request).await?))
    }

    async fn request(
        &self,
        id: &UploadId,
        record: &Record,
        source: Option<Arc<dyn Source>>,
    ) -> Result<ResumeRequest, TusError> {
        let destination = Destination::from_record(&record.destination)?;
        let wanted = self.inner.endpoint.to_string();
        if destination.endpoint != wanted {
            return Err(TusError::OtherEndpoint { id: id.clone(), found: destination.endpoint, wanted });
        }
        let transport = self.transport(&destination).await?;
        let mut request = ResumeRequest::new(id.clone(), source, Arc::new(transport));
        request.policy = self.inner.policy.clone();
        Ok(request)
    }

    async fn record(&self, id: &UploadId) -> Result<Record, TusError> {
        Ok(records::record(self.driver(), id).await?)
    }

    fn reopened(&self, id: &UploadId, record: &Record) -> Result<Option<Arc<dyn Source>>, TusError> {
        records::reopened(record).map_err(|error| match error {
            NoFile::Unnamed => TusError::NoPath { id: id.clone() },
            NoFile::Gone(path, error) => TusError::FileGone { id: id.clone(), path, error },
        })
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.inner.endpoint
    }

    pub(super) fn policy(&self) -> &Policy {
        &self.inner.policy
    }

    pub(super) async fn transport(&self, to: &Destination) -> Result<HttpTransport, TusError> {
        let protocol = TusProtocol::new(self.inner.endpoint.clone(), self.known(to).await?, to.way()?)?;
        let elsewhere = self.inner.elsewhere.iter();
        let protocol = elsewhere.fold(protocol, |protocol, place| protocol.with_uploads_at(place));
        let protocol = protocol.with_metadata(to.metadata()?);
        Ok(self.over(if to.checksums { protocol.with_checksums()? } else { protocol }))
    }

    /// What the server can do, as far as that is known: it is not asked again for what a checkpoint remembers.
    async fn known(&self, to: &Destination) -> Result<Capabilities, TusError> {
        match (self.inner.capabilities.get(), to.capabilities()) {
            (Some(known), _) => Ok(known.clone()),
            (None, Some(remembered)) => Ok(remembered),
            (None, None) => Ok(self.capabilities().await?.clone()),
        }
    }

    fn over(&self, protocol: TusProtocol) -> HttpTransport {
        let inner = &self.inner;
        HttpTransport::new(Arc::new(protocol), Arc::clone(&inner.backend), Arc::clone(&inner.authorizer))
    }
}

impl fmt::Debug for TusUploader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TusUploader").field("to", &self.inner.endpoint).finish_non_exhaustive()
    }
}

impl fmt::Debug for TusUploaderBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TusUploaderBuilder").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}
