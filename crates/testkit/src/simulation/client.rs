//! The process that drives the upload: it does what the outputs say.

use chunkwise_core::{Event, Growth, Input, OpId, Operation, OperationKind, Outcome, Output};

use super::wire::brief;
use super::{Coming, Life, World};
use crate::invariants::Breach;
use crate::judge::Excuse;
use crate::record::{Awaits, Seen, thing};
use crate::scenario::{CrashPoint, Known, Machine};

impl World {
    pub(super) fn drain(&mut self) -> Result<(), Breach> {
        let mut outputs = 0;
        let now = self.client_now();
        while matches!(self.life, Life::Runs) && self.crash.is_none() {
            outputs += 1;
            match self.upload.poll(now) {
                Output::Perform(op) => self.perform(op)?,
                Output::Cancel(op) => {
                    self.note(|| format!("cancel {op}"));
                    self.see(Seen::Cancel(op))?;
                }
                Output::Persist { seq } => self.persist(seq)?,
                Output::Release(range) => self.see(Seen::Release(range))?,
                Output::Refresh { epoch } => {
                    self.note(|| format!("refresh {}", epoch.get()));
                    self.see(Seen::Refresh(epoch))?;
                    let refused = self.strikes(1) || !self.credentials;
                    let result = if refused { Err(()) } else { Ok(self.server.generation()) };
                    let wait = self.effort(1, 2_000);
                    self.after(wait, Coming::Refreshed(self.process, epoch, result));
                }
                Output::Notify(event) => {
                    match &event {
                        Event::Phase(phase) => self.note(|| phase.to_string()),
                        Event::NewSession { reason } => self.note(|| format!("new session: {reason:?}")),
                        Event::Replanned { chunk_size } => {
                            self.note(|| format!("segments of {chunk_size} bytes from here on"));
                            if self.scenario.length == Known::AtTheEnd {
                                // A size that was refused, or is suspected to be, bounds what may still come.
                                self.excuse(Excuse::TooLong);
                            }
                        }
                        _ => {}
                    }
                    self.see(Seen::Notify(&event))?;
                }
                Output::Idle { wake_at } => {
                    self.wake_at = wake_at;
                    let awaits = if !self.ended { Awaits::Source } else { Awaits::Nothing };
                    self.see(Seen::Idle { outputs, wake_at, awaits })?;
                    break;
                }
                Output::Closed(result) => {
                    self.note(|| format!("closed: {result:?}"));
                    self.see(Seen::Closed(&result))?;
                    self.life = Life::Ended(Box::new(result));
                }
            }
            if outputs > 10_000 {
                let detail = format!("more than {outputs} outputs without a pause");
                return Err(Breach { rule: "invariant 12 (Finite)", detail });
            }
        }
        if let Some(point) = self.crash.take() {
            self.note(|| format!("dies {point:?} a write"));
            return self.die();
        }
        self.see(Seen::Progress(self.upload.progress()))
    }

    fn perform(&mut self, op: Operation) -> Result<(), Breach> {
        let (kind, segment) = thing(&op);
        self.note(|| {
            let range = op.payload().map_or(String::new(), |r| format!(" {} {r}", segment.unwrap_or(0)));
            format!("{} {kind}{range}, attempt {}", op.id, op.attempt)
        });
        self.see(Seen::Perform(&op))?;
        self.is_there(&op)?;
        let wait = match self.scenario.machine {
            Machine::Steady => std::time::Duration::ZERO,
            Machine::Moody if self.machine.percent(3) => self.machine.millis(0, 40_000),
            Machine::Moody => self.machine.millis(0, 50),
        };
        self.disturb(if wait.as_secs() > 0 { wait } else { std::time::Duration::ZERO });
        self.after(wait, Coming::Turn(self.process, op.id));
        Ok(())
    }

    /// What is sent has come, and where the end is not known, something behind it has.
    fn is_there(&self, op: &Operation) -> Result<(), Breach> {
        let Some(range) = op.payload() else { return Ok(()) };
        let most = match (self.scenario.length, self.growth()) {
            (Known::AtTheEnd, Growth::Growing) => self.available.saturating_sub(1),
            (Known::AtOnce, _) | (Known::AtTheEnd, Growth::Ended) => self.available,
        };
        if range.end() <= most {
            return Ok(());
        }
        let detail = format!("{range} is sent, and the source has {} bytes so far", self.available);
        Err(Breach { rule: "the source", detail })
    }

