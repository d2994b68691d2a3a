//! Aborting: giving the session up, in bounded rounds, and telling the truth about it.

use alloc::boxed::Box;

use super::live::LiveOp;
use super::phase::Transition;
use super::shared::{Charge, Shared, unexpected};
use super::step::Step;
use crate::error::{Discard, ErrorKind};
use crate::event::SessionEnd;
use crate::failure::{Failure, Problem, ProblemKind, ServerError};
use crate::operation::{Action, OperationKind, Taken};
use crate::outcome::{Outcome, Reply};
use crate::retry::{Verdict, judge};
use crate::time::Timestamp;
use crate::token::Session;

const KIND: OperationKind = OperationKind::Abort;

#[derive(Clone, Debug, Hash)]
pub(super) struct Aborting {
    pub(super) step: Step,
    pub(super) purpose: Purpose,
    /// Whether the last answer was that the server took it.
    taken: Taken,
    /// Since when it may be waiting for new credentials.
    since: Timestamp,
}

/// Why the session is given up.
#[derive(Clone, Debug, Hash)]
pub(super) enum Purpose {
    /// The caller wants it so.
    Discard,
    /// The upload failed and can't go on.
    Failed(Box<ErrorKind>),
    /// Another session is to take its place.
    Replaced {
        /// Why.
        reason: SessionEnd,
        /// What it comes to if there can be no other after all.
        otherwise: Option<Box<ErrorKind>>,
    },
}

impl Purpose {
    /// Whether the upload goes on behind it.
    pub(super) const fn goes_on(&self) -> bool {
        match self {
            Self::Replaced { .. } => true,
            Self::Discard | Self::Failed(_) => false,
        }
    }
}

impl Aborting {
    pub(super) fn new(purpose: Purpose, now: Timestamp) -> Self {
        Self { step: Step::at_once(), purpose, taken: Taken::No, since: now }
    }

    /// Until when it waits for new credentials, if it does: as long as for any other answer. What goes on behind it needs
    /// them as well, and has a deadline.
    pub(super) fn refresh_overdue_at(&self, shared: &Shared) -> Option<Timestamp> {
        let waits = shared.credentials.is_refreshing() && shared.paused_at.is_none();
        (waits && !self.purpose.goes_on()).then(|| self.since.after(shared.policy.timeouts.response))
    }

    pub(super) fn drive(&mut self, shared: &mut Shared, session: &Session) {
        let (session, taken) = (session.clone(), self.taken);
        self.step.drive(shared, || Action::Abort { session, taken });
    }

    /// What became of an Abort.
    pub(super) fn answered(&mut self, shared: &mut Shared, live: &LiveOp, outcome: Outcome) -> Transition {
        self.taken = match outcome.result {
            Ok(Reply::AbortPending) => Taken::Yes,
            // Whether it still counts is not known: what was on its way may have come behind it.
            Ok(_) | Err(_) => Taken::No,
        };
        match outcome.result {
            Ok(Reply::Aborted) => Transition::Aborted(self.purpose.clone(), Discard::Confirmed),
            Ok(Reply::AbortPending) => {
                let message = "something of the session is still there";
                let failure = Failure::answered(ProblemKind::Transient, ServerError::message(message));
                self.failed(shared, live, &failure)
            }
            Ok(reply) => self.failed(shared, live, &unexpected(KIND, &reply)),
            Err(failure) => self.failed(shared, live, &failure),
        }
    }

    pub(super) fn failed(&mut self, shared: &mut Shared, live: &LiveOp, failure: &Failure) -> Transition {
        // Whose rights don't reach to giving up a session may have another all the same.
        if self.purpose.goes_on()
            && let Failure::Answered(Problem { kind: ProblemKind::Refused(_), .. }) = failure
        {
            let discard = Discard::Unconfirmed { failure: Some(failure.clone()) };
            return Transition::Aborted(self.purpose.clone(), discard);
        }
        let step = &mut self.step;
        let done = match judge(KIND, failure, &shared.profile) {
            Verdict::Retry { .. } => step.retry(shared, KIND, failure, Charge::Own),
            Verdict::Wait => step.wait(shared, KIND, failure),
            Verdict::Refresh => {
                self.since = shared.now;
                step.refresh(shared, KIND, live, failure)
            }
            // Once may be a server that is behind, or something on the way: as everywhere, it is believed when seen twice.
            Verdict::NothingLeft => {
                step.tries.gone += 1;
                if step.tries.gone > 1 {
                    return Transition::Aborted(self.purpose.clone(), Discard::Confirmed);
                }
                step.retry(shared, KIND, failure, Charge::Own)
            }
            // No verdicts on an Abort, or none that helps (see the matrix of the judgement): ask again.
            Verdict::Misconfigured
            | Verdict::FindOut { .. }
            | Verdict::Stored(_)
            | Verdict::Shrink { .. }
            | Verdict::Gone
            | Verdict::Missing
            | Verdict::SizeMismatch
            | Verdict::Refused => step.retry(shared, KIND, failure, Charge::Own),
        };
        match done {
            Ok(()) => Transition::Stay,
            // What comes behind it would fare no better, and a later Abort would not wait as it was told.
            Err(kind @ (ErrorKind::Credentials { .. } | ErrorKind::Throttled { .. }))
                if self.purpose.goes_on() =>
            {
                Transition::Fail(kind)
            }
            Err(_) => {
                let discard = Discard::Unconfirmed { failure: Some(failure.clone()) };
                Transition::Aborted(self.purpose.clone(), discard)
            }
        }
    }
}
