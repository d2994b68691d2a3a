//! Protocols of a single request that must not be sent twice.

use super::script::*;
use crate::testing::once_profile;
use crate::*;

const APPEND: OperationKind = OperationKind::Append;

fn script() -> Script {
    Script::with(25, once_profile(), policy())
}

/// Of a source that can be read once only: no checkpoint of it could be gone on from.
fn stream(policy: Policy) -> Script {
    let spec = UploadSpec { rewind: Rewind::UntilReleased, ..UploadSpec::whole(25) };
    Script::of(Upload::new(START, spec, once_profile(), policy, 7).unwrap())
}

fn unknown(script: &Script) -> bool {
    matches!(script.error(), ErrorKind::FinalizeUnknown { .. }) && script.kept() == Kept::Nothing
}

#[test]
fn the_one_append_makes_the_object() {
    let mut script = script();
    assert_eq!(script.under_way(), ["append 0 [0, 25)"]);
    assert_eq!(script.answer(APPEND, completed()), ["closed"]);
    assert!(script.closed.unwrap().is_ok());
}

#[test]
fn what_the_server_certainly_did_not_do_is_sent_again() {
    for failure in [unreachable(), problem(ProblemKind::Transient), problem(ProblemKind::Busy)] {
        let mut script = script();
        script.answer(APPEND, failure);
        while script.live.is_empty() {
            script.wake();
        }
        assert_eq!(script.upload.stats().sent_again, 25);
        script.answer(APPEND, completed());
        assert!(script.closed.unwrap().is_ok());
    }
}

#[test]
fn what_it_may_have_done_is_not_sent_again_and_the_error_says_so() {
    let odd = Outcome::failure(problem(ProblemKind::Broken));
    for outcome in [lost(Cut::Reset).into(), lost(Cut::TimedOut).into(), odd, Outcome::reply(Reply::Aborted)]
    {
        let mut script = script();
        script.answer(APPEND, outcome);
        assert!(unknown(&script), "{:?}", script.error());
    }
    let mut silent = script();
    silent.start_all();
    silent.secs(1_000);
    assert!(unknown(&silent), "{:?}", silent.error());
}

#[test]
fn that_it_will_be_sent_is_on_disk_before_it_is() {
    let mut script = Script::slow_disk(25, once_profile(), policy());
    let early = script.upload.checkpoint();
    assert_eq!(script.under_way(), NOTHING);
    let mut seen = Vec::new();
    while script.live.is_empty() {
        seen = script.written();
    }
    assert_eq!(seen, ["append 0 [0, 25)"]);
    // Before the barrier nothing was sent; behind it nobody knows.
    let late = script.upload.checkpoint();
    assert!(unknown(&script.resume(late, once_profile())));
    assert_eq!(script.resume(early, once_profile()).under_way(), ["append 0 [0, 25)"]);
}

#[test]
fn after_a_no_a_resume_sends_it_again_and_after_silence_it_does_not() {
    let mut answered = script();
    answered.answer(APPEND, problem(ProblemKind::Transient));
    assert_eq!(answered.crash().under_way(), ["append 0 [0, 25)"]);

    let mut sent = script();
    sent.start_all();
    sent.input(Input::Cancel(Disposition::Keep));
    assert_eq!(*sent.error(), ErrorKind::Cancelled);
    assert!(unknown(&sent.crash()));
}

#[test]
fn a_discard_tells_the_truth_about_what_may_be_there() {
    let mut sent = script();
    sent.start_all();
    sent.input(Input::Cancel(Disposition::Discard));
    assert_eq!(*sent.error(), ErrorKind::Discarded(Discard::Unknown));

    let mut refused = script();
    refused.answer(APPEND, problem(ProblemKind::Transient));
    refused.input(Input::Cancel(Disposition::Discard));
    assert_eq!(*refused.error(), ErrorKind::Discarded(Discard::ExpiresByItself));
}

#[test]
fn what_ends_it_with_nothing_left_while_it_may_be_done_says_that_nobody_knows() {
    let mut cancelled = stream(policy());
    cancelled.start_all();
    cancelled.input(Input::Cancel(Disposition::Keep));
    assert!(unknown(&cancelled), "{:?}", cancelled.error());

    let mut late = stream(Policy { deadline: secs(2), ..policy() });
    late.start_all();
    late.secs(2);
    assert!(unknown(&late), "{:?}", late.error());

    for input in [Input::SourceChanged, Input::SourceUnreadable(Detail::new("it is not there"))] {
        let mut broken = stream(policy());
        broken.start_all();
        broken.input(input);
        assert!(unknown(&broken), "{:?}", broken.error());
    }

    // That a process before this one may have sent it is no less of a doubt.
    let mut dead = script();
    dead.start_all();
    let mut paused = Script::slow_disk(25, once_profile(), policy());
    paused.upload = Upload::resume(START, dead.upload.checkpoint(), once_profile(), policy(), 7).unwrap();
    paused.upload.handle(START, Input::SourceChanged);
    paused.drain();
    assert!(unknown(&paused), "{:?}", paused.error());
}

#[test]
fn what_ends_it_before_anything_was_sent_is_named_as_what_it_is() {
    let mut cancelled = stream(policy());
    cancelled.input(Input::Cancel(Disposition::Keep));
    assert_eq!(*cancelled.error(), ErrorKind::Cancelled);

    let mut refused = stream(Policy { deadline: secs(2), ..policy() });
    refused.answer(APPEND, problem(ProblemKind::Busy));
    refused.secs(2);
    assert_eq!(*refused.error(), ErrorKind::Deadline { deadline: secs(2) });

    let mut changed = script();
    changed.input(Input::SourceChanged);
    assert_eq!(*changed.error(), ErrorKind::SourceChanged);
}
