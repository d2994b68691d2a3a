//! The driver: what the uploads of a process share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chunkwise_core::{
    Checkpoint, Completed, Percent, PlanError, Policy, Profile, Progress, ResumeError, Timestamp,
    Unsupported, Upload,
};
use chunkwise_transport::Transport;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument as _, warn};

use crate::account::Accounts;
use crate::budget::{BudgetUse, ByteBudget, Loan};
use crate::builder::DriverBuilder;
use crate::checkpoint::{
    CheckpointStore, Claim, Driven, Finished, Listed, Record, SourceBinding, StoreError, UploadId,
};
use crate::clock::Clock;
use crate::error::StartError;
use crate::events;
use crate::handle::{UploadControl, UploadHandle};
use crate::ledger::Ledger;
use crate::operation::Performer;
use crate::rate::RateLimit;
use crate::reading::Reading;
use crate::request::{ResumeRequest, UploadRequest, WhenDone};
use crate::run::{Run, Signals};
use crate::source::{Fingerprint, Source, SourceError};

/// Runs uploads. Clones are the same driver; uploads go on when the last one is dropped.
#[derive(Clone, Debug)]
pub struct Driver(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    budget: Arc<ByteBudget>,
    read_ahead: u32,
    limit: Option<Arc<RateLimit>>,
    store: Arc<dyn CheckpointStore>,
    accounts: Accounts,
    clock: Clock,
    tasks: TaskTracker,
    shutdown: CancellationToken,
    running: AtomicUsize,
}

impl Driver {
    pub(crate) fn new(
        budget: Arc<ByteBudget>,
        read_ahead: u32,
        limit: Option<Arc<RateLimit>>,
        store: Arc<dyn CheckpointStore>,
        clock: Clock,
    ) -> Self {
        Self(Arc::new(Shared {
            budget,
            read_ahead,
            limit,
            store,
            accounts: Accounts::default(),
            clock,
            tasks: TaskTracker::new(),
            shutdown: CancellationToken::new(),
            running: AtomicUsize::new(0),
        }))
    }

    /// Settings, with defaults to begin with.
    pub fn builder() -> DriverBuilder {
        DriverBuilder::default()
    }

    /// Starts an upload. Its first checkpoint is written before this returns, so that a store that can't be written
    /// to is found out before anything is sent.
    ///
    /// # Errors
    ///
    /// [`StartError`]; then nothing was sent and nothing is left behind.
    pub async fn start(&self, request: UploadRequest) -> Result<UploadHandle, StartError> {
        let shared = &*self.0;
        let UploadRequest { source, transport, policy, id, destination, seed, when_done } = request;
        if shared.shutdown.is_cancelled() {
            return Err(StartError::ShutDown);
        }
        let now = shared.clock.now();
        let seed = seed.map_or_else(getrandom::u64, Ok)?;
        let mut profile = transport.profile();
        let mut upload = Upload::new(now, source.spec(), profile.clone(), policy.clone(), seed)?;
        if source.one_pass().is_some() {
            let (chunk, largest) = (upload.plan().chunk_size(), shared.budget.streams_share());
            if chunk > largest {
                return Err(PlanError::Unsupported(Unsupported::NotKept { chunk, largest }).into());
            }
            // As they grow, segments stay small enough to be kept.
            profile.sizing.max = profile.sizing.max.min(largest);
            upload = Upload::new(now, source.spec(), profile, policy, seed)?;
        }
        let binding = SourceBinding::new(source.path(), fingerprint(&source).await?);
        let (id, named) = match id {
            Some(id) => (id, true),
            None => (UploadId::generate(now)?, false),
        };
        let claim: Arc<dyn Claim> = shared.store.claim(&id).await?.into();
        if named {
            match claim.load().await {
                Err(StoreError::NotFound { .. }) => {}
                // Whatever it is, it is not overwritten.
                Ok(_) | Err(StoreError::Damaged { .. } | StoreError::Newer { .. }) => {
                    return Err(StartError::Exists { id });
                }
                Err(error) => return Err(error.into()),
            }
        }
        let reading = match source.one_pass() {
            None => None,
            Some(stream) => match Reading::begin(stream, Arc::clone(&shared.budget)) {
                Some(reading) => Some(reading),
                None => return Err(spent(source.name()).into()),
            },
        };
        let ledger = Ledger::new(claim, id, now, binding, destination, when_done);
        let ledger = ledger.open(now, upload.checkpoint()).await?;
        Ok(self.run(upload, Some(source), transport, ledger, reading))
    }

