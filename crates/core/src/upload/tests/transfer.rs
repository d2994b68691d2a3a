//! Sending segments: window, order, timers, retries and waits.

use core::time::Duration;

use super::script::*;
use crate::testing::parts_profile;
use crate::*;

const APPEND: OperationKind = OperationKind::Append;
const TICK: Duration = Duration::from_micros(1);

fn opened_with(len: u64, policy: Policy) -> Script {
    Script::opened(len, parts_profile(), policy)
}

#[test]
fn the_window_bounds_what_is_under_way_and_segments_go_in_order() {
    let mut script = Script::with(60, parts_profile(), window(2));
    assert_eq!(script.open(), ["append 0 [0, 10)", "append 1 [10, 20)"]);
    assert_eq!(script.answer_segment(1, stored()), ["append 2 [20, 30)"]);
    assert_eq!(script.answer_segment(2, stored()), ["append 3 [30, 40)"]);
    assert_eq!(script.answer_segment(0, stored()), ["append 4 [40, 50)"]);
    assert_eq!(script.under_way(), ["append 3 [30, 40)", "append 4 [40, 50)"]);
    assert_eq!(script.store_all(), ["finalize"]);
}

#[test]
fn the_last_segment_says_so() {
    let script = opened_with(25, policy());
    let last = |op: &Operation| match op.action {
        Action::Append { last, .. } => last,
        _ => panic!("{op:?}"),
    };
    assert_eq!(script.live.iter().map(last).collect::<Vec<_>>(), [Last::More, Last::More, Last::End]);
}

#[test]
fn late_duplicate_and_unknown_outcomes_change_nothing_and_are_counted() {
    let mut script = opened_with(25, policy());
    let first = script.live[0].id;
    script.answer_op(first, stored());
    let (before, checkpoint) = (script.upload.progress(), script.upload.checkpoint());
    for (n, outcome) in
        [stored().into(), lost(Cut::Reset).into(), Outcome::from(completed())].into_iter().enumerate()
    {
        assert_eq!(script.input(Input::Outcome { op: first, outcome }), NOTHING, "a duplicate");
        assert_eq!(script.upload.stats().ignored, n as u64 + 1);
    }
    let unknown = OpId::from_raw(999);
    assert_eq!(script.input(Input::Outcome { op: unknown, outcome: stored().into() }), NOTHING);
    assert_eq!(script.input(Input::Started(unknown)), NOTHING);
    assert_eq!(script.input(Input::Sent { op: unknown, bytes: 9 }), NOTHING);
    assert_eq!(script.upload.stats().ignored, 6);
    assert_eq!((script.upload.progress(), script.upload.checkpoint()), (before, checkpoint));

    // A late one: it was given up for a stall, and its answer comes after all.
    script.start_all();
    let late = script.live[0].id;
    script.secs(30);
    assert!(script.live.iter().all(|op| op.id != late));
    script.input(Input::Outcome { op: late, outcome: stored().into() });
    assert_eq!(script.upload.stats().ignored, 7);
    assert_eq!(script.upload.progress().stored, 10);
}

#[test]
fn spurious_ticks_and_polls_change_nothing() {
    let mut script = opened_with(25, policy());
    let (stats, idle) = (*script.upload.stats(), script.idle);
    for _ in 0..3 {
        assert_eq!(script.input(Input::Tick), NOTHING);
        assert_eq!(script.drain(), NOTHING);
    }
    assert_eq!((*script.upload.stats(), script.idle), (stats, idle));
}

