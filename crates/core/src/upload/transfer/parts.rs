//! The parts family: numbered segments in any order; which one goes next, and what becomes of each.

mod lanes;
mod once;
mod timing;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use self::lanes::{Lanes, Live};
use super::super::live::LiveOp;
use super::super::phase::{Transition, is_listed};
use super::super::probing::Held;
use super::super::shared::{Charge, Shared, Tries, unexpected};
use super::{Answered, Blank, Known, everything_is_stored, refused_at, unplannable};
use crate::checkpoint::Doubt;
use crate::error::{ErrorKind, Violation};
use crate::event::{Event, SessionEnd};
use crate::failure::Failure;
use crate::io::Output;
use crate::operation::{Action, Last, OpId, OperationKind};
use crate::outcome::{Outcome, Reply};
use crate::plan::Plan;
use crate::profile::{Finalize, Receipts, Uniformity};
use crate::range::{Segment, SegmentIndex};
use crate::ranges::RangeSet;
use crate::retry::{Fate, Verdict, judge};
use crate::spec::Rewind;
use crate::time::Timestamp;
use crate::token::{Receipt, Session};
use crate::window::{Ended, Reason};

const KIND: OperationKind = OperationKind::Append;

/// What is known of the segments of one session.
#[derive(Clone, Debug, Hash)]
pub(in crate::upload) struct Parts {
    /// The bytes that the server acknowledged.
    pub(in crate::upload) stored: RangeSet,
    /// The receipts, where Finalize wants them.
    pub(super) receipts: BTreeMap<u32, Receipt>,
    /// One more than the highest index ever sent.
    pub(super) sent_to: u32,
    /// Whether a segment that may have been stored was sent again.
    pub(super) doubt: Doubt,
    /// No segment before it is fresh.
    cursor: u32,
    /// No fresh segment goes before then: the waits of segments that were cut anew hold for what they were cut into.
    fresh_at: Timestamp,
    /// Whether the one segment of an empty source is stored, if it has one.
    blank: Blank,
    /// One more than the highest index that may be stored: everything before it is frozen (invariant 3).
    frozen_to: u32,
    lanes: Lanes,
    /// Segments to be sent again; never more than the window has room for.
    troubled: Vec<Troubled>,
    trial: Trial,
    /// Whether a segment of the present size was stored.
    proven: bool,
    /// The smallest size that was refused and not yet planned around.
    refused: Option<u64>,
    /// Whether a process before this one may have sent what is not known here.
    heir: Heir,
}

/// Whether the first segment of a new size has to go alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Trial {
    Over,
    Alone,
}

/// Whether a session goes on that another process began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Heir {
    No,
    Yes,
}

#[derive(Clone, Debug, Hash)]
struct Troubled {
    index: SegmentIndex,
    due: Timestamp,
    past: Past,
}

/// What happened to a segment so far.
#[derive(Clone, Copy, Debug, Default, Hash)]
struct Past {
    tries: Tries,
    sent: Sent,
}

/// Whether the server may hold a segment that was not acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Sent {
    #[default]
    NotDone,
    Unknown,
}

impl Live {
    /// What the window is told of it when it has ended.
    const fn ended(&self, shared: &Shared) -> Ended {
        Ended { op: self.op.id, next: OpId(shared.next_op), among: self.among }
    }

    /// It came to nothing: the window may be too wide.
    fn lost(&self, shared: &mut Shared) {
        if shared.window.failed(self.ended(shared)) {
            shared.notify(Event::Window { size: shared.window.size() });
        }
    }
}

impl Parts {
    /// Of a new session. A size that was learnt from a refusal is tried alone first.
    pub(super) fn new(shared: &Shared) -> Self {
        Self {
            stored: RangeSet::new(),
            receipts: BTreeMap::new(),
            sent_to: 0,
            doubt: Doubt::None,
            cursor: 0,
            fresh_at: Timestamp::EPOCH,
            blank: Blank::Missing,
            frozen_to: 0,
            lanes: Lanes::default(),
            troubled: Vec::new(),
            trial: if shared.ceiling.is_some() { Trial::Alone } else { Trial::Over },
            proven: false,
            refused: None,
            heir: Heir::No,
        }
    }

