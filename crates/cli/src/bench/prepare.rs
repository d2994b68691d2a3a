//! What has to be there before anything is measured: the file, a sandbox, leave to measure what costs money.

use std::path::Path;
use std::sync::{Arc, Mutex};

use chunkwise::ChunkSize;
use chunkwise::s3::Object;
use chunkwise::transport::http::Bearer;
use chunkwise::x::BaseUrl;
use serde_json::Value;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::cost::{self, Cost, Pays};
use super::elsewhere::{Removal, There};
use super::link::Wanted;
use super::setting::{Unplannable, exact_size};
use super::sockets;
use super::speaks::Speaks;
use super::sweep::Sweep;
use super::target::{Target, Way};
use super::wish::Wish;
use super::x_itself::{Told, permit};
use crate::args::{ConnectionOptions, CredentialOptions, DestinationOptions, TransferOptions, Untold};
use crate::context::Context;
use crate::credentials::Credentials;
use crate::demo::child::ChildSandbox;
use crate::demo::video;
use crate::engine::{EngineOptions, base_url_of, fitting};
use crate::exit::{Exit, Exits as _};
use crate::failed::Failed;
use crate::to::{Elsewhere, Forgets, Place, StoreAddress, authorizer};
use crate::values::{Size, Span};

/// A measurement that takes longer says nothing.
const DEADLINE: Span = Span::of(std::time::Duration::from_secs(30 * 60));
const FILE_NAME: &str = "chunkwise-bench.mp4";

pub(super) fn chunks(sizes: &[Size], speaks: Speaks) -> Result<Vec<ChunkSize>, Failed> {
    let sizes = match sizes {
        [] => speaks.chunks().to_vec(),
        sizes => sizes.iter().map(|size| size.bytes()).collect(),
    };
    let chunk = |bytes| {
        ChunkSize::new(bytes)
            .ok_or_else(|| Failed::new(Exit::Config, "a chunk size of zero bytes sends nothing: give more"))
    };
    sizes.into_iter().map(chunk).collect()
}

/// A chunk size that is never taken, and a size that is taken in no segments, are mistakes; segments that are too many or too
/// small are left out.
pub(super) fn check_sizes(sweep: &Sweep, meant_for: u64) -> Result<(), Failed> {
    let mut too_small = None;
    for cell in &sweep.cells {
        for size in [sweep.size, meant_for] {
            match cell.setting.requests(sweep.speaks, size) {
                Ok(_) | Err(Unplannable::TooMany { .. }) => {}
                Err(why @ Unplannable::TooSmall { .. }) => too_small = Some(why),
                Err(Unplannable::Refused(error)) => return Err(Failed::new(error.exit(), error.to_string())),
            }
        }
    }
    let fits = |size| sweep.cells.iter().any(|cell| cell.setting.requests(sweep.speaks, size).is_ok());
    if sweep.planned().next().is_some() && fits(meant_for) {
        return Ok(());
    }
    let what = match too_small {
        Some(why) => format!("there is nothing to measure: {why}; give larger --chunk-sizes"),
        None if sweep.planned().next().is_some() => format!(
            "there is nothing to recommend: a file of {} would have too many segments in every chunk size; give larger --chunk-sizes or a smaller --for",
            exact_size(meant_for)
        ),
        None => format!(
            "there is nothing to measure: a file of {} would have too many segments in every chunk size; give larger --chunk-sizes or a smaller --size",
            exact_size(sweep.size)
        ),
    };
    Err(Failed::new(Exit::Config, what))
}

/// A key in this folder of a bucket that is nobody else's.
fn of_our_own(bucket: String, folder: &str) -> Result<Place, Failed> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| {
        Failed::new(Exit::Io, format!("the system gives no random numbers for a name: {error}"))
    })?;
    let key = format!("{folder}chunkwise-bench-{:032x}", u128::from_le_bytes(random));
    match Object::new(&bucket, &key) {
        Ok(_) => Ok(Place::S3 { bucket, key }),
        Err(error) => Err(Failed::new(Exit::Usage, format!("--to: {error}"))),
    }
}

/// Makes what is needed to measure.
pub(super) struct Preparation<'a> {
    pub(super) context: &'a Context,
    pub(super) stop: &'a CancellationToken,
    pub(super) directory: Option<&'a Path>,
    pub(super) sweep: &'a Sweep,
}

/// What there is to measure.
pub(super) struct Prepared {
    /// Removed at the end.
    pub(super) folder: Option<TempDir>,
    pub(super) target: Target,
    /// What to call it.
    pub(super) name: String,
    /// What is to be known before the first upload.
    pub(super) note: Option<String>,
}

