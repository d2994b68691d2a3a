//! A process that drives one upload of the suite: the bare engine, the invariants, and a transport.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use chunkwise_core::{
    Checkpoint, Completed, Detail, Disposition, ErrorKind, Finalize, Input, OpId, Operation, OperationKind,
    Outcome, Output, Policy, Profile, Reply, Timestamp, Transfer, Upload, UploadError, UploadSpec, Verdict,
    Verify,
};
use chunkwise_transport::Transport;
use futures::StreamExt as _;
use futures::future::{AbortHandle, Aborted, BoxFuture, abortable};
use futures::stream::FuturesUnordered;
use tokio::time::Instant;

use super::mishap::{Mishap, Strike, bytes_of, perform};
use super::{Telling, content};
use crate::invariants::Invariants;
use crate::record::{Awaits, Seen};

type Running = BoxFuture<'static, Result<(OpId, Result<Outcome, String>), Aborted>>;

/// What befalls a process.
#[derive(Clone, Debug, Default)]
pub(super) struct Fate {
    /// What goes wrong.
    pub(super) strikes: Vec<Strike>,
    /// What goes wrong with the first of every two operations.
    pub(super) every_other: Option<Mishap>,
    /// It dies after so many checkpoints.
    pub(super) dies_after_write: Option<usize>,
    /// It dies when an operation of this kind has been done, before it hears of it.
    pub(super) dies_waiting_for: Option<OperationKind>,
    /// It discards the upload when so many Appends went well.
    pub(super) discards_after: Option<u32>,
}

/// How a process came to its end.
pub(super) enum End {
    /// The upload ended.
    Closed(Result<Completed, UploadError>),
    /// It died.
    Died,
}

/// What is left of a process.
pub(super) struct Ended {
    pub(super) end: End,
    /// Every checkpoint it wrote, the newest last.
    pub(super) checkpoints: Vec<Checkpoint>,
    /// How many operations of each kind went out.
    pub(super) counts: BTreeMap<OperationKind, u32>,
    /// Whether somebody could be asked what came of the object.
    pub(super) asked: Asked,
    /// Whether there was a reason not to know what came of it.
    pub(super) doubt: Doubt,
}

/// Whether somebody could be asked what came of the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// The server could.
    Could,
    /// There is nothing to ask.
    CouldNot,
    /// The answer was that it can't be told.
    InVain,
}

impl Asked {
    /// By what a protocol can be asked.
    const fn of(profile: &Profile) -> Self {
        match (profile.verify, profile.finalize, profile.transfer) {
            // Where the last Append makes the object, the cursor tells.
            (Verify::Call, _, _) | (Verify::Unsupported, Finalize::Implicit, Transfer::Append(_)) => {
                Self::Could
            }
            (Verify::Unsupported, Finalize::Call { .. } | Finalize::Implicit, _) => Self::CouldNot,
        }
    }
}

/// Whether there was a reason not to know what came of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// Every operation went its way, or nothing of it went out.
    None,
    /// Something befell one on the way, or a process had died.
    Some,
}

impl Ended {
    /// How many operations of this kind went out.
    pub(super) fn count(&self, kind: OperationKind) -> u32 {
        self.counts.get(&kind).copied().unwrap_or_default()
    }

    /// The result of an upload that came to its end.
    pub(super) fn result(self) -> Result<Result<Completed, UploadError>, String> {
        match self.end {
            End::Closed(result) => Ok(result),
            End::Died => Err("the process died, and should not have".into()),
        }
    }

    /// What the upload completed with; `None` where it ended by saying that nobody can tell, nobody could, by what is known
    /// of the place, and there was a reason for doubt.
    ///
    /// # Errors
    ///
    /// Every other end.
    pub(super) fn completed(self, verify: Telling) -> Result<Option<Completed>, String> {
        let (asked, doubt) = (self.asked, self.doubt);
        let error = match self.result()? {
            Ok(completed) => return Ok(Some(completed)),
            Err(error) => error,
        };
        match (&*error.kind, asked, verify, doubt) {
            (ErrorKind::FinalizeUnknown { .. }, Asked::CouldNot, _, Doubt::Some)
            | (ErrorKind::FinalizeUnknown { .. }, Asked::InVain, Telling::MayNot, Doubt::Some) => Ok(None),
            (_, Asked::InVain, Telling::Tells, _) => {
                Err(format!("{error} (a Verify did not tell, and the place does not say that it may not)"))
            }
            _ => Err(error.to_string()),
        }
    }
}

