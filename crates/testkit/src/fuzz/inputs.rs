//! Arbitrary inputs in any order, with any values.

use chunkwise_core::Phase;

use super::watch::Watch;
use super::world::{START, World};
use super::{Finding, Tape};

/// The most pokes of one run.
const POKES: u32 = 120;

/// Reads the bytes as a protocol, a policy, a source and what becomes of the upload; at the end everybody means well.
///
/// Holds the outputs against the core's contract: drains end, ids are never reused, one checkpoint is written at a
/// time, Appends keep to the window and the plan, everything else goes alone, Finalize only when everything is stored,
/// progress never goes back, closed is absorbing, the same inputs give the same outputs, and every upload ends.
///
/// # Errors
///
/// A [`Finding`] if one of these does not hold.
pub fn run(bytes: &[u8]) -> Result<(), Finding> {
    run_and_tell(bytes, &mut |_| {})
}

/// The same, and tells of every phase that it comes by.
///
/// # Errors
///
/// As [`run`].
pub fn run_and_tell(bytes: &[u8], met: &mut dyn FnMut(Phase)) -> Result<(), Finding> {
    let mut tape = Tape::new(bytes);
    let world = World::read(&mut tape);
    let Some(mut watch) = Watch::begin(world, START)? else { return Ok(()) };
    for _ in 0..POKES {
        met(watch.phase());
        if tape.is_empty() {
            break;
        }
        watch.poke(&mut tape)?;
    }
    watch.end_well()?;
    met(watch.phase());
    Ok(())
}
