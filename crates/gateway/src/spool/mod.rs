//! Where decoded or downloaded media goes before, or while, it is uploaded.
//!
//! What is small stays in memory; the rest goes to a file in one folder. Both are bounded over all uploads together: the
//! memory by a [`Budget`] that whoever else holds bytes for an upload may share, the disk by another. When memory is
//! scarce an upload goes to its file earlier; once begun, it never fails for want of memory.
//!
//! A file vanishes with the last thing that knows it, unless it was told to [`SpoolSource::keep`] it.

mod budget;
mod error;
mod file;
mod source;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::fs::DirBuilder;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

pub use budget::{Budget, Share};
pub use error::SpoolError;
pub use source::{SpoolSource, Spooled};
pub use writer::{Complete, SpoolWriter};

use file::SpoolFile;

/// How much the spool may hold, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpoolLimits {
    /// Of one upload in memory; what is larger goes to a file. Default 8 MiB.
    pub in_memory: u64,
    /// One upload. Default 512 MiB, X's largest.
    pub per_upload: u64,
    /// All files together. Default 16 GiB.
    pub total_disk: u64,
    /// All memory together, if the spool has a budget of its own. Default 32 MiB.
    pub total_memory: u64,
}

impl Default for SpoolLimits {
    fn default() -> Self {
        Self { in_memory: 8 << 20, per_upload: 512 << 20, total_disk: 16 << 30, total_memory: 32 << 20 }
    }
}

/// The name of a file in the spool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SpoolId(pub Uuid);

impl std::fmt::Display for SpoolId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for SpoolId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::try_parse(text).map(Self)
    }
}

impl SpoolId {
    fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.strip_suffix(".part")?;
        Uuid::try_parse(name).ok().map(Self)
    }
}

/// The spool. Clones share folder and budgets.
#[derive(Clone, Debug)]
pub struct Spool(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    dir: PathBuf,
    limits: SpoolLimits,
    disk: Budget,
    memory: Budget,
    /// Files that something in this process knows.
    live: Mutex<HashSet<SpoolId>>,
    /// The disk space of files that wait for somebody to go on with them.
    waiting: Mutex<HashMap<SpoolId, Share>>,
}

/// What a sweep found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Files that were removed.
    pub removed: usize,
    /// Bytes that they had.
    pub bytes: u64,
}

impl Spool {
    /// A spool in this folder, which is made if it is not there and closed to everybody else (0700), with a memory budget
    /// of its own. It blocks for as long as the file system takes.
    ///
    /// # Errors
    ///
    /// If the folder can't be made or closed.
    pub fn new(dir: impl Into<PathBuf>, limits: SpoolLimits) -> Result<Self, SpoolError> {
        Self::with_memory(dir, limits, Budget::new(limits.total_memory))
    }

    /// The same, on a memory budget that others have a part in.
    ///
    /// # Errors
    ///
    /// As [`Spool::new`].
    pub fn with_memory(
        dir: impl Into<PathBuf>,
        limits: SpoolLimits,
        memory: Budget,
    ) -> Result<Self, SpoolError> {
        let dir = dir.into();
        make_private(&dir)?;
        let disk = Budget::new(limits.total_disk);
        Ok(Self(Arc::new(Shared {
            dir,
            limits,
            disk,
            memory,
            live: Mutex::default(),
            waiting: Mutex::default(),
        })))
    }

    /// The memory that it draws from.
    pub fn memory(&self) -> &Budget {
        &self.0.memory
    }

    /// The disk space that it draws from.
    pub fn disk(&self) -> &Budget {
        &self.0.disk
    }

    /// Begins to take in an upload, of exactly `expected` bytes if that is known. What will not fit into memory goes to
    /// its file from the first byte on, and all of its disk space is taken now.
    ///
    /// # Errors
    ///
    /// If it is too large, if too much is under way already, or if its file can't be made.
    pub async fn begin(&self, expected: Option<u64>) -> Result<SpoolWriter, SpoolError> {
        SpoolWriter::begin(Arc::clone(&self.0), expected).await
    }

    /// Opens a file that an earlier process has left, to go on with its upload. It blocks for as long as the file system
    /// takes.
    ///
    /// # Errors
    ///
    /// If it is not there or can't be read, or if no disk space is left for it in the budget.
    pub fn reopen(&self, id: SpoolId) -> Result<SpoolSource, SpoolError> {
        let path = self.0.path(id);
        let file = chunkwise_driver::FileSource::open(&path).map_err(source::unusable)?;
        let len = std::fs::metadata(&path)?.len();
        let waiting = self.0.waiting().remove(&id);
        let share = waiting.or_else(|| self.0.disk.take(len)).ok_or(SpoolError::DiskTaken)?;
        Ok(SpoolSource::file(file, SpoolFile::existing(Arc::clone(&self.0), id, share)))
    }

    /// Removes a file that an earlier process has left, if it is there and nothing in this process knows it. It blocks for
    /// as long as the file system takes.
    ///
    /// # Errors
    ///
    /// If it can't be removed.
    pub fn remove(&self, id: SpoolId) -> Result<(), SpoolError> {
        if self.0.live().contains(&id) {
            return Ok(());
        }
        match std::fs::remove_file(self.0.path(id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            Ok(()) | Err(_) => {
                self.0.waiting().remove(&id);
                Ok(())
            }
        }
    }

    /// Whether there is such a file.
    pub fn has(&self, id: SpoolId) -> bool {
        self.0.path(id).is_file()
    }

    /// Removes the files of earlier processes, but for those that are known: uploads that can go on. Those take their disk
    /// space, if it is there. Files of this process, and such as are not the spool's, stay. It blocks for as long as the file
    /// system takes.
    ///
    /// # Errors
    ///
    /// If the folder can't be read or a file not be removed; the others are removed nevertheless.
    pub fn sweep(&self, known: &HashSet<SpoolId>) -> Result<Swept, SpoolError> {
        let mut swept = Swept::default();
        let mut failed = None;
        for entry in std::fs::read_dir(&self.0.dir)? {
            let entry = entry?;
            let Some(id) = SpoolId::of(&entry.path()) else { continue };
            if self.0.live().contains(&id) {
                continue;
            }
            let len = entry.metadata().map_or(0, |metadata| metadata.len());
            if known.contains(&id) {
                if let Entry::Vacant(waiting) = self.0.waiting().entry(id)
                    && let Some(share) = self.0.disk.take(len)
                {
                    waiting.insert(share);
                }
                continue;
            }
            match std::fs::remove_file(entry.path()) {
                Ok(()) => {
                    swept.removed += 1;
                    swept.bytes += len;
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => failed = Some(error),
            }
        }
        match failed {
            Some(error) => Err(error.into()),
            None => Ok(swept),
        }
    }
}

impl Shared {
    fn path(&self, id: SpoolId) -> PathBuf {
        self.dir.join(format!("{}.part", id.0))
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<SpoolId, Share>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn live(&self) -> MutexGuard<'_, HashSet<SpoolId>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(unix)]
fn make_private(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    // It may have been there, and wider.
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700))
}

#[cfg(not(unix))]
fn make_private(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).create(dir)
}
