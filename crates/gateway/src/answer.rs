//! What a client is answered: the contract's shapes, to the byte.

use std::borrow::Cow;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

/// Something that a client asked for and does not get. The body is `{"error": …}`, with what else helps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    /// One clear sentence; nothing secret.
    pub(crate) sentence: Cow<'static, str>,
    /// X's own code, if X gave one.
    pub(crate) code: Option<String>,
    pub(crate) retry_after: Option<Duration>,
    /// Where what stands in the way can be looked at.
    pub(crate) location: Option<String>,
}

#[derive(Serialize)]
struct Body<'a> {
    error: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, sentence: impl Into<Cow<'static, str>>) -> Self {
        Self { status, sentence: sentence.into(), code: None, retry_after: None, location: None }
    }

    pub(crate) fn bad_request(sentence: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, sentence)
    }

    /// Of all reasons to be refused there is only one to be seen (threat T12).
    pub(crate) fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Missing or invalid API key")
    }

    /// The key has had what it may. Of what, the sentence says.
    pub(crate) fn too_many(sentence: &'static str, retry_after: Duration) -> Self {
        let mut refusal = Self::new(StatusCode::TOO_MANY_REQUESTS, sentence);
        refusal.retry_after = Some(retry_after);
        refusal
    }

    /// The gateway can't take it now.
    pub(crate) fn unavailable(sentence: impl Into<Cow<'static, str>>) -> Self {
        let mut refusal = Self::new(StatusCode::SERVICE_UNAVAILABLE, sentence);
        refusal.retry_after = Some(Duration::from_secs(5));
        refusal
    }

    /// Something broke that no client can do anything about. What, is in the log.
    pub(crate) fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "The gateway failed; the request id is in its log")
    }

    /// The exact words of the contract.
    pub(crate) fn no_media_id() -> Self {
        Self::new(StatusCode::BAD_GATEWAY, "Media upload failed \u{2014} Twitter did not return a media_id")
    }

    pub(crate) fn body(&self, request_id: Option<&str>) -> String {
        let body = Body { error: &self.sentence, code: self.code.as_deref(), request_id };
        serde_json::to_string(&body).unwrap_or_else(|_| r#"{"error":"The gateway failed"}"#.to_owned())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = json(self.status, self.body(None));
        if let Some(wait) = self.retry_after {
            let seconds = HeaderValue::from(wait.as_secs().max(1));
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        if let Some(location) = self.location.as_deref().and_then(|text| HeaderValue::try_from(text).ok()) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        // Its body gets the request's id where that is known.
        response.extensions_mut().insert(self);
        response
    }
}

/// A JSON answer.
pub(crate) fn json(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// The contract's good answer.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Uploaded {
    status: &'static str,
    msg: &'static str,
    data: UploadedMedia,
}

#[derive(Clone, Debug, Serialize)]
struct UploadedMedia {
    /// A string: it is larger than what a double holds.
    media_id: String,
    media_type: String,
    size: u64,
}

impl Uploaded {
    pub(crate) fn new(media_id: String, media_type: String, size: u64) -> Self {
        let data = UploadedMedia { media_id, media_type, size };
        Self { status: "success", msg: "Media uploaded successfully", data }
    }

    /// The media's id.
    pub(crate) fn media_id(&self) -> &str {
        &self.data.media_id
    }

    /// Its `data`.
    pub(crate) fn data(&self) -> serde_json::Value {
        serde_json::to_value(&self.data).unwrap_or_default()
    }

    pub(crate) fn to_body(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contracts_bodies_to_the_byte() {
        let good = Uploaded::new("2058029045372379136".into(), "image/png".into(), 24_531).to_body();
        let wanted = r#"{"status":"success","msg":"Media uploaded successfully","data":{"media_id":"2058029045372379136","media_type":"image/png","size":24531}}"#;
        assert_eq!(good, wanted);
        let none = Refusal::no_media_id();
        assert_eq!(none.status, 502);
        assert_eq!(
            none.body(None),
            "{\"error\":\"Media upload failed \u{2014} Twitter did not return a media_id\"}"
        );
    }
}
