//! A store that lasts as long as the process.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::{CheckpointStore, Claim, Driven, Listed, Place, Record, StoreError, UploadId};

/// Keeps records in memory: for uploads that need not survive the process, and for tests. Clones share the same
/// records.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore(Arc<Mutex<Shelf>>);

#[derive(Debug, Default)]
struct Shelf {
    records: BTreeMap<UploadId, Record>,
    claimed: BTreeSet<UploadId>,
}

impl MemoryStore {
    fn lock(&self) -> MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl CheckpointStore for MemoryStore {
    async fn claim(&self, id: &UploadId) -> Result<Box<dyn Claim>, StoreError> {
        if !self.lock().claimed.insert(id.clone()) {
            return Err(StoreError::Locked { id: id.clone() });
        }
        Ok(Box::new(MemoryClaim { store: self.clone(), id: id.clone() }))
    }

    async fn list(&self) -> Result<Vec<Listed>, StoreError> {
        let shelf = self.lock();
        let listed = shelf.records.iter().map(|(id, record)| Listed {
            id: id.clone(),
            record: Ok(record.clone()),
            driven: if shelf.claimed.contains(id) { Driven::Running } else { Driven::Idle },
        });
        Ok(listed.collect())
    }
}

#[derive(Debug)]
struct MemoryClaim {
    store: MemoryStore,
    id: UploadId,
}

#[async_trait]
impl Claim for MemoryClaim {
    async fn load(&self) -> Result<Record, StoreError> {
        let found = self.store.lock().records.get(&self.id).cloned();
        let record = found.ok_or_else(|| StoreError::NotFound { id: self.id.clone() })?;
        // Records from elsewhere may be of another format.
        if record.version > super::RECORD_VERSION {
            let version = u64::from(record.version);
            return Err(StoreError::Newer { place: Place::Memory(self.id.clone()), version });
        }
        Ok(record)
    }

    async fn save(&self, record: Record) -> Result<(), StoreError> {
        self.store.lock().records.insert(self.id.clone(), record);
        Ok(())
    }

    async fn delete(&self) -> Result<(), StoreError> {
        self.store.lock().records.remove(&self.id);
        Ok(())
    }
}

impl Drop for MemoryClaim {
    fn drop(&mut self) {
        self.store.lock().claimed.remove(&self.id);
    }
}
