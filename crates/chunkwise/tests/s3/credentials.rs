//! Who we are, where we are, and what time it is.

use std::time::Duration;

use async_trait::async_trait;
use chunkwise::ErrorKind;
use chunkwise::core::{CredentialEpoch, Timestamp};
use chunkwise::s3::{BaseUrl, MintUrl, Object, Presigned, S3Error, S3Uploader, SigV4};
use chunkwise::transport::RefreshError;
use chunkwise::transport::http::{AuthorizeError, Authorizer, EncodeContext, Request, Response};
use http::{HeaderMap, Method, Uri};

use crate::store::SECRET_KEY;
use crate::world::{World, keys, object, policy, signer};

async fn refused(world: &World, uploader: &S3Uploader, object: Object) -> S3Error {
    let path = world.file(1000);
    let error = uploader.upload(&path, object).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains(SECRET_KEY), "{error:?}");
    assert!(uploader.unfinished().await.unwrap().iter().all(|listed| listed.record.is_ok()));
    assert_eq!(world.leftovers(), 0);
    error
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret_is_refused_in_the_stores_words() {
    let world = World::new().await;
    let uploader = world.builder(SigV4::new("us-east-1", keys("wrong"))).build().unwrap();
    let error = refused(&world, &uploader, object("a")).await;
    assert!(matches!(error.kind(), Some(ErrorKind::Refused { .. })), "{error:?}");
    assert!(error.to_string().contains("SignatureDoesNotMatch"), "{error}");
    assert_eq!(world.store.log().len(), 1, "asking again would not help");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_is_not_there_is_refused() {
    let world = World::new().await;
    let path = world.file(1000);
    let nowhere =
        "<Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message></Error>";
    world.store.fault("POST /nowhere/a?uploads", crate::store::Fault::Instead(404, nowhere));
    let error = world.uploader().upload(&path, Object::new("nowhere", "a").unwrap()).await.unwrap_err();
    assert!(matches!(error.kind(), Some(ErrorKind::Refused { .. })), "{error:?}");
    assert!(error.to_string().contains("NoSuchBucket"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_where_nobody_listens_is_told() {
    let world = World::new().await;
    let path = world.file(1000);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = BaseUrl::new(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    drop(listener);
    let uploader = S3Uploader::builder(endpoint, signer(), chunkwise::hyper::HyperBackend::new());
    let error = uploader.policy(policy()).build().unwrap().upload(&path, object("a")).await.unwrap_err();
    assert!(error.to_string().contains("could not reach"), "{error}");
}

/// A signer whose clock is off by an hour.
#[derive(Debug)]
struct Skewed(SigV4);

const HOUR: Duration = Duration::from_secs(3600);

#[async_trait]
impl Authorizer for Skewed {
    fn authorize(&self, request: &mut Request, context: &EncodeContext) -> Result<(), AuthorizeError> {
        let now = Timestamp::from_micros(context.now.as_micros() - HOUR.as_micros() as u64);
        self.0.authorize(request, &EncodeContext { now, ..*context })
    }

    fn observe(&self, response: &Response, received_at: Timestamp) {
        let received_at = Timestamp::from_micros(received_at.as_micros() - HOUR.as_micros() as u64);
        self.0.observe(response, received_at);
    }

    async fn refresh(&self, stale: CredentialEpoch) -> Result<CredentialEpoch, RefreshError> {
        self.0.refresh(stale).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_off_is_corrected_once() {
    let world = World::new().await;
    let path = world.file(12 << 20);
    let uploader = world.builder(Skewed(signer())).build().unwrap();
    uploader.upload(&path, object("clip")).await.unwrap();
    world.assert_same("clip", &path);
    assert_eq!(world.store.count("?uploads"), 2, "refused once: {:#?}", world.store.log());
}

/// A signer whose clock is off, and that learns nothing.
#[derive(Debug)]
struct Stubborn(Skewed);

#[async_trait]
impl Authorizer for Stubborn {
    fn authorize(&self, request: &mut Request, context: &EncodeContext) -> Result<(), AuthorizeError> {
        self.0.authorize(request, context)
    }

    async fn refresh(&self, stale: CredentialEpoch) -> Result<CredentialEpoch, RefreshError> {
        self.0.refresh(stale).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_stays_off_is_told_with_both_times() {
    let world = World::new().await;
    let uploader = world.builder(Stubborn(Skewed(signer()))).build().unwrap();
    let error = refused(&world, &uploader, object("a")).await;
    assert!(matches!(error.kind(), Some(ErrorKind::Credentials { .. })), "{error:?}");
    let text = error.to_string();
    assert!(
        text.contains("the clocks differ too much: the store's says") && text.contains("GMT, ours"),
        "{text}"
    );
}

/// A backend that signs addresses for clients without credentials.
struct Minter(SigV4);

#[async_trait]
impl MintUrl for Minter {
    async fn mint(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<Uri, AuthorizeError> {
        let mut request = Request::new(method.clone(), uri.clone());
        request.headers = headers.clone();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        self.0.presign(&request, Duration::from_secs(300), Timestamp::EPOCH.after(now))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn presigned_addresses_do_without_credentials() {
    let world = World::new().await;
    let path = world.file(12 << 20);
    let uploader = world.builder(Presigned::new(Minter(signer()))).build().unwrap();
    uploader.upload(&path, object("a clip")).content_type("video/mp4").await.unwrap();
    world.assert_same("a clip", &path);
    assert_eq!(world.store.count("X-Amz-Signature="), world.store.log().len());
}
