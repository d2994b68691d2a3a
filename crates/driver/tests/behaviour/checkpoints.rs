//! Stores that are full, damaged, newer, locked: one clear error each, and nothing sent.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chunkwise_core::{Disposition, ErrorKind, OperationKind};
use chunkwise_driver::{
    CheckpointStore, Claim, DirectoryStore, Driver, DriverError, FileSource, Left, Listed, MemoryStore,
    Place, Record, ResumeRequest, StartError, StoreError, UploadId, UploadRequest,
};

use crate::model::Model;
use crate::{KIB, driver, policy, request, video};

/// A store whose disk is full from the n-th write on.
#[derive(Clone, Debug)]
pub(crate) struct Filling {
    inner: MemoryStore,
    room: Arc<AtomicU32>,
}

impl Filling {
    pub(crate) fn with_room_for(writes: u32) -> Self {
        Self { inner: MemoryStore::default(), room: Arc::new(writes.into()) }
    }
}

#[derive(Debug)]
struct FillingClaim(Box<dyn Claim>, Arc<AtomicU32>);

#[async_trait]
impl CheckpointStore for Filling {
    async fn claim(&self, id: &UploadId) -> Result<Box<dyn Claim>, StoreError> {
        Ok(Box::new(FillingClaim(self.inner.claim(id).await?, Arc::clone(&self.room))))
    }

    async fn list(&self) -> Result<Vec<Listed>, StoreError> {
        self.inner.list().await
    }
}

#[async_trait]
impl Claim for FillingClaim {
    async fn load(&self) -> Result<Record, StoreError> {
        self.0.load().await
    }

