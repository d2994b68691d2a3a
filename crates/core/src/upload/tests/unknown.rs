//! Sources of unknown length: segments as they become sure, the end, and what goes on after a crash.

use super::script::*;
use crate::testing::{append_profile, listed_profile, parts_profile};
use crate::*;

const APPEND: OperationKind = OperationKind::Append;
const PROBE: OperationKind = OperationKind::Probe;

const fn spec(rewind: Rewind) -> UploadSpec {
    UploadSpec { length: SourceLength::Unknown, rewind, available: None }
}

fn begun(spec: UploadSpec, profile: Profile, policy: Policy) -> Script {
    let mut script = Script::of(Upload::new(START, spec, profile, policy, 7).unwrap());
    assert_eq!(script.open(), NOTHING);
    script
}

/// It can be read again, and goes in segments of ten bytes.
fn growing(profile: Profile) -> Script {
    begun(spec(Rewind::Possible), profile, policy())
}

fn grown(up_to: u64) -> Input {
    Input::Available { up_to, growth: Growth::Growing }
}

fn ended(up_to: u64) -> Input {
    Input::Available { up_to, growth: Growth::Ended }
}

fn at(cursor: u64) -> Reply {
    Reply::Advanced { cursor, expires: None }
}

/// Of the Appends under way, what each says of the end.
fn lasts(script: &Script) -> Vec<Last> {
    let last = |op: &Operation| match op.action {
        Action::Append { last, .. } => Some(last),
        _ => None,
    };
    script.live.iter().filter_map(last).collect()
}

#[test]
fn init_says_no_length_and_nobody_knows_the_total_before_the_end() {
    let upload = Upload::new(START, spec(Rewind::Possible), listed_profile(), policy(), 7).unwrap();
    let mut script = Script::of(upload);
    assert!(matches!(script.live[0].action, Action::Init { total: None }));
    script.open();
    assert_eq!(script.upload.progress().total, None);
    script.input(grown(15));
    assert_eq!(script.upload.progress().total, None);
    script.answer(APPEND, receipt("a"));
    script.input(ended(15));
    assert_eq!(script.upload.progress().total, Some(15));
    assert_eq!(script.answer(APPEND, receipt("b")), ["finalize"]);
    assert!(matches!(script.live[0].action, Action::Finalize { total: 15, .. }));
    script.answer(OperationKind::Finalize, completed());
    let progress = script.upload.progress();
    assert_eq!((progress.stored, progress.committed), (15, 15));
}

#[test]
fn a_segment_goes_once_a_byte_behind_it_is_there_and_the_last_one_at_the_end() {
    let mut script = growing(listed_profile());
    assert_eq!(script.input(grown(10)), NOTHING, "it may be the last");
    assert_eq!(script.input(grown(11)), ["append 0 [0, 10)"]);
    assert_eq!(script.input(grown(25)), ["append 1 [10, 20)"]);
    assert_eq!(lasts(&script), [Last::More, Last::More]);
    assert_eq!(script.input(ended(25)), ["append 2 [20, 25)"]);
    assert_eq!(lasts(&script).last(), Some(&Last::End));
}

#[test]
fn a_whole_segment_that_turns_out_to_be_the_last_says_so() {
    for profile in [listed_profile(), append_profile()] {
        let mut script = growing(profile);
        script.input(grown(10));
        assert_eq!(script.input(ended(10)), ["append 0 [0, 10)"]);
        assert_eq!(lasts(&script), [Last::End]);
    }
}

#[test]
fn one_writer_sends_segment_by_segment_and_the_last_append_makes_the_object() {
    let mut script = growing(append_profile());
    assert_eq!(script.input(grown(22)), ["append 0 [0, 10)"]);
    // The server took a part of it; what is left goes as it is.
    assert_eq!(script.answer(APPEND, at(4)), ["append 0 [4, 10)"]);
    assert_eq!(script.answer(APPEND, at(10)), ["append 1 [10, 20)"]);
    assert_eq!(script.answer(APPEND, at(20)), NOTHING);
    assert_eq!(script.input(ended(22)), ["append 2 [20, 22)"]);
    assert_eq!(lasts(&script), [Last::End]);
    assert_eq!(script.answer(APPEND, completed()), ["closed"]);
    assert!(script.closed.unwrap().is_ok());
}

