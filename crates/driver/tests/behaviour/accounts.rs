//! Several uploads of one account: what one learns, all heed.

use std::time::Duration;

use chunkwise_core::{Event, OperationKind};
use chunkwise_driver::{BytesSource, MemoryStore, UploadHandle, UploadRequest};
use futures::StreamExt as _;
use futures::future::join_all;

use crate::model::{Call, Fault, Model};
use crate::{KIB, driver, policy, request, video};

#[tokio::test(start_paused = true)]
async fn a_throttle_of_one_upload_holds_the_other() {
    let throttled = |call: Call| match call.kind {
        OperationKind::Append if call.nth == 7 => Fault::throttled(Duration::from_secs(600)),
        _ => Fault::None,
    };
    let model = Model::new(throttled).frame_time(Duration::from_millis(100)).account("someone").arc();
    let driver = driver(256 * KIB, 4 * KIB, MemoryStore::default());
    let videos: Vec<_> = (0..2).map(|i| video(200 * KIB, i + 1)).collect();
    let mut handles = Vec::new();
    for (file, _) in &videos {
        handles.push(driver.start(request(file, model.transport(), policy(20 * KIB, 2))).await.unwrap());
    }
    let events: Vec<_> = handles.iter().map(|handle| handle.events().collect::<Vec<_>>()).collect();
    let (results, events) =
        tokio::join!(join_all(handles.into_iter().map(UploadHandle::wait)), join_all(events));
    assert!(results.iter().all(Result::is_ok));

    let appends: Vec<_> =
        model.log().into_iter().filter(|logged| logged.kind == OperationKind::Append).collect();
    let throttle = appends[6].at;
    let early = appends
        .iter()
        .filter(|append| append.at > throttle && append.at < throttle + Duration::from_secs(599))
        .count();
    assert_eq!(early, 0, "nobody sends while the account is held");
    assert!(appends.len() > 20);
    for (i, events) in events.iter().enumerate() {
        let held = |event: &Event| matches!(event, Event::Held { kind: OperationKind::Append, .. });
        assert!(events.iter().any(held), "upload {i} says that it is held: {events:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_account_of_its_own_is_not_held() {
    let throttled = |call: Call| match call.kind {
        OperationKind::Append if call.nth == 2 => Fault::throttled(Duration::from_secs(600)),
        _ => Fault::None,
    };
    let slow = Model::new(throttled).account("one").arc();
    let fast = Model::healthy().account("other").arc();
    let driver = driver(256 * KIB, 4 * KIB, MemoryStore::default());
    let ((one, _), (other, _)) = (video(200 * KIB, 1), video(200 * KIB, 2));
    let slow = driver.start(request(&one, slow.transport(), policy(20 * KIB, 2))).await.unwrap();
    let begin = tokio::time::Instant::now();
    let fast = driver.start(request(&other, fast.transport(), policy(20 * KIB, 2))).await.unwrap();
    fast.wait().await.unwrap();
    assert!(begin.elapsed() < Duration::from_secs(60));
    slow.wait().await.unwrap();
    assert!(begin.elapsed() >= Duration::from_secs(600));
}

#[tokio::test(start_paused = true)]
async fn one_refresh_serves_both() {
    let model = Model::healthy().frame_time(Duration::from_millis(100)).account("someone").arc();
    let transport = model.transport();
    let driver = driver(256 * KIB, 4 * KIB, MemoryStore::default());
    let videos: Vec<_> = (0..2).map(|i| video(200 * KIB, i + 1)).collect();
    let mut handles = Vec::new();
    for (file, _) in &videos {
        handles.push(driver.start(request(file, transport.clone(), policy(20 * KIB, 2))).await.unwrap());
    }
    let mut progress = handles[1].progress();
    progress.wait_for(|progress| progress.stored > 0).await.unwrap();
    model.expire_credentials();
    assert!(join_all(handles.into_iter().map(UploadHandle::wait)).await.iter().all(Result::is_ok));
    assert_eq!(model.refreshes(), 1);
    assert_eq!(model.objects().len(), 2);
}

/// Nobody has to be told no twice: what one upload spent, the next one knows, though it never heard of it.
#[tokio::test(start_paused = true)]
async fn an_upload_heeds_what_earlier_ones_of_its_account_spent() {
    let period = Duration::from_secs(900);
    // The driver first: paused time stands still until the model looks at the wall clock, which does not. A clock that
    // is ahead of the server's would send too early.
    let driver = driver(256 * KIB, 4 * KIB, MemoryStore::default());
    let model = Model::healthy().account("someone").quota(10, period).arc();
    let begin = tokio::time::Instant::now();
    for i in 0..3 {
        // In memory: reads on threads of their own would let answers overtake each other, and then the pacer is
        // cautious by one.
        let source = BytesSource::new(crate::content(200 * KIB + i, i as u64 + 1));
        let start =
            UploadRequest { policy: policy(21 * KIB, 2), ..UploadRequest::new(source, model.transport()) };
        let upload = driver.start(start).await.unwrap();
        let events = upload.events().collect::<Vec<_>>();
        let (result, events) = tokio::join!(upload.wait(), events);
        result.unwrap();
        let before = events.iter().take_while(|event| !matches!(event, Event::Stored(_)));
        let held = before.filter(|event| matches!(event, Event::Held { .. })).count();
        assert_eq!(held, usize::from(i > 0), "whoever waits hears why, once: {events:?}");
        let took = begin.elapsed();
        assert!(
            took >= period * i as u32 && took < period * (i as u32 + 1),
            "upload {i} ended after {took:?}"
        );
    }
    assert_eq!(model.throttled(), 0);
    assert_eq!(model.count(OperationKind::Append), 30, "ten in each of three periods");
}
