//! The cases, and which profile they are for.

use chunkwise_core::{Abort, Empty, Finalize, Open, OperationKind, Processed, Profile, Transfer, Verify};

use super::mishap::Mishap;
use super::{Finding, Subject, bounds, crashes, losses, questions, transfers};

/// One thing that is asked of a transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Case {
    /// Several segments and a short last one arrive as they were.
    Several,
    /// So does what is smaller than a segment.
    Small,
    /// So does nothing at all, or it is refused before anything goes out.
    Nothing,
    /// Several uploads at once don't get into each other's way.
    Together,
    /// It ends well although this befalls an operation of this kind.
    Mishap(OperationKind, Mishap),
    /// It ends well although every operation meets with trouble once.
    EveryOther,
    /// It goes on from every checkpoint that was ever written, and ends well.
    Crash,
    /// It goes on from the checkpoint before the newest, and ends well.
    OlderCheckpoint,
    /// It ends well although the process dies after Finalize was done and before its answer.
    CrashInFinalize,
    /// It ends well although the server forgets the session in the middle.
    SessionForgotten,
    /// Given up in the middle, nothing is left.
    Discard,
    /// Given up twice, it is as if once.
    AbortTwice,
    /// What is asked of a session that was given up gets no good answer.
    GivenUp,
    /// Two sessions have two names.
    TwoSessions,
    /// What is asked of a session that never was gets no good answer.
    NobodysSession,
    /// What has just begun is empty when the server is asked.
    ProbeOfNothing,
    /// What is stored is told when the server is asked, with its receipt.
    ProbeOfASegment,
    /// What was not finalized is not committed when the server is asked.
    VerifyOfNothing,
    /// What was finalized is committed when the server is asked.
    VerifyOfTheWhole,
    /// Wrong credentials end it with an error that says so, and leave nothing.
    WrongCredentials,
}

/// Which mishaps are tried on an operation of a kind.
const MISHAPS: [Mishap; 4] = [Mishap::Unreachable, Mishap::RequestLost, Mishap::ReplyLost, Mishap::Twice];

impl Case {
    /// Every case, in the order of the table.
    pub fn all() -> Vec<Self> {
        use OperationKind::{Abort, Append, Finalize, Init, Probe, Status, Verify};
        let mut all = vec![Self::Several, Self::Small, Self::Nothing, Self::Together];
        for kind in [Init, Append, Finalize, Status, Probe, Verify, Abort] {
            all.extend(MISHAPS.map(|mishap| Self::Mishap(kind, mishap)));
            if kind == Append {
                all.push(Self::Mishap(kind, Mishap::Cut));
            }
        }
        all.extend([
            Self::EveryOther,
            Self::Crash,
            Self::OlderCheckpoint,
            Self::CrashInFinalize,
            Self::SessionForgotten,
            Self::Discard,
            Self::AbortTwice,
            Self::GivenUp,
            Self::TwoSessions,
            Self::NobodysSession,
            Self::ProbeOfNothing,
            Self::ProbeOfASegment,
            Self::VerifyOfNothing,
            Self::VerifyOfTheWhole,
            Self::WrongCredentials,
        ]);
        all
    }

    /// What is asked, in a few words.
    pub fn name(self) -> String {
        match self {
            Self::Several => "several segments".into(),
            Self::Small => "less than a segment".into(),
            Self::Nothing => "no byte at all".into(),
            Self::Together => "four uploads at once".into(),
            Self::Mishap(kind, mishap) => format!("{kind}: {}", mishap.name()),
            Self::EveryOther => "every operation fails once".into(),
            Self::Crash => "resumed from every checkpoint".into(),
            Self::OlderCheckpoint => "resumed from an older checkpoint".into(),
            Self::CrashInFinalize => "died waiting for Finalize".into(),
            Self::SessionForgotten => "the session is forgotten".into(),
            Self::Discard => "discarded in the middle".into(),
            Self::AbortTwice => "aborted twice".into(),
            Self::GivenUp => "a session that was given up".into(),
            Self::TwoSessions => "two sessions, two names".into(),
            Self::NobodysSession => "a session that never was".into(),
            Self::ProbeOfNothing => "Probe of a new session".into(),
            Self::ProbeOfASegment => "Probe of one segment".into(),
            Self::VerifyOfNothing => "Verify before Finalize".into(),
            Self::VerifyOfTheWhole => "Verify behind Finalize".into(),
            Self::WrongCredentials => "wrong credentials".into(),
        }
    }

