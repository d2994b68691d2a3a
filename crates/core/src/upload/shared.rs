//! What every phase of an upload works with.

use alloc::collections::VecDeque;
use core::hash::{Hash, Hasher};
use core::time::Duration;

use super::credentials::{Credentials, Expired};
use super::live::{LiveOp, Overdue};
use super::persist::Persist;
use crate::error::{ErrorKind, SessionLoss, Violation};
use crate::event::Event;
use crate::failure::{Cut, Detail, Failure, Problem, ProblemKind, ServerError};
use crate::io::Output;
use crate::operation::{Action, OpId, Operation, OperationKind};
use crate::outcome::{Outcome, Reply};
use crate::pacer::Pacer;
use crate::plan::Plan;
use crate::policy::Policy;
use crate::profile::Profile;
use crate::retry::{Budget, Rng, backoff};
use crate::spec::{Rewind, UploadSpec};
use crate::time::Timestamp;
use crate::window::Window;

/// What every phase of an upload works with: the plan, the policy, and the small machines that decide.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    pub(super) spec: UploadSpec,
    pub(super) profile: Profile,
    pub(super) policy: Policy,
    pub(super) plan: Plan,
    /// The largest segment that the server is not known to refuse.
    pub(super) ceiling: Option<u64>,
    /// Sessions used, the present one included.
    pub(super) sessions: u32,
    /// Every source byte before this offset can be read.
    pub(super) available: u64,
    /// How far the source itself is known to go, now or to the process before: while its end is not known, the plan may
    /// be further by the server's word.
    pub(super) seen_to: u64,
    /// Whether the source was found changed while its bytes were not needed.
    pub(super) changed: Changed,
    pub(super) credentials: Credentials,
    pub(super) pacer: Pacer,
    pub(super) window: Window,
    pub(super) budget: Budget,
    pub(super) persist: Persist,
    pub(super) now: Timestamp,
    /// When the upload began, moved on by every pause.
    pub(super) started: Timestamp,
    pub(super) paused_at: Option<Timestamp>,
    /// Bytes sent at least once in this session: never goes back.
    pub(super) sent_mark: u64,
    /// Bytes acknowledged in this session: never goes back.
    pub(super) stored_mark: u64,
    pub(super) stats: Stats,
    pub(super) out: VecDeque<Output>,
    pub(super) rng: Rng,
    pub(super) next_op: u64,
}

/// All that what it does next depends on, and nothing else: not the counters, and not how many names were given out.
impl Hash for Shared {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self { spec, profile, policy, plan, ceiling, sessions, available, seen_to, changed, .. } = self;
        (spec, profile, policy, plan, ceiling, sessions, available, seen_to, changed).hash(state);
        let Self { credentials, pacer, window, budget, persist, now, started, paused_at, .. } = self;
        (credentials, pacer, window, budget, persist, now, started, paused_at).hash(state);
        let Self { sent_mark, stored_mark, stats: _, out, rng, next_op: _, .. } = self;
        (sent_mark, stored_mark, out, rng).hash(state);
    }
}

/// Counters; no behaviour depends on them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Operations given out.
    pub operations: u64,
    /// Of these, tries beyond the first.
    pub retries: u64,
    /// Bytes of Appends given out beyond the first try of their segment in a session.
    pub sent_again: u64,
    /// Inputs about operations that were not under way (late, duplicate, unknown): they changed nothing.
    pub ignored: u64,
}

/// How often a thing was tried in vain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Tries {
    pub(super) failures: u32,
    pub(super) waits: u32,
    pub(super) gone: u32,
    pub(super) resets: u32,
}

impl Tries {
    /// The number of the next attempt.
    pub(super) const fn attempt(&self) -> u32 {
        self.failures.saturating_add(self.waits).saturating_add(1)
    }
}

/// Whether the source is not what it was any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Changed {
    No,
    Yes,
}

/// Whether a failed try is charged to the upload's retry budget, or only to the operation's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Charge {
    Upload,
    Own,
}

impl Shared {
    pub(super) fn notify(&mut self, event: Event) {
        self.out.push_back(Output::Notify(event));
    }

    pub(super) fn cancel(&mut self, op: OpId) {
        self.out.push_back(Output::Cancel(op));
    }

    /// Whether an operation of this kind may go out now. If only time stands in the way, [`Shared::ready_at`] tells
    /// how much.
    pub(super) fn is_ready(&self, kind: OperationKind) -> bool {
        self.is_free() && self.pacer.ready_at(kind) <= self.now
    }

