//! Transports with bugs: answers that do not fit the question, and panics.

use std::sync::Arc;
use std::time::Duration;

use chunkwise_core::{
    Discard, Disposition, ErrorKind, Event, Kept, Listing, OperationKind, Page, Parts, Phase, Policy,
    Processed, Processing, Profile, Reply, Resend, Session, Transfer, Verdict, Violation,
};
use chunkwise_driver::{
    Driver, DriverError, MemoryStore, ResumeRequest, UploadHandle, UploadId, UploadRequest,
};
use futures::StreamExt as _;

use crate::wire::{Act, MockScript, Wire, lost, object, running, well};
use crate::{KIB, driver, model, policy, request, video};

/// One of each kind of reply.
fn replies() -> Vec<Reply> {
    vec![
        Reply::Opened { session: Session::new("another"), expires: None },
        Reply::Stored { receipt: None, expires: None },
        Reply::Advanced { cursor: 7, expires: None },
        Reply::Probed(Page { parts: Vec::new(), next: None }),
        Reply::Processing(Processing::Running { after: None, percent: None }),
        Reply::Completed(object()),
        Reply::Verified(Verdict::NotCommitted),
        Reply::Aborted,
        Reply::AbortPending,
    ]
}

fn fits(kind: OperationKind, reply: &Reply) -> bool {
    match kind {
        OperationKind::Init => matches!(reply, Reply::Opened { .. }),
        OperationKind::Append => matches!(reply, Reply::Stored { .. }),
        OperationKind::Probe => matches!(reply, Reply::Probed(_)),
        OperationKind::Finalize | OperationKind::Status => {
            matches!(reply, Reply::Completed(_) | Reply::Processing(_))
        }
        OperationKind::Verify => {
            matches!(reply, Reply::Completed(_) | Reply::Processing(_) | Reply::Verified(_))
        }
        OperationKind::Abort => matches!(reply, Reply::Aborted | Reply::AbortPending),
    }
}

/// A profile in which each kind of operation has its place.
fn profile() -> Profile {
    let transfer = Transfer::Parts(Parts { resend: Resend::ProbeFirst, listing: Listing::Complete });
    Profile { transfer, processing: Processed::Polled, ..model::profile() }
}

/// Brings an upload to an operation of this kind, which does what `act` says; nothing else goes wrong.
fn leading_to(kind: OperationKind, act: impl Fn() -> Act + Send + 'static) -> Wire {
    let mut script = MockScript::new();
    script.expect_act().withf(move |operation| operation.kind() == kind).returning(move |_| act());
    match kind {
        OperationKind::Init | OperationKind::Append | OperationKind::Finalize => {}
        // There is time to give it up.
        OperationKind::Abort => script = script.every(OperationKind::Append, || Act::NeverAnswer),
        OperationKind::Probe => script = script.once(OperationKind::Append, lost),
        OperationKind::Verify => script = script.once(OperationKind::Finalize, lost),
        OperationKind::Status => script = script.once(OperationKind::Finalize, running),
    }
    Wire::new(script.otherwise_well()).profile(profile()).account("someone")
}

async fn begin(
    driver: &Driver,
    file: &tempfile::NamedTempFile,
    wire: &Arc<Wire>,
    kind: OperationKind,
) -> UploadHandle {
    let policy: Policy = policy(20 * KIB, 2);
    let start =
        UploadRequest { id: Some(UploadId::new("mine").unwrap()), ..request(file, wire.clone(), policy) };
    let handle = driver.start(start).await.unwrap();
    if kind == OperationKind::Abort {
        while wire.count(OperationKind::Append) == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        handle.cancel(Disposition::Discard);
    }
    handle
}

/// Every kind of answer to every kind of question: the ones that do not fit are a typed error in bounded time.
#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_fit_is_a_typed_error_and_leaks_nothing() {
    for kind in OperationKind::ALL {
        for reply in replies().into_iter().filter(|reply| !fits(kind, reply)) {
            let name = reply.name();
            let (file, _) = video(100 * KIB, 1);
            let wire = leading_to(kind, move || Act::Answer(reply.clone().into())).arc();
            let driver = driver(64 * KIB, 4 * KIB, MemoryStore::default());
            let handle = begin(&driver, &file, &wire, kind).await;
            let ended = tokio::time::timeout(Duration::from_secs(24 * 3600), handle.wait());
            let Ok(result) = ended.await else { panic!("{name} to {kind}: it never ends") };
            assert!(wire.is_idle(), "{name} to {kind}");
            crate::settled(&driver).await;
            let error = match result {
                // Nobody believes it: the server is asked, and says that it is done.
                Ok(_) if kind == OperationKind::Finalize => {
                    assert_eq!((wire.count(kind), wire.count(OperationKind::Verify)), (1, 1));
                    continue;
                }
                Ok(completed) => panic!("{name} to {kind}: {completed:?}"),
                Err(DriverError::Upload { error, .. }) => error,
                Err(error) => panic!("{name} to {kind}: {error}"),
            };
            let as_expected = match (&*error.kind, kind) {
                (
                    ErrorKind::Protocol { operation, violation: Violation::Unreadable(_) },
                    OperationKind::Init | OperationKind::Append | OperationKind::Probe,
                ) => *operation == kind,
                (ErrorKind::FinalizeUnknown { .. }, OperationKind::Verify) => true,
                (ErrorKind::StatusLost { .. }, OperationKind::Status) => true,
                (ErrorKind::Discarded(Discard::Unconfirmed { .. }), OperationKind::Abort) => {
                    error.kept == Kept::AbortOwed
                }
                _ => false,
            };
            assert!(as_expected, "{name} to {kind}: {error}");
            let told = error.kind.to_string();
            match kind {
                // What is told of these is what came before.
                OperationKind::Verify | OperationKind::Abort => {}
                OperationKind::Init
                | OperationKind::Append
                | OperationKind::Probe
                | OperationKind::Finalize
                | OperationKind::Status => {
                    assert!(told.contains(&format!("{name} is no answer to {kind}")), "{told}");
                }
            }
        }
    }
}

