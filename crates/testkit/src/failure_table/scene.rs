//! Scenes: how an upload comes to the place where something is to strike.

use std::time::Duration;

use chunkwise_core::{OperationKind, WindowPolicy};

use crate::fault::{Fault, Loss};
use crate::model::Model;
use crate::scenario::{
    Aim, Control, Faults, Intervention, Machine, Network, Patience, Place, Scenario, Times,
};
use crate::server::ServerSettings;

/// The length of the source, in bytes.
pub(super) const TOTAL: u64 = 40;

/// The length of a segment, in bytes.
pub(super) const SEGMENT: u64 = 10;

/// An operation at which something can strike, and how an upload comes there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scene {
    pub at: Place,
    setting: Setting,
}

/// What must happen first for an operation to be there at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Setting {
    Nothing,
    /// The answer to the second Append is lost.
    AppendLost,
    /// The answer to Finalize is lost.
    FinalizeLost,
    /// The caller discards while the second segment is sent.
    Discarded,
}

impl Scene {
    /// The place at an operation of this kind.
    pub(super) const fn of(kind: OperationKind) -> Self {
        let (nth, setting) = match kind {
            OperationKind::Append => (1, Setting::Nothing),
            OperationKind::Init | OperationKind::Finalize | OperationKind::Status => (0, Setting::Nothing),
            OperationKind::Probe => (0, Setting::AppendLost),
            OperationKind::Verify => (0, Setting::FinalizeLost),
            OperationKind::Abort => (0, Setting::Discarded),
        };
        Self { at: Place { kind, nth }, setting }
    }

    /// The first, a middle one and the last of the segments.
    pub(super) const fn appends() -> [(&'static str, Self); 3] {
        const fn append(nth: u32) -> Scene {
            Scene { at: Place { kind: OperationKind::Append, nth }, setting: Setting::Nothing }
        }
        [("first", append(0)), ("middle", append(1)), ("last", append(3))]
    }

    /// How an upload comes there, for a reader; nothing if it comes there by itself.
    pub(super) const fn told(self) -> Option<&'static str> {
        match self.setting {
            Setting::Nothing => None,
            Setting::AppendLost => Some("It is asked here since the answer to the second Append was lost."),
            Setting::FinalizeLost => Some(
                "It is asked here since the answer to Finalize was lost; the server has made the object.",
            ),
            Setting::Discarded => {
                Some("It is sent here since the caller discarded the upload during the second Append.")
            }
        }
    }

    /// How many strikes and deeds bring the upload there.
    pub(super) const fn deeds(self) -> usize {
        match self.setting {
            Setting::Nothing => 0,
            Setting::AppendLost | Setting::FinalizeLost | Setting::Discarded => 1,
        }
    }

    /// The upload that comes there, without anything that strikes.
    pub(super) fn scenario(self, model: Model, seed: u64) -> Scenario {
        let (mut aims, mut interventions) = (Vec::new(), Vec::new());
        let lost = |kind, nth| Aim {
            at: Place { kind, nth },
            times: Times::Once,
            fault: Fault::ReplyLost(Loss::Reset),
        };
        match self.setting {
            Setting::Nothing => {}
            Setting::AppendLost => aims.push(lost(OperationKind::Append, 1)),
            Setting::FinalizeLost => aims.push(lost(OperationKind::Finalize, 0)),
            Setting::Discarded => interventions.push(Intervention {
                at: Place { kind: OperationKind::Append, nth: 1 },
                after: UNDER_WAY,
                control: Control::Discard,
            }),
        }
        Scenario {
            seed,
            server: ServerSettings { polls: 2, abort_rounds: 0, page: 10, ..ServerSettings::plain(model) },
            total: TOTAL,
            chunk: SEGMENT,
            window: WindowPolicy::Fixed(std::num::NonZeroU32::MIN),
            network: Network { least: 50, most: 50, rate: 1_000 },
            faults: Faults::Aimed(aims),
            interventions,
            patience: Patience::usual(),
            machine: Machine::Steady,
            ..Scenario::calm(model)
        }
    }
}

/// How long after it was sent an operation is under way for certain, and the disk is at rest.
pub(super) const UNDER_WAY: Duration = Duration::from_millis(40);
