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
fn what_the_list_lacks_has_one_attempt_at_a_time() {
    let mut script = opened_with(40, 2);
    script.answer_segment(0, lost(Cut::TimedOut));
    script.answer_segment(1, receipt("b"));
    script.secs(60);
    let seen = script.answer(PROBE, listing(&[(1, 10)]));
    assert_eq!(seen, ["append 0 [0, 10) try 2", "append 2 [20, 30)"]);
}

#[test]
fn two_resets_at_one_size_are_a_suspected_too_large_here_too() {
    let mut script = opened_with(20, 1);
    script.answer(APPEND, lost(Cut::Reset));
    script.secs(60);
    assert_eq!(script.answer(PROBE, listing(&[])), ["append 0 [0, 10) try 2"]);
    let seen = script.answer(APPEND, lost(Cut::Reset));
    assert_eq!(script.given_up(seen), ["init"]);
    assert_eq!(script.restarts(), [SessionEnd::Unplannable]);
    assert_eq!(script.open(), ["append 0 [0, 5)"]);
}

#[test]
fn pages_are_kept_when_one_fails_and_nothing_is_believed_before_the_last() {
    let mut script = opened_with(40, 1).crash();
    assert_eq!(script.first, ["probe"]);
    assert_eq!(script.answer(PROBE, page(&[(0, 10)], Some("p2"))), ["probe"]);
    let token = |script: &Script| match &script.live[0].action {
        Action::Probe { page, .. } => page.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(token(&script), Some(PageToken::new("p2")));
    assert_eq!(script.upload.progress().stored, 0);
    script.answer(PROBE, lost(Cut::Reset));
    assert_eq!(script.wake(), ["probe try 2"]);
    assert_eq!(token(&script), Some(PageToken::new("p2")));
    let seen = script.answer(PROBE, listing(&[(2, 10)]));
    assert_eq!(seen, ["append 1 [10, 20)", "append 3 [30, 40)"]);
    assert_eq!(script.upload.progress().stored, 20);
}

#[test]
fn a_session_with_a_segment_that_we_did_not_plan_so_is_left_for_a_new_one() {
    let ranged =
        Part { index: SegmentIndex::ZERO, len: 10, receipt: None, range: Some(ByteRange::at(1, 10)) };
    let bad = [
        (9, listing(&[(9, 10)])),
        (1, listing(&[(1, 9)])),
        (3, listing(&[(3, 10)])),
        (0, Reply::Probed(Page { parts: Vec::from([ranged]), next: None })),
    ];
    for (index, reply) in bad {
        let mut script = opened_with(35, 1).crash();
        let seen = script.answer(PROBE, reply.clone());
        assert_eq!(script.given_up(seen), ["init"]);
        assert_eq!(script.restarts(), [SessionEnd::Foreign]);
        // And if that is foreign as well, it is the server's fault.
        script.open();
        let mut again = script.crash();
        assert_eq!(again.answer(PROBE, reply), ["abort"]);
        again.answer(OperationKind::Abort, Reply::Aborted);
        let violation = Violation::ForeignSegment(index);
        assert_eq!(*again.error(), ErrorKind::Protocol { operation: PROBE, violation });
    }
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
fn a_probe_that_never_gets_through_ends() {
    let mut script = opened_with(35, 1).crash();
    assert_eq!(script.always(PROBE, lost(Cut::TimedOut)), 8);
    assert!(matches!(script.error(), ErrorKind::Exhausted { operation: PROBE, .. }));
}

#[test]
fn a_missing_receipt_is_a_protocol_error_of_an_append() {
    let mut script = opened_with(5, 1);
    script.answer(APPEND, stored());
    let violation = Violation::ReceiptMissing;
    assert_eq!(aborted_with(&mut script), ErrorKind::Protocol { operation: APPEND, violation });
}

/// As s3s-fs does: of each part its number and size, of one that is still being written too.
#[test]
fn of_a_list_without_receipts_only_what_has_one_from_its_own_answer_is_there() {
    let mut script = opened_with(35, 4);
    script.answer_segment(0, receipt("a"));
    script.answer_segment(1, receipt("b"));
    let mut resumed = script.crash();
    let bare = |(index, len)| Part { index: SegmentIndex::new(index), len, receipt: None, range: None };
    let parts = [(0, 10), (1, 10), (2, 10), (3, 2)].map(bare).to_vec();
    let seen = resumed.answer(PROBE, Reply::Probed(Page { parts, next: None }));
    assert_eq!(seen, ["append 2 [20, 30)", "append 3 [30, 35)"]);
    resumed.answer_segment(2, receipt("c"));
    assert_eq!(resumed.answer_segment(3, receipt("d")), ["finalize"]);
    let Action::Finalize { receipts, .. } = &resumed.live[0].action else { panic!("{:?}", resumed.live) };
    let receipts: Vec<_> =
        receipts.iter().flat_map(|all| all.iter()).map(|r| r.as_bytes().to_vec()).collect();
    assert_eq!(receipts, [b"a", b"b", b"c", b"d"]);
}

#[test]
fn a_segment_that_is_stored_already_without_its_receipt_is_looked_up_in_the_list() {
    let mut script = opened_with(5, 1);
    let seen = script.answer(APPEND, problem(ProblemKind::AlreadyStored { receipt: None }));
    assert_eq!(seen, ["probe"], "the list has the receipt that the answer lacks");
    assert_eq!(script.answer(PROBE, listing(&[(0, 5)])), ["finalize"], "and nothing is sent again");
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
fn a_session_that_is_gone_when_probed_twice_is_replaced() {
    let mut script = opened_with(5, 1).crash();
    script.answer(PROBE, problem(ProblemKind::SessionGone));
    script.wake();
    assert_eq!(script.answer(PROBE, problem(ProblemKind::SessionGone)), ["init"]);
    assert_eq!(script.count(|event| *event == Event::SessionLeakSuspected), 0, "nothing is left of it");
}

#[test]
fn what_the_list_holds_is_frozen_though_it_was_not_known_to_be_sent() {
    // The checkpoint is from before segments 1 and 2 were sent.
    let mut script = opened_with(60, 1);
    let older = script.upload.checkpoint();
    script.answer(APPEND, receipt("a"));
    let mut resumed = script.resume(older, listed_profile());
    assert_eq!(resumed.answer(PROBE, listing(&[(0, 10), (2, 10)]))[0], "append 1 [10, 20)");
    while resumed.live.len() > 1 {
        let op = resumed.live[1].id;
        resumed.answer_op(op, problem(ProblemKind::TooLarge { ceiling: None }));
    }
    // Segment 1 is a hole below a stored one: it can't be cut smaller in this session.
    let seen = resumed.answer_segment(1, problem(ProblemKind::TooLarge { ceiling: None }));
    assert_eq!(resumed.given_up(seen), ["init"]);
    assert_eq!(resumed.restarts(), [SessionEnd::Unplannable]);
}

#[test]
fn a_hole_that_the_list_shows_is_seen_before_anything_is_cut() {
    let mut script = opened_with(80, 2);
    for index in 0..3 {
        script.answer_segment(index, receipt("r"));
    }
    script.answer_segment(4, unreachable());
    script.answer_segment(3, lost(Cut::Ambiguous { after: None }));
    script.answer_segment(5, unreachable());
    script.secs(60);
    // The server lost segment 2. What waits for its retry goes first.
    assert_eq!(
        script.answer(PROBE, listing(&[(0, 10), (1, 10)])),
        ["append 3 [30, 40) try 2", "append 4 [40, 50) try 2"]
    );
    script.answer_segment(4, problem(ProblemKind::TooLarge { ceiling: None }));
    // Segment 2 can't be cut smaller in this session.
    let seen = script.answer_segment(3, receipt("r"));
    assert_eq!(script.given_up(seen), ["init"]);
    assert_eq!(script.restarts(), [SessionEnd::Unplannable]);
}

#[test]
fn where_the_last_append_finalizes_a_server_that_never_does_ends() {
    let profile = Profile { finalize: Finalize::Implicit, abort: Abort::Expires, ..listed_profile() };
    let mut script = Script::opened(15, profile.clone(), window(1));
    script.answer(APPEND, stored());
    assert_eq!(script.answer(APPEND, completed()), ["closed"]);
    assert!(script.closed.unwrap().is_ok());

    let mut script = Script::opened(15, profile, window(1));
    script.answer(APPEND, stored());
    script.answer(APPEND, stored());
    let mut probes = 0;
    while script.closed.is_none() {
        if script.live.is_empty() {
            script.wake();
        }
        script.answer(PROBE, listing(&[(0, 10), (1, 5)]));
        probes += 1;
        assert!(probes < 20, "it asks for ever");
    }
    assert!(matches!(script.error(), ErrorKind::Protocol { .. }));
    assert_eq!(probes, 2);
    assert!(script.now > START, "and not without a pause");
}

#[test]
fn an_append_that_is_already_stored_needs_its_receipt_too() {
    let mut script = opened_with(15, 1);
    let held = Receipt::new(bytes::Bytes::from_static(b"x"));
    let seen = script.answer(APPEND, problem(ProblemKind::AlreadyStored { receipt: Some(held) }));
    assert_eq!(seen, ["append 1 [10, 15)"]);
}

#[test]
fn nothing_is_kept_of_a_session_that_holds_what_is_not_ours() {
    let mut script =
        Script::opened(15, listed_profile(), Policy { sessions: 1.try_into().unwrap(), ..window(1) });
    script.answer(APPEND, lost(Cut::Reset));
    let foreign = script.answer(PROBE, listing(&[(0, 7)]));
    assert_eq!(foreign, ["abort"], "a resume would find the same");
    script.answer(OperationKind::Abort, Reply::Aborted);
    assert!(matches!(script.error(), ErrorKind::Protocol { violation: Violation::ForeignSegment(0), .. }));
    assert_eq!(script.kept(), Kept::Nothing);
}

#[test]
fn a_probe_that_waits_for_an_append_without_an_answer_does_not_wait_for_ever() {
    let mut script = opened_with(20, 2);
    script.start_all();
    script.answer_segment(0, lost(Cut::Reset));
    assert_eq!(script.upload.phase(), Phase::Probing);
    script.secs(2);
    assert!(script.wakes_in().is_some_and(|wait| wait < secs(120)), "when the other Append is overdue");
    assert_eq!(script.wake(), ["cancel append 1 [10, 20)", "probe"]);
}

#[test]
fn the_last_that_the_list_holds_is_frozen() {
    let mut script = opened_with(40, 1);
    let mut older = script.upload.checkpoint();
    if let crate::checkpoint::Saved::Open(open) = &mut older.state {
        // From before anything was sent.
        open.sent_to = 0;
    }
    script.answer(APPEND, receipt("a"));
    let upload = Upload::resume(START, older, listed_profile(), window(1), 9).unwrap();
    let mut resumed = Script::of(upload);
    assert_eq!(resumed.answer(PROBE, listing(&[(0, 10)])), ["append 1 [10, 20)"]);
    let seen = resumed.answer(APPEND, problem(ProblemKind::TooLarge { ceiling: None }));
    assert_eq!(seen, ["append 1 [10, 15)"], "segment 0 stays as it is");
}

#[test]
fn what_the_list_holds_is_not_sent_again_though_its_answer_was_lost() {
    let mut script = opened_with(20, 1);
    script.answer(APPEND, lost(Cut::Reset));
    script.secs(60);
    assert_eq!(script.answer(PROBE, listing(&[(0, 10)])), ["append 1 [10, 20)"]);
    assert_eq!(script.answer(APPEND, receipt("b")), ["finalize"]);
}
