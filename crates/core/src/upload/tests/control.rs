//! Pause, cancel, expiry and the end (invariant 9).

use super::script::*;
use crate::testing::{listed_profile, parts_profile};
use crate::*;

const APPEND: OperationKind = OperationKind::Append;
const FINALIZE: OperationKind = OperationKind::Finalize;
const STATUS: OperationKind = OperationKind::Status;
const ABORT: OperationKind = OperationKind::Abort;

const KEEP: Input = Input::Cancel(Disposition::Keep);
const DISCARD: Input = Input::Cancel(Disposition::Discard);

fn opened_for(secs: u64) -> Reply {
    Reply::Opened { session: Session::new("77"), expires: Some(after(secs)) }
}

#[test]
fn a_pause_lets_finish_what_has_started_and_takes_back_the_rest() {
    let mut script = Script::opened(60, parts_profile(), policy());
    let started = script.live[0].id;
    script.input(Input::Started(started));
    assert_eq!(
        script.input(Input::Pause),
        ["cancel append 1 [10, 20)", "cancel append 3 [30, 40)", "cancel append 2 [20, 30)"]
    );
    assert_eq!(script.input(Input::Pause), NOTHING, "twice is as once");
    assert_eq!(script.answer_op(started, stored()), NOTHING, "nothing new starts");
    assert_eq!(script.upload.progress().stored, 10);
    assert_eq!(
        script.input(Input::Resume),
        ["append 1 [10, 20)", "append 2 [20, 30)", "append 3 [30, 40)", "append 4 [40, 50)"],
        "what was taken back goes again as the first try: it was never sent"
    );
    assert_eq!(script.input(Input::Resume), NOTHING);
    assert_eq!((script.count(|e| *e == Event::Paused), script.count(|e| *e == Event::Resumed)), (1, 1));
}

#[test]
fn a_pause_is_kept_in_every_phase() {
    let mut opening = Script::new(25);
    assert_eq!(opening.input(Input::Pause), ["cancel init"]);
    assert_eq!(opening.secs(9_999_999), NOTHING);
    assert_eq!(opening.input(Input::Resume), ["init"]);

    let mut finalizing = Script::finalizing(parts_profile(), policy());
    assert_eq!(finalizing.input(Input::Pause), ["cancel finalize"]);
    assert_eq!(finalizing.secs(9_999_999), NOTHING);
    assert_eq!(finalizing.input(Input::Resume), ["finalize"]);
    finalizing.start_all();
    assert_eq!(finalizing.input(Input::Pause), NOTHING, "it has started, it may finish");
    assert_eq!(finalizing.answer(FINALIZE, lost(Cut::Reset)), NOTHING);
    assert_eq!(finalizing.secs(9_999_999), NOTHING);
    assert_eq!(finalizing.input(Input::Resume), ["verify"]);

    let mut processing = Script::processing(Some(10), policy());
    processing.input(Input::Pause);
    assert_eq!(processing.idle, None);
    assert_eq!(processing.secs(9_999_999), NOTHING);
    assert_eq!(processing.input(Input::Resume), ["status"]);
}

#[test]
fn deadlines_stand_still_in_a_pause() {
    let mut script = Script::opened(10, parts_profile(), Policy { deadline: secs(100), ..policy() });
    script.secs(60);
    script.input(Input::Pause);
    assert_eq!(script.secs(10_000), NOTHING);
    script.input(Input::Resume);
    assert_eq!(script.wakes_in(), Some(secs(40)));

    let processing = ProcessingPolicy { deadline: secs(100), ..ProcessingPolicy::default() };
    let mut script = Script::processing(Some(60), Policy { processing, ..policy() });
    script.wake();
    script.answer(STATUS, running(Some(60)));
    script.input(Input::Pause);
    script.secs(10_000);
    assert_eq!(script.input(Input::Resume), ["status"]);
    script.answer(STATUS, running(Some(60)));
    assert_eq!(script.wakes_in(), Some(secs(40)));
    script.wake();
    assert!(matches!(script.error(), ErrorKind::StillProcessing { .. }));
}

