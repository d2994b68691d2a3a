//! What every input does in every phase, written out.
//!
//! | word | meaning |
//! |---|---|
//! | `-` | nothing |
//! | `ignored` | nothing, and it is counted |
//! | `timer` | the time of the next wake-up moves |
//! | `on` | the next operation goes out |
//! | `again` | the operation is to be tried again |
//! | `held`, `paused`, `told` | an event says so, and nothing else happens |
//! | a phase | the upload goes there |
//! | `x …` | the upload is closed: with the object, or this error |

use alloc::string::ToString;
use std::format;

use super::script::*;
use crate::testing::{append_profile, finished_append_profile, listed_profile, parts_profile};
use crate::*;

fn in_phase(phase: Phase) -> Script {
    match phase {
        Phase::Opening => Script::new(35),
        // Two segments under way, the others waiting: an outcome has something to follow it.
        Phase::Transferring => Script::opened(35, parts_profile(), window(2)),
        Phase::Probing => Script::opened(35, listed_profile(), window(2)).crash(),
        Phase::Finalizing => Script::finalizing(parts_profile(), policy()),
        Phase::Verifying => {
            let mut script = Script::finalizing(parts_profile(), policy());
            script.answer(OperationKind::Finalize, lost(Cut::Reset));
            script
        }
        Phase::Processing => {
            let mut script = Script::processing(Some(5), policy());
            script.wake();
            script
        }
        Phase::Aborting => {
            let mut script = Script::opened(35, listed_profile(), policy());
            script.input(Input::Cancel(Disposition::Discard));
            script
        }
        Phase::Closed => {
            let mut script = Script::opened(35, parts_profile(), policy());
            script.input(Input::Cancel(Disposition::Keep));
            script
        }
    }
}

/// The phases in which the append family differs, or could.
fn appending_in_phase(phase: Phase) -> Script {
    match phase {
        Phase::Transferring => Script::opened(35, append_profile(), window(2)),
        Phase::Probing => Script::opened(35, append_profile(), window(2)).crash(),
        Phase::Finalizing => {
            let mut script = Script::opened(5, finished_append_profile(), policy());
            script.answer(OperationKind::Append, Reply::Advanced { cursor: 5, expires: None });
            script
        }
        Phase::Opening => Script::with(35, append_profile(), policy()),
        Phase::Aborting => {
            let mut script = Script::opened(35, append_profile(), policy());
            script.input(Input::Cancel(Disposition::Discard));
            script
        }
        Phase::Verifying | Phase::Processing | Phase::Closed => in_phase(phase),
    }
}

const PHASES: [Phase; 8] = [
    Phase::Opening,
    Phase::Transferring,
    Phase::Probing,
    Phase::Finalizing,
    Phase::Verifying,
    Phase::Processing,
    Phase::Aborting,
    Phase::Closed,
];

/// The answer that the phase's operation hopes for.
fn fitting(phase: Phase) -> Reply {
    match phase {
        Phase::Opening => opened(),
        Phase::Transferring => stored(),
        Phase::Probing => listing(&[(0, 10)]),
        Phase::Finalizing | Phase::Processing => completed(),
        Phase::Verifying => match completed() {
            Reply::Completed(result) => found(Verdict::Committed(Commitment::Ready(result))),
            other => other,
        },
        Phase::Aborting => Reply::Aborted,
        Phase::Closed => stored(),
    }
}

fn fitting_append(phase: Phase) -> Reply {
    match phase {
        Phase::Transferring | Phase::Probing => Reply::Advanced { cursor: 3, expires: None },
        other => fitting(other),
    }
}

/// An answer to something else.
fn unfitting(phase: Phase) -> Reply {
    match phase {
        Phase::Aborting | Phase::Finalizing | Phase::Processing | Phase::Verifying | Phase::Probing => {
            stored()
        }
        Phase::Opening | Phase::Transferring | Phase::Closed => Reply::Aborted,
    }
}

