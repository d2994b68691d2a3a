//! Random scenarios through the driver: all end, every end is a right one, nothing leaks, and a seed gives the same again.

use std::collections::BTreeMap;
use std::time::Duration;

use chunkwise_core::{Discard, ErrorKind, Kept, OperationKind, UploadError, Violation};
use chunkwise_driver::{CheckpointStore as _, DriverError, Left, StartError};
use chunkwise_testkit::fault::Fault;
use chunkwise_testkit::scenario::{Control, Scenario};
use chunkwise_testkit::server::{Limit, ProcessingEnds, Repeats, SessionState};
use chunkwise_testkit::transport::Exchange;

use crate::process::process;
use crate::setting;
use crate::world::{End, World};

/// What was seen of an upload that went as it must.
#[derive(Debug)]
struct Report {
    end: String,
    processes: u32,
    faults: usize,
    log: Vec<Exchange>,
}

/// Runs a seed and judges it; otherwise it says what was wrong, and how to see it again.
fn run(test: &str, seed: u64, world: impl Fn(&Scenario) -> World) -> Report {
    let mut world = world(&Scenario::from_seed(seed));
    let ran = world.run().and_then(|end| {
        let log = world.log();
        judge(&mut world, &end).map(|end| (end, log))
    });
    match ran {
        Ok((end, log)) => {
            let faults = log.iter().filter(|exchange| exchange.fault.is_some()).count();
            Report { end, processes: world.processes, faults, log }
        }
        Err(wrong) => panic!(
            "{world}\nseed {seed}: {wrong}\nreplay: CHUNKWISE_SEED={seed} CHUNKWISE_CASES=1 cargo test -p chunkwise-testkit \
             --test driver {test}"
        ),
    }
}

