//! What a URL names, and which URLs are not even looked up.

use std::fmt;
use std::net::IpAddr;

use url::{Host, Position, Url};

use crate::address::AddressPolicy;
use crate::limits::FetchLimits;

/// The longest name (RFC 1035 §2.3.4, without the dot at its end).
const MAX_NAME: usize = 253;

/// The longest part of a name (RFC 1035 §2.3.4).
const MAX_LABEL: usize = 63;

/// The longest ending of a file's name that is told.
const MAX_EXTENSION: usize = 10;

/// Names, with all below them, that are never of the public internet (RFC 6761, 6762, 7686, 8375; `internal` by ICANN).
const LOCAL_NAMES: &[&str] = &["localhost", "localdomain", "local", "internal", "home.arpa", "onion"];

/// A URL that may be looked up. Neither `Debug` nor `Display` shows its path and query: a signed URL is a secret.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Target {
    url: Url,
    pub(crate) security: Security,
    pub(crate) host: TargetHost,
    pub(crate) port: u16,
}

/// Whether the host is spoken to through TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Security {
    Plain,
    Tls,
}

/// What a URL names as its host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TargetHost {
    /// An address, in whatever spelling.
    Address(IpAddr),
    /// A name, in lower case and ASCII.
    Name(String),
}

/// Why a URL is not looked up. No text here holds its path, its query or credentials.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// It is too long.
    #[error("the URL has {len} bytes, and {limit} are the most")]
    Long {
        /// How long it is.
        len: usize,
        /// How long it may be.
        limit: usize,
    },
    /// It has a control character in it.
    #[error("the URL has a control character in it")]
    Control,
    /// It can't be read.
    #[error("the URL can't be read: {0}")]
    Unreadable(#[from] url::ParseError),
    /// Its scheme is not spoken.
    #[error("the URL is one of a scheme other than http and https")]
    Scheme,
    /// It has a user or a password.
    #[error("the URL has credentials in it")]
    Credentials,
    /// Its port is not among those that may be named.
    #[error("the URL names the port {0}")]
    Port(u16),
    /// Its host can't be one of the public internet.
    #[error("the URL names the host {host:?}, and {why}")]
    Host {
        /// The host, cut off where it is longer than a name may be.
        host: String,
        /// What is wrong with it.
        why: &'static str,
    },
}

impl TargetError {
    /// Whether the URL as such is none that is fetched, whatever network this is in.
    pub(crate) fn is_of_the_text(&self) -> bool {
        match self {
            Self::Long { .. }
            | Self::Control
            | Self::Unreadable(_)
            | Self::Scheme
            | Self::Credentials
            | Self::Port(_) => true,
            Self::Host { .. } => false,
        }
    }
}

impl Target {
    /// Reads a URL as every browser does (the WHATWG standard), so that an address is found in whatever spelling.
    pub(crate) fn parse(
        text: &str,
        limits: &FetchLimits,
        policy: &AddressPolicy,
    ) -> Result<Self, TargetError> {
        check_text(text, limits)?;
        Self::of(Url::parse(text)?, limits, policy)
    }

    /// Where a redirect leads. The new URL gets every check of a first one.
    pub(crate) fn join(
        &self,
        location: &str,
        limits: &FetchLimits,
        policy: &AddressPolicy,
    ) -> Result<Self, TargetError> {
        check_text(location, limits)?;
        let url = self.url.join(location)?;
        check_text(url.as_str(), limits)?;
        Self::of(url, limits, policy)
    }

    fn of(url: Url, limits: &FetchLimits, policy: &AddressPolicy) -> Result<Self, TargetError> {
        let security = match url.scheme() {
            "http" => Security::Plain,
            "https" => Security::Tls,
            _ => return Err(TargetError::Scheme),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(TargetError::Credentials);
        }
        let host = match url.host().ok_or(url::ParseError::EmptyHost)? {
            Host::Ipv4(address) => TargetHost::Address(address.into()),
            Host::Ipv6(address) => TargetHost::Address(address.into()),
            Host::Domain(name) => {
                check_name(name, policy)?;
                TargetHost::Name(name.to_owned())
            }
        };
        let port = url.port_or_known_default().ok_or(TargetError::Scheme)?;
        if !limits.ports.contains(&port) {
            return Err(TargetError::Port(port));
        }
        Ok(Self { url, security, host, port })
    }

    /// What the Host header says: without a default port.
    pub(crate) fn host_header(&self) -> &str {
        &self.url[Position::BeforeHost..Position::AfterPort]
    }

    /// What is asked for: path and query.
    pub(crate) fn request_target(&self) -> &str {
        &self.url[Position::BeforePath..Position::AfterQuery]
    }

    /// The host, as it is dialled and as TLS checks it: without brackets.
    pub(crate) fn host_name(&self) -> String {
        match &self.host {
            TargetHost::Address(address) => address.to_string(),
            TargetHost::Name(name) => name.clone(),
        }
    }

    /// The ending of the file's name, in lower case: `mp4` of `/a/clip.MP4?x=y`.
    pub(crate) fn extension(&self) -> Option<String> {
        let name = self.url.path_segments()?.next_back()?;
        let (stem, ending) = name.rsplit_once('.')?;
        let fits = !stem.is_empty()
            && (1..=MAX_EXTENSION).contains(&ending.len())
            && ending.bytes().all(|byte| byte.is_ascii_alphanumeric());
        fits.then(|| ending.to_ascii_lowercase())
    }
}

/// What a URL may be made of. The parser would drop tabs and newlines in silence.
fn check_text(text: &str, limits: &FetchLimits) -> Result<(), TargetError> {
    if text.len() > limits.url_bytes {
        return Err(TargetError::Long { len: text.len(), limit: limits.url_bytes });
    }
    if text.chars().any(char::is_control) { Err(TargetError::Control) } else { Ok(()) }
}

fn check_name(name: &str, policy: &AddressPolicy) -> Result<(), TargetError> {
    let refused = |why| {
        let host = name.chars().take(MAX_NAME).collect();
        Err(TargetError::Host { host, why })
    };
    let is_part = |part: &str| {
        (1..=MAX_LABEL).contains(&part.len())
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    if name.len() > MAX_NAME {
        return refused("it is longer than a name may be");
    }
    // A dot at the end leaves an empty part behind it.
    if !name.split('.').all(is_part) {
        return refused("it is no name, or ends with a dot");
    }
    if policy.allows_host(name) {
        return Ok(());
    }
    let is_below =
        |local: &&&str| name.strip_suffix(**local).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    if LOCAL_NAMES.iter().find(is_below).is_some() {
        return refused("it is a name of a local network");
    }
    if !name.contains('.') {
        return refused("it has no dot in it, so it is a name of a local network");
    }
    Ok(())
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.url.scheme(), self.host_header())
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({self})")
    }
}