    /// Goes on with an upload from its checkpoint. Of one that is finished ([`Record::finished`]) it gives the result
    /// again: nothing is sent, and neither source nor transport is looked at.
    ///
    /// # Errors
    ///
    /// [`StartError`]; then nothing was sent and the checkpoint is as it was.
    pub async fn resume(&self, request: ResumeRequest) -> Result<UploadHandle, StartError> {
        self.go_on(request, Upload::resume).await
    }

    /// Gives up an upload of which there is a checkpoint: has the server forget its session, if that can be done, and
    /// removes the checkpoint. It needs no source: it is all that can be done with an upload of a
    /// [`StreamSource`](crate::StreamSource) whose process has died. [`UploadHandle::wait`] tells what became of it, as an
    /// error of the kind `Discarded`; of an upload that is finished, the result once more.
    ///
    /// # Errors
    ///
    /// [`StartError`]; then nothing was sent and the checkpoint is as it was.
    pub async fn discard(&self, request: ResumeRequest) -> Result<UploadHandle, StartError> {
        self.go_on(ResumeRequest { source: None, ..request }, Upload::discard).await
    }

    async fn go_on(
        &self,
        request: ResumeRequest,
        how: fn(Timestamp, Checkpoint, Profile, Policy, u64) -> Result<Upload, ResumeError>,
    ) -> Result<UploadHandle, StartError> {
        let shared = &*self.0;
        let ResumeRequest { id, source, transport, policy, seed, when_done } = request;
        if shared.shutdown.is_cancelled() {
            return Err(StartError::ShutDown);
        }
        let claim: Arc<dyn Claim> = shared.store.claim(&id).await?.into();
        let record = claim.load().await?;
        let Record { created_at, source: mut binding, destination, checkpoint, finished, .. } = record;
        if let Some(finished) = finished {
            return Ok(self.finished(id, claim, &checkpoint, finished, when_done).await);
        }
        if let Some(source) = source.as_ref().filter(|_| checkpoint.needs_source()) {
            let fingerprint = fingerprint(source).await?;
            if let Some(change) = fingerprint.difference(&binding.fingerprint) {
                return Err(StartError::SourceChanged { id, source_name: source.name(), change });
            }
            binding = SourceBinding::new(source.path(), fingerprint);
        }
        let seed = seed.map_or_else(getrandom::u64, Ok)?;
        let upload = how(shared.clock.now(), checkpoint, transport.profile(), policy, seed)
            .map_err(|error| StartError::Resume { id: id.clone(), error })?;
        let ledger = Ledger::new(claim, id, created_at, binding, destination, when_done);
        Ok(self.run(upload, source, transport, ledger, None))
    }

    /// An upload that had ended before it was resumed: all of it is done, and nothing happens any more.
    async fn finished(
        &self,
        id: UploadId,
        claim: Arc<dyn Claim>,
        checkpoint: &Checkpoint,
        finished: Finished,
        when_done: WhenDone,
    ) -> UploadHandle {
        match when_done {
            WhenDone::Keep => {}
            WhenDone::Forget => {
                if let Err(error) = claim.delete().await {
                    warn!(%error, "the record of a finished upload could not be removed");
                }
            }
        }
        let total = checkpoint.total();
        let progress = Progress {
            total: Some(total),
            sent: total,
            stored: total,
            committed: total,
            processed: Percent::FULL,
            session: 1,
        };
        let (control, _) = UploadControl::new();
        let (_, events) = events::channel();
        let (_, progress) = watch::channel(progress);
        let task = self.0.tasks.spawn(async move { Ok(Completed::from(finished)) });
        UploadHandle::new(id, control, progress, events, task)
    }

