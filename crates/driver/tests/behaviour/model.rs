//! A server in memory, reached by a transport of its own: it stores segments, counts, logs, and fails on script.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chunkwise_core::{
    Abort, Action, ByteRange, Commitment, CredentialEpoch, Cut, Empty, Failure, Final, Finalize, Length,
    Listing, NotSent, Open, Operation, OperationKind, Outcome, Pace, Parts, Problem, ProblemKind, Processed,
    Profile, Receipts, Reply, Resend, Segment, ServerError, Session, Sizing, Timestamp, Transfer, Uniformity,
    Verdict, Verify,
};
use chunkwise_transport::{Account, Payload, RefreshError, Transport};
use tokio::time::Instant;

pub(crate) fn profile() -> Profile {
    Profile {
        name: "model".into(),
        open: Open::Request,
        transfer: Transfer::Parts(Parts { resend: Resend::Overwrites, listing: Listing::None }),
        length: Length::AtEnd,
        sizing: Sizing {
            min: 1,
            max: 1 << 30,
            multiple_of: 1,
            max_count: 10_000,
            max_total: 1 << 40,
            uniformity: Uniformity::Free,
            empty: Empty::Refused,
        },
        finalize: Finalize::Call { receipts: Receipts::NotWanted },
        verify: Verify::Call,
        processing: Processed::Never,
        abort: Abort::Call,
    }
}

/// What goes wrong with one exchange.
#[derive(Clone)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// It is answered with this instead.
    Answer(Failure),
    /// The server does it, and the answer is lost.
    LoseReply,
    /// The server does it; then this happens, before its answer comes.
    Then(Arc<dyn Fn() + Send + Sync>),
    /// The wire takes so many frames, then nothing more happens.
    HangAfter(usize),
}

impl Fault {
    pub(crate) fn throttled(after: Duration) -> Self {
        let after = Some(chunkwise_core::Delay::After(after));
        Self::Answer(Failure::Answered(Problem {
            kind: ProblemKind::Throttled,
            after,
            server: ServerError::message("scripted"),
        }))
    }

    pub(crate) fn unreachable() -> Self {
        Self::Answer(Failure::NotSent { cause: NotSent::Unreachable, detail: "scripted".into() })
    }
}

/// One exchange, as a script sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) kind: OperationKind,
    /// How many of this kind there were, this one included.
    pub(crate) nth: u32,
}

/// One exchange in the log.
#[derive(Clone, Debug)]
pub(crate) struct Logged {
    pub(crate) kind: OperationKind,
    pub(crate) segment: Option<Segment>,
    pub(crate) at: Instant,
}

type Script = Box<dyn Fn(Call) -> Fault + Send + Sync>;

#[derive(Default)]
struct State {
    sessions: HashMap<String, Stored>,
    log: Vec<Logged>,
    counts: BTreeMap<OperationKind, u32>,
    live: u32,
    most_live: u32,
    dropped: u32,
    token: u64,
    refreshes: u32,
    throttled: u32,
    spent: BTreeMap<u32, u64>,
}

#[derive(Default)]
struct Stored {
    /// As Init said it, if it did.
    total: Option<u64>,
    segments: BTreeMap<u32, (ByteRange, Vec<u8>)>,
    object: Option<Vec<u8>>,
    aborted: bool,
}

/// The server. Transports to it are made by [`Model::transport`].
pub(crate) struct Model {
    state: Mutex<State>,
    script: Script,
    /// What a frame takes on the wire.
    frame_time: Duration,
    /// How many frames the wire holds before it lets go of the first.
    wire: usize,
    account: Option<Account>,
    quota: Option<Quota>,
}

/// How many Appends the server takes in every period, and says so in every answer.
#[derive(Clone, Copy)]
struct Quota {
    appends: u64,
    period: Duration,
    begin: Instant,
    begin_wall: Timestamp,
}

pub(crate) struct ModelTransport {
    model: Arc<Model>,
    /// The credentials that this transport has: refused by the server if they are older than its own.
    epoch: AtomicU64,
    refreshing: tokio::sync::Mutex<()>,
}

impl Model {
    pub(crate) fn new(script: impl Fn(Call) -> Fault + Send + Sync + 'static) -> Self {
        Self {
            state: Mutex::default(),
            script: Box::new(script),
            frame_time: Duration::from_millis(1),
            wire: 2,
            account: None,
            quota: None,
        }
    }

    pub(crate) fn healthy() -> Self {
        Self::new(|_| Fault::None)
    }

    pub(crate) fn frame_time(mut self, frame_time: Duration) -> Self {
        self.frame_time = frame_time;
        self
    }

    pub(crate) fn account(mut self, name: &str) -> Self {
        self.account = Some(Account::new(name));
        self
    }

