//! Arbitrary inputs, in any order, with any values: no panic, and the outputs keep their contract.

use alloc::vec;
use core::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::random::{runner, runs};
use super::script::*;
use crate::testing::{append_profile, listed_profile, parts_profile};
use crate::*;

/// What somebody who understands nothing does to an upload.
#[derive(Clone, Debug)]
enum Poke {
    /// Time passes, in microseconds.
    Time(u64),
    /// An input about the n-th newest operation.
    Started(usize),
    Sent(usize, u64),
    Outcome(usize, Outcome),
    /// An answer that makes sense, to the n-th newest operation.
    Fits(usize),
    /// What the disk was asked for is written, or not.
    Disk(bool),
    Input(Input),
    /// Another process goes on from the checkpoint as it is.
    Resume,
}

fn numbers() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0u64..100, 1 => any::<u64>(), 1 => Just(u64::MAX), 2 => Just(1_000_000_000)]
}

fn delays() -> impl Strategy<Value = Delay> {
    prop_oneof![
        (0u64..5_000).prop_map(|millis| Delay::After(Duration::from_millis(millis))),
        Just(Delay::After(Duration::MAX)),
        numbers().prop_map(|at| Delay::At(Timestamp::from_micros(at))),
    ]
}

fn finals() -> impl Strategy<Value = Final> {
    let sizes = option::of(prop_oneof![numbers(), Just(57)]);
    sizes.prop_map(|size| Final { id: "77".into(), size, expires_at: None, body: bytes::Bytes::new() })
}

fn receipts() -> impl Strategy<Value = Option<Receipt>> {
    option::weighted(0.8, Just(Receipt::new(bytes::Bytes::from_static(b"r"))))
}

fn pages() -> impl Strategy<Value = Page> {
    let part = (
        0u32..9,
        prop_oneof![3 => Just(10u64), 1 => numbers()],
        receipts(),
        option::weighted(0.2, numbers()),
    )
        .prop_map(|(index, len, receipt, start)| Part {
            index: SegmentIndex::new(index),
            len,
            receipt,
            range: start.map(|start| ByteRange::at(start, len)),
        });
    let next = option::weighted(0.3, "[a-c]");
    (vec(part, 0..5), next).prop_map(|(parts, next)| Page { parts, next: next.map(PageToken::new) })
}

fn processings() -> impl Strategy<Value = Processing> {
    let running = (option::of(delays()), option::of(numbers())).prop_map(|(after, percent)| {
        Processing::Running { after, percent: percent.map(Percent::saturating) }
    });
    prop_oneof![5 => running, 1 => Just(Processing::Failed(ServerError::message("no")))]
}

fn replies() -> impl Strategy<Value = Reply> {
    let verdict = prop_oneof![
        finals().prop_map(|done| Verdict::Committed(Commitment::Ready(done))),
        processings().prop_map(|processing| Verdict::Committed(Commitment::Processing(processing))),
        Just(Verdict::NotCommitted),
        Just(Verdict::CannotTell),
    ];
    prop_oneof![
        3 => ("[a-c]", option::of(delays()))
            .prop_map(|(session, expires)| Reply::Opened { session: Session::new(session), expires }),
        8 => (receipts(), option::weighted(0.1, delays()))
            .prop_map(|(receipt, expires)| Reply::Stored { receipt, expires }),
        4 => prop_oneof![3 => 0u64..60, 1 => numbers()].prop_map(|cursor| Reply::Advanced { cursor }),
        3 => pages().prop_map(Reply::Probed),
        2 => processings().prop_map(Reply::Processing),
        1 => finals().prop_map(Reply::Completed),
        2 => verdict.prop_map(Reply::Verified),
        1 => Just(Reply::Aborted),
        1 => Just(Reply::AbortPending),
    ]
}

