//! The append family: one writer, the server owns the offset. The happy way, and what is done about every answer.

use core::time::Duration;

use super::script::*;
use crate::testing::{append_profile, finished_append_profile, parts_profile};
use crate::*;

const APPEND: OperationKind = OperationKind::Append;
const PROBE: OperationKind = OperationKind::Probe;
const FINALIZE: OperationKind = OperationKind::Finalize;
const ABORT: OperationKind = OperationKind::Abort;

fn at(cursor: u64) -> Reply {
    Reply::Advanced { cursor, expires: None }
}

fn opened_with(len: u64) -> Script {
    Script::opened(len, append_profile(), policy())
}

fn one_pass(len: u64) -> Script {
    let spec = UploadSpec { rewind: Rewind::UntilReleased, ..UploadSpec::whole(len) };
    let mut script = Script::of(Upload::new(START, spec, append_profile(), policy(), 7).unwrap());
    script.open();
    script
}

fn broken(operation: OperationKind, violation: Violation) -> ErrorKind {
    ErrorKind::Protocol { operation, violation }
}

/// The error it ends with, once the session is given up.
fn ended(script: &mut Script) -> ErrorKind {
    if script.closed.is_none() {
        script.answer(ABORT, Reply::Aborted);
    }
    script.error().clone()
}

/// Lets the backoff pass, if there is one; what goes out then.
fn next(script: &mut Script) -> Vec<String> {
    if script.live.is_empty() { script.wake() } else { script.under_way() }
}

/// Answers the Probe that is out or due.
fn probed(script: &mut Script, outcome: impl Into<Outcome>) -> Vec<String> {
    next(script);
    script.answer(PROBE, outcome)
}

fn retries(script: &Script) -> usize {
    script.count(|event| matches!(event, Event::Retrying { .. }))
}

#[test]
fn there_is_one_append_whatever_the_window_and_it_starts_at_the_cursor() {
    let adaptive = Policy { window: WindowPolicy::Adaptive { max: 8.try_into().unwrap() }, ..policy() };
    for policy in [window(1), window(4), adaptive] {
        let mut script = Script::with(100, append_profile(), policy);
        assert_eq!(script.open(), ["append 0 [0, 10)"]);
        for done in 1..10 {
            let seen = script.answer(APPEND, at(done * 10));
            assert_eq!(seen, [std::format!("append {done} [{}, {})", done * 10, done * 10 + 10)]);
        }
        assert_eq!(script.count(|event| matches!(event, Event::Window { .. })), 0, "it teaches nothing");
        assert_eq!(script.answer(APPEND, completed()), ["closed"]);
        assert!(script.closed.unwrap().is_ok());
    }
}

#[test]
fn the_append_that_ends_with_the_source_says_so() {
    let mut script = opened_with(25);
    let mut seen = Vec::new();
    for cursor in [10, 20, 23, 25] {
        match &script.live[0].action {
            Action::Append { last, segment, .. } => seen.push((segment.range.start(), *last)),
            other => panic!("{other:?}"),
        }
        script.answer(APPEND, at(cursor));
    }
    assert_eq!(seen, [(0, Last::More), (10, Last::More), (20, Last::End), (23, Last::End)]);
}

#[test]
fn a_part_that_is_stored_goes_on_from_there_at_once_and_free_of_charge() {
    let retry = RetryPolicy { budget: 0, ..RetryPolicy::default() };
    let mut script = Script::opened(25, append_profile(), Policy { retry, ..policy() });
    assert_eq!(script.answer(APPEND, at(4)), ["append 0 [4, 10)"]);
    assert_eq!(script.answer(APPEND, at(5)), ["append 0 [5, 10)"]);
    assert_eq!(script.answer(APPEND, at(10)), ["append 1 [10, 20)"]);
    assert_eq!((retries(&script), script.upload.progress().stored), (0, 10));
    assert_eq!(script.upload.stats().sent_again, 6 + 5, "what was cut off goes once more");
    let stored = script.events.iter().filter_map(|event| match event {
        Event::Stored(segment) => Some(segment.range),
        _ => None,
    });
    let ranges = [(0, 4), (4, 1), (5, 5)].map(|(start, len)| ByteRange::at(start, len));
    assert_eq!(stored.collect::<Vec<_>>(), ranges);
}

