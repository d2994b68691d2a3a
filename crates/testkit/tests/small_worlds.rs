//! Every state of the smaller of the small worlds. All of them: the binary `explore`.

use chunkwise_testkit::explore::{Caller, SmallWorld, explore};

/// Far more than any of them has.
const MOST: usize = 1_000_000;

fn explore_all(wanted: impl Fn(&SmallWorld) -> bool) {
    let worlds: Vec<_> = SmallWorld::all().into_iter().filter(wanted).collect();
    assert!(!worlds.is_empty());
    for world in worlds {
        let explored = explore(world, MOST).unwrap_or_else(|failed| panic!("{failed}"));
        assert!(explored.ends.contains_key("completed"), "{explored:?}");
    }
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
fn one_fault_at_any_moment_is_survived_or_told() {
    explore_all(|world| {
        let small = world.segments < 3 || world.window < 2;
        world.faults == 1 && world.caller == Caller::Waits && small
    });
}

#[test]
fn two_faults_at_any_moments_are_survived_or_told() {
    explore_all(|world| world.faults == 2 && world.segments == 1 && world.window == 1);
}

#[test]
fn a_caller_may_interfere_at_any_moment() {
    explore_all(|world| {
        let small = world.faults == 0 || world.segments == 1;
        world.caller != Caller::Waits && small && world.window == 2
    });
}
