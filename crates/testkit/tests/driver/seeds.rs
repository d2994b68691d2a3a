//! Random scenarios through the driver: all end, every end is a right one, nothing leaks, and a seed gives the same again.

use std::collections::BTreeMap;

use chunkwise_core::{Kept, OperationKind, SegmentIndex};
use chunkwise_driver::{CheckpointStore as _, DriverError, Left, Record, StartError};
use chunkwise_testkit::invariants::Breach;
use chunkwise_testkit::judge::{self, Excuse, Judge, is_harmless};
use chunkwise_testkit::scenario::{Control, Faults, Known, Lies, Scenario, Source};
use chunkwise_testkit::transport::Exchange;

use crate::process::process;
use crate::setting;
use crate::world::{End, World};

/// What was seen of an upload that went as it must.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) end: judge::End,
    processes: u32,
    faults: usize,
    log: Vec<Exchange>,
}

/// Runs a world and judges its end; otherwise it says what was wrong, and how to see it again: by which test, and with
/// which seed if there is one.
pub(crate) fn run(test: &str, seed: Option<u64>, mut world: World) -> Report {
    let ran = world.run().and_then(|end| {
        let log = world.log();
        judge(&mut world, &end).map(|end| (end, log))
    });
    match ran {
        Ok((end, log)) => {
            let faults = log.iter().filter(|exchange| exchange.fault.is_some()).count();
            Report { end, processes: world.processes, faults, log }
        }
        Err(wrong) => {
            let setting =
                seed.map(|seed| format!("CHUNKWISE_SEED={seed} CHUNKWISE_CASES=1 ")).unwrap_or_default();
            let replay = format!("{setting}cargo test -p chunkwise-testkit --test driver {test}");
            panic!("{world}\n{wrong}\nreplay: {replay}")
        }
    }
}

/// Whether the end is a right one, and what is said to be left is there; its name.
fn judge(world: &mut World, end: &End) -> Result<judge::End, String> {
    let log = world.log();
    live_at_once(&world.scenario, &log)?;
    let ended = match end {
        End::NotStarted(StartError::Plan(_)) => return Ok("no plan"),
        End::NotStarted(error) => return Err(format!("it can't be started: {error}")),
        End::Ended(ended) => ended,
    };
    let segments = log.iter().filter_map(|exchange| exchange.operation.action.segment());
    let most = world.scenario.longest_quiet(1 + segments.map(SegmentIndex::get).max().unwrap_or(0));
    if world.quiet > most {
        return Err(format!("it ended {:?} after anything went wrong (at most {most:?})", world.quiet));
    }
    let records = process(world.store.list()).unwrap();
    let left_truly = |left: &Left, kept| match left {
        Left::Checkpoint(id) => kept != Kept::Nothing && records.len() == 1 && records[0].id == *id,
        Left::Nothing => kept == Kept::Nothing && records.is_empty(),
        Left::EarlierCheckpoint(..) => false,
    };
    let result = match ended {
        Ok(completed) if records.is_empty() => Ok(completed.clone()),
        Ok(_) => return Err("a record is left of an upload that is done".into()),
        Err(DriverError::Upload { error, fault: None, left }) if left_truly(left, error.kept) => {
            Err(error.clone())
        }
        Err(other) => return Err(format!("{other:?}, with these records: {records:?}")),
    };
    let checkpoint = records.first().and_then(|listed| listed.record.as_ref().ok());
    let needs_source = checkpoint.is_some_and(Record::needs_source);
    if let (Some(record), true) = (checkpoint, world.remembers()) {
        // It is up to date, as it is said to be.
        let (kept, told) = (&record.checkpoint, world.progress);
        if kept.sessions() == told.session && kept.stored() != told.stored {
            return Err(format!("{} bytes are stored, and {} by the checkpoint", told.stored, kept.stored()));
        }
    }
    let left = as_judge(world, &log, needs_source, |judge| judge.ended(&result))?;
    if let (Err(error), Kept::Checkpoint | Kept::AbortOwed) = (&result, left) {
        let again = match world.go_on()? {
            End::Ended(Ok(completed)) => Ok(completed),
            End::Ended(Err(DriverError::Upload { error, .. })) => Err(error),
            other => return Err(format!("it can't go on: {other:?}")),
        };
        as_judge(world, &log, needs_source, |judge| judge.went_on(error, &again))?;
    }
    Ok(judge::name(&result))
}

