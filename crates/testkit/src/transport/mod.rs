//! A model server behind a [`Transport`]: to test a driver, or an app of one's own, without a socket.
//!
//! [`ModelTransport`] performs operations at a [`Server`] over the network of a [`Scenario`], with its faults: latency,
//! bandwidth, connections that break at any byte or stall, answers that are lost after the deed, requests that come late or
//! never, bad answers, lies, credentials that expire. All of it follows from the scenario's seed and happens on tokio's
//! clock: paused, an hour of it takes a moment.
//!
//! The bytes are real. A model source holds [`pattern`], a function of the offset; every byte that is sent is compared with
//! it, and [`ModelTransport::check_object`] says whether an object is the source, byte for byte.
//!
//! Three things of a scenario are for whoever runs the upload, and not for its transport: what the caller does
//! (`controls`), where the process dies (`crashes`), and what kind of source it is. An answer can't come twice to a future,
//! so [`Fault::ReplyTwice`] brings it once.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use chunkwise_driver::{BytesSource, Driver, UploadRequest};
//! use chunkwise_testkit::fault::{Fault, Loss};
//! use chunkwise_testkit::scenario::{Faults, Scenario};
//! use chunkwise_testkit::transport::{self, ModelTransport};
//! use chunkwise_testkit::{Model, server::SessionState};
//!
//! let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
//! runtime.block_on(async {
//!     // A server like X's. The third operation is done, but its answer is lost; the fourth one breaks off halfway.
//!     let faults = vec![(2, Fault::ReplyLost(Loss::Reset)), (3, Fault::Cut(500))];
//!     let scenario = Scenario { faults: Faults::Scheduled(faults), ..Scenario::calm(Model::Parts) };
//!     let server = ModelTransport::new(&scenario);
//!
//!     // The app under test: here, a driver.
//!     let source = BytesSource::new(transport::content(scenario.total as usize));
//!     let request = UploadRequest {
//!         policy: scenario.policy(),
//!         ..UploadRequest::new(source, Arc::new(server.clone()))
//!     };
//!     let completed = Driver::default().start(request).await?.wait().await?;
//!
//!     let session = completed.session.expect("it had a session");
//!     assert_eq!(server.server().state(&session), Some(SessionState::Committed));
//!     server.check_object(&session)?;
//!     for exchange in server.log() {
//!         println!("{exchange}");
//!     }
//!     Ok::<(), Box<dyn std::error::Error>>(())
//! })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod link;
mod log;
mod pattern;

use std::future::{pending, poll_fn};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use chunkwise_core::{
    CredentialEpoch, Cut, Detail, Failure, Operation, Outcome, ProblemKind, Profile, Refusal, ServerError,
    Session, Timestamp,
};
use chunkwise_transport::{Account, Payload, RefreshError, Transport};
use tokio::time::{Instant, sleep, sleep_until};

use self::link::{Hearing, Link, Trip};
pub use self::log::{Exchange, ExchangeEnd};
pub use self::pattern::{content, fill, pattern};
use crate::fault::Fault;
use crate::invariants::Breach;
use crate::journey::taken;
use crate::scenario::Scenario;
use crate::server::Server;

/// Performs operations at a model server. Clones lead to the same server, with the same credentials.
#[derive(Clone, Debug)]
pub struct ModelTransport {
    link: Arc<Mutex<Link>>,
    /// What the server knows each epoch of the credentials as; the last one is in force.
    generations: Arc<Mutex<Vec<u64>>>,
    account: Option<Account>,
}