    /// Of a session that goes on: everything sent before may be stored.
    pub(super) fn resumed(known: Known, blank: Blank, shared: &Shared) -> Self {
        let Known { stored, receipts, sent_to, doubt } = known;
        // Writing a checkpoint may lag behind what was sent by any number of segments. A list tells of them; where nothing
        // is sent twice, it is written down before it is sent.
        let frozen_to = if is_listed(&shared.profile) || shared.profile.resends_never() {
            sent_to
        } else if shared.plan.is_open() {
            u32::MAX
        } else {
            shared.plan.count()
        };
        Self { stored, receipts, sent_to, doubt, blank, frozen_to, heir: Heir::Yes, ..Self::new(shared) }
    }

    /// What a checkpoint is to hold of it.
    pub(super) fn known(&self) -> Known {
        let Self { stored, receipts, sent_to, doubt, .. } = self;
        Known { stored: stored.clone(), receipts: receipts.clone(), sent_to: *sent_to, doubt: *doubt }
    }

    /// Whether every segment is stored.
    pub(super) fn is_complete(&self, plan: &Plan) -> bool {
        plan.is_tiled_by(&self.stored)
            && (plan.total() > 0 || plan.count() == 0 || self.blank == Blank::Stored)
    }

    fn is_stored(&self, segment: Segment) -> bool {
        if segment.range.is_empty() {
            self.blank == Blank::Stored
        } else {
            self.stored.contains(segment.range)
        }
    }

    /// Moves the timer of a live Append; whether there is one of this name.
    pub(super) fn tell(&mut self, op: OpId, news: impl FnOnce(&mut LiveOp)) -> bool {
        self.lanes.tell(op, news)
    }

    /// Whether a process before this one may have sent what is not known here.
    pub(in crate::upload) const fn may_hold_more(&self) -> bool {
        match self.heir {
            Heir::Yes => true,
            Heir::No => false,
        }
    }

    pub(super) const fn is_quiet(&self) -> bool {
        self.lanes.is_empty()
    }

    /// Bytes of live Appends taken by the wire.
    pub(super) const fn sent_live(&self) -> u64 {
        self.lanes.sent()
    }

    /// Gives up everything under way; what was started may be stored.
    pub(super) fn cancel_all(&mut self, shared: &mut Shared) {
        for live in self.lanes.take_all() {
            shared.cancel(live.op.id);
            if live.op.is_started() {
                self.freeze(live.segment.index);
            } else {
                self.unannounce(shared, live.segment.index);
            }
        }
    }

    /// Takes back what was given out but not started; nothing of it can be stored.
    pub(super) fn recall(&mut self, shared: &mut Shared) {
        while let Some(Live { op, segment, past, among: _ }) = self.lanes.take_unstarted() {
            shared.cancel(op.id);
            self.troubled.push(Troubled { index: segment.index, due: shared.now, past });
        }
    }

    /// Forgets that anything is stored: the server lacks segments and can't say which.
    pub(in crate::upload) fn forget_all(&mut self) {
        self.stored.clear();
        self.receipts.clear();
        self.troubled.clear();
        self.cursor = 0;
        self.blank = Blank::Missing;
        self.doubt = Doubt::Repeated;
    }

    /// The receipt of a segment, from its own answer or from a list.
    pub(in crate::upload) fn receipt(&self, index: SegmentIndex) -> Option<&Receipt> {
        self.receipts.get(&index.get())
    }

    /// Takes over what the server says it holds, complete.
    pub(in crate::upload) fn replace(&mut self, held: Held, shared: &Shared) {
        (self.stored, self.receipts, self.blank) = (held.ranges, held.receipts, held.blank);
        // The list may hold more than this process knows to have sent: that is frozen all the same.
        self.sent_to = self.sent_to.max(held.end);
        self.frozen_to = self.frozen_to.max(held.end);
        self.cursor = 0;
        let mut troubled = core::mem::take(&mut self.troubled);
        troubled.retain(|t| shared.plan.segment(t.index).is_some_and(|segment| !self.is_stored(segment)));
        // What the list does not hold is not stored: sending it is no blind repetition.
        for troubled in &mut troubled {
            troubled.past.sent = Sent::NotDone;
        }
        self.troubled = troubled;
    }

    /// Gives out what may go, and says when everything is there.
    pub(super) fn drive(&mut self, shared: &mut Shared, session: &Session) -> Transition {
        if let Some(refused) = self.refused {
            if !self.lanes.is_empty() {
                return Transition::Stay;
            }
            self.refused = None;
            if let Some(transition) = self.shrink(shared, refused) {
                return transition;
            }
        }
        if shared.persist.is_blocked() {
            return Transition::Stay;
        }
        while self.has_room(shared) && shared.is_ready(KIND) {
            let Some((segment, past)) = self.pick(shared) else { break };
            // Frozen at a size that was refused meanwhile, and lost by the server: it can't go again as it is.
            let (size, ceiling) = (segment.range.len(), shared.ceiling.unwrap_or(u64::MAX));
            if size > ceiling {
                return unplannable(shared, ceiling.saturating_add(1), ceiling, size);
            }
            if shared.profile.resends_never()
                && let Some(transition) = self.announce(shared, segment.index, past)
            {
                return transition;
            }
            self.send(shared, session, segment, past);
        }
        if self.lanes.is_empty() && self.troubled.is_empty() && self.is_complete(&shared.plan) {
            return everything_is_stored(shared);
        }
        Transition::Stay
    }