pub(super) struct Process {
    transport: Arc<dyn Transport>,
    content: Bytes,
    fate: Fate,
    upload: Upload,
    invariants: Invariants,
    running: FuturesUnordered<Running>,
    handles: BTreeMap<OpId, AbortHandle>,
    kinds: BTreeMap<OpId, OperationKind>,
    checkpoints: Vec<Checkpoint>,
    counts: BTreeMap<OperationKind, u32>,
    appended: u32,
    asked: Asked,
    doubt: Doubt,
    clock: (Timestamp, Instant),
}

impl Process {
    /// Of a new upload.
    pub(super) fn begin(transport: Arc<dyn Transport>, content: Bytes, fate: Fate) -> Result<Self, String> {
        let (profile, spec) = (transport.profile(), UploadSpec::whole(content.len() as u64));
        let policy = content::policy(&profile);
        let clock = clock();
        let upload = Upload::new(clock.0, spec, profile.clone(), policy.clone(), 7)
            .map_err(|error| format!("it can't be planned: {error}"))?;
        Ok(Self::new(transport, content, fate, upload, clock, (profile, policy, spec, None)))
    }

    /// Of one that goes on.
    pub(super) fn resume(
        transport: Arc<dyn Transport>,
        content: Bytes,
        fate: Fate,
        checkpoint: &Checkpoint,
    ) -> Result<Self, String> {
        let (profile, spec) = (transport.profile(), UploadSpec::whole(content.len() as u64));
        let policy = content::policy(&profile);
        let clock = clock();
        let upload = Upload::resume(clock.0, checkpoint.clone(), profile.clone(), policy.clone(), 8)
            .map_err(|error| format!("it can't be resumed: {error}"))?;
        Ok(Self::new(transport, content, fate, upload, clock, (profile, policy, spec, Some(checkpoint))))
    }

    fn new(
        transport: Arc<dyn Transport>,
        content: Bytes,
        fate: Fate,
        upload: Upload,
        clock: (Timestamp, Instant),
        (profile, policy, spec, from): (Profile, Policy, UploadSpec, Option<&Checkpoint>),
    ) -> Self {
        Self {
            transport,
            content,
            fate,
            upload,
            asked: Asked::of(&profile),
            doubt: if from.is_some() { Doubt::Some } else { Doubt::None },
            invariants: Invariants::new(profile, policy, spec, from),
            running: FuturesUnordered::new(),
            handles: BTreeMap::new(),
            kinds: BTreeMap::new(),
            checkpoints: Vec::new(),
            counts: BTreeMap::new(),
            appended: 0,
            clock,
        }
    }

    fn now(&self) -> Timestamp {
        self.clock.0.after(self.clock.1.elapsed())
    }

    /// What is seen is judged at the time that the engine was given, and not a moment later.
    fn see(&mut self, now: Timestamp, seen: Seen<'_>) -> Result<(), String> {
        self.invariants.see(now, seen, self.upload.plan()).map_err(|breach| breach.to_string())
    }

    fn tell(&mut self, now: Timestamp, input: Input) {
        self.upload.handle(now, input);
    }

    /// Drives the upload to its end, or to the process's.
    ///
    /// # Errors
    ///
    /// What must hold and did not.
    pub(super) async fn run(mut self) -> Result<Ended, String> {
        loop {
            let wake_at = match self.drain().await? {
                Drained::Idle(wake_at) => wake_at,
                Drained::Ended(end) => return Ok(self.ended(end)),
            };
            let wait = wake_at.map(|at| at.since(self.now()));
            let sleep = tokio::time::sleep(wait.unwrap_or(Duration::from_secs(3_600)));
            let happened = tokio::select! {
                biased;
                Some(done) = self.running.next(), if !self.running.is_empty() => Some(done),
                () = sleep => None,
            };
            match happened {
                Some(Ok((op, outcome))) => {
                    let outcome = outcome?;
                    if self.dies_before(op) {
                        return Ok(self.ended(End::Died));
                    }
                    self.hear(op, outcome)?;
                }
                Some(Err(Aborted)) => {}
                None => self.tell(self.now(), Input::Tick),
            }
        }
    }

    fn ended(self, end: End) -> Ended {
        let Self { checkpoints, counts, asked, doubt, .. } = self;
        Ended { end, checkpoints, counts, asked, doubt }
    }

    fn dies_before(&self, op: OpId) -> bool {
        let kind = self.kinds.get(&op).copied();
        kind.is_some() && kind == self.fate.dies_waiting_for
    }