    fn persist(&mut self, seq: chunkwise_core::CheckpointSeq) -> Result<(), Breach> {
        self.see(Seen::Persist)?;
        let checkpoint = self.upload.checkpoint();
        if checkpoint.seq() < seq {
            let detail = format!("{seq:?} is wanted, {:?} is given", checkpoint.seq());
            return Err(Breach { rule: "invariant 8 (Durable)", detail });
        }
        let write = self.disk.begin();
        if let Some((_, point)) = self.scenario.crashes.iter().find(|(at, _)| *at == write) {
            match point {
                CrashPoint::Before => {}
                CrashPoint::During => {
                    let permille = self.machine.below(1_000);
                    super::Disk::tear(&checkpoint, permille)?;
                }
                CrashPoint::After => self.disk.keep(checkpoint),
            }
            self.crash = Some(*point);
            return Ok(());
        }
        let planned = self.scenario.unwritten.iter().find(|(at, times)| times.strikes(*at, write)).copied();
        if let Some((_, times)) = planned {
            self.faults_met += 1;
            self.disturb(std::time::Duration::from_secs(70));
            if times == crate::scenario::Times::Always {
                self.excuse(Excuse::Always);
            }
        }
        let fails = self.strikes(3) || planned.is_some();
        if fails {
            self.excuse(Excuse::Disk);
        }
        let written = if fails { None } else { Some(Box::new(checkpoint)) };
        let wait = self.effort(0, 300);
        self.after(wait, Coming::Written(self.process, seq, written));
        Ok(())
    }

    /// How long the machine takes for something, from so many milliseconds up to so many.
    pub(super) fn effort(&mut self, from: u64, to: u64) -> std::time::Duration {
        match self.scenario.machine {
            Machine::Steady => std::time::Duration::from_millis(from + 10),
            Machine::Moody => self.machine.millis(from, to),
        }
    }

    /// Whether something goes wrong now that is no matter of the wire: in so many of 100 cases, while faults are left.
    fn strikes(&mut self, percent: u64) -> bool {
        let random = matches!(self.scenario.faults, crate::scenario::Faults::Random { .. });
        let wrong = random && self.faults_left > 0 && self.machine.percent(percent);
        if wrong {
            self.faults_left -= 1;
            self.faults_met += 1;
            self.disturb(std::time::Duration::from_secs(60));
        }
        wrong
    }

    pub(super) fn happens(&mut self, coming: Coming) -> Result<(), Breach> {
        let live = |world: &Self, process, id: &OpId| {
            process == world.process && world.invariants.record().live.contains_key(id)
        };
        match coming {
            Coming::Turn(process, id) => {
                if live(self, process, &id) {
                    self.see(Seen::Started(id))?;
                    self.input(Input::Started(id));
                    self.send(id);
                }
            }
            Coming::Sent(process, op, bytes) => {
                if live(self, process, &op) {
                    self.input(Input::Sent { op, bytes });
                }
            }
            Coming::Arrival(process, carried) => {
                let (op, carried) = *carried;
                self.arrive(process, &op, carried);
            }
            Coming::Answer(process, id, outcome) => {
                if process == self.process {
                    self.answer(id, *outcome)?;
                }
            }
            Coming::Written(process, seq, checkpoint) => {
                if process == self.process {
                    self.see(Seen::Written(checkpoint.as_deref()))?;
                    match checkpoint {
                        Some(checkpoint) => {
                            self.input(Input::Persisted(checkpoint.seq()));
                            self.disk.keep(*checkpoint);
                        }
                        None => self.input(Input::PersistFailed(seq)),
                    }
                }
            }
            Coming::Refreshed(process, stale, result) => {
                if process == self.process {
                    self.see(Seen::Refreshed)?;
                    let result = match result {
                        Ok(generation) => {
                            self.generations.push(generation);
                            Ok(stale.next())
                        }
                        Err(()) => {
                            self.excuse(Excuse::NoCredentials);
                            Err(chunkwise_core::Detail::new("there are none"))
                        }
                    };
                    self.input(Input::Refreshed { stale, result });
                }
            }
            Coming::Grown(up_to, growth) => {
                (self.available, self.ended) = (up_to, growth == Growth::Ended);
                self.disturb(std::time::Duration::ZERO);
                self.input(Input::Available { up_to, growth });
            }
            Coming::Control(control) => self.control(control)?,
        }
        Ok(())
    }

    fn answer(&mut self, op: OpId, outcome: Outcome) -> Result<(), Breach> {
        self.note(|| format!("{op}: {}", brief(&outcome)));
        let known = self.invariants.record().live.contains_key(&op);
        if known {
            // Time may have brought an end to it first.
            self.see(Seen::Outcome(op, &outcome))?;
            self.input(Input::Outcome { op, outcome });
            return Ok(());
        }
        let before = self.upload.clone();
        self.input(Input::Outcome { op, outcome });
        self.invariants.see(
            self.clock,
            Seen::Stale { before: &before, after: &self.upload },
            self.upload.plan(),
        )
    }

    /// Which kinds of operation a sibling may hold back.
    pub(super) const KINDS: [OperationKind; 7] = OperationKind::ALL;
}
