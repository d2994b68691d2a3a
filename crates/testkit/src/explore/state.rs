//! A state of a small world: the process, the disk, the server, and what is under way between them.

use std::fmt;
use std::hash::Hash as _;
use std::sync::Arc;
use std::time::Duration;

use chunkwise_core::{
    Checkpoint, CheckpointSeq, Completed, CredentialEpoch, Growth, Kept, OpId, Operation, OperationKind,
    Outcome, ResumeError, Timestamp, Upload, UploadError,
};

use super::likeness::{Likener, Likeness};
use super::trouble::Trouble;
use super::world::{Caller, Comes, SmallWorld, Tries};
use crate::invariants::{Breach, Invariants};
use crate::judge::{End, Excuse, Judge, is_harmless, name};
use crate::server::Server;
use crate::simulation::START;

/// Something that is under way, and may come to its end next.
#[derive(Clone, Debug)]
pub(super) enum UnderWay {
    /// An operation that waits for its turn.
    Turn(Arc<Operation>),
    /// A request on its way to the server.
    Request(Arc<Operation>, Ear),
    /// An answer on its way back.
    Answer(OpId, Arc<Outcome>),
    /// A checkpoint that is being written.
    Write(CheckpointSeq, Arc<Snapshot>),
    /// New credentials that are being fetched.
    Refresh(CredentialEpoch),
    /// A pause.
    Pause,
}

/// Whether anybody waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Ear {
    Open,
    Gone,
}

/// A checkpoint, and what a process is like that goes on from it.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    pub(super) checkpoint: Checkpoint,
    likeness: Likeness,
}

/// What can happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Step {
    /// What is under way at this place comes to its end, with this going wrong if anything.
    Happens(usize, Option<Trouble>),
    /// A write or a refresh fails.
    Fails(usize),
    /// More of the source comes, or its end shows.
    Grows,
    /// Time passes until the engine wants to be polled, or to be over.
    Time,
    /// The process dies and another one goes on. If a checkpoint was being written, that reached the disk, or not.
    Crash(Reached),
    /// The caller does what it does in this world.
    Call,
    /// Another process goes on from what the end is said to have left, and nothing goes wrong any more.
    GoOn,
}

/// Whether a write reached the disk when the process died. Half a checkpoint can't be read: that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Reached {
    No,
    Yes,
}

/// What becomes of an upload that another process takes up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Goes {
    /// It goes on.
    On,
    /// It is given up.
    Away,
}

/// How far the process is.
#[derive(Clone, Debug, Hash)]
pub(super) enum Life {
    Runs,
    /// Its upload is over, and this is to be tried.
    Ended(Arc<Result<Completed, UploadError>>, Kept),
}

/// Whether the caller still may do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Calls {
    None,
    Once,
}

/// How far the source has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Come {
    Nothing,
    /// A byte more than half of it.
    More,
    All,
}

/// A state of a small world.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) world: SmallWorld,
    pub(super) now: Timestamp,
    /// When the process began.
    pub(super) began: Timestamp,
    pub(super) upload: Upload,
    pub(super) server: Server,
    pub(super) invariants: Invariants,
    pub(super) under_way: Vec<UnderWay>,
    pub(super) disk: Option<Arc<Snapshot>>,
    pub(super) wake_at: Option<Timestamp>,
    pub(super) faults_left: u32,
    pub(super) calls: Calls,
    pub(super) come: Come,
    /// Whether another process than the first drives it.
    pub(super) resumed: bool,
    pub(super) excuses: Vec<Excuse>,
    pub(super) life: Life,
    /// The end that it went on from.
    pub(super) from: Option<Arc<UploadError>>,
    /// Operations that were given up since the last step, though an answer was on its way to be.
    pub(super) given_up: u32,
    /// What happened, line by line, if anybody wants to know.
    pub(super) trace: Option<Vec<String>>,
}