    /// Whether it can be asked of a protocol with this profile.
    ///
    /// # Errors
    ///
    /// Why not.
    pub fn applies(self, profile: &Profile) -> Result<(), &'static str> {
        let opens = (profile.open == Open::Request).then_some(()).ok_or("it has no session");
        let finalizes = matches!(profile.finalize, Finalize::Call { .. })
            .then_some(())
            .ok_or("the last Append finalizes");
        let verifies = (profile.verify == Verify::Call).then_some(()).ok_or("it has no Verify");
        let aborts = (profile.abort == Abort::Call).then_some(()).ok_or("it has no Abort");
        let processes = (profile.processing == Processed::Polled).then_some(()).ok_or("nothing is processed");
        let probes = match profile.transfer {
            Transfer::Append(_) => Ok(()),
            Transfer::Parts(parts) => match parts.listing {
                chunkwise_core::Listing::Complete => Ok(()),
                chunkwise_core::Listing::None => Err("it has no Probe"),
            },
        };
        match self {
            Self::Several
            | Self::Small
            | Self::Together
            | Self::EveryOther
            | Self::Crash
            | Self::OlderCheckpoint
            | Self::WrongCredentials
            | Self::Mishap(OperationKind::Append, _) => Ok(()),
            Self::Nothing => match profile.sizing.empty {
                Empty::Refused | Empty::OneSegment | Empty::NoSegment => Ok(()),
            },
            Self::Mishap(OperationKind::Init, _) | Self::TwoSessions | Self::NobodysSession => opens,
            Self::Mishap(OperationKind::Finalize, _) | Self::CrashInFinalize => finalizes,
            Self::Mishap(OperationKind::Status, _) => processes,
            Self::Mishap(OperationKind::Probe, _) | Self::ProbeOfNothing | Self::ProbeOfASegment => {
                probes.and(opens)
            }
            Self::Mishap(OperationKind::Verify, _) => verifies.and(finalizes),
            Self::VerifyOfNothing | Self::VerifyOfTheWhole => verifies.and(opens),
            Self::Mishap(OperationKind::Abort, _)
            | Self::SessionForgotten
            | Self::Discard
            | Self::AbortTwice
            | Self::GivenUp => aborts.and(opens),
        }
    }

    /// Whether it looks at how many uploads the server holds unfinished.
    pub(super) const fn counts(self) -> bool {
        matches!(self, Self::Discard | Self::WrongCredentials | Self::Mishap(OperationKind::Abort, _))
    }

    pub(super) async fn judge<S: Subject + ?Sized>(self, subject: &S) -> Result<(), Finding> {
        match self {
            Self::Several => transfers::several(subject).await,
            Self::Small => transfers::small(subject).await,
            Self::Nothing => transfers::nothing(subject).await,
            Self::Together => transfers::together(subject).await,
            Self::Mishap(OperationKind::Probe, mishap) => losses::at_a_probe(subject, mishap).await,
            Self::Mishap(OperationKind::Verify, mishap) => losses::at_a_verify(subject, mishap).await,
            Self::Mishap(OperationKind::Abort, mishap) => losses::at_an_abort(subject, mishap).await,
            Self::Mishap(kind, mishap) => losses::at(subject, kind, mishap).await,
            Self::EveryOther => losses::everywhere(subject).await,
            Self::Crash => crashes::at_every_write(subject).await,
            Self::OlderCheckpoint => crashes::with_an_older_checkpoint(subject).await,
            Self::CrashInFinalize => crashes::waiting_for_finalize(subject).await,
            Self::SessionForgotten => losses::session_forgotten(subject).await,
            Self::Discard => bounds::discard(subject).await,
            Self::AbortTwice => questions::abort_twice(subject).await,
            Self::GivenUp => questions::given_up(subject).await,
            Self::TwoSessions => questions::two_sessions(subject).await,
            Self::NobodysSession => questions::nobodys_session(subject).await,
            Self::ProbeOfNothing => questions::probe_of_nothing(subject).await,
            Self::ProbeOfASegment => questions::probe_of_a_segment(subject).await,
            Self::VerifyOfNothing => questions::verify_of_nothing(subject).await,
            Self::VerifyOfTheWhole => questions::verify_of_the_whole(subject).await,
            Self::WrongCredentials => bounds::wrong_credentials(subject).await,
        }
    }
}