#[test]
fn growth_forgives_the_tries_before_it() {
    let mut script = opened_with(10);
    for cursor in 1..5 {
        for attempt in 2..=8 {
            script.answer(APPEND, unreachable());
            let tail = std::format!("append 0 [{}, 10) try {attempt}", cursor - 1);
            assert_eq!(next(&mut script), [tail]);
        }
        assert_eq!(script.answer(APPEND, at(cursor)), [std::format!("append 0 [{cursor}, 10)")]);
    }
}

#[test]
fn an_append_that_moves_nothing_is_a_failed_try() {
    let mut script = opened_with(25);
    script.answer(APPEND, at(10));
    assert_eq!(script.always(APPEND, at(10)), 8);
    assert_eq!(script.events.iter().filter(|e| matches!(e, Event::Retrying { .. })).count(), 7);
    assert!(matches!(script.error(), ErrorKind::Exhausted { operation: APPEND, attempts: 8, .. }));
    assert_eq!(script.kept(), Kept::Checkpoint);

    let retry = RetryPolicy { budget: 2, ..RetryPolicy::default() };
    let mut script = Script::opened(25, append_profile(), Policy { retry, ..policy() });
    assert_eq!(script.always(APPEND, at(0)), 3, "and charged");
}

#[test]
fn a_cursor_behind_what_was_sent_breaks_the_protocol() {
    for (cursor, violation) in [
        (11, Violation::CursorBeyondSent),
        (25, Violation::CursorBeyondSent),
        (26, Violation::CursorBeyondEnd),
        (u64::MAX, Violation::CursorBeyondEnd),
    ] {
        let mut script = opened_with(25);
        script.answer(APPEND, at(cursor));
        assert_eq!(ended(&mut script), broken(APPEND, violation));
    }
}

#[test]
fn an_unknown_append_is_found_out_after_its_backoff_and_before_anything_else() {
    let conflict = |cursor| problem(ProblemKind::OffsetConflict { cursor });
    let unknown: [Outcome; 12] = [
        lost(Cut::Reset).into(),
        lost(Cut::TimedOut).into(),
        lost(Cut::Ambiguous { after: None }).into(),
        problem(ProblemKind::Broken).into(),
        conflict(None).into(),
        conflict(Some(12)).into(),
        conflict(Some(u64::MAX)).into(),
        problem(ProblemKind::AlreadyStored { receipt: None }).into(),
        // Misfits; and a cursor that went back, which only a Probe is believed to say.
        stored().into(),
        completed().into(),
        listing(&[(0, 10)]).into(),
        at(9).into(),
    ];
    for outcome in unknown {
        let mut script = opened_with(35);
        script.answer(APPEND, at(10));
        let seen = script.answer(APPEND, outcome.clone());
        assert_eq!((script.upload.phase(), retries(&script)), (Phase::Probing, 1), "{outcome:?}");
        let due = script.retry_at();
        if due > script.now {
            assert_eq!((seen, script.idle), (Vec::new(), Some(due)), "{outcome:?}");
        }
        assert_eq!(next(&mut script), ["probe"]);
        assert_eq!(script.now, due);
        assert_eq!(script.answer(PROBE, at(12)), ["append 1 [12, 20)"], "growth: a first try");
        assert_eq!(script.upload.progress().stored, 12);
    }
}

#[test]
fn a_wait_that_came_with_an_unknown_append_is_not_undercut_by_the_probe() {
    let mut script = opened_with(25);
    script.answer(APPEND, lost(Cut::Ambiguous { after: Some(after(60)) }));
    assert_eq!(script.wakes_in(), Some(secs(60)));
    assert_eq!(script.wake(), ["probe"]);
}

