//! What lies behind a model transport: the way, what is on it, and the server at its end.

use std::collections::BTreeMap;
use std::time::Duration;

use chunkwise_core::{Action, Operation, OperationKind, Outcome, Timestamp};
use tokio::time::Instant;

use super::log::{Exchange, ExchangeEnd};
use crate::chance::Chance;
use crate::fault::Fault;
use crate::invariants::Breach;
use crate::journey::{Arrival, Heard, Journey};
use crate::scenario::{Faults, Scenario};
use crate::server::{Arrived, Server};

/// The link and the server. Nothing runs here: what has reached the server by now is found out when somebody looks.
#[derive(Debug)]
pub(super) struct Link {
    scenario: Scenario,
    server: Server,
    chance: Chance,
    /// A moment of tokio's clock, and what the link's own clock showed at it.
    anchor: (Instant, Timestamp),
    /// The latest time that was looked at.
    latest: Timestamp,
    faults_left: u32,
    /// When the consequences of the last disturbance are over.
    disturbed: Timestamp,
    coming: BTreeMap<(Timestamp, usize), Coming>,
    answers: BTreeMap<usize, Outcome>,
    log: Vec<Exchange>,
    wrong: Option<Breach>,
}

/// A request on its way to the server.
#[derive(Debug)]
struct Coming {
    generation: u64,
    action: Action,
    arrival: Arrival,
}

/// What chance decided about an exchange when it began.
#[derive(Clone, Debug)]
pub(super) struct Trip {
    /// Its number.
    pub(super) n: usize,
    pub(super) fault: Option<Fault>,
    generation: u64,
    there: Duration,
    back: Duration,
}

/// What whoever asked will hear, and when.
#[derive(Debug)]
pub(super) enum Hearing {
    Nothing,
    /// This.
    At(Timestamp, Outcome),
    /// What the server said.
    Answer(Timestamp),
}

impl Link {
    pub(super) fn new(scenario: &Scenario, now: Timestamp) -> Self {
        Self {
            scenario: scenario.clone(),
            server: Server::new(scenario.server.clone()),
            chance: Chance::stream(scenario.seed, 4),
            anchor: (Instant::now(), now),
            latest: now,
            faults_left: scenario.faults.count(),
            disturbed: now,
            coming: BTreeMap::new(),
            answers: BTreeMap::new(),
            log: Vec::new(),
            wrong: None,
        }
    }

    pub(super) const fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    pub(super) fn now(&mut self) -> Timestamp {
        let (anchor, shown) = self.anchor;
        self.latest = self.latest.max(shown.after(Instant::now().saturating_duration_since(anchor)));
        self.latest
    }

    /// How many Appends will reach the server as a whole that have not yet.
    pub(super) fn appends_on_their_way(&mut self) -> usize {
        self.server();
        let whole = |coming: &&Coming| {
            coming.action.kind() == OperationKind::Append && coming.arrival.arrived == Arrived::Whole
        };
        self.coming.values().filter(whole).count()
    }

    /// When tokio's clock shows what the link's own shows then.
    pub(super) fn instant(&self, at: Timestamp) -> Instant {
        let (anchor, shown) = self.anchor;
        anchor + at.since(shown)
    }

    /// Goes on this long after the latest time, on the clock of the runtime that it is called in.
    pub(super) fn anchor_anew(&mut self, later: Duration) {
        self.latest = self.latest.after(later);
        self.anchor = (Instant::now(), self.latest);
    }

    /// The server, which has done by now what has reached it.
    pub(super) fn server(&mut self) -> &mut Server {
        let now = self.now();
        while let Some(first) = self.coming.first_entry() {
            let (at, n) = *first.key();
            if at > now {
                break;
            }
            let Coming { generation, action, arrival } = first.remove();
            let outcome = self.server.hear(at, generation, &action, arrival);
            if self.log.get(n).is_some_and(|exchange| exchange.end == ExchangeEnd::UnderWay) {
                self.answers.insert(n, outcome);
            }
        }
        &mut self.server
    }

