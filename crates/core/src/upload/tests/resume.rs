//! Going on from a checkpoint: any of them gives the same object (invariant 8).

#[cfg(feature = "serde")]
use std::format;

use alloc::collections::BTreeMap;

use super::script::*;
use crate::checkpoint::Saved;
use crate::testing::{listed_profile, parts_profile};
use crate::*;

const APPEND: OperationKind = OperationKind::Append;
const FINALIZE: OperationKind = OperationKind::Finalize;

#[test]
fn what_is_stored_is_not_sent_again() {
    let mut script = Script::opened(60, parts_profile(), policy());
    script.answer_segment(1, stored());
    script.answer_segment(3, stored());
    let mut resumed = script.crash();
    assert_eq!(
        resumed.first,
        ["append 0 [0, 10)", "append 2 [20, 30)", "append 4 [40, 50)", "append 5 [50, 60)"]
    );
    assert_eq!(resumed.upload.progress().stored, 20);
    assert_eq!(resumed.store_all(), ["finalize"]);
}

#[test]
fn everything_stored_but_not_finalized_goes_on_to_finalize() {
    let mut script = Script::opened(25, parts_profile(), policy());
    script.input(Input::Pause);
    let mut checkpoint = script.upload.checkpoint();
    if let Saved::Open(open) = &mut checkpoint.state {
        open.stored.insert(ByteRange::at(0, 25));
    }
    assert_eq!(script.resume(checkpoint, parts_profile()).first, ["finalize"]);
}

#[test]
fn finalize_sent_is_verified_and_processing_is_polled() {
    let mut script = Script::finalizing(parts_profile(), policy());
    script.start_all();
    let mut verified = script.crash();
    assert_eq!(verified.first, ["verify"]);
    assert_eq!(verified.answer(OperationKind::Verify, running(Some(2))), NOTHING);
    let polled = verified.crash();
    assert_eq!(polled.first, ["status"]);
    assert_eq!((polled.upload.progress().committed, polled.upload.progress().stored), (25, 25));
    assert!(!verified.upload.checkpoint().needs_source());
}

#[test]
fn a_session_that_expired_between_two_processes_is_not_asked() {
    let mut script = Script::new(25);
    let expiring = Reply::Opened { session: Session::new("77"), expires: Some(after(50)) };
    script.answer(OperationKind::Init, expiring);
    let checkpoint = script.upload.checkpoint();
    assert_eq!(checkpoint.expires_at(), Some(second(50)));
    script.now = second(50);
    let resumed = script.resume(checkpoint, parts_profile());
    assert_eq!(resumed.first, ["init"]);
    assert_eq!(resumed.restarts(), [SessionEnd::Expired]);
}

