//! Waiting for the server's processing (invariant 10).

use core::time::Duration;

use super::script::*;
use crate::testing::parts_profile;
use crate::*;

const FINALIZE: OperationKind = OperationKind::Finalize;
const STATUS: OperationKind = OperationKind::Status;

fn status(after: Option<Delay>, percent: u64) -> Reply {
    Reply::Processing(Processing::Running { after, percent: Some(Percent::saturating(percent)) })
}

fn failed() -> Reply {
    Reply::Processing(Processing::Failed(ServerError::message("unsupported codec")))
}

#[test]
fn a_hint_is_honoured() {
    let mut script = Script::processing(Some(7), policy());
    assert_eq!(script.wakes_in(), Some(secs(7)));
    assert_eq!(script.pass(secs(7) - Duration::from_micros(1)), NOTHING);
    assert_eq!(script.wake(), ["status"]);
    assert_eq!(script.answer(STATUS, running(Some(9))), NOTHING);
    assert_eq!(script.wakes_in(), Some(secs(9)));
}

#[test]
fn hints_are_held_between_floor_and_ceiling_and_missing_ones_replaced() {
    let policy = || Policy {
        processing: ProcessingPolicy { floor: secs(2), ceiling: secs(20), ..ProcessingPolicy::default() },
        ..policy()
    };
    for (hint, wait) in
        [(Some(0), 2), (Some(1), 2), (Some(20), 20), (Some(86_400), 20), (Some(u64::MAX), 20), (None, 5)]
    {
        assert_eq!(Script::processing(hint, policy()).wakes_in(), Some(secs(wait)), "{hint:?}");
    }
    let mut script = Script::processing(None, policy());
    script.wake();
    script.answer(STATUS, status(Some(Delay::At(Timestamp::EPOCH)), 1));
    assert_eq!(script.wakes_in(), Some(secs(2)), "a time in the past");
    script.wake();
    script.answer(STATUS, status(Some(Delay::At(Timestamp::MAX)), 1));
    assert_eq!(script.wakes_in(), Some(secs(20)), "the end of time");
}

#[test]
fn succeeded_or_failed_may_be_the_answer_to_finalize_already() {
    let mut script = Script::finalizing(parts_profile(), policy());
    assert_eq!(script.answer(FINALIZE, completed()), ["closed"]);
    let mut script = Script::finalizing(parts_profile(), policy());
    assert_eq!(script.answer(FINALIZE, failed()), ["closed"]);
    let error = ServerError::message("unsupported codec");
    assert_eq!(*script.error(), ErrorKind::ProcessingFailed { error });
    assert_eq!(script.error().fault(), Fault::Server);
}

#[test]
fn a_failure_is_typed_and_keeps_nothing_but_the_media_id() {
    let mut script = Script::processing(Some(1), policy());
    script.wake();
    assert_eq!(script.answer(STATUS, failed()), ["closed"]);
    let error = script.closed.unwrap().unwrap_err();
    assert_eq!(*error.kind, ErrorKind::ProcessingFailed { error: ServerError::message("unsupported codec") });
    assert_eq!((error.kept, error.session), (Kept::Nothing, Some(Session::new("77"))));
}

#[test]
fn the_share_never_goes_back_not_even_at_the_end() {
    let mut script = Script::processing(Some(1), policy());
    for (said, shown) in [(40, 40), (20, 40), (250, 100)] {
        script.wake();
        script.answer(STATUS, status(Some(after(1)), said));
        assert_eq!(script.upload.progress().processed.get(), shown);
    }
    script.input(Input::Cancel(Disposition::Keep));
    assert_eq!(script.upload.progress().processed.get(), 100, "nor when it is left off");
}

#[test]
fn the_deadline_gives_back_the_media_id_with_still_processing() {
    let processing = ProcessingPolicy { deadline: secs(30), ..ProcessingPolicy::default() };
    let mut script = Script::processing(Some(20), Policy { processing, ..policy() });
    assert_eq!(script.wake(), ["status"]);
    script.answer(STATUS, running(Some(20)));
    assert_eq!(script.wakes_in(), Some(secs(10)));
    assert_eq!(script.wake(), ["closed"]);
    let error = script.closed.clone().unwrap().unwrap_err();
    assert_eq!(*error.kind, ErrorKind::StillProcessing { waited: secs(30) });
    assert_eq!((error.session, error.kept), (Some(Session::new("77")), Kept::Checkpoint));
    let mut resumed = script.crash();
    assert_eq!(resumed.first, ["status"], "and it can be waited on");
    assert_eq!(resumed.answer(STATUS, completed()), ["closed"]);
}

