//! The wire: what becomes of a request and of its answer.

use std::time::Duration;

use chunkwise_core::{ByteRange, Failure, OpId, Operation, Outcome, ProblemKind, Reply};

use super::{Back, Coming, Excuse, Journey, Sight, World};
use crate::fault::{Fault, Said, misconfigured, misfit, unreachable};
use crate::scenario::{Faults, LIES, Lies};
use crate::server::{Answer, Arrived};

impl World {
    fn latency(&mut self) -> Duration {
        let network = self.scenario.network;
        self.wire.millis(network.least, network.most)
    }

    /// What goes wrong with the next exchange, if anything does.
    fn draw(&mut self, op: &Operation) -> Option<Fault> {
        let nth = self.sent;
        self.sent += 1;
        let of_kind = self.sent_of.entry(op.kind()).or_default();
        let nth_of_kind = *of_kind;
        *of_kind += 1;
        self.intervene(op.kind(), nth_of_kind);
        if self.faults_left == 0 {
            return None;
        }
        let fault = match &self.scenario.faults {
            Faults::Scheduled(faults) => faults.iter().find(|(at, _)| *at == nth).map(|(_, fault)| *fault)?,
            Faults::Aimed(aims) => {
                let strikes = |at: crate::scenario::Place, times: crate::scenario::Times| {
                    at.kind == op.kind() && times.strikes(at.nth, nth_of_kind)
                };
                aims.iter().find(|aim| strikes(aim.at, aim.times))?.fault
            }
            Faults::Random { rate, lies, .. } => {
                let (rate, lies) = (*rate, *lies);
                if !self.wire.percent(rate) {
                    return None;
                }
                if lies == Lies::Often && self.wire.percent(25) {
                    Fault::Lies(self.wire.one_of(LIES))
                } else {
                    Fault::draw(&mut self.wire, op.kind())
                }
            }
        };
        self.faults_left -= 1;
        self.faults_met += 1;
        // Its consequences may take the longest backoff, and a timeout before that.
        self.disturb(fault.lasts() + Duration::from_secs(70));
        match fault {
            Fault::Misconfigured
            | Fault::Says(Said::Invalid | Said::Forbidden | Said::Quota | Said::SizeMismatch) => {
                self.excuse(Excuse::Refused);
            }
            Fault::Says(Said::Endless) => self.excuse(Excuse::Endless),
            Fault::RequestLate(_) => self.excuse(Excuse::Late),
            Fault::Lies(_) => self.excuse(Excuse::Lied),
            _ => {}
        }
        self.note(|| format!("{}: {fault:?}", op.id));
        self.witness(|| Sight::Struck(fault));
        Some(fault)
    }

    /// An operation has its turn: it goes on its way.
    pub(super) fn send(&mut self, id: OpId) {
        let Some((op, _)) = self.invariants.record().live.get(&id).cloned() else { return };
        let generation = self.generations.get(op.epoch.get() as usize).copied().unwrap_or_default();
        let len = op.payload().map_or(0, |range| range.len());
        let sending =
            Duration::from_micros(len.saturating_mul(1_000_000) / self.scenario.network.rate.max(1));
        let there = self.latency() + sending;
        let fault = self.draw(&op);
        let taken = match fault {
            Some(Fault::Unreachable | Fault::Misconfigured) => 0,
            Some(Fault::Stall(permille) | Fault::Cut(permille)) => {
                len * u64::from(permille.min(1_000)) / 1_000
            }
            Some(_) | None => len,
        };
        if len > 0 {
            // Seen at least once a second, as long as bytes are taken.
            let looks = 3 + sending.as_secs().min(60) as u32;
            for look in 1..=looks {
                let bytes = taken * u64::from(look) / u64::from(looks);
                self.after(sending * look / looks, Coming::Sent(self.process, id, bytes));
            }
        }
        if let Some(range) = op.payload() {
            self.witness(|| Sight::Taken(id, ByteRange::at(range.start(), taken)));
        }
        let answer = |outcome: Outcome| Coming::Answer(self.process, id, Box::new(outcome));
        let journey =
            Journey { generation, arrived: Arrived::Whole, lie: None, said: None, back: Back::Arrives };
        let arrives = |journey| Coming::Arrival(self.process, Box::new(op.clone()), journey);
        let coming = match fault {
            None => arrives(journey),
            Some(Fault::Unreachable) => answer(unreachable()),
            Some(Fault::Misconfigured) => answer(misconfigured()),
            Some(Fault::RequestLost(loss)) => match loss.outcome() {
                Some(outcome) => answer(outcome),
                None => return,
            },
            Some(Fault::Cut(_)) => {
                let back = Back::Lost(crate::fault::Loss::Reset);
                arrives(Journey { arrived: Arrived::Part(taken), back, ..journey })
            }
            Some(Fault::Stall(_)) => {
                arrives(Journey { arrived: Arrived::Part(taken), back: Back::Unheard, ..journey })
            }
            Some(Fault::RequestLate(wait)) => {
                let late = arrives(Journey { back: Back::Unheard, ..journey });
                let reset = crate::fault::Loss::Reset.outcome().map(answer);
                self.after(there + wait, late);
                match reset {
                    Some(reset) => reset,
                    None => return,
                }
            }
            Some(Fault::ReplyLost(loss)) => arrives(Journey { back: Back::Lost(loss), ..journey }),
            Some(Fault::ReplyTwice(wait)) => arrives(Journey { back: Back::Twice(wait), ..journey }),
            Some(Fault::ReplyLate(wait)) => arrives(Journey { back: Back::Late(wait), ..journey }),
            Some(Fault::Says(said)) => answer(said.failure(self.now.after(there)).into()),
            Some(Fault::DoneBut(said)) => arrives(Journey { said: Some(said), ..journey }),
            Some(Fault::Misfit(wait)) => answer(misfit(op.kind(), self.now.after(there + wait))),
            Some(Fault::Lies(lie)) => arrives(Journey { lie: Some(lie), ..journey }),
        };
        self.after(there, coming);
    }

