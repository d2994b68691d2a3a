//! The append family: one writer, and the server owns the offset. One Append at a time, from the server's cursor on.

use alloc::collections::BTreeMap;

use super::super::live::LiveOp;
use super::super::phase::{REPAIRS, Transition};
use super::super::shared::{Charge, Shared, Tries, timed_out, unexpected};
use super::{Answered, Blank, Known, everything_is_stored, refused_at, unplannable};
use crate::checkpoint::Doubt;
use crate::error::{ErrorKind, SessionLoss, Violation};
use crate::event::{Event, SessionEnd};
use crate::failure::{Failure, ProblemKind, ServerError};
use crate::io::Output;
use crate::operation::{Action, Last, OpId, OperationKind};
use crate::outcome::{Outcome, Reply};
use crate::plan::Plan;
use crate::profile::{Finalize, Uniformity};
use crate::range::{ByteRange, Segment, SegmentIndex};
use crate::ranges::RangeSet;
use crate::retry::{Fate, Verdict, judge};
use crate::spec::Rewind;
use crate::time::Timestamp;
use crate::token::Session;

const KIND: OperationKind = OperationKind::Append;

/// What is known of the server's cursor in one session.
///
/// The window has no say here: there is one Append whatever it is, and so it learns nothing either. A step of it could
/// not be judged, and an event that it changed would be about nothing.
#[derive(Clone, Debug, Hash)]
pub(in crate::upload) struct Cursor {
    /// The server holds every byte before this offset.
    at: u64,
    /// Whether the one segment of an empty source is stored, if it has one.
    blank: Blank,
    /// Where the furthest Append ended that was given out.
    sent_end: u64,
    /// Behind that no byte at the server is ours.
    ours_end: u64,
    /// Where the furthest Append ended of which nobody knows how much was stored.
    unsure_end: u64,
    doubt: Doubt,
    /// How often the server put its cursor back.
    went_back: u32,
    live: Option<Live>,
    /// The next Append: what was tried since the cursor last moved, and not before then.
    tries: Tries,
    due: Timestamp,
    size: Size,
}

#[derive(Clone, Debug, Hash)]
struct Live {
    op: LiveOp,
    segment: Segment,
}

/// Whether an Append of the present size ever got through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Size {
    Untried,
    Proven,
}

impl Cursor {
    /// Of a new session.
    pub(super) const fn new() -> Self {
        Self {
            at: 0,
            blank: Blank::Missing,
            sent_end: 0,
            ours_end: 0,
            unsure_end: 0,
            doubt: Doubt::None,
            went_back: 0,
            live: None,
            tries: Tries { failures: 0, waits: 0, gone: 0, resets: 0 },
            due: Timestamp::EPOCH,
            size: Size::Untried,
        }
    }

    /// Of a session that goes on. Nobody knows what was sent after the checkpoint was written: writing one may lag behind
    /// by any number of segments, so all that the server says it holds may be ours.
    pub(super) fn resumed(known: &Known, blank: Blank, plan: &Plan) -> Self {
        let at = known.stored.end();
        let next = plan.planned_at(at).map(|segment| segment.range.end());
        let last = known.sent_to.checked_sub(1).and_then(|last| plan.planned(SegmentIndex::new(last)));
        let sent = last.map(|segment| segment.range.end());
        let sent_end = at.max(next.unwrap_or(0)).max(sent.unwrap_or(0));
        let ours_end = if plan.is_open() { u64::MAX } else { plan.total() };
        Self { at, blank, sent_end, ours_end, doubt: known.doubt, ..Self::new() }
    }

    /// What a checkpoint is to hold of it. The plan may have been cut anew since the furthest Append: what counts is
    /// the segment that its end lies in now.
    pub(super) fn known(&self, plan: &Plan) -> Known {
        let last = self.sent_end.checked_sub(1).and_then(|last| plan.planned_at(last));
        Known {
            stored: RangeSet::from(alloc::vec![ByteRange::at(0, self.at)]),
            receipts: BTreeMap::new(),
            sent_to: last.map_or(0, |last| last.index.get().saturating_add(1)),
            doubt: self.doubt,
        }
    }

    pub(super) const fn at(&self) -> u64 {
        self.at
    }

    pub(super) const fn doubt(&self) -> Doubt {
        self.doubt
    }

    /// Whether a process before this one may have sent what is not known here.
    pub(super) const fn may_hold_more(&self) -> bool {
        self.ours_end == u64::MAX
    }

    pub(super) fn is_complete(&self, plan: &Plan) -> bool {
        plan.ends_at(self.at) && (plan.total() > 0 || plan.count() == 0 || self.blank == Blank::Stored)
    }

