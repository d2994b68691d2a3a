//! A scenario through the driver: processes that run one upload until it ends, and die on the way.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chunkwise_core::{Completed, Disposition, Progress, ResumeError, Timestamp};
use chunkwise_driver::{DriverError, ResumeRequest, StartError, UploadControl, UploadHandle, UploadRequest};
use chunkwise_testkit::Chance;
use chunkwise_testkit::scenario::{Control, Known, Scenario, Source};
use chunkwise_testkit::simulation::START;
use chunkwise_testkit::transport::{Exchange, ModelTransport};

use crate::power::{FailingPower, Write};
use crate::process::{Durable, barriers_hold, driver, name, nothing_leaks, process, streaming};
use crate::sources::Origin;

/// How an upload ended.
#[derive(Debug)]
pub(crate) enum End {
    /// It could not be started.
    NotStarted(StartError),
    /// It was run to its end.
    Ended(Result<Completed, DriverError>),
}

/// What became of a process.
enum Life {
    Died,
    Ended(End),
}

/// One upload, its disk and its server, over all the processes that it takes.
pub(crate) struct World {
    pub(crate) scenario: Scenario,
    pub(crate) store: FailingPower,
    origin: Origin,
    transport: Option<ModelTransport>,
    controls: Vec<(Timestamp, Control)>,
    chance: Chance,
    /// How many processes there were.
    pub(crate) processes: u32,
    /// How far it said that it was, last of all.
    pub(crate) progress: Progress,
    /// Whether the machine slept.
    pub(crate) slept: bool,
    /// Whether its source was gone after a crash, and it was given up.
    pub(crate) given_up: bool,
    /// How long nothing had gone wrong when the last process ended.
    pub(crate) quiet: Duration,
}

/// The longest that a machine sleeps.
const NAP: u64 = 5_000_000;

