//! The judgement: what a failure means for an operation. Pure, and exhaustive: a new failure or a new operation
//! does not compile before somebody has decided.

use crate::failure::{Cut, Failure, NotSent, Problem, ProblemKind};
use crate::operation::OperationKind;
use crate::profile::{Finalize, Listing, Profile, Receipts, Resend, Transfer};
use crate::token::Receipt;

/// What to do about a failure. When it may be done is said by [`Failure::after`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Try again after a backoff. Counts as a failed try.
    Retry {
        /// What the server may hold now.
        fate: Fate,
    },
    /// Try again when the server is ready. Has a bound of its own.
    Wait,
    /// Find out what the server did before anything else.
    FindOut {
        /// What it may hold now.
        fate: Fate,
    },
    /// Get new credentials, then try again.
    Refresh,
    /// It is as good as stored.
    Stored(Option<Receipt>),
    /// Cut what is left smaller.
    Shrink { ceiling: Option<u64> },
    /// The session may be gone: believed when seen twice in a row.
    Gone,
    /// The server lacks segments.
    Missing,
    /// The stored bytes do not add up.
    SizeMismatch,
    /// There is nothing left to abort.
    NothingLeft,
    /// No retry will help: refused.
    Refused,
    /// No retry will help: our settings.
    Misconfigured,
}

/// What the server may hold of an operation that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Certainly nothing.
    NotDone,
    /// Nobody knows; the connection was reset.
    UnknownAfterReset,
    /// Nobody knows.
    Unknown,
}

/// Judges a failure of an operation of this kind under this profile.
pub(crate) fn judge(kind: OperationKind, failure: &Failure, profile: &Profile) -> Verdict {
    match failure {
        Failure::NotSent { cause: NotSent::Unreachable, .. } => Verdict::Retry { fate: Fate::NotDone },
        Failure::NotSent { cause: NotSent::Misconfigured, .. } => Verdict::Misconfigured,
        Failure::Unknown { cut, .. } => unknown(kind, *cut, profile),
        Failure::Answered(problem) => answered(kind, problem, profile),
    }
}

fn unknown(kind: OperationKind, cut: Cut, profile: &Profile) -> Verdict {
    let fate = match cut {
        Cut::Reset => Fate::UnknownAfterReset,
        Cut::TimedOut | Cut::Ambiguous { .. } => Fate::Unknown,
    };
    match kind {
        OperationKind::Append if must_probe(profile) || profile.resends_never() => Verdict::FindOut { fate },
        // Whether or not it can be found out is the phase's business; it is never repeated blindly.
        OperationKind::Finalize => Verdict::FindOut { fate },
        OperationKind::Init
        | OperationKind::Append
        | OperationKind::Probe
        | OperationKind::Status
        | OperationKind::Verify
        | OperationKind::Abort => Verdict::Retry { fate },
    }
}

const fn must_probe(profile: &Profile) -> bool {
    match profile.transfer {
        Transfer::Append(_) => true,
        Transfer::Parts(parts) => match (parts.resend, parts.listing) {
            (Resend::ProbeFirst, Listing::Complete) => true,
            (Resend::ProbeFirst, Listing::None) | (Resend::Overwrites | Resend::Never, _) => false,
        },
    }
}

const fn wants_receipts(profile: &Profile) -> bool {
    match profile.finalize {
        Finalize::Call { receipts: Receipts::Required } => true,
        Finalize::Call { receipts: Receipts::NotWanted } | Finalize::Implicit => false,
    }
}

