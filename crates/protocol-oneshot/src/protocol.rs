//! The protocol: one value is one upload's destination.

use chunkwise_core::{Operation, Outcome, Profile, Timestamp};
use chunkwise_transport::Secret;
use chunkwise_transport::http::{EncodeContext, EncodeError, Protocol, Request, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use crate::{decode, encode, profile};

/// How the source goes into the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// As the body.
    Raw {
        /// Its type, as in `video/mp4`.
        content_type: HeaderValue,
    },
    /// As a file of a form (multipart/form-data).
    Multipart {
        /// Text fields that go before it, as names with values.
        fields: Vec<(String, String)>,
        /// The name of the field with the file.
        name: String,
        /// The file's name.
        file_name: String,
        /// The file's type, as in `video/mp4`.
        content_type: String,
    },
}

/// Where the answer has the name of what was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Id {
    /// In its JSON, as a string or a number: a JSON pointer (RFC 6901), as in `/data/media_id`.
    Pointer(String),
    /// In this header.
    Header(HeaderName),
}

/// What the server makes of the same request sent twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Perhaps a second object. A request of which nobody knows the end is not repeated.
    Never,
    /// With the same `Idempotency-Key`, the same answer again.
    ByKey(HeaderValue),
}

/// An upload of a single request, whose answer is the final one, as a pure codec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OneShot {
    pub(crate) method: Method,
    pub(crate) url: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) form: Form,
    pub(crate) id: Id,
    pub(crate) repeat: Repeat,
    pub(crate) max_total: u64,
}

/// Settings that no request can be made of. The value itself is not repeated: it may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// The URL is no absolute http or https URL, or has a user.
    #[error("the URL must be absolute, begin with http:// or https://, and hold no user or password")]
    Url,
    /// A value has characters that no header can hold.
    #[error("a header's value must be of printable ASCII characters")]
    Header,
}

impl OneShot {
    /// A POST to this URL.
    ///
    /// # Errors
    ///
    /// [`Invalid::Url`] if it is not an absolute http or https URL, or has a user.
    pub fn new(url: &str, form: Form, id: Id) -> Result<Self, Invalid> {
        let url: Uri = url.parse().map_err(|_| Invalid::Url)?;
        let authority = url.authority().ok_or(Invalid::Url)?;
        if !matches!(url.scheme_str(), Some("http" | "https")) || authority.as_str().contains('@') {
            return Err(Invalid::Url);
        }
        let (headers, repeat) = (HeaderMap::new(), Repeat::Never);
        Ok(Self { method: Method::POST, url, headers, form, id, repeat, max_total: u64::MAX })
    }

    /// The same with another method. Default: POST.
    #[must_use]
    pub fn with_method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// The same with a header more. One that is marked as sensitive is never printed.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// The same with a key by which the server knows a repetition, so that a lost answer is asked for again. The key must
    /// be this upload's alone, and the same when it is resumed. Only for servers that know the header: to others it says
    /// nothing, and the object may be made twice.
    ///
    /// # Errors
    ///
    /// [`Invalid::Header`] if no header can hold it.
    pub fn with_idempotency_key(mut self, key: &str) -> Result<Self, Invalid> {
        self.repeat = Repeat::ByKey(HeaderValue::from_str(key).map_err(|_| Invalid::Header)?);
        Ok(self)
    }

    /// The same with the largest source that the server takes, in bytes. Default: any.
    #[must_use]
    pub const fn with_max_total(mut self, max_total: u64) -> Self {
        self.max_total = max_total;
        self
    }

    /// An upload to chunkwise's own gateway at this address: `PUT /uploads`, the media as the body (`POST
    /// /twitter/media/upload` takes JSON with base64, which is a third more). `auth_token` is what proves to X who
    /// uploads; the gateway's own key goes into an authorizer. The gateway knows `Idempotency-Key`.
    ///
    /// # Errors
    ///
    /// [`Invalid`] if the address is no URL, or a header can't hold the token or the type.
    pub fn gateway(base: &str, auth_token: &Secret<String>, media_type: &str) -> Result<Self, Invalid> {
        let content_type = HeaderValue::from_str(media_type).map_err(|_| Invalid::Header)?;
        let mut token = HeaderValue::from_str(auth_token.expose()).map_err(|_| Invalid::Header)?;
        token.set_sensitive(true);
        let url = format!("{}/uploads", base.trim_end_matches('/'));
        let id = Id::Pointer("/data/media_id".to_owned());
        let to = Self::new(&url, Form::Raw { content_type }, id)?.with_method(Method::PUT);
        Ok(to.with_header(HeaderName::from_static("x-auth-token"), token).with_max_total(GATEWAY_MAX))
    }
}

/// The largest medium that the gateway takes: 512 MiB (docs/gateway.md).
const GATEWAY_MAX: u64 = 512 << 20;

impl Protocol for OneShot {
    fn profile(&self) -> Profile {
        profile::profile(self)
    }

    fn encode(&self, operation: &Operation, context: &EncodeContext) -> Result<Request, EncodeError> {
        encode::encode(self, &operation.action, context)
    }

    fn decode(&self, operation: &Operation, response: &Response, received_at: Timestamp) -> Outcome {
        decode::decode(self, &operation.action, response, received_at)
    }
}
