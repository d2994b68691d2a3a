//! Opening a session.

use super::script::*;
use crate::testing::{listed_profile, parts_profile};
use crate::*;

const INIT: OperationKind = OperationKind::Init;

#[test]
fn nothing_goes_before_the_session_is_open() {
    let mut script = Script::new(35);
    assert_eq!(script.first, ["init"]);
    assert_eq!(script.upload.phase(), Phase::Opening);
    assert_eq!(
        script.open(),
        ["append 0 [0, 10)", "append 1 [10, 20)", "append 2 [20, 30)", "append 3 [30, 35)"]
    );
    assert_eq!(script.upload.session(), Some(&Session::new("77")));
    assert_eq!(script.upload.phase(), Phase::Transferring);
}

#[test]
fn a_lost_answer_to_init_may_leave_a_session_behind_and_is_told() {
    let mut script = Script::new(5);
    assert_eq!(script.answer(INIT, lost(Cut::Reset)), NOTHING);
    assert_eq!(script.count(|e| *e == Event::SessionLeakSuspected), 1);
    assert_eq!(script.wake(), ["init try 2"]);
    assert_eq!(script.answer(INIT, unreachable()), NOTHING);
    assert_eq!(script.count(|e| *e == Event::SessionLeakSuspected), 1, "what was never sent leaves nothing");
    assert_eq!(script.wake(), ["init try 3"]);
    assert_eq!(script.open(), ["append 0 [0, 5)"]);
}

#[test]
fn an_init_that_is_given_up_may_leave_a_session_behind_if_it_had_started() {
    for (started, leaks) in [(false, 0), (true, 1)] {
        let mut script = Script::new(5);
        if started {
            script.start_all();
        }
        script.input(Input::Cancel(Disposition::Keep));
        assert_eq!(script.count(|e| *e == Event::SessionLeakSuspected), leaks);
    }
}

#[test]
fn a_server_that_cannot_be_reached_ends_it_after_all_attempts() {
    let mut script = Script::new(5);
    assert_eq!(script.always(INIT, unreachable()), 8);
    let exhausted = ErrorKind::Exhausted { operation: INIT, attempts: 8, failure: unreachable() };
    assert_eq!((script.error(), script.kept()), (&exhausted, Kept::Nothing));
}

#[test]
fn a_refusal_ends_it_at_once() {
    for refusal in [Refusal::Quota, Refusal::Forbidden, Refusal::Invalid] {
        let mut script = Script::new(5);
        let failure = problem(ProblemKind::Refused(refusal));
        assert_eq!(script.answer(INIT, failure.clone()), ["closed"]);
        assert_eq!(*script.error(), ErrorKind::Refused { operation: INIT, failure });
        assert_eq!(script.error().fault(), Fault::Server);
    }
}

#[test]
fn settings_that_cannot_work_are_not_tried_again() {
    let mut script = Script::new(5);
    let failure = Failure::NotSent { cause: NotSent::Misconfigured, detail: Detail::new("no such proxy") };
    assert_eq!(script.answer(INIT, failure.clone()), ["closed"]);
    assert_eq!(*script.error(), ErrorKind::Misconfigured { operation: INIT, failure });
}

