//! Chunked uploads of large media that survive failing networks and servers.
//!
//! ```no_run
//! use chunkwise::{Bearer, x::XUploader};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let token = Bearer::new(std::env::var("CHUNKWISE_TOKEN")?);
//! let uploaded = XUploader::new(token).upload("clip.mp4").await?;
//! println!("{}", uploaded.media.media_id);
//! # Ok(())
//! # }
//! ```
//!
//! That is all there is to do for an upload to X: the file's type and category are found out, it goes up in
//! segments, four at a time; what fails is tried again, what is throttled waits, an answer that was lost is found
//! out about, and X's processing is waited for.
//!
//! # What is where
//!
//! | you want to | look at |
//! |---|---|
//! | upload to X | [`x::XUploader`] (feature `x`) |
//! | upload to S3 and stores that speak its API | `s3::S3Uploader` (feature `s3`) |
//! | upload to a tus server | [`tus::TusUploader`] (feature `tus`) |
//! | see progress, pause, cancel | [`x::XUpload::start`], [`driver::UploadHandle`] |
//! | go on after a crash | [`driver::DirectoryStore`], [`x::XUploader::resume`] |
//! | set chunk size, window, retries, deadlines | [`Policy`] |
//! | share memory and bandwidth between uploads | [`driver::Driver`] |
//! | bring your own transport | [`transport::Transport`], [`driver::Driver::start`] |
//! | bring your own HTTP client | [`transport::http::Backend`], or `chunkwise::reqwest` (feature `reqwest`) |
//! | bring your own credentials | [`transport::http::Authorizer`], [`transport::http::RefreshToken`] |
//! | drive the state machine yourself, without async | [`core::Upload`] |
//!
//! # What is kept when things go wrong
//!
//! Every error says who is at fault, what happened, what is kept and what to do next
//! ([`UploadError`], [`UploadError::advice`]). With a [`driver::DirectoryStore`] an upload outlives its process: it goes
//! on from its checkpoint and sends no segment again that the server had acknowledged.

#[cfg(any(feature = "s3", feature = "tus", feature = "x"))]
mod beside;
#[cfg(any(feature = "s3", feature = "tus", feature = "x"))]
mod failed;
#[cfg(any(feature = "s3", feature = "tus", feature = "x"))]
mod records;
#[cfg(feature = "s3")]
pub mod s3;
#[cfg(feature = "tus")]
pub mod tus;
#[cfg(feature = "x")]
pub mod x;

/// The state machine, to be driven by hand.
pub mod core {
    pub use chunkwise_core::*;
}

/// The async driver: sources, checkpoint stores, byte budget, progress.
pub mod driver {
    pub use chunkwise_driver::*;
}

/// What lies between the engine and the world.
pub mod transport {
    pub use chunkwise_transport::*;
}

/// What a file is, and whether a destination will take it.
pub mod media {
    pub use chunkwise_media::*;
}

/// The default backend.
#[cfg(feature = "hyper")]
pub mod hyper {
    pub use chunkwise_hyper::*;
}

/// A backend over a reqwest client that you already have.
#[cfg(feature = "reqwest")]
pub mod reqwest {
    pub use chunkwise_reqwest::*;
}

pub use chunkwise_core::{
    ChunkSize, Disposition, ErrorKind, Event, Phase, Policy, ProcessingPolicy, Progress, RetryPolicy,
    Timeouts, UploadError, WindowPolicy,
};
pub use chunkwise_driver::{DirectoryStore, Driver, UploadId};
pub use chunkwise_transport::Secret;
pub use chunkwise_transport::http::{Anonymous, Bearer};
