//! A protocol like S3: a listing, receipts that are required, an abort.

use super::script::*;
use crate::testing::listed_profile;
use crate::*;

const APPEND: OperationKind = OperationKind::Append;
const FINALIZE: OperationKind = OperationKind::Finalize;
const PROBE: OperationKind = OperationKind::Probe;
const ABORT: OperationKind = OperationKind::Abort;

fn opened_with(len: u64, lanes: u32) -> Script {
    Script::opened(len, listed_profile(), window(lanes))
}

fn aborted_with(script: &mut Script) -> ErrorKind {
    if script.closed.is_none() {
        script.answer(ABORT, Reply::Aborted);
    }
    script.error().clone()
}

#[test]
fn an_unknown_append_is_probed_when_nothing_is_under_way() {
    let mut script = opened_with(40, 2);
    assert_eq!(script.answer_segment(0, lost(Cut::Reset)), NOTHING, "segment 1 is under way");
    assert_eq!(script.upload.phase(), Phase::Probing);
    assert_eq!(script.answer_segment(1, receipt("b")), ["probe"]);
    let seen = script.answer(PROBE, listing(&[(0, 10), (1, 10)]));
    assert_eq!(seen, ["append 2 [20, 30)", "append 3 [30, 40)"], "it had been stored after all");
    assert_eq!(script.upload.progress().stored, 20);
}

#[test]
fn what_the_list_lacks_is_sent_after_its_backoff() {
    let mut script = opened_with(20, 1);
    script.answer(APPEND, lost(Cut::TimedOut));
    let at = script.retry_at();
    let mut seen = script.answer(PROBE, listing(&[]));
    if seen.is_empty() {
        assert_eq!(script.idle, Some(at));
        seen = script.wake();
    }
    assert_eq!(seen, ["append 0 [0, 10) try 2"]);
    assert!(script.now >= at);
}

#[test]
fn a_segment_that_we_did_not_plan_so_is_foreign() {
    let bad = [listing(&[(9, 10)]), listing(&[(1, 9)]), listing(&[(3, 10)])];
    for (reply, index) in bad.into_iter().zip([9, 1, 3]) {
        let mut script = opened_with(35, 1).crash();
        script.answer(PROBE, reply);
        let violation = Violation::ForeignSegment(index);
        assert_eq!(aborted_with(&mut script), ErrorKind::Protocol { operation: PROBE, violation });
    }
    let mut script = opened_with(35, 1).crash();
    let part =
        Part { index: SegmentIndex::new(0), len: 10, receipt: None, range: Some(ByteRange::at(1, 10)) };
    script.answer(PROBE, Reply::Probed(Page { parts: Vec::from([part]), next: None }));
    let violation = Violation::ForeignSegment(0);
    assert_eq!(aborted_with(&mut script), ErrorKind::Protocol { operation: PROBE, violation });
}

#[test]
fn a_list_without_an_end_ends() {
    let mut script = opened_with(35, 1).crash();
    assert_eq!(script.answer(PROBE, page(&[(0, 10)], Some("a"))), ["probe"]);
    assert_eq!(script.answer(PROBE, page(&[(0, 10)], Some("a"))), ["closed"]);
    let violation = Violation::EndlessListing;
    assert_eq!(*script.error(), ErrorKind::Protocol { operation: PROBE, violation });
    let mut script = opened_with(35, 1).crash();
    assert_eq!(script.answer(PROBE, page(&[], Some("a"))), ["closed"]);
}

#[test]
fn missing_segments_are_found_by_the_list_and_only_they_are_sent_again() {
    let mut script = opened_with(25, 4);
    for (index, tag) in [(0, "a"), (1, "b"), (2, "c")] {
        script.answer_segment(index, receipt(tag));
    }
    assert_eq!(script.answer(FINALIZE, problem(ProblemKind::SegmentsMissing)), ["probe"]);
    assert_eq!(script.answer(PROBE, listing(&[(0, 10), (2, 5)])), ["append 1 [10, 20)"]);
    assert_eq!(script.answer(APPEND, receipt("B")), ["finalize"]);
    let receipts = match &script.live[0].action {
        Action::Finalize { receipts: Some(receipts), .. } => receipts.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(receipts.iter().map(Receipt::as_bytes).collect::<Vec<_>>(), [&b"listed"[..], b"B", b"listed"]);
}

#[test]
fn a_server_that_lists_everything_and_misses_it_ends() {
    let mut script = opened_with(5, 1);
    script.answer(APPEND, receipt("a"));
    for _ in 0..2 {
        assert_eq!(script.answer(FINALIZE, problem(ProblemKind::SegmentsMissing)), ["probe"]);
        assert_eq!(script.answer(PROBE, listing(&[(0, 5)])), ["finalize"]);
    }
    script.answer(FINALIZE, problem(ProblemKind::SegmentsMissing));
    assert!(matches!(aborted_with(&mut script), ErrorKind::Protocol { operation: FINALIZE, .. }));
}

#[test]
fn an_append_that_is_already_stored_needs_its_receipt_too() {
    let mut script = opened_with(15, 1);
    let held = Receipt::new(bytes::Bytes::from_static(b"x"));
    let seen = script.answer(APPEND, problem(ProblemKind::AlreadyStored { receipt: Some(held) }));
    assert_eq!(seen, ["append 1 [10, 15)"]);
}