#[test]
fn an_append_without_an_answer_is_given_up_and_found_out() {
    let mut script = opened_with(25);
    script.start_all();
    let late = script.live[0].id;
    script.input(Input::Sent { op: late, bytes: 6 });
    assert_eq!(script.upload.progress().sent, 6);
    assert_eq!(script.secs(30), ["cancel append 0 [0, 10)"]);
    assert_eq!(next(&mut script), ["probe"]);
    script.input(Input::Outcome { op: late, outcome: at(10).into() });
    assert_eq!((script.upload.stats().ignored, script.upload.progress().stored), (1, 0), "too late");
    assert_eq!(script.answer(PROBE, at(6)), ["append 0 [6, 10)"]);
    // Bytes of the first one that arrive after all: a conflict, and nothing else.
    script.answer(APPEND, problem(ProblemKind::OffsetConflict { cursor: None }));
    assert_eq!(probed(&mut script, at(10)), ["append 1 [10, 20)"]);
}

#[test]
fn a_probe_that_finds_nothing_moved_leaves_the_try_failed() {
    let mut script = opened_with(25);
    let mut tries = 1;
    loop {
        script.answer(APPEND, lost(Cut::TimedOut));
        if script.closed.is_some() {
            break;
        }
        tries += 1;
        assert_eq!(probed(&mut script, at(0)), [std::format!("append 0 [0, 10) try {tries}")]);
    }
    assert_eq!(tries, 8);
    assert!(matches!(script.error(), ErrorKind::Exhausted { operation: APPEND, attempts: 8, .. }));

    let retry = RetryPolicy { budget: 3, ..RetryPolicy::default() };
    let mut script = Script::opened(25, append_profile(), Policy { retry, ..policy() });
    let mut tries = 0;
    while script.closed.is_none() {
        tries += 1;
        script.answer(APPEND, problem(ProblemKind::OffsetConflict { cursor: Some(0) }));
        if script.closed.is_none() {
            probed(&mut script, at(0));
        }
    }
    assert_eq!(tries, 4, "each is charged");
}

#[test]
fn misfits_without_an_end_end_as_a_protocol_error() {
    let mut script = opened_with(25);
    while script.closed.is_none() {
        script.answer(APPEND, stored());
        if script.closed.is_none() {
            probed(&mut script, at(0));
        }
    }
    assert!(matches!(
        script.error(),
        ErrorKind::Protocol { operation: APPEND, violation: Violation::Unreadable(_) }
    ));
}

#[test]
fn an_answer_of_the_other_family_is_no_answer_to_a_probe() {
    let mut script = opened_with(25).crash();
    assert_eq!(script.always(PROBE, listing(&[(0, 10)])), 8);
    assert!(matches!(script.error(), ErrorKind::Protocol { operation: PROBE, .. }));
    let mut script = Script::opened(25, crate::testing::listed_profile(), policy()).crash();
    assert_eq!(script.always(PROBE, at(0)), 8);
    assert!(matches!(script.error(), ErrorKind::Protocol { operation: PROBE, .. }));
}

#[test]
fn bytes_behind_everything_sent_are_not_ours_and_a_new_session_is_opened() {
    for cursor in [21, 35] {
        let mut script = opened_with(35);
        script.answer(APPEND, at(10));
        script.answer(APPEND, lost(Cut::Reset));
        assert_eq!(probed(&mut script, at(cursor)), ["init"]);
        assert_eq!(script.restarts(), [SessionEnd::Foreign]);
        assert_eq!(script.open(), ["append 0 [0, 10)"]);
        script.answer(APPEND, lost(Cut::Reset));
        probed(&mut script, at(cursor));
        assert_eq!(ended(&mut script), broken(PROBE, Violation::CursorBeyondSent));
    }
    let mut script = opened_with(35);
    script.answer(APPEND, lost(Cut::Reset));
    probed(&mut script, at(36));
    assert_eq!(ended(&mut script), broken(PROBE, Violation::CursorBeyondEnd), "nobody has so many");
}