impl ModelTransport {
    /// To a server of its own. Its clock shows the system's time now, and goes on with tokio's: make it in the runtime in
    /// which it is used.
    pub fn new(scenario: &Scenario) -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::starting_at(scenario, Timestamp::EPOCH.after(since_epoch))
    }

    /// The same, with a clock that shows this time now. Whoever wants the same times in every run has the driver's clock
    /// show it as well.
    pub fn starting_at(scenario: &Scenario, now: Timestamp) -> Self {
        Self {
            link: Arc::new(Mutex::new(Link::new(scenario, now))),
            generations: Arc::new(Mutex::new(vec![0])),
            account: None,
        }
    }

    /// The same, for uploads of this account: they are paced together. Default: none.
    #[must_use]
    pub fn with_account(self, name: &str) -> Self {
        Self { account: Some(Account::new(name)), ..self }
    }

    /// Another process's way to the same server, so much later than anything that happened so far; call it in that process's
    /// runtime. What the first one had sent is still on its way. It has the credentials that are valid now.
    #[must_use]
    pub fn another_process(&self, later: Duration) -> Self {
        let mut link = self.link();
        link.anchor_anew(later);
        let generation = link.server().generation();
        drop(link);
        Self {
            link: Arc::clone(&self.link),
            generations: Arc::new(Mutex::new(vec![generation])),
            account: self.account.clone(),
        }
    }

    /// What its clock shows.
    pub fn now(&self) -> Timestamp {
        self.link().now()
    }

    /// The server, as it is now.
    pub fn server(&self) -> Server {
        self.link().server().clone()
    }

    /// How many Appends are on their way to it as a whole.
    pub fn appends_on_their_way(&self) -> usize {
        self.link().appends_on_their_way()
    }

    /// The server takes no older credentials than new ones from now on.
    pub fn rotate(&self) {
        self.link().server().rotate();
    }

    /// No more faults: from now on all goes well.
    pub fn calm(&self) {
        self.link().calm();
    }

    /// Something else interferes with the upload now, and its consequences last so long.
    pub fn disturb(&self, lasts: Duration) {
        self.link().disturb(lasts);
    }

    /// How long nothing has gone wrong, and the consequences of the last thing that did are over.
    pub fn quiet(&self) -> Duration {
        self.link().quiet()
    }

    /// Every exchange there was, in the order in which they began.
    pub fn log(&self) -> Vec<Exchange> {
        self.link().log().to_vec()
    }

    /// Whether the object that this session holds is the source, byte for byte.
    ///
    /// # Errors
    ///
    /// [`Breach`], with what it is instead; also if any byte was ever sent that was not the source's.
    pub fn check_object(&self, session: &Session) -> Result<(), Breach> {
        self.check_bytes()?;
        let mut link = self.link();
        let total = link.scenario().total;
        link.server().check_object(session, total)
    }

    /// Whether every byte that was sent was the source's at that offset.
    ///
    /// # Errors
    ///
    /// [`Breach`], with the first that was not.
    pub fn check_bytes(&self) -> Result<(), Breach> {
        self.link().wrong().map_or(Ok(()), |wrong| Err(wrong.clone()))
    }

    fn link(&self) -> MutexGuard<'_, Link> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn generations(&self) -> MutexGuard<'_, Vec<u64>> {
        self.generations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The epoch of the credentials in force.
    fn epoch(&self) -> CredentialEpoch {
        CredentialEpoch::new(self.generations().len().saturating_sub(1) as u64)
    }

    async fn until(&self, at: Timestamp) {
        let at = self.link().instant(at);
        sleep_until(at).await;
    }
}

/// An exchange under way. Dropped, it is given up: what was sent of it by then reaches the server all the same.
struct UnderWay<'a> {
    transport: &'a ModelTransport,
    operation: &'a Operation,
    trip: Trip,
    at: Stage,
}

/// How far an exchange is.
enum Stage {
    /// So many bytes of the payload are sent, and there are more.
    Sending(u64),
    /// All is sent that will be.
    Sent,
    Ended,
}

