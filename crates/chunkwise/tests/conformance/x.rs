//! X, v2 and v1.1, at a sandbox.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chunkwise::Bearer;
use chunkwise::core::{Completed, Session};
use chunkwise::hyper::HyperBackend;
use chunkwise::transport::Transport;
use chunkwise::transport::http::{Authorizer, HttpTransport};
use chunkwise::x::{Api, BaseUrl, Category, Media, MediaType, OAuth1, OAuth1Credentials, XProtocol};
use chunkwise_sandbox::{Https, MediaState, Sandbox, credentials};
use chunkwise_testkit::conformance::{Place, Subject};
use sha2::{Digest as _, Sha256};

pub(crate) struct X {
    sandbox: Arc<Sandbox>,
    client: Client,
}

/// What transports to the sandbox are made of.
#[derive(Clone)]
struct Client {
    api: Api,
    url: String,
    backend: Arc<HyperBackend>,
}

pub(crate) async fn v2() -> X {
    x(Api::V2).await
}

pub(crate) async fn v1() -> X {
    x(Api::V1_1).await
}

async fn x(api: Api) -> X {
    let sandbox =
        Sandbox::builder().with(|settings| settings.listen.https = Https::Off).start().await.unwrap();
    let client = Client { api, url: sandbox.base_url(), backend: Arc::new(HyperBackend::new()) };
    X { sandbox: Arc::new(sandbox), client }
}

impl Client {
    /// With the user's credentials.
    fn users(&self) -> Arc<dyn Transport> {
        self.transport(match self.api {
            Api::V2 => Arc::new(Bearer::new(credentials::USER_TOKEN.to_owned())),
            Api::V1_1 => Arc::new(OAuth1::new(Self::keys(credentials::ACCESS_TOKEN))),
        })
    }

    /// With nobody's.
    fn nobodys(&self) -> Arc<dyn Transport> {
        self.transport(match self.api {
            Api::V2 => Arc::new(Bearer::new("nobody's token".to_owned())),
            Api::V1_1 => Arc::new(OAuth1::new(Self::keys("nobody's"))),
        })
    }

    fn transport(&self, authorizer: Arc<dyn Authorizer>) -> Arc<dyn Transport> {
        let media = Media::new(MediaType::MP4, Category::TweetVideo);
        let base_url = BaseUrl::new(&self.url).unwrap();
        let protocol = XProtocol::new(self.api, media).with_base_url(base_url);
        Arc::new(HttpTransport::new(Arc::new(protocol), self.backend.clone(), authorizer))
    }

    fn keys(token: &str) -> OAuth1Credentials {
        OAuth1Credentials {
            consumer_key: credentials::CONSUMER_KEY.to_owned().into(),
            consumer_secret: credentials::CONSUMER_SECRET.to_owned().into(),
            token: token.to_owned().into(),
            token_secret: credentials::ACCESS_SECRET.to_owned().into(),
        }
    }
}

#[async_trait]
impl Subject for X {
    fn name(&self) -> &str {
        match self.client.api {
            Api::V2 => "X v2",
            Api::V1_1 => "X v1.1",
        }
    }

    async fn place(&self) -> Place {
        let (sandbox, client) = (Arc::clone(&self.sandbox), self.client.clone());
        let place = Place::new(client.users(), move |completed: Completed, content: Bytes| {
            let sandbox = Arc::clone(&sandbox);
            async move {
                let id = completed
                    .result
                    .id
                    .parse()
                    .map_err(|_| format!("{} is no media id", completed.result.id))?;
                let media =
                    sandbox.media(id).await.map_err(|error| error.to_string())?.ok_or("no such media")?;
                let sha256: String =
                    Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
                match media.state {
                    MediaState::Finalized { .. } if media.sha256 == sha256 => Ok(()),
                    state => Err(format!("it is {state:?}, {} and not {sha256}", media.sha256)),
                }
            }
        });
        place.made_again_by(move || client.users())
    }

    async fn stranger(&self) -> Option<Arc<dyn Transport>> {
        Some(self.client.nobodys())
    }

    async fn nobody(&self) -> Option<(Arc<dyn Transport>, Session)> {
        // As many digits as an id may have, and none that the sandbox hands out.
        Some((self.client.users(), Session::new("1999999999999999999")))
    }

    async fn unfinished(&self) -> Option<usize> {
        let mut unfinished = 0;
        for id in self.sandbox.media_ids() {
            let media = self.sandbox.media(id).await.ok()??;
            unfinished += usize::from(media.state == MediaState::Receiving);
        }
        Some(unfinished)
    }
}