/// No wait of any state is longer, only what ends an upload is.
pub(super) const SOON: Duration = Duration::from_secs(3_600);

/// How far apart "not committed" must be seen: longer ago is all the same.
const APART: Duration = Duration::from_secs(1);

impl State {
    /// How the world begins.
    pub(super) fn first(world: SmallWorld, trace: Option<Vec<String>>) -> Result<Self, Breach> {
        let (profile, policy, spec) = (world.profile(), world.policy(), world.spec());
        let upload = Upload::new(START, spec, profile.clone(), policy.clone(), 1);
        let upload = upload.map_err(|error| Breach { rule: "a plan", detail: error.to_string() })?;
        let mut state = Self {
            world,
            now: START,
            began: START,
            upload,
            server: Server::new(world.server()),
            invariants: Invariants::new(profile, policy, spec, None),
            under_way: Vec::new(),
            disk: None,
            wake_at: None,
            faults_left: world.faults,
            calls: if world.caller == Caller::Waits { Calls::None } else { Calls::Once },
            come: match world.source {
                Comes::Whole => Come::All,
                Comes::Grows | Comes::Streams => Come::Nothing,
            },
            resumed: false,
            excuses: Vec::new(),
            life: Life::Runs,
            from: None,
            given_up: 0,
            trace,
        };
        state.drain()?;
        Ok(state)
    }

