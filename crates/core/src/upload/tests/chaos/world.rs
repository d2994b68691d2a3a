//! A process that drives an upload, the network, the disk and the server: all on one virtual clock.

use alloc::collections::BTreeMap;
use core::time::Duration;
use std::format;

use super::super::script::*;
use super::chance::Chance;
use super::invariants::{Ledger, thing};
use super::server::{Answer, Server};
use super::{Case, Ending, Source};
use crate::*;

/// What will happen at some time. The number is the process it concerns: a later one does not hear of it.
pub(super) enum Coming {
    /// The operation gets its turn.
    Turn(u32, OpId),
    Sent(u32, OpId, u64),
    /// A request reaches the server.
    Arrival(u32, Operation, u64, Back),
    Answer(u32, OpId, Outcome),
    Written(u32, CheckpointSeq, Option<Checkpoint>),
    Refreshed(u32, CredentialEpoch, Result<u64, ()>),
    Grown(u64),
    Control(Control),
}

/// What becomes of the answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Back {
    Arrives,
    /// The connection breaks.
    Reset,
    /// Nothing is ever heard again.
    Silence,
    /// Something else answers in its place.
    Garbled,
    Twice,
}

#[derive(Clone, Copy)]
pub(super) enum Control {
    Pause,
    Resume,
    Crash,
    Stop,
    Hold,
    /// The account's credentials are renewed elsewhere.
    Rotate,
    /// The machine sleeps.
    Suspend,
}

pub(super) struct World {
    pub(super) case: Case,
    chance: Chance,
    pub(super) now: Timestamp,
    order: u64,
    pub(super) queue: BTreeMap<(Timestamp, u64), Coming>,
    pub(super) server: Server,
    pub(super) upload: Upload,
    ledger: Ledger,
    wake_at: Option<Timestamp>,
    process: u32,
    /// What each credential epoch of this process is to the server.
    epochs: Vec<u64>,
    refreshing: bool,
    disk: Vec<Checkpoint>,
    available: u64,
    pub(super) faults_left: u32,
    /// Faults that the upload met, by how much they may excuse.
    pub(super) met: u32,
    paused_at: Option<Timestamp>,
    paused: Duration,
    began: Timestamp,
    /// How long the machine slept: nobody polled.
    asleep: Duration,
    stopped: bool,
    /// Failed attempts that may end an upload in spite of every retry.
    pub(super) excuses: Vec<&'static str>,
    pub(super) log: Vec<String>,
    pub(super) closed: Option<Result<Completed, UploadError>>,
}

impl World {
    pub(super) fn new(case: &Case) -> Self {
        let (profile, policy, spec) = (case.profile(), case.policy(), case.spec());
        let ledger = Ledger::new(profile.clone(), policy.clone(), spec, None);
        let upload = Upload::new(START, spec, profile.clone(), policy.clone(), case.seed);
        let mut excuses = Vec::new();
        let upload = upload.unwrap_or_else(|_| {
            // Too many segments for the indexes there are: as good a case without that bound.
            excuses.push("no plan");
            let mut free = profile;
            free.sizing.max_count = 1000;
            Upload::new(START, spec, free, policy, case.seed).unwrap()
        });
        let mut world = Self {
            case: case.clone(),
            chance: Chance::new(case.seed),
            now: START,
            order: 0,
            queue: BTreeMap::new(),
            server: Server::new(case),
            upload,
            ledger,
            wake_at: None,
            process: 0,
            epochs: Vec::from([0]),
            refreshing: false,
            disk: Vec::new(),
            available: if case.source == Source::Growing { 0 } else { case.len },
            faults_left: case.faults,
            met: 0,
            paused_at: None,
            paused: Duration::ZERO,
            began: START,
            asleep: Duration::ZERO,
            stopped: false,
            excuses,
            log: Vec::new(),
            closed: None,
        };
        world.schedule();
        world
    }

    pub(super) fn log(&self) -> &[String] {
        &self.log
    }

