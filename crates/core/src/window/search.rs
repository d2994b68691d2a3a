//! The search for the size with the best goodput.

use super::round::{Evenness, Measure, firm, quick, steady};
use crate::time::Timestamp;

/// Where the search is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Search {
    /// It doubles while that pays.
    Climb { from: Option<Climbed>, below: Below },
    /// Not even the first doubling paid: it halves while that costs nothing.
    Descend { top: Point, evenness: Evenness },
    /// Doubling did not pay any more at this size: it looks whether so much less does as well.
    Trim { top: Point },
    /// It has found its size, and watches whether the link stays as it is.
    Settled(Settled),
    /// One more than the server has borne, to see whether it still throttles that.
    Beyond,
}

/// A size and its goodput.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Point {
    size: u32,
    goodput: u64,
}

/// The sizes that a climb has come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Climbed {
    /// The largest one at which every lane brought as much as at smaller ones.
    free: Point,
    last: Point,
}

/// Whether the sizes below the one that a climb began with are worth a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Below {
    Unknown,
    /// They brought less, before the link became faster.
    Worse,
}

/// What a found size brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Settled {
    /// The mean of its first rounds.
    goodput: u64,
    /// How many rounds are in it, at most [`SURE`].
    rounds: u32,
    drift: Drift,
}

/// Of how many rounds the mean is sure: from then on it is the measure for all later ones.
const SURE: u32 = 8;

/// Where to the last round was out of what the found size had brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Drift {
    None,
    Slower,
    Faster,
}

/// What follows from what a round has seen so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The round goes on.
    Look,
    /// A new round, of that size.
    Go(u32),
}

/// The bounds that a search keeps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// The most that may be under way.
    pub(super) max: u32,
    /// Whether one more may be tried than that, as the server may have become more patient.
    pub(super) beyond: bool,
}

impl Point {
    /// Whether the goodput is at least such a part of this one's.
    fn is_reached_by(self, goodput: u64, of: u32, parts: u32) -> bool {
        at_least(goodput, self.goodput, of, parts)
    }

    /// The size at which lanes that bring as much as here bring that much together, to the nearest.
    fn lanes_for(self, goodput: u64) -> u32 {
        let lane = u128::from(self.goodput.max(1));
        let lanes = (u128::from(self.size) * u128::from(goodput) + lane / 2) / lane;
        u32::try_from(lanes).unwrap_or(u32::MAX)
    }
}

/// Whether a goodput is at least `of` of `parts` parts of another.
fn at_least(goodput: u64, other: u64, of: u32, parts: u32) -> bool {
    u128::from(goodput) * u128::from(parts) >= u128::from(other) * u128::from(of)
}

impl Search {
    /// From the present size on.
    pub(super) const fn anew() -> Self {
        Self::Climb { from: None, below: Below::Unknown }
    }

    /// At a size that was not measured yet.
    pub(super) const fn settled() -> Self {
        Self::Settled(Settled { goodput: 0, rounds: 0, drift: Drift::None })
    }

