//! What the caller and the machine do: pause, stop, sleep, die and come back.

use std::time::Duration;

use chunkwise_core::{Checkpoint, Detail, Disposition, Growth, Input, OperationKind, ResumeError, Upload};

use super::{Coming, Life, START, Sight, World};
use crate::invariants::{Breach, Invariants};
use crate::judge::Excuse;
use crate::record::Seen;
use crate::scenario::{Control, Known, Machine, Place, Source};

impl World {
    /// What the caller and the machine will do, apart from answering.
    pub(super) fn schedule(&mut self) {
        for (at, control) in self.scenario.controls.clone() {
            self.after(at, Coming::Control(control));
        }
        if self.scenario.grows() {
            let (mut at, mut up_to) = (Duration::ZERO, 0);
            while up_to < self.scenario.total {
                at += self.machine.millis(1, 1_500);
                let step = 1 + self.machine.below(self.scenario.total / 4 + 60);
                up_to = (up_to + step).min(self.scenario.total);
                let growth = match self.scenario.length {
                    Known::AtOnce if up_to == self.scenario.total => Growth::Ended,
                    Known::AtOnce | Known::AtTheEnd => Growth::Growing,
                };
                self.after(at, Coming::Grown(up_to, growth));
            }
            if self.scenario.length == Known::AtTheEnd {
                // That nothing follows shows sooner or later.
                at += self.machine.millis(0, 1_500);
                self.after(at, Coming::Grown(up_to, Growth::Ended));
            }
        }
    }

    pub(super) fn control(&mut self, control: Control) -> Result<(), Breach> {
        self.note(|| format!("{control:?}"));
        self.witness(|| Sight::Done(control));
        self.disturb(Duration::from_secs(1));
        match control {
            Control::Pause => self.input(Input::Pause),
            Control::Resume => self.input(Input::Resume),
            Control::Crash => {
                // A write under way may have reached the disk.
                let writing = self.queue.values().find_map(|coming| match coming {
                    Coming::Written(process, _, Some(checkpoint)) if *process == self.process => {
                        Some(checkpoint.clone())
                    }
                    _ => None,
                });
                if let Some(checkpoint) = writing
                    && self.scenario.machine == Machine::Moody
                    && self.machine.percent(50)
                {
                    self.disk.keep(*checkpoint);
                }
                self.die()?;
            }
            Control::Keep => {
                self.excuse(Excuse::Stopped);
                self.input(Input::Cancel(Disposition::Keep));
            }
            Control::Discard => {
                self.excuse(Excuse::Stopped);
                self.see(Seen::Discard)?;
                self.input(Input::Cancel(Disposition::Discard));
            }
            Control::Hold => {
                let kind = self.machine.one_of(Self::KINDS);
                let wait = self.machine.millis(0, 20_000);
                let until = self.client_now().after(wait);
                self.disturb(wait);
                self.see(Seen::Hold(kind, until))?;
                self.input(Input::Hold { kind, until });
            }
            Control::Rotate => {
                self.excuse(Excuse::Expired);
                self.server.rotate();
            }
            Control::Suspend => {
                let sleep = self.machine.millis(1_000, 5_000_000);
                self.sleep(sleep);
            }
            Control::Sleep(secs) => self.sleep(Duration::from_secs(secs.into())),
            Control::SourceChanged => {
                self.excuse(Excuse::Source);
                self.input(Input::SourceChanged);
            }
            Control::SourceUnreadable => {
                self.excuse(Excuse::Source);
                self.input(Input::SourceUnreadable(Detail::new("it is not there")));
            }
            Control::NoCredentials => self.credentials = false,
            Control::ClockForward(secs) => {
                self.ahead += i64::from(secs) * 1_000_000;
                self.began = self.began.after(Duration::from_secs(secs.into()));
                self.excuse(Excuse::Clock);
            }
            Control::ClockBack(secs) => {
                self.ahead -= i64::from(secs) * 1_000_000;
                // Until it has caught up, the client's clock stands still.
                let still = Duration::from_secs(secs.into());
                self.disturbed = self.disturbed.max(self.now).after(still);
                self.excuse(Excuse::Clock);
            }
        }
        self.disturb(Duration::from_secs(1));
        Ok(())
    }

