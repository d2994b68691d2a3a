//! What strikes without an operation: the machine, the caller, the disk, and a server's own ways.

use std::time::Duration;

use chunkwise_core::{CheckpointStage, OperationKind};

use super::reading::From;
use super::scene::{SEGMENT, Scene, TOTAL, UNDER_WAY};
use crate::fault::{Fault, Loss};
use crate::model::Model;
use crate::scenario::{Aim, Control, CrashPoint, Faults, Intervention, Place, Scenario, Times};
use crate::server::{Limit, Memory, ProcessingEnds, Repeats};
use crate::simulation::{Sight, watched};

/// What the machine or the caller does while an operation is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Deed {
    pub name: &'static str,
    control: Control,
    /// How long after that a pause ends.
    resumes: Option<Duration>,
    /// How long a session lives.
    lifetime: Option<Duration>,
}

const HOUR: u32 = 3_600;

const fn deed(name: &'static str, control: Control) -> Deed {
    Deed { name, control, resumes: None, lifetime: None }
}

/// All that the machine and the caller do.
pub(super) const DEEDS: [Deed; 11] = [
    deed("the process dies (kill -9)", Control::Crash),
    deed("the machine sleeps 1 h", Control::Sleep(HOUR)),
    deed("the deadline passes (asleep 25 h)", Control::Sleep(25 * HOUR)),
    Deed {
        lifetime: Some(Duration::from_secs(1_800)),
        ..deed("the session expires (asleep 1 h)", Control::Sleep(HOUR))
    },
    deed("the clock jumps 1 h forward", Control::ClockForward(HOUR)),
    deed("the clock jumps 1 h back", Control::ClockBack(HOUR)),
    deed("the source has changed", Control::SourceChanged),
    deed("the source can't be read", Control::SourceUnreadable),
    Deed { resumes: Some(Duration::from_secs(600)), ..deed("the caller pauses for 10 min", Control::Pause) },
    deed("the caller cancels and keeps", Control::Keep),
    deed("the caller discards", Control::Discard),
];

impl Deed {
    /// The scene with this done at it.
    pub(super) fn scenario(&self, scene: Scene, model: Model, seed: u64) -> Scenario {
        let mut scenario = scene.scenario(model, seed);
        scenario.server.lifetime = self.lifetime;
        let (at, control) = (scene.at, self.control);
        scenario.interventions.push(Intervention { at, after: UNDER_WAY, control });
        if let Some(after) = self.resumes {
            scenario.interventions.push(Intervention { at, after, control: Control::Resume });
        }
        scenario
    }
}

/// What happens to a write of a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mishap {
    Dies(CrashPoint),
    Fails(Times),
}

/// All that can happen to one.
pub(super) const MISHAPS: [(&str, Mishap); 5] = [
    ("dies before the write", Mishap::Dies(CrashPoint::Before)),
    ("dies in the middle of it", Mishap::Dies(CrashPoint::During)),
    ("dies after it", Mishap::Dies(CrashPoint::After)),
    ("the write fails once", Mishap::Fails(Times::Once)),
    ("writes fail from then on", Mishap::Fails(Times::Always)),
];

/// A write of a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Write {
    /// What it is good for.
    pub name: &'static str,
    nth: u32,
    scene: Scene,
    /// What brings a new cut about.
    limit: Limit,
}

