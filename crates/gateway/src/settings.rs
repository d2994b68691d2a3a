//! The settings: one TOML file, every key with a default.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Everything that an operator may set. The defaults serve one machine: loopback, no TLS, X itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Settings {
    /// Where requests are answered. Default: `127.0.0.1:8787`.
    pub listen: SocketAddr,
    /// Where metrics and health are told; keep it on loopback (threat T24). Default: `127.0.0.1:8788`.
    pub admin: SocketAddr,
    /// The certificate chain and key (PEM) for HTTPS. Default: none, HTTP.
    pub tls: Option<TlsFiles>,
    /// The folder for the database and spooled media; readable by its owner only. Default: `chunkwise-gateway`.
    pub state_dir: PathBuf,
    /// Where the media go.
    pub x: X,
    /// What one accepted upload costs, in millionths of a dollar. Default: 1,000 ($0.001).
    pub price: i64,
    /// Whom a browser's page may belong to. Default: everybody; the API key is what protects.
    pub cors: Cors,
    /// What is fetched of `media_url`.
    pub fetch: Fetch,
    /// Caps on what clients may take up.
    pub caps: Caps,
}

/// Where a certificate is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TlsFiles {
    /// The chain, as PEM.
    pub certificate: PathBuf,
    /// The private key, as PEM.
    pub key: PathBuf,
}

/// Where the media go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct X {
    /// The address of the API, for a sandbox. Default: X itself.
    pub base_url: Option<String>,
    /// A further certificate authority to believe there, as a PEM file.
    pub ca_file: Option<PathBuf>,
}

/// Which pages may call from a browser.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(
    rename_all = "lowercase",
    expecting = "it is \"any\", or a list of origins as in [\"https://app.example.com\"]"
)]
pub enum Cors {
    /// Those of every origin.
    #[default]
    Any,
    /// Those of these origins, as in `https://app.example.com`.
    #[serde(untagged)]
    These(Vec<String>),
}

/// What is fetched of `media_url`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Fetch {
    /// Networks that may be reached although they are private, as in `192.168.7.0/24`. Default: none.
    pub allow_networks: Vec<String>,
    /// Host names that may resolve to private addresses. Default: none.
    pub allow_hosts: Vec<String>,
    /// Ports beside 80 and 443. Default: none.
    pub allow_ports: Vec<u16>,
    /// Networks that must not be reached although they are public, as in `203.0.113.7/32`: the address before this
    /// machine's network, say. This machine's own addresses are never reached unless allowed. Default: none.
    pub deny_networks: Vec<String>,
    /// Where the operators of an origin can reach somebody, as in `https://example.com/abuse` or an e-mail address; it stands
    /// in the User-Agent (threat T16). Default: none.
    pub contact: Option<String>,
}

/// Caps on what clients may take up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Caps {
    /// Connections at once. Default: 1,024.
    pub connections: u32,
    /// Connections of one address at once. Default: 64.
    pub connections_per_address: u32,
    /// Uploads at once. Default: 64.
    pub uploads: u32,
    /// Bytes of media in memory, coming in and going out together. Default: 32 MiB.
    pub memory: u64,
    /// Bytes of media on disk. Default: 16 GiB.
    pub disk: u64,
    /// Seconds until a request has its head. Default: 10.
    pub head_seconds: u64,
    /// Seconds without a byte of a body. Default: 20.
    pub idle_seconds: u64,
    /// Seconds for a whole upload, processing included. Default: 3,600.
    pub upload_seconds: u64,
    /// Seconds that X may take to process media; beyond that an upload waits to be asked for again. Default: 1,800.
    pub processing_seconds: u64,
    /// Seconds that uploads get when the gateway is told to stop. Default: 120.
    pub drain_seconds: u64,
    /// Seconds that an upload which a restart has cut off waits for its token. Default: 21,600, six hours.
    pub interrupted_seconds: u64,
}

impl Default for Settings {
    fn default() -> Self {
        let loopback = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        Self {
            listen: loopback(8787),
            admin: loopback(8788),
            tls: None,
            state_dir: PathBuf::from("chunkwise-gateway"),
            x: X::default(),
            price: 1_000,
            cors: Cors::Any,
            fetch: Fetch::default(),
            caps: Caps::default(),
        }
    }
}

impl Default for Caps {
    fn default() -> Self {
        Self {
            connections: 1_024,
            connections_per_address: 64,
            uploads: 64,
            memory: 32 << 20,
            disk: 16 << 30,
            head_seconds: 10,
            idle_seconds: 20,
            upload_seconds: 3_600,
            processing_seconds: 1_800,
            drain_seconds: 120,
            interrupted_seconds: 21_600,
        }
    }
}