    /// All that can happen next, always in the same order. What it costs may turn out to be more faults than are left.
    pub(super) fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        match &self.life {
            Life::Ended(_, Kept::Nothing) => return steps,
            Life::Ended(_, Kept::Checkpoint | Kept::AbortOwed) => {
                steps.push(Step::GoOn);
                return steps;
            }
            Life::Runs => {}
        }
        let strikes = self.faults_left > 0;
        let mut writes = false;
        for (i, thing) in self.under_way.iter().enumerate() {
            steps.push(Step::Happens(i, None));
            match thing {
                UnderWay::Request(op, Ear::Open) if strikes => {
                    let all = Trouble::of(op, self.world.model);
                    steps.extend(all.into_iter().map(|trouble| Step::Happens(i, Some(trouble))));
                }
                // Whoever sent it has died or given it up, perhaps half way.
                UnderWay::Request(op, Ear::Gone) => {
                    let all = Trouble::of(op, self.world.model);
                    if all.contains(&Trouble::Stall) {
                        steps.push(Step::Happens(i, Some(Trouble::Stall)));
                    }
                }
                UnderWay::Write(..) => {
                    writes = true;
                    steps.extend(strikes.then_some(Step::Fails(i)));
                }
                UnderWay::Refresh(_) => steps.extend(strikes.then_some(Step::Fails(i))),
                UnderWay::Request(_, Ear::Open)
                | UnderWay::Turn(_)
                | UnderWay::Answer(..)
                | UnderWay::Pause => {}
            }
        }
        match self.come {
            Come::Nothing | Come::More => steps.push(Step::Grows),
            Come::All => {}
        }
        if self.wake_at.is_some() {
            steps.push(Step::Time);
        }
        if strikes {
            steps.push(Step::Crash(Reached::No));
            steps.extend(writes.then_some(Step::Crash(Reached::Yes)));
        }
        if self.calls == Calls::Once {
            steps.push(Step::Call);
        }
        steps
    }

    /// How it ended, if it did.
    pub(super) fn ended(&self) -> Option<End> {
        match &self.life {
            Life::Ended(result, _) => Some(name(result)),
            Life::Runs => None,
        }
    }

    /// Whether it is over, and nothing is left to try.
    pub(super) const fn is_over(&self) -> bool {
        matches!(self.life, Life::Ended(_, Kept::Nothing))
    }

    /// The same for all states that go on alike.
    pub(super) fn likeness(&self) -> Likeness {
        let names: Vec<OpId> = self.invariants.record().live.keys().copied().collect();
        let mut likener = Likener::new(self.now, &names);
        self.upload.hash(&mut likener);
        self.server.hash(&mut likener);
        self.disk.as_ref().map(|snapshot| snapshot.likeness).hash(&mut likener);
        (self.faults_left, self.calls, self.come, self.resumed, &self.excuses, &self.life).hash(&mut likener);
        self.from.as_ref().map(|error| error.kept).hash(&mut likener);
        // They come to their ends in any order.
        let mut under_way: Vec<_> =
            self.under_way.iter().map(|thing| thing.likeness(self.now, &names)).collect();
        under_way.sort_unstable();
        under_way.hash(&mut likener);
        likener.remember(APART);
        self.invariants.hash(&mut likener);
        likener.likeness()
    }

    /// A checkpoint as it is to be written.
    pub(super) fn snapshot(&self, checkpoint: Checkpoint) -> Result<Snapshot, Breach> {
        let (resumed, _) = self.resume(checkpoint.clone())?;
        let likeness = Likener::of(self.now, &[], &resumed);
        Ok(Snapshot { checkpoint, likeness })
    }

    /// What a process begins with that goes on from a checkpoint.
    pub(super) fn resume(&self, checkpoint: Checkpoint) -> Result<(Upload, Goes), Breach> {
        let (profile, policy) = (self.world.profile(), self.world.policy());
        let resumed = Upload::resume(self.now, checkpoint.clone(), profile.clone(), policy.clone(), 1);
        let resumed = match (resumed, self.world.source) {
            // The bytes are gone: all that can be done is to give it up.
            (Err(ResumeError::NotRewindable), Comes::Streams) => {
                Upload::discard(self.now, checkpoint, profile, policy, 1).map(|upload| (upload, Goes::Away))
            }
            (resumed, _) => resumed.map(|upload| (upload, Goes::On)),
        };
        resumed
            .map_err(|error| Breach { rule: "invariant 8 (Durable)", detail: format!("no resume: {error}") })
    }

    /// How far the source has come, as the engine is told.
    pub(super) const fn available(&self) -> (u64, Growth) {
        let total = self.world.total();
        match self.come {
            Come::Nothing => (0, Growth::Growing),
            Come::More => (total / 2 + 1, Growth::Growing),
            Come::All => (total, Growth::Ended),
        }
    }

    /// Judges the end; what is to be tried.
    pub(super) fn judge(&self, result: &Result<Completed, UploadError>) -> Result<Kept, Breach> {
        let struck = self.world.faults - self.faults_left;
        let survived = match self.world.tries {
            Tries::Few => 1,
            Tries::Many => 2,
        };
        let source = self.world.source.kind();
        let judge = Judge {
            server: &self.server,
            total: self.world.total(),
            progress: self.upload.progress(),
            needs_source: self.upload.checkpoint().needs_source(),
            now: self.now,
            source,
            // So few faults are survived, whichever they are, crashes among them.
            must_complete: self.excuses.iter().all(|excuse| *excuse == Excuse::Late)
                && (struck == 0 || struck <= survived && is_harmless(&self.server, source)),
            resumed: self.resumed,
            on_their_way: self.under_way.iter().filter(|thing| thing.is_an_append()).count(),
            excuses: &self.excuses,
        };
        match &self.from {
            Some(from) => judge.went_on(from, result).map(|()| Kept::Nothing),
            None => judge.ended(result),
        }
    }

    pub(super) fn excuse(&mut self, excuse: Excuse) {
        if let Err(place) = self.excuses.binary_search(&excuse) {
            self.excuses.insert(place, excuse);
        }
    }

    pub(super) fn note(&mut self, what: impl FnOnce() -> String) {
        let at = self.now.since(START).as_millis();
        if let Some(lines) = &mut self.trace {
            lines.push(format!("{at:>9} ms  {}", what()));
        }
    }

    /// A step in words.
    pub(super) fn describe(&self, step: Step) -> String {
        match step {
            Step::Happens(i, trouble) => {
                let thing = self.under_way.get(i).map_or_else(String::new, ToString::to_string);
                trouble.map_or_else(|| thing.clone(), |trouble| format!("{thing}: {trouble:?}"))
            }
            Step::Fails(i) => {
                format!("{} fails", self.under_way.get(i).map_or_else(String::new, ToString::to_string))
            }
            Step::Grows => match self.come {
                Come::Nothing => "more of the source comes".into(),
                Come::More | Come::All => "the source has ended".into(),
            },
            Step::Time => "time passes".into(),
            Step::Crash(Reached::No) => "the process dies".into(),
            Step::Crash(Reached::Yes) => "the process dies, its write reaches the disk".into(),
            Step::Call => format!("the caller {:?}", self.world.caller),
            Step::GoOn => "another process goes on from what is left".into(),
        }
    }
}

