//! Probing: asking what the server holds; a list page by page, believed once it is complete, or where its cursor is.

use alloc::collections::BTreeMap;

use super::live::LiveOp;
use super::phase::Transition;
use super::shared::{Charge, Shared, unexpected};
use super::step::Step;
use super::transfer::{Blank, Parts, Transfer};
use crate::error::{ErrorKind, SessionLoss, Violation};
use crate::event::SessionEnd;
use crate::failure::Failure;
use crate::operation::{Action, OperationKind};
use crate::outcome::{Outcome, Page, Part, Reply};
use crate::profile::{Finalize, Receipts};
use crate::range::{ByteRange, Segment, SegmentIndex};
use crate::ranges::RangeSet;
use crate::retry::{Verdict, judge};
use crate::spec::Rewind;
use crate::time::Timestamp;
use crate::token::{PageToken, Receipt, Session};

const KIND: OperationKind = OperationKind::Probe;

#[derive(Clone, Debug, Hash)]
pub(super) struct Probing {
    pub(super) step: Step,
    page: Option<PageToken>,
    held: Held,
    asks: Asks,
}

/// When it may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Asks {
    Now,
    /// Once it is known where the source ends: the server says it has all of it.
    AtTheEnd,
}

/// What the server says it holds.
#[derive(Clone, Debug, Hash)]
pub(super) struct Held {
    pub(super) ranges: RangeSet,
    pub(super) receipts: BTreeMap<u32, Receipt>,
    pub(super) blank: Blank,
    /// One more than the highest index.
    pub(super) end: u32,
}

impl Probing {
    pub(super) fn new() -> Self {
        Self::due_at(Timestamp::EPOCH)
    }

    /// Not before then.
    pub(super) fn due_at(at: Timestamp) -> Self {
        let held = Held { ranges: RangeSet::new(), receipts: BTreeMap::new(), blank: Blank::Missing, end: 0 };
        Self { step: Step::due_at(at), page: None, held, asks: Asks::Now }
    }

    /// Asks once nothing is under way any more: a list made meanwhile would be out of date.
    pub(super) fn drive(&mut self, shared: &mut Shared, session: &Session, transfer: &Transfer) {
        let may_ask = match self.asks {
            Asks::Now => true,
            Asks::AtTheEnd => !shared.plan.is_open(),
        };
        if transfer.is_quiet() && may_ask {
            let (session, page) = (session.clone(), self.page.clone());
            self.step.drive(shared, || Action::Probe { session, page });
        }
    }

    /// What became of a Probe.
    pub(super) fn answered(
        &mut self,
        shared: &mut Shared,
        transfer: &mut Transfer,
        live: &LiveOp,
        outcome: Outcome,
    ) -> Transition {
        let found = match (outcome.result, transfer) {
            (Ok(Reply::Probed(page)), Transfer::Parts(parts)) => self.take_in(shared, parts, page),
            (Ok(Reply::Advanced { cursor, expires: _ }), Transfer::Append(known)) => {
                known.found_at(shared, cursor)
            }
            // Where the last Append finalizes, its answer may have been lost.
            (Ok(Reply::Completed(result)), _)
                if shared.profile.finalize == Finalize::Implicit && !shared.plan.is_open() =>
            {
                Ok(Transition::Complete(result))
            }
            // The process before this one may have come to an end that is not known here yet.
            (Ok(Reply::Completed(_)), transfer)
                if shared.profile.finalize == Finalize::Implicit && transfer.may_hold_more() =>
            {
                self.asks = Asks::AtTheEnd;
                Ok(Transition::Stay)
            }
            (Ok(reply), _) => Ok(self.failed(shared, live, &unexpected(KIND, &reply))),
            (Err(failure), _) => Ok(self.failed(shared, live, &failure)),
        };
        found.unwrap_or_else(|violation| {
            let foreign = matches!(violation, Violation::ForeignSegment(_) | Violation::CursorBeyondSent);
            let error = ErrorKind::Protocol { operation: KIND, violation };
            // Never finalized over; a session of our own gives the same object.
            if foreign {
                Transition::Restart(SessionEnd::Foreign, Some(error))
            } else {
                Transition::Fail(error)
            }
        })
    }

