//! Waits that a server asks for, to the microsecond.

use core::time::Duration;

use super::script::*;
use crate::testing::parts_profile;
use crate::*;

const APPEND: OperationKind = OperationKind::Append;
const TICK: Duration = Duration::from_micros(1);

fn held(script: &Script) -> usize {
    script.count(|event| matches!(event, Event::Held { .. }))
}

#[test]
fn a_wait_that_the_server_names_is_waited_and_no_longer() {
    for kind in [ProblemKind::Busy, ProblemKind::Throttled] {
        let mut script = Script::opened(10, parts_profile(), policy());
        script.answer(APPEND, problem_after(kind, Delay::After(TICK)));
        assert_eq!((script.retry_at(), script.wakes_in()), (START.after(TICK), Some(TICK)));
    }
}

#[test]
fn the_longest_wait_of_the_policy_is_a_hold_and_a_longer_one_is_none() {
    let longest = policy().retry.longest_wait;
    for (wait, holds) in [(longest, 1), (longest + TICK, 0)] {
        let mut script = Script::opened(10, parts_profile(), policy());
        script.answer(APPEND, problem_after(ProblemKind::Throttled, Delay::After(wait)));
        assert_eq!((held(&script), script.closed.is_some()), (holds, holds == 0));

        let mut script = Script::opened(20, parts_profile(), window(1));
        let pace = Pace { remaining: 0, reset: START.after(wait) };
        let seen = script.answer(APPEND, Outcome::from(stored()).with_pace(Some(pace)));
        assert_eq!(seen.is_empty(), holds == 1, "a reset further away than that is nonsense");
    }
}

#[test]
fn a_rate_limit_holds_whatever_nonsense_comes_with_it() {
    let mut script = Script::opened(20, parts_profile(), window(1));
    let stored = ProblemKind::AlreadyStored { receipt: None };
    let nonsense = problem_after(stored, Delay::After(policy().retry.longest_wait + TICK));
    let pace = Pace { remaining: 0, reset: START.after(secs(9)) };
    assert_eq!(script.answer(APPEND, Outcome::from(nonsense).with_pace(Some(pace))), NOTHING);
    assert_eq!(script.wakes_in(), Some(secs(9)));
}

#[test]
fn a_hold_that_is_over_is_not_told_again() {
    let mut script = Script::opened(10, parts_profile(), policy());
    script.answer(APPEND, problem_after(ProblemKind::Throttled, after(5)));
    assert_eq!(held(&script), 1);
    assert_eq!(script.wake(), ["append 0 [0, 10) try 2"]);
    assert_eq!((script.now, held(&script)), (second(5), 1));
}

#[test]
fn waits_are_counted_to_the_last() {
    let retry = RetryPolicy { throttles: 3.try_into().unwrap(), ..RetryPolicy::default() };
    let mut script = Script::opened(10, parts_profile(), Policy { retry, ..policy() });
    script.answer(APPEND, problem(ProblemKind::Transient));
    script.wake();
    assert_eq!(script.always(APPEND, problem(ProblemKind::Busy)), 3);
    let failure = problem(ProblemKind::Busy);
    assert_eq!(*script.error(), ErrorKind::Exhausted { operation: APPEND, attempts: 4, failure });
}

#[test]
fn where_the_window_is_full_what_is_due_again_wakes_nobody() {
    let mut script = Script::opened(30, parts_profile(), window(2));
    script.answer(APPEND, problem_after(ProblemKind::Transient, after(9)));
    script.start_all();
    assert_eq!(script.under_way(), ["append 1 [10, 20)", "append 2 [20, 30)"]);
    assert_eq!(script.wakes_in(), Some(secs(30)), "when one of them stalls");
}