#[test]
fn what_the_server_lost_is_sent_again_a_few_times_and_progress_stays() {
    let mut script = opened_with(35);
    script.answer(APPEND, at(10));
    script.answer(APPEND, at(20));
    for cursor in [7, 0] {
        script.answer(APPEND, lost(Cut::TimedOut));
        let seen = probed(&mut script, at(cursor));
        assert_eq!(seen, [std::format!("append 0 [{cursor}, 10) try {}", if cursor == 7 { 2 } else { 3 })]);
        let progress = script.upload.progress();
        assert_eq!((progress.stored, progress.sent), (20, 20));
        assert_eq!(script.upload.checkpoint().stored(), cursor, "a resume knows the truth");
    }
    script.answer(APPEND, at(10));
    script.answer(APPEND, lost(Cut::TimedOut));
    assert_eq!(probed(&mut script, at(10)), ["append 1 [10, 20) try 2"], "that is no step back");
    script.answer(APPEND, lost(Cut::TimedOut));
    probed(&mut script, at(3));
    assert_eq!(ended(&mut script), broken(PROBE, Violation::CursorWentBack));
}

#[test]
fn a_one_pass_source_is_released_byte_by_byte_once_and_never_asked_for_again() {
    let mut script = one_pass(25);
    assert_eq!(script.answer(APPEND, at(4)), ["release [0, 4)", "append 0 [4, 10)"]);
    script.answer(APPEND, lost(Cut::Reset));
    assert_eq!(probed(&mut script, at(9)), ["release [4, 9)", "append 0 [9, 10)"]);
    assert_eq!(script.answer(APPEND, at(10)), ["release [9, 10)", "append 1 [10, 20)"]);
    script.answer(APPEND, lost(Cut::Reset));
    assert_eq!(probed(&mut script, at(10)), ["append 1 [10, 20) try 2"]);
    script.answer(APPEND, lost(Cut::Reset));
    probed(&mut script, at(9));
    assert_eq!(ended(&mut script), ErrorKind::SessionLost { reason: SessionLoss::NotRewindable });

    let mut script = one_pass(25);
    script.answer(APPEND, at(4));
    script.answer(APPEND, lost(Cut::Reset));
    probed(&mut script, at(11));
    assert_eq!(ended(&mut script), broken(PROBE, Violation::CursorBeyondSent), "no new session is possible");
}

#[test]
fn busy_and_throttled_wait_and_ask_nothing() {
    for kind in [ProblemKind::Busy, ProblemKind::Throttled] {
        let mut script = opened_with(25);
        script.answer(APPEND, at(4));
        assert_eq!(script.answer(APPEND, problem_after(kind, after(9))), NOTHING);
        assert_eq!(script.wakes_in(), Some(secs(9)));
        assert_eq!(script.wake(), ["append 0 [4, 10) try 2"]);
    }
}

#[test]
fn what_was_answered_without_a_deed_goes_again_without_a_probe() {
    for failure in [problem(ProblemKind::Transient), problem(ProblemKind::SegmentRejected), unreachable()] {
        let mut script = opened_with(25);
        script.answer(APPEND, failure);
        assert_eq!(next(&mut script), ["append 0 [0, 10) try 2"]);
        script.answer(APPEND, at(10));
        assert_eq!(script.upload.checkpoint().stored(), 10);
    }
}

#[test]
fn a_session_that_is_gone_twice_is_replaced() {
    let mut script = opened_with(25);
    script.answer(APPEND, at(4));
    script.answer(APPEND, problem(ProblemKind::SessionGone));
    assert_eq!(next(&mut script), ["append 0 [4, 10) try 2"]);
    assert_eq!(script.answer(APPEND, problem(ProblemKind::SessionGone)), ["init"]);
    assert_eq!((script.restarts(), script.upload.progress().stored), (Vec::from([SessionEnd::Gone]), 0));
    assert_eq!(script.open(), ["append 0 [0, 10)"]);
    // And so it is when a Probe is told.
    script.answer(APPEND, lost(Cut::Reset));
    probed(&mut script, problem(ProblemKind::SessionGone));
    probed(&mut script, problem(ProblemKind::SessionGone));
    // What is gone, or belongs to somebody else by now, is not to be given up by us.
    assert_eq!(*script.error(), ErrorKind::SessionLost { reason: SessionLoss::SessionsExhausted });
}

/// A server that returned the address of somebody else's upload: where that is, is for them to say.
#[test]
fn a_session_that_somebody_else_writes_to_is_not_given_up_for_them() {
    let mut script = opened_with(25);
    for _ in 0..2 {
        script.answer(APPEND, lost(Cut::Reset));
        probed(&mut script, at(20));
        if script.closed.is_none() {
            script.open();
        }
    }
    assert_eq!(*script.error(), broken(PROBE, Violation::CursorBeyondSent));
    assert_eq!(script.kept(), Kept::Nothing);
    assert_eq!(script.count(|event| *event == Event::SessionLeakSuspected), 1);
}

