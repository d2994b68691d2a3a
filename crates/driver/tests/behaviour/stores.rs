//! Checkpoint stores that fail, are slow, or hang: the two barriers wait for them, and nothing else does.

use std::sync::Arc;
use std::time::Duration;

use chunkwise_core::{Disposition, ErrorKind, Event, Fault, Kept, OperationKind, Policy};
use chunkwise_driver::{
    CheckpointStore as _, Driver, DriverError, Left, ResumeRequest, StartError, StoreError, UploadId,
    UploadRequest, WhenDone,
};
use futures::StreamExt as _;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::model::Model;
use crate::paper::{Disk, MockPaper, Save, Written, full, unreadable};
use crate::wire::{self, Wire};
use crate::{KIB, driver, failure, policy, request, video};

fn mine() -> UploadId {
    UploadId::new("mine").unwrap()
}

fn well() -> Arc<Wire> {
    Wire::new(wire::MockScript::new().otherwise_well()).arc()
}

fn over(store: Disk) -> Driver {
    driver(256 * KIB, 4 * KIB, store)
}

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn a_store_that_cannot_be_read_or_is_locked_is_told_and_nothing_is_sent() {
    let (file, _) = video(60 * KIB, 1);
    let wire = well();
    for start in [false, true] {
        for (locked, name) in [(true, "locked"), (false, "unreadable")] {
            let mut paper = MockPaper::new();
            let claim = paper.expect_claim();
            if locked {
                claim.times(1).returning(|| Err(StoreError::Locked { id: mine() }));
                paper.expect_load().never();
            } else {
                claim.returning(|| Ok(()));
                paper.expect_load().times(1).returning(|| Err(unreadable(mine())));
            }
            paper.expect_save().never();
            paper.expect_delete().never();
            let store = paper.bare_store();
            let driver = over(store.clone());
            let request = request(&file, wire.clone(), policy(20 * KIB, 2));
            let error = if start {
                driver.start(UploadRequest { id: Some(mine()), ..request }).await.unwrap_err()
            } else {
                let source = Some(request.source);
                driver.resume(ResumeRequest::new(mine(), source, wire.clone())).await.unwrap_err()
            };
            let as_expected = match &error {
                StartError::Store(StoreError::Locked { .. }) => locked,
                StartError::Store(StoreError::Unreadable { .. }) => !locked,
                _ => false,
            };
            assert!(as_expected, "{name}, start: {start}: {error}");
            store.inner.claim(&mine()).await.expect("the name is let go of");
        }
    }
    assert_eq!(wire.count(OperationKind::Init), 0);
}

/// Each barrier is tried three times; what is between them, as often as there is something new.
#[tokio::test(start_paused = true)]
async fn a_write_that_fails_is_tried_again_and_a_barrier_three_times() {
    for barrier in [Written::Session, Written::Finalize] {
        for failures in 1..=3 {
            let (file, _) = video(60 * KIB, 2);
            let mut paper = MockPaper::new_readable();
            paper.on(barrier, failures..=failures, || Save::Full);
            let store = paper.store();
            let (driver, wire) = (over(store.clone()), well());
            let handle = driver.start(request(&file, wire.clone(), policy(20 * KIB, 1))).await.unwrap();
            let events = handle.events().collect::<Vec<_>>();
            let (result, events) = tokio::join!(handle.wait(), events);
            let told = events.iter().filter(|event| matches!(event, Event::PersistFailed)).count();
            if failures < 3 {
                result.unwrap();
                assert_eq!(told, failures, "{barrier:?}");
                continue;
            }
            let Err(DriverError::Upload { error, left, .. }) = result else { panic!("{result:?}") };
            assert!(matches!(*error.kind, ErrorKind::Persist), "{error}");
            assert_eq!(error.kind.fault(), Fault::Machine);
            assert_eq!(wire.count(OperationKind::Finalize), 0);
            crate::settled(&driver).await;
            if barrier == Written::Session {
                // A session that nobody would know of after a crash is not kept, neither here nor there.
                assert_eq!(error.kept, Kept::Nothing);
                assert!(matches!(left, Left::Nothing), "{left:?}");
                assert_eq!((wire.count(OperationKind::Append), wire.count(OperationKind::Abort)), (0, 1));
                assert!(driver.uploads().await.unwrap().is_empty());
                continue;
            }
            assert_eq!(error.kept, Kept::Checkpoint);
            assert!(matches!(left, Left::Checkpoint(_)), "the last write went well: {left:?}");
            assert_eq!(wire.count(OperationKind::Append), 3);

            let id = driver.uploads().await.unwrap().remove(0).id;
            let source = Some(request(&file, wire.clone(), policy(20 * KIB, 1)).source);
            let resume = ResumeRequest::new(id, source, wire.clone());
            driver.resume(resume).await.unwrap().wait().await.unwrap();
            assert_eq!(wire.count(OperationKind::Append), 3, "what is recorded as stored is not sent again");
            assert_eq!(wire.count(OperationKind::Init), 1);
        }
    }
}

