//! How many at once the server bears.

use core::time::Duration;

use super::Ended;
use crate::operation::OpId;
use crate::time::Timestamp;

/// What throttles tell of how many Appends the server takes at once.
///
/// A throttle is laid to the number under way only if none that began among as many was stored since the last throttle: a
/// quota that is used up throttles what was stored a moment ago.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Ceiling {
    most: Option<u32>,
    /// Not before then is more than that tried again.
    again_at: Timestamp,
    /// The most among which one began that was stored: since the last throttle, and before it.
    borne: u32,
    borne_before: u32,
    /// What began before this one was on its way already when the server throttled last.
    since: OpId,
}

/// To try more than the server bears costs its wait: at most one part in so many of the time.
const PATIENCE: u32 = 64;

/// The longest that what the server does not bear is not tried again.
const LONGEST: Duration = Duration::from_secs(300);

impl Ceiling {
    pub(super) const fn new() -> Self {
        Self { most: None, again_at: Timestamp::EPOCH, borne: 0, borne_before: 0, since: OpId(0) }
    }

    /// The most that may be under way, if that many may be at all.
    pub(super) fn bounds(&self, max: u32) -> u32 {
        self.most.map_or(max, |most| most.min(max))
    }

    /// Whether it is time to try more than it has borne.
    pub(super) fn may_be_tried(&self, now: Timestamp, max: u32) -> bool {
        self.most.is_some_and(|most| most < max) && self.again_at <= now
    }

    /// More was under way, and nothing was throttled.
    pub(super) const fn lift(&mut self) {
        self.most = None;
    }

    /// One was stored.
    pub(super) fn bore(&mut self, ended: Ended) {
        let borne = if ended.op < self.since { &mut self.borne_before } else { &mut self.borne };
        *borne = (*borne).max(ended.among.0);
    }

    /// One was throttled, until then. Gives how many the server bears, if it were too many.
    pub(super) fn throttled(&mut self, now: Timestamp, ended: Ended, until: Timestamp) -> Option<u32> {
        // All that was under way may be throttled at once: that is one throttle.
        if ended.op >= self.since {
            (self.borne_before, self.borne) = (self.borne, 0);
            self.since = ended.next;
        }
        if ended.among.0 <= self.borne_before {
            return None;
        }
        let most = ended.among.0.saturating_sub(1).max(1);
        let most = self.most.map_or(most, |known| known.min(most));
        self.most = Some(most);
        let rest = until.since(now).saturating_mul(PATIENCE).min(LONGEST);
        self.again_at = self.again_at.max(until.after(rest));
        Some(most)
    }
}