#[test]
fn of_processing_that_began_in_a_pause_only_what_was_left_of_the_pause_is_granted() {
    let processing = ProcessingPolicy { deadline: secs(100), ..ProcessingPolicy::default() };
    let mut script = Script::finalizing(parts_profile(), Policy { processing, ..policy() });
    script.start_all();
    script.input(Input::Pause);
    script.secs(50);
    script.answer(OperationKind::Finalize, running(Some(60)));
    script.secs(30);
    script.input(Input::Resume);
    for _ in 0..2 {
        script.wake();
        script.answer(STATUS, running(Some(60)));
    }
    assert_eq!(script.wakes_in(), Some(secs(10)), "100 s, 30 of them paused, 120 of them over");
}

#[test]
fn time_in_a_pause_is_not_counted_in_a_checkpoint() {
    let limited = || Policy { deadline: secs(100), ..policy() };
    let mut script = Script::opened(10, parts_profile(), limited());
    script.secs(60);
    script.input(Input::Pause);
    script.secs(1_000);
    let checkpoint = script.upload.checkpoint();
    let now = script.now.after(secs(9_999));
    let upload = Upload::resume(now, checkpoint, parts_profile(), limited(), 1).unwrap();
    assert_eq!(Script::at(now, upload, Disk::Fast).wakes_in(), Some(secs(40)));
}

#[test]
fn the_expiry_of_the_session_runs_in_a_pause() {
    let mut script = Script::new(25);
    script.answer(OperationKind::Init, opened_for(50));
    script.input(Input::Pause);
    assert_eq!(script.wakes_in(), Some(secs(50)));
    assert_eq!(script.wake(), NOTHING, "nothing new starts");
    assert_eq!(script.restarts(), [SessionEnd::Expired]);
    assert_eq!(script.upload.phase(), Phase::Opening);
    assert_eq!(script.input(Input::Resume), ["init"]);
}

#[test]
fn a_session_that_expires_is_replaced_and_one_whose_expiry_moves_on_is_not() {
    let mut script = Script::new(25);
    script.answer(OperationKind::Init, opened_for(50));
    script.secs(40);
    script.answer_segment(0, Reply::Stored { receipt: None, expires: Some(after(50)) });
    assert_eq!(script.secs(49), NOTHING);
    assert_eq!(script.secs(1), ["cancel append 2 [20, 25)", "cancel append 1 [10, 20)", "init"]);
    assert_eq!(script.restarts(), [SessionEnd::Expired]);
}

#[test]
fn cancel_keep_leaves_a_checkpoint_in_every_phase() {
    let verifying = || {
        let mut script = Script::finalizing(parts_profile(), policy());
        script.answer(FINALIZE, lost(Cut::Reset));
        script
    };
    let aborting = || {
        let mut script = Script::opened(25, listed_profile(), policy());
        script.input(DISCARD);
        script
    };
    let probing = || Script::opened(25, listed_profile(), policy()).crash();
    let table: [(Script, &[&str], &str, Kept); 7] = [
        (Script::new(25), &["cancel init", "closed"], "init", Kept::Checkpoint),
        (
            Script::opened(15, parts_profile(), policy()),
            &["cancel append 0 [0, 10)", "cancel append 1 [10, 15)", "closed"],
            "append 0 [0, 10)",
            Kept::Checkpoint,
        ),
        (probing(), &["cancel probe", "closed"], "probe", Kept::Checkpoint),
        (
            Script::finalizing(parts_profile(), policy()),
            &["cancel finalize", "closed"],
            "finalize",
            Kept::Checkpoint,
        ),
        (verifying(), &["cancel verify", "closed"], "verify", Kept::Checkpoint),
        (Script::processing(Some(5), policy()), &["closed"], "status", Kept::Checkpoint),
        (aborting(), &["cancel abort", "closed"], "abort", Kept::AbortOwed),
    ];
    for (mut script, seen, then, kept) in table {
        let phase = script.upload.phase();
        let written = script.upload.checkpoint().seq();
        assert_eq!(script.input(KEEP), seen, "{phase}");
        assert_eq!((script.error(), script.kept()), (&ErrorKind::Cancelled, kept), "{phase}");
        assert!(script.upload.checkpoint().seq() > written, "{phase}: no store takes it for the one it has");
        assert_eq!(script.crash().first[0], then, "{phase}");
    }
}

