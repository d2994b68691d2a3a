//! Crashes: the process dies at any moment, another goes on from the store.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chunkwise_core::Policy;
use chunkwise_driver::{
    CheckpointStore, Claim, Driver, FileSource, Listed, MemoryStore, Record, ResumeRequest, StoreError,
    UploadId, UploadRequest,
};
use tokio::runtime::Runtime;
use tokio::sync::Notify;

use crate::model::Model;
use crate::{KIB, driver, policy, request, video};

/// A store in which only so many writes ever come to an end; then the power fails.
#[derive(Clone, Debug)]
struct Crashing {
    inner: MemoryStore,
    writes: Arc<AtomicU32>,
    crash_after: u32,
    crashed: Arc<Notify>,
}

#[derive(Debug)]
struct CrashingClaim(Box<dyn Claim>, Crashing);

impl Crashing {
    fn after(writes: u32) -> Self {
        let (inner, crashed) = (MemoryStore::default(), Arc::default());
        Self { inner, writes: Arc::default(), crash_after: writes, crashed }
    }
}

#[async_trait]
impl CheckpointStore for Crashing {
    async fn claim(&self, id: &UploadId) -> Result<Box<dyn Claim>, StoreError> {
        Ok(Box::new(CrashingClaim(self.inner.claim(id).await?, self.clone())))
    }

    async fn list(&self) -> Result<Vec<Listed>, StoreError> {
        self.inner.list().await
    }
}

#[async_trait]
impl Claim for CrashingClaim {
    async fn load(&self) -> Result<Record, StoreError> {
        self.0.load().await
    }

    async fn save(&self, record: Record) -> Result<(), StoreError> {
        let Crashing { writes, crash_after, crashed, .. } = &self.1;
        let n = writes.fetch_add(1, Ordering::Relaxed) + 1;
        if n > *crash_after {
            crashed.notify_one();
            std::future::pending::<()>().await;
        }
        self.0.save(record).await?;
        if n == *crash_after {
            crashed.notify_one();
        }
        Ok(())
    }

    async fn delete(&self) -> Result<(), StoreError> {
        let Crashing { writes, crash_after, .. } = &self.1;
        if writes.load(Ordering::Relaxed) >= *crash_after {
            std::future::pending::<()>().await;
        }
        self.0.delete().await
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

/// Resumes what the store has, over the same server, with the same driver: what leaked before would be missed.
/// Returns the indexes that were sent again although the checkpoint held them as stored.
fn resume(driver: &Driver, model: &Arc<Model>, file: &tempfile::NamedTempFile, policy: Policy) -> Vec<u32> {
    runtime().block_on(async {
        let sent = model.log().len();
        let mut listed = driver.uploads().await.unwrap();
        let Some(listed) = listed.pop() else {
            // It died before anything was written, and so before anything was sent; or after the end.
            assert!(model.log().is_empty() || model.objects().len() == 1);
            return Vec::new();
        };
        let record = listed.record.unwrap();
        let source = Arc::new(FileSource::open(file.path()).unwrap());
        let request = ResumeRequest {
            policy,
            seed: Some(9),
            ..ResumeRequest::new(record.id, Some(source), model.transport())
        };
        let upload = async { driver.resume(request).await.unwrap().wait().await.unwrap() };
        tokio::time::timeout(Duration::from_secs(3600), upload)
            .await
            .expect("it does not wait for what leaked");
        let log = model.log();
        let again = log[sent..].iter().filter_map(|logged| logged.segment);
        again
            .filter(|segment| {
                record.checkpoint.stored_ranges().is_some_and(|held| held.contains(segment.range))
            })
            .map(|segment| segment.index.get())
            .collect()
    })
}

#[test]
fn a_crash_at_every_checkpoint_write_costs_no_segment_that_was_recorded() {
    let (file, content) = video(200 * KIB, 1);
    for writes in 1.. {
        let store = Crashing::after(writes);
        let model = Model::healthy().frame_time(Duration::from_millis(300)).arc();
        let first = driver(64 * KIB, 4 * KIB, store.clone());
        let process = runtime();
        let done = process.block_on(async {
            let handle = first.start(request(&file, model.transport(), policy(20 * KIB, 2))).await.unwrap();
            tokio::select! {
                biased;
                () = store.crashed.notified() => false,
                result = handle.wait() => result.is_ok(),
            }
        });
        drop(process);
        drop(first);
        if done {
            assert!(writes > 3, "there were only {writes} writes to crash at");
            break;
        }
        let second = driver(64 * KIB, 4 * KIB, store.inner.clone());
        let again = resume(&second, &model, &file, policy(20 * KIB, 2));
        assert_eq!(again, [0; 0], "crashed after write {writes}");
        assert!(model.object() == content, "crashed after write {writes}");
        assert!(runtime().block_on(second.uploads()).unwrap().is_empty());
    }
}

/// The futures of an upload are dropped wherever they happen to wait: so many milliseconds into it, and then after
/// so many more turns of the scheduler.
#[test]
fn dropped_at_every_await_it_leaks_nothing_and_can_be_resumed() {
    let (file, content) = video(60 * KIB, 2);
    let (mut cuts, mut ended) = (0, false);
    for millis in 0.. {
        if ended {
            break;
        }
        for turns in 0..8 {
            let model = Model::healthy().frame_time(Duration::from_millis(2)).arc();
            // A budget that a single leaked place would bring to a standstill.
            let driver = driver(3 * 4 * KIB, 4 * KIB, MemoryStore::default());
            let process = runtime();
            let (file, policy) = (&file, policy(20 * KIB, 2));
            ended = process.block_on(async {
                let upload = async {
                    let handle =
                        driver.start(request(file, model.transport(), policy.clone())).await.unwrap();
                    handle.wait().await.unwrap();
                };
                let cut = async {
                    tokio::time::sleep(Duration::from_millis(millis)).await;
                    for _ in 0..turns {
                        tokio::task::yield_now().await;
                    }
                };
                tokio::select! {
                    () = upload => true,
                    () = cut => false,
                }
            });
            drop(process);
            if ended {
                break;
            }
            cuts += 1;
            runtime().block_on(crate::settled(&driver));
            resume(&driver, &model, file, policy);
            if !model.log().is_empty() {
                assert!(model.object() == content, "cut after {millis} ms and {turns} turns");
            }
        }
    }
    assert!(cuts > 100, "only {cuts} cuts");
}

/// The same upload under the same name in two processes: the second is refused until the first is gone.
#[test]
fn a_process_that_dies_lets_go_of_its_upload() {
    let (file, content) = video(60 * KIB, 3);
    let directory = tempfile::tempdir().unwrap();
    let store = || chunkwise_driver::DirectoryStore::new(directory.path());
    let model = Model::healthy().frame_time(Duration::from_secs(3)).arc();
    let first = driver(64 * KIB, 4 * KIB, store());
    let id = UploadId::new("mine").unwrap();
    let process = runtime();
    let handle = process.block_on(async {
        let start =
            UploadRequest { id: Some(id.clone()), ..request(&file, model.transport(), policy(20 * KIB, 2)) };
        let handle = first.start(start).await.unwrap();
        tokio::time::sleep(Duration::from_secs(10)).await;
        handle
    });
    let second = driver(64 * KIB, 4 * KIB, store());
    let locked = runtime().block_on(second.forget(&id));
    assert!(matches!(locked, Err(StoreError::Locked { .. })));
    drop(process);
    drop(handle);
    drop(first);
    resume(&second, &model, &file, policy(20 * KIB, 2));
    assert!(model.object() == content);
}
