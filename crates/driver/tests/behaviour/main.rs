//! The driver against a model server, in paused time, with real files.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod accounts;
mod broken_sources;
mod checkpoints;
mod control;
mod crashes;
mod cuts;
mod deadlines;
mod exhaustion;
mod finished;
mod liveness;
mod misfits;
mod model;
mod paper;
mod polls;
mod refreshes;
mod scripted;
mod sources;
mod stalls;
mod stores;
mod streams;
mod wire;
mod words;

use std::fs;
use std::num::NonZeroU32;
use std::sync::Arc;

use chunkwise_core::{ChunkSize, Policy, UploadSpec, WindowPolicy};
use chunkwise_driver::{
    CheckpointStore, Driver, DriverError, FileSource, Source, UploadHandle, UploadRequest,
};
use chunkwise_transport::Transport;

pub(crate) const KIB: usize = 1 << 10;

/// Bytes that repeat nowhere near.
pub(crate) fn content(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(&mut next).flatten().take(len).collect()
}

/// A file of such bytes.
pub(crate) fn video(len: usize, seed: u64) -> (tempfile::NamedTempFile, Vec<u8>) {
    let content = content(len, seed);
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), &content).unwrap();
    (file, content)
}

pub(crate) fn policy(chunk_size: usize, window: u32) -> Policy {
    Policy {
        chunk_size: ChunkSize::new(chunk_size as u64).unwrap(),
        window: WindowPolicy::Fixed(NonZeroU32::new(window).unwrap()),
        ..Policy::default()
    }
}

/// A driver of small frames, so that small files show what large ones would.
pub(crate) fn driver(byte_budget: usize, frame_size: usize, store: impl CheckpointStore) -> Driver {
    Driver::builder().byte_budget(byte_budget).frame_size(frame_size).checkpoints(store).build().unwrap()
}

pub(crate) fn request(
    file: &tempfile::NamedTempFile,
    transport: Arc<dyn Transport>,
    policy: Policy,
) -> UploadRequest {
    let source = FileSource::open(file.path()).unwrap();
    UploadRequest { policy, seed: Some(7), ..UploadRequest::new(source, transport) }
}

/// The same, of a source of which nothing is at hand: it is read ahead as far as it goes.
pub(crate) fn waited(request: UploadRequest) -> UploadRequest {
    UploadRequest { source: Arc::new(Waited(request.source)), ..request }
}

struct Waited(Arc<dyn Source>);

impl Source for Waited {
    fn spec(&self) -> UploadSpec {
        self.0.spec()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.read_at(offset, buffer)
    }
}

/// The upload's own error.
pub(crate) async fn failure(
    handle: UploadHandle,
) -> (chunkwise_core::UploadError, Option<chunkwise_driver::SourceError>) {
    match handle.wait().await {
        Err(DriverError::Upload { error, fault, .. }) => (error, fault),
        other => panic!("the upload was to fail: {other:?}"),
    }
}

/// All of the byte budget comes back. A read that had begun ends on its own thread; time stands still until it has.
pub(crate) async fn settled(driver: &Driver) {
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(driver.budget().in_use, 0);
}
