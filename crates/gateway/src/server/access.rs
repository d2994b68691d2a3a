//! Who asks, and whether they may: the API key, and how often and how much it may ask.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chunkwise_transport::Secret;
use http::{HeaderMap, header};
use tokio::time::Instant;

use super::App;
use crate::answer::Refusal;
use crate::store::{AuthenticateError, Key, KeyId, Store, UnixMillis};

/// The longest value of the header that is looked at.
const LONGEST: usize = 256;

/// Bytes are counted by the minute.
const MINUTE: Duration = Duration::from_secs(60);

/// The key of a request that may be answered now.
///
/// # Errors
///
/// 401 for every key that is not good, 429 for one that asks too often, 503 if nobody can tell.
pub(super) async fn enter(app: &App, headers: &HeaderMap) -> Result<Key, Refusal> {
    let key = authenticate(&app.store, headers, App::now()).await?;
    app.guesses.passed(headers);
    app.rates.request(&key)?;
    Ok(key)
}

/// The same, of one that begins something.
///
/// # Errors
///
/// As [`enter`]; 503 where the gateway is stopping.
pub(super) async fn enter_to_begin(app: &App, headers: &HeaderMap) -> Result<Key, Refusal> {
    let key = enter(app, headers).await?;
    if app.stopping.is_cancelled() {
        return Err(Refusal::unavailable("The gateway is stopping; ask again"));
    }
    Ok(key)
}

async fn authenticate(store: &Store, headers: &HeaderMap, now: UnixMillis) -> Result<Key, Refusal> {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let (scheme, key) = value.and_then(|value| value.split_once(' ')).ok_or_else(Refusal::unauthorized)?;
    if !scheme.eq_ignore_ascii_case("bearer") || key.len() > LONGEST {
        return Err(Refusal::unauthorized());
    }
    store.keys().authenticate(&Secret::new(key.trim().to_owned()), now).await.map_err(|error| match error {
        AuthenticateError::Unauthorized(_) => Refusal::unauthorized(),
        AuthenticateError::Store(error) => failing(&error),
    })
}

/// The store fails: the operator sees how, the client that it may ask again.
pub(super) fn failing(error: &dyn std::error::Error) -> Refusal {
    tracing::error!(%error, "the store fails");
    Refusal::unavailable("The gateway can't write down what it does; ask again")
}

/// How often and how much every key asks.
#[derive(Debug, Default)]
pub(super) struct Rates(Mutex<HashMap<KeyId, Rate>>);

#[derive(Debug)]
struct Rate {
    /// Requests that may come now, in thousandths; refilled as time passes.
    tokens: u64,
    filled: Instant,
    minute: Instant,
    bytes: u64,
}

impl Rates {
    /// Counts a request.
    ///
    /// # Errors
    ///
    /// 429 with the time after which one more may come.
    pub(super) fn request(&self, key: &Key) -> Result<(), Refusal> {
        let limits = &key.limits;
        let (full, now) = (u64::from(limits.burst.max(1)) * 1_000, Instant::now());
        let mut rates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let rate =
            rates.entry(key.id.clone()).or_insert(Rate { tokens: full, filled: now, minute: now, bytes: 0 });
        let passed = u64::try_from(now.duration_since(rate.filled).as_millis()).unwrap_or(u64::MAX);
        let fresh = passed.saturating_mul(u64::from(limits.requests_per_second));
        // What is less than a thousandth waits for the next request.
        if fresh > 0 {
            (rate.tokens, rate.filled) = (rate.tokens.saturating_add(fresh).min(full), now);
        }
        if rate.tokens < 1_000 {
            let missing = 1_000 - rate.tokens;
            let wait = missing.div_ceil(u64::from(limits.requests_per_second.max(1)));
            let sentence = "Too many requests for this API key";
            return Err(Refusal::too_many(sentence, Duration::from_millis(wait)));
        }
        rate.tokens -= 1_000;
        let minutes = u32::try_from(now.duration_since(rate.minute).as_secs() / 60).unwrap_or(u32::MAX);
        // What was too much in one minute is paid for in the next.
        rate.bytes = rate.bytes.saturating_sub(limits.bytes_per_minute.saturating_mul(minutes.into()));
        rate.minute += MINUTE * minutes;
        if rate.bytes >= limits.bytes_per_minute {
            let sentence = "Too many bytes in a minute for this API key";
            return Err(Refusal::too_many(sentence, MINUTE.saturating_sub(now.duration_since(rate.minute))));
        }
        Ok(())
    }

    /// Counts bytes of bodies and of fetched media as they come, whatever becomes of them; the next request pays for
    /// what was too much. It is the quota of what a key can have fetched (threat T16).
    pub(super) fn bytes(&self, key: &KeyId, bytes: u64) {
        let mut rates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(rate) = rates.get_mut(key) {
            rate.bytes = rate.bytes.saturating_add(bytes);
        }
    }
}

/// Counts what comes in for a key.
pub(super) struct Meter {
    app: Arc<App>,
    key: KeyId,
}

impl Meter {
    pub(super) fn of(app: &Arc<App>, key: &KeyId) -> Self {
        Self { app: app.clone(), key: key.clone() }
    }

    pub(super) fn count(&self, bytes: usize) {
        self.app.rates.bytes(&self.key, bytes as u64);
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;
    use crate::store::{Billing, KeyLimits};

    fn key(bytes_per_minute: u64) -> Key {
        Key {
            id: "abcdefgh".parse().unwrap(),
            environment: "test".parse().unwrap(),
            label: String::new(),
            limits: KeyLimits { bytes_per_minute, ..KeyLimits::default() },
            billing: Billing::Metered,
            created_at: UnixMillis::new(0),
            expires_at: None,
            revoked_at: None,
            last_used_at: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_too_much_in_one_minute_is_paid_for_in_the_next_ones() {
        let (rates, key) = (Rates::default(), key(1_000));
        rates.request(&key).unwrap();
        rates.bytes(&key.id, 999);
        rates.request(&key).unwrap();
        rates.bytes(&key.id, 2_500);
        for minute in 0..3 {
            let refused = rates.request(&key).unwrap_err();
            assert_eq!(
                (refused.status, refused.retry_after),
                (StatusCode::TOO_MANY_REQUESTS, Some(MINUTE)),
                "{minute}"
            );
            tokio::time::advance(MINUTE).await;
        }
        rates.request(&key).unwrap();
        // A long silence saves nothing up.
        tokio::time::advance(MINUTE * 1_000).await;
        rates.request(&key).unwrap();
        rates.bytes(&key.id, 1_000);
        assert!(rates.request(&key).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_asks_so_often_and_after_a_wait_again() {
        let (rates, key) = (Rates::default(), key(1 << 30));
        for _ in 0..key.limits.burst {
            rates.request(&key).unwrap();
        }
        let refused = rates.request(&key).unwrap_err();
        assert_eq!(refused.retry_after, Some(Duration::from_millis(100)));
        tokio::time::advance(Duration::from_millis(100)).await;
        rates.request(&key).unwrap();
        assert!(rates.request(&key).is_err());
    }
}