    /// Judges what a round of this size has seen so far.
    pub(super) fn judge(&mut self, now: Timestamp, size: u32, measure: Measure, bounds: Bounds) -> Next {
        let (is_quick, is_firm) = (measure.segments == quick(size), measure.segments >= firm(size));
        let is_steady = measure.segments == steady(size);
        if !is_quick && !is_firm && !is_steady {
            return Next::Look;
        }
        let here = Point { size, goodput: measure.goodput(now) };
        match *self {
            Self::Climb { from: None, below } => self.double(here, here, below, bounds),
            Self::Climb { from: Some(Climbed { free, last }), below } => {
                // Twice the size brings twice as much on a link that is free. If it is clear already, why wait.
                let pays = last.is_reached_by(here.goodput, 7, 4)
                    || is_firm && last.is_reached_by(here.goodput, 3, 2);
                if pays && size < bounds.max {
                    let linear = u128::from(free.goodput) * u128::from(size) / u128::from(free.size.max(1));
                    let linear = u64::try_from(linear).unwrap_or(u64::MAX);
                    // No lane brings more among more: what seems so was luck.
                    let here = Point { size, goodput: here.goodput.min(linear) };
                    let free = if at_least(here.goodput, linear, 7, 8) { here } else { free };
                    return self.double(free, here, below, bounds);
                }
                if !is_firm {
                    Next::Look
                } else if below == Below::Unknown
                    && free == last
                    && last.size > 1
                    && !last.is_reached_by(here.goodput, 9, 8)
                {
                    *self = Self::Descend { top: here, evenness: measure.evenness() };
                    Next::Go(last.size / 2)
                } else {
                    self.trim(here, free, measure.evenness())
                }
            }
            Self::Descend { top, evenness } => {
                if !top.is_reached_by(here.goodput, 3, 4)
                    || is_firm && !top.is_reached_by(here.goodput, 15, 16)
                    || is_firm && size == 1
                {
                    self.trim(top, here, evenness)
                } else if is_firm {
                    Next::Go(size / 2)
                } else {
                    Next::Look
                }
            }
            Self::Trim { top } => {
                if !top.is_reached_by(here.goodput, 3, 4) {
                    self.settle(top)
                } else if is_firm {
                    self.settle(if top.is_reached_by(here.goodput, 15, 16) { here } else { top })
                } else {
                    Next::Look
                }
            }
            Self::Settled(ref mut settled) if is_steady => match settled.watch(here.goodput) {
                Watched::Slower => {
                    *self = Self::anew();
                    Next::Go((size / 2).max(1))
                }
                Watched::Faster => {
                    *self = Self::Climb { from: None, below: Below::Worse };
                    Next::Go(size)
                }
                Watched::Same if bounds.beyond && size == bounds.max => {
                    *self = Self::Beyond;
                    Next::Go(size.saturating_add(1))
                }
                Watched::Same | Watched::Unsure => Next::Go(size),
            },
            Self::Beyond if is_firm => {
                *self = Self::anew();
                Next::Go(size)
            }
            Self::Settled(_) | Self::Beyond => Next::Look,
        }
    }

    fn double(&mut self, free: Point, last: Point, below: Below, bounds: Bounds) -> Next {
        if last.size >= bounds.max {
            return self.settle(last);
        }
        *self = Self::Climb { from: Some(Climbed { free, last }), below };
        Next::Go(last.size.saturating_mul(2).min(bounds.max))
    }

    /// To as many lanes as it takes if each brings as much as those of a free link, and some more: one part in 16 where
    /// lanes are even, half where they are not.
    fn trim(&mut self, top: Point, free: Point, evenness: Evenness) -> Next {
        let needed = free.lanes_for(top.goodput);
        let slack = match evenness {
            Evenness::Even => needed / 16,
            Evenness::Uneven => needed / 2,
        };
        let size = needed.saturating_add(slack).saturating_add(1);
        // What is nearly as many is not worth a round.
        if size >= top.size - top.size / 8 {
            return self.settle(top);
        }
        *self = Self::Trim { top };
        Next::Go(size)
    }

    fn settle(&mut self, at: Point) -> Next {
        *self = Self::Settled(Settled { goodput: at.goodput, rounds: 1, drift: Drift::None });
        Next::Go(at.size)
    }
}

/// How a round of a found size was.
enum Watched {
    Same,
    /// Another one has to tell.
    Unsure,
    Slower,
    Faster,
}

impl Settled {
    fn watch(&mut self, goodput: u64) -> Watched {
        let drift = match self.rounds {
            0 => Drift::None,
            _ => Drift::of(goodput, self.goodput),
        };
        let before = core::mem::replace(&mut self.drift, drift);
        match (before, drift) {
            (_, Drift::None) => {
                if self.rounds < SURE {
                    let sum = u128::from(self.goodput) * u128::from(self.rounds) + u128::from(goodput);
                    self.rounds += 1;
                    self.goodput = u64::try_from(sum / u128::from(self.rounds)).unwrap_or(u64::MAX);
                }
                Watched::Same
            }
            (Drift::Slower, Drift::Slower) => Watched::Slower,
            (Drift::Faster, Drift::Faster) => Watched::Faster,
            (_, Drift::Slower | Drift::Faster) => Watched::Unsure,
        }
    }
}

impl Drift {
    fn of(goodput: u64, found: u64) -> Self {
        if !at_least(goodput, found, 5, 6) {
            Self::Slower
        } else if at_least(goodput, found, 7, 6) {
            Self::Faster
        } else {
            Self::None
        }
    }
}
