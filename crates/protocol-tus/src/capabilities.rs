//! What a server can do, as it says it itself in answer to an OPTIONS.

use std::fmt;

use chunkwise_core::{Failure, Profile, Timestamp};
use chunkwise_transport::http::{EncodeError, Request, Response};
use http::{HeaderMap, Method};

use crate::problems::{self, Step};
use crate::{Endpoint, VERSION, Way, place, profile};

/// The extensions of tus 1.0 that this codec speaks. Source: tus 1.0.0, "Protocol Extensions".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Extension {
    /// An upload is created by a POST.
    Creation,
    /// That POST may carry the first bytes.
    CreationWithUpload,
    /// Its length may be said later.
    CreationDeferLength,
    /// The bytes of a request may come with a digest of them.
    Checksum,
    /// An upload that is not finished is forgotten after a while.
    Expiration,
    /// An upload can be given up.
    Termination,
    /// Several uploads can be joined to one.
    Concatenation,
}

impl Extension {
    /// Every one of them.
    pub const ALL: [Self; 7] = [
        Self::Creation,
        Self::CreationWithUpload,
        Self::CreationDeferLength,
        Self::Checksum,
        Self::Expiration,
        Self::Termination,
        Self::Concatenation,
    ];

    /// Its name in `Tus-Extension`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Creation => "creation",
            Self::CreationWithUpload => "creation-with-upload",
            Self::CreationDeferLength => "creation-defer-length",
            Self::Checksum => "checksum",
            Self::Expiration => "expiration",
            Self::Termination => "termination",
            Self::Concatenation => "concatenation",
        }
    }
}

impl fmt::Display for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a server can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    extensions: Vec<Extension>,
    max_size: Option<u64>,
}

impl Capabilities {
    /// Of a server that has these extensions, and takes uploads of any size.
    pub fn new(extensions: impl IntoIterator<Item = Extension>) -> Self {
        Self { extensions: extensions.into_iter().collect(), max_size: None }
    }

    /// The same with the largest upload that it takes, in bytes.
    #[must_use]
    pub const fn with_max_size(mut self, max_size: u64) -> Self {
        self.max_size = Some(max_size);
        self
    }

    /// Whether it has this extension.
    pub fn has(&self, extension: Extension) -> bool {
        self.extensions.contains(&extension)
    }

    /// The largest upload that it takes, in bytes, if it said so.
    pub const fn max_size(&self) -> Option<u64> {
        self.max_size
    }

    /// What an upload to such a server can and cannot do, if it goes this way.
    pub fn profile(&self, way: Way) -> Profile {
        profile::profile(self, way, profile::MAX_PARTS)
    }

    /// The request that asks a server what it can do.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] if the endpoint can't be asked.
    pub fn request(endpoint: &Endpoint) -> Result<Request, EncodeError> {
        let uri = place::uri(endpoint.url()).map_err(|error| EncodeError::new(error.to_string()))?;
        // The one request without a Tus-Resumable of its own (tus 1.0.0, "Tus-Resumable").
        Ok(Request::new(Method::OPTIONS, uri))
    }

    /// What its answer says. Extensions that this codec does not speak are passed over.
    ///
    /// # Errors
    ///
    /// The [`Failure`], named as those of an upload are; a server that does not speak tus 1.0.0 breaks the protocol.
    pub fn decode(response: &Response, received_at: Timestamp) -> Result<Self, Failure> {
        if !response.status().is_success() {
            return Err(problems::failure(Step::Create, response, received_at));
        }
        let headers = response.headers();
        if !listed(headers, "tus-version").any(|version| version == VERSION) {
            return Err(problems::broken(response, "this server does not say that it speaks tus 1.0.0"));
        }
        let names: Vec<_> = listed(headers, "tus-extension").collect();
        let extensions = Extension::ALL.into_iter().filter(|known| names.contains(&known.name())).collect();
        Ok(Self { extensions, max_size: problems::number(headers, "tus-max-size") })
    }
}

fn listed<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',').map(str::trim))
}