    async fn save(&self, record: Record) -> Result<(), StoreError> {
        let room = self.1.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |room| room.checked_sub(1));
        if room.is_err() {
            let error = Arc::new(std::io::ErrorKind::StorageFull.into());
            return Err(StoreError::Unwritable { place: Place::Memory(record.id), error });
        }
        self.0.save(record).await
    }

    async fn delete(&self) -> Result<(), StoreError> {
        self.0.delete().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_directory_that_cannot_be_written_to_is_found_out_before_anything_is_sent() {
    let (file, _) = video(100 * KIB, 1);
    let model = Model::healthy().arc();
    let blocked = tempfile::NamedTempFile::new().unwrap();
    let driver = driver(64 * KIB, 4 * KIB, DirectoryStore::new(blocked.path().join("uploads")));
    let error = driver.start(request(&file, model.transport(), policy(20 * KIB, 2))).await.unwrap_err();
    assert!(matches!(error, StartError::Store(StoreError::Unwritable { .. })), "{error}");
    assert!(model.log().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_fills_up_stops_the_upload_only_where_it_must() {
    let (file, content) = video(200 * KIB, 2);
    let mut failed = 0;
    for room in 0.. {
        let store = Filling::with_room_for(room);
        let model = Model::healthy().frame_time(Duration::from_secs(1)).arc();
        let driver = driver(64 * KIB, 4 * KIB, store.clone());
        let started = driver.start(request(&file, model.transport(), policy(20 * KIB, 2))).await;
        let handle = match (room, started) {
            (0, Err(error)) => {
                assert!(matches!(error, StartError::Store(StoreError::Unwritable { .. })), "{error}");
                assert!(model.log().is_empty() && store.list().await.unwrap().is_empty());
                continue;
            }
            (_, started) => started.unwrap(),
        };
        match handle.wait().await {
            Ok(_) => {
                assert!(model.object() == content);
                assert!(failed > 2);
                return;
            }
            Err(DriverError::Upload { error, left, .. }) => {
                assert!(matches!(*error.kind, ErrorKind::Persist), "{error}");
                assert!(!matches!(left, Left::Checkpoint(_)), "the last one could not be written: {left:?}");
                assert_eq!(model.count(OperationKind::Finalize), 0, "no Finalize without its record");
                failed += 1;
                if room == 1 {
                    assert_eq!(
                        model.count(OperationKind::Append),
                        0,
                        "no data without a record of the session"
                    );
                }
            }
            Err(error) => panic!("{error}"),
        }
        crate::settled(&driver).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_checkpoint_that_is_damaged_newer_locked_or_missing_is_told_and_kept() {
    let (file, _) = video(200 * KIB, 3);
    let model = Model::healthy().arc();
    let directory = tempfile::tempdir().unwrap();
    let driver = driver(64 * KIB, 4 * KIB, DirectoryStore::new(directory.path()));
    let start = UploadRequest {
        id: Some(UploadId::new("mine").unwrap()),
        ..request(&file, model.transport(), policy(20 * KIB, 2))
    };
    let handle = driver.start(start.clone()).await.unwrap();
    let resume = |id: &str| {
        let source = Arc::new(FileSource::open(file.path()).unwrap());
        let id = UploadId::new(id).unwrap();
        driver.resume(ResumeRequest::new(id, Some(source), model.transport()))
    };
    let locked = resume("mine").await.unwrap_err();
    assert!(matches!(locked, StartError::Store(StoreError::Locked { .. })), "{locked}");
    let locked = driver.start(start.clone()).await.unwrap_err();
    assert!(matches!(locked, StartError::Store(StoreError::Locked { .. })), "{locked}");
    handle.cancel(Disposition::Keep);
    handle.wait().await.unwrap_err();
    let exists = driver.start(start).await.unwrap_err();
    assert!(matches!(exists, StartError::Exists { .. }), "{exists}");

    let missing = resume("yours").await.unwrap_err();
    assert!(matches!(missing, StartError::Store(StoreError::NotFound { .. })), "{missing}");
    assert_eq!(driver.uploads().await.unwrap().len(), 1, "asking leaves nothing behind");

    let path = directory.path().join("mine.json");
    let good = fs::read_to_string(&path).unwrap();
    let sent = model.log().len();
    for (bad, newer) in
        [(good.replacen("\"version\":1", "\"version\":2", 1), true), (good.replace('}', ""), false)]
    {
        fs::write(&path, &bad).unwrap();
        let error = resume("mine").await.unwrap_err();
        let as_expected = match &error {
            StartError::Store(StoreError::Newer { .. }) => newer,
            StartError::Store(StoreError::Damaged { .. }) => !newer,
            _ => false,
        };
        assert!(as_expected, "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), bad, "it is left as it is");
    }
    assert_eq!(model.log().len(), sent);
    fs::write(&path, good).unwrap();
    resume("mine").await.unwrap().wait().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_the_record_says_is_enough_to_go_on_and_holds_no_more() {
    let (file, _) = video(200 * KIB, 4);
    let model = Model::healthy().arc();
    let driver = driver(64 * KIB, 4 * KIB, MemoryStore::default());
    let destination = serde_json::json!({ "flavour": "v2", "category": "tweet_video" });
    let start = UploadRequest {
        destination: destination.clone(),
        ..request(&file, model.transport(), policy(20 * KIB, 2))
    };
    let handle = driver.start(start).await.unwrap();
    handle.cancel(Disposition::Keep);
    handle.wait().await.unwrap_err();
    let record = driver.uploads().await.unwrap().remove(0).record.unwrap();
    assert_eq!(record.destination, destination);
    assert_eq!(record.source.path(), Some(file.path()));
    assert_eq!(record.source.fingerprint.size, Some(200 * KIB as u64));
    assert!(record.source.fingerprint.modified.is_some());
    assert!(record.created_at <= record.updated_at);
    driver.forget(&record.id).await.unwrap();
    assert!(driver.uploads().await.unwrap().is_empty());
}

#[test]
fn settings_that_cannot_work_are_refused_with_their_numbers() {
    let error = Driver::builder().byte_budget(10).frame_size(20).build().unwrap_err();
    assert!(error.to_string().contains("10") && error.to_string().contains("20"));
    assert!(Driver::builder().frame_size(0).build().is_err());
    assert!(Driver::builder().read_ahead(0).build().is_err());
}
