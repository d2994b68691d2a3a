//! An upload under watch: everything seen of it is held against the invariants, and a twin must say the same.

use std::time::Duration;

use bytes::Bytes;
use chunkwise_core::{
    Action, Checkpoint, CheckpointSeq, Commitment, Completed, CredentialEpoch, Disposition, Final, Finalize,
    Growth, Input, OpId, Operation, Output, Page, Part, Phase, Processed, Processing, Receipt, Reply,
    ResumeError, Rewind, Session, SourceLength, Timestamp, Transfer, Upload, UploadError, UploadSpec,
    Verdict,
};

use super::finding::{Finding, ensure};
use super::world::World;
use super::{Tape, poke};
use crate::invariants::Invariants;
use crate::record::{Awaits, Seen};

/// More outputs than any input brings about in worlds of at most 40 segments.
const DRAIN: usize = 500;

/// More steps than any upload of at most 40 segments takes with a server that means well.
const STEPS: u32 = 1500;

const SEED: u64 = 3;

/// An upload, a twin that is told the same, and what must always hold of it.
#[derive(Debug)]
pub(super) struct Watch {
    upload: Upload,
    twin: Upload,
    invariants: Invariants,
    world: World,
    now: Timestamp,
    /// Given out, and neither answered nor cancelled.
    live: Vec<Operation>,
    /// Every operation given out, in order.
    given: Vec<OpId>,
    writing: Option<CheckpointSeq>,
    stale: Option<CredentialEpoch>,
    /// The end of the last drain, until the next.
    idle: Option<Timestamp>,
    closed: Option<Result<Completed, UploadError>>,
    available: u64,
    /// Whether the server that means well made the object.
    committed: bool,
}

impl Watch {
    /// Begins an upload; `None` if this can't be uploaded.
    pub(super) fn begin(world: World, now: Timestamp) -> Result<Option<Self>, Finding> {
        let World { spec, profile, policy } = world.clone();
        match Upload::new(now, spec, profile, policy, SEED) {
            Ok(upload) => Self::of(upload, None, world, now).map(Some),
            Err(error) => {
                ensure!(!error.to_string().is_empty(), "a refusal without words: {error:?}");
                Ok(None)
            }
        }
    }

    /// Goes on from a checkpoint.
    pub(super) fn resume(
        checkpoint: Checkpoint,
        world: World,
        now: Timestamp,
    ) -> Result<Result<Self, ResumeError>, Finding> {
        let stored = checkpoint.stored();
        match Upload::resume(now, checkpoint.clone(), world.profile.clone(), world.policy.clone(), SEED) {
            Ok(upload) => {
                let found = upload.progress().stored;
                ensure!(found == stored, "{stored} bytes are stored, {found} after resuming");
                Self::of(upload, Some(&checkpoint), world, now).map(Ok)
            }
            Err(error) => {
                ensure!(!error.to_string().is_empty(), "a refusal without words: {error:?}");
                Ok(Err(error))
            }
        }
    }

    fn of(upload: Upload, from: Option<&Checkpoint>, world: World, now: Timestamp) -> Result<Self, Finding> {
        let World { spec, profile, policy } = world.clone();
        let mut watch = Self {
            twin: upload.clone(),
            invariants: Invariants::new(profile, policy, spec, from),
            available: there(upload.checkpoint().spec()),
            upload,
            world,
            now,
            live: Vec::new(),
            given: Vec::new(),
            writing: None,
            stale: None,
            idle: None,
            closed: None,
            committed: false,
        };
        watch.drain()?;
        Ok(watch)
    }

    pub(super) const fn phase(&self) -> Phase {
        self.upload.phase()
    }

    fn see(&mut self, seen: Seen<'_>) -> Result<(), Finding> {
        let seen = self.invariants.see(self.now, seen, self.upload.plan());
        seen.map_err(|breach| Finding::new(breach.to_string()))
    }

