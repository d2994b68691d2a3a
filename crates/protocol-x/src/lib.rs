//! X's media upload as a pure codec: operations become HTTP requests, HTTP responses become outcomes. No sockets, no
//! clock, no retries; those are the business of the transport, the driver and the engine.
//!
//! # One value, one destination
//!
//! An [`XProtocol`] is one upload's destination: which API is spoken ([`Api::V2`] or [`Api::V1_1`]), where
//! ([`BaseUrl`]; X itself unless you say otherwise), and what is uploaded ([`Media`]: type, category, size limit, who
//! may use it).
//!
//! ```
//! use chunkwise_transport::http::Protocol as _;
//! use chunkwise_x::{Api, BaseUrl, Category, Media, MediaType, XProtocol};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let media = Media::new(MediaType::MP4, Category::TweetVideo);
//! let x = XProtocol::new(Api::V2, media).with_base_url(BaseUrl::new("http://127.0.0.1:8080")?);
//! assert_eq!(x.profile().sizing.max_count, 1_000);
//! # Ok(())
//! # }
//! ```
//!
//! With a backend and an authorizer it makes a `chunkwise_transport::http::HttpTransport`. The authorizer is
//! `chunkwise_transport::http::Bearer` with an OAuth 2.0 user token that has the scope `media.write` (v2 only), or
//! [`OAuth1`] (both APIs).
//!
//! # What goes over the wire
//!
//! | operation | v2 | v1.1 |
//! |---|---|---|
//! | Init | `POST /2/media/upload/initialize`, JSON | `POST /1.1/media/upload.json`, form, `command=INIT` |
//! | Append | `POST /2/media/upload/{id}/append`, multipart | the same path, multipart, `command=APPEND` |
//! | Finalize | `POST /2/media/upload/{id}/finalize`, `{}` | the same path, form, `command=FINALIZE` |
//! | Status, Verify | `GET /2/media/upload?command=STATUS` | `GET`, the same path and query |
//! | Probe, Abort | X has neither | X has neither |
//!
//! The session is the media id, and it is checked to be one before it goes into a path. The body of an Append is a
//! head, the segment's own frames and a tail: its length is exact and nothing is copied. [`XMedia`] is the typed view
//! of the final answer; [`AltText`] and [`Post`] are requests of their own, to be sent after the upload.
//!
//! # What is made of the answers
//!
//! Decoding is total. Good answers are read with goodwill: with `data` around them or without, numbers as text, any 2xx
//! to an Append with a body or without. A FINALIZE or STATUS without `processing_info` means ready; an error beside a
//! state that is stuck means failed; an unknown state means wait; an answer about another media id is a protocol error.
//!
//! Bad answers go through one table, [`error_table`], searched from the top; each of its rows is shown by a file in
//! `tests/vectors/responses`. What matters most:
//!
//! - 401 is expired credentials, 403 and 402 are refusals, 429 (or code 88 with any status) waits for `Retry-After`
//!   or the reset of the limit that is used up.
//! - 500, 502, 504 to an Init, Append or Finalize are *unknown*: the server may have done it. 503 and code 130 are not:
//!   it said that it did nothing. To a STATUS all of them are transient.
//! - 413 and 431 to an Append mean that the segment was too large, and was not stored.
//! - After a lost FINALIZE, Verify asks STATUS. "Not found" says of a video or GIF that nothing was committed, and of
//!   an image nothing at all, since STATUS knows no images.
//!
//! What a server said is kept for people ([`chunkwise_core::ServerError`]): bounded, printable, and without what looks
//! like a credential.
//!
//! # What is not known
//!
//! X does not document what a duplicate segment does (taken to replace, as every retrying client relies on), how large
//! an Append may really be ([`MAX_SEGMENT`] is the documented five megabytes; the edge has refused 5 MiB), nor the
//! words for a session that is gone (every way to say it counts). Nothing here was verified against the live service.

mod alt_text;
mod answer;
mod category;
mod decode;
mod encode;
mod hosts;
mod ids;
mod lenient;
mod limits;
mod media;
mod oauth1;
mod post;
mod problems;
mod profile;
mod protocol;
mod said;
#[cfg(test)]
mod vectors;
mod x_media;

pub use chunkwise_transport::http::{BaseUrl, BaseUrlError};
pub use hosts::is_x;

pub use alt_text::{AltText, InvalidAltText, MAX_ALT_TEXT};
pub use category::{Category, UnknownCategory};
pub use ids::{InvalidId, MediaId, PostId, UserId};
pub use media::{InvalidMediaType, MAX_ADDITIONAL_OWNERS, Media, MediaType, Sharing, TooManyOwners};
pub use oauth1::{OAuth1, OAuth1Credentials};
pub use post::{InvalidPost, MAX_POST_MEDIA, Post};
pub use problems::{ErrorRow, error_table};
pub use profile::{MAX_SEGMENT, MAX_SEGMENTS};
pub use protocol::{Api, UnknownApi, XProtocol};
pub use x_media::{Image, NotAMedia, Video, XMedia};
