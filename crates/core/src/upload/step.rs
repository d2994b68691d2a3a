//! One operation that is due or under way, with its tries: what every phase but the transfer consists of.

use super::live::LiveOp;
use super::shared::{Charge, Shared, Tries};
use crate::error::ErrorKind;
use crate::failure::Failure;
use crate::operation::{Action, OpId, OperationKind};
use crate::time::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Step {
    pub(super) tries: Tries,
    next: Next,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Next {
    Due(Timestamp),
    Live(LiveOp),
}

impl Step {
    /// Due at once.
    pub(super) fn at_once() -> Self {
        Self::due_at(Timestamp::EPOCH)
    }

    /// Due then.
    pub(super) fn due_at(at: Timestamp) -> Self {
        Self { tries: Tries::default(), next: Next::Due(at) }
    }

    /// Due then, with what was tried before.
    pub(super) const fn after(tries: Tries, at: Timestamp) -> Self {
        Self { tries, next: Next::Due(at) }
    }

    pub(super) const fn live(&self) -> Option<&LiveOp> {
        match &self.next {
            Next::Live(live) => Some(live),
            Next::Due(_) => None,
        }
    }

    pub(super) const fn live_mut(&mut self) -> Option<&mut LiveOp> {
        match &mut self.next {
            Next::Live(live) => Some(live),
            Next::Due(_) => None,
        }
    }

    /// Gives the operation out if it is due and nothing stands in its way.
    pub(super) fn drive(&mut self, shared: &mut Shared, action: impl FnOnce() -> Action) {
        let Next::Due(at) = self.next else { return };
        if at > shared.now {
            return;
        }
        let action = action();
        if shared.is_ready(action.kind()) {
            self.next = Next::Live(shared.perform(self.tries.attempt(), action));
        }
    }

    /// Takes the operation out if it is the one under way; it is due at once unless said otherwise.
    pub(super) fn take(&mut self, op: OpId) -> Option<LiveOp> {
        if self.live()?.id != op {
            return None;
        }
        self.take_live()
    }

    /// Takes the operation out that is under way, whichever it is.
    pub(super) fn take_live(&mut self) -> Option<LiveOp> {
        match core::mem::replace(&mut self.next, Next::Due(Timestamp::EPOCH)) {
            Next::Live(live) => Some(live),
            due @ Next::Due(_) => {
                self.next = due;
                None
            }
        }
    }

    /// Puts it off until then.
    pub(super) fn put_off(&mut self, until: Timestamp) {
        self.next = Next::Due(until);
    }

    /// After a failed try: once more, later.
    pub(super) fn retry(
        &mut self,
        shared: &mut Shared,
        kind: OperationKind,
        failure: &Failure,
        charge: Charge,
    ) -> Result<(), ErrorKind> {
        let at = shared.retry(kind, &mut self.tries, failure, charge)?;
        self.put_off(at);
        Ok(())
    }

    /// The server is not ready: once more, later.
    pub(super) fn wait(
        &mut self,
        shared: &mut Shared,
        kind: OperationKind,
        failure: &Failure,
    ) -> Result<(), ErrorKind> {
        let at = shared.wait(kind, &mut self.tries, failure)?;
        self.put_off(at);
        Ok(())
    }

    /// The credentials were refused: once more with new ones.
    pub(super) fn refresh(
        &mut self,
        shared: &mut Shared,
        kind: OperationKind,
        live: &LiveOp,
        failure: &Failure,
    ) -> Result<(), ErrorKind> {
        let at = shared.refresh(kind, live, failure)?;
        self.put_off(at);
        Ok(())
    }

    /// When it wants to be looked at again.
    pub(super) fn wake_at(&self, shared: &Shared, kind: OperationKind) -> Option<Timestamp> {
        match &self.next {
            Next::Due(at) => shared.ready_at(kind, *at),
            Next::Live(live) => live.wake_at(),
        }
    }
}