#[test]
fn a_stall_is_seen_while_sending_and_a_missing_answer_after_it() {
    let mut script = opened_with(10, policy());
    assert_eq!(script.secs(3600), NOTHING, "what has not started has no timer");
    let op = script.live[0].id;
    script.start_all();
    assert_eq!(script.wakes_in(), Some(secs(30)));
    script.secs(29);
    script.input(Input::Sent { op, bytes: 4 });
    assert_eq!(script.wakes_in(), Some(secs(30)), "bytes were taken: the stall timer begins anew");
    script.secs(29);
    script.input(Input::Sent { op, bytes: 10 });
    assert_eq!(script.wakes_in(), Some(secs(120)), "all is sent: the response timer runs");
    script.secs(119);
    assert_eq!(script.secs(1), ["cancel append 0 [0, 10)"]);
    assert_eq!(script.wake(), ["append 0 [0, 10) try 2"]);
    script.start_all();
    assert_eq!(script.wake(), ["cancel append 0 [0, 10) try 2"], "and stalls at once");
}

/// Whoever tells it looks at the wire now and then: what was taken just in time may be told when the timer strikes.
#[test]
fn bytes_that_are_told_when_the_stall_timer_strikes_were_taken_in_time() {
    let mut script = opened_with(10, policy());
    let op = script.live[0].id;
    script.start_all();
    script.now = script.now.after(secs(30));
    assert_eq!(script.input(Input::Sent { op, bytes: 4 }), NOTHING);
    assert_eq!(script.wakes_in(), Some(secs(30)), "the stall timer begins anew");
    script.now = script.now.after(secs(31));
    assert_eq!(script.input(Input::Sent { op, bytes: 4 }), ["cancel append 0 [0, 10)"], "no more was taken");
}

/// The machine slept, or was busy with something else: of what is told at one time, no word makes the next one too late.
#[test]
fn bytes_of_several_segments_that_are_told_at_one_time_were_all_taken_in_time() {
    let mut script = opened_with(30, window(3));
    let ops: Vec<_> = script.live.iter().map(|op| op.id).collect();
    script.start_all();
    script.now = script.now.after(secs(3600));
    for op in &ops[..2] {
        script.upload.handle(script.now, Input::Sent { op: *op, bytes: 4 });
    }
    assert_eq!(script.drain(), ["cancel append 2 [20, 30)"], "of this one nothing was taken");
    assert_eq!(script.under_way(), ["append 0 [0, 10)", "append 1 [10, 20)"]);
}

#[test]
fn of_several_timers_the_first_one_wakes() {
    let mut script = opened_with(20, window(2));
    let ops: Vec<_> = script.live.iter().map(|op| op.id).collect();
    script.input(Input::Started(ops[1]));
    script.secs(10);
    script.input(Input::Started(ops[0]));
    assert_eq!(script.wakes_in(), Some(secs(20)));
    assert_eq!(script.wake(), ["cancel append 1 [10, 20)"]);
}

#[test]
fn nothing_is_sent_before_its_backoff_is_over() {
    let mut script = opened_with(10, policy());
    let mut ceiling = 500;
    for attempt in 2..=8 {
        script.answer(APPEND, unreachable());
        let at = script.retry_at();
        assert!(at.since(script.now) <= Duration::from_millis(ceiling), "full jitter below the ceiling");
        ceiling *= 2;
        if at > script.now {
            assert_eq!(script.idle, Some(at));
            assert_eq!(script.pass(at.since(script.now) - TICK), NOTHING);
            assert_eq!(script.input(Input::Tick), NOTHING);
            script.pass(TICK);
        }
        assert_eq!(script.under_way(), [std::format!("append 0 [0, 10) try {attempt}")]);
    }
    assert_eq!(script.answer(APPEND, unreachable()), ["closed"]);
    let exhausted = ErrorKind::Exhausted { operation: APPEND, attempts: 8, failure: unreachable() };
    assert_eq!((script.error(), script.kept()), (&exhausted, Kept::Checkpoint));
}

#[test]
fn of_several_waits_the_shortest_wakes_first() {
    let mut script = opened_with(20, window(2));
    script.answer_segment(0, problem_after(ProblemKind::Transient, after(9)));
    script.answer_segment(1, problem_after(ProblemKind::Transient, after(4)));
    assert_eq!(script.wakes_in(), Some(secs(4)));
    assert_eq!(script.wake(), ["append 1 [10, 20) try 2"]);
    assert_eq!(script.wakes_in(), Some(secs(5)));
    assert_eq!(script.wake(), ["append 0 [0, 10) try 2"]);
}