impl Preparation<'_> {
    pub(super) async fn of(
        &self,
        wish: Wish,
        credentials: CredentialOptions,
        connection: ConnectionOptions,
    ) -> Result<Prepared, Failed> {
        let link = |wanted: &Wanted| {
            wanted.link(self.sweep.size).ok_or_else(|| Failed::new(Exit::Bug, "there is no such link"))
        };
        match wish {
            Wish::Sandbox => self.sandbox(Vec::new(), "a sandbox on this machine".to_owned()).await,
            Wish::LinkOverSockets(wanted) => {
                let (name, link) = link(&wanted)?;
                let name = format!("{name}, as a sandbox emulates it (without a bound over all connections)");
                self.sandbox(sockets::rules(&link)?, name).await
            }
            Wish::Link(wanted) => {
                let (name, link) = link(&wanted)?;
                let (target, name) = (Target::Link(Box::new(link)), format!("{name}, in virtual time"));
                Ok(Prepared { folder: None, target, name, note: None })
            }
            Wish::Endpoint { url, api, told } => self.endpoint(url, api, told, credentials, connection).await,
            Wish::Elsewhere { place, store, pays } => {
                self.elsewhere(place, store, pays, credentials, connection).await
            }
        }
    }

    async fn sandbox(&self, rules: Vec<Value>, name: String) -> Result<Prepared, Failed> {
        let folder = self.folder()?;
        let file = folder.path().join(FILE_NAME);
        self.make(&file).await?;
        let settings = sockets::settings(rules)?;
        let sandbox = ChildSandbox::start(folder.path(), &settings).await?;
        let connection = ConnectionOptions { no_proxy_env: Some(true), ..ConnectionOptions::default() };
        let destination = DestinationOptions {
            base_url: Some(sandbox.address.base_url.clone().into()),
            ..DestinationOptions::default()
        };
        let authorizer = Arc::new(Bearer::new(sandbox.address.token.clone()));
        let way = Way { destination, connection, transfer: self.transfer()?, authorizer, file };
        let target = Target::Sandbox { sandbox: Box::new(sandbox), way };
        Ok(Prepared { folder: Some(folder), target, name, note: None })
    }

    async fn endpoint(
        &self,
        url: Untold,
        api: Option<String>,
        told: Told,
        credentials: CredentialOptions,
        connection: ConnectionOptions,
    ) -> Result<Prepared, Failed> {
        let base_url: BaseUrl = base_url_of("--url", &url)?;
        permit(&base_url, told, Cost::of(self.sweep, 0))?;
        let layers = &self.context.layers;
        let connection = layers.complete(connection)?;
        let destination = layers.complete(DestinationOptions { api, base_url: Some(url) })?;
        let credentials = Credentials::find(credentials, layers, |name| std::env::var_os(name))?;
        fitting(destination.api.as_deref(), &credentials)?;
        let folder = self.folder()?;
        let file = folder.path().join(FILE_NAME);
        self.make(&file).await?;
        let way = Way {
            destination,
            connection,
            transfer: self.transfer()?,
            authorizer: Arc::new(credentials),
            file,
        };
        let (target, name) = (Target::Endpoint(way), base_url.to_string());
        Ok(Prepared { folder: Some(folder), target, name, note: None })
    }

    async fn elsewhere(
        &self,
        place: Place,
        store: StoreAddress,
        pays: Pays,
        credentials: CredentialOptions,
        connection: ConnectionOptions,
    ) -> Result<Prepared, Failed> {
        let (place, name) = match place {
            Place::S3 { bucket, key } => {
                let endpoint = store.endpoint()?;
                cost::permit(&endpoint, pays, Cost::of(self.sweep, 1))?;
                let name = format!(
                    "{} at {endpoint}",
                    Place::S3 { bucket: bucket.clone(), key: key.clone() }.written()
                );
                (of_our_own(bucket, &key)?, name)
            }
            Place::Tus(endpoint) => {
                let name = format!("the tus server {}", endpoint.split('?').next().unwrap_or_default());
                (Place::Tus(endpoint), name)
            }
        };
        let connection = self.context.layers.complete(connection)?;
        let transfer = self.transfer()?;
        let parts = EngineOptions { connection: connection.clone(), ..EngineOptions::default() }.parts()?;
        let authorizer = authorizer(&place, &parts.0, &store, &credentials).await?;
        let uploader = Elsewhere::of(&place, parts, &store, Arc::clone(&authorizer))?;
        let removal = match uploader.forgets().await? {
            Forgets::Uploads => Removal::Possible,
            Forgets::Nothing => Removal::Unable,
        };
        let note = match (removal, &place) {
            (Removal::Possible, Place::S3 { .. }) => {
                format!("every upload is deleted as soon as it is measured: {}", place.written())
            }
            (Removal::Possible, Place::Tus(_)) => {
                "every upload is terminated as soon as it is measured".to_owned()
            }
            (Removal::Unable, _) => {
                "this server has no way to forget an upload: what is sent stays there".to_owned()
            }
        };
        let folder = self.folder()?;
        let file = folder.path().join(FILE_NAME);
        self.make(&file).await?;
        let ours = Mutex::default();
        let there = There { place, store, authorizer, connection, transfer, file, removal, ours };
        let target = Target::Elsewhere(Box::new(there));
        Ok(Prepared { folder: Some(folder), target, name, note: Some(note) })
    }

    /// What the environment and the settings file say of transfers holds here too: it is with these that the user uploads.
    fn transfer(&self) -> Result<TransferOptions, Failed> {
        let transfer = self.context.layers.complete(TransferOptions::default())?;
        Ok(TransferOptions { deadline: transfer.deadline.or(Some(DEADLINE)), ..transfer })
    }

    fn folder(&self) -> Result<TempDir, Failed> {
        let parent = self.directory.map_or_else(std::env::temp_dir, Path::to_owned);
        tempfile::Builder::new().prefix("chunkwise-bench-").tempdir_in(&parent).map_err(|error| {
            let what = format!(
                "there can be no folder in {}: {error}; choose another with --directory",
                parent.display()
            );
            Failed::new(Exit::Io, what)
        })
    }

    async fn make(&self, path: &Path) -> Result<(), Failed> {
        let (path, size) = (path.to_owned(), self.sweep.size);
        let stop = self.stop.clone();
        let making = tokio::task::spawn_blocking(move || video::make(&path, size, 0x00C1_1973, &stop));
        making.await.map_err(|error| Failed::new(Exit::Bug, error.to_string()))?.map(drop)
    }
}
