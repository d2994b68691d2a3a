//! The two barriers that wait for the disk (invariant 8).

use super::script::*;
use crate::testing::{listed_profile, parts_profile};
use crate::*;

const APPEND: OperationKind = OperationKind::Append;
const FINALIZE: OperationKind = OperationKind::Finalize;

fn slow(len: u64) -> Script {
    Script::slow_disk(len, parts_profile(), policy())
}

impl Script {
    /// The disk is done.
    pub(super) fn written(&mut self) -> Vec<String> {
        let seq = self.wanted.take().expect("a checkpoint is being written");
        self.input(Input::Persisted(seq))
    }

    fn not_written(&mut self) -> Vec<String> {
        let seq = self.wanted.take().expect("a checkpoint is being written");
        self.input(Input::PersistFailed(seq))
    }
}

#[test]
fn no_byte_goes_before_the_session_is_on_disk() {
    let mut script = slow(25);
    assert_eq!(script.open(), ["persist"]);
    assert_eq!(script.upload.checkpoint().session(), Some(&Session::new("77")));
    assert_eq!(script.secs(50), NOTHING);
    assert_eq!(script.written(), ["append 0 [0, 10)", "append 1 [10, 20)", "append 2 [20, 25)"]);
}

#[test]
fn finalize_does_not_go_before_it_is_on_disk_that_it_will() {
    let mut script = slow(25);
    script.open();
    script.written();
    assert_eq!(script.answer_segment(0, stored()), ["persist"]);
    let early = script.upload.checkpoint();
    assert_eq!(script.answer_segment(1, stored()), NOTHING, "one write is under way");
    assert_eq!(script.answer_segment(2, stored()), NOTHING);
    assert_eq!(script.upload.phase(), Phase::Finalizing);
    assert_eq!(script.written(), ["persist"], "the newest state is what is written next");
    let late = script.upload.checkpoint();
    assert_eq!(script.written(), ["finalize"]);
    assert_eq!((early.stored(), late.stored()), (10, 25));
    // What is on disk before the barrier knows of no Finalize; what is on disk behind it asks first.
    assert_eq!(script.resume(late, parts_profile()).first, ["verify"]);
    assert!(script.resume(early, parts_profile()).first[0].starts_with("append"));
}

#[test]
fn stored_segments_wait_for_nobody() {
    let mut script = Script::slow_disk(60, parts_profile(), window(1));
    script.open();
    script.written();
    assert_eq!(script.answer(APPEND, stored()), ["append 1 [10, 20)", "persist"]);
    for i in 2..5 {
        assert_eq!(
            script.answer(APPEND, stored()),
            [std::format!("append {i} [{}, {})", i * 10, i * 10 + 10)]
        );
    }
}

#[test]
fn a_new_session_is_written_before_it_is_open_and_again_when_it_is() {
    let mut script = slow(5);
    script.open();
    script.written();
    script.answer(APPEND, problem(ProblemKind::SessionGone));
    script.wake();
    assert_eq!(script.answer(APPEND, problem(ProblemKind::SessionGone)), ["init", "persist"]);
    assert_eq!(script.upload.checkpoint().session(), None, "the old one is of no use to anybody");
    assert_eq!(script.written(), NOTHING);
    assert_eq!(script.open(), ["persist"]);
    assert_eq!(script.written(), ["append 0 [0, 5)"]);
}

#[test]
fn a_disk_that_fails_in_the_middle_is_told_and_does_not_stop_the_transfer() {
    let mut script = slow(60);
    script.open();
    script.written();
    script.answer_segment(0, stored());
    for n in 1..=9 {
        assert_eq!(script.not_written(), NOTHING, "not at once again");
        assert_eq!(script.count(|e| *e == Event::PersistFailed), n);
        assert_eq!(script.wake(), ["persist"]);
    }
    assert!(script.answer_segment(1, stored()).iter().any(|seen| seen.starts_with("append")));
}

#[test]
fn a_barrier_that_cannot_be_passed_is_an_error_after_three_tries() {
    let mut script = slow(25);
    script.open();
    for _ in 0..2 {
        assert_eq!(script.not_written(), NOTHING);
        assert_eq!(script.wake(), ["persist"]);
    }
    assert_eq!(script.not_written(), ["closed"]);
    assert_eq!((script.error(), script.kept()), (&ErrorKind::Persist, Kept::Nothing));
    assert_eq!(script.error().fault(), Fault::Machine);
}

