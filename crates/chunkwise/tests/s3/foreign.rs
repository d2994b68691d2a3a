//! Another store that others wrote: moto's server, a process of its own. It is stricter than s3s-fs (sizes of parts, ETags,
//! uploads that are gone), and checks no signatures.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use chunkwise::Disposition;
use chunkwise::core::Discard;
use chunkwise::hyper::HyperBackend;
use chunkwise::s3::{BaseUrl, Checksum, S3Uploader, Store};
use sha2::{Digest as _, Sha256};

use crate::store::BUCKET;
use crate::world::{World, object, policy, resumed, signer, until_stored};

/// The server; it ends with the test.
struct Moto {
    child: Child,
    url: String,
    client: reqwest::Client,
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Moto {
    /// Nothing, in words, where it is not wanted.
    async fn start() -> Option<Self> {
        if std::env::var_os("CHUNKWISE_FOREIGN").is_none_or(|value| value != "1") {
            eprintln!(
                "skipped: set CHUNKWISE_FOREIGN=1, and CHUNKWISE_PYTHON to a python with moto[s3,server], to run against moto"
            );
            return None;
        }
        let python = std::env::var_os("CHUNKWISE_PYTHON").unwrap_or_else(|| "python3".into());
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let serve = format!("from moto.server import main; main(['-H', '127.0.0.1', '-p', '{port}'])");
        let child = Command::new(python)
            .args(["-c", &serve])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("python runs");
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut moto = Self { child, url: format!("http://127.0.0.1:{port}"), client };
        loop {
            if let Ok(answer) = moto.client.put(format!("{}/{BUCKET}", moto.url)).send().await {
                assert!(answer.status().is_success(), "{answer:?}");
                return Some(moto);
            }
            assert!(moto.child.try_wait().unwrap().is_none(), "moto ended: is moto[s3,server] installed?");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    fn uploader(&self, store: Store) -> S3Uploader {
        let endpoint = BaseUrl::new(&self.url).unwrap();
        let builder = S3Uploader::builder(endpoint, signer(), HyperBackend::new());
        builder.store(store).policy(policy()).build().unwrap()
    }

    async fn get(&self, what: &str) -> bytes::Bytes {
        let answer = self.client.get(format!("{}/{BUCKET}{what}", self.url)).send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
        answer.bytes().await.unwrap()
    }

    async fn uploads(&self) -> usize {
        let list = self.get("?uploads").await;
        String::from_utf8_lossy(&list).matches("<Upload>").count()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_the_same_object_at_moto_with_every_checksum() {
    let Some(moto) = Moto::start().await else { return };
    let world = World::new().await;
    let path = world.file((12 << 20) + 7);
    let digest = Sha256::digest(std::fs::read(&path).unwrap());
    for checksum in [None].into_iter().chain(Checksum::ALL.map(Some)) {
        let key = format!("clip-{checksum:?}");
        let uploader = moto.uploader(Store::COMPATIBLE.with_checksum(checksum));
        uploader.upload(&path, object(&key)).await.unwrap();
        assert!(Sha256::digest(moto.get(&format!("/{key}")).await) == digest, "{key}");
    }
    assert_eq!(moto.uploads().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn moto_lists_what_is_resumed_and_forgets_what_is_given_up() {
    let Some(moto) = Moto::start().await else { return };
    let world = World::new().await;
    let path = world.file(30 << 20);
    let uploader = moto.uploader(Store::COMPATIBLE.with_checksum(Some(Checksum::Crc32c)));
    let handle = uploader.upload(&path, object("resumed")).start().await.unwrap();
    let id = handle.id().clone();
    until_stored(&handle, 10 << 20).await;
    drop(handle);
    let handle = resumed(&uploader, &id).await;
    handle.wait().await.unwrap();
    let same = Sha256::digest(moto.get("/resumed").await) == Sha256::digest(std::fs::read(&path).unwrap());
    assert!(same, "the object differs");

    let handle = uploader.upload(&path, object("given up")).start().await.unwrap();
    until_stored(&handle, 5 << 20).await;
    assert_eq!(moto.uploads().await, 1);
    handle.cancel(Disposition::Discard);
    let error = handle.wait().await.unwrap_err();
    let kind = error.kind().unwrap();
    assert!(matches!(kind, chunkwise::ErrorKind::Discarded(Discard::Confirmed)), "{kind:?}");
    assert_eq!(moto.uploads().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_moto_does_not_have_is_refused() {
    let Some(moto) = Moto::start().await else { return };
    let world = World::new().await;
    let path = world.file(1000);
    let nowhere = chunkwise::s3::Object::new("nowhere", "a").unwrap();
    let error = moto.uploader(Store::COMPATIBLE).upload(&path, nowhere).await.unwrap_err();
    assert!(error.to_string().contains("NoSuchBucket"), "{error}");
}
