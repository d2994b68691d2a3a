//! Properties, by proptest: random plans, policies and fault schedules against the model servers, shrunk to the smallest
//! scenario that fails; checkpoints; the bounds of retries.
//!
//! `PROPTEST_CASES` sets how many cases there are; a failing one is printed with all that replays it.
#![cfg(test)]

use std::time::Duration;

use chunkwise_core::{
    Checkpoint, Empty, Event, Input, OperationKind, Output, Policy, RetryPolicy, Timestamp, Upload,
    UploadSpec, WindowPolicy,
};
use chunkwise_testkit::fault::{Fault, Loss, Said, Wait};
use chunkwise_testkit::scenario::{Control, CrashPoint, Faults, Network, Source};
use chunkwise_testkit::server::{
    Answer, Appetite, Arrived, Lie, Limit, Memory, ProcessingEnds, Repeats, Server, ServerSettings,
};
use chunkwise_testkit::{Model, Scenario, simulation};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

fn millis(longest: u64) -> impl Strategy<Value = Duration> {
    (0..longest).prop_map(Duration::from_millis)
}

fn waits() -> impl Strategy<Value = Option<Wait>> {
    option::of(prop_oneof![
        millis(9_000).prop_map(Wait::For),
        millis(9_000).prop_map(Wait::Until),
        Just(Wait::Past)
    ])
}

fn said() -> impl Strategy<Value = Said> {
    prop_oneof![
        waits().prop_map(Said::Transient),
        waits().prop_map(Said::Throttled),
        waits().prop_map(Said::Busy),
        waits().prop_map(Said::Broken),
        select(vec![Said::Rejected, Said::Gone, Said::Expired, Said::Conflict, Said::Invalid, Said::Endless]),
    ]
}

fn faults() -> impl Strategy<Value = Fault> {
    let loss = || select(vec![Loss::Reset, Loss::Silence, Loss::Garbled]);
    prop_oneof![
        1 => Just(Fault::Unreachable),
        2 => loss().prop_map(Fault::RequestLost),
        2 => (0..=1_000u16).prop_map(Fault::Cut),
        1 => (0..=1_000u16).prop_map(Fault::Stall),
        1 => millis(20_000).prop_map(Fault::RequestLate),
        3 => loss().prop_map(Fault::ReplyLost),
        1 => millis(3_000).prop_map(Fault::ReplyTwice),
        1 => millis(20_000).prop_map(Fault::ReplyLate),
        3 => said().prop_map(Fault::Says),
        1 => millis(9_000).prop_map(Fault::Misfit),
        1 => select(Lie::ALL.to_vec()).prop_map(Fault::Lies),
    ]
}

fn controls() -> impl Strategy<Value = (Duration, Control)> {
    let what = prop_oneof![
        select(vec![
            Control::Pause,
            Control::Resume,
            Control::Crash,
            Control::Keep,
            Control::Discard,
            Control::Hold,
            Control::Rotate,
            Control::Suspend,
        ]),
        (0..4_000u32).prop_map(Control::ClockForward),
        (0..4_000u32).prop_map(Control::ClockBack),
    ];
    (millis(15_000), what)
}

fn servers() -> impl Strategy<Value = ServerSettings> {
    let limit = prop_oneof![
        6 => Just(Limit::None),
        1 => (1u64..40).prop_map(Limit::Answered),
        1 => (1u64..40).prop_map(Limit::Named),
        1 => (1u64..40).prop_map(Limit::Reset),
    ];
    let processing = prop_oneof![
        6 => Just(ProcessingEnds::Ready),
        1 => Just(ProcessingEnds::Fails),
        1 => Just(ProcessingEnds::Never),
    ];
    let repeats = select(vec![Repeats::Overwrite, Repeats::Tell, Repeats::Refuse]);
    let memory = prop_oneof![4 => Just(Memory::Good), 1 => Just(Memory::LosesOnce)];
    let lifetime = option::weighted(0.2, (1u64..90).prop_map(Duration::from_secs));
    let appetite = prop_oneof![
        4 => Just(Appetite::All),
        1 => (1u64..20).prop_map(Appetite::AtMost),
        1 => (0u64..200).prop_map(Appetite::NothingBehind),
    ];
    let limit_from = prop_oneof![3 => Just(0u64), 1 => 0u64..100];
    let counts = (0u32..4, 1u32..6, 0u32..3, appetite, limit_from);
    (select(Model::ALL.to_vec()), limit, processing, repeats, memory, lifetime, counts).prop_map(
        |(
            model,
            limit,
            processing,
            repeats,
            memory,
            lifetime,
            (polls, page, abort_rounds, appetite, limit_from),
        )| {
            ServerSettings {
                model,
                limit,
                polls,
                processing,
                repeats,
                lifetime,
                memory,
                page,
                abort_rounds,
                appetite,
                limit_from,
            }
        },
    )
}

