//! The usual proxy variables.

use std::fmt;
use std::net::IpAddr;

use super::{ProxyUrl, ProxyUrlError};
use crate::origin::{Origin, Peer, Security};

/// Which proxy serves which target: one for `http:` targets, one for `https:` targets, and the hosts that are
/// reached directly.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    http: Option<ProxyUrl>,
    https: Option<ProxyUrl>,
    direct: Direct,
}

/// A proxy variable that can't be used. Its value is not repeated: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the variable {variable}: {source}")]
pub struct ProxyEnvError {
    variable: &'static str,
    source: ProxyUrlError,
}

impl ProxyEnvError {
    /// The name of the variable.
    pub const fn variable(&self) -> &'static str {
        self.variable
    }
}

impl Proxies {
    /// No proxy for anything.
    pub fn none() -> Self {
        Self::default()
    }

    /// One proxy for everything.
    pub fn all(proxy: ProxyUrl) -> Self {
        Self { http: Some(proxy.clone()), https: Some(proxy), direct: Direct::default() }
    }

    /// What the usual variables say, read by a function that looks a name up (as [`std::env::var`] does).
    ///
    /// `HTTPS_PROXY` and `HTTP_PROXY` serve targets of their scheme, `ALL_PROXY` what those leave out; `NO_PROXY`
    /// lists what is reached directly. A name in lower case goes before the same in upper case, and an empty value
    /// counts as unset. `HTTP_PROXY` is not read where `REQUEST_METHOD` is set: a CGI server puts a client's `Proxy`
    /// header there.
    ///
    /// `NO_PROXY` is a list, separated by commas or blanks, of host names (`example.com` also stands for all below
    /// it, with or without a leading dot), addresses, networks (`10.0.0.0/8`, `fd00::/8`), each of the first two with
    /// a `:port` if wanted, or `*` for everything.
    ///
    /// # Errors
    ///
    /// [`ProxyEnvError`] if a variable that counts is not the address of a proxy.
    pub fn from_env(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ProxyEnvError> {
        let get = |names: [&'static str; 2]| {
            names.into_iter().find_map(|name| {
                lookup(name).filter(|value| !value.trim().is_empty()).map(|value| (name, value))
            })
        };
        let proxy = |names| match get(names) {
            Some((variable, value)) => {
                value.parse().map(Some).map_err(|source| ProxyEnvError { variable, source })
            }
            None => Ok(None),
        };
        let http_names = match lookup("REQUEST_METHOD") {
            Some(_) => ["http_proxy", "http_proxy"],
            None => ["http_proxy", "HTTP_PROXY"],
        };
        let all: Option<ProxyUrl> = proxy(["all_proxy", "ALL_PROXY"])?;
        Ok(Self {
            http: proxy(http_names)?.or_else(|| all.clone()),
            https: proxy(["https_proxy", "HTTPS_PROXY"])?.or(all),
            direct: get(["no_proxy", "NO_PROXY"]).map(|(_, list)| Direct::parse(&list)).unwrap_or_default(),
        })
    }

    /// The proxy for a target, if it has one.
    pub fn for_uri(&self, uri: &http::Uri) -> Option<&ProxyUrl> {
        self.for_origin(&Origin::of(uri).ok()?)
    }

    pub(crate) fn for_origin(&self, origin: &Origin) -> Option<&ProxyUrl> {
        let proxy = match origin.security {
            Security::Plain => self.http.as_ref(),
            Security::Tls => self.https.as_ref(),
        };
        proxy.filter(|_| !self.direct.holds(&origin.peer))
    }
}

/// What is reached directly.
#[derive(Clone, Debug, Default)]
struct Direct(Vec<Rule>);

#[derive(Clone, Debug)]
enum Rule {
    Everything,
    /// The name and all below it, in lower case.
    Name(String, Option<u16>),
    Address(IpAddr, Option<u16>),
    Network(Network),
}

impl Direct {
    /// What can't be read is a name that nothing has.
    fn parse(list: &str) -> Self {
        Self(list.split([',', ' ', '\t']).filter(|item| !item.is_empty()).map(Rule::parse).collect())
    }

    fn holds(&self, peer: &Peer) -> bool {
        let name = peer.host.trim_end_matches('.').to_ascii_lowercase();
        let ip = peer.ip();
        let port_fits = |port: &Option<u16>| port.is_none_or(|port| port == peer.port);
        self.0.iter().any(|rule| match rule {
            Rule::Everything => true,
            Rule::Name(below, port) => {
                // "0.1" must not stand for 127.0.0.1: nothing is below an address.
                port_fits(port)
                    && ip.is_none()
                    && name
                        .strip_suffix(below.as_str())
                        .is_some_and(|left| left.is_empty() || left.ends_with('.'))
            }
            Rule::Address(address, port) => port_fits(port) && ip == Some(*address),
            Rule::Network(network) => ip.is_some_and(|ip| network.holds(ip)),
        })
    }
}

impl Rule {
    fn parse(item: &str) -> Self {
        if item == "*" {
            return Self::Everything;
        }
        if let Some(network) = Network::parse(item) {
            return Self::Network(network);
        }
        let address = |text: &str| text.trim_matches(['[', ']']).parse::<IpAddr>().ok();
        if let Some(ip) = address(item) {
            return Self::Address(ip, None);
        }
        let (host, port) = match item.rsplit_once(':').map(|(host, port)| (host, port.parse().ok())) {
            Some((host, Some(port))) => (host, Some(port)),
            _ => (item, None),
        };
        match address(host) {
            Some(ip) => Self::Address(ip, port),
            None => Self::Name(host.trim_start_matches("*.").trim_matches('.').to_ascii_lowercase(), port),
        }
    }
}

/// An address and how many of its first bits count.
#[derive(Clone, Copy)]
struct Network {
    first: IpAddr,
    bits: u32,
}

impl Network {
    fn parse(text: &str) -> Option<Self> {
        let (first, bits) = text.split_once('/')?;
        let (first, bits) = (first.parse().ok()?, bits.parse().ok()?);
        let most = match first {
            IpAddr::V4(_) => 32,
            IpAddr::V6(_) => 128,
        };
        (bits <= most).then_some(Self { first, bits })
    }

