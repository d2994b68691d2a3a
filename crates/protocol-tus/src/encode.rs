//! Operation → HTTP request. Source of every rule: tus 1.0.0, the section named as the header or the extension.

use std::collections::BTreeSet;

use bytes::Bytes;
use chunkwise_core::{Action, Receipt};
use chunkwise_transport::http::{EncodeError, Request, RequestBody};
use http::{HeaderName, HeaderValue, Method, Uri, header};

use crate::place::{self, Announced, Upload};
use crate::{TusProtocol, VERSION, Way};

const RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const LENGTH: HeaderName = HeaderName::from_static("upload-length");
const DEFER_LENGTH: HeaderName = HeaderName::from_static("upload-defer-length");
const OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const METADATA: HeaderName = HeaderName::from_static("upload-metadata");
const CONCAT: HeaderName = HeaderName::from_static("upload-concat");
/// The one type that a PATCH may have.
const BYTES: HeaderValue = HeaderValue::from_static("application/offset+octet-stream");

/// The request that performs the action.
pub(crate) fn encode(tus: &TusProtocol, action: &Action) -> Result<Request, EncodeError> {
    let upload = |session| tus.upload(session).map_err(|error| EncodeError::new(format!("{error}{DAMAGED}")));
    match (action, tus.way) {
        (Action::Init { total: Some(total) }, Way::Whole | Way::Deferred) => {
            Ok(described(tus, create(tus)?.with(LENGTH, number(*total))))
        }
        (Action::Init { total: None }, Way::Deferred) => {
            Ok(described(tus, create(tus)?.with(DEFER_LENGTH, HeaderValue::from_static("1"))))
        }
        (Action::Append { session, segment, .. }, Way::Whole | Way::Deferred) => {
            Ok(patch(&upload(session)?, segment.range.start())?.carrying())
        }
        (Action::Append { segment, .. }, Way::Parts) => {
            let partial = create(tus)?.with(CONCAT, HeaderValue::from_static("partial"));
            Ok(partial.with(LENGTH, number(segment.range.len())).carrying())
        }
        (Action::Probe { session, .. } | Action::Verify { session, .. }, Way::Whole | Way::Deferred) => {
            asked(&upload(session)?)
        }
        (Action::Finalize { session, total, .. }, Way::Deferred) => {
            let upload = upload(session)?;
            match upload.length {
                Announced::Later => Ok(patch(&upload, *total)?.with(LENGTH, number(*total))),
                // It is complete by its last byte.
                Announced::Length(_) => asked(&upload),
            }
        }
        (Action::Finalize { receipts: Some(receipts), .. }, Way::Parts) => {
            Ok(described(tus, create(tus)?.with(CONCAT, joined(receipts)?)))
        }
        (Action::Abort { session, .. }, Way::Whole | Way::Deferred) => {
            request(Method::DELETE, place(upload(session)?.uri())?)
        }
        (Action::Init { total: None }, Way::Whole) => {
            Err(EncodeError::new("the length of the source must be known before the first byte"))
        }
        (
            Action::Init { .. } | Action::Probe { .. } | Action::Verify { .. } | Action::Abort { .. },
            Way::Parts,
        )
        | (Action::Finalize { .. }, Way::Whole | Way::Parts)
        | (Action::Status { .. }, Way::Whole | Way::Deferred | Way::Parts) => {
            Err(EncodeError::new("tus has no such request"))
        }
    }
}

const DAMAGED: &str = "; is its checkpoint damaged, or that of another server?";

/// Lists partial uploads in order. Two that are the same would be a wrong object: the server has mixed them up.
fn joined(receipts: &[Receipt]) -> Result<HeaderValue, EncodeError> {
    let mut list = b"final;".to_vec();
    let mut seen = BTreeSet::new();
    for (nth, receipt) in receipts.iter().map(Receipt::as_bytes).enumerate() {
        if !seen.insert(receipt) {
            return Err(EncodeError::new("the server gave two segments the same upload"));
        }
        list.extend_from_slice(if nth == 0 { b"" } else { b" " });
        list.extend_from_slice(receipt);
    }
    HeaderValue::try_from(list).map_err(|_| EncodeError::new(format!("a receipt is no URL{DAMAGED}")))
}

fn create(tus: &TusProtocol) -> Result<Request, EncodeError> {
    request(Method::POST, place(place::uri(tus.endpoint.url()))?)
}

/// What the server is told about the upload, where the object comes to be.
fn described(tus: &TusProtocol, request: Request) -> Request {
    match tus.metadata.header() {
        Some(metadata) => request.with(METADATA, metadata),
        None => request,
    }
}

fn patch(upload: &Upload, offset: u64) -> Result<Request, EncodeError> {
    let request = request(Method::PATCH, place(upload.uri())?)?.with(OFFSET, number(offset));
    Ok(request.with(header::CONTENT_TYPE, BYTES).with_body(RequestBody::Bytes(Bytes::new())))
}

fn asked(upload: &Upload) -> Result<Request, EncodeError> {
    request(Method::HEAD, place(upload.uri())?)
}

pub(crate) fn request(method: Method, uri: Uri) -> Result<Request, EncodeError> {
    Ok(Request::new(method, uri).with(RESUMABLE, HeaderValue::from_static(VERSION)))
}

pub(crate) fn place<T>(placed: Result<T, place::Misplaced>) -> Result<T, EncodeError> {
    placed.map_err(|error| EncodeError::new(error.to_string()))
}

fn number(number: u64) -> HeaderValue {
    HeaderValue::from(number)
}

/// Building a request in one go.
trait With {
    fn with(self, name: HeaderName, value: HeaderValue) -> Self;
    fn with_body(self, body: RequestBody) -> Self;
    /// With the operation's payload, and as what it goes.
    fn carrying(self) -> Self;
}

impl With for Request {
    fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    fn with_body(mut self, body: RequestBody) -> Self {
        self.body = body;
        self
    }

    fn carrying(self) -> Self {
        let payload = RequestBody::Payload { head: Bytes::new(), tail: Bytes::new().into() };
        self.with(header::CONTENT_TYPE, BYTES).with_body(payload)
    }
}
