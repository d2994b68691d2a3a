//! The loop: what the engine says is done, what happens is told to the engine.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chunkwise_core::{
    Completed, CredentialEpoch, Detail, Disposition, Failure, Growth, Input, NotSent, OpId, Output, Progress,
    SourceLength, Timestamp, Upload, UploadError, UploadSpec,
};
use chunkwise_transport::RefreshError;
use futures::StreamExt as _;
use futures::future::{AbortHandle, Abortable, Aborted, BoxFuture, abortable};
use futures::stream::FuturesUnordered;
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::account::Hold;
use crate::clock::Clock;
use crate::error::DriverError;
use crate::events::Teller;
use crate::handle::Wish;
use crate::ledger::{Entry, Ledger};
use crate::operation::{Bytes, Performer, Step};
use crate::reading::{News, Reading, news};
use crate::source::{Availability, SourceChange, SourceError, WRITER_GONE};

/// How often the engine is told how far the wire is, if nothing else happens.
const SAMPLE: Duration = Duration::from_millis(250);
/// How many outputs are acted upon before other tasks get their turn.
const OUTPUTS_AT_ONCE: u32 = 64;

/// One upload on its way.
pub(crate) struct Run {
    upload: Upload,
    performer: Arc<Performer>,
    clock: Clock,
    ledger: Ledger,
    signals: Signals,
    /// Of a source that can be read once only.
    reading: Option<Reading>,
    events: Teller,
    progress: watch::Sender<Progress>,
    live: BTreeMap<OpId, Live>,
    steps: FuturesUnordered<Abortable<BoxFuture<'static, Step>>>,
    refreshes: FuturesUnordered<BoxFuture<'static, Refreshed>>,
    /// What was wrong with the source first; the engine knows only that something was.
    fault: Option<SourceError>,
    sample_at: Instant,
}

type Refreshed = (CredentialEpoch, Result<CredentialEpoch, RefreshError>);

/// An operation that the engine believes to be under way.
struct Live {
    future: AbortHandle,
    sending: Option<Sending>,
}

struct Sending {
    taken: Arc<AtomicU64>,
    told: u64,
}

/// What comes from outside.
pub(crate) struct Signals {
    pub(crate) wishes: Option<watch::Receiver<Wish>>,
    pub(crate) shutdown: Option<CancellationToken>,
    pub(crate) availability: Option<watch::Receiver<Availability>>,
    pub(crate) holds: broadcast::Receiver<Hold>,
}

/// What the loop waits for.
enum Happening {
    Step(Result<Step, Aborted>),
    Wish(Option<Wish>),
    ShutDown,
    Available(Option<Availability>),
    Read(News),
    Hold(Hold),
    Ledger(Entry),
    Refreshed(Refreshed),
    Time,
}

enum Next {
    Wait(Option<Timestamp>),
    End(Result<Completed, UploadError>),
}

impl Run {
    pub(crate) fn new(
        upload: Upload,
        performer: Arc<Performer>,
        ledger: Ledger,
        signals: Signals,
        reading: Option<Reading>,
        events: Teller,
        progress: watch::Sender<Progress>,
    ) -> Self {
        let clock = performer.clock;
        Self {
            upload,
            performer,
            clock,
            ledger,
            signals,
            reading,
            events,
            progress,
            live: BTreeMap::new(),
            steps: FuturesUnordered::new(),
            refreshes: FuturesUnordered::new(),
            fault: None,
            sample_at: Instant::now() + SAMPLE,
        }
    }

    /// Runs the upload to its end.
    pub(crate) async fn run(mut self) -> Result<Completed, DriverError> {
        self.first_availability();
        loop {
            match self.act().await {
                Next::Wait(wake_at) => {
                    let happening = self.happening(wake_at).await;
                    self.take_in(happening);
                }
                Next::End(result) => return self.end(result).await,
            }
        }
    }

    /// A source may have grown since its upload was made; one resumed as a whole file is all there.
    fn first_availability(&mut self) {
        let news = self.signals.availability.as_mut().map(|news| news.borrow_and_update().clone());
        let spec = self.performer.source.as_ref().map(|source| source.spec());
        match (news, spec) {
            (Some(availability), _) => self.available(availability),
            (None, Some(UploadSpec { length: SourceLength::Known(up_to), available: None, .. })) => {
                self.tell(Input::Available { up_to, growth: Growth::Ended });
            }
            (None, _) => {}
        }
    }

