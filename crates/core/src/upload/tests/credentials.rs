//! Credentials that expire on the way.

use super::script::*;
use crate::testing::{listed_profile, parts_profile};
use crate::*;

const APPEND: OperationKind = OperationKind::Append;

const E0: CredentialEpoch = CredentialEpoch::new(0);
const E1: CredentialEpoch = CredentialEpoch::new(1);

fn expired() -> Failure {
    problem(ProblemKind::CredentialsExpired)
}

fn renewed(stale: CredentialEpoch) -> Input {
    Input::Refreshed { stale, result: Ok(stale.next()) }
}

fn refused(stale: CredentialEpoch) -> Input {
    Input::Refreshed { stale, result: Err(Detail::new("no")) }
}

#[test]
fn many_expiries_ask_for_one_refresh_and_everything_goes_once_more_for_free() {
    let retry = RetryPolicy { budget: 0, ..RetryPolicy::default() };
    let mut script = Script::opened(25, parts_profile(), Policy { retry, ..policy() });
    assert_eq!(script.answer_segment(0, expired()), ["refresh 0"]);
    assert_eq!(script.answer_segment(1, expired()), NOTHING);
    assert_eq!(script.secs(60), NOTHING, "nothing goes with credentials that are known to be stale");
    assert_eq!(script.input(renewed(E0)), ["append 0 [0, 10)", "append 1 [10, 20)"]);
    assert!(script.live.iter().filter(|op| op.payload().unwrap().start() < 20).all(|op| op.epoch == E1));
    assert_eq!(script.answer_segment(2, expired()), ["append 2 [20, 25)"], "an answer of an older epoch");
    assert_eq!(script.store_all(), ["finalize"]);
}

#[test]
fn a_refused_refresh_ends_it_with_what_the_server_said() {
    let mut script = Script::opened(25, parts_profile(), policy());
    script.answer_segment(0, expired());
    script.input(refused(E0));
    assert_eq!(*script.error(), ErrorKind::Credentials { failure: expired() });
    assert_eq!((script.kept(), script.error().fault()), (Kept::Checkpoint, Fault::Caller));
}

#[test]
fn a_refresh_that_brings_nothing_new_is_a_refused_one() {
    let mut script = Script::new(25);
    script.answer(OperationKind::Init, expired());
    assert_eq!(script.input(Input::Refreshed { stale: E0, result: Ok(E0) }), ["closed"]);
    assert_eq!(
        (script.error(), script.kept()),
        (&ErrorKind::Credentials { failure: expired() }, Kept::Nothing)
    );
}

#[test]
fn new_credentials_that_are_refused_again_and_again_end_it() {
    let mut script = Script::new(25);
    let mut epoch = E0;
    for _ in 0..2 {
        script.answer(OperationKind::Init, expired());
        assert_eq!(script.refresh, Some(epoch));
        assert_eq!(script.input(renewed(epoch)), ["init"]);
        epoch = epoch.next();
    }
    assert_eq!(script.answer(OperationKind::Init, expired()), ["closed"]);
    assert_eq!(*script.error(), ErrorKind::Credentials { failure: expired() });
}

#[test]
fn a_refresh_nobody_asked_for_changes_nothing() {
    let mut script = Script::opened(25, parts_profile(), policy());
    assert_eq!(script.input(renewed(E0)), NOTHING);
    assert_eq!(script.input(refused(E0)), NOTHING);
    script.answer_segment(0, expired());
    assert_eq!(script.input(refused(CredentialEpoch::new(7))), NOTHING, "not the epoch that was asked for");
    assert_eq!(script.input(renewed(E0)), ["append 0 [0, 10)"]);
    assert_eq!(script.input(refused(E0)), NOTHING, "a second answer to the same question");
}

