//! The listening, and the handle on a running sandbox.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::control;
use crate::exchange::Arrival;
use crate::faults::{FaultCount, FaultPlan, FaultRule};
use crate::media_directory::MediaDirectory;
use crate::media_kind::MediaId;
use crate::request_log::LoggedRequest;
use crate::routes;
use crate::segment_file::MediaReader;
use crate::session::MediaInfo;
use crate::settings::{BearerToken, Settings};
use crate::shared::Shared;
use crate::tls::{Identity, TlsError};
use crate::wire::Wire;

/// A connection that asks for nothing for so long is closed.
const IDLE: Duration = Duration::from_secs(300);

/// Why a sandbox can't start, or can't tell what it holds.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The address is taken, or not this machine's.
    #[error("can't listen on {address}: choose another address, or port 0 for any free one")]
    Listen {
        /// As set.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// There is no place for media.
    #[error("can't make a directory for media in {}: choose another one", path.display())]
    Directory {
        /// As set.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The authority's certificate can't be written.
    #[error("can't write the certificate authority to {}", path.display())]
    CaFile {
        /// As set.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There can be no HTTPS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A stored media can't be read.
    #[error("can't read what is stored of media {id}")]
    Content {
        /// Which.
        id: MediaId,
        /// What the system says.
        source: io::Error,
    },
}

/// Prepares a [`Sandbox`].
#[derive(Debug, Clone, Default)]
pub struct Builder {
    settings: Settings,
}

impl Builder {
    /// All settings at once; calls after this one change them further.
    #[must_use]
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Changes some settings.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// Adds a fault.
    #[must_use]
    pub fn fault(mut self, rule: FaultRule) -> Self {
        self.settings.faults.rules.push(rule);
        self
    }

    /// Listens and serves, until the handle is dropped. Must be called within a tokio runtime with I/O and time.
    pub async fn start(self) -> Result<Sandbox, SandboxError> {
        let Self { settings } = self;
        let listen = settings.listen.clone();
        let parent = listen.directory.clone().unwrap_or_else(std::env::temp_dir);
        let directory = MediaDirectory::make_in(&parent)
            .map_err(|source| SandboxError::Directory { path: parent, source })?;

        let https_at = listen.https.address();
        let identity = match https_at {
            Some(_) => Some(Identity::make()?),
            None => None,
        };
        let ca_file = match &identity {
            Some(identity) => {
                let path = listen.ca_file.unwrap_or_else(|| directory.path().join("ca.pem"));
                std::fs::write(&path, &identity.ca_pem)
                    .map_err(|source| SandboxError::CaFile { path: path.clone(), source })?;
                Some(path)
            }
            None => None,
        };

        let ca_pem = identity.as_ref().map(|identity| identity.ca_pem.clone());
        let (http, http_address) = bind(listen.http).await?;
        let https = match https_at.zip(identity) {
            Some((address, identity)) => {
                let (listener, address) = bind(address).await?;
                Some((listener, address, TlsAcceptor::from(identity.config)))
            }
            None => None,
        };

        let https_address = https.as_ref().map(|(_, address, _)| *address);
        let server = Server {
            shared: Arc::new(Shared::new(settings, directory, ca_pem)),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            connections: Arc::default(),
        };
        server.tasks.spawn(server.clone().accept(http, None));
        if let Some((listener, _, acceptor)) = https {
            server.tasks.spawn(server.clone().accept(listener, Some(acceptor)));
        }
        Ok(Sandbox { server, http_address, https_address, ca_file })
    }
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), SandboxError> {
    let failed = |source| SandboxError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

#[derive(Debug, Clone)]
struct Server {
    shared: Arc<Shared>,
    stop: CancellationToken,
    tasks: TaskTracker,
    connections: Arc<AtomicU64>,
}

impl Server {
    async fn accept(self, listener: TcpListener, acceptor: Option<TlsAcceptor>) {
        loop {
            let accepted = tokio::select! {
                () = self.stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let connection = self.clone().connection(stream, peer, acceptor.clone());
                    let stop = self.stop.clone();
                    self.tasks.spawn(async move {
                        tokio::select! {
                            () = stop.cancelled() => {}
                            () = connection => {}
                        }
                    });
                }
                Err(error) => {
                    // Too many open files, mostly: that passes.
                    tracing::warn!(%error, "can't accept a connection");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
    }

    async fn connection(self, stream: TcpStream, peer: SocketAddr, acceptor: Option<TlsAcceptor>) {
        // Answers are small and waited for.
        let _ = stream.set_nodelay(true);
        let (wire, control) = Wire::new(stream);
        let arrival = Arrival {
            control,
            connection: self.connections.fetch_add(1, Ordering::Relaxed) + 1,
            scheme: if acceptor.is_some() { "https" } else { "http" },
            peer_is_loopback: peer.ip().to_canonical().is_loopback(),
        };
        match acceptor {
            None => self.serve(wire, arrival).await,
            Some(acceptor) => match acceptor.accept(wire).await {
                Ok(stream) => self.serve(stream, arrival).await,
                Err(error) => tracing::debug!(%error, "a TLS handshake failed"),
            },
        }
    }

    async fn serve<I>(self, io: I, arrival: Arrival)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let shared = self.shared;
        let service = service_fn(move |request| routes::serve(Arc::clone(&shared), arrival.clone(), request));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(IDLE)
            .serve_connection(TokioIo::new(io), service);
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection ended early");
        }
    }
}

/// A running sandbox. Dropping it stops it, cuts its connections and removes its media; a program about to exit should
/// wait for that with [`shutdown`](Self::shutdown).
pub struct Sandbox {
    server: Server,
    http_address: SocketAddr,
    https_address: Option<SocketAddr>,
    ca_file: Option<PathBuf>,
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox")
            .field("http_address", &self.http_address)
            .field("https_address", &self.https_address)
            .field("ca_file", &self.ca_file)
            .finish_non_exhaustive()
    }
}

impl Sandbox {
    /// With the default settings; change them before [`start`](Builder::start).
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Where plain HTTP is spoken.
    pub fn http_address(&self) -> SocketAddr {
        self.http_address
    }

    /// Where HTTPS is spoken, if it is.
    pub fn https_address(&self) -> Option<SocketAddr> {
        self.https_address
    }

    /// Such as `http://127.0.0.1:34567`, without a slash at the end.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.http_address)
    }

    /// Such as `https://127.0.0.1:34568`. Its certificate is also good for `localhost` and X's own host names.
    pub fn https_url(&self) -> Option<String> {
        self.https_address.map(|address| format!("https://{address}"))
    }

    /// The file that holds the certificate of the sandbox's authority, if there is HTTPS.
    pub fn ca_file(&self) -> Option<&Path> {
        self.ca_file.as_deref()
    }

    /// The certificate of the sandbox's authority as PEM, if there is HTTPS.
    pub fn ca_pem(&self) -> Option<&str> {
        self.server.shared.ca_pem.as_deref()
    }

    /// The directory that holds the media while the sandbox runs.
    pub fn directory(&self) -> &Path {
        self.server.shared.directory.path()
    }

    /// The settings in force.
    pub fn settings(&self) -> Arc<Settings> {
        self.server.shared.settings()
    }

    /// Changes the settings for every request from now on. `listen` has no effect any more; a changed fault plan is
    /// installed anew.
    pub fn change_settings(&self, change: impl FnOnce(&mut Settings)) {
        let mut settings = (*self.settings()).clone();
        change(&mut settings);
        self.server.shared.replace_settings(settings);
    }

    /// Installs a fault plan in place of the one there is; calls are counted anew.
    pub fn install_faults(&self, plan: FaultPlan) {
        self.server.shared.faults().install(plan);
    }

    /// Adds a rule; calls go on being counted.
    pub fn add_fault(&self, rule: FaultRule) {
        self.server.shared.faults().add(rule);
    }

    /// Each rule and how often it has struck.
    pub fn faults(&self) -> Vec<FaultCount> {
        self.server.shared.faults().counts()
    }

    /// Moves the sandbox's clock on: sessions, media, rate limits and scripts live by it.
    pub fn advance(&self, by: Duration) {
        self.server.shared.clock.advance(by);
    }

    /// The session, or the finished media, is over now. Whether it was known.
    pub fn expire(&self, id: MediaId) -> bool {
        let now = self.server.shared.clock.now();
        self.server.shared.sessions().expire(id, now)
    }

    /// A bearer token is answered 401 from now on. Whether it was known.
    pub fn revoke_token(&self, token: &str) -> bool {
        self.server.shared.revoke(token)
    }

    /// A bearer token is accepted from now on.
    pub fn accept_token(&self, token: BearerToken) {
        self.server.shared.accept(token);
    }

    /// The ids of every session and media, oldest first.
    pub fn media_ids(&self) -> Vec<MediaId> {
        self.server.shared.sessions().ids()
    }

    /// What is held of a media, with the SHA-256 of the bytes assembled so far (read from disk now). `None`: unknown.
    pub async fn media(&self, id: MediaId) -> Result<Option<MediaInfo>, SandboxError> {
        let media = control::media(&self.server.shared, id).await;
        media.map_err(|source| SandboxError::Content { id, source })
    }

    /// The bytes assembled so far. Reading blocks. `None`: unknown.
    pub fn content(&self, id: MediaId) -> Option<MediaReader> {
        self.server.shared.sessions().any(id).map(crate::session::Session::reader)
    }

    /// Every request that has ended, in order of arrival.
    pub fn log(&self) -> Vec<LoggedRequest> {
        self.log_since(0)
    }

    /// Those with a number above `after`.
    pub fn log_since(&self, after: u64) -> Vec<LoggedRequest> {
        self.server.shared.log().since(after)
    }

    /// Forgets sessions, media, rate-limit windows and the log. Settings stay, and the fault plan, its counts anew.
    pub fn reset(&self) {
        self.server.shared.reset();
    }

    /// Stops, and waits until every connection is closed.
    pub async fn shutdown(self) {
        self.server.stop.cancel();
        self.server.tasks.close();
        self.server.tasks.wait().await;
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.server.stop.cancel();
    }
}