    fn hear(&mut self, op: OpId, outcome: Outcome) -> Result<(), String> {
        self.handles.remove(&op);
        let now = self.now();
        let stored = outcome.result.is_ok() && self.kinds.get(&op) == Some(&OperationKind::Append);
        if let Ok(Reply::Verified(Verdict::CannotTell)) = outcome.result {
            self.asked = Asked::InVain;
        }
        self.see(now, Seen::Outcome(op, &outcome))?;
        self.tell(now, Input::Outcome { op, outcome });
        if stored {
            self.appended += 1;
            if self.fate.discards_after == Some(self.appended) {
                self.see(now, Seen::Discard)?;
                self.tell(now, Input::Cancel(Disposition::Discard));
            }
        }
        Ok(())
    }

    async fn drain(&mut self) -> Result<Drained, String> {
        let mut outputs = 0;
        loop {
            outputs += 1;
            let now = self.now();
            match self.upload.poll(now) {
                Output::Perform(op) => self.start(now, op)?,
                Output::Cancel(op) => {
                    self.see(now, Seen::Cancel(op))?;
                    if let Some(handle) = self.handles.remove(&op) {
                        handle.abort();
                    }
                }
                Output::Persist { .. } => {
                    if self.fate.dies_after_write == Some(self.checkpoints.len()) {
                        return Ok(Drained::Ended(End::Died));
                    }
                    self.see(now, Seen::Persist)?;
                    let checkpoint = self.upload.checkpoint();
                    self.see(now, Seen::Written(Some(&checkpoint)))?;
                    self.tell(now, Input::Persisted(checkpoint.seq()));
                    self.checkpoints.push(checkpoint);
                }
                Output::Release(range) => self.see(now, Seen::Release(range))?,
                Output::Refresh { epoch } => {
                    self.see(now, Seen::Refresh(epoch))?;
                    let result = self.transport.refresh(epoch).await;
                    let now = self.now();
                    self.see(now, Seen::Refreshed)?;
                    let result = result.map_err(|error| Detail::new(error.to_string()));
                    self.tell(now, Input::Refreshed { stale: epoch, result });
                }
                Output::Notify(event) => self.see(now, Seen::Notify(&event))?,
                Output::Idle { wake_at } => {
                    self.see(now, Seen::Idle { outputs, wake_at, awaits: Awaits::Nothing })?;
                    self.see(now, Seen::Progress(self.upload.progress()))?;
                    return Ok(Drained::Idle(wake_at));
                }
                Output::Closed(result) => {
                    self.see(now, Seen::Closed(&result))?;
                    return Ok(Drained::Ended(End::Closed(result)));
                }
            }
            if outputs > 10_000 {
                return Err("ten thousand outputs without a pause".into());
            }
        }
    }

    fn start(&mut self, now: Timestamp, op: Operation) -> Result<(), String> {
        self.see(now, Seen::Perform(&op))?;
        self.see(now, Seen::Started(op.id))?;
        self.tell(now, Input::Started(op.id));
        let (id, kind) = (op.id, op.kind());
        let mishap = self.mishap(kind);
        self.kinds.insert(id, kind);
        let (transport, bytes) = (Arc::clone(&self.transport), bytes_of(&self.content, op.payload()));
        let (performed, handle) =
            abortable(async move { (id, perform(&*transport, &op, &bytes, mishap).await) });
        self.handles.insert(id, handle);
        self.running.push(Box::pin(performed));
        Ok(())
    }

    /// What befalls the operation of this kind that goes out now.
    fn mishap(&mut self, kind: OperationKind) -> Option<Mishap> {
        let count = self.counts.entry(kind).or_default();
        *count += 1;
        let nth = *count;
        let aimed = self.fate.strikes.iter().find(|strike| (strike.kind, strike.nth) == (kind, nth));
        let mishap =
            aimed.map(|strike| strike.mishap).or_else(|| self.fate.every_other.filter(|_| nth % 2 == 1));
        match mishap {
            None | Some(Mishap::Unreachable) => {}
            Some(
                Mishap::RequestLost
                | Mishap::ReplyLost
                | Mishap::Twice
                | Mishap::Cut
                | Mishap::SessionForgotten,
            ) => self.doubt = Doubt::Some,
        }
        mishap
    }
}

enum Drained {
    Idle(Option<Timestamp>),
    Ended(End),
}

/// The time, and the moment of it on the clock that goes on.
fn clock() -> (Timestamp, Instant) {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (Timestamp::EPOCH.after(since_epoch), Instant::now())
}
