//! What time brings about.

use super::{KIND, Parts};
use crate::time::Timestamp;
use crate::upload::phase::Transition;
use crate::upload::shared::{Shared, timed_out};

impl Parts {
    /// Gives up the Appends that are overdue; what follows, if anything does.
    #[inline]
    pub(in crate::upload::transfer) fn expire(&mut self, shared: &mut Shared) -> Option<Transition> {
        // Asked at every input, and nearly always nothing is.
        if self.lanes.overdue_at().is_some_and(|at| at <= shared.now) {
            self.expire_all(shared)
        } else {
            None
        }
    }

    #[cold]
    fn expire_all(&mut self, shared: &mut Shared) -> Option<Transition> {
        let (now, timeouts) = (shared.now, shared.policy.timeouts);
        while let Some((live, why)) = self.lanes.take_overdue(now, &timeouts) {
            shared.cancel(live.op.id);
            match self.failed(shared, live, &timed_out(why)) {
                Transition::Stay => {}
                transition => return Some(transition),
            }
        }
        None
    }

    /// When something under way becomes overdue.
    pub(in crate::upload::transfer) const fn overdue_at(&self) -> Option<Timestamp> {
        self.lanes.overdue_at()
    }

    /// When something becomes due, or overdue.
    pub(in crate::upload::transfer) fn wake_at(&self, shared: &Shared) -> Option<Timestamp> {
        let overdue = self.overdue_at();
        let may_send = self.has_room(shared) && !shared.persist.is_blocked() && self.refused.is_none();
        let due = if may_send {
            let troubled = self.troubled.iter().map(|t| t.due).min();
            // A fresh one is due at once; only the pacer can stand in its way.
            let fresh = self
                .next_fresh(shared)
                .filter(|s| s.range.end() <= shared.available)
                .filter(|_| self.troubled.len() < shared.window.size() as usize)
                .map(|_| shared.now.max(self.fresh_at));
            troubled.into_iter().chain(fresh).min().and_then(|due| shared.ready_at(KIND, due))
        } else {
            None
        };
        // What is due already waits for something else than time.
        overdue.into_iter().chain(due.filter(|due| *due > shared.now)).min()
    }
}