#[test]
fn answers_that_make_no_sense_end_as_a_protocol_error() {
    for reply in [stored(), completed(), running(None), Reply::Aborted, Reply::Advanced { cursor: 9 }] {
        let mut script = Script::new(5);
        assert_eq!(script.always(INIT, reply), 8);
        match script.error() {
            ErrorKind::Protocol { operation: INIT, violation: Violation::Unreadable(_) } => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn an_init_has_no_timer_before_it_has_started_and_one_then() {
    let mut script = Script::new(5);
    assert_eq!(script.secs(3600), NOTHING);
    script.start_all();
    assert_eq!(script.wakes_in(), Some(secs(120)), "the response timeout");
    assert_eq!(script.wake(), ["cancel init"]);
    assert_eq!(script.count(|e| *e == Event::SessionLeakSuspected), 1);
    assert_eq!(script.wake(), ["init try 2"]);
}

#[test]
fn the_overall_deadline_ends_an_opening() {
    let mut script = Script::with(5, parts_profile(), Policy { deadline: secs(50), ..policy() });
    assert_eq!(script.wakes_in(), Some(secs(50)));
    assert_eq!(script.wake(), ["cancel init", "closed"]);
    assert_eq!(*script.error(), ErrorKind::Deadline { deadline: secs(50) });
}

#[test]
fn where_no_session_is_opened_by_request_data_goes_at_once() {
    let profile = Profile { open: Open::None, ..parts_profile() };
    let script = Script::with(15, profile, policy());
    assert_eq!(script.first, ["append 0 [0, 10)", "append 1 [10, 15)"]);
    assert_eq!(script.upload.session(), Some(&Session::new("")));
}

#[test]
fn there_a_new_session_begins_at_once_as_well() {
    let profile = Profile { open: Open::None, ..parts_profile() };
    let mut script = Script::with(5, profile, policy());
    script.answer(OperationKind::Append, problem(ProblemKind::SessionGone));
    script.wake();
    assert_eq!(script.answer(OperationKind::Append, problem(ProblemKind::SessionGone)), ["append 0 [0, 5)"]);
    assert_eq!(script.restarts(), [SessionEnd::Gone]);
}

#[test]
fn whoever_listens_hears_of_every_phase_and_every_segment() {
    let mut script = Script::new(15);
    script.open();
    script.store_all();
    script.answer(OperationKind::Finalize, running(Some(1)));
    script.wake();
    script.answer(OperationKind::Status, completed());
    let session = Session::new("77");
    let segment =
        |index, start, len| Segment { index: SegmentIndex::new(index), range: ByteRange::at(start, len) };
    assert_eq!(
        script.events,
        [
            Event::Phase(Phase::Opening),
            Event::Opened { session },
            Event::Phase(Phase::Transferring),
            Event::Stored(segment(0, 0, 10)),
            Event::Stored(segment(1, 10, 5)),
            Event::Phase(Phase::Finalizing),
            Event::Phase(Phase::Processing),
            Event::Processing { percent: None },
            Event::Phase(Phase::Closed),
        ]
    );
}

#[test]
fn a_session_that_is_born_expired_ends_in_bounded_sessions() {
    let mut script = Script::new(5);
    let dead = Reply::Opened { session: Session::new("77"), expires: Some(after(0)) };
    assert_eq!(script.answer(INIT, dead.clone()), ["init"]);
    assert_eq!(script.restarts(), [SessionEnd::Expired]);
    assert_eq!(script.answer(INIT, dead), ["closed"]);
    assert_eq!(*script.error(), ErrorKind::SessionLost { reason: SessionLoss::SessionsExhausted });
}

#[test]
fn an_empty_source_is_finalized_without_a_segment_where_the_protocol_has_it_so() {
    let mut profile = parts_profile();
    profile.sizing.empty = Empty::NoSegment;
    let mut script = Script::with(0, profile.clone(), policy());
    assert_eq!(script.open(), ["finalize"]);
    assert_eq!(script.answer(OperationKind::Finalize, completed()), ["closed"]);

    let mut at_once = Script::with(0, profile, policy());
    assert_eq!(at_once.answer(INIT, completed()), ["closed"], "complete at Init");
    assert!(at_once.closed.unwrap().is_ok());
}

#[test]
fn an_empty_source_is_one_segment_where_the_protocol_wants_it_and_it_is_sent_until_it_is_stored() {
    let mut profile = listed_profile();
    profile.sizing.empty = Empty::OneSegment;
    let mut script = Script::with(0, profile, policy());
    assert_eq!(script.open(), ["append 0 [0, 0)"]);
    let checkpoint = script.upload.checkpoint();
    assert_eq!(script.answer(OperationKind::Append, problem(ProblemKind::Transient)), NOTHING);
    assert_eq!(script.wake(), ["append 0 [0, 0) try 2"]);
    assert_eq!(script.answer(OperationKind::Append, receipt("e")), ["finalize"]);
    let sent = match &script.live[0].action {
        Action::Finalize { total: 0, receipts: Some(receipts), .. } => receipts.len(),
        other => panic!("{other:?}"),
    };
    assert_eq!(sent, 1);
    // A crash before it was acknowledged: the list tells that it is not there, so it goes once more.
    let mut resumed = script.resume(checkpoint, script.upload.shared.profile.clone());
    assert_eq!(resumed.first, ["probe"]);
    assert_eq!(resumed.answer(OperationKind::Probe, listing(&[])), ["append 0 [0, 0)"]);
    assert_eq!(resumed.answer(OperationKind::Append, receipt("e")), ["finalize"]);
}

#[test]
fn a_server_that_must_know_the_length_at_once_takes_no_source_without_one() {
    let unknown = UploadSpec { length: SourceLength::Unknown, ..UploadSpec::whole(0) };
    let new = |spec, profile| Upload::new(START, spec, profile, policy(), 1).map(|_| ());
    assert_eq!(new(unknown, parts_profile()), Err(PlanError::LengthRequired));
    assert_eq!(new(unknown, listed_profile()), Ok(()));
    assert_eq!(new(unknown, crate::testing::append_profile()), Ok(()));
}
