//! What the tests share: a folder with a store in it, and what a dead process leaves of one.

use std::path::{Path, PathBuf};

use chunkwise_gateway::store::{Billing, KeyId, KeyLimits, NewKey, Store, UnixMillis};
use chunkwise_transport::Secret;
use sqlx::Connection as _;
use tempfile::TempDir;

/// Some time in 2026.
pub(crate) const NOW: UnixMillis = UnixMillis::new(1_795_000_000_000);

pub(crate) struct World {
    folder: TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("gateway.db")
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) async fn open(&self) -> Store {
        reopen(&self.path()).await
    }

    /// What is on the disk at this moment, as `kill -9` would leave it: the file and its log, and no lock.
    pub(crate) fn after_a_kill(&self) -> Self {
        let copy = Self::new();
        for name in ["gateway.db", "gateway.db-wal"] {
            let from = self.folder.path().join(name);
            if from.exists() {
                std::fs::copy(from, copy.folder.path().join(name)).unwrap();
            }
        }
        copy
    }

    /// A connection past the store, as somebody with a database shell has.
    pub(crate) async fn shell(&self) -> sqlx::SqliteConnection {
        sqlx::SqliteConnection::connect(&format!("sqlite://{}", self.path().display())).await.unwrap()
    }
}

pub(crate) fn new_key(label: &str, billing: Billing) -> NewKey {
    NewKey {
        environment: "test".parse().unwrap(),
        label: label.to_owned(),
        limits: KeyLimits::default(),
        billing,
        expires_at: None,
    }
}

pub(crate) async fn key(store: &Store, billing: Billing) -> (KeyId, Secret<String>) {
    store.keys().create(&new_key("somebody", billing), NOW).await.unwrap()
}

pub(crate) async fn reopen(path: &Path) -> Store {
    Store::open(path).await.unwrap()
}
