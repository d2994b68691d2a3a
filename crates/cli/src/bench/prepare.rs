//! What has to be there before anything is measured: the file, a sandbox, leave to measure X.

use std::path::Path;
use std::sync::Arc;

use chunkwise::ChunkSize;
use chunkwise::transport::http::Bearer;
use chunkwise::x::BaseUrl;
use serde_json::Value;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::link::Wanted;
use super::setting::{Unplannable, exact_size};
use super::sockets;
use super::sweep::Sweep;
use super::target::{Target, Way};
use super::x_itself::{Cost, Told, permit};
use crate::args::{ConnectionOptions, CredentialOptions, DestinationOptions, TransferOptions, Untold};
use crate::context::Context;
use crate::credentials::Credentials;
use crate::demo::child::ChildSandbox;
use crate::demo::video;
use crate::engine::{base_url_of, fitting};
use crate::exit::{Exit, Exits as _};
use crate::failed::Failed;
use crate::values::{Size, Span};

const CHUNKS: [u64; 5] = [256 << 10, 512 << 10, 1 << 20, 2 << 20, 4 << 20];
/// A measurement that takes longer says nothing.
const DEADLINE: Span = Span::of(std::time::Duration::from_secs(30 * 60));
const FILE_NAME: &str = "chunkwise-bench.mp4";

/// Where the uploads go, as it stands on the command line.
pub(super) enum Wish {
    Sandbox,
    Endpoint { url: Untold, api: Option<String>, told: Told },
    Link(Wanted),
    LinkOverSockets(Wanted),
}

impl Wish {
    /// What is for a URL is of no use without one.
    pub(super) fn check(
        &self,
        credentials: &CredentialOptions,
        connection: &ConnectionOptions,
    ) -> Result<(), Failed> {
        let for_a_url = [
            ("--token-file", credentials.token_file.is_some()),
            ("--credentials-file", credentials.credentials_file.is_some()),
            ("--token-stdin", credentials.token_stdin),
            ("--proxy", connection.proxy.is_some()),
            ("--no-proxy-env", connection.no_proxy_env.is_some()),
            ("--ca-file", connection.ca_file.is_some()),
        ];
        match (self, for_a_url.into_iter().find(|(_, given)| *given)) {
            (Self::Endpoint { .. }, _) | (_, None) => Ok(()),
            (Self::Sandbox | Self::Link(_) | Self::LinkOverSockets(_), Some((flag, _))) => Err(Failed::new(
                Exit::Usage,
                format!("{flag} is for an endpoint: give --url too, or leave it out"),
            )),
        }
    }
}

pub(super) fn chunks(sizes: &[Size]) -> Result<Vec<ChunkSize>, Failed> {
    let sizes = match sizes {
        [] => CHUNKS.to_vec(),
        sizes => sizes.iter().map(|size| size.bytes()).collect(),
    };
    let chunk = |bytes| {
        ChunkSize::new(bytes)
            .ok_or_else(|| Failed::new(Exit::Config, "a chunk size of zero bytes sends nothing: give more"))
    };
    sizes.into_iter().map(chunk).collect()
}

/// A chunk size that X never takes, and a size that it takes in no segments, are mistakes; segments that are too many are
/// left out.
pub(super) fn check_sizes(sweep: &Sweep, meant_for: u64) -> Result<(), Failed> {
    for cell in &sweep.cells {
        for size in [sweep.size, meant_for] {
            match cell.setting.requests(size) {
                Ok(_) | Err(Unplannable::Raised { .. }) => {}
                Err(Unplannable::Refused(error)) => return Err(Failed::new(error.exit(), error.to_string())),
            }
        }
    }
    if sweep.planned().next().is_none() {
        let what = format!(
            "there is nothing to measure: a file of {} would have too many segments in every chunk size; give larger --chunk-sizes or a smaller --size",
            exact_size(sweep.size)
        );
        return Err(Failed::new(Exit::Config, what));
    }
    Ok(())
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
                Ok(Prepared { folder: None, target, name })
            }
            Wish::Endpoint { url, api, told } => self.endpoint(url, api, told, credentials, connection).await,
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
        Ok(Prepared { folder: Some(folder), target, name })
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
        let (rounds, requests) =
            (u64::from(self.sweep.rounds), self.sweep.planned().map(|(_, requests)| requests));
        // With the one to warm up.
        let cost = Cost {
            uploads: requests.clone().count() as u64 * rounds + 1,
            size: self.sweep.size,
            requests: requests.clone().sum::<u64>() * rounds + requests.last().unwrap_or(0),
        };
        permit(&base_url, told, cost)?;
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
        Ok(Prepared { folder: Some(folder), target: Target::Endpoint(way), name: base_url.to_string() })
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
