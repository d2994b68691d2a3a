//! Opening a store: the file, its schema, its connections.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqlSafeStr, SqliteConnection, SqlitePool};
use tokio::sync::{Mutex, MutexGuard};

use super::error::StoreError;
use super::owner::Owner;

/// Every schema there was, oldest first. One that was released is never edited: its digest is in every store.
const MIGRATIONS: [(&str, &str); 5] = [
    ("keys", include_str!("../../migrations/0001_keys.sql")),
    ("ledger", include_str!("../../migrations/0002_ledger.sql")),
    ("idempotency", include_str!("../../migrations/0003_idempotency.sql")),
    ("uploads", include_str!("../../migrations/0004_uploads.sql")),
    ("checkpoints by upload", include_str!("../../migrations/0005_checkpoints_by_upload.sql")),
];

/// How long a write waits for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// How many reads may run at once.
const READERS: u32 = 4;

/// What the write-ahead log is cut back to after it was larger, in bytes.
const WAL_KEPT: &str = "16777216";

/// How soon a store that is busy is tried again.
const BUSY_PAUSE: Duration = Duration::from_millis(20);

/// What the gateway remembers: one SQLite file. Share it by reference or in an `Arc`.
///
/// One connection writes, several read. A call that returned `Ok` is on the disk (write-ahead log, synchronous
/// FULL). One that was dropped half-way happens as a whole or not at all; it may do so a moment later, but before the next
/// write.
pub struct Store {
    writer: Mutex<SqliteConnection>,
    readers: SqlitePool,
    owner: Owner,
}

impl Store {
    /// Opens the store, makes it (mode 0600) where there is none, and brings its schema up to date.
    ///
    /// Several processes may have one file open at a time.
    ///
    /// # Errors
    /// [`StoreError::Newer`] if a newer gateway has written it: then nothing is changed. Else where the file or
    /// the database fails.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = prepare(path.as_ref())
            .map_err(|source| StoreError::File { path: path.as_ref().to_owned(), source })?;
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            .foreign_keys(true)
            .pragma("journal_size_limit", WAL_KEPT)
            .disable_statement_logging();
        let mut writer = connect(&options).await?;
        let mut tx = begin(&mut writer).await?;
        migrate(&mut tx).await?;
        let owner = Owner::join(&path, &mut tx).await?;
        tx.commit().await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_lazy_with(options.pragma("query_only", "ON"));
        Ok(Self { writer: Mutex::new(writer), readers, owner })
    }

    /// Closes it in good order. Without it nothing is lost either: the next one to open reads the log.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn close(self) -> Result<(), StoreError> {
        let Self { writer, readers, owner } = self;
        readers.close().await;
        writer.into_inner().close().await?;
        drop(owner);
        Ok(())
    }

    /// Whether it can be written to: for a readiness probe. Writes nothing.
    ///
    /// # Errors
    /// If it can't.
    pub async fn writable(&self) -> Result<(), StoreError> {
        let mut writer = self.writer().await;
        let tx = begin(&mut writer).await?;
        Ok(tx.rollback().await?)
    }

    /// The one connection that writes, in the order of asking.
    pub(super) async fn writer(&self) -> MutexGuard<'_, SqliteConnection> {
        self.writer.lock().await
    }

    pub(super) const fn readers(&self) -> &SqlitePool {
        &self.readers
    }

    pub(super) const fn owner(&self) -> &Owner {
        &self.owner
    }
}

/// The switch to the write-ahead log takes the whole file for a moment, and SQLite does not wait for that by itself: where
/// several processes begin at once, all but one are told that it is busy.
async fn connect(options: &SqliteConnectOptions) -> Result<SqliteConnection, StoreError> {
    let mut waited = Duration::ZERO;
    loop {
        match options.connect().await.map_err(StoreError::from) {
            Err(StoreError::Busy) if waited < BUSY_TIMEOUT => {
                tokio::time::sleep(BUSY_PAUSE).await;
                waited += BUSY_PAUSE;
            }
            result => return result,
        }
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("owner", &self.owner).finish_non_exhaustive()
    }
}

/// A transaction that writes. What it reads stays true until its end: SQLite takes the lock for writing at once, so
/// that it never has to be refused in the midst. With PostgreSQL this is `BEGIN ISOLATION LEVEL SERIALIZABLE`.
pub(super) async fn begin(
    writer: &mut SqliteConnection,
) -> Result<sqlx::Transaction<'_, sqlx::Sqlite>, StoreError> {
    Ok(writer.begin_with("BEGIN IMMEDIATE").await?)
}

/// Makes the file, for the owner's eyes only; SQLite gives its log the same mode. Returns its real path, since locks
/// are named after it.
fn prepare(path: &Path) -> io::Result<PathBuf> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    drop(file);
    path.canonicalize()
}

/// Runs in the caller's transaction, so that two processes that start together don't do it twice.
async fn migrate(tx: &mut SqliteConnection) -> Result<(), StoreError> {
    let migrations = (1..).zip(MIGRATIONS).map(|(version, (name, sql))| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    // What `run` calls; its own future can't be sent to another thread with a borrowed connection (sqlx 0.9).
    match Migrator::with_migrations(migrations.collect()).run_direct(None, tx, false).await {
        Ok(()) => Ok(()),
        Err(MigrateError::VersionMissing(found)) => {
            Err(StoreError::Newer { found, known: MIGRATIONS.len() as i64 })
        }
        Err(MigrateError::Execute(error)) => Err(error.into()),
        Err(other) => Err(StoreError::ForeignSchema(other.to_string())),
    }
}