    /// When an operation of this kind that is due then may go out, if only time stands in the way.
    pub(super) fn ready_at(&self, kind: OperationKind, due: Timestamp) -> Option<Timestamp> {
        self.is_free().then(|| due.max(self.pacer.ready_at(kind)))
    }

    const fn is_free(&self) -> bool {
        self.paused_at.is_none() && !self.credentials.is_refreshing()
    }

    /// Gives out an operation.
    pub(super) fn perform(&mut self, attempt: u32, action: Action) -> LiveOp {
        let id = OpId(self.next_op);
        self.next_op += 1;
        let operation = Operation { id, attempt, epoch: self.credentials.epoch(), action };
        let kind = operation.kind();
        self.pacer.spend(self.now, kind);
        self.stats.operations += 1;
        self.stats.retries += u64::from(attempt > 1);
        let len = operation.payload().map_or(0, |range| range.len());
        let live = LiveOp::new(id, operation.epoch, len);
        self.out.push_back(Output::Perform(operation));
        // The last one that the server takes for now: whoever watches should know why nothing follows.
        let until = self.pacer.ready_at(kind);
        if until > self.now {
            self.notify(Event::Held { kind, until });
        }
        live
    }

    /// Takes in what an outcome says of rate limits and credentials.
    pub(super) fn observe(&mut self, kind: OperationKind, outcome: &Outcome) {
        if outcome.result.is_ok() {
            self.credentials.accepted();
        }
        // A reset further away than anybody waits is no rate limit but nonsense.
        let horizon = self.now.after(self.policy.retry.longest_wait);
        let outcome = match outcome.pace {
            Some(pace) if pace.reset > horizon => &outcome.clone().with_pace(None),
            _ => outcome,
        };
        // That ends the upload; what else is said of the rate limit would hold nothing any more.
        if let Err(Failure::Answered(Problem { kind: ProblemKind::Throttled, after: Some(after), .. })) =
            &outcome.result
            && after.until(self.now) > horizon
        {
            return;
        }
        if let Some(until) = self.pacer.observe(self.now, kind, outcome) {
            self.notify(Event::Held { kind, until });
        }
    }

    /// A try failed: gives the time of the next one, or what ends the upload.
    pub(super) fn retry(
        &mut self,
        kind: OperationKind,
        tries: &mut Tries,
        failure: &Failure,
        charge: Charge,
    ) -> Result<Timestamp, ErrorKind> {
        tries.failures = tries.failures.saturating_add(1);
        let charged = match charge {
            Charge::Upload => tries.failures < self.policy.retry.attempts.get() && self.budget.take(),
            Charge::Own => tries.failures < self.policy.processing.failures.get(),
        };
        if !charged {
            return Err(exhausted(kind, tries.attempt() - 1, failure));
        }
        let wait = backoff(&self.policy.retry, tries.failures, &mut self.rng);
        let at = self.at_the_earliest(kind, self.now.after(wait), failure)?;
        let (attempts, failure) = (tries.attempt() - 1, failure.clone());
        self.notify(Event::Retrying { kind, attempts, at, failure });
        Ok(at)
    }

    /// The server is not ready: gives the time of the next try, or what ends the upload.
    pub(super) fn wait(
        &mut self,
        kind: OperationKind,
        tries: &mut Tries,
        failure: &Failure,
    ) -> Result<Timestamp, ErrorKind> {
        tries.waits = tries.waits.saturating_add(1);
        if tries.waits >= self.policy.retry.throttles.get() {
            return Err(exhausted(kind, tries.attempt() - 1, failure));
        }
        // A wait that is over already (zero, or a time in the past) tells no more than none at all.
        let backoff = match failure.after() {
            Some(after) if after.until(self.now) > self.now => Duration::ZERO,
            Some(_) | None => backoff(&self.policy.retry, tries.waits, &mut self.rng),
        };
        let at = self.at_the_earliest(kind, self.now.after(backoff), failure)?;
        if let Failure::Answered(Problem { kind: ProblemKind::Throttled, .. }) = failure {
            self.pacer.hold(kind, at);
        }
        let (attempts, failure) = (tries.attempt() - 1, failure.clone());
        self.notify(Event::Retrying { kind, attempts, at, failure });
        Ok(at)
    }

