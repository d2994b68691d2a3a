//! Checkpoint stores: where an upload's state outlives its process.

mod directory;
mod id;
mod memory;
mod record;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;

pub use directory::DirectoryStore;
pub use id::{InvalidUploadId, UploadId};
pub use memory::MemoryStore;
pub use record::{Finished, RECORD_VERSION, Record, SourceBinding};

/// Keeps the records of uploads.
#[async_trait]
pub trait CheckpointStore: fmt::Debug + Send + Sync + 'static {
    /// Takes the place of this upload, whether there is a record in it or not. Nobody else has it until the claim
    /// is dropped: two processes never drive one upload.
    ///
    /// # Errors
    ///
    /// [`StoreError::Locked`] if somebody else has it, [`StoreError::Unwritable`] if there can be no such place.
    async fn claim(&self, id: &UploadId) -> Result<Box<dyn Claim>, StoreError>;

    /// Every record there is, the damaged ones included, by id.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreadable`] if the store itself can't be read.
    async fn list(&self) -> Result<Vec<Listed>, StoreError>;
}

/// The place of one upload, held by nobody else.
#[async_trait]
pub trait Claim: fmt::Debug + Send + Sync {
    /// The record in it.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`], [`StoreError::Damaged`], [`StoreError::Newer`] or [`StoreError::Unreadable`].
    async fn load(&self) -> Result<Record, StoreError>;

    /// Puts the record in place of the old one. Once this returns, it survives a crash; if it fails (or its future
    /// is dropped), the old one is still there, or the new one is: never half of it.
    ///
    /// An upload that ends, be it cancelled or out of time, waits for the write that has begun: the last record must
    /// not be overtaken by it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unwritable`].
    async fn save(&self, record: Record) -> Result<(), StoreError>;

    /// Removes the record, if there is one, be it damaged or not.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unwritable`].
    async fn delete(&self) -> Result<(), StoreError>;
}

/// What a store has of an upload.
#[derive(Debug)]
pub struct Listed {
    /// The upload.
    pub id: UploadId,
    /// Its record, or why it can't be read.
    pub record: Result<Record, StoreError>,
    /// Whether somebody drives it at the moment.
    pub driven: Driven,
}

/// Whether somebody drives an upload at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Driven {
    /// Nobody does.
    Idle,
    /// This or another process does.
    Running,
}

/// What went wrong with a checkpoint store.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such record.
    #[error("there is no unfinished upload {id}")]
    NotFound {
        /// The upload.
        id: UploadId,
    },
    /// Somebody else drives the upload.
    #[error("upload {id} is already running in this or another process: wait for it or stop it")]
    Locked {
        /// The upload.
        id: UploadId,
    },
    /// A newer version of chunkwise made it.
    #[error(
        "the checkpoint {place} was made by a newer chunkwise (format {version}, this one reads up to \
         {RECORD_VERSION}): resume with that, or discard it"
    )]
    Newer {
        /// Where it is.
        place: Place,
        /// Its format.
        version: u64,
    },
    /// It can't be understood.
    #[error("the checkpoint {place} is damaged ({reason}): discard it and start the upload anew")]
    Damaged {
        /// Where it is.
        place: Place,
        /// Why.
        reason: Arc<str>,
    },
    /// The system does not let it be read.
    #[error("the checkpoint {place} can't be read: {error}")]
    Unreadable {
        /// Where it is.
        place: Place,
        /// What the system said.
        error: Arc<io::Error>,
    },
    /// The system does not let it be written.
    #[error(
        "checkpoints can't be written to {place}: {error}; make room or permissions, or choose another place"
    )]
    Unwritable {
        /// Where it was to be.
        place: Place,
        /// What the system said.
        error: Arc<io::Error>,
    },
}

/// Where a record is, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In memory, under this name.
    Memory(UploadId),
    /// In this file or directory.
    Path(PathBuf),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory(id) => write!(f, "{id} in memory"),
            Self::Path(path) => path.display().fmt(f),
        }
    }
}

#[cfg(test)]
mod tests;
