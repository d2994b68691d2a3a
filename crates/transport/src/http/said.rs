//! What any server says in any protocol: a wait, and a text for people.

use std::time::{Duration, UNIX_EPOCH};

use chunkwise_core::{Delay, Detail, ServerError, ServerErrorFields, Timestamp};
use http::{HeaderMap, header};

use super::{Response, redact};

/// The longest number that is read: more digits than any number of seconds has.
const MAX_NUMBER: usize = 64;

/// How many bytes of a body are looked at.
const MAX_EXCERPT: usize = 4 << 10;

/// The wait that an answer asks for by `Retry-After`, in seconds or as a date (RFC 9110 §10.2.3). No seconds at all
/// say nothing; fractions, which some servers send, are rounded up.
pub fn retry_after(headers: &HeaderMap) -> Option<Delay> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Some(secs) = seconds(text) {
        return (secs > 0).then_some(Delay::After(Duration::from_secs(secs)));
    }
    date(text).map(Delay::At)
}

/// A date of HTTP (RFC 9110 §5.6.7) since the Unix epoch; none if it lies before it.
pub fn date(text: &str) -> Option<Timestamp> {
    let date = httpdate::parse_http_date(text.trim()).ok()?;
    Some(Timestamp::EPOCH.after(date.duration_since(UNIX_EPOCH).ok()?))
}

fn seconds(text: &str) -> Option<u64> {
    if text.len() > MAX_NUMBER {
        return None;
    }
    let fraction = || text.parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0);
    // The conversion saturates by definition of the language.
    text.parse().ok().or_else(|| fraction().map(|n| n.ceil() as u64))
}

/// What an answer says to people, for protocols whose errors have no form of their own: its status, and its body as
/// text. It is bounded, printable, and without what looks like a credential.
pub fn said(response: &Response) -> ServerError {
    let body = response.body();
    let text = String::from_utf8_lossy(&body[..body.len().min(MAX_EXCERPT)]);
    let raw = Detail::new(redact(text.trim()));
    // A page is for browsers.
    let message = if text.trim_start().starts_with('<') { Detail::EMPTY } else { raw.clone() };
    let id = response.headers().get("x-request-id").and_then(|id| id.to_str().ok()).unwrap_or_default();
    ServerError::new(ServerErrorFields {
        status: Detail::new(format!("HTTP {}", response.status().as_u16())),
        message,
        request_id: Detail::new(redact(id)),
        raw,
        ..ServerErrorFields::default()
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn answer(headers: &[(&'static str, &str)], body: &'static str) -> Response {
        let mut response = Response::new(Bytes::from_static(body.as_bytes()));
        for (name, value) in headers {
            response.headers_mut().insert(*name, value.parse().unwrap());
        }
        response
    }

    #[test]
    fn a_wait_is_a_number_of_seconds_or_a_date() {
        let wait = |text| retry_after(answer(&[("retry-after", text)], "").headers());
        assert_eq!(wait("7"), Some(Delay::After(Duration::from_secs(7))));
        assert_eq!(wait("1.2"), Some(Delay::After(Duration::from_secs(2))));
        let date = wait("Thu, 01 Jan 1970 00:20:00 GMT");
        assert_eq!(date, Some(Delay::At(Timestamp::from_secs(1_200))));
        for nothing in ["soon", "0", "-5", "", "Mon, 01 Jan 1601 00:00:00 GMT"] {
            assert_eq!(wait(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn what_is_said_is_for_people_and_without_credentials() {
        let text = said(&answer(&[("x-request-id", "r7")], "no room\n")).to_string();
        assert_eq!(text, "HTTP 200, \"no room\" (request r7)");
        assert_eq!(said(&answer(&[], "<html>no room")).to_string(), "HTTP 200");
        let echo = said(&answer(&[], "Authorization: Bearer Hunter2Hunter2")).to_string();
        assert!(!echo.contains("Hunter2"), "{echo}");
    }
}
