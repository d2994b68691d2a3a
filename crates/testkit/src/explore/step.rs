//! Steps: what becomes of a state when something happens in it.

use std::sync::Arc;

use chunkwise_core::{
    Detail, Disposition, Event, Growth, Input, Kept, OpId, Operation, OperationKind, Outcome, Output, Phase,
    Upload,
};

use super::likeness::Likener;
use super::state::{Calls, Come, Ear, Goes, Life, Reached, SOON, State, Step, UnderWay};
use super::trouble::{Trouble, unprocessed};
use super::world::{Caller, Comes};
use crate::fault::{Loss, Said};
use crate::invariants::{Breach, Invariants};
use crate::journey::heard;
use crate::judge::Excuse;
use crate::record::{Awaits, Seen, thing};
use crate::server::Arrived;
use crate::simulation::brief;

impl State {
    /// What becomes of it; nothing if that takes more faults than are left.
    pub(super) fn after(&self, step: Step) -> Result<Option<Self>, Breach> {
        let mut state = self.clone();
        state.note(|| format!("* {}", self.describe(step)));
        let cost = match step {
            Step::Happens(i, trouble) => {
                let orphan = matches!(self.under_way.get(i), Some(UnderWay::Request(_, Ear::Gone)));
                state.happens(i, trouble)?;
                u32::from(trouble.is_some() && !orphan)
            }
            Step::Fails(i) => state.fails(i).map(|()| 1)?,
            Step::Grows => state.grows().map(|()| 0)?,
            Step::Time => state.time_passes()?,
            Step::Crash(reached) => state.crash(reached).map(|()| 1)?,
            Step::Call => state.call().map(|()| 0)?,
            Step::GoOn => state.go_on().map(|()| 0)?,
        };
        let Some(left) = state.faults_left.checked_sub(cost) else { return Ok(None) };
        state.faults_left = left;
        // States are one whatever the time: so none may be near a deadline that counts. To give up for good none does.
        let given_up = state.upload.phase() == Phase::Aborting && !state.upload.needs_source();
        let over = matches!(state.life, Life::Ended(..)) || given_up;
        if state.now.since(state.began) > SOON && !over {
            return Err(Breach { rule: "liveness", detail: "it takes longer than an hour".into() });
        }
        if let Life::Ended(result, _) = &state.life {
            let result = result.clone();
            state.note(|| format!("closed: {result:?}"));
            let judged = state.judge(&result)?;
            state.life = Life::Ended(result, judged);
        }
        Ok(Some(state))
    }

    fn see(&mut self, seen: Seen<'_>) -> Result<(), Breach> {
        self.invariants.see(self.now, seen, self.upload.plan())
    }

    fn is_live(&self, id: OpId) -> bool {
        self.invariants.record().live.contains_key(&id)
    }

    /// What is under way at this place comes to its end.
    fn happens(&mut self, i: usize, trouble: Option<Trouble>) -> Result<(), Breach> {
        match self.under_way.remove(i) {
            UnderWay::Turn(op) => {
                self.see(Seen::Started(op.id))?;
                self.upload.handle(self.now, Input::Started(op.id));
                self.under_way.push(UnderWay::Request(op, Ear::Open));
            }
            UnderWay::Request(op, ear) => {
                self.arrive(&op, ear, trouble);
                return Ok(());
            }
            UnderWay::Answer(id, outcome) => self.answer(id, &outcome)?,
            UnderWay::Write(_, snapshot) => {
                self.see(Seen::Written(Some(&snapshot.checkpoint)))?;
                self.upload.handle(self.now, Input::Persisted(snapshot.checkpoint.seq()));
                self.disk = Some(snapshot);
            }
            UnderWay::Refresh(stale) => {
                self.see(Seen::Refreshed)?;
                self.upload.handle(self.now, Input::Refreshed { stale, result: Ok(stale.next()) });
            }
            UnderWay::Pause => self.upload.handle(self.now, Input::Resume),
        }
        self.drain()
    }

