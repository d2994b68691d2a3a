//! Sources that grow, end early, change, or can be read only once.

use super::script::*;
use crate::testing::{listed_profile, parts_profile};
use crate::*;

const APPEND: OperationKind = OperationKind::Append;
const FINALIZE: OperationKind = OperationKind::Finalize;

fn growing(len: u64, available: u64) -> Script {
    let spec = UploadSpec { available: Some(available), ..UploadSpec::whole(len) };
    let mut script = Script::of(Upload::new(START, spec, parts_profile(), policy(), 7).unwrap());
    script.first = script.open();
    script
}

fn grown(up_to: u64) -> Input {
    Input::Available { up_to, growth: Growth::Growing }
}

fn ended(up_to: u64) -> Input {
    Input::Available { up_to, growth: Growth::Ended }
}

fn unreadable() -> ErrorKind {
    ErrorKind::SourceUnreadable { detail: Detail::new("gone") }
}

#[test]
fn a_growing_source_is_sent_as_it_grows() {
    let mut script = growing(35, 0);
    assert_eq!(script.first, NOTHING);
    assert_eq!(script.input(grown(9)), NOTHING, "less than a segment");
    assert_eq!(script.input(grown(25)), ["append 0 [0, 10)", "append 1 [10, 20)"]);
    assert_eq!(script.input(grown(5)), NOTHING, "it can't have shrunk: the furthest counts");
    assert_eq!(script.input(grown(30)), ["append 2 [20, 30)"]);
    assert_eq!(script.input(ended(35)), ["append 3 [30, 35)"]);
    assert_eq!(script.store_all(), ["finalize"]);
}

#[test]
fn a_source_that_ends_early_or_grows_too_far_has_changed() {
    for input in [ended(34), ended(0), grown(36), ended(36)] {
        let mut script = growing(35, 20);
        assert_eq!(script.input(input), ["cancel append 0 [0, 10)", "cancel append 1 [10, 20)", "closed"]);
        assert_eq!((script.error(), script.kept()), (&ErrorKind::SourceChanged, Kept::Nothing));
        assert_eq!(script.error().fault(), Fault::Caller);
    }
}

#[test]
fn a_source_that_waits_for_its_producer_has_only_the_deadline() {
    let mut script = growing(35, 0);
    assert_eq!(script.wakes_in(), Some(Policy::default().deadline));
    script.wake();
    assert!(matches!(script.error(), ErrorKind::Deadline { .. }));
}

#[test]
fn a_source_that_changes_or_fails_while_it_is_needed_ends_it() {
    for (input, kind, kept) in [
        (Input::SourceChanged, ErrorKind::SourceChanged, Kept::Nothing),
        (Input::SourceUnreadable(Detail::new("gone")), unreadable(), Kept::Checkpoint),
    ] {
        let mut script = Script::opened(25, parts_profile(), policy());
        script.input(input.clone());
        assert_eq!((script.error(), script.kept()), (&kind, kept));
        let mut opening = Script::new(25);
        opening.input(input);
        assert_eq!((opening.error(), opening.kept()), (&kind, Kept::Nothing));
    }
}

#[test]
fn a_source_that_changes_after_everything_is_stored_changes_nothing() {
    let mut script = Script::finalizing(parts_profile(), policy());
    for input in [Input::SourceChanged, Input::SourceUnreadable(Detail::EMPTY), ended(3), grown(99)] {
        assert_eq!(script.input(input), NOTHING);
    }
    script.answer(FINALIZE, lost(Cut::TimedOut));
    assert_eq!(script.input(Input::SourceChanged), NOTHING);
    script.answer(OperationKind::Verify, running(Some(1)));
    assert_eq!(script.input(Input::SourceChanged), NOTHING);
    assert_eq!(script.wake(), ["status"]);
    assert_eq!(script.answer(OperationKind::Status, completed()), ["closed"]);
    assert!(script.closed.unwrap().is_ok());
}