#[test]
fn the_plan_of_the_checkpoint_holds_whatever_the_policy_wants_now() {
    let mut script = Script::opened(25, parts_profile(), policy());
    script.answer_segment(0, stored());
    let checkpoint = script.upload.checkpoint();
    for bytes in [1, 7, 5_000_001] {
        let wanted = Policy { chunk_size: ChunkSize::new(bytes).unwrap(), ..policy() };
        let upload = Upload::resume(START, checkpoint.clone(), parts_profile(), wanted, 1).unwrap();
        let mut resumed = Script::of(upload);
        assert_eq!(resumed.first, ["append 1 [10, 20)", "append 2 [20, 25)"]);
        // Not even a new session makes it impossible.
        resumed.answer_segment(1, problem(ProblemKind::SessionGone));
        resumed.wake();
        resumed.answer_segment(1, problem(ProblemKind::SessionGone));
        assert_eq!(resumed.restarts(), [SessionEnd::Gone]);
        assert_eq!(resumed.open().len(), 3);
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut script = Script::opened(25, parts_profile(), policy());
    script.answer_segment(1, stored());
    let good = script.upload.checkpoint();
    let refused = |change: &dyn Fn(&mut Checkpoint)| {
        let mut bad = good.clone();
        change(&mut bad);
        Upload::resume(START, bad, parts_profile(), policy(), 1).map(|_| ()).unwrap_err()
    };
    let open =
        |bad: &mut Checkpoint, change: &dyn Fn(&mut crate::checkpoint::SavedSession)| match &mut bad.state {
            Saved::Open(open) => change(open),
            Saved::Opening => panic!("a session is open"),
        };
    assert_eq!(refused(&|bad| bad.version = 3), ResumeError::Newer { found: 3, known: 2 });
    let other = ResumeError::OtherProtocol { found: "other".into(), wanted: "test".into() };
    assert_eq!(refused(&|bad| bad.protocol = "other".into()), other);
    let unknown = refused(&|bad| bad.spec.length = SourceLength::Unknown);
    assert_eq!(unknown, ResumeError::Plan(PlanError::LengthRequired));
    type Damage<'a> = (&'static str, &'a dyn Fn(&mut Checkpoint));
    let length = "the plan is not for a source of this length";
    let damages: [Damage<'_>; 12] = [
        ("there is no version 0", &|bad| bad.version = 0),
        (length, &|bad| bad.spec.length = SourceLength::Known(26)),
        ("the plan does not hold together", &|bad| {
            let sizing = Sizing { max_count: 1001, ..parts_profile().sizing };
            bad.spec.length = SourceLength::Known(1001);
            bad.plan = Plan::new(1001, &sizing, ChunkSize::new(1).unwrap()).unwrap();
        }),
        ("nobody writes so many checkpoints", &|bad| bad.seq = CheckpointSeq(u64::MAX / 2 + 1)),
        ("no session was ever used", &|bad| bad.sessions = 0),
        ("more is stored than there is", &|bad| {
            open(bad, &|s| _ = s.stored.insert(ByteRange::at(20, 6)));
        }),
        ("more is stored than there is", &|bad| open(bad, &|s| s.sent_to = 4)),
        ("what is stored does not end with a segment", &|bad| {
            open(bad, &|s| _ = s.stored.insert(ByteRange::at(0, 5)));
        }),
        ("what is stored does not end with a segment", &|bad| {
            open(bad, &|s| {
                s.stored.clear();
                s.stored.insert(ByteRange::at(5, 5));
            });
        }),
        ("there is a receipt for no segment", &|bad| {
            open(bad, &|s| _ = s.receipts.insert(3, Receipt::new(bytes::Bytes::new())));
        }),
        ("it was finalized before everything was stored", &|bad| {
            open(bad, &|s| s.stage = crate::checkpoint::SavedStage::FinalizeSent);
        }),
        ("it was finalized before everything was stored", &|bad| {
            open(bad, &|s| s.stage = crate::checkpoint::SavedStage::Processing);
        }),
    ];
    for (what, change) in damages {
        assert_eq!(refused(change), ResumeError::Damaged(what));
    }
    // At the very edge.
    let mut edge = good.clone();
    edge.seq = CheckpointSeq(u64::MAX / 2);
    open(&mut edge, &|s| {
        s.stored.insert(ByteRange::at(0, 25));
        s.receipts.insert(2, Receipt::new(bytes::Bytes::new()));
        s.sent_to = 3;
    });
    assert_eq!(script.resume(edge, parts_profile()).first, ["finalize"]);
}

#[test]
fn a_checkpoint_says_what_it_holds() {
    let mut script = Script::new(25);
    let opening = script.upload.checkpoint();
    assert_eq!((opening.spec(), opening.protocol()), (&UploadSpec::whole(25), "test"));
    assert_eq!((opening.total(), opening.stored(), opening.plan().count()), (25, 0, 3));
    assert_eq!((opening.session(), opening.expires_at(), opening.stored_ranges()), (None, None, None));
    assert_eq!((opening.receipts(), opening.sent_to(), opening.sessions()), (None, 0, 1));
    assert_eq!(opening.stage(), CheckpointStage::Opening);
    assert!(opening.needs_source() && !opening.abort_owed());

    let expires = Some(after(50));
    script.answer(OperationKind::Init, Reply::Opened { session: Session::new("77"), expires });
    script.answer_segment(1, stored());
    let open = script.upload.checkpoint();
    assert!(open.seq() > opening.seq());
    assert_eq!([opening.seq().get(), open.seq().get()], [0, 2], "the session, and the segment");
    assert_eq!((open.session(), open.expires_at()), (Some(&Session::new("77")), Some(second(50))));
    assert_eq!((open.total(), open.stored()), (25, 10));
    let ranges: Option<Vec<_>> = open.stored_ranges().map(|ranges| ranges.iter().collect());
    assert_eq!(ranges, Some(Vec::from([ByteRange::at(10, 10)])));
    assert_eq!((open.stage(), open.sent_to()), (CheckpointStage::Transferring, 3));
    assert!(open.needs_source() && !open.abort_owed());
    let gone = || problem(ProblemKind::SessionGone);
    script.answer_segment(0, gone());
    script.wake();
    script.answer_segment(0, gone());
    assert_eq!(script.upload.checkpoint().sessions(), 2);

    let mut discarded = Script::opened(25, listed_profile(), policy());
    discarded.answer_segment(1, receipt("b"));
    let receipts = BTreeMap::from([(1, Receipt::new(bytes::Bytes::from_static(b"b")))]);
    assert_eq!(discarded.upload.checkpoint().receipts(), Some(&receipts));
    discarded.input(Input::Cancel(Disposition::Discard));
    let owed = discarded.upload.checkpoint();
    assert!(owed.abort_owed() && !owed.needs_source());
    let mut finalized = Script::finalizing(parts_profile(), policy());
    assert!(finalized.upload.checkpoint().needs_source(), "should the server lack segments");
    finalized.answer(FINALIZE, running(None));
    assert!(!finalized.upload.checkpoint().needs_source());
}

/// An empty segment leaves no range behind that could tell whether it was stored: only its receipt can.
#[test]
fn a_finalized_empty_segment_has_its_receipt() {
    let mut profile = listed_profile();
    profile.sizing.empty = Empty::OneSegment;
    let mut script = Script::opened(0, profile.clone(), policy());
    let unsent = script.upload.checkpoint();
    assert!(Upload::resume(START, unsent, profile.clone(), policy(), 1).is_ok());
    assert_eq!(script.answer_segment(0, receipt("a")), ["finalize"]);
    let mut bad = script.upload.checkpoint();
    assert!(Upload::resume(START, bad.clone(), profile.clone(), policy(), 1).is_ok());
    if let Saved::Open(open) = &mut bad.state {
        open.receipts.clear();
    }
    let error = Upload::resume(START, bad, profile, policy(), 1).map(|_| ()).unwrap_err();
    assert_eq!(error, ResumeError::Damaged("a stored segment has no receipt"));
}

#[test]
fn a_stored_segment_without_its_receipt_is_damage() {
    let mut script = Script::opened(25, listed_profile(), policy());
    script.answer_segment(1, receipt("b"));
    let mut bad = script.upload.checkpoint();
    if let Saved::Open(open) = &mut bad.state {
        open.receipts.clear();
    }
    let error = Upload::resume(START, bad, listed_profile(), policy(), 1).map(|_| ()).unwrap_err();
    assert_eq!(error, ResumeError::Damaged("a stored segment has no receipt"));
}

#[test]
fn a_source_that_was_read_once_cannot_be_resumed_but_its_session_can_be_given_up() {
    let spec = UploadSpec { rewind: Rewind::UntilReleased, ..UploadSpec::whole(25) };
    let mut script = Script::of(Upload::new(START, spec, listed_profile(), policy(), 7).unwrap());
    script.open();
    let checkpoint = script.upload.checkpoint();
    let resume = |checkpoint| Upload::resume(START, checkpoint, listed_profile(), policy(), 1);
    assert_eq!(resume(checkpoint).map(|_| ()).unwrap_err(), ResumeError::NotRewindable);
    script.input(Input::Cancel(Disposition::Discard));
    assert!(resume(script.upload.checkpoint()).is_ok());
}

/// A server to be crashed against: bytes by segment index, and whether they were finalized.
#[derive(Default)]
struct Server {
    held: BTreeMap<u32, ByteRange>,
    finalized: u32,
    polls: u32,
}

impl Server {
    /// What it does and answers; every third answer is lost.
    fn serve(&mut self, op: &Operation, n: usize) -> Outcome {
        let reply = match &op.action {
            Action::Init { .. } => opened(),
            Action::Append { segment, .. } => {
                self.held.insert(segment.index.get(), segment.range);
                stored()
            }
            Action::Finalize { total, .. } => {
                assert_eq!(self.object(), *total, "it is finalized whole");
                self.finalized += 1;
                running(Some(1))
            }
            Action::Verify { .. } if self.finalized > 0 => running(Some(1)),
            Action::Verify { .. } => found(Verdict::NotCommitted),
            Action::Status { .. } => {
                self.polls += 1;
                if self.polls > 2 { completed() } else { running(Some(1)) }
            }
            other => panic!("{other:?}"),
        };
        // An answer that was lost, as a resumed process never gets one.
        let lose = n % 3 == 2 && op.kind() != OperationKind::Init && op.attempt < 3;
        if lose { lost(Cut::TimedOut).into() } else { reply.into() }
    }

    fn object(&self) -> u64 {
        let mut end = 0;
        for range in self.held.values() {
            assert_eq!(range.start(), end);
            end = range.end();
        }
        end
    }
}

/// Runs to the end; gives every checkpoint that was written on the way, and how many steps there were.
fn run(script: &mut Script, server: &mut Server, crash_at: Option<usize>) -> (Vec<Checkpoint>, usize) {
    let mut checkpoints = Vec::new();
    let mut n = 0;
    while script.closed.is_none() && crash_at != Some(n) {
        if let Some(seq) = script.wanted.take() {
            checkpoints.push(script.upload.checkpoint());
            script.input(Input::Persisted(seq));
        } else if let Some(op) = script.live.first().cloned() {
            let outcome = server.serve(&op, n);
            script.answer_op(op.id, outcome);
        } else {
            script.wake();
        }
        n += 1;
    }
    (checkpoints, n)
}

#[test]
fn from_the_newest_checkpoint_after_every_single_step_it_finishes_and_sends_nothing_stored_again() {
    let start = || Script::slow_disk(57, parts_profile(), window(3));
    let (_, steps) = run(&mut start(), &mut Server::default(), None);
    assert!(steps > 20);
    for crash_at in 0..steps {
        let (mut script, mut server) = (start(), Server::default());
        let (mut on_disk, _) = run(&mut script, &mut server, Some(crash_at));
        let Some(newest) = on_disk.pop() else { continue };
        let stored_before: Vec<_> = newest.stored_ranges().into_iter().flat_map(RangeSet::iter).collect();
        let held: Vec<_> = newest
            .plan()
            .segments()
            .filter(|s| newest.stored_ranges().is_some_and(|r| r.contains(s.range)))
            .collect();
        let upload = Upload::resume(script.now, newest, parts_profile(), window(3), 3).unwrap();
        let mut resumed = Script::at(script.now, upload, Disk::Manual);
        let mut sent = Vec::new();
        let mut n = crash_at;
        while resumed.closed.is_none() {
            if let Some(seq) = resumed.wanted.take() {
                resumed.input(Input::Persisted(seq));
            } else if let Some(op) = resumed.live.first().cloned() {
                sent.extend(op.payload());
                let outcome = server.serve(&op, n);
                resumed.answer_op(op.id, outcome);
            } else {
                resumed.wake();
            }
            n += 1;
        }
        assert!(resumed.closed.unwrap().is_ok(), "step {crash_at}");
        assert_eq!((server.object(), server.finalized), (57, 1), "step {crash_at}");
        assert!(
            held.iter().all(|s| !sent.contains(&s.range)),
            "step {crash_at}: {stored_before:?} and {sent:?}"
        );
    }
}

#[test]
fn from_any_older_checkpoint_it_gives_the_same_object() {
    let start = || Script::slow_disk(57, parts_profile(), window(3));
    let (_, steps) = run(&mut start(), &mut Server::default(), None);
    for crash_at in 0..steps {
        let (checkpoints, _) = run(&mut start(), &mut Server::default(), Some(crash_at));
        for (n, older) in checkpoints.into_iter().enumerate() {
            let (mut script, mut server) = (start(), Server::default());
            run(&mut script, &mut server, Some(crash_at));
            if server.finalized > 0 && older.stored() < 57 {
                // The object is committed, and this checkpoint does not know: a real server says so to every Append.
                continue;
            }
            let upload = Upload::resume(script.now, older, parts_profile(), window(3), 3).unwrap();
            let mut resumed = Script::at(script.now, upload, Disk::Manual);
            run(&mut resumed, &mut server, None);
            assert!(resumed.closed.unwrap().is_ok(), "step {crash_at}, checkpoint {n}");
            assert_eq!((server.object(), server.finalized), (57, 1), "step {crash_at}, checkpoint {n}");
        }
    }
}

#[test]
fn resuming_is_deterministic() {
    let mut script = Script::opened(60, parts_profile(), policy());
    script.answer_segment(1, lost(Cut::Reset));
    let ends = [(), ()].map(|()| {
        let mut resumed = script.crash();
        resumed.always(APPEND, unreachable());
        (resumed.now, resumed.events, resumed.upload.checkpoint())
    });
    assert_eq!(ends[0], ends[1]);
}

#[test]
fn cancelled_in_finalize_unsent_and_sent_are_told_apart_even_if_nobody_can_verify() {
    let profile = Profile { verify: Verify::Unsupported, ..parts_profile() };
    let mut unsent = Script::finalizing(profile.clone(), policy());
    unsent.answer(FINALIZE, problem(ProblemKind::Transient));
    unsent.input(Input::Cancel(Disposition::Keep));
    let mut resumed = unsent.crash();
    assert_eq!(resumed.first, ["finalize"], "it was answered: no doubt about it");
    assert_eq!(resumed.answer(FINALIZE, completed()), ["closed"]);
    let mut sent = Script::finalizing(profile, policy());
    sent.start_all();
    sent.input(Input::Cancel(Disposition::Keep));
    assert!(matches!(sent.crash().error(), ErrorKind::FinalizeUnknown { .. }));
}

/// What comes back from a store of JSON is what went in.
#[cfg(feature = "serde")]
#[test]
fn a_checkpoint_survives_json() {
    let mut seen = 0;
    for profile in [parts_profile(), listed_profile()] {
        let mut script = Script::opened(57, profile.clone(), window(3));
        script.answer_segment(1, receipt("b"));
        script.answer_segment(0, problem(ProblemKind::TooLarge { ceiling: Some(7) }));
        let mut checkpoints = Vec::from([Script::with(57, profile, policy()).upload.checkpoint()]);
        checkpoints.push(script.upload.checkpoint());
        script.input(Input::Cancel(Disposition::Discard));
        checkpoints.push(script.upload.checkpoint());
        let mut finalizing = Script::finalizing(parts_profile(), policy());
        checkpoints.push(finalizing.upload.checkpoint());
        finalizing.answer(FINALIZE, running(None));
        checkpoints.push(finalizing.upload.checkpoint());
        for checkpoint in checkpoints {
            let json = serde_json::to_string(&checkpoint).unwrap();
            assert_eq!(serde_json::from_str::<Checkpoint>(&json).unwrap(), checkpoint, "{json}");
            seen += 1;
        }
    }
    assert_eq!(seen, 10);
}

/// Every number of a checkpoint replaced by every other one: it is refused, or it goes on without a panic.
#[cfg(feature = "serde")]
#[test]
fn wrong_numbers_in_a_checkpoint_are_refused_or_harmless() {
    let mut script = Script::opened(57, listed_profile(), window(3));
    script.answer_segment(1, receipt("b"));
    script.answer_segment(2, problem(ProblemKind::TooLarge { ceiling: Some(7) }));
    script.answer_segment(3, problem(ProblemKind::TooLarge { ceiling: Some(7) }));
    script.answer_segment(0, receipt("a"));
    assert_eq!(script.upload.plan().chunk_size(), 5);
    let json = serde_json::to_string(&script.upload.checkpoint()).unwrap();
    let digits: Vec<_> = json.char_indices().filter(|(_, c)| c.is_ascii_digit()).map(|(i, _)| i).collect();
    let starts = digits.iter().filter(|i| !digits.contains(&(**i).wrapping_sub(1)));
    let (mut refused, mut harmless) = (0, 0);
    for start in starts {
        let len = json[*start..].chars().take_while(char::is_ascii_digit).count();
        for number in ["0", "1", "5", "56", "58", "4294967295", "9223372036854775808", "18446744073709551615"]
        {
            let changed = format!("{}{number}{}", &json[..*start], &json[*start + len..]);
            let Ok(checkpoint) = serde_json::from_str::<Checkpoint>(&changed) else {
                refused += 1;
                continue;
            };
            // What may be asked of it before it is checked.
            for offset in [0, 7, 56, u64::MAX] {
                let _ = checkpoint.plan().index_at(offset);
                let _ = checkpoint.plan().segment(SegmentIndex::new(offset as u32));
            }
            match Upload::resume(START, checkpoint, listed_profile(), window(3), 3) {
                Err(_) => refused += 1,
                Ok(upload) => {
                    harmless += 1;
                    let mut resumed = Script::of(upload);
                    if resumed.live.iter().any(|op| op.kind() == OperationKind::Probe) {
                        resumed.answer(OperationKind::Probe, listing(&[]));
                    }
                    // Or there is a new session: what the list lacks may be of a size that was refused.
                    if resumed.live.iter().any(|op| op.kind() == APPEND) {
                        resumed.answer(APPEND, problem(ProblemKind::TooLarge { ceiling: None }));
                    }
                    resumed.input(Input::Cancel(Disposition::Discard));
                }
            }
        }
    }
    assert!(refused > 100 && harmless > 20, "{refused} refused, {harmless} harmless");
}

/// Garbage is an error, never a panic, and a reversed range is garbage.
#[cfg(feature = "serde")]
#[test]
fn garbage_from_a_store_is_refused() {
    let mut script = Script::opened(25, parts_profile(), policy());
    script.answer_segment(0, stored());
    let json = serde_json::to_string(&script.upload.checkpoint()).unwrap();
    let reversed = json.replace("[[0,10]]", "[[10,0]]");
    assert_ne!(json, reversed);
    assert!(serde_json::from_str::<Checkpoint>(&reversed).is_err());
    for cut in 0..json.len() {
        assert!(serde_json::from_str::<Checkpoint>(&json[..cut]).is_err());
    }
}

#[test]
fn what_was_sent_before_is_known_to_the_process_after_the_next() {
    let mut script = Script::opened(60, parts_profile(), window(4));
    script.answer_segment(0, stored());
    let upload = Upload::resume(START, script.upload.checkpoint(), parts_profile(), window(1), 9).unwrap();
    let resumed = Script::of(upload);
    assert_eq!(resumed.first, ["append 1 [10, 20)"]);
    assert_eq!((resumed.upload.checkpoint().sent_to(), resumed.upload.stats().sent_again), (5, 10));
}

#[test]
fn the_receipts_of_a_resumed_upload_go_with_its_finalize() {
    let mut script = Script::opened(15, listed_profile(), window(1));
    script.answer(APPEND, receipt("a"));
    assert_eq!(script.answer(APPEND, receipt("b")), ["finalize"]);
    let mut resumed = script.crash();
    assert_eq!(resumed.first, ["verify"]);
    for _ in 0..2 {
        resumed.answer(OperationKind::Verify, found(Verdict::NotCommitted));
        if resumed.live.is_empty() {
            resumed.wake();
        }
    }
    assert_eq!(resumed.under_way(), ["finalize"]);
    let Action::Finalize { receipts: Some(receipts), .. } = &resumed.live[0].action else {
        panic!("with its receipts")
    };
    assert_eq!(receipts.iter().map(Receipt::as_bytes).collect::<Vec<_>>(), [b"a", b"b"]);
}

#[test]
fn an_empty_segment_that_was_stored_is_finalized_by_the_next_process_too() {
    for (mut profile, reply) in [
        (parts_profile(), stored()),
        (crate::testing::finished_append_profile(), Reply::Advanced { cursor: 0 }),
    ] {
        profile.sizing.empty = Empty::OneSegment;
        let mut script = Script::opened(0, profile, policy());
        assert_eq!(script.answer(APPEND, reply), ["finalize"]);
        let mut resumed = script.crash();
        assert_eq!(resumed.first, ["verify"]);
        for _ in 0..2 {
            resumed.answer(OperationKind::Verify, found(Verdict::NotCommitted));
            if resumed.live.is_empty() {
                resumed.wake();
            }
        }
        assert_eq!(resumed.under_way(), ["finalize"], "the segment is not sent again");
    }
}

#[test]
fn that_a_segment_was_repeated_is_known_to_the_process_that_finalizes() {
    let mut script = Script::opened(10, parts_profile(), policy());
    script.answer(APPEND, lost(Cut::TimedOut));
    script.wake();
    assert_eq!(script.answer(APPEND, stored()), ["finalize"]);
    let mut resumed = script.crash();
    for _ in 0..2 {
        resumed.answer(OperationKind::Verify, found(Verdict::NotCommitted));
        if resumed.live.is_empty() {
            resumed.wake();
        }
    }
    let seen = resumed.answer(FINALIZE, problem(ProblemKind::SizeMismatch));
    assert_eq!((&*seen[0], resumed.restarts()), ("init", Vec::from([SessionEnd::SizeMismatch])));
}