impl Caps {
    /// Until a request has its head.
    pub(crate) const fn head(&self) -> Duration {
        Duration::from_secs(self.head_seconds)
    }

    /// Without a byte of a body.
    pub(crate) const fn idle(&self) -> Duration {
        Duration::from_secs(self.idle_seconds)
    }

    /// For a whole upload.
    pub(crate) const fn upload(&self) -> Duration {
        Duration::from_secs(self.upload_seconds)
    }

    /// For X's processing.
    pub(crate) const fn processing(&self) -> Duration {
        Duration::from_secs(self.processing_seconds)
    }

    /// For an upload that waits for its token.
    pub(crate) const fn interrupted(&self) -> Duration {
        Duration::from_secs(self.interrupted_seconds)
    }

    /// For all uploads at the end.
    pub(crate) const fn drain(&self) -> Duration {
        Duration::from_secs(self.drain_seconds)
    }
}

/// Settings that can't be used.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the settings can't be used: {reason}")]
pub struct SettingsError {
    reason: String,
}

impl SettingsError {
    pub(crate) fn new(reason: impl std::fmt::Display) -> Self {
        Self { reason: reason.to_string() }
    }
}

impl Settings {
    /// Out of a TOML document.
    ///
    /// # Errors
    ///
    /// [`SettingsError`] with the line, if a key is unknown or a value makes no sense.
    pub fn from_toml(text: &str) -> Result<Self, SettingsError> {
        let settings: Self =
            toml::from_str(text).map_err(|error| SettingsError::new(located(text, &error)))?;
        match settings.fault() {
            Some((key, reason)) => Err(SettingsError::new(format!("{key}: {reason}"))),
            None => Ok(settings),
        }
    }

    /// What no gateway can serve with, or what would never have an effect: which key, and why.
    pub(crate) fn fault(&self) -> Option<(&'static str, String)> {
        let caps = &self.caps;
        let counts = [
            ("caps.connections", caps.connections.into()),
            ("caps.connections_per_address", caps.connections_per_address.into()),
            ("caps.uploads", caps.uploads.into()),
            ("caps.disk", caps.disk),
            ("caps.head_seconds", caps.head_seconds),
            ("caps.idle_seconds", caps.idle_seconds),
            ("caps.upload_seconds", caps.upload_seconds),
            ("caps.processing_seconds", caps.processing_seconds),
        ];
        if let Some((key, _)) = counts.into_iter().find(|(_, count)| *count == 0) {
            return Some((key, "it must be at least 1".to_owned()));
        }
        if caps.memory < MEMORY_MIN {
            return Some(("caps.memory", format!("it must be at least {MEMORY_MIN} bytes")));
        }
        if self.state_dir.as_os_str().is_empty() {
            return Some(("state_dir", "it must name a folder".to_owned()));
        }
        if self.price < 0 {
            return Some(("price", "it must not be below zero".to_owned()));
        }
        if let Cors::These(origins) = &self.cors
            && let Some(bad) = origins.iter().find(|origin| !is_origin(origin))
        {
            return Some((
                "cors",
                format!("{bad:?} is no origin, as in https://app.example.com, without a path"),
            ));
        }
        let named = |host: &&String| host.is_empty() || host.contains(['/', ':', '@', '*', ' ']);
        if let Some(bad) = self.fetch.allow_hosts.iter().find(named) {
            return Some(("fetch.allow_hosts", format!("{bad:?} is no host name, without scheme and port")));
        }
        if self.fetch.allow_ports.contains(&0) {
            return Some(("fetch.allow_ports", "there is no port 0".to_owned()));
        }
        None
    }
}

/// Less than this, and not even one upload gets on.
const MEMORY_MIN: u64 = 1 << 20;

/// Whether a browser would ever send this in `Origin`.
fn is_origin(text: &str) -> bool {
    let Some((scheme, host)) = text.split_once("://") else { return false };
    let plain = |c: char| c.is_ascii_graphic() && !c.is_ascii_uppercase() && !"/?#@*".contains(c);
    matches!(scheme, "http" | "https") && !host.is_empty() && host.chars().all(plain)
}

