//! The transfer: how the bytes of one session go, in either family.

mod cursor;
mod parts;

use alloc::collections::BTreeMap;

pub(super) use self::cursor::Cursor;
pub(super) use self::parts::Parts;
use super::finishing::Earlier;
use super::live::LiveOp;
use super::phase::Transition;
use super::shared::{Shared, Tries};
use crate::checkpoint::Doubt;
use crate::error::ErrorKind;
use crate::event::SessionEnd;
use crate::operation::OpId;
use crate::outcome::Outcome;
use crate::plan::Plan;
use crate::profile::{Finalize, Transfer as Family};
use crate::ranges::RangeSet;
use crate::time::Timestamp;
use crate::token::{Receipt, Session};

/// What is known of the bytes of one session, in the profile's family.
#[derive(Clone, Debug, Hash)]
pub(super) enum Transfer {
    /// Numbered segments in any order.
    Parts(Parts),
    /// One writer; the server owns the offset.
    Append(Cursor),
}

/// Whether a segment without a byte is stored: no range can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Blank {
    Missing,
    Stored,
}

/// Whether an outcome belonged to a live Append, and what follows.
pub(super) enum Answered {
    Ours(Transition),
    NotOurs(Outcome),
}

/// What a checkpoint holds of a transfer.
pub(super) struct Known {
    pub(super) stored: RangeSet,
    pub(super) receipts: BTreeMap<u32, Receipt>,
    /// One more than the highest index that may have been sent.
    pub(super) sent_to: u32,
    pub(super) doubt: Doubt,
}

impl Transfer {
    /// Of a new session.
    pub(super) fn new(shared: &Shared) -> Self {
        match shared.profile.transfer {
            Family::Parts(_) => Self::Parts(Parts::new(shared)),
            Family::Append(_) => Self::Append(Cursor::new()),
        }
    }

    /// Of a session that goes on.
    pub(super) fn resumed(known: Known, blank: Blank, shared: &Shared) -> Self {
        match shared.profile.transfer {
            Family::Parts(_) => Self::Parts(Parts::resumed(known, blank, shared)),
            Family::Append(_) => Self::Append(Cursor::resumed(&known, blank, &shared.plan)),
        }
    }

    /// What a checkpoint is to hold of it.
    pub(super) fn known(&self, plan: &Plan) -> Known {
        match self {
            Self::Parts(parts) => parts.known(),
            Self::Append(cursor) => cursor.known(plan),
        }
    }

    /// How many bytes the server acknowledged and is not known to have lost.
    pub(super) const fn stored_bytes(&self) -> u64 {
        match self {
            Self::Parts(parts) => parts.stored.bytes(),
            Self::Append(cursor) => cursor.at(),
        }
    }

    /// The receipts in index order, where Finalize wants them; the append family has none.
    pub(super) fn receipts(&self) -> impl Iterator<Item = &Receipt> {
        match self {
            Self::Parts(parts) => Some(parts.receipts.values()),
            Self::Append(_) => None,
        }
        .into_iter()
        .flatten()
    }

    /// Whether a segment that may have been stored was sent again.
    pub(super) const fn doubt(&self) -> Doubt {
        match self {
            Self::Parts(parts) => parts.doubt,
            Self::Append(cursor) => cursor.doubt(),
        }
    }

    /// Whether every segment is stored or may be.
    pub(super) const fn is_all_sent(&self, plan: &Plan) -> bool {
        match self {
            Self::Parts(parts) => parts.is_all_sent(plan),
            Self::Append(cursor) => cursor.is_all_sent(plan),
        }
    }

    /// Whether every segment is stored.
    pub(super) fn is_complete(&self, plan: &Plan) -> bool {
        match self {
            Self::Parts(parts) => parts.is_complete(plan),
            Self::Append(cursor) => cursor.is_complete(plan),
        }
    }

    /// What an end that leaves nothing is called.
    pub(super) fn told(&self, shared: &Shared, kind: ErrorKind) -> ErrorKind {
        match self {
            Self::Parts(parts) if shared.profile.resends_never() => parts.told(kind),
            Self::Parts(_) | Self::Append(_) => kind,
        }
    }

    /// Moves the timer of a live Append; whether there is one of this name.
    pub(super) fn tell(&mut self, op: OpId, news: impl FnOnce(&mut LiveOp)) -> bool {
        match self {
            Self::Parts(parts) => parts.tell(op, news),
            Self::Append(cursor) => cursor.tell(op, news),
        }
    }

