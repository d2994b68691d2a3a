//! The way of one exchange: what becomes of a request and of its answer, whoever carries it.

use std::time::Duration;

use chunkwise_core::{Action, Cut, Detail, Failure, OperationKind, Outcome, ServerError, Timestamp};

use crate::chance::Chance;
use crate::fault::{Fault, Loss, Said, misconfigured, misfit, unreachable};
use crate::scenario::{Aim, Faults, Lies, Times};
use crate::server::{Answer, Arrived, Lie, Server};

/// What becomes of a request and of its answer.
#[derive(Clone, Debug)]
pub(crate) struct Journey {
    /// What reaches the server; `None`: nothing ever does.
    pub(crate) arrival: Option<Arrival>,
    /// What is heard of it.
    pub(crate) heard: Heard,
}

/// A request as it reaches the server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    /// How much of it.
    pub(crate) arrived: Arrived,
    /// What the server says against the truth.
    pub(crate) lie: Option<Lie>,
    /// What it answers instead, once it has done it.
    pub(crate) said: Option<Said>,
    /// How much later than it should.
    pub(crate) late: Duration,
}

/// What whoever asked hears.
#[derive(Clone, Debug)]
pub(crate) enum Heard {
    /// The server's answer, so much later than it should be.
    Answer(Duration),
    /// The server's answer, and once more so much later.
    Twice(Duration),
    /// The server did what was asked, and its answer was lost like this.
    Lost(Loss),
    /// Nothing.
    Nothing,
    /// This, in place of the server's answer, at the time when the request should have arrived.
    Instead(Outcome),
}

impl Journey {
    /// Of a request of this kind with so many bytes of payload, which is to arrive at this time.
    pub(crate) fn new(fault: Option<Fault>, kind: OperationKind, len: u64, at: Timestamp) -> Self {
        let whole = Arrival { arrived: Arrived::Whole, lie: None, said: None, late: Duration::ZERO };
        let part = Arrival { arrived: Arrived::Part(taken(fault, len)), ..whole };
        let arrives = |arrival, heard| Self { arrival: Some(arrival), heard };
        let never = |heard| Self { arrival: None, heard };
        let noticed = |loss: Loss| loss.outcome().map_or(Heard::Nothing, Heard::Instead);
        match fault {
            None => arrives(whole, Heard::Answer(Duration::ZERO)),
            Some(Fault::Unreachable) => never(Heard::Instead(unreachable())),
            Some(Fault::Misconfigured) => never(Heard::Instead(misconfigured())),
            Some(Fault::RequestLost(loss)) => never(noticed(loss)),
            Some(Fault::Cut(_)) => arrives(part, Heard::Lost(Loss::Reset)),
            Some(Fault::Stall(_)) => arrives(part, Heard::Nothing),
            Some(Fault::RequestLate(late)) => arrives(Arrival { late, ..whole }, noticed(Loss::Reset)),
            Some(Fault::ReplyLost(loss)) => arrives(whole, Heard::Lost(loss)),
            Some(Fault::ReplyTwice(wait)) => arrives(whole, Heard::Twice(wait)),
            Some(Fault::ReplyLate(wait)) => arrives(whole, Heard::Answer(wait)),
            Some(Fault::Says(said)) => never(Heard::Instead(said.failure(at).into())),
            Some(Fault::DoneBut(said)) => {
                arrives(Arrival { said: Some(said), ..whole }, Heard::Answer(Duration::ZERO))
            }
            Some(Fault::Misfit(wait)) => never(Heard::Instead(misfit(kind, at.after(wait)))),
            Some(Fault::Lies(lie)) => {
                arrives(Arrival { lie: Some(lie), ..whole }, Heard::Answer(Duration::ZERO))
            }
        }
    }
}

/// How many of so many bytes of payload the wire takes.
pub(crate) fn taken(fault: Option<Fault>, len: u64) -> u64 {
    match fault {
        Some(Fault::Unreachable | Fault::Misconfigured) => 0,
        Some(Fault::Stall(permille) | Fault::Cut(permille)) => {
            u64::try_from(u128::from(len) * u128::from(permille.min(1_000)) / 1_000).unwrap_or(len)
        }
        Some(_) | None => len,
    }
}

impl Faults {
    /// Whether operations of this kind are struck again and again, without an end.
    pub(crate) fn never_cease(&self, kind: OperationKind) -> bool {
        let Self::Aimed(aims) = self else { return false };
        aims.iter().any(|aim| aim.at.kind == kind && aim.times == Times::Always)
    }

    /// What strikes the n-th operation that is sent, which is the other n-th of its kind, while faults are left.
    pub(crate) fn strike(
        &self,
        nth: u32,
        (kind, nth_of_kind): (OperationKind, u32),
        chance: &mut Chance,
    ) -> Option<Fault> {
        match self {
            Self::Aimed(aims) => {
                let strikes = |aim: &&Aim| aim.at.kind == kind && aim.times.strikes(aim.at.nth, nth_of_kind);
                aims.iter().find(strikes).map(|aim| aim.fault)
            }
            Self::Scheduled(faults) => faults.iter().find(|(at, _)| *at == nth).map(|(_, fault)| *fault),
            Self::Random { rate, lies, .. } => {
                if !chance.percent(*rate) {
                    None
                } else if *lies == Lies::Often && chance.percent(25) {
                    Some(Fault::Lies(chance.one_of(Lie::ALL)))
                } else {
                    Some(Fault::draw(chance, kind))
                }
            }
        }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u32 {
        match self {
            Self::Random { count, .. } => *count,
            Self::Aimed(_) => u32::MAX,
            Self::Scheduled(faults) => u32::try_from(faults.len()).unwrap_or(u32::MAX),
        }
    }
}

impl Server {
    /// What it answers to a request with credentials of this generation, as the engine hears it.
    pub(crate) fn hear(
        &mut self,
        now: Timestamp,
        generation: u64,
        action: &Action,
        arrival: Arrival,
    ) -> Outcome {
        if generation < self.generation() {
            return Said::Expired.failure(now).into();
        }
        let answer = match arrival.lie {
            Some(lie) => self.lie(now, action, lie),
            None => self.perform(now, action, arrival.arrived),
        };
        if let Some(said) = arrival.said {
            return said.failure(now).into();
        }
        heard(answer)
    }
}

/// A server's answer as the engine hears it.
pub(crate) fn heard(answer: Answer) -> Outcome {
    match answer {
        Answer::Reply(reply) => reply.into(),
        Answer::Problem(kind) => Failure::answered(kind, ServerError::message("so the model says")).into(),
        Answer::Reset => {
            let detail = Detail::new("the server broke the connection");
            Failure::Unknown { cut: Cut::Reset, detail }.into()
        }
    }
}
