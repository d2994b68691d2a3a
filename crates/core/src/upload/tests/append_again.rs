//! The append family: what goes again. A refused size, a resume, and whatever a server with a cursor can do.

use proptest::prelude::*;

use super::random::{runner, runs};
use super::script::*;
use crate::checkpoint::{Doubt, Saved};
use crate::testing::{append_profile, finished_append_profile};
use crate::*;

const APPEND: OperationKind = OperationKind::Append;
const PROBE: OperationKind = OperationKind::Probe;
const ABORT: OperationKind = OperationKind::Abort;

fn at(cursor: u64) -> Reply {
    Reply::Advanced { cursor, expires: None }
}

fn too_large(ceiling: Option<u64>) -> Failure {
    problem(ProblemKind::TooLarge { ceiling })
}

fn sized(sizing: impl FnOnce(&mut Sizing)) -> Profile {
    let mut profile = append_profile();
    sizing(&mut profile.sizing);
    profile
}

fn ranges(script: &Script) -> Vec<(u64, u64)> {
    script.upload.plan().segments().map(|s| (s.range.start(), s.range.end())).collect()
}

#[test]
fn what_is_too_large_is_cut_smaller_from_the_cursor_on() {
    let mut script = Script::opened(35, append_profile(), policy());
    script.answer(APPEND, at(10));
    script.answer(APPEND, at(13));
    assert_eq!(script.answer(APPEND, too_large(None)), ["append 2 [13, 16)"], "7 bytes were refused");
    assert_eq!(ranges(&script)[..4], [(0, 10), (10, 13), (13, 16), (16, 19)]);
    assert_eq!(script.count(|event| matches!(event, Event::Replanned { chunk_size: 3 })), 1);
    assert_eq!(script.answer(APPEND, at(16)), ["append 3 [16, 19)"]);
    // At the beginning of a segment there is nothing to be cut off; what the server tells is a bound.
    assert_eq!(script.answer(APPEND, too_large(Some(2))), ["append 3 [16, 17)"]);
    assert_eq!(script.answer(APPEND, too_large(None)), ["abort"], "there is nothing smaller than a byte");
    script.answer(ABORT, Reply::Aborted);
    assert!(matches!(script.error(), ErrorKind::TooLarge { refused: 1, .. }));
}

#[test]
fn it_is_never_again_planned_at_or_above_the_refused_size_whatever_is_cut() {
    for told in [None, Some(0), Some(3), Some(1000)] {
        let mut script = Script::opened(1000, append_profile(), policy());
        let (mut cursor, mut refused) = (0, u64::MAX);
        for _ in 0..40 {
            let range = script.live[0].payload().unwrap();
            assert_eq!(range.start(), cursor);
            assert!(range.len() < refused, "{range} after {refused} were refused");
            if range.len() > 4 {
                refused = range.len();
                script.answer(APPEND, too_large(told));
            } else {
                cursor += range.len().min(3);
                script.answer(APPEND, at(cursor));
            }
        }
        let resumed = script.crash();
        assert_eq!(resumed.upload.plan(), script.upload.plan(), "such a plan can be read again");
    }
}

#[test]
fn what_the_server_lost_from_before_a_cut_is_cut_as_well() {
    let mut script = Script::opened(60, append_profile(), policy());
    script.answer(APPEND, at(10));
    script.answer(APPEND, at(20));
    assert_eq!(script.answer(APPEND, too_large(None)), ["append 2 [20, 25)"]);
    script.answer(APPEND, lost(Cut::TimedOut));
    script.secs(60);
    assert_eq!(script.answer(PROBE, at(4)), ["append 1 [4, 9) try 2"], "ten bytes were refused");

    // Ten indexes are enough for forty bytes, but not for all of them.
    let few = sized(|sizing| sizing.max_count = 10);
    let mut script = Script::opened(60, few, policy());
    script.answer(APPEND, at(10));
    script.answer(APPEND, at(20));
    assert_eq!(script.answer(APPEND, too_large(Some(5))), ["append 2 [20, 25)"]);
    script.answer(APPEND, lost(Cut::TimedOut));
    script.secs(60);
    assert_eq!(script.answer(PROBE, at(0)), ["abort"]);
    script.answer(ABORT, Reply::Aborted);
    assert_eq!(*script.error(), ErrorKind::TooLarge { refused: 6, smallest: 6 });
}