#[test]
fn segments_grow_so_that_as_much_as_possible_fits_into_their_number() {
    let mut profile = listed_profile();
    (profile.sizing.max_count, profile.sizing.max) = (6, 40);
    let mut script = begun(spec(Rewind::Possible), profile, window(9));
    let sent = [
        "append 0 [0, 10)",
        "append 1 [10, 20)",
        "append 2 [20, 40)",
        "append 3 [40, 60)",
        "append 4 [60, 100)",
    ];
    assert_eq!(script.input(grown(140)), sent);
    assert_eq!(script.input(ended(140)), ["append 5 [100, 140)"]);
}

#[test]
fn a_source_that_goes_on_behind_the_last_segment_ends_it_with_the_numbers() {
    let mut profile = listed_profile();
    (profile.sizing.max_count, profile.sizing.max) = (6, 40);
    let mut script = begun(spec(Rewind::Possible), profile, window(9));
    assert_eq!(script.input(grown(140)).last().map(String::as_str), Some("append 4 [60, 100)"));
    script.input(grown(141));
    script.answer(OperationKind::Abort, Reply::Aborted);
    let ErrorKind::SourceUnreadable { detail } = script.error() else { panic!("{:?}", script.error()) };
    let told = alloc::string::ToString::to_string(detail);
    assert!(told.contains("141 bytes or more") && told.contains("at most 140"), "{told}");
    assert_eq!(script.kept(), Kept::Nothing, "a resume would find the same");
}

#[test]
fn a_source_that_comes_to_nothing_is_uploaded_as_an_empty_one_is() {
    let of = |empty, mut profile: Profile| {
        profile.sizing.empty = empty;
        growing(profile)
    };
    assert_eq!(of(Empty::NoSegment, listed_profile()).input(ended(0)), ["finalize"]);
    assert_eq!(of(Empty::OneSegment, listed_profile()).input(ended(0)), ["append 0 [0, 0)"]);
    // Where the last Append makes the object it has to be told that there is nothing, whatever is usual otherwise.
    for empty in [Empty::OneSegment, Empty::NoSegment] {
        let mut one = of(empty, append_profile());
        assert_eq!(one.input(ended(0)), ["append 0 [0, 0)"]);
        assert_eq!(lasts(&one), [Last::End]);
        assert_eq!(one.answer(APPEND, completed()), ["closed"]);
    }
    let mut refused = of(Empty::Refused, listed_profile());
    assert_eq!(refused.input(ended(0)), ["abort"]);
    refused.answer(OperationKind::Abort, Reply::Aborted);
    assert!(matches!(refused.error(), ErrorKind::SourceUnreadable { .. }));
}

#[test]
fn what_was_there_and_is_not_any_more_is_a_changed_source() {
    let mut script = growing(listed_profile());
    script.input(grown(25));
    script.input(ended(24));
    script.answer(OperationKind::Abort, Reply::Aborted);
    assert_eq!(*script.error(), ErrorKind::SourceChanged);
    let mut script = growing(listed_profile());
    script.input(ended(25));
    script.input(ended(26));
    script.answer(OperationKind::Abort, Reply::Aborted);
    assert_eq!(*script.error(), ErrorKind::SourceChanged, "once the end is known, it stays");
}

#[test]
fn a_refused_size_cuts_what_may_still_come_as_well() {
    let mut script = growing(append_profile());
    script.input(grown(25));
    let too_large = ProblemKind::TooLarge { ceiling: Some(4) };
    assert_eq!(script.answer(APPEND, problem(too_large)), ["append 0 [0, 4)"]);
    for (cursor, next) in [(4, "append 1 [4, 8)"), (8, "append 2 [8, 12)"), (12, "append 3 [12, 16)")] {
        assert_eq!(script.answer(APPEND, at(cursor)), [next]);
    }
    script.input(ended(25));
    assert!(script.upload.plan().segments().all(|segment| segment.range.len() <= 4));
}

