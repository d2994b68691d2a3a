//! What a proxy's guard forbids looks like a proxy that can't be reached (threats T4, T17).
//!
//! A client who names a proxy learns from the answer, and from how long it takes, whether the name stands for an address of
//! a private network, unless both are those of a proxy that takes no connection: tried again as often, told in the same
//! words, after the same time at least. What is really wrong is in the log.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chunkwise::core::NotSent;
use chunkwise::hyper::{BuildError, Builder, HyperBackend, ProxyUrl};
use chunkwise_fetch::AddressPolicy;
use chunkwise_transport::http::{Backend, BackendError, Body};
use tokio::time::{Instant, sleep_until};

/// How long it takes at least until a proxy is found to be out of reach, and up to how much chance adds to that.
const FLOOR: Duration = Duration::from_secs(1);
const JITTER_MILLIS: u64 = 500;

/// A backend through a proxy that a client named.
pub(super) struct Veiled {
    backend: HyperBackend,
    forbidden: Arc<AtomicBool>,
}

impl Veiled {
    pub(super) fn new(
        backend: Builder,
        proxy: ProxyUrl,
        addresses: AddressPolicy,
    ) -> Result<Self, BuildError> {
        let forbidden = Arc::<AtomicBool>::default();
        let told = forbidden.clone();
        let guard = move |host: &str, found: &[std::net::IpAddr]| {
            addresses.permits_all(host, found).map_err(|denied| {
                tracing::warn!(%denied, "a proxy is not dialled");
                told.store(true, Ordering::Relaxed);
                // The engine may repeat this; what is denied stays out of it.
                "it takes no connection".into()
            })
        };
        let backend = backend.proxy(proxy).proxy_guard(guard).build()?;
        Ok(Self { backend, forbidden })
    }
}

#[async_trait]
impl Backend for Veiled {
    async fn exchange(&self, request: http::Request<Body>) -> Result<http::Response<Bytes>, BackendError> {
        let began = Instant::now();
        match self.backend.exchange(request).await {
            Err(BackendError::NotSent { cause, source }) => {
                // Where there is no chance, there is no jitter.
                let jitter = getrandom::u64().unwrap_or(0) % (JITTER_MILLIS + 1);
                sleep_until(began + FLOOR + Duration::from_millis(jitter)).await;
                let forbidden = self.forbidden.load(Ordering::Relaxed);
                let cause = if forbidden { NotSent::Unreachable } else { cause };
                Err(BackendError::NotSent { cause, source })
            }
            exchanged => exchanged,
        }
    }
}

#[cfg(test)]
mod tests {
    use chunkwise::hyper::Trust;

    use chunkwise_transport::Payload;
    use chunkwise_transport::http::RequestBody;

    use super::*;

    async fn outcome(proxy: &str) -> (NotSent, String) {
        let addresses = AddressPolicy::public().allow("127.0.0.9/32".parse::<ipnet::IpNet>().unwrap());
        let backend = HyperBackend::builder().trust(Trust::platform());
        let veiled = Veiled::new(backend, proxy.parse().unwrap(), addresses).unwrap();
        let mut request = http::Request::new(Body::new(RequestBody::Empty, Payload::empty()));
        *request.uri_mut() = "https://api.example/2/media/upload".parse().unwrap();
        match veiled.exchange(request).await {
            Err(BackendError::NotSent { cause, source }) => (cause, source.to_string()),
            other => panic!("{other:?}"),
        }
    }

    /// What the engine can't tell apart, nobody behind it can: it tries again as often, and gives up in the same words.
    #[tokio::test]
    async fn what_is_forbidden_closed_or_unknown_is_unreachable() {
        let proxies = [
            "http://10.0.0.1:8080",
            "https://169.254.169.254:443",
            "socks5://127.0.0.1:1080",
            "socks4://localhost:1080",
            "http://127.0.0.9:1",
            "http://no-such-name.invalid:8080",
        ];
        let outcomes = proxies.map(async |proxy| {
            let began = Instant::now();
            let (cause, text) = outcome(proxy).await;
            assert!(began.elapsed() >= FLOOR, "{proxy}");
            assert_eq!(cause, NotSent::Unreachable, "{proxy}: {text}");
            assert!(!text.contains("private") && !text.contains("not to be reached"), "{proxy}: {text}");
        });
        futures::future::join_all(outcomes).await;
    }
}
