//! The simulator: an upload, its process, the disk, the network and the server, all on one virtual clock.
//!
//! [`run`] runs a [`Scenario`] to its end. After every step the [invariants](crate::invariants) are checked, and at the end
//! whether the end is a right one: the object at the server, what the error says to be left, and what a resume finds.
//! The same scenario gives the same run.

mod caller;
mod client;
mod disk;
mod end;
mod history;
mod wire;

use std::collections::BTreeMap;
use std::time::Duration;
use std::{fmt, panic};

use chunkwise_core::{
    Checkpoint, CheckpointSeq, Completed, CredentialEpoch, Growth, Input, OpId, Operation, OperationKind,
    Outcome, PlanError, Timestamp, Upload, UploadError,
};

use self::disk::Disk;
pub use self::history::{Sight, Watched, watched};
pub(crate) use self::wire::brief;
use crate::chance::Chance;
use crate::invariants::{Breach, Invariants};
use crate::journey::{Arrival, Heard};
pub use crate::judge::End;
use crate::judge::Excuse;
use crate::record::Seen;
use crate::scenario::{Control, CrashPoint, Known, Scenario};
use crate::server::{Arrived, Server};

/// When every simulation begins.
pub const START: Timestamp = Timestamp::from_secs(1_700_000_000);

/// What was seen of a simulated upload that went as it must.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Report {
    /// How it ended.
    pub end: End,
    /// Operations given out, by all processes.
    pub operations: u64,
    /// Bytes given out again.
    pub sent_again: u64,
    /// Faults that struck.
    pub faults: u32,
    /// Checkpoints that were to be written.
    pub writes: u32,
    /// How long it took, in virtual time.
    pub took: Duration,
    /// How long it took from the last disturbance (a fault, a crash, a pause) to the end.
    pub quiet: Duration,
}

/// A simulated upload that did not go as it must.
#[derive(Clone, Debug)]
pub struct Failed {
    /// What did not hold.
    pub breach: Breach,
    /// The scenario.
    pub scenario: Box<Scenario>,
    /// What happened, line by line.
    pub trace: Vec<String>,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.trace {
            writeln!(f, "{line}")?;
        }
        writeln!(f, "{:#?}", self.scenario)?;
        writeln!(f, "{}", self.breach)?;
        let seed = self.scenario.seed;
        if *self.scenario != Scenario::from_seed(seed) {
            return f.write_str("replay: chunkwise_testkit::simulation::run of the scenario above");
        }
        write!(
            f,
            "replay: cargo run --release -p chunkwise-testkit --bin simulate -- --seed {seed} --count 1 --trace"
        )
    }
}

impl std::error::Error for Failed {}

/// Runs a scenario to its end.
///
/// # Errors
///
/// [`Failed`] if an invariant or the end is not as it must be, with a trace of the whole run.
pub fn run(scenario: &Scenario) -> Result<Report, Box<Failed>> {
    alive(scenario, Trace::Off).0.map_err(|breach| {
        // The same once more, for its trace.
        let (ran, trace) = traced(scenario);
        let breach = match ran {
            Err(again) if again == breach => breach,
            other => {
                Breach { rule: "determinism", detail: format!("{breach}, and the second time {other:?}") }
            }
        };
        Box::new(Failed { breach, scenario: Box::new(scenario.clone()), trace })
    })
}

/// Runs a scenario, and gives what happened line by line, however it ends.
pub fn traced(scenario: &Scenario) -> (Result<Report, Breach>, Vec<String>) {
    alive(scenario, Trace::On(Vec::new()))
}

/// A panic of the engine's is a breach like others.
fn alive(scenario: &Scenario, trace: Trace) -> (Result<Report, Breach>, Vec<String>) {
    let mut world = match World::new(scenario, trace) {
        Ok(world) => world,
        Err(error) => return (Ok(Report::unplanned()), vec![error.to_string()]),
    };
    let ran = panic::catch_unwind(panic::AssertUnwindSafe(|| world.run()));
    let ran = ran.unwrap_or_else(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("a panic");
        Err(Breach { rule: "no panic", detail: text.into() })
    });
    (ran, world.into_trace())
}

impl Report {
    /// Of a scenario that can't be planned, which the engine said at once.
    const fn unplanned() -> Self {
        Self {
            end: "no plan",
            operations: 0,
            sent_again: 0,
            faults: 0,
            writes: 0,
            took: Duration::ZERO,
            quiet: Duration::ZERO,
        }
    }
}

