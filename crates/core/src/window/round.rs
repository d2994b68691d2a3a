//! A round: how much the server stores while the window has one size.

use core::time::Duration;

use super::Ended;
use crate::operation::OpId;
use crate::time::{Timestamp, micros};

/// A measurement of goodput at one size of the window.
///
/// It begins with the end of the first Append that has itself begun at this size, so that nothing of another size counts.
/// It lasts a whole number of windows of segments: lanes that run in step give the same goodput then as those that don't.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Round {
    /// What began before this one is of another size, or was disturbed.
    Awaits(OpId),
    Measures(Measure),
}

/// What was stored so far in a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Measure {
    began: Timestamp,
    pub(super) segments: u32,
    bytes: u64,
    /// When the present window of segments began, and how long each before it took at least and at most.
    window: Timestamp,
    took: (Duration, Duration),
}

/// Whether one window of segments takes as long as the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Evenness {
    Even,
    Uneven,
}

/// The least number of segments that say something, and that are sure.
const QUICK: u32 = 4;
const FIRM: u32 = 24;
/// The least number of windows of segments that are sure.
const FIRM_WINDOWS: u32 = 3;

impl Round {
    /// Of the Appends that begin from this one on.
    pub(super) const fn from(op: OpId) -> Self {
        Self::Awaits(op)
    }

    /// It begins with an Append that has just ended.
    pub(super) const fn begun(now: Timestamp) -> Self {
        let took = (Duration::MAX, Duration::ZERO);
        Self::Measures(Measure { began: now, segments: 0, bytes: 0, window: now, took })
    }

    /// A segment was stored while the window had this size; what the round has seen so far.
    pub(super) fn stored(&mut self, now: Timestamp, size: u32, ended: Ended, bytes: u64) -> Option<Measure> {
        match self {
            // The first one only marks the beginning: its own time lies before.
            Self::Awaits(first) if ended.op >= *first => {
                *self = Self::begun(now);
                None
            }
            Self::Awaits(_) => None,
            Self::Measures(measure) => {
                measure.segments = measure.segments.saturating_add(1);
                measure.bytes = measure.bytes.saturating_add(bytes);
                if measure.segments.is_multiple_of(size) {
                    let took = now.since(measure.window);
                    measure.window = now;
                    measure.took = (measure.took.0.min(took), measure.took.1.max(took));
                }
                Some(*measure)
            }
        }
    }
}

impl Measure {
    /// In bytes per second.
    pub(super) fn goodput(&self, now: Timestamp) -> u64 {
        per_second(self.bytes, now.since(self.began))
    }
}

impl Measure {
    /// Even are windows of which the longest took at most one part in 32 longer than the shortest.
    pub(super) fn evenness(&self) -> Evenness {
        let (shortest, longest) = self.took;
        if micros(longest) <= micros(shortest).saturating_add(micros(shortest) / 32) {
            Evenness::Even
        } else {
            Evenness::Uneven
        }
    }
}

/// How many segments of a window of this size are a first look: whole windows, at least 4 segments.
pub(super) const fn quick(size: u32) -> u32 {
    size.saturating_mul(QUICK.div_ceil(size))
}

/// How many segments are sure: whole windows, at least three of them and 24 segments.
pub(super) const fn firm(size: u32) -> u32 {
    let windows = FIRM.div_ceil(size);
    size.saturating_mul(if windows < FIRM_WINDOWS { FIRM_WINDOWS } else { windows })
}

/// How many segments show that a link is as it was: whole windows, at least two of them and 24 segments.
pub(super) const fn steady(size: u32) -> u32 {
    let windows = FIRM.div_ceil(size);
    size.saturating_mul(if windows < 2 { 2 } else { windows })
}

fn per_second(bytes: u64, time: Duration) -> u64 {
    let micros = u128::from(micros(time).max(1));
    u64::try_from(u128::from(bytes) * 1_000_000 / micros).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::super::Among;
    use super::*;

    const fn ended(op: u64) -> Ended {
        Ended { op: OpId(op), next: OpId(op + 4), among: Among(4) }
    }

    #[test]
    fn a_round_begins_with_the_end_of_what_has_begun_in_it() {
        let at = Timestamp::from_secs;
        let mut round = Round::from(OpId(5));
        assert_eq!([3, 4, 5].map(|op| round.stored(at(op), 4, ended(op), 100)), [None; 3]);
        let seen: Vec<_> =
            [8, 6].into_iter().filter_map(|op| round.stored(at(op + 1), 4, ended(op), 100)).collect();
        assert_eq!(seen.iter().map(|measure| measure.segments).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(seen[1].goodput(at(9)), 50, "200 bytes in the four seconds from 5 to 9");
    }

    #[test]
    fn it_lasts_whole_windows() {
        assert_eq!([1, 2, 3, 4, 5, 64].map(quick), [4, 4, 6, 4, 5, 64]);
        assert_eq!([1, 5, 6, 7, 64].map(firm), [24, 25, 24, 28, 192]);
        assert_eq!([1, 5, 12, 13, 64].map(steady), [24, 25, 24, 26, 128]);
    }

    #[test]
    fn goodput_is_bytes_per_second() {
        assert_eq!(per_second(3_000, Duration::from_millis(1_500)), 2_000);
        assert_eq!(per_second(7, Duration::ZERO), 7_000_000);
        assert_eq!(per_second(u64::MAX, Duration::ZERO), u64::MAX);
    }
}
