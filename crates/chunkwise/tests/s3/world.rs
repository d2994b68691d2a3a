//! A store, a client, and a file.

use std::path::PathBuf;
use std::time::Duration;

use chunkwise::driver::{DirectoryStore, Driver, UploadHandle};
use chunkwise::hyper::HyperBackend;
use chunkwise::s3::{
    BaseUrl, Credentials, Object, S3Handle, S3Uploader, S3UploaderBuilder, SigV4, Store as Known,
};
use chunkwise::transport::http::Authorizer;
use chunkwise::{ChunkSize, Policy, RetryPolicy, UploadId};
use sha2::{Digest as _, Sha256};

use crate::store::{ACCESS_KEY, BUCKET, SECRET_KEY, Store};

pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) folder: tempfile::TempDir,
}

pub(crate) fn keys(secret: &str) -> Credentials {
    Credentials {
        access_key_id: ACCESS_KEY.into(),
        secret_access_key: secret.to_owned().into(),
        session_token: None,
    }
}

pub(crate) fn signer() -> SigV4 {
    SigV4::new("us-east-1", keys(SECRET_KEY))
}

/// As quick as a test wants it.
pub(crate) fn policy() -> Policy {
    let mut policy = Policy::default();
    policy.chunk_size = ChunkSize::new(5 << 20).unwrap();
    policy.retry = RetryPolicy {
        backoff_base: Duration::from_millis(5),
        backoff_cap: Duration::from_millis(50),
        ..policy.retry
    };
    policy
}

pub(crate) fn object(key: &str) -> Object {
    Object::new(BUCKET, key).unwrap()
}

impl World {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::start(&folder.path().join("store")).await;
        Self { store, folder }
    }

    pub(crate) fn builder(&self, authorizer: impl Authorizer + 'static) -> S3UploaderBuilder {
        let checkpoints = DirectoryStore::new(self.folder.path().join("checkpoints"));
        let driver = Driver::builder().checkpoints(checkpoints).build().unwrap();
        let endpoint = BaseUrl::new(&self.store.url()).unwrap();
        S3Uploader::builder(endpoint, authorizer, HyperBackend::new()).driver(driver).policy(policy())
    }

    pub(crate) fn uploader(&self) -> S3Uploader {
        self.builder(signer()).build().unwrap()
    }

    pub(crate) fn uploader_of(&self, known: Known) -> S3Uploader {
        self.builder(signer()).store(known).build().unwrap()
    }

    /// A file of so many bytes, of which no two parts are alike.
    pub(crate) fn file(&self, len: usize) -> PathBuf {
        let path = self.folder.path().join(format!("source-{len}"));
        let bytes: Vec<u8> = (0..len as u64).map(|n| (n.wrapping_mul(0x9e37_79b9) >> 13) as u8).collect();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// The object as the store has it on its disk.
    pub(crate) fn stored(&self, key: &str) -> Option<Vec<u8>> {
        std::fs::read(self.folder.path().join("store").join(BUCKET).join(key)).ok()
    }

    pub(crate) fn assert_same(&self, key: &str, path: &PathBuf) {
        let digest = |bytes: &[u8]| Sha256::digest(bytes);
        let stored = self.stored(key).expect("the object is there");
        assert!(digest(&stored) == digest(&std::fs::read(path).unwrap()), "{key} differs");
    }

    /// Parts of uploads that are not over.
    pub(crate) fn leftovers(&self) -> usize {
        let files = std::fs::read_dir(self.folder.path().join("store")).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.contains("upload_id") && name.contains(".part-")).count()
    }
}

/// Waits until so many bytes are stored.
pub(crate) async fn until_stored(handle: &UploadHandle, bytes: u64) {
    let mut progress = handle.progress();
    while progress.borrow_and_update().stored < bytes {
        progress.changed().await.unwrap();
    }
}

/// The upload again, once the one that was dropped has left its checkpoint.
pub(crate) async fn resumed(uploader: &S3Uploader, id: &UploadId) -> S3Handle {
    let mut tries = 500;
    loop {
        match uploader.resume(id).await {
            Ok(handle) => break handle,
            Err(error) if tries == 0 => panic!("it can't be resumed: {error}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
        tries -= 1;
    }
}
