//! Processing: polling the server until the object is ready, within a floor, a ceiling and a deadline.

use super::live::LiveOp;
use super::phase::Transition;
use super::shared::{Charge, Shared, unexpected};
use super::step::Step;
use crate::error::ErrorKind;
use crate::event::Event;
use crate::failure::Failure;
use crate::operation::{Action, OperationKind};
use crate::outcome::{Outcome, Percent, Processing, Reply};
use crate::retry::{Verdict, judge};
use crate::time::{Delay, Timestamp};
use crate::token::Session;

const KIND: OperationKind = OperationKind::Status;

#[derive(Clone, Debug, Hash)]
pub(super) struct Polling {
    pub(super) step: Step,
    /// When processing began, moved on by every pause.
    pub(super) since: Timestamp,
    pub(super) percent: Percent,
}

impl Polling {
    pub(super) fn new(shared: &Shared, after: Option<Delay>, percent: Option<Percent>) -> Self {
        let step = Step::due_at(next_poll(shared, after));
        Self { step, since: shared.now, percent: percent.unwrap_or_default() }
    }

    /// After a crash, or when somebody wants to go on waiting: ask at once.
    pub(super) fn resumed(shared: &Shared) -> Self {
        Self { step: Step::at_once(), since: shared.now, percent: Percent::default() }
    }

    pub(super) fn deadline(&self, shared: &Shared) -> Timestamp {
        self.since.after(shared.policy.processing.deadline)
    }

    pub(super) fn drive(&mut self, shared: &mut Shared, session: &Session) {
        let session = session.clone();
        self.step.drive(shared, || Action::Status { session });
    }

    /// What became of a Status.
    pub(super) fn answered(&mut self, shared: &mut Shared, live: &LiveOp, outcome: Outcome) -> Transition {
        match outcome.result {
            Ok(Reply::Completed(result)) => Transition::Complete(result),
            Ok(Reply::Processing(Processing::Failed(error))) => {
                Transition::Fail(ErrorKind::ProcessingFailed { error })
            }
            Ok(Reply::Processing(Processing::Running { after, percent })) => {
                self.step = Step::due_at(next_poll(shared, after));
                if let Some(percent) = percent {
                    self.percent = self.percent.max(percent);
                }
                shared.notify(Event::Processing { percent });
                Transition::Stay
            }
            Ok(reply) => self.failed(shared, live, &unexpected(KIND, &reply)),
            Err(failure) => self.failed(shared, live, &failure),
        }
    }

    pub(super) fn failed(&mut self, shared: &mut Shared, live: &LiveOp, failure: &Failure) -> Transition {
        let step = &mut self.step;
        let done = match judge(KIND, failure, &shared.profile) {
            Verdict::Retry { .. } => step.retry(shared, KIND, failure, Charge::Own),
            Verdict::Wait => step.wait(shared, KIND, failure),
            Verdict::Refresh => match step.refresh(shared, KIND, live, failure) {
                Ok(()) => Ok(()),
                Err(kind) => return Transition::Fail(kind),
            },
            // No verdicts on a Status, or none that helps (see the matrix of the judgement): ask again.
            Verdict::Misconfigured
            | Verdict::FindOut { .. }
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
            Err(_) => Transition::Fail(ErrorKind::StatusLost { failure: failure.clone() }),
        }
    }
}

/// When to ask next: as the server hints, within the floor and the ceiling.
fn next_poll(shared: &Shared, after: Option<Delay>) -> Timestamp {
    let policy = &shared.policy.processing;
    let wait = match after {
        Some(hint) => hint.until(shared.now).since(shared.now),
        None => policy.default_delay,
    };
    shared.now.after(wait.max(policy.floor).min(policy.ceiling))
}
