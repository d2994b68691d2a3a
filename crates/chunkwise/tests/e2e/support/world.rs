//! One sandbox, one directory of checkpoints, and uploaders that speak to it.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chunkwise::driver::{DriverBuilder, Listed, StartError, StoreError};
use chunkwise::transport::http::{Backend, RefreshToken};
use chunkwise::transport::{Account, RefreshError};
use chunkwise::x::{Api, BaseUrl, OAuth1, OAuth1Credentials, XError, XHandle, XUploader};
use chunkwise::{
    Bearer, ChunkSize, DirectoryStore, Driver, Policy, ProcessingPolicy, RetryPolicy, Secret, Timeouts,
    UploadId, WindowPolicy,
};
use chunkwise_sandbox::{
    Builder, Https, LoggedRequest, MediaInfo, MediaState, Operation, Sandbox, credentials,
};
use tempfile::TempDir;

use super::{CHUNK, Carrier, File};

const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// The longest that anything is waited for, with a wide margin for a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Who uploads.
pub(crate) enum Credentials {
    /// A bearer token that can't be refreshed.
    Token(&'static str),
    /// A bearer token with a hook that gets the next one.
    Refreshing(&'static str, Renewal),
    /// OAuth 1.0a.
    OAuth1,
}

/// Gives this token whenever a new one is asked for, and counts.
#[derive(Clone, Debug)]
pub(crate) struct Renewal {
    pub(crate) token: &'static str,
    pub(crate) asked: Arc<AtomicU32>,
}

impl Renewal {
    pub(crate) fn with(token: &'static str) -> Self {
        Self { token, asked: Arc::default() }
    }
}

#[async_trait]
impl RefreshToken for Renewal {
    async fn refresh(&self, _: &Secret<String>) -> Result<Secret<String>, RefreshError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Ok(self.token.to_owned().into())
    }
}

/// Short waits, few tries, and timeouts that nothing but a scripted fault reaches.
fn brief() -> Policy {
    let count = |n| NonZeroU32::new(n).unwrap();
    let millis = Duration::from_millis;
    Policy {
        chunk_size: ChunkSize::new(CHUNK).unwrap(),
        window: WindowPolicy::Fixed(count(4)),
        retry: RetryPolicy {
            attempts: count(3),
            budget: 8,
            backoff_base: millis(4),
            backoff_cap: millis(40),
            throttles: count(3),
            longest_wait: Duration::from_secs(3600),
            ..RetryPolicy::default()
        },
        timeouts: Timeouts { stall: Duration::from_secs(40), response: Duration::from_secs(40) },
        deadline: Duration::from_secs(120),
        processing: ProcessingPolicy {
            deadline: Duration::from_secs(60),
            default_delay: millis(10),
            floor: millis(5),
            ceiling: millis(20),
            failures: count(3),
        },
        sessions: count(2),
    }
}

/// One sandbox and one directory of checkpoints.
pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    pub(crate) state: TempDir,
    pub(crate) api: Api,
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) policy: Policy,
}

impl World {
    /// The sandbox as the builder says, without HTTPS; API v2 over this backend.
    pub(crate) async fn new(sandbox: Builder, carrier: Carrier) -> Self {
        Self::over(sandbox.with(|settings| settings.listen.https = Https::Off), Api::V2, carrier.backend())
            .await
    }

    pub(crate) async fn over(sandbox: Builder, api: Api, backend: Arc<dyn Backend>) -> Self {
        let sandbox = sandbox.start().await.unwrap();
        Self { sandbox, state: TempDir::new().unwrap(), api, backend, policy: brief() }
    }

    pub(crate) fn driver(&self) -> DriverBuilder {
        Driver::builder()
            .byte_budget(1 << 20)
            .frame_size(16 << 10)
            .checkpoints(DirectoryStore::new(self.state.path()))
    }

    /// The user of the sandbox, by what the API takes: a token in v2, OAuth 1.0a in v1.1.
    pub(crate) fn uploader(&self) -> XUploader {
        let credentials = match self.api {
            Api::V2 => Credentials::Token(credentials::USER_TOKEN),
            Api::V1_1 => Credentials::OAuth1,
        };
        self.uploader_as(credentials, self.driver().build().unwrap())
    }

    /// The same in v2, with the account named, so that its uploads are paced together.
    pub(crate) fn uploader_of_an_account(&self) -> XUploader {
        let renewal = Renewal::with(credentials::USER_TOKEN);
        let credentials = Credentials::Refreshing(credentials::USER_TOKEN, renewal);
        self.uploader_as(credentials, self.driver().build().unwrap())
    }