    fn run(
        &self,
        upload: Upload,
        source: Option<Arc<dyn Source>>,
        transport: Arc<dyn Transport>,
        ledger: Ledger,
        reading: Option<Reading>,
    ) -> UploadHandle {
        let shared = Arc::clone(&self.0);
        let pace = shared.accounts.pace(transport.account());
        let (control, wishes) = UploadControl::new();
        let (teller, events) = events::channel();
        let (progress, progress_receiver) = watch::channel(upload.progress());
        let signals = Signals {
            wishes: Some(wishes),
            shutdown: Some(shared.shutdown.clone()),
            availability: source.as_ref().and_then(|source| source.availability()),
            holds: pace.holds(),
        };
        let performer = Performer {
            transport,
            source,
            budget: Arc::clone(&shared.budget),
            read_ahead: shared.read_ahead,
            limit: shared.limit.clone(),
            pace,
            clock: shared.clock,
        };
        let id = ledger.id().clone();
        let span = tracing::info_span!("upload", id = id.as_str());
        let run = Run::new(upload, Arc::new(performer), ledger, signals, reading, teller, progress);
        shared.running.fetch_add(1, Ordering::Relaxed);
        let running = Running(Arc::clone(&shared));
        let task = shared.tasks.spawn(
            async move {
                let _running = running;
                run.run().await
            }
            .instrument(span),
        );
        UploadHandle::new(id, control, progress_receiver, events, task)
    }

    /// Every upload of which there is a checkpoint, the damaged ones included, by id.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store can't be read.
    pub async fn uploads(&self) -> Result<Vec<Listed>, StoreError> {
        self.0.store.list().await
    }

    /// Removes the checkpoint of an upload, be it damaged or not, without telling the server: its session stays
    /// until it expires. To have the server forget it as well, resume it and cancel it to be discarded.
    ///
    /// # Errors
    ///
    /// [`StoreError::Locked`] if the upload is running, or why the checkpoint can't be removed.
    pub async fn forget(&self, id: &UploadId) -> Result<(), StoreError> {
        self.0.store.claim(id).await?.delete().await
    }

    /// Removes the checkpoints of uploads whose session, or whose result if they are finished, expired longer than
    /// `keep` ago: the server has forgotten them. Says which. Damaged ones and those that are running stay.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store can't be read or written.
    pub async fn forget_expired(&self, keep: Duration) -> Result<Vec<UploadId>, StoreError> {
        let now = self.0.clock.now();
        let mut forgotten = Vec::new();
        for listed in self.uploads().await? {
            let expired =
                listed.record.is_ok_and(|record| record.expires_at.is_some_and(|at| at.after(keep) <= now));
            if !expired || listed.driven == Driven::Running {
                continue;
            }
            match self.forget(&listed.id).await {
                Ok(()) => forgotten.push(listed.id),
                Err(StoreError::Locked { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(forgotten)
    }

    /// How much of the byte budget is used.
    pub fn budget(&self) -> BudgetUse {
        self.0.budget.usage()
    }

    /// Takes so many bytes of the byte budget for something else that belongs to uploads, such as media that still come
    /// in; none if they are not there at the moment. They are counted in whole frames. Whoever borrows leaves room: what
    /// is lent, uploads can't read with, and an upload needs one frame to go on.
    pub fn lend(&self, bytes: u64) -> Option<Loan> {
        self.0.budget.lend(bytes)
    }

    /// Ends every upload by cancel-keep and waits until the last checkpoint is written. Nothing new is started.
    pub async fn shutdown(&self) {
        self.0.shutdown.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }
}

/// Counts the uploads that run; the last one gives the idle buffers back.
struct Running(Arc<Shared>);

impl Drop for Running {
    fn drop(&mut self) {
        if self.0.running.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.0.budget.trim();
        }
    }
}

/// A stream that was given to another upload before.
fn spent(name: String) -> SourceError {
    SourceError::unreadable(name, std::io::Error::other("another upload has read it already, open it anew"))
}

async fn fingerprint(source: &Arc<dyn Source>) -> Result<Fingerprint, SourceError> {
    let (name, source) = (source.name(), Arc::clone(source));
    crate::blocking(move || source.fingerprint())
        .await
        .unwrap_or_else(|panicked| Err(SourceError::unreadable(name, panicked)))
}
