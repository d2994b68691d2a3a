//! Segments that are too large (invariant 3).

use super::script::*;
use crate::testing::parts_profile;
use crate::*;

const APPEND: OperationKind = OperationKind::Append;

fn too_large(ceiling: Option<u64>) -> Failure {
    problem(ProblemKind::TooLarge { ceiling })
}

fn chunks(bytes: u64, lanes: u32) -> Policy {
    Policy { chunk_size: ChunkSize::new(bytes).unwrap(), ..window(lanes) }
}

fn opened_with(len: u64, policy: Policy) -> Script {
    Script::opened(len, parts_profile(), policy)
}

#[test]
fn the_rest_is_cut_smaller_behind_what_may_be_stored_and_the_first_goes_alone() {
    let mut script = opened_with(40, window(2));
    script.answer_segment(0, stored());
    assert_eq!(script.under_way(), ["append 1 [10, 20)", "append 2 [20, 30)"]);
    assert_eq!(script.answer_segment(1, too_large(None)), NOTHING, "what is under way may finish first");
    assert_eq!(
        script.answer_segment(2, too_large(None)),
        ["append 1 [10, 15)"],
        "the first of its size goes alone"
    );
    assert_eq!(script.count(|e| *e == Event::Replanned { chunk_size: 5 }), 1);
    assert_eq!(script.answer_segment(1, stored()), ["append 2 [15, 20)", "append 3 [20, 25)"]);
    script.store_all();
    assert_eq!(script.upload.phase(), Phase::Finalizing);
    assert_eq!(script.restarts(), []);
    assert_eq!(script.upload.plan().count(), 7);
}

#[test]
fn it_is_never_again_planned_at_or_above_the_refused_size() {
    let mut script = opened_with(64, chunks(64, 4));
    let mut sizes = Vec::new();
    while script.closed.is_none() {
        let size = script.live[0].payload().unwrap().len();
        assert_eq!(script.live.len(), 1, "the first of a new size goes alone");
        sizes.push(size);
        script.answer(APPEND, too_large(None));
    }
    assert_eq!(sizes, [64, 32, 16, 8, 4, 2, 1]);
    assert_eq!(*script.error(), ErrorKind::TooLarge { refused: 1, smallest: 1 });
    assert_eq!(script.kept(), Kept::Nothing);
}

#[test]
fn what_was_stored_at_a_size_that_is_refused_by_now_is_not_sent_again_when_the_server_lost_it() {
    let mut script = opened_with(40, window(1));
    script.answer(APPEND, stored());
    script.answer(APPEND, too_large(None));
    script.store_all();
    let lost = script.answer(OperationKind::Finalize, problem(ProblemKind::SegmentsMissing));
    assert_eq!(lost, ["init"], "segment 0 can't be cut smaller in this session");
    assert_eq!(script.restarts(), [SessionEnd::Unplannable]);
    assert_eq!(script.open(), ["append 0 [0, 5)"]);
}

#[test]
fn the_wait_of_a_segment_holds_for_what_it_is_cut_into() {
    let mut script = opened_with(40, chunks(20, 2));
    script.answer_segment(0, problem_after(ProblemKind::Transient, after(9)));
    assert_eq!(script.answer_segment(1, too_large(None)), NOTHING);
    assert_eq!(script.upload.plan().chunk_size(), 10);
    assert_eq!(script.wakes_in(), Some(secs(9)));
    assert_eq!(script.wake(), ["append 0 [0, 10)"]);
}

/// RFC 9110 §15.5.14: a 413 may name a time after which to come back.
#[test]
fn a_refusal_of_a_size_that_names_a_wait_holds_all_that_it_is_cut_into() {
    let mut script = opened_with(40, chunks(20, 2));
    let refused = problem_after(ProblemKind::TooLarge { ceiling: None }, after(9));
    assert_eq!(script.answer_segment(0, refused.clone()), NOTHING);
    assert_eq!(script.answer_segment(1, too_large(None)), NOTHING);
    assert_eq!(script.count(|event| matches!(event, Event::Held { kind: APPEND, .. })), 1);
    assert_eq!(script.wakes_in(), Some(secs(9)));
    assert_eq!(script.wake(), ["append 0 [0, 10)"]);

    let mut script = opened_with(40, chunks(20, 1));
    script.answer(APPEND, too_large(None));
    assert_eq!(script.count(|event| matches!(event, Event::Held { .. })), 0, "none was named");
    let beyond = Delay::After(policy().retry.longest_wait + secs(1));
    script.answer(APPEND, problem_after(ProblemKind::TooLarge { ceiling: None }, beyond));
    assert!(matches!(script.error(), ErrorKind::Throttled { operation: APPEND, .. }));
}

