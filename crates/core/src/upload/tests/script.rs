//! A script: an upload driven by hand, step by step, with its outputs in readable form.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;
use std::format;

use bytes::Bytes;

use crate::*;

/// An upload and the time, to be poked at.
pub(super) struct Script {
    pub(super) upload: Upload,
    pub(super) now: Timestamp,
    /// Operations given out and not yet answered or cancelled.
    pub(super) live: Vec<Operation>,
    pub(super) idle: Option<Timestamp>,
    /// Whether checkpoints are written as soon as they are asked for.
    pub(super) disk: Disk,
    pub(super) wanted: Option<CheckpointSeq>,
    pub(super) closed: Option<Result<Completed, UploadError>>,
    pub(super) events: Vec<Event>,
    pub(super) refresh: Option<CredentialEpoch>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Disk {
    Fast,
    Manual,
}

pub(super) const START: Timestamp = Timestamp::from_secs(1_000);

pub(super) fn policy() -> Policy {
    Policy { chunk_size: ChunkSize::new(10).unwrap(), ..Policy::default() }
}

pub(super) fn window(n: u32) -> Policy {
    Policy { window: WindowPolicy::Fixed(n.try_into().unwrap()), ..policy() }
}

impl Script {
    pub(super) fn new(len: u64) -> Self {
        Self::with(len, crate::testing::parts_profile(), policy())
    }

    pub(super) fn with(len: u64, profile: Profile, policy: Policy) -> Self {
        Self::of(Upload::new(START, UploadSpec::whole(len), profile, policy, 7).unwrap())
    }

    pub(super) fn of(upload: Upload) -> Self {
        let mut script = Self {
            upload,
            now: START,
            live: Vec::new(),
            idle: None,
            disk: Disk::Fast,
            wanted: None,
            closed: None,
            events: Vec::new(),
            refresh: None,
        };
        script.drain();
        script
    }

    /// Polls until idle or closed; what came out, in short.
    pub(super) fn drain(&mut self) -> Vec<String> {
        let mut seen = Vec::new();
        loop {
            match self.upload.poll(self.now) {
                Output::Perform(op) => {
                    seen.push(brief(&op));
                    self.live.push(op);
                }
                Output::Cancel(id) => {
                    let i =
                        self.live.iter().position(|op| op.id == id).expect("only what is live is cancelled");
                    let op = self.live.remove(i);
                    seen.push(format!("cancel {}", brief(&op)));
                }
                Output::Persist { seq } => match self.disk {
                    Disk::Fast => self.upload.handle(self.now, Input::Persisted(seq)),
                    Disk::Manual => {
                        assert_eq!(self.wanted, None, "one is under way at a time");
                        self.wanted = Some(seq);
                        seen.push("persist".to_string());
                    }
                },
                Output::Release(range) => seen.push(format!("release {range}")),
                Output::Refresh { epoch } => {
                    self.refresh = Some(epoch);
                    seen.push(format!("refresh {}", epoch.get()));
                }
                Output::Notify(event) => self.events.push(event),
                Output::Idle { wake_at } => {
                    assert!(wake_at.is_none_or(|at| at > self.now), "a wake-up in the past");
                    self.idle = wake_at;
                    return seen;
                }
                Output::Closed(result) => {
                    assert_eq!(self.upload.phase(), Phase::Closed);
                    if self.closed.is_none() {
                        seen.push("closed".to_string());
                    }
                    self.closed = Some(result);
                    return seen;
                }
            }
        }
    }

    pub(super) fn input(&mut self, input: Input) -> Vec<String> {
        self.upload.handle(self.now, input);
        self.drain()
    }

    /// Lets so much time pass.
    pub(super) fn pass(&mut self, time: Duration) -> Vec<String> {
        self.now = self.now.after(time);
        self.drain()
    }

    pub(super) fn secs(&mut self, secs: u64) -> Vec<String> {
        self.pass(Duration::from_secs(secs))
    }

    /// Lets time pass until the engine wants to be polled.
    pub(super) fn wake(&mut self) -> Vec<String> {
        self.now = self.idle.expect("the engine waits for time").max(self.now);
        self.drain()
    }

    /// Starts and answers the oldest live operation of this kind.
    pub(super) fn answer(&mut self, kind: OperationKind, outcome: impl Into<Outcome>) -> Vec<String> {
        let op = self.live.iter().find(|op| op.kind() == kind).expect("there is one under way").id;
        self.answer_op(op, outcome)
    }

    /// Starts and answers the Append of this segment.
    pub(super) fn answer_segment(&mut self, index: u32, outcome: impl Into<Outcome>) -> Vec<String> {
        let index = Some(SegmentIndex::new(index));
        let op = self.live.iter().find(|op| op.action.segment() == index).expect("it is under way").id;
        self.answer_op(op, outcome)
    }

    pub(super) fn answer_op(&mut self, op: OpId, outcome: impl Into<Outcome>) -> Vec<String> {
        self.upload.handle(self.now, Input::Started(op));
        self.live.retain(|live| live.id != op);
        self.input(Input::Outcome { op, outcome: outcome.into() })
    }

    /// Opens the session.
    pub(super) fn open(&mut self) -> Vec<String> {
        self.answer(OperationKind::Init, opened())
    }

    /// Stores every segment that is given out, until none is.
    pub(super) fn store_all(&mut self) -> Vec<String> {
        let mut seen = Vec::new();
        while let Some(op) = self.live.iter().find(|op| op.kind() == OperationKind::Append).map(|op| op.id) {
            seen = self.answer_op(op, stored());
        }
        seen
    }

    pub(super) fn error(&self) -> &ErrorKind {
        &self.closed.as_ref().expect("it is closed").as_ref().expect_err("it failed").kind
    }

    pub(super) fn kept(&self) -> Kept {
        self.closed.as_ref().expect("it is closed").as_ref().expect_err("it failed").kept
    }

    pub(super) fn resume(&self, checkpoint: Checkpoint, profile: Profile) -> Self {
        let mut script = Self::of(Upload::resume(self.now, checkpoint, profile, policy(), 9).unwrap());
        script.now = self.now;
        script
    }
}

fn brief(op: &Operation) -> String {
    let again = if op.attempt > 1 { format!(" try {}", op.attempt) } else { String::new() };
    match &op.action {
        Action::Append { segment, .. } => format!("append {} {}{again}", segment.index, segment.range),
        action => format!("{}{again}", action.kind().name().to_lowercase()),
    }
}

pub(super) fn opened() -> Reply {
    Reply::Opened { session: Session::new("77"), expires: None }
}

pub(super) fn stored() -> Reply {
    Reply::Stored { receipt: None, expires: None }
}

pub(super) fn completed() -> Reply {
    Reply::Completed(Final { id: Arc::from("77"), size: None, expires_at: None, body: Bytes::new() })
}

pub(super) fn running(after: Option<u64>) -> Reply {
    let after = after.map(|secs| Delay::After(Duration::from_secs(secs)));
    Reply::Processing(Processing::Running { after, percent: None })
}

pub(super) fn problem(kind: ProblemKind) -> Failure {
    Failure::answered(kind, ServerError::message("so it is"))
}

pub(super) fn lost(cut: Cut) -> Failure {
    Failure::Unknown { cut, detail: Detail::new("lost") }
}

pub(super) fn unreachable() -> Failure {
    Failure::NotSent { cause: NotSent::Unreachable, detail: Detail::new("refused") }
}
