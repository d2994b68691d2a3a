//! Scenarios: all that is decided about a simulated upload before it begins.

use std::time::Duration;

use chunkwise_core::{
    ChunkSize, Empty, OperationKind, Plan, Policy, ProcessingPolicy, Profile, RetryPolicy, Rewind,
    SegmentIndex, SourceLength, Timeouts, UploadSpec, WindowPolicy,
};

use crate::chance::Chance;
use crate::fault::Fault;
use crate::model::Model;
use crate::server::{Appetite, Limit, Memory, ProcessingEnds, Repeats, ServerSettings};

/// All that is decided about a simulated upload before it begins. The same scenario gives the same run, to the byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// What chance does on the way.
    pub seed: u64,
    /// The server.
    pub server: ServerSettings,
    /// The source's length in bytes.
    pub total: u64,
    /// How many bytes a segment should hold.
    pub chunk: u64,
    /// How many Appends at once.
    pub window: WindowPolicy,
    /// How many segments the protocol allows.
    pub max_count: u32,
    /// How an empty source is uploaded.
    pub empty: Empty,
    /// What kind of source it is.
    pub source: Source,
    /// When it is known how long it is.
    pub length: Known,
    /// The way to the server.
    pub network: Network,
    /// What goes wrong on it.
    pub faults: Faults,
    /// What the caller and the machine do, and how long after the beginning.
    pub controls: Vec<(Duration, Control)>,
    /// What they do while an operation is under way.
    pub interventions: Vec<Intervention>,
    /// How many retries the policy allows beyond growth.
    pub budget: u32,
    /// How many bytes a segment should hold by the settings that a later process has.
    pub chunk_later: u64,
    /// Where the process dies: at the n-th write of a checkpoint, counted from 0 over all processes.
    pub crashes: Vec<(u32, CrashPoint)>,
    /// Which writes of a checkpoint fail: the n-th, counted likewise, or every one from then on.
    pub unwritten: Vec<(u32, Times)>,
    /// How long the upload waits for an answer and for an end.
    pub patience: Patience,
    /// How the machine goes about its work.
    pub machine: Machine,
}

/// How long an upload waits: the times of its policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Patience {
    /// When an operation counts as stuck.
    pub timeouts: Timeouts,
    /// How long the upload may take.
    pub deadline: Duration,
    /// How long the processing may take.
    pub processing: Duration,
}

impl Patience {
    /// Two hours for all, ten minutes for the processing, five seconds for an answer.
    pub const SHORT: Self = Self {
        timeouts: Timeouts { stall: Duration::from_secs(5), response: Duration::from_secs(5) },
        deadline: Duration::from_secs(7_200),
        processing: Duration::from_secs(600),
    };

    /// That of the default policy.
    pub fn usual() -> Self {
        let Policy { timeouts, deadline, processing, .. } = Policy::default();
        Self { timeouts, deadline, processing: processing.deadline }
    }
}

/// How the machine goes about its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Machine {
    /// As chance has it: now and then it is slow, or loses the newest checkpoint when a process dies.
    Moody,
    /// Always in the same way, with the shortest waits; nothing is lost that was written.
    Steady,
}

/// Where in an upload something strikes: an operation, by how many of its kind were sent before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// Which kind of operation.
    pub kind: OperationKind,
    /// Which one of them, from 0, counted over all processes.
    pub nth: u32,
}

/// How often something strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Times {
    /// There, and never again.
    Once,
    /// There, and from then on always.
    Always,
}

impl Times {
    /// Whether the n-th is struck, if the first to be struck is this one.
    pub const fn strikes(self, first: u32, nth: u32) -> bool {
        match self {
            Self::Once => nth == first,
            Self::Always => nth >= first,
        }
    }
}

/// A fault with the place that it strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Aim {
    /// Where.
    pub at: Place,
    /// How often: once, or every operation of that kind from then on.
    pub times: Times,
    /// What.
    pub fault: Fault,
}

/// What the caller or the machine does while an operation is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Intervention {
    /// Which operation.
    pub at: Place,
    /// How long after it was sent.
    pub after: Duration,
    /// What is done.
    pub control: Control,
}

