//! What the fuzz targets run, over the kept seeds and over noise.
//!
//! `CHUNKWISE_SEED` chooses other noise, `CHUNKWISE_RUNS` how much of it.
#![cfg(test)]

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;

use chunkwise_testkit::fuzz::{Finding, checkpoint, inputs, noise, plan, seeds};

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(otherwise)
}

/// Runs the body over its seeds and over noise.
fn replay(target: &str, runs: u64, longest: usize, body: impl Fn(&[u8]) -> Result<(), Finding>) {
    let kept = seeds(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz")), target).unwrap();
    assert!(!kept.is_empty(), "{target} has no seeds");
    for (name, bytes) in kept {
        body(&bytes).unwrap_or_else(|finding| panic!("{target}, seed {name}: {finding}"));
    }
    let seed = setting("CHUNKWISE_SEED", 1);
    let runs = setting("CHUNKWISE_RUNS", runs);
    for (nth, bytes) in noise(seed, longest).take(usize::try_from(runs).unwrap()).enumerate() {
        body(&bytes).unwrap_or_else(|finding| {
            panic!("{target}, CHUNKWISE_SEED={seed}, string {nth}, {bytes:?}: {finding}")
        });
    }
}

#[test]
fn arbitrary_inputs_keep_the_contract() {
    let met = RefCell::new(BTreeSet::new());
    replay("inputs", 3_000, 600, |bytes| {
        inputs::run_and_tell(bytes, &mut |phase| {
            met.borrow_mut().insert(phase);
        })
    });
    assert_eq!(met.into_inner().len(), 8, "every phase is met");
}

#[test]
fn a_foreign_checkpoint_is_refused_or_harmless() {
    let accepted = RefCell::new(0);
    replay("checkpoint", 2_000, 200, |bytes| {
        *accepted.borrow_mut() += u32::from(checkpoint::run_and_tell(bytes)?.accepted > 0);
        Ok(())
    });
    assert!(accepted.into_inner() > 300, "most checkpoints are refused before anything is tried");
}

#[test]
fn every_plan_is_the_oracles() {
    replay("plan", 10_000, 60, plan::run);
}