fn answered(kind: OperationKind, problem: &Problem, profile: &Profile) -> Verdict {
    let again = Verdict::Retry { fate: Fate::NotDone };
    match &problem.kind {
        ProblemKind::Transient => again,
        ProblemKind::Throttled | ProblemKind::Busy => Verdict::Wait,
        // In the append family that finds out where the cursor is.
        ProblemKind::OffsetConflict { .. } => misplaced(kind, profile),
        // The list has the receipt that the answer lacks.
        ProblemKind::AlreadyStored { receipt: None }
            if kind == OperationKind::Append && wants_receipts(profile) && must_probe(profile) =>
        {
            Verdict::FindOut { fate: Fate::Unknown }
        }
        ProblemKind::AlreadyStored { receipt } => match (kind, profile.transfer) {
            (OperationKind::Append, Transfer::Parts(_)) => Verdict::Stored(receipt.clone()),
            // How much of it, only the cursor tells.
            _ => misplaced(kind, profile),
        },
        ProblemKind::SegmentRejected => match kind {
            OperationKind::Append => again,
            _ => misplaced(kind, profile),
        },
        ProblemKind::SegmentsMissing => match kind {
            OperationKind::Finalize => Verdict::Missing,
            _ => misplaced(kind, profile),
        },
        ProblemKind::SizeMismatch => match kind {
            OperationKind::Finalize => Verdict::SizeMismatch,
            _ => misplaced(kind, profile),
        },
        ProblemKind::TooLarge { ceiling } => match kind {
            OperationKind::Append => Verdict::Shrink { ceiling: *ceiling },
            _ => misplaced(kind, profile),
        },
        ProblemKind::SessionGone => match kind {
            OperationKind::Append | OperationKind::Probe | OperationKind::Finalize => Verdict::Gone,
            OperationKind::Abort => Verdict::NothingLeft,
            // An Init has no session to lose; a Status or Verify has a budget of its own (X fact sheet §2.10: a 404
            // may be an outage).
            OperationKind::Init | OperationKind::Status | OperationKind::Verify => again,
        },
        ProblemKind::CredentialsExpired => Verdict::Refresh,
        ProblemKind::Refused(_) => match kind {
            // The object is committed: what a poll is told does not undo that. The polls have their own bound.
            OperationKind::Status | OperationKind::Verify | OperationKind::Abort => again,
            OperationKind::Init | OperationKind::Append | OperationKind::Probe | OperationKind::Finalize => {
                Verdict::Refused
            }
        },
        ProblemKind::Broken => misplaced(kind, profile),
    }
}

/// An answer that makes no sense: the server may have done anything.
fn misplaced(kind: OperationKind, profile: &Profile) -> Verdict {
    unknown(kind, Cut::Ambiguous { after: None }, profile)
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::String;
    use alloc::vec::Vec;
    use std::collections::BTreeMap;

    use super::*;
    use crate::failure::{Detail, Refusal, ServerError};
    use crate::testing;

    fn failures() -> Vec<(&'static str, Failure)> {
        let detail = Detail::default;
        let answered = |kind: ProblemKind| Failure::answered(kind, ServerError::default());
        let mut all = Vec::from([
            ("unreachable", Failure::NotSent { cause: NotSent::Unreachable, detail: detail() }),
            ("misconfigured", Failure::NotSent { cause: NotSent::Misconfigured, detail: detail() }),
            ("reset", Failure::Unknown { cut: Cut::Reset, detail: detail() }),
            ("timed out", Failure::Unknown { cut: Cut::TimedOut, detail: detail() }),
            ("ambiguous", Failure::Unknown { cut: Cut::Ambiguous { after: None }, detail: detail() }),
        ]);
        for kind in [
            ProblemKind::Transient,
            ProblemKind::Throttled,
            ProblemKind::Busy,
            ProblemKind::OffsetConflict { cursor: None },
            ProblemKind::AlreadyStored { receipt: None },
            ProblemKind::SegmentRejected,
            ProblemKind::SegmentsMissing,
            ProblemKind::SizeMismatch,
            ProblemKind::TooLarge { ceiling: None },
            ProblemKind::SessionGone,
            ProblemKind::CredentialsExpired,
            ProblemKind::Refused(Refusal::Forbidden),
            ProblemKind::Broken,
        ] {
            all.push((kind.name(), answered(kind)));
        }
        all
    }

    fn word(verdict: &Verdict) -> &'static str {
        match verdict {
            Verdict::Retry { fate: Fate::NotDone } => "retry",
            Verdict::Retry { .. } => "retry?",
            Verdict::Wait => "wait",
            Verdict::FindOut { .. } => "find out",
            Verdict::Refresh => "refresh",
            Verdict::Stored(_) => "stored",
            Verdict::Shrink { .. } => "shrink",
            Verdict::Gone => "gone",
            Verdict::Missing => "missing",
            Verdict::SizeMismatch => "mismatch",
            Verdict::NothingLeft => "nothing",
            Verdict::Refused => "refused",
            Verdict::Misconfigured => "settings",
        }
    }

    /// The matrix failure × operation, written out. `retry?` repeats what the server may have done already.
    const MATRIX: &str = "
                    |Init    |Append  |Probe   |Finalize|Status  |Verify  |Abort
