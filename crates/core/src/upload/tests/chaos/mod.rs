//! Random uploads against a model server over a network that loses, delays, repeats and lies, on a virtual clock,
//! with crashes. After every step each invariant of the design that can be seen from outside is checked by a function
//! of its own ([`invariants`]).
//!
//! Everything follows from a case's `seed` and settings, which proptest prints when one fails; the cases themselves
//! come from a fixed generator. `CHUNKWISE_CASES` sets how many there are, `CHUNKWISE_SEED` takes other
//! ones, `CHUNKWISE_SHRINK` is how many steps a failing one may take to become smaller.

mod chance;
mod invariants;
mod judge;
mod server;
mod world;

use proptest::prelude::*;
use proptest::test_runner::{Config as Runs, RngAlgorithm, TestRng, TestRunner};

use self::world::World;
use super::script::*;
use crate::testing::{listed_profile, parts_profile};
use crate::*;

/// One case: all that is decided before it begins.
#[derive(Clone, Debug)]
struct Case {
    /// What chance does on the way.
    seed: u64,
    len: u64,
    chunk: u64,
    window: WindowPolicy,
    kind: Kind,
    limit: Limit,
    /// How many indexes the server takes.
    max_count: u32,
    /// How many faults there are before everything works.
    faults: u32,
    /// How often one happens, of 100 operations.
    rate: u64,
    /// How many Status operations the processing takes.
    polls: u32,
    processing_fails: bool,
    /// Whether a segment that is there already is an error.
    tells_twice: bool,
    source: Source,
    crashes: u32,
    pauses: u32,
    ending: Ending,
    /// After how many seconds a session expires.
    expires: Option<u64>,
}

/// What the protocol can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Like X.
    Plain,
    /// Verify is not supported.
    Blind,
    /// Verify can't tell.
    Mute,
    /// Segments of one size only.
    Uniform,
    /// Like S3.
    Listed,
}

/// What the server does with segments that are larger than it likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Limit {
    None,
    /// It says so.
    Answered(u64),
    /// It says so, and what it would take.
    Named(u64),
    /// It breaks the connection.
    Reset(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Whole,
    Growing,
    /// Can be read once only.
    Once,
}

/// What the caller does in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Waits,
    Keeps,
    Discards,
}

fn limits() -> impl Strategy<Value = Limit> {
    prop_oneof![
        6 => Just(Limit::None),
        1 => (1u64..40).prop_map(Limit::Answered),
        1 => (1u64..40).prop_map(Limit::Named),
        1 => (1u64..40).prop_map(Limit::Reset),
    ]
}

fn cases() -> impl Strategy<Value = Case> {
    let kind = prop_oneof![
        4 => Just(Kind::Plain),
        1 => Just(Kind::Blind),
        1 => Just(Kind::Mute),
        1 => Just(Kind::Uniform),
        3 => Just(Kind::Listed),
    ];
    let window = (1u32..6, any::<bool>()).prop_map(|(n, fixed)| {
        let n = n.try_into().unwrap();
        if fixed { WindowPolicy::Fixed(n) } else { WindowPolicy::Adaptive { max: n } }
    });
    let source = prop_oneof![4 => Just(Source::Whole), 1 => Just(Source::Growing), 1 => Just(Source::Once)];
    let ending = prop_oneof![8 => Just(Ending::Waits), 1 => Just(Ending::Keeps), 2 => Just(Ending::Discards)];
    let plan = (0u64..240, 4u64..60, window, kind, limits(), prop_oneof![3 => Just(1000u32), 1 => 4u32..30]);
    let faults = (
        prop_oneof![1 => Just(0u32), 3 => 1u32..6, 2 => 6u32..30],
        prop_oneof![Just(10u64), Just(30), Just(70)],
    );
    let rest =
        (0u32..4, proptest::bool::weighted(0.1), source, prop_oneof![2 => Just(0u32), 1 => 1u32..4], 0u32..3);
    let end = (ending, proptest::option::weighted(0.15, 2u64..60));
    (any::<u64>(), plan, faults, rest, end).prop_map(|(seed, plan, faults, rest, end)| {
        let (len, chunk, window, kind, limit, max_count) = plan;
        let (polls, processing_fails, source, crashes, pauses) = rest;
        let (faults, rate) = faults;
        let (ending, expires) = end;
        let crashes = if source == Source::Once { 0 } else { crashes };
        Case {
            seed,
            len,
            chunk,
            window,
            kind,
            limit,
            max_count,
            faults,
            rate,
            polls,
            processing_fails,
            tells_twice: seed & 2 == 2,
            source,
            crashes,
            pauses,
            ending,
            expires,
        }
    })
}

