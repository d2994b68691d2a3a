//! A byte-exact local sandbox of X's media upload API.
//!
//! It speaks real HTTP/1.1 and HTTPS on loopback, keeps every media on disk, checks what X checks with X's own texts, and
//! lets a test script what goes wrong: [`FaultPlan`]. What it holds and what was asked of it can be looked at, from the
//! program that started it ([`Sandbox`]) and over HTTP (`/_sandbox/…`, see the table below). It depends on nothing of the
//! engine it is there to test.
//!
//! ```
//! # async fn example() -> Result<(), chunkwise_sandbox::SandboxError> {
//! use chunkwise_sandbox::{Fault, FaultRule, Operation, Sandbox};
//!
//! let sandbox = Sandbox::builder()
//!     .with(|settings| settings.limits.append_bytes = 1_000_000)
//!     .fault(FaultRule::at_call(Operation::Append, 3, Fault::lost_reply()))
//!     .start()
//!     .await?;
//! println!("{} with {}", sandbox.base_url(), chunkwise_sandbox::credentials::USER_TOKEN);
//! // … an upload …
//! for id in sandbox.media_ids() {
//!     let media = sandbox.media(id).await?;
//!     println!("{media:?}");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What is served
//!
//! - v2: `POST /2/media/upload/initialize`, `/2/media/upload/{id}/append`, `/2/media/upload/{id}/finalize`,
//!   `GET /2/media/upload?command=STATUS&media_id=`, `POST /2/media/upload` (one-shot, and the transitional `command=`
//!   form), `POST /2/media/metadata`, `POST /2/tweets`.
//! - v1.1: `/1.1/media/upload.json` with its commands and without, `/1.1/media/metadata/create.json`.
//!
//! The facts are those of the X fact sheet; where it has none there is a switch in [`Undocumented`], or the docs of the
//! setting say that the choice is the sandbox's own. Texts of refusals that the fact sheet does not have are the
//! sandbox's own too: those for a duplicate segment, a second FINALIZE, an unknown session and malformed multipart.
//!
//! # Control
//!
#![doc = include_str!("control_table.md")]

mod access;
mod answer;
pub mod base64_stream;
mod clock;
mod commands;
mod control;
mod create_post;
mod exchange;
mod faults;
mod filler;
mod form;
#[doc(hidden)]
pub mod fuzzing;
mod json_rules;
mod media_body;
mod media_directory;
mod media_kind;
pub mod multipart;
pub mod oauth1;
mod processing;
mod rate_limit;
mod request_body;
mod request_log;
mod routes;
mod segment_file;
mod server;
mod session;
mod settings;
mod shared;
mod tls;
mod upload;
mod v2;
mod wire;

pub use answer::Dialect;
pub use faults::{Fault, FaultCount, FaultPlan, FaultRule, Moment, Operation, Rest, Selector};
pub use media_kind::{Category, MediaId, NotAMediaId};
pub use processing::{Lasts, Processing, ProcessingError, ProcessingInfo, ProcessingScript, ProcessingStep};
pub use request_log::{AuthorizationScheme, Effect, Ending, LoggedRequest};
pub use segment_file::MediaReader;
pub use server::{Builder, Sandbox, SandboxError};
pub use session::{MediaInfo, MediaState};
pub use settings::{
    Access, AccessMode, AppendAnswer, BearerToken, DuplicateSegment, Enforcement, FinalizeBody, Gap, Https,
    Lifetimes, Limits, Listen, LogEntries, OAuth1Account, ProcessingErrorInV2, RateLimit, RateLimits,
    RetryAfter, SecondFinalize, Secret, Settings, SignatureTime, SizeLimits, SuccessStatus, ThrottleBody,
    TokenKind, Undocumented, UnknownSession, V1Rates, V2Rates, credentials, scope,
};
pub use tls::TlsError;
