//! An upload over a link: the engine, a pipe, a server, and one virtual clock.

use std::collections::BTreeMap;
use std::time::Duration;

use chunkwise_core::{
    ByteRange, CheckpointSeq, ChunkSize, Completed, Cut, Detail, Event, Failure, Input, OpId, Operation,
    OperationKind, Outcome, Output, Policy, ProblemKind, Timestamp, Upload, UploadError, UploadSpec,
};

use super::pipe::{Flow, Pipe};
use super::record::Run;
use super::server::{self, Place, Server};
use super::{Link, Load};
use crate::chance::Chance;
use crate::simulation::START;

/// Uploads over a link.
///
/// # Errors
///
/// What the engine ends with, if it does not end well: a link that fails or throttles without measure.
///
/// # Panics
///
/// If the engine refuses the load at once, which it does for no load (a chunk of zero counts as one), or waits for
/// nothing.
pub fn run(link: &Link, load: &Load, seed: u64) -> Result<Run, UploadError> {
    let mut world = World::new(link, load, seed);
    world.until_the_end()?;
    Ok(world.run)
}

/// How often the engine hears at least of what was sent, if its stall timer is to sleep.
const LOOK: Duration = Duration::from_secs(5);

/// How long writing a checkpoint takes.
const WRITE: Duration = Duration::from_millis(2);

#[derive(Clone, Debug)]
enum Coming {
    /// The connection is there: the first byte goes.
    Begin(OpId),
    Answer(OpId, Box<Outcome>),
    Written(CheckpointSeq),
    Look,
}

/// An Append under way.
#[derive(Clone, Debug)]
struct Live {
    operation: Operation,
    place: Place,
    fate: Fate,
}

/// What chance has decided about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Arrives,
    /// Breaks off after so many bytes.
    Breaks(u64),
    /// The server makes a mistake.
    Mistake,
}

struct World<'a> {
    link: &'a Link,
    chance: Chance,
    now: Timestamp,
    order: u64,
    queue: BTreeMap<(Timestamp, u64), Coming>,
    pipe: Pipe,
    server: Server,
    upload: Upload,
    wake_at: Option<Timestamp>,
    live: BTreeMap<OpId, Live>,
    /// Connections that are open and not in use.
    idle: u32,
    began: Option<Timestamp>,
    run: Run,
}

impl<'a> World<'a> {
    #[expect(clippy::panic, reason = "documented")]
    fn new(link: &'a Link, load: &Load, seed: u64) -> Self {
        let chunk_size = ChunkSize::new(load.chunk.max(1)).unwrap_or(ChunkSize::DEFAULT);
        let policy = Policy { chunk_size, window: load.window, ..Policy::default() };
        let (spec, profile) = (UploadSpec::whole(load.total), Server::profile());
        let upload = match Upload::new(START, spec, profile, policy, seed) {
            Ok(upload) => upload,
            Err(error) => panic!("a link takes every load: {error}"),
        };
        let mut world = Self {
            link,
            chance: Chance::stream(seed, 5),
            now: START,
            order: 0,
            queue: BTreeMap::new(),
            pipe: Pipe::new(link, START),
            server: Server::new(link.throttle, START),
            upload,
            wake_at: None,
            live: BTreeMap::new(),
            idle: 0,
            began: None,
            run: Run::default(),
        };
        world.run.windows.push((Duration::ZERO, load.window.first()));
        world.after(LOOK, Coming::Look);
        world
    }

    fn after(&mut self, wait: Duration, coming: Coming) {
        self.order += 1;
        self.queue.insert((self.now.after(wait), self.order), coming);
    }

    fn elapsed(&self) -> Duration {
        self.now.since(START)
    }

    #[expect(clippy::panic, reason = "documented")]
    fn until_the_end(&mut self) -> Result<Completed, UploadError> {
        loop {
            if let Some(end) = self.drain() {
                return end;
            }
            let queued = self.queue.keys().next().map(|(at, _)| *at);
            let wake = self.wake_at.map(|at| at.max(self.now));
            let Some(next) = queued.into_iter().chain(wake).chain(self.pipe.next()).min() else {
                panic!("the engine waits for nothing in {}", self.upload.phase());
            };
            self.now = self.now.max(next);
            for flow in self.pipe.advance(self.now) {
                self.sent(flow.op);
            }
            if queued.is_some_and(|at| at <= self.now)
                && let Some((_, coming)) = self.queue.pop_first()
            {
                self.happens(coming);
            }
        }
    }