#[test]
fn a_growing_source_is_gone_on_with_from_what_the_server_holds() {
    let mut script = growing(append_profile());
    script.input(grown(25));
    let before = script.upload.checkpoint();
    script.answer(APPEND, at(10));
    // That checkpoint lags behind; the process before may even have seen more than is known in it.
    let mut resumed = script.resume(before, append_profile());
    assert_eq!(resumed.first, ["probe"]);
    assert_eq!(resumed.answer(PROBE, at(37)), NOTHING);
    assert_eq!(resumed.input(grown(30)), NOTHING, "the source is behind");
    assert_eq!(resumed.input(grown(41)), ["append 3 [37, 40)"]);
    assert_eq!(resumed.upload.progress().stored, 37);
}

#[test]
fn what_a_list_holds_beyond_the_checkpoint_is_ours() {
    let mut script = growing(listed_profile());
    script.input(grown(15));
    let mut resumed = script.crash();
    assert_eq!(resumed.first, ["probe"]);
    assert_eq!(resumed.answer(PROBE, listing(&[(0, 10), (1, 10), (2, 5)])), NOTHING);
    // Its last segment was shorter: the end, which is not known here yet. It goes again.
    assert_eq!(resumed.upload.progress().stored, 20);
    assert_eq!(resumed.input(ended(25)), ["append 2 [20, 25)"]);
    assert_eq!(resumed.answer(APPEND, receipt("c")), ["finalize"]);
}

#[test]
fn what_no_source_has_is_foreign_once_the_end_is_known() {
    // Where the server owns the cursor, the session may be another's.
    let mut resumed = holding_too_much(append_profile(), at(37));
    assert_eq!(resumed.input(ended(25)), ["init"]);
    assert_eq!(resumed.restarts(), [SessionEnd::Foreign]);
    resumed.open();
    assert_eq!(resumed.upload.plan().total(), 25);

    let mut resumed = holding_too_much(listed_profile(), listing(&[(0, 10), (3, 10)]));
    let seen = resumed.input(ended(25));
    assert_eq!(resumed.given_up(seen), ["init"]);
    assert_eq!(resumed.restarts(), [SessionEnd::Foreign]);
    resumed.open();
    assert_eq!(resumed.upload.plan().total(), 25);
}

/// A process that goes on from 15 bytes of a source that grows, and finds that the server holds this.
fn holding_too_much(profile: Profile, held: Reply) -> Script {
    let mut script = growing(profile);
    script.input(grown(15));
    let mut resumed = script.crash();
    resumed.answer(PROBE, held);
    resumed
}

#[test]
fn what_no_source_has_is_in_no_checkpoint() {
    for discarded in [false, true] {
        let mut resumed = holding_too_much(listed_profile(), listing(&[(0, 10), (3, 10)]));
        resumed.input(ended(25));
        if discarded {
            resumed.input(Input::Cancel(Disposition::Discard));
        }
        let again = resumed.crash();
        assert_eq!(again.first, [if discarded { "abort" } else { "probe" }]);
        assert_eq!(again.upload.progress().stored, 0);
    }
}

#[test]
fn a_session_that_is_given_up_stays_so_whatever_its_source_comes_to() {
    let mut resumed = holding_too_much(listed_profile(), listing(&[(0, 10), (3, 10)]));
    resumed.input(Input::Cancel(Disposition::Discard));
    assert_eq!(resumed.input(ended(25)), NOTHING);
    assert_eq!(resumed.answer(OperationKind::Abort, Reply::Aborted), ["closed"]);
    assert_eq!(*resumed.error(), ErrorKind::Discarded(Discard::Confirmed));
}

#[test]
fn a_process_that_knows_no_end_waits_for_it_before_it_believes_in_an_object() {
    let mut script = growing(append_profile());
    script.input(grown(15));
    let mut resumed = script.crash();
    assert_eq!(resumed.answer(PROBE, completed()), NOTHING);
    assert_eq!(resumed.input(grown(25)), NOTHING);
    assert_eq!(resumed.input(ended(25)), ["probe"]);
    assert_eq!(resumed.answer(PROBE, completed()), ["closed"]);
    assert_eq!(resumed.upload.progress().committed, 25);
    // In the process that began it, nobody can have sent the end.
    let mut script = growing(append_profile());
    script.input(grown(15));
    script.answer(APPEND, lost(Cut::Reset));
    script.wake();
    script.answer(PROBE, completed());
    assert!(script.closed.is_none());
}

