//! The protocol: one value is one upload's destination.

use std::fmt;
use std::str::FromStr;

use chunkwise_core::{Operation, Outcome, Profile, Timestamp};
use chunkwise_transport::http::{EncodeContext, EncodeError, Protocol, Request, Response};

use crate::{BaseUrl, Media, decode, encode, profile};

/// Which of X's two upload APIs is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Api {
    /// `/2/media/upload/…`: the present one. Takes OAuth 2.0 user tokens with the scope `media.write`, and OAuth 1.0a.
    #[default]
    V2,
    /// `/1.1/media/upload.json`: the command API, being retired. Takes OAuth 1.0a only.
    V1_1,
}

impl Api {
    /// Its name, as in command lines and logs: `v2`, `v1.1`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::V2 => "v2",
            Self::V1_1 => "v1.1",
        }
    }

    /// Where X serves it.
    pub fn default_base_url(self) -> BaseUrl {
        match self {
            Self::V2 => BaseUrl::trusted("https://api.x.com"),
            Self::V1_1 => BaseUrl::trusted("https://upload.x.com"),
        }
    }
}

impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Api {
    type Err = UnknownApi;

    fn from_str(name: &str) -> Result<Self, UnknownApi> {
        [Self::V2, Self::V1_1].into_iter().find(|api| api.name() == name).ok_or(UnknownApi)
    }
}

/// A name that is none of X's upload APIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such API of X; there are v2 and v1.1")]
pub struct UnknownApi;

/// X's media upload as a pure codec. One value is one upload's destination: an API, a place, and what the media is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XProtocol {
    pub(crate) api: Api,
    pub(crate) base: BaseUrl,
    pub(crate) media: Media,
}

impl XProtocol {
    /// An upload of this media to X itself.
    pub fn new(api: Api, media: Media) -> Self {
        Self { api, base: api.default_base_url(), media }
    }

    /// The same to another place: a sandbox, a proxy that speaks X's protocol.
    #[must_use]
    pub fn with_base_url(mut self, base: BaseUrl) -> Self {
        self.base = base;
        self
    }

    /// The API it speaks.
    pub const fn api(&self) -> Api {
        self.api
    }

    /// Where it speaks to.
    pub const fn base_url(&self) -> &BaseUrl {
        &self.base
    }

    /// What it uploads.
    pub const fn media(&self) -> &Media {
        &self.media
    }
}

impl Protocol for XProtocol {
    fn profile(&self) -> Profile {
        profile::profile(self.api, &self.media)
    }

    fn encode(&self, operation: &Operation, context: &EncodeContext) -> Result<Request, EncodeError> {
        encode::encode(self, operation, context)
    }

    fn decode(&self, operation: &Operation, response: &Response, received_at: Timestamp) -> Outcome {
        decode::decode(self.media.category, operation, response, received_at)
    }
}