/// What will happen at some time. The number is the process it concerns: a later one does not hear of it.
#[derive(Clone, Debug)]
enum Coming {
    /// The operation gets its turn.
    Turn(u32, OpId),
    Sent(u32, OpId, u64),
    /// A request reaches the server.
    Arrival(u32, Box<(Operation, Carried)>),
    Answer(u32, OpId, Box<Outcome>),
    Written(u32, CheckpointSeq, Option<Box<Checkpoint>>),
    Refreshed(u32, CredentialEpoch, Result<u64, ()>),
    Grown(u64, Growth),
    Control(Control),
}

impl Coming {
    /// Whether it is an Append that reaches the server as a whole.
    fn is_an_append(&self) -> bool {
        match self {
            Self::Arrival(_, carried) => {
                let (op, carried) = &**carried;
                op.kind() == OperationKind::Append && carried.arrival.arrived == Arrived::Whole
            }
            _ => false,
        }
    }
}

/// A request on its way.
#[derive(Clone, Debug)]
struct Carried {
    /// The generation of the credentials it carries.
    generation: u64,
    arrival: Arrival,
    heard: Heard,
}

#[derive(Clone, Debug)]
enum Trace {
    Off,
    On(Vec<String>),
}

/// How far a simulated process is.
#[derive(Clone, Debug)]
enum Life {
    Runs,
    /// Its upload is over.
    Ended(Box<Result<Completed, UploadError>>),
}

struct World {
    scenario: Scenario,
    /// What happens on the wire, on the disk, to the process: a stream each.
    wire: Chance,
    machine: Chance,
    now: Timestamp,
    /// How far the client's clock is ahead, in microseconds; and what it showed last.
    ahead: i64,
    clock: Timestamp,
    order: u64,
    queue: BTreeMap<(Timestamp, u64), Coming>,
    server: Server,
    upload: Upload,
    invariants: Invariants,
    wake_at: Option<Timestamp>,
    process: u32,
    /// What each credential epoch of this process is to the server.
    generations: Vec<u64>,
    disk: Disk,
    available: u64,
    /// Whether it is known to have ended there.
    ended: bool,
    sent: u32,
    sent_of: BTreeMap<OperationKind, u32>,
    /// Whether new credentials can be had.
    credentials: bool,
    faults_left: u32,
    faults_met: u32,
    excuses: Vec<Excuse>,
    /// When something last went wrong or was interfered with.
    disturbed: Timestamp,
    /// When the process began, by its clock; moved on where that was set forward or the machine slept.
    began: Timestamp,
    crash: Option<CrashPoint>,
    operations: u64,
    sent_again: u64,
    life: Life,
    trace: Trace,
    history: Option<Vec<(Timestamp, Sight)>>,
}

/// The most steps of one process: far more than any upload of a scenario's size needs.
const STEPS: u32 = 50_000;

impl World {
    fn new(scenario: &Scenario, trace: Trace) -> Result<Self, PlanError> {
        let scenario = scenario.clone();
        let (profile, policy, spec) = (scenario.profile(), scenario.policy(), scenario.spec());
        let upload = Upload::new(START, spec, profile.clone(), policy.clone(), scenario.seed)?;
        let invariants = Invariants::new(profile, policy, spec, None);
        let faults_left = scenario.faults.count();
        let mut world = Self {
            wire: Chance::stream(scenario.seed, 2),
            machine: Chance::stream(scenario.seed, 3),
            now: START,
            ahead: 0,
            clock: START,
            order: 0,
            queue: BTreeMap::new(),
            server: Server::new(scenario.server.clone()),
            upload,
            invariants,
            wake_at: None,
            process: 0,
            generations: vec![0],
            disk: Disk::new(),
            available: if scenario.grows() { 0 } else { scenario.total },
            ended: match scenario.length {
                Known::AtOnce => !scenario.grows() || scenario.total == 0,
                Known::AtTheEnd => false,
            },
            sent: 0,
            sent_of: BTreeMap::new(),
            credentials: true,
            faults_left,
            faults_met: 0,
            excuses: Vec::new(),
            disturbed: START,
            began: START,
            crash: None,
            operations: 0,
            sent_again: 0,
            life: Life::Runs,
            trace,
            history: None,
            scenario,
        };
        if world.scenario.may_be_endless() {
            world.excuse(Excuse::TooLong);
        }
        world.schedule();
        Ok(world)
    }

    fn into_trace(self) -> Vec<String> {
        match self.trace {
            Trace::Off => Vec::new(),
            Trace::On(lines) => lines,
        }
    }

