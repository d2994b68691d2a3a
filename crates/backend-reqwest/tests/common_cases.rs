//! What holds for every backend, with reqwest.

#![cfg(test)]

#[path = "../../backend-hyper/tests/support/mod.rs"]
mod support;

use std::sync::Arc;

use chunkwise_reqwest::{ReqwestBackend, recommended};
use support::early::{ROUNDS, Then, refusals_seen};

fn backend() -> ReqwestBackend {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    ReqwestBackend::new(recommended().tls_backend_preconfigured(tls).build().unwrap())
}

support::cases::every_case!(backend());

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_early_refusal_is_seen_if_the_server_reads_on() {
    assert_eq!(refusals_seen(&backend(), Then::Drain).await, ROUNDS);
    // What reqwest can't do, as its documentation says. The figures are printed, not asserted: they are a race.
    for then in [Then::Close, Then::Reset, Then::LingerThenReset] {
        refusals_seen(&backend(), then).await;
    }
}
