//! The upload: one source, one destination, one life.

mod aborting;
mod credentials;
mod finishing;
mod keeping;
mod live;
mod opening;
mod persist;
mod phase;
mod probing;
mod processing;
mod shared;
mod source;
mod step;
mod timing;
mod transfer;

#[cfg(test)]
mod tests;

use alloc::collections::VecDeque;
use core::time::Duration;

use self::credentials::Credentials;
use self::live::LiveOp;
use self::persist::{Failed, Persist};
use self::phase::{Stage, State, Transition};
use self::shared::{Changed, Shared};
use self::step::Step;
use self::transfer::{Answered, Transfer};
use crate::checkpoint::{Checkpoint, ResumeError, version_of};
use crate::error::{Discard, ErrorKind};
use crate::event::{Event, Phase, Progress};
use crate::failure::Detail;
use crate::io::{CheckpointSeq, Disposition, Input, Output};
use crate::operation::{CredentialEpoch, OpId, OperationKind};
use crate::outcome::{Outcome, Percent};
use crate::pacer::Pacer;
use crate::plan::{Plan, PlanError};
use crate::policy::Policy;
use crate::profile::{Length, Profile};
use crate::retry::{Budget, Rng, backoff};
use crate::spec::{SourceLength, UploadSpec};
use crate::time::Timestamp;
use crate::token::Session;
use crate::window::Window;

pub use self::shared::Stats;

/// The moving of one source to one destination, as a state machine.
///
/// | group | methods |
/// |---|---|
/// | made by | [`new`](Self::new), [`resume`](Self::resume) |
/// | in | [`handle`](Self::handle) |
/// | out | [`poll`](Self::poll), [`checkpoint`](Self::checkpoint) |
/// | looked at by | [`phase`](Self::phase), [`progress`](Self::progress), [`plan`](Self::plan), [`session`](Self::session), [`stats`](Self::stats) |
///
/// The contract: after making it and after every [`handle`](Self::handle), call [`poll`](Self::poll) until it says
/// [`Output::Idle`] or [`Output::Closed`]; poll again when the time that `Idle` names has come. Spurious polls and
/// inputs change nothing. The same seed and the same inputs at the same times give the same outputs.
#[derive(Clone, Debug, Hash)]
pub struct Upload {
    shared: Shared,
    state: State,
    committed: u64,
    processed: Percent,
}

impl Upload {
    /// Begins an upload.
    ///
    /// `seed` drives the jitter of the backoffs; any number will do, a different one for every upload is best.
    ///
    /// # Errors
    ///
    /// [`PlanError`] if the source can't be cut into segments that the protocol takes, or the policy can't be
    /// followed.
    pub fn new(
        now: Timestamp,
        spec: UploadSpec,
        profile: Profile,
        policy: Policy,
        seed: u64,
    ) -> Result<Self, PlanError> {
        policy.validate()?;
        let plan = match (spec.length, profile.length) {
            (SourceLength::Known(total), _) => Plan::new(total, &profile.sizing, policy.chunk_size)?,
            (SourceLength::Unknown, Length::AtInit) => return Err(PlanError::LengthRequired),
            (SourceLength::Unknown, Length::AtEnd) => {
                let mut plan = Plan::open(&profile.sizing, policy.chunk_size)?;
                plan.grow(spec.available.unwrap_or(0), &profile.sizing)?;
                plan
            }
        };
        let persist = Persist::new(CheckpointSeq::default());
        let shared = Shared::new(now, spec, profile, policy, plan, persist, seed);
        let state = State::Opening(Step::at_once());
        let mut upload = Self { shared, state, committed: 0, processed: Percent::default() };
        upload.shared.notify(Event::Phase(Phase::Opening));
        upload.begin();
        Ok(upload)
    }

