//! What can go wrong with the store itself: never the client's fault.

use std::io;
use std::path::PathBuf;

/// The store can't do what it is for. The client has done nothing wrong (503); what was asked for has not
/// happened, except where [`StoreError::Database`] came from a commit, of which nobody can tell. Every write
/// here may be repeated as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file can't be made, opened or locked.
    #[error("the store {path} can't be opened: {source}; check the folder, its owner and its mode")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A newer gateway has written this store. Nothing was changed.
    #[error(
        "the store has schema {found}, this gateway knows up to {known}: it was used by a newer one. \
         Nothing was changed; run that one, or give this one a store of its own"
    )]
    Newer {
        /// The newest schema that the store has.
        found: i64,
        /// The newest one known here.
        known: i64,
    },
    /// The schema is not what its version says: another program's file, or changed by hand.
    #[error("the store's schema is not one of this gateway's: {0}; nothing was changed")]
    ForeignSchema(String),
    /// Another process writes for longer than the time allowed for waiting.
    #[error("the store is held by another writer; try again")]
    Busy,
    /// A row can't be what this gateway wrote.
    #[error("the store has a row that makes no sense: {what}; restore a backup")]
    Damaged {
        /// Which column, and why.
        what: String,
    },
    /// The system has no random bytes.
    #[error("the system gives no random bytes: {0}")]
    Random(getrandom::Error),
    /// Anything else that the database says.
    #[error("the store fails: {0}")]
    Database(#[source] sqlx::Error),
}

impl StoreError {
    pub(super) fn damaged(column: &str, why: impl std::fmt::Display) -> Self {
        Self::Damaged { what: format!("{column}: {why}") }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        // SQLITE_BUSY is 5; the extended codes have it in their low byte (sqlite.org/rescode.html).
        let busy = error.as_database_error().and_then(|e| e.code()?.parse::<i64>().ok());
        match busy {
            Some(code) if code & 0xff == 5 => Self::Busy,
            // SQLITE_NOTADB.
            Some(26) => Self::ForeignSchema("the file is no SQLite database".to_owned()),
            Some(_) | None => Self::Database(error),
        }
    }
}
