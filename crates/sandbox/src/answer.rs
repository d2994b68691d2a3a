//! What is answered: the replies, and every refusal's exact status and text in both API versions.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::settings::{ThrottleBody, UnknownSession};

/// Which version of the API is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// `upload.json` and its commands.
    V1,
    /// `/2/…`.
    V2,
}

/// The body of a reply.
#[derive(Debug)]
pub(crate) enum ReplyBody {
    Bytes(Bytes),
    Stream(UnsyncBoxBody<Bytes, std::io::Error>),
}

/// A complete answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: ReplyBody,
}

impl Reply {
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: ReplyBody::Bytes(Bytes::new()) }
    }

    pub(crate) fn json(status: StatusCode, body: &Value) -> Self {
        Self::text(status, "application/json; charset=utf-8", body.to_string())
    }

    fn problem(status: StatusCode, body: &Value) -> Self {
        Self::text(status, "application/problem+json", body.to_string())
    }

    pub(crate) fn text(status: StatusCode, content_type: &'static str, body: String) -> Self {
        let mut reply = Self::empty(status);
        reply.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        reply.body = ReplyBody::Bytes(body.into());
        reply
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<HeaderValue>) -> Self {
        self.headers.insert(HeaderName::from_static(name), value.into());
        self
    }
}

/// Why a request is not done. The table in [`render`](Self::render) is X fact sheet §7 in code.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Refusal {
    // Who asks.
    NoCredentials,
    BadCredentials,
    TimestampOutOfBounds,
    MissingScope,
    AppOnly,
    BearerOnV1,
    Throttled { retry_after_secs: Option<u64>, body: ThrottleBody },
    // How it is asked.
    NoSuchPath,
    WrongMethod,
    UrlTooLong,
    BadRequest(String),
    Violations(Vec<Violation>),
    NotJsonContent,
    NotJson,
    NotJsonObject,
    NoMediaParameter,
    // What is asked for.
    TooLarge,
    SegmentIndex { last: u16 },
    NoSuchSession { id: String, answer: UnknownSession },
    DuplicateSegment,
    AlreadyFinalized,
    FileSize { limit: u64 },
    SizeMismatch,
    LargeSynchronous,
    NoStatus,
    InvalidMediaIds(Vec<String>),
}

/// One rule of a JSON schema that a request breaks.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Violation {
    /// The parameter, such as `media_type`.
    pub(crate) parameter: String,
    /// What was given, as text.
    pub(crate) given: Option<String>,
    /// The whole message.
    pub(crate) message: String,
}

const PROBLEMS: &str = "https://api.twitter.com/2/problems/";
const UPLOAD_PATH: &str = "/1.1/media/upload.json";

fn v2_invalid(errors: &Value) -> Reply {
    let body = json!({
        "errors": errors,
        "title": "Invalid Request",
        "detail": "One or more parameters to your request was invalid.",
        "type": format!("{PROBLEMS}invalid-request"),
    });
    Reply::json(StatusCode::BAD_REQUEST, &body)
}

fn v2_message(message: &str) -> Reply {
    v2_invalid(&json!([{ "message": message }]))
}

fn v2_plain(status: StatusCode, title: &str, detail: &str) -> Reply {
    let body = json!({ "title": title, "type": "about:blank", "status": status.as_u16(), "detail": detail });
    Reply::problem(status, &body)
}

fn v1_code(status: StatusCode, code: u32, message: &str) -> Reply {
    Reply::json(status, &json!({ "errors": [{ "code": code, "message": message }] }))
}

fn v1_error(message: &str) -> Reply {
    Reply::json(StatusCode::BAD_REQUEST, &json!({ "request": UPLOAD_PATH, "error": message }))
}

