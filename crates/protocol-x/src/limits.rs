//! Waits and rate limits out of an answer's headers.

use chunkwise_core::{Delay, Pace, Timestamp};
use chunkwise_transport::http::retry_after;
use http::HeaderMap;

use crate::lenient;

/// What the answer says of the rate limit of its kind of operation; nothing unless both numbers can be read.
///
/// Source: X fact sheet §2.8.
pub(crate) fn pace(headers: &HeaderMap) -> Option<Pace> {
    let window = Limit::read(headers, "x-rate-limit-remaining", "x-rate-limit-reset");
    Some(Pace { remaining: window.remaining?, reset: window.reset? })
}

/// How long a throttled client is to wait: what `Retry-After` says, else until every limit that is used up starts
/// anew, else until the window's reset. A reset that has passed says nothing.
///
/// Beside the window of fifteen minutes X counts per day, for the app and for the user (X fact sheet §2.8); the
/// answers of accounts that have such a limit carry it in headers of their own.
pub(crate) fn throttled(headers: &HeaderMap, now: Timestamp) -> Option<Delay> {
    let limits = [
        Limit::read(headers, "x-rate-limit-remaining", "x-rate-limit-reset"),
        Limit::read(headers, "x-app-limit-24hour-remaining", "x-app-limit-24hour-reset"),
        Limit::read(headers, "x-user-limit-24hour-remaining", "x-user-limit-24hour-reset"),
    ];
    let used_up =
        limits.iter().filter(|limit| limit.remaining == Some(0)).filter_map(|limit| limit.reset).max();
    let reset = used_up.or(limits[0].reset).filter(|reset| *reset > now);
    retry_after(headers).or(reset.map(Delay::At))
}

/// One limit, as far as its headers can be read.
struct Limit {
    remaining: Option<u64>,
    reset: Option<Timestamp>,
}

impl Limit {
    fn read(headers: &HeaderMap, remaining: &str, reset: &str) -> Self {
        Self {
            remaining: number(headers, remaining),
            reset: number(headers, reset).map(Timestamp::from_secs),
        }
    }
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    lenient::text_uint(headers.get(name)?.to_str().ok()?)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::HeaderName;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_000);

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn retry_after_goes_before_the_reset() {
        let both = headers(&[("retry-after", "7"), ("x-rate-limit-reset", "2000")]);
        assert_eq!(throttled(&both, NOW), Some(Delay::After(Duration::from_secs(7))));
        let date = headers(&[("retry-after", "Thu, 01 Jan 1970 00:20:00 GMT")]);
        assert_eq!(throttled(&date, NOW), Some(Delay::At(Timestamp::from_secs(1_200))));
        for nothing in ["soon", "0", "-5"] {
            let reset = headers(&[("retry-after", nothing), ("x-rate-limit-reset", "2000")]);
            assert_eq!(throttled(&reset, NOW), Some(Delay::At(Timestamp::from_secs(2_000))), "{nothing}");
        }
    }

    #[test]
    fn a_daily_limit_that_is_used_up_goes_before_the_window() {
        let day = headers(&[
            ("x-rate-limit-remaining", "3"),
            ("x-rate-limit-reset", "1100"),
            ("x-user-limit-24hour-remaining", "0"),
            ("x-user-limit-24hour-reset", "9000"),
        ]);
        assert_eq!(throttled(&day, NOW), Some(Delay::At(Timestamp::from_secs(9_000))));
        assert_eq!(pace(&day), Some(Pace { remaining: 3, reset: Timestamp::from_secs(1_100) }));
    }

    #[test]
    fn a_reset_that_has_passed_says_nothing() {
        assert_eq!(throttled(&headers(&[("x-rate-limit-reset", "1000")]), NOW), None);
        assert_eq!(throttled(&headers(&[]), NOW), None);
    }

    #[test]
    fn a_pace_needs_both_numbers() {
        assert_eq!(pace(&headers(&[("x-rate-limit-remaining", "3")])), None);
        assert_eq!(pace(&headers(&[("x-rate-limit-remaining", "-3"), ("x-rate-limit-reset", "9")])), None);
    }
}
