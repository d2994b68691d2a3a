//! What time brings about.

use super::{KIND, Live, Parts};
use crate::time::Timestamp;
use crate::upload::live::Quiet;
use crate::upload::phase::Transition;
use crate::upload::shared::{Shared, timed_out};

impl Parts {
    /// Gives up the Appends that are overdue; what follows, if anything does.
    #[inline]
    pub(in crate::upload::transfer) fn expire(&mut self, shared: &mut Shared) -> Option<Transition> {
        // Asked at every input, and nearly always nothing is.
        if self.quiet.lasts(shared.now) { None } else { self.expire_all(shared) }
    }

    #[cold]
    fn expire_all(&mut self, shared: &mut Shared) -> Option<Transition> {
        let (now, timeouts) = (shared.now, shared.policy.timeouts);
        let overdue = |live: &Live| live.op.overdue(now, &timeouts);
        while let Some((i, why)) = self.live.iter().enumerate().find_map(|(i, l)| Some((i, overdue(l)?))) {
            let live = self.live.swap_remove(i);
            shared.cancel(live.op.id);
            match self.failed(shared, live, &timed_out(why)) {
                Transition::Stay => {}
                transition => return Some(transition),
            }
        }
        self.quiet = Quiet::until(self.overdue_at());
        None
    }

    /// When something under way becomes overdue.
    pub(in crate::upload::transfer) fn overdue_at(&self) -> Option<Timestamp> {
        self.live.iter().filter_map(|live| live.op.wake_at()).min()
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