/// What kind of source it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// There as a whole, readable again and again.
    Whole,
    /// It still grows.
    Growing,
    /// It can be read once only.
    Once,
}

/// When it is known how long a source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Known {
    /// From the start.
    AtOnce,
    /// Once it has ended; until then it grows, whatever kind it is of.
    AtTheEnd,
}

/// The way to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    /// The least time one way, in milliseconds.
    pub least: u64,
    /// The most, in milliseconds.
    pub most: u64,
    /// Bytes per second of one request.
    pub rate: u64,
}

impl Network {
    /// How long it takes to send so many bytes.
    pub fn sending(self, bytes: u64) -> Duration {
        Duration::from_micros(bytes.saturating_mul(1_000_000) / self.rate.max(1))
    }
}

/// What goes wrong on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Faults {
    /// So many, each operation being struck in so many of 100 cases, until they are used up.
    Random {
        /// How many.
        count: u32,
        /// How often, of 100.
        rate: u64,
        /// Whether the server also lies.
        lies: Lies,
    },
    /// These, each striking the n-th operation that is sent, from 0.
    Scheduled(Vec<(u32, Fault)>),
    /// These, each at its place. Of several that strike one operation the first counts.
    Aimed(Vec<Aim>),
}

/// Whether a server lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lies {
    /// Never.
    Never,
    /// One fault in four is a lie.
    Often,
}

/// What the caller and the machine do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Control {
    /// The caller pauses.
    Pause,
    /// The caller goes on.
    Resume,
    /// The process dies.
    Crash,
    /// The caller stops and wants to keep what there is.
    Keep,
    /// The caller stops and wants nothing kept.
    Discard,
    /// A sibling upload was throttled: one kind of operation is held back for a while.
    Hold,
    /// The account's credentials are renewed elsewhere.
    Rotate,
    /// The machine sleeps.
    Suspend,
    /// The clock is set forward by so many seconds.
    ClockForward(u32),
    /// The clock is set back by so many seconds.
    ClockBack(u32),
    /// The machine sleeps so many seconds.
    Sleep(u32),
    /// It is found that the source is not what it was.
    SourceChanged,
    /// The source can't be read.
    SourceUnreadable,
    /// No new credentials can be had from now on.
    NoCredentials,
}

/// Where in a write of a checkpoint the process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CrashPoint {
    /// Before anything is written.
    Before,
    /// When a part is written: what is on disk can't be read.
    During,
    /// When all is written, and the engine does not know it yet.
    After,
}

impl Scenario {
    /// An upload on which nothing goes wrong: 57 bytes in segments of 10, two at once.
    pub const fn calm(model: Model) -> Self {
        Self {
            seed: 1,
            server: ServerSettings::plain(model),
            total: 57,
            chunk: 10,
            window: WindowPolicy::Fixed(match std::num::NonZeroU32::new(2) {
                Some(two) => two,
                None => std::num::NonZeroU32::MIN,
            }),
            max_count: 1000,
            empty: Empty::OneSegment,
            source: Source::Whole,
            length: Known::AtOnce,
            network: Network { least: 5, most: 50, rate: 1_000 },
            faults: Faults::Scheduled(Vec::new()),
            controls: Vec::new(),
            interventions: Vec::new(),
            budget: 32,
            chunk_later: 10,
            crashes: Vec::new(),
            unwritten: Vec::new(),
            patience: Patience::SHORT,
            machine: Machine::Moody,
        }
    }

