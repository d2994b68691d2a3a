//! S3 multipart, at a store that others wrote.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use chunkwise::core::{Completed, Session};
use chunkwise::hyper::HyperBackend;
use chunkwise::s3::{BaseUrl, Credentials, Mark, Object, S3Protocol, SigV4, Store as Known};
use chunkwise::transport::Transport;
use chunkwise::transport::http::{HttpTransport, percent};
use chunkwise_testkit::conformance::{Place, Subject};
use tempfile::TempDir;

use crate::store::{ACCESS_KEY, BUCKET, SECRET_KEY, Store};

pub(crate) struct S3 {
    store: Store,
    folder: TempDir,
    client: Client,
    /// How many objects there were places for.
    places: AtomicU32,
}

/// What transports to the store are made of.
#[derive(Clone)]
struct Client {
    url: String,
    backend: Arc<HyperBackend>,
}

pub(crate) async fn s3() -> S3 {
    let folder = TempDir::new().unwrap();
    let store = Store::start(folder.path()).await;
    let client = Client { url: store.url(), backend: Arc::new(HyperBackend::new()) };
    S3 { store, folder, client, places: AtomicU32::new(0) }
}

fn key(nth: u32) -> String {
    format!("clip {nth}.mp4")
}

impl Client {
    fn transport(&self, nth: u32, secret: &str) -> Arc<dyn Transport> {
        let endpoint = BaseUrl::new(&self.url).unwrap();
        let object = Object::new(BUCKET, &key(nth)).unwrap();
        let protocol = S3Protocol::new(object, endpoint, Mark::new(nth.into())).with_store(Known::S3);
        let keys = Credentials {
            access_key_id: ACCESS_KEY.into(),
            secret_access_key: secret.to_owned().into(),
            session_token: None,
        };
        let signer = SigV4::new("us-east-1", keys);
        Arc::new(HttpTransport::new(Arc::new(protocol), self.backend.clone(), Arc::new(signer)))
    }
}

impl S3 {
    fn next(&self) -> u32 {
        self.places.fetch_add(1, Ordering::Relaxed)
    }
}

#[async_trait]
impl Subject for S3 {
    fn name(&self) -> &str {
        "S3"
    }

    async fn place(&self) -> Place {
        let (nth, client) = (self.next(), self.client.clone());
        let (key, transport) = (key(nth), client.transport(nth, SECRET_KEY));
        let file = self.folder.path().join(BUCKET).join(&key);
        let place = Place::new(transport, move |completed: Completed, content: Bytes| {
            let (key, file) = (key.clone(), file.clone());
            async move {
                if *completed.result.id != *format!("s3://{BUCKET}/{key}") {
                    return Err(format!("{} is another object", completed.result.id));
                }
                let stored = tokio::fs::read(&file).await.map_err(|error| format!("{key}: {error}"))?;
                match stored == content {
                    true => Ok(()),
                    false => Err(format!("{key} has {} bytes, and not those that were sent", stored.len())),
                }
            }
        });
        place.made_again_by(move || client.transport(nth, SECRET_KEY))
    }

    async fn stranger(&self) -> Option<Arc<dyn Transport>> {
        Some(self.client.transport(self.next(), "nobody's"))
    }

    async fn nobody(&self) -> Option<(Arc<dyn Transport>, Session)> {
        let nth = self.next();
        let (mark, key) = (Mark::new(nth.into()), percent::encode(&key(nth)));
        // An upload id as the store makes them.
        let session = format!("{mark}/{BUCKET}/{key}/00000000-0000-4000-8000-000000000000");
        Some((self.client.transport(nth, SECRET_KEY), Session::new(session)))
    }

    async fn unfinished(&self) -> Option<usize> {
        Some(self.store.unfinished())
    }
}