#[test]
fn cut_sizes_keep_to_the_multiple_and_the_minimum() {
    let profile = sized(|sizing| (sizing.multiple_of, sizing.min) = (4, 4));
    let chunk_size = ChunkSize::new(16).unwrap();
    let mut script = Script::opened(60, profile, Policy { chunk_size, ..policy() });
    assert_eq!(script.answer(APPEND, at(6)), ["append 0 [6, 16)"]);
    // The cut is at a multiple: from there on every Append ends at one.
    assert_eq!(script.answer(APPEND, too_large(None)), ["append 1 [6, 8)"]);
    assert_eq!(ranges(&script)[..4], [(0, 4), (4, 8), (8, 12), (12, 16)]);
    assert_eq!(script.answer(APPEND, at(8)), ["append 2 [8, 12)"]);
    script.answer(APPEND, too_large(None));
    script.answer(ABORT, Reply::Aborted);
    assert_eq!(*script.error(), ErrorKind::TooLarge { refused: 4, smallest: 4 });
}

#[test]
fn too_few_indexes_or_a_uniform_size_take_a_new_session() {
    // Eight indexes: five are left for 35 bytes at the cursor, which is too few below 7.
    let few = sized(|sizing| sizing.max_count = 8);
    let mut script = Script::opened(50, few, policy());
    for cursor in [10, 11, 18] {
        script.answer(APPEND, at(cursor));
    }
    assert_eq!(script.under_way(), ["append 1 [18, 20)"]);
    assert_eq!(
        script.answer(APPEND, too_large(None)),
        ["abort"],
        "50 bytes in 8 segments of one byte: never"
    );
    script.answer(ABORT, Reply::Aborted);
    assert!(matches!(script.error(), ErrorKind::TooLarge { refused: 2, .. }));

    let few = sized(|sizing| sizing.max_count = 6);
    let mut script = Script::opened(50, few, policy());
    script.answer(APPEND, at(9));
    script.answer(APPEND, at(10));
    assert_eq!(script.answer(APPEND, too_large(None)), ["append 1 [10, 18)"], "five indexes for 40 bytes");

    let uniform = sized(|sizing| sizing.uniformity = Uniformity::Uniform);
    let mut script = Script::opened(50, uniform.clone(), policy());
    assert_eq!(script.answer(APPEND, too_large(None)), ["append 0 [0, 5)"], "nothing is stored yet");
    script.answer(APPEND, at(5));
    let seen = script.answer(APPEND, too_large(None));
    assert_eq!(script.given_up(seen), ["init"]);
    assert_eq!(script.restarts(), [SessionEnd::Unplannable]);
    assert_eq!(script.open(), ["append 0 [0, 2)"]);
}

#[test]
fn two_resets_at_a_size_that_never_went_through_are_a_suspected_too_large() {
    let mut script = Script::opened(50, append_profile(), policy());
    for _ in 0..2 {
        assert_eq!(ranges(&script)[0], (0, 10));
        script.answer(APPEND, lost(Cut::Reset));
        script.secs(60);
        script.answer(PROBE, at(0));
    }
    assert_eq!(script.under_way(), ["append 0 [0, 5) try 3"]);
    script.answer(APPEND, at(5));
    for tries in 2..=6 {
        script.answer(APPEND, lost(Cut::Reset));
        script.secs(60);
        let seen = script.answer(PROBE, at(5));
        assert_eq!(seen, [std::format!("append 1 [5, 10) try {tries}")], "this size went through");
    }
}

#[test]
fn a_resume_asks_for_the_cursor_first_wherever_it_was() {
    for cursor in [0, 1, 9, 10, 15, 24] {
        let mut script = Script::opened(25, append_profile(), policy());
        if cursor > 10 {
            script.answer(APPEND, at(10));
        }
        if cursor > 20 {
            script.answer(APPEND, at(20));
        }
        script.answer(APPEND, at(cursor));
        let mut resumed = script.crash();
        assert_eq!(resumed.first, ["probe"]);
        assert_eq!(resumed.upload.progress().stored, cursor);
        let index = cursor / 10;
        let end = (index * 10 + 10).min(25);
        let seen = resumed.answer(PROBE, at(cursor));
        assert_eq!(seen, [std::format!("append {index} [{cursor}, {end})")]);
        // All of what was under way may have been stored, and whatever was sent since the checkpoint was written.
        for end in [end, 24, 25] {
            let mut resumed = script.crash();
            resumed.answer(PROBE, at(end));
            assert_eq!(resumed.upload.progress().stored, end);
            assert!(resumed.restarts().is_empty());
        }
    }
}

