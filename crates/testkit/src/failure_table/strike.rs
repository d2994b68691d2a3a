//! What can strike, by the names that a reader looks for.

use std::time::Duration;

use chunkwise_core::OperationKind;

use super::scene::{Scene, UNDER_WAY};
use crate::fault::{Fault, Loss, Said, Wait};
use crate::model::Model;
use crate::scenario::{Aim, Control, Faults, Intervention, Scenario, Times};
use crate::server::Lie;

/// A kind of fault, as a row of a table: its name, and what strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Strike {
    pub name: &'static str,
    pub fault: Fault,
    /// What the machine does besides.
    pub control: Option<Control>,
    pub group: Group,
}

/// Rows of one group that say the same are told as one; those on their own never are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Group {
    Own,
    /// Answers that belong to another operation.
    Elsewhere,
    /// Answers against the truth.
    Lies,
}

/// A wait that is longer than the first backoffs.
const TOLD: Duration = Duration::from_secs(90);
/// Longer than the time for an answer.
const LATE: Duration = Duration::from_secs(150);

const fn own(name: &'static str, fault: Fault) -> Strike {
    Strike { name, fault, control: None, group: Group::Own }
}

const fn says(name: &'static str, said: Said) -> Strike {
    own(name, Fault::Says(said))
}

/// What the network does to any operation.
const NETWORK: [Strike; 12] = [
    own("unreachable", Fault::Unreachable),
    own("misconfigured (certificate, proxy)", Fault::Misconfigured),
    own("request lost: reset", Fault::RequestLost(Loss::Reset)),
    own("request lost: silence", Fault::RequestLost(Loss::Silence)),
    own("request lost: a proxy says 502", Fault::RequestLost(Loss::Garbled)),
    own("reset, arrives 20 s later", Fault::RequestLate(Duration::from_secs(20))),
    own("reply lost: reset", Fault::ReplyLost(Loss::Reset)),
    own("reply lost: silence", Fault::ReplyLost(Loss::Silence)),
    own("reply lost: a proxy says 502", Fault::ReplyLost(Loss::Garbled)),
    own("reply twice", Fault::ReplyTwice(Duration::from_secs(1))),
    own("reply late: after 100 s", Fault::ReplyLate(Duration::from_secs(100))),
    own("reply late: after 150 s", Fault::ReplyLate(LATE)),
];

/// What it does to data.
const DATA: [Strike; 2] =
    [own("connection cut halfway", Fault::Cut(500)), own("stalled halfway", Fault::Stall(500))];

/// What a server may answer to any operation.
const ANSWERS: [Strike; 15] = [
    says("transient", Said::Transient(None)),
    says("transient, with a wait of 90 s", Said::Transient(Some(Wait::For(TOLD)))),
    says("throttled, without a time", Said::Throttled(None)),
    says("throttled, for 90 s", Said::Throttled(Some(Wait::For(TOLD)))),
    says("throttled, until a time 90 s away", Said::Throttled(Some(Wait::Until(TOLD)))),
    says("throttled, for 2 h", Said::Endless),
    says("busy", Said::Busy(None)),
    says("session gone", Said::Gone),
    says("credentials expired", Said::Expired),
    Strike {
        name: "credentials expired, no new ones",
        fault: Fault::Says(Said::Expired),
        control: Some(Control::NoCredentials),
        group: Group::Own,
    },
    says("refused: quota", Said::Quota),
    says("refused: forbidden", Said::Forbidden),
    says("refused: invalid", Said::Invalid),
    says("protocol broken", Said::Broken(None)),
    own("a good answer to another question", Fault::Misfit(Duration::ZERO)),
];

const REJECTED: Strike = says("segment rejected", Said::Rejected);
const TOO_LARGE: Strike = says("too large", Said::TooLarge(None));
const TOO_LARGE_NAMED: Strike = says("too large, at most 4 bytes", Said::TooLarge(Some(4)));
const CONFLICT: Strike = says("offset conflict", Said::Conflict);
const STORED: Strike = own("already stored", Fault::DoneBut(Said::AlreadyStored));
const MISSING: Strike = says("segments missing", Said::Missing);
const MISMATCH: Strike = says("size mismatch", Said::SizeMismatch);