    /// Goes on from a checkpoint, with the checkpoint's plan, whatever chunk size the policy asks for.
    ///
    /// That the source is still the same one is for the caller to check before.
    ///
    /// # Errors
    ///
    /// [`ResumeError`] if the checkpoint is from a newer version, for another protocol, damaged, or of a source
    /// that can't be read again.
    pub fn resume(
        now: Timestamp,
        checkpoint: Checkpoint,
        profile: Profile,
        policy: Policy,
        seed: u64,
    ) -> Result<Self, ResumeError> {
        checkpoint.check(&profile)?;
        checkpoint.check_source()?;
        Self::restore(now, checkpoint, profile, policy, seed)
    }

    /// Gives up what a checkpoint holds: aborts its session, after it was found out whether it is an object already if
    /// Finalize may have been sent. No source is needed, so this is what can be done with an upload whose source could be
    /// read only once.
    ///
    /// # Errors
    ///
    /// [`ResumeError`] if the checkpoint is from a newer version, for another protocol or damaged.
    pub fn discard(
        now: Timestamp,
        checkpoint: Checkpoint,
        profile: Profile,
        policy: Policy,
        seed: u64,
    ) -> Result<Self, ResumeError> {
        checkpoint.check(&profile)?;
        let mut upload = Self::restore(now, checkpoint, profile, policy, seed)?;
        upload.cancel_discard();
        Ok(upload)
    }

    /// Goes on from a checkpoint that was checked.
    fn restore(
        now: Timestamp,
        checkpoint: Checkpoint,
        profile: Profile,
        policy: Policy,
        seed: u64,
    ) -> Result<Self, ResumeError> {
        policy.validate().map_err(PlanError::from)?;
        let Checkpoint { seq, spec, plan, elapsed, sessions, ceiling, state, .. } = checkpoint;
        let mut shared = Shared::new(now, spec, profile, policy, plan, Persist::new(seq), seed);
        // Time spent so far counts, the time between two processes does not.
        let spent = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        shared.started = Timestamp::from_micros(now.as_micros().saturating_sub(spent));
        shared.sessions = sessions;
        shared.ceiling = ceiling;
        let state = Self::restored(state, &shared);
        let (mut committed, mut stored) = (0, 0);
        if let State::Open(open) = &state {
            stored = open.transfer.stored_bytes();
            if let Stage::Processing(_) = open.stage {
                committed = shared.plan.total();
            }
        }
        (shared.stored_mark, shared.sent_mark) = (stored, stored);
        let mut upload = Self { shared, state, committed, processed: Percent::default() };
        let phase = upload.phase();
        upload.shared.notify(Event::Phase(phase));
        upload.begin();
        Ok(upload)
    }

    /// Takes in what happened. Never fails: what makes no sense changes nothing, and is counted.
    pub fn handle(&mut self, now: Timestamp, input: Input) {
        if let Input::Sent { op, bytes } = input {
            // Those bytes were taken before now: a stall timer that strikes only now must not overlook them, nor those of
            // other operations that are told next. What the time brings about waits for the next input or poll.
            self.shared.now = self.shared.now.max(now);
            return self.sent(op, bytes);
        }
        self.advance(now);
        if let State::Closed(_) = self.state {
            if let Input::Outcome { .. } | Input::Started(_) = input {
                self.shared.stats.ignored += 1;
            }
            return;
        }
        match input {
            Input::Started(op) => self.started(op),
            // Taken in above.
            Input::Sent { .. } => {}
            Input::Outcome { op, outcome } => self.answered(op, outcome),
            Input::Persisted(seq) => self.shared.persist.persisted(seq),
            Input::PersistFailed(_) => self.persist_failed(),
            Input::Available { up_to, growth } => self.available(up_to, growth),
            Input::SourceChanged => self.source_failed(ErrorKind::SourceChanged),
            Input::SourceUnreadable(detail) => self.source_failed(ErrorKind::SourceUnreadable { detail }),
            Input::Refreshed { stale, result } => self.refreshed(stale, result),
            Input::Hold { kind, until } => self.hold(kind, until),
            Input::Pause => self.pause(),
            Input::Resume => self.unpause(),
            Input::Cancel(Disposition::Keep) => self.cancel_keep(),
            Input::Cancel(Disposition::Discard) => {
                self.unpause();
                self.cancel_discard();
            }
            Input::Tick => {}
        }
    }