    /// Takes what is asked for until nothing is.
    fn drain(&mut self) -> Result<(), Finding> {
        for outputs in 1..=DRAIN {
            let output = self.upload.poll(self.now);
            let twin = self.twin.poll(self.now);
            ensure!(output == twin, "the same inputs gave {output:?} and {twin:?}");
            if let Some(ended) = &self.closed {
                ensure!(output == Output::Closed(ended.clone()), "it was closed, and says {output:?}");
                return Ok(());
            }
            match output {
                Output::Perform(op) => self.perform(op)?,
                Output::Cancel(id) => {
                    self.see(Seen::Cancel(id))?;
                    self.live.retain(|op| op.id != id);
                }
                Output::Persist { seq } => {
                    self.see(Seen::Persist)?;
                    self.writing = Some(seq);
                }
                Output::Release(range) => self.see(Seen::Release(range))?,
                Output::Refresh { epoch } => {
                    self.see(Seen::Refresh(epoch))?;
                    self.stale = Some(epoch);
                }
                Output::Notify(event) => self.see(Seen::Notify(&event))?,
                Output::Idle { wake_at } => {
                    let plan = self.upload.plan();
                    let grows = plan.is_open() || self.available < plan.total();
                    let awaits = if grows { Awaits::Source } else { Awaits::Nothing };
                    self.see(Seen::Idle { outputs, wake_at, awaits })?;
                    self.idle = wake_at;
                    let again = self.upload.poll(self.now);
                    ensure!(
                        again == Output::Idle { wake_at },
                        "a further poll of an idle one gave {again:?}"
                    );
                    return self.see(Seen::Progress(self.upload.progress()));
                }
                Output::Closed(result) => {
                    self.see(Seen::Closed(&result))?;
                    self.see(Seen::Progress(self.upload.progress()))?;
                    let progress = self.upload.progress();
                    ensure!(
                        result.is_err() || Some(progress.committed) == progress.total,
                        "done, and yet {progress:?}"
                    );
                    if let Err(error) = &result {
                        let words = !error.to_string().is_empty() && !error.advice().is_empty();
                        ensure!(words, "an error without words: {error:?}");
                    }
                    self.closed = Some(result);
                    return Ok(());
                }
            }
        }
        Err(Finding::new("a drain without an end"))
    }

    fn perform(&mut self, op: Operation) -> Result<(), Finding> {
        self.see(Seen::Perform(&op))?;
        match &op.action {
            Action::Append { segment, .. } => {
                let plan = self.upload.plan();
                let range = plan.segment(segment.index).map(|planned| planned.range);
                let fits = range.is_some_and(|range| match self.world.profile.transfer {
                    Transfer::Parts(_) => range == segment.range,
                    Transfer::Append(_) => {
                        range.start() <= segment.range.start() && segment.range.end() <= range.end()
                    }
                });
                ensure!(fits, "{op:?} is not of the plan {plan:?}");
                let most = self.available.saturating_sub(u64::from(plan.is_open()));
                ensure!(segment.range.end() <= most, "{op:?}, with {} bytes there", self.available);
            }
            Action::Finalize { total, .. } => {
                let checkpoint = self.upload.checkpoint();
                let tiled = checkpoint.stored_ranges().is_some_and(|stored| stored.tiles(*total));
                ensure!(tiled && *total == checkpoint.total(), "{op:?} of {checkpoint:?}");
            }
            Action::Init { .. }
            | Action::Probe { .. }
            | Action::Status { .. }
            | Action::Verify { .. }
            | Action::Abort { .. } => {
                ensure!(self.live.is_empty(), "{op:?} beside {:?}", self.live);
            }
        }
        self.given.push(op.id);
        self.live.push(op);
        Ok(())
    }