impl UnderWay<'_> {
    /// Sends the payload at the rate of the network, as far as the wire takes it.
    async fn send(&mut self, mut payload: Payload) -> Result<(), Outcome> {
        let network = self.transport.link().scenario().network;
        let (start, len) = (self.operation.payload().map_or(0, |range| range.start()), payload.len());
        let (stop, mut at, mut free_at) = (taken(self.trip.fault, len), 0, Instant::now());
        while at < stop {
            let frame = match poll_fn(|cx| payload.poll_frame(cx)).await {
                Some(Ok(frame)) => frame,
                Some(Err(error)) => return Err(reset(&error.to_string())),
                None => return Err(reset("the payload ended early")),
            };
            if let Some((at, should, is)) = pattern::wrong(start + at, &frame) {
                let detail =
                    format!("{}: byte {at} is {is:#04x} and should be {should:#04x}", self.operation.id);
                self.transport.link().is_wrong(detail);
                let told = ServerError::message("these are not the bytes of the source");
                return Err(Failure::answered(ProblemKind::Refused(Refusal::Invalid), told).into());
            }
            let takes = stop.min(at + frame.len() as u64) - at;
            // Timers fire up to a millisecond late, which must not add up.
            let now = Instant::now();
            if now > free_at + Duration::from_millis(1) {
                free_at = now;
            }
            free_at += network.sending(takes);
            sleep_until(free_at).await;
            at += takes;
            self.at = Stage::Sending(at);
            if at == stop && matches!(self.trip.fault, Some(Fault::Stall(_))) {
                self.sent();
                // A wire that stalls keeps what it was given.
                let _kept = (frame, payload);
                return pending().await;
            }
        }
        if matches!(self.trip.fault, Some(Fault::Stall(_))) && len > 0 {
            self.sent();
            let _kept = payload;
            return pending().await;
        }
        if stop == len {
            // Asked for its end, the payload knows that the last frame was taken.
            poll_fn(|cx| payload.poll_frame(cx)).await;
        }
        Ok(())
    }

    fn sent(&mut self) -> Hearing {
        self.at = Stage::Sent;
        self.transport.link().sent(&self.trip, self.operation)
    }

    async fn perform(&mut self, payload: Payload) -> Outcome {
        if let Err(outcome) = self.send(payload).await {
            return outcome;
        }
        match self.sent() {
            Hearing::Nothing => pending().await,
            Hearing::At(at, outcome) => {
                self.transport.until(at).await;
                outcome
            }
            Hearing::Answer(at) => {
                self.transport.until(at).await;
                let answer = self.transport.link().answer(&self.trip);
                answer.unwrap_or_else(|| reset("the server did not answer"))
            }
        }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let mut link = self.transport.link();
        match self.at {
            Stage::Sending(bytes) => link.broke_off(&self.trip, self.operation, bytes),
            Stage::Sent => {}
            Stage::Ended => return,
        }
        link.end(&self.trip, ExchangeEnd::GivenUp);
    }
}

fn reset(detail: &str) -> Outcome {
    Failure::Unknown { cut: Cut::Reset, detail: Detail::new(detail) }.into()
}

#[async_trait]
impl Transport for ModelTransport {
    fn profile(&self) -> Profile {
        self.link().scenario().profile()
    }

    async fn perform(&self, operation: &Operation, payload: Payload) -> Outcome {
        let generation = self.generations().last().copied().unwrap_or_default();
        let trip = self.link().set_out(operation, generation);
        let mut under_way = UnderWay { transport: self, operation, trip, at: Stage::Sending(0) };
        let outcome = under_way.perform(payload).await;
        let mut link = self.link();
        if let Stage::Sending(bytes) = under_way.at {
            link.broke_off(&under_way.trip, operation, bytes);
        }
        under_way.at = Stage::Ended;
        link.end(&under_way.trip, |at| ExchangeEnd::Heard(at, outcome.clone()));
        drop(link);
        outcome
    }

    /// It takes as long as an exchange, and never fails.
    async fn refresh(&self, stale: CredentialEpoch) -> Result<CredentialEpoch, RefreshError> {
        if self.epoch() > stale {
            return Ok(self.epoch());
        }
        let most = self.link().scenario().network.most;
        sleep(Duration::from_millis(2 * most)).await;
        let generation = self.link().server().generation();
        self.generations().push(generation);
        Ok(self.epoch())
    }

    fn account(&self) -> Option<Account> {
        self.account.clone()
    }
}