/// Every input, by name; outcomes several times. A new variant does not compile before it has a row.
fn inputs(phase: Phase, op: OpId, fitting: fn(Phase) -> Reply) -> Vec<(&'static str, Input)> {
    let outcome = |outcome: Outcome| Input::Outcome { op, outcome };
    let failure = |kind| outcome(problem(kind).into());
    let rows = Vec::from([
        ("Started", Input::Started(op)),
        ("Sent", Input::Sent { op, bytes: 1 }),
        ("Outcome: fitting", outcome(fitting(phase).into())),
        ("Outcome: unfitting", outcome(unfitting(phase).into())),
        ("Outcome: processing", outcome(running(Some(9)).into())),
        ("Outcome: never sent", outcome(unreachable().into())),
        ("Outcome: lost", outcome(lost(Cut::TimedOut).into())),
        ("Outcome: transient", failure(ProblemKind::Transient)),
        ("Outcome: throttled", outcome(problem_after(ProblemKind::Throttled, after(9)).into())),
        ("Outcome: session gone", failure(ProblemKind::SessionGone)),
        ("Outcome: expired", failure(ProblemKind::CredentialsExpired)),
        ("Outcome: refused", failure(ProblemKind::Refused(Refusal::Forbidden))),
        ("Outcome: broken", failure(ProblemKind::Broken)),
        ("Outcome: unknown op", Input::Outcome { op: OpId::from_raw(9_999), outcome: stored().into() }),
        ("Persisted", Input::Persisted(CheckpointSeq(99))),
        ("PersistFailed", Input::PersistFailed(CheckpointSeq(99))),
        ("Available: ends short", Input::Available { up_to: 7, growth: Growth::Ended }),
        ("SourceChanged", Input::SourceChanged),
        ("SourceUnreadable", Input::SourceUnreadable(Detail::new("gone"))),
        (
            "Refreshed, unasked",
            Input::Refreshed { stale: CredentialEpoch::new(0), result: Ok(CredentialEpoch::new(1)) },
        ),
        ("Hold", Input::Hold { kind: OperationKind::Append, until: second(60) }),
        ("Pause", Input::Pause),
        ("Resume", Input::Resume),
        ("Cancel: keep", Input::Cancel(Disposition::Keep)),
        ("Cancel: discard", Input::Cancel(Disposition::Discard)),
        ("Tick", Input::Tick),
    ]);
    for (name, input) in &rows {
        let variant = match input {
            Input::Started(_) => "Started",
            Input::Sent { .. } => "Sent",
            Input::Outcome { .. } => "Outcome",
            Input::Persisted(_) => "Persisted",
            Input::PersistFailed(_) => "PersistFailed",
            Input::Available { .. } => "Available",
            Input::SourceChanged => "SourceChanged",
            Input::SourceUnreadable(_) => "SourceUnreadable",
            Input::Refreshed { .. } => "Refreshed",
            Input::Hold { .. } => "Hold",
            Input::Pause => "Pause",
            Input::Resume => "Resume",
            Input::Cancel(_) => "Cancel",
            Input::Tick => "Tick",
        };
        assert!(name.starts_with(variant));
    }
    rows
}

fn ended(script: &Script) -> &'static str {
    let Some(Err(error)) = &script.closed else { return "x ready" };
    match *error.kind {
        ErrorKind::Refused { .. } => "x refused",
        ErrorKind::Misconfigured { .. } => "x settings",
        ErrorKind::Credentials { .. } => "x credentials",
        ErrorKind::Exhausted { .. } => "x exhausted",
        ErrorKind::Throttled { .. } => "x throttled",
        ErrorKind::Deadline { .. } => "x deadline",
        ErrorKind::TooLarge { .. } => "x too large",
        ErrorKind::SessionLost { .. } => "x lost",
        ErrorKind::SourceChanged => "x changed",
        ErrorKind::SourceUnreadable { .. } => "x unreadable",
        ErrorKind::Integrity { .. } => "x integrity",
        ErrorKind::SizeMismatch { .. } => "x mismatch",
        ErrorKind::FinalizeUnknown { .. } => "x unknown",
        ErrorKind::ProcessingFailed { .. } => "x failed",
        ErrorKind::StillProcessing { .. } => "x processing",
        ErrorKind::StatusLost { .. } => "x status lost",
        ErrorKind::Protocol { .. } => "x protocol",
        ErrorKind::Persist => "x disk",
        ErrorKind::Cancelled => "x kept",
        ErrorKind::Discarded(_) => "x discarded",
    }
}

