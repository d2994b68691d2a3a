//! A store in a directory: one JSON file and one lock file for each upload.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::{CheckpointStore, Claim, Driven, Listed, Place, Record, StoreError, UploadId};

/// Keeps every record in a file of its own, `<id>.json`, readable by its owner only.
///
/// A record is written to `<id>.tmp`, flushed to the disk and renamed, and the directory flushed: after a crash the
/// old record is there or the new one. Who drives an upload holds a lock on `<id>.lock`; the system lets go of it
/// when the process ends, however it ends.
#[derive(Clone, Debug)]
pub struct DirectoryStore {
    directory: PathBuf,
}

impl DirectoryStore {
    /// In this directory; it is made when the first upload starts.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into() }
    }

    /// The directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    fn file(&self, id: &UploadId, extension: &str) -> PathBuf {
        self.directory.join(format!("{id}.{extension}"))
    }

    fn create_directory(&self) -> io::Result<()> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&self.directory)
    }

    fn lock(&self, id: &UploadId) -> Result<File, StoreError> {
        let path = self.file(id, "lock");
        loop {
            self.create_directory().map_err(|error| unwritable(&self.directory, error))?;
            let lock = private().create(true).open(&path).map_err(|error| unwritable(&path, error))?;
            match try_lock(&lock) {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(StoreError::Locked { id: id.clone() }),
                Err(TryLockError::Error(error)) => return Err(unwritable(&path, error)),
            }
            // Its last holder may have removed the file between our opening and locking it: then we hold nothing.
            if is_same_file(&lock, &path) {
                return Ok(lock);
            }
        }
    }

    fn load(&self, id: &UploadId) -> Result<Record, StoreError> {
        let path = self.file(id, "json");
        match fs::read(&path) {
            Ok(json) => Record::decode(&json, id, || Place::Path(path.clone())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(StoreError::NotFound { id: id.clone() })
            }
            Err(error) => Err(StoreError::Unreadable { place: Place::Path(path), error: Arc::new(error) }),
        }
    }

    fn save(&self, record: &Record) -> Result<(), StoreError> {
        let (path, temporary) = (self.file(&record.id, "json"), self.file(&record.id, "tmp"));
        let write = || {
            let json = record.encode()?;
            let mut file = private().create(true).truncate(true).open(&temporary)?;
            file.write_all(&json)?;
            file.sync_all()?;
            fs::rename(&temporary, &path)?;
            sync_directory(&self.directory)
        };
        write().map_err(|error| {
            // What could not be written whole is of no use to anybody.
            let _ = fs::remove_file(&temporary);
            unwritable(&path, error)
        })
    }

    fn delete(&self, id: &UploadId) -> Result<(), StoreError> {
        let path = self.file(id, "json");
        for leftover in [&path, &self.file(id, "tmp")] {
            match fs::remove_file(leftover) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(unwritable(leftover, error)),
            }
        }
        sync_directory(&self.directory).map_err(|error| unwritable(&self.directory, error))
    }

    fn list(&self) -> Result<Vec<Listed>, StoreError> {
        let unreadable = |error| StoreError::Unreadable {
            place: Place::Path(self.directory.clone()),
            error: Arc::new(error),
        };
        let entries = match fs::read_dir(&self.directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(unreadable(error)),
        };
        let mut listed = Vec::new();
        for entry in entries {
            let name = entry.map_err(unreadable)?.file_name();
            // Files of other names are not ours.
            let Some(name) = name.to_str().and_then(|name| name.strip_suffix(".json")) else { continue };
            let Ok(id) = UploadId::new(name) else { continue };
            let record = self.load(&id);
            if matches!(record, Err(StoreError::NotFound { .. })) {
                continue;
            }
            let driven = self.driven(&id);
            listed.push(Listed { id, record, driven });
        }
        listed.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(listed)
    }

    /// Looks without taking: the lock file is not made, and let go of at once.
    fn driven(&self, id: &UploadId) -> Driven {
        let lock = OpenOptions::new().read(true).write(true).open(self.file(id, "lock"));
        match lock.map(|lock| lock.try_lock()) {
            Ok(Err(TryLockError::WouldBlock)) => Driven::Running,
            Ok(Ok(()) | Err(TryLockError::Error(_))) | Err(_) => Driven::Idle,
        }
    }
}

/// Whoever lists uploads holds a lock for a moment; only one that lasts means that somebody drives the upload.
fn try_lock(lock: &File) -> Result<(), TryLockError> {
    for _ in 0..5 {
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(10)),
            result => return result,
        }
    }
    lock.try_lock()
}

fn unwritable(path: &Path, error: io::Error) -> StoreError {
    StoreError::Unwritable { place: Place::Path(path.to_owned()), error: Arc::new(error) }
}

/// Files that nobody but their owner reads.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// A rename lasts once the directory that holds the name is on the disk.
#[cfg(unix)]
fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn is_same_file(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    match (file.metadata(), path.metadata()) {
        (Ok(ours), Ok(theirs)) => ours.dev() == theirs.dev() && ours.ino() == theirs.ino(),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_same_file(_: &File, path: &Path) -> bool {
    path.exists()
}

#[async_trait]
impl CheckpointStore for DirectoryStore {
    async fn claim(&self, id: &UploadId) -> Result<Box<dyn Claim>, StoreError> {
        let (store, claimed) = (self.clone(), id.clone());
        let lock = self.blocking(move || store.lock(&claimed)).await?;
        let held = Held { store: self.clone(), id: id.clone(), _lock: lock };
        Ok(Box::new(DirectoryClaim(Arc::new(held))))
    }

    async fn list(&self) -> Result<Vec<Listed>, StoreError> {
        let store = self.clone();
        self.blocking(move || store.list()).await
    }
}

impl DirectoryStore {
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        crate::blocking(work).await.unwrap_or_else(|panicked| Err(unwritable(&self.directory, panicked)))
    }
}

/// A claim is held by every write under way as well: dropped in the middle of one, it is let go of only behind it.
#[derive(Debug)]
struct DirectoryClaim(Arc<Held>);

#[derive(Debug)]
struct Held {
    store: DirectoryStore,
    id: UploadId,
    _lock: File,
}

#[async_trait]
impl Claim for DirectoryClaim {
    async fn load(&self) -> Result<Record, StoreError> {
        let held = Arc::clone(&self.0);
        self.0.store.blocking(move || held.store.load(&held.id)).await
    }

    async fn save(&self, record: Record) -> Result<(), StoreError> {
        let held = Arc::clone(&self.0);
        self.0.store.blocking(move || held.store.save(&record)).await
    }

    async fn delete(&self) -> Result<(), StoreError> {
        let held = Arc::clone(&self.0);
        self.0.store.blocking(move || held.store.delete(&held.id)).await
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // The lock file goes with the last record, or it would stay for ever; while the lock is still held, so that
        // nobody else's is removed.
        if !self.store.file(&self.id, "json").exists() {
            let _ = fs::remove_file(self.store.file(&self.id, "lock"));
        }
    }
}