    fn fails(&mut self, i: usize) -> Result<(), Breach> {
        match self.under_way.remove(i) {
            UnderWay::Write(seq, _) => {
                self.see(Seen::Written(None))?;
                self.upload.handle(self.now, Input::PersistFailed(seq));
            }
            UnderWay::Refresh(stale) => {
                self.excuse(Excuse::NoCredentials);
                self.see(Seen::Refreshed)?;
                let result = Err(Detail::new("there are none"));
                self.upload.handle(self.now, Input::Refreshed { stale, result });
            }
            other => self.under_way.insert(i, other),
        }
        self.drain()
    }

    /// More of the source comes.
    fn grows(&mut self) -> Result<(), Breach> {
        self.come = match self.come {
            Come::Nothing => Come::More,
            Come::More | Come::All => Come::All,
        };
        self.tell();
        self.drain()
    }

    /// Says how far the source has come, if it was not there from the start.
    fn tell(&mut self) {
        let (up_to, growth) = self.available();
        match self.world.source {
            Comes::Whole => {}
            Comes::Grows | Comes::Streams => {
                self.upload.handle(self.now, Input::Available { up_to, growth });
            }
        }
    }

    /// An upload that another process takes up, or gives up.
    fn take_up(&mut self, upload: Upload, goes: Goes) -> Result<(), Breach> {
        if goes == Goes::Away {
            self.excuse(Excuse::Stopped);
            self.see(Seen::Discard)?;
        }
        self.upload = upload;
        Ok(())
    }

    /// Time passes; how many faults that costs. It is free where nothing is lost by it: where an operation is given up
    /// whose answer was still to come, something was too slow.
    fn time_passes(&mut self) -> Result<u32, Breach> {
        let Some(at) = self.wake_at else { return Ok(0) };
        let far = at.since(self.now) > SOON;
        self.now = at;
        self.given_up = 0;
        self.drain()?;
        let given_up = std::mem::take(&mut self.given_up);
        if far {
            self.excuse(Excuse::OutOfTime);
            return Ok(given_up.max(1));
        }
        Ok(given_up)
    }

    fn crash(&mut self, reached: Reached) -> Result<(), Breach> {
        if reached == Reached::Yes {
            let written = self.under_way.iter().find_map(|thing| match thing {
                UnderWay::Write(_, snapshot) => Some(snapshot.clone()),
                _ => None,
            });
            self.disk = written.or(self.disk.take());
        }
        let from = self.disk.as_ref().map(|snapshot| snapshot.checkpoint.clone());
        let (profile, policy, spec) = (self.world.profile(), self.world.policy(), self.world.spec());
        self.invariants = Invariants::new(profile.clone(), policy.clone(), spec, from.as_ref());
        let (upload, goes) = match from {
            Some(checkpoint) => self.resume(checkpoint)?,
            None => Upload::new(self.now, spec, profile, policy, 1)
                .map(|upload| (upload, Goes::On))
                .map_err(|error| Breach { rule: "a plan", detail: error.to_string() })?,
        };
        self.take_up(upload, goes)?;
        (self.resumed, self.began) = (true, self.now);
        self.tell();
        // The caller's pause has died with the process.
        self.under_way = self.under_way.iter().filter_map(UnderWay::orphaned).collect();
        self.drain()
    }

    fn call(&mut self) -> Result<(), Breach> {
        self.calls = Calls::None;
        match self.world.caller {
            Caller::Waits => {}
            Caller::Pauses => {
                self.under_way.push(UnderWay::Pause);
                self.upload.handle(self.now, Input::Pause);
            }
            Caller::Keeps => {
                self.excuse(Excuse::Stopped);
                self.upload.handle(self.now, Input::Cancel(Disposition::Keep));
            }
            Caller::Discards => {
                self.excuse(Excuse::Stopped);
                self.see(Seen::Discard)?;
                self.upload.handle(self.now, Input::Cancel(Disposition::Discard));
            }
        }
        self.drain()
    }

