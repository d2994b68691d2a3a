//! What whoever watches is told: counters, and the numbers in events.

use super::script::*;
use crate::testing::parts_profile;
use crate::*;

const APPEND: OperationKind = OperationKind::Append;

#[test]
fn operations_retries_and_bytes_sent_again_are_counted() {
    let mut script = Script::opened(25, parts_profile(), window(1));
    let stats = |operations, retries, sent_again| Stats { operations, retries, sent_again, ignored: 0 };
    assert_eq!(*script.upload.stats(), stats(2, 0, 0));
    script.answer(APPEND, problem(ProblemKind::Transient));
    script.wake();
    assert_eq!(*script.upload.stats(), stats(3, 1, 10));
    script.answer(APPEND, lost(Cut::Reset));
    script.wake();
    assert_eq!(*script.upload.stats(), stats(4, 2, 20));
    script.store_all();
    assert_eq!(*script.upload.stats(), stats(7, 2, 20), "two more segments, and Finalize");
}

/// What the events say of the tries of a segment that fails: how many there were.
fn tried(script: &Script) -> Vec<u32> {
    let attempts = |event: &Event| match event {
        Event::Retrying { kind: APPEND, attempts, .. } => Some(*attempts),
        _ => None,
    };
    script.events.iter().filter_map(attempts).collect()
}

#[test]
fn failures_and_waits_are_tries_of_one_thing() {
    let retry = RetryPolicy { attempts: 3.try_into().unwrap(), ..RetryPolicy::default() };
    let mut script = Script::opened(10, parts_profile(), Policy { retry, ..policy() });
    for outcome in [problem(ProblemKind::Transient), problem(ProblemKind::Busy), unreachable()] {
        script.answer(APPEND, outcome);
        script.wake();
    }
    assert_eq!(tried(&script), [1, 2, 3]);
    assert_eq!(script.under_way(), ["append 0 [0, 10) try 4"]);
    // The third failure is one too many.
    script.answer(APPEND, unreachable());
    let exhausted = ErrorKind::Exhausted { operation: APPEND, attempts: 4, failure: unreachable() };
    assert_eq!(script.error(), &exhausted);
}

#[test]
fn a_timeout_says_what_was_waited_for() {
    let timeouts = Timeouts { stall: secs(30), response: core::time::Duration::from_millis(1_500) };
    let mut script = Script::opened(10, parts_profile(), Policy { timeouts, ..policy() });
    let mut told = Vec::new();
    for sent in [0, 10] {
        script.start_all();
        let op = script.live[0].id;
        script.input(Input::Sent { op, bytes: sent });
        script.wake();
        script.wake();
    }
    for event in &script.events {
        if let Event::Retrying { failure: Failure::Unknown { cut: Cut::TimedOut, detail }, .. } = event {
            told.push(detail.as_str());
        }
    }
    assert_eq!(told, ["no byte was taken for 30 s", "no answer for 1.5 s"]);
}

#[test]
fn a_reply_that_is_no_answer_is_named() {
    let mut script = Script::opened(10, parts_profile(), policy());
    script.always(APPEND, Reply::Aborted);
    let told = alloc::string::ToString::to_string(script.error());
    let broke = "the server broke its protocol in answer to Append: \"Aborted is no answer to Append\"";
    assert_eq!(told, broke);
}

fn hash(script: &Script) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    core::hash::Hash::hash(&script.upload, &mut hasher);
    core::hash::Hasher::finish(&hasher)
}

#[test]
fn the_hash_of_an_upload_follows_what_it_does_next_and_not_its_counters() {
    let script = || Script::opened(25, parts_profile(), policy());
    let mut ignored = script();
    ignored.input(Input::Started(OpId::from_raw(999)));
    assert_eq!(ignored.upload.stats().ignored, 1);
    assert_eq!(hash(&ignored), hash(&script()));
    // Nothing but its policy, the time, or what is held tells these from the first.
    let longest = RetryPolicy { longest_wait: secs(1), ..RetryPolicy::default() };
    let other = Script::opened(25, parts_profile(), Policy { retry: longest, ..policy() });
    let (mut later, mut held) = (script(), script());
    later.secs(1);
    held.input(Input::Hold { kind: OperationKind::Status, until: second(9) });
    let hashes = [script(), other, later, held].map(|script| hash(&script));
    assert_eq!(alloc::collections::BTreeSet::from(hashes).len(), hashes.len());
}
