//! The bodies of requests, read as they stream in: JSON in which some strings are hundreds of megabytes of base64.
//!
//! A reader is pushed the bytes of a body in any pieces, hands what the media decodes to to a [`MediaSink`] at once, and
//! keeps nothing but the short strings. It does no I/O. What it holds is bounded by its [`IngestLimits`], whatever is
//! pushed; what it refuses, it refuses with one sentence ([`Rejected`]).
//!
//! `null` for a known member counts as not given, and so does an empty string: clients write both for "none".
//!
//! ```
//! use chunkwise_gateway::ingest::{IngestLimits, MediaSink, MediaStart, SinkRefusal, UploadMedia, UploadReader};
//!
//! struct Collect(Vec<u8>);
//!
//! impl MediaSink for Collect {
//!     fn begin(&mut self, _: MediaStart<'_>) -> Result<(), SinkRefusal> {
//!         Ok(())
//!     }
//!     fn bytes(&mut self, bytes: &[u8]) -> Result<(), SinkRefusal> {
//!         self.0.extend_from_slice(bytes);
//!         Ok(())
//!     }
//!     fn end(&mut self) -> Result<(), SinkRefusal> {
//!         Ok(())
//!     }
//! }
//!
//! let mut sink = Collect(Vec::new());
//! let mut reader = UploadReader::new(IngestLimits::default());
//! reader.push(br#"{"auth_token":"t","media_type":"image/png","media_da"#, &mut sink)?;
//! reader.push(br#"ta":"aGVs\u0062G8="}"#, &mut sink)?;
//! let body = reader.finish()?;
//! assert_eq!(body.media, UploadMedia::Data { media_type: "image/png".to_owned(), len: 5 });
//! assert_eq!(sink.0, b"hello");
//! # Ok::<(), chunkwise_gateway::ingest::Rejected>(())
//! ```

mod create;
#[doc(hidden)]
pub mod fuzzing;
mod limits;
mod media;
mod rejected;
mod scanner;
mod schema;
mod string;
#[cfg(test)]
mod tests;
mod upload;

use std::borrow::Cow;

pub use create::{CreateBody, CreateReader, DataOfPost};
pub use limits::IngestLimits;
pub use rejected::{Reason, Rejected};
use schema::{Kind, Want};
pub use upload::{UploadBody, UploadMedia, UploadReader};

/// Takes the decoded media of a body.
///
/// Its methods are called while bytes are pushed and must not block: who has to wait for a disk collects what one push
/// brings (at most three quarters of it, and 3 KiB) and waits between the pushes.
pub trait MediaSink {
    /// A medium begins.
    ///
    /// # Errors
    ///
    /// If it is not wanted; the body is rejected with that sentence.
    fn begin(&mut self, start: MediaStart<'_>) -> Result<(), SinkRefusal>;

    /// The next bytes of it, at most 48 KiB.
    ///
    /// # Errors
    ///
    /// If they are not wanted, because they are too many for instance.
    fn bytes(&mut self, bytes: &[u8]) -> Result<(), SinkRefusal>;

    /// That was all of it.
    ///
    /// # Errors
    ///
    /// If it is not wanted after all.
    fn end(&mut self) -> Result<(), SinkRefusal>;
}

/// What is known of a medium when it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaStart<'a> {
    /// Which of a body's media it is, from 0.
    pub index: usize,
    /// Its type, if a `data:` URI or a member before it has told.
    pub media_type: Option<&'a str>,
}

/// A sink's refusal, as the sentence that the caller is to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkRefusal {
    /// The sentence, without a full stop.
    pub sentence: Cow<'static, str>,
}

/// Whether two media types are the same: in any case, parameters aside, and `image/jpg` is a name of `image/jpeg`.
fn same_media_type(one: &str, other: &str) -> bool {
    fn essence(media_type: &str) -> String {
        let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if essence == "image/jpg" { "image/jpeg".to_owned() } else { essence }
    }
    essence(one) == essence(other)
}

/// A string or `null`, else the wrong type.
fn string_or_null(field: &'static str, kind: Kind, want: Want) -> Result<Want, Reason> {
    match kind {
        Kind::String => Ok(want),
        Kind::Null => Ok(Want::Skip),
        Kind::Object | Kind::Array | Kind::Number | Kind::Boolean => {
            Err(Reason::WrongType { field, expected: "a string" })
        }
    }
}