    /// A random one: everything follows from the seed.
    pub fn from_seed(seed: u64) -> Self {
        let chance = &mut Chance::stream(seed, 1);
        let model = chance.weighted([
            (3, Model::Parts),
            (1, Model::PartsBlind),
            (1, Model::PartsMute),
            (1, Model::PartsUniform),
            (3, Model::Listed),
            (3, Model::AppendPrefix),
            (2, Model::AppendAtomic),
        ]);
        let window = {
            let n = std::num::NonZeroU32::MIN.saturating_add(chance.below(5) as u32);
            if chance.percent(50) { WindowPolicy::Fixed(n) } else { WindowPolicy::Adaptive { max: n } }
        };
        let source = chance.weighted([(4, Source::Whole), (1, Source::Growing), (1, Source::Once)]);
        let count = chance.weighted([(1, (0, 1)), (3, (1, 6)), (2, (6, 30))]);
        let faults = Faults::Random {
            count: chance.between(count.0, count.1) as u32,
            rate: chance.one_of([10, 30, 70]),
            lies: if chance.percent(8) { Lies::Often } else { Lies::Never },
        };
        let mut scenario = Self {
            seed,
            server: Self::server(chance, model),
            total: if chance.percent(2) { chance.between(240, 4_000) } else { chance.below(240) },
            chunk: chance.between(4, 60),
            window,
            max_count: if chance.percent(25) { chance.between(4, 30) as u32 } else { 1000 },
            empty: chance.one_of([Empty::OneSegment, Empty::NoSegment]),
            source,
            length: Known::AtOnce,
            network: Network {
                least: 5,
                most: chance.one_of([10, 100, 400]),
                rate: chance.one_of([50, 1_000, 1_000_000]),
            },
            faults,
            controls: Self::controls(chance),
            interventions: Vec::new(),
            unwritten: Vec::new(),
            patience: Patience::SHORT,
            machine: Machine::Moody,
            budget: 32,
            chunk_later: 0,
            crashes: if chance.percent(25) {
                let crash = |chance: &mut Chance| {
                    let point = chance.one_of([CrashPoint::Before, CrashPoint::During, CrashPoint::After]);
                    (chance.below(12) as u32, point)
                };
                (0..chance.between(1, 4)).map(|_| crash(chance)).collect()
            } else {
                Vec::new()
            },
        };
        // What came later is drawn last: the draws before it stay what they were.
        let most = chance.between(20, 60);
        scenario.server.appetite = chance.weighted([
            (17, Appetite::All),
            (2, Appetite::AtMost(most)),
            (1, Appetite::NothingBehind(scenario.total / 2)),
        ]);
        scenario.budget = chance.weighted([(3, 32), (1, 8)]);
        let other = chance.between(4, 60);
        scenario.chunk_later = if chance.percent(50) { other } else { scenario.chunk };
        if chance.percent(30) {
            scenario.server.limit_from = scenario.total / 3;
        }
        if chance.percent(25) {
            scenario.length = Known::AtTheEnd;
        }
        if chance.percent(8) {
            // It wants to know the length before the first byte.
            (scenario.server.model, scenario.length) = (Model::OneShot, Known::AtOnce);
        }
        scenario
    }

    fn server(chance: &mut Chance, model: Model) -> ServerSettings {
        let size = chance.between(1, 40);
        ServerSettings {
            model,
            limit: chance.weighted([
                (6, Limit::None),
                (1, Limit::Answered(size)),
                (1, Limit::Named(size)),
                (1, Limit::Reset(size)),
            ]),
            polls: chance.below(4) as u32,
            processing: chance.weighted([
                (88, ProcessingEnds::Ready),
                (10, ProcessingEnds::Fails),
                (2, ProcessingEnds::Never),
            ]),
            repeats: chance.weighted([(5, Repeats::Overwrite), (4, Repeats::Tell), (1, Repeats::Refuse)]),
            lifetime: chance.percent(15).then(|| Duration::from_secs(chance.between(2, 60))),
            memory: if chance.percent(6) { Memory::LosesOnce } else { Memory::Good },
            page: chance.between(1, 6) as u32,
            abort_rounds: chance.below(3) as u32,
            limit_from: 0,
            appetite: Appetite::All,
        }
    }

    fn controls(chance: &mut Chance) -> Vec<(Duration, Control)> {
        let mut controls = Vec::new();
        for _ in 0..chance.below(3) {
            let at = chance.millis(0, 12_000);
            controls.push((at, Control::Pause));
            controls.push((at + chance.millis(1, 20_000), Control::Resume));
        }
        let mut sometimes = |percent, within, control| {
            if chance.percent(percent) {
                controls.push((chance.millis(0, within), control));
            }
        };
        sometimes(15, 8_000, Control::Crash);
        sometimes(6, 8_000, Control::Crash);
        sometimes(9, 12_000, Control::Keep);
        sometimes(15, 12_000, Control::Discard);
        sometimes(20, 10_000, Control::Rotate);
        sometimes(10, 10_000, Control::Hold);
        sometimes(4, 10_000, Control::Suspend);
        sometimes(4, 10_000, Control::ClockForward(90));
        sometimes(4, 10_000, Control::ClockBack(90));
        controls
    }