#[test]
fn a_checkpoint_that_lags_behind_goes_on_from_where_the_server_is() {
    let mut script = Script::opened(45, append_profile(), policy());
    script.answer(APPEND, at(10));
    // The next ones go out and are stored before anything else is written.
    let older = script.upload.checkpoint();
    for (cursor, next) in [(10, "append 1 [10, 20)"), (20, "append 2 [20, 30)"), (37, "append 3 [37, 40)")] {
        let mut resumed = script.resume(older.clone(), append_profile());
        assert_eq!(resumed.answer(PROBE, at(cursor)), [next]);
        assert!(resumed.restarts().is_empty());
    }
    // From the first answer on it is known again how far our bytes go.
    let mut resumed = script.resume(older, append_profile());
    resumed.answer(PROBE, at(20));
    resumed.answer(APPEND, lost(Cut::Reset));
    resumed.secs(60);
    assert_eq!(resumed.answer(PROBE, at(31)), ["init"]);
    assert_eq!(resumed.restarts(), [SessionEnd::Foreign]);
}

#[test]
fn a_cut_is_known_to_a_resume() {
    let mut script = Script::opened(35, append_profile(), policy());
    script.answer(APPEND, lost(Cut::TimedOut));
    script.secs(60);
    script.answer(PROBE, at(3));
    script.answer(APPEND, too_large(None));
    assert_eq!(script.under_way(), ["append 1 [3, 6)"]);
    let mut resumed = script.crash();
    assert_eq!(resumed.answer(PROBE, at(12)), ["append 4 [12, 15)"]);
}

#[test]
fn a_checkpoint_that_is_no_prefix_is_damaged() {
    let mut script = Script::opened(35, finished_append_profile(), policy());
    script.answer(APPEND, at(13 - 3));
    script.answer(APPEND, at(13));
    let good = script.upload.checkpoint();
    let resumed = |change: &dyn Fn(&mut crate::checkpoint::SavedSession)| {
        let mut checkpoint = good.clone();
        match &mut checkpoint.state {
            Saved::Open(open) => change(open),
            Saved::Opening => panic!("it is open"),
        }
        Upload::resume(script.now, checkpoint, finished_append_profile(), policy(), 1).map(|_| ())
    };
    let set = |ranges: &[(u64, u64)]| {
        RangeSet::from(ranges.iter().map(|(start, len)| ByteRange::at(*start, *len)).collect::<Vec<_>>())
    };
    assert_eq!(resumed(&|_| {}), Ok(()));
    assert_eq!(resumed(&|open| open.doubt = Doubt::None), Ok(()));
    for bad in [&[(1, 12)][..], &[(0, 5), (6, 7)], &[(0, 36)], &[(10, 10)]] {
        assert!(matches!(resumed(&|open| open.stored = set(bad)), Err(ResumeError::Damaged(_))), "{bad:?}");
    }
    let receipt = Receipt::new(bytes::Bytes::from_static(b"r"));
    let with_receipt = resumed(&|open| drop(open.receipts.insert(0, receipt.clone())));
    assert!(matches!(with_receipt, Err(ResumeError::Damaged(_))));
    assert!(matches!(resumed(&|open| open.sent_to = 99), Err(ResumeError::Damaged(_))));
}

/// A server with a cursor, and what goes wrong on the way to it.
#[derive(Clone, Copy, Debug)]
enum Luck {
    /// Everything is stored and answered.
    Fine,
    /// So many hundredths are stored, and the answer says so.
    Short(u64),
    /// So many hundredths are stored, and the answer is lost.
    Lost(u64),
    /// Nothing is stored.
    Refused,
    /// It lost so many of its last bytes, and the answer.
    Amnesia(u64),
    /// It takes nothing of this size.
    TooLarge,
    /// Another process goes on, from the newest checkpoint or the one before.
    Crash { newest: bool },
}

