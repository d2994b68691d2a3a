//! Probing: asking what the server holds, page by page, and believing the list once it is complete.

use alloc::collections::BTreeMap;

use super::live::LiveOp;
use super::phase::Transition;
use super::shared::{Charge, Shared, unexpected};
use super::step::Step;
use super::transfer::Transfer;
use crate::error::{ErrorKind, Violation};
use crate::event::SessionEnd;
use crate::failure::Failure;
use crate::operation::{Action, OperationKind};
use crate::outcome::{Outcome, Page, Part, Reply};
use crate::ranges::RangeSet;
use crate::retry::{Verdict, judge};
use crate::token::{PageToken, Receipt, Session};

const KIND: OperationKind = OperationKind::Probe;

#[derive(Clone, Debug)]
pub(super) struct Probing {
    pub(super) step: Step,
    page: Option<PageToken>,
    listed: RangeSet,
    receipts: BTreeMap<u32, Receipt>,
}

impl Probing {
    pub(super) fn new() -> Self {
        Self { step: Step::at_once(), page: None, listed: RangeSet::new(), receipts: BTreeMap::new() }
    }

    /// Asks once nothing is under way any more: a list made meanwhile would be out of date.
    pub(super) fn drive(&mut self, shared: &mut Shared, session: &Session, transfer: &Transfer) {
        if transfer.is_quiet() {
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
        match outcome.result {
            Ok(Reply::Probed(page)) => self.take_in(shared, transfer, page).unwrap_or_else(|violation| {
                Transition::Fail(ErrorKind::Protocol { operation: KIND, violation })
            }),
            Ok(reply) => self.failed(shared, live, &unexpected(KIND, &reply)),
            Err(failure) => self.failed(shared, live, &failure),
        }
    }

    fn take_in(
        &mut self,
        shared: &mut Shared,
        transfer: &mut Transfer,
        page: Page,
    ) -> Result<Transition, Violation> {
        self.step = Step::at_once();
        let before = self.listed.bytes();
        for Part { index, len, receipt, range } in page.parts {
            let foreign = Violation::ForeignSegment(index.get());
            let Some(segment) = shared.plan.segment(index) else { return Err(foreign) };
            if len != segment.range.len() || range.is_some_and(|range| range != segment.range) {
                return Err(foreign);
            }
            self.listed.insert(segment.range);
            if let Some(receipt) = receipt {
                self.receipts.insert(index.get(), receipt);
            }
        }
        if let Some(next) = page.next {
            // A page that adds nothing would be the first of endlessly many.
            if self.listed.bytes() == before {
                return Err(Violation::EndlessListing);
            }
            self.page = Some(next);
            return Ok(Transition::Stay);
        }
        let (listed, receipts) = (core::mem::take(&mut self.listed), core::mem::take(&mut self.receipts));
        shared.stored_mark = shared.stored_mark.max(listed.bytes());
        shared.sent_mark = shared.sent_mark.max(listed.bytes());
        shared.persist.changed();
        transfer.replace(listed, receipts, shared);
        Ok(Transition::Transfer)
    }

    fn failed(&mut self, shared: &mut Shared, live: &LiveOp, failure: &Failure) -> Transition {
        let step = &mut self.step;
        let done = match judge(KIND, failure, &shared.profile) {
            Verdict::Retry { after, .. } => step.retry(shared, KIND, failure, after, Charge::Upload),
            Verdict::Wait { after } => step.wait(shared, KIND, failure, after),
            Verdict::Refresh => shared.refresh(live, failure),
            Verdict::Gone => {
                step.tries.gone += 1;
                if step.tries.gone > 1 {
                    return Transition::Restart(SessionEnd::Gone, None);
                }
                step.retry(shared, KIND, failure, None, Charge::Upload)
            }
            Verdict::Refused => Err(ErrorKind::Refused { operation: KIND, failure: failure.clone() }),
            Verdict::Misconfigured => {
                Err(ErrorKind::Misconfigured { operation: KIND, failure: failure.clone() })
            }
            // No verdicts on a Probe (see the matrix of the judgement).
            Verdict::FindOut
            | Verdict::Stored(_)
            | Verdict::Shrink { .. }
            | Verdict::Missing
            | Verdict::SizeMismatch
            | Verdict::NothingLeft => step.retry(shared, KIND, failure, None, Charge::Upload),
        };
        done.map_or_else(Transition::Fail, |()| Transition::Stay)
    }
}
