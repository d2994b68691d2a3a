//! A store that takes its time, and whose power fails at a given write.

use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chunkwise_core::{Checkpoint, Timestamp};
use chunkwise_driver::{
    CheckpointStore, Claim, DirectoryStore, Listed, MemoryStore, Record, StoreError, UploadId,
};
use chunkwise_testkit::scenario::CrashPoint;
use chunkwise_testkit::{Chance, ModelTransport};
use tokio::sync::Notify;

use crate::process::name;

/// A write to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Write {
    /// The n-th save, from 0, counted over all processes.
    Save(u32),
    /// The removal of a record.
    Removal,
}

/// A store that takes its time, and whose power fails at given writes of the upload under test, once at each. Clones are the
/// same store.
#[derive(Clone)]
pub(crate) struct FailingPower(Arc<Shared>);

struct Shared {
    store: Arc<dyn CheckpointStore>,
    /// Where its files are, if it has any.
    folder: Option<PathBuf>,
    state: Mutex<State>,
    off: Notify,
}

struct State {
    failures: Vec<(Write, CrashPoint)>,
    saves: u32,
    /// How long each save takes.
    chance: Chance,
    clock: Option<ModelTransport>,
    written: Vec<Written>,
}

/// What came to be on the disk, and when.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) at: Timestamp,
    pub(crate) checkpoint: Checkpoint,
}

impl FailingPower {
    pub(crate) fn in_memory(failures: Vec<(Write, CrashPoint)>) -> Self {
        Self::new(Arc::new(MemoryStore::default()), None, failures)
    }

    pub(crate) fn in_folder(folder: impl Into<PathBuf>, failures: Vec<(Write, CrashPoint)>) -> Self {
        let folder = folder.into();
        Self::new(Arc::new(DirectoryStore::new(&folder)), Some(folder), failures)
    }

    fn new(
        store: Arc<dyn CheckpointStore>,
        folder: Option<PathBuf>,
        failures: Vec<(Write, CrashPoint)>,
    ) -> Self {
        let (chance, written) = (Chance::new(7), Vec::new());
        let state = Mutex::new(State { failures, saves: 0, chance, clock: None, written });
        Self(Arc::new(Shared { store, folder, state, off: Notify::new() }))
    }

    /// What its clock shows is what this transport's does.
    pub(crate) fn goes_by(&self, clock: &ModelTransport) {
        self.0.state.lock().unwrap().clock = Some(clock.clone());
    }

    /// All that ever came to be on the disk.
    pub(crate) fn written(&self) -> Vec<Written> {
        self.0.state.lock().unwrap().written.clone()
    }

    /// How many saves there were.
    pub(crate) fn saves(&self) -> u32 {
        self.0.state.lock().unwrap().saves
    }

    /// The power fails no more.
    pub(crate) fn calm(&self) {
        self.0.state.lock().unwrap().failures.clear();
    }

    /// Waits until the power fails.
    pub(crate) async fn off(&self) {
        self.0.off.notified().await;
    }
}

impl Shared {
    fn strikes(&self, write: Write) -> Option<CrashPoint> {
        let mut state = self.state.lock().unwrap();
        let at = state.failures.iter().position(|(at, _)| *at == write)?;
        Some(state.failures.remove(at).1)
    }

    /// A write that never comes to an end.
    async fn fail<T>(&self) -> T {
        self.off.notify_one();
        std::future::pending().await
    }

    /// A write that comes to an end.
    async fn save(&self, claim: &dyn Claim, record: Record) -> Result<(), StoreError> {
        let takes = self.state.lock().unwrap().chance.millis(0, 60);
        tokio::time::sleep(takes).await;
        let checkpoint = record.checkpoint.clone();
        claim.save(record).await?;
        let mut state = self.state.lock().unwrap();
        let at = state.clock.as_ref().map_or(Timestamp::EPOCH, ModelTransport::now);
        state.written.push(Written { at, checkpoint });
        Ok(())
    }

    /// Half of the record, where a write begins.
    fn tear(&self, record: &Record) {
        let Some(folder) = &self.folder else { return };
        let json = serde_json::to_vec(record).unwrap();
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join(format!("{}.tmp", record.id)), &json[..json.len() / 2]).unwrap();
    }
}

impl fmt::Debug for FailingPower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FailingPower").field(&self.0.store).finish()
    }
}

#[async_trait]
impl CheckpointStore for FailingPower {
    async fn claim(&self, id: &UploadId) -> Result<Box<dyn Claim>, StoreError> {
        Ok(Box::new(FailingClaim(self.0.store.claim(id).await?, self.clone())))
    }

    async fn list(&self) -> Result<Vec<Listed>, StoreError> {
        self.0.store.list().await
    }
}

#[derive(Debug)]
struct FailingClaim(Box<dyn Claim>, FailingPower);

#[async_trait]
impl Claim for FailingClaim {
    async fn load(&self) -> Result<Record, StoreError> {
        self.0.load().await
    }

    async fn save(&self, record: Record) -> Result<(), StoreError> {
        let power = &self.1.0;
        if record.id != name() {
            return self.0.save(record).await;
        }
        let write = {
            let mut state = power.state.lock().unwrap();
            state.saves += 1;
            Write::Save(state.saves - 1)
        };
        match power.strikes(write) {
            None => power.save(&*self.0, record).await,
            Some(CrashPoint::Before) => power.fail().await,
            Some(CrashPoint::During) => {
                power.tear(&record);
                power.fail().await
            }
            Some(CrashPoint::After) => {
                power.save(&*self.0, record).await?;
                power.fail().await
            }
        }
    }

    async fn delete(&self) -> Result<(), StoreError> {
        let power = &self.1.0;
        match power.strikes(Write::Removal) {
            None => self.0.delete().await,
            Some(CrashPoint::Before | CrashPoint::During) => power.fail().await,
            Some(CrashPoint::After) => {
                self.0.delete().await?;
                power.fail().await
            }
        }
    }
}
