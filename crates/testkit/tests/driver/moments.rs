//! The caller stops, or the process dies, at any moment of an upload on which nothing else goes wrong.

use std::time::Duration;

use chunkwise_testkit::scenario::Control;
use chunkwise_testkit::simulation::START;
use chunkwise_testkit::{Model, Scenario};

use crate::crashes::MODELS;
use crate::seeds::run;
use crate::world::World;

/// Every moment at which anything begins or ends on the wire or on the disk, and just after it.
fn moments(model: Model) -> Vec<Duration> {
    let mut world = World::new(&Scenario::calm(model));
    world.run().unwrap();
    let wire = world.log().into_iter().flat_map(|exchange| [Some(exchange.began), exchange.ended()]);
    let disk = world.store.written().into_iter().map(|written| written.at);
    let mut moments: Vec<_> = wire.flatten().chain(disk).map(|at| at.since(START)).collect();
    moments.extend(moments.clone().iter().map(|at| *at + Duration::from_millis(1)));
    moments.sort();
    moments.dedup();
    moments
}

/// How often it ends like this, if this happens at any moment; otherwise it completes. Every end is judged, and gone on
/// from where there is something left.
fn ends(control: Control, end: &str) {
    for model in MODELS {
        let (mut ended, moments) = (0, moments(model));
        for at in &moments {
            let scenario = Scenario { controls: vec![(*at, control)], ..Scenario::calm(model) };
            let report = run("moments", None, World::new(&scenario));
            assert!(report.end == end || report.end == "completed", "{scenario:?}: {}", report.end);
            ended += usize::from(report.end == end);
        }
        assert!(ended > moments.len() / 2, "{}: {ended} of {}", model.name(), moments.len());
    }
}

#[test]
fn kept_at_any_moment_the_record_is_up_to_date_and_goes_on() {
    ends(Control::Keep, "cancelled");
}

#[test]
fn discarded_at_any_moment_it_says_truly_what_is_left() {
    ends(Control::Discard, "discarded");
}

#[test]
fn dead_at_any_moment_it_goes_on() {
    ends(Control::Crash, "completed");
}
