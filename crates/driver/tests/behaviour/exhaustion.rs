//! More uploads than the byte budget has room for: first come, first served, and nobody stands in the way for ever.

use std::sync::Arc;
use std::time::Duration;

use chunkwise_core::{ErrorKind, OperationKind};
use chunkwise_driver::{MemoryStore, UploadHandle};
use futures::future::join_all;
use tokio::time::Instant;

use crate::wire::{Act, MockScript, Wire};
use crate::{KIB, driver, policy, request, video, waited};

const FRAME: usize = 4 * KIB;
/// A segment takes the whole budget.
const BUDGET: usize = 4 * FRAME;

fn slow() -> Arc<Wire> {
    let script = MockScript::new().every(OperationKind::Append, || Act::Trickle(Duration::from_secs(1)));
    Wire::new(script.otherwise_well()).arc()
}

#[tokio::test(start_paused = true)]
async fn uploads_beyond_the_budget_take_turns_in_the_order_they_came() {
    const UPLOADS: usize = 9;
    const SEGMENTS: usize = 4;
    let files: Vec<_> = (0..UPLOADS).map(|i| video(SEGMENTS * BUDGET, i as u64 + 1)).collect();
    let wires: Vec<_> = (0..UPLOADS).map(|_| slow()).collect();
    let driver = driver(BUDGET, FRAME, MemoryStore::default());
    let mut handles = Vec::new();
    for ((file, _), wire) in files.iter().zip(&wires) {
        // Read ahead as far as it goes: with what the page cache holds a segment would not fill its places.
        handles.push(driver.start(waited(request(file, wire.clone(), policy(BUDGET, 1)))).await.unwrap());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for result in join_all(handles.into_iter().map(UploadHandle::wait)).await {
        result.unwrap();
    }
    let mut turns = Vec::new();
    for (i, wire) in wires.iter().enumerate() {
        turns.extend(wire.exchanges(OperationKind::Append).into_iter().map(|append| (append.began, i)));
    }
    turns.sort_unstable();
    let turns: Vec<_> = turns.into_iter().map(|(_, i)| i).collect();
    let in_order: Vec<_> = (0..SEGMENTS).flat_map(|_| 0..UPLOADS).collect();
    assert_eq!(turns, in_order, "nobody overtakes, and nobody has two turns while others wait");
    let budget = driver.budget();
    assert_eq!((budget.peak, budget.limit, budget.in_use), (BUDGET, BUDGET, 0));
}

/// Windows, segments and read-aheads of every size at once: whatever they ask for, all come to their end.
#[tokio::test(start_paused = true)]
async fn small_and_large_askers_all_come_to_their_end_within_the_budget() {
    let driver = driver(5 * FRAME, FRAME, MemoryStore::default());
    let sizes = [1, 2, 3, 5, 7, 11, 13, 40];
    let files: Vec<_> = sizes.iter().map(|frames| video(3 * frames * FRAME + 1, *frames as u64)).collect();
    let wires: Vec<_> = sizes.iter().map(|_| slow()).collect();
    let mut handles = Vec::new();
    for (((file, _), wire), frames) in files.iter().zip(&wires).zip(sizes) {
        let policy = policy(frames * FRAME, 1 + frames as u32 % 4);
        handles.push(driver.start(request(file, wire.clone(), policy)).await.unwrap());
    }
    let all = join_all(handles.into_iter().map(UploadHandle::wait));
    for result in tokio::time::timeout(Duration::from_secs(3600), all).await.expect("nobody waits for ever") {
        result.unwrap();
    }
    for wire in wires {
        assert_eq!(wire.count(OperationKind::Append), 4, "waiting for a place is no stall");
    }
    let budget = driver.budget();
    assert!(budget.peak <= budget.limit && budget.in_use == 0, "{budget:?}");
}

/// A wire that takes frames and keeps them has the whole budget; its stall timer gives it to the others, in between
/// its own tries.
#[tokio::test(start_paused = true)]
async fn frames_that_a_wire_sits_on_come_back_with_its_stall_timer() {
    for takes in [0, 1, 4] {
        let mut script = MockScript::new();
        script
            .expect_act()
            .withf(|operation| operation.kind() == OperationKind::Append)
            .returning(move |_| Act::HangAfter(takes));
        let stuck = Wire::new(script.otherwise_well()).arc();
        let files: Vec<_> = (0..4).map(|i| video(2 * BUDGET, i + 1)).collect();
        let driver = driver(BUDGET, FRAME, MemoryStore::default());
        let stuck_handle =
            driver.start(request(&files[0].0, stuck.clone(), policy(BUDGET, 1))).await.unwrap();
        let id = stuck_handle.id().clone();
        while stuck.count(OperationKind::Append) == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let begin = Instant::now();
        let mut others = Vec::new();
        for (file, _) in &files[1..] {
            others.push(driver.start(request(file, slow(), policy(BUDGET, 1))).await.unwrap());
        }
        for result in join_all(others.into_iter().map(UploadHandle::wait)).await {
            result.unwrap();
        }
        let stall = policy(1, 1).timeouts.stall;
        assert!(begin.elapsed() >= stall - Duration::from_millis(10), "it had all of the budget");
        assert!(begin.elapsed() < 3 * stall, "it is not served before those who wait: {:?}", begin.elapsed());
        let (error, _) = crate::failure(stuck_handle).await;
        assert!(matches!(*error.kind, ErrorKind::Exhausted { attempts: 8, .. }), "{error}");
        crate::settled(&driver).await;

        let source = request(&files[0].0, slow(), policy(BUDGET, 1)).source;
        let resume = chunkwise_driver::ResumeRequest::new(id, Some(source), slow());
        driver.resume(resume).await.unwrap().wait().await.unwrap();
    }
}

/// An upload that is given up while it waits for its place leaves the queue, and the ones behind it move up.
#[tokio::test(start_paused = true)]
async fn whoever_gives_up_waiting_makes_way_for_the_next() {
    let files: Vec<_> = (0..3).map(|i| video(BUDGET, i + 1)).collect();
    let script = MockScript::new().every(OperationKind::Append, || Act::Trickle(Duration::from_secs(5)));
    let first = Wire::new(script.otherwise_well()).arc();
    let wires = [first, slow(), slow()];
    let driver = driver(BUDGET, FRAME, MemoryStore::default());
    let mut handles = Vec::new();
    for ((file, _), wire) in files.iter().zip(&wires) {
        handles.push(driver.start(request(file, wire.clone(), policy(BUDGET, 1))).await.unwrap());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(wires[1].count(OperationKind::Append) + wires[2].count(OperationKind::Append), 0);
    drop(handles.remove(1));
    for handle in handles {
        handle.wait().await.unwrap();
    }
    assert_eq!(wires[1].count(OperationKind::Append), 0);
    assert_eq!(wires[2].count(OperationKind::Append), 1);
    crate::settled(&driver).await;
}
