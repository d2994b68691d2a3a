//! The wait that an answer asks for.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chunkwise_core::{Delay, Timestamp};
use http::{HeaderMap, header};

/// The wait that an answer asks for by `Retry-After`, in seconds or as a date (RFC 9110 §10.2.3). No seconds at all
/// say nothing; fractions are rounded up.
pub fn retry_after(headers: &HeaderMap) -> Option<Delay> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Some(secs) = seconds(text) {
        return (secs > 0).then_some(Delay::After(Duration::from_secs(secs)));
    }
    let date: SystemTime = httpdate::parse_http_date(text).ok()?;
    Some(Delay::At(Timestamp::EPOCH.after(date.duration_since(UNIX_EPOCH).ok()?)))
}

fn seconds(text: &str) -> Option<u64> {
    // The conversion saturates by definition of the language.
    let fraction =
        || text.parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0).map(|n| n.ceil() as u64);
    if text.len() > 32 { None } else { text.parse().ok().or_else(fraction) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_in_seconds_or_as_a_date() {
        let wait = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RETRY_AFTER, text.parse().unwrap());
            retry_after(&headers)
        };
        let secs = |secs| Some(Delay::After(Duration::from_secs(secs)));
        for (text, expected) in [
            ("7", secs(7)),
            (" 7 ", secs(7)),
            ("1.2", secs(2)),
            ("0", None),
            ("-5", None),
            ("soon", None),
            ("NaN", None),
            ("999999999999999999999999999999999", None),
            ("Thu, 01 Jan 1970 00:20:00 GMT", Some(Delay::At(Timestamp::from_secs(1_200)))),
            ("Mon, 01 Jan 1601 00:00:00 GMT", None),
        ] {
            assert_eq!(wait(text), expected, "{text}");
        }
    }
}