    pub(super) fn disturb(&mut self, lasts: Duration) {
        let now = self.now();
        self.disturbed = self.disturbed.max(now.after(lasts));
    }

    /// How long nothing has gone wrong.
    pub(super) fn quiet(&mut self) -> Duration {
        self.now().since(self.disturbed)
    }

    pub(super) fn calm(&mut self) {
        self.scenario.faults = Faults::Scheduled(Vec::new());
        self.faults_left = 0;
    }

    pub(super) fn log(&self) -> &[Exchange] {
        &self.log
    }

    pub(super) const fn wrong(&self) -> Option<&Breach> {
        self.wrong.as_ref()
    }

    /// An operation goes out, with credentials of this generation.
    pub(super) fn set_out(&mut self, operation: &Operation, generation: u64) -> Trip {
        let (n, kind, network) = (self.log.len(), operation.kind(), self.scenario.network);
        let there = self.chance.millis(network.least, network.most);
        let back = self.chance.millis(network.least, network.most);
        let nth = u32::try_from(n).unwrap_or(u32::MAX);
        let of_kind = self.log.iter().filter(|exchange| exchange.operation.kind() == kind).count();
        let nth_of_kind = u32::try_from(of_kind).unwrap_or(u32::MAX);
        let fault = match self.faults_left {
            0 => None,
            _ => self.scenario.faults.strike(nth, (kind, nth_of_kind), &mut self.chance),
        };
        if let Some(fault) = fault {
            self.faults_left -= 1;
            self.disturb(fault.disturbs());
        }
        let (operation, began) = (operation.clone(), self.now());
        self.log.push(Exchange { operation, began, fault, end: ExchangeEnd::UnderWay });
        Trip { n, fault, generation, there, back }
    }

    /// All is sent that will be: what becomes of it.
    pub(super) fn sent(&mut self, trip: &Trip, operation: &Operation) -> Hearing {
        let arrives = self.now().after(trip.there);
        let len = operation.payload().map_or(0, |range| range.len());
        let Journey { arrival, heard } = Journey::new(trip.fault, operation.kind(), len, arrives);
        if let Some(arrival) = arrival {
            self.comes(trip, arrives.after(arrival.late), operation, arrival);
        }
        let back = arrives.after(trip.back);
        match heard {
            Heard::Nothing => Hearing::Nothing,
            Heard::Instead(outcome) => Hearing::At(arrives, outcome),
            Heard::Lost(loss) => {
                loss.outcome().map_or(Hearing::Nothing, |outcome| Hearing::At(back, outcome))
            }
            Heard::Answer(wait) => Hearing::Answer(back.after(wait)),
            // Nobody is left to hear it twice.
            Heard::Twice(_) => Hearing::Answer(back),
        }
    }

    /// The sending broke off: so much of it reaches the server, if it can be reached.
    pub(super) fn broke_off(&mut self, trip: &Trip, operation: &Operation, bytes: u64) {
        let at = self.now().after(trip.there);
        let reached = Journey::new(trip.fault, operation.kind(), bytes, at).arrival;
        if let Some(arrival) = reached {
            let arrival = Arrival { arrived: Arrived::Part(bytes), lie: None, ..arrival };
            self.comes(trip, at.after(arrival.late), operation, arrival);
        }
    }

    fn comes(&mut self, trip: &Trip, at: Timestamp, operation: &Operation, arrival: Arrival) {
        let (generation, action) = (trip.generation, operation.action.clone());
        self.coming.insert((at, trip.n), Coming { generation, action, arrival });
    }

    /// What the server said.
    pub(super) fn answer(&mut self, trip: &Trip) -> Option<Outcome> {
        self.server();
        self.answers.remove(&trip.n)
    }

    pub(super) fn end(&mut self, trip: &Trip, end: impl FnOnce(Timestamp) -> ExchangeEnd) {
        let now = self.now();
        self.answers.remove(&trip.n);
        if let Some(exchange) = self.log.get_mut(trip.n) {
            exchange.end = end(now);
        }
    }

    pub(super) fn is_wrong(&mut self, detail: String) {
        self.wrong.get_or_insert(Breach { rule: "the bytes", detail });
    }
}
