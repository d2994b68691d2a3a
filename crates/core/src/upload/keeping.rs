//! Keeping: what is left of an upload that ends, what a checkpoint holds of it, and how it goes on from there.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;

use super::Upload;
use super::aborting::{Aborting, Purpose};
use super::finishing::Verifying;
use super::phase::{Open, Stage, State, is_listed};
use super::probing::Probing;
use super::processing::Polling;
use super::shared::Shared;
use super::step::Step;
use super::transfer::{Blank, Known, Transfer};
use crate::checkpoint::{Doubt, Saved, SavedSession, SavedStage};
use crate::error::{Discard, ErrorKind, Kept, UploadError};
use crate::io::Completed;
use crate::operation::OperationKind;
use crate::profile::{Abort, Verify};
use crate::ranges::RangeSet;
use crate::spec::Rewind;

impl Upload {
    /// Whether it ends while finalizing and the server certainly holds no object: every Finalize was answered with a
    /// no. Whoever resumes then need not find out, which for some media can't be done.
    pub(super) fn is_finalize_settled(&self, result: &Result<Completed, UploadError>) -> bool {
        let State::Open(open) = &self.state else { return false };
        let Stage::Finalizing(finalizing) = &open.stage else { return false };
        let unknown = |error: &UploadError| matches!(*error.kind, ErrorKind::FinalizeUnknown { .. });
        finalizing.is_settled() && !result.as_ref().is_err_and(unknown)
    }

    /// What is left of an upload that ends like this.
    pub(super) fn kept(&self, kind: &ErrorKind) -> Kept {
        // Of a source that can't be rewound nothing can go on while bytes of it are missing at the server.
        let gone = match self.shared.spec.rewind {
            Rewind::Possible => false,
            Rewind::UntilReleased => match &self.state {
                State::Open(open) => !self.shared.plan.ends_at(open.transfer.stored_bytes()),
                State::Opening(_) | State::Closed(_) => true,
            },
        };
        let resumable = match &self.state {
            State::Opening(_) | State::Closed(_) => Kept::Nothing,
            State::Open(open) => match open.stage {
                Stage::Aborting(ref aborting) if gone || !aborting.purpose.goes_on() => Kept::AbortOwed,
                Stage::Transferring | Stage::Probing(_) if gone => {
                    match self.shared.profile.abort {
                        // Whoever wants to keep it gets what there is to be kept: what has to be given up.
                        Abort::Call if *kind == ErrorKind::Cancelled => Kept::AbortOwed,
                        Abort::Call | Abort::Expires | Abort::Unsupported => Kept::Nothing,
                    }
                }
                Stage::Transferring
                | Stage::Probing(_)
                | Stage::Finalizing(_)
                | Stage::Verifying(_)
                | Stage::Processing(_)
                | Stage::Aborting(_) => Kept::Checkpoint,
            },
        };
        match kind {
            // What the server holds is not ours: that is what every resume would find.
            ErrorKind::Protocol { violation, .. } if violation.is_foreign() => Kept::Nothing,
            // That a question is not acceptable (of a wrong region, by something on the way) says nothing of what is stored.
            ErrorKind::Refused { operation: OperationKind::Probe, .. } => resumable,
            // What is not acceptable will not be so tomorrow; a quota or a right may be had by then.
            ErrorKind::Refused { failure, .. } if failure.is_invalid() => Kept::Nothing,
            ErrorKind::Refused { .. }
            | ErrorKind::Misconfigured { .. }
            | ErrorKind::Credentials { .. }
            | ErrorKind::Exhausted { .. }
            | ErrorKind::Throttled { .. }
            | ErrorKind::Deadline { .. }
            | ErrorKind::SourceUnreadable { .. }
            | ErrorKind::StillProcessing { .. }
            | ErrorKind::StatusLost { .. }
            | ErrorKind::Protocol { .. } => resumable,
            ErrorKind::FinalizeUnknown { .. } => match self.shared.profile.verify {
                Verify::Call => resumable,
                Verify::Unsupported => Kept::Nothing,
            },
            // What is on disk lags behind, and would need what a one-pass source has released.
            ErrorKind::Persist
                if self.shared.persist.has_any() && self.shared.spec.rewind == Rewind::Possible =>
            {
                resumable
            }
            ErrorKind::Persist
            | ErrorKind::TooLarge { .. }
            | ErrorKind::SessionLost { .. }
            | ErrorKind::SourceChanged
            | ErrorKind::Integrity { .. }
            | ErrorKind::SizeMismatch { .. }
            | ErrorKind::ProcessingFailed { .. } => Kept::Nothing,
            ErrorKind::Cancelled if resumable == Kept::AbortOwed => Kept::AbortOwed,
            ErrorKind::Cancelled if gone => resumable,
            ErrorKind::Cancelled => Kept::Checkpoint,
            ErrorKind::Discarded(Discard::Unconfirmed { .. }) => Kept::AbortOwed,
            ErrorKind::Discarded(
                Discard::NothingToDo
                | Discard::Confirmed
                | Discard::ExpiresByItself
                | Discard::LeftBehind
                | Discard::AlreadyCommitted(_)
                | Discard::Unknown,
            ) => Kept::Nothing,
        }
    }