/// A disk that is full from the first segment on: all is sent, and the way ends before Finalize.
#[tokio::test(start_paused = true)]
async fn writes_between_the_barriers_may_fail_for_ever_and_only_finalize_does_not_go() {
    let (file, _) = video(100 * KIB, 3);
    let mut paper = MockPaper::new_readable();
    paper.on(Written::Between, 1..=1000, || Save::Full);
    paper.on(Written::Finalize, 4..=4, || Save::Full);
    let store = paper.store();
    let (driver, wire) = (over(store.clone()), well());
    let handle = driver.start(request(&file, wire.clone(), policy(20 * KIB, 1))).await.unwrap();
    let id = handle.id().clone();
    let error = handle.wait().await.unwrap_err();
    let DriverError::Upload { error, left, .. } = error else { panic!("{error}") };
    assert!(matches!(*error.kind, ErrorKind::Persist), "{error}");
    assert!(matches!(left, Left::EarlierCheckpoint(_, StoreError::Unwritable { .. })), "{left:?}");
    assert_eq!((wire.count(OperationKind::Append), wire.count(OperationKind::Finalize)), (5, 0));

    // The session is on disk, and no more: every segment goes again, to the same session.
    let source = Some(request(&file, wire.clone(), policy(20 * KIB, 1)).source);
    driver.resume(ResumeRequest::new(id, source, wire.clone())).await.unwrap().wait().await.unwrap();
    assert_eq!((wire.count(OperationKind::Append), wire.count(OperationKind::Init)), (10, 1));
}

#[tokio::test(start_paused = true)]
async fn the_first_data_waits_for_the_session_on_disk_and_finalize_for_its_record() {
    let (file, _) = video(100 * KIB, 4);
    let mut paper = MockPaper::new_readable();
    paper.on(Written::Session, 1..=1, || Save::After(MINUTE));
    paper.on(Written::Finalize, 1..=1, || Save::After(2 * MINUTE));
    let store = paper.store();
    let (driver, wire) = (over(store.clone()), well());
    let handle = driver.start(request(&file, wire.clone(), policy(20 * KIB, 2))).await.unwrap();
    handle.wait().await.unwrap();
    let first = |kind| wire.exchanges(kind)[0].began;
    let (session, finalize) =
        (store.written(Written::Session).unwrap(), store.written(Written::Finalize).unwrap());
    assert!(session - first(OperationKind::Init) >= MINUTE);
    assert!(first(OperationKind::Append) >= session);
    let last = wire.exchanges(OperationKind::Append).last().unwrap().ended.unwrap().0;
    assert!(finalize - last >= 2 * MINUTE);
    assert!(first(OperationKind::Finalize) >= finalize);
}

#[tokio::test(start_paused = true)]
async fn appends_go_on_while_a_write_between_the_barriers_hangs() {
    let (file, content) = video(400 * KIB, 5);
    let release = Arc::new(Notify::new());
    let hang = Arc::clone(&release);
    let mut paper = MockPaper::new_readable();
    paper
        .expect_save()
        .withf(|record| Written::of(record) == Written::Between)
        .times(1)
        .returning(move |_| Save::Hang(Arc::clone(&hang)));
    let store = paper.store();
    let model = Model::healthy().arc();
    let driver = over(store.clone());
    let handle = driver.start(request(&file, model.transport(), policy(20 * KIB, 2))).await.unwrap();
    let all = content.len() as u64;
    handle.progress().wait_for(|progress| progress.stored == all).await.unwrap();
    assert_eq!(store.written(Written::Between), None, "the write still hangs");
    tokio::time::sleep(10 * MINUTE).await;
    assert_eq!(
        model.count(OperationKind::Finalize),
        0,
        "Finalize waits for its record, and that for the write"
    );
    release.notify_one();
    handle.wait().await.unwrap();
    assert!(model.object() == content);
    assert_eq!(model.count(OperationKind::Append), 20);
}