    /// What the caller and the machine do while this operation is under way.
    pub(super) fn intervene(&mut self, kind: OperationKind, nth: u32) {
        let there = self.scenario.interventions.iter().filter(|i| i.at == Place { kind, nth });
        let there: Vec<_> = there.map(|i| (i.after, i.control)).collect();
        for (after, control) in there {
            self.after(after, Coming::Control(control));
        }
    }

    fn sleep(&mut self, sleep: Duration) {
        self.now = self.now.after(sleep);
        self.began = self.began.after(sleep);
        self.excuse(Excuse::Slept);
    }

    /// The process dies; another one goes on from what is on disk: mostly the newest, sometimes an older one.
    pub(super) fn die(&mut self) -> Result<(), Breach> {
        let moody = self.scenario.machine == Machine::Moody;
        if self.disk.len() > 1 && moody && self.machine.percent(15) {
            let keep = 1 + self.machine.below(self.disk.len() as u64 - 1) as usize;
            self.disk.truncate(keep);
            self.excuse(Excuse::OlderCheckpoint);
        }
        let from = self.disk.newest()?;
        self.note(|| format!("another process goes on from {:?}", from.as_ref().map(Checkpoint::seq)));
        let down = self.effort(0, 5_000);
        self.now = self.now.after(down);
        self.disturb(Duration::ZERO);
        self.restart(from)
    }

    pub(super) fn restart(&mut self, from: Option<Checkpoint>) -> Result<(), Breach> {
        // Whoever goes on may have other settings; what was planned stays planned.
        self.scenario.chunk = self.scenario.chunk_later;
        let (profile, policy, spec) = (self.scenario.profile(), self.scenario.policy(), self.scenario.spec());
        self.operations += self.upload.stats().operations;
        self.sent_again += self.upload.stats().sent_again;
        self.process += 1;
        self.witness(|| Sight::Restarted(from.as_ref().map(Checkpoint::seq)));
        let seed = self.scenario.seed.wrapping_add(u64::from(self.process));
        // Another process reads the clock anew.
        self.clock = START;
        let now = self.client_now();
        self.invariants = Invariants::new(profile.clone(), policy.clone(), spec, from.as_ref());
        let resumed = match from.clone() {
            Some(checkpoint) => Upload::resume(now, checkpoint, profile.clone(), policy.clone(), seed),
            None => Upload::new(now, spec, profile.clone(), policy.clone(), seed).map_err(ResumeError::from),
        };
        let discarded = || match from {
            Some(checkpoint) => Upload::discard(now, checkpoint, profile, policy, seed),
            None => Err(ResumeError::NotRewindable),
        };
        self.upload = match resumed {
            Ok(upload) => upload,
            // The source is gone: all that can be done is to give it up.
            Err(ResumeError::NotRewindable) if self.scenario.source == Source::Once => {
                self.note(|| "it can't go on: the source is gone".into());
                self.excuse(Excuse::Stopped);
                self.see(Seen::Discard)?;
                match discarded() {
                    Ok(upload) => upload,
                    Err(error) => {
                        let detail = format!("it can't be given up: {error}");
                        return Err(Breach { rule: "invariant 9 (Obedient)", detail });
                    }
                }
            }
            Err(error) => {
                return Err(Breach { rule: "invariant 8 (Durable)", detail: format!("no resume: {error}") });
            }
        };
        self.generations = vec![self.server.generation()];
        (self.began, self.life, self.wake_at) = (now, Life::Runs, None);
        self.tell();
        self.drain()
    }
}