#[test]
fn a_finalize_that_may_have_been_sent_is_verified_by_whoever_resumes() {
    let mut script = Script::finalizing(parts_profile(), policy());
    script.start_all();
    assert_eq!(script.input(KEEP), ["cancel finalize", "closed"]);
    assert_eq!(script.crash().first, ["verify"]);
}

#[test]
fn cancel_discard_tells_the_truth_in_every_phase_without_an_abort() {
    let opening = Script::new(25);
    let transferring = Script::opened(25, parts_profile(), policy());
    let kept = Profile { abort: Abort::Unsupported, ..parts_profile() };
    let unforgotten = Script::opened(25, kept, policy());
    let unsent = Script::finalizing(parts_profile(), policy());
    let processing = Script::processing(Some(5), policy());
    for (mut script, discard) in [
        (opening, Discard::NothingToDo),
        (transferring, Discard::ExpiresByItself),
        (unforgotten, Discard::LeftBehind),
        (unsent, Discard::ExpiresByItself),
        (processing, Discard::AlreadyCommitted(None)),
    ] {
        let phase = script.upload.phase();
        let seen = script.input(DISCARD);
        assert!(seen.iter().all(|out| out.starts_with("cancel") || out == "closed"), "{phase}: {seen:?}");
        assert_eq!(*script.error(), ErrorKind::Discarded(discard), "{phase}");
        assert_eq!(script.kept(), Kept::Nothing, "{phase}");
    }
}

#[test]
fn a_discard_in_the_middle_of_a_finalize_finds_out_first() {
    let final_of = |reply| match reply {
        Reply::Completed(result) => result,
        other => panic!("{other:?}"),
    };
    let result = final_of(completed());
    let table = [
        (Verdict::Committed(Commitment::Ready(result.clone())), Discard::AlreadyCommitted(Some(result))),
        (
            Verdict::Committed(Commitment::Processing(Processing::Running { after: None, percent: None })),
            Discard::AlreadyCommitted(None),
        ),
        (Verdict::CannotTell, Discard::Unknown),
    ];
    for (verdict, discard) in table {
        let mut script = Script::finalizing(parts_profile(), policy());
        script.start_all();
        assert_eq!(script.input(DISCARD), ["cancel finalize", "verify"]);
        assert_eq!(script.answer(OperationKind::Verify, found(verdict)), ["closed"]);
        assert_eq!(*script.error(), ErrorKind::Discarded(discard));
    }
}

fn listed_finalizing() -> Script {
    let mut script = Script::opened(5, listed_profile(), policy());
    assert_eq!(script.answer(APPEND, receipt("a")), ["finalize"]);
    script.start_all();
    script
}

#[test]
fn an_object_that_was_committed_is_not_aborted() {
    let mut script = listed_finalizing();
    script.input(DISCARD);
    assert_eq!(script.answer(OperationKind::Verify, completed()), ["closed"]);
    assert!(matches!(script.error(), ErrorKind::Discarded(Discard::AlreadyCommitted(Some(_)))));
}

#[test]
fn a_session_of_which_nobody_can_tell_is_aborted_all_the_same_and_stays_unknown() {
    let mut script = listed_finalizing();
    script.input(DISCARD);
    assert_eq!(script.answer(OperationKind::Verify, found(Verdict::CannotTell)), ["abort"]);
    assert_eq!(script.answer(ABORT, Reply::Aborted), ["closed"]);
    assert_eq!(*script.error(), ErrorKind::Discarded(Discard::Unknown));
}

#[test]
fn a_finalize_that_was_not_committed_is_aborted() {
    let mut script = listed_finalizing();
    script.input(DISCARD);
    script.answer(OperationKind::Verify, found(Verdict::NotCommitted));
    script.wake();
    assert_eq!(script.answer(OperationKind::Verify, found(Verdict::NotCommitted)), ["abort"]);
    assert_eq!(script.answer(ABORT, Reply::Aborted), ["closed"]);
    assert_eq!(*script.error(), ErrorKind::Discarded(Discard::Confirmed));
}

