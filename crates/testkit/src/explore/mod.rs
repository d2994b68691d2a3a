//! Small worlds: every state that a small upload can come into, whatever happens and in whatever order.
//!
//! A [`SmallWorld`] has few segments, few Appends at once and few faults, so few that all that can happen can be tried: every
//! order in which operations get their turn, requests reach the server, answers come back, writes end and timers fire;
//! every fault at every request; a crash of the process at any moment, before or after the write that is under way. In
//! every state the [invariants](crate::invariants) are checked, and at every end whether it is a right one; what an end is
//! said to have left is gone on from, and must come to a right end as well.
//!
//! [`explore`] visits every state once. It fails with the way there if an invariant does not hold, if nothing can happen
//! in a state that is no end, or if a state can come again: then a way would have no end. So of a world that was explored
//! it is certain that **every** way through it ends, and ends well.
//!
//! # What is left out, and why nothing is lost by it
//!
//! - Time passes only to where the engine wants to be polled; a message takes none. Whether it comes before or after a timer
//!   is tried both ways. Where a timer gives up an operation whose answer was still to come, that costs a fault: something
//!   was too slow; otherwise time could pass for ever.
//! - Faults that do the same as others are not tried twice (see [`Trouble`]).
//! - Whoever has died or given up may have sent a request that is still on its way. It may get there at any time, in half
//!   where that makes a difference, or never; what is only asked, or opens a session that nobody can name, is not followed
//!   up.
//! - States are told apart by a hash of 128 bits. Two that differ only in names, in how late it is, and in what counts and
//!   does nothing else, are one.

mod likeness;
mod search;
mod state;
mod step;
mod trouble;
mod world;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

pub use self::trouble::Trouble;
pub use self::world::{Caller, Comes, SmallWorld, Tries};
use crate::invariants::Breach;
use crate::simulation::End;

/// What was seen of a world in which everything is as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explored {
    /// The world.
    pub world: SmallWorld,
    /// How many states it has.
    pub states: u64,
    /// How many steps lead from one to another.
    pub steps: u64,
    /// In how many states it is over, by how it ended.
    pub ends: BTreeMap<End, u64>,
    /// How many steps the longest way from the beginning to an end has.
    pub longest: u64,
    /// How long it took to visit them.
    pub took: Duration,
}

/// A way through a world: which step was taken in each state, by its place among all steps that can be taken there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path(Vec<usize>);

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, place) in self.0.iter().enumerate() {
            let comma = if n == 0 { "" } else { "," };
            write!(f, "{comma}{place}")?;
        }
        Ok(())
    }
}

impl FromStr for Path {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split(',').filter(|place| !place.is_empty()).map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

/// A world in which something is not as it must be.
#[derive(Clone, Debug)]
pub struct Failed {
    /// The world.
    pub world: SmallWorld,
    /// What does not hold.
    pub breach: Breach,
    /// The way there.
    pub path: Path,
    /// What happens on it, line by line.
    pub trace: Vec<String>,
}

impl Failed {
    fn new(world: SmallWorld, breach: Breach, path: Path) -> Self {
        let (_, trace) = search::replay(world, &path);
        Self { world, breach, path, trace }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.trace {
            writeln!(f, "{line}")?;
        }
        writeln!(f, "{}: {}", self.world.name(), self.breach)?;
        write!(
            f,
            "replay: cargo run --release -p chunkwise-testkit --bin explore -- --world {} --path {}",
            self.world.name(),
            self.path
        )
    }
}

impl std::error::Error for Failed {}

/// Visits every state of a world, at most so many (each takes about 50 bytes of memory).
///
/// # Errors
///
/// [`Failed`] with the way to the first state in which something is not as it must be, or if there are more states.
pub fn explore(world: SmallWorld, most: usize) -> Result<Explored, Box<Failed>> {
    search::search(world, most)
}

/// Goes a way through a world again, and gives what happened line by line.
///
/// # Errors
///
/// What does not hold on it, beside the lines.
pub fn replay(world: SmallWorld, path: &Path) -> (Result<(), Breach>, Vec<String>) {
    search::replay(world, path)
}
