//! A scripted transport: mockall says what each exchange does, the wire does it in its time and takes notes.

use std::future::poll_fn;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chunkwise_core::{
    Commitment, CredentialEpoch, Cut, Failure, Final, Operation, OperationKind, Outcome, Page, ProblemKind,
    Processing, Profile, Reply, ServerError, Session, Verdict,
};
use chunkwise_transport::{Account, Payload, RefreshError, Transport};
use mockall::mock;
use tokio::time::Instant;

use crate::model;

/// What one exchange does.
pub(crate) enum Act {
    /// It takes every byte and answers.
    Answer(Outcome),
    /// It takes so many frames and keeps them all; then nothing more happens.
    HangAfter(usize),
    /// It takes every byte and never answers.
    NeverAnswer,
    /// It takes a frame every so often, and answers when it has them all.
    Trickle(Duration),
    /// It takes a frame; being given up does not end it, its frame is kept for so long after its begin.
    Deaf(Duration),
    /// A bug.
    Panic,
}

/// What one refresh does.
pub(crate) enum Fresh {
    /// It takes so long, then this epoch holds.
    After(Duration, u64),
    /// There are none to be had.
    Refused,
    /// It never comes back.
    Hang,
    /// A bug.
    Panic,
}

mock! {
    pub(crate) Script {
        pub(crate) fn act(&self, operation: &Operation) -> Act;
        pub(crate) fn refresh(&self, stale: u64) -> Fresh;
    }
}

impl MockScript {
    /// Whatever no expectation before this one is for goes well.
    pub(crate) fn otherwise_well(mut self) -> Self {
        self.expect_act().returning(|operation| Act::Answer(well(operation.kind())));
        self
    }

    /// Every exchange of this kind does this.
    pub(crate) fn every(mut self, kind: OperationKind, act: fn() -> Act) -> Self {
        self.expect_act().withf(move |operation| operation.kind() == kind).returning(move |_| act());
        self
    }

    /// The next exchange of this kind, exactly one, does this.
    pub(crate) fn once(mut self, kind: OperationKind, act: fn() -> Act) -> Self {
        self.expect_act().withf(move |operation| operation.kind() == kind).times(1).returning(move |_| act());
        self
    }
}

/// The good answer.
pub(crate) fn well(kind: OperationKind) -> Outcome {
    match kind {
        OperationKind::Init => Reply::Opened { session: Session::new("one"), expires: None },
        OperationKind::Append => Reply::Stored { receipt: None, expires: None },
        OperationKind::Probe => Reply::Probed(Page { parts: Vec::new(), next: None }),
        OperationKind::Finalize | OperationKind::Status => Reply::Completed(object()),
        OperationKind::Verify => Reply::Verified(Verdict::Committed(Commitment::Ready(object()))),
        OperationKind::Abort => Reply::Aborted,
    }
    .into()
}

pub(crate) fn object() -> Final {
    Final { id: "one".into(), size: None, expires_at: None, body: Bytes::new() }
}

pub(crate) fn running() -> Act {
    Act::Answer(Reply::Processing(Processing::Running { after: None, percent: None }).into())
}

pub(crate) fn lost() -> Act {
    Act::Answer(Failure::Unknown { cut: Cut::Reset, detail: "scripted".into() }.into())
}

pub(crate) fn problem(kind: ProblemKind) -> Act {
    Act::Answer(Failure::answered(kind, ServerError::message("scripted")).into())
}

/// One exchange as it went.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) kind: OperationKind,
    /// The index of the segment that it sent.
    pub(crate) segment: Option<u32>,
    pub(crate) epoch: u64,
    pub(crate) began: Instant,
    pub(crate) ended: Option<(Instant, End)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Answered,
    /// Its future was dropped.
    GivenUp,
}

pub(crate) struct Wire {
    script: MockScript,
    profile: Profile,
    account: Option<Account>,
    exchanges: Mutex<Vec<Exchange>>,
    refreshing: AtomicU32,
    most_refreshing: AtomicU32,
}

impl Wire {
    pub(crate) fn new(script: MockScript) -> Self {
        Self {
            script,
            profile: model::profile(),
            account: None,
            exchanges: Mutex::default(),
            refreshing: AtomicU32::new(0),
            most_refreshing: AtomicU32::new(0),
        }
    }

