//! What holds for every backend, with hyper.
#![cfg(test)]

mod support;

use chunkwise_hyper::HyperBackend;
use support::early::{ROUNDS, Then, refusals_seen};

support::cases::every_case!(HyperBackend::new());

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_early_refusal_is_seen_whatever_the_server_does_then() {
    for then in [Then::Drain, Then::Close, Then::Reset, Then::LingerThenReset] {
        assert_eq!(refusals_seen(&HyperBackend::new(), then).await, ROUNDS, "{then:?}");
    }
}