    /// What a resume goes on from.
    pub(super) fn saved(&self) -> Saved {
        match &self.state {
            State::Closed(ended) => ended.saved.clone(),
            State::Opening(_) => Saved::Opening,
            State::Open(open) => {
                let mut known = open.transfer.known(&self.shared.plan);
                if known.stored.end() > self.shared.plan.total() {
                    // What no source has: the session is being given up for it.
                    let sent_to = known.sent_to.min(self.shared.plan.count());
                    known = Known { stored: RangeSet::new(), receipts: BTreeMap::new(), sent_to, ..known };
                }
                let Known { stored, receipts, sent_to, doubt } = known;
                Saved::Open(SavedSession {
                    session: open.session.clone(),
                    expires: open.expires,
                    stored,
                    receipts,
                    sent_to,
                    doubt,
                    stage: match &open.stage {
                        // Whoever goes on from a session that was to be replaced finds out anew that it has to be.
                        Stage::Aborting(aborting) if aborting.purpose.goes_on() => SavedStage::Transferring,
                        Stage::Transferring | Stage::Probing(_) => SavedStage::Transferring,
                        Stage::Finalizing(_) | Stage::Verifying(_) => SavedStage::FinalizeSent,
                        Stage::Processing(_) => SavedStage::Processing,
                        Stage::Aborting(_) => SavedStage::Aborting,
                    },
                })
            }
        }
    }

    /// Goes on from what was saved.
    pub(super) fn restored(saved: Saved, shared: &Shared) -> State {
        let SavedSession { session, expires, stored, receipts, sent_to, doubt, stage } = match saved {
            Saved::Opening => return State::Opening(Step::at_once()),
            Saved::Open(saved) => saved,
        };
        // What was sent and not acknowledged may be stored; sending it again is a repetition.
        let doubt = if shared.plan.is_tiled_by(&stored) { doubt } else { Doubt::Repeated };
        let blank = match stage {
            SavedStage::Transferring | SavedStage::Aborting => Blank::Missing,
            SavedStage::FinalizeSent | SavedStage::Processing => Blank::Stored,
        };
        let transfer = Transfer::resumed(Known { stored, receipts, sent_to, doubt }, blank, shared);
        let stage = match stage {
            SavedStage::Transferring if is_listed(&shared.profile) => Stage::Probing(Probing::new()),
            SavedStage::Transferring => Stage::Transferring,
            SavedStage::FinalizeSent => Stage::Verifying(Verifying::resumed()),
            SavedStage::Processing => Stage::Processing(Polling::resumed(shared)),
            SavedStage::Aborting => Stage::Aborting(Aborting::new(Purpose::Discard, shared.now)),
        };
        State::Open(Box::new(Open { session, expires, transfer, repairs: 0, stage }))
    }
}