#[test]
fn a_ceiling_that_the_server_names_is_kept() {
    let mut script = opened_with(100, chunks(50, 1));
    assert_eq!(script.answer(APPEND, too_large(Some(7))), ["append 0 [0, 7)"]);
    let mut script = opened_with(100, chunks(50, 1));
    assert_eq!(script.answer(APPEND, too_large(Some(30))), ["append 0 [0, 25)"]);
    for nonsense in [0, 50, 999] {
        let mut script = opened_with(100, chunks(50, 1));
        assert_eq!(script.answer(APPEND, too_large(Some(nonsense))), ["append 0 [0, 25)"]);
    }
}

#[test]
fn a_retry_of_the_first_of_a_new_size_goes_alone_too() {
    let mut script = opened_with(40, chunks(20, 4));
    script.answer_segment(0, too_large(None));
    assert_eq!(script.answer_segment(1, too_large(None)), ["append 0 [0, 10)"]);
    for _ in 0..6 {
        assert!(script.live.len() <= 1, "the size is not proven yet");
        if script.live.is_empty() {
            script.wake();
        } else {
            script.answer(APPEND, unreachable());
        }
    }
    if script.live.is_empty() {
        script.wake();
    }
    script.answer(APPEND, stored());
    script.secs(60);
    assert_eq!(script.live.len(), 3);
}

#[test]
fn a_hole_below_a_stored_segment_takes_a_new_session_at_most_once() {
    let mut script = opened_with(40, window(2));
    script.answer_segment(1, stored());
    assert_eq!(script.under_way(), ["append 0 [0, 10)", "append 2 [20, 30)"]);
    script.answer_segment(2, stored());
    let seen = script.answer_segment(0, too_large(None));
    assert_eq!(seen, NOTHING, "segment 3 is under way");
    assert_eq!(script.answer_segment(3, stored()), ["init"]);
    assert_eq!(script.restarts(), [SessionEnd::Unplannable]);
    assert_eq!(script.open(), ["append 0 [0, 5)"], "and there the first goes alone");
    script.answer_segment(0, stored());
    // The same again: no further session.
    script.answer_segment(2, stored());
    script.answer_segment(1, too_large(None));
    assert_eq!(script.answer_segment(3, stored()), ["closed"]);
    assert_eq!(*script.error(), ErrorKind::TooLarge { refused: 5, smallest: 5 });
}

#[test]
fn a_segment_that_may_be_stored_is_a_hole_as_well() {
    let mut script = opened_with(30, window(1));
    script.answer(APPEND, lost(Cut::TimedOut));
    script.wake();
    assert_eq!(script.answer(APPEND, too_large(None)), ["init"], "its range is frozen in this session");
    assert_eq!(script.restarts(), [SessionEnd::Unplannable]);
}

#[test]
fn what_another_process_may_have_stored_is_frozen_too() {
    let script = opened_with(40, window(4));
    assert_eq!(script.live.len(), 4, "all are sent, none is acknowledged");
    let mut resumed = script.crash();
    for index in [3, 2, 1] {
        resumed.answer_segment(index, unreachable());
    }
    assert_eq!(resumed.answer_segment(0, too_large(None)), ["init"], "it lies below what may be stored");
    let mut one = opened_with(10, window(1)).crash();
    assert_eq!(one.answer(APPEND, too_large(None)), ["init"], "it may be stored itself");
}