#[test]
fn a_change_is_remembered_when_bytes_are_needed_after_all() {
    for kind in [ProblemKind::SegmentsMissing, ProblemKind::SessionGone] {
        let mut script = Script::finalizing(parts_profile(), policy());
        script.input(Input::SourceChanged);
        script.answer(FINALIZE, problem(kind.clone()));
        if kind == ProblemKind::SessionGone {
            script.wake();
            assert_eq!(script.answer(FINALIZE, problem(kind)), ["verify"]);
            script.answer(OperationKind::Verify, found(Verdict::NotCommitted));
        }
        assert_eq!(*script.error(), ErrorKind::SourceChanged, "no byte of another source goes into it");
    }
}

#[test]
fn a_one_pass_source_is_released_as_it_is_stored_and_never_asked_for_again() {
    let spec = UploadSpec { rewind: Rewind::UntilReleased, ..UploadSpec::whole(25) };
    let mut script = Script::of(Upload::new(START, spec, parts_profile(), policy(), 7).unwrap());
    script.open();
    assert_eq!(script.answer_segment(1, stored()), ["release [10, 20)"]);
    for _ in 0..2 {
        script.answer_segment(0, problem(ProblemKind::SessionGone));
        if script.closed.is_none() {
            script.wake();
        }
    }
    assert_eq!(*script.error(), ErrorKind::SessionLost { reason: SessionLoss::NotRewindable });
    assert_eq!(script.error().fault(), Fault::Server);
}

#[test]
fn a_one_pass_source_of_which_nothing_was_released_may_begin_anew_as_often_as_any_other() {
    let spec = UploadSpec { rewind: Rewind::UntilReleased, ..UploadSpec::whole(5) };
    let mut script = Script::of(Upload::new(START, spec, parts_profile(), policy(), 7).unwrap());
    for _ in 0..2 {
        script.open();
        script.answer(APPEND, problem(ProblemKind::SessionGone));
        script.wake();
        script.answer(APPEND, problem(ProblemKind::SessionGone));
    }
    assert_eq!(*script.error(), ErrorKind::SessionLost { reason: SessionLoss::SessionsExhausted });
}

#[test]
fn missing_segments_of_a_one_pass_source_cannot_be_sent_again() {
    let spec = UploadSpec { rewind: Rewind::UntilReleased, ..UploadSpec::whole(5) };
    let mut script = Script::of(Upload::new(START, spec, parts_profile(), policy(), 7).unwrap());
    script.open();
    assert_eq!(script.answer(APPEND, stored()), ["release [0, 5)", "finalize"]);
    assert_eq!(script.answer(FINALIZE, problem(ProblemKind::SegmentsMissing)), ["closed"]);
}

/// A repetition that came late was stored over it, under another receipt.
#[test]
fn missing_segments_of_a_one_pass_source_may_be_there_under_other_receipts() {
    let spec = UploadSpec { rewind: Rewind::UntilReleased, ..UploadSpec::whole(5) };
    let mut script = Script::of(Upload::new(START, spec, listed_profile(), policy(), 7).unwrap());
    script.open();
    assert_eq!(script.answer(APPEND, receipt("a")), ["release [0, 5)", "finalize"]);
    assert_eq!(script.answer(FINALIZE, problem(ProblemKind::SegmentsMissing)), ["probe"]);
    assert_eq!(script.answer(OperationKind::Probe, listing(&[(0, 5)])), ["finalize"]);
    let Action::Finalize { receipts: Some(receipts), .. } = &script.live[0].action else {
        panic!("{:?}", script.live)
    };
    assert_eq!(receipts[0].as_bytes(), b"listed");
}

#[test]
fn what_a_server_forgot_of_a_one_pass_source_is_lost() {
    let spec = UploadSpec { rewind: Rewind::UntilReleased, ..UploadSpec::whole(25) };
    let mut script = Script::of(Upload::new(START, spec, listed_profile(), window(1), 7).unwrap());
    script.open();
    assert_eq!(script.answer(APPEND, receipt("a")), ["release [0, 10)", "append 1 [10, 20)"]);
    assert_eq!(script.answer(APPEND, lost(Cut::Reset)), ["probe"]);
    // The list lacks segment 0, whose bytes are released.
    assert_eq!(script.answer(OperationKind::Probe, listing(&[])), ["abort"]);
    script.answer(OperationKind::Abort, Reply::Aborted);
    assert_eq!(*script.error(), ErrorKind::SessionLost { reason: SessionLoss::NotRewindable });
}