    /// A request reaches the server. That its process has died meanwhile does not stop it.
    pub(super) fn arrive(&mut self, process: u32, op: &Operation, journey: Journey) {
        let answered: Outcome = if journey.generation < self.server.generation() {
            Said::Expired.failure(self.now).into()
        } else {
            let answer = match journey.lie {
                Some(lie) => self.server.lie(self.now, &op.action, lie),
                None => self.server.perform(self.now, &op.action, journey.arrived),
            };
            match journey.said {
                Some(said) => said.failure(self.now).into(),
                None => heard(answer),
            }
        };
        let (outcome, wait) = match journey.back {
            Back::Unheard => return,
            Back::Lost(loss) => match loss.outcome() {
                Some(outcome) => (outcome, Duration::ZERO),
                None => return,
            },
            Back::Arrives => (answered, Duration::ZERO),
            Back::Late(wait) => (answered, wait),
            Back::Twice(wait) => {
                self.after(wait, Coming::Answer(process, op.id, Box::new(answered.clone())));
                (answered, Duration::ZERO)
            }
        };
        let back = self.latency() + wait;
        self.after(back, Coming::Answer(process, op.id, Box::new(outcome)));
    }
}

/// The server's answer as the engine hears it.
pub(super) fn heard(answer: Answer) -> Outcome {
    match answer {
        Answer::Reply(reply) => reply.into(),
        Answer::Problem(kind) => {
            Failure::answered(kind, chunkwise_core::ServerError::message("so the model says")).into()
        }
        Answer::Reset => Failure::Unknown {
            cut: chunkwise_core::Cut::Reset,
            detail: chunkwise_core::Detail::new("the server broke the connection"),
        }
        .into(),
    }
}

/// An outcome in a few words, for the trace.
pub(super) fn brief(outcome: &Outcome) -> String {
    match &outcome.result {
        Ok(Reply::Opened { session, .. }) => format!("opened {session}"),
        Ok(Reply::Advanced { cursor }) => format!("advanced to {cursor}"),
        Ok(Reply::Verified(verdict)) => format!("{verdict:?}"),
        Ok(Reply::Probed(page)) => {
            let parts: Vec<_> = page.parts.iter().map(|part| (part.index.get(), part.len)).collect();
            format!("probed {parts:?}, next {:?}", page.next)
        }
        Ok(reply) => reply.name().into(),
        Err(Failure::Answered(problem)) => match &problem.kind {
            ProblemKind::OffsetConflict { cursor } => format!("offset conflict, cursor {cursor:?}"),
            kind => format!("{} {:?}", kind.name(), problem.after),
        },
        Err(failure) => format!("{failure:?}"),
    }
}