fn luck() -> impl Strategy<Value = Luck> {
    prop_oneof![
        6 => Just(Luck::Fine),
        3 => (0u64..=100).prop_map(Luck::Short),
        3 => (0u64..=100).prop_map(Luck::Lost),
        1 => Just(Luck::Refused),
        1 => (1u64..30).prop_map(Luck::Amnesia),
        1 => Just(Luck::TooLarge),
        1 => any::<bool>().prop_map(|newest| Luck::Crash { newest }),
    ]
}

/// Drives an upload against a server with a cursor; gives what it ended with.
fn run(profile: &Profile, mut luck: std::vec::IntoIter<Luck>) -> Result<Script, TestCaseError> {
    const TOTAL: u64 = 95;
    let mut script = Script::with(TOTAL, profile.clone(), window(3));
    let (mut cursor, mut refused) = (0, u64::MAX);
    let mut known = (script.upload.checkpoint(), script.upload.checkpoint());
    for step in 0.. {
        prop_assert!(step < 2_000, "it does not end");
        if script.closed.is_some() {
            return Ok(script);
        }
        prop_assert!(script.live.len() <= 1, "{:?}", script.live);
        let Some(op) = script.live.first().cloned() else {
            script.wake();
            continue;
        };
        let whole = cursor == TOTAL && profile.finalize == Finalize::Implicit;
        let outcome: Outcome = match &op.action {
            Action::Init { .. } => {
                cursor = 0;
                opened().into()
            }
            Action::Probe { .. } if whole => completed().into(),
            Action::Probe { .. } => at(cursor).into(),
            Action::Append { segment, last, .. } => {
                let range = segment.range;
                prop_assert_eq!(*last == Last::End, range.end() == TOTAL);
                prop_assert!(range.len() < refused, "{} after {} were refused", range, refused);
                let now = luck.next().unwrap_or(Luck::Fine);
                let part = |hundredths: u64| (range.len() * hundredths).div_ceil(100);
                let fits = range.start() == cursor;
                match now {
                    Luck::TooLarge if range.len() > 3 => {
                        refused = range.len();
                        problem(ProblemKind::TooLarge { ceiling: None }).into()
                    }
                    Luck::Refused => problem(ProblemKind::Transient).into(),
                    Luck::Amnesia(bytes) => {
                        cursor = cursor.saturating_sub(bytes);
                        lost(Cut::TimedOut).into()
                    }
                    Luck::Crash { newest } => {
                        if fits {
                            cursor += part(50);
                        }
                        let from = if newest { script.upload.checkpoint() } else { known.0.clone() };
                        // What was refused after the older one was written, it does not know.
                        refused = if newest { refused } else { u64::MAX };
                        script = script.resume(from, profile.clone());
                        continue;
                    }
                    _ if !fits => problem(ProblemKind::OffsetConflict { cursor: Some(cursor) }).into(),
                    Luck::Fine | Luck::TooLarge => {
                        cursor = range.end();
                        if cursor == TOTAL && profile.finalize == Finalize::Implicit {
                            completed().into()
                        } else {
                            at(cursor).into()
                        }
                    }
                    Luck::Short(hundredths) => {
                        cursor += part(hundredths);
                        at(cursor).into()
                    }
                    Luck::Lost(hundredths) => {
                        cursor += part(hundredths);
                        lost(Cut::Reset).into()
                    }
                }
            }
            Action::Finalize { .. } => {
                prop_assert_eq!(cursor, TOTAL);
                completed().into()
            }
            Action::Abort { .. } => Reply::Aborted.into(),
            Action::Verify { .. } | Action::Status { .. } => completed().into(),
        };
        script.answer_op(op.id, outcome);
        known = (known.1, script.upload.checkpoint());
        let progress = script.upload.progress();
        prop_assert!(progress.stored <= progress.sent && progress.sent <= TOTAL, "{progress:?}");
    }
    unreachable!("it has returned")
}