#[test]
fn a_question_that_is_refused_keeps_what_is_stored() {
    let mut script = opened_with(25);
    script.answer(APPEND, at(10));
    let mut resumed = script.crash();
    let failure = problem(ProblemKind::Refused(Refusal::Invalid));
    assert_eq!(resumed.answer(PROBE, failure.clone()), ["closed"], "it is not given up");
    assert_eq!(*resumed.error(), ErrorKind::Refused { operation: PROBE, failure });
    assert_eq!(resumed.kept(), Kept::Checkpoint);
}

#[test]
fn no_is_no() {
    let mut script = opened_with(25);
    let failure = problem(ProblemKind::Refused(Refusal::Quota));
    script.answer(APPEND, failure.clone());
    assert_eq!(*script.error(), ErrorKind::Refused { operation: APPEND, failure });
    assert_eq!(script.kept(), Kept::Checkpoint);
}

#[test]
fn new_credentials_cost_nothing() {
    let mut script = opened_with(25);
    script.answer(APPEND, at(4));
    let seen = script.answer(APPEND, problem(ProblemKind::CredentialsExpired));
    assert_eq!(seen, ["refresh 0"]);
    let result = Ok(CredentialEpoch::new(1));
    let seen = script.input(Input::Refreshed { stale: CredentialEpoch::new(0), result });
    assert_eq!((seen, retries(&script)), (Vec::from(["append 0 [4, 10)".into()]), 0));
}

#[test]
fn a_growing_source_is_sent_as_far_as_it_is_there() {
    let spec = UploadSpec { available: Some(9), ..UploadSpec::whole(25) };
    let mut script = Script::of(Upload::new(START, spec, append_profile(), policy(), 7).unwrap());
    let grown = |up_to| Input::Available { up_to, growth: Growth::Growing };
    assert_eq!(script.open(), NOTHING);
    assert_eq!(script.input(grown(24)), ["append 0 [0, 10)"]);
    assert_eq!(script.answer(APPEND, at(10)), ["append 1 [10, 20)"]);
    assert_eq!(script.answer(APPEND, at(20)), NOTHING);
    assert_eq!(script.wakes_in(), Some(Policy::default().deadline), "only its producer is waited for");
    assert_eq!(script.input(grown(25)), ["append 2 [20, 25)"]);
}

#[test]
fn a_pause_takes_back_what_has_not_started_and_lets_finish_what_has() {
    let mut script = opened_with(25);
    assert_eq!(script.input(Input::Pause), ["cancel append 0 [0, 10)"]);
    assert_eq!(script.input(Input::Resume), ["append 0 [0, 10)"]);
    script.start_all();
    assert_eq!(script.input(Input::Pause), NOTHING);
    assert_eq!(script.answer(APPEND, at(6)), NOTHING);
    assert_eq!(script.secs(60), NOTHING);
    assert_eq!(script.input(Input::Resume), ["append 0 [6, 10)"]);
    // And what has an unknown end is asked for only afterwards.
    script.start_all();
    script.input(Input::Pause);
    script.answer(APPEND, lost(Cut::Reset));
    assert_eq!(script.secs(60), NOTHING);
    assert_eq!(script.input(Input::Resume), ["probe"]);
    assert_eq!(script.input(Input::Pause), ["cancel probe"]);
    assert_eq!(script.input(Input::Resume), ["probe"]);
}

#[test]
fn a_discard_gives_the_session_up_and_keep_keeps_it() {
    for unknown in [false, true] {
        let mut script = opened_with(25);
        if unknown {
            script.answer(APPEND, lost(Cut::Reset));
            next(&mut script);
        }
        let seen = script.input(Input::Cancel(Disposition::Discard));
        assert_eq!(seen[1..], ["abort"]);
        script.answer(ABORT, Reply::Aborted);
        assert_eq!(*script.error(), ErrorKind::Discarded(Discard::Confirmed));
    }
    let mut script = opened_with(25);
    script.answer(APPEND, at(4));
    script.start_all();
    script.input(Input::Cancel(Disposition::Keep));
    let mut resumed = script.crash();
    assert_eq!(resumed.first, ["probe"]);
    assert_eq!(resumed.answer(PROBE, at(8)), ["append 0 [8, 10)"]);
}