    /// Whether every byte is stored or may be.
    pub(super) const fn is_all_sent(&self, plan: &Plan) -> bool {
        self.sent_end >= plan.total()
    }

    /// Moves the timer of the live Append; whether it is of this name.
    pub(super) fn tell(&mut self, op: OpId, news: impl FnOnce(&mut LiveOp)) -> bool {
        self.live.as_mut().map(|live| &mut live.op).filter(|live| live.id == op).map(news).is_some()
    }

    pub(super) fn sent_live(&self) -> u64 {
        self.live.as_ref().map_or(0, |live| live.op.sent())
    }

    pub(super) fn cancel_all(&mut self, shared: &mut Shared) {
        if let Some(live) = self.live.take() {
            shared.cancel(live.op.id);
        }
    }

    pub(super) fn recall(&mut self, shared: &mut Shared) {
        if let Some(live) = self.live.take_if(|live| !live.op.is_started()) {
            shared.cancel(live.op.id);
        }
    }

    pub(super) fn drive(&mut self, shared: &mut Shared, session: &Session) -> Transition {
        if self.live.is_some() || shared.persist.is_blocked() {
            return Transition::Stay;
        }
        if self.is_complete(&shared.plan) {
            return everything_is_stored(shared);
        }
        if self.due <= shared.now
            && shared.is_ready(KIND)
            && let Some(segment) = self.next(shared)
        {
            self.send(shared, session, segment);
        }
        Transition::Stay
    }

    /// What the next Append sends: the planned segment at the cursor, or what is left of it. The source must have got
    /// so far.
    fn next(&self, shared: &Shared) -> Option<Segment> {
        // At the end of the source there is none, but for the one segment of an empty source.
        let index = shared.plan.index_at(self.at).unwrap_or_default();
        let planned = shared.plan.segment(index)?.range;
        let range = ByteRange::new(self.at, planned.end())?;
        (range.end() <= shared.available).then_some(Segment { index, range })
    }

    fn send(&mut self, shared: &mut Shared, session: &Session, segment: Segment) {
        let range = segment.range;
        if range.start() < self.unsure_end {
            self.doubt = Doubt::Repeated;
        }
        let again = self.sent_end.min(range.end()).saturating_sub(range.start());
        shared.stats.sent_again = shared.stats.sent_again.saturating_add(again);
        self.sent_end = self.sent_end.max(range.end());
        self.ours_end = self.ours_end.max(range.end());
        let last = if shared.plan.ends_at(range.end()) { Last::End } else { Last::More };
        let action = Action::Append { session: session.clone(), segment, last };
        let op = shared.perform(self.tries.attempt(), action);
        self.live = Some(Live { op, segment });
    }

    /// What became of an Append.
    pub(super) fn answered(&mut self, shared: &mut Shared, op: OpId, outcome: Outcome) -> Answered {
        let Some(live) = self.live.take_if(|live| live.op.id == op) else {
            return Answered::NotOurs(outcome);
        };
        shared.observe(KIND, &outcome);
        Answered::Ours(match outcome.result {
            Ok(Reply::Advanced { cursor, expires }) => {
                match (self.advanced(shared, &live, cursor), expires) {
                    (Transition::Stay, Some(expires)) => Transition::Expires(expires.until(shared.now)),
                    (transition, _) => transition,
                }
            }
            Ok(Reply::Completed(result)) if completes(shared, &live) => Transition::Complete(result),
            Ok(reply) => self.failed(shared, &live, &unexpected(KIND, &reply)),
            Err(failure) => self.failed(shared, &live, &failure),
        })
    }

    /// Gives up an Append that is overdue; what follows, if anything does.
    pub(super) fn expire(&mut self, shared: &mut Shared) -> Option<Transition> {
        let (now, timeouts) = (shared.now, shared.policy.timeouts);
        let why = self.live.as_ref()?.op.overdue(now, &timeouts)?;
        let live = self.live.take()?;
        shared.cancel(live.op.id);
        match self.failed(shared, &live, &timed_out(why)) {
            Transition::Stay => None,
            transition => Some(transition),
        }
    }