/// An error in one line: where it is, what is written there, and what is wrong with it.
fn located(text: &str, error: &toml::de::Error) -> String {
    let mut message = error.message().trim().replace('\n', ", ");
    if message.contains("socket address") {
        message.push_str(": an IP address and a port, as in 127.0.0.1:8787");
    }
    let Some(before) = error.span().and_then(|span| text.get(..span.start)) else { return message };
    let number = before.matches('\n').count();
    let line = text.lines().nth(number).unwrap_or_default().trim();
    format!("line {}, {line:?}: {message}", number + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_is_the_defaults_and_a_typing_error_is_told() {
        let settings = Settings::from_toml("").unwrap();
        assert_eq!((settings.price, settings.caps.memory), (1_000, 32 << 20));
        let error = Settings::from_toml("[caps]\nmemroy = 1\n").unwrap_err().to_string();
        assert!(error.contains("memroy") && error.contains("line 2"), "{error}");
    }

    /// What would be taken and then never work is told when it starts, by the name of the key.
    #[test]
    fn what_makes_no_sense_is_told_in_one_line_with_its_key() {
        for (text, told) in [
            ("price = -1", "price: "),
            ("price = 0.001", "line 1, \"price = 0.001\": "),
            ("\nlisten = \"localhost:8787\"", "line 2, \"listen = "),
            ("listen = \"127.0.0.1\"", "as in 127.0.0.1:8787"),
            ("state_dir = \"\"", "state_dir: "),
            ("cors = \"all\"", "it is \"any\", or a list of origins"),
            ("cors = [\"app.example.com\"]", "cors: \"app.example.com\" is no origin"),
            ("cors = [\"https://app.example.com/\"]", "cors: "),
            ("fetch.allow_hosts = [\"http://a.example\"]", "fetch.allow_hosts: "),
            ("fetch.allow_hosts = [\"a.example:80\"]", "fetch.allow_hosts: "),
            ("fetch.allow_ports = [0]", "fetch.allow_ports: "),
            ("caps.connections = 0", "caps.connections: it must be at least 1"),
            ("caps.uploads = 0", "caps.uploads: "),
            ("caps.memory = 1", "caps.memory: it must be at least 1048576 bytes"),
            ("caps.idle_seconds = 0", "caps.idle_seconds: "),
            ("[caps", "line 1, \"[caps\": "),
        ] {
            let error = Settings::from_toml(text).unwrap_err().to_string();
            assert!(error.contains(told) && !error.contains('\n'), "{text}: {error}");
        }
        assert!(Settings::from_toml("cors = [\"http://localhost:3000\"]").is_ok());
        assert!(Settings::from_toml("caps.drain_seconds = 0").is_ok(), "stopping at once is a wish");
    }

    /// The dotted names of all that has a value in it.
    fn names(value: &serde_json::Value, above: &str) -> Vec<String> {
        match value {
            serde_json::Value::Object(members) => {
                let name = |name: &str| format!("{above}{}{name}", if above.is_empty() { "" } else { "." });
                members.iter().flat_map(|(key, value)| names(value, &name(key))).collect()
            }
            _ => vec![above.to_owned()],
        }
    }

    fn names_in(toml: &str) -> Vec<String> {
        names(&serde_json::to_value(toml::from_str::<toml::Table>(toml).unwrap()).unwrap(), "")
    }

    #[test]
    fn the_shipped_file_is_the_defaults_and_names_every_key() {
        let shipped = include_str!("../../../deploy/gateway.toml");
        let settings = Settings::from_toml(shipped).unwrap();
        let (said, default) = (serde_json::to_value(&settings), serde_json::to_value(Settings::default()));
        let (said, default) = (said.unwrap(), default.unwrap());
        for name in names(&default, "") {
            let pointer = format!("/{}", name.replace('.', "/"));
            assert_eq!(said.pointer(&pointer), default.pointer(&pointer), "{name}");
        }
        assert_eq!(settings, Settings::default());

        // What is commented out is there, too: a line that is one key, with no space after the #.
        let key =
            |line: &str| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).map(str::to_owned);
        let whole: Vec<_> =
            shipped.lines().map(|line| key(line).unwrap_or_else(|| line.to_owned())).collect();
        let whole = whole.join("\n");
        let all = serde_json::to_value(Settings::from_toml(&whole).unwrap()).unwrap();
        let (mut there, mut known) = (names_in(&whole), names(&all, ""));
        there.sort();
        known.sort();
        assert_eq!(there, known);
        // And each has a comment above it, alone or with its neighbour.
        let lines: Vec<_> = shipped.lines().collect();
        for (above, line) in lines.iter().zip(&lines[1..]) {
            let is_key = key(line).is_some() || (!line.starts_with(['#', '[']) && !line.is_empty());
            let is_comment = above.starts_with("# ") || above.starts_with("#tls.");
            assert!(!is_key || is_comment, "{line} has no comment");
        }
    }

    #[test]
    fn cors_is_any_or_a_list() {
        assert_eq!(Settings::from_toml("cors = \"any\"").unwrap().cors, Cors::Any);
        let these = Settings::from_toml("cors = [\"https://a.example\"]").unwrap().cors;
        assert_eq!(these, Cors::These(vec!["https://a.example".to_owned()]));
        assert!(Settings::from_toml("cors = \"none\"").is_err());
    }
}
