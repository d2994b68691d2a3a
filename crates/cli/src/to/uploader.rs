//! Uploaders to other places than X, and what they have in common.

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;

use chunkwise::core::{Completed, Discard};
use chunkwise::driver::{Driver, Record, Source, UploadHandle, UploadId};
use chunkwise::hyper::HyperBackend;
use chunkwise::s3::{S3Handle, S3Uploader, UsualPlaces};
use chunkwise::transport::http::{Anonymous, Authorizer};
use chunkwise::tus::{Endpoint, TusHandle, TusUploader};
use chunkwise::{Policy, s3, tus};

use super::destination::object;
use super::{Place, StoreAddress};
use crate::args::CredentialOptions;
use crate::credentials::tus_token;
use crate::engine::EngineOptions;
use crate::exit::Exit;
use crate::failed::Failed;

/// An uploader to a place other than X.
#[derive(Debug)]
pub(crate) enum Elsewhere {
    S3(S3Uploader),
    Tus(TusUploader),
}

/// Where a record says that its upload goes, if that is another place than X; and to which store, with what is known
/// of that from elsewhere.
pub(crate) fn place(record: &Record, store: &StoreAddress) -> Option<(Place, StoreAddress)> {
    if let Ok(destination) = s3::Destination::from_record(&record.destination) {
        let place = destination.object.parse().ok()?;
        return Some((place, store.clone().or_at(destination.endpoint, destination.style)));
    }
    let destination = tus::Destination::from_record(&record.destination).ok()?;
    Some((Place::Tus(destination.endpoint), store.clone()))
}

/// A running upload.
pub(crate) enum Running {
    S3(S3Handle),
    Tus(TusHandle),
}

impl Deref for Running {
    type Target = UploadHandle;

    fn deref(&self) -> &UploadHandle {
        match self {
            Self::S3(handle) => handle,
            Self::Tus(handle) => handle,
        }
    }
}

impl Running {
    /// Waits for the end; gives the object's address.
    pub(crate) async fn wait(self) -> Result<(UploadId, String, Completed), Failed> {
        match self {
            Self::S3(handle) => {
                let s3::Uploaded { id, object, completed, .. } = handle.wait().await?;
                Ok((id, object, completed))
            }
            Self::Tus(handle) => {
                let tus::Uploaded { id, url, completed, .. } = handle.wait().await?;
                Ok((id, url, completed))
            }
        }
    }
}

/// What is to be uploaded.
#[derive(Clone)]
pub(crate) enum Bytes {
    File(PathBuf),
    Stream(Arc<dyn Source>),
}

impl Elsewhere {
    /// To this place. The credentials of X's uploads go nowhere else: a tus server gets a token only from the flags, or
    /// from CHUNKWISE_TUS_TOKEN.
    pub(crate) async fn to(
        place: &Place,
        engine: EngineOptions,
        store: &StoreAddress,
        credentials: &CredentialOptions,
    ) -> Result<Self, Failed> {
        let (backend, driver, policy) = engine.parts()?;
        match place {
            Place::Tus(endpoint) => {
                let token = tus_token(credentials, |name| std::env::var_os(name))?;
                let authorizer: Arc<dyn Authorizer> = match token {
                    Some(bearer) => Arc::new(bearer),
                    None => Arc::new(Anonymous),
                };
                Self::tus(endpoint, authorizer, backend, driver, policy)
            }
            Place::S3 { .. } => {
                let store = store.clone().or_of(|name| std::env::var(name).ok());
                let signer = UsualPlaces::new(backend.clone()).signer(store.region()).await;
                let signer = signer.map_err(|error| Failed::new(Exit::Auth, error.to_string()))?;
                let uploader = S3Uploader::builder(store.endpoint()?, signer, backend)
                    .style(store.style())
                    .driver(driver)
                    .policy(policy)
                    .build();
                uploader.map(Self::S3).map_err(|error| Failed::new(Exit::Config, error.to_string()))
            }
        }
    }

    fn tus(
        endpoint: &str,
        authorizer: Arc<dyn Authorizer>,
        backend: HyperBackend,
        driver: Driver,
        policy: Policy,
    ) -> Result<Self, Failed> {
        let usage = |error: &dyn std::error::Error| Failed::new(Exit::Usage, format!("--to: {error}"));
        let endpoint = Endpoint::new(endpoint).map_err(|error| usage(&error))?;
        let uploader =
            TusUploader::builder(endpoint, authorizer, backend).driver(driver).policy(policy).build();
        uploader.map(Self::Tus).map_err(|error| Failed::new(Exit::Config, error.to_string()))
    }

    /// Starts an upload to this place, which is the uploader's own.
    pub(crate) async fn start(&self, place: &Place, bytes: Bytes) -> Result<Running, Failed> {
        match (self, place) {
            (Self::S3(uploader), Place::S3 { bucket, key }) => {
                let file = match &bytes {
                    Bytes::File(path) => Some(path.as_path()),
                    Bytes::Stream(_) => None,
                };
                let object = object(bucket, key, file)
                    .map_err(|error| Failed::new(Exit::Usage, format!("--to: {error}")))?;
                let upload = match bytes {
                    Bytes::File(path) => uploader.upload(path, object),
                    Bytes::Stream(source) => uploader.upload_source(source, object),
                };
                Ok(Running::S3(upload.start().await?))
            }
            (Self::Tus(uploader), Place::Tus(_)) => {
                let upload = match bytes {
                    Bytes::File(path) => uploader.upload(path),
                    Bytes::Stream(source) => uploader.upload_source(source).way(tus::Way::Deferred),
                };
                Ok(Running::Tus(upload.start().await?))
            }
            (Self::S3(_), Place::Tus(_)) | (Self::Tus(_), Place::S3 { .. }) => {
                Err(Failed::new(Exit::Bug, "an uploader was asked for another place than its own"))
            }
        }
    }

    /// Goes on with an upload.
    pub(crate) async fn resume(&self, id: &UploadId) -> Result<Running, Failed> {
        match self {
            Self::S3(uploader) => match uploader.resume(id).await {
                Ok(handle) => Ok(Running::S3(handle)),
                Err(error) => Err(Failed::from(error).resuming(id)),
            },
            Self::Tus(uploader) => match uploader.resume(id).await {
                Ok(handle) => Ok(Running::Tus(handle)),
                Err(error) => Err(Failed::from(error).resuming(id)),
            },
        }
    }

    /// Gives an upload up, and has the server forget it; says what came of that.
    pub(crate) async fn discard(&self, id: &UploadId) -> Result<Discard, Failed> {
        match self {
            Self::S3(uploader) => Ok(uploader.discard(id).await?),
            Self::Tus(uploader) => Ok(uploader.discard(id).await?),
        }
    }
}
