//! A script: an upload driven by hand, step by step, with its outputs in readable form.

use alloc::string::ToString;
use alloc::sync::Arc;

use core::time::Duration;
use std::format;

use bytes::Bytes;

pub(super) use alloc::string::String;
pub(super) use alloc::vec::Vec;

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
    /// What came out when the upload was made.
    pub(super) first: Vec<String>,
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
        Self::at(START, upload, Disk::Fast)
    }

    pub(super) fn at(now: Timestamp, upload: Upload, disk: Disk) -> Self {
        let mut script = Self {
            upload,
            now,
            live: Vec::new(),
            idle: None,
            disk,
            wanted: None,
            closed: None,
            events: Vec::new(),
            refresh: None,
            first: Vec::new(),
        };
        script.first = script.drain();
        script
    }

    /// A new upload with a disk that has to be told when it is done.
    pub(super) fn slow_disk(len: u64, profile: Profile, policy: Policy) -> Self {
        let upload = Upload::new(START, UploadSpec::whole(len), profile, policy, 7).unwrap();
        Self::at(START, upload, Disk::Manual)
    }

    /// An upload whose session is open.
    pub(super) fn opened(len: u64, profile: Profile, policy: Policy) -> Self {
        let mut script = Self::with(len, profile, policy);
        script.open();
        script
    }

    /// An upload of which everything is stored; Finalize is out.
    pub(super) fn finalizing(profile: Profile, policy: Policy) -> Self {
        let mut script = Self::opened(25, profile, policy);
        assert_eq!(script.store_all(), ["finalize"]);
        script
    }

    /// An upload that waits for the server's processing.
    pub(super) fn processing(hint: Option<u64>, policy: Policy) -> Self {
        let mut script = Self::finalizing(crate::testing::parts_profile(), policy);
        assert_eq!(script.answer(OperationKind::Finalize, running(hint)), NOTHING);
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

    /// The session that is to be replaced is given up first; what goes out then.
    pub(super) fn given_up(&mut self, seen: Vec<String>) -> Vec<String> {
        assert_eq!(seen, ["abort"]);
        self.answer(OperationKind::Abort, Reply::Aborted)
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
        let upload = Upload::resume(self.now, checkpoint, profile, policy(), 9).unwrap();
        Self::at(self.now, upload, Disk::Fast)
    }

    /// Another process goes on from the state as it is.
    pub(super) fn crash(&self) -> Self {
        self.resume(self.upload.checkpoint(), self.upload.shared.profile.clone())
    }

    /// How long until the engine wants to be polled.
    pub(super) fn wakes_in(&self) -> Option<Duration> {
        self.idle.map(|at| at.since(self.now))
    }

    /// When the last failed operation is to be tried again, as the events say it.
    pub(super) fn retry_at(&self) -> Timestamp {
        let at = |event: &Event| match event {
            Event::Retrying { at, .. } => Some(*at),
            _ => None,
        };
        self.events.iter().rev().find_map(at).expect("something is to be tried again")
    }

    /// How many events are like this.
    pub(super) fn count(&self, like: impl Fn(&Event) -> bool) -> usize {
        self.events.iter().filter(|event| like(event)).count()
    }

    /// How often the upload began anew, and why.
    pub(super) fn restarts(&self) -> Vec<SessionEnd> {
        let reason = |event: &Event| match event {
            Event::NewSession { reason } => Some(*reason),
            _ => None,
        };
        self.events.iter().filter_map(reason).collect()
    }

    /// Says that every operation under way has its turn.
    pub(super) fn start_all(&mut self) -> Vec<String> {
        for op in self.live.clone() {
            self.upload.handle(self.now, Input::Started(op.id));
        }
        self.drain()
    }

    /// What is under way, in short.
    pub(super) fn under_way(&self) -> Vec<String> {
        self.live.iter().map(brief).collect()
    }

    /// Answers every try of this kind alike until the upload ends; says how many there were.
    pub(super) fn always(&mut self, kind: OperationKind, outcome: impl Into<Outcome>) -> u32 {
        let outcome = outcome.into();
        let mut tries = 0;
        loop {
            assert!(tries < 1000, "it does not end");
            if !self.live.iter().any(|op| op.kind() == kind) {
                self.wake();
            }
            if self.closed.is_some() {
                return tries;
            }
            self.answer(kind, outcome.clone());
            tries += 1;
            if self.closed.is_some() {
                return tries;
            }
        }
    }
}

pub(super) const NOTHING: [&str; 0] = [];

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

/// A bad answer that asks for a wait.
pub(super) fn problem_after(kind: ProblemKind, after: Delay) -> Failure {
    Failure::Answered(Problem { kind, after: Some(after), server: ServerError::message("so it is") })
}

pub(super) const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub(super) const fn after(seconds: u64) -> Delay {
    Delay::After(secs(seconds))
}

/// The time so many seconds after the beginning.
pub(super) fn second(n: u64) -> Timestamp {
    START.after(secs(n))
}

pub(super) fn unreachable() -> Failure {
    Failure::NotSent { cause: NotSent::Unreachable, detail: Detail::new("refused") }
}

/// A segment is stored, and the server wants this back.
pub(super) fn receipt(tag: &'static str) -> Reply {
    Reply::Stored { receipt: Some(Receipt::new(Bytes::from_static(tag.as_bytes()))), expires: None }
}

/// The last page of a listing: index, length.
pub(super) fn listing(parts: &[(u32, u64)]) -> Reply {
    page(parts, None)
}

/// A page of a listing, and whether there is another one.
pub(super) fn page(parts: &[(u32, u64)], next: Option<&str>) -> Reply {
    let part = |(index, len): &(u32, u64)| Part {
        index: SegmentIndex::new(*index),
        len: *len,
        receipt: Some(Receipt::new(Bytes::from_static(b"listed"))),
        range: None,
    };
    Reply::Probed(Page { parts: parts.iter().map(part).collect(), next: next.map(PageToken::new) })
}

pub(super) fn found(verdict: Verdict) -> Reply {
    Reply::Verified(verdict)
}
