//! The address of a proxy.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use chunkwise_transport::Secret;
use http::HeaderValue;
use url::{Host, Url};

use crate::origin::Peer;

/// The address of a proxy, with the credentials it wants. Neither `Debug` nor `Display` shows those.
///
/// | scheme | what it is | default port |
/// |---|---|---|
/// | `http://` | CONNECT for `https:` targets; forwards requests for `http:` targets, one on a connection; Basic credentials | 80 |
/// | `https://` | the same through TLS to the proxy, whose certificate is checked like any other | 443 |
/// | `socks5://`, `socks5h://` | SOCKS 5, user and password (RFC 1928, 1929) | 1080 |
/// | `socks4://`, `socks4a://` | SOCKS 4a with a user id; no password, no IPv6 targets | 1080 |
///
/// An address without a scheme is one of `http://`. Names are always resolved by the proxy, also with `socks5://`
/// and `socks4://`: a lookup at home would tell the local network where the traffic goes, and often find nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyUrl {
    kind: ProxyKind,
    peer: Peer,
    credentials: Option<Credentials>,
}

/// What a proxy speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyKind {
    /// HTTP, in the clear.
    Http,
    /// HTTP through TLS.
    Https,
    /// SOCKS 5.
    Socks5,
    /// SOCKS 4a.
    Socks4,
}

/// User and password, as they are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) user: Secret<String>,
    pub(crate) password: Secret<String>,
}

/// Why a text is not the address of a proxy. The text itself is not repeated: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProxyUrlError {
    /// It is empty.
    #[error("the proxy address is empty")]
    Empty,
    /// It can't be read as a URL.
    #[error("the proxy address can't be read: {0}")]
    Unreadable(&'static str),
    /// Its scheme is not of a kind that is known.
    #[error("{0}:// is no kind of proxy: use http, https, socks5, socks5h, socks4 or socks4a")]
    UnknownScheme(String),
    /// It names no host.
    #[error("the proxy address names no host")]
    NoHost,
    /// It has a path, a query or a fragment, and no proxy has one.
    #[error("the proxy address has something behind host and port")]
    Trailing,
    /// Its credentials can't be sent to a proxy of this kind.
    #[error("the proxy's credentials can't be used: {0}")]
    Credentials(&'static str),
}

impl ProxyUrl {
    /// What it speaks.
    pub const fn kind(&self) -> ProxyKind {
        self.kind
    }

    /// Its host, without brackets.
    pub fn host(&self) -> &str {
        &self.peer.host
    }

    /// Its port.
    pub const fn port(&self) -> u16 {
        self.peer.port
    }

    pub(crate) const fn peer(&self) -> &Peer {
        &self.peer
    }

    pub(crate) const fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    /// The value of `Proxy-Authorization` (RFC 7617).
    pub(crate) fn basic_authorization(&self) -> Option<HeaderValue> {
        let Credentials { user, password } = self.credentials.as_ref()?;
        let pair = format!("{}:{}", user.expose(), password.expose());
        let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
        let mut value = HeaderValue::try_from(format!("Basic {encoded}")).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl FromStr for ProxyUrl {
    type Err = ProxyUrlError;

    fn from_str(text: &str) -> Result<Self, ProxyUrlError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(ProxyUrlError::Empty);
        }
        let (name, rest) = text.split_once("://").unwrap_or(("http", text));
        let (kind, default_port) = match name.to_ascii_lowercase().as_str() {
            "http" => (ProxyKind::Http, 80),
            "https" => (ProxyKind::Https, 443),
            "socks5" | "socks5h" => (ProxyKind::Socks5, 1080),
            "socks4" | "socks4a" => (ProxyKind::Socks4, 1080),
            // What stands before "://" is no scheme if it has other characters, and may be a secret then.
            other if other.bytes().all(|b| b.is_ascii_alphanumeric()) && other.len() <= 16 => {
                return Err(ProxyUrlError::UnknownScheme(other.to_owned()));
            }
            _ => return Err(ProxyUrlError::Unreadable("it does not begin with the kind of proxy")),
        };
        // With a scheme that the URL standard knows, hosts are checked as hosts; the port must not be its default,
        // or it could not be told from a missing one, so it is read as that of `ws:`, and 80 comes back below.
        let url = Url::parse(&format!("ws://{rest}")).map_err(|error| match error {
            url::ParseError::EmptyHost => ProxyUrlError::NoHost,
            url::ParseError::InvalidPort => ProxyUrlError::Unreadable("its port is not a number up to 65535"),
            _ => ProxyUrlError::Unreadable("its host can't be one"),
        })?;
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(ProxyUrlError::Trailing);
        }
        let host = match url.host().ok_or(ProxyUrlError::NoHost)? {
            Host::Domain(name) => name.to_owned(),
            Host::Ipv4(ip) => ip.to_string(),
            Host::Ipv6(ip) => ip.to_string(),
        };
        let port = match url.port() {
            Some(port) => port,
            None if has_port(rest) => 80,
            None => default_port,
        };
        let credentials = credentials(&url)?;
        check(kind, credentials.as_ref())?;
        Ok(Self { kind, peer: Peer { host, port }, credentials })
    }
}

/// Whether the text behind the scheme names a port.
fn has_port(rest: &str) -> bool {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    host.rsplit_once(':')
        .is_some_and(|(_, port)| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()))
}

