//! Whole uploads: codec, engine, driver and the hyper backend over real sockets.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::any;
use chunkwise_core::{Completed, ErrorKind, Policy, RetryPolicy};
use chunkwise_driver::{BytesSource, Driver, DriverError, UploadRequest};
use chunkwise_hyper::HyperBackend;
use chunkwise_oneshot::{Form, Id, OneShot};
use chunkwise_transport::http::{Bearer, HttpTransport};
use http::HeaderValue;
use sha2::{Digest as _, Sha256};

/// What a server got, and what it says to each request in turn; then 200 with an id.
#[derive(Clone, Default)]
struct Server {
    got: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
    answers: Arc<Mutex<Vec<u16>>>,
}

async fn take(State(server): State<Server>, headers: HeaderMap, body: Bytes) -> (StatusCode, String) {
    let mut got = server.got.lock().unwrap();
    got.push((headers, body));
    let mut answers = server.answers.lock().unwrap();
    let status = if answers.is_empty() { 200 } else { answers.remove(0) };
    (StatusCode::from_u16(status).unwrap(), format!(r#"{{"data":{{"media_id":"m{}"}}}}"#, got.len()))
}

impl Server {
    async fn start(answers: &[u16]) -> (Self, String) {
        let server = Self::default();
        server.answers.lock().unwrap().extend(answers);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let limit = axum::extract::DefaultBodyLimit::disable();
        let app = Router::new().route("/{*path}", any(take)).layer(limit).with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        (server, base)
    }

    fn requests(&self) -> usize {
        self.got.lock().unwrap().len()
    }
}

async fn upload(to: OneShot, bytes: &[u8]) -> Result<Completed, DriverError> {
    let bearer = Bearer::new("key".to_owned());
    let transport = HttpTransport::new(Arc::new(to), Arc::new(HyperBackend::new()), Arc::new(bearer));
    let mut request = UploadRequest::new(BytesSource::new(bytes.to_vec()), Arc::new(transport));
    let retry = RetryPolicy { backoff_base: Duration::from_millis(4), ..RetryPolicy::default() };
    request.policy = Policy { retry, ..Policy::default() };
    Driver::default().start(request).await.unwrap().wait().await
}

fn raw(base: &str) -> OneShot {
    let form = Form::Raw { content_type: HeaderValue::from_static("video/mp4") };
    OneShot::new(&format!("{base}/upload"), form, Id::Pointer("/data/media_id".to_owned())).unwrap()
}

fn content() -> Vec<u8> {
    (0..9_000_000).map(|at: u32| (at * 31 % 251) as u8).collect()
}

#[tokio::test]
async fn all_of_it_goes_in_one_request() {
    let (server, base) = Server::start(&[]).await;
    let completed = upload(raw(&base), &content()).await.unwrap();
    assert_eq!(&*completed.result.id, "m1");
    let got = server.got.lock().unwrap();
    assert_eq!(got.len(), 1);
    assert_eq!(Sha256::digest(&got[0].1), Sha256::digest(content()));
    assert_eq!(got[0].0["content-length"], "9000000");
}

#[tokio::test]
async fn a_source_without_a_byte_goes_too() {
    let (server, base) = Server::start(&[]).await;
    upload(raw(&base), &[]).await.unwrap();
    assert_eq!(server.got.lock().unwrap()[0].1.len(), 0);
}

#[tokio::test]
async fn what_was_certainly_not_done_is_done_again() {
    let (server, base) = Server::start(&[425, 429]).await;
    let completed = upload(raw(&base), &content()).await.unwrap();
    assert_eq!((&*completed.result.id, server.requests()), ("m3", 3));
}

#[tokio::test]
async fn what_may_have_been_done_is_not_done_again_without_a_key() {
    // Of 408 and 503, too, nobody can tell who said it: the server, or a proxy that had sent the request on.
    for status in [408, 502, 503] {
        let (server, base) = Server::start(&[status]).await;
        match upload(raw(&base), &content()).await {
            Err(DriverError::Upload { error, .. }) => {
                assert!(matches!(*error.kind, ErrorKind::FinalizeUnknown { .. }), "{status}: {error}");
            }
            other => panic!("{status}: {other:?}"),
        }
        assert_eq!(server.requests(), 1);
    }
}

#[tokio::test]
async fn with_a_key_it_is_asked_again_with_the_same_one() {
    let (server, base) = Server::start(&[502, 503, 409]).await;
    let keyed = raw(&base).with_idempotency_key("k7").unwrap();
    let completed = upload(keyed, &content()).await.unwrap();
    assert_eq!((&*completed.result.id, server.requests()), ("m4", 4));
    assert!(server.got.lock().unwrap().iter().all(|(headers, _)| headers["idempotency-key"] == "k7"));
}

#[tokio::test]
async fn bad_credentials_and_too_large_a_source_have_errors_of_their_own() {
    for (status, is_it) in [
        (401, (|kind| matches!(kind, ErrorKind::Credentials { .. })) as fn(&ErrorKind) -> bool),
        (413, |kind| matches!(kind, ErrorKind::TooLarge { .. })),
        (422, |kind| matches!(kind, ErrorKind::Refused { .. })),
    ] {
        let (server, base) = Server::start(&[status; 9]).await;
        match upload(raw(&base), &content()).await {
            Err(DriverError::Upload { error, .. }) => assert!(is_it(&error.kind), "{status}: {error}"),
            other => panic!("{other:?}"),
        }
        assert!(server.requests() <= 1, "{status}");
    }
}