fn word(family: &Family, phase: Phase, nth: usize) -> String {
    let mut script = (family.in_phase)(phase);
    assert_eq!(script.upload.phase(), phase);
    let op = script.live.first().map_or(OpId::from_raw(0), |op| op.id);
    let (_, input) = inputs(phase, op, family.fitting).remove(nth);
    script.events.clear();
    let (ignored, idle) = (script.upload.stats().ignored, script.idle);
    if let Input::Outcome { op: answered, .. } = &input {
        script.upload.handle(script.now, Input::Started(*answered));
        script.live.retain(|live| live.id != *answered);
        // What counts is the outcome.
        script.idle = idle;
    }
    let ignored = ignored + u64::from(script.upload.stats().ignored > ignored);
    let seen = script.input(input);
    let after = script.upload.phase();
    if after != phase {
        return if after == Phase::Closed { ended(&script).to_string() } else { after.name().to_string() };
    }
    for event in &script.events {
        match event {
            Event::Retrying { .. } => return "again".to_string(),
            Event::Held { .. } => return "held".to_string(),
            Event::Paused => return "paused".to_string(),
            Event::PersistFailed => return "told".to_string(),
            _ => {}
        }
    }
    if script.upload.stats().ignored > ignored {
        return "ignored".to_string();
    }
    match seen.first() {
        Some(out) if out.starts_with("refresh") => "refresh".to_string(),
        Some(_) => "on".to_string(),
        None if script.idle != idle => "timer".to_string(),
        None => "-".to_string(),
    }
}

/// A discard while verifying changes what the answer will be used for, and shows only then.
const MATRIX: &str = "
                      |opening     |transferring|probing     |finalizing  |verifying   |processing  |aborting    |closed
Started               |timer       |timer       |timer       |timer       |timer       |timer       |timer       |ignored
Sent                  |-           |-           |-           |-           |-           |-           |-           |ignored
Outcome: fitting      |transferring|on          |transferring|x ready     |x ready     |x ready     |x discarded |ignored
Outcome: unfitting    |again       |again       |again       |verifying   |again       |again       |again       |ignored
Outcome: processing   |again       |again       |again       |processing  |processing  |timer       |again       |ignored
Outcome: never sent   |again       |again       |again       |again       |again       |again       |again       |ignored
Outcome: lost         |again       |again       |again       |verifying   |again       |again       |again       |ignored
Outcome: transient    |again       |again       |again       |again       |again       |again       |again       |ignored
Outcome: throttled    |held        |held        |held        |held        |held        |held        |held        |ignored
Outcome: session gone |again       |again       |again       |again       |again       |again       |again       |ignored
Outcome: expired      |refresh     |refresh     |refresh     |refresh     |refresh     |refresh     |refresh     |ignored
Outcome: refused      |x refused   |x refused   |x refused   |x refused   |again       |again       |again       |ignored
Outcome: broken       |again       |again       |again       |verifying   |again       |again       |again       |ignored
Outcome: unknown op   |ignored     |ignored     |ignored     |ignored     |ignored     |ignored     |ignored     |ignored
Persisted             |-           |-           |-           |-           |-           |-           |-           |-
PersistFailed         |-           |-           |-           |-           |-           |-           |-           |-
Available: ends short |x changed   |x changed   |aborting    |-           |-           |-           |-           |-
SourceChanged         |x changed   |x changed   |aborting    |-           |-           |-           |-           |-
SourceUnreadable      |x unreadable|x unreadable|x unreadable|-           |-           |-           |-           |-
Refreshed, unasked    |-           |-           |-           |-           |-           |-           |-           |-
Hold                  |held        |held        |held        |held        |held        |held        |held        |-
Pause                 |paused      |paused      |paused      |paused      |paused      |paused      |paused      |-
Resume                |-           |-           |-           |-           |-           |-           |-           |-
Cancel: keep          |x kept      |x kept      |x kept      |x kept      |x kept      |x kept      |x kept      |-
Cancel: discard       |x discarded |x discarded |aborting    |x discarded |-           |x discarded |-           |-
Tick                  |-           |-           |-           |-           |-           |-           |-           |-
";

/// How a family gets into a phase, and what it hopes for there.
struct Family {
    phases: &'static [Phase],
    in_phase: fn(Phase) -> Script,
    fitting: fn(Phase) -> Reply,
}

