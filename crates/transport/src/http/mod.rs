//! HTTP: a transport made of a protocol, a backend and an authorizer.

mod authorizer;
mod backend;
mod body;
mod multipart;
mod protocol;
mod request;
mod said;
mod transport;

pub use authorizer::{Anonymous, AuthorizeError, Authorizer, Bearer, RefreshToken};
pub use backend::{Backend, BackendError, MAX_RESPONSE};
pub use body::{Body, SendingEnd};
pub use multipart::{FilePart, multipart};
pub use protocol::{EncodeContext, EncodeError, Preview, Protocol};
pub use request::{Request, RequestBody, Response};
pub use said::{date, retry_after, said};
pub use transport::HttpTransport;
