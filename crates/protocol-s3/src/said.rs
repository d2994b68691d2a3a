//! What a store said about an error: in S3's XML, or in none of it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chunkwise_core::{Detail, ServerError, ServerErrorFields, Timestamp};
use chunkwise_transport::http::{Response, redact};
use http::header;

use crate::xml::Element;

/// The code of an answer to a request whose time is too far from the store's.
pub(crate) const SKEWED: &str = "RequestTimeTooSkewed";

/// How far a request's time may be from the store's. Source: S3 API Reference, "Error responses", `RequestTimeTooSkewed`.
const MAX_SKEW: Duration = Duration::from_secs(15 * 60);

/// How much of a body is kept, in bytes, before it is cut for people.
const MAX_RAW: usize = 4 << 10;

/// What a store said about an error: for the error table, and for people.
#[derive(Debug)]
pub(crate) struct Said {
    /// S3's code, as in `NoSuchUpload`; empty if there is none.
    pub(crate) code: String,
    /// The message in lower case.
    words: String,
    /// The largest part that the store takes, if it said so.
    pub(crate) ceiling: Option<u64>,
    /// For people and logs.
    pub(crate) server: ServerError,
}

impl Said {
    /// Reads it out of an answer and its XML.
    pub(crate) fn of(response: &Response, xml: Option<&Element>, received_at: Timestamp) -> Self {
        let error = xml.and_then(|root| match root.name.as_str() {
            "Error" => Some(root),
            // Some of Amazon's services put it into an envelope.
            _ => root.all("Error").chain(root.children.iter().flat_map(|child| child.all("Error"))).next(),
        });
        let text = |name: &str| error.and_then(|error| error.get(name)).unwrap_or_default().trim();
        let mut code: String = text("Code").chars().take(64).filter(char::is_ascii_alphanumeric).collect();
        let mut message = text("Message").to_owned();
        let date = server_time(response);
        // An answer to HEAD has no body to name it.
        let skewed = date.is_some_and(|date| date.since(received_at).max(received_at.since(date)) > MAX_SKEW);
        if code.is_empty() && response.status() == http::StatusCode::FORBIDDEN && skewed {
            SKEWED.clone_into(&mut code);
        }
        if code == SKEWED {
            let clock = |at: Timestamp| {
                httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_micros(at.as_micros().min(FAR)))
            };
            let theirs = date.map_or_else(|| text("ServerTime").to_owned(), clock);
            message =
                format!("the clocks differ too much: the store's says {theirs}, ours {}", clock(received_at));
        }
        if let Some(region) =
            header_text(response, "x-amz-bucket-region").or(error.and_then(|e| e.get("Region")))
        {
            message = format!("{message} (the bucket's region is {region})");
        } else if let Some(endpoint) = error.and_then(|error| error.get("Endpoint")) {
            message = format!("{message} (the bucket's endpoint is {endpoint})");
        }
        let body = response.body();
        let excerpt = String::from_utf8_lossy(&body[..body.len().min(MAX_RAW)]);
        let request_id = header_text(response, "x-amz-request-id").unwrap_or_else(|| text("RequestId"));
        let server = ServerError::new(ServerErrorFields {
            status: Detail::new(format!("HTTP {}", response.status().as_u16())),
            code: Detail::new(redact(&code)),
            name: Detail::EMPTY,
            message: Detail::new(redact(&message)),
            request_id: Detail::new(redact(request_id)),
            raw: Detail::new(redact(&excerpt)),
        });
        Self { words: message.to_lowercase(), ceiling: text("MaxSizeAllowed").parse().ok(), code, server }
    }

    /// Whether one of these phrases (in lower case) is in its message.
    pub(crate) fn has_phrase(&self, phrases: &[&str]) -> bool {
        phrases.iter().any(|phrase| self.words.contains(phrase))
    }
}

/// The end of the year 9999, behind which there are no dates, in microseconds.
const FAR: u64 = 253_402_300_799_000_000;

/// The store's clock, as the answer's `Date` has it.
pub(crate) fn server_time(response: &Response) -> Option<Timestamp> {
    let date: SystemTime = httpdate::parse_http_date(header_text(response, header::DATE.as_str())?).ok()?;
    Some(Timestamp::EPOCH.after(date.duration_since(UNIX_EPOCH).ok()?))
}

/// A header's text.
pub(crate) fn header_text<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}
