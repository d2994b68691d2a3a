//! Where a request goes: scheme, host and port of its URI.

use std::fmt;
use std::net::IpAddr;

use http::Uri;
use http::uri::{Authority, Scheme};

use crate::error::ConnectError;

/// Scheme, host and port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    pub(crate) security: Security,
    pub(crate) peer: Peer,
}

/// Whether the origin is spoken to through TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Security {
    Plain,
    Tls,
}

/// A host and a port. An IPv6 address has no brackets here; its `Display` has.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Peer {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Origin {
    /// Of an absolute URI.
    pub(crate) fn of(uri: &Uri) -> Result<Self, ConnectError> {
        let (security, default_port) = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => (Security::Tls, 443),
            Some(scheme) if *scheme == Scheme::HTTP => (Security::Plain, 80),
            Some(scheme) => return Err(ConnectError::Scheme { scheme: scheme.to_string() }),
            None => return Err(ConnectError::NoScheme),
        };
        let host = uri.host().filter(|host| !host.is_empty()).ok_or(ConnectError::NoHost)?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let port = uri.port_u16().unwrap_or(default_port);
        Ok(Self { security, peer: Peer { host: host.to_owned(), port } })
    }

    /// What the Host header says: without user, and without a default port.
    pub(crate) fn host_header(&self) -> String {
        let default_port = match self.security {
            Security::Plain => 80,
            Security::Tls => 443,
        };
        if self.peer.port == default_port {
            Bracketed(&self.peer.host).to_string()
        } else {
            self.peer.to_string()
        }
    }

    /// The URI as a forwarding proxy wants it: absolute, without user.
    pub(crate) fn absolute_form(&self, uri: &Uri) -> Result<Uri, ConnectError> {
        let mut parts = uri.clone().into_parts();
        parts.authority = Some(Authority::try_from(self.host_header()).map_err(|_| ConnectError::NoHost)?);
        Uri::from_parts(parts).map_err(|_| ConnectError::NoHost)
    }
}

impl Peer {
    /// The host as an address, if it is one.
    pub(crate) fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", Bracketed(&self.host), self.port)
    }
}

/// A host as it stands in a URI.
struct Bracketed<'a>(&'a str);

impl fmt::Display for Bracketed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.contains(':') { write!(f, "[{}]", self.0) } else { f.write_str(self.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(uri: &'static str) -> Result<Origin, ConnectError> {
        Origin::of(&Uri::from_static(uri))
    }

    #[test]
    fn the_host_header_has_no_default_port_and_no_user() {
        for (uri, host) in [
            ("http://example.com/a", "example.com"),
            ("http://example.com:80/a", "example.com"),
            ("https://example.com:80/a", "example.com:80"),
            ("https://user:pw@example.com:443/a", "example.com"),
            ("http://[::1]:8080/a", "[::1]:8080"),
            ("https://[::1]/a", "[::1]"),
        ] {
            assert_eq!(origin(uri).unwrap().host_header(), host, "{uri}");
        }
    }

    #[test]
    fn the_absolute_form_keeps_path_and_query_and_drops_the_user() {
        let uri = Uri::from_static("http://user:pw@example.com:8080/a/b?c=d");
        let absolute = Origin::of(&uri).unwrap().absolute_form(&uri).unwrap();
        assert_eq!(absolute, "http://example.com:8080/a/b?c=d");
    }

    #[test]
    fn what_is_no_http_address_is_an_error() {
        assert!(matches!(origin("ftp://example.com/"), Err(ConnectError::Scheme { .. })));
        assert!(matches!(origin("/just/a/path"), Err(ConnectError::NoScheme)));
    }
}