fn credentials(url: &Url) -> Result<Option<Credentials>, ProxyUrlError> {
    if url.username().is_empty() && url.password().is_none() {
        return Ok(None);
    }
    let decode = |text: &str| match percent_decode(text) {
        Some(text) => Ok(Secret::new(text)),
        None => Err(ProxyUrlError::Credentials("their percent signs do not make UTF-8")),
    };
    Ok(Some(Credentials {
        user: decode(url.username())?,
        password: decode(url.password().unwrap_or_default())?,
    }))
}

fn percent_decode(text: &str) -> Option<String> {
    // `form_urlencoded` would turn a plus into a space; this is the other half of what `Url` encoded.
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let hex =
            |b: Option<&u8>| b.and_then(|b| char::from(*b).to_digit(16)).and_then(|d| u8::try_from(d).ok());
        match (first, hex(tail.first()), hex(tail.get(1))) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(high * 16 + low);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

/// What the proxy's protocol can't carry is better said now than at the first connection.
fn check(kind: ProxyKind, credentials: Option<&Credentials>) -> Result<(), ProxyUrlError> {
    let Some(Credentials { user, password }) = credentials else { return Ok(()) };
    let (user, password) = (user.expose(), password.expose());
    match kind {
        ProxyKind::Http | ProxyKind::Https if user.contains(':') => {
            Err(ProxyUrlError::Credentials("a user name with a colon can't be sent (RFC 7617)"))
        }
        ProxyKind::Http | ProxyKind::Https => Ok(()),
        ProxyKind::Socks5 if user.is_empty() || user.len() > 255 || password.len() > 255 => {
            Err(ProxyUrlError::Credentials("SOCKS 5 takes a user of 1–255 and a password of up to 255 bytes"))
        }
        ProxyKind::Socks5 => Ok(()),
        ProxyKind::Socks4 if !password.is_empty() => {
            Err(ProxyUrlError::Credentials("SOCKS 4 has a user id and no password"))
        }
        ProxyKind::Socks4 if user.contains('\0') || user.len() > 255 => {
            Err(ProxyUrlError::Credentials("the user id has a NUL in it or is longer than 255 bytes"))
        }
        ProxyKind::Socks4 => Ok(()),
    }
}

impl fmt::Display for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.kind {
            ProxyKind::Http => "http",
            ProxyKind::Https => "https",
            ProxyKind::Socks5 => "socks5",
            ProxyKind::Socks4 => "socks4",
        };
        let who = if self.credentials.is_some() { "[redacted]@" } else { "" };
        write!(f, "{scheme}://{who}{}", self.peer)
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProxyUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> ProxyUrl {
        text.parse().unwrap()
    }

    #[test]
    fn every_kind_and_its_default_port() {
        for (text, kind, host, port) in [
            ("http://proxy", ProxyKind::Http, "proxy", 80),
            ("proxy:3128", ProxyKind::Http, "proxy", 3128),
            ("HTTP://Proxy:80/", ProxyKind::Http, "proxy", 80),
            ("https://proxy", ProxyKind::Https, "proxy", 443),
            ("https://proxy:80", ProxyKind::Https, "proxy", 80),
            ("socks5://proxy", ProxyKind::Socks5, "proxy", 1080),
            ("socks5h://u:p@proxy:80", ProxyKind::Socks5, "proxy", 80),
            ("socks4://10.0.0.1", ProxyKind::Socks4, "10.0.0.1", 1080),
            ("socks4a://me@[::1]:9", ProxyKind::Socks4, "::1", 9),
            ("socks5://[::1]", ProxyKind::Socks5, "::1", 1080),
        ] {
            let proxy = parse(text);
            assert_eq!((proxy.kind(), proxy.host(), proxy.port()), (kind, host, port), "{text}");
        }
    }

    #[test]
    fn credentials_are_decoded_and_never_shown() {
        let proxy = parse("http://us%40er:hunt%20er%2F2+@proxy:8080");
        let credentials = proxy.credentials().unwrap();
        assert_eq!(credentials.user.expose(), "us@er");
        assert_eq!(credentials.password.expose(), "hunt er/2+");
        let shown = format!("{proxy} {proxy:?} {:?}", proxy.basic_authorization());
        assert!(!shown.contains("hunt") && !shown.contains("er%"), "{shown}");
        assert_eq!(proxy.to_string(), "http://[redacted]@proxy:8080");
        // RFC 7617 §2: Aladdin and his sesame.
        let basic = parse("http://Aladdin:open%20sesame@p").basic_authorization().unwrap();
        assert_eq!(basic, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    }

    #[test]
    fn what_is_no_proxy_is_a_typed_error_without_the_text() {
        use ProxyUrlError as E;
        for (text, error) in [
            ("  ", E::Empty),
            ("ftp://proxy", E::UnknownScheme("ftp".to_owned())),
            ("http://", E::NoHost),
            ("http://proxy/path", E::Trailing),
            ("http://proxy?x=1", E::Trailing),
            ("http://proxy:99999", E::Unreadable("its port is not a number up to 65535")),
            ("http://pro xy", E::Unreadable("its host can't be one")),
            ("socks4://u:p@proxy", E::Credentials("SOCKS 4 has a user id and no password")),
            ("http://a%3Ab:p@proxy", E::Credentials("a user name with a colon can't be sent (RFC 7617)")),
        ] {
            assert_eq!(text.parse::<ProxyUrl>(), Err(error), "{text}");
        }
        let long = format!("socks5://{}:p@proxy", "u".repeat(256));
        assert!(matches!(long.parse::<ProxyUrl>(), Err(E::Credentials(_))));
        for text in ["hunter2@x://y", "http://u:hunter2@pro xy", "http://u:hunter2@proxy/x", "hunter2!://x"] {
            let error = text.parse::<ProxyUrl>().unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
}