    fn input(&mut self, input: Input) -> Result<(), Finding> {
        let known = |op: &OpId| self.invariants.record().live.contains_key(op);
        match &input {
            Input::Outcome { op, .. } if !known(op) => return self.stale(input),
            Input::Outcome { op, outcome } => {
                self.see(Seen::Outcome(*op, outcome))?;
                self.live.retain(|live| live.id != *op);
            }
            Input::Started(op) if known(op) => self.see(Seen::Started(*op))?,
            Input::Persisted(_) => {
                let checkpoint = self.upload.checkpoint();
                self.writing = None;
                self.see(Seen::Written(Some(&checkpoint)))?;
            }
            Input::PersistFailed(_) => {
                self.writing = None;
                self.see(Seen::Written(None))?;
            }
            Input::Refreshed { stale, .. } if self.stale == Some(*stale) => {
                self.stale = None;
                self.see(Seen::Refreshed)?;
            }
            Input::Available { up_to, .. } => self.available = self.available.max(*up_to),
            Input::Hold { kind, until } => self.see(Seen::Hold(*kind, *until))?,
            Input::Cancel(Disposition::Discard) => self.see(Seen::Discard)?,
            Input::Started(_)
            | Input::Sent { .. }
            | Input::SourceChanged
            | Input::SourceUnreadable(_)
            | Input::Refreshed { .. }
            | Input::Pause
            | Input::Resume
            | Input::Cancel(Disposition::Keep)
            | Input::Tick => {}
        }
        self.tell(input);
        self.drain()
    }

    /// An outcome of something that is not under way.
    fn stale(&mut self, input: Input) -> Result<(), Finding> {
        let before = self.upload.clone();
        self.tell(input);
        let seen = Seen::Stale { before: &before, after: &self.upload };
        let seen = self.invariants.see(self.now, seen, self.upload.plan());
        seen.map_err(|breach| Finding::new(breach.to_string()))?;
        self.drain()
    }

    fn tell(&mut self, input: Input) {
        self.twin.handle(self.now, input.clone());
        self.upload.handle(self.now, input);
    }

    fn pass(&mut self, time: Duration) -> Result<(), Finding> {
        self.now = self.now.after(time);
        self.drain()
    }

    /// One of the newest operations, or one that nobody knows.
    fn some_op(&self, tape: &mut Tape<'_>) -> OpId {
        let nth = usize::from(tape.below(6));
        self.given.iter().rev().nth(nth).copied().unwrap_or(OpId::from_raw(u64::MAX))
    }

    /// Does what the tape says next.
    pub(super) fn poke(&mut self, tape: &mut Tape<'_>) -> Result<(), Finding> {
        match tape.below(32) {
            0..=9 => {
                let nth = usize::from(tape.below(4));
                self.answer(nth)
            }
            10..=12 => self.pass(Duration::from_millis(100 * u64::from(tape.byte()))),
            13 => self.pass(Duration::from_secs(tape.number() >> tape.below(40))),
            14 => self.wake().map(drop),
            15..=16 => {
                let op = self.some_op(tape);
                self.input(Input::Started(op))
            }
            17 => {
                let (op, bytes) = (self.some_op(tape), tape.number());
                self.input(Input::Sent { op, bytes })
            }
            18..=23 => {
                let op = self.some_op(tape);
                let outcome = poke::outcome(tape, self.now);
                self.input(Input::Outcome { op, outcome })
            }
            24..=26 => self.write(),
            27 => match self.writing {
                Some(seq) => self.input(Input::PersistFailed(seq)),
                None => Ok(()),
            },
            28..=30 => {
                let input = poke::input(tape, self.now, Some(self.upload.checkpoint().seq()));
                self.input(input)
            }
            _ => self.crash(),
        }
    }

    /// Lets time pass until the upload wants to be polled; says whether it does.
    fn wake(&mut self) -> Result<bool, Finding> {
        let Some(at) = self.idle else { return Ok(false) };
        self.now = self.now.max(at);
        self.drain()?;
        Ok(true)
    }

