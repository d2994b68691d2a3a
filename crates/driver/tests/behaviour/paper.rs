//! A scripted checkpoint store: mockall says what each access does, the store does it in its time and takes notes.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chunkwise_driver::{CheckpointStore, Claim, Listed, MemoryStore, Place, Record, StoreError, UploadId};
use mockall::mock;
use tokio::sync::Notify;
use tokio::time::Instant;

/// What one write does.
pub(crate) enum Save {
    Well,
    Full,
    /// It takes so long.
    After(Duration),
    /// It hangs until it is let go.
    Hang(Arc<Notify>),
    /// A bug.
    Panic,
}

mock! {
    pub(crate) Paper {
        pub(crate) fn claim(&self) -> Result<(), StoreError>;
        pub(crate) fn load(&self) -> Result<(), StoreError>;
        pub(crate) fn save(&self, record: &Record) -> Save;
        pub(crate) fn delete(&self) -> Result<(), StoreError>;
    }
}

/// What a record is written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// Before anything is sent.
    First,
    /// The session: no data goes before it.
    Session,
    /// What is stored so far: nothing waits for it.
    Between,
    /// That Finalize will be sent: it does not go before.
    Finalize,
}

impl Written {
    pub(crate) fn of(record: &Record) -> Self {
        let checkpoint = &record.checkpoint;
        match checkpoint.stored() {
            0 if checkpoint.session().is_none() => Self::First,
            0 => Self::Session,
            stored if stored == checkpoint.total() => Self::Finalize,
            _ => Self::Between,
        }
    }
}

impl MockPaper {
    /// Only writes are on script.
    pub(crate) fn new_readable() -> Self {
        let mut paper = Self::new();
        paper.expect_claim().returning(|| Ok(()));
        paper.expect_load().returning(|| Ok(()));
        paper.expect_delete().returning(|| Ok(()));
        paper
    }

    pub(crate) fn on(
        &mut self,
        written: Written,
        times: std::ops::RangeInclusive<usize>,
        save: fn() -> Save,
    ) {
        self.expect_save()
            .withf(move |record| Written::of(record) == written)
            .times(times)
            .returning(move |_| save());
    }

    pub(crate) fn store(mut self) -> Disk {
        self.expect_save().returning(|_| Save::Well);
        self.bare_store()
    }

    /// With nothing but what is on script.
    pub(crate) fn bare_store(self) -> Disk {
        Disk { inner: MemoryStore::default(), paper: Arc::new(self), log: Arc::default() }
    }
}

/// A store on script over one in memory, which notes when what was written.
#[derive(Clone)]
pub(crate) struct Disk {
    pub(crate) inner: MemoryStore,
    paper: Arc<MockPaper>,
    log: Arc<Mutex<Vec<(Instant, Written)>>>,
}

impl Disk {
    /// When the first record for this was on disk.
    pub(crate) fn written(&self, wanted: Written) -> Option<Instant> {
        self.log.lock().unwrap().iter().find(|(_, written)| *written == wanted).map(|(at, _)| *at)
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Disk")
    }
}

#[derive(Debug)]
struct DiskClaim(Box<dyn Claim>, Disk);

#[async_trait]
impl CheckpointStore for Disk {
    async fn claim(&self, id: &UploadId) -> Result<Box<dyn Claim>, StoreError> {
        self.paper.claim()?;
        Ok(Box::new(DiskClaim(self.inner.claim(id).await?, self.clone())))
    }

    async fn list(&self) -> Result<Vec<Listed>, StoreError> {
        self.inner.list().await
    }
}

#[async_trait]
impl Claim for DiskClaim {
    async fn load(&self) -> Result<Record, StoreError> {
        self.1.paper.load()?;
        self.0.load().await
    }

    async fn save(&self, record: Record) -> Result<(), StoreError> {
        let written = Written::of(&record);
        match self.1.paper.save(&record) {
            Save::Well => {}
            Save::Full => return Err(full(record.id)),
            Save::After(time) => tokio::time::sleep(time).await,
            Save::Hang(until) => until.notified().await,
            Save::Panic => panic!("a bug in a store"),
        }
        self.0.save(record).await?;
        self.1.log.lock().unwrap().push((Instant::now(), written));
        Ok(())
    }

    async fn delete(&self) -> Result<(), StoreError> {
        self.1.paper.delete()?;
        self.0.delete().await
    }
}

pub(crate) fn full(id: UploadId) -> StoreError {
    let error = Arc::new(std::io::ErrorKind::StorageFull.into());
    StoreError::Unwritable { place: Place::Memory(id), error }
}

pub(crate) fn unreadable(id: UploadId) -> StoreError {
    let error = Arc::new(std::io::Error::other("input/output error"));
    StoreError::Unreadable { place: Place::Memory(id), error }
}