    fn take_in(
        &mut self,
        shared: &mut Shared,
        parts: &mut Parts,
        page: Page,
    ) -> Result<Transition, Violation> {
        self.step = Step::at_once();
        let before = self.held.ranges.bytes();
        for Part { index, len, receipt, range } in page.parts {
            let foreign = Violation::ForeignSegment(index.get());
            let Some(segment) = listed(shared, parts, index) else { return Err(foreign) };
            // Some servers list without receipts, and some list what they are still being sent: there is for sure what has a
            // receipt, from the list or from the answer of its own. The rest goes again.
            let wanted = matches!(shared.profile.finalize, Finalize::Call { receipts: Receipts::Required });
            let receipt = receipt.or_else(|| parts.receipt(index).cloned()).filter(|_| wanted);
            let doubtful = wanted && receipt.is_none();
            // The end of the source, which the process before knew: it goes again once it is known here.
            let beyond = shared.plan.segment(index).is_none();
            let held = ByteRange::at(segment.range.start(), len);
            let whole = held == segment.range;
            let shorter = held.end() < segment.range.end();
            let may_be = whole || (shorter && (beyond || doubtful));
            if !may_be || range.is_some_and(|range| range != held) {
                return Err(foreign);
            }
            if doubtful {
                self.held.end = self.held.end.max(index.get() + 1);
                continue;
            }
            if beyond {
                shared.plan.grow(held.end(), &shared.profile.sizing).map_err(|_| foreign)?;
            }
            if !whole {
                self.held.end = self.held.end.max(index.get() + 1);
                continue;
            }
            if let Some(receipt) = receipt {
                self.held.receipts.insert(index.get(), receipt);
            }
            self.held.ranges.insert(segment.range);
            self.held.end = self.held.end.max(index.get() + 1);
            if segment.range.is_empty() {
                self.held.blank = Blank::Stored;
            }
        }
        if let Some(next) = page.next {
            // A page that adds nothing would be the first of endlessly many.
            if self.held.ranges.bytes() == before {
                return Err(Violation::EndlessListing);
            }
            self.page = Some(next);
            return Ok(Transition::Stay);
        }
        let held = self.held.clone();
        let forgotten = |range| !held.ranges.contains(range);
        if shared.spec.rewind == Rewind::UntilReleased && parts.stored.iter().any(forgotten) {
            // Its bytes are released: they can't be sent again.
            let reason = SessionLoss::NotRewindable;
            return Ok(Transition::Fail(ErrorKind::SessionLost { reason }));
        }
        shared.stored_mark = shared.stored_mark.max(held.ranges.bytes());
        shared.sent_mark = shared.sent_mark.max(held.ranges.bytes());
        shared.persist.changed();
        parts.replace(held, shared);
        Ok(Transition::Transfer)
    }

    /// When it wants to be looked at again.
    pub(super) fn wake_at(&self, shared: &Shared) -> Option<Timestamp> {
        match self.asks {
            Asks::AtTheEnd if shared.plan.is_open() => None,
            Asks::Now | Asks::AtTheEnd => self.step.wake_at(shared, KIND),
        }
    }

    fn failed(&mut self, shared: &mut Shared, live: &LiveOp, failure: &Failure) -> Transition {
        let step = &mut self.step;
        let done = match judge(KIND, failure, &shared.profile) {
            Verdict::Retry { .. } => step.retry(shared, KIND, failure, Charge::Upload),
            Verdict::Wait => step.wait(shared, KIND, failure),
            Verdict::Refresh => step.refresh(shared, KIND, live, failure),
            Verdict::Gone => {
                step.tries.gone += 1;
                if step.tries.gone > 1 {
                    return Transition::Restart(SessionEnd::Gone, None);
                }
                step.retry(shared, KIND, failure, Charge::Upload)
            }
            Verdict::Refused => Err(ErrorKind::Refused { operation: KIND, failure: failure.clone() }),
            Verdict::Misconfigured => {
                Err(ErrorKind::Misconfigured { operation: KIND, failure: failure.clone() })
            }
            // No verdicts on a Probe (see the matrix of the judgement).
            Verdict::FindOut { .. }
            | Verdict::Stored(_)
            | Verdict::Shrink { .. }
            | Verdict::Missing
            | Verdict::SizeMismatch
            | Verdict::NothingLeft => step.retry(shared, KIND, failure, Charge::Upload),
        };
        done.map_or_else(Transition::Fail, |()| Transition::Stay)
    }
}

/// The segment that a server lists under this index. Of a source whose end is not known it may be one that only the process
/// before has seen whole.
fn listed(shared: &Shared, parts: &Parts, index: SegmentIndex) -> Option<Segment> {
    let beyond = || {
        let may_be = parts.may_hold_more() && index.get() < shared.profile.sizing.max_count;
        if may_be { shared.plan.planned(index) } else { None }
    };
    shared.plan.segment(index).or_else(beyond)
}
