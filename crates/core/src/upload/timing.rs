//! Time: what it brings about, and when it does so next.

use super::finishing::WhyVerify;
use super::live::LiveOp;
use super::phase::{Stage, State, Transition};
use super::shared::{Shared, timed_out};
use super::step::Step;
use super::{Upload, answered_step, opening};
use crate::error::{Discard, ErrorKind};
use crate::event::SessionEnd;
use crate::failure::{Cut, Detail, Failure};
use crate::operation::OperationKind;
use crate::time::Timestamp;

impl Upload {
    /// Moves the time on and does what it brings about.
    pub(super) fn advance(&mut self, now: Timestamp) {
        self.shared.now = self.shared.now.max(now);
        match &self.state {
            State::Closed(_) => return,
            State::Opening(_) | State::Open(_) => {}
        }
        if let Some(transition) = self.out_of_time() {
            return self.apply(transition);
        }
        if let Some(transition) = self.overdue() {
            self.apply(transition);
        }
    }

    /// Deadlines and expiry.
    fn out_of_time(&self) -> Option<Transition> {
        let (shared, now) = (&self.shared, self.shared.now);
        let running = shared.paused_at.is_none();
        let deadline = running && shared.deadline() <= now;
        let fail = |kind| Some(Transition::Fail(kind));
        let open = match &self.state {
            State::Closed(_) => return None,
            State::Opening(_) if deadline => {
                return fail(ErrorKind::Deadline { deadline: shared.policy.deadline });
            }
            State::Opening(_) => return None,
            State::Open(open) => open,
        };
        let expired = open.expires.is_some_and(|at| at <= now);
        match &open.stage {
            Stage::Transferring | Stage::Probing(_) if expired => {
                Some(Transition::Restart(SessionEnd::Expired, None))
            }
            Stage::Finalizing(finalizing) if expired && !finalizing.may_have_been_sent() => {
                Some(Transition::Restart(SessionEnd::Expired, None))
            }
            Stage::Finalizing(finalizing) if deadline && finalizing.may_have_been_sent() => {
                let detail = Detail::new("the deadline passed while Finalize was under way");
                let failure = Failure::Unknown { cut: Cut::TimedOut, detail };
                fail(ErrorKind::FinalizeUnknown { failure })
            }
            Stage::Verifying(verifying) if deadline => Some(match &verifying.why {
                WhyVerify::Lost { failure, .. } => {
                    Transition::Fail(ErrorKind::FinalizeUnknown { failure: failure.clone() })
                }
                WhyVerify::Refused { failure } => Transition::Fail(ErrorKind::Refused {
                    operation: OperationKind::Finalize,
                    failure: failure.clone(),
                }),
                WhyVerify::Gone => Transition::Fail(ErrorKind::Deadline { deadline: shared.policy.deadline }),
                WhyVerify::Discard => Transition::Fail(ErrorKind::Discarded(Discard::Unknown)),
            }),
            Stage::Transferring | Stage::Probing(_) | Stage::Finalizing(_) if deadline => {
                fail(ErrorKind::Deadline { deadline: shared.policy.deadline })
            }
            Stage::Processing(polling) if running && polling.deadline(shared) <= now => {
                fail(ErrorKind::StillProcessing { waited: now.since(polling.since) })
            }
            Stage::Aborting(aborting) if aborting.purpose.goes_on() && expired => {
                Some(Transition::Aborted(aborting.purpose.clone(), Discard::ExpiresByItself))
            }
            Stage::Aborting(aborting) if aborting.purpose.goes_on() && deadline => {
                fail(ErrorKind::Deadline { deadline: shared.policy.deadline })
            }
            Stage::Aborting(aborting) if aborting.refresh_overdue_at(shared).is_some_and(|at| at <= now) => {
                let failure = shared.credentials.asked_by().cloned();
                Some(Transition::Aborted(aborting.purpose.clone(), Discard::Unconfirmed { failure }))
            }
            Stage::Transferring
            | Stage::Probing(_)
            | Stage::Finalizing(_)
            | Stage::Verifying(_)
            | Stage::Processing(_)
            | Stage::Aborting(_) => None,
        }
    }

    /// Operations without progress or answer.
    fn overdue(&mut self) -> Option<Transition> {
        let shared = &mut self.shared;
        let open = match &mut self.state {
            State::Closed(_) => return None,
            State::Opening(step) => {
                let (live, failure) = overdue_step(step, shared)?;
                return Some(opening::answered(step, shared, &live, failure.into()));
            }
            State::Open(open) => open,
        };
        if let Some(transition) = open.transfer.expire(shared) {
            return Some(transition);
        }
        let step = open.stage.step_mut()?;
        let (live, failure) = overdue_step(step, shared)?;
        Some(answered_step(&mut open.stage, &mut open.transfer, shared, &live, failure.into()))
    }

    /// When to poll again, if nothing comes before.
    pub(super) fn wake_at(&self) -> Option<Timestamp> {
        let shared = &self.shared;
        let deadline = shared.paused_at.is_none().then(|| shared.deadline());
        let (phase, bound, expires) = match &self.state {
            State::Closed(_) => return None,
            State::Opening(step) => (step.wake_at(shared, OperationKind::Init), deadline, None),
            State::Open(open) => {
                let (wake, bound) = match &open.stage {
                    Stage::Transferring => (open.transfer.wake_at(shared), deadline),
                    // It waits until nothing is under way, and that may become overdue; then for its own time.
                    Stage::Probing(_) if !open.transfer.is_quiet() => (open.transfer.overdue_at(), deadline),
                    Stage::Probing(probing) => (probing.wake_at(shared), deadline),
                    Stage::Finalizing(f) => (f.step.wake_at(shared, OperationKind::Finalize), deadline),
                    Stage::Verifying(v) => (v.step.wake_at(shared, OperationKind::Verify), deadline),
                    Stage::Processing(polling) => {
                        let bound = shared.paused_at.is_none().then(|| polling.deadline(shared));
                        (polling.step.wake_at(shared, OperationKind::Status), bound)
                    }
                    Stage::Aborting(a) => {
                        let bound = if a.purpose.goes_on() { deadline } else { a.refresh_overdue_at(shared) };
                        (a.step.wake_at(shared, OperationKind::Abort), bound)
                    }
                };
                (wake, bound, open.expires)
            }
        };
        let persist = Some(shared.persist.retry_at());
        // What was due before now waits for something else than time.
        earliest([phase, bound, expires, persist].map(|at| at.filter(|at| *at > shared.now)))
    }
}

fn earliest<const N: usize>(times: [Option<Timestamp>; N]) -> Option<Timestamp> {
    times.into_iter().flatten().min()
}

/// Takes the operation of a step out if it is overdue.
fn overdue_step(step: &mut Step, shared: &mut Shared) -> Option<(LiveOp, Failure)> {
    let why = step.live()?.overdue(shared.now, &shared.policy.timeouts)?;
    let live = step.take_live()?;
    shared.cancel(live.id);
    Some((live, timed_out(why)))
}
