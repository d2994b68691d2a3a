//! How the gateway starts, what it finds left by an earlier process, and how it stops.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chunkwise::driver::{DirectoryStore, Driver};
use chunkwise::hyper::Trust;
use chunkwise::x::BaseUrl;
use chunkwise_fetch::{AddressPolicy, FetchLimits, Fetcher, OwnAddresses, SystemResolver};
use http::HeaderValue;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::accept::Accept;
use super::folder::{pepper, private_dir, take_folder};
use super::kept::recover;
use super::metrics::Metrics;
use super::sweep::sweep;
use super::{App, admin, router};
use crate::credentials::Credentials;
use crate::settings::{Settings, TlsFiles};
use crate::spool::{Budget, Spool, SpoolError, SpoolLimits};
use crate::store::{Store, StoreError};

/// Why the gateway can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is taken, or not this machine's.
    #[error("can't listen on {address}: {source}; choose another address, or port 0 for any free one")]
    Listen {
        /// As set.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// A file or folder can't be made or read.
    #[error("{} can't be used: {source}; check the path and the permissions", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another gateway runs on the same folder.
    #[error("another gateway runs on the folder {}; stop that one, or give this one a folder of its own", path.display())]
    Taken {
        /// The folder.
        path: PathBuf,
    },
    /// A setting makes no sense.
    #[error("the setting {key} can't be used: {reason}")]
    Setting {
        /// Which.
        key: &'static str,
        /// Why.
        reason: String,
    },
    /// The store can't be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The checkpoints can't be read.
    #[error(transparent)]
    Checkpoints(#[from] chunkwise::driver::StoreError),
    /// The spool can't be made.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The driver can't be made.
    #[error(transparent)]
    Driver(#[from] chunkwise::driver::BuildError),
}

impl StartError {
    fn setting(key: &'static str, reason: impl std::fmt::Display) -> Self {
        Self::Setting { key, reason: reason.to_string() }
    }
}

/// A gateway that runs. Dropping it stops nothing in good order: [`Gateway::stop`] does.
pub struct Gateway {
    app: Arc<App>,
    address: SocketAddr,
    admin: SocketAddr,
    listening: CancellationToken,
    listeners: TaskTracker,
    connections: TaskTracker,
    /// The folder is this process's as long as this is open.
    folder: fs::File,
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway")
            .field("address", &self.address)
            .field("admin", &self.admin)
            .finish_non_exhaustive()
    }
}

impl Gateway {
    /// Starts it. Must be called within a tokio runtime with I/O and time.
    ///
    /// What an earlier process left unfinished waits for its token, if it can go on from its checkpoint; otherwise it is
    /// ended: its money is given back, and it says that it is to be asked for again.
    ///
    /// # Errors
    ///
    /// [`StartError`]; then nothing listens.
    pub async fn start(settings: Settings, credentials: Arc<dyn Credentials>) -> Result<Self, StartError> {
        if let Some((key, reason)) = settings.fault() {
            return Err(StartError::setting(key, reason));
        }
        let state_dir = settings.state_dir.clone();
        private_dir(&state_dir)?;
        let folder = take_folder(&state_dir)?;
        let pepper = pepper(&state_dir.join("pepper"))?;
        let store = Store::open(state_dir.join("gateway.db")).await?;
        let caps = settings.caps;
        let (memory, read_ahead) = shares(caps.memory)?;
        let checkpoints = DirectoryStore::new(state_dir.join("checkpoints"));
        let driver = Driver::builder()
            .byte_budget(usize::try_from(memory).unwrap_or(usize::MAX))
            .frame_size(FRAME)
            .read_ahead(read_ahead)
            .checkpoints(checkpoints)
            .build()?;
        let limits = SpoolLimits { total_disk: caps.disk, ..SpoolLimits::default() };
        // One budget: what comes in leaves at least a quarter of it to what goes out, and the other way round.
        let budget = Budget::lent_by(driver.clone(), memory / 4, memory / 4 * 3);
        let spool = Spool::with_memory(state_dir.join("spool"), limits, budget)?;
        let mut trust = Trust::platform();
        if let Some(file) = &settings.x.ca_file {
            trust = trust.and_file(file).map_err(|error| StartError::setting("x.ca_file", error))?;
        }
        let base_url = match &settings.x.base_url {
            Some(url) => Some(BaseUrl::new(url).map_err(|error| StartError::setting("x.base_url", error))?),
            None => None,
        };
        let addresses = addresses(&settings)?;
        let mut fetch_limits = FetchLimits::default();
        fetch_limits.ports.extend(&settings.fetch.allow_ports);
        let tls = trust.client_config().await.map_err(|error| StartError::setting("x.ca_file", error))?;
        let fetcher = Fetcher::new(fetch_limits, addresses.clone(), Arc::new(SystemResolver::default()), tls)
            .user_agent(user_agent(&settings)?);
        let acceptor = settings.tls.as_ref().map(acceptor).transpose()?;
        let (listener, address) = bind(settings.listen).await?;
        let (admin_listener, admin) = bind(settings.admin).await?;
        let app = Arc::new(App {
            store,
            spool,
            fetcher,
            addresses,
            driver,
            trust,
            base_url,
            credentials,
            pepper,
            metrics: Metrics::new(),
            rates: super::Rates::default(),
            guesses: super::Guesses::default(),
            uploads: Arc::default(),
            places: super::Places::new(caps.uploads),
            stopping: CancellationToken::new(),
            cut: CancellationToken::new(),
            started: App::now(),
            work: TaskTracker::new(),
            settings,
        });
        recover(&app).await?;
        let (listening, listeners) = (CancellationToken::new(), TaskTracker::new());
        listeners.spawn(sweep(app.clone(), listening.clone()));
        let connections = TaskTracker::new();
        for (listener, tls, router) in
            [(listener, acceptor, router(app.clone())), (admin_listener, None, admin::router(app.clone()))]
        {
            let accept = Accept {
                listener,
                tls,
                router,
                caps,
                stop: listening.clone(),
                connections: connections.clone(),
            };
            listeners.spawn(accept.run());
        }
        Ok(Self { app, address, admin, listening, listeners, connections, folder })
    }

    /// Where requests are answered.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where health and metrics are told.
    pub const fn admin_address(&self) -> SocketAddr {
        self.admin
    }

    /// What it remembers: keys are made there.
    pub fn store(&self) -> &Store {
        &self.app.store
    }

    /// Stops in good order: not ready any more at once, no new uploads; what is under way may end for as long as the
    /// settings say; then the listeners close.
    pub async fn stop(self) {
        let Self { app, listening, listeners, connections, folder, .. } = self;
        app.stopping.cancel();
        app.work.close();
        let drain = app.settings.caps.drain();
        if tokio::time::timeout(drain, app.work.wait()).await.is_err() {
            tracing::warn!("uploads are still under way; they are kept for the next start");
            app.cut.cancel();
            app.work.wait().await;
        }
        // The last checkpoints are written.
        app.driver.shutdown().await;
        listening.cancel();
        listeners.close();
        listeners.wait().await;
        connections.close();
        // A client that does not read its answer holds nobody up.
        let _ = tokio::time::timeout(std::time::Duration::from_secs(5), connections.wait()).await;
        drop(folder);
    }
}

/// In what pieces media are read on their way out, in bytes.
const FRAME: usize = 256 << 10;

/// The least memory that is shared out, in bytes: a quarter is one frame.
const LEAST: u64 = 4 * FRAME as u64;

/// The memory in whole quarters of whole frames, and how many frames a segment is read ahead: as many as are in the quarter
/// that is never lent, or fewer, so that what comes in never keeps what goes out waiting for ever.
fn shares(memory: u64) -> Result<(u64, u32), StartError> {
    let memory = memory / LEAST * LEAST;
    if memory == 0 {
        return Err(StartError::setting("caps.memory", format!("it must be {LEAST} bytes at least")));
    }
    Ok((memory, u32::try_from(memory / LEAST).unwrap_or(u32::MAX).min(4)))
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

fn addresses(settings: &Settings) -> Result<AddressPolicy, StartError> {
    let own = OwnAddresses::of_interfaces();
    let own =
        own.map_err(|error| StartError::setting("fetch", format!("no interface can be seen: {error}")))?;
    let mut policy = AddressPolicy::public().deny_own(own);
    let network = |key, text: &String| {
        text.parse::<ipnet::IpNet>()
            .map_err(|_| StartError::setting(key, format!("{text:?} is no network, as in 192.168.7.0/24")))
    };
    for denied in &settings.fetch.deny_networks {
        policy = policy.deny(network("fetch.deny_networks", denied)?);
    }
    for allowed in &settings.fetch.allow_networks {
        policy = policy.allow(network("fetch.allow_networks", allowed)?);
    }
    for host in &settings.fetch.allow_hosts {
        policy = policy.allow_host(host);
    }
    Ok(policy)
}

/// Who fetches, and where somebody can be reached about it.
fn user_agent(settings: &Settings) -> Result<HeaderValue, StartError> {
    let Some(contact) = &settings.fetch.contact else {
        return Ok(HeaderValue::from_static(chunkwise_fetch::DEFAULT_USER_AGENT));
    };
    let plain = contact.bytes().all(|b| b.is_ascii_graphic() && !b"()\\".contains(&b));
    let value = format!("{} (+{contact})", chunkwise_fetch::DEFAULT_USER_AGENT);
    let value = HeaderValue::try_from(value).ok().filter(|_| plain && !contact.is_empty());
    value
        .ok_or_else(|| StartError::setting("fetch.contact", "it must be one URL or e-mail address, in ASCII"))
}

fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, StartError> {
    let setting = |key: &'static str, error: &dyn std::fmt::Display| StartError::setting(key, error);
    let unread = |key: &'static str, path: &Path, error: &dyn std::fmt::Display| {
        StartError::setting(key, format!("{}: {error}", path.display()))
    };
    let certificates = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unread("tls.certificate", &files.certificate, &error))?;
    if certificates.is_empty() {
        return Err(unread("tls.certificate", &files.certificate, &"there is no certificate in it, as PEM"));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| match error {
        pem::Error::NoItemsFound => unread("tls.key", &files.key, &"there is no private key in it, as PEM"),
        error => unread("tls.key", &files.key, &error),
    })?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| setting("tls", &error))?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => setting("tls.key", &"it is not that of tls.certificate"),
            error => setting("tls.certificate", &error),
        })?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
