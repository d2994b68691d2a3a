//! The source: how far it has come, where it ends, and what is wrong with it.

use alloc::boxed::Box;
use alloc::string::ToString as _;

use super::Upload;
use super::aborting::Purpose;
use super::phase::{Stage, State, Transition};
use super::shared::{Changed, Shared};
use crate::error::{ErrorKind, Kept, Violation};
use crate::event::{Phase, SessionEnd};
use crate::failure::Detail;
use crate::io::Growth;
use crate::operation::OperationKind;
use crate::plan::PlanError;

impl Upload {
    pub(super) fn available(&mut self, up_to: u64, growth: Growth) {
        if self.shared.plan.is_open() {
            return self.grown(up_to, growth);
        }
        let total = self.shared.plan.total();
        let ended_short = match growth {
            Growth::Growing => false,
            Growth::Ended => up_to < total,
        };
        if up_to > total || ended_short {
            return self.source_failed(ErrorKind::SourceChanged);
        }
        self.shared.available = self.shared.available.max(up_to);
    }

    /// A source whose end was not known has come so far.
    fn grown(&mut self, up_to: u64, growth: Growth) {
        let Shared { plan, profile, persist, seen_to, available, .. } = &mut self.shared;
        let believed = plan.total();
        let planned = match growth {
            Growth::Growing => plan.grow(up_to, &profile.sizing),
            Growth::Ended if up_to < *seen_to => return self.source_failed(ErrorKind::SourceChanged),
            Growth::Ended => {
                persist.changed();
                plan.close(up_to, &profile.at_the_end())
            }
        };
        if let Err(error) = planned {
            return self.unplannable(&error);
        }
        (*seen_to, *available) = ((*seen_to).max(up_to), (*available).max(up_to));
        // A session that is given up holds what it may.
        if growth == Growth::Ended && up_to < believed && self.phase() != Phase::Aborting {
            // Only the server's word said that it goes further: what it holds there is not ours.
            let violation = Violation::CursorBeyondEnd;
            let error = ErrorKind::Protocol { operation: OperationKind::Probe, violation };
            self.apply(Transition::Restart(SessionEnd::Foreign, Some(error)));
        }
    }

    /// What came of the source can't be uploaded: no resume would find it otherwise.
    fn unplannable(&mut self, error: &PlanError) {
        match self.phase() {
            Phase::Opening | Phase::Transferring | Phase::Probing => {
                self.fail_keeping(unreadable(error), Kept::Nothing);
            }
            Phase::Aborting => self.not_replaced(unreadable(error)),
            Phase::Finalizing | Phase::Verifying | Phase::Processing | Phase::Closed => {}
        }
    }

    /// The source is of no use any more: that matters only while its bytes are needed. That it changed is remembered,
    /// should they be needed again.
    pub(super) fn source_failed(&mut self, kind: ErrorKind) {
        match self.phase() {
            Phase::Opening | Phase::Transferring | Phase::Probing => self.fail(kind),
            Phase::Aborting => self.not_replaced(kind),
            Phase::Finalizing | Phase::Verifying | Phase::Processing | Phase::Closed => {
                if kind == ErrorKind::SourceChanged {
                    self.shared.changed = Changed::Yes;
                }
            }
        }
    }

    /// A session that is given up for another is given up for good: of this source, no other can be filled.
    fn not_replaced(&mut self, kind: ErrorKind) {
        if let State::Open(open) = &mut self.state
            && let Stage::Aborting(aborting) = &mut open.stage
            && aborting.purpose.goes_on()
        {
            aborting.purpose = Purpose::Failed(Box::new(kind));
            self.shared.persist.changed();
        }
    }
}

fn unreadable(error: &PlanError) -> ErrorKind {
    ErrorKind::SourceUnreadable { detail: Detail::new(error.to_string()) }
}
