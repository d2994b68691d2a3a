//! Finalizing and verifying: one object of all segments, and the truth about it when the answer is lost.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use super::live::LiveOp;
use super::phase::Transition;
use super::shared::{Charge, Shared, Tries, unexpected};
use super::step::Step;
use super::transfer::Transfer;
use crate::checkpoint::Doubt;
use crate::error::ErrorKind;
use crate::event::SessionEnd;
use crate::failure::{Cut, Detail, Failure};
use crate::operation::{Action, OperationKind};
use crate::outcome::{Commitment, Outcome, Reply, Verdict as Found};
use crate::profile::{Finalize, Receipts, Verify};
use crate::retry::{Verdict, judge};
use crate::time::Timestamp;
use crate::token::{Receipt, Session};

/// Finalize is to be sent, or was.
#[derive(Clone, Debug, Hash)]
pub(super) struct Finalizing {
    pub(super) step: Step,
    earlier: Earlier,
}

/// Whether the server may still get a Finalize of this session that was given out before, and make an object of it behind
/// our back. That "not committed" was seen since, twice, does not rule it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Earlier {
    None,
    Unknown,
}

impl Finalizing {
    /// Due then, with what was tried before.
    pub(super) const fn new(tries: Tries, due: Timestamp, earlier: Earlier) -> Self {
        Self { step: Step::after(tries, due), earlier }
    }

    /// Whether the server certainly makes no object of what was sent: every Finalize was answered with a no.
    pub(super) fn is_settled(&self) -> bool {
        self.earlier == Earlier::None && !self.may_have_been_sent()
    }

    /// Whether the server may have seen a Finalize that has no answer yet.
    pub(super) const fn may_have_been_sent(&self) -> bool {
        match self.step.live() {
            Some(live) => live.is_started(),
            None => false,
        }
    }

    /// Invariants 1 and 8: everything is stored, and "finalize sent" is on disk.
    pub(super) fn drive(&mut self, shared: &mut Shared, session: &Session, transfer: &Transfer) {
        let total = shared.plan.total();
        if shared.persist.is_blocked() || !transfer.is_complete(&shared.plan) {
            return;
        }
        let receipts = receipts(shared, transfer);
        let session = session.clone();
        self.step.drive(shared, || Action::Finalize { session, total, receipts });
    }

    /// What became of a Finalize.
    pub(super) fn answered(
        &mut self,
        shared: &mut Shared,
        transfer: &Transfer,
        live: &LiveOp,
        outcome: Outcome,
    ) -> Transition {
        match outcome.result {
            Ok(Reply::Completed(result)) => Transition::Complete(result),
            Ok(Reply::Processing(processing)) => Transition::Process(processing),
            Ok(reply) => self.failed(shared, transfer, live, &unexpected(OperationKind::Finalize, &reply)),
            Err(failure) => self.failed(shared, transfer, live, &failure),
        }
    }

    pub(super) fn failed(
        &mut self,
        shared: &mut Shared,
        transfer: &Transfer,
        live: &LiveOp,
        failure: &Failure,
    ) -> Transition {
        const KIND: OperationKind = OperationKind::Finalize;
        let step = &mut self.step;
        let done = match judge(KIND, failure, &shared.profile) {
            Verdict::Retry { .. } => step.retry(shared, KIND, failure, Charge::Upload),
            Verdict::Wait => step.wait(shared, KIND, failure),
            Verdict::Refresh => step.refresh(shared, KIND, live, failure),
            Verdict::FindOut { .. } => return find_out(step, shared, failure),
            Verdict::Gone => {
                step.tries.gone += 1;
                if step.tries.gone > 1 {
                    // It may be gone because it is an object: by an answer that counted as a no, or by something on the way that
                    // sent it twice. Where an earlier one was in doubt, that was found out since.
                    return match (self.earlier, shared.profile.verify) {
                        (Earlier::None, Verify::Call) => Transition::Verify(WhyVerify::Gone),
                        (Earlier::None, Verify::Unsupported) | (Earlier::Unknown, _) => {
                            Transition::Restart(SessionEnd::Gone, None)
                        }
                    };
                }
                match self.earlier {
                    Earlier::None => step.retry(shared, KIND, failure, Charge::Upload),
                    // It is an object by now, perhaps.
                    Earlier::Unknown => return find_out(step, shared, failure),
                }
            }
            Verdict::Missing => match shared.go_on(KIND, failure) {
                Ok(()) => return Transition::Repair(failure.clone()),
                Err(kind) => Err(kind),
            },
            Verdict::SizeMismatch => {
                let error = ErrorKind::SizeMismatch { failure: failure.clone() };
                return match transfer.doubt() {
                    Doubt::Repeated => Transition::Restart(SessionEnd::SizeMismatch, Some(error)),
                    Doubt::None => Transition::Fail(error),
                };
            }
            // It may be an object already, and be refused for that: something on the way may have sent it twice.
            Verdict::Refused if failure.is_invalid() => {
                return Transition::Verify(WhyVerify::Refused { failure: failure.clone() });
            }
            Verdict::Refused => Err(ErrorKind::Refused { operation: KIND, failure: failure.clone() }),
            Verdict::Misconfigured => {
                Err(ErrorKind::Misconfigured { operation: KIND, failure: failure.clone() })
            }
            // No verdicts on a Finalize (see the matrix of the judgement).
            Verdict::Stored(_) | Verdict::Shrink { .. } | Verdict::NothingLeft => {
                step.retry(shared, KIND, failure, Charge::Upload)
            }
        };
        done.map_or_else(Transition::Fail, |()| Transition::Stay)
    }
}