    /// What is left is tried, and all is well from now on.
    fn go_on(&mut self) -> Result<(), Breach> {
        let Life::Ended(result, _) = &self.life else { return Ok(()) };
        let Err(error) = &**result else { return Ok(()) };
        self.from = Some(Arc::new(error.clone()));
        let checkpoint = self.upload.checkpoint();
        let (profile, policy, spec) = (self.world.profile(), self.world.policy(), self.world.spec());
        self.invariants = Invariants::new(profile, policy, spec, Some(&checkpoint));
        let (upload, goes) = self.resume(checkpoint)?;
        self.take_up(upload, goes)?;
        self.tell();
        (self.faults_left, self.calls, self.resumed) = (0, Calls::None, true);
        self.excuses.clear();
        // There are no crashes any more.
        self.disk = None;
        (self.life, self.began) = (Life::Runs, self.now);
        self.under_way = self.under_way.iter().filter_map(UnderWay::orphaned).collect();
        self.drain()
    }

    /// A request reaches the server, or does not.
    fn arrive(&mut self, op: &Arc<Operation>, ear: Ear, trouble: Option<Trouble>) {
        let action = &op.action;
        let half = Arrived::Part(op.payload().map_or(0, |range| range.len() / 2));
        let reset = Loss::Reset.outcome();
        if ear == Ear::Gone {
            self.excuse(Excuse::Late);
        }
        let answer = match trouble {
            None => Some(heard(self.server.perform(self.now, action, Arrived::Whole))),
            Some(Trouble::Late) => {
                self.under_way.extend(UnderWay::Request(op.clone(), Ear::Gone).orphaned());
                reset
            }
            Some(Trouble::ReplyLost) => {
                let _ = self.server.perform(self.now, action, Arrived::Whole);
                reset
            }
            Some(Trouble::ReplyTwice) => {
                let answer = heard(self.server.perform(self.now, action, Arrived::Whole));
                self.under_way.push(UnderWay::Answer(op.id, Arc::new(answer.clone())));
                Some(answer)
            }
            Some(Trouble::Cut) => {
                let _ = self.server.perform(self.now, action, half);
                reset
            }
            Some(Trouble::Stall) => {
                let _ = self.server.perform(self.now, action, half);
                None
            }
            Some(Trouble::Unprocessed) => {
                self.excuse(Excuse::Unprocessed);
                let answer = self.server.perform(self.now, action, Arrived::Whole);
                match (op.kind(), &answer) {
                    // An object that is not there can't fail.
                    (OperationKind::Verify, _) | (_, crate::server::Answer::Problem(_)) => {
                        Some(verify_unprocessed(op.kind(), heard(answer)))
                    }
                    (kind, _) => Some(unprocessed(kind)),
                }
            }
            Some(Trouble::TooLarge | Trouble::Says(_)) => {
                if trouble == Some(Trouble::Says(Said::Invalid)) {
                    self.excuse(Excuse::Refused);
                }
                let stays_so = self.world.source == Comes::Streams || self.world.model.sends_once();
                if trouble == Some(Trouble::TooLarge) && stays_so {
                    // Below a segment that is stored it takes a new session, and what is stored is released; a single
                    // request can't be cut at all.
                    self.excuse(Excuse::TooLarge);
                }
                trouble.and_then(|trouble| trouble.answer(self.now))
            }
        };
        if let (Ear::Open, Some(answer)) = (ear, answer) {
            self.under_way.push(UnderWay::Answer(op.id, Arc::new(answer)));
        }
    }

    fn answer(&mut self, id: OpId, outcome: &Arc<Outcome>) -> Result<(), Breach> {
        self.note(|| format!("  {id}: {}", brief(outcome)));
        let outcome = Outcome::clone(outcome);
        if self.is_live(id) {
            self.see(Seen::Outcome(id, &outcome))?;
            self.upload.handle(self.now, Input::Outcome { op: id, outcome });
            return Ok(());
        }
        let before = self.upload.clone();
        self.upload.handle(self.now, Input::Outcome { op: id, outcome });
        let seen = Seen::Stale { before: &before, after: &self.upload };
        self.invariants.see(self.now, seen, self.upload.plan())?;
        let like = |upload| Likener::of(self.now, &[], upload);
        if like(&before) != like(&self.upload) {
            return Err(Breach { rule: "invariant 6 (Inert)", detail: "it goes on in another way".into() });
        }
        Ok(())
    }

