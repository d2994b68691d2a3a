//! The wire: what becomes of a request and of its answer.

use std::time::Duration;

use chunkwise_core::{ByteRange, Failure, OpId, Operation, Outcome, ProblemKind, Reply};

use super::{Carried, Coming, Sight, World};
use crate::fault::Fault;
use crate::journey::{Heard, Journey, taken};
use crate::judge::Excuse;

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
        let fault = self.scenario.faults.strike(nth, (op.kind(), nth_of_kind), &mut self.wire)?;
        self.faults_left -= 1;
        self.faults_met += 1;
        self.disturb(fault.disturbs());
        if let Some(excuse) = Excuse::of(fault) {
            self.excuse(excuse);
        }
        if self.scenario.faults.never_cease(op.kind()) {
            self.excuse(Excuse::Always);
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
        let sending = self.scenario.network.sending(len);
        let there = self.latency() + sending;
        let fault = self.draw(&op);
        let taken = taken(fault, len);
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
        let Journey { arrival, heard } = Journey::new(fault, op.kind(), len, self.now.after(there));
        let (heard, instead) = match heard {
            Heard::Instead(outcome) => (Heard::Nothing, Some(outcome)),
            heard => (heard, None),
        };
        if let Some(arrival) = arrival {
            let carried = Box::new((op, Carried { generation, arrival, heard }));
            self.after(there + arrival.late, Coming::Arrival(self.process, carried));
        }
        if let Some(outcome) = instead {
            self.after(there, Coming::Answer(self.process, id, Box::new(outcome)));
        }
    }

    /// A request reaches the server. That its process has died meanwhile does not stop it.
    pub(super) fn arrive(&mut self, process: u32, op: &Operation, carried: Carried) {
        let Carried { generation, arrival, heard } = carried;
        let answered = self.server.hear(self.now, generation, &op.action, arrival);
        let (outcome, wait) = match heard {
            Heard::Nothing => return,
            Heard::Instead(outcome) => (outcome, Duration::ZERO),
            Heard::Lost(loss) => match loss.outcome() {
                Some(outcome) => (outcome, Duration::ZERO),
                None => return,
            },
            Heard::Answer(wait) => (answered, wait),
            Heard::Twice(wait) => {
                self.after(wait, Coming::Answer(process, op.id, Box::new(answered.clone())));
                (answered, Duration::ZERO)
            }
        };
        let back = self.latency() + wait;
        self.after(back, Coming::Answer(process, op.id, Box::new(outcome)));
    }
}

/// An outcome in a few words, for the trace.
pub(crate) fn brief(outcome: &Outcome) -> String {
    match &outcome.result {
        Ok(Reply::Opened { session, .. }) => format!("opened {session}"),
        Ok(Reply::Advanced { cursor, .. }) => format!("advanced to {cursor}"),
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