#[test]
fn the_deadline_and_the_expiry_hold_while_it_is_being_found_out() {
    let mut script = opened_with(25);
    script.answer(APPEND, lost(Cut::Reset));
    next(&mut script);
    script.pass(Policy::default().deadline);
    assert!(matches!(script.error(), ErrorKind::Deadline { .. }));

    let mut script = Script::with(25, append_profile(), policy());
    script
        .answer(OperationKind::Init, Reply::Opened { session: Session::new("77"), expires: Some(after(60)) });
    script.answer(APPEND, lost(Cut::Reset));
    next(&mut script);
    assert_eq!(script.pass(Duration::from_secs(60)), ["cancel probe", "init"]);
    assert_eq!(script.restarts(), [SessionEnd::Expired]);
}

#[test]
fn an_append_moves_the_expiry_of_the_session_on() {
    let expiring = |cursor| Reply::Advanced { cursor, expires: Some(after(50)) };
    let mut script = Script::with(25, append_profile(), policy());
    script
        .answer(OperationKind::Init, Reply::Opened { session: Session::new("77"), expires: Some(after(50)) });
    script.secs(40);
    script.answer(APPEND, expiring(10));
    assert_eq!(script.secs(49), NOTHING);
    assert_eq!(script.secs(1), ["cancel append 1 [10, 20)", "init"]);
    assert_eq!(script.restarts(), [SessionEnd::Expired]);
}

#[test]
fn the_last_append_makes_the_object_or_a_probe_tells_that_it_has() {
    let mut script = opened_with(15);
    script.answer(APPEND, at(10));
    assert_eq!(script.answer(APPEND, lost(Cut::Reset)), NOTHING);
    assert_eq!(probed(&mut script, completed()), ["closed"]);
    assert!(script.closed.unwrap().is_ok());

    let mut script = opened_with(15);
    script.answer(APPEND, at(10));
    script.answer(APPEND, at(15));
    assert_eq!(script.upload.phase(), Phase::Probing, "its answer should have been the object");
    assert_eq!(probed(&mut script, completed()), ["closed"]);
    assert!(script.closed.unwrap().is_ok());

    // Not the last one: there can be no object yet.
    let mut script = opened_with(15);
    script.answer(APPEND, completed());
    assert_eq!(script.upload.phase(), Phase::Probing);
}

#[test]
fn a_server_that_has_everything_and_makes_no_object_of_it_ends() {
    let mut script = opened_with(5);
    script.answer(APPEND, at(5));
    let mut probes = 0;
    while script.upload.phase() == Phase::Probing {
        probed(&mut script, at(5));
        probes += 1;
        assert!(probes < 20, "it asks for ever");
    }
    assert_eq!(ended(&mut script), broken(APPEND, Violation::UnexpectedReply("Advanced")));
    assert_eq!(probes, 2);
    assert!(script.now > START, "and not without a pause");
}

#[test]
fn where_finalize_is_a_call_it_goes_when_the_cursor_is_at_the_end() {
    let mut script = Script::opened(15, finished_append_profile(), policy());
    script.answer(APPEND, at(10));
    assert_eq!(script.answer(APPEND, at(15)), ["finalize"]);
    assert_eq!(script.answer(FINALIZE, lost(Cut::Reset)), ["verify"]);
    assert_eq!(script.answer(OperationKind::Verify, running(Some(1))), NOTHING);
    assert_eq!(script.wake(), ["status"]);
    assert_eq!(script.answer(OperationKind::Status, completed()), ["closed"]);
    assert!(script.closed.unwrap().is_ok());

    // An object before the Finalize is none that was asked for.
    let mut script = Script::opened(5, finished_append_profile(), policy());
    script.answer(APPEND, completed());
    assert_eq!(script.upload.phase(), Phase::Probing);
    assert_eq!(probed(&mut script, at(5)), ["finalize"]);
}

