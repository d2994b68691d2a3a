//! Deadlines: they strike in every phase, to the second, and a pause stops them.

use std::sync::Arc;
use std::time::Duration;

use chunkwise_core::{
    Delay, ErrorKind, Failure, Fault, Kept, OperationKind, Policy, Problem, ProblemKind, Processed,
    ProcessingPolicy, Profile, ServerError, Session, Timeouts, Verify,
};
use chunkwise_driver::{
    Driver, DriverError, FileSource, GrowingFile, Left, MemoryStore, ResumeRequest, UploadRequest,
};
use tokio::time::Instant;

use crate::wire::{Act, MockScript, Wire, lost, running};
use crate::{KIB, driver, model, policy, request, video};

const DEADLINE: Duration = Duration::from_secs(100);
const PAUSE: Duration = Duration::from_secs(1000);

/// Nothing but the deadline strikes.
fn patient() -> Policy {
    let forever = Duration::from_secs(100_000);
    Policy {
        deadline: DEADLINE,
        timeouts: Timeouts { stall: forever, response: forever },
        processing: ProcessingPolicy { deadline: DEADLINE, ..ProcessingPolicy::default() },
        ..policy(20 * KIB, 1)
    }
}

fn processed() -> Profile {
    Profile { processing: Processed::Polled, ..model::profile() }
}

fn throttled() -> Act {
    let after = Some(Delay::After(Duration::from_secs(3000)));
    let server = ServerError::message("scripted");
    Act::Answer(Failure::Answered(Problem { kind: ProblemKind::Throttled, after, server }).into())
}

/// Where an upload is when the deadline strikes, and what is to come of it.
struct Case {
    name: &'static str,
    script: fn(MockScript) -> MockScript,
    profile: Profile,
    is: fn(&ErrorKind) -> bool,
    fault: Fault,
    kept: Kept,
    session: bool,
}

fn cases() -> Vec<Case> {
    const DEADLINE_PASSED: fn(&ErrorKind) -> bool =
        |kind| matches!(kind, ErrorKind::Deadline { deadline } if *deadline == DEADLINE);
    const UNKNOWN: fn(&ErrorKind) -> bool = |kind| matches!(kind, ErrorKind::FinalizeUnknown { .. });
    const STILL: fn(&ErrorKind) -> bool = |kind| matches!(kind, ErrorKind::StillProcessing { waited } if waited.as_secs() == DEADLINE.as_secs());
    let case = |name, script, is, fault| Case {
        name,
        script,
        profile: model::profile(),
        is,
        fault,
        kept: Kept::Checkpoint,
        session: true,
    };
    let network = Fault::Network;
    vec![
        Case {
            kept: Kept::Nothing,
            session: false,
            ..case(
                "opening, an Init under way",
                |script| script.once(OperationKind::Init, || Act::NeverAnswer),
                DEADLINE_PASSED,
                network,
            )
        },
        Case {
            kept: Kept::Nothing,
            session: false,
            ..case(
                "opening, an Init put off",
                |script| script.once(OperationKind::Init, throttled),
                DEADLINE_PASSED,
                network,
            )
        },
        case(
            "transferring, an Append under way",
            |script| {
                let mut script = script;
                script
                    .expect_act()
                    .withf(|op| op.action.segment().is_some_and(|index| index.get() == 2))
                    .times(1)
                    .returning(|_| Act::HangAfter(1));
                script
            },
            DEADLINE_PASSED,
            network,
        ),
        case(
            "transferring, an Append put off",
            |script| script.once(OperationKind::Append, throttled),
            DEADLINE_PASSED,
            network,
        ),
        case(
            "finalizing, no Finalize sent",
            |script| script.once(OperationKind::Finalize, throttled),
            DEADLINE_PASSED,
            network,
        ),
        case(
            "finalizing, a Finalize sent",
            |script| script.once(OperationKind::Finalize, || Act::NeverAnswer),
            UNKNOWN,
            network,
        ),
        Case {
            kept: Kept::Nothing,
            profile: Profile { verify: Verify::Unsupported, ..model::profile() },
            ..case(
                "finalizing, a Finalize sent, and nobody to ask",
                |script| script.once(OperationKind::Finalize, || Act::NeverAnswer),
                UNKNOWN,
                network,
            )
        },
        case(
            "verifying",
            |script| {
                script.once(OperationKind::Finalize, lost).once(OperationKind::Verify, || Act::NeverAnswer)
            },
            UNKNOWN,
            network,
        ),
        Case {
            profile: processed(),
            ..case(
                "processing, polled in vain",
                |script| script.once(OperationKind::Finalize, running).every(OperationKind::Status, running),
                STILL,
                Fault::Server,
            )
        },
        Case {
            profile: processed(),
            ..case(
                "processing, a Status under way",
                |script| {
                    script
                        .once(OperationKind::Finalize, running)
                        .once(OperationKind::Status, || Act::NeverAnswer)
                },
                STILL,
                Fault::Server,
            )
        },
    ]
}