fn failures() -> impl Strategy<Value = Failure> {
    let kinds = prop_oneof![
        Just(ProblemKind::Transient),
        Just(ProblemKind::Throttled),
        Just(ProblemKind::Busy),
        option::of(numbers()).prop_map(|cursor| ProblemKind::OffsetConflict { cursor }),
        receipts().prop_map(|receipt| ProblemKind::AlreadyStored { receipt }),
        Just(ProblemKind::SegmentRejected),
        Just(ProblemKind::SegmentsMissing),
        Just(ProblemKind::SizeMismatch),
        option::of(numbers()).prop_map(|ceiling| ProblemKind::TooLarge { ceiling }),
        Just(ProblemKind::SessionGone),
        Just(ProblemKind::CredentialsExpired),
        Just(ProblemKind::Refused(Refusal::Quota)),
        Just(ProblemKind::Broken),
    ];
    let answered = (kinds, option::weighted(0.3, delays()))
        .prop_map(|(kind, after)| Failure::Answered(Problem { kind, after, server: ServerError::default() }));
    prop_oneof![
        5 => answered,
        1 => Just(unreachable()),
        1 => prop_oneof![Just(Cut::Reset), Just(Cut::TimedOut), Just(Cut::Ambiguous { after: None })].prop_map(lost),
    ]
}

fn outcomes() -> impl Strategy<Value = Outcome> {
    let pace = (0u64..3, numbers())
        .prop_map(|(remaining, reset)| Pace { remaining, reset: Timestamp::from_micros(reset) });
    let result = prop_oneof![2 => replies().prop_map(Ok), 1 => failures().prop_map(Err)];
    (result, option::weighted(0.1, pace)).prop_map(|(result, pace)| Outcome { result, pace })
}

fn inputs() -> impl Strategy<Value = Input> {
    let kinds = proptest::sample::select(OperationKind::ALL.to_vec());
    prop_oneof![
        4 => Just(Input::Tick),
        2 => numbers().prop_map(|seq| Input::Persisted(CheckpointSeq(seq))),
        2 => numbers().prop_map(|seq| Input::PersistFailed(CheckpointSeq(seq))),
        4 => (0u64..60, any::<bool>()).prop_map(|(up_to, more)| {
            Input::Available { up_to, growth: if more { Growth::Growing } else { Growth::Ended } }
        }),
        1 => Just(Input::SourceChanged),
        1 => Just(Input::SourceUnreadable(Detail::EMPTY)),
        4 => (0u64..3, option::weighted(0.9, 0u64..4)).prop_map(|(stale, fresh)| {
            let stale = CredentialEpoch::new(stale);
            Input::Refreshed { stale, result: fresh.map(CredentialEpoch::new).ok_or(Detail::EMPTY) }
        }),
        2 => (kinds, numbers()).prop_map(|(kind, at)| Input::Hold { kind, until: Timestamp::from_micros(at) }),
        3 => Just(Input::Pause),
        4 => Just(Input::Resume),
        1 => Just(Input::Cancel(Disposition::Keep)),
        1 => Just(Input::Cancel(Disposition::Discard)),
    ]
}

fn pokes() -> impl Strategy<Value = Poke> {
    prop_oneof![
        4 => (0u64..40_000_000).prop_map(Poke::Time),
        1 => any::<u64>().prop_map(|time| Poke::Time(time >> 20)),
        6 => (0usize..5).prop_map(Poke::Started),
        4 => (0usize..5, numbers()).prop_map(|(nth, bytes)| Poke::Sent(nth, bytes)),
        20 => (0usize..4).prop_map(Poke::Fits),
        10 => (0usize..5, outcomes()).prop_map(|(nth, outcome)| Poke::Outcome(nth, outcome)),
        8 => proptest::bool::weighted(0.9).prop_map(Poke::Disk),
        4 => inputs().prop_map(Poke::Input),
        1 => Just(Poke::Resume),
    ]
}