    /// The profile that the engine is given.
    pub const fn profile(&self) -> Profile {
        let mut profile = self.server.model.profile();
        // Where a single request makes the object there is one, whatever the source.
        if !self.server.model.sends_once() {
            profile.sizing.max_count = self.max_count;
            profile.sizing.empty = self.empty;
        }
        profile
    }

    /// The policy that the engine is given: the default one, with this scenario's patience.
    pub fn policy(&self) -> Policy {
        Policy {
            chunk_size: ChunkSize::new(self.chunk.max(1)).unwrap_or(ChunkSize::DEFAULT),
            window: self.window,
            retry: RetryPolicy { budget: self.budget, ..RetryPolicy::default() },
            timeouts: self.patience.timeouts,
            deadline: self.patience.deadline,
            processing: ProcessingPolicy {
                deadline: self.patience.processing,
                ..ProcessingPolicy::default()
            },
            ..Policy::default()
        }
    }

    /// What the engine is told of the source.
    pub const fn spec(&self) -> UploadSpec {
        let mut spec = UploadSpec::whole(self.total);
        match self.source {
            Source::Whole => {}
            Source::Growing => spec.available = Some(0),
            Source::Once => spec.rewind = Rewind::UntilReleased,
        }
        match self.length {
            Known::AtOnce => {}
            Known::AtTheEnd => {
                spec.length = SourceLength::Unknown;
                spec.available = Some(0);
            }
        }
        spec
    }

    /// Whether the source grows while it is uploaded.
    pub const fn grows(&self) -> bool {
        match (self.source, self.length) {
            (Source::Growing, _) | (_, Known::AtTheEnd) => true,
            (Source::Whole | Source::Once, Known::AtOnce) => false,
        }
    }

    /// Whether segments may turn out too few for it: whoever does not know how long it will be can't make them large
    /// enough in time, least of all where the server wants them small.
    pub fn may_be_endless(&self) -> bool {
        let profile = self.profile();
        let reach = |chunk: u64| {
            let plan =
                ChunkSize::new(chunk.max(1)).and_then(|chunk| Plan::open(&profile.sizing, chunk).ok())?;
            let last = plan.planned(SegmentIndex::new(self.max_count.saturating_sub(1)))?;
            Some(last.range.end())
        };
        let reach = reach(self.chunk).min(reach(self.chunk_later)).unwrap_or(0);
        self.length == Known::AtTheEnd && (self.total > reach || self.server.limit != Limit::None)
    }

    /// The longest that a process may take over the upload, whatever happens: the deadline, the processing's own, what
    /// was paused or slept, and the rounds of an Abort.
    pub fn longest(&self) -> Duration {
        let policy = self.policy();
        policy.deadline + policy.processing.deadline + Duration::from_secs(1_260)
    }

    /// The longest that an upload of so many segments may take once nothing goes wrong any more: the time to send
    /// everything twice, one segment after the other, what is left of the longest backoffs and timeouts, and the
    /// processing.
    pub fn longest_quiet(&self, segments: u32) -> Duration {
        let (network, policy) = (self.network, self.policy());
        let bites = match self.server.appetite {
            Appetite::AtMost(most) => u32::try_from(self.total / most.max(1)).unwrap_or(u32::MAX),
            Appetite::All | Appetite::NothingBehind(_) => 0,
        };
        let exchanges = segments.saturating_add(bites).saturating_add(20).saturating_mul(2);
        let travel = Duration::from_millis(2 * network.most) * exchanges;
        let sending = Duration::from_secs(2 * self.total / network.rate.max(1));
        let processing = match self.server.processing {
            ProcessingEnds::Never => policy.processing.deadline,
            ProcessingEnds::Ready | ProcessingEnds::Fails => {
                policy.processing.ceiling * (self.server.polls + 1)
            }
        };
        travel + sending + processing + policy.retry.backoff_cap * 8
    }
}