/// Whether the end is a right one; its name.
fn judge(world: &mut World, end: &End) -> Result<String, String> {
    let log = world.log();
    live_at_once(&world.scenario, &log)?;
    let met = |is: fn(&Fault) -> bool| log.iter().any(|exchange| exchange.fault.as_ref().is_some_and(is));
    let (lied, late) = (met(|f| matches!(f, Fault::Lies(_))), met(|f| matches!(f, Fault::RequestLate(_))));
    if !lied {
        let server = world.transport().server();
        for session in server.sessions() {
            if server.state(&session) == Some(SessionState::Committed) {
                world.transport().check_object(&session).map_err(|breach| breach.to_string())?;
            }
        }
    }
    let ended = match end {
        End::NotStarted(StartError::Plan(_)) => return Ok("no plan".into()),
        End::NotStarted(error) => return Err(format!("it can't be started: {error}")),
        End::Ended(ended) => ended,
    };
    let segments = log.iter().filter_map(|exchange| exchange.operation.action.segment());
    let most = world.scenario.longest_quiet(1 + segments.map(|index| index.get()).max().unwrap_or(0));
    if world.quiet > most {
        return Err(format!("it ended {:?} after anything went wrong (at most {most:?})", world.quiet));
    }
    let records = process(world.store.list()).unwrap().len();
    let (error, left) = match ended {
        Ok(completed) => {
            let session = completed.session.as_ref().ok_or("completed without a session")?;
            let server = world.transport().server();
            if !lied && server.state(session) != Some(SessionState::Committed) {
                return Err(format!("completed, but {session} is not committed"));
            }
            // Who died, or whose request comes behind its own back, can't know.
            if !lied && !late && world.processes == 1 && server.finalized_again(session) > 0 {
                return Err("Finalize was repeated".into());
            }
            if records > 0 {
                return Err("a record is left of an upload that is done".into());
            }
            return Ok("completed".into());
        }
        Err(DriverError::Upload { error, fault: None, left }) => (error, left),
        Err(other) => return Err(format!("the source is as it was, and yet: {other:?}")),
    };
    let told = match left {
        Left::Checkpoint(_) => error.kept != Kept::Nothing && records == 1,
        Left::Nothing => error.kept == Kept::Nothing && records == 0,
        Left::EarlierCheckpoint(..) => false,
    };
    if !told {
        return Err(format!("{left:?} with {records} records and {error:?}"));
    }
    let name: String = format!("{:?}", error.kind).chars().take_while(|c| c.is_alphanumeric()).collect();
    if lied {
        // A liar may have any object; that it was survived is all that can be asked.
        return Ok(name);
    }
    if is_without_reason(world, &log) {
        return Err(format!("nothing to speak of went wrong, and yet: {error:?}"));
    }
    discard_is_true(world, error, late)?;
    kept_is_true(world, error)?;
    Ok(name)
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

/// Whether too little went wrong for any other end than a good one.
fn is_without_reason(world: &World, log: &[Exchange]) -> bool {
    let (scenario, server) = (&world.scenario, &world.scenario.server);
    let calm = scenario.controls.iter().all(|(_, control)| match control {
        Control::Pause | Control::Resume | Control::Hold | Control::Rotate => true,
        Control::ClockForward(_) | Control::ClockBack(_) => true,
        Control::Crash
        | Control::Keep
        | Control::Discard
        | Control::Suspend
        | Control::Sleep(_)
        | Control::SourceChanged
        | Control::SourceUnreadable
        | Control::NoCredentials => false,
    });
    let faults: Vec<_> = log.iter().filter_map(|exchange| exchange.fault).collect();
    let got_over = faults.iter().all(|fault| {
        use chunkwise_testkit::fault::Said;
        !matches!(
            fault,
            Fault::Says(Said::Invalid | Said::Forbidden | Said::Endless)
                | Fault::RequestLate(_)
                | Fault::Lies(_)
        )
    });
    faults.len() < 2
        && !matches!(server.appetite, chunkwise_testkit::server::Appetite::NothingBehind(_))
        && got_over
        && server.model.verifies()
        && server.limit == Limit::None
        && server.lifetime.is_none()
        && server.processing == ProcessingEnds::Ready
        && server.repeats != Repeats::Refuse
        && world.processes == 1
        && calm
}

fn discard_is_true(world: &World, error: &UploadError, late: bool) -> Result<(), String> {
    let ErrorKind::Discarded(discard) = &*error.kind else { return Ok(()) };
    if late {
        // Nothing is known of what is done behind it.
        return Ok(());
    }
    let (server, now) = (world.transport().server(), world.transport().now());
    let state = error.session.as_ref().and_then(|session| server.state(session));
    let left = error.session.as_ref().is_some_and(|session| server.is_left_open(now, session));
    let holds = match discard {
        Discard::NothingToDo => error.session.is_none(),
        Discard::Confirmed => !left,
        Discard::ExpiresByItself => state == Some(SessionState::Open),
        Discard::AlreadyCommitted(_) => state == Some(SessionState::Committed),
        Discard::Unconfirmed { .. } | Discard::Unknown => true,
    };
    if holds { Ok(()) } else { Err(format!("{discard:?}, but the session is {state:?}")) }
}

/// What an error says to be left is what another process finds.
fn kept_is_true(world: &mut World, error: &UploadError) -> Result<(), String> {
    let again = match error.kept {
        Kept::Nothing => {
            let (server, now) = (world.transport().server(), world.transport().now());
            let left = error.session.as_ref().is_some_and(|session| server.is_left_open(now, session));
            return if left && world.scenario.server.model.aborts() {
                Err(format!("a session is left open by {error:?}"))
            } else {
                Ok(())
            };
        }
        Kept::AbortOwed | Kept::Checkpoint => match world.go_on()? {
            End::Ended(again) => again,
            End::NotStarted(error) => return Err(format!("it can't go on: {error}")),
        },
    };
    let again = match (error.kept, again) {
        (Kept::Checkpoint, Ok(completed)) => {
            let session = completed.session.ok_or("completed without a session")?;
            return world.transport().check_object(&session).map_err(|breach| breach.to_string());
        }
        (_, Err(DriverError::Upload { error: again, .. })) => again,
        (_, other) => return Err(format!("it goes on from {error:?} to {other:?}")),
    };
    let server = &world.scenario.server;
    let holds = match &*again.kind {
        ErrorKind::Discarded(Discard::Confirmed) => error.kept == Kept::AbortOwed,
        ErrorKind::ProcessingFailed { .. } => server.processing == ProcessingEnds::Fails,
        ErrorKind::StillProcessing { .. } => server.processing == ProcessingEnds::Never,
        ErrorKind::TooLarge { .. } | ErrorKind::Exhausted { .. } => {
            server.limit != Limit::None
                || matches!(server.appetite, chunkwise_testkit::server::Appetite::NothingBehind(_))
        }
        ErrorKind::FinalizeUnknown { .. } => !server.model.verifies(),
        ErrorKind::Refused { .. } => server.repeats == Repeats::Refuse,
        // Both sessions are used up; of a checkpoint that lags behind a new cut, the server's list is foreign.
        ErrorKind::SessionLost { .. }
        | ErrorKind::SizeMismatch { .. }
        | ErrorKind::Protocol { violation: Violation::ForeignSegment(_), .. } => world.sessions > 1,
        _ => false,
    };
    if holds { Ok(()) } else { Err(format!("it can't go on from {error:?}: {again:?}")) }
}

#[test]
fn whatever_happens_every_upload_ends_as_it_must_and_leaves_nothing_behind() {
    let (from, count) = (setting("CHUNKWISE_SEED", 1), setting("CHUNKWISE_CASES", 600));
    let (mut ends, mut died, mut faults) = (BTreeMap::<String, u64>::new(), 0, 0);
    for seed in from..from + count {
        let report = run("whatever_happens", seed, World::new);
        *ends.entry(report.end).or_default() += 1;
        died += u64::from(report.processes - 1);
        faults += report.faults;
    }
    if std::env::var_os("CHUNKWISE_CASES").is_some() {
        let mut stderr = std::io::stderr();
        let _ = std::io::Write::write_all(
            &mut stderr,
            format!("{ends:?}, {died} deaths, {faults} faults\n").as_bytes(),
        );
    }
    if count < 600 {
        return;
    }
    assert!(ends["completed"] > count / 2, "most get through: {ends:?}");
    assert!(died > count / 5 && faults as u64 > count, "{died} deaths, {faults} faults");
    for expected in ["Cancelled", "Discarded", "ProcessingFailed", "Refused", "TooLarge"] {
        assert!(ends.contains_key(expected), "{expected} is never met: {ends:?}");
    }
}

#[test]
fn a_seed_gives_the_same_operations_in_the_same_order() {
    let (from, count) = (setting("CHUNKWISE_SEED", 1), setting("CHUNKWISE_CASES", 100));
    for seed in from..from + count {
        let again = || run("a_seed_gives", seed, World::in_memory);
        let (one, other) = (again(), again());
        let lines = |report: &Report| report.log.iter().map(ToString::to_string).collect::<Vec<_>>();
        let (one, other) = (lines(&one), lines(&other));
        if let Some(n) = (0..one.len().max(other.len())).find(|n| one.get(*n) != other.get(*n)) {
            let (one, other) = (one.get(n), other.get(n));
            panic!("seed {seed}, exchange {n}:\n  {one:?}\n  {other:?}");
        }
    }
}

/// The bound of the simulator is not idle either: it is met within a factor that a hang would exceed.
#[test]
fn once_nothing_goes_wrong_any_more_an_upload_ends_soon() {
    let mut longest = Duration::ZERO;
    for seed in 1..100 {
        let mut world = World::new(&Scenario { controls: Vec::new(), ..Scenario::from_seed(seed) });
        world.run().unwrap();
        longest = longest.max(world.quiet);
    }
    assert!(longest < Duration::from_secs(1_200), "{longest:?}");
}