#[test]
fn a_retry_after_is_never_undercut() {
    for kind in [
        ProblemKind::Transient,
        ProblemKind::Throttled,
        ProblemKind::Busy,
        ProblemKind::SegmentRejected,
        ProblemKind::SessionGone,
        ProblemKind::Broken,
        ProblemKind::OffsetConflict { cursor: None },
    ] {
        for delay in [after(7), Delay::At(second(7))] {
            let mut script = opened_with(10, policy());
            assert_eq!(script.answer(APPEND, problem_after(kind.clone(), delay)), NOTHING);
            assert_eq!(script.pass(secs(7) - TICK), NOTHING, "{kind:?}");
            assert_eq!(script.pass(TICK), ["append 0 [0, 10) try 2"], "{kind:?}");
        }
    }
}

#[test]
fn a_throttle_holds_the_whole_kind() {
    let mut script = opened_with(60, window(2));
    assert_eq!(script.answer(APPEND, problem_after(ProblemKind::Throttled, after(9))), NOTHING);
    assert_eq!(script.count(|e| *e == Event::Held { kind: APPEND, until: second(9) }), 1);
    assert_eq!(script.retry_at(), second(9));
    assert_eq!(script.answer(APPEND, stored()), NOTHING, "there is room, but the server said wait");
    assert_eq!(script.wake(), ["append 0 [0, 10) try 2", "append 2 [20, 30)"]);
    assert_eq!(script.now, second(9));
}

#[test]
fn a_throttle_whose_wait_is_over_already_is_no_licence_to_hammer() {
    for delay in [after(0), Delay::At(Timestamp::EPOCH)] {
        let mut script = opened_with(10, policy());
        let tries = script.always(APPEND, problem_after(ProblemKind::Throttled, delay));
        assert_eq!(tries, 60);
        assert!(script.now > second(60), "sixty tries within {:?}", script.now.since(START));
    }
}

#[test]
fn a_wait_longer_than_the_policy_allows_ends_it_with_the_time() {
    for kind in [ProblemKind::Throttled, ProblemKind::Transient] {
        let mut script = opened_with(10, policy());
        script.answer(APPEND, problem_after(kind, after(3601)));
        assert_eq!(*script.error(), ErrorKind::Throttled { operation: APPEND, until: second(3601) });
        assert_eq!(script.kept(), Kept::Checkpoint);
    }
}

#[test]
fn a_wait_as_long_as_the_policy_allows_is_waited() {
    let mut script = opened_with(10, policy());
    assert_eq!(script.answer(APPEND, problem_after(ProblemKind::Throttled, after(3600))), NOTHING);
    assert_eq!(script.wake(), ["append 0 [0, 10) try 2"]);
    assert_eq!(script.now, second(3600));
}

#[test]
fn the_last_operation_of_a_period_is_followed_by_a_wait_for_the_reset() {
    let mut script = opened_with(30, window(1));
    let pace = Pace { remaining: 0, reset: second(60) };
    assert_eq!(script.answer(APPEND, Outcome::from(stored()).with_pace(Some(pace))), NOTHING);
    assert_eq!(script.idle, Some(second(60)));
    assert_eq!(script.pass(secs(60) - TICK), NOTHING);
    assert_eq!(script.pass(TICK), ["append 1 [10, 20)"]);
    let nonsense = Pace { remaining: 0, reset: second(999_999) };
    let outcome = Outcome::from(stored()).with_pace(Some(nonsense));
    assert_eq!(script.answer(APPEND, outcome), ["append 2 [20, 30)"], "no rate limit lasts eleven days");
}

