//! What the tests of every backend share: a server of a few lines over a real socket, requests for it, and the cases
//! that hold for any backend.
#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    unused_macros,
    clippy::allow_attributes,
    reason = "each test file uses a part of it"
)]

pub mod cases;
pub mod early;
pub mod server;

use std::time::{Duration, Instant};

use bytes::Bytes;
use chunkwise_core::{Cut, NotSent};
use chunkwise_transport::http::{Backend, BackendError, Body, RequestBody};
use chunkwise_transport::{Payload, PayloadError};
use http::{Method, Request, Response};

pub type Exchanged = Result<Response<Bytes>, BackendError>;

/// A POST with a body of head, frames and tail.
pub fn post(url: &str, head: &'static str, frames: Vec<Bytes>, tail: &'static str) -> Request<Body> {
    let len = frames.iter().map(|frame| frame.len() as u64).sum();
    let frames = futures::stream::iter(frames.into_iter().map(Ok));
    let payload = Payload::from_frames(len, Box::pin(frames));
    post_payload(url, head, payload, tail)
}

pub fn post_payload(url: &str, head: &'static str, payload: Payload, tail: &'static str) -> Request<Body> {
    let parts = RequestBody::Payload {
        head: Bytes::from_static(head.as_bytes()),
        tail: Bytes::from_static(tail.as_bytes()).into(),
    };
    request(Method::POST, url, Body::new(parts, payload))
}

/// A POST of so many bytes in frames of 64 KiB.
pub fn post_sized(url: &str, len: usize) -> Request<Body> {
    let frame = Bytes::from(vec![b'x'; 64 * 1024]);
    let mut frames = vec![frame.clone(); len / frame.len()];
    frames.push(frame.slice(..len % frame.len()));
    frames.retain(|frame| !frame.is_empty());
    post(url, "", frames, "")
}

pub fn get(url: &str) -> Request<Body> {
    request(Method::GET, url, Body::new(RequestBody::Empty, Payload::empty()))
}

pub fn request(method: Method, url: &str, body: Body) -> Request<Body> {
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = url.parse().unwrap();
    request
}

/// A payload that never gives more than its first frame.
pub fn stalled(first: &'static [u8], len: u64) -> Payload {
    use futures::StreamExt as _;
    let frames = futures::stream::iter([Ok(Bytes::from_static(first))]).chain(futures::stream::pending());
    Payload::from_frames(len, Box::pin(frames))
}

/// A payload whose source fails behind its first frame.
pub fn failing(first: Bytes, len: u64) -> Payload {
    let frames = [Ok(first), Err(PayloadError::new("the disk is gone"))];
    Payload::from_frames(len, Box::pin(futures::stream::iter(frames)))
}

/// The exchange, which must end in time by itself: a timer that wakes it would hide that nothing else does.
pub async fn exchange(backend: &dyn Backend, request: Request<Body>) -> Exchanged {
    const LIMIT: Duration = Duration::from_secs(30);
    let begun = Instant::now();
    let exchanged = tokio::time::timeout(LIMIT, backend.exchange(request)).await;
    assert!(begun.elapsed() < LIMIT, "the exchange hangs");
    exchanged.expect("the time is not over")
}

#[track_caller]
pub fn answered(exchanged: Exchanged) -> (u16, Bytes) {
    match exchanged {
        Ok(response) => (response.status().as_u16(), response.into_body()),
        Err(error) => panic!("no answer: {error:?}"),
    }
}

/// How the answer was lost, and the text for people.
#[track_caller]
pub fn unknown(exchanged: Exchanged) -> (Cut, String) {
    match exchanged {
        Err(BackendError::Unknown { cut, source }) => (cut, source.to_string()),
        other => panic!("expected Unknown, got {other:?}"),
    }
}

/// Why it was not sent, and the text for people.
#[track_caller]
pub fn not_sent(exchanged: Exchanged) -> (NotSent, String) {
    match exchanged {
        Err(BackendError::NotSent { cause, source }) => (cause, source.to_string()),
        other => panic!("expected NotSent, got {other:?}"),
    }
}