/// A server that is never at a loss for good news: it is asked what is needed and no more.
#[tokio::test(start_paused = true)]
async fn an_answer_before_the_bytes_were_taken_counts_and_gives_them_back() {
    let (file, _) = video(400 * KIB, 2);
    let driver = driver(64 * KIB, 4 * KIB, MemoryStore::default());
    struct Hasty;
    #[async_trait::async_trait]
    impl chunkwise_transport::Transport for Hasty {
        fn profile(&self) -> Profile {
            model::profile()
        }
        async fn perform(
            &self,
            operation: &chunkwise_core::Operation,
            mut payload: chunkwise_transport::Payload,
        ) -> chunkwise_core::Outcome {
            // One frame at most is taken, the rest is being read ahead.
            let _ = std::future::poll_fn(|cx| payload.poll_frame(cx)).await;
            well(operation.kind())
        }
    }
    driver.start(request(&file, Arc::new(Hasty), policy(40 * KIB, 4))).await.unwrap().wait().await.unwrap();
    crate::settled(&driver).await;
}

/// What the driver promises of a panic: it comes out where the upload is waited for; the bytes and the name are
/// back, the streams end, siblings of the same account go on, and the last record is there to go on from.
#[tokio::test(start_paused = true)]
async fn a_panic_in_any_operation_ends_its_own_upload_and_nothing_else() {
    for kind in OperationKind::ALL {
        let ((file, _), (other, content)) = (video(100 * KIB, 3), video(400 * KIB, 4));
        let wire = leading_to(kind, || Act::Panic).arc();
        let sibling = model::Model::healthy().account("someone").arc();
        // What a panic leaks would bring the others to a standstill.
        let driver = driver(4 * 4 * KIB, 4 * KIB, MemoryStore::default());
        let going_on = driver.start(request(&other, sibling.transport(), policy(20 * KIB, 2))).await.unwrap();
        let handle = begin(&driver, &file, &wire, kind).await;
        let (id, control, mut progress) = (handle.id().clone(), handle.control(), handle.progress());
        let events = handle.events().collect::<Vec<_>>();
        let (error, events) = tokio::join!(handle.wait(), events);
        let error = error.unwrap_err();
        let DriverError::Panicked(why) = &error else { panic!("{kind}: {error}") };
        assert!(why.contains("a bug in a transport"), "{kind}: {why}");
        assert!(!events.contains(&Event::Phase(Phase::Closed)), "{kind}: it did not close");
        while progress.changed().await.is_ok() {}
        control.cancel(Disposition::Discard);

        let sibling_done = tokio::time::timeout(Duration::from_secs(3600), going_on.wait()).await;
        sibling_done.expect("it does not wait for what leaked").unwrap();
        assert!(sibling.object() == content, "{kind}");
        assert!(wire.is_idle(), "{kind}");
        crate::settled(&driver).await;

        // Where there is a record of it, it goes on.
        let source = Some(request(&file, wire.clone(), policy(20 * KIB, 2)).source);
        let healed = Wire::new(MockScript::new().otherwise_well()).profile(profile()).arc();
        let resumed = driver.resume(ResumeRequest::new(id, source, healed)).await.unwrap().wait().await;
        match (kind, resumed) {
            (OperationKind::Abort, Err(DriverError::Upload { error, .. })) => {
                assert!(matches!(*error.kind, ErrorKind::Discarded(Discard::Confirmed)), "{error}");
            }
            (_, resumed) => drop(resumed.unwrap_or_else(|error| panic!("{kind}: {error}"))),
        }
        assert!(driver.uploads().await.unwrap().is_empty(), "{kind}");
        tokio::time::timeout(Duration::from_secs(1), driver.shutdown())
            .await
            .expect("no task is left behind");
    }
}