#[test]
fn a_hold_from_a_sibling_holds_only_its_kind_and_not_for_ever() {
    let mut script = opened_with(20, window(1));
    script.input(Input::Hold { kind: APPEND, until: second(40) });
    assert_eq!(script.count(|e| *e == Event::Held { kind: APPEND, until: second(40) }), 1);
    assert_eq!(script.answer(APPEND, stored()), NOTHING);
    assert_eq!(script.wake(), ["append 1 [10, 20)"]);
    assert_eq!(script.now, second(40));
    script.input(Input::Hold { kind: APPEND, until: Timestamp::MAX });
    assert_eq!(script.answer(APPEND, stored()), ["finalize"], "another kind is not held");
}

#[test]
fn the_retry_budget_of_the_upload_bounds_what_attempts_would_allow() {
    let retry = RetryPolicy { attempts: 100.try_into().unwrap(), budget: 3, ..RetryPolicy::default() };
    let mut script = opened_with(10, Policy { retry, ..policy() });
    assert_eq!(script.always(APPEND, unreachable()), 4, "the first try, and three more");
    let exhausted = ErrorKind::Exhausted { operation: APPEND, attempts: 4, failure: unreachable() };
    assert_eq!(*script.error(), exhausted);
}

#[test]
fn the_retry_budget_refills_only_when_a_segment_is_stored() {
    let retry = RetryPolicy { budget: 2, ..RetryPolicy::default() };
    let mut script = opened_with(30, Policy { retry, ..window(1) });
    for _ in 0..2 {
        script.answer(APPEND, unreachable());
        script.wake();
    }
    // One comes back.
    assert_eq!(script.answer(APPEND, stored()), ["append 1 [10, 20)"]);
    assert_eq!(script.always(APPEND, unreachable()), 2);
}

