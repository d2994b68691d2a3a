//! tus, by every way that it has, at the strict server of `chunkwise-tus`.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chunkwise::Bearer;
use chunkwise::core::{Completed, Session};
use chunkwise::hyper::HyperBackend;
use chunkwise::transport::Transport;
use chunkwise::transport::http::HttpTransport;
use chunkwise::tus::{Capabilities, Endpoint, Extension, Metadata, TusProtocol, Way};
use chunkwise_testkit::conformance::{Place, Subject};

use crate::server::{Server, Settings, Stored};

const TOKEN: &str = "hunter2";

pub(crate) struct Tus {
    server: Arc<Server>,
    client: Client,
}

/// What transports to the server are made of.
#[derive(Clone)]
struct Client {
    way: Way,
    url: String,
    backend: Arc<HyperBackend>,
}

/// One upload with one writer, whose last Append completes it.
pub(crate) async fn whole() -> Tus {
    tus(Way::Whole).await
}

/// The same, completed by a Finalize.
pub(crate) async fn deferred() -> Tus {
    tus(Way::Deferred).await
}

/// Partial uploads that are joined.
pub(crate) async fn parts() -> Tus {
    tus(Way::Parts).await
}

async fn tus(way: Way) -> Tus {
    let server = Server::with(Settings { token: Some(TOKEN), ..Settings::default() }).await;
    let client = Client { way, url: server.endpoint(), backend: Arc::new(HyperBackend::new()) };
    Tus { server: Arc::new(server), client }
}

impl Client {
    fn transport(&self, token: &str) -> Arc<dyn Transport> {
        let endpoint = Endpoint::new(&self.url).unwrap();
        let protocol = TusProtocol::new(endpoint, Capabilities::new(Extension::ALL), self.way).unwrap();
        let protocol = protocol.with_metadata(Metadata::new().with("filetype", "video/mp4").unwrap());
        let bearer = Bearer::new(token.to_owned());
        Arc::new(HttpTransport::new(Arc::new(protocol), self.backend.clone(), Arc::new(bearer)))
    }
}

#[async_trait]
impl Subject for Tus {
    fn name(&self) -> &str {
        match self.client.way {
            Way::Whole => "tus",
            Way::Deferred => "tus deferred",
            Way::Parts => "tus parts",
        }
    }

    async fn place(&self) -> Place {
        let (server, client) = (Arc::clone(&self.server), self.client.clone());
        let place = Place::new(client.transport(TOKEN), move |completed: Completed, content: Bytes| {
            let server = Arc::clone(&server);
            async move {
                let url = &completed.result.id;
                let here = format!("http://{}", server.address);
                let path = url.strip_prefix(&here).ok_or_else(|| format!("{url} is elsewhere"))?;
                let state = server.state();
                let stored = state.uploads.get(path).ok_or_else(|| format!("there is no {path}"))?;
                match stored.length {
                    Some(length) if length == content.len() as u64 && stored.bytes == content => Ok(()),
                    length => Err(format!(
                        "{path} has {} bytes of {length:?}, and not those that were sent",
                        stored.bytes.len()
                    )),
                }
            }
        });
        place.made_again_by(move || client.transport(TOKEN))
    }

    async fn stranger(&self) -> Option<Arc<dyn Transport>> {
        Some(self.client.transport("nobody's"))
    }

    async fn nobody(&self) -> Option<(Arc<dyn Transport>, Session)> {
        let url = format!("http://{}/files/nobodys#1", self.server.address);
        Some((self.client.transport(TOKEN), Session::new(url)))
    }

    async fn unfinished(&self) -> Option<usize> {
        let unfinished = |upload: &&Stored| upload.length != Some(upload.bytes.len() as u64);
        Some(self.server.state().uploads.values().filter(unfinished).count())
    }
}