    fn has_room(&self, shared: &Shared) -> bool {
        let limit = match self.trial {
            Trial::Over => shared.window.size(),
            Trial::Alone => 1,
        };
        self.lanes.len() < limit as usize
    }

    /// The next segment to send: one that is due again, or a fresh one while few are in trouble.
    fn pick(&mut self, shared: &Shared) -> Option<(Segment, Past)> {
        let due = self.troubled.iter().enumerate().filter(|(_, t)| t.due <= shared.now);
        if let Some((i, _)) = due.min_by_key(|(_, t)| t.index) {
            let Troubled { index, past, .. } = self.troubled.swap_remove(i);
            return Some((shared.plan.segment(index)?, past));
        }
        if self.troubled.len() >= shared.window.size() as usize || self.fresh_at > shared.now {
            return None;
        }
        let segment = self.next_fresh(shared)?;
        if segment.range.end() > shared.available {
            return None;
        }
        self.cursor = segment.index.get() + 1;
        // Below what was sent before a resume, the server may hold it.
        let sent = if segment.index.get() < self.frozen_to { Sent::Unknown } else { Sent::NotDone };
        Some((segment, Past { sent, ..Past::default() }))
    }

    /// The first segment from the cursor on that is neither stored nor under way nor in trouble. The cursor may have
    /// been set back behind some of them.
    fn next_fresh(&self, shared: &Shared) -> Option<Segment> {
        let mut index = self.cursor;
        loop {
            let segment = shared.plan.segment(SegmentIndex::new(index))?;
            if let Some(held) = self.stored.covering(segment.range.start()) {
                index = shared.plan.index_at(held.end())?.get();
            } else if self.is_under_way(shared, segment.index) || self.is_stored(segment) {
                index += 1;
            } else {
                return Some(segment);
            }
        }
    }

    fn is_under_way(&self, shared: &Shared, index: SegmentIndex) -> bool {
        // Behind what was ever sent nothing is; where an announcement may have been taken back, that does not say it.
        let may_be = index.get() < self.sent_to || shared.profile.resends_never();
        may_be && (self.troubled.iter().any(|t| t.index == index) || self.lanes.holds(index))
    }

    fn send(&mut self, shared: &mut Shared, session: &Session, segment: Segment, past: Past) {
        if past.sent == Sent::Unknown {
            self.doubt = Doubt::Repeated;
        }
        // Where it is written down before, a first try is not sent again.
        let before = segment.index.get() < self.sent_to
            && (past.tries.attempt() > 1 || !shared.profile.resends_never());
        if before {
            shared.stats.sent_again = shared.stats.sent_again.saturating_add(segment.range.len());
        }
        self.sent_to = self.sent_to.max(segment.index.get() + 1);
        let last = if shared.plan.ends_at(segment.range.end()) { Last::End } else { Last::More };
        let action = Action::Append { session: session.clone(), segment, last };
        let op = shared.perform(past.tries.attempt(), action);
        let among = shared.window.among(self.lanes.len() + 1);
        self.lanes.begin(Live { op, segment, past, among });
    }

    /// What became of an Append.
    pub(super) fn answered(&mut self, shared: &mut Shared, op: OpId, outcome: Outcome) -> Answered {
        let limited = !self.has_room(shared);
        let Some(live) = self.lanes.take(op) else { return Answered::NotOurs(outcome) };
        shared.observe(KIND, &outcome);
        Answered::Ours(match outcome.result {
            Ok(Reply::Stored { receipt, expires }) => {
                if let Err(kind) = self.store(shared, &live, receipt, limited) {
                    return Answered::Ours(Transition::Fail(kind));
                }
                expires.map_or(Transition::Stay, |expires| Transition::Expires(expires.until(shared.now)))
            }
            Ok(Reply::Completed(result)) if self.completes(shared, &live) => Transition::Complete(result),
            Ok(reply) => self.failed(shared, live, &unexpected(KIND, &reply)),
            Err(failure) => self.failed(shared, live, &failure),
        })
    }

