//! S3 multipart uploads as a pure codec: operations become HTTP requests, HTTP responses become outcomes. No sockets, no clock,
//! no retries; those are the business of the transport, the driver and the engine.
//!
//! # One value, one destination
//!
//! An [`S3Protocol`] is one upload's destination: an [`Object`], an endpoint, the [`Mark`] that this upload's object is
//! recognised by, and what is known of the [`Store`].
//!
//! ```
//! use chunkwise_s3::{AddressStyle, Mark, Object, S3Protocol, Store, aws_endpoint};
//! use chunkwise_transport::http::Protocol as _;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let object: Object = "s3://media/clip.mp4".parse()?;
//! let endpoint = aws_endpoint("eu-central-1").ok_or("no such region")?;
//! let mark = Mark::new(0x5eed); // at random, once for every upload
//! let s3 = S3Protocol::new(object, endpoint, mark).with_style(AddressStyle::VirtualHost).with_store(Store::S3);
//! assert_eq!(s3.profile().sizing.max_count, 10_000);
//! # Ok(())
//! # }
//! ```
//!
//! With a backend and an authorizer it makes a `chunkwise_transport::http::HttpTransport`. The authorizer is [`SigV4`], or
//! [`Presigned`] for clients without credentials.
//!
//! # What goes over the wire
//!
//! | operation | request |
//! |---|---|
//! | Init | `POST key?uploads`, with the mark as metadata |
//! | Append | `PUT key?partNumber&uploadId`; with a checksum as one `aws-chunked` chunk and a trailer |
//! | Probe | `GET key?uploadId` (ListParts), page by page |
//! | Finalize | `POST key?uploadId` (Complete), with an ETag and a checksum for every part |
//! | Verify | `HEAD key`: an object with our mark is ours |
//! | Abort | `DELETE key?uploadId`, then ListParts; again while it lists a part |
//! | Status | S3 has none |
//!
//! Beside an upload, [`S3Protocol::delete_request`] deletes an object.
//!
//! The session is the upload id with the mark and the object before it; one of another upload is refused before it is sent
//! anywhere. A part's body is a head, the segment's own frames and a tail; the checksum in the tail is made as the frames go by,
//! so that nothing is read twice or copied and the length is exact.
//!
//! # What is made of the answers
//!
//! Decoding is total. Bad answers go through one table, [`error_table`], searched from the top; each of its rows is shown by a
//! file in `tests/vectors/responses`. What matters most:
//!
//! - A 200 with an error in its body (Complete answers so after minutes of blanks) is what its error says.
//! - 500, 502, 504 to a Create, a part or Complete are *unknown*: the store may have done it. 503 and `SlowDown` are not: wait.
//! - After a lost Complete, Verify asks HEAD. An object without our mark is an older one: nothing was committed.
//! - `NoSuchUpload` means that the session is gone, maybe because it was completed; the engine finds out which.
//! - `InvalidPart` means that parts are missing: the engine asks for the list and sends what is not in it.
//! - `RequestTimeTooSkewed` counts as expired credentials: [`SigV4`] corrects its clock by the answer, once.
//! - A wrong region is refused as forbidden: what is stored is kept for whoever comes back with the right one.
//! - An answer about another object, another upload's list, or no XML of S3's at all breaks the protocol; to a Create the last is a
//!   refusal, for the endpoint is no store's.
//!
//! # What is left behind
//!
//! An upload that is discarded, or fails for good, is aborted. What only the store could know of is not: a Create whose answer
//! was lost leaves an upload without parts. A rule for incomplete multipart uploads (`AbortIncompleteMultipartUpload`) takes care
//! of those; every bucket should have one.

mod checksum;
mod decode;
mod delete;
mod encode;
mod hosts;
mod object;
mod presigned;
mod problems;
mod profile;
mod protocol;
mod receipt;
mod said;
mod session;
mod sigv4;
#[cfg(test)]
mod vectors;
mod xml;

pub use chunkwise_transport::http::{BaseUrl, BaseUrlError};

pub use checksum::Checksum;
pub use delete::Deleted;
pub use hosts::is_amazon;
pub use object::{InvalidObject, Object};
pub use presigned::{MintUrl, Presigned};
pub use problems::{ErrorRow, error_table};
pub use profile::{MAX_PART, MAX_PARTS, MIN_PART, Metadata, Store};
pub use protocol::{AddressStyle, S3Protocol, aws_endpoint, aws_region};
pub use session::Mark;
pub use sigv4::{Credentials, ProvideCredentials, SigV4};
