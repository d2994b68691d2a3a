//! Whole uploads: byte for byte, within window and budget, and to an end whatever the sizes.

use std::time::Duration;

use chunkwise_core::{Event, OperationKind, Phase};
use chunkwise_driver::{BytesSource, Driver, MemoryStore, UploadRequest};
use futures::StreamExt as _;
use futures::future::join_all;

use crate::model::{Fault, Model};
use crate::{KIB, driver, policy, request, video};

/// An embedder may run all of it in a spawned task.
#[tokio::test(start_paused = true)]
async fn starting_and_waiting_can_be_spawned() {
    let model = Model::healthy().arc();
    let (source, driver) = (BytesSource::new(crate::content(3 * KIB, 1)), Driver::default());
    let request = UploadRequest::new(source, model.transport());
    let upload = tokio::spawn(async move { driver.start(request).await.unwrap().wait().await });
    assert!(upload.await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_file_goes_up_byte_for_byte() {
    let (file, content) = video(1000 * KIB + 77, 1);
    let model = Model::healthy().arc();
    let store = MemoryStore::default();
    let driver = driver(512 * KIB, 16 * KIB, store);
    let handle = driver.start(request(&file, model.transport(), policy(100 * KIB, 4))).await.unwrap();
    let events = handle.events().collect::<Vec<_>>();
    let progress = handle.progress();
    let (completed, events) = tokio::join!(handle.wait(), events);
    assert_eq!(completed.unwrap().result.size, Some(content.len() as u64));
    assert!(model.object() == content, "the same bytes");
    assert_eq!(model.count(OperationKind::Append), 11);
    assert_eq!(model.most_live(), 4, "the window is used, and not more than it");
    let progress = *progress.borrow();
    assert_eq!(progress.total, Some(content.len() as u64));
    assert_eq!(progress.total.unwrap(), progress.stored);
    assert_eq!(progress.total.unwrap(), progress.committed);
    assert_eq!(events.iter().filter(|event| matches!(event, Event::Stored(_))).count(), 11);
    assert_eq!(events.iter().filter(|event| matches!(event, Event::Opened { .. })).count(), 1);
    assert_eq!(events.last(), Some(&Event::Phase(Phase::Closed)));
    assert!(driver.uploads().await.unwrap().is_empty(), "no checkpoint is left of an upload that is done");
    let budget = driver.budget();
    assert_eq!(budget.in_use, 0);
    assert!(budget.peak <= 4 * 4 * 16 * KIB, "four Appends of four frames each: {budget:?}");
}

#[tokio::test(start_paused = true)]
async fn bytes_in_memory_need_no_place_in_the_budget() {
    let model = Model::healthy().arc();
    let driver = driver(16 * KIB, 16 * KIB, MemoryStore::default());
    let content = crate::content(300 * KIB + 5, 2);
    let source = BytesSource::new(content.clone());
    let request =
        UploadRequest { policy: policy(100 * KIB, 4), ..UploadRequest::new(source, model.transport()) };
    driver.start(request).await.unwrap().wait().await.unwrap();
    assert!(model.object() == content);
    assert_eq!(driver.budget().peak, 0);
}

/// A budget far smaller than what window and read-ahead ask for: slower, but to the end, and never above it.
#[tokio::test(start_paused = true)]
async fn several_uploads_live_within_one_small_budget() {
    for (frames, read_ahead) in [(1, 1), (1, 4), (2, 4), (3, 2), (5, 4), (7, 3)] {
        let driver = Driver::builder()
            .byte_budget(frames * 8 * KIB)
            .frame_size(8 * KIB)
            .read_ahead(read_ahead)
            .build()
            .unwrap();
        let model = Model::healthy().arc();
        let videos: Vec<_> = (0..3).map(|i| video(150 * KIB + i, i as u64 + 1)).collect();
        let starts = videos
            .iter()
            .map(|(file, _)| driver.start(request(file, model.transport(), policy(32 * KIB, 4))));
        let handles = join_all(starts).await.into_iter().map(Result::unwrap);
        let all = join_all(handles.map(chunkwise_driver::UploadHandle::wait));
        let results =
            tokio::time::timeout(Duration::from_secs(600), all).await.expect("nobody waits for ever");
        assert!(results.iter().all(Result::is_ok), "{results:?}");
        let mut objects = model.objects();
        objects.sort_by_key(Vec::len);
        assert!(objects.iter().zip(&videos).all(|(object, (_, content))| object == content));
        let budget = driver.budget();
        assert_eq!((budget.limit, budget.in_use), (frames * 8 * KIB, 0));
        assert!(budget.peak <= budget.limit, "{budget:?}");
        assert_eq!(model.dropped(), 0, "waiting for a place is no stall");
    }
}

#[tokio::test(start_paused = true)]
async fn an_append_that_stands_still_is_given_up_and_sent_again() {
    for hang_after in [0, 1, 3] {
        let (file, content) = video(100 * KIB, 3);
        let hangs = move |call: crate::model::Call| match call.kind {
            OperationKind::Append if call.nth == 2 => Fault::HangAfter(hang_after),
            _ => Fault::None,
        };
        let model = Model::new(hangs).arc();
        let driver = driver(64 * KIB, 4 * KIB, MemoryStore::default());
        let begin = tokio::time::Instant::now();
        let handle = driver.start(request(&file, model.transport(), policy(20 * KIB, 1))).await.unwrap();
        handle.wait().await.unwrap();
        assert!(model.object() == content);
        assert_eq!(model.dropped(), 1);
        assert_eq!(model.most_live(), 1, "what is given up leaves the wire before another takes its place");
        let stall = policy(1, 1).timeouts.stall;
        assert!(begin.elapsed() >= stall && begin.elapsed() < 3 * stall, "{:?}", begin.elapsed());
        crate::settled(&driver).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_wire_is_no_stall() {
    // 5 frames of 20 s each: every one of them within the stall timeout, the segment far beyond it.
    let (file, content) = video(40 * KIB, 4);
    let model = Model::healthy().frame_time(Duration::from_secs(20)).arc();
    let driver = driver(64 * KIB, 4 * KIB, MemoryStore::default());
    let handle = driver.start(request(&file, model.transport(), policy(20 * KIB, 2))).await.unwrap();
    handle.wait().await.unwrap();
    assert!(model.object() == content);
    assert_eq!((model.dropped(), model.count(OperationKind::Append)), (0, 2));
}

#[tokio::test(start_paused = true)]
async fn a_bandwidth_cap_holds_for_all_uploads_together_and_is_no_stall() {
    let driver = Driver::builder()
        .byte_budget(256 * KIB)
        .frame_size(16 * KIB)
        .limit_rate(std::num::NonZeroU64::new(2 * KIB as u64))
        .build()
        .unwrap();
    let model = Model::healthy().arc();
    let videos: Vec<_> = (0..2).map(|i| video(200 * KIB, i + 1)).collect();
    let begin = tokio::time::Instant::now();
    let starts =
        videos.iter().map(|(file, _)| driver.start(request(file, model.transport(), policy(64 * KIB, 4))));
    let handles = join_all(starts).await.into_iter().map(Result::unwrap);
    for result in join_all(handles.map(chunkwise_driver::UploadHandle::wait)).await {
        result.unwrap();
    }
    let took = begin.elapsed().as_secs();
    assert!((198..=205).contains(&took), "400 KiB at 2 KiB/s took {took} s");
    assert_eq!(model.dropped(), 0, "nothing stalled");
    assert_eq!(model.count(OperationKind::Append), 8);
}

#[tokio::test(start_paused = true)]
async fn lost_answers_and_lost_connections_cost_time_and_not_the_upload() {
    let (file, content) = video(200 * KIB, 5);
    let script = |call: crate::model::Call| match (call.kind, call.nth) {
        (OperationKind::Init, 1) => Fault::unreachable(),
        (OperationKind::Append, 2 | 5) => Fault::LoseReply,
        (OperationKind::Append, 3) => Fault::unreachable(),
        (OperationKind::Finalize, 1) => Fault::LoseReply,
        _ => Fault::None,
    };
    let model = Model::new(script).arc();
    let driver = driver(64 * KIB, 4 * KIB, MemoryStore::default());
    let handle = driver.start(request(&file, model.transport(), policy(20 * KIB, 3))).await.unwrap();
    handle.wait().await.unwrap();
    assert!(model.object() == content);
    assert_eq!((model.count(OperationKind::Finalize), model.count(OperationKind::Verify)), (1, 1));
}