    /// An Append was answered with a cursor.
    fn advanced(&mut self, shared: &mut Shared, live: &Live, cursor: u64) -> Transition {
        let Segment { index, range } = live.segment;
        let violation = |violation| Transition::Fail(ErrorKind::Protocol { operation: KIND, violation });
        if cursor > shared.plan.total() && !shared.plan.is_open() {
            return violation(Violation::CursorBeyondEnd);
        }
        if cursor > range.end() {
            return violation(Violation::CursorBeyondSent);
        }
        if cursor < range.start() {
            // Bytes that were acknowledged would be lost: only a Probe is believed to say that.
            let message = alloc::format!("the cursor is said to be back at {cursor}");
            let failure = Failure::answered(ProblemKind::Broken, ServerError::message(message));
            return self.failed(shared, live, &failure);
        }
        if range.is_empty() {
            self.blank = Blank::Stored;
            shared.persist.changed();
        } else if cursor == range.start() {
            // Sent once more without an end, it would never end.
            let failure = Failure::answered(
                ProblemKind::Transient,
                ServerError::message("not one byte of it was taken"),
            );
            return match shared.retry(KIND, &mut self.tries, &failure, Charge::Upload) {
                Ok(due) => {
                    self.due = due;
                    Transition::Stay
                }
                Err(kind) => Transition::Fail(kind),
            };
        } else {
            self.grow(shared, cursor);
        }
        self.size = Size::Proven;
        let stored = ByteRange::at(range.start(), cursor - range.start());
        shared.notify(Event::Stored(Segment { index, range: stored }));
        Transition::Stay
    }

    /// The server holds more than before. What is left goes at once, as if nothing had ever failed.
    fn grow(&mut self, shared: &mut Shared, cursor: u64) {
        let grown = ByteRange::at(self.at, cursor - self.at);
        self.at = cursor;
        (self.tries, self.due) = (Tries::default(), Timestamp::EPOCH);
        shared.budget.grew();
        shared.persist.changed();
        shared.stored_mark = shared.stored_mark.max(self.at);
        shared.sent_mark = shared.sent_mark.max(self.at);
        match shared.spec.rewind {
            Rewind::Possible => {}
            Rewind::UntilReleased => shared.out.push_back(Output::Release(grown)),
        }
    }

    /// A Probe says where the cursor is.
    pub(in crate::upload) fn found_at(
        &mut self,
        shared: &mut Shared,
        cursor: u64,
    ) -> Result<Transition, Violation> {
        if cursor > shared.plan.total() && !shared.plan.is_open() {
            return Err(Violation::CursorBeyondEnd);
        }
        if cursor > self.ours_end {
            return Err(Violation::CursorBeyondSent);
        }
        // The process before may have seen more of the source than is there by now.
        let grown = shared.plan.grow(cursor, &shared.profile.sizing);
        grown.map_err(|_| Violation::CursorBeyondEnd)?;
        self.sent_end = self.sent_end.max(cursor);
        self.ours_end = self.sent_end;
        if cursor > self.at {
            self.grow(shared, cursor);
        } else if cursor < self.at {
            if shared.spec.rewind == Rewind::UntilReleased {
                // Its bytes are released: they can't be sent again.
                let reason = SessionLoss::NotRewindable;
                return Ok(Transition::Fail(ErrorKind::SessionLost { reason }));
            }
            self.went_back += 1;
            if self.went_back > REPAIRS {
                return Err(Violation::CursorWentBack);
            }
            self.at = cursor;
            self.doubt = Doubt::Repeated;
            shared.persist.changed();
            if let Some(transition) = self.cut_again(shared) {
                return Ok(transition);
            }
        } else if self.tries.resets >= SUSPICIOUS && self.size == Size::Untried {
            self.suspect(shared);
        }
        // Where it found the cursor unmoved, the Append before it stays a failed try: it was charged already.
        Ok(Transition::Transfer)
    }

    fn failed(&mut self, shared: &mut Shared, live: &Live, failure: &Failure) -> Transition {
        self.react(shared, live, failure).unwrap_or_else(Transition::Fail)
    }

    fn react(
        &mut self,
        shared: &mut Shared,
        live: &Live,
        failure: &Failure,
    ) -> Result<Transition, ErrorKind> {
        self.due = match judge(KIND, failure, &shared.profile) {
            Verdict::Refused => {
                return Err(ErrorKind::Refused { operation: KIND, failure: failure.clone() });
            }
            Verdict::Misconfigured => {
                return Err(ErrorKind::Misconfigured { operation: KIND, failure: failure.clone() });
            }
            Verdict::Retry { fate: Fate::NotDone } => {
                shared.retry(KIND, &mut self.tries, failure, Charge::Upload)?
            }
            Verdict::Wait => shared.wait(KIND, &mut self.tries, failure)?,
            Verdict::Refresh => shared.refresh(KIND, &live.op, failure)?,
            Verdict::Gone => {
                self.tries.gone += 1;
                if self.tries.gone > 1 {
                    return Ok(Transition::Restart(SessionEnd::Gone, None));
                }
                shared.retry(KIND, &mut self.tries, failure, Charge::Upload)?
            }
            Verdict::Shrink { ceiling } => {
                let due = shared.at_the_earliest(KIND, shared.now, failure)?;
                (self.tries, self.due) = (Tries::default(), due);
                return Ok(self.shrink(shared, live.segment.range.len(), ceiling));
            }
            Verdict::FindOut { fate } | Verdict::Retry { fate } => {
                return self.find_out(shared, live, fate, failure);
            }
            // No verdict on an Append of this family (see the matrix of the judgement): the worst is assumed.
            Verdict::Stored(_) | Verdict::Missing | Verdict::SizeMismatch | Verdict::NothingLeft => {
                return self.find_out(shared, live, Fate::Unknown, failure);
            }
        };
        Ok(Transition::Stay)
    }

