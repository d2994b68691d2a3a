//! What is to be uploaded or resumed.

use std::fmt;
use std::sync::Arc;

use chunkwise_core::Policy;
use chunkwise_transport::Transport;

use crate::checkpoint::UploadId;
use crate::source::Source;

/// What becomes of the record of an upload that ends well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenDone {
    /// It is removed.
    #[default]
    Forget,
    /// It stays, with the result, until [`Driver::forget`](crate::Driver::forget): whatever the caller does with the
    /// result, a crash on the way does not lose it. Resuming such a record gives the result again.
    Keep,
}

/// An upload to be started.
#[derive(Clone)]
pub struct UploadRequest {
    /// Where the bytes come from.
    pub source: Arc<dyn Source>,
    /// Where they go.
    pub transport: Arc<dyn Transport>,
    /// What the caller wants. Default: [`Policy::default`].
    pub policy: Policy,
    /// The upload's name. Default: a new one.
    pub id: Option<UploadId>,
    /// The destination in words of the caller's, kept with the checkpoint for whoever resumes it: what is needed to
    /// make the transport again. It must not hold a secret. Default: null.
    pub destination: serde_json::Value,
    /// The seed of the engine's jitter. Default: a random one.
    pub seed: Option<u64>,
    /// What becomes of the record once the upload has ended well. Default: it is removed.
    pub when_done: WhenDone,
}

impl UploadRequest {
    /// Of this source over this transport, with defaults.
    pub fn new(source: impl Source, transport: Arc<dyn Transport>) -> Self {
        Self::of(Arc::new(source), transport)
    }

    /// The same, of a source that is shared already.
    pub fn of(source: Arc<dyn Source>, transport: Arc<dyn Transport>) -> Self {
        let (policy, destination) = (Policy::default(), serde_json::Value::Null);
        let when_done = WhenDone::default();
        Self { source, transport, policy, id: None, destination, seed: None, when_done }
    }
}

/// An upload to be resumed.
#[derive(Clone)]
pub struct ResumeRequest {
    /// Its name.
    pub id: UploadId,
    /// Where the bytes come from. Without one, only what needs no bytes can go on: processing, an abort that is
    /// still owed, or what is finished.
    pub source: Option<Arc<dyn Source>>,
    /// Where they go.
    pub transport: Arc<dyn Transport>,
    /// What the caller wants now. Default: [`Policy::default`].
    pub policy: Policy,
    /// The seed of the engine's jitter. Default: a random one.
    pub seed: Option<u64>,
    /// What becomes of the record once the upload has ended well. Default: it is removed.
    pub when_done: WhenDone,
}

impl ResumeRequest {
    /// Of this upload from this source over this transport, with defaults.
    pub fn new(id: UploadId, source: Option<Arc<dyn Source>>, transport: Arc<dyn Transport>) -> Self {
        let (policy, when_done) = (Policy::default(), WhenDone::default());
        Self { id, source, transport, policy, seed: None, when_done }
    }
}

impl fmt::Debug for UploadRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UploadRequest")
            .field("source", &self.source.name())
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ResumeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = self.source.as_ref().map(|source| source.name());
        f.debug_struct("ResumeRequest").field("id", &self.id).field("source", &source).finish_non_exhaustive()
    }
}