#[test]
fn a_discard_sends_no_new_data_and_aborts() {
    let mut script = Script::opened(25, listed_profile(), window(2));
    assert_eq!(script.input(DISCARD), ["cancel append 0 [0, 10)", "cancel append 1 [10, 20)", "abort"]);
    assert_eq!(script.upload.phase(), Phase::Aborting);
    assert!(script.upload.checkpoint().abort_owed());
    assert_eq!(script.answer(ABORT, Reply::Aborted), ["closed"]);
    assert_eq!((script.error(), script.kept()), (&ErrorKind::Discarded(Discard::Confirmed), Kept::Nothing));
}

#[test]
fn an_abort_that_is_not_confirmed_ends_in_bounded_rounds_and_stays_owed() {
    for reply in [
        Reply::AbortPending.into(),
        Outcome::from(lost(Cut::Reset)),
        problem(ProblemKind::Refused(Refusal::Forbidden)).into(),
    ] {
        let mut script = Script::opened(25, listed_profile(), policy());
        script.input(DISCARD);
        assert_eq!(script.always(ABORT, reply), 10);
        assert!(matches!(script.error(), ErrorKind::Discarded(Discard::Unconfirmed { failure: Some(_) })));
        assert_eq!(script.kept(), Kept::AbortOwed);
        let mut resumed = script.crash();
        assert_eq!(resumed.first, ["abort"], "it survives a restart");
        // That it is gone is believed when it is seen twice.
        assert_eq!(resumed.answer(ABORT, problem(ProblemKind::SessionGone)), NOTHING);
        assert_eq!(resumed.wake(), ["abort try 2"]);
        assert_eq!(resumed.answer(ABORT, problem(ProblemKind::SessionGone)), ["closed"]);
        assert_eq!(*resumed.error(), ErrorKind::Discarded(Discard::Confirmed));
    }
}

#[test]
fn what_fails_for_good_is_not_left_behind_on_the_server() {
    let mut script = Script::opened(5, listed_profile(), policy());
    assert_eq!(script.answer(APPEND, problem(ProblemKind::Refused(Refusal::Invalid))), ["abort"]);
    assert_eq!(script.answer(ABORT, Reply::Aborted), ["closed"]);
    assert!(
        matches!(script.error(), ErrorKind::Refused { operation: APPEND, .. }),
        "the error is the first one"
    );
    assert_eq!(script.kept(), Kept::Nothing);
}

#[test]
fn an_abort_owed_for_a_failure_is_told_with_the_failure() {
    let mut script = Script::opened(5, listed_profile(), policy());
    script.answer(APPEND, problem(ProblemKind::Refused(Refusal::Invalid)));
    script.always(ABORT, unreachable());
    assert!(matches!(script.error(), ErrorKind::Refused { .. }));
    assert_eq!(script.kept(), Kept::AbortOwed);
}

#[test]
fn a_discard_ends_a_pause() {
    let mut script = Script::opened(25, listed_profile(), window(1));
    script.input(Input::Pause);
    assert_eq!(script.input(DISCARD), ["abort"]);
}

#[test]
fn closed_is_absorbing() {
    let mut script = Script::opened(15, parts_profile(), policy());
    let op = script.live[0].id;
    script.input(KEEP);
    let (closed, checkpoint) = (script.closed.clone(), script.upload.checkpoint());
    for input in [
        Input::Started(op),
        Input::Sent { op, bytes: 10 },
        Input::Outcome { op, outcome: stored().into() },
        Input::Persisted(CheckpointSeq(9)),
        Input::PersistFailed(CheckpointSeq(9)),
        Input::Available { up_to: 1, growth: Growth::Ended },
        Input::SourceChanged,
        Input::SourceUnreadable(Detail::EMPTY),
        Input::Refreshed { stale: CredentialEpoch::new(0), result: Ok(CredentialEpoch::new(1)) },
        Input::Hold { kind: APPEND, until: Timestamp::MAX },
        Input::Pause,
        Input::Resume,
        DISCARD,
        KEEP,
        Input::Tick,
    ] {
        assert_eq!(script.input(input), NOTHING);
        script.secs(100_000);
        assert_eq!((&script.closed, script.upload.checkpoint()), (&closed, checkpoint.clone()));
    }
    assert_eq!(script.upload.stats().ignored, 3);
}
