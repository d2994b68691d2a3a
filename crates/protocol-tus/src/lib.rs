//! tus 1.0 resumable uploads as a pure codec: operations become HTTP requests, HTTP responses become outcomes. No sockets,
//! no clock, no retries; those are the business of the transport, the driver and the engine.
//!
//! # One value, one destination
//!
//! A [`TusProtocol`] is one upload's destination: where uploads are created ([`Endpoint`]), what the server can do
//! ([`Capabilities`], which it says itself in answer to an OPTIONS), how the source becomes an upload ([`Way`]), and what
//! the server is told about it ([`Metadata`]).
//!
//! ```
//! use chunkwise_transport::http::Protocol as _;
//! use chunkwise_tus::{Capabilities, Endpoint, Extension, Metadata, TusProtocol, Way};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = Capabilities::new([Extension::Creation, Extension::Termination]);
//! let metadata = Metadata::new().with("filename", "clip.mp4")?;
//! let tus = TusProtocol::new(Endpoint::new("https://example.com/files/")?, server, Way::Whole)?;
//! assert_eq!(tus.with_metadata(metadata).profile().name, "tus");
//! # Ok(())
//! # }
//! ```
//!
//! # What goes over the wire
//!
//! | operation | [`Way::Whole`] | [`Way::Deferred`] | [`Way::Parts`] |
//! |---|---|---|---|
//! | Init | `POST` with `Upload-Length` | the same, or `Upload-Defer-Length: 1` | none |
//! | Append | `PATCH` at `Upload-Offset` | the same | `POST` with `Upload-Concat: partial` and the bytes |
//! | Probe | `HEAD` | `HEAD` | none |
//! | Finalize | none: the last `PATCH` completes | `PATCH` without a byte, with `Upload-Length` | `POST` with `Upload-Concat: final;…` |
//! | Verify | none | `HEAD` | none |
//! | Abort | `DELETE` | `DELETE` | none |
//!
//! The session is the upload's URL, with the length that was announced as a fragment, which never goes to a server: a HEAD
//! that tells of another length is about another upload. A `Location` may be relative; one at another origin is refused
//! unless it is allowed ([`TusProtocol::with_uploads_at`]), for that is where the credentials go. Sessions are held to the
//! same, since checkpoints are files. The receipt of a part is its URL.
//!
//! # What is made of the answers
//!
//! Decoding is total. Bad answers go through one table, [`error_table`], searched from the top. What matters most:
//!
//! - 409 to a PATCH is an offset conflict, or a lock where it says so; the engine asks for the offset before it sends
//!   anything again. If that is where we thought, it was a lock, and is waited for like a failed try. 423 is a lock.
//! - 404 and 410 of an upload's URL mean that it is gone; 401 never does. Nor does 403, which a server may say of a missing
//!   upload, but firewalls say of one that is there: it is refused, and the upload can be gone on with.
//! - 500, 502, 503 and 504 to a PATCH say nothing of how much was stored; the server is asked.
//! - 460 is a checksum that did not match: the segment is sent again.
//! - `Upload-Expires` becomes the expiry of the session, and moves with every PATCH that names it anew.
//!
//! Beside an upload, [`TusProtocol::terminate_request`] has a server forget one that is there.
//!
//! # What it does not do
//!
//! - `Upload-Checksum` goes as a header, and only if asked for ([`TusProtocol::with_checksums`]): the bytes are read twice. As
//!   a trailer (`checksum-trailer`) it is not sent.
//! - `creation-with-upload` is used by [`Way::Parts`] alone: an Init has no payload. Servers with `concatenation` and
//!   without it would need two requests for a part, which one operation is not.
//! - Partial uploads are not terminated, neither on a discard nor after they were joined: an Abort knows a session, and
//!   they have none in common. They expire where the server has `expiration`, and stay where it has not.
//! - After a lost answer to the joining nobody can tell whether the object is there: its URL was in that answer.

mod capabilities;
mod checksum;
mod decode;
mod encode;
mod metadata;
mod place;
mod problems;
mod profile;
mod protocol;
mod terminate;
#[cfg(test)]
mod vectors;

pub use capabilities::{Capabilities, Extension};
pub use metadata::{InvalidKey, Metadata};
pub use place::{Endpoint, EndpointError};
pub use problems::{ErrorRow, error_table};
pub use profile::MAX_PARTS;
pub use protocol::{TusProtocol, Unsupported, Way};

/// The version of tus that is spoken.
pub const VERSION: &str = "1.0.0";