    fn holds(&self, ip: IpAddr) -> bool {
        match (self.first, ip) {
            (IpAddr::V4(first), IpAddr::V4(ip)) => {
                let differ = first.to_bits() ^ ip.to_bits();
                differ.checked_shr(32 - self.bits).unwrap_or(0) == 0
            }
            (IpAddr::V6(first), IpAddr::V6(ip)) => {
                let differ = first.to_bits() ^ ip.to_bits();
                differ.checked_shr(128 - self.bits).unwrap_or(0) == 0
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use http::Uri;

    use super::*;

    fn proxies(variables: &[(&str, &str)]) -> Result<Proxies, ProxyEnvError> {
        let variables: HashMap<_, _> = variables.iter().copied().collect();
        Proxies::from_env(|name| variables.get(name).map(|value| (*value).to_owned()))
    }

    fn chosen(variables: &[(&str, &str)], uri: &'static str) -> Option<String> {
        proxies(variables).unwrap().for_uri(&Uri::from_static(uri)).map(|proxy| proxy.host().to_owned())
    }

    #[test]
    fn the_variables_and_their_order() {
        type Case<'a> = (&'a [(&'a str, &'a str)], Option<&'a str>, Option<&'a str>);
        let cases: &[Case<'_>] = &[
            (&[], None, None),
            (&[("HTTP_PROXY", "a")], Some("a"), None),
            (&[("HTTPS_PROXY", "a")], None, Some("a")),
            (&[("ALL_PROXY", "socks5://a")], Some("a"), Some("a")),
            (&[("ALL_PROXY", "a"), ("https_proxy", "b")], Some("a"), Some("b")),
            (&[("HTTPS_PROXY", "up"), ("https_proxy", "low")], None, Some("low")),
            (&[("HTTPS_PROXY", "up"), ("https_proxy", "")], None, Some("up")),
            (&[("HTTP_PROXY", "evil"), ("REQUEST_METHOD", "GET")], None, None),
            (&[("http_proxy", "fine"), ("REQUEST_METHOD", "GET")], Some("fine"), None),
        ];
        for (variables, http, https) in cases {
            assert_eq!(chosen(variables, "http://x.com/").as_deref(), *http, "{variables:?}");
            assert_eq!(chosen(variables, "https://x.com/").as_deref(), *https, "{variables:?}");
        }
    }

    #[test]
    fn a_bad_variable_is_named_and_its_value_is_not_shown() {
        let error = proxies(&[("HTTPS_PROXY", "http://u:hunter2@a/b")]).unwrap_err();
        assert_eq!(error.variable(), "HTTPS_PROXY");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }

    #[test]
    fn no_proxy() {
        for (list, uri, direct) in [
            ("example.com", "https://example.com/", true),
            ("example.com", "https://api.example.com/", true),
            (".example.com", "https://api.example.com/", true),
            (".example.com", "https://example.com/", true),
            ("*.example.com", "https://api.example.com/", true),
            ("example.com", "https://badexample.com/", false),
            ("example.com", "https://example.com.evil.org/", false),
            ("EXAMPLE.com", "https://Api.Example.COM/", true),
            ("example.com:443", "https://example.com/", true),
            ("example.com:8443", "https://example.com/", false),
            ("a, b  c", "https://c/", true),
            ("*", "https://anything/", true),
            ("", "https://anything/", false),
            ("127.0.0.1", "https://127.0.0.1:99/", true),
            ("127.0.0.1", "https://127.0.0.11/", false),
            ("0.0.1", "https://127.0.0.1/", false),
            ("127.0.0.1:99", "https://127.0.0.1:99/", true),
            ("127.0.0.1:99", "https://127.0.0.1:98/", false),
            ("10.0.0.0/8", "https://10.200.3.4/", true),
            ("10.0.0.0/8", "https://11.0.0.1/", false),
            ("0.0.0.0/0", "https://11.0.0.1/", true),
            ("0.0.0.0/0", "https://[::1]/", false),
            ("192.168.1.1/32", "https://192.168.1.2/", false),
            ("fd00::/8", "https://[fd12::1]/", true),
            ("fd00::/8", "https://[fe80::1]/", false),
            ("::1", "https://[::1]:7/", true),
            ("[::1]:7", "https://[::1]:7/", true),
            ("[::1]:7", "https://[::1]:8/", false),
            ("10.0.0.0/33", "https://10.0.0.0/", false),
            ("localhost", "https://localhost/", true),
        ] {
            let chosen = chosen(&[("ALL_PROXY", "p"), ("NO_PROXY", list)], uri);
            assert_eq!(chosen.is_none(), direct, "NO_PROXY={list} for {uri}");
        }
    }
}