#[test]
fn too_few_indexes_take_a_new_session_with_even_segments() {
    let mut profile = parts_profile();
    profile.sizing.max_count = 5;
    let mut script = Script::opened(40, profile, window(1));
    for _ in 0..2 {
        script.answer(APPEND, stored());
    }
    // 20 bytes left, three indexes left: 7 each would do. A ceiling of 6 leaves a new session of 8 each no way.
    assert_eq!(script.answer(APPEND, too_large(Some(6))), ["closed"]);
    assert_eq!(*script.error(), ErrorKind::TooLarge { refused: 10, smallest: 8 });

    let mut profile = parts_profile();
    profile.sizing.max_count = 5;
    let mut script = Script::opened(40, profile, window(1));
    for _ in 0..3 {
        script.answer(APPEND, stored());
    }
    script.answer(APPEND, too_large(Some(8)));
    assert_eq!(script.under_way(), ["append 3 [30, 35)"], "ten bytes, two indexes");
    assert_eq!(script.answer(APPEND, too_large(Some(4))), ["closed"]);
    assert_eq!(*script.error(), ErrorKind::TooLarge { refused: 5, smallest: 8 });
}

#[test]
fn where_the_rest_cannot_be_cut_so_a_new_session_may() {
    let mut profile = parts_profile();
    profile.sizing.max_count = 5;
    let mut script = Script::opened(40, profile, chunks(15, 2));
    script.answer_segment(0, stored());
    script.answer_segment(2, stored());
    assert_eq!(script.answer_segment(1, too_large(Some(8))), ["init"], "five of eight");
    assert_eq!(script.open(), ["append 0 [0, 8)"]);

    // Three of ten are stored; with two indexes left the last ten bytes would need five each.
    let mut profile = parts_profile();
    profile.sizing.max_count = 10;
    let mut script = Script::opened(40, profile, window(1));
    for _ in 0..3 {
        script.answer(APPEND, stored());
    }
    script.answer(APPEND, too_large(None));
    script.answer(APPEND, stored());
    assert_eq!(script.under_way(), ["append 4 [35, 40)"]);
    // Five bytes, six indexes: one each. In a new session four each, as the ceiling is.
    assert_eq!(script.answer(APPEND, too_large(Some(4))), ["append 4 [35, 37)"]);
}

#[test]
fn a_source_that_cannot_be_rewound_gets_no_new_session() {
    let spec = UploadSpec { rewind: Rewind::UntilReleased, ..UploadSpec::whole(40) };
    let upload = Upload::new(START, spec, parts_profile(), window(2), 7).unwrap();
    let mut script = Script::of(upload);
    script.open();
    assert_eq!(script.answer_segment(1, stored()), ["release [10, 20)", "append 2 [20, 30)"]);
    script.answer_segment(2, stored());
    script.answer_segment(3, stored());
    assert_eq!(script.answer_segment(0, too_large(None)), ["closed"]);
    assert_eq!(*script.error(), ErrorKind::TooLarge { refused: 10, smallest: 10 });
}

#[test]
fn where_segments_must_be_of_one_size_a_smaller_one_takes_a_new_session() {
    let mut profile = parts_profile();
    profile.sizing.uniformity = Uniformity::Uniform;
    let mut script = Script::opened(40, profile.clone(), window(1));
    assert_eq!(
        script.answer(APPEND, too_large(None)),
        ["append 0 [0, 5)"],
        "nothing is stored: no need of one"
    );
    script.answer(APPEND, stored());
    assert_eq!(script.answer(APPEND, too_large(None)), ["init"]);
    assert_eq!(script.restarts(), [SessionEnd::Unplannable]);
    assert_eq!(script.open(), ["append 0 [0, 2)"]);
    let sizes: alloc::collections::BTreeSet<_> =
        script.upload.plan().segments().map(|s| s.range.len()).collect();
    assert_eq!(sizes.into_iter().collect::<Vec<_>>(), [2]);
}

#[test]
fn two_resets_at_one_size_are_a_suspected_too_large() {
    let mut script = opened_with(40, chunks(20, 1));
    script.answer(APPEND, lost(Cut::Reset));
    assert_eq!(script.wake(), ["append 0 [0, 20) try 2"]);
    assert_eq!(script.answer(APPEND, lost(Cut::Reset)), ["init"]);
    assert_eq!(script.restarts(), [SessionEnd::Unplannable]);
    assert_eq!(script.open(), ["append 0 [0, 10)"]);
    assert_eq!(script.answer(APPEND, stored()), ["append 1 [10, 20)"]);
}