/// The writes of an upload, one of each sort.
pub(super) fn writes(model: Model) -> Vec<Write> {
    let mut writes: Vec<Write> = Vec::new();
    for (kind, limit) in [
        (OperationKind::Append, Limit::None),
        (OperationKind::Append, Limit::Named(4)),
        (OperationKind::Abort, Limit::None),
    ] {
        let scene = Scene::of(kind);
        let write = Write { name: "", nth: 0, scene, limit };
        let history = watched(&write.scenario(model, 1)).history;
        let written = history.iter().filter_map(|(_, sight)| match sight {
            Sight::Written(checkpoint) => Some(checkpoint),
            _ => None,
        });
        for (nth, checkpoint) in (0..).zip(written) {
            let name = match (checkpoint.stage(), checkpoint.stored()) {
                (CheckpointStage::Transferring, 0) if checkpoint.plan().chunk_size() != SEGMENT => {
                    if model.is_parts() { "a new cut (barrier)" } else { "a new cut" }
                }
                (CheckpointStage::Transferring, 0) => "the session (barrier)",
                (CheckpointStage::Transferring, stored) if stored < TOTAL => "a stored segment",
                (CheckpointStage::Transferring, _) => "the last segment",
                (CheckpointStage::FinalizeSent, _) => "Finalize goes out (barrier)",
                (CheckpointStage::Processing, _) => "it is processed",
                (CheckpointStage::Aborting, _) => "an abort is owed",
                (CheckpointStage::Opening, _) => "nothing yet",
            };
            if writes.iter().all(|write| write.name != name) {
                writes.push(Write { name, nth, ..write });
            }
        }
    }
    writes
}

impl Write {
    /// The upload that comes to it.
    pub(super) fn scenario(self, model: Model, seed: u64) -> Scenario {
        let mut scenario = self.scene.scenario(model, seed);
        scenario.server.limit = self.limit;
        scenario
    }
}

impl Mishap {
    /// An upload with this happening to that write, and where to begin to look.
    pub(super) fn scenario(self, write: Write, model: Model, seed: u64) -> (Scenario, From) {
        let mut scenario = write.scenario(model, seed);
        let from = match self {
            Self::Dies(point) => {
                scenario.crashes.push((write.nth, point));
                From::Restarted
            }
            Self::Fails(times) => {
                scenario.unwritten.push((write.nth, times));
                From::Unwritten
            }
        };
        (scenario, from)
    }
}

/// A way of a server's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Processing(ProcessingEnds),
    Forgets,
    Limit(Limit),
    /// The answer to the second Append is lost, and a segment sent again is met like this.
    Repeats(Repeats),
    /// So many Aborts are answered with "something is still there".
    SlowAbort(u32),
}

/// All of them.
pub(super) const WAYS: [(&str, Way); 10] = [
    ("processing fails", Way::Processing(ProcessingEnds::Fails)),
    ("processing never ends", Way::Processing(ProcessingEnds::Never)),
    ("it loses once what it acknowledged", Way::Forgets),
    ("segments above 4 bytes: too large", Way::Limit(Limit::Answered(4))),
    ("the same, and it says \"at most 4\"", Way::Limit(Limit::Named(4))),
    ("segments above 4 bytes: reset", Way::Limit(Limit::Reset(4))),
    ("reply lost; a repetition is \"stored\"", Way::Repeats(Repeats::Tell)),
    ("reply lost; a repetition is \"invalid\"", Way::Repeats(Repeats::Refuse)),
    ("discarded; 3 Aborts until all is gone", Way::SlowAbort(3)),
    ("discarded; 15 Aborts until all is gone", Way::SlowAbort(15)),
];

impl Way {
    /// An upload to such a server; `None` if servers of this kind have no such way.
    pub(super) fn scenario(self, model: Model, seed: u64) -> Option<Scenario> {
        let scene = match self {
            Self::SlowAbort(_) => Scene::of(OperationKind::Abort),
            _ => Scene::of(OperationKind::Append),
        };
        let mut scenario = scene.scenario(model, seed);
        let fits = match self {
            Self::Processing(ends) => {
                scenario.server.processing = ends;
                model.processes()
            }
            Self::Forgets => {
                scenario.server.memory = Memory::LosesOnce;
                true
            }
            Self::Limit(limit) => {
                scenario.server.limit = limit;
                true
            }
            Self::Repeats(repeats) => {
                scenario.server.repeats = repeats;
                let at = Place { kind: OperationKind::Append, nth: 1 };
                let fault = Fault::ReplyLost(Loss::Reset);
                scenario.faults = Faults::Aimed(vec![Aim { at, times: Times::Once, fault }]);
                model.is_parts()
            }
            Self::SlowAbort(rounds) => {
                scenario.server.abort_rounds = rounds;
                model.aborts()
            }
        };
        fits.then_some(scenario)
    }
}