    pub(crate) fn quota(mut self, appends: u64, period: Duration) -> Self {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let begin_wall = Timestamp::EPOCH.after(since_epoch);
        self.quota = Some(Quota { appends, period, begin: Instant::now(), begin_wall });
        self
    }

    pub(crate) fn arc(self) -> Arc<Self> {
        Arc::new(self)
    }

    pub(crate) fn transport(self: &Arc<Self>) -> Arc<dyn Transport> {
        Arc::new(ModelTransport {
            model: Arc::clone(self),
            epoch: AtomicU64::new(0),
            refreshing: tokio::sync::Mutex::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The one finished object.
    pub(crate) fn object(&self) -> Vec<u8> {
        let state = self.state();
        let mut objects = state.sessions.values().filter_map(|stored| stored.object.clone());
        let object = objects.next().expect("there is a finished object");
        assert!(objects.next().is_none(), "there is only one");
        object
    }

    pub(crate) fn objects(&self) -> Vec<Vec<u8>> {
        self.state().sessions.values().filter_map(|stored| stored.object.clone()).collect()
    }

    pub(crate) fn sessions(&self) -> usize {
        self.state().sessions.len()
    }

    pub(crate) fn aborted(&self) -> usize {
        self.state().sessions.values().filter(|stored| stored.aborted).count()
    }

    pub(crate) fn log(&self) -> Vec<Logged> {
        self.state().log.clone()
    }

    pub(crate) fn count(&self, kind: OperationKind) -> u32 {
        self.state().counts.get(&kind).copied().unwrap_or(0)
    }

    /// The most Appends that were on the wire at once.
    pub(crate) fn most_live(&self) -> u32 {
        self.state().most_live
    }

    /// Exchanges that were given up before their answer.
    pub(crate) fn dropped(&self) -> u32 {
        self.state().dropped
    }

    pub(crate) fn refreshes(&self) -> u32 {
        self.state().refreshes
    }

    /// The server takes no older credentials than this from now on.
    pub(crate) fn expire_credentials(&self) {
        self.state().token += 1;
    }

    /// Exchanges that were more than the quota allows.
    pub(crate) fn throttled(&self) -> u32 {
        self.state().throttled
    }

    /// Counts an Append; what is left of the period's quota, if it was within it.
    fn spend(&self, quota: Quota) -> Option<Pace> {
        let mut state = self.state();
        let period = (quota.begin.elapsed().as_micros() / quota.period.as_micros()) as u32;
        let spent = state.spent.entry(period).or_default();
        *spent += 1;
        let remaining = quota.appends.checked_sub(*spent);
        if remaining.is_none() {
            state.throttled += 1;
        }
        let reset = quota.begin_wall.after(quota.period * (period + 1));
        remaining.map(|remaining| Pace { remaining, reset })
    }

    fn commit(&self, operation: &Operation, content: Vec<u8>) -> Result<Reply, Failure> {
        let mut state = self.state();
        if let Action::Init { total } = &operation.action {
            let name = format!("session-{}", state.sessions.len());
            state.sessions.insert(name.clone(), Stored { total: *total, ..Stored::default() });
            return Ok(Reply::Opened { session: Session::new(name), expires: None });
        }
        let name = operation.action.session().unwrap().as_str().to_owned();
        let gone = || Failure::answered(ProblemKind::SessionGone, ServerError::message("no such session"));
        let stored = state.sessions.get_mut(&name).filter(|stored| !stored.aborted).ok_or_else(gone)?;
        let done = |object: &Vec<u8>| Final {
            id: name.as_str().into(),
            size: Some(object.len() as u64),
            expires_at: None,
            body: Bytes::new(),
        };
        match &operation.action {
            Action::Append { segment, .. } => {
                assert_eq!(content.len() as u64, segment.range.len());
                stored.segments.insert(segment.index.get(), (segment.range, content));
                Ok(Reply::Stored { receipt: None, expires: None })
            }
            Action::Finalize { total, .. } => {
                let mut object = Vec::new();
                for (range, content) in stored.segments.values() {
                    assert_eq!(range.start(), object.len() as u64, "the segments tile the object");
                    object.extend_from_slice(content);
                }
                assert_eq!(object.len() as u64, *total);
                assert!(stored.total.is_none_or(|told| told == *total));
                let reply = Reply::Completed(done(&object));
                stored.object = Some(object);
                Ok(reply)
            }
            Action::Verify { .. } => Ok(Reply::Verified(match &stored.object {
                Some(object) => Verdict::Committed(Commitment::Ready(done(object))),
                None => Verdict::NotCommitted,
            })),
            Action::Abort { .. } => {
                stored.aborted = true;
                Ok(Reply::Aborted)
            }
            Action::Init { .. } | Action::Probe { .. } | Action::Status { .. } => {
                panic!("the model was not to be asked for {}", operation.kind())
            }
        }
    }

    /// Takes frames as an HTTP stack does: it asks for more while it holds fewer than it may, and writes meanwhile.
    async fn receive(&self, mut payload: Payload, hang_after: Option<usize>) -> Result<Vec<u8>, Failure> {
        let mut content = Vec::new();
        let mut held = VecDeque::new();
        let (mut frames, mut ended, mut free_at) = (0, false, Instant::now());
        while !ended || !held.is_empty() {
            if hang_after == Some(frames) {
                std::future::pending::<()>().await;
            }
            let written = held.front().map(|(_, at)| *at);
            tokio::select! {
                frame = poll_fn(|cx| payload.poll_frame(cx)), if !ended && held.len() < self.wire => match frame {
                    Some(Ok(frame)) => {
                        frames += 1;
                        content.extend_from_slice(&frame);
                        free_at = free_at.max(Instant::now()) + self.frame_time;
                        held.push_back((frame, free_at));
                    }
                    Some(Err(error)) => {
                        let detail = error.to_string().as_str().into();
                        return Err(Failure::Unknown { cut: Cut::Reset, detail });
                    }
                    None => ended = true,
                },
                () = tokio::time::sleep_until(written.unwrap_or(free_at)), if written.is_some() => {
                    held.pop_front();
                }
            }
        }
        Ok(content)
    }

    async fn exchange(&self, operation: &Operation, payload: Payload, epoch: u64) -> Result<Reply, Failure> {
        let call = {
            let mut state = self.state();
            let kind = operation.kind();
            let nth = state.counts.entry(kind).or_default();
            *nth += 1;
            let nth = *nth;
            let segment = match &operation.action {
                Action::Append { segment, .. } => Some(*segment),
                _ => None,
            };
            state.log.push(Logged { kind, segment, at: Instant::now() });
            if state.token > epoch {
                return Err(Failure::answered(
                    ProblemKind::CredentialsExpired,
                    ServerError::message("expired"),
                ));
            }
            Call { kind, nth }
        };
        let fault = (self.script)(call);
        let hang_after = match &fault {
            Fault::Answer(failure) => return Err(failure.clone()),
            Fault::HangAfter(frames) => Some(*frames),
            Fault::None | Fault::LoseReply | Fault::Then(_) => None,
        };
        let content = self.receive(payload, hang_after).await?;
        let reply = self.commit(operation, content);
        if let Fault::Then(act) = &fault {
            act();
        }
        if matches!(fault, Fault::LoseReply) {
            return Err(Failure::Unknown { cut: Cut::Reset, detail: "scripted".into() });
        }
        reply
    }
}

struct OnWire<'a> {
    model: &'a Model,
    append: bool,
    answered: bool,
}

impl<'a> OnWire<'a> {
    fn new(model: &'a Model, append: bool) -> Self {
        if append {
            let mut state = model.state();
            state.live += 1;
            state.most_live = state.most_live.max(state.live);
        }
        Self { model, append, answered: false }
    }
}

impl Drop for OnWire<'_> {
    fn drop(&mut self) {
        let mut state = self.model.state();
        state.live -= u32::from(self.append);
        state.dropped += u32::from(!self.answered);
    }
}

#[async_trait]
impl Transport for ModelTransport {
    fn profile(&self) -> Profile {
        profile()
    }