fn uploads() -> impl Strategy<Value = (u64, Profile, Policy)> {
    let kinds = proptest::sample::select(vec![parts_profile(), listed_profile(), append_profile()]);
    let profile = (kinds, any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(mut profile, none, implicit, verify, uniform)| {
            profile.sizing.empty = if none { Empty::OneSegment } else { Empty::NoSegment };
            if none {
                profile.open = Open::None;
            }
            profile.finalize = match profile.finalize {
                _ if implicit => Finalize::Implicit,
                Finalize::Implicit => Finalize::Call { receipts: Receipts::NotWanted },
                call => call,
            };
            profile.verify = if verify { Verify::Call } else { Verify::Unsupported };
            if uniform {
                profile.sizing.uniformity = Uniformity::Uniform;
            }
            profile.sizing.max_count = 12;
            profile
        },
    );
    let len = prop_oneof![1 => Just(0u64), 6 => Just(57u64)];
    let policy = (1u32..5, any::<bool>(), 0u32..6).prop_map(|(n, adaptive, budget)| {
        let n = n.try_into().unwrap();
        let window = if adaptive { WindowPolicy::Adaptive { max: n } } else { WindowPolicy::Fixed(n) };
        Policy { window, retry: RetryPolicy { budget, ..RetryPolicy::default() }, ..policy() }
    });
    (len, profile, policy)
}

/// An upload and what its outputs promise.
struct Watched {
    upload: Upload,
    now: Timestamp,
    live: Vec<Operation>,
    newest: Vec<OpId>,
    writing: Option<CheckpointSeq>,
    progress: Progress,
    closed: Option<Result<Completed, UploadError>>,
    outputs: Vec<Output>,
}

impl Watched {
    fn new(upload: Upload, now: Timestamp) -> Self {
        let progress = upload.progress();
        let (live, newest, outputs) = (Vec::new(), Vec::new(), Vec::new());
        let mut watched = Self { upload, now, live, newest, writing: None, progress, closed: None, outputs };
        watched.drain();
        watched
    }

    fn drain(&mut self) {
        for n in 0.. {
            assert!(n < 500, "a drain has an end");
            let output = self.upload.poll(self.now);
            self.outputs.push(output.clone());
            if self.closed.is_some() {
                assert!(matches!(output, Output::Closed(_)), "closed is absorbing: {output:?}");
            }
            match output {
                Output::Perform(op) => {
                    let of = |op: &Operation| (op.kind(), op.action.segment());
                    assert!(
                        self.live.iter().all(|live| of(live) != of(&op)),
                        "two live attempts of {:?}",
                        of(&op)
                    );
                    let one_writer = matches!(self.upload.shared.profile.transfer, Transfer::Append(_));
                    if let (Some(range), true) = (op.payload(), one_writer) {
                        let cursor = self.upload.checkpoint().stored();
                        assert_eq!(range.start(), cursor, "it starts at the cursor");
                    }
                    let alone = op.kind() != OperationKind::Append || one_writer;
                    assert!(!alone || self.live.is_empty(), "{op:?} beside {:?}", self.live);
                    self.newest.push(op.id);
                    self.live.push(op);
                }
                Output::Cancel(id) => {
                    let before = self.live.len();
                    self.live.retain(|op| op.id != id);
                    assert_eq!(self.live.len() + 1, before, "only what is under way is given up");
                }
                Output::Persist { seq } => {
                    assert_eq!(self.writing, None, "one is under way at a time");
                    self.writing = Some(seq);
                }
                Output::Release(_) => panic!("the source can be rewound"),
                Output::Refresh { .. } | Output::Notify(_) => {}
                Output::Idle { wake_at } => {
                    assert!(wake_at.is_none_or(|at| at > self.now), "a wake-up in the past");
                    break;
                }
                Output::Closed(result) => {
                    assert!(self.live.is_empty(), "what is under way is given up before the end");
                    match &self.closed {
                        Some(before) => assert_eq!(*before, result),
                        None => self.closed = Some(result),
                    }
                    break;
                }
            }
        }
        let (before, progress) = (self.progress, self.upload.progress());
        if before.session == progress.session {
            assert!(
                progress.sent >= before.sent && progress.stored >= before.stored,
                "{before:?} {progress:?}"
            );
            assert!(progress.committed >= before.committed, "{before:?} {progress:?}");
            assert!(progress.processed >= before.processed, "{before:?} {progress:?}");
        }
        assert!(progress.session >= before.session);
        assert!(progress.stored <= progress.sent && progress.sent <= progress.total.unwrap(), "{progress:?}");
        self.progress = progress;
    }