    /// Does what the engine wants done, until it waits.
    pub(super) fn drain(&mut self) -> Result<(), Breach> {
        let mut outputs = 0;
        loop {
            outputs += 1;
            match self.upload.poll(self.now) {
                Output::Perform(op) => {
                    self.note(|| {
                        let (kind, segment) = thing(&op);
                        let range = op
                            .payload()
                            .map_or_else(String::new, |r| format!(" {} {r}", segment.unwrap_or(0)));
                        format!("  {} {kind}{range}, attempt {}", op.id, op.attempt)
                    });
                    self.see(Seen::Perform(&op))?;
                    self.is_there(&op)?;
                    self.under_way.push(UnderWay::Turn(Arc::new(op)));
                }
                Output::Cancel(id) => {
                    self.note(|| format!("  cancel {id}"));
                    self.see(Seen::Cancel(id))?;
                    self.give_up(id);
                }
                Output::Persist { seq } => {
                    self.see(Seen::Persist)?;
                    let checkpoint = self.upload.checkpoint();
                    if checkpoint.seq() < seq {
                        let detail = format!("{seq:?} is wanted, {:?} is given", checkpoint.seq());
                        return Err(Breach { rule: "invariant 8 (Durable)", detail });
                    }
                    let snapshot = Arc::new(self.snapshot(checkpoint)?);
                    self.under_way.push(UnderWay::Write(seq, snapshot));
                }
                Output::Release(range) => self.see(Seen::Release(range))?,
                Output::Refresh { epoch } => {
                    self.see(Seen::Refresh(epoch))?;
                    self.under_way.push(UnderWay::Refresh(epoch));
                }
                Output::Notify(event) => {
                    match &event {
                        Event::Phase(phase) => self.note(|| format!("  {phase}")),
                        Event::NewSession { reason } => self.note(|| format!("  new session: {reason:?}")),
                        Event::Replanned { chunk_size } => {
                            self.note(|| format!("  segments of {chunk_size} bytes from here on"));
                        }
                        _ => {}
                    }
                    self.see(Seen::Notify(&event))?;
                }
                Output::Idle { wake_at } => {
                    self.wake_at = wake_at;
                    let awaits = match self.come {
                        Come::Nothing | Come::More => Awaits::Source,
                        Come::All => Awaits::Nothing,
                    };
                    self.see(Seen::Idle { outputs, wake_at, awaits })?;
                    break;
                }
                Output::Closed(result) => {
                    self.see(Seen::Closed(&result))?;
                    self.wake_at = None;
                    self.life = Life::Ended(Arc::new(result), Kept::Nothing);
                    break;
                }
            }
            if outputs > 400 {
                return Err(Breach {
                    rule: "invariant 12 (Finite)",
                    detail: "outputs without an end".into(),
                });
            }
        }
        self.see(Seen::Progress(self.upload.progress()))
    }

    /// What is sent has come, and while the end is not known, something behind it has.
    fn is_there(&self, op: &Operation) -> Result<(), Breach> {
        let (up_to, growth) = self.available();
        let most = match growth {
            Growth::Growing => up_to.saturating_sub(1),
            Growth::Ended => up_to,
        };
        match op.payload() {
            Some(range) if range.end() > most => {
                let detail = format!("{range} is sent, and the source has {up_to} bytes so far");
                Err(Breach { rule: "the source", detail })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// An operation is given up: what is under way of it is not awaited any more. An answer that is on its way already may
    /// still be told, to no effect.
    fn give_up(&mut self, id: OpId) {
        let mut awaited = false;
        let mut kept = Vec::with_capacity(self.under_way.len());
        for thing in self.under_way.drain(..) {
            if !thing.is_awaited_of(id) {
                kept.push(thing);
                continue;
            }
            awaited = true;
            match thing {
                UnderWay::Answer(..) => kept.push(thing),
                other => kept.extend(other.orphaned()),
            }
        }
        self.under_way = kept;
        self.given_up += u32::from(awaited);
    }
}

/// To somebody who asks whether the object was committed, or could not make it one.
fn verify_unprocessed(kind: OperationKind, truth: Outcome) -> Outcome {
    use chunkwise_core::{Reply, Verdict};
    match &truth.result {
        Ok(Reply::Verified(Verdict::Committed(_))) => unprocessed(kind),
        _ => truth,
    }
}
