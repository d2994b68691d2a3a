//! Finalizing, and the truth about it when the answer is lost (invariants 1 and 7).

use super::script::*;
use crate::testing::{listed_profile, parts_profile};
use crate::*;

const APPEND: OperationKind = OperationKind::Append;
const FINALIZE: OperationKind = OperationKind::Finalize;
const VERIFY: OperationKind = OperationKind::Verify;

fn finalizing() -> Script {
    Script::finalizing(parts_profile(), policy())
}

fn finals(script: &Script) -> &Completed {
    script.closed.as_ref().unwrap().as_ref().unwrap()
}

fn ready() -> Verdict {
    match completed() {
        Reply::Completed(result) => Verdict::Committed(Commitment::Ready(result)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn it_goes_out_only_when_every_segment_is_stored_and_none_is_under_way() {
    let mut script = Script::opened(25, parts_profile(), policy());
    assert_eq!(script.answer_segment(2, stored()), NOTHING);
    assert_eq!(script.answer_segment(0, lost(Cut::Ambiguous { after: None })), NOTHING);
    assert_eq!(script.answer_segment(1, stored()), NOTHING);
    assert_eq!(script.wake(), ["append 0 [0, 10) try 2"]);
    assert_eq!(script.answer(APPEND, stored()), ["finalize"]);
    match &script.live[0].action {
        Action::Finalize { total: 25, receipts: None, .. } => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn ready_at_once() {
    let mut script = finalizing();
    assert_eq!(script.answer(FINALIZE, completed()), ["closed"]);
    assert_eq!(&*finals(&script).result.id, "77");
    assert_eq!(finals(&script).session, Some(Session::new("77")));
    let progress = script.upload.progress();
    assert_eq!((progress.committed, progress.processed), (25, Percent::FULL));
}

#[test]
fn a_lost_answer_ends_ready_with_finalize_sent_once() {
    let mut script = finalizing();
    assert_eq!(script.answer(FINALIZE, lost(Cut::TimedOut)), ["verify"]);
    assert_eq!(script.answer(VERIFY, found(ready())), ["closed"]);
    assert!(script.closed.unwrap().is_ok());
}

#[test]
fn a_lost_answer_goes_on_with_the_processing() {
    let mut script = finalizing();
    script.answer(FINALIZE, lost(Cut::Reset));
    assert_eq!(
        script.answer(VERIFY, running(Some(3))),
        NOTHING,
        "a Status answer to a Verify means committed"
    );
    assert_eq!(script.upload.phase(), Phase::Processing);
    assert_eq!(script.wake(), ["status"]);
    assert_eq!(script.now, second(3));
}

#[test]
fn a_lost_request_is_sent_again_only_when_not_committed_was_seen_twice_apart() {
    let mut script = finalizing();
    script.answer(FINALIZE, lost(Cut::TimedOut));
    assert_eq!(script.answer(VERIFY, found(Verdict::NotCommitted)), NOTHING, "once is not believed");
    assert_eq!(script.wakes_in(), Some(secs(1)));
    assert_eq!(script.wake(), ["verify"]);
    assert_eq!(script.answer(VERIFY, found(Verdict::NotCommitted)), ["finalize try 2"]);
    assert_eq!(script.answer(FINALIZE, completed()), ["closed"]);
}

#[test]
fn twice_apart_holds_whatever_the_policys_floor() {
    let processing = ProcessingPolicy { floor: secs(0), ..ProcessingPolicy::default() };
    let mut script = Script::finalizing(parts_profile(), Policy { processing, ..policy() });
    script.answer(FINALIZE, lost(Cut::TimedOut));
    assert_eq!(script.answer(VERIFY, found(Verdict::NotCommitted)), NOTHING);
    assert_eq!(script.wakes_in(), Some(secs(1)));
}

#[test]
fn finalize_is_not_sent_again_before_its_own_backoff() {
    let retry = RetryPolicy { backoff_base: secs(60), ..RetryPolicy::default() };
    let mut script = Script::finalizing(parts_profile(), Policy { retry, ..policy() });
    script.answer(FINALIZE, lost(Cut::TimedOut));
    let at = script.retry_at();
    assert!(at > second(5), "the seed is chosen so: {at}");
    script.answer(VERIFY, found(Verdict::NotCommitted));
    script.wake();
    assert_eq!(script.answer(VERIFY, found(Verdict::NotCommitted)), NOTHING);
    assert_eq!(script.idle, Some(at));
    assert_eq!(script.wake(), ["finalize try 2"]);
}

#[test]
fn when_nobody_can_tell_the_error_says_so_with_the_media_id() {
    let mut script = finalizing();
    script.answer(FINALIZE, lost(Cut::TimedOut));
    assert_eq!(script.answer(VERIFY, found(Verdict::CannotTell)), ["closed"]);
    let error = script.closed.unwrap().unwrap_err();
    assert_eq!(*error.kind, ErrorKind::FinalizeUnknown { failure: lost(Cut::TimedOut) });
    assert_eq!(error.session, Some(Session::new("77")));
}

#[test]
fn where_verify_is_not_supported_it_is_unknown_at_once() {
    let profile = Profile { verify: Verify::Unsupported, ..parts_profile() };
    let mut script = Script::finalizing(profile, policy());
    assert_eq!(script.answer(FINALIZE, lost(Cut::Ambiguous { after: None })), ["closed"]);
    assert_eq!(*script.error(), ErrorKind::FinalizeUnknown { failure: lost(Cut::Ambiguous { after: None }) });
    assert_eq!(script.kept(), Kept::Nothing, "there is nothing to find out either");
}

#[test]
fn a_server_that_never_answers_verify_ends_as_unknown() {
    let mut script = finalizing();
    script.answer(FINALIZE, lost(Cut::TimedOut));
    assert_eq!(script.always(VERIFY, lost(Cut::TimedOut)), 10, "the bound of the polls");
    assert_eq!(*script.error(), ErrorKind::FinalizeUnknown { failure: lost(Cut::TimedOut) });
    assert_eq!(script.kept(), Kept::Checkpoint, "to be found out later");
}

#[test]
fn endless_lost_answers_end() {
    let mut script = finalizing();
    let mut sent = 0;
    while script.closed.is_none() {
        sent += 1;
        script.answer(FINALIZE, lost(Cut::TimedOut));
        for _ in 0..2 {
            if script.closed.is_none() {
                if !script.live.iter().any(|op| op.kind() == VERIFY) {
                    script.wake();
                }
                script.answer(VERIFY, found(Verdict::NotCommitted));
            }
        }
        if script.closed.is_none() && script.live.is_empty() {
            script.wake();
        }
    }
    assert_eq!(sent, 8);
    assert!(matches!(script.error(), ErrorKind::FinalizeUnknown { .. }));
}

#[test]
fn an_answered_failure_is_tried_again_without_asking() {
    let mut script = finalizing();
    assert_eq!(script.answer(FINALIZE, problem_after(ProblemKind::Transient, after(4))), NOTHING);
    assert_eq!(script.wake(), ["finalize try 2"]);
    assert_eq!(script.now, second(4));
    assert_eq!(script.answer(FINALIZE, unreachable()), NOTHING);
    assert_eq!(script.wake(), ["finalize try 3"]);
    assert_eq!(script.answer(FINALIZE, problem_after(ProblemKind::Busy, after(9))), NOTHING);
    assert_eq!(script.wake(), ["finalize try 4"]);
    assert_eq!(script.answer(FINALIZE, completed()), ["closed"]);
}

#[test]
fn an_answer_that_makes_no_sense_is_found_out() {
    for reply in [stored(), opened(), Reply::Aborted, found(Verdict::NotCommitted)] {
        assert_eq!(finalizing().answer(FINALIZE, reply), ["verify"]);
    }
    assert_eq!(finalizing().answer(FINALIZE, problem(ProblemKind::Broken)), ["verify"]);
}

#[test]
fn an_object_of_another_length_is_an_error_even_if_the_server_is_content() {
    let wrong = match completed() {
        Reply::Completed(result) => Reply::Completed(Final { size: Some(24), ..result }),
        other => panic!("{other:?}"),
    };
    let mut script = finalizing();
    assert_eq!(script.answer(FINALIZE, wrong), ["closed"]);
    assert_eq!(*script.error(), ErrorKind::Integrity { expected: 25, found: 24 });
}

#[test]
fn a_size_mismatch_means_that_the_source_changed() {
    let mut script = finalizing();
    let failure = problem(ProblemKind::SizeMismatch);
    assert_eq!(script.answer(FINALIZE, failure.clone()), ["closed"]);
    assert_eq!(*script.error(), ErrorKind::SizeMismatch { failure });
}

#[test]
fn a_size_mismatch_after_an_unknown_append_was_repeated_takes_a_new_session_once() {
    let mut script = Script::opened(25, parts_profile(), policy());
    let failure = problem(ProblemKind::SizeMismatch);
    for round in 0..2 {
        script.answer_segment(0, lost(Cut::TimedOut));
        script.wake();
        assert_eq!(script.store_all(), ["finalize"]);
        let seen = script.answer(FINALIZE, failure.clone());
        if round == 0 {
            assert_eq!(seen, ["init"]);
            assert_eq!(script.restarts(), [SessionEnd::SizeMismatch]);
            script.open();
        } else {
            assert_eq!(seen, ["closed"]);
        }
    }
    assert_eq!(*script.error(), ErrorKind::SizeMismatch { failure });
}

#[test]
fn an_unknown_append_that_was_not_repeated_is_no_excuse() {
    let mut script = Script::opened(25, parts_profile(), policy());
    script.answer_segment(0, unreachable());
    script.wake();
    script.store_all();
    assert_eq!(script.answer(FINALIZE, problem(ProblemKind::SizeMismatch)), ["closed"]);
}

#[test]
fn a_size_mismatch_after_a_resume_is_no_proof_that_the_source_changed() {
    // What the dead process sent behind the checkpoint was repeated by this one, and nobody knows of it.
    let mut script = Script::slow_disk(25, parts_profile(), policy());
    script.open();
    let from_before_any_append = script.upload.checkpoint();
    let mut resumed = script.resume(from_before_any_append, parts_profile());
    resumed.store_all();
    assert_eq!(resumed.answer(FINALIZE, problem(ProblemKind::SizeMismatch)), ["init"]);
    assert_eq!(resumed.restarts(), [SessionEnd::SizeMismatch]);
}

/// Gone twice at a Finalize of which none is in doubt.
fn gone_at_finalize() -> Script {
    let mut script = finalizing();
    assert_eq!(script.answer(FINALIZE, problem(ProblemKind::SessionGone)), NOTHING);
    assert_eq!(script.wake(), ["finalize try 2"]);
    assert_eq!(script.answer(FINALIZE, problem(ProblemKind::SessionGone)), ["verify"]);
    script
}

#[test]
fn a_session_gone_twice_at_finalize_takes_a_new_one_if_no_object_came_of_it() {
    for verdict in [Verdict::NotCommitted, Verdict::CannotTell] {
        let mut script = gone_at_finalize();
        assert_eq!(script.answer(VERIFY, found(verdict)), ["init"]);
        assert_eq!(script.restarts(), [SessionEnd::Gone]);
    }
    // Where nobody can be asked, at once.
    let mut script = Script::finalizing(Profile { verify: Verify::Unsupported, ..parts_profile() }, policy());
    script.answer(FINALIZE, problem(ProblemKind::SessionGone));
    script.wake();
    assert_eq!(script.answer(FINALIZE, problem(ProblemKind::SessionGone)), ["init"]);
}

/// An answer that counted as a no came after the object: the session went with it.
#[test]
fn a_session_gone_twice_at_finalize_may_be_an_object_already() {
    let mut script = gone_at_finalize();
    assert_eq!(script.answer(VERIFY, found(ready())), ["closed"]);
    assert!(script.closed.as_ref().unwrap().is_ok());
    assert_eq!(script.restarts(), []);
}

/// A Finalize that is believed not to have come, twice, and so goes again.
fn finalizing_again() -> Script {
    let mut script = finalizing();
    script.answer(FINALIZE, lost(Cut::Reset));
    script.answer(VERIFY, found(Verdict::NotCommitted));
    script.wake();
    assert_eq!(script.answer(VERIFY, found(Verdict::NotCommitted)), ["finalize try 2"]);
    script
}

#[test]
fn a_session_gone_at_a_repeated_finalize_may_be_an_object_by_now() {
    // The first Finalize was late.
    let mut script = finalizing_again();
    assert_eq!(script.answer(FINALIZE, problem(ProblemKind::SessionGone)), ["verify"]);
    assert_eq!(script.answer(VERIFY, found(ready())), ["closed"]);
    assert!(script.closed.as_ref().unwrap().is_ok());
    assert_eq!(script.restarts(), []);
}

#[test]
fn a_session_gone_at_a_repeated_finalize_and_not_committed_takes_a_new_one_when_seen_twice() {
    let mut script = finalizing_again();
    script.answer(FINALIZE, problem(ProblemKind::SessionGone));
    script.answer(VERIFY, found(Verdict::NotCommitted));
    script.wake();
    assert_eq!(script.answer(VERIFY, found(Verdict::NotCommitted)), ["finalize try 3"]);
    assert_eq!(script.answer(FINALIZE, problem(ProblemKind::SessionGone)), ["init"]);
    assert_eq!(script.restarts(), [SessionEnd::Gone]);
}

#[test]
fn a_session_gone_at_a_finalize_that_a_dead_process_may_have_sent_is_found_out() {
    let mut script = finalizing().crash();
    script.answer(VERIFY, found(Verdict::NotCommitted));
    script.wake();
    assert_eq!(script.answer(VERIFY, found(Verdict::NotCommitted)), ["finalize"]);
    assert_eq!(script.answer(FINALIZE, problem(ProblemKind::SessionGone)), ["verify"]);
    assert_eq!(script.answer(VERIFY, found(ready())), ["closed"]);
}

#[test]
fn who_goes_on_from_a_repeated_finalize_that_was_refused_asks_first() {
    let mut script = finalizing_again();
    script.answer(FINALIZE, problem(ProblemKind::Refused(Refusal::Forbidden)));
    assert_eq!(script.kept(), Kept::Checkpoint);
    let resumed = script.resume(script.upload.checkpoint(), parts_profile());
    assert_eq!(resumed.under_way(), ["verify"], "the first one may have come by now");
}

/// Something on the way may have sent it twice: the second is refused, since the first has made the object.
#[test]
fn a_finalize_that_is_refused_as_invalid_may_have_made_the_object_already() {
    let invalid = || problem(ProblemKind::Refused(Refusal::Invalid));
    let mut script = finalizing();
    assert_eq!(script.answer(FINALIZE, invalid()), ["verify"]);
    assert_eq!(script.answer(VERIFY, found(ready())), ["closed"]);
    assert!(script.closed.unwrap().is_ok());

    let mut script = finalizing();
    script.answer(FINALIZE, invalid());
    assert_eq!(script.answer(VERIFY, running(Some(3))), NOTHING);
    assert_eq!(script.upload.phase(), Phase::Processing);
}

#[test]
fn a_finalize_that_is_refused_and_made_nothing_ends_with_the_servers_words() {
    let refused = |profile| {
        let mut script = Script::finalizing(profile, policy());
        let seen = script.answer(FINALIZE, problem(ProblemKind::Refused(Refusal::Invalid)));
        (script, seen)
    };
    let (blind, seen) = refused(Profile { verify: Verify::Unsupported, ..parts_profile() });
    assert_eq!(seen, ["closed"], "there is nobody to ask");
    for verdict in [Verdict::NotCommitted, Verdict::CannotTell] {
        let (mut script, _) = refused(parts_profile());
        assert_eq!(script.answer(VERIFY, found(verdict)), ["closed"], "asked once: two no's agree");
        assert_eq!(script.error(), blind.error());
        assert_eq!(script.kept(), blind.kept());
    }
    assert!(matches!(blind.error(), ErrorKind::Refused { operation: FINALIZE, .. }));
}

#[test]
fn a_deadline_that_passes_while_a_refused_finalize_is_looked_into_ends_with_the_refusal() {
    let mut script = Script::finalizing(parts_profile(), Policy { deadline: secs(60), ..policy() });
    script.answer(FINALIZE, problem(ProblemKind::Refused(Refusal::Invalid)));
    assert_eq!(script.secs(60), ["cancel verify", "closed"]);
    assert!(matches!(script.error(), ErrorKind::Refused { operation: FINALIZE, .. }));
}

#[test]
fn a_discard_at_a_repeated_finalize_asks_first() {
    let mut script = finalizing_again();
    let seen = script.input(Input::Cancel(Disposition::Discard));
    assert_eq!(seen, ["cancel finalize try 2", "verify"], "the first one may have come by now");
    assert_eq!(script.answer(VERIFY, found(ready())), ["closed"]);
    assert!(matches!(script.error(), ErrorKind::Discarded(Discard::AlreadyCommitted(Some(_)))));
}

#[test]
fn missing_segments_are_sent_again_in_bounded_rounds() {
    let mut script = finalizing();
    for session in 1..=2 {
        for _ in 0..2 {
            let seen = script.answer(FINALIZE, problem(ProblemKind::SegmentsMissing));
            assert_eq!(
                seen,
                ["append 0 [0, 10)", "append 1 [10, 20)", "append 2 [20, 25)"],
                "which, it can't say"
            );
            assert_eq!(script.upload.progress().stored, 25, "progress does not go back");
            assert_eq!(script.store_all(), ["finalize"]);
        }
        let then = script.answer(FINALIZE, problem(ProblemKind::SegmentsMissing));
        if session == 1 {
            assert_eq!(then, ["init"], "it may hold what no repair takes out again");
            assert_eq!(script.restarts(), [SessionEnd::Foreign]);
            script.open();
            script.store_all();
        } else {
            assert_eq!(then, ["closed"]);
        }
    }
    assert!(matches!(script.error(), ErrorKind::Protocol { operation: FINALIZE, .. }));
}

#[test]
fn a_wait_that_comes_with_missing_segments_holds_the_next_finalize() {
    let mut script = finalizing();
    let missing = problem_after(ProblemKind::SegmentsMissing, after(9));
    let seen = script.answer(FINALIZE, missing);
    assert_eq!(
        seen,
        ["append 0 [0, 10)", "append 1 [10, 20)", "append 2 [20, 25)"],
        "the segments need not wait"
    );
    assert_eq!(script.store_all(), NOTHING);
    assert_eq!(script.wakes_in(), Some(secs(9)));
    assert_eq!(script.wake(), ["finalize"]);
}

#[test]
fn the_deadline_in_the_middle_of_a_finalize_is_unknown_and_not_failed() {
    let mut script = Script::finalizing(parts_profile(), Policy { deadline: secs(60), ..policy() });
    script.start_all();
    assert_eq!(script.wake(), ["cancel finalize", "closed"]);
    assert!(matches!(script.error(), ErrorKind::FinalizeUnknown { .. }));
    let mut unsent = Script::finalizing(parts_profile(), Policy { deadline: secs(60), ..policy() });
    unsent.wake();
    assert!(matches!(unsent.error(), ErrorKind::Deadline { .. }), "not started: it was not sent");
    let mut asking = Script::finalizing(parts_profile(), Policy { deadline: secs(60), ..policy() });
    asking.answer(FINALIZE, lost(Cut::Reset));
    asking.wake();
    assert!(matches!(asking.error(), ErrorKind::FinalizeUnknown { .. }));
}

#[test]
fn a_session_that_expires_before_finalize_is_sent_is_replaced_and_after_it_is_not() {
    let expiring = Reply::Opened { session: Session::new("77"), expires: Some(after(100)) };
    let mut script = Script::new(5);
    script.answer(OperationKind::Init, expiring);
    script.answer(APPEND, stored());
    let mut sent = Script::at(script.now, script.upload.clone(), Disk::Fast);
    sent.live = script.live.clone();
    sent.start_all();
    assert_eq!(script.secs(100), ["cancel finalize", "init"], "given out but not started");
    assert_eq!(sent.secs(100), NOTHING);
    assert_eq!(sent.answer(FINALIZE, completed()), ["closed"]);
}

#[test]
fn receipts_go_in_index_order() {
    let mut script = Script::opened(25, listed_profile(), policy());
    script.answer_segment(2, receipt("c"));
    script.answer_segment(0, receipt("a"));
    script.answer_segment(1, receipt("b"));
    let receipts = match &script.live[0].action {
        Action::Finalize { receipts: Some(receipts), .. } => receipts.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(receipts.iter().map(Receipt::as_bytes).collect::<Vec<_>>(), [b"a", b"b", b"c"]);
}
