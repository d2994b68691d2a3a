//! Uploads that have ended well and whose record was to be kept: their result is not lost.

use std::fs;
use std::time::Duration;

use chunkwise_core::{OperationKind, Progress, Timestamp};
use chunkwise_driver::{
    CheckpointStore as _, DirectoryStore, Driver, FileSource, MemoryStore, Record, ResumeRequest, StoreError,
    UploadId, UploadRequest, WhenDone,
};
use futures::StreamExt as _;

use crate::checkpoints::Filling;
use crate::model::Model;
use crate::{KIB, driver, policy, request, video};

const SIZE: usize = 100 * KIB;

fn kept(start: UploadRequest) -> UploadRequest {
    UploadRequest { id: Some(UploadId::new("mine").unwrap()), when_done: WhenDone::Keep, ..start }
}

async fn records(driver: &Driver) -> usize {
    driver.uploads().await.unwrap().len()
}

#[tokio::test(start_paused = true)]
async fn a_result_is_kept_until_it_is_forgotten_and_given_again_without_source_or_server() {
    let (file, content) = video(SIZE, 1);
    let directory = tempfile::tempdir().unwrap();
    let model = Model::healthy().arc();
    let before = driver(64 * KIB, 4 * KIB, DirectoryStore::new(directory.path()));
    let start = kept(request(&file, model.transport(), policy(20 * KIB, 2)));
    let completed = before.start(start).await.unwrap().wait().await.unwrap();
    fs::remove_file(file.path()).unwrap();

    // As another process finds it.
    let after = driver(64 * KIB, 4 * KIB, DirectoryStore::new(directory.path()));
    let listed = after.uploads().await.unwrap().remove(0);
    let record = listed.record.unwrap();
    assert!(!record.needs_source());
    assert_eq!(record.finished.unwrap().result, completed.result);
    let asked = model.log().len();
    for _ in 0..2 {
        let mut resume = ResumeRequest::new(listed.id.clone(), None, model.transport());
        resume.when_done = WhenDone::Keep;
        let handle = after.resume(resume).await.unwrap();
        let Progress { total, sent, stored, committed, processed, .. } = *handle.progress().borrow();
        let size = SIZE as u64;
        assert_eq!((total, sent, stored, committed, processed.get()), (Some(size), size, size, size, 100));
        assert_eq!(handle.events().count().await, 0, "nothing happens any more");
        assert!(handle.progress().changed().await.is_err());
        assert_eq!(handle.wait().await.unwrap(), completed);
        assert_eq!(records(&after).await, 1);
    }
    assert_eq!(model.log().len(), asked, "the server is not asked");
    assert!(model.object() == content);

    after.forget(&listed.id).await.unwrap();
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    let gone = after.resume(ResumeRequest::new(listed.id, None, model.transport())).await.unwrap_err();
    assert!(matches!(gone, chunkwise_driver::StartError::Store(StoreError::NotFound { .. })), "{gone}");
}

#[tokio::test(start_paused = true)]
async fn a_handle_of_a_finished_upload_does_not_claim_it() {
    let (file, _) = video(SIZE, 2);
    let model = Model::healthy().arc();
    let driver = driver(64 * KIB, 4 * KIB, MemoryStore::default());
    let start = kept(request(&file, model.transport(), policy(20 * KIB, 2)));
    let id = UploadId::new("mine").unwrap();
    driver.start(start).await.unwrap().wait().await.unwrap();
    let mut resume = ResumeRequest::new(id.clone(), None, model.transport());
    resume.when_done = WhenDone::Keep;
    let handle = driver.resume(resume.clone()).await.unwrap();
    drop(driver.resume(resume).await.unwrap());
    driver.forget(&id).await.unwrap();
    handle.wait().await.unwrap();
    assert_eq!(records(&driver).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_record_is_removed_at_the_end_unless_it_was_to_be_kept() {
    let model = Model::healthy().arc();
    let driver = driver(64 * KIB, 4 * KIB, MemoryStore::default());
    let (file, _) = video(SIZE, 3);
    let start = request(&file, model.transport(), policy(20 * KIB, 2));
    driver.start(start.clone()).await.unwrap().wait().await.unwrap();
    assert_eq!(records(&driver).await, 0);

    // Resumed by somebody who does not want it kept.
    driver.start(kept(start)).await.unwrap().wait().await.unwrap();
    assert_eq!(records(&driver).await, 1);
    let id = UploadId::new("mine").unwrap();
    driver.resume(ResumeRequest::new(id, None, model.transport())).await.unwrap().wait().await.unwrap();
    assert_eq!(records(&driver).await, 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_resumed_to_its_end_is_kept_as_well() {
    let (file, _) = video(SIZE, 4);
    let model = Model::healthy().frame_time(Duration::from_secs(1)).arc();
    let driver = driver(64 * KIB, 4 * KIB, MemoryStore::default());
    let id = UploadId::new("mine").unwrap();
    let handle = driver.start(kept(request(&file, model.transport(), policy(20 * KIB, 2)))).await.unwrap();
    handle.cancel(chunkwise_core::Disposition::Keep);
    handle.wait().await.unwrap_err();
    let record = driver.uploads().await.unwrap().remove(0).record.unwrap();
    assert_eq!(record.finished, None);
    let source = std::sync::Arc::new(FileSource::open(file.path()).unwrap());
    let mut resume = ResumeRequest::new(id, Some(source), model.transport());
    resume.when_done = WhenDone::Keep;
    let completed = driver.resume(resume).await.unwrap().wait().await.unwrap();
    let record = driver.uploads().await.unwrap().remove(0).record.unwrap();
    assert_eq!(record.finished.unwrap().result, completed.result);
    assert_eq!(model.count(OperationKind::Finalize), 1);
}

#[tokio::test(start_paused = true)]
async fn an_expired_result_is_swept_away_and_no_other() {
    let (file, _) = video(SIZE, 5);
    let model = Model::healthy().arc();
    let store = MemoryStore::default();
    let driver = driver(64 * KIB, 4 * KIB, store.clone());
    let start = kept(request(&file, model.transport(), policy(20 * KIB, 2)));
    driver.start(start).await.unwrap().wait().await.unwrap();
    assert!(driver.forget_expired(Duration::ZERO).await.unwrap().is_empty());

    let id = UploadId::new("mine").unwrap();
    let claim = store.claim(&id).await.unwrap();
    let record = claim.load().await.unwrap();
    claim.save(Record { expires_at: Some(Timestamp::from_secs(1)), ..record }).await.unwrap();
    drop(claim);
    assert_eq!(driver.forget_expired(Duration::ZERO).await.unwrap(), [id]);
    assert_eq!(records(&driver).await, 0);
}

/// The first number of writes with which an upload ends well is one too few to keep its result.
#[tokio::test(start_paused = true)]
async fn a_result_that_cannot_be_kept_counts_all_the_same() {
    let (file, content) = video(SIZE, 6);
    for room in 1.. {
        let model = Model::healthy().arc();
        let driver = driver(64 * KIB, 4 * KIB, Filling::with_room_for(room));
        let start = kept(request(&file, model.transport(), policy(20 * KIB, 2)));
        if driver.start(start).await.unwrap().wait().await.is_err() {
            continue;
        }
        assert!(model.object() == content);
        let record = driver.uploads().await.unwrap().remove(0).record.unwrap();
        assert_eq!(record.finished, None, "what is there is the checkpoint of before");
        return;
    }
}