fn table(family: &Family) -> String {
    let mut table = format!("\n{:<22}", "");
    for phase in family.phases {
        table += &format!("|{:<12}", phase.name());
    }
    for (nth, (name, _)) in inputs(Phase::Closed, OpId::from_raw(0), fitting).into_iter().enumerate() {
        table = format!("{}\n{name:<22}", table.trim_end());
        for phase in family.phases {
            table += &format!("|{:<12}", word(family, *phase, nth));
        }
    }
    format!("{}\n", table.trim_end())
}

#[test]
fn every_input_in_every_phase_has_its_written_answer() {
    assert_eq!(table(&Family { phases: &PHASES, in_phase, fitting }), MATRIX);
}

/// The append family, in the phases that it has a way of its own in, or a profile of its own.
const APPENDING: &str = "
                      |opening     |transferring|probing     |finalizing  |aborting
Started               |timer       |timer       |timer       |timer       |timer
Sent                  |-           |-           |-           |-           |-
Outcome: fitting      |transferring|on          |transferring|x ready     |x discarded
Outcome: unfitting    |again       |probing     |again       |verifying   |again
Outcome: processing   |again       |probing     |again       |processing  |again
Outcome: never sent   |again       |again       |again       |again       |again
Outcome: lost         |again       |probing     |again       |verifying   |again
Outcome: transient    |again       |again       |again       |again       |again
Outcome: throttled    |held        |held        |held        |held        |held
Outcome: session gone |again       |again       |again       |again       |again
Outcome: expired      |refresh     |refresh     |refresh     |refresh     |refresh
Outcome: refused      |x refused   |x refused   |x refused   |x refused   |again
Outcome: broken       |again       |probing     |again       |verifying   |again
Outcome: unknown op   |ignored     |ignored     |ignored     |ignored     |ignored
Persisted             |-           |-           |-           |-           |-
PersistFailed         |-           |-           |-           |-           |-
Available: ends short |x changed   |aborting    |aborting    |-           |-
SourceChanged         |x changed   |aborting    |aborting    |-           |-
SourceUnreadable      |x unreadable|x unreadable|x unreadable|-           |-
Refreshed, unasked    |-           |-           |-           |-           |-
Hold                  |held        |held        |held        |held        |held
Pause                 |paused      |paused      |paused      |paused      |paused
Resume                |-           |-           |-           |-           |-
Cancel: keep          |x kept      |x kept      |x kept      |x kept      |x kept
Cancel: discard       |x discarded |aborting    |aborting    |aborting    |-
Tick                  |-           |-           |-           |-           |-
";

#[test]
fn every_input_of_the_append_family_has_its_written_answer() {
    let phases = &[Phase::Opening, Phase::Transferring, Phase::Probing, Phase::Finalizing, Phase::Aborting];
    let family = Family { phases, in_phase: appending_in_phase, fitting: fitting_append };
    assert_eq!(table(&family), APPENDING);
}

/// A session that another is to take the place of is being given up. What ends the upload shows in the timer: there is a
/// deadline no longer.
const REPLACING: &str = "
                      |aborting
Started               |timer
Sent                  |-
Outcome: fitting      |opening
Outcome: unfitting    |again
Outcome: processing   |again
Outcome: never sent   |again
Outcome: lost         |again
Outcome: transient    |again
Outcome: throttled    |held
Outcome: session gone |again
Outcome: expired      |refresh
Outcome: refused      |opening
Outcome: broken       |again
Outcome: unknown op   |ignored
Persisted             |-
PersistFailed         |-
Available: ends short |timer
SourceChanged         |timer
SourceUnreadable      |timer
Refreshed, unasked    |-
Hold                  |held
Pause                 |paused
Resume                |-
Cancel: keep          |x kept
Cancel: discard       |timer
Tick                  |-
";

#[test]
fn every_input_while_a_session_is_replaced_has_its_written_answer() {
    let in_phase = |_| {
        let mut script = Script::opened(35, listed_profile(), window(1)).crash();
        script.answer(OperationKind::Probe, listing(&[(0, 9)]));
        script
    };
    assert_eq!(table(&Family { phases: &[Phase::Aborting], in_phase, fitting }), REPLACING);
}
