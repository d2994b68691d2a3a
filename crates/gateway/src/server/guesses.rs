//! Who guesses at keys (threat T12): an address with many wrong ones is not asked about further ones for a while.
//!
//! A key has 256 random bits, so nobody guesses one; but every guess is a question to the store. Behind a reverse proxy
//! all clients have one address, and one who guesses must not shut out the others: a key that was good a moment ago
//! goes through, whatever its neighbours do.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use tokio::time::Instant;

use super::App;
use crate::answer::Refusal;

/// So many wrong keys an address may bring in [`WINDOW`].
const WRONG: u32 = 30;
const WINDOW: Duration = Duration::from_secs(60);

/// So many addresses, and good keys, are remembered; beyond that some are forgotten.
const REMEMBERED: usize = 4_096;

/// The wrong keys of late, by address, and the good ones.
#[derive(Debug, Default)]
pub(super) struct Guesses {
    wrong: Mutex<HashMap<IpAddr, (Instant, u32)>>,
    /// By a hash that only this process can make; no key is kept.
    good: Mutex<HashSet<u64>>,
    hash: RandomState,
}

impl Guesses {
    /// How long this address is not asked about this key, if it isn't.
    fn refused(&self, peer: IpAddr, authorization: &HeaderValue) -> Option<Duration> {
        let wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, count) = wrong.get(&network(peer))?;
        let left = WINDOW.saturating_sub(since.elapsed());
        if *count < WRONG || left.is_zero() {
            return None;
        }
        let good = self.good.lock().unwrap_or_else(PoisonError::into_inner);
        (!good.contains(&self.hash.hash_one(authorization.as_bytes()))).then_some(left)
    }

    fn failed(&self, peer: IpAddr) {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        let peer = network(peer);
        if wrong.len() >= REMEMBERED && !wrong.contains_key(&peer) {
            wrong.retain(|_, (since, _)| since.elapsed() < WINDOW);
            if let Some(any) = wrong.keys().next().copied().filter(|_| wrong.len() >= REMEMBERED) {
                wrong.remove(&any);
            }
        }
        let (since, count) = wrong.entry(peer).or_insert_with(|| (Instant::now(), 0));
        if since.elapsed() >= WINDOW {
            (*since, *count) = (Instant::now(), 0);
        }
        *count = count.saturating_add(1);
    }

    /// The key of this request is good.
    pub(super) fn passed(&self, headers: &HeaderMap) {
        let Some(authorization) = headers.get(header::AUTHORIZATION) else { return };
        let mut good = self.good.lock().unwrap_or_else(PoisonError::into_inner);
        if good.len() >= REMEMBERED {
            good.clear();
        }
        good.insert(self.hash.hash_one(authorization.as_bytes()));
    }
}

/// One machine has a whole IPv6 network of 64 bits, often.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

/// Counts wrong keys by address, and answers 429 to an address with too many of them.
pub(super) async fn guesses(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    let authorization = request.headers().get(header::AUTHORIZATION).cloned();
    let (Some(peer), Some(authorization)) = (peer, authorization) else { return next.run(request).await };
    if let Some(wait) = app.guesses.refused(peer, &authorization) {
        let sentence = "Too many requests with wrong API keys from this address";
        let mut refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, sentence);
        refusal.retry_after = Some(wait);
        return refusal.into_response();
    }
    let response = next.run(request).await;
    if response.status() == StatusCode::UNAUTHORIZED {
        app.guesses.failed(peer);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(address: &str) -> IpAddr {
        address.parse().unwrap()
    }

    fn headers(key: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static(key))])
    }

    #[tokio::test(start_paused = true)]
    async fn many_wrong_keys_of_an_address_hold_it_for_a_minute_and_nobody_else() {
        let guesses = Guesses::default();
        let key = HeaderValue::from_static("Bearer x");
        guesses.passed(&headers("Bearer good"));
        for n in 1..=WRONG {
            assert_eq!(guesses.refused(ip("2600::1"), &key), None, "after {n} tries");
            guesses.failed(ip("2600::1"));
        }
        tokio::time::advance(Duration::from_secs(20)).await;
        assert_eq!(guesses.refused(ip("2600::ffff:0:0:2"), &key), Some(Duration::from_secs(40)));
        assert_eq!(guesses.refused(ip("2600:0:0:1::1"), &key), None, "another network");
        assert_eq!(guesses.refused(ip("2600::1"), &headers("Bearer good")[header::AUTHORIZATION]), None);
        tokio::time::advance(Duration::from_secs(40)).await;
        assert_eq!(guesses.refused(ip("2600::1"), &key), None);
        guesses.failed(ip("2600::1"));
        assert_eq!(guesses.refused(ip("2600::1"), &key), None, "a new minute has begun");
    }

    #[tokio::test(start_paused = true)]
    async fn any_number_of_addresses_and_keys_takes_bounded_room() {
        let guesses = Guesses::default();
        for n in 0..20_000_u32 {
            guesses.failed(IpAddr::V4(n.into()));
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, HeaderValue::from(n));
            guesses.passed(&headers);
        }
        assert!(guesses.wrong.lock().unwrap().len() <= REMEMBERED);
        assert!(guesses.good.lock().unwrap().len() <= REMEMBERED);
    }
}