    /// Whether a process before this one may have sent what is not known here, the end of the source included.
    pub(super) const fn may_hold_more(&self) -> bool {
        match self {
            Self::Parts(parts) => parts.may_hold_more(),
            Self::Append(cursor) => cursor.may_hold_more(),
        }
    }

    /// Whether no Append is under way.
    pub(super) const fn is_quiet(&self) -> bool {
        match self {
            Self::Parts(parts) => parts.is_quiet(),
            // Its one Append has ended before anything is asked.
            Self::Append(_) => true,
        }
    }

    /// Bytes of live Appends taken by the wire.
    pub(super) fn sent_live(&self) -> u64 {
        match self {
            Self::Parts(parts) => parts.sent_live(),
            Self::Append(cursor) => cursor.sent_live(),
        }
    }

    /// Gives up everything under way.
    pub(super) fn cancel_all(&mut self, shared: &mut Shared) {
        match self {
            Self::Parts(parts) => parts.cancel_all(shared),
            Self::Append(cursor) => cursor.cancel_all(shared),
        }
    }

    /// Takes back what was given out but not started; nothing of it can be stored.
    pub(super) fn recall(&mut self, shared: &mut Shared) {
        match self {
            Self::Parts(parts) => parts.recall(shared),
            Self::Append(cursor) => cursor.recall(shared),
        }
    }

    /// Gives out what may go, and says when everything is there.
    pub(super) fn drive(&mut self, shared: &mut Shared, session: &Session) -> Transition {
        match self {
            Self::Parts(parts) => parts.drive(shared, session),
            Self::Append(cursor) => cursor.drive(shared, session),
        }
    }

    /// What became of an Append, if it is of one.
    pub(super) fn answered(&mut self, shared: &mut Shared, op: OpId, outcome: Outcome) -> Answered {
        match self {
            Self::Parts(parts) => parts.answered(shared, op, outcome),
            Self::Append(cursor) => cursor.answered(shared, op, outcome),
        }
    }

    /// Gives up the Appends that are overdue; what follows, if anything does.
    #[inline]
    pub(super) fn expire(&mut self, shared: &mut Shared) -> Option<Transition> {
        match self {
            Self::Parts(parts) => parts.expire(shared),
            Self::Append(cursor) => cursor.expire(shared),
        }
    }

    /// When something under way becomes overdue.
    pub(super) fn overdue_at(&self) -> Option<Timestamp> {
        match self {
            Self::Parts(parts) => parts.overdue_at(),
            Self::Append(cursor) => cursor.overdue_at(),
        }
    }

    /// When something becomes due, or overdue.
    pub(super) fn wake_at(&self, shared: &Shared) -> Option<Timestamp> {
        match self {
            Self::Parts(parts) => parts.wake_at(shared),
            Self::Append(cursor) => cursor.wake_at(shared),
        }
    }
}

/// What follows once every byte is stored.
fn everything_is_stored(shared: &Shared) -> Transition {
    match shared.profile.finalize {
        Finalize::Call { .. } => Transition::Finalize(Tries::default(), Timestamp::EPOCH, Earlier::None),
        Finalize::Implicit => Transition::Unfinished,
    }
}

/// Takes in that the server refused segments of this size, and what it said of those it takes.
fn refused_at(shared: &mut Shared, size: u64, told: Option<u64>) {
    let below = size.saturating_sub(1);
    let ceiling = told.filter(|told| *told > 0).map_or(below, |told| told.min(below));
    shared.ceiling = Some(shared.ceiling.map_or(ceiling, |known| known.min(ceiling)));
}

/// What follows if the rest can't be cut below a refused size within this session: a new one, if it can be done there.
fn unplannable(shared: &Shared, refused: u64, ceiling: u64, smallest: u64) -> Transition {
    match shared.plan.shrunk(0, &shared.profile.sizing, ceiling, ceiling) {
        Ok(_) => {
            let otherwise = ErrorKind::TooLarge { refused, smallest };
            Transition::Restart(SessionEnd::Unplannable, Some(otherwise))
        }
        Err(smallest) => Transition::Fail(ErrorKind::TooLarge { refused, smallest }),
    }
}
