//! Where a service is: its own hosts, or a stand-in for them.

use std::fmt;
use std::str::FromStr;

use http::Uri;

/// Where the API lives: scheme, host, port, and a path that goes before the service's own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BaseUrl(Box<str>);

impl BaseUrl {
    /// A base by its URL, as in `https://api.x.com` or `http://127.0.0.1:8080/x`. Scheme and host, in which case does not
    /// count, are kept in lower case: what is signed of them is then what is sent.
    ///
    /// # Errors
    ///
    /// [`BaseUrlError`] if it is not an absolute http or https URL, or has a user, a query or a fragment.
    pub fn new(url: &str) -> Result<Self, BaseUrlError> {
        if url.contains(['?', '#']) {
            return Err(BaseUrlError::Trailing);
        }
        let uri: Uri = url.parse().map_err(|_| BaseUrlError::Malformed)?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(BaseUrlError::Scheme);
        }
        let authority = uri.authority().ok_or(BaseUrlError::Malformed)?;
        if authority.as_str().contains('@') {
            return Err(BaseUrlError::User);
        }
        if authority.host().is_empty() {
            return Err(BaseUrlError::Malformed);
        }
        let url = url.trim_end_matches('/');
        let host = url.find("://").map_or(0, |at| at + "://".len());
        let path = url[host..].find('/').map_or(url.len(), |at| host + at);
        Ok(Self(format!("{}{}", url[..path].to_ascii_lowercase(), &url[path..]).into()))
    }

    /// The base itself; it does not end in a slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The URI of a path (which begins with a slash) under this base.
    ///
    /// # Errors
    ///
    /// If the path has characters that no URI has.
    pub fn join(&self, path: &str) -> Result<Uri, http::Error> {
        Ok(Uri::try_from(format!("{}{path}", self.0))?)
    }

    /// A base that is known to be one: a URL as [`BaseUrl::new`] takes it, without a slash at its end.
    pub fn trusted(url: &'static str) -> Self {
        Self(url.into())
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for BaseUrl {
    type Err = BaseUrlError;

    fn from_str(url: &str) -> Result<Self, BaseUrlError> {
        Self::new(url)
    }
}

/// Why a URL can't be a base. The URL itself is not repeated: it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BaseUrlError {
    /// It is no absolute URL.
    #[error("the base URL is no absolute URL; give it as in https://api.x.com")]
    Malformed,
    /// It is neither http nor https.
    #[error("the base URL must begin with http:// or https://")]
    Scheme,
    /// It has a user or a password.
    #[error("the base URL must not hold a user or a password")]
    User,
    /// It has a query or a fragment.
    #[error("the base URL must not have a query or a fragment")]
    Trailing,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_is_an_absolute_url_and_nothing_more() {
        assert_eq!(BaseUrl::new("https://api.x.com/").unwrap().as_str(), "https://api.x.com");
        assert_eq!(BaseUrl::new("HTTP://MinIO:9000/A/").unwrap().as_str(), "http://minio:9000/A");
        assert_eq!(BaseUrl::new("https://API.x.com").unwrap().as_str(), "https://api.x.com");
        let nested = BaseUrl::new("http://[::1]:8080/x/").unwrap();
        assert_eq!(nested.join("/2/media").unwrap(), "http://[::1]:8080/x/2/media");
        for (bad, why) in [
            ("", BaseUrlError::Malformed),
            ("/2/media", BaseUrlError::Scheme),
            ("api.x.com", BaseUrlError::Scheme),
            ("ftp://x.com", BaseUrlError::Scheme),
            ("https://", BaseUrlError::Malformed),
            ("https://a b", BaseUrlError::Malformed),
            ("https://u:p@x.com", BaseUrlError::User),
            ("https://x.com/?a=b", BaseUrlError::Trailing),
            ("https://x.com/#a", BaseUrlError::Trailing),
        ] {
            assert_eq!(BaseUrl::new(bad), Err(why), "{bad:?}");
        }
    }
}
