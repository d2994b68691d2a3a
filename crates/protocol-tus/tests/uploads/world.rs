//! Uploads with the ready-made driver over real sockets, with short waits.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use chunkwise_core::{
    ChunkSize, Completed, Disposition, ErrorKind, Event, Policy, RetryPolicy, SessionEnd, Timeouts,
    WindowPolicy,
};
use chunkwise_driver::{
    BytesSource, Driver, DriverError, ResumeRequest, UploadHandle, UploadId, UploadRequest,
};
use chunkwise_hyper::HyperBackend;
use chunkwise_transport::http::{Bearer, HttpTransport};
use chunkwise_tus::{Capabilities, Endpoint, Extension, Metadata, TusProtocol, Way};
use futures::StreamExt as _;
use sha2::{Digest as _, Sha256};

use crate::server::Server;

pub(crate) const CHUNK: u64 = 64 << 10;
pub(crate) const TOKEN: &str = "hunter2";

/// The longest that anything is waited for, with a wide margin for a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn content(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 31 % 251) as u8).collect()
}

pub(crate) fn sha256(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}

pub(crate) fn policy() -> Policy {
    let count = |n| NonZeroU32::new(n).unwrap();
    Policy {
        chunk_size: ChunkSize::new(CHUNK).unwrap(),
        window: WindowPolicy::Fixed(count(4)),
        retry: RetryPolicy {
            attempts: count(4),
            budget: 8,
            backoff_base: Duration::from_millis(4),
            backoff_cap: Duration::from_millis(40),
            throttles: count(3),
            ..RetryPolicy::default()
        },
        timeouts: Timeouts { stall: Duration::from_secs(40), response: Duration::from_secs(40) },
        deadline: Duration::from_secs(120),
        sessions: count(2),
        ..Policy::default()
    }
}

/// A server that can do everything.
pub(crate) fn all() -> Capabilities {
    Capabilities::new(Extension::ALL)
}

pub(crate) fn metadata() -> Metadata {
    Metadata::new().with("filename", "größer.mp4").unwrap().with("filetype", "video/mp4").unwrap()
}

pub(crate) fn protocol(server: &Server, way: Way) -> TusProtocol {
    let endpoint = Endpoint::new(&server.endpoint()).unwrap();
    TusProtocol::new(endpoint, all(), way).unwrap().with_metadata(metadata())
}

pub(crate) fn transport(protocol: TusProtocol) -> Arc<HttpTransport> {
    let bearer = Bearer::new(TOKEN.to_owned());
    Arc::new(HttpTransport::new(Arc::new(protocol), Arc::new(HyperBackend::new()), Arc::new(bearer)))
}

/// A driver whose checkpoints are in memory, and how uploads are to be done.
pub(crate) struct World {
    pub(crate) driver: Driver,
    pub(crate) policy: Policy,
}

/// How an upload ended, and what was told on the way.
pub(crate) struct End {
    pub(crate) result: Result<Completed, DriverError>,
    pub(crate) events: Vec<Event>,
}

impl World {
    pub(crate) fn new() -> Self {
        let driver = Driver::builder().byte_budget(1 << 20).frame_size(16 << 10).build().unwrap();
        Self { driver, policy: policy() }
    }

    pub(crate) async fn start(&self, protocol: TusProtocol, bytes: &[u8]) -> UploadHandle {
        let mut request = UploadRequest::new(BytesSource::new(bytes.to_vec()), transport(protocol));
        request.policy = self.policy.clone();
        self.driver.start(request).await.unwrap()
    }

    pub(crate) async fn upload(&self, protocol: TusProtocol, bytes: &[u8]) -> End {
        ended(self.start(protocol, bytes).await).await
    }

    pub(crate) async fn resume(&self, id: UploadId, protocol: TusProtocol, bytes: &[u8]) -> End {
        let source = Arc::new(BytesSource::new(bytes.to_vec()));
        let mut request = ResumeRequest::new(id, Some(source), transport(protocol));
        request.policy = self.policy.clone();
        ended(self.driver.resume(request).await.unwrap()).await
    }
}

/// Waits for the end.
pub(crate) async fn ended(handle: UploadHandle) -> End {
    let events = handle.events();
    let result = tokio::time::timeout(PATIENCE, handle.wait()).await.expect("it ends");
    End { result, events: events.collect().await }
}

/// Lets the upload go on until this is true of the server, and cuts it off there; its checkpoint is kept.
pub(crate) async fn cut_off_when(
    handle: UploadHandle,
    server: &Server,
    is_far_enough: impl Fn(&Server) -> bool,
) -> UploadId {
    let id = handle.id().clone();
    tokio::time::timeout(PATIENCE, async {
        while !is_far_enough(server) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await
    .expect("it comes so far");
    handle.cancel(Disposition::Keep);
    assert_eq!(*ended(handle).await.error(), ErrorKind::Cancelled);
    id
}

impl End {
    /// The URL that it ended with.
    pub(crate) fn url(&self) -> String {
        match &self.result {
            Ok(completed) => completed.result.id.to_string(),
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) fn error(&self) -> &ErrorKind {
        match &self.result {
            Err(DriverError::Upload { error, .. }) => &error.kind,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn restarts(&self) -> Vec<SessionEnd> {
        let restart = |event: &Event| match event {
            Event::NewSession { reason } => Some(*reason),
            _ => None,
        };
        self.events.iter().filter_map(restart).collect()
    }
}
