//! Uploads to tus servers.
//!
//! ```no_run
//! use chunkwise::{Bearer, tus::TusUploader};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let token = Bearer::new(std::env::var("TUS_TOKEN")?);
//! let uploader = TusUploader::new("https://example.com/files/", token)?;
//! let uploaded = uploader.upload("clip.mp4").await?;
//! println!("{}", uploaded.url);
//! # Ok(())
//! # }
//! ```
//!
//! The server is asked once what it can do, and checkpoints remember it. What it can't do that an upload needs is an error before
//! anything is sent.

mod destination;
mod error;
mod upload;
mod uploader;

pub use chunkwise_tus::{
    Capabilities, Endpoint, EndpointError, Extension, InvalidKey, Metadata, TusProtocol, Unsupported, Way,
};

pub use destination::{Destination, NotToTus, Query, ServerSaid};
pub use error::TusError;
pub use upload::{TusHandle, TusUpload, Uploaded};
pub use uploader::{TusUploader, TusUploaderBuilder};