/// A write that has begun must not be overtaken by the last one: whoever ends waits for it.
#[tokio::test(start_paused = true)]
async fn an_upload_that_ends_waits_for_the_write_under_way() {
    type Ending = (&'static str, fn(&Driver, &chunkwise_driver::UploadHandle));
    let endings: [Ending; 3] = [
        ("its deadline strikes", |_, _| {}),
        ("it is cancelled", |_, handle| handle.cancel(Disposition::Keep)),
        ("the driver is shut down", |driver, _| {
            let driver = driver.clone();
            tokio::spawn(async move { driver.shutdown().await });
        }),
    ];
    for (name, end) in endings {
        let (file, _) = video(400 * KIB, 6);
        let mut paper = MockPaper::new_readable();
        paper.on(Written::Between, 1..=1, || Save::After(100 * MINUTE));
        let store = paper.store();
        let model = Model::healthy().frame_time(Duration::from_secs(10)).arc();
        let driver = over(store.clone());
        let policy = Policy { deadline: 10 * MINUTE, ..policy(20 * KIB, 2) };
        let handle = driver.start(request(&file, model.transport(), policy)).await.unwrap();
        let begin = Instant::now();
        handle.progress().wait_for(|progress| progress.stored >= 60 * KIB as u64).await.unwrap();
        let held = driver.budget().in_use;
        assert!(held > 0, "{name}");
        end(&driver, &handle);
        tokio::time::sleep(20 * MINUTE).await;
        // It has let go of all but the record.
        assert_eq!(driver.budget().in_use, 0, "{name}");
        let sent = model.count(OperationKind::Append);
        let error = handle.wait().await.unwrap_err();
        let DriverError::Upload { left, .. } = error else { panic!("{name}: {error}") };
        assert!(matches!(left, Left::Checkpoint(_)), "{name}: {left:?}");
        assert!(begin.elapsed() >= 100 * MINUTE, "{name}: {:?}", begin.elapsed());
        assert_eq!(model.count(OperationKind::Append), sent, "{name}: nothing is sent any more");
        let record = driver.uploads().await.unwrap().remove(0).record.unwrap();
        assert!(record.checkpoint.stored() >= 60 * KIB as u64, "{name}: the last record wins");
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_that_cannot_be_removed_costs_no_result() {
    let (file, _) = video(60 * KIB, 7);
    let mut paper = MockPaper::new();
    paper.expect_claim().returning(|| Ok(()));
    paper.expect_load().returning(|| Ok(()));
    paper.expect_delete().times(1).returning(|| Err(full(mine())));
    paper.expect_delete().times(1).returning(|| Ok(()));
    let store = paper.store();
    let (driver, wire) = (over(store.clone()), well());
    let start =
        UploadRequest { when_done: WhenDone::Forget, ..request(&file, wire.clone(), policy(20 * KIB, 2)) };
    driver.start(start).await.unwrap().wait().await.unwrap();
    let left = driver.uploads().await.unwrap().remove(0);
    assert_eq!(left.driven, chunkwise_driver::Driven::Idle);
    driver.forget(&left.id).await.unwrap();
    assert!(driver.uploads().await.unwrap().is_empty());
}

/// A bug in a store is its upload's: it ends, the name is free, the bytes are back, and others go on.
#[tokio::test(start_paused = true)]
async fn a_store_that_panics_ends_its_own_upload_only() {
    let ((file, _), (other, content)) = (video(400 * KIB, 8), video(400 * KIB, 9));
    for written in [Written::Session, Written::Between, Written::Finalize] {
        let mut paper = MockPaper::new_readable();
        paper
            .expect_save()
            .withf(move |record| record.id == mine() && Written::of(record) == written)
            .times(1)
            .returning(|_| Save::Panic);
        let store = paper.store();
        let (one, two) = (Model::healthy().account("a").arc(), Model::healthy().account("a").arc());
        let driver = over(store.clone());
        let start =
            UploadRequest { id: Some(mine()), ..request(&file, one.transport(), policy(20 * KIB, 2)) };
        let broken = driver.start(start).await.unwrap();
        let healthy = driver.start(request(&other, two.transport(), policy(20 * KIB, 2))).await.unwrap();
        let error = broken.wait().await.unwrap_err();
        assert!(matches!(&error, DriverError::Panicked(why) if why.contains("a bug in a store")), "{error}");
        healthy.wait().await.unwrap();
        assert!(two.object() == content);
        crate::settled(&driver).await;
        let source = Some(request(&file, one.transport(), policy(20 * KIB, 2)).source);
        driver
            .resume(ResumeRequest::new(mine(), source, one.transport()))
            .await
            .unwrap()
            .wait()
            .await
            .unwrap();
        assert_eq!(one.objects().len(), 1, "{written:?}");
    }
}

/// The first record can't be written: no handle, nothing sent, nothing left.
#[tokio::test(start_paused = true)]
async fn a_first_write_that_fails_or_is_given_up_leaves_the_name_free() {
    let (file, _) = video(60 * KIB, 10);
    let release = Arc::new(Notify::new());
    let hang = Arc::clone(&release);
    let mut paper = MockPaper::new_readable();
    paper.expect_save().times(1).returning(|_| Save::Full);
    paper.expect_save().times(1).returning(move |_| Save::Hang(Arc::clone(&hang)));
    let store = paper.store();
    let (driver, wire) = (over(store.clone()), well());
    let start = || {
        let request = request(&file, wire.clone(), policy(20 * KIB, 2));
        driver.start(UploadRequest { id: Some(mine()), ..request })
    };
    let error = start().await.unwrap_err();
    assert!(matches!(error, StartError::Store(StoreError::Unwritable { .. })), "{error}");
    assert!(tokio::time::timeout(MINUTE, start()).await.is_err(), "it hangs, and is dropped");
    assert_eq!(wire.count(OperationKind::Init), 0);
    assert!(driver.uploads().await.unwrap().is_empty());
    let handle = start().await.unwrap();
    handle.cancel(Disposition::Keep);
    let (error, _) = failure(handle).await;
    assert!(matches!(*error.kind, ErrorKind::Cancelled), "{error}");
}
