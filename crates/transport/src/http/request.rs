//! Requests and responses as a protocol sees them.

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};

use super::Tail;

/// An HTTP request whose payload is still to come.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The absolute URI.
    pub uri: Uri,
    /// The headers, without Content-Length, Host and Authorization: others see to those.
    pub headers: HeaderMap,
    /// What the body is made of.
    pub body: RequestBody,
}

/// What a request's body is made of.
#[derive(Clone, Debug)]
pub enum RequestBody {
    /// There is none.
    Empty,
    /// These bytes.
    Bytes(Bytes),
    /// A head, the operation's payload frame by frame, and a tail; head and tail may be empty.
    Payload {
        /// What goes before the payload.
        head: Bytes,
        /// What goes behind it.
        tail: Tail,
    },
}

/// An HTTP response, read to its end (or to the backend's bound).
pub type Response = http::Response<Bytes>;

impl Request {
    /// A request without headers and body.
    pub fn new(method: Method, uri: Uri) -> Self {
        Self { method, uri, headers: HeaderMap::new(), body: RequestBody::Empty }
    }
}