impl Refusal {
    /// Status, headers and body, byte for byte.
    pub(crate) fn render(&self, dialect: Dialect) -> Reply {
        match (self, dialect) {
            (Self::NoCredentials | Self::BadCredentials | Self::TimestampOutOfBounds, Dialect::V2) => {
                v2_plain(StatusCode::UNAUTHORIZED, "Unauthorized", "Unauthorized")
            }
            (Self::NoCredentials, Dialect::V1) => {
                v1_code(StatusCode::BAD_REQUEST, 215, "Bad Authentication data.")
            }
            (Self::BadCredentials, Dialect::V1) => {
                v1_code(StatusCode::UNAUTHORIZED, 32, "Could not authenticate you.")
            }
            (Self::TimestampOutOfBounds, Dialect::V1) => {
                v1_code(StatusCode::UNAUTHORIZED, 135, "Timestamp out of bounds.")
            }
            (Self::MissingScope, Dialect::V1 | Dialect::V2) => {
                v2_plain(StatusCode::FORBIDDEN, "Forbidden", "Forbidden")
            }
            (Self::AppOnly, Dialect::V2) => unsupported_authentication(
                "Authenticating with OAuth 2.0 Application-Only is forbidden for this endpoint.  Supported \
                 authentication types are [OAuth 1.0a User Context, OAuth 2.0 User Context].",
            ),
            (Self::AppOnly | Self::BearerOnV1, Dialect::V1) | (Self::BearerOnV1, Dialect::V2) => {
                v1_code(StatusCode::FORBIDDEN, 220, "Your credentials do not allow access to this resource.")
            }
            (Self::Throttled { retry_after_secs, body }, dialect) => {
                let reply = match (dialect, body) {
                    (Dialect::V1, _) | (Dialect::V2, ThrottleBody::Code88) => {
                        v1_code(StatusCode::TOO_MANY_REQUESTS, 88, "Rate limit exceeded")
                    }
                    (Dialect::V2, ThrottleBody::Problem) => {
                        v2_plain(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests", "Too Many Requests")
                    }
                };
                match retry_after_secs {
                    Some(secs) => reply.with("retry-after", *secs),
                    None => reply,
                }
            }
            (Self::NoSuchPath | Self::NoStatus, Dialect::V1) => {
                v1_code(StatusCode::NOT_FOUND, 34, "Sorry, that page does not exist")
            }
            (Self::NoSuchPath, Dialect::V2) => v2_plain(StatusCode::NOT_FOUND, "Not Found", "Not Found"),
            (Self::NoStatus, Dialect::V2) => v2_message("BadRequest: Not found"),
            (Self::WrongMethod, Dialect::V1 | Dialect::V2) => {
                v2_plain(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed", "Method Not Allowed")
            }
            (Self::UrlTooLong, Dialect::V1 | Dialect::V2) => {
                Reply::empty(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
            }
            (Self::BadRequest(message), Dialect::V1) => v1_error(message),
            (Self::BadRequest(message), Dialect::V2) => v2_message(message),
            (Self::Violations(violations), Dialect::V2) => {
                let errors: Vec<Value> = violations
                    .iter()
                    .map(|Violation { parameter, given, message }| match given {
                        Some(given) => json!({ "parameters": { parameter: [given] }, "message": message }),
                        None => json!({ "parameters": { parameter: [] }, "message": message }),
                    })
                    .collect();
                v2_invalid(&Value::Array(errors))
            }
            (Self::Violations(violations), Dialect::V1) => {
                let messages: Vec<&str> =
                    violations.iter().map(|violation| violation.message.as_str()).collect();
                v1_error(&messages.join("; "))
            }
            (Self::NotJsonContent, dialect) => {
                Self::BadRequest("Requests with bodies must have content-type of application/json.".into())
                    .render(dialect)
            }
            (Self::NotJson, dialect) => {
                Self::BadRequest("Request body is not valid JSON.".into()).render(dialect)
            }
            (Self::NotJsonObject, dialect) => {
                Self::BadRequest("Request body must be a JSON object.".into()).render(dialect)
            }
            (Self::NoMediaParameter, Dialect::V1) => {
                v1_code(StatusCode::BAD_REQUEST, 38, "media parameter is missing.")
            }
            (Self::NoMediaParameter, Dialect::V2) => v2_invalid(&json!([
                { "parameters": { "media": [] }, "message": "$.media: is missing but it is required" }
            ])),
            (Self::TooLarge, Dialect::V1 | Dialect::V2) => Reply::empty(StatusCode::PAYLOAD_TOO_LARGE),
            (Self::SegmentIndex { last }, dialect) => {
                Self::BadRequest(format!("SegmentIndex must be between 0 and {last}.")).render(dialect)
            }
            (Self::NoSuchSession { id, .. }, Dialect::V1) => {
                v1_code(StatusCode::BAD_REQUEST, 324, &format!("Invalid media id {id}"))
            }
            (Self::NoSuchSession { id, answer: UnknownSession::NotFound }, Dialect::V2) => {
                let body = json!({
                    "title": "Not Found Error",
                    "detail": format!("Could not find media with id: [{id}]."),
                    "type": format!("{PROBLEMS}resource-not-found"),
                    "resource_type": "media",
                    "parameter": "id",
                    "value": id,
                    "status": 404,
                });
                Reply::problem(StatusCode::NOT_FOUND, &body)
            }
            (Self::NoSuchSession { id, answer: UnknownSession::InvalidRequest }, Dialect::V2) => v2_invalid(
                &json!([{ "parameters": { "id": [id] }, "message": format!("Invalid media id {id}") }]),
            ),
            (Self::DuplicateSegment, dialect) => {
                Self::BadRequest("Segment has already been uploaded.".into()).render(dialect)
            }
            (Self::AlreadyFinalized, dialect) => {
                Self::BadRequest("Media has already been finalized.".into()).render(dialect)
            }
            (Self::FileSize { limit }, dialect) => {
                Self::BadRequest(format!("File size exceeds {limit} bytes.")).render(dialect)
            }
            (Self::SizeMismatch, dialect) => {
                Self::BadRequest("Segments do not add up to provided total file size.".into()).render(dialect)
            }
            (Self::LargeSynchronous, dialect) => {
                Self::BadRequest("Large file can not be finalized synchronously.".into()).render(dialect)
            }
            (Self::InvalidMediaIds(ids), Dialect::V1 | Dialect::V2) => v2_invalid(&json!([
                { "parameters": { "media.media_ids": ids }, "message": "Your media IDs are invalid." }
            ])),
        }
    }
}

fn unsupported_authentication(detail: &str) -> Reply {
    let body = json!({
        "title": "Unsupported Authentication",
        "detail": detail,
        "type": format!("{PROBLEMS}unsupported-authentication"),
        "status": 403,
    });
    Reply::problem(StatusCode::FORBIDDEN, &body)
}
