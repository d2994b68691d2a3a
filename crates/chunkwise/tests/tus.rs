//! The facade for tus servers, against the strict one of `chunkwise-tus`.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

#[expect(dead_code, reason = "this test asks less of it than those it was written for")]
#[path = "../../protocol-tus/tests/uploads/server.rs"]
mod server;

use std::io::Write as _;
use std::time::Duration;

use async_trait::async_trait;
use chunkwise::transport::http::RefreshToken;
use chunkwise::transport::{RefreshError, Secret};
use chunkwise::tus::{Endpoint, TusError, TusUploader, Way};
use chunkwise::{Anonymous, Bearer, ChunkSize, DirectoryStore, Disposition, Driver, ErrorKind, Policy};
use tempfile::{NamedTempFile, TempDir};

use server::{Fault, Server, Settings};

fn file(len: usize) -> (NamedTempFile, Vec<u8>) {
    let bytes: Vec<u8> = (0..len).map(|at| (at * 31 % 251) as u8).collect();
    let mut file = tempfile::Builder::new().prefix("clip").suffix(".mp4").tempfile().unwrap();
    file.write_all(&bytes).unwrap();
    (file, bytes)
}

fn small_chunks() -> Policy {
    let mut policy = Policy { chunk_size: ChunkSize::new(64 << 10).unwrap(), ..Policy::default() };
    policy.retry.backoff_base = Duration::from_millis(4);
    policy
}

fn uploader(server: &Server, state: &TempDir) -> TusUploader {
    let driver = Driver::builder().checkpoints(DirectoryStore::new(state.path())).build().unwrap();
    let endpoint = Endpoint::new(&server.endpoint()).unwrap();
    let backend = chunkwise::hyper::HyperBackend::new();
    TusUploader::builder(endpoint, Anonymous, backend).driver(driver).policy(small_chunks()).build().unwrap()
}

#[tokio::test]
async fn a_file_goes_up_in_ten_lines() {
    let server = Server::with(Settings { token: Some("t7"), ..Settings::default() }).await;
    let (file, bytes) = file(1_000_000);
    let uploader = TusUploader::new(&server.endpoint(), Bearer::new("t7".to_owned())).unwrap();
    let uploaded = uploader.upload(file.path()).await.unwrap();
    assert_eq!(server.bytes(&uploaded.url), bytes);
    let metadata = server.state().uploads["/files/1"].metadata.clone();
    assert_eq!(metadata["filename"], file.path().file_name().unwrap().to_str().unwrap());
    assert_eq!(metadata["filetype"], "video/mp4", "by its name");

    server.set(|settings| settings.wants_checksums = true);
    uploader.upload(file.path()).checksums().metadata("filetype", "video/x-mine").await.unwrap();
    assert_eq!(server.state().uploads["/files/2"].metadata["filetype"], "video/x-mine");
    assert_eq!(server.count("OPTIONS 204"), 1, "it is asked once");
}

#[tokio::test]
async fn what_the_server_can_t_do_is_an_error_before_anything_is_sent() {
    let server = Server::with(Settings { extensions: "creation", ..Settings::default() }).await;
    let (file, _) = file(10);
    let uploader = TusUploader::new(&server.endpoint(), Anonymous).unwrap();
    let refused = uploader.upload(file.path()).way(Way::Parts).await.unwrap_err();
    assert!(matches!(refused, TusError::Unsupported(_)), "{refused}");
    server.set(|settings| settings.max_size = Some(5));
    let uploader = TusUploader::new(&server.endpoint(), Anonymous).unwrap();
    let too_large = uploader.upload(file.path()).await.unwrap_err();
    assert!(matches!(too_large, TusError::Start(_)), "{too_large}");
    assert_eq!(server.log(), ["OPTIONS 204", "OPTIONS 204"]);

    server.next("OPTIONS", Fault::Answer("404 Not Found"));
    let uploader = TusUploader::new(&server.endpoint(), Anonymous).unwrap();
    let wrong = uploader.upload(file.path()).await.unwrap_err();
    assert!(matches!(wrong, TusError::Discovery(_)), "{wrong}");
}

/// Gives the token that the server knows.
struct Renewal;

#[async_trait]
impl RefreshToken for Renewal {
    async fn refresh(&self, _: &Secret<String>) -> Result<Secret<String>, RefreshError> {
        Ok("t7".to_owned().into())
    }
}