    /// Nobody knows how much of it was stored: the server is asked, after the backoff.
    fn find_out(
        &mut self,
        shared: &mut Shared,
        live: &Live,
        fate: Fate,
        failure: &Failure,
    ) -> Result<Transition, ErrorKind> {
        self.unsure_end = self.unsure_end.max(live.segment.range.end());
        match fate {
            Fate::NotDone | Fate::Unknown => {}
            Fate::UnknownAfterReset => self.tries.resets += 1,
        }
        self.due = shared.retry(KIND, &mut self.tries, failure, Charge::Upload)?;
        Ok(Transition::Probe(self.due))
    }

    /// Plans the rest smaller, if it can be done within this session; otherwise says what else.
    fn shrink(&mut self, shared: &mut Shared, refused: u64, told: Option<u64>) -> Transition {
        refused_at(shared, refused, told);
        let ceiling = shared.ceiling.unwrap_or(u64::MAX).min(refused.saturating_sub(1));
        let sizing = shared.profile.sizing;
        let planned = if sizing.uniformity == Uniformity::Uniform && self.at > 0 {
            Err(refused)
        } else {
            shared.plan.shrunk_from(self.at, &sizing, refused / 2, ceiling)
        };
        match planned {
            Ok(plan) => {
                self.replan(shared, plan);
                Transition::Stay
            }
            Err(smallest) => unplannable(shared, refused, ceiling, smallest),
        }
    }

    /// What is to be sent again may be from before a size was refused: then it is cut smaller as well. If that can't be
    /// done within this session, says what else.
    fn cut_again(&mut self, shared: &mut Shared) -> Option<Transition> {
        let ceiling = shared.ceiling?;
        let first = shared.plan.index_at(self.at)?.get();
        let mut rest = (first..).map_while(|index| shared.plan.segment(SegmentIndex::new(index)));
        if rest.all(|segment| segment.range.len() <= ceiling) {
            return None;
        }
        let wanted = shared.plan.chunk_size();
        match shared.plan.shrunk_from(self.at, &shared.profile.sizing, wanted, ceiling) {
            Ok(plan) => {
                self.replan(shared, plan);
                None
            }
            Err(smallest) => Some(unplannable(shared, ceiling.saturating_add(1), ceiling, smallest)),
        }
    }

    /// A size at which every connection is reset, and of which no byte was ever stored, is a suspected "too large". It
    /// costs no new session in this family.
    fn suspect(&mut self, shared: &mut Shared) {
        let Some(size) = self.next(shared).map(|segment| segment.range.len()) else { return };
        let sizing = shared.profile.sizing;
        let ceiling = shared.ceiling.unwrap_or(u64::MAX).min(size.saturating_sub(1));
        if sizing.uniformity == Uniformity::Uniform && self.at > 0 {
            return;
        }
        if let Ok(plan) = shared.plan.shrunk_from(self.at, &sizing, size / 2, ceiling) {
            shared.ceiling = Some(ceiling);
            self.tries.resets = 0;
            self.replan(shared, plan);
        }
    }

    fn replan(&mut self, shared: &mut Shared, plan: Plan) {
        let chunk_size = plan.chunk_size();
        shared.plan = plan;
        self.size = Size::Untried;
        shared.persist.changed();
        shared.notify(Event::Replanned { chunk_size });
    }

    pub(super) fn overdue_at(&self) -> Option<Timestamp> {
        self.live.as_ref().and_then(|live| live.op.wake_at())
    }

    pub(super) fn wake_at(&self, shared: &Shared) -> Option<Timestamp> {
        if self.live.is_some() {
            return self.overdue_at();
        }
        if shared.persist.is_blocked() {
            return None;
        }
        self.next(shared).and_then(|_| shared.ready_at(KIND, self.due))
    }
}

/// How many resets at one size make it suspicious.
const SUSPICIOUS: u32 = 2;

/// Whether an object is complete with this Append, where the last one finalizes.
fn completes(shared: &Shared, live: &Live) -> bool {
    shared.profile.finalize == Finalize::Implicit && shared.plan.ends_at(live.segment.range.end())
}
