//! Which process a running row belongs to, and whether that process still lives.
//!
//! Every opened store gets an epoch, a number that is never given out again, and holds a lock on a file of that
//! number beside the database. The system lets go of the lock when the process dies, however it dies; so a row's
//! owner lives exactly as long as its file is locked. No clock, no lease, no heartbeat; two gateways on one file
//! (one that drains, one that starts) don't take each other's work. With PostgreSQL an advisory lock of the session
//! does the same.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use sqlx::{Row, SqliteConnection};

use super::error::StoreError;

/// The epoch of a row that nobody works on.
pub(super) const NOBODY: i64 = 0;

/// This opened store among all of the same file.
#[derive(Debug)]
pub(super) struct Owner {
    epoch: i64,
    database: PathBuf,
    /// Held for its lock.
    _lock: File,
}

impl Owner {
    /// Takes the next epoch. Runs in a transaction: when others can see the epoch, its lock is held.
    pub(super) async fn join(database: &Path, tx: &mut SqliteConnection) -> Result<Self, StoreError> {
        let epochs: Vec<i64> = sqlx::query("SELECT epoch FROM owners ORDER BY epoch")
            .fetch_all(&mut *tx)
            .await?
            .iter()
            .map(|row| row.try_get(0))
            .collect::<Result<_, _>>()?;
        let epoch = epochs.last().copied().unwrap_or(NOBODY) + 1;
        let path = lock_path(database, epoch);
        let lock = lock(&path).map_err(|source| StoreError::File { path, source })?;
        sqlx::query("INSERT INTO owners (epoch) VALUES ($1)").bind(epoch).execute(&mut *tx).await?;

        let owner = Self { epoch, database: database.to_owned(), _lock: lock };
        for dead in epochs.into_iter().filter(|&epoch| !owner.lives(epoch)) {
            sqlx::query("DELETE FROM owners WHERE epoch = $1").bind(dead).execute(&mut *tx).await?;
            // A file that stays behind is unlocked, and says the same as none.
            std::fs::remove_file(lock_path(database, dead)).ok();
        }
        Ok(owner)
    }

    pub(super) const fn epoch(&self) -> i64 {
        self.epoch
    }

    /// Whether whoever took this epoch may still be at work. In doubt it is.
    pub(super) fn lives(&self, epoch: i64) -> bool {
        if epoch == self.epoch {
            return true;
        }
        match File::open(lock_path(&self.database, epoch)) {
            // Shared, so that two who look at the same time don't take each other for the owner.
            Ok(file) => file.try_lock_shared().is_err(),
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        std::fs::remove_file(lock_path(&self.database, self.epoch)).ok();
    }
}

fn lock(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => io::Error::new(io::ErrorKind::AlreadyExists, "locked by another process"),
        TryLockError::Error(error) => error,
    })?;
    Ok(file)
}

fn lock_path(database: &Path, epoch: i64) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(OsString::from(format!(".owner-{epoch}")));
    PathBuf::from(name)
}
