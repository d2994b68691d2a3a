//! Uploads of a single request, at a server of a few lines that keeps what it gets.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::put;
use bytes::Bytes;
use chunkwise::Bearer;
use chunkwise::core::{Completed, Session};
use chunkwise::hyper::HyperBackend;
use chunkwise::transport::Transport;
use chunkwise::transport::http::HttpTransport;
use chunkwise_oneshot::{Form, Id, OneShot};
use chunkwise_testkit::conformance::{Place, Subject};
use http::{HeaderValue, Method};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

const TOKEN: &str = "hunter2";

/// What the server holds: objects by number, and under which key each was made.
#[derive(Default)]
struct Objects {
    made: Vec<Bytes>,
    by_key: BTreeMap<String, usize>,
}

type Shared = Arc<Mutex<Objects>>;

/// Makes an object of a whole request; the same one again for the same key.
async fn make(State(objects): State<Shared>, headers: HeaderMap, body: Bytes) -> (StatusCode, String) {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if header("authorization") != Some(&format!("Bearer {TOKEN}")) {
        return (StatusCode::UNAUTHORIZED, "who are you?".to_owned());
    }
    let mut objects = objects.lock().unwrap();
    let next = objects.made.len();
    let id = match header("idempotency-key") {
        Some(key) => *objects.by_key.entry(key.to_owned()).or_insert(next),
        None => next,
    };
    if id == next {
        objects.made.push(body);
    }
    (StatusCode::OK, format!(r#"{{"data":{{"media_id":{id}}}}}"#))
}

pub(crate) struct Single {
    objects: Shared,
    server: JoinHandle<()>,
    client: Client,
    /// How many objects there were places for.
    places: AtomicU32,
}

/// What transports to the server are made of.
#[derive(Clone)]
struct Client {
    repeat: Repeating,
    base: String,
    backend: Arc<HyperBackend>,
}

/// Whether the server is given a key by which it knows a repetition.
#[derive(Clone, Copy)]
enum Repeating {
    Never,
    ByKey,
}

impl Drop for Single {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Nothing is sent twice that may have been done.
pub(crate) async fn never() -> Single {
    single(Repeating::Never).await
}

/// The server knows a repetition.
pub(crate) async fn by_key() -> Single {
    single(Repeating::ByKey).await
}

async fn single(repeat: Repeating) -> Single {
    let objects = Shared::default();
    let app = Router::new().route("/objects", put(make)).layer(DefaultBodyLimit::disable());
    let app = app.with_state(Arc::clone(&objects));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let client = Client { repeat, base, backend: Arc::new(HyperBackend::new()) };
    Single { objects, server, client, places: AtomicU32::new(0) }
}

impl Single {
    fn next(&self) -> u32 {
        self.places.fetch_add(1, Ordering::Relaxed)
    }
}

impl Client {
    fn transport(&self, nth: u32, token: &str) -> Arc<dyn Transport> {
        let form = Form::Raw { content_type: HeaderValue::from_static("video/mp4") };
        let id = Id::Pointer("/data/media_id".to_owned());
        let to = OneShot::new(&format!("{}/objects", self.base), form, id).unwrap().with_method(Method::PUT);
        let to = match self.repeat {
            Repeating::Never => to,
            Repeating::ByKey => to.with_idempotency_key(&format!("place {nth}")).unwrap(),
        };
        let bearer = Bearer::new(token.to_owned());
        Arc::new(HttpTransport::new(Arc::new(to), self.backend.clone(), Arc::new(bearer)))
    }
}

#[async_trait]
impl Subject for Single {
    fn name(&self) -> &str {
        match self.client.repeat {
            Repeating::Never => "one-shot",
            Repeating::ByKey => "one-shot, key",
        }
    }

    async fn place(&self) -> Place {
        let (nth, client, objects) = (self.next(), self.client.clone(), Arc::clone(&self.objects));
        let place = Place::new(client.transport(nth, TOKEN), move |completed: Completed, content: Bytes| {
            let objects = Arc::clone(&objects);
            async move {
                let id = &completed.result.id;
                let nth: usize = id.parse().map_err(|_| format!("{id} is no object's number"))?;
                let objects = objects.lock().unwrap();
                match objects.made.get(nth) {
                    Some(made) if *made == content => Ok(()),
                    Some(made) => Err(format!("object {nth} has {} bytes, and not ours", made.len())),
                    None => Err(format!("there is no object {nth}")),
                }
            }
        });
        place.made_again_by(move || client.transport(nth, TOKEN))
    }

    async fn stranger(&self) -> Option<Arc<dyn Transport>> {
        Some(self.client.transport(self.next(), "nobody's"))
    }

    async fn nobody(&self) -> Option<(Arc<dyn Transport>, Session)> {
        // It has no sessions; the upload of a request is the request.
        None
    }

    /// A request is done whole or not at all.
    async fn unfinished(&self) -> Option<usize> {
        Some(0)
    }
}
