//! Uploads of a single request, whose answer is already the final one, as a pure codec: a hosted gateway, a form, a PUT.
//!
//! It is also the worked example of `docs/adapter.md`, which goes through these files step by step.
//!
//! ```
//! use chunkwise_oneshot::{Form, Id, OneShot};
//! use chunkwise_transport::http::Protocol as _;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let form = Form::Multipart {
//!     fields: vec![("album".to_owned(), "7".to_owned())],
//!     name: "file".to_owned(),
//!     file_name: "clip.mp4".to_owned(),
//!     content_type: "video/mp4".to_owned(),
//! };
//! let to = OneShot::new("https://example.com/upload", form, Id::Pointer("/id".to_owned()))?;
//! assert_eq!(to.profile().sizing.max_count, 1);
//! # Ok(())
//! # }
//! ```
//!
//! # What happens when the answer is lost
//!
//! There is nothing to ask: the answer had the only name of what was made. With an `Idempotency-Key`
//! ([`OneShot::with_idempotency_key`]) the request is sent again and the answer had again. Without one it is sent again
//! only where the server certainly did nothing; otherwise the upload ends, and the error says that nobody can tell
//! (`ErrorKind::FinalizeUnknown`). That it is about to be sent is on disk before it is, so a crash changes nothing of that.
//!
//! All of the source goes in one request: what is lost of it is lost as a whole.

mod decode;
mod encode;
mod problems;
mod profile;
mod protocol;
#[cfg(test)]
mod vectors;

pub use problems::{ErrorRow, error_table};
pub use protocol::{Form, Id, Invalid, OneShot, Repeat};
