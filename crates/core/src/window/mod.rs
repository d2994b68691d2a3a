//! The window: how many Appends may be live at once.

mod ceiling;
mod round;
mod search;

use self::ceiling::Ceiling;
use self::round::Round;
use self::search::{Bounds, Next, Search};
use crate::failure::{Failure, Problem, ProblemKind};
use crate::operation::OpId;
use crate::policy::WindowPolicy;
use crate::time::{Delay, Timestamp};

/// The size of the window, fixed or learned.
///
/// The adaptive one compares the goodput of whole rounds in which the window itself was the limit. It doubles while that
/// pays, then goes down to what is needed for the same goodput and a little more, and stays there. Only when the goodput
/// has changed for two rounds in a row, it searches anew. What breaks costs goodput, and only so it counts, unless as many
/// break in a row as the window holds. What the server throttles for being too many is not tried again for long.
/// Integer arithmetic only.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Window {
    max: u32,
    size: u32,
    mode: Mode,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Mode {
    Fixed,
    Adaptive(Adaptive),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Adaptive {
    round: Round,
    search: Search,
    ceiling: Ceiling,
    /// How many Appends failed since one was stored.
    failed: u32,
}

/// Among how many Appends one has begun, itself included; always zero where the window is fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Among(u32);

/// An Append that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) op: OpId,
    /// What begins from now on has this name or a later one.
    pub(crate) next: OpId,
    pub(crate) among: Among,
}

/// Why a server throttles, as far as it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// A quota is used up until a time that it named.
    Quota,
    Unknown,
}

impl Reason {
    /// Of a throttle: a quota is used up until a time, other waits are lengths of time.
    pub(crate) const fn of(failure: &Failure) -> Self {
        match failure {
            Failure::Answered(Problem {
                kind: ProblemKind::Throttled, after: Some(Delay::At(_)), ..
            }) => Self::Quota,
            Failure::Answered(_) | Failure::NotSent { .. } | Failure::Unknown { .. } => Self::Unknown,
        }
    }
}

impl Window {
    pub(crate) const fn new(policy: WindowPolicy) -> Self {
        match policy {
            WindowPolicy::Fixed(n) => Self { max: n.get(), size: n.get(), mode: Mode::Fixed },
            WindowPolicy::Adaptive { max } => {
                let adaptive = Adaptive {
                    round: Round::from(OpId(0)),
                    search: Search::anew(),
                    ceiling: Ceiling::new(),
                    failed: 0,
                };
                Self { max: max.get(), size: policy.first(), mode: Mode::Adaptive(adaptive) }
            }
        }
    }

    /// How many Appends may be live now; at least one.
    pub(crate) const fn size(&self) -> u32 {
        self.size
    }

    /// What is to be remembered of an Append that begins among so many, itself included.
    pub(crate) fn among(&self, live: usize) -> Among {
        match self.mode {
            Mode::Fixed => Among(0),
            Mode::Adaptive(_) => Among(u32::try_from(live).unwrap_or(u32::MAX)),
        }
    }

    /// A segment was stored; `limited`: as many were live as the window allowed. Says whether the size changed.
    pub(crate) fn stored(&mut self, now: Timestamp, ended: Ended, bytes: u64, limited: bool) -> bool {
        let Mode::Adaptive(adaptive) = &mut self.mode else { return false };
        let size = self.size;
        self.size = adaptive.stored(now, ended, bytes, limited, size, self.max);
        self.size != size
    }

    /// An Append came to nothing, and not for a throttle. Says whether the size changed.
    pub(crate) fn failed(&mut self, ended: Ended) -> bool {
        let Mode::Adaptive(adaptive) = &mut self.mode else { return false };
        let size = self.size;
        self.size = adaptive.failed(ended, size);
        self.size != size
    }

    /// The server throttled an Append, until then. Says whether the size changed.
    pub(crate) fn throttled(
        &mut self,
        now: Timestamp,
        ended: Ended,
        until: Timestamp,
        reason: Reason,
    ) -> bool {
        let Mode::Adaptive(adaptive) = &mut self.mode else { return false };
        let size = self.size;
        self.size = adaptive.throttled(now, ended, until, reason, size);
        self.size != size
    }
}

impl Adaptive {
    fn stored(
        &mut self,
        now: Timestamp,
        ended: Ended,
        bytes: u64,
        limited: bool,
        size: u32,
        max: u32,
    ) -> u32 {
        self.failed = 0;
        self.ceiling.bore(ended);
        if !limited {
            self.round = Round::from(ended.next);
            return size;
        }
        let Some(measure) = self.round.stored(now, size, ended, bytes) else { return size };
        let bounds = Bounds { max: self.ceiling.bounds(max), beyond: self.ceiling.may_be_tried(now, max) };
        let was_beyond = self.search == Search::Beyond;
        let next = match self.search.judge(now, size, measure, bounds) {
            Next::Look => return size,
            Next::Go(size) => size,
        };
        if was_beyond {
            self.ceiling.lift();
        }
        self.round = if next == size { Round::begun(now) } else { Round::from(ended.next) };
        next
    }

    fn failed(&mut self, ended: Ended, size: u32) -> u32 {
        self.failed = self.failed.saturating_add(1);
        if self.failed >= size && size > 1 {
            self.failed = 0;
            self.round = Round::from(ended.next);
            self.search = Search::anew();
            return size / 2;
        }
        size
    }

    fn throttled(
        &mut self,
        now: Timestamp,
        ended: Ended,
        until: Timestamp,
        reason: Reason,
        size: u32,
    ) -> u32 {
        self.round = Round::from(ended.next);
        let most = match reason {
            Reason::Quota => None,
            Reason::Unknown => self.ceiling.throttled(now, ended, until),
        };
        match most {
            Some(most) if most < size => {
                self.search = Search::settled();
                most
            }
            Some(_) | None => size,
        }
    }
}

#[cfg(test)]
mod tests;