unreachable         |retry   |retry   |retry   |retry   |retry   |retry   |retry
misconfigured       |settings|settings|settings|settings|settings|settings|settings
reset               |retry?  |retry?  |retry?  |find out|retry?  |retry?  |retry?
timed out           |retry?  |retry?  |retry?  |find out|retry?  |retry?  |retry?
ambiguous           |retry?  |retry?  |retry?  |find out|retry?  |retry?  |retry?
transient           |retry   |retry   |retry   |retry   |retry   |retry   |retry
throttled           |wait    |wait    |wait    |wait    |wait    |wait    |wait
busy                |wait    |wait    |wait    |wait    |wait    |wait    |wait
offset conflict     |retry?  |retry?  |retry?  |find out|retry?  |retry?  |retry?
already stored      |retry?  |stored  |retry?  |find out|retry?  |retry?  |retry?
segment rejected    |retry?  |retry   |retry?  |find out|retry?  |retry?  |retry?
segments missing    |retry?  |retry?  |retry?  |missing |retry?  |retry?  |retry?
size mismatch       |retry?  |retry?  |retry?  |mismatch|retry?  |retry?  |retry?
too large           |retry?  |shrink  |retry?  |find out|retry?  |retry?  |retry?
session gone        |retry   |gone    |gone    |gone    |retry   |retry   |nothing
credentials expired |refresh |refresh |refresh |refresh |refresh |refresh |refresh
refused: forbidden  |refused |refused |refused |refused |retry   |retry   |retry
protocol broken     |retry?  |retry?  |retry?  |find out|retry?  |retry?  |retry?
";

    #[test]
    fn every_failure_of_every_operation_has_its_written_verdict() {
        let profile = testing::parts_profile();
        let mut table = String::from("\n                    ");
        for kind in OperationKind::ALL {
            table += &format!("|{:<8}", kind.name());
        }
        for (name, failure) in failures() {
            table = format!("{}\n{name:<20}", table.trim_end());
            for kind in OperationKind::ALL {
                table += &format!("|{:<8}", word(&judge(kind, &failure, &profile)));
            }
        }
        assert_eq!(format!("{}\n", table.trim_end()), MATRIX);
    }

    /// What an Append fails with, in each kind of transfer.
    const APPENDS: &str = "
                    |parts   |parts, probe first|append
unreachable         |retry   |retry             |retry
misconfigured       |settings|settings          |settings
reset               |retry?  |find out          |find out
timed out           |retry?  |find out          |find out
ambiguous           |retry?  |find out          |find out
transient           |retry   |retry             |retry
throttled           |wait    |wait              |wait
busy                |wait    |wait              |wait
offset conflict     |retry?  |find out          |find out
already stored      |stored  |stored            |find out
segment rejected    |retry   |retry             |retry
segments missing    |retry?  |find out          |find out
size mismatch       |retry?  |find out          |find out
too large           |shrink  |shrink            |shrink
session gone        |gone    |gone              |gone
credentials expired |refresh |refresh           |refresh
refused: forbidden  |refused |refused           |refused
protocol broken     |retry?  |find out          |find out
";

    #[test]
    fn every_failure_of_an_append_has_its_written_verdict_in_each_kind_of_transfer() {
        let mut table = String::from("\n                    ");
        for (name, _) in testing::transfers() {
            table += &format!("|{name:<8}");
        }
        for (name, failure) in failures() {
            table = format!("{}\n{name:<20}", table.trim_end());
            for (transfer, of) in testing::transfers() {
                let profile = Profile { transfer: of, ..testing::parts_profile() };
                let width = transfer.len().max(8);
                table += &format!("|{:<width$}", word(&judge(OperationKind::Append, &failure, &profile)));
            }
        }
        assert_eq!(format!("{}\n", table.trim_end()), APPENDS);
    }

    #[test]
    fn what_must_not_be_repeated_blindly_is_found_out() {
        let mut profile = testing::parts_profile();
        let lost = Failure::Unknown { cut: Cut::Reset, detail: Detail::default() };
        let mut seen = BTreeMap::new();
        for (name, transfer) in testing::transfers() {
            profile.transfer = transfer;
            seen.insert(name, word(&judge(OperationKind::Append, &lost, &profile)));
        }
        let expected = [("append", "find out"), ("parts", "retry?"), ("parts, probe first", "find out")];
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), expected);
    }
}