    /// What to do next. Call it until it says [`Output::Idle`] or [`Output::Closed`].
    pub fn poll(&mut self, now: Timestamp) -> Output {
        // What is due by now comes behind what waits already.
        if let Some(output) = self.shared.out.pop_front() {
            return output;
        }
        self.advance(now);
        if let Some(output) = self.shared.out.pop_front() {
            return output;
        }
        self.drive();
        if let Some(output) = self.shared.out.pop_front() {
            return output;
        }
        if let State::Closed(ended) = &self.state {
            return Output::Closed(ended.result.clone());
        }
        if let Some(seq) = self.shared.persist.begin(self.shared.now) {
            return Output::Persist { seq };
        }
        Output::Idle { wake_at: self.wake_at() }
    }

    /// A snapshot of the upload as it is, at any time, also after the end.
    pub fn checkpoint(&self) -> Checkpoint {
        let shared = &self.shared;
        let now = shared.paused_at.unwrap_or(shared.now);
        // Whoever resumes what has ended grants it the deadline anew; a crash does not.
        let elapsed = match &self.state {
            State::Closed(_) => Duration::ZERO,
            State::Opening(_) | State::Open(_) => now.since(shared.started),
        };
        Checkpoint {
            version: version_of(shared.spec.length),
            seq: shared.persist.seq(),
            protocol: shared.profile.name.clone(),
            spec: shared.spec,
            plan: shared.plan.clone(),
            elapsed,
            sessions: shared.sessions,
            ceiling: shared.ceiling,
            state: self.saved(),
        }
    }

    /// Where it is in its life.
    pub const fn phase(&self) -> Phase {
        self.state.phase()
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        let processed = match &self.state {
            State::Open(open) => match &open.stage {
                Stage::Processing(polling) => polling.percent,
                Stage::Transferring
                | Stage::Probing(_)
                | Stage::Finalizing(_)
                | Stage::Verifying(_)
                | Stage::Aborting(_) => self.processed,
            },
            State::Opening(_) | State::Closed(_) => self.processed,
        };
        Progress {
            total: (!self.shared.plan.is_open()).then_some(self.shared.plan.total()),
            sent: self.shared.sent_mark,
            stored: self.shared.stored_mark,
            committed: self.committed,
            processed,
            session: self.shared.sessions,
        }
    }

    /// The plan in force.
    pub const fn plan(&self) -> &Plan {
        &self.shared.plan
    }

    /// The server's name for the session, once there is one.
    pub const fn session(&self) -> Option<&Session> {
        match &self.state {
            State::Opening(_) => None,
            State::Open(open) => Some(&open.session),
            State::Closed(ended) => match &ended.saved {
                crate::checkpoint::Saved::Opening => None,
                crate::checkpoint::Saved::Open(open) => Some(&open.session),
            },
        }
    }

    /// Whether the source's bytes may still be needed: not once the object is committed, or the upload given up for good.
    pub const fn needs_source(&self) -> bool {
        match &self.state {
            State::Opening(_) => true,
            State::Open(open) => match &open.stage {
                Stage::Transferring | Stage::Probing(_) | Stage::Finalizing(_) | Stage::Verifying(_) => true,
                Stage::Processing(_) => false,
                Stage::Aborting(aborting) => aborting.purpose.goes_on(),
            },
            State::Closed(_) => false,
        }
    }

    /// Counters, for people and benches.
    pub const fn stats(&self) -> &Stats {
        &self.shared.stats
    }