#[test]
fn a_success_that_moves_nothing_counts_as_a_failure() {
    for reply in [Reply::Advanced { cursor: 0, expires: None }, running(None), completed(), opened()] {
        let mut script = opened_with(10, policy());
        assert_eq!(script.always(APPEND, reply), 8);
        assert_eq!(script.upload.progress().stored, 0);
        match script.error() {
            ErrorKind::Protocol { operation: APPEND, violation: Violation::Unreadable(_) } => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn already_stored_is_as_good_as_stored() {
    let mut script = opened_with(20, policy());
    script.answer_segment(0, problem(ProblemKind::AlreadyStored { receipt: None }));
    assert_eq!(script.upload.progress().stored, 10);
    assert_eq!(script.answer_segment(1, stored()), ["finalize"]);
}

#[test]
fn a_session_that_is_gone_is_believed_when_seen_twice() {
    let mut script = opened_with(20, window(1));
    assert_eq!(script.answer(APPEND, stored()), ["append 1 [10, 20)"]);
    assert_eq!(script.answer(APPEND, problem(ProblemKind::SessionGone)), NOTHING);
    assert_eq!(script.wake(), ["append 1 [10, 20) try 2"], "once may be an outage");
    assert_eq!(script.answer(APPEND, problem(ProblemKind::SessionGone)), ["init"]);
    assert_eq!(script.restarts(), [SessionEnd::Gone]);
    let progress = script.upload.progress();
    assert_eq!((progress.session, progress.stored, progress.sent), (2, 0, 0));
    assert_eq!(script.open(), ["append 0 [0, 10)"]);
    // And a second time it is the end.
    script.answer(APPEND, problem(ProblemKind::SessionGone));
    script.wake();
    assert_eq!(script.answer(APPEND, problem(ProblemKind::SessionGone)), ["closed"]);
    assert_eq!(*script.error(), ErrorKind::SessionLost { reason: SessionLoss::SessionsExhausted });
}

#[test]
fn a_new_session_gives_up_what_is_under_way_in_the_old_one() {
    let mut script = opened_with(20, window(2));
    script.answer_segment(0, problem(ProblemKind::SessionGone));
    script.wake();
    assert_eq!(
        script.answer_segment(0, problem(ProblemKind::SessionGone)),
        ["cancel append 1 [10, 20)", "init"]
    );
}

#[test]
fn a_refusal_for_good_keeps_what_may_still_be_of_use() {
    for (refusal, kept) in [
        (Refusal::Quota, Kept::Checkpoint),
        (Refusal::Forbidden, Kept::Checkpoint),
        (Refusal::Invalid, Kept::Nothing),
    ] {
        let mut script = opened_with(20, window(2));
        assert_eq!(
            script.answer(APPEND, problem(ProblemKind::Refused(refusal))),
            ["cancel append 1 [10, 20)", "closed"]
        );
        assert_eq!(script.kept(), kept);
    }
}

#[test]
fn the_overall_deadline_ends_a_transfer_and_keeps_it() {
    let mut script = opened_with(10, Policy { deadline: secs(60), ..policy() });
    assert_eq!(script.wake(), ["cancel append 0 [0, 10)", "closed"]);
    assert_eq!(*script.error(), ErrorKind::Deadline { deadline: secs(60) });
    assert_eq!(script.kept(), Kept::Checkpoint);
    assert_eq!(script.now, second(60));
}

#[test]
fn progress_counts_sent_and_stored_and_never_goes_back() {
    let mut script = opened_with(25, policy());
    script.start_all();
    let ops: Vec<_> = script.live.iter().map(|op| op.id).collect();
    script.input(Input::Sent { op: ops[0], bytes: 10 });
    script.input(Input::Sent { op: ops[1], bytes: 6 });
    script.input(Input::Sent { op: ops[1], bytes: 2 });
    script.input(Input::Sent { op: ops[2], bytes: 9_999 });
    let sent = |script: &Script| (script.upload.progress().sent, script.upload.progress().stored);
    assert_eq!(sent(&script), (21, 0), "less than before counts for nothing, more than there is as all");
    script.answer_segment(2, unreachable());
    assert_eq!(sent(&script), (21, 0), "what has to go again was sent once");
    script.answer_segment(0, stored());
    assert_eq!(sent(&script), (21, 10));
}

#[test]
fn an_adaptive_window_grows_only_while_it_pays_and_keeps_its_bound() {
    let adaptive =
        |max: u32| Policy { window: WindowPolicy::Adaptive { max: max.try_into().unwrap() }, ..policy() };
    assert_eq!(
        opened_with(2_000, adaptive(3)).live.len(),
        3,
        "it begins with four, but never with more than its most"
    );
    let mut script = opened_with(2_000, adaptive(7));
    assert_eq!(script.live.len(), 4, "it begins with four");
    let (mut most, mut n) = (0, 0);
    while script.upload.phase() == Phase::Transferring {
        most = most.max(script.live.len());
        // Every lane brings the same: a link far from full.
        script.now = script.now.after(Duration::from_millis(120 / script.live.len() as u64));
        script.answer(APPEND, stored());
        n += 1;
    }
    assert_eq!((n, most), (200, 7));
    assert_eq!(script.count(|e| matches!(e, Event::Window { .. })), 1, "it stays at what pays");
    // Twice as many bring nothing, and half of them no less: it goes down to one, and one more to be sure.
    let mut script = opened_with(2_000, adaptive(64));
    let mut sizes = Vec::new();
    while script.upload.phase() == Phase::Transferring {
        sizes.push(script.live.len());
        script.now = script.now.after(Duration::from_millis(120));
        script.answer(APPEND, stored());
    }
    sizes.dedup();
    assert_eq!(sizes[..2], [4, 8], "{sizes:?}");
    assert!(sizes.ends_with(&[3, 2, 1, 2, 1]), "the window of two, and then nothing is left: {sizes:?}");
}

#[test]
fn the_wait_that_came_with_an_ambiguous_answer_is_kept() {
    let mut script = Script::new(10);
    script.open();
    let after = Some(Delay::After(Duration::from_secs(50)));
    script.answer(APPEND, lost(Cut::Ambiguous { after }));
    assert_eq!(script.secs(49), NOTHING);
    assert_eq!(script.secs(1), ["append 0 [0, 10) try 2"]);
}

#[test]
fn whoever_watches_is_told_when_the_last_of_a_quota_goes_out() {
    let mut script = opened_with(40, window(1));
    let reset = script.now.after(Duration::from_secs(60));
    let pace = Some(Pace { remaining: 1, reset });
    let seen = script.answer(APPEND, Outcome::reply(stored()).with_pace(pace));
    assert_eq!(seen, ["append 1 [10, 20)"]);
    assert!(script.events.contains(&Event::Held { kind: APPEND, until: reset }));
    let told = script.events.len();
    script.input(Input::Hold { kind: APPEND, until: reset });
    assert_eq!(script.events.len(), told, "a sibling that says the same is no news");
    assert_eq!(script.answer(APPEND, stored()), NOTHING);
    assert_eq!(script.idle, Some(reset));
    assert_eq!(script.wake(), ["append 2 [20, 30)"]);
}

/// An upload with an adaptive window that has just grown to eight; nothing that began among more than four is stored.
fn grown_to_eight() -> Script {
    let policy = Policy { window: WindowPolicy::Adaptive { max: 8.try_into().unwrap() }, ..policy() };
    let mut script = opened_with(5_000, policy);
    while script.live.len() < 8 {
        script.now = script.now.after(Duration::from_millis(120 / script.live.len() as u64));
        script.answer(APPEND, stored());
    }
    script.events.clear();
    script
}

#[test]
fn an_adaptive_window_shrinks_to_what_a_server_has_borne_when_it_throttles() {
    let troubles = [
        problem(ProblemKind::Throttled),
        problem(ProblemKind::Busy),
        problem_after(ProblemKind::Throttled, after(30)),
        problem_after(ProblemKind::Busy, Delay::At(second(900))),
    ];
    for trouble in troubles {
        let mut script = grown_to_eight();
        // The newest began among eight, the one before it among seven.
        for (nth, size) in [(7, 7), (6, 6), (5, 5)] {
            let op = script.live[nth].id;
            script.answer_op(op, trouble.clone());
            assert_eq!(script.count(|e| *e == Event::Window { size }), 1, "{trouble:?}");
        }
        assert_eq!(script.count(|e| matches!(e, Event::Window { .. })), 3, "{trouble:?}");
        // The one before that began among five.
        let op = script.live[4].id;
        script.answer_op(op, trouble.clone());
        assert_eq!(script.count(|e| *e == Event::Window { size: 4 }), 1, "{trouble:?}");
        // What began among four was stored before: that it is throttled is not for being too many.
        script.answer(APPEND, trouble.clone());
        assert_eq!(script.count(|e| matches!(e, Event::Window { .. })), 4, "{trouble:?}");
    }
}

#[test]
fn an_adaptive_window_does_not_heed_a_quota_that_names_its_end() {
    let mut script = grown_to_eight();
    for _ in 0..8 {
        script.answer(APPEND, problem_after(ProblemKind::Throttled, Delay::At(script.now.after(secs(900)))));
    }
    assert_eq!(script.count(|e| matches!(e, Event::Window { .. })), 0);
    script.wake();
    assert_eq!(script.live.len(), 8);
}

#[test]
fn an_adaptive_window_halves_when_as_many_break_in_a_row_as_it_holds() {
    for trouble in [lost(Cut::TimedOut), lost(Cut::Reset), unreachable(), problem(ProblemKind::Transient)] {
        let mut script = grown_to_eight();
        for _ in 0..7 {
            script.answer(APPEND, trouble.clone());
        }
        script.answer(APPEND, stored());
        for _ in 0..7 {
            script.answer(APPEND, trouble.clone());
        }
        assert_eq!(
            script.count(|e| matches!(e, Event::Window { .. })),
            0,
            "{trouble:?}: one was stored in between"
        );
        script.wake();
        script.answer(APPEND, trouble.clone());
        assert_eq!(script.count(|e| *e == Event::Window { size: 4 }), 1, "{trouble:?}");
    }
}

#[test]
fn a_repetition_that_is_refused_takes_a_new_session_once() {
    let mut script = opened_with(10, policy());
    let refused = || problem(ProblemKind::Refused(Refusal::Invalid));
    script.answer(APPEND, lost(Cut::Reset));
    script.wake();
    script.answer(APPEND, refused());
    assert!(script.events.contains(&Event::NewSession { reason: SessionEnd::RepetitionRefused }));
    script.open();
    script.answer(APPEND, lost(Cut::Reset));
    script.wake();
    script.answer(APPEND, refused());
    assert!(matches!(script.error(), ErrorKind::Refused { .. }), "only once");
}

#[test]
fn a_segment_that_was_never_there_is_refused_for_good() {
    let mut script = opened_with(10, policy());
    script.answer(APPEND, problem(ProblemKind::Refused(Refusal::Invalid)));
    assert!(matches!(script.error(), ErrorKind::Refused { .. }));
}

#[test]
fn what_is_under_way_counts_as_sent_when_another_one_is_stored() {
    let mut script = opened_with(20, window(2));
    script.start_all();
    let op = script.live[1].id;
    script.input(Input::Sent { op, bytes: 4 });
    script.answer_segment(0, stored());
    assert_eq!((script.upload.progress().sent, script.upload.progress().stored), (14, 10));
}

#[test]
fn a_repetition_that_is_forbidden_is_no_reason_for_a_new_session() {
    let mut script = opened_with(10, policy());
    script.answer(APPEND, lost(Cut::Reset));
    script.wake();
    let failure = problem(ProblemKind::Refused(Refusal::Forbidden));
    assert_eq!(script.answer(APPEND, failure.clone()), ["closed"]);
    assert_eq!(*script.error(), ErrorKind::Refused { operation: APPEND, failure });
}

#[test]
fn what_another_process_may_have_sent_is_a_repetition_that_may_be_refused() {
    let mut resumed = opened_with(20, policy()).crash();
    let failure = problem(ProblemKind::Refused(Refusal::Invalid));
    assert_eq!(resumed.answer_segment(0, failure), ["cancel append 1 [10, 20)", "init"]);
    assert_eq!(resumed.restarts(), [SessionEnd::RepetitionRefused]);
}

#[test]
fn an_empty_segment_is_sent_before_finalize_and_storing_it_is_no_growth() {
    let mut profile = parts_profile();
    profile.sizing.empty = Empty::OneSegment;
    let retry = RetryPolicy { budget: 1, ..RetryPolicy::default() };
    let mut script = Script::with(0, profile, Policy { retry, ..policy() });
    script.start_all();
    script.input(Input::Pause);
    script.answer(OperationKind::Init, opened());
    assert_eq!(script.upload.phase(), Phase::Transferring, "it is not there yet");
    assert_eq!(script.input(Input::Resume), ["append 0 [0, 0)"]);
    script.answer(APPEND, problem(ProblemKind::Transient));
    script.wake();
    assert_eq!(script.answer(APPEND, stored()), ["finalize"]);
    assert_eq!(script.answer(OperationKind::Finalize, problem(ProblemKind::Transient)), ["closed"]);
}

#[test]
fn a_session_that_is_gone_for_every_segment_once_is_believed_gone_before_the_budget_is() {
    let retry = RetryPolicy { budget: 3, ..RetryPolicy::default() };
    let mut script = opened_with(90, Policy { retry, ..window(5) });
    for index in 0..3 {
        script.answer_segment(index, problem(ProblemKind::SessionGone));
        assert_eq!(script.restarts(), []);
    }
    script.answer_segment(3, problem(ProblemKind::SessionGone));
    assert_eq!(script.restarts(), [SessionEnd::Gone]);
}
