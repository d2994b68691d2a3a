//! From settings to an uploader.

use std::num::NonZeroU64;
use std::path::PathBuf;

use chunkwise::driver::{DirectoryStore, Driver};
use chunkwise::hyper::{HyperBackend, Proxies, ProxyUrl};
use chunkwise::media::{Limits, Rules};
use chunkwise::transport::http::{Authorizer, Bearer};
use chunkwise::x::{Api, BaseUrl, XUploader};
use chunkwise::{ChunkSize, Policy, ProcessingPolicy, WindowPolicy};

use crate::args::{ConnectionOptions, DestinationOptions, TransferOptions, Untold};
use crate::credentials::Credentials;
use crate::exit::Exit;
use crate::failed::Failed;
use crate::upload::FILES_AT_ONCE;
use crate::values::{LimitSet, Size, Span, Window};

/// The most bytes of files in memory unless set: 16 MiB.
const BYTE_BUDGET: Size = Size::of(16 << 20);
/// In what pieces files are read and sent, if the byte budget has room for several of them.
const FRAME: usize = 64 << 10;

/// What `--help` says of defaults, by option: from where the defaults are, not by heart.
pub(crate) fn defaults() -> [(&'static str, String); 9] {
    let policy = Policy::default();
    let window = match policy.window {
        WindowPolicy::Fixed(n) => Window::Fixed(n),
        WindowPolicy::Adaptive { max } => Window::Adaptive(max),
    };
    [
        ("api", Api::default().to_string()),
        ("base-url", "X itself".to_owned()),
        ("use", chunkwise::media::Use::default().to_string()),
        ("limits", LimitSet::default().to_string()),
        ("chunk-size", Size::of(policy.chunk_size.bytes()).to_string()),
        ("window", window.to_string()),
        ("deadline", Span::of(policy.deadline).to_string()),
        ("processing-deadline", Span::of(policy.processing.deadline).to_string()),
        ("byte-budget", BYTE_BUDGET.to_string()),
    ]
}

/// Everything that an uploader is made of, but for the credentials.
#[derive(Debug, Default)]
pub(crate) struct EngineOptions {
    pub(crate) destination: DestinationOptions,
    pub(crate) connection: ConnectionOptions,
    pub(crate) transfer: TransferOptions,
    pub(crate) limits: LimitSet,
    /// Where checkpoints are; none are written without it.
    pub(crate) directory: Option<PathBuf>,
}

impl EngineOptions {
    /// The uploader for whoever these credentials are of, if the API takes such.
    pub(crate) fn of(self, credentials: Credentials) -> Result<XUploader, Failed> {
        fitting(self.destination.api.as_deref(), &credentials)?;
        self.uploader(credentials)
    }

    /// The uploader, with these credentials.
    pub(crate) fn uploader(self, authorizer: impl Authorizer + 'static) -> Result<XUploader, Failed> {
        let Self { destination, connection, transfer, limits, directory } = self;
        let api = api(destination.api.as_deref())?;
        let backend = backend(&connection, transfer.window)?;
        let driver = driver(&transfer, directory)?;
        let mut builder = XUploader::builder(authorizer, backend)
            .api(api)
            .driver(driver)
            .policy(policy(&transfer)?)
            .limits(limit_values(limits));
        if let Some(base_url) = &destination.base_url {
            let place = "--base-url (or CHUNKWISE_BASE_URL, or base-url in the settings file)";
            builder = builder.base_url(base_url_of(place, base_url)?);
        }
        builder.build().map_err(|error| Failed::new(Exit::Config, error.to_string()))
    }

    /// What every uploader is made of, whatever its protocol: what carries requests, what runs uploads, and how.
    pub(crate) fn parts(self) -> Result<(HyperBackend, Driver, Policy), Failed> {
        let Self { connection, transfer, directory, .. } = self;
        Ok((backend(&connection, transfer.window)?, driver(&transfer, directory)?, policy(&transfer)?))
    }

    /// The uploader for what sends nothing.
    pub(crate) fn silent(self) -> Result<XUploader, Failed> {
        self.uploader(Bearer::new(String::new()))
    }
}

fn api(name: Option<&str>) -> Result<Api, Failed> {
    match name {
        None => Ok(Api::default()),
        Some(name) => {
            name.parse().map_err(|error| Failed::new(Exit::Usage, format!("--api {name:?}: {error}")))
        }
    }
}

/// Whether an API takes such credentials.
pub(crate) fn fitting(name: Option<&str>, credentials: &Credentials) -> Result<(), Failed> {
    match (api(name)?, credentials) {
        (Api::V1_1, Credentials::Bearer(_)) => Err(Failed::new(
            Exit::Auth,
            "API v1.1 needs OAuth 1.0a credentials, and this is an OAuth 2.0 token: set CHUNKWISE_CONSUMER_KEY \
             and its like, or give --credentials-file FILE, or use API v2",
        )),
        (Api::V1_1, Credentials::OAuth1(_)) | (Api::V2, Credentials::Bearer(_) | Credentials::OAuth1(_)) => {
            Ok(())
        }
    }
}

/// The base URL that stands in this place.
pub(crate) fn base_url_of(place: &str, url: &Untold) -> Result<BaseUrl, Failed> {
    BaseUrl::new(url.expose())
        .map_err(|error| Failed::new(Exit::Usage, format!("{place} can't be used: {error}")))
}

pub(crate) const fn limit_values(limits: LimitSet) -> Limits {
    match limits {
        LimitSet::Standard => Limits::standard(),
        LimitSet::LongVideo => Limits::long_video(),
        LimitSet::Premium => Limits::premium(),
        LimitSet::None => Limits::none(),
    }
}

/// What media may be inside, for the same account.
pub(crate) const fn rule_values(limits: LimitSet) -> Rules {
    match limits {
        LimitSet::Standard => Rules::standard(),
        LimitSet::LongVideo => Rules::long_video(),
        LimitSet::Premium => Rules::premium(),
        LimitSet::None => Rules::none(),
    }
}

fn policy(transfer: &TransferOptions) -> Result<Policy, Failed> {
    let default = Policy::default();
    let chunk_size = match transfer.chunk_size {
        None => default.chunk_size,
        Some(size) => ChunkSize::new(size.bytes()).ok_or_else(|| {
            Failed::new(Exit::Config, "a chunk size of zero bytes sends nothing: give more")
        })?,
    };
    let window = match transfer.window {
        None => default.window,
        Some(Window::Fixed(n)) => WindowPolicy::Fixed(n),
        Some(Window::Adaptive(max)) => WindowPolicy::Adaptive { max },
    };
    let processing = ProcessingPolicy {
        deadline: transfer.processing_deadline.map_or(default.processing.deadline, Span::duration),
        ..default.processing
    };
    let deadline = transfer.deadline.map_or(default.deadline, Span::duration);
    Ok(Policy { chunk_size, window, deadline, processing, ..default })
}

fn driver(transfer: &TransferOptions, directory: Option<PathBuf>) -> Result<Driver, Failed> {
    let budget = transfer.byte_budget.unwrap_or(BYTE_BUDGET).bytes();
    let budget = usize::try_from(budget).unwrap_or(usize::MAX);
    let rate = transfer.limit_rate.and_then(|rate| NonZeroU64::new(rate.bytes_per_second()));
    let mut builder = Driver::builder().byte_budget(budget).frame_size(FRAME.min(budget)).limit_rate(rate);
    if let Some(directory) = directory {
        builder = builder.checkpoints(DirectoryStore::new(directory));
    }
    builder.build().map_err(|error| Failed::new(Exit::Config, error.to_string()))
}

/// A proxy that the settings name. Of the environment's, a host alone is one of old; here it is a slip of the pen.
fn proxy_of(proxy: &Untold) -> Result<ProxyUrl, String> {
    let text = proxy.expose().trim();
    let host = text.rsplit_once('@').map_or(text, |(_, host)| host).trim_end_matches('/');
    let port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    if !text.is_empty() && !text.contains("://") && !port {
        let reason = "a proxy is scheme://host:port, as in http://proxy.example:8080";
        return Err(format!("--proxy can't be used: {reason}"));
    }
    text.parse().map_err(|error| format!("--proxy can't be used: {error}"))
}

fn backend(connection: &ConnectionOptions, window: Option<Window>) -> Result<HyperBackend, Failed> {
    let config = |what: String| Failed::new(Exit::Config, what);
    let proxies = match (&connection.proxy, connection.no_proxy_env) {
        (Some(proxy), _) => Proxies::all(proxy_of(proxy).map_err(config)?),
        (None, Some(true)) => Proxies::none(),
        (None, Some(false) | None) => {
            let variable = |name: &str| std::env::var(name).ok();
            Proxies::from_env(variable)
                .map_err(|error| config(format!("{error}; set it right, unset it, or give --no-proxy-env")))?
        }
    };
    let lanes = match window {
        Some(Window::Fixed(n) | Window::Adaptive(n)) => n.get() as usize,
        None => Policy::default().window.max() as usize,
    };
    // A connection for every segment that may be on its way, within reason.
    let lanes = lanes.saturating_mul(FILES_AT_ONCE).min(64);
    let mut builder = HyperBackend::builder().proxies(proxies).max_idle(lanes);
    if let Some(ca_file) = &connection.ca_file {
        builder = builder.ca_file(ca_file);
    }
    builder.build().map_err(|error| match connection.ca_file {
        Some(_) => config(format!("--ca-file: {error}; give a PEM file that can be read")),
        None => config(error.to_string()),
    })
}
