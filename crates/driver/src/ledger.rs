//! An upload's record, and the writing of it.

use std::sync::Arc;

use chunkwise_core::{Checkpoint, CheckpointSeq, Completed, Kept, Timestamp};
use futures::future::{BoxFuture, OptionFuture};
use tracing::warn;

use crate::checkpoint::{Claim, RECORD_VERSION, Record, SourceBinding, StoreError, UploadId};
use crate::error::Left;
use crate::request::WhenDone;
use crate::source::{Fingerprint, Source, SourceError};

/// The record of one upload; one write is under way at a time.
pub(crate) struct Ledger {
    claim: Arc<dyn Claim>,
    id: UploadId,
    created_at: Timestamp,
    binding: SourceBinding,
    destination: serde_json::Value,
    when_done: WhenDone,
    writing: OptionFuture<BoxFuture<'static, Written>>,
    binding_anew: OptionFuture<BoxFuture<'static, Bound>>,
}

/// Which checkpoint was written, and whether.
pub(crate) type Written = (CheckpointSeq, Result<(), StoreError>);
type Bound = Result<Fingerprint, SourceError>;

/// What came to an end.
pub(crate) enum Entry {
    Written(Written),
    /// The source grows no more, and could not be read to recognise it again.
    Unbound(SourceError),
    Bound,
}

impl Ledger {
    pub(crate) fn new(
        claim: Arc<dyn Claim>,
        id: UploadId,
        created_at: Timestamp,
        binding: SourceBinding,
        destination: serde_json::Value,
        when_done: WhenDone,
    ) -> Self {
        let (writing, binding_anew) = (None.into(), None.into());
        Self { claim, id, created_at, binding, destination, when_done, writing, binding_anew }
    }

    pub(crate) const fn id(&self) -> &UploadId {
        &self.id
    }

    /// Writes the first checkpoint. By value and back: a future that borrows a ledger could not be sent to another
    /// thread.
    pub(crate) async fn open(self, now: Timestamp, checkpoint: Checkpoint) -> Result<Self, StoreError> {
        let record = self.record(now, checkpoint);
        let claim = Arc::clone(&self.claim);
        claim.save(record).await?;
        Ok(self)
    }

    /// Begins to write a checkpoint. The engine asks for one at a time.
    pub(crate) fn write(&mut self, now: Timestamp, checkpoint: Checkpoint) {
        let seq = checkpoint.seq();
        let record = self.record(now, checkpoint);
        let claim = Arc::clone(&self.claim);
        let earlier = std::mem::take(&mut self.writing);
        let write: BoxFuture<'static, Written> = Box::pin(async move {
            // Should there be one under way after all, the newer record must not be overtaken by it.
            let _ = earlier.await;
            (seq, claim.save(record).await)
        });
        self.writing = Some(write).into();
    }

    /// Begins to take the fingerprint of a source that grows no more.
    pub(crate) fn bind_anew(&mut self, source: Arc<dyn Source>) {
        let name = source.name();
        let fingerprint: BoxFuture<'static, Bound> = Box::pin(async move {
            crate::blocking(move || source.fingerprint())
                .await
                .unwrap_or_else(|panicked| Err(SourceError::unreadable(name, panicked)))
        });
        self.binding_anew = Some(fingerprint).into();
    }

    /// Waits until something comes to an end; for ever, if nothing is under way. Nothing is lost if it is dropped.
    pub(crate) async fn next(&mut self) -> Entry {
        tokio::select! {
            biased;
            Some(written) = &mut self.writing => {
                self.writing = None.into();
                Entry::Written(written)
            }
            Some(bound) = &mut self.binding_anew => {
                self.binding_anew = None.into();
                match bound {
                    Ok(fingerprint) => {
                        self.binding.fingerprint = fingerprint;
                        Entry::Bound
                    }
                    Err(error) => Entry::Unbound(error),
                }
            }
            else => std::future::pending().await,
        }
    }

    /// Keeps the last checkpoint or the result, or removes the record.
    pub(crate) async fn close(
        mut self,
        now: Timestamp,
        checkpoint: Checkpoint,
        end: Result<&Completed, Kept>,
    ) -> Left {
        let _ = std::mem::take(&mut self.writing).await;
        let record = match (end, self.when_done) {
            (Ok(completed), WhenDone::Keep) => {
                let record = self.record(now, checkpoint);
                let expires_at = completed.result.expires_at.or(record.expires_at);
                Some(Record { expires_at, finished: Some(completed.into()), ..record })
            }
            (Err(Kept::Checkpoint | Kept::AbortOwed), WhenDone::Forget | WhenDone::Keep) => {
                Some(self.record(now, checkpoint))
            }
            (Ok(_), WhenDone::Forget) | (Err(Kept::Nothing), WhenDone::Forget | WhenDone::Keep) => None,
        };
        let (left, written) = match record {
            Some(record) => (Left::Checkpoint(self.id.clone()), self.claim.save(record).await),
            None => (Left::Nothing, self.claim.delete().await),
        };
        match written {
            Ok(()) => left,
            Err(error) => {
                warn!(%error, "the last state of the upload could not be recorded");
                Left::EarlierCheckpoint(self.id, error)
            }
        }
    }

    fn record(&self, now: Timestamp, checkpoint: Checkpoint) -> Record {
        Record {
            version: RECORD_VERSION,
            id: self.id.clone(),
            created_at: self.created_at,
            updated_at: now,
            expires_at: checkpoint.expires_at(),
            source: self.binding.clone(),
            destination: self.destination.clone(),
            checkpoint,
            finished: None,
        }
    }
}
