//! Runs uploads over a [`Transport`](chunkwise_transport::Transport): sources, checkpoints, byte budget, progress.
//!
//! A [`Driver`] holds what the uploads of a process share: one byte budget, one bandwidth cap, the pace of every
//! account, and the checkpoint store. [`Driver::start`] and [`Driver::resume`] give an [`UploadHandle`] each.
//! Every decision (what to send, when to try again, when to give up) is the engine's,
//! [`chunkwise_core::Upload`]; the driver does what it says.
//!
//! ```
//! # use std::sync::Arc;
//! # use chunkwise_driver::{DirectoryStore, Driver, FileSource, UploadRequest};
//! # use chunkwise_transport::Transport;
//! # async fn example(transport: Arc<dyn Transport>) -> Result<(), Box<dyn std::error::Error>> {
//! let driver = Driver::builder().checkpoints(DirectoryStore::new("state")).build()?;
//! let source = FileSource::open("video.mp4")?;
//! let upload = driver.start(UploadRequest::new(source, transport)).await?;
//! let completed = upload.wait().await?;
//! println!("{}", completed.result.id);
//! # Ok(())
//! # }
//! ```
//!
//! What can be read only once, standard input for instance, goes as a [`StreamSource`], of known or unknown length.

mod account;
mod budget;
mod builder;
mod checkpoint;
mod clock;
mod driver;
mod error;
mod events;
mod frames;
mod handle;
mod ledger;
mod operation;
mod rate;
mod reading;
mod request;
mod run;
mod source;
#[cfg(test)]
mod testing;

use std::io;

pub use budget::{BudgetUse, Loan};
pub use builder::DriverBuilder;
pub use checkpoint::{
    CheckpointStore, Claim, DirectoryStore, Driven, Finished, InvalidUploadId, Listed, MemoryStore, Place,
    RECORD_VERSION, Record, SourceBinding, StoreError, UploadId,
};
pub use driver::Driver;
pub use error::{BuildError, DriverError, Left, StartError};
pub use events::Events;
pub use handle::{UploadControl, UploadHandle};
pub use request::{ResumeRequest, UploadRequest, WhenDone};
pub use source::{
    Availability, BytesSource, FileSource, Fingerprint, GrowingFile, GrowthHandle, Sha256, Source,
    SourceChange, SourceError, StreamSource, digest,
};

/// Runs what blocks on a thread made for that, under the caller's span.
fn spawn_blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> tokio::task::JoinHandle<T> {
    let span = tracing::Span::current();
    tokio::task::spawn_blocking(move || span.in_scope(work))
}

/// The same, awaited; an error means that it panicked or that the runtime is going down.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    spawn_blocking(work).await.map_err(io::Error::other)
}