#[test]
fn whatever_a_server_with_a_cursor_does_it_ends_and_an_object_is_whole() {
    let done = core::cell::Cell::new(0);
    runner(runs(400))
        .run(&(any::<bool>(), proptest::collection::vec(luck(), 0..40)), |(implicit, luck)| {
            let profile = if implicit { append_profile() } else { finished_append_profile() };
            let script = run(&profile, luck.clone().into_iter())?;
            let harmless = |luck: &Luck| {
                matches!(luck, Luck::Fine | Luck::Short(1..) | Luck::Lost(1..) | Luck::Crash { newest: true })
            };
            match script.closed.as_ref().unwrap() {
                Ok(_) => done.set(done.get() + 1),
                Err(error) if luck.iter().all(harmless) => {
                    return Err(TestCaseError::fail(std::format!("{error}")));
                }
                Err(_) => {}
            }
            Ok(())
        })
        .unwrap();
    assert!(done.get() > 100, "most of them come to an end that was wanted: {}", done.get());
}

#[test]
fn a_resumed_process_knows_how_far_the_one_before_it_sent() {
    let script = Script::opened(25, finished_append_profile(), policy());
    assert_eq!(script.upload.checkpoint().sent_to(), 1);
    let mut resumed = script.crash();
    assert_eq!(resumed.upload.checkpoint().sent_to(), 1);
    assert_eq!(resumed.answer(PROBE, at(0)), ["append 0 [0, 10)"]);
    assert_eq!(resumed.upload.stats().sent_again, 10);
    // Sizes that do not add up in the end may be the doing of bytes that were there already.
    for cursor in [10, 20, 25] {
        resumed.answer(APPEND, at(cursor));
    }
    let seen = resumed.answer(OperationKind::Finalize, problem(ProblemKind::SizeMismatch));
    assert_eq!(resumed.given_up(seen), ["init"]);
    assert_eq!(resumed.restarts(), [SessionEnd::SizeMismatch]);
}

/// What goes out after two resets at one size, in a session that went on at this cursor.
fn after_two_resets(uniformity: Uniformity, cursor: u64) -> Vec<String> {
    let profile = sized(|sizing| sizing.uniformity = uniformity);
    let mut script = Script::opened(50, profile, policy());
    if cursor > 0 {
        script.answer(APPEND, at(cursor));
    }
    let mut resumed = script.crash();
    resumed.answer(PROBE, at(cursor));
    for _ in 0..2 {
        resumed.answer(APPEND, lost(Cut::Reset));
        resumed.secs(60);
        resumed.answer(PROBE, at(cursor));
    }
    resumed.under_way()
}

#[test]
fn a_suspected_size_is_cut_within_the_session_unless_all_must_be_of_one_size() {
    assert_eq!(after_two_resets(Uniformity::Free, 10), ["append 1 [10, 15) try 3"]);
    assert_eq!(after_two_resets(Uniformity::Uniform, 0), ["append 0 [0, 5) try 3"]);
    assert_eq!(after_two_resets(Uniformity::Uniform, 10), ["append 1 [10, 20) try 3"]);
}

#[test]
fn what_the_server_lost_from_after_a_cut_is_small_enough_as_it_is() {
    let mut script = Script::opened(60, append_profile(), policy());
    assert_eq!(script.answer(APPEND, too_large(None)), ["append 0 [0, 5)"]);
    script.answer(APPEND, at(5));
    script.answer(APPEND, at(10));
    script.answer(APPEND, lost(Cut::TimedOut));
    script.secs(60);
    assert_eq!(script.answer(PROBE, at(5)), ["append 1 [5, 10) try 2"]);
    assert_eq!(script.count(|event| matches!(event, Event::Replanned { .. })), 1, "the first refusal");
}

/// Seen once, it is not believed, whatever else went wrong before: what is there may be ours.
#[test]
fn a_session_that_is_gone_at_the_last_try_is_given_up_all_the_same() {
    let retry = RetryPolicy { attempts: 2.try_into().unwrap(), ..RetryPolicy::default() };
    let spec = UploadSpec { rewind: Rewind::UntilReleased, ..UploadSpec::whole(25) };
    let upload = Upload::new(START, spec, append_profile(), Policy { retry, ..policy() }, 7).unwrap();
    let mut script = Script::of(upload);
    script.open();
    script.answer(APPEND, at(10));
    script.answer(APPEND, unreachable());
    script.wake();
    assert_eq!(script.answer(APPEND, problem(ProblemKind::SessionGone)), ["abort"]);
    script.answer(ABORT, Reply::Aborted);
    assert!(matches!(script.error(), ErrorKind::Exhausted { operation: APPEND, .. }));
    assert_eq!(script.kept(), Kept::Nothing);
}