#[test]
fn every_phase_goes_on_after_a_refresh() {
    let mut finalizing = Script::finalizing(parts_profile(), policy());
    assert_eq!(finalizing.answer(OperationKind::Finalize, expired()), ["refresh 0"]);
    assert_eq!(finalizing.input(renewed(E0)), ["finalize"]);
    finalizing.answer(OperationKind::Finalize, lost(Cut::Reset));
    assert_eq!(finalizing.answer(OperationKind::Verify, expired()), ["refresh 1"]);
    assert_eq!(finalizing.input(renewed(E1)), ["verify"]);
    finalizing.answer(OperationKind::Verify, running(Some(1)));
    finalizing.wake();
    assert_eq!(finalizing.answer(OperationKind::Status, expired()), ["refresh 2"]);
    assert_eq!(finalizing.input(renewed(CredentialEpoch::new(2))), ["status"]);

    let mut probing = Script::opened(25, listed_profile(), policy()).crash();
    assert_eq!(probing.answer(OperationKind::Probe, expired()), ["refresh 0"]);
    assert_eq!(probing.input(renewed(E0)), ["probe"]);
    probing.input(Input::Cancel(Disposition::Discard));
    assert_eq!(probing.answer(OperationKind::Abort, expired()), ["refresh 1"]);
    assert_eq!(probing.input(renewed(E1)), ["abort"]);
}

#[test]
fn a_refused_refresh_in_an_abort_leaves_it_owed() {
    let mut script = Script::opened(25, listed_profile(), policy());
    script.input(Input::Cancel(Disposition::Discard));
    script.answer(OperationKind::Abort, expired());
    assert_eq!(script.input(refused(E0)), ["closed"]);
    assert_eq!(*script.error(), ErrorKind::Discarded(Discard::Unconfirmed { failure: Some(expired()) }));
    assert_eq!(script.kept(), Kept::AbortOwed);
}

#[test]
fn a_refused_refresh_while_processing_leaves_the_media_id() {
    let mut script = Script::processing(Some(1), policy());
    script.wake();
    script.answer(OperationKind::Status, expired());
    script.input(refused(E0));
    assert_eq!(
        (script.error(), script.kept()),
        (&ErrorKind::Credentials { failure: expired() }, Kept::Checkpoint)
    );
    assert_eq!(script.crash().first, ["status"]);
}

#[test]
fn a_refresh_that_is_never_answered_meets_the_deadline() {
    let mut script = Script::opened(5, parts_profile(), Policy { deadline: secs(300), ..policy() });
    script.answer(APPEND, expired());
    assert_eq!(script.wake(), ["closed"]);
    assert!(matches!(script.error(), ErrorKind::Deadline { .. }));
}

/// Nobody may wait for ever for a refresh that never comes back, whoever gives up included (invariant 9).
#[test]
fn an_abort_waits_for_new_credentials_as_long_as_for_an_answer_and_stays_owed() {
    let mut script = Script::opened(25, listed_profile(), policy());
    script.answer_segment(0, expired());
    script.secs(600);
    script.input(Input::Cancel(Disposition::Discard));
    assert_eq!(script.wakes_in(), Some(policy().timeouts.response));
    assert_eq!(script.secs(119), NOTHING);
    assert_eq!(script.secs(1), ["closed"]);
    let failure = Some(expired());
    assert_eq!(*script.error(), ErrorKind::Discarded(Discard::Unconfirmed { failure }));
    assert_eq!(script.kept(), Kept::AbortOwed);
    assert_eq!(script.input(renewed(E0)), NOTHING, "too late");
}

#[test]
fn an_abort_whose_own_credentials_expired_waits_from_then_on() {
    let mut script = Script::opened(25, listed_profile(), policy());
    script.input(Input::Cancel(Disposition::Discard));
    script.start_all();
    script.secs(100);
    assert_eq!(script.answer(OperationKind::Abort, expired()), ["refresh 0"]);
    assert_eq!(script.wakes_in(), Some(policy().timeouts.response));
    assert_eq!(script.secs(119), NOTHING);
    assert_eq!(script.input(renewed(E0)), ["abort"]);
    assert_eq!(script.answer(OperationKind::Abort, Reply::Aborted), ["closed"]);
    assert_eq!(*script.error(), ErrorKind::Discarded(Discard::Confirmed));
}
