//! Stalls: what stands still is given up to the second, and what moves is not.

use std::time::Duration;

use chunkwise_core::{ErrorKind, Event, OperationKind, Timeouts};
use chunkwise_driver::{BytesSource, MemoryStore, UploadRequest};
use futures::StreamExt as _;
use tokio::time::Instant;

use crate::wire::{Act, End, MockScript, Wire, lost};
use crate::{KIB, driver, policy, request, video, waited};

/// The wire is looked at four times a second, and timers strike at whole milliseconds; never too early.
const TICK: Duration = Duration::from_millis(252);

/// Every way of standing still: when it is given up, and that the next try waits for its backoff.
#[tokio::test(start_paused = true)]
async fn what_stands_still_is_given_up_and_sent_again_after_its_backoff() {
    let Timeouts { stall, response } = policy(1, 1).timeouts;
    type Case = (&'static str, fn() -> Act, Duration);
    let cases: [Case; 4] = [
        ("it takes no byte", || Act::HangAfter(0), stall),
        ("it takes a part", || Act::HangAfter(2), stall),
        ("it takes all and asks for no more", || Act::HangAfter(5), stall),
        ("it takes all and never answers", || Act::NeverAnswer, response),
    ];
    for (name, act, timeout) in cases {
        for seed in [1, 7, 11] {
            let (file, _) = video(40 * KIB, 1);
            let wire = Wire::new(MockScript::new().once(OperationKind::Append, act).otherwise_well()).arc();
            let driver = driver(64 * KIB, 4 * KIB, MemoryStore::default());
            let start =
                UploadRequest { seed: Some(seed), ..request(&file, wire.clone(), policy(20 * KIB, 1)) };
            let handle = driver.start(start).await.unwrap();
            let events = handle.events().collect::<Vec<_>>();
            let (completed, events) = tokio::join!(handle.wait(), events);
            completed.unwrap();

            let appends = wire.exchanges(OperationKind::Append);
            let segments: Vec<_> = appends.iter().map(|append| append.segment.unwrap()).collect();
            assert_eq!(segments.iter().filter(|index| **index == 0).count(), 2, "{name}: {segments:?}");
            let (given_up, end) = appends[0].ended.unwrap();
            assert_eq!(end, End::GivenUp, "{name}");
            let stood = given_up - appends[0].began;
            assert!(stood >= timeout && stood <= timeout + TICK, "{name}: {stood:?}");
            let retrying = events.iter().filter_map(|event| match event {
                Event::Retrying { kind: OperationKind::Append, attempts: 1, at, .. } => Some(*at),
                _ => None,
            });
            let retrying: Vec<_> = retrying.collect();
            assert_eq!(retrying.len(), 1, "{name}: {events:?}");
            let again = appends[1..].iter().find(|append| append.segment == Some(0)).unwrap();
            assert!(again.began >= given_up, "{name}: never two at once");
            assert!(again.began - given_up <= Duration::from_millis(501), "{name}: the first backoff");
            crate::settled(&driver).await;
        }
    }
}

/// Backoffs of several rounds: each try begins only when the wait that was drawn for it is over.
#[tokio::test(start_paused = true)]
async fn a_wire_that_never_takes_a_byte_is_tried_as_often_as_the_policy_says_and_no_more() {
    let (file, _) = video(20 * KIB, 2);
    let wire =
        Wire::new(MockScript::new().every(OperationKind::Append, || Act::HangAfter(0)).otherwise_well())
            .arc();
    let driver = driver(64 * KIB, 4 * KIB, MemoryStore::default());
    let handle = driver.start(request(&file, wire.clone(), policy(20 * KIB, 1))).await.unwrap();
    let events = handle.events().collect::<Vec<_>>();
    let (error, events) = tokio::join!(crate::failure(handle), events);
    assert!(matches!(*error.0.kind, ErrorKind::Exhausted { attempts: 8, .. }), "{}", error.0);
    let appends = wire.exchanges(OperationKind::Append);
    assert_eq!(appends.len(), 8);
    let due = events.iter().filter_map(|event| match event {
        Event::Retrying { at, .. } => Some(*at),
        _ => None,
    });
    let due: Vec<_> = due.collect();
    assert_eq!(due.len(), 7);
    for pair in appends.windows(2) {
        assert!(pair[1].began >= pair[0].ended.unwrap().0, "never two at once");
    }
    // The engine's time is another clock's; what passes on both is the same, but for a timer's rounding.
    let rounding = Duration::from_millis(3);
    for (due, appends) in due.windows(2).zip(appends[1..].windows(2)) {
        let (waited, wanted) = (appends[1].began - appends[0].began, due[1].since(due[0]));
        assert!(waited.abs_diff(wanted) <= rounding, "{waited:?} instead of {wanted:?}");
    }
    assert!(appends.iter().all(|append| append.ended.unwrap().1 == End::GivenUp));
    crate::settled(&driver).await;
}

/// A byte taken within the stall timeout is progress, however close to its end it is taken.
#[tokio::test(start_paused = true)]
async fn one_frame_just_before_every_stall_timeout_is_no_stall() {
    let stall = policy(1, 1).timeouts.stall;
    for early in [1, 2, 40, 100, 200, 249, 251, 400] {
        let every = stall - Duration::from_millis(early);
        for in_memory in [false, true] {
            let (file, content) = video(20 * KIB, 3);
            let mut script = MockScript::new();
            script
                .expect_act()
                .withf(|operation| operation.kind() == OperationKind::Append)
                .times(1)
                .returning(move |_| Act::Trickle(every));
            let wire = Wire::new(script.otherwise_well()).arc();
            let driver = driver(64 * KIB, 4 * KIB, MemoryStore::default());
            let start = if in_memory {
                let source = BytesSource::new(content);
                UploadRequest { policy: policy(20 * KIB, 1), ..UploadRequest::new(source, wire.clone()) }
            } else {
                request(&file, wire.clone(), policy(20 * KIB, 1))
            };
            driver.start(start).await.unwrap().wait().await.unwrap();
            let appends = wire.exchanges(OperationKind::Append);
            assert_eq!(appends.len(), 1, "{early} ms before the timeout, in memory: {in_memory}");
            assert_eq!(appends[0].ended.unwrap().0 - appends[0].began, every * 5);
        }
    }
}

/// A transport that works on after it was dropped: nobody waits for it, its late result counts for nothing, and its
/// bytes come back when it lets go of them.
#[tokio::test(start_paused = true)]
async fn a_transport_that_ignores_being_dropped_is_left_behind() {
    let (file, _) = video(40 * KIB, 4);
    let script = MockScript::new().once(OperationKind::Append, || Act::Deaf(Duration::from_secs(300)));
    let wire = Wire::new(script.otherwise_well()).arc();
    let driver = driver(64 * KIB, 4 * KIB, MemoryStore::default());
    let begin = Instant::now();
    let handle = driver.start(waited(request(&file, wire.clone(), policy(20 * KIB, 1)))).await.unwrap();
    handle.wait().await.unwrap();
    let stall = policy(1, 1).timeouts.stall;
    assert!(begin.elapsed() < stall + Duration::from_secs(2), "{:?}", begin.elapsed());
    assert_eq!(wire.count(OperationKind::Append), 3);
    assert_eq!(driver.budget().in_use, 4 * 4 * KIB, "its frame and what was read ahead for it are counted");
    tokio::time::sleep_until(begin + Duration::from_secs(301)).await;
    crate::settled(&driver).await;
}

/// Operations without a payload have no stall, only an answer that is due.
#[tokio::test(start_paused = true)]
async fn an_operation_without_bytes_waits_for_its_answer_and_for_no_more() {
    let (file, _) = video(20 * KIB, 5);
    let response = policy(1, 1).timeouts.response;
    for kind in [OperationKind::Init, OperationKind::Finalize, OperationKind::Verify] {
        let mut script = MockScript::new();
        if kind == OperationKind::Verify {
            script = script.once(OperationKind::Finalize, lost);
        }
        let wire = Wire::new(script.once(kind, || Act::NeverAnswer).otherwise_well()).arc();
        let driver = driver(64 * KIB, 4 * KIB, MemoryStore::default());
        let handle = driver.start(request(&file, wire.clone(), policy(20 * KIB, 1))).await.unwrap();
        handle.wait().await.unwrap();
        let exchange = wire.exchanges(kind).remove(0);
        let (given_up, end) = exchange.ended.unwrap();
        assert_eq!(end, End::GivenUp);
        let waited = given_up - exchange.began;
        assert!(waited >= response && waited <= response + TICK, "{kind}: {waited:?}");
    }
}