    /// Gives out what may go; one transition may bring about the next.
    fn drive(&mut self) {
        loop {
            let shared = &mut self.shared;
            let transition = match &mut self.state {
                State::Closed(_) => return,
                State::Opening(step) => {
                    opening::drive(step, shared);
                    Transition::Stay
                }
                State::Open(open) => {
                    let (session, transfer) = (&open.session, &mut open.transfer);
                    match &mut open.stage {
                        Stage::Transferring => transfer.drive(shared, session),
                        Stage::Probing(probing) => {
                            probing.drive(shared, session, transfer);
                            Transition::Stay
                        }
                        Stage::Finalizing(finalizing) => {
                            finalizing.drive(shared, session, transfer);
                            Transition::Stay
                        }
                        Stage::Verifying(verifying) => {
                            verifying.drive(shared, session);
                            Transition::Stay
                        }
                        Stage::Processing(polling) => {
                            polling.drive(shared, session);
                            Transition::Stay
                        }
                        Stage::Aborting(aborting) => {
                            aborting.drive(shared, session);
                            Transition::Stay
                        }
                    }
                }
            };
            match transition {
                Transition::Stay => return,
                transition => self.apply(transition),
            }
        }
    }

    /// Moves the timer of an operation that is under way; of any other, it is counted.
    fn tell(&mut self, op: OpId, news: impl Fn(&mut LiveOp)) {
        let step = match &mut self.state {
            State::Closed(_) => None,
            State::Opening(step) => Some(step),
            State::Open(open) => {
                if open.transfer.tell(op, &news) {
                    return;
                }
                open.stage.step_mut()
            }
        };
        match step.and_then(Step::live_mut).filter(|live| live.id == op) {
            Some(live) => news(live),
            None => self.shared.stats.ignored += 1,
        }
    }

    fn started(&mut self, op: OpId) {
        let (now, timeouts) = (self.shared.now, self.shared.policy.timeouts);
        self.tell(op, |live| live.started(now, &timeouts));
    }

    fn sent(&mut self, op: OpId, bytes: u64) {
        let (now, timeouts) = (self.shared.now, self.shared.policy.timeouts);
        self.tell(op, |live| live.progressed(now, bytes, &timeouts));
        if let State::Open(open) = &self.state {
            let sent = open.transfer.stored_bytes() + open.transfer.sent_live();
            self.shared.sent_mark = self.shared.sent_mark.max(sent);
        }
    }

    fn answered(&mut self, op: OpId, outcome: Outcome) {
        let shared = &mut self.shared;
        let transition = match &mut self.state {
            State::Closed(_) => None,
            State::Opening(step) => step.take(op).map(|live| {
                shared.observe(OperationKind::Init, &outcome);
                opening::answered(step, shared, &live, outcome)
            }),
            State::Open(open) => match open.transfer.answered(shared, op, outcome) {
                Answered::Ours(transition) => Some(transition),
                Answered::NotOurs(outcome) => {
                    let kind = stage_kind(&open.stage);
                    open.stage.step_mut().and_then(|step| step.take(op)).map(|live| {
                        shared.observe(kind, &outcome);
                        answered_step(&mut open.stage, &mut open.transfer, shared, &live, outcome)
                    })
                }
            },
        };
        match transition {
            Some(transition) => self.apply(transition),
            None => self.shared.stats.ignored += 1,
        }
    }

    fn persist_failed(&mut self) {
        let Shared { persist, policy, rng, now, .. } = &mut self.shared;
        match persist.failed(*now, |failures| backoff(&policy.retry, failures, rng)) {
            Failed::Ignored => {}
            Failed::TryAgain => self.shared.notify(Event::PersistFailed),
            Failed::Fatal => match self.phase() {
                Phase::Transferring | Phase::Finalizing => self.fail(ErrorKind::Persist),
                // Nothing waits for the barrier (any more).
                Phase::Opening
                | Phase::Probing
                | Phase::Verifying
                | Phase::Processing
                | Phase::Aborting
                | Phase::Closed => self.shared.notify(Event::PersistFailed),
            },
        }
    }

    fn refreshed(&mut self, stale: CredentialEpoch, result: Result<CredentialEpoch, Detail>) {
        let Some(failure) = self.shared.credentials.refreshed(stale, result.ok()) else { return };
        if let State::Open(open) = &self.state
            && let Stage::Aborting(aborting) = &open.stage
            && !aborting.purpose.goes_on()
        {
            let (purpose, discard) =
                (aborting.purpose.clone(), Discard::Unconfirmed { failure: Some(failure) });
            return self.apply(Transition::Aborted(purpose, discard));
        }
        self.fail(ErrorKind::Credentials { failure });
    }