    fn drain(&mut self) -> Option<Result<Completed, UploadError>> {
        loop {
            match self.upload.poll(self.now) {
                Output::Perform(operation) => self.perform(operation),
                Output::Cancel(op) => {
                    if self.live.remove(&op).is_some() {
                        self.server.ends();
                    }
                    self.pipe.remove(op);
                }
                Output::Persist { seq } => self.after(WRITE, Coming::Written(seq)),
                Output::Notify(Event::Window { size }) => self.run.windows.push((self.elapsed(), size)),
                Output::Notify(_) | Output::Release(_) | Output::Refresh { .. } => {}
                Output::Idle { wake_at } => {
                    self.wake_at = wake_at;
                    return None;
                }
                Output::Closed(end) => return Some(end),
            }
        }
    }

    fn perform(&mut self, operation: Operation) {
        let op = operation.id;
        self.upload.handle(self.now, Input::Started(op));
        // The connection is opened while nobody waits, or on the way.
        let connected = match self.idle.checked_sub(1) {
            Some(idle) => {
                self.idle = idle;
                Duration::ZERO
            }
            None => self.link.round_trip,
        };
        if operation.kind() != OperationKind::Append {
            let outcome = self.server.other(&operation.action);
            let wait = connected + self.round_trip();
            self.after(wait, Coming::Answer(op, Box::new(outcome)));
            return;
        }
        self.began.get_or_insert(self.now);
        self.run.appends += 1;
        let len = operation.payload().map_or(0, |range| range.len());
        let fails = self.chance.below(1_000_000) < u64::from(self.link.failing);
        let fate = match (fails, self.chance.percent(50)) {
            (false, _) => Fate::Arrives,
            (true, true) => Fate::Breaks(self.chance.below(len)),
            (true, false) => Fate::Mistake,
        };
        let place = self.server.begins();
        self.live.insert(op, Live { operation, place, fate });
        self.run.most = self.run.most.max(u32::try_from(self.live.len()).unwrap_or(u32::MAX));
        self.after(connected, Coming::Begin(op));
    }

    /// A round trip, or up to a tenth more.
    fn round_trip(&mut self) -> Duration {
        let micros = u64::try_from(self.link.round_trip.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(micros.saturating_add(self.chance.below(micros / 10 + 1)))
    }

    fn happens(&mut self, coming: Coming) {
        match coming {
            Coming::Begin(op) => {
                let weight = 0.5 + self.chance.below(1_000_001) as f64 / 1e6;
                if let Some(live) = self.live.get(&op) {
                    let len = live.operation.payload().map_or(0, |range| range.len());
                    let goes = match live.fate {
                        Fate::Breaks(at) => at,
                        Fate::Arrives | Fate::Mistake => len,
                    };
                    self.pipe.begin(Flow::new(op, goes, weight));
                }
            }
            Coming::Answer(op, outcome) => self.answer(op, *outcome),
            Coming::Written(seq) => self.upload.handle(self.now, Input::Persisted(seq)),
            Coming::Look => {
                for flow in self.pipe.flows() {
                    self.upload.handle(self.now, Input::Sent { op: flow.op, bytes: flow.gone() });
                }
                self.after(LOOK, Coming::Look);
            }
        }
    }

    /// All of an Append's bytes are sent that will be.
    fn sent(&mut self, op: OpId) {
        let Some(live) = self.live.get(&op) else { return };
        let range = live.operation.payload().unwrap_or(ByteRange::at(0, 0));
        let (fate, place) = (live.fate, live.place);
        let bytes = match fate {
            Fate::Breaks(at) => at,
            Fate::Arrives | Fate::Mistake => range.len(),
        };
        self.upload.handle(self.now, Input::Sent { op, bytes });
        let outcome = match fate {
            Fate::Arrives => self.server.append(self.now, range, place),
            Fate::Mistake => server::mistake(),
            Fate::Breaks(_) => {
                let detail = Detail::new("the connection was reset");
                Failure::Unknown { cut: Cut::Reset, detail }.into()
            }
        };
        let wait = match fate {
            Fate::Breaks(_) => Duration::ZERO,
            Fate::Arrives | Fate::Mistake => self.round_trip(),
        };
        self.after(wait, Coming::Answer(op, Box::new(outcome)));
    }

    fn answer(&mut self, op: OpId, outcome: Outcome) {
        let live = self.live.remove(&op);
        if live.as_ref().is_none_or(|live| !matches!(live.fate, Fate::Breaks(_))) {
            self.idle += 1;
        }
        if let Some(live) = live {
            self.server.ends();
            let bytes = live.operation.payload().map_or(0, |range| range.len());
            match &outcome.result {
                Ok(_) => {
                    self.run.stored.push((self.elapsed(), bytes));
                    self.run.took = self.began.map_or(Duration::ZERO, |began| self.now.since(began));
                }
                Err(Failure::Answered(problem)) if problem.kind == ProblemKind::Throttled => {
                    self.run.throttled += 1;
                }
                Err(_) => self.run.failed += 1,
            }
        }
        self.upload.handle(self.now, Input::Outcome { op, outcome });
    }
}
