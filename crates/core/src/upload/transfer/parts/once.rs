//! What must not be sent twice (`Resend::Never`).

use super::{Parts, Past, Sent, Troubled};
use crate::error::ErrorKind;
use crate::failure::{Cut, Detail, Failure};
use crate::range::SegmentIndex;
use crate::upload::phase::Transition;
use crate::upload::shared::Shared;

/// What a process before this one sent is not sent again.
#[cold]
fn cut_off() -> ErrorKind {
    let detail = Detail::new("the upload was interrupted after its bytes may have been sent");
    ErrorKind::FinalizeUnknown { failure: Failure::Unknown { cut: Cut::Ambiguous { after: None }, detail } }
}

impl Parts {
    /// Writes down that a segment is about to be sent which must not be sent twice: whoever goes on from a checkpoint
    /// knows then that it may be stored.
    ///
    /// If it may not go, or not yet, says what else.
    #[cold]
    #[inline(never)]
    pub(super) fn announce(
        &mut self,
        shared: &mut Shared,
        index: SegmentIndex,
        past: Past,
    ) -> Option<Transition> {
        if past.sent == Sent::Unknown {
            return Some(Transition::Fail(cut_off()));
        }
        if index.get() < self.sent_to {
            return None;
        }
        self.sent_to = index.get() + 1;
        self.troubled.push(Troubled { index, due: shared.now, past });
        shared.persist.barrier();
        Some(Transition::Stay)
    }

    /// What an end that leaves nothing is called: if what must not be sent twice may be done, that nobody knows. Whoever
    /// began anew for any other reason would send it twice.
    #[cold]
    pub(in crate::upload::transfer) fn told(&self, kind: ErrorKind) -> ErrorKind {
        let may_be_done = self.frozen_to > 0 || self.lanes.iter().any(|live| live.op.is_started());
        match kind {
            ErrorKind::Cancelled
            | ErrorKind::Deadline { .. }
            | ErrorKind::Persist
            | ErrorKind::SourceChanged
            | ErrorKind::SourceUnreadable { .. }
                if may_be_done =>
            {
                cut_off()
            }
            // It says so itself, or comes of an answer that says otherwise.
            kind => kind,
        }
    }

    /// Takes that back: the server certainly holds nothing of it.
    #[cold]
    pub(super) fn unannounce(&mut self, shared: &mut Shared, index: SegmentIndex) {
        if shared.profile.resends_never() {
            self.sent_to = self.sent_to.min(index.get());
            shared.persist.changed();
        }
    }
}