impl World {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let mut chance = Chance::stream(scenario.seed, 5);
        let origin = Origin::new(scenario, &mut chance, START);
        Self::with(scenario, chance, origin)
    }

    /// The same, with the source in memory: nothing is read on other threads, which end when the system likes.
    pub(crate) fn in_memory(scenario: &Scenario) -> Self {
        let scenario = Scenario { source: Source::Whole, length: Known::AtOnce, ..scenario.clone() };
        Self::with(&scenario, Chance::stream(scenario.seed, 5), Origin::Resident(scenario.total))
    }

    fn with(scenario: &Scenario, chance: Chance, origin: Origin) -> Self {
        let crashes = scenario.crashes.iter().map(|(nth, point)| (Write::Save(*nth), *point));
        let mut controls: Vec<_> =
            scenario.controls.iter().map(|(at, control)| (START.after(*at), *control)).collect();
        controls.sort_by_key(|(at, _)| *at);
        Self {
            store: FailingPower::in_memory(crashes.collect()),
            origin,
            transport: None,
            controls,
            chance,
            processes: 0,
            progress: Progress::default(),
            slept: false,
            given_up: false,
            quiet: Duration::ZERO,
            scenario: scenario.clone(),
        }
    }

    /// The way to the server; there is one as soon as there was a process.
    pub(crate) fn transport(&self) -> &ModelTransport {
        self.transport.as_ref().unwrap()
    }

    pub(crate) fn log(&self) -> Vec<Exchange> {
        self.transport.as_ref().map(ModelTransport::log).unwrap_or_default()
    }

    /// Runs the upload to its end, in as many processes as that takes.
    pub(crate) fn run(&mut self) -> Result<End, String> {
        loop {
            match self.process()? {
                Life::Died => {}
                Life::Ended(end) => return Ok(end),
            }
        }
    }

    /// Another process goes on from the end, and all is well from now on.
    pub(crate) fn go_on(&mut self) -> Result<End, String> {
        self.store.calm();
        self.controls.clear();
        self.transport().calm();
        self.run()
    }

    fn process(&mut self) -> Result<Life, String> {
        if self.processes > 0 {
            // Whoever goes on may have other settings.
            self.scenario.chunk = self.scenario.chunk_later;
        }
        self.processes += 1;
        let down = self.chance.millis(0, 5_000);
        process(async {
            let transport = match &self.transport {
                None => ModelTransport::starting_at(&self.scenario, START),
                Some(before) => before.another_process(down),
            };
            self.transport = Some(transport.clone());
            self.store.goes_by(&transport);
            transport.disturb(Duration::ZERO);
            let (store, sent) = (self.store.clone(), transport.log().len());
            let driver = match self.scenario.source {
                Source::Once => streaming(&transport, store.clone()),
                Source::Whole | Source::Growing => driver(&transport, store.clone()),
            };
            let (source, growth) = self.origin.open(&transport);
            let durable = Durable::of(&store).await;
            if let Some(durable) = &durable
                && self.remembers()
            {
                durable.is_true(&transport)?;
            }
            let seed = Some(self.scenario.seed.wrapping_add(u64::from(self.processes)));
            let (policy, wire) = (self.scenario.policy(), Arc::new(transport.clone()));
            let goes_on = durable.is_some();
            let upload = async {
                let started = match goes_on {
                    true => {
                        let request = ResumeRequest::new(name(), Some(source), wire);
                        let request = ResumeRequest { policy, seed, ..request };
                        match driver.resume(request.clone()).await {
                            // The bytes of a stream are gone: all that can be done is to give it up.
                            Err(StartError::Resume { error: ResumeError::NotRewindable, .. }) => {
                                self.given_up = true;
                                driver.discard(request).await
                            }
                            resumed => resumed,
                        }
                    }
                    false => {
                        let request = UploadRequest::new(source, wire);
                        driver.start(UploadRequest { policy, id: Some(name()), seed, ..request }).await
                    }
                };
                match started {
                    Ok(handle) => self.attend(handle, &transport).await,
                    Err(error) if goes_on => Err(format!("it can't be resumed: {error}")),
                    Err(error) => Ok(Life::Ended(End::NotStarted(error))),
                }
            };
            let grows = async {
                growth.run(&transport).await;
                std::future::pending().await
            };
            let life = tokio::select! {
                biased;
                () = store.off() => Life::Died,
                () = grows => Life::Died,
                life = upload => life?,
            };
            transport.now();
            if self.remembers() {
                durable.unwrap_or_default().is_kept(&transport.log()[sent..])?;
            }
            barriers_hold(&store, &transport.log()[sent..])?;
            match life {
                Life::Died => transport.disturb(Duration::from_secs(1)),
                Life::Ended(_) => {
                    self.quiet = transport.quiet();
                    self.store.calm();
                    nothing_leaks(&driver, &transport).await?;
                }
            }
            Ok(life)
        })
    }

    /// Whether the server keeps what it acknowledged, and says so.
    pub(crate) fn remembers(&self) -> bool {
        use chunkwise_testkit::fault::Fault;
        self.scenario.server.memory == chunkwise_testkit::server::Memory::Good
            && self.log().iter().all(|exchange| !matches!(exchange.fault, Some(Fault::Lies(_))))
    }

    /// Does what the caller and the machine do until the upload ends or the process dies.
    async fn attend(&mut self, handle: UploadHandle, transport: &ModelTransport) -> Result<Life, String> {
        let (control, progress) = (handle.control(), handle.progress());
        let most = self.scenario.longest() + Duration::from_millis(NAP);
        let mut end = std::pin::pin!(tokio::time::timeout(most, handle.wait()));
        loop {
            let next = self.controls.first().map(|(at, _)| at.since(transport.now()));
            let ended = tokio::select! {
                biased;
                ended = &mut end => ended,
                () = sleep(next) => {
                    let (_, next) = self.controls.remove(0);
                    if next == Control::Crash {
                        return Ok(Life::Died);
                    }
                    self.act(next, &control, transport).await;
                    continue;
                }
            };
            self.progress = *progress.borrow();
            let ended = ended.map_err(|_| format!("it does not end within {most:?}"))?;
            return Ok(Life::Ended(End::Ended(ended)));
        }
    }

    async fn act(&mut self, what: Control, control: &UploadControl, transport: &ModelTransport) {
        transport.disturb(Duration::from_secs(1));
        match what {
            Control::Pause => control.pause(),
            Control::Resume => control.resume(),
            Control::Keep => control.cancel(Disposition::Keep),
            Control::Discard => control.cancel(Disposition::Discard),
            Control::Rotate => transport.rotate(),
            Control::Suspend => {
                let nap = self.chance.millis(1_000, NAP);
                self.sleep(nap).await;
            }
            Control::Sleep(secs) => self.sleep(Duration::from_secs(secs.into())).await,
            // The driver's clock does not hear of steps of the system's.
            Control::ClockForward(_) | Control::ClockBack(_) => {}
            // Each has a test of its own: siblings of one account, sources that change, credentials that can't be had.
            Control::Hold | Control::SourceChanged | Control::SourceUnreadable | Control::NoCredentials => {}
            Control::Crash => {}
        }
        transport.disturb(Duration::from_secs(1));
    }

    async fn sleep(&mut self, nap: Duration) {
        self.slept = true;
        tokio::time::advance(nap).await;
    }
}

async fn sleep(wait: Option<Duration>) {
    match wait {
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for exchange in self.log() {
            writeln!(f, "  {exchange}")?;
        }
        write!(f, "{:#?}", self.scenario)
    }
}