fn as_judge<T>(
    world: &World,
    log: &[Exchange],
    needs_source: bool,
    judgement: impl FnOnce(Judge<'_>) -> Result<T, Breach>,
) -> Result<T, String> {
    world.transport().check_bytes().map_err(|breach| breach.to_string())?;
    let faults = log.iter().filter_map(|exchange| exchange.fault);
    let mut excuses: Vec<_> = faults.clone().filter_map(Excuse::of).collect();
    excuses.extend(world.slept.then_some(Excuse::Slept));
    excuses.extend(world.scenario.controls.iter().filter_map(|(_, control)| match control {
        Control::Keep | Control::Discard => Some(Excuse::Stopped),
        Control::Rotate => Some(Excuse::Expired),
        _ => None,
    }));
    excuses.extend(world.given_up.then_some(Excuse::Stopped));
    // Twice reset, a size is suspected to be too large: that bounds what may still come.
    let suspected = world.scenario.length == Known::AtTheEnd && faults.clone().count() > 1;
    excuses.extend((suspected || world.scenario.may_be_endless()).then_some(Excuse::TooLong));
    let (server, scenario) = (world.transport().server(), &world.scenario);
    let stopped = |control: &Control| matches!(control, Control::Crash | Control::Keep | Control::Discard);
    let judge = Judge {
        server: &server,
        now: world.transport().now(),
        total: scenario.total,
        progress: world.progress,
        needs_source,
        source: scenario.source,
        must_complete: faults.count() < if scenario.source == Source::Once { 1 } else { 2 }
            && is_harmless(&server, scenario.source)
            && world.processes == 1
            && !scenario.controls.iter().any(|(_, control)| stopped(control))
            && excuses.is_empty(),
        resumed: world.processes > 1,
        on_their_way: world.transport().appends_on_their_way(),
        excuses: &excuses,
    };
    judgement(judge).map_err(|breach| breach.to_string())
}

/// Never more Appends on the wire than the window allows, never two of one segment, and none when Finalize goes out.
fn live_at_once(scenario: &Scenario, log: &[Exchange]) -> Result<(), String> {
    let most = if scenario.server.model.is_parts() { scenario.window.max() as usize } else { 1 };
    for (n, exchange) in log.iter().enumerate() {
        let earlier = log[..n].iter().filter(|earlier| {
            earlier.operation.kind() == OperationKind::Append && earlier.is_live(exchange.began)
        });
        let (live, kind) = (earlier.clone().count(), exchange.operation.kind());
        let twice = earlier.clone().any(|earlier| {
            kind == OperationKind::Append
                && earlier.operation.action.segment() == exchange.operation.action.segment()
        });
        if twice
            || (kind == OperationKind::Append && live >= most)
            || (kind == OperationKind::Finalize && live > 0)
        {
            return Err(format!("{exchange}, with {live} Appends under way (at most {most})"));
        }
    }
    Ok(())
}

#[test]
fn whatever_happens_every_upload_ends_as_it_must_and_leaves_nothing_behind() {
    let (from, count) = (setting("CHUNKWISE_SEED", 1), setting("CHUNKWISE_CASES", 600));
    let (mut ends, mut died, mut faults) = (BTreeMap::<&str, u64>::new(), 0, 0);
    for seed in from..from + count {
        let report = run("whatever_happens", Some(seed), World::new(&Scenario::from_seed(seed)));
        *ends.entry(report.end).or_default() += 1;
        died += u64::from(report.processes - 1);
        faults += report.faults;
    }
    if std::env::var_os("CHUNKWISE_CASES").is_some() {
        eprintln!("{ends:?}, {died} deaths, {faults} faults");
    }
    if count < 600 {
        return;
    }
    assert!(ends["completed"] > count / 2, "most get through: {ends:?}");
    assert!(died > count / 5 && faults as u64 > count, "{died} deaths, {faults} faults");
    for expected in [
        "cancelled",
        "discarded",
        "exhausted",
        "finalize unknown",
        "processing failed",
        "refused",
        "too large",
    ] {
        assert!(ends.contains_key(expected), "{expected} is never met: {ends:?}");
    }
}

#[test]
fn a_seed_gives_the_same_operations_in_the_same_order() {
    let (from, count) = (setting("CHUNKWISE_SEED", 1), setting("CHUNKWISE_CASES", 100));
    for seed in from..from + count {
        let scenario = Scenario::from_seed(seed);
        let again = || run("a_seed_gives", Some(seed), World::in_memory(&scenario));
        let (one, other) = (again(), again());
        let lines = |report: &Report| report.log.iter().map(ToString::to_string).collect::<Vec<_>>();
        let (one, other) = (lines(&one), lines(&other));
        if let Some(n) = (0..one.len().max(other.len())).find(|n| one.get(*n) != other.get(*n)) {
            let (one, other) = (one.get(n), other.get(n));
            panic!("seed {seed}, exchange {n}:\n  {one:?}\n  {other:?}");
        }
    }
}

/// Everything that is sent is struck, until the faults are used up; from then on it ends within the simulator's bound.
#[test]
fn once_nothing_goes_wrong_any_more_an_upload_ends_within_the_simulators_bound() {
    let from = setting("CHUNKWISE_SEED", 1);
    let mut ends = BTreeMap::<&str, u64>::new();
    for seed in from..from + setting("CHUNKWISE_CASES", 150) {
        let faults = Faults::Random { count: 1 + (seed % 12) as u32, rate: 100, lies: Lies::Never };
        let scenario = Scenario { faults, controls: Vec::new(), ..Scenario::from_seed(seed) };
        let report = run("once_nothing_goes_wrong", Some(seed), World::new(&scenario));
        *ends.entry(report.end).or_default() += 1;
    }
    if std::env::var_os("CHUNKWISE_CASES").is_none() {
        assert!(ends["completed"] > 75, "most get through: {ends:?}");
    }
}
