//! Uploaders to other places than X, and what they have in common.

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;

use chunkwise::core::{Completed, Discard};
use chunkwise::driver::{Driver, Record, Source, UploadHandle, UploadId};
use chunkwise::hyper::HyperBackend;
use chunkwise::s3::{Deleted, S3Handle, S3Uploader, UsualPlaces};
use chunkwise::transport::http::{Anonymous, Authorizer};
use chunkwise::tus::{Endpoint, Extension, TusHandle, TusUploader};
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
        return Some((
            place,
            store.clone().or_at(destination.endpoint, destination.region, destination.style),
        ));
    }
    let destination = tus::Destination::from_record(&record.destination).ok()?;
    Some((Place::Tus(destination.endpoint), store.clone()))
}

/// Whether a server forgets uploads that are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forgets {
    Uploads,
    Nothing,
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

/// Who asks at this place. The credentials of X's uploads go nowhere else: a tus server gets a token only from the flags, or
/// from CHUNKWISE_TUS_TOKEN.
pub(crate) async fn authorizer(
    place: &Place,
    backend: &HyperBackend,
    store: &StoreAddress,
    credentials: &CredentialOptions,
) -> Result<Arc<dyn Authorizer>, Failed> {
    match place {
        Place::Tus(_) => match tus_token(credentials, |name| std::env::var_os(name))? {
            Some(bearer) => Ok(Arc::new(bearer)),
            None => Ok(Arc::new(Anonymous)),
        },
        Place::S3 { .. } => match UsualPlaces::new(backend.clone()).signer(store.region()).await {
            Ok(signer) => Ok(Arc::new(signer)),
            Err(error) => Err(Failed::new(Exit::Auth, error.to_string())),
        },
    }
}

/// What is to be uploaded.
#[derive(Clone)]
pub(crate) enum Bytes {
    File(PathBuf),
    Stream(Arc<dyn Source>),
}

impl Elsewhere {
    /// To this place, with the credentials for it.
    pub(crate) async fn to(
        place: &Place,
        engine: EngineOptions,
        store: &StoreAddress,
        credentials: &CredentialOptions,
    ) -> Result<Self, Failed> {
        let (parts, store) = (engine.parts()?, &store.clone().with_environment());
        let authorizer = authorizer(place, &parts.0, store, credentials).await?;
        Self::of(place, parts, store, authorizer)
    }

    /// To this place, for whoever that is.
    pub(crate) fn of(
        place: &Place,
        (backend, driver, policy): (HyperBackend, Driver, Policy),
        store: &StoreAddress,
        authorizer: Arc<dyn Authorizer>,
    ) -> Result<Self, Failed> {
        match place {
            Place::Tus(endpoint) => Self::tus(endpoint, authorizer, backend, driver, policy),
            Place::S3 { .. } => {
                let endpoint = store.endpoint()?;
                let known = store.store(&endpoint);
                let uploader = S3Uploader::builder(endpoint, authorizer, backend)
                    .style(store.style())
                    .store(known)
                    .region(store.region())
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

    /// Whether the server forgets uploads that are there when it is told to. A tus server is asked.
    pub(crate) async fn forgets(&self) -> Result<Forgets, Failed> {
        match self {
            Self::S3(_) => Ok(Forgets::Uploads),
            Self::Tus(uploader) => Ok(match uploader.capabilities().await?.has(Extension::Termination) {
                true => Forgets::Uploads,
                false => Forgets::Nothing,
            }),
        }
    }

    /// Where a tus server has an unfinished upload, if one was begun.
    pub(crate) async fn session(&self, id: &UploadId) -> Option<String> {
        let uploader = match self {
            Self::S3(_) => return None,
            Self::Tus(uploader) => uploader,
        };
        let listed = uploader.driver().uploads().await.ok()?;
        let record = listed.into_iter().find(|listed| listed.id == *id)?.record.ok()?;
        // Behind its URL is what was said of its length.
        let session = record.checkpoint.session()?.as_str().to_owned();
        Some(session.split('#').next().unwrap_or_default().to_owned())
    }

    /// Removes what an upload came to, by the address that it ended with.
    pub(crate) async fn remove(&self, address: &str) -> Result<Deleted, Failed> {
        match self {
            Self::S3(uploader) => match address.parse() {
                Ok(object) => Ok(uploader.delete(&object).await?),
                Err(error) => Err(Failed::new(Exit::Bug, format!("{address} is no object: {error}"))),
            },
            Self::Tus(uploader) => {
                uploader.terminate(address).await?;
                Ok(Deleted::Gone)
            }
        }
    }
}