#[test]
fn bytes_that_are_released_are_gone_and_the_rest_is_given_up() {
    for profile in [listed_profile(), append_profile()] {
        let mut script = begun(spec(Rewind::UntilReleased), profile.clone(), window(1));
        script.input(grown(15));
        let stored = if profile == append_profile() { at(10) } else { receipt("a") };
        assert_eq!(script.answer(APPEND, stored), ["release [0, 10)"]);
        let checkpoint = script.upload.checkpoint();
        let resumed = Upload::resume(script.now, checkpoint.clone(), profile.clone(), policy(), 9);
        assert_eq!(resumed.map(|_| ()), Err(ResumeError::NotRewindable));
        let told = alloc::string::ToString::to_string(&ResumeError::NotRewindable);
        assert!(told.contains("can only be aborted: discard it, and start anew"), "{told}");
        // That needs no source.
        let discarded = Upload::discard(script.now, checkpoint, profile.clone(), policy(), 9).unwrap();
        let mut discarded = Script::of(discarded);
        assert_eq!(discarded.first, ["abort"]);
        discarded.answer(OperationKind::Abort, Reply::Aborted);
        assert_eq!(*discarded.error(), ErrorKind::Discarded(Discard::Confirmed));
    }
}

#[test]
fn whoever_keeps_a_one_pass_upload_keeps_what_has_to_be_given_up() {
    let mut script = begun(spec(Rewind::UntilReleased), listed_profile(), window(1));
    script.input(grown(15));
    script.answer(APPEND, receipt("a"));
    script.input(Input::Cancel(Disposition::Keep));
    assert_eq!((script.error(), script.kept()), (&ErrorKind::Cancelled, Kept::AbortOwed));
    let checkpoint = script.upload.checkpoint();
    assert!(checkpoint.abort_owed());
    let resumed = script.resume(checkpoint, listed_profile());
    assert_eq!(resumed.first, ["abort"]);
    // Where nobody can abort there is nothing to keep.
    let blind = Profile { length: Length::AtEnd, ..parts_profile() };
    let mut script = begun(spec(Rewind::UntilReleased), blind, window(1));
    script.input(Input::Cancel(Disposition::Keep));
    assert_eq!(script.kept(), Kept::Nothing);
}

#[test]
fn a_one_pass_upload_that_fails_for_now_fails_for_good_and_leaves_nothing() {
    let mut script = begun(spec(Rewind::UntilReleased), listed_profile(), window(1));
    script.input(grown(15));
    assert_eq!(
        script.input(Input::SourceUnreadable(Detail::new("torn"))),
        ["cancel append 0 [0, 10)", "abort"]
    );
    script.answer(OperationKind::Abort, Reply::Aborted);
    assert_eq!(script.kept(), Kept::Nothing);
}

#[test]
fn once_all_is_stored_a_one_pass_upload_goes_on_after_a_crash() {
    let mut script = begun(spec(Rewind::UntilReleased), listed_profile(), window(1));
    script.input(ended(5));
    assert_eq!(script.answer(APPEND, receipt("a")), ["release [0, 5)", "finalize"]);
    let checkpoint = script.upload.checkpoint();
    assert!(!checkpoint.needs_source());
    let mut resumed = script.crash();
    assert_eq!(resumed.first, ["verify"]);
    let committed = Verdict::Committed(Commitment::Ready(Final {
        id: "77".into(),
        size: Some(5),
        expires_at: None,
        body: bytes::Bytes::new(),
    }));
    assert_eq!(resumed.answer(OperationKind::Verify, found(committed)), ["closed"]);
    assert!(resumed.closed.unwrap().is_ok());
}

#[test]
fn a_discard_of_what_may_be_finalized_finds_out_first() {
    let mut script = begun(spec(Rewind::UntilReleased), listed_profile(), window(1));
    script.input(ended(5));
    script.answer(APPEND, receipt("a"));
    let checkpoint = script.upload.checkpoint();
    let discarded = Upload::discard(script.now, checkpoint, listed_profile(), policy(), 9).unwrap();
    assert_eq!(Script::of(discarded).first, ["verify"]);
}