    fn note(&mut self, what: impl FnOnce() -> String) {
        if let Trace::On(lines) = &mut self.trace {
            lines.push(format!("{:>9} ms  {}", self.now.since(START).as_millis(), what()));
        }
    }

    fn after(&mut self, wait: Duration, coming: Coming) {
        self.order += 1;
        self.queue.insert((self.now.after(wait), self.order), coming);
    }

    /// The time as the client's clock has it. It never goes back: whoever drives an upload keeps it so.
    fn client_now(&mut self) -> Timestamp {
        let micros = self.now.as_micros().saturating_add_signed(self.ahead);
        self.clock = self.clock.max(Timestamp::from_micros(micros));
        self.clock
    }

    /// When the client's clock will show this.
    fn when_clock_shows(&self, at: Timestamp) -> Timestamp {
        Timestamp::from_micros(at.as_micros().saturating_add_signed(self.ahead.saturating_neg()))
    }

    fn disturb(&mut self, lasts: Duration) {
        self.disturbed = self.disturbed.max(self.now.after(lasts));
    }

    fn excuse(&mut self, excuse: Excuse) {
        if !self.excuses.contains(&excuse) {
            self.excuses.push(excuse);
        }
    }

    fn run(&mut self) -> Result<Report, Breach> {
        self.tell();
        self.drain()?;
        self.until_the_end()?;
        let quiet = self.now.since(self.disturbed);
        let end = self.judge()?;
        Ok(Report {
            end,
            operations: self.operations + self.upload.stats().operations,
            sent_again: self.sent_again + self.upload.stats().sent_again,
            faults: self.faults_met,
            writes: self.disk.writes(),
            took: self.now.since(START),
            quiet,
        })
    }

    fn until_the_end(&mut self) -> Result<(), Breach> {
        for _ in 0..STEPS {
            match self.life {
                Life::Runs => self.step()?,
                Life::Ended(_) => return Ok(()),
            }
        }
        Err(Breach { rule: "liveness", detail: format!("{STEPS} steps and no end") })
    }

    fn step(&mut self) -> Result<(), Breach> {
        let wake = self.wake_at.map(|at| self.when_clock_shows(at));
        match (self.queue.keys().next().copied(), wake) {
            (Some((at, _)), wake) if wake.is_none_or(|wake| at <= wake) => {
                self.now = self.now.max(at);
                // What the time brings about comes first: what then happens has only its own consequences.
                self.drain()?;
                if let (Life::Runs, Some((_, coming))) = (&self.life, self.queue.pop_first()) {
                    self.happens(coming)?;
                }
            }
            (_, Some(wake)) => self.now = self.now.max(wake).after(Duration::from_micros(1)),
            (_, None) => {
                let phase = self.upload.phase();
                return Err(Breach { rule: "liveness", detail: format!("stuck in {phase}") });
            }
        }
        self.drain()?;
        self.liveness()
    }

    fn see(&mut self, seen: Seen<'_>) -> Result<(), Breach> {
        self.witness_seen(&seen);
        self.invariants.see(self.clock, seen, self.upload.plan())
    }

    fn input(&mut self, input: Input) {
        let now = self.client_now();
        self.upload.handle(now, input);
    }

    /// What a new process tells at the start.
    fn tell(&mut self) {
        if self.scenario.grows() {
            let (up_to, growth) = (self.available, self.growth());
            self.input(Input::Available { up_to, growth });
        }
    }

    fn growth(&self) -> Growth {
        if self.ended { Growth::Ended } else { Growth::Growing }
    }

    /// Once a process began, and once nothing disturbs it any more, its upload ends within a stated time.
    fn liveness(&self) -> Result<(), Breach> {
        let (took, most) = (self.clock.since(self.began), self.scenario.longest());
        if took > most {
            let detail = format!("{took:?} since the process began, in {}", self.upload.phase());
            return Err(Breach { rule: "liveness", detail });
        }
        let quiet = self.now.since(self.disturbed);
        let plan = self.upload.plan();
        let to_come = self.scenario.total.saturating_sub(plan.total()).div_ceil(plan.chunk_size().max(1));
        let segments = plan.count().saturating_add(u32::try_from(to_come).unwrap_or(u32::MAX));
        let most = self.scenario.longest_quiet(segments);
        // By a clock that is wrong, what a server calls "until then" may be long.
        if quiet > most && !self.excuses.contains(&Excuse::Clock) {
            let detail =
                format!("{quiet:?} since anything went wrong (at most {most:?}), in {}", self.upload.phase());
            return Err(Breach { rule: "liveness", detail });
        }
        Ok(())
    }
}