    /// The disk does what it was asked for.
    fn write(&mut self) -> Result<(), Finding> {
        if self.writing.take().is_none() {
            return Ok(());
        }
        let seq = self.upload.checkpoint().seq();
        self.input(Input::Persisted(seq))
    }

    /// Another process goes on from a checkpoint of this very moment, by way of the disk.
    fn crash(&mut self) -> Result<(), Finding> {
        let checkpoint = self.upload.checkpoint();
        let gone = checkpoint.spec().rewind == Rewind::UntilReleased && checkpoint.needs_source();
        let read = there_and_back(&checkpoint)?;
        match Self::resume(read, self.world.clone(), self.now)? {
            Ok(resumed) => {
                ensure!(!gone, "a source that is gone is needed by {checkpoint:?}");
                let committed = self.committed;
                *self = Self { committed, ..resumed };
                Ok(())
            }
            Err(ResumeError::NotRewindable) if gone => Ok(()),
            Err(error) => Err(Finding::new(format!("what it wrote it can't read: {error}: {checkpoint:?}"))),
        }
    }

    /// The server answers the n-th newest operation under way as it should. It holds what the upload believes stored.
    fn answer(&mut self, nth: usize) -> Result<(), Finding> {
        let Some(op) = self.live.iter().rev().nth(nth).cloned() else { return Ok(()) };
        let reply = self.reply(&op);
        self.input(Input::Outcome { op: op.id, outcome: reply.into() })
    }

    fn reply(&mut self, op: &Operation) -> Reply {
        let profile = &self.world.profile;
        let appending = matches!(profile.transfer, Transfer::Append(_));
        let done = || Final { id: "77".into(), size: None, expires_at: None, body: Bytes::new() };
        let receipt = || Some(Receipt::new(Bytes::from_static(b"r")));
        match &op.action {
            Action::Init { .. } => {
                self.committed = false;
                Reply::Opened { session: Session::new("77"), expires: None }
            }
            Action::Append { segment, .. } => {
                let checkpoint = self.upload.checkpoint();
                let mut stored = checkpoint.stored_ranges().cloned().unwrap_or_default();
                stored.insert(segment.range);
                if profile.finalize == Finalize::Implicit && checkpoint.plan().is_tiled_by(&stored) {
                    self.committed = true;
                    Reply::Completed(done())
                } else if appending {
                    Reply::Advanced { cursor: segment.range.end() }
                } else {
                    Reply::Stored { receipt: receipt(), expires: None }
                }
            }
            Action::Probe { .. } => {
                let checkpoint = self.upload.checkpoint();
                let stored = checkpoint.stored_ranges().cloned().unwrap_or_default();
                if appending {
                    return Reply::Advanced { cursor: stored.covering(0).map_or(0, |range| range.end()) };
                }
                let held = checkpoint.plan().segments().filter(|segment| stored.contains(segment.range));
                let part = |segment: chunkwise_core::Segment| Part {
                    index: segment.index,
                    len: segment.range.len(),
                    receipt: receipt(),
                    range: None,
                };
                Reply::Probed(Page { parts: held.map(part).collect(), next: None })
            }
            Action::Finalize { .. } => {
                self.committed = true;
                match profile.processing {
                    Processed::Polled => {
                        Reply::Processing(Processing::Running { after: None, percent: None })
                    }
                    Processed::Never => Reply::Completed(done()),
                }
            }
            Action::Status { .. } => Reply::Completed(done()),
            Action::Verify { .. } => Reply::Verified(if self.committed {
                Verdict::Committed(Commitment::Ready(done()))
            } else {
                Verdict::NotCommitted
            }),
            Action::Abort { .. } => Reply::Aborted,
        }
    }

