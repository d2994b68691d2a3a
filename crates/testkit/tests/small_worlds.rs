//! Small worlds: every state that a small upload can come into. Those with two faults take minutes: the program `explore`
//! visits them.
#![cfg(test)]

use chunkwise_testkit::explore::{Caller, Path, SmallWorld, Tries, explore, replay};

/// Enough for every world with one fault.
const MOST: usize = 1_000_000;

#[test]
fn whatever_happens_in_whatever_order_a_small_upload_ends_well() {
    let (mut worlds, mut states, mut steps) = (0, 0, 0);
    for world in
        SmallWorld::all().into_iter().filter(|world| world.faults <= 1 && world.segments * world.window <= 2)
    {
        let explored = explore(world, MOST).unwrap_or_else(|failed| panic!("{failed}"));
        assert!(explored.ends.contains_key("completed"), "{}: {:?}", world.name(), explored.ends);
        (worlds, states, steps) = (worlds + 1, states + explored.states, steps + explored.steps);
    }
    eprintln!("{worlds} worlds, {states} states, {steps} steps");
    assert!(
        worlds > 40 && states > 20_000,
        "{worlds} worlds with {states} states are too few to say anything"
    );
}

#[test]
fn where_nothing_goes_wrong_every_order_ends_well() {
    let calm = |world: &SmallWorld| world.faults == 0 && world.caller == Caller::Waits;
    for world in SmallWorld::all().into_iter().filter(calm) {
        let explored = explore(world, MOST).unwrap_or_else(|failed| panic!("{failed}"));
        assert_eq!(explored.ends.keys().collect::<Vec<_>>(), [&"completed"], "{explored:?}");
    }
}

#[test]
fn two_faults_at_any_moments_are_survived_where_there_are_tries_enough() {
    for world in SmallWorld::all()
        .into_iter()
        .filter(|world| world.tries == Tries::Many && world.segments == 1 && world.window == 1)
    {
        explore(world, MOST).unwrap_or_else(|failed| panic!("{failed}"));
    }
}

#[test]
fn a_way_through_a_world_can_be_gone_again() {
    let world = SmallWorld::all().into_iter().next().expect("there is one");
    let path: Path = "0,0,0,0".parse().expect("it is one");
    let (ran, lines) = replay(world, &path);
    assert_eq!(ran, Ok(()));
    assert_eq!(replay(world, &path), (ran, lines.clone()));
    assert!(lines.iter().any(|line| line.contains("Init reaches the server")), "{lines:#?}");
}

#[test]
fn more_states_than_were_allowed_are_no_proof() {
    let world = SmallWorld::all().into_iter().next().expect("there is one");
    let failed = explore(world, 3).expect_err("it has more than three");
    assert!(failed.to_string().contains("--bin explore -- --world"), "{failed}");
}
