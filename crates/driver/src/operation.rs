//! One operation as futures: waiting for its turn, then the exchange itself.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use chunkwise_core::{ByteRange, CredentialEpoch, Growth, OpId, Operation, OperationKind, Outcome};
use chunkwise_transport::{Payload, RefreshError, Transport};
use futures::future::BoxFuture;
use tokio::sync::oneshot;
use tracing::Instrument as _;

use crate::account::AccountPace;
use crate::budget::{Allotment, ByteBudget};
use crate::clock::Clock;
use crate::frames::{SegmentFrames, slices};
use crate::rate::RateLimit;
use crate::source::{Availability, Source, SourceError, WRITER_GONE};

/// What became of a future of an operation.
pub(crate) enum Step {
    /// It has its turn.
    Ready(Box<Operation>, Bytes),
    /// It was performed.
    Done(OpId, Outcome),
    /// The source is not as it should be.
    Fault(OpId, SourceError),
}

/// Where the bytes of an operation will come from.
pub(crate) enum Bytes {
    /// It sends none.
    None,
    /// They are in memory already.
    Resident(Vec<bytes::Bytes>),
    /// They are read within an allotment.
    Read(Arc<dyn Source>, ByteRange, Allotment),
}

/// What all operations of an upload need.
pub(crate) struct Performer {
    pub(crate) transport: Arc<dyn Transport>,
    /// None where an upload is resumed without one: to wait for processing, or to give the session up.
    pub(crate) source: Option<Arc<dyn Source>>,
    pub(crate) budget: Arc<ByteBudget>,
    /// How many frames an operation may hold at once.
    pub(crate) read_ahead: u32,
    pub(crate) limit: Option<Arc<RateLimit>>,
    pub(crate) pace: Arc<AccountPace>,
    pub(crate) clock: Clock,
}

impl Performer {
    /// Waits for the operation's turn: first the account's pace, then a place in the byte budget. It holds no place
    /// while it waits for anything else.
    pub(crate) fn turn(self: &Arc<Self>, operation: Operation) -> BoxFuture<'static, Step> {
        let (this, span) = (Arc::clone(self), span(&operation));
        let turn = async move {
            match this.prepare(&operation).await {
                Ok(bytes) => Step::Ready(Box::new(operation), bytes),
                Err(fault) => Step::Fault(operation.id, fault),
            }
        };
        Box::pin(turn.instrument(span))
    }

    async fn prepare(&self, operation: &Operation) -> Result<Bytes, SourceError> {
        let kind = operation.kind();
        if kind == OperationKind::Finalize
            && let Some(source) = self.source.clone()
        {
            // The last moment to notice that what was sent is not one version of the source.
            let name = source.name();
            crate::blocking(move || source.check())
                .await
                .unwrap_or_else(|panicked| Err(SourceError::unreadable(name, panicked)))?;
        }
        loop {
            self.pace.ready(&self.clock, kind).await;
            let bytes = self.bytes(operation).await?;
            // Waiting for a place may have taken long enough for the pace to change.
            if self.pace.try_spend(self.clock.now(), kind) {
                return Ok(bytes);
            }
        }
    }

    async fn bytes(&self, operation: &Operation) -> Result<Bytes, SourceError> {
        let Some(range) = operation.payload().filter(|range| !range.is_empty()) else {
            return Ok(Bytes::None);
        };
        let source = self.source.as_ref().ok_or(SourceError::Absent)?;
        come(source, range.end()).await?;
        if let Some(pieces) = source.pieces(range) {
            return Ok(Bytes::Resident(pieces));
        }
        let reads = range.len().div_ceil(self.budget.frame_size() as u64);
        let allotment = self.budget.allot(self.read_ahead, reads).await;
        Ok(Bytes::Read(Arc::clone(source), range, allotment))
    }

    /// The exchange, and the counter of the bytes that the wire takes meanwhile.
    pub(crate) fn perform(
        self: &Arc<Self>,
        operation: Operation,
        bytes: Bytes,
    ) -> (Arc<AtomicU64>, BoxFuture<'static, Step>) {
        let (fault_sender, mut fault) = oneshot::channel();
        let payload = self.payload(bytes, fault_sender);
        let taken = payload.taken();
        let (this, span) = (Arc::clone(self), span(&operation));
        let exchange = async move {
            let performed = this.transport.perform(&operation, payload);
            // A payload that comes to its end drops its sender: then only the exchange counts.
            let outcome = tokio::select! {
                biased;
                Ok(fault) = &mut fault => return Step::Fault(operation.id, fault),
                outcome = performed => outcome,
            };
            if let Ok(fault) = fault.try_recv() {
                // The transport was quicker to say that it could not send than we were to say why.
                return Step::Fault(operation.id, fault);
            }
            this.pace.observe(this.clock.now(), operation.kind(), &outcome);
            Step::Done(operation.id, outcome)
        };
        (taken, Box::pin(exchange.instrument(span)))
    }

    /// New credentials; one refresh of an account is under way at a time, so that the second finds what the first got.
    pub(crate) async fn refresh(&self, stale: CredentialEpoch) -> Result<CredentialEpoch, RefreshError> {
        let _turn = self.pace.refresh_turn().await;
        self.transport.refresh(stale).await
    }

    fn payload(&self, bytes: Bytes, fault: oneshot::Sender<SourceError>) -> Payload {
        let frame_size = self.budget.frame_size();
        let (len, frames) = match bytes {
            Bytes::None => return Payload::empty(),
            Bytes::Resident(pieces) => {
                let len = pieces.iter().map(|bytes| bytes.len() as u64).sum();
                (len, slices(pieces, frame_size))
            }
            Bytes::Read(source, range, allotment) => {
                let frames = SegmentFrames::new(source, range, frame_size, allotment, fault);
                (range.len(), Box::pin(frames) as _)
            }
        };
        let frames = match &self.limit {
            Some(limit) => limit.limit(frames),
            None => frames,
        };
        Payload::from_frames(len, frames)
    }
}

/// Waits until a growing source has come so far; a download that was begun anew may be behind where it was.
async fn come(source: &Arc<dyn Source>, end: u64) -> Result<(), SourceError> {
    let Some(mut news) = source.availability() else { return Ok(()) };
    let here = |availability: &Availability| match availability {
        Availability::UpTo(up_to, Growth::Growing) => *up_to >= end,
        Availability::UpTo(_, Growth::Ended) | Availability::Broken(_) => true,
    };
    let reason = match news.wait_for(here).await.as_deref() {
        Ok(Availability::UpTo(..)) => return Ok(()),
        Ok(Availability::Broken(reason)) => Arc::clone(reason),
        Err(_) => WRITER_GONE.into(),
    };
    Err(SourceError::Broken { name: source.name(), reason })
}

fn span(operation: &Operation) -> tracing::Span {
    tracing::debug_span!(
        "operation",
        op = operation.id.get(),
        kind = operation.kind().name(),
        attempt = operation.attempt,
        segment = operation.action.segment().map(|index| index.get()),
    )
}