impl UnderWay {
    /// The same for things that come to the same end.
    fn likeness(&self, now: Timestamp, names: &[OpId]) -> Likeness {
        let mut likener = Likener::new(now, names);
        let hash = &mut likener;
        match self {
            Self::Turn(op) => (0u8, op.id).hash(hash),
            Self::Request(op, Ear::Open) => (1u8, op.id).hash(hash),
            Self::Request(op, Ear::Gone) => (2u8, &op.action).hash(hash),
            Self::Answer(id, outcome) if names.contains(id) => (3u8, id, outcome).hash(hash),
            // Whatever it says, nobody waits for it any more.
            Self::Answer(..) => 4u8.hash(hash),
            Self::Write(_, snapshot) => (5u8, snapshot.likeness).hash(hash),
            Self::Refresh(_) => 6u8.hash(hash),
            Self::Pause => 7u8.hash(hash),
        }
        likener.likeness()
    }

    /// Whether it is a part of this operation, and its end is awaited.
    pub(super) fn is_awaited_of(&self, id: OpId) -> bool {
        match self {
            Self::Turn(op) | Self::Request(op, Ear::Open) => op.id == id,
            Self::Answer(of, _) => *of == id,
            Self::Request(_, Ear::Gone) | Self::Write(..) | Self::Refresh(_) | Self::Pause => false,
        }
    }

    /// Whether it is an Append that may reach the server.
    fn is_an_append(&self) -> bool {
        match self {
            Self::Request(op, _) => op.kind() == OperationKind::Append,
            Self::Turn(_) | Self::Answer(..) | Self::Write(..) | Self::Refresh(_) | Self::Pause => false,
        }
    }

    /// What is left of it when nobody waits for its end any more: a request that changes something at the server may still
    /// get there.
    ///
    /// A question changes nothing that a lost answer to it does not, and a session that is opened late is one that nobody
    /// can name: they are not followed any further.
    pub(super) fn orphaned(&self) -> Option<Self> {
        match self {
            Self::Request(op, _) => match op.kind() {
                OperationKind::Append | OperationKind::Finalize | OperationKind::Abort => {
                    Some(Self::Request(op.clone(), Ear::Gone))
                }
                OperationKind::Init
                | OperationKind::Probe
                | OperationKind::Status
                | OperationKind::Verify => None,
            },
            Self::Turn(_) | Self::Answer(..) | Self::Write(..) | Self::Refresh(_) | Self::Pause => None,
        }
    }
}

impl fmt::Display for UnderWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Turn(op) => write!(f, "{} {} has its turn", op.id, op.kind()),
            Self::Request(op, Ear::Open) => write!(f, "{} {} reaches the server", op.id, op.kind()),
            Self::Request(op, Ear::Gone) => write!(f, "an orphaned {} reaches the server", op.kind()),
            Self::Answer(id, _) => write!(f, "the answer to {id}"),
            Self::Write(seq, _) => write!(f, "the write of checkpoint {}", seq.get()),
            Self::Refresh(_) => f.write_str("the refresh"),
            Self::Pause => f.write_str("the end of the pause"),
        }
    }
}