#[test]
fn a_server_that_processes_for_ever_meets_the_deadline() {
    let mut script = Script::processing(None, policy());
    let polls = script.always(STATUS, running(Some(5)));
    assert_eq!(*script.error(), ErrorKind::StillProcessing { waited: secs(1800) });
    assert_eq!(polls, 359, "every five seconds, and none at the deadline itself");
}

#[test]
fn the_overall_deadline_does_not_cut_processing_short() {
    let mut script = Script::processing(Some(50), Policy { deadline: secs(60), ..policy() });
    script.wake();
    script.answer(STATUS, running(Some(50)));
    assert_eq!(script.wake(), ["status"]);
    assert_eq!(script.now, second(100));
}

#[test]
fn transient_failures_have_a_bound_of_their_own_that_success_resets() {
    // The upload's own retry budget is used up: polls do not need it.
    let retry = RetryPolicy { budget: 0, ..RetryPolicy::default() };
    let mut script = Script::processing(Some(1), Policy { retry, ..policy() });
    for _ in 0..3 {
        script.wake();
        for failure in [lost(Cut::Reset), problem(ProblemKind::Transient), unreachable()] {
            for _ in 0..3 {
                assert_eq!(script.answer(STATUS, failure.clone()), NOTHING);
                assert!(script.wake()[0].starts_with("status try"));
            }
        }
        assert_eq!(script.answer(STATUS, running(Some(1))), NOTHING);
    }
    script.wake();
    assert_eq!(script.always(STATUS, lost(Cut::Reset)), 10);
    assert_eq!(*script.error(), ErrorKind::StatusLost { failure: lost(Cut::Reset) });
    assert_eq!(script.kept(), Kept::Checkpoint, "the object is committed, the media id valid");
}

#[test]
fn what_a_poll_is_told_does_not_undo_the_object() {
    for kind in [
        ProblemKind::SessionGone,
        ProblemKind::Refused(Refusal::Forbidden),
        ProblemKind::Refused(Refusal::Invalid),
        ProblemKind::Broken,
        ProblemKind::SegmentsMissing,
        ProblemKind::SizeMismatch,
        ProblemKind::TooLarge { ceiling: None },
    ] {
        let mut script = Script::processing(Some(1), policy());
        script.wake();
        assert_eq!(script.answer(STATUS, problem(kind.clone())), NOTHING, "{kind:?}");
        assert_eq!(script.wake(), ["status try 2"]);
        assert_eq!(script.answer(STATUS, completed()), ["closed"]);
        assert!(script.closed.unwrap().is_ok());
    }
}

#[test]
fn replies_that_do_not_fit_are_bounded() {
    let mut script = Script::processing(Some(1), policy());
    script.wake();
    assert_eq!(script.always(STATUS, stored()), 10);
    assert!(matches!(script.error(), ErrorKind::StatusLost { .. }));
}

#[test]
fn throttles_of_a_poll_are_waited_out() {
    let mut script = Script::processing(Some(1), policy());
    script.wake();
    assert_eq!(script.answer(STATUS, problem_after(ProblemKind::Throttled, after(300))), NOTHING);
    assert_eq!(script.wakes_in(), Some(secs(300)));
    assert_eq!(script.wake(), ["status try 2"]);
    let pace = Pace { remaining: 0, reset: second(500) };
    script.answer(STATUS, Outcome::from(running(Some(1))).with_pace(Some(pace)));
    assert_eq!(script.idle, Some(second(500)), "the reset, though the hint is shorter");
    assert_eq!(script.wake(), ["status"]);
}

#[test]
fn a_poll_that_is_not_answered_times_out() {
    let mut script = Script::processing(Some(1), policy());
    script.wake();
    script.start_all();
    assert_eq!(script.wakes_in(), Some(secs(120)));
    assert_eq!(script.wake(), ["cancel status"]);
    assert_eq!(script.wake(), ["status try 2"]);
}

#[test]
fn a_wait_that_is_too_long_leaves_the_media_id() {
    let mut script = Script::processing(Some(1), policy());
    script.wake();
    let failure = problem_after(ProblemKind::Throttled, after(999_999));
    assert_eq!(script.answer(STATUS, failure.clone()), ["closed"]);
    assert_eq!(*script.error(), ErrorKind::StatusLost { failure });
}
