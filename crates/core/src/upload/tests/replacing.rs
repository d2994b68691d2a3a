//! A session that another takes the place of: it is given up first, and nothing of it is left.

use super::script::*;
use crate::testing::{append_profile, listed_profile};
use crate::*;

const ABORT: OperationKind = OperationKind::Abort;
const APPEND: OperationKind = OperationKind::Append;
const PROBE: OperationKind = OperationKind::Probe;

const KEEP: Input = Input::Cancel(Disposition::Keep);
const DISCARD: Input = Input::Cancel(Disposition::Discard);

/// Its session holds a segment that is not ours, and is being given up.
fn replaced() -> Script {
    replaced_in(listed_profile())
}

fn replaced_in(profile: Profile) -> Script {
    let mut script = Script::opened(35, profile, window(1));
    script.answer(APPEND, lost(Cut::Reset));
    script.answer(PROBE, foreign());
    script
}

/// The same of a one-pass stream of which nothing is stored yet.
fn stream() -> Script {
    let spec = UploadSpec { rewind: Rewind::UntilReleased, ..UploadSpec::whole(35) };
    let mut script = Script::of(Upload::new(START, spec, listed_profile(), window(1), 7).unwrap());
    script.open();
    script.answer(APPEND, lost(Cut::Reset));
    script.answer(PROBE, foreign());
    script
}

fn foreign() -> Reply {
    listing(&[(0, 9)])
}

fn leaks(script: &Script) -> usize {
    script.count(|event| *event == Event::SessionLeakSuspected)
}

#[test]
fn it_is_given_up_before_another_is_opened() {
    let mut script = replaced();
    assert_eq!((script.under_way(), script.upload.phase()), (Vec::from(["abort".into()]), Phase::Aborting));
    assert!(script.upload.needs_source(), "another follows");
    assert_eq!(script.answer(ABORT, Reply::Aborted), ["init"]);
    assert_eq!((script.restarts(), leaks(&script)), (Vec::from([SessionEnd::Foreign]), 0));
    assert_eq!(script.open(), ["append 0 [0, 10)"]);
}

#[test]
fn what_the_server_does_not_confirm_is_told_and_holds_nothing_up_for_ever() {
    let mut script = replaced();
    let mut aborts = 0;
    while script.restarts().is_empty() {
        if script.live.is_empty() {
            script.wake();
        }
        script.answer(ABORT, lost(Cut::Reset));
        aborts += 1;
    }
    assert_eq!((aborts, leaks(&script), script.under_way()), (10, 1, Vec::from(["init".into()])));
}

#[test]
fn where_there_is_no_abort_it_is_told() {
    let mut script = replaced_in(Profile { abort: Abort::Unsupported, ..listed_profile() });
    assert_eq!((script.under_way(), leaks(&script)), (Vec::from(["init".into()]), 1));
    script = replaced_in(Profile { abort: Abort::Expires, ..listed_profile() });
    assert_eq!((script.under_way(), leaks(&script)), (Vec::from(["init".into()]), 0));
}

#[test]
fn whoever_goes_on_after_a_crash_finds_out_anew() {
    for kept in [false, true] {
        let mut script = replaced();
        if kept {
            script.input(KEEP);
            assert_eq!((script.error(), script.kept()), (&ErrorKind::Cancelled, Kept::Checkpoint));
        }
        assert!(!script.upload.checkpoint().abort_owed(), "the upload is not given up, only its session");
        let mut resumed = script.crash();
        assert_eq!(resumed.first, ["probe"]);
        let seen = resumed.answer(PROBE, foreign());
        assert_eq!(resumed.given_up(seen), ["init"]);
        // Or it was given up before.
        let mut resumed = script.crash();
        resumed.answer(PROBE, problem(ProblemKind::SessionGone));
        resumed.wake();
        assert_eq!(resumed.answer(PROBE, problem(ProblemKind::SessionGone)), ["init"]);
    }
}

#[test]
fn whoever_discards_it_meanwhile_gets_no_other() {
    let mut script = replaced();
    script.disk = Disk::Manual;
    assert_eq!(script.input(DISCARD), ["persist"], "whoever goes on after a crash must know");
    assert!(script.upload.checkpoint().abort_owed() && !script.upload.needs_source());
    assert_eq!(script.answer(ABORT, Reply::Aborted), ["closed"]);
    assert_eq!(*script.error(), ErrorKind::Discarded(Discard::Confirmed));
}

#[test]
fn a_source_of_no_use_any_more_ends_it_with_its_session() {
    let gone = Detail::new("gone");
    for (input, error) in [
        (Input::SourceChanged, ErrorKind::SourceChanged),
        (Input::SourceUnreadable(gone.clone()), ErrorKind::SourceUnreadable { detail: gone }),
        (Input::Available { up_to: 7, growth: Growth::Ended }, ErrorKind::SourceChanged),
    ] {
        let mut script = replaced();
        assert_eq!(script.input(input.clone()), NOTHING);
        assert!(!script.upload.needs_source() && script.upload.checkpoint().abort_owed());
        assert_eq!(script.answer(ABORT, Reply::Aborted), ["closed"]);
        assert_eq!((script.error(), script.kept()), (&error, Kept::Nothing));

        let mut script = replaced();
        script.input(input);
        script.always(ABORT, unreachable());
        assert_eq!((script.error(), script.kept()), (&error, Kept::AbortOwed));
    }
}