impl Case {
    fn profile(&self) -> Profile {
        let mut profile = match self.kind {
            Kind::Plain | Kind::Mute => parts_profile(),
            Kind::Blind => Profile { verify: Verify::Unsupported, ..parts_profile() },
            Kind::Uniform => parts_profile(),
            Kind::Listed => listed_profile(),
        };
        if self.kind == Kind::Uniform {
            profile.sizing.uniformity = Uniformity::Uniform;
        }
        profile.sizing.max_count = self.max_count;
        profile.sizing.empty = if self.seed.is_multiple_of(2) { Empty::NoSegment } else { Empty::OneSegment };
        profile
    }

    fn policy(&self) -> Policy {
        Policy {
            chunk_size: ChunkSize::new(self.chunk).unwrap(),
            window: self.window,
            timeouts: Timeouts { stall: secs(5), response: secs(5) },
            deadline: secs(3600),
            processing: ProcessingPolicy { deadline: secs(600), ..ProcessingPolicy::default() },
            ..Policy::default()
        }
    }

    fn spec(&self) -> UploadSpec {
        let whole = UploadSpec::whole(self.len);
        match self.source {
            Source::Whole => whole,
            Source::Growing => UploadSpec { available: Some(0), ..whole },
            Source::Once => UploadSpec { rewind: Rewind::UntilReleased, ..whole },
        }
    }
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|value| value.parse().ok())
}

/// Cases from a fixed generator, or from another one by `CHUNKWISE_SEED`.
pub(in super::super) fn runner(cases: u32) -> TestRunner {
    let max_shrink_iters =
        setting("CHUNKWISE_SHRINK").and_then(|steps| steps.try_into().ok()).unwrap_or(3_000);
    let config = Runs { cases, failure_persistence: None, max_shrink_iters, ..Runs::default() };
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&setting("CHUNKWISE_SEED").unwrap_or(1).to_le_bytes());
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed))
}

pub(in super::super) fn runs(normally: u32) -> u32 {
    setting("CHUNKWISE_CASES").and_then(|cases| cases.try_into().ok()).unwrap_or(normally)
}

#[test]
fn whatever_happens_the_invariants_hold_and_every_upload_ends() {
    let ends = core::cell::RefCell::new(alloc::collections::BTreeMap::<&str, u32>::new());
    let runs = runs(2_000);
    let ran = runner(runs).run(&cases(), |case| {
        let end = World::new(&case).run();
        *ends.borrow_mut().entry(end).or_default() += 1;
        Ok(())
    });
    if let Err(error) = ran {
        panic!("{error}");
    }
    let ends = ends.into_inner();
    assert!(ends.get("completed").copied().unwrap_or(0) > runs / 2, "most get through: {ends:?}");
    // The bad ends are met as well: the checks of them are not idle.
    for end in
        ["cancelled", "discarded", "exhausted", "finalize unknown", "processing failed", "session lost"]
    {
        assert!(ends.contains_key(end), "{end} is never met: {ends:?}");
    }
}

#[test]
fn a_world_is_deterministic() {
    runner(50)
        .run(&cases(), |case| {
            let (mut one, mut other) = (World::new(&case), World::new(&case));
            prop_assert_eq!(one.run(), other.run());
            prop_assert_eq!(one.log(), other.log());
            Ok(())
        })
        .unwrap();
}