    /// Whether every segment is stored or may be.
    pub(super) const fn is_all_sent(&self, plan: &Plan) -> bool {
        self.sent_to >= plan.count()
    }

    /// Whether an object is complete with this Append, where the last one finalizes.
    fn completes(&self, shared: &Shared, live: &Live) -> bool {
        let mut stored = self.stored.clone();
        stored.insert(live.segment.range);
        shared.profile.finalize == Finalize::Implicit && shared.plan.is_tiled_by(&stored)
    }

    fn store(
        &mut self,
        shared: &mut Shared,
        live: &Live,
        receipt: Option<Receipt>,
        limited: bool,
    ) -> Result<(), ErrorKind> {
        let segment = live.segment;
        match (shared.profile.finalize, receipt) {
            (Finalize::Call { receipts: Receipts::Required }, None) => {
                let violation = Violation::ReceiptMissing;
                return Err(ErrorKind::Protocol { operation: KIND, violation });
            }
            (Finalize::Call { receipts: Receipts::Required }, Some(receipt)) => {
                self.receipts.insert(segment.index.get(), receipt);
            }
            (Finalize::Call { receipts: Receipts::NotWanted } | Finalize::Implicit, _) => {}
        }
        self.freeze(segment.index);
        self.trial = Trial::Over;
        self.proven = true;
        if self.stored.insert(segment.range) > 0 {
            shared.budget.grew();
        }
        if segment.range.is_empty() {
            self.blank = Blank::Stored;
        }
        shared.persist.changed();
        shared.stored_mark = shared.stored_mark.max(self.stored.bytes());
        shared.sent_mark = shared.sent_mark.max(self.stored.bytes() + self.sent_live());
        if shared.window.stored(shared.now, live.ended(shared), segment.range.len(), limited) {
            let size = shared.window.size();
            shared.notify(Event::Window { size });
        }
        match shared.spec.rewind {
            Rewind::Possible => {}
            Rewind::UntilReleased => shared.out.push_back(Output::Release(segment.range)),
        }
        shared.notify(Event::Stored(segment));
        Ok(())
    }

    fn failed(&mut self, shared: &mut Shared, live: Live, failure: &Failure) -> Transition {
        self.react(shared, live, failure).unwrap_or_else(Transition::Fail)
    }

    fn react(
        &mut self,
        shared: &mut Shared,
        mut live: Live,
        failure: &Failure,
    ) -> Result<Transition, ErrorKind> {
        let index = live.segment.index;
        let verdict = judge(KIND, failure, &shared.profile);
        if matches!(verdict, Verdict::Retry { fate: Fate::NotDone } | Verdict::Wait | Verdict::Refresh) {
            self.unannounce(shared, index);
        }
        let due = match verdict {
            Verdict::Stored(receipt) => {
                self.store(shared, &live, receipt, false)?;
                return Ok(Transition::Stay);
            }
            Verdict::Refused => {
                let refused = ErrorKind::Refused { operation: KIND, failure: failure.clone() };
                // Not the segment is at fault, perhaps, but that it is there already: no protocol has to have words
                // for that. A new session knows nothing of it.
                return match live.past.sent {
                    Sent::Unknown if failure.is_invalid() => {
                        Ok(Transition::Restart(SessionEnd::RepetitionRefused, Some(refused)))
                    }
                    Sent::Unknown | Sent::NotDone => Err(refused),
                };
            }
            Verdict::Misconfigured => {
                return Err(ErrorKind::Misconfigured { operation: KIND, failure: failure.clone() });
            }
            Verdict::Retry { fate } => {
                live.lost(shared);
                if let Some(restart) = self.doubt_fate(shared, &mut live, fate) {
                    return Ok(restart);
                }
                shared.retry(KIND, &mut live.past.tries, failure, Charge::Upload)?
            }
            Verdict::Wait => {
                let due = shared.wait(KIND, &mut live.past.tries, failure)?;
                if shared.window.throttled(shared.now, live.ended(shared), due, Reason::of(failure)) {
                    shared.notify(Event::Window { size: shared.window.size() });
                }
                due
            }
            Verdict::Refresh => shared.refresh(KIND, &live.op, failure)?,
            Verdict::Gone => {
                live.past.tries.gone += 1;
                if live.past.tries.gone > 1 {
                    return Ok(Transition::Restart(SessionEnd::Gone, None));
                }
                // Many segments may have seen it once each: if that uses up the budget, it is believed as well.
                match shared.retry(KIND, &mut live.past.tries, failure, Charge::Upload) {
                    Ok(due) => due,
                    Err(kind @ ErrorKind::Exhausted { .. }) => {
                        return Ok(Transition::Restart(SessionEnd::Gone, Some(kind)));
                    }
                    Err(kind) => return Err(kind),
                }
            }
            Verdict::Shrink { ceiling } => {
                shared.go_on(KIND, failure)?;
                let size = live.segment.range.len();
                refused_at(shared, size, ceiling);
                self.refused = Some(self.refused.map_or(size, |known| known.min(size)));
                shared.now
            }
            Verdict::FindOut { .. } if shared.profile.resends_never() => {
                return Err(ErrorKind::FinalizeUnknown { failure: failure.clone() });
            }
            Verdict::FindOut { fate } => {
                live.lost(shared);
                if let Some(restart) = self.doubt_fate(shared, &mut live, fate) {
                    return Ok(restart);
                }
                let due = shared.retry(KIND, &mut live.past.tries, failure, Charge::Upload)?;
                self.troubled.push(Troubled { index, due, past: live.past });
                return Ok(Transition::Probe(Timestamp::EPOCH));
            }
            // No verdict on an Append (see the matrix of the judgement): the worst is assumed.
            Verdict::Missing | Verdict::SizeMismatch | Verdict::NothingLeft => {
                self.freeze(index);
                live.past.sent = Sent::Unknown;
                shared.retry(KIND, &mut live.past.tries, failure, Charge::Upload)?
            }
        };
        self.troubled.push(Troubled { index, due, past: live.past });
        Ok(Transition::Stay)
    }

