//! The body of a request, read piece by piece, as fast as it must come.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt as _;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::App;
use super::access::Meter;
use crate::answer::Refusal;
use crate::store::KeyId;

/// In how long a body must have brought how much: slower is not slow but hostile (threat T8).
const WINDOW: Duration = Duration::from_secs(60);
const LEAST: u64 = 64 << 10;

/// A body under watch.
pub(super) struct Incoming {
    body: Body,
    pace: Pace,
    left: u64,
    announced: Option<u64>,
    until: Instant,
    window: (Instant, u64),
    meter: Option<Meter>,
    /// Nothing is waited for any more.
    cut: CancellationToken,
}

/// How long a client may take.
#[derive(Clone, Copy, Debug)]
struct Pace {
    /// Until the next bytes.
    idle: Duration,
    /// For all of them.
    whole: Duration,
}

impl Incoming {
    /// Of a request of this key, whose bytes are counted as they come; it may have so many. A body that is announced to be
    /// longer is refused before a byte of it is read; so is one that is packed.
    pub(super) fn new(
        app: &Arc<App>,
        key: &KeyId,
        headers: &HeaderMap,
        body: Body,
        most: u64,
    ) -> Result<Self, Refusal> {
        let caps = &app.settings.caps;
        let pace = Pace { idle: caps.idle(), whole: caps.upload() };
        let incoming = Self::of(headers, body, most, pace)?;
        Ok(Self { meter: Some(Meter::of(app, key)), cut: app.cut.clone(), ..incoming })
    }

    fn of(headers: &HeaderMap, body: Body, most: u64, pace: Pace) -> Result<Self, Refusal> {
        let packed = headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity");
        if packed {
            let sentence = "The body must not have a Content-Encoding";
            return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, sentence));
        }
        let announced = headers.get(header::CONTENT_LENGTH).and_then(|len| len.to_str().ok()?.parse().ok());
        if announced.is_some_and(|len: u64| len > most) {
            return Err(too_large());
        }
        let now = Instant::now();
        // A time that no clock has is never.
        let until = now.checked_add(pace.whole).unwrap_or(now + Duration::from_secs(86_400 * 365));
        Ok(Self {
            body,
            pace,
            left: most,
            until,
            announced,
            window: (now, 0),
            meter: None,
            cut: CancellationToken::new(),
        })
    }

    /// How long it says to be, if it does.
    pub(super) const fn announced(&self) -> Option<u64> {
        self.announced
    }

    /// The next piece; none at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Refusal> {
        loop {
            let wait = self.pace.idle.min(self.until.saturating_duration_since(Instant::now()));
            let frame = tokio::select! {
                () = self.cut.cancelled() => {
                    return Err(Refusal::unavailable("The gateway is stopping; ask again"));
                }
                frame = timeout(wait, self.body.frame()) => frame.map_err(|_| too_slow())?,
            };
            let frame = match frame {
                None => return Ok(None),
                Some(Ok(frame)) => frame,
                Some(Err(_)) => return Err(Refusal::bad_request("The body broke off")),
            };
            let Ok(data) = frame.into_data() else { continue };
            if let Some(meter) = &self.meter {
                meter.count(data.len());
            }
            self.left = self.left.checked_sub(data.len() as u64).ok_or_else(too_large)?;
            let (began, bytes) = &mut self.window;
            *bytes += data.len() as u64;
            if began.elapsed() >= WINDOW {
                if *bytes < LEAST {
                    return Err(too_slow());
                }
                self.window = (Instant::now(), 0);
            }
            return Ok(Some(data));
        }
    }
}

fn too_large() -> Refusal {
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "The body is too large")
}

fn too_slow() -> Refusal {
    Refusal::new(StatusCode::REQUEST_TIMEOUT, "The body came too slowly")
}

/// Whether it says to be JSON.
pub(super) fn check_json(headers: &HeaderMap) -> Result<(), Refusal> {
    let essence = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = essence.and_then(|value| value.split(';').next()).map(str::trim);
    if essence.is_some_and(|essence| essence.eq_ignore_ascii_case("application/json")) {
        return Ok(());
    }
    Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Content-Type must be application/json"))
}

#[cfg(test)]
mod tests {
    use futures::{StreamExt as _, stream};
    use http::HeaderValue;

    use super::*;

    const PACE: Pace = Pace { idle: Duration::from_secs(20), whole: Duration::from_secs(3_600) };

    fn incoming(body: Body, most: u64) -> Incoming {
        Incoming::of(&HeaderMap::new(), body, most, PACE).ok().unwrap()
    }

    #[tokio::test]
    async fn what_is_announced_too_large_is_refused_unread_and_what_comes_too_large_is_cut() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("11"));
        let refused = Incoming::of(&headers, Body::from("x"), 10, PACE).err().unwrap();
        assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE);
        let mut long = incoming(Body::from("hello world"), 10);
        assert_eq!(long.next().await.unwrap_err().status, StatusCode::PAYLOAD_TOO_LARGE);
        let mut right = incoming(Body::from("hello"), 5);
        assert_eq!(right.next().await.unwrap().unwrap(), "hello");
        assert_eq!(right.next().await.unwrap(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn silence_and_a_trickle_are_ended() {
        let silent = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        assert_eq!(incoming(silent, 10).next().await.unwrap_err().status, StatusCode::REQUEST_TIMEOUT);
        let trickle = stream::iter(0..).then(|_| async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            Ok::<_, std::io::Error>(Bytes::from_static(b"x"))
        });
        let mut trickle = incoming(Body::from_stream(trickle), 1_000);
        let mut pieces = 0;
        let refused = loop {
            match trickle.next().await {
                Ok(_) => pieces += 1,
                Err(refused) => break refused,
            }
        };
        assert_eq!((refused.status, pieces), (StatusCode::REQUEST_TIMEOUT, 11));
    }

    /// Just fast enough, it has as long as an upload may take and not a moment longer.
    #[tokio::test(start_paused = true)]
    async fn a_body_has_so_long_as_a_whole() {
        let steady = stream::iter(0..).then(|_| async {
            tokio::time::sleep(Duration::from_secs(10)).await;
            Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; 16 << 10]))
        });
        let mut steady = incoming(Body::from_stream(steady), u64::MAX);
        let began = Instant::now();
        let refused = loop {
            if let Err(refused) = steady.next().await {
                break refused;
            }
        };
        assert_eq!((refused.status, began.elapsed()), (StatusCode::REQUEST_TIMEOUT, PACE.whole));
    }

    #[test]
    fn only_json_is_json() {
        for (value, good) in
            [("application/json", true), ("Application/JSON; charset=utf-8", true), ("text/plain", false)]
        {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(value));
            assert_eq!(check_json(&headers).is_ok(), good, "{value}");
        }
        assert!(check_json(&HeaderMap::new()).is_err());
    }
}