#[test]
fn what_finalize_lacks_is_where_the_probe_puts_the_cursor() {
    let mut script = Script::opened(15, finished_append_profile(), policy());
    script.answer(APPEND, at(10));
    script.answer(APPEND, at(15));
    assert_eq!(script.answer(FINALIZE, problem(ProblemKind::SegmentsMissing)), ["probe"]);
    assert_eq!(script.answer(PROBE, at(12)), ["append 1 [12, 15)"]);
    assert_eq!(script.upload.progress().stored, 15);
    assert_eq!(script.answer(APPEND, at(15)), ["finalize"]);
    // Everything is there, and it lacks some all the same.
    assert_eq!(script.answer(FINALIZE, problem(ProblemKind::SegmentsMissing)), ["probe"]);
    assert_eq!(script.answer(PROBE, at(15)), ["finalize"]);
    script.answer(FINALIZE, problem(ProblemKind::SegmentsMissing));
    assert!(matches!(ended(&mut script), ErrorKind::Protocol { operation: FINALIZE, .. }));
}

#[test]
fn a_wrong_size_is_the_servers_doing_only_after_bytes_that_may_have_been_stored_went_again() {
    let mut script = Script::opened(5, finished_append_profile(), policy());
    script.answer(APPEND, at(5));
    script.answer(FINALIZE, problem(ProblemKind::SizeMismatch));
    assert!(matches!(ended(&mut script), ErrorKind::SizeMismatch { .. }));

    let mut script = Script::opened(5, finished_append_profile(), policy());
    script.answer(APPEND, lost(Cut::Reset));
    assert_eq!(probed(&mut script, at(2)), ["append 0 [2, 5)"]);
    script.answer(APPEND, at(5));
    let seen = script.answer(FINALIZE, problem(ProblemKind::SizeMismatch));
    assert_eq!(script.given_up(seen), ["init"]);
    assert_eq!(script.restarts(), [SessionEnd::SizeMismatch]);
}

#[test]
fn an_empty_source_is_one_empty_append_where_the_protocol_wants_one() {
    let empty = |profile: Profile| Profile {
        sizing: Sizing { empty: Empty::OneSegment, ..profile.sizing },
        ..profile
    };
    let mut script = Script::with(0, empty(append_profile()), policy());
    assert_eq!(script.open(), ["append 0 [0, 0)"]);
    assert_eq!(script.answer(APPEND, completed()), ["closed"]);
    assert!(script.closed.unwrap().is_ok());

    let mut script = Script::with(0, empty(finished_append_profile()), policy());
    script.open();
    script.answer(APPEND, lost(Cut::Reset));
    // A cursor at the beginning does not tell whether it was taken.
    assert_eq!(probed(&mut script, at(0)), ["append 0 [0, 0) try 2"]);
    assert_eq!(script.answer(APPEND, at(0)), ["finalize"]);
    let mut resumed = script.crash();
    assert_eq!(resumed.first, ["verify"]);
    assert_eq!(resumed.answer(OperationKind::Verify, completed()), ["closed"]);
}

#[test]
fn an_empty_source_without_a_segment_needs_no_append() {
    let empty = |profile: Profile| Profile {
        sizing: Sizing { empty: Empty::NoSegment, ..profile.sizing },
        ..profile
    };
    let mut script = Script::with(0, empty(append_profile()), policy());
    assert_eq!(script.answer(OperationKind::Init, completed()), ["closed"]);
    assert!(script.closed.unwrap().is_ok());
    let mut script = Script::with(0, empty(finished_append_profile()), policy());
    assert_eq!(script.open(), ["finalize"]);
    let mut script = Script::with(0, empty(append_profile()), policy());
    script.open();
    assert_eq!(probed(&mut script, completed()), ["closed"]);
    assert!(script.closed.unwrap().is_ok());
}

#[test]
fn an_upload_of_parts_has_no_cursor() {
    let mut script = Script::opened(15, parts_profile(), policy());
    script.answer_segment(0, at(10));
    assert_eq!((script.upload.progress().stored, retries(&script)), (0, 1));
}
