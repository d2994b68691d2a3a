//! Pause, resume, cancel, drop, shut down.

use std::time::Duration;

use chunkwise_core::{Discard, Disposition, ErrorKind, Kept, OperationKind};
use chunkwise_driver::{
    DirectoryStore, Driven, DriverError, FileSource, Left, MemoryStore, ResumeRequest, StartError,
    UploadHandle,
};

use crate::model::{Fault, Model};
use crate::{KIB, driver, failure, policy, request, video};

/// Waits until so much is stored.
async fn stored(handle: &UploadHandle, bytes: usize) {
    let mut progress = handle.progress();
    progress.wait_for(|progress| progress.stored >= bytes as u64).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_pause_starts_nothing_new_and_ends() {
    let (file, content) = video(400 * KIB, 1);
    let model = Model::healthy().frame_time(Duration::from_millis(100)).arc();
    let driver = driver(64 * KIB, 4 * KIB, MemoryStore::default());
    let handle = driver.start(request(&file, model.transport(), policy(40 * KIB, 2))).await.unwrap();
    stored(&handle, 80 * KIB).await;
    handle.pause();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let paused = model.count(OperationKind::Append);
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(model.count(OperationKind::Append), paused);
    assert_eq!(model.dropped(), 0, "what was in flight finished");
    handle.resume();
    handle.wait().await.unwrap();
    assert!(model.object() == content);
}

#[tokio::test(start_paused = true)]
async fn cancelled_to_be_kept_it_can_be_resumed_and_sends_nothing_twice() {
    let (file, content) = video(400 * KIB, 2);
    let model = Model::healthy().arc();
    let directory = tempfile::tempdir().unwrap();
    let driver = driver(64 * KIB, 4 * KIB, DirectoryStore::new(directory.path()));
    let handle = driver.start(request(&file, model.transport(), policy(40 * KIB, 2))).await.unwrap();
    let id = handle.id().clone();
    stored(&handle, 120 * KIB).await;
    handle.cancel(Disposition::Keep);
    let error = handle.wait().await.unwrap_err();
    let DriverError::Upload { error, left, .. } = error else { panic!("{error}") };
    assert!(matches!(*error.kind, ErrorKind::Cancelled));
    assert!(matches!(left, Left::Checkpoint(kept) if kept == id));
    crate::settled(&driver).await;

    let held = driver.uploads().await.unwrap().remove(0).record.unwrap().checkpoint;
    let source = FileSource::open(file.path()).unwrap();
    let sent = model.log().len();
    let resume = ResumeRequest {
        policy: policy(40 * KIB, 2),
        ..ResumeRequest::new(id, Some(std::sync::Arc::new(source)), model.transport())
    };
    driver.resume(resume).await.unwrap().wait().await.unwrap();
    assert!(model.object() == content);
    assert_eq!(model.sessions(), 1);
    let stored = held.stored_ranges().unwrap();
    for again in model.log()[sent..].iter().filter_map(|logged| logged.segment) {
        assert!(!stored.contains(again.range), "{again:?} was stored and is sent again");
    }
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[tokio::test(start_paused = true)]
async fn cancelled_to_be_discarded_the_server_forgets_and_nothing_is_left() {
    let (file, _) = video(400 * KIB, 3);
    let model = Model::healthy().arc();
    let driver = driver(64 * KIB, 4 * KIB, MemoryStore::default());
    let handle = driver.start(request(&file, model.transport(), policy(40 * KIB, 2))).await.unwrap();
    stored(&handle, 120 * KIB).await;
    handle.cancel(Disposition::Discard);
    let (error, _) = failure(handle).await;
    assert!(matches!(*error.kind, ErrorKind::Discarded(Discard::Confirmed)), "{error}");
    assert_eq!(model.aborted(), 1);
    assert!(driver.uploads().await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_abort_that_is_owed_is_paid_later_without_the_source() {
    let (file, _) = video(400 * KIB, 4);
    let aborts_fail = |call: crate::model::Call| match call.kind {
        OperationKind::Abort => Fault::unreachable(),
        _ => Fault::None,
    };
    let failing = Model::new(aborts_fail).arc();
    let store = MemoryStore::default();
    let driver = driver(64 * KIB, 4 * KIB, store);
    let handle = driver.start(request(&file, failing.transport(), policy(40 * KIB, 2))).await.unwrap();
    let id = handle.id().clone();
    stored(&handle, 120 * KIB).await;
    handle.cancel(Disposition::Discard);
    let (error, _) = failure(handle).await;
    assert!(matches!(*error.kind, ErrorKind::Discarded(Discard::Unconfirmed { .. })), "{error}");
    let listed = driver.uploads().await.unwrap().remove(0);
    assert!(listed.record.unwrap().checkpoint.abort_owed());
    drop(file);

    // The same session on a server that works again: only the Abort is sent.
    let working = Model::healthy().arc();
    let other = video(400 * KIB, 4);
    let session = driver.start(request(&other.0, working.transport(), policy(40 * KIB, 2))).await.unwrap();
    stored(&session, 40 * KIB).await;
    drop(session);
    let sent = working.log().len();
    let handle = driver.resume(ResumeRequest::new(id, None, working.transport())).await.unwrap();
    let (error, _) = failure(handle).await;
    assert!(matches!(*error.kind, ErrorKind::Discarded(Discard::Confirmed)), "{error}");
    assert_eq!(error.kept, Kept::Nothing);
    assert!(working.log()[sent..].iter().any(|logged| logged.kind == OperationKind::Abort));
}

#[tokio::test(start_paused = true)]
async fn dropping_the_handle_keeps_the_upload() {
    let (file, content) = video(400 * KIB, 5);
    let model = Model::healthy().arc();
    let driver = driver(64 * KIB, 4 * KIB, MemoryStore::default());
    let handle = driver.start(request(&file, model.transport(), policy(40 * KIB, 2))).await.unwrap();
    let (id, control) = (handle.id().clone(), handle.control());
    stored(&handle, 120 * KIB).await;
    drop(handle);
    control.resume();
    driver.shutdown().await;
    let listed = driver.uploads().await.unwrap().remove(0);
    assert!(listed.record.unwrap().checkpoint.stored() >= 120 * KIB as u64);
    crate::settled(&driver).await;
    assert!(model.objects().is_empty());

    let request_again = request(&file, model.transport(), policy(40 * KIB, 2));
    assert!(matches!(driver.start(request_again).await, Err(StartError::ShutDown)));
    let source = request(&file, model.transport(), policy(40 * KIB, 2)).source;
    let resume = ResumeRequest::new(id, Some(source), model.transport());
    assert!(matches!(driver.resume(resume).await, Err(StartError::ShutDown)));
    let _ = content;
}

#[tokio::test(start_paused = true)]
async fn waiting_can_be_given_up_by_dropping_it() {
    let (file, _) = video(400 * KIB, 6);
    let model = Model::healthy().frame_time(Duration::from_secs(5)).arc();
    let driver = driver(64 * KIB, 4 * KIB, MemoryStore::default());
    let handle = driver.start(request(&file, model.transport(), policy(40 * KIB, 2))).await.unwrap();
    assert!(tokio::time::timeout(Duration::from_secs(20), handle.wait()).await.is_err());
    driver.shutdown().await;
    assert_eq!(driver.uploads().await.unwrap().len(), 1);
    assert_eq!(model.dropped(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_for_every_last_checkpoint() {
    let videos: Vec<_> = (0..3).map(|i| video(400 * KIB, i + 1)).collect();
    let model = Model::healthy().arc();
    let directory = tempfile::tempdir().unwrap();
    let driver = driver(64 * KIB, 4 * KIB, DirectoryStore::new(directory.path()));
    let mut handles = Vec::new();
    for (file, _) in &videos {
        handles.push(driver.start(request(file, model.transport(), policy(40 * KIB, 2))).await.unwrap());
    }
    stored(&handles[0], 80 * KIB).await;
    driver.shutdown().await;
    for handle in handles {
        let (error, _) = failure(handle).await;
        assert!(matches!(*error.kind, ErrorKind::Cancelled));
    }
    assert_eq!(driver.uploads().await.unwrap().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn without_its_source_an_upload_stays_resumable() {
    let (file, content) = video(400 * KIB, 7);
    let model = Model::healthy().arc();
    let driver = driver(64 * KIB, 4 * KIB, MemoryStore::default());
    let handle = driver.start(request(&file, model.transport(), policy(40 * KIB, 2))).await.unwrap();
    let id = handle.id().clone();
    stored(&handle, 120 * KIB).await;
    drop(handle);
    // The name is free once the last checkpoint is written.
    while driver.uploads().await.unwrap()[0].driven == Driven::Running {
        tokio::task::yield_now().await;
    }
    let resume = |source| driver.resume(ResumeRequest::new(id.clone(), source, model.transport()));
    let error = resume(None).await.unwrap().wait().await.unwrap_err();
    assert!(error.to_string().contains("the source is needed"), "{error}");
    assert!(matches!(error, DriverError::Upload { left: Left::Checkpoint(_), .. }));
    let source = request(&file, model.transport(), policy(40 * KIB, 2)).source;
    resume(Some(source)).await.unwrap().wait().await.unwrap();
    assert!(model.object() == content);
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_panics_ends_its_own_upload_and_the_checkpoint_is_kept() {
    let (file, content) = video(400 * KIB, 8);
    let panics = |call: crate::model::Call| match (call.kind, call.nth) {
        (OperationKind::Append, 5) => panic!("a bug in a transport"),
        _ => Fault::None,
    };
    let buggy = Model::new(panics).arc();
    let healthy = Model::healthy().arc();
    let driver = driver(64 * KIB, 4 * KIB, MemoryStore::default());
    let handle = driver.start(request(&file, buggy.transport(), policy(40 * KIB, 2))).await.unwrap();
    let other = driver.start(request(&file, healthy.transport(), policy(40 * KIB, 2))).await.unwrap();
    let id = handle.id().clone();
    assert!(matches!(handle.wait().await, Err(DriverError::Panicked(_))));
    other.wait().await.unwrap();
    assert!(healthy.object() == content);
    crate::settled(&driver).await;
    let source = request(&file, buggy.transport(), policy(40 * KIB, 2)).source;
    let resume = ResumeRequest::new(id, Some(source), buggy.transport());
    driver.resume(resume).await.unwrap().wait().await.unwrap();
    assert!(buggy.object() == content);
}
