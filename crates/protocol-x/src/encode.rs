//! Operation → HTTP request.

use bytes::Bytes;
use chunkwise_core::{Action, Operation, Session};
use chunkwise_transport::http::{
    EncodeContext, EncodeError, FilePart, Request, RequestBody, multipart, percent,
};
use http::{HeaderValue, Method, header};
use serde::Serialize;

use crate::media::Sharing;
use crate::{Api, BaseUrl, MAX_SEGMENTS, MediaId, UserId, XProtocol};

/// The command API's one path. Source: X fact sheet §1.
const V1_UPLOAD: &str = "/1.1/media/upload.json";
/// The present API's root. Source: X fact sheet §2.
const V2_UPLOAD: &str = "/2/media/upload";

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

/// The request that performs the operation.
pub(crate) fn encode(
    x: &XProtocol,
    operation: &Operation,
    context: &EncodeContext,
) -> Result<Request, EncodeError> {
    match &operation.action {
        Action::Init { total } => {
            let total = total.ok_or_else(|| {
                EncodeError::new("X must know the size of the media before the first byte, and it is unknown")
            })?;
            init(x, total)
        }
        Action::Append { session, segment, last: _ } => {
            append(x, &media_id(session)?, segment.index.get(), context.nonce)
        }
        Action::Finalize { session, total: _, receipts: _ } => finalize(x, &media_id(session)?),
        // Whether the media was committed is asked like how its processing goes (X fact sheet §8).
        Action::Status { session } | Action::Verify { session, total: _ } => status(x, &media_id(session)?),
        Action::Probe { .. } => Err(EncodeError::new("X can't be asked which segments it holds")),
        Action::Abort { .. } => {
            Err(EncodeError::new("X can't be told to give up an upload; it expires by itself"))
        }
    }
}

/// The session as what it must be before it goes into a path, a form or a multipart head.
fn media_id(session: &Session) -> Result<MediaId, EncodeError> {
    session.as_str().parse().map_err(|_| {
        EncodeError::new(
            "the session is not a media id of X (one to nineteen digits); is its checkpoint damaged?",
        )
    })
}

/// The body of v2's initialize; it has no field that is not set, for unknown fields are refused and so may be empty
/// ones. Source: X fact sheet §2.2.
#[derive(Serialize)]
struct Initialize<'a> {
    media_type: &'a str,
    total_bytes: u64,
    media_category: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    additional_owners: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shared: Option<bool>,
}

fn init(x: &XProtocol, total: u64) -> Result<Request, EncodeError> {
    let media = &x.media;
    let owners = media.additional_owners.iter().map(UserId::as_str).collect::<Vec<_>>();
    let shared = match media.sharing {
        Sharing::Default => None,
        Sharing::Shared => Some(true),
    };
    match x.api {
        Api::V2 => json(
            x,
            &format!("{V2_UPLOAD}/initialize"),
            &Initialize {
                media_type: media.media_type.as_str(),
                total_bytes: total,
                media_category: media.category.name(),
                additional_owners: owners,
                shared,
            },
        ),
        Api::V1_1 => {
            let (total, owners) = (total.to_string(), owners.join(","));
            let mut fields = vec![
                ("command", "INIT"),
                ("total_bytes", &total),
                ("media_type", media.media_type.as_str()),
                ("media_category", media.category.name()),
            ];
            if !owners.is_empty() {
                fields.push(("additional_owners", &owners));
            }
            if shared.is_some() {
                fields.push(("shared", "true"));
            }
            form(x, V1_UPLOAD, &fields)
        }
    }
}

fn append(x: &XProtocol, id: &MediaId, index: u32, nonce: u128) -> Result<Request, EncodeError> {
    if index >= MAX_SEGMENTS {
        return Err(EncodeError::new(format!("segment {index}, and X's last one is {}", MAX_SEGMENTS - 1)));
    }
    let index = index.to_string();
    // Nothing goes into the query of a multipart request: whether it is signed is disputed (X fact sheet §5).
    let (path, fields) = match x.api {
        Api::V2 => (format!("{V2_UPLOAD}/{id}/append"), vec![("segment_index", index.as_str())]),
        Api::V1_1 => (
            V1_UPLOAD.to_owned(),
            vec![("command", "APPEND"), ("media_id", id.as_str()), ("segment_index", index.as_str())],
        ),
    };
    // X takes the fields in any order (X fact sheet §2.3).
    let file = FilePart { name: "media", file_name: "segment", content_type: "application/octet-stream" };
    let (content_type, body) = multipart(nonce, &fields, file).map_err(|error| unsayable(&error))?;
    with_body(x, &path, content_type, body)
}

fn finalize(x: &XProtocol, id: &MediaId) -> Result<Request, EncodeError> {
    match x.api {
        // The empty object is no decoration: an empty body is refused (X fact sheet §2.4).
        Api::V2 => with_body(
            x,
            &format!("{V2_UPLOAD}/{id}/finalize"),
            JSON,
            RequestBody::Bytes(Bytes::from_static(b"{}")),
        ),
        Api::V1_1 => form(x, V1_UPLOAD, &[("command", "FINALIZE"), ("media_id", id.as_str())]),
    }
}

fn status(x: &XProtocol, id: &MediaId) -> Result<Request, EncodeError> {
    let path = match x.api {
        Api::V2 => V2_UPLOAD,
        Api::V1_1 => V1_UPLOAD,
    };
    // `command` is optional in v2's description and not in its practice (X fact sheet §2.5).
    let query = percent::form(&[("command", "STATUS"), ("media_id", id.as_str())]);
    request(x, Method::GET, &format!("{path}?{query}"))
}

/// A POST of a JSON value.
pub(crate) fn json(x: &XProtocol, path: &str, value: &impl Serialize) -> Result<Request, EncodeError> {
    json_to(&x.base, path, value)
}

/// The same, to a place of which nothing else is known.
pub(crate) fn json_to(base: &BaseUrl, path: &str, value: &impl Serialize) -> Result<Request, EncodeError> {
    let body = serde_json::to_vec(value).map_err(|error| unsayable(&error))?;
    let mut request = request_to(base, Method::POST, path)?;
    request.headers.insert(header::CONTENT_TYPE, JSON);
    request.body = RequestBody::Bytes(Bytes::from(body));
    Ok(request)
}

fn form(x: &XProtocol, path: &str, fields: &[(&str, &str)]) -> Result<Request, EncodeError> {
    with_body(x, path, FORM, RequestBody::Bytes(Bytes::from(percent::form(fields))))
}

fn with_body(
    x: &XProtocol,
    path: &str,
    content_type: HeaderValue,
    body: RequestBody,
) -> Result<Request, EncodeError> {
    let mut request = request(x, Method::POST, path)?;
    request.headers.insert(header::CONTENT_TYPE, content_type);
    request.body = body;
    Ok(request)
}

fn request(x: &XProtocol, method: Method, path: &str) -> Result<Request, EncodeError> {
    request_to(&x.base, method, path)
}

fn request_to(base: &BaseUrl, method: Method, path: &str) -> Result<Request, EncodeError> {
    let uri = base.join(path).map_err(|error| unsayable(&error))?;
    let mut request = Request::new(method, uri);
    request.headers.insert(header::ACCEPT, JSON);
    Ok(request)
}

fn unsayable(error: &dyn std::error::Error) -> EncodeError {
    EncodeError::new(format!("the request can't be put together: {error}"))
}
