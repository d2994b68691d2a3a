//! The search: every state of a small world, once, depth first, without recursion.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::panic;
use std::time::{Duration, Instant};

use super::likeness::Likeness;
use super::state::{State, Step};
use super::world::SmallWorld;
use super::{Explored, Failed, Path};
use crate::invariants::Breach;

/// What is hashed is a hash already.
#[derive(Default)]
pub(super) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, i: u64) {
        self.0 ^= i;
    }
}

/// How many steps there are at the most from a state to an end; `OPEN` while that is not known, since the search is
/// still in it.
type Height = u16;
const OPEN: Height = Height::MAX;

/// A state that the search is in.
struct Frame {
    state: State,
    likeness: Likeness,
    steps: Vec<Step>,
    /// The next step to take.
    next: usize,
    /// Whether any step could be taken.
    goes_on: bool,
    height: Height,
}

impl Frame {
    fn of(state: State, likeness: Likeness) -> Self {
        let steps = state.steps();
        Self { state, likeness, steps, next: 0, goes_on: false, height: 0 }
    }

    fn reaches(&mut self, height: Height) {
        self.goes_on = true;
        self.height = self.height.max(height.saturating_add(1));
    }
}

/// Visits every state of a world.
pub(super) fn search(world: SmallWorld, most: usize) -> Result<Explored, Box<Failed>> {
    let began = Instant::now();
    let mut heights: HashMap<Likeness, Height, BuildHasherDefault<AsItIs>> = HashMap::default();
    let (mut steps, mut ends) = (0u64, BTreeMap::new());
    let mut stack: Vec<Frame> = Vec::new();
    let mut took = Duration::ZERO;
    let first = State::first(world, None).map_err(|breach| Failed::new(world, breach, Path::default()))?;
    let likeness = first.likeness();
    heights.insert(likeness, OPEN);
    stack.push(Frame::of(first, likeness));
    let mut longest = 0;
    while let Some(frame) = stack.last_mut() {
        let Some(step) = frame.steps.get(frame.next).copied() else {
            // All that can follow was seen.
            let (likeness, height) = (frame.likeness, frame.height);
            let over = frame.state.is_over();
            if !over && !frame.goes_on {
                let detail = format!("nothing can happen in {}", frame.state.upload.phase());
                return Err(failed(world, Breach { rule: "liveness", detail }, &stack));
            }
            // What was gone on from an end is no end of its own.
            if let Some(end) = frame.state.ended().filter(|_| frame.state.from.is_none()) {
                *ends.entry(end).or_default() += 1;
            }
            heights.insert(likeness, height);
            longest = longest.max(height);
            stack.pop();
            if let Some(before) = stack.last_mut() {
                before.reaches(height);
            }
            continue;
        };
        frame.next += 1;
        let next = match alive(&frame.state, step) {
            Ok(Some(next)) => next,
            Ok(None) => continue,
            Err(breach) => return Err(failed(world, breach, &stack)),
        };
        steps += 1;
        let likeness = next.likeness();
        match heights.get(&likeness) {
            None => {
                heights.insert(likeness, OPEN);
                stack.push(Frame::of(next, likeness));
                if heights.len() > most {
                    let detail = format!("more than {most} states");
                    return Err(failed(world, Breach { rule: "the memory for it", detail }, &stack));
                }
            }
            Some(&OPEN) => {
                let detail = format!("a circle, back to {}", next.upload.phase());
                return Err(failed(world, Breach { rule: "liveness", detail }, &stack));
            }
            Some(height) => frame.reaches(*height),
        }
        took = began.elapsed();
    }
    Ok(Explored { world, states: heights.len() as u64, steps, ends, longest: longest.into(), took })
}

/// A panic of the engine's is a breach like others.
fn alive(state: &State, step: Step) -> Result<Option<State>, Breach> {
    panic::catch_unwind(panic::AssertUnwindSafe(|| state.after(step))).unwrap_or_else(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("a panic");
        Err(Breach { rule: "no panic", detail: text.into() })
    })
}

fn failed(world: SmallWorld, breach: Breach, stack: &[Frame]) -> Box<Failed> {
    let path = stack.iter().filter_map(|frame| frame.next.checked_sub(1)).collect();
    Box::new(Failed::new(world, breach, Path(path)))
}

