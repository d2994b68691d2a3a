//! Simulated uploads: everything may go wrong, and every invariant is checked after every step.
//!
//! `CHUNKWISE_CASES` sets how many seeds the random tests take, `CHUNKWISE_SEED` where they begin. Millions of them are
//! run by the program `simulate`.
#![cfg(test)]

use std::collections::BTreeMap;
use std::time::Duration;

use chunkwise_testkit::fault::{Fault, Loss, Said};
use chunkwise_testkit::scenario::{Control, CrashPoint, Faults, Lies, Network, Source};
use chunkwise_testkit::server::{Lie, Memory, ProcessingEnds};
use chunkwise_testkit::{Model, Scenario, simulation};

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(otherwise)
}

fn end(scenario: &Scenario) -> simulation::Report {
    simulation::run(scenario).unwrap_or_else(|failed| panic!("{failed}"))
}

#[test]
fn whatever_happens_the_invariants_hold_and_every_upload_ends() {
    let (from, count) = (setting("CHUNKWISE_SEED", 1), setting("CHUNKWISE_CASES", 4_000));
    let mut ends = BTreeMap::<&str, u64>::new();
    for seed in from..from + count {
        *ends.entry(end(&Scenario::from_seed(seed)).end).or_default() += 1;
    }
    assert!(ends["completed"] > count / 2, "most get through: {ends:?}");
    if count < 4_000 {
        return;
    }
    // The bad ends are met as well: the checks of them are not idle.
    for expected in [
        "cancelled",
        "discarded",
        "exhausted",
        "finalize unknown",
        "processing failed",
        "protocol",
        "refused",
        "session lost",
        "still processing",
        "throttled",
        "too large",
    ] {
        assert!(ends.contains_key(expected), "{expected} is never met: {ends:?}");
    }
}

#[test]
fn the_simulator_is_deterministic() {
    for seed in 0..300 {
        let scenario = Scenario::from_seed(seed);
        let (one, lines) = simulation::traced(&scenario);
        let (other, again) = simulation::traced(&scenario);
        assert_eq!(one, other, "seed {seed}");
        assert_eq!(lines, again, "seed {seed}");
        assert_eq!(one.ok(), simulation::run(&scenario).ok(), "seed {seed}: with and without a trace");
    }
}

#[test]
fn a_failing_run_names_the_command_that_replays_it() {
    let scenario = Box::new(Scenario::from_seed(77));
    let breach = chunkwise_testkit::invariants::Breach { rule: "a rule", detail: "broken".into() };
    let failed = simulation::Failed { breach, scenario, trace: vec!["what happened".into()] };
    let told = failed.to_string();
    assert!(told.starts_with("what happened\n"), "{told}");
    assert!(told.contains("a rule does not hold: broken"), "{told}");
    assert!(told.ends_with("--bin simulate -- --seed 77 --count 1 --trace"), "{told}");
}

#[test]
fn where_nothing_goes_wrong_every_segment_is_sent_once() {
    for model in Model::ALL {
        let report = end(&Scenario::calm(model));
        assert_eq!((report.end, report.sent_again, report.faults), ("completed", 0, 0), "{}", model.name());
    }
}

#[test]
fn the_client_may_die_at_every_write_of_a_checkpoint() {
    for model in Model::ALL {
        let calm = Scenario { total: 93, ..Scenario::calm(model) };
        let writes = end(&calm).writes;
        // A single request has no session to be opened, and its answer ends it.
        let least = if model.sends_once() { 2 } else { 3 };
        assert!(writes >= least, "{}: {writes} writes", model.name());
        for write in 0..writes {
            for point in [CrashPoint::Before, CrashPoint::During, CrashPoint::After] {
                for seed in 0..4 {
                    let scenario = Scenario { seed, crashes: vec![(write, point)], ..calm.clone() };
                    let report = end(&scenario);
                    let unknown = !model.verifies() && report.end == "finalize unknown";
                    assert!(report.end == "completed" || unknown, "{scenario:?} ended {}", report.end);
                }
            }
        }
    }
}

#[test]
fn the_client_may_die_at_any_moment() {
    for model in Model::ALL {
        let calm = Scenario::calm(model);
        let took = end(&calm).took.as_millis() as u64;
        for at in (0..took).step_by(13) {
            let controls = vec![(Duration::from_millis(at), Control::Crash)];
            let report = end(&Scenario { controls, ..calm.clone() });
            let unknown = !model.verifies() && report.end == "finalize unknown";
            assert!(report.end == "completed" || unknown, "{}: {at} ms: {}", model.name(), report.end);
        }
    }
}

/// One fault, at the n-th operation.
fn struck(model: Model, nth: u32, fault: Fault) -> Scenario {
    Scenario { faults: Faults::Scheduled(vec![(nth, fault)]), ..Scenario::calm(model) }
}