    async fn perform(&self, operation: &Operation, payload: Payload) -> Outcome {
        let mut on_wire = OnWire::new(&self.model, operation.kind() == OperationKind::Append);
        let epoch = self.epoch.load(Ordering::Relaxed);
        let quota = self.model.quota.filter(|_| operation.kind() == OperationKind::Append);
        let pace = quota.map(|quota| self.model.spend(quota));
        let result = match pace {
            Some(None) => Err(Failure::answered(ProblemKind::Throttled, ServerError::message("too many"))),
            Some(Some(_)) | None => self.model.exchange(operation, payload, epoch).await,
        };
        on_wire.answered = true;
        Outcome { result, pace: pace.flatten() }
    }

    async fn refresh(&self, stale: CredentialEpoch) -> Result<CredentialEpoch, RefreshError> {
        let _one_at_a_time = self.refreshing.lock().await;
        let epoch = self.epoch.load(Ordering::Relaxed);
        if epoch > stale.get() {
            return Ok(CredentialEpoch::new(epoch));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        let mut state = self.model.state();
        state.refreshes += 1;
        let token = state.token;
        self.epoch.store(token, Ordering::Relaxed);
        Ok(CredentialEpoch::new(token))
    }

    fn account(&self) -> Option<Account> {
        self.model.account.clone()
    }
}
