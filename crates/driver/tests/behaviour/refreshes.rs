//! New credentials: one refresh at a time for an account, and refreshes that hang, fail or bring nothing new.

use std::sync::Arc;
use std::time::Duration;

use chunkwise_core::{Discard, Disposition, ErrorKind, Fault, Kept, OperationKind, Policy, ProblemKind};
use chunkwise_driver::{Driver, DriverError, MemoryStore, ResumeRequest};
use tokio::time::Instant;

use crate::wire::{Act, Fresh, MockScript, Wire, problem, well};
use crate::{KIB, driver, policy, request, video};

/// The server takes no older credentials than of this epoch.
fn wants(epoch: u64) -> MockScript {
    let mut script = MockScript::new();
    script.expect_act().returning(move |operation| match operation.kind() {
        OperationKind::Append if operation.epoch.get() < epoch => problem(ProblemKind::CredentialsExpired),
        kind => Act::Answer(well(kind)),
    });
    script
}

fn short() -> Policy {
    Policy { deadline: Duration::from_secs(100), ..policy(20 * KIB, 2) }
}

fn roomy() -> Driver {
    driver(256 * KIB, 4 * KIB, MemoryStore::default())
}

/// Waits until somebody has the turn.
async fn refreshing(wire: &Wire) {
    while wire.most_refreshing() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn uploads_of_one_account_refresh_one_after_the_other_and_each_asks_once() {
    let ((one, _), (other, _)) = (video(100 * KIB, 1), video(100 * KIB, 2));
    let mut script = wants(1);
    script
        .expect_refresh()
        .withf(|stale| *stale == 0)
        .times(2)
        .returning(|_| Fresh::After(Duration::from_secs(10), 1));
    let wire = Wire::new(script).account("someone").arc();
    let driver = roomy();
    let begin = Instant::now();
    let first = driver.start(request(&one, wire.clone(), short())).await.unwrap();
    let second = driver.start(request(&other, wire.clone(), short())).await.unwrap();
    let (first, second) = tokio::join!(first.wait(), second.wait());
    first.unwrap();
    second.unwrap();
    assert_eq!(wire.most_refreshing(), 1);
    assert_eq!(begin.elapsed().as_secs(), 20);
    let stale = wire.exchanges(OperationKind::Append).iter().filter(|append| append.epoch == 0).count();
    assert!((2..=4).contains(&stale), "a window of each at most: {stale}");
}

#[tokio::test(start_paused = true)]
async fn uploads_of_different_accounts_do_not_wait_for_each_other() {
    let ((one, _), (other, _)) = (video(100 * KIB, 1), video(100 * KIB, 2));
    let wire = |name: &str, fresh: fn() -> Fresh| {
        let mut script = wants(1);
        script.expect_refresh().times(1).returning(move |_| fresh());
        Wire::new(script).account(name).arc()
    };
    let (hanging, working) =
        (wire("one", || Fresh::Hang), wire("other", || Fresh::After(Duration::from_secs(10), 1)));
    let driver = roomy();
    let begin = Instant::now();
    let stuck = driver.start(request(&one, hanging.clone(), short())).await.unwrap();
    driver.start(request(&other, working.clone(), short())).await.unwrap().wait().await.unwrap();
    assert_eq!(begin.elapsed().as_secs(), 10);
    stuck.wait().await.unwrap_err();
}

/// What does not work ends the upload by name, with all it has; new credentials from elsewhere, and it goes on.
#[tokio::test(start_paused = true)]
async fn a_refresh_that_fails_or_brings_nothing_new_ends_the_upload_and_keeps_it() {
    type Case = (&'static str, u64, fn(u64) -> Fresh, usize);
    let cases: [Case; 4] = [
        ("it fails", 1, |_| Fresh::Refused, 1),
        ("the same epoch", 1, |stale| Fresh::After(Duration::from_secs(1), stale), 1),
        ("an older epoch", 2, |stale| Fresh::After(Duration::from_secs(1), stale.saturating_sub(1)), 1),
        ("ever new ones, all refused", u64::MAX, |stale| Fresh::After(Duration::from_secs(1), stale + 1), 2),
    ];
    for (name, wanted, fresh, times) in cases {
        let (file, _) = video(100 * KIB, 3);
        let mut script = wants(wanted);
        script.expect_refresh().times(times).returning(fresh);
        let wire = Wire::new(script).account("someone").arc();
        let driver = roomy();
        let handle = driver.start(request(&file, wire.clone(), short())).await.unwrap();
        let id = handle.id().clone();
        let (error, fault) = crate::failure(handle).await;
        assert!(matches!(*error.kind, ErrorKind::Credentials { .. }), "{name}: {error}");
        assert_eq!((error.kind.fault(), error.kept), (Fault::Caller, Kept::Checkpoint), "{name}");
        assert!(fault.is_none() && wire.is_idle(), "{name}");
        crate::settled(&driver).await;

        let source = request(&file, wire.clone(), short()).source;
        let well = Wire::new(MockScript::new().otherwise_well()).account("someone").arc();
        let resume = ResumeRequest { policy: short(), ..ResumeRequest::new(id, Some(source), well.clone()) };
        driver.resume(resume).await.unwrap().wait().await.unwrap();
        assert_eq!(well.count(OperationKind::Init), 0, "{name}");
    }
}

/// A refresh that hangs holds its upload until the deadline; who waits behind it has its turn then.
#[tokio::test(start_paused = true)]
async fn a_refresh_that_hangs_meets_the_deadline_and_then_the_next_has_its_turn() {
    let ((one, _), (other, _)) = (video(100 * KIB, 1), video(100 * KIB, 2));
    let mut script = wants(1);
    script.expect_refresh().times(1).returning(|_| Fresh::Hang);
    script.expect_refresh().times(1).returning(|_| Fresh::After(Duration::from_secs(10), 1));
    let wire = Wire::new(script).account("someone").arc();
    let driver = roomy();
    let begin = Instant::now();
    let first = driver.start(request(&one, wire.clone(), short())).await.unwrap();
    refreshing(&wire).await;
    let patient = Policy { deadline: Duration::from_secs(1000), ..short() };
    let second = driver.start(request(&other, wire.clone(), patient)).await.unwrap();
    let (error, _) = crate::failure(first).await;
    assert!(matches!(*error.kind, ErrorKind::Deadline { .. }), "{error}");
    assert_eq!(error.kept, Kept::Checkpoint);
    assert_eq!(begin.elapsed().as_secs(), 100);
    second.wait().await.unwrap();
    assert_eq!(begin.elapsed().as_secs(), 110);
    assert_eq!(wire.most_refreshing(), 1);
}

#[tokio::test(start_paused = true)]
async fn whoever_cancels_waits_for_a_refresh_that_hangs_no_longer_than_for_an_answer() {
    for (disposition, waits) in
        [(Disposition::Keep, Duration::ZERO), (Disposition::Discard, short().timeouts.response)]
    {
        let (file, _) = video(100 * KIB, 4);
        let mut script = wants(1);
        script.expect_refresh().times(1).returning(|_| Fresh::Hang);
        let wire = Wire::new(script).account("someone").arc();
        let driver = roomy();
        let handle = driver.start(request(&file, wire.clone(), short())).await.unwrap();
        refreshing(&wire).await;
        let begin = Instant::now();
        handle.cancel(disposition);
        let error =
            tokio::time::timeout(Duration::from_secs(1000), handle.wait()).await.unwrap().unwrap_err();
        let DriverError::Upload { error, .. } = error else { panic!("{error}") };
        match (disposition, &*error.kind, error.kept) {
            (Disposition::Keep, ErrorKind::Cancelled, Kept::Checkpoint) => {}
            // The session is still to be given up, and that is told.
            (
                Disposition::Discard,
                ErrorKind::Discarded(Discard::Unconfirmed { failure: Some(_) }),
                Kept::AbortOwed,
            ) => {}
            (disposition, kind, kept) => panic!("{disposition:?}: {kind}, {kept:?}"),
        }
        let waited = begin.elapsed();
        assert!(waited >= waits && waited < waits + Duration::from_secs(1), "{disposition:?}: {waited:?}");
    }
}

/// A bug in a refresh is its upload's; it takes nothing with it that others of the account need.
#[tokio::test(start_paused = true)]
async fn a_refresh_that_panics_ends_its_own_upload_only() {
    let ((one, _), (other, _)) = (video(100 * KIB, 1), video(100 * KIB, 2));
    let mut script = wants(1);
    script.expect_refresh().times(1).returning(|_| Fresh::Panic);
    script.expect_refresh().times(1).returning(|_| Fresh::After(Duration::from_secs(10), 1));
    let wire: Arc<Wire> = Wire::new(script).account("someone").arc();
    let driver = roomy();
    let first = driver.start(request(&one, wire.clone(), short())).await.unwrap();
    refreshing(&wire).await;
    let second = driver.start(request(&other, wire.clone(), short())).await.unwrap();
    let error = first.wait().await.unwrap_err();
    assert!(matches!(error, DriverError::Panicked(_)), "{error}");
    second.wait().await.unwrap();
    assert!(wire.is_idle());
    crate::settled(&driver).await;
}