/// Goes a path, and tells what happens on it.
pub(super) fn replay(world: SmallWorld, path: &Path) -> (Result<(), Breach>, Vec<String>) {
    let mut state = match State::first(world, Some(Vec::new())) {
        Ok(state) => state,
        Err(breach) => return (Err(breach), Vec::new()),
    };
    for place in &path.0 {
        let Some(step) = state.steps().get(*place).copied() else {
            let detail = format!("there is no step {place}");
            return (Err(Breach { rule: "the path", detail }), state.trace.unwrap_or_default());
        };
        let told = state.describe(step);
        match alive(&state, step) {
            Ok(Some(next)) => state = next,
            Ok(None) => {
                let detail = format!("step {place} takes more faults than are left");
                return (Err(Breach { rule: "the path", detail }), state.trace.unwrap_or_default());
            }
            Err(breach) => {
                let mut lines = state.trace.unwrap_or_default();
                lines.push(format!("* {told}"));
                return (Err(breach), lines);
            }
        }
    }
    (Ok(()), state.trace.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::explore::{Caller, Comes};

    /// What can follow a state, by likeness, and what is refused there.
    fn followers(state: &State) -> BTreeSet<Option<Likeness>> {
        let likeness = |step: &Step| state.after(*step).unwrap().map(|next| next.likeness());
        state.steps().iter().map(likeness).collect()
    }

    /// States that are told to be one must be one: whichever way they were come to, the same follows.
    fn go_on_alike(world: SmallWorld) -> (u64, u64) {
        let mut seen: HashMap<Likeness, BTreeSet<Option<Likeness>>> = HashMap::new();
        let first = State::first(world, None).unwrap();
        let mut todo = vec![first];
        let mut met_again = 0;
        while let Some(state) = todo.pop() {
            let found = followers(&state);
            match seen.get(&state.likeness()) {
                Some(known) => {
                    met_again += 1;
                    assert_eq!(
                        *known,
                        found,
                        "{}: two that look alike go on differently: {state:?}",
                        world.name()
                    );
                }
                None => {
                    seen.insert(state.likeness(), found);
                    todo.extend(state.steps().iter().filter_map(|step| state.after(*step).unwrap()));
                }
            }
        }
        (seen.len() as u64, met_again)
    }

    #[test]
    fn states_that_look_alike_go_on_alike() {
        let small = |world: &SmallWorld| match (world.caller, world.source) {
            (Caller::Waits, Comes::Whole) => world.faults <= 1 && world.segments <= 2,
            (Caller::Waits, Comes::Grows | Comes::Streams) => world.segments * world.window == 1,
            (Caller::Pauses | Caller::Keeps | Caller::Discards, _) => world.faults == 0,
        };
        let mut met_again = 0;
        for world in SmallWorld::all().into_iter().filter(small) {
            let (states, again) = go_on_alike(world);
            met_again += again;
            assert_eq!(states, search(world, usize::MAX).unwrap().states, "{}", world.name());
        }
        assert!(met_again > 10_000, "it is tried on {met_again} only");
    }

    #[test]
    #[ignore = "minutes: cargo test --profile proof -p chunkwise-testkit --lib -- --ignored"]
    fn states_that_look_alike_go_on_alike_with_two_faults() {
        let larger = |world: &SmallWorld| match world.caller {
            Caller::Waits => world.segments <= 2 || world.faults <= 1,
            Caller::Pauses | Caller::Keeps | Caller::Discards => true,
        };
        for world in SmallWorld::all().into_iter().filter(larger) {
            go_on_alike(world);
        }
    }

    #[test]
    fn a_world_that_is_too_large_names_a_way_that_can_be_gone_again() {
        let world = SmallWorld::named("parts-s2-w2-f1").unwrap();
        let failed = search(world, 100).unwrap_err();
        assert_eq!(failed.breach.rule, "the memory for it");
        let path: Path = failed.path.to_string().parse().unwrap();
        assert_eq!(path, failed.path);
        let (held, lines) = replay(world, &path);
        assert_eq!(held, Ok(()));
        assert_eq!(lines, failed.trace);
        assert!(lines.len() > path.0.len());
    }
}