    /// The user of the sandbox in v2, with this driver.
    pub(crate) fn uploader_of_driver(&self, driver: Driver) -> XUploader {
        self.uploader_as(Credentials::Token(credentials::USER_TOKEN), driver)
    }

    /// A new process, as far as the engine is concerned: a driver of its own over the same checkpoints.
    pub(crate) fn uploader_as(&self, credentials: Credentials, driver: Driver) -> XUploader {
        self.uploader_at(&self.sandbox.base_url(), credentials, driver)
    }

    pub(crate) fn uploader_at(&self, base_url: &str, credentials: Credentials, driver: Driver) -> XUploader {
        let backend = Arc::clone(&self.backend);
        let builder = match credentials {
            Credentials::Token(token) => XUploader::builder(Bearer::new(token.to_owned()), backend),
            Credentials::Refreshing(token, hook) => {
                let bearer = Bearer::new(token.to_owned()).with_refresh(hook);
                XUploader::builder(bearer.with_account(Account::new("the user")), backend)
            }
            Credentials::OAuth1 => XUploader::builder(OAuth1::new(sandbox_keys()), backend),
        };
        let base_url = BaseUrl::new(base_url).unwrap();
        builder.api(self.api).base_url(base_url).driver(driver).policy(self.policy.clone()).build().unwrap()
    }

    /// Every media or session that the sandbox has heard of.
    pub(crate) async fn media(&self) -> Vec<MediaInfo> {
        let mut all = Vec::new();
        for id in self.sandbox.media_ids() {
            all.extend(self.sandbox.media(id).await.unwrap());
        }
        all
    }

    /// Those that were finalized.
    pub(crate) async fn finalized(&self) -> Vec<MediaInfo> {
        let all = self.media().await;
        all.into_iter().filter(|media| matches!(media.state, MediaState::Finalized { .. })).collect()
    }

    /// The requests of one operation.
    pub(crate) fn requests(&self, operation: Operation) -> Vec<LoggedRequest> {
        let log = self.sandbox.log();
        log.into_iter().filter(|request| request.operation == Some(operation)).collect()
    }

    /// Exactly one media is finalized: this one, and it is the file.
    pub(crate) async fn holds_only(&self, id: &str, file: &File) {
        let finalized = self.finalized().await;
        let [media] = &finalized[..] else { panic!("not one media but {finalized:?}") };
        assert_eq!(media.id.to_string(), id);
        assert_eq!((media.size, &media.sha256), (file.len(), &file.sha256()));
    }

    /// Waits until something can be seen at the sandbox, which has no way to tell by itself.
    pub(crate) async fn until(&self, seen: impl Fn(&Self) -> bool) {
        let waiting = async {
            while !seen(self) {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("it never came to that");
    }

    /// Waits until a media is finalized.
    pub(crate) async fn until_finalized(&self) {
        let waiting = async {
            while self.finalized().await.is_empty() {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("nothing was finalized");
    }

    /// Resumes an upload whose handle was dropped a moment ago: its checkpoint is still being written until then.
    pub(crate) async fn resumed(&self, uploader: &XUploader, id: &UploadId) -> XHandle {
        loop {
            match uploader.resume(id).await {
                Ok(handle) => return handle,
                Err(XError::Start(StartError::Store(StoreError::Locked { .. }))) => {
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}

fn sandbox_keys() -> OAuth1Credentials {
    let secret = |text: &str| text.to_owned().into();
    OAuth1Credentials {
        consumer_key: secret(credentials::CONSUMER_KEY),
        consumer_secret: secret(credentials::CONSUMER_SECRET),
        token: secret(credentials::ACCESS_TOKEN),
        token_secret: secret(credentials::ACCESS_SECRET),
    }
}

/// The checkpoints that there are, each of which must be readable.
pub(crate) async fn checkpoints(uploader: &XUploader) -> Vec<Listed> {
    let listed = uploader.unfinished().await.unwrap();
    assert!(listed.iter().all(|listed| listed.record.is_ok()), "{listed:?}");
    listed
}

/// The segments that a checkpoint holds as stored.
pub(crate) async fn stored_in(uploader: &XUploader, id: &UploadId) -> Vec<u64> {
    let listed = checkpoints(uploader).await;
    let record = listed.into_iter().find(|listed| listed.id == *id).unwrap().record.unwrap();
    let checkpoint = &record.checkpoint;
    let is_stored = |range| checkpoint.stored_ranges().is_some_and(|stored| stored.contains(range));
    let segments = checkpoint.plan().segments().filter(|segment| is_stored(segment.range));
    segments.map(|segment| segment.index.get().into()).collect()
}
