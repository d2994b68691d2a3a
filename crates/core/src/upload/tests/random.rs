//! Random cases from a fixed generator. `CHUNKWISE_CASES` sets how many there are, `CHUNKWISE_SEED` takes other ones.

use proptest::test_runner::{Config as Runs, RngAlgorithm, TestRng, TestRunner};

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|value| value.parse().ok())
}

/// Cases from a fixed generator, or from another one by `CHUNKWISE_SEED`.
pub(super) fn runner(cases: u32) -> TestRunner {
    let max_shrink_iters =
        setting("CHUNKWISE_SHRINK").and_then(|steps| steps.try_into().ok()).unwrap_or(3_000);
    let config = Runs { cases, failure_persistence: None, max_shrink_iters, ..Runs::default() };
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&setting("CHUNKWISE_SEED").unwrap_or(1).to_le_bytes());
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed))
}

pub(super) fn runs(normally: u32) -> u32 {
    setting("CHUNKWISE_CASES").and_then(|cases| cases.try_into().ok()).unwrap_or(normally)
}