#[test]
fn one_fault_anywhere_is_got_over() {
    let second = Duration::from_secs(1);
    let faults = [
        Fault::Unreachable,
        Fault::RequestLost(Loss::Reset),
        Fault::RequestLost(Loss::Silence),
        Fault::RequestLost(Loss::Garbled),
        Fault::Cut(0),
        Fault::Cut(500),
        Fault::Cut(1_000),
        Fault::Stall(500),
        Fault::ReplyLost(Loss::Reset),
        Fault::ReplyLost(Loss::Silence),
        Fault::ReplyLost(Loss::Garbled),
        Fault::ReplyTwice(second),
        Fault::ReplyLate(10 * second),
        Fault::Says(Said::Transient(None)),
        Fault::Says(Said::Throttled(None)),
        Fault::Says(Said::Busy(None)),
        Fault::Says(Said::Broken(None)),
        Fault::Says(Said::Expired),
        Fault::Misfit(second),
    ];
    for model in [Model::Parts, Model::PartsUniform, Model::Listed, Model::AppendPrefix, Model::AppendAtomic]
    {
        let operations = end(&Scenario::calm(model)).operations as u32;
        for (fault, nth) in faults.iter().flat_map(|fault| (0..operations).map(move |nth| (*fault, nth))) {
            let report = end(&struck(model, nth, fault));
            assert_eq!(report.end, "completed", "{}: {fault:?} at operation {nth}", model.name());
            assert!(report.sent_again <= 10, "{}: {fault:?} at {nth}: {report:?}", model.name());
        }
    }
}

#[test]
fn one_lie_anywhere_is_survived() {
    for model in Model::ALL {
        let operations = end(&Scenario::calm(model)).operations as u32;
        for (lie, nth) in Lie::ALL.iter().flat_map(|lie| (0..operations).map(move |nth| (*lie, nth))) {
            // That it ends, typed and within bounds, is what the run itself checks.
            end(&struck(model, nth, Fault::Lies(lie)));
        }
    }
}

#[test]
fn a_server_that_only_lies_meets_an_end() {
    for seed in 0..200 {
        let faults = Faults::Random { count: 1_000, rate: 100, lies: Lies::Often };
        end(&Scenario { seed, faults, ..Scenario::calm(Model::ALL[seed as usize % Model::ALL.len()]) });
    }
}

#[test]
fn what_never_ends_is_ended() {
    let mut scenario = Scenario::calm(Model::Parts);
    scenario.server.processing = ProcessingEnds::Never;
    assert_eq!(end(&scenario).end, "still processing");
    scenario.server.processing = ProcessingEnds::Fails;
    assert_eq!(end(&scenario).end, "processing failed");
    for (model, rate) in Model::ALL.iter().flat_map(|model| [50, 90, 100].map(|rate| (*model, rate))) {
        // Far more faults than any budget.
        let faults = Faults::Random { count: 1_000_000, rate, lies: Lies::Never };
        let report = end(&Scenario { faults, ..Scenario::calm(model) });
        assert!(report.took <= Duration::from_secs(2 * 3_600), "{report:?}");
    }
}

#[test]
fn a_server_that_forgets_gets_it_again() {
    // A single request is acknowledged once, by the object.
    for model in Model::ALL.into_iter().filter(|model| !model.sends_once()) {
        let mut scenario = Scenario::calm(model);
        scenario.server.memory = Memory::LosesOnce;
        let report = end(&scenario);
        assert_eq!(report.end, "completed", "{}", model.name());
        assert!(report.sent_again > 0, "{}", model.name());
    }
}

#[test]
fn sources_that_grow_or_can_be_read_once_go_up_too() {
    for (model, source) in Model::ALL.iter().flat_map(|m| [Source::Growing, Source::Once].map(|s| (*m, s))) {
        for total in [0, 1, 10, 57, 240] {
            let report = end(&Scenario { source, total, ..Scenario::calm(model) });
            assert_eq!(report.end, "completed", "{} {source:?} {total}", model.name());
        }
    }
}

#[test]
fn the_clock_may_jump() {
    for (model, at) in Model::ALL.iter().flat_map(|model| (0..20).map(move |n| (*model, n * 40))) {
        for control in [Control::ClockForward(300), Control::ClockBack(300), Control::Suspend] {
            let controls = vec![(Duration::from_millis(at), control)];
            let report = end(&Scenario { controls, ..Scenario::calm(model) });
            // Whoever sleeps may miss a deadline; a jump over a timeout is a timeout.
            let slept = control == Control::Suspend;
            let unknown = !model.verifies() && report.end == "finalize unknown";
            assert!(
                report.end == "completed" || slept || unknown,
                "{}: {control:?}: {}",
                model.name(),
                report.end
            );
        }
    }
}

#[test]
fn a_slow_link_is_no_stall() {
    for model in Model::ALL {
        let network = Network { least: 1, most: 2, rate: 1 };
        let report = end(&Scenario { network, ..Scenario::calm(model) });
        assert_eq!((report.end, report.sent_again), ("completed", 0), "{}", model.name());
    }
}