    /// Takes in what the server may hold of a failed Append. A connection that is reset twice at a size that never
    /// went through counts as a suspected "too large": the segment is frozen, so that takes a new session.
    fn doubt_fate(&mut self, shared: &mut Shared, live: &mut Live, fate: Fate) -> Option<Transition> {
        match fate {
            Fate::NotDone => return None,
            Fate::Unknown | Fate::UnknownAfterReset => {}
        }
        self.freeze(live.segment.index);
        live.past.sent = Sent::Unknown;
        if fate != Fate::UnknownAfterReset {
            return None;
        }
        live.past.tries.resets += 1;
        let size = live.segment.range.len();
        if live.past.tries.resets != 2 || self.proven || shared.may_restart().is_err() {
            return None;
        }
        let ceiling = shared.ceiling.unwrap_or(u64::MAX).min(size.saturating_sub(1));
        shared.plan.shrunk(0, &shared.profile.sizing, ceiling, ceiling).ok()?;
        shared.ceiling = Some(ceiling);
        Some(Transition::Restart(SessionEnd::Unplannable, None))
    }

    /// Plans the rest smaller, if it can be done within this session; otherwise says what else.
    fn shrink(&mut self, shared: &mut Shared, refused: u64) -> Option<Transition> {
        let keep = self.frozen_to;
        let ceiling = shared.ceiling.unwrap_or(u64::MAX).min(refused.saturating_sub(1));
        let sizing = shared.profile.sizing;
        // What is frozen can't get smaller than it is, and nothing before the refused one is.
        let is_hole = |t: &Troubled| t.index.get() < keep;
        let uneven = sizing.uniformity == Uniformity::Uniform && keep > 0;
        let planned = if uneven || self.troubled.iter().any(is_hole) {
            Err(refused)
        } else {
            shared.plan.shrunk(keep, &sizing, refused / 2, ceiling)
        };
        let smallest = match planned {
            Ok(plan) => {
                let chunk_size = plan.chunk_size();
                shared.plan = plan;
                let cut = self.troubled.iter().filter(|t| t.index.get() >= keep).map(|t| t.due).max();
                self.fresh_at = self.fresh_at.max(cut.unwrap_or_default());
                self.troubled.retain(|t| t.index.get() < keep);
                self.cursor = self.cursor.min(keep);
                self.sent_to = self.sent_to.min(keep);
                self.trial = Trial::Alone;
                self.proven = false;
                // Invariant 8: whoever goes on from the old cut would use its indexes for other bytes.
                shared.persist.barrier();
                shared.notify(Event::Replanned { chunk_size });
                return None;
            }
            Err(smallest) => smallest,
        };
        Some(unplannable(shared, refused, ceiling, smallest))
    }

    const fn freeze(&mut self, index: SegmentIndex) {
        if self.frozen_to <= index.get() {
            self.frozen_to = index.get() + 1;
        }
    }
}