    pub(crate) fn profile(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    pub(crate) fn account(mut self, name: &str) -> Self {
        self.account = Some(Account::new(name));
        self
    }

    pub(crate) fn arc(self) -> Arc<Self> {
        Arc::new(self)
    }

    fn notes(&self) -> MutexGuard<'_, Vec<Exchange>> {
        self.exchanges.lock().unwrap()
    }

    /// Every exchange of this kind, in the order of their beginnings.
    pub(crate) fn exchanges(&self, kind: OperationKind) -> Vec<Exchange> {
        self.notes().iter().filter(|exchange| exchange.kind == kind).cloned().collect()
    }

    pub(crate) fn count(&self, kind: OperationKind) -> usize {
        self.exchanges(kind).len()
    }

    /// No exchange is under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.notes().iter().all(|exchange| exchange.ended.is_some())
    }

    /// The most refreshes that were under way at once.
    pub(crate) fn most_refreshing(&self) -> u32 {
        self.most_refreshing.load(Ordering::Relaxed)
    }
}

/// Notes the end of an exchange.
struct OnWire<'a>(&'a Wire, usize, End);

impl Drop for OnWire<'_> {
    fn drop(&mut self) {
        self.0.notes()[self.1].ended = Some((Instant::now(), self.2));
    }
}

struct Refreshing<'a>(&'a AtomicU32);

impl Drop for Refreshing<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Takes all there is, letting go of every frame at once.
async fn drain(payload: &mut Payload) -> Result<(), Failure> {
    while let Some(frame) = poll_fn(|cx| payload.poll_frame(cx)).await {
        frame.map_err(|error| Failure::Unknown {
            cut: Cut::Reset,
            detail: error.to_string().as_str().into(),
        })?;
    }
    Ok(())
}

/// Takes so many frames and keeps them.
async fn take(payload: &mut Payload, frames: usize) -> Vec<Bytes> {
    let mut held = Vec::new();
    while held.len() < frames
        && let Some(frame) = poll_fn(|cx| payload.poll_frame(cx)).await
    {
        held.push(frame.unwrap());
    }
    held
}

#[async_trait]
impl Transport for Wire {
    fn profile(&self) -> Profile {
        self.profile.clone()
    }

    async fn perform(&self, operation: &Operation, mut payload: Payload) -> Outcome {
        let nth = {
            let mut notes = self.notes();
            notes.push(Exchange {
                kind: operation.kind(),
                segment: operation.action.segment().map(chunkwise_core::SegmentIndex::get),
                epoch: operation.epoch.get(),
                began: Instant::now(),
                ended: None,
            });
            notes.len() - 1
        };
        let mut on_wire = OnWire(self, nth, End::GivenUp);
        let outcome = match self.script.act(operation) {
            Act::Answer(outcome) => match drain(&mut payload).await {
                Ok(()) => outcome,
                Err(failure) => failure.into(),
            },
            Act::HangAfter(frames) => {
                let _held = take(&mut payload, frames).await;
                std::future::pending().await
            }
            Act::NeverAnswer => {
                let _ = drain(&mut payload).await;
                std::future::pending().await
            }
            Act::Trickle(every) => {
                while poll_fn(|cx| payload.poll_frame(cx)).await.is_some() {
                    tokio::time::sleep(every).await;
                }
                well(operation.kind())
            }
            Act::Deaf(time) => {
                let deaf = tokio::spawn(async move {
                    let _held = take(&mut payload, 1).await;
                    tokio::time::sleep(time).await;
                });
                deaf.await.unwrap();
                well(operation.kind())
            }
            Act::Panic => panic!("a bug in a transport"),
        };
        on_wire.2 = End::Answered;
        outcome
    }

    async fn refresh(&self, stale: CredentialEpoch) -> Result<CredentialEpoch, RefreshError> {
        let under_way = self.refreshing.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_refreshing.fetch_max(under_way, Ordering::Relaxed);
        let _refreshing = Refreshing(&self.refreshing);
        match self.script.refresh(stale.get()) {
            Fresh::After(time, epoch) => {
                tokio::time::sleep(time).await;
                Ok(CredentialEpoch::new(epoch))
            }
            Fresh::Refused => Err(RefreshError::new("scripted")),
            Fresh::Hang => std::future::pending().await,
            Fresh::Panic => panic!("a bug in a refresh"),
        }
    }

    fn account(&self) -> Option<Account> {
        self.account.clone()
    }
}