    /// Does what the engine says until it has nothing to say.
    async fn act(&mut self) -> Next {
        let mut outputs = 0;
        let next = loop {
            match self.upload.poll(self.clock.now()) {
                Output::Perform(operation) => {
                    let id = operation.id;
                    let turn = self.performer.turn(operation);
                    self.spawn(id, None, turn);
                }
                Output::Cancel(op) => {
                    if let Some(live) = self.live.remove(&op) {
                        live.future.abort();
                    }
                }
                Output::Persist { .. } => self.ledger.write(self.clock.now(), self.upload.checkpoint()),
                Output::Release(range) => {
                    if let Some(reading) = &self.reading {
                        reading.release(range);
                    }
                }
                Output::Refresh { epoch } => {
                    let performer = Arc::clone(&self.performer);
                    self.refreshes.push(Box::pin(async move { (epoch, performer.refresh(epoch).await) }));
                }
                Output::Notify(event) => {
                    debug!(?event, "event");
                    self.events.tell(event);
                }
                Output::Idle { wake_at } => break Next::Wait(wake_at),
                Output::Closed(result) => break Next::End(result),
            }
            outputs += 1;
            if outputs % OUTPUTS_AT_ONCE == 0 {
                tokio::task::yield_now().await;
            }
        };
        if !self.upload.needs_source() {
            self.reading = None;
        }
        let progress = self.upload.progress();
        self.progress.send_if_modified(|known| {
            let news = *known != progress;
            *known = progress;
            news
        });
        next
    }

    fn spawn(&mut self, op: OpId, sending: Option<Sending>, step: BoxFuture<'static, Step>) {
        let (step, future) = abortable(step);
        self.steps.push(step);
        self.live.insert(op, Live { future, sending });
    }