/// All that can strike an operation of this kind.
pub(super) fn all(kind: OperationKind, model: Model) -> Vec<Strike> {
    let (fitting, elsewhere): (&[Strike], &[Strike]) = match kind {
        OperationKind::Append if model.is_parts() => {
            (&[REJECTED, STORED, TOO_LARGE, TOO_LARGE_NAMED], &[CONFLICT, MISSING, MISMATCH])
        }
        OperationKind::Append => {
            (&[REJECTED, CONFLICT, TOO_LARGE, TOO_LARGE_NAMED], &[STORED, MISSING, MISMATCH])
        }
        OperationKind::Finalize => (&[MISSING, MISMATCH], &[REJECTED, STORED, TOO_LARGE, CONFLICT]),
        OperationKind::Init
        | OperationKind::Probe
        | OperationKind::Status
        | OperationKind::Verify
        | OperationKind::Abort => (&[], &[REJECTED, STORED, TOO_LARGE, CONFLICT, MISSING, MISMATCH]),
    };
    let data: &[Strike] = match kind {
        OperationKind::Append => &DATA,
        _ => &[],
    };
    // To an Abort it would be a lie that nobody can see through, unless it is true.
    let true_to_abort = |strike: Strike| match (kind, strike.fault) {
        (OperationKind::Abort, Fault::Says(Said::Gone)) => {
            Strike { fault: Fault::DoneBut(Said::Gone), ..strike }
        }
        _ => strike,
    };
    let grouped = |group| move |strike: &Strike| Strike { group, ..*strike };
    let own = NETWORK.iter().chain(data).chain(&ANSWERS).chain(fitting).copied().map(true_to_abort);
    own.chain(elsewhere.iter().map(grouped(Group::Elsewhere)))
        .chain(lies(kind, model).into_iter().map(|(name, lie)| Strike {
            name,
            fault: Fault::Lies(lie),
            control: None,
            group: Group::Lies,
        }))
        .collect()
}

/// The lies that fit the question: others are no more than good answers to another one.
fn lies(kind: OperationKind, model: Model) -> Vec<(&'static str, Lie)> {
    let done_not = ("lie: done, but it is not", Lie::DoneNot);
    let not_done = ("lie: not done, but it is", Lie::NotDone);
    let endless = ("lie: processing, ask in centuries", Lie::EndlessWait);
    let wrong = ("lie: ready, of another length", Lie::WrongSize(1));
    let no_receipt = ("lie: no receipt", Lie::NoReceipt);
    let cursors = [
        ("lie: the cursor is at 0", Lie::Cursor(0)),
        ("lie: the cursor is at 7", Lie::Cursor(7)),
        ("lie: the cursor is beyond the end", Lie::Cursor(u64::MAX)),
    ];
    let ready = ("lie: ready already", Lie::ReadyAtOnce);
    match kind {
        OperationKind::Init => vec![
            ("lie: opened, but it is not", Lie::DoneNot),
            not_done,
            ("lie: another session, expired already", Lie::OtherSession),
        ],
        OperationKind::Append if model.wants_receipts() => vec![done_not, not_done, no_receipt],
        OperationKind::Append if model.is_parts() => vec![done_not, not_done],
        OperationKind::Append => {
            let mut lies = vec![done_not, not_done, ready];
            lies.extend(cursors);
            lies
        }
        OperationKind::Probe if model.is_parts() => vec![
            ("lie: it holds nothing", Lie::DoneNot),
            ("lie: it lists a foreign segment", Lie::Foreign(3)),
            ("lie: its list has no end", Lie::EndlessPages),
        ],
        OperationKind::Probe => cursors.to_vec(),
        OperationKind::Finalize => vec![done_not, not_done, endless, wrong],
        OperationKind::Status => vec![("lie: ready, but it is not", Lie::DoneNot), endless, wrong],
        OperationKind::Verify => vec![("lie: not committed, but it is", Lie::DoneNot), endless, wrong],
        OperationKind::Abort => vec![done_not, not_done],
    }
}

impl Strike {
    /// The scene with this striking.
    pub(super) fn scenario(&self, scene: Scene, times: Times, model: Model, seed: u64) -> Scenario {
        let mut scenario = scene.scenario(model, seed);
        if let Faults::Aimed(aims) = &mut scenario.faults {
            aims.push(Aim { at: scene.at, times, fault: self.fault });
        }
        let besides = self.control.map(|control| Intervention { at: scene.at, after: UNDER_WAY, control });
        scenario.interventions.extend(besides);
        scenario
    }
}