/// The server is asked what became of it. The try counts, so that losing every reply ends some time.
fn find_out(step: &mut Step, shared: &mut Shared, failure: &Failure) -> Transition {
    let failure = failure.clone();
    match shared.retry(OperationKind::Finalize, &mut step.tries, &failure, Charge::Upload) {
        Ok(due) => Transition::Verify(WhyVerify::Lost { failure, finalize: step.tries, due }),
        Err(_) => Transition::Fail(ErrorKind::FinalizeUnknown { failure }),
    }
}

fn receipts(shared: &Shared, transfer: &Transfer) -> Option<Arc<[Receipt]>> {
    match shared.profile.finalize {
        Finalize::Call { receipts: Receipts::Required } => {
            Some(transfer.receipts().cloned().collect::<Vec<_>>().into())
        }
        Finalize::Call { receipts: Receipts::NotWanted } | Finalize::Implicit => None,
    }
}

/// Finalize may have been done; the server is asked.
#[derive(Clone, Debug, Hash)]
pub(super) struct Verifying {
    pub(super) step: Step,
    pub(super) why: WhyVerify,
    /// How often in a row the server said "not committed".
    unseen: u32,
}

/// Why it has to be found out.
#[derive(Clone, Debug, Hash)]
pub(super) enum WhyVerify {
    /// The answer to Finalize was lost.
    Lost {
        /// How.
        failure: Failure,
        /// How often Finalize was tried.
        finalize: Tries,
        /// When it may be tried again at the earliest, should it not be committed.
        due: Timestamp,
    },
    /// Finalize was refused as not acceptable.
    Refused {
        /// With these words.
        failure: Failure,
    },
    /// The session is gone, twice.
    Gone,
    /// The upload is to be discarded.
    Discard,
}

/// How often "not committed" must be seen to be believed (invariant 7).
const BELIEVED: u32 = 2;

/// How far apart at the least.
const APART: Duration = Duration::from_secs(1);

impl WhyVerify {
    /// How often "not committed" must be seen to be believed.
    const fn believed(&self) -> u32 {
        match self {
            Self::Lost { .. } | Self::Discard => BELIEVED,
            // It was refused, or its session is gone: that is the first time.
            Self::Refused { .. } | Self::Gone => BELIEVED - 1,
        }
    }
}

impl Verifying {
    pub(super) fn new(why: WhyVerify) -> Self {
        Self { step: Step::at_once(), why, unseen: 0 }
    }

    /// After a crash: "finalize sent" is on disk, and nothing more is known.
    pub(super) fn resumed() -> Self {
        let detail = Detail::new("the upload was interrupted after Finalize may have been sent");
        let failure = Failure::Unknown { cut: Cut::Ambiguous { after: None }, detail };
        Self::new(WhyVerify::Lost { failure, finalize: Tries::default(), due: Timestamp::EPOCH })
    }

    pub(super) fn drive(&mut self, shared: &mut Shared, session: &Session) {
        let (session, total) = (session.clone(), shared.plan.total());
        self.step.drive(shared, || Action::Verify { session, total });
    }

    /// What became of a Verify.
    pub(super) fn answered(&mut self, shared: &mut Shared, live: &LiveOp, outcome: Outcome) -> Transition {
        let found = match outcome.result {
            Ok(Reply::Verified(found)) => found,
            Ok(Reply::Completed(result)) => Found::Committed(Commitment::Ready(result)),
            Ok(Reply::Processing(processing)) => Found::Committed(Commitment::Processing(processing)),
            Ok(reply) => return self.failed(shared, live, &unexpected(OperationKind::Verify, &reply)),
            Err(failure) => return self.failed(shared, live, &failure),
        };
        match found {
            Found::NotCommitted => {
                self.unseen += 1;
                if self.unseen < self.why.believed() {
                    self.step.put_off(shared.now.after(shared.policy.processing.floor.max(APART)));
                    return Transition::Stay;
                }
            }
            Found::Committed(_) | Found::CannotTell => {}
        }
        Transition::Verdict(found, self.why.clone())
    }

    pub(super) fn failed(&mut self, shared: &mut Shared, live: &LiveOp, failure: &Failure) -> Transition {
        const KIND: OperationKind = OperationKind::Verify;
        let step = &mut self.step;
        let done = match judge(KIND, failure, &shared.profile) {
            Verdict::Retry { .. } => step.retry(shared, KIND, failure, Charge::Own),
            Verdict::Wait => step.wait(shared, KIND, failure),
            Verdict::Refresh => match step.refresh(shared, KIND, live, failure) {
                Ok(()) => Ok(()),
                Err(kind) => return Transition::Fail(kind),
            },
            Verdict::Misconfigured => {
                return Transition::Fail(ErrorKind::Misconfigured {
                    operation: KIND,
                    failure: failure.clone(),
                });
            }
            // No verdicts on a Verify (see the matrix of the judgement).
            Verdict::FindOut { .. }
            | Verdict::Stored(_)
            | Verdict::Shrink { .. }
            | Verdict::Gone
            | Verdict::Missing
            | Verdict::SizeMismatch
            | Verdict::NothingLeft
            | Verdict::Refused => step.retry(shared, KIND, failure, Charge::Own),
        };
        match done {
            Ok(()) => Transition::Stay,
            // It could not be found out.
            Err(_) => Transition::Verdict(Found::CannotTell, self.why.clone()),
        }
    }
}
