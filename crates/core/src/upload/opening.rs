//! Opening: an Init until there is a session.

use super::phase::Transition;
use super::shared::{Charge, Shared, unexpected};
use super::step::Step;
use crate::error::ErrorKind;
use crate::event::Event;
use crate::failure::Failure;
use crate::operation::{Action, OperationKind};
use crate::outcome::{Outcome, Reply};
use crate::retry::{Fate, Verdict, judge};

use super::live::LiveOp;

const KIND: OperationKind = OperationKind::Init;

pub(super) fn drive(step: &mut Step, shared: &mut Shared) {
    let total = (!shared.plan.is_open()).then_some(shared.plan.total());
    step.drive(shared, || Action::Init { total });
}

/// What became of an Init.
pub(super) fn answered(step: &mut Step, shared: &mut Shared, live: &LiveOp, outcome: Outcome) -> Transition {
    match outcome.result {
        Ok(Reply::Opened { session, expires }) => {
            Transition::Opened(session, expires.map(|expires| expires.until(shared.now)))
        }
        Ok(Reply::Completed(result)) if shared.plan.ends_at(0) => Transition::Complete(result),
        Ok(reply) => failed(step, shared, live, &unexpected(KIND, &reply)),
        Err(failure) => failed(step, shared, live, &failure),
    }
}

fn failed(step: &mut Step, shared: &mut Shared, live: &LiveOp, failure: &Failure) -> Transition {
    let done = match judge(KIND, failure, &shared.profile) {
        Verdict::Retry { fate } => {
            match fate {
                Fate::NotDone => {}
                Fate::Unknown | Fate::UnknownAfterReset => shared.notify(Event::SessionLeakSuspected),
            }
            step.retry(shared, KIND, failure, Charge::Upload)
        }
        Verdict::Wait => step.wait(shared, KIND, failure),
        Verdict::Refresh => step.refresh(shared, KIND, live, failure),
        Verdict::Refused => Err(ErrorKind::Refused { operation: KIND, failure: failure.clone() }),
        Verdict::Misconfigured => Err(ErrorKind::Misconfigured { operation: KIND, failure: failure.clone() }),
        // No verdicts on an Init (see the matrix of the judgement).
        Verdict::FindOut { .. }
        | Verdict::Stored(_)
        | Verdict::Shrink { .. }
        | Verdict::Gone
        | Verdict::Missing
        | Verdict::SizeMismatch
        | Verdict::NothingLeft => step.retry(shared, KIND, failure, Charge::Upload),
    };
    done.map_or_else(Transition::Fail, |()| Transition::Stay)
}