#[test]
fn failures_before_the_barrier_do_not_count_against_it() {
    let mut script = slow(10);
    script.open();
    script.written();
    script.answer(APPEND, stored());
    assert_eq!(script.upload.phase(), Phase::Finalizing);
    for _ in 0..2 {
        assert_eq!(script.not_written(), NOTHING);
        script.wake();
    }
    assert_eq!(script.not_written(), ["closed"]);
    assert_eq!(script.kept(), Kept::Checkpoint, "the one of before is still there");

    let mut script = slow(20);
    script.open();
    script.written();
    script.answer(APPEND, stored());
    for _ in 0..2 {
        script.not_written();
        script.wake();
    }
    script.answer(APPEND, stored());
    assert_eq!(script.upload.phase(), Phase::Finalizing);
    for _ in 0..2 {
        assert_eq!(script.not_written(), NOTHING, "the barrier has three tries of its own");
        script.wake();
    }
    assert_eq!(script.not_written(), ["closed"]);
}

#[test]
fn without_a_checkpoint_nothing_is_left_behind_on_the_server() {
    let mut script = Script::slow_disk(25, listed_profile(), policy());
    script.open();
    for _ in 0..2 {
        script.not_written();
        script.wake();
    }
    assert_eq!(script.not_written(), ["abort"]);
    assert_eq!(script.answer(OperationKind::Abort, Reply::Aborted), ["closed"]);
    assert_eq!((script.error(), script.kept()), (&ErrorKind::Persist, Kept::Nothing));
}

#[test]
fn a_disk_that_fails_does_not_end_a_discard() {
    let mut script = Script::slow_disk(25, listed_profile(), policy());
    script.open();
    assert_eq!(script.input(Input::Cancel(Disposition::Discard)), ["abort"]);
    for _ in 0..5 {
        assert_eq!(script.not_written(), NOTHING);
        script.wake();
    }
    assert_eq!(script.answer(OperationKind::Abort, Reply::Aborted), ["closed"]);
    assert_eq!(*script.error(), ErrorKind::Discarded(Discard::Confirmed));
}

#[test]
fn answers_of_the_disk_that_nobody_waits_for_change_nothing() {
    let mut script = slow(25);
    script.input(Input::Persisted(CheckpointSeq(7)));
    script.input(Input::PersistFailed(CheckpointSeq(7)));
    assert_eq!(script.open(), ["persist"], "the session is not on disk, whatever was said before");
    assert_eq!(script.input(Input::Persisted(CheckpointSeq(0))), NOTHING, "an older one does not do");
    assert_eq!(script.count(|e| *e == Event::PersistFailed), 0);
    assert_eq!(script.written().len(), 3);
}

#[test]
fn a_barrier_holds_back_the_finalize_of_every_round() {
    let mut script = slow(10);
    script.open();
    script.written();
    script.answer(APPEND, stored());
    script.written();
    script.answer(FINALIZE, lost(Cut::TimedOut));
    script.answer(OperationKind::Verify, found(Verdict::NotCommitted));
    script.wake();
    let mut seen = script.answer(OperationKind::Verify, found(Verdict::NotCommitted));
    while seen.is_empty() {
        seen = script.wake();
    }
    assert_eq!(seen, ["persist"]);
    assert_eq!(script.secs(99), NOTHING);
    assert_eq!(script.written(), ["finalize try 2"]);
}

#[test]
fn a_one_pass_upload_whose_end_can_not_be_written_down_is_given_up() {
    let spec = UploadSpec { rewind: Rewind::UntilReleased, ..UploadSpec::whole(10) };
    let upload = Upload::new(START, spec, listed_profile(), policy(), 7).unwrap();
    let mut script = Script::at(START, upload, Disk::Manual);
    script.open();
    script.written();
    script.answer(APPEND, receipt("a"));
    assert_eq!(script.upload.phase(), Phase::Finalizing);
    for _ in 0..2 {
        script.not_written();
        script.wake();
    }
    // What is on disk would need what is released.
    assert!(script.not_written().contains(&"abort".into()));
    script.answer(OperationKind::Abort, Reply::Aborted);
    assert_eq!((script.error(), script.kept()), (&ErrorKind::Persist, Kept::Nothing));
}