    fn hold(&mut self, kind: OperationKind, until: Timestamp) {
        let until = until.min(self.shared.now.after(self.shared.policy.retry.longest_wait));
        let known = self.shared.pacer.ready_at(kind) >= until;
        if self.shared.pacer.hold(kind, until) && !known {
            self.shared.notify(Event::Held { kind, until });
        }
    }

    /// What has started may finish; what waits for its turn is taken back.
    fn pause(&mut self) {
        if self.shared.paused_at.is_some() {
            return;
        }
        self.shared.paused_at = Some(self.shared.now);
        let shared = &mut self.shared;
        let step = match &mut self.state {
            State::Closed(_) => None,
            State::Opening(step) => Some(step),
            State::Open(open) => {
                open.transfer.recall(shared);
                open.stage.step_mut()
            }
        };
        if let Some(step) = step.filter(|step| step.live().is_some_and(|live| !live.is_started()))
            && let Some(live) = step.take_live()
        {
            shared.cancel(live.id);
        }
        shared.notify(Event::Paused);
    }

    /// Deadlines move on by the length of the pause.
    fn unpause(&mut self) {
        let Some(paused_at) = self.shared.paused_at.take() else { return };
        let pause = self.shared.now.since(paused_at);
        self.shared.started = self.shared.started.after(pause);
        if let State::Open(open) = &mut self.state
            && let Stage::Processing(polling) = &mut open.stage
        {
            // It may have begun in the pause.
            polling.since = polling.since.after(self.shared.now.since(polling.since.max(paused_at)));
        }
        self.shared.notify(Event::Resumed);
    }
}

impl Shared {
    fn new(
        now: Timestamp,
        spec: UploadSpec,
        profile: Profile,
        policy: Policy,
        plan: Plan,
        persist: Persist,
        seed: u64,
    ) -> Self {
        Self {
            spec,
            available: match spec.length {
                SourceLength::Known(_) => spec.available.unwrap_or(u64::MAX),
                SourceLength::Unknown => spec.available.unwrap_or(0),
            },
            seen_to: plan.total(),
            changed: Changed::No,
            sessions: 1,
            ceiling: None,
            credentials: Credentials::default(),
            pacer: Pacer::default(),
            window: Window::new(policy.window),
            budget: Budget::new(policy.retry.budget),
            persist,
            now,
            started: now,
            paused_at: None,
            sent_mark: 0,
            stored_mark: 0,
            stats: Stats::default(),
            out: VecDeque::new(),
            rng: Rng::new(seed),
            next_op: 0,
            profile,
            policy,
            plan,
        }
    }
}

const fn stage_kind(stage: &Stage) -> OperationKind {
    match stage {
        Stage::Transferring => OperationKind::Append,
        Stage::Probing(_) => OperationKind::Probe,
        Stage::Finalizing(_) => OperationKind::Finalize,
        Stage::Verifying(_) => OperationKind::Verify,
        Stage::Processing(_) => OperationKind::Status,
        Stage::Aborting(_) => OperationKind::Abort,
    }
}

fn answered_step(
    stage: &mut Stage,
    transfer: &mut Transfer,
    shared: &mut Shared,
    live: &LiveOp,
    outcome: Outcome,
) -> Transition {
    match stage {
        Stage::Transferring => Transition::Stay,
        Stage::Probing(probing) => probing.answered(shared, transfer, live, outcome),
        Stage::Finalizing(finalizing) => finalizing.answered(shared, transfer, live, outcome),
        Stage::Verifying(verifying) => verifying.answered(shared, live, outcome),
        Stage::Processing(polling) => polling.answered(shared, live, outcome),
        Stage::Aborting(aborting) => aborting.answered(shared, live, outcome),
    }
}