    async fn happening(&mut self, wake_at: Option<Timestamp>) -> Happening {
        let Self { upload, signals, reading, steps, refreshes, ledger, clock, sample_at, .. } = self;
        let sending = self.live.values().any(|live| live.sending.is_some());
        let wake_at = wake_at.map(|at| clock.instant(at));
        let time = async {
            match wake_at.into_iter().chain(sending.then_some(*sample_at)).min() {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            // In this order, and not in one by chance: the same happenings at the same times are the same upload again. What
            // the caller wants comes first, lest a wire that is always ready keeps it waiting.
            biased;
            wish = changed(&mut signals.wishes) => Happening::Wish(wish),
            () = cancelled(&signals.shutdown) => Happening::ShutDown,
            entry = ledger.next() => Happening::Ledger(entry),
            Some(refreshed) = refreshes.next(), if !refreshes.is_empty() => Happening::Refreshed(refreshed),
            Ok(hold) = signals.holds.recv() => Happening::Hold(hold),
            availability = changed(&mut signals.availability) => Happening::Available(availability),
            news = news(reading, upload.plan()) => Happening::Read(news),
            Some(step) = steps.next(), if !steps.is_empty() => Happening::Step(step),
            () = time => Happening::Time,
        }
    }

    fn take_in(&mut self, happening: Happening) {
        // First of all: telling the engine anything moves its time on, and a stall timer may strike.
        self.sample();
        match happening {
            Happening::Step(Ok(Step::Ready(operation, bytes))) => self.begin(*operation, bytes),
            Happening::Step(Ok(Step::Done(op, outcome))) => {
                self.live.remove(&op);
                self.tell(Input::Outcome { op, outcome });
            }
            Happening::Step(Ok(Step::Fault(op, fault))) => {
                self.live.remove(&op);
                let detail = Detail::new(fault.to_string());
                self.source_fault(fault);
                // Usually that was the end of it; if not, the operation must not be waited for.
                let failure = Failure::NotSent { cause: NotSent::Misconfigured, detail };
                self.tell(Input::Outcome { op, outcome: failure.into() });
            }
            Happening::Step(Err(Aborted)) => {}
            Happening::Wish(Some(Wish::Run)) => self.tell(Input::Resume),
            Happening::Wish(Some(Wish::Pause)) => self.tell(Input::Pause),
            Happening::Wish(Some(Wish::Cancel(disposition))) => self.tell(Input::Cancel(disposition)),
            // Nobody is left to wish anything; the handle said what it wants when it was dropped.
            Happening::Wish(None) => self.signals.wishes = None,
            Happening::ShutDown => {
                self.signals.shutdown = None;
                self.tell(Input::Cancel(Disposition::Keep));
            }
            Happening::Available(Some(availability)) => self.available(availability),
            Happening::Available(None) => self.writer_gone(),
            Happening::Read(Ok((up_to, growth))) => self.tell(Input::Available { up_to, growth }),
            Happening::Read(Err(fault)) => self.source_fault(fault),
            Happening::Hold(Hold { kind, until }) => self.tell(Input::Hold { kind, until }),
            Happening::Ledger(Entry::Written((seq, Ok(())))) => self.tell(Input::Persisted(seq)),
            Happening::Ledger(Entry::Written((seq, Err(error)))) => {
                warn!(%error, "a checkpoint could not be written");
                self.tell(Input::PersistFailed(seq));
            }
            Happening::Ledger(Entry::Bound) => {}
            Happening::Ledger(Entry::Unbound(fault)) => self.source_fault(fault),
            Happening::Refreshed((stale, result)) => {
                let result = result.map_err(|error| Detail::new(error.to_string()));
                self.tell(Input::Refreshed { stale, result });
            }
            Happening::Time => {}
        }
    }

    fn tell(&mut self, input: Input) {
        self.upload.handle(self.clock.now(), input);
    }

    /// The operation has its turn: its timers start, and it goes out.
    fn begin(&mut self, operation: chunkwise_core::Operation, bytes: Bytes) {
        let op = operation.id;
        if !self.live.contains_key(&op) {
            return;
        }
        self.tell(Input::Started(op));
        let sends = !matches!(bytes, Bytes::None);
        let (taken, exchange) = self.performer.perform(operation, bytes);
        self.spawn(op, sends.then_some(Sending { taken, told: 0 }), exchange);
    }

    /// Tells the engine how far the wire is.
    fn sample(&mut self) {
        self.sample_at = Instant::now() + SAMPLE;
        let mut news = Vec::new();
        for (op, live) in &mut self.live {
            let Some(sending) = live.sending.as_mut() else { continue };
            let bytes = sending.taken.load(Ordering::Relaxed);
            if bytes != sending.told {
                sending.told = bytes;
                news.push(Input::Sent { op: *op, bytes });
            }
        }
        news.into_iter().for_each(|input| self.tell(input));
    }

    fn available(&mut self, availability: Availability) {
        match availability {
            Availability::UpTo(up_to, growth) => {
                if let (Growth::Ended, Some(was)) = (growth, self.upload.progress().total)
                    && was != up_to
                {
                    let change = SourceChange::Size { was, is: up_to };
                    return self.source_fault(SourceError::changed(self.source_name(), change));
                }
                self.tell(Input::Available { up_to, growth });
                if let (Growth::Ended, Some(source)) = (growth, self.performer.source.clone()) {
                    // Now the whole of it can be recognised again.
                    self.ledger.bind_anew(source);
                }
            }
            Availability::Broken(reason) => {
                let name = self.source_name();
                self.source_fault(SourceError::Broken { name, reason });
            }
        }
    }

    /// Nobody is left who could say that the source grows; unless it has ended, it never will.
    fn writer_gone(&mut self) {
        let Some(news) = self.signals.availability.take() else { return };
        let growth = match &*news.borrow() {
            Availability::UpTo(_, growth) => *growth,
            // That was told already.
            Availability::Broken(_) => Growth::Ended,
        };
        match growth {
            Growth::Growing => self.available(Availability::Broken(WRITER_GONE.into())),
            Growth::Ended => {}
        }
    }

    fn source_name(&self) -> String {
        self.performer.source.as_ref().map_or_else(|| "the source".to_owned(), |source| source.name())
    }

    fn source_fault(&mut self, fault: SourceError) {
        let input = match &fault {
            SourceError::Changed { .. } => Input::SourceChanged,
            SourceError::Missing { .. }
            | SourceError::NotAFile { .. }
            | SourceError::Unreadable { .. }
            | SourceError::Broken { .. }
            | SourceError::Absent => Input::SourceUnreadable(Detail::new(fault.to_string())),
        };
        self.fault.get_or_insert(fault);
        self.tell(input);
    }

    /// The upload is over: nothing is sent any more, and what is to be kept of it is kept.
    async fn end(mut self, result: Result<Completed, UploadError>) -> Result<Completed, DriverError> {
        self.live.clear();
        self.steps.clear();
        self.reading = None;
        let end = result.as_ref().map_err(|error| error.kept);
        let left = self.ledger.close(self.clock.now(), self.upload.checkpoint(), end).await;
        result.map_err(|error| DriverError::Upload { error, fault: self.fault, left })
    }
}

/// The next value, or `None` once there can't be another.
async fn changed<T: Clone>(news: &mut Option<watch::Receiver<T>>) -> Option<T> {
    match news {
        Some(news) => news.changed().await.is_ok().then(|| news.borrow_and_update().clone()),
        None => std::future::pending().await,
    }
}

async fn cancelled(token: &Option<CancellationToken>) {
    match token {
        Some(token) => token.cancelled().await,
        None => std::future::pending().await,
    }
}