#[test]
fn resets_at_a_size_that_went_through_are_the_networks_doing() {
    let mut script = opened_with(40, chunks(20, 1));
    script.answer(APPEND, stored());
    for attempt in 2..5 {
        script.answer(APPEND, lost(Cut::Reset));
        assert_eq!(script.wake(), [std::format!("append 1 [20, 40) try {attempt}")]);
    }
    assert_eq!(script.restarts(), []);
}

#[test]
fn other_lost_answers_are_no_sign_of_a_size_limit() {
    for cut in [Cut::TimedOut, Cut::Ambiguous { after: None }] {
        let mut script = opened_with(40, chunks(20, 1));
        for _ in 0..3 {
            script.answer(APPEND, lost(cut));
            script.wake();
        }
        assert_eq!(script.restarts(), []);
    }
}

#[test]
fn where_no_new_session_is_allowed_resets_are_only_tried_again() {
    let policy = Policy { sessions: 1.try_into().unwrap(), ..chunks(20, 1) };
    let mut script = opened_with(40, policy);
    assert_eq!(script.always(APPEND, lost(Cut::Reset)), 8);
    assert!(matches!(script.error(), ErrorKind::Exhausted { attempts: 8, .. }));
}

#[test]
fn what_was_sent_of_an_older_cut_is_not_frozen_for_the_next_process() {
    let mut script = opened_with(40, window(4));
    for index in [3, 2, 1] {
        script.answer_segment(index, unreachable());
    }
    // Four were given out, none can be stored: after the cut one is, and that is all another process has to fear.
    assert_eq!(script.answer_segment(0, too_large(None)), NOTHING);
    assert_eq!(script.wake(), ["append 0 [0, 5)"]);
    script.answer(APPEND, stored());
    let sent = script.live.len() as u32;
    match &script.upload.checkpoint().state {
        crate::checkpoint::Saved::Open(open) => assert_eq!(open.sent_to, 1 + sent),
        crate::checkpoint::Saved::Opening => panic!("a session is open"),
    }
}

#[test]
fn what_was_learnt_of_sizes_outlives_the_session_and_the_process() {
    let mut script = opened_with(40, chunks(20, 1));
    script.answer(APPEND, too_large(Some(12)));
    assert_eq!(script.under_way(), ["append 0 [0, 10)"]);
    let mut resumed = script.crash();
    assert_eq!(resumed.upload.plan().chunk_size(), 10);
    while resumed.upload.phase() == Phase::Transferring {
        if resumed.live.is_empty() {
            resumed.wake();
        }
        resumed.answer(APPEND, problem(ProblemKind::SessionGone));
    }
    assert_eq!(resumed.restarts(), [SessionEnd::Gone]);
    resumed.open();
    assert!(resumed.upload.plan().chunk_size() <= 12);
}

#[test]
fn a_new_cut_is_on_disk_before_anything_of_it_goes_out() {
    let mut script = Script::slow_disk(40, parts_profile(), window(1));
    script.open();
    assert_eq!(script.written(), ["append 0 [0, 10)"]);
    script.answer(APPEND, too_large(None));
    assert_eq!(script.upload.plan().chunk_size(), 5);
    assert_eq!(
        script.under_way(),
        NOTHING,
        "whoever resumed the old cut would use its indexes for other bytes"
    );
    assert_eq!(script.written(), ["append 0 [0, 5)"]);
}

#[test]
fn after_a_resume_every_segment_may_be_stored_where_no_list_can_tell() {
    let mut script = opened_with(40, window(1)).crash();
    script.answer_segment(0, too_large(None));
    script.answer_segment(1, stored());
    script.answer_segment(2, stored());
    assert_eq!(script.answer_segment(3, stored()), ["init"], "the dead process may have sent any of them");
    assert_eq!(script.restarts(), [SessionEnd::Unplannable]);
}

#[test]
fn a_hole_that_has_to_wait_is_seen_before_anything_is_cut() {
    let mut script = opened_with(40, window(3));
    script.answer_segment(1, stored());
    assert_eq!(script.answer_segment(0, problem_after(ProblemKind::Transient, after(60))), NOTHING);
    script.answer_segment(3, stored());
    assert_eq!(script.answer_segment(2, too_large(None)), ["init"], "what is cut now would be sent in vain");
}
