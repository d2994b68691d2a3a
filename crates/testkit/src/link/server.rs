//! The server at the end of a link: it takes everything, throttles, and makes mistakes.

use std::borrow::Cow;
use std::time::Duration;

use chunkwise_core::{
    Action, ByteRange, Delay, Empty, Failure, Final, Outcome, Problem, ProblemKind, Processed, Profile,
    RangeSet, Reply, ServerError, Session, Sizing, Timestamp, Verify,
};

use super::Throttle;
use crate::smooth;

/// What it holds, and how much it has answered.
#[derive(Clone, Debug)]
pub(super) struct Server {
    throttle: Throttle,
    start: Timestamp,
    stored: RangeSet,
    /// The number of the present period, and how many Appends were answered in it.
    period: u64,
    answered: u32,
    under_way: u32,
}

/// Whether there is a place for an Append when it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Free,
    Taken,
}

impl Server {
    pub(super) const fn new(throttle: Throttle, start: Timestamp) -> Self {
        Self { throttle, start, stored: RangeSet::new(), period: 0, answered: 0, under_way: 0 }
    }

    /// A server of numbered segments, of any size and any number.
    pub(super) fn profile() -> Profile {
        let like_x = smooth::profile();
        let sizing = Sizing { max: u64::MAX, empty: Empty::OneSegment, ..like_x.sizing };
        let (verify, processing) = (Verify::Unsupported, Processed::Never);
        Profile { name: Cow::Borrowed("link"), sizing, verify, processing, ..like_x }
    }

    /// An Append begins.
    pub(super) const fn begins(&mut self) -> Place {
        self.under_way += 1;
        match self.throttle {
            Throttle::AtOnce { most, .. } if self.under_way > most => Place::Taken,
            Throttle::AtOnce { .. } | Throttle::Quota { .. } | Throttle::Never => Place::Free,
        }
    }

    /// An Append is over, however it ended.
    pub(super) const fn ends(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// An Append has arrived as a whole.
    pub(super) fn append(&mut self, now: Timestamp, range: ByteRange, place: Place) -> Outcome {
        match (self.throttle, place) {
            (Throttle::AtOnce { wait, .. }, Place::Taken) => return throttled(Delay::After(wait)),
            (Throttle::Quota { requests, period }, _) => {
                let micros = u64::try_from(period.as_micros()).unwrap_or(u64::MAX).max(1);
                let n = now.since(self.start).as_micros() as u64 / micros;
                if n != self.period {
                    (self.period, self.answered) = (n, 0);
                }
                if self.answered >= requests {
                    let reset = self.start.after(Duration::from_micros((n + 1) * micros));
                    return throttled(Delay::At(reset));
                }
                self.answered += 1;
            }
            (Throttle::AtOnce { .. } | Throttle::Never, _) => {}
        }
        self.stored.insert(range);
        Reply::Stored { receipt: None, expires: None }.into()
    }

    /// Any other request has arrived.
    pub(super) fn other(&self, action: &Action) -> Outcome {
        match action {
            Action::Init { .. } => Reply::Opened { session: Session::new("1"), expires: None }.into(),
            Action::Finalize { total, .. } if self.stored.tiles(*total) => {
                let (id, size, body) = ("1".into(), Some(*total), bytes::Bytes::new());
                Reply::Completed(Final { id, size, expires_at: None, body }).into()
            }
            Action::Append { .. }
            | Action::Probe { .. }
            | Action::Finalize { .. }
            | Action::Status { .. }
            | Action::Verify { .. }
            | Action::Abort { .. } => mistake(),
        }
    }
}

/// The server's own mistake; it has done nothing.
pub(super) fn mistake() -> Outcome {
    Failure::answered(ProblemKind::Transient, ServerError::message("try again")).into()
}

fn throttled(after: Delay) -> Outcome {
    let server = ServerError::message("too many");
    Failure::Answered(Problem { kind: ProblemKind::Throttled, after: Some(after), server }).into()
}