    /// What the caller and the world will do, apart from answering.
    fn schedule(&mut self) {
        for _ in 0..self.case.pauses {
            let at = self.chance.millis(0, 12_000);
            self.after(at, Coming::Control(Control::Pause));
            let length = self.chance.millis(1, 20_000);
            self.after(at + length, Coming::Control(Control::Resume));
        }
        for _ in 0..self.case.crashes {
            let at = self.chance.millis(0, 8_000);
            self.after(at, Coming::Control(Control::Crash));
        }
        if self.case.ending != Ending::Waits {
            let at = self.chance.millis(0, 12_000);
            self.after(at, Coming::Control(Control::Stop));
        }
        if self.chance.percent(20) {
            let at = self.chance.millis(0, 10_000);
            self.after(at, Coming::Control(Control::Rotate));
        }
        if self.chance.percent(10) {
            let at = self.chance.millis(0, 10_000);
            self.after(at, Coming::Control(Control::Hold));
        }
        if self.chance.percent(5) {
            let at = self.chance.millis(0, 10_000);
            self.after(at, Coming::Control(Control::Suspend));
        }
        if self.case.source == Source::Growing {
            let (mut at, mut up_to) = (Duration::ZERO, 0);
            while up_to < self.case.len {
                at += self.chance.millis(1, 1_500);
                up_to = (up_to + 1 + self.chance.below(60)).min(self.case.len);
                self.after(at, Coming::Grown(up_to));
            }
        }
        self.server.forgetful = self.chance.percent(5);
    }

    fn after(&mut self, wait: Duration, coming: Coming) {
        self.order += 1;
        self.queue.insert((self.now.after(wait), self.order), coming);
    }

    pub(super) fn note(&mut self, what: String) {
        self.log.push(format!("{:>9} {what}", self.now.since(START).as_millis()));
    }

