//! What the fuzz targets of the core run, over the kept seeds and over noise.
#![cfg(test)]

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use chunkwise_testkit::fuzz::{Replay, checkpoint, inputs, plan};

const FUZZ: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz");

#[test]
fn arbitrary_inputs_keep_the_contract() {
    let met = RefCell::new(BTreeSet::new());
    let body = |bytes: &[u8]| {
        inputs::run_and_tell(bytes, &mut |phase| {
            met.borrow_mut().insert(phase);
        })
    };
    Replay { fuzz: FUZZ, target: "inputs", runs: 3_000, longest: 600 }.run(body).unwrap();
    assert_eq!(met.into_inner().len(), 8, "every phase is met");
}

#[test]
fn a_foreign_checkpoint_is_refused_or_harmless() {
    let accepted = Cell::new(0);
    let body = |bytes: &[u8]| {
        let tally = checkpoint::run_and_tell(bytes)?;
        accepted.set(accepted.get() + u32::from(tally.accepted > 0));
        Ok::<_, chunkwise_testkit::fuzz::Finding>(())
    };
    Replay { fuzz: FUZZ, target: "checkpoint", runs: 2_000, longest: 200 }.run(body).unwrap();
    assert!(accepted.get() > 300, "nearly all are refused before anything is tried");
}

#[test]
fn every_plan_is_the_oracles() {
    Replay { fuzz: FUZZ, target: "plan", runs: 10_000, longest: 60 }.run(plan::run).unwrap();
}