    /// Not before then, and not before the server's own wait is over, whatever it went with (invariant 4).
    pub(super) fn at_the_earliest(
        &self,
        kind: OperationKind,
        at: Timestamp,
        failure: &Failure,
    ) -> Result<Timestamp, ErrorKind> {
        let Some(until) = failure.after().map(|after| after.until(self.now)) else { return Ok(at) };
        if until > self.now.after(self.policy.retry.longest_wait) {
            return Err(ErrorKind::Throttled { operation: kind, until });
        }
        Ok(at.max(until))
    }

    /// Goes on in another way than by a further try: if the answer named a wait, nothing of that kind goes out before.
    pub(super) fn go_on(&mut self, kind: OperationKind, failure: &Failure) -> Result<(), ErrorKind> {
        let until = self.at_the_earliest(kind, self.now, failure)?;
        if until > self.now && self.pacer.hold(kind, until) {
            self.notify(Event::Held { kind, until });
        }
        Ok(())
    }

    /// The credentials were refused: asks for new ones if that was not done yet. The operation goes once more, for
    /// free; gives the time from which on it may.
    pub(super) fn refresh(
        &mut self,
        kind: OperationKind,
        live: &LiveOp,
        failure: &Failure,
    ) -> Result<Timestamp, ErrorKind> {
        match self.credentials.expired(live.epoch, failure) {
            Expired::Requeue => {}
            Expired::Ask(epoch) => self.out.push_back(Output::Refresh { epoch }),
            Expired::GiveUp => return Err(ErrorKind::Credentials { failure: failure.clone() }),
        }
        self.at_the_earliest(kind, self.now, failure)
    }

    /// Whether the upload can begin anew in a further session, or why it can't.
    pub(super) fn may_restart(&self) -> Result<(), SessionLoss> {
        match self.spec.rewind {
            Rewind::UntilReleased if self.stored_mark > 0 => Err(SessionLoss::NotRewindable),
            Rewind::UntilReleased | Rewind::Possible if self.sessions < self.policy.sessions.get() => Ok(()),
            Rewind::UntilReleased | Rewind::Possible => Err(SessionLoss::SessionsExhausted),
        }
    }

    /// The plan for a further session, or what it comes to if there can be none; `otherwise`, if that was said.
    pub(super) fn planned_anew(&self, otherwise: Option<&ErrorKind>) -> Result<Plan, ErrorKind> {
        if self.changed == Changed::Yes {
            return Err(ErrorKind::SourceChanged);
        }
        let mut plan = self.plan.clone();
        plan.unlearn(self.seen_to);
        let Some(ceiling) = self.ceiling else { return Ok(plan) };
        let wanted = self.policy.chunk_size.bytes().min(ceiling.div_ceil(2));
        plan.shrunk(0, &self.profile.sizing, wanted, ceiling).map_err(|smallest| {
            let too_large = ErrorKind::TooLarge { refused: ceiling.saturating_add(1), smallest };
            otherwise.cloned().unwrap_or(too_large)
        })
    }

    /// When the upload has taken too long.
    pub(super) fn deadline(&self) -> Timestamp {
        self.started.after(self.policy.deadline)
    }
}

/// A reply that is no answer to the operation, as a failure.
pub(super) fn unexpected(kind: OperationKind, reply: &Reply) -> Failure {
    let message = alloc::format!("{} is no answer to {kind}", reply.name());
    Failure::answered(ProblemKind::Broken, ServerError::message(message))
}

/// A timeout, as a failure.
pub(super) fn timed_out(overdue: Overdue) -> Failure {
    let detail = match overdue {
        Overdue::Stalled(after) => alloc::format!("no byte was taken for {} s", after.as_secs_f32()),
        Overdue::Unanswered(after) => alloc::format!("no answer for {} s", after.as_secs_f32()),
    };
    Failure::Unknown { cut: Cut::TimedOut, detail: Detail::new(detail) }
}

/// All tries are used up.
pub(super) fn exhausted(kind: OperationKind, attempts: u32, failure: &Failure) -> ErrorKind {
    let failure = failure.clone();
    match failure {
        Failure::Answered(Problem { kind: ProblemKind::Broken, .. }) => {
            ErrorKind::Protocol { operation: kind, violation: Violation::Unreadable(failure) }
        }
        Failure::NotSent { .. } | Failure::Unknown { .. } | Failure::Answered(_) => {
            ErrorKind::Exhausted { operation: kind, attempts, failure }
        }
    }
}
