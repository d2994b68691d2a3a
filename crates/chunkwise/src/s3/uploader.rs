//! The uploader: one store, one account, and what all its uploads share.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use chunkwise_core::{Discard, Policy};
use chunkwise_driver::{Driver, Listed, Record, ResumeRequest, Source, StoreError, UploadId};
use chunkwise_s3::{AddressStyle, BaseUrl, Object, Store};
use chunkwise_transport::http::{Authorizer, Backend, HttpTransport};

use super::{Destination, S3Error, S3Handle, S3Upload};
use crate::records;

/// Uploads objects to one store. Clones share everything: connections, byte budget, rate limits.
///
/// ```no_run
/// use chunkwise::hyper::HyperBackend;
/// use chunkwise::s3::{Credentials, S3Uploader, SigV4, aws_endpoint};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let keys = Credentials {
///     access_key_id: std::env::var("AWS_ACCESS_KEY_ID")?,
///     secret_access_key: std::env::var("AWS_SECRET_ACCESS_KEY")?.into(),
///     session_token: None,
/// };
/// let endpoint = aws_endpoint("eu-central-1").ok_or("no such region")?;
/// let signer = SigV4::new("eu-central-1", keys);
/// let uploader = S3Uploader::builder(endpoint, signer, HyperBackend::new()).build()?;
/// uploader.upload("clip.mp4", "s3://media/clip.mp4".parse()?).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct S3Uploader {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) endpoint: BaseUrl,
    pub(super) region: Option<String>,
    pub(super) style: AddressStyle,
    pub(super) store: Store,
    pub(super) backend: Arc<dyn Backend>,
    pub(super) authorizer: Arc<dyn Authorizer>,
    pub(super) driver: Driver,
    pub(super) policy: Policy,
}

/// Settings of an [`S3Uploader`].
#[must_use]
pub struct S3UploaderBuilder {
    endpoint: BaseUrl,
    region: Option<String>,
    style: AddressStyle,
    store: Store,
    backend: Arc<dyn Backend>,
    authorizer: Arc<dyn Authorizer>,
    driver: Option<Driver>,
    policy: Policy,
}

impl S3UploaderBuilder {
    /// The region that the authorizer signs for. It is kept with every upload, so that who resumes one knows what to sign for;
    /// nothing else comes of it. Default: none is kept.
    pub fn region(self, region: impl Into<String>) -> Self {
        Self { region: Some(region.into()), ..self }
    }

    /// Where the bucket's name goes. Default: into the path.
    pub fn style(self, style: AddressStyle) -> Self {
        Self { style, ..self }
    }

    /// What is known of the store: checksums, part sizes. Default: [`Store::at`], what its endpoint says.
    pub fn store(self, store: Store) -> Self {
        Self { store, ..self }
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
    /// [`chunkwise_driver::BuildError`] if the default driver can't be made; never if one was given.
    pub fn build(self) -> Result<S3Uploader, chunkwise_driver::BuildError> {
        let Self { endpoint, region, style, store, backend, authorizer, driver, policy } = self;
        let driver = match driver {
            Some(driver) => driver,
            None => Driver::builder().build()?,
        };
        let inner = Inner { endpoint, region, style, store, backend, authorizer, driver, policy };
        Ok(S3Uploader { inner: Arc::new(inner) })
    }
}

impl S3Uploader {
    /// To be made for the store at this endpoint: these credentials, over this backend.
    pub fn builder(
        endpoint: BaseUrl,
        authorizer: impl Authorizer + 'static,
        backend: impl Backend + 'static,
    ) -> S3UploaderBuilder {
        let store = Store::at(&endpoint);
        S3UploaderBuilder {
            endpoint,
            region: None,
            style: AddressStyle::Path,
            store,
            backend: Arc::new(backend),
            authorizer: Arc::new(authorizer),
            driver: None,
            policy: Policy::default(),
        }
    }

    /// An upload of this file. Await it for the whole, or [`S3Upload::start`] it to watch and steer.
    pub fn upload(&self, path: impl AsRef<Path>, object: Object) -> S3Upload {
        S3Upload::of_path(self.clone(), path.as_ref().to_owned(), object)
    }

    /// An upload of anything else: bytes in memory, a file that still grows.
    pub fn upload_source(&self, source: Arc<dyn Source>, object: Object) -> S3Upload {
        S3Upload::of_source(self.clone(), source, object)
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

    /// Goes on with an upload from its checkpoint. Its file is opened where it was, and must be as it was.
    ///
    /// # Errors
    ///
    /// [`S3Error`]; then nothing was sent, and the checkpoint is as it was.
    pub async fn resume(&self, id: &UploadId) -> Result<S3Handle, S3Error> {
        let record = records::record(&self.inner.driver, id).await?;
        let source = records::reopened(&record).map_err(|why| S3Error::no_file(id, why))?;
        self.go_on(id, &record, source).await
    }

    /// The same, with the bytes from elsewhere than from the file that the record names. They must be the same bytes.
    ///
    /// # Errors
    ///
    /// As [`S3Uploader::resume`].
    pub async fn resume_source(&self, id: &UploadId, source: Arc<dyn Source>) -> Result<S3Handle, S3Error> {
        let record = records::record(&self.inner.driver, id).await?;
        let source = Some(source).filter(|_| record.needs_source());
        self.go_on(id, &record, source).await
    }

    async fn go_on(
        &self,
        id: &UploadId,
        record: &Record,
        source: Option<Arc<dyn Source>>,
    ) -> Result<S3Handle, S3Error> {
        let (request, destination) = self.request(id, record, source)?;
        let handle = self.inner.driver.resume(request).await?;
        Ok(S3Handle { handle, destination })
    }

    /// Gives an unfinished upload up: the store is told to forget its parts, and asked whether it has; the record is removed
    /// unless that is still owed. Its file is not needed. What was found is told: an object that is there by then stays.
    ///
    /// # Errors
    ///
    /// [`S3Error`] if the upload is running, unknown, or not one to this store.
    pub async fn discard(&self, id: &UploadId) -> Result<Discard, S3Error> {
        let record = records::record(&self.inner.driver, id).await?;
        let (request, _) = self.request(id, &record, None)?;
        records::discard(&self.inner.driver, request).await
    }

    fn request(
        &self,
        id: &UploadId,
        record: &Record,
        source: Option<Arc<dyn Source>>,
    ) -> Result<(ResumeRequest, Destination), S3Error> {
        let destination = Destination::from_record(&record.destination)?;
        // Older records have the host as it was given.
        if BaseUrl::new(&destination.endpoint).ok().as_ref() != Some(&self.inner.endpoint) {
            let (id, wanted) = (id.clone(), self.inner.endpoint.to_string());
            return Err(S3Error::OtherStore { id, found: Box::new(destination), wanted });
        }
        let transport = Arc::new(self.transport(&destination)?);
        let mut request = ResumeRequest::new(id.clone(), source, transport);
        request.policy = self.inner.policy.clone();
        Ok((request, destination))
    }

    pub(super) fn transport(&self, destination: &Destination) -> Result<HttpTransport, S3Error> {
        let protocol = Arc::new(destination.protocol()?);
        Ok(HttpTransport::new(protocol, Arc::clone(&self.inner.backend), Arc::clone(&self.inner.authorizer)))
    }
}

impl fmt::Debug for S3Uploader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Uploader").field("to", &self.inner.endpoint).finish_non_exhaustive()
    }
}

impl fmt::Debug for S3UploaderBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3UploaderBuilder").field("to", &self.endpoint).finish_non_exhaustive()
    }
}