/// What ended an upload, after how long.
async fn run(
    driver: &Driver,
    file: &tempfile::NamedTempFile,
    wire: &Arc<Wire>,
    pause: bool,
) -> (DriverError, Duration) {
    let begin = Instant::now();
    let handle = driver.start(request(file, wire.clone(), patient())).await.unwrap();
    if pause {
        let control = handle.control();
        tokio::spawn(async move {
            tokio::time::sleep(DEADLINE / 2).await;
            control.pause();
            tokio::time::sleep(PAUSE).await;
            control.resume();
        });
    }
    let error = handle.wait().await.unwrap_err();
    (error, begin.elapsed())
}

async fn strikes_in_every_phase(pause: bool) {
    for case in cases() {
        let name = case.name;
        let (file, _) = video(60 * KIB, 1);
        let wire =
            Wire::new((case.script)(MockScript::new()).otherwise_well()).profile(case.profile.clone()).arc();
        let driver = driver(64 * KIB, 4 * KIB, MemoryStore::default());
        let (error, took) = run(&driver, &file, &wire, pause).await;
        let due = if pause { DEADLINE + PAUSE } else { DEADLINE };
        assert!(took >= due && took < due + Duration::from_secs(1), "{name}: it took {took:?}");
        let DriverError::Upload { error, fault, left } = error else { panic!("{name}: {error}") };
        assert!((case.is)(&error.kind), "{name}: {error}");
        assert!(fault.is_none(), "{name}: {fault:?}");
        assert_eq!((error.kind.fault(), error.kept), (case.fault, case.kept), "{name}");
        assert_eq!(error.session, case.session.then(|| Session::new("one")), "{name}");
        assert!(wire.is_idle(), "{name}: what was under way is given up");
        crate::settled(&driver).await;

        let listed = driver.uploads().await.unwrap();
        match case.kept {
            Kept::Checkpoint => {
                let Left::Checkpoint(id) = left else { panic!("{name}: {left:?}") };
                let record = listed.into_iter().next().unwrap().record.unwrap();
                let appends = wire.count(OperationKind::Append);
                let missing = record.checkpoint.total() - record.checkpoint.stored();
                let well = Wire::new(MockScript::new().otherwise_well()).profile(case.profile).arc();
                // Whoever only waits for processing needs no source.
                let source = record.needs_source().then(|| {
                    Arc::new(FileSource::open(file.path()).unwrap()) as Arc<dyn chunkwise_driver::Source>
                });
                let resume =
                    ResumeRequest { policy: patient(), ..ResumeRequest::new(id, source, well.clone()) };
                driver.resume(resume).await.unwrap().wait().await.unwrap();
                let sent_again = well.count(OperationKind::Append) as u64 * 20 * KIB as u64;
                assert_eq!(sent_again, missing, "{name}: {appends} were sent before");
                assert_eq!(well.count(OperationKind::Init), 0, "{name}");
            }
            Kept::Nothing | Kept::AbortOwed => {
                assert!(matches!(left, Left::Nothing), "{name}: {left:?}");
                assert!(listed.is_empty(), "{name}");
            }
        }
        assert!(driver.uploads().await.unwrap().is_empty(), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_deadline_strikes_in_every_phase_with_its_own_error_and_what_is_kept_goes_on() {
    strikes_in_every_phase(false).await;
}

#[tokio::test(start_paused = true)]
async fn a_pause_stops_the_clock_in_every_phase() {
    strikes_in_every_phase(true).await;
}

/// Nobody writes any more, and nobody says so: only the deadline can tell.
#[tokio::test(start_paused = true)]
async fn a_file_that_grows_no_further_meets_the_deadline_and_can_be_resumed_once_it_does() {
    let content = crate::content(60 * KIB, 2);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &content[..30 * KIB]).unwrap();
    let (source, growth) = GrowingFile::open(file.path(), Some(60 * KIB as u64), 30 * KIB as u64).unwrap();
    let model = model::Model::healthy().arc();
    let driver = driver(64 * KIB, 4 * KIB, MemoryStore::default());
    let start = UploadRequest { policy: patient(), ..UploadRequest::new(source, model.transport()) };
    let begin = Instant::now();
    let handle = driver.start(start).await.unwrap();
    let id = handle.id().clone();
    let (error, fault) = crate::failure(handle).await;
    assert!(matches!(*error.kind, ErrorKind::Deadline { .. }), "{error}");
    assert!(fault.is_none());
    assert_eq!(begin.elapsed().as_secs(), 100);
    drop(growth);

    std::fs::write(file.path(), &content).unwrap();
    let source = Arc::new(FileSource::open(file.path()).unwrap());
    let resume =
        ResumeRequest { policy: patient(), ..ResumeRequest::new(id, Some(source), model.transport()) };
    driver.resume(resume).await.unwrap().wait().await.unwrap();
    assert!(model.object() == content);
    assert_eq!(model.count(OperationKind::Append), 3, "the first segment was stored and is not sent again");
}