    fn nth(&self, nth: usize) -> OpId {
        self.newest.iter().rev().nth(nth).copied().unwrap_or(OpId::from_raw(u64::MAX))
    }

    fn poke(&mut self, poke: &Poke, profile: &Profile, policy: &Policy) {
        let input = match poke {
            Poke::Time(micros) => {
                self.now = self.now.after(Duration::from_micros(*micros));
                return self.drain();
            }
            Poke::Started(nth) => Input::Started(self.nth(*nth)),
            Poke::Sent(nth, bytes) => Input::Sent { op: self.nth(*nth), bytes: *bytes },
            Poke::Outcome(nth, outcome) => {
                let op = self.nth(*nth);
                self.live.retain(|live| live.id != op);
                Input::Outcome { op, outcome: outcome.clone() }
            }
            Poke::Fits(nth) => {
                let op = self.nth(*nth);
                let Some(at) = self.live.iter().position(|live| live.id == op) else { return };
                let reply = match (self.live.swap_remove(at).action, profile.transfer) {
                    (Action::Init { .. }, _) => opened(),
                    (Action::Append { .. }, Transfer::Parts(_)) => receipt("r"),
                    (Action::Append { segment, .. }, Transfer::Append(_)) => {
                        Reply::Advanced { cursor: segment.range.end() }
                    }
                    (Action::Probe { .. }, Transfer::Parts(_)) => listing(&[(0, 10), (2, 10)]),
                    (Action::Probe { .. }, Transfer::Append(_)) => {
                        Reply::Advanced { cursor: self.upload.checkpoint().stored() }
                    }
                    (Action::Finalize { .. }, _) => running(Some(1)),
                    (Action::Status { .. }, _) => completed(),
                    (Action::Verify { .. }, _) => found(Verdict::NotCommitted),
                    (Action::Abort { .. }, _) => Reply::Aborted,
                };
                Input::Outcome { op, outcome: reply.into() }
            }
            Poke::Disk(done) => {
                let Some(seq) = self.writing.take() else { return };
                if *done { Input::Persisted(seq) } else { Input::PersistFailed(seq) }
            }
            Poke::Input(input) => {
                if let Input::Persisted(seq) = input
                    && self.writing.is_some_and(|wanted| wanted <= *seq)
                {
                    self.writing = None;
                }
                if let Input::PersistFailed(_) = input {
                    self.writing = None;
                }
                input.clone()
            }
            Poke::Resume => {
                let checkpoint = self.upload.checkpoint();
                let resumed = Upload::resume(self.now, checkpoint, profile.clone(), policy.clone(), 5)
                    .expect("what the engine wrote it can read");
                let outputs = core::mem::take(&mut self.outputs);
                *self = Self::new(resumed, self.now);
                self.outputs.splice(0..0, outputs);
                return;
            }
        };
        self.upload.handle(self.now, input);
        self.drain();
    }
}

#[test]
fn arbitrary_inputs_never_panic_and_the_outputs_keep_their_contract() {
    let cases = (uploads(), vec(pokes(), 0..80));
    let met = core::cell::RefCell::new(alloc::collections::BTreeSet::new());
    runner(runs(700))
        .run(&cases, |((len, profile, policy), pokes)| {
            let start = || {
                let spec = UploadSpec::whole(len);
                Watched::new(Upload::new(START, spec, profile.clone(), policy.clone(), 3).unwrap(), START)
            };
            let (mut one, mut other) = (start(), start());
            for poke in &pokes {
                one.poke(poke, &profile, &policy);
                other.poke(poke, &profile, &policy);
                met.borrow_mut().insert(one.upload.phase());
            }
            prop_assert_eq!(one.outputs, other.outputs, "the same inputs give the same outputs");
            Ok(())
        })
        .unwrap();
    assert_eq!(met.into_inner().len(), 8, "every phase is met");
}