    /// Runs to the end; says how it ended.
    pub(super) fn run(&mut self) -> &'static str {
        self.tell();
        self.drain();
        for _ in 0..20_000 {
            if let Some(result) = self.closed.clone() {
                return self.judge(result);
            }
            self.step();
        }
        panic!("it does not end:\n{}", self.log.join("\n"));
    }

    pub(super) fn step(&mut self) {
        let next = self.queue.keys().next().copied();
        match (next, self.wake_at) {
            (Some((at, _)), wake_at) if wake_at.is_none_or(|wake_at| at <= wake_at) => {
                self.now = self.now.max(at);
                // What the time brings about comes first: what then happens has only its own consequences.
                self.drain();
                match self.queue.pop_first() {
                    Some((_, coming)) if self.closed.is_none() => self.happens(coming),
                    Some(_) | None => {}
                }
            }
            (_, Some(wake_at)) => self.now = self.now.max(wake_at),
            (_, None) => panic!("stuck in {}:\n{}", self.upload.phase(), self.log.join("\n")),
        }
        self.drain();
        self.liveness_it_ends_in_bounded_time();
    }

    fn input(&mut self, input: Input) {
        self.upload.handle(self.now, input);
    }

    /// What a new process tells at the start.
    fn tell(&mut self) {
        if self.case.source == Source::Growing {
            let growth = if self.available == self.case.len { Growth::Ended } else { Growth::Growing };
            self.input(Input::Available { up_to: self.available, growth });
        }
    }

    pub(super) fn drain(&mut self) {
        let mut outputs = 0;
        loop {
            outputs += 1;
            match self.upload.poll(self.now) {
                Output::Perform(op) => self.perform(op),
                Output::Cancel(op) => {
                    self.note(format!("cancel {op}"));
                    self.ledger.saw_cancel(op);
                }
                Output::Persist { seq } => {
                    self.ledger.saw_persist();
                    let checkpoint = self.upload.checkpoint();
                    assert!(checkpoint.seq() >= seq);
                    let wait = self.chance.millis(0, 300);
                    let fails = self.fault(3);
                    let written = if fails { None } else { Some(checkpoint) };
                    self.after(wait, Coming::Written(self.process, seq, written));
                }
                Output::Release(range) => self.ledger.saw_release(range),
                Output::Refresh { epoch } => {
                    self.note(format!("refresh {}", epoch.get()));
                    assert!(!self.refreshing, "one refresh at a time");
                    self.refreshing = true;
                    let result = if self.fault(1) { Err(()) } else { Ok(self.server.epoch) };
                    let wait = self.chance.millis(1, 2_000);
                    self.after(wait, Coming::Refreshed(self.process, epoch, result));
                }
                Output::Notify(event) => {
                    match &event {
                        Event::Phase(phase) => {
                            self.note(format!("{phase}"));
                            if *phase == Phase::Processing {
                                self.paused = Duration::ZERO;
                            }
                        }
                        Event::NewSession { reason } => self.note(format!("new session: {reason:?}")),
                        _ => {}
                    }
                    self.ledger.saw_event(self.now, &event);
                }
                Output::Idle { wake_at } => {
                    let waits = self.refreshing || self.available < self.case.len;
                    self.ledger.invariant_12_a_drain_is_finite_and_waits_for_something(
                        outputs, self.now, wake_at, waits,
                    );
                    self.wake_at = wake_at;
                    break;
                }
                Output::Closed(result) => {
                    if self.closed.is_none() {
                        self.note(format!("closed: {result:?}"));
                        self.ledger.saw_closed();
                        self.closed = Some(result);
                    }
                    break;
                }
            }
        }
        self.ledger.invariant_11_progress_never_goes_back(self.upload.progress());
        let now_paused = self.paused_at.map_or(Duration::ZERO, |at| self.now.since(at));
        self.ledger.invariant_10_processing_is_bounded(self.now, self.paused + now_paused + self.asleep);
    }

    /// Whether something goes wrong now.
    fn fault(&mut self, percent: u64) -> bool {
        let wrong = self.faults_left > 0 && self.chance.percent(percent);
        if wrong {
            self.faults_left -= 1;
            self.met += 1;
        }
        wrong
    }

    fn perform(&mut self, op: Operation) {
        let (kind, segment) = thing(&op);
        let range = op.payload().map_or(String::new(), |range| format!(" {} {range}", segment.unwrap_or(0)));
        self.note(format!("{} {kind}{range}, attempt {}", op.id, op.attempt));
        self.ledger.saw_perform(self.now, &op);
        let wait =
            if self.chance.percent(3) { self.chance.millis(0, 40_000) } else { self.chance.millis(0, 50) };
        self.after(wait, Coming::Turn(self.process, op.id));
    }

    fn happens(&mut self, coming: Coming) {
        match coming {
            Coming::Turn(process, id) => {
                if process == self.process && self.ledger.live.contains_key(&id) {
                    self.ledger.saw_started(id);
                    self.input(Input::Started(id));
                    self.send(id);
                }
            }
            Coming::Sent(process, op, bytes) => {
                if process == self.process && self.ledger.live.contains_key(&op) {
                    self.input(Input::Sent { op, bytes });
                }
            }
            Coming::Arrival(process, op, epoch, back) => self.arrive(process, &op, epoch, back),
            Coming::Answer(process, id, outcome) => {
                if process == self.process {
                    self.answer(id, outcome);
                }
            }
            Coming::Written(process, seq, checkpoint) => {
                if process == self.process {
                    self.ledger.saw_written(checkpoint.as_ref());
                    match checkpoint {
                        Some(checkpoint) => {
                            self.input(Input::Persisted(checkpoint.seq()));
                            self.disk.push(checkpoint);
                        }
                        None => self.input(Input::PersistFailed(seq)),
                    }
                }
            }
            Coming::Refreshed(process, stale, result) => {
                if process == self.process {
                    self.refreshing = false;
                    let result = match result {
                        Ok(epoch) => {
                            self.epochs.push(epoch);
                            Ok(stale.next())
                        }
                        Err(()) => {
                            self.excuses.push("no new credentials");
                            Err(Detail::new("no"))
                        }
                    };
                    self.input(Input::Refreshed { stale, result });
                }
            }
            Coming::Grown(up_to) => {
                self.available = up_to;
                let growth = if up_to == self.case.len { Growth::Ended } else { Growth::Growing };
                self.input(Input::Available { up_to, growth });
            }
            Coming::Control(control) => self.control(control),
        }
    }

    /// An operation has its turn: what becomes of it on the way.
    fn send(&mut self, id: OpId) {
        let (op, _) = self.ledger.live[&id].clone();
        let epoch = self.epochs[op.epoch.get() as usize];
        let travel = self.chance.millis(5, 400);
        if let Some(range) = op.payload() {
            let half = range.len() / 2;
            self.after(travel / 3, Coming::Sent(self.process, id, half));
            self.after(travel / 2, Coming::Sent(self.process, id, range.len()));
        }
        let answer = |failure: Failure| Coming::Answer(self.process, id, failure.into());
        let arrives = |back| Coming::Arrival(self.process, op.clone(), epoch, back);
        let coming = if self.faults_left > 0 && self.chance.percent(self.case.rate) {
            self.faults_left -= 1;
            self.met += 1;
            let wait = Duration::from_millis(self.chance.below(9_000));
            let asked = match self.chance.below(4) {
                0 => Delay::At(Timestamp::EPOCH),
                1 => Delay::At(self.now.after(wait)),
                _ => Delay::After(wait),
            };
            let kind = op.kind();
            match self.chance.below(18) {
                0 => answer(unreachable()),
                1 => answer(lost(Cut::Reset)),
                2 => return,
                3 => arrives(Back::Reset),
                4 => arrives(Back::Silence),
                5 => arrives(Back::Garbled),
                6 => answer(lost(Cut::Ambiguous { after: None })),
                7 | 8 => arrives(Back::Twice),
                9 => answer(problem(ProblemKind::Transient)),
                10 => answer(problem_after(ProblemKind::Transient, asked)),
                11 => answer(problem_after(ProblemKind::Throttled, asked)),
                12 => answer(problem_after(ProblemKind::Busy, asked)),
                // To an Abort that would be a lie which nobody can see through.
                13 if kind != OperationKind::Abort => answer(problem(ProblemKind::SessionGone)),
                13 | 14 => answer(problem_after(ProblemKind::Broken, asked)),
                15 if self.chance.percent(20) => {
                    self.excuses.push("refused");
                    answer(problem(ProblemKind::Refused(Refusal::Invalid)))
                }
                15 if self.chance.percent(20) => {
                    self.excuses.push("too long a wait");
                    answer(problem_after(ProblemKind::Throttled, after(7_200)))
                }
                15 => answer(problem(ProblemKind::SegmentRejected)),
                _ => {
                    let misfit = match kind {
                        OperationKind::Init | OperationKind::Append => Reply::Aborted,
                        OperationKind::Probe
                        | OperationKind::Finalize
                        | OperationKind::Status
                        | OperationKind::Verify
                        | OperationKind::Abort => Reply::Advanced { cursor: u64::MAX },
                    };
                    let pace = Pace { remaining: 0, reset: self.now.after(travel + wait) };
                    Coming::Answer(self.process, id, Outcome::from(misfit).with_pace(Some(pace)))
                }
            }
        } else {
            arrives(Back::Arrives)
        };
        self.after(travel, coming);
    }

    /// A request reaches the server. That its process has died meanwhile does not stop it.
    fn arrive(&mut self, process: u32, op: &Operation, epoch: u64, back: Back) {
        let answered: Outcome = if epoch < self.server.epoch {
            problem(ProblemKind::CredentialsExpired).into()
        } else {
            match self.server.perform(self.now, &op.action) {
                Answer::Reply(reply) => reply.into(),
                Answer::Problem(kind) => problem(kind).into(),
                Answer::Reset => lost(Cut::Reset).into(),
            }
        };
        let outcome = match back {
            Back::Silence => return,
            Back::Reset => lost(Cut::Reset).into(),
            Back::Garbled => lost(Cut::Ambiguous { after: None }).into(),
            Back::Arrives | Back::Twice => answered,
        };
        if back == Back::Twice {
            let later = self.chance.millis(5, 3_000);
            self.after(later, Coming::Answer(process, op.id, outcome.clone()));
        }
        let travel = self.chance.millis(5, 400);
        self.after(travel, Coming::Answer(process, op.id, outcome));
    }

    fn answer(&mut self, op: OpId, outcome: Outcome) {
        self.note(format!("{op}: {}", brief(&outcome)));
        let input = Input::Outcome { op, outcome: outcome.clone() };
        if self.ledger.saw_outcome(self.now, op, &outcome, self.upload.plan()) {
            self.input(input);
        } else {
            let before = self.upload.clone();
            self.input(input);
            Ledger::invariant_6_stale_outcomes_change_nothing(&before, &self.upload);
        }
    }

    fn control(&mut self, control: Control) {
        match control {
            Control::Pause => {
                self.note("pause".into());
                self.paused_at.get_or_insert(self.now);
                self.input(Input::Pause);
            }
            Control::Resume => {
                self.note("resume".into());
                if let Some(at) = self.paused_at.take() {
                    self.paused += self.now.since(at);
                }
                self.input(Input::Resume);
            }
            Control::Crash => self.crash(),
            Control::Stop => {
                self.note(format!("stop: {:?}", self.case.ending));
                self.stopped = true;
                match self.case.ending {
                    Ending::Waits => {}
                    Ending::Keeps => self.input(Input::Cancel(Disposition::Keep)),
                    Ending::Discards => {
                        self.ledger.saw_discard();
                        self.paused_at = None;
                        self.input(Input::Cancel(Disposition::Discard));
                    }
                }
            }
            Control::Hold => {
                let kinds = OperationKind::ALL;
                let kind = kinds[self.chance.below(kinds.len() as u64) as usize];
                let until = self.now.after(self.chance.millis(0, 20_000));
                self.ledger.saw_hold(kind, until);
                self.input(Input::Hold { kind, until });
            }
            Control::Rotate => self.server.epoch += 1,
            Control::Suspend => {
                self.note("suspend".into());
                let sleep = self.chance.millis(1_000, 5_000_000);
                self.now = self.now.after(sleep);
                self.began = self.began.after(sleep);
                self.asleep += sleep;
                self.excuses.push("slept");
            }
        }
    }

    /// The process dies; another one goes on from what is on disk: mostly the newest, sometimes an older one.
    fn crash(&mut self) {
        // A write under way may have reached the disk.
        let writing = self.queue.values().find_map(|coming| match coming {
            Coming::Written(process, _, Some(checkpoint)) if *process == self.process => {
                Some(checkpoint.clone())
            }
            _ => None,
        });
        if let Some(checkpoint) = writing
            && self.chance.percent(50)
        {
            self.disk.push(checkpoint);
        }
        if self.disk.len() > 1 && self.chance.percent(20) {
            let keep = 1 + self.chance.below(self.disk.len() as u64 - 1) as usize;
            self.disk.truncate(keep);
            self.excuses.push("older checkpoint");
        }
        let from = self.disk.last().cloned();
        self.note(format!("crash; on from {:?}", from.as_ref().map(Checkpoint::seq)));
        let down = self.chance.millis(0, 5_000);
        self.now = self.now.after(down);
        self.restart(from);
    }

    pub(super) fn restart(&mut self, from: Option<Checkpoint>) {
        let (mut profile, policy) = (self.case.profile(), self.case.policy());
        if self.excuses.contains(&"no plan") {
            profile.sizing.max_count = 1000;
        }
        self.process += 1;
        let seed = self.case.seed + u64::from(self.process);
        self.ledger = Ledger::new(profile.clone(), policy.clone(), self.case.spec(), from.as_ref());
        self.upload = match from {
            Some(checkpoint) => Upload::resume(self.now, checkpoint, profile, policy, seed).unwrap(),
            None => Upload::new(self.now, self.case.spec(), profile, policy, seed).unwrap(),
        };
        self.epochs = Vec::from([self.server.epoch]);
        (self.refreshing, self.paused_at, self.paused) = (false, None, Duration::ZERO);
        (self.began, self.closed) = (self.now, None);
        self.tell();
    }

    /// Once it began, a process ends its upload within this time.
    fn liveness_it_ends_in_bounded_time(&self) {
        // Deadline, processing, three pauses of 20 s, and the rounds of an Abort.
        let most = secs(3600 + 600 + 60 + 1200);
        let took = self.now.since(self.began);
        assert!(took <= most, "it took {took:?} in {}:\n{}", self.upload.phase(), self.log.join("\n"));
    }
}

fn brief(outcome: &Outcome) -> String {
    match &outcome.result {
        Ok(Reply::Opened { session, .. }) => format!("opened {session}"),
        Ok(Reply::Verified(verdict)) => format!("{verdict:?}"),
        Ok(Reply::Probed(page)) => {
            let parts: Vec<_> = page.parts.iter().map(|part| (part.index.get(), part.len)).collect();
            format!("probed {parts:?}, next {:?}", page.next)
        }
        Ok(reply) => reply.name().into(),
        Err(Failure::Answered(problem)) => format!("{} {:?}", problem.kind.name(), problem.after),
        Err(failure) => format!("{failure:?}"),
    }
}