    /// From now on everybody means well; says in which of the two ways it ends, for it must end.
    pub(super) fn end_well(&mut self) -> Result<(), Finding> {
        self.input(Input::Resume)?;
        let mut total = self.upload.plan().total();
        if self.upload.plan().is_open() {
            total = total.max(self.available);
        }
        if self.available < total || self.upload.plan().is_open() {
            self.input(Input::Available { up_to: total, growth: Growth::Ended })?;
        }
        for _ in 0..STEPS {
            if self.closed.is_some() {
                return self.input(Input::Tick);
            }
            if self.writing.is_some() {
                self.write()?;
            } else if let Some(stale) = self.stale.take() {
                self.input(Input::Refreshed { stale, result: Ok(stale.next()) })?;
            } else if let Some(op) = self.live.first().cloned() {
                self.input(Input::Started(op.id))?;
                let nth = self.live.len().saturating_sub(1);
                self.answer(nth)?;
            } else {
                let woken = self.wake()?;
                ensure!(woken, "it waits for nothing in {:?}: {:?}", self.phase(), self.upload.checkpoint());
            }
        }
        Err(Finding::new(format!("it does not end: {:?}: {:?}", self.phase(), self.upload.checkpoint())))
    }

    pub(super) fn checkpoint(&self) -> Checkpoint {
        self.upload.checkpoint()
    }

    /// Gives up what there is, so that an abort is owed.
    pub(super) fn discard(&mut self) -> Result<(), Finding> {
        self.input(Input::Cancel(Disposition::Discard))
    }

    /// The source comes so far.
    pub(super) fn grow(&mut self, up_to: u64, growth: Growth) -> Result<(), Finding> {
        self.input(Input::Available { up_to, growth })
    }

    /// One step with everybody meaning well; says whether there was anything to do.
    pub(super) fn step(&mut self) -> Result<bool, Finding> {
        if self.writing.is_some() {
            self.write()?;
        } else if !self.live.is_empty() {
            self.answer(0)?;
        } else {
            return self.wake();
        }
        Ok(self.closed.is_none())
    }
}

/// How many bytes of a source are there at first.
fn there(spec: &UploadSpec) -> u64 {
    match spec.length {
        SourceLength::Known(_) => spec.available.unwrap_or(u64::MAX),
        SourceLength::Unknown => spec.available.unwrap_or(0),
    }
}

/// A checkpoint as it comes back from the disk; it must be the one that went there.
pub(super) fn there_and_back(checkpoint: &Checkpoint) -> Result<Checkpoint, Finding> {
    let text = serde_json::to_string(checkpoint)
        .map_err(|error| Finding::new(format!("it can't be written: {error}: {checkpoint:?}")))?;
    let read: Checkpoint = serde_json::from_str(&text)
        .map_err(|error| Finding::new(format!("it can't be read: {error}: {text}")))?;
    ensure!(read == *checkpoint, "{checkpoint:?} came back as {read:?}");
    Ok(read)
}

#[cfg(test)]
mod tests {
    use chunkwise_core::OperationKind;

    use super::super::world::{START, parts, policy};
    use super::*;

    #[test]
    fn an_upload_that_nobody_disturbs_ends_well() {
        let world = World { spec: UploadSpec::whole(57), profile: parts(), policy: policy() };
        let mut watch = Watch::begin(world, START).unwrap().unwrap();
        watch.end_well().unwrap();
        assert!(watch.closed.unwrap().is_ok());
        assert_eq!(watch.given.len(), 1 + 6 + 1 + 1);
    }

    #[test]
    fn a_second_live_attempt_of_a_segment_is_found() {
        let world = World { spec: UploadSpec::whole(57), profile: parts(), policy: policy() };
        let mut watch = Watch::begin(world, START).unwrap().unwrap();
        watch.step().unwrap();
        watch.step().unwrap();
        let append = watch.live.iter().find(|op| op.kind() == OperationKind::Append).cloned().unwrap();
        let again = Operation { id: OpId::from_raw(99), ..append };
        let found = watch.perform(again).unwrap_err().to_string();
        assert!(found.starts_with("invariant 2 (InWindow)"), "{found}");
    }
}