#[tokio::test]
async fn what_the_server_can_do_is_asked_again_while_what_is_in_the_way_may_pass() {
    let server = Server::with(Settings { token: Some("t7"), ..Settings::default() }).await;
    let (file, bytes) = file(1000);
    let backend = chunkwise::hyper::HyperBackend::new();
    let to = |policy| {
        let bearer = Bearer::new("stale".to_owned()).with_refresh(Renewal);
        let endpoint = Endpoint::new(&server.endpoint()).unwrap();
        TusUploader::builder(endpoint, bearer, backend.clone()).policy(policy).build().unwrap()
    };
    server.next("OPTIONS", Fault::Answer("503 Service Unavailable")).next("OPTIONS", Fault::Lose);
    let uploaded = to(small_chunks()).upload(file.path()).await.unwrap();
    assert_eq!(server.bytes(&uploaded.url), bytes);
    assert_eq!((server.count("OPTIONS 503"), server.count("OPTIONS 204")), (1, 1));

    server.next("OPTIONS", Fault::Answer("401 Unauthorized"));
    to(small_chunks()).capabilities().await.unwrap();
    let asked = |server: &Server| server.state().seen.iter().filter(|seen| seen.method == "OPTIONS").count();
    let before = asked(&server);
    for _ in 0..3 {
        server.next("OPTIONS", Fault::Answer("503 Service Unavailable"));
    }
    let unasked = to(small_chunks()).capabilities().await.unwrap_err();
    assert!(matches!(unasked, TusError::Discovery(_)), "{unasked}");
    assert_eq!(asked(&server) - before, 3);
    server.next("OPTIONS", Fault::Answer("404 Not Found"));
    let wrong = to(small_chunks()).capabilities().await.unwrap_err();
    assert!(matches!(wrong, TusError::Discovery(_)), "{wrong}");
    assert_eq!(asked(&server) - before, 4, "what will not pass is not asked again");
}

#[tokio::test]
async fn another_process_goes_on_with_it_or_gives_it_up() {
    let server = Server::start().await;
    let state = TempDir::new().unwrap();
    let (file, bytes) = file(4_000_000);
    let mut ids = Vec::new();
    for way in [Way::Whole, Way::Parts, Way::Whole] {
        let first = uploader(&server, &state);
        let seen = server.log().len();
        let handle = first.upload(file.path()).way(way).start().await.unwrap();
        while server.log().len() < seen + 6 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        handle.cancel(Disposition::Keep);
        ids.push(handle.id().clone());
        assert_eq!(handle.wait().await.unwrap_err().kind(), Some(&ErrorKind::Cancelled));
    }
    let second = uploader(&server, &state);
    for id in &ids[..2] {
        let uploaded = second.resume(id).await.unwrap().wait().await.unwrap();
        assert_eq!(server.bytes(&uploaded.url), bytes);
    }
    let left = server.state().uploads.len();
    second.discard(&ids[2]).await.unwrap();
    assert_eq!(server.state().uploads.len(), left - 1);
    assert_eq!(server.count("OPTIONS 204"), 3, "the checkpoints remember what it can do");

    let elsewhere = Server::start().await;
    let unknown = second.resume(&ids[2]).await.unwrap_err();
    assert!(matches!(unknown, TusError::Store(_)), "{unknown}");
    let handle = second.upload(file.path()).start().await.unwrap();
    handle.cancel(Disposition::Keep);
    let id = handle.id().clone();
    let _ = handle.wait().await;
    let other = uploader(&elsewhere, &state).resume(&id).await.unwrap_err();
    assert!(matches!(other, TusError::OtherEndpoint { .. }), "{other}");
    assert_eq!(elsewhere.log(), [""; 0]);
}

#[tokio::test]
async fn an_upload_that_is_there_is_forgotten_where_the_server_can() {
    let server = Server::start().await;
    let (file, _) = file(1000);
    let uploader = TusUploader::new(&server.endpoint(), Anonymous).unwrap();
    let uploaded = uploader.upload(file.path()).await.unwrap();
    server.next("DELETE", Fault::Answer("423 Locked"));
    uploader.terminate(&uploaded.url).await.unwrap();
    assert!(server.state().uploads.is_empty());
    uploader.terminate(&uploaded.url).await.unwrap();
    assert_eq!((server.count("DELETE 423"), server.count("DELETE 404")), (1, 1), "gone is gone");

    server.next("DELETE", Fault::Answer("403 Forbidden"));
    let refused = uploader.terminate(&uploaded.url).await.unwrap_err();
    assert!(matches!(refused, TusError::Terminate { .. }), "{refused}");
    let elsewhere = uploader.terminate("http://elsewhere.example/files/1").await.unwrap_err();
    assert!(elsewhere.to_string().contains("another place than the endpoint"), "{elsewhere}");

    server.set(|settings| settings.extensions = "creation");
    let uploader = TusUploader::new(&server.endpoint(), Anonymous).unwrap();
    let uploaded = uploader.upload(file.path()).await.unwrap();
    let unable = uploader.terminate(&uploaded.url).await.unwrap_err();
    assert!(matches!(unable, TusError::Unsupported(_)), "{unable}");
    assert_eq!(server.state().uploads.len(), 1);
}
