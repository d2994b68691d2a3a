//! Places: where uploads are created, and where the one that a server created is.

use std::fmt;

use chunkwise_core::Session;
use http::Uri;
use url::{Origin, Url};

/// The longest URL of an upload that is taken from a server, in bytes.
const MAX_URL: usize = 2_048;

/// Where uploads are created: the URL that a POST goes to. A query is kept; it goes with every creation.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Endpoint(Url);

impl Endpoint {
    /// An endpoint by its URL, as in `https://example.com/files/`.
    ///
    /// # Errors
    ///
    /// [`EndpointError`] if it is not an absolute http or https URL, or has a user or a fragment.
    pub fn new(url: &str) -> Result<Self, EndpointError> {
        let url = Url::parse(url).map_err(|_| EndpointError::Malformed)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(EndpointError::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(EndpointError::User);
        }
        if url.fragment().is_some() {
            return Err(EndpointError::Fragment);
        }
        Ok(Self(url))
    }

    /// The URL.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    pub(crate) const fn url(&self) -> &Url {
        &self.0
    }

    pub(crate) fn origin(&self) -> Origin {
        self.0.origin()
    }
}

/// Without the query, which may hold a key.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.0.origin().ascii_serialization(), self.0.path())
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({self})")
    }
}

/// Why a URL can't be an endpoint. The URL itself is not repeated: it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// It is no absolute URL.
    #[error("the endpoint is no absolute URL; give it as in https://example.com/files/")]
    Malformed,
    /// It is neither http nor https.
    #[error("the endpoint must begin with http:// or https://")]
    Scheme,
    /// It has a user or a password.
    #[error("the endpoint must not hold a user or a password; credentials go into an Authorizer")]
    User,
    /// It has a fragment.
    #[error("the endpoint must not have a fragment")]
    Fragment,
}

/// An upload that the server created: its URL, and what was said of its length at its creation. Both are in the session,
/// the length as a fragment, which never goes to a server: so a HEAD can tell whether it is about our upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Upload {
    url: Url,
    pub(crate) length: Announced,
}

/// What was said of an upload's length at its creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Announced {
    Length(u64),
    /// `Upload-Defer-Length`.
    Later,
}

/// Why the URL of an upload can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Misplaced {
    #[error("the upload has no URL that can be used")]
    Malformed,
    /// Credentials go to the endpoint's origin, and to no other that is not allowed by name.
    #[error("the upload is at {0}, which is another place than the endpoint and not allowed")]
    Elsewhere(String),
}

impl Upload {
    /// What a `Location` names, relative to the endpoint or absolute (RFC 9110 §10.2.2).
    pub(crate) fn located(
        location: &str,
        length: Announced,
        endpoint: &Endpoint,
        elsewhere: &[Origin],
    ) -> Result<Self, Misplaced> {
        if location.len() > MAX_URL {
            return Err(Misplaced::Malformed);
        }
        let mut url = endpoint.0.join(location).map_err(|_| Misplaced::Malformed)?;
        url.set_fragment(None);
        let has_user = !url.username().is_empty() || url.password().is_some();
        if has_user || !matches!(url.scheme(), "http" | "https") {
            return Err(Misplaced::Malformed);
        }
        let origin = url.origin();
        if origin != endpoint.origin() && !elsewhere.contains(&origin) {
            return Err(Misplaced::Elsewhere(origin.ascii_serialization()));
        }
        Ok(Self { url, length })
    }

    /// What a session stands for. It is checked like a `Location`: a checkpoint may have been tampered with.
    pub(crate) fn of(
        session: &Session,
        endpoint: &Endpoint,
        elsewhere: &[Origin],
    ) -> Result<Self, Misplaced> {
        let (url, length) = session.as_str().rsplit_once('#').ok_or(Misplaced::Malformed)?;
        let length = match length {
            "later" => Announced::Later,
            length => Announced::Length(length.parse().map_err(|_| Misplaced::Malformed)?),
        };
        Self::located(url, length, endpoint, elsewhere)
    }

    pub(crate) fn session(&self) -> Session {
        Session::new(match self.length {
            Announced::Length(length) => format!("{}#{length}", self.url),
            Announced::Later => format!("{}#later", self.url),
        })
    }

    /// The URL: under this name the object can be used.
    pub(crate) fn as_str(&self) -> &str {
        self.url.as_str()
    }

    /// As short as it can be said where the endpoint is: a list of many must fit into a header.
    pub(crate) fn short(&self, endpoint: &Endpoint) -> &str {
        let from = if self.url.origin() == endpoint.origin() {
            url::Position::BeforePath
        } else {
            url::Position::BeforeScheme
        };
        &self.url[from..]
    }

    pub(crate) fn uri(&self) -> Result<Uri, Misplaced> {
        uri(&self.url)
    }
}

pub(crate) fn uri(url: &Url) -> Result<Uri, Misplaced> {
    url.as_str().parse().map_err(|_| Misplaced::Malformed)
}