#[test]
fn a_stream_that_gets_too_long_meanwhile_ends_it() {
    let spec = UploadSpec { length: SourceLength::Unknown, rewind: Rewind::Possible, available: None };
    let profile =
        Profile { sizing: Sizing { max_count: 4, max: 10, ..listed_profile().sizing }, ..listed_profile() };
    let mut script = Script::of(Upload::new(START, spec, profile, window(1), 7).unwrap());
    script.open();
    script.input(Input::Available { up_to: 20, growth: Growth::Growing });
    script.answer(APPEND, lost(Cut::Reset));
    script.answer(PROBE, listing(&[(0, 9), (1, 1)]));
    assert_eq!(script.upload.phase(), Phase::Aborting);
    script.input(Input::Available { up_to: 1_000, growth: Growth::Growing });
    assert_eq!(script.answer(ABORT, Reply::Aborted), ["closed"]);
    assert!(matches!(script.error(), ErrorKind::SourceUnreadable { .. }), "{:?}", script.error());
}

#[test]
fn credentials_that_are_gone_end_it_as_anywhere() {
    let expired = || problem(ProblemKind::CredentialsExpired);
    let refused = |script: &mut Script| {
        assert_eq!(script.answer(ABORT, expired()), ["refresh 0"]);
        let stale = script.refresh.unwrap();
        assert_eq!(script.input(Input::Refreshed { stale, result: Err(Detail::new("no")) }), ["closed"]);
    };
    let useless = |script: &mut Script| {
        while script.closed.is_none() {
            script.answer(ABORT, expired());
            if let Some(stale) = script.refresh.take() {
                script.input(Input::Refreshed { stale, result: Ok(stale.next()) });
            }
        }
    };
    for end in [&refused as &dyn Fn(&mut Script), &useless] {
        for (mut script, kept) in [(replaced(), Kept::Checkpoint), (stream(), Kept::AbortOwed)] {
            end(&mut script);
            assert_eq!(*script.error(), ErrorKind::Credentials { failure: expired() });
            assert_eq!((script.kept(), leaks(&script)), (kept, 0));
        }
    }
    // A refresh that hangs is waited for as anywhere, up to the deadline.
    let mut script = replaced();
    script.answer(ABORT, expired());
    script.secs(600);
    assert!(script.closed.is_none());
}

#[test]
fn a_wait_that_is_too_long_ends_it_as_anywhere() {
    for (mut script, kept) in [(replaced(), Kept::Checkpoint), (stream(), Kept::AbortOwed)] {
        script.answer(ABORT, problem_after(ProblemKind::Throttled, after(7_200)));
        assert!(matches!(script.error(), ErrorKind::Throttled { .. }), "{:?}", script.error());
        assert_eq!(script.kept(), kept);
    }
}

#[test]
fn its_time_is_the_uploads() {
    for (mut script, kept) in [(replaced(), Kept::Checkpoint), (stream(), Kept::AbortOwed)] {
        let deadline = policy().deadline;
        assert!(script.wakes_in().is_some_and(|wait| wait <= deadline));
        assert_eq!(script.pass(deadline), ["cancel abort", "closed"]);
        assert_eq!((script.error(), script.kept()), (&ErrorKind::Deadline { deadline }, kept));
    }
}

#[test]
fn one_that_expires_meanwhile_is_over() {
    let mut script = Script::with(35, listed_profile(), window(1));
    let expires = Some(Delay::After(secs(100)));
    script.answer(OperationKind::Init, Reply::Opened { session: Session::new("77"), expires });
    script.answer(APPEND, lost(Cut::Reset));
    script.answer(PROBE, foreign());
    assert_eq!(script.secs(100), ["cancel abort", "init"]);
    assert_eq!((script.restarts(), leaks(&script)), (Vec::from([SessionEnd::Foreign]), 0));
}

#[test]
fn a_stream_of_which_nothing_is_stored_yet_goes_on_too() {
    let mut script = stream();
    assert!(script.upload.needs_source());
    assert_eq!(script.answer(ABORT, Reply::Aborted), ["init"]);
    assert_eq!(script.open(), ["append 0 [0, 10)"]);
    // A later process has no source: all that it can do is to give the session up.
    let mut script = stream();
    script.input(KEEP);
    assert_eq!((script.error(), script.kept()), (&ErrorKind::Cancelled, Kept::AbortOwed));
    assert_eq!(script.crash().first, ["abort"]);
}

#[test]
fn an_upload_that_may_be_anothers_is_not_given_up() {
    let mut script = Script::opened(35, append_profile(), policy());
    script.answer(APPEND, problem(ProblemKind::SessionGone));
    while script.restarts().is_empty() {
        if script.live.is_empty() {
            script.wake();
        }
        let kind = script.live[0].kind();
        assert_ne!(kind, ABORT);
        script.answer(kind, problem(ProblemKind::SessionGone));
    }
}

#[test]
fn what_was_taken_is_looked_for_and_given_up_again_if_that_can_not_be_said() {
    let taken = |script: &Script| match script.live[0].action {
        Action::Abort { taken, .. } => taken,
        ref other => panic!("{other:?}"),
    };
    let mut script = Script::opened(25, listed_profile(), policy());
    script.input(DISCARD);
    assert_eq!(taken(&script), Taken::No);
    for (outcome, next) in [
        (Outcome::from(Reply::AbortPending), Taken::Yes),
        (Reply::AbortPending.into(), Taken::Yes),
        (lost(Cut::Reset).into(), Taken::No),
        (Reply::AbortPending.into(), Taken::Yes),
        (problem(ProblemKind::Transient).into(), Taken::No),
    ] {
        script.answer(ABORT, outcome);
        script.wake();
        assert_eq!(taken(&script), next);
    }
}