fn scenarios() -> impl Strategy<Value = Scenario> {
    let window = (1u32..6, any::<bool>()).prop_map(|(n, fixed)| {
        let n = n.try_into().unwrap();
        if fixed { WindowPolicy::Fixed(n) } else { WindowPolicy::Adaptive { max: n } }
    });
    let source = prop_oneof![4 => Just(Source::Whole), 1 => Just(Source::Growing), 1 => Just(Source::Once)];
    let network = (1u64..400, select(vec![50u64, 1_000, 1_000_000])).prop_map(|(most, rate)| Network {
        least: 1,
        most,
        rate,
    });
    let plan = (0u64..240, 1u64..60, window, prop_oneof![4 => Just(1_000u32), 1 => 4u32..30], source);
    let points = select(vec![CrashPoint::Before, CrashPoint::During, CrashPoint::After]);
    let trouble = (vec((0u32..60, faults()), 0..12), vec(controls(), 0..4), vec((0u32..12, points), 0..3));
    let empty = select(vec![Empty::OneSegment, Empty::NoSegment]);
    (any::<u64>(), servers(), plan, network, trouble, empty).prop_map(
        |(seed, server, (total, chunk, window, max_count, source), network, trouble, empty)| {
            let (faults, mut controls, crashes) = trouble;
            // Whoever pauses goes on some time.
            controls.push((Duration::from_secs(20), Control::Resume));
            let faults = Faults::Scheduled(faults);
            Scenario {
                seed,
                server,
                total,
                chunk,
                window,
                max_count,
                empty,
                source,
                network,
                faults,
                controls,
                crashes,
                ..Scenario::calm(Model::Parts)
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is scheduled, every invariant holds after every step, and the end is a right one.
    #[test]
    fn every_schedule_of_faults_is_survived(scenario in scenarios()) {
        if let Err(failed) = simulation::run(&scenario) {
            return Err(TestCaseError::fail(failed.to_string()));
        }
    }
}

/// An upload by hand, without a network: every operation is answered at once by the model server.
struct ByHand {
    upload: Upload,
    server: Server,
    now: Timestamp,
    sent: Vec<chunkwise_core::ByteRange>,
    checkpoints: Vec<Checkpoint>,
}

impl ByHand {
    fn new(model: Model, total: u64) -> Self {
        let scenario = Scenario { total, ..Scenario::calm(model) };
        let (spec, profile) = (UploadSpec::whole(total), scenario.profile());
        let upload = Upload::new(simulation::START, spec, profile, scenario.policy(), 1).unwrap();
        let server = Server::new(scenario.server);
        Self { upload, server, now: simulation::START, sent: Vec::new(), checkpoints: Vec::new() }
    }

    /// Goes on until it has nothing to do at all or so many operations were performed; says how it ended.
    fn run(&mut self, operations: usize) -> Option<bool> {
        let mut performed = 0;
        for _ in 0..10_000 {
            match self.upload.poll(self.now) {
                Output::Perform(op) => {
                    if performed == operations {
                        return None;
                    }
                    performed += 1;
                    self.upload.handle(self.now, Input::Started(op.id));
                    self.sent.extend(op.payload());
                    let outcome = match self.server.perform(self.now, &op.action, Arrived::Whole) {
                        Answer::Reply(reply) => reply.into(),
                        Answer::Problem(_) | Answer::Reset => panic!("nothing goes wrong here: {op:?}"),
                    };
                    self.upload.handle(self.now, Input::Outcome { op: op.id, outcome });
                }
                Output::Persist { .. } => {
                    let checkpoint = self.upload.checkpoint();
                    self.upload.handle(self.now, Input::Persisted(checkpoint.seq()));
                    self.checkpoints.push(checkpoint);
                }
                Output::Idle { wake_at } => self.now = wake_at.expect("it waits for time only"),
                Output::Closed(result) => return Some(result.is_ok()),
                Output::Cancel(_) | Output::Release(_) | Output::Refresh { .. } | Output::Notify(_) => {}
            }
        }
        panic!("it does not end");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// From the checkpoint at any point another process finishes, and sends nothing again that it holds as stored.
    #[test]
    fn a_checkpoint_of_any_moment_goes_through_bytes_and_on(
        model in select(vec![Model::Parts, Model::Listed, Model::AppendPrefix, Model::AppendAtomic]),
        total in 1u64..150,
        operations in 0usize..24,
    ) {
        let mut first = ByHand::new(model, total);
        if first.run(operations).is_some() {
            return Ok(());
        }
        let checkpoint = first.upload.checkpoint();
        let bytes = serde_json::to_vec(&checkpoint).unwrap();
        let back: Checkpoint = serde_json::from_slice(&bytes).unwrap();
        prop_assert_eq!(&back, &checkpoint);
        let stored = back.stored_ranges().cloned().unwrap_or_default();
        let scenario = Scenario { total, ..Scenario::calm(model) };
        let upload = Upload::resume(first.now, back, scenario.profile(), scenario.policy(), 2).unwrap();
        let mut second = ByHand { upload, sent: Vec::new(), ..first };
        prop_assert_eq!(second.run(usize::MAX), Some(true));
        for range in &second.sent {
            prop_assert!(!stored.overlaps(*range), "{} was stored", range);
        }
        let session = second.upload.session().cloned().unwrap();
        let object = second.server.object(&session);
        let sum: u64 = object.iter().map(|range| range.len()).sum();
        prop_assert_eq!(sum, total);
    }

    /// Of an operation that never gets through: how often it is tried, and how long each wait may be.
    #[test]
    fn retries_and_backoffs_keep_their_bounds(
        attempts in 1u32..9,
        budget in 0u32..9,
        base in 1u64..2_000,
        cap in 2_000u64..90_000,
        seed in any::<u64>(),
    ) {
        let (base, cap) = (Duration::from_millis(base), Duration::from_millis(cap));
        let retry = RetryPolicy {
            attempts: attempts.try_into().unwrap(),
            budget,
            backoff_base: base,
            backoff_cap: cap,
            ..RetryPolicy::default()
        };
        let policy = Policy { retry, ..Policy::default() };
        let profile = Model::Parts.profile();
        let mut now = simulation::START;
        let mut upload = Upload::new(now, UploadSpec::whole(10), profile, policy, seed).unwrap();
        let (mut tried, mut due) = (0u32, None);
        let error = loop {
            match upload.poll(now) {
                Output::Perform(op) => {
                    prop_assert_eq!(op.kind(), OperationKind::Init);
                    prop_assert_eq!(op.attempt, tried + 1);
                    prop_assert!(due.is_none_or(|due| now >= due), "before its backoff is over");
                    tried += 1;
                    upload.handle(now, Input::Started(op.id));
                    let outcome = chunkwise_testkit::fault::unreachable();
                    upload.handle(now, Input::Outcome { op: op.id, outcome });
                }
                Output::Notify(Event::Retrying { at, .. }) => {
                    let most = base.saturating_mul(1 << (tried - 1).min(30)).min(cap);
                    prop_assert!(at.since(now) <= most, "{:?} after {} tries", at.since(now), tried);
                    due = Some(at);
                }
                Output::Idle { wake_at } => now = wake_at.expect("a retry is due"),
                Output::Closed(result) => break result.unwrap_err(),
                _ => {}
            }
        };
        prop_assert_eq!(tried, attempts.min(budget + 1), "{}", error);
    }
}
