//! HTTP: a transport made of a protocol, a backend and an authorizer.

mod authorizer;
mod backend;
mod base_url;
mod body;
mod multipart;
pub mod percent;
mod protocol;
mod redact;
mod renewed;
mod request;
mod said;
mod tail;
mod transport;

pub use authorizer::{Anonymous, AuthorizeError, Authorizer, Bearer, RefreshToken};
pub use backend::{Backend, BackendError, MAX_RESPONSE};
pub use base_url::{BaseUrl, BaseUrlError};
pub use body::{Body, SendingEnd};
pub use multipart::{FilePart, multipart};
pub use protocol::{EncodeContext, EncodeError, Preview, Protocol};
pub use redact::redact;
pub use renewed::Renewed;
pub use request::{Request, RequestBody, Response};
pub use said::{date, retry_after, said};
pub use tail::{ComputeTail, Tail};
pub use transport::HttpTransport;
