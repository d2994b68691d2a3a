//! The conformance suite: what every [`Transport`] must do so that uploads over it end well, whatever its protocol.
//!
//! Whoever writes an adapter implements [`Subject`] for it (a transport to a live or simulated server, and a way to look at
//! the object) and runs the suite:
//!
//! ```
//! # use std::sync::Arc;
//! # use async_trait::async_trait;
//! # use chunkwise_core::Completed;
//! # use chunkwise_testkit::{Model, ModelTransport, Scenario};
//! # use chunkwise_transport::Transport;
//! use chunkwise_testkit::conformance::{self, Place, Subject};
//!
//! struct Mine;
//!
//! #[async_trait]
//! impl Subject for Mine {
//!     fn name(&self) -> &str {
//!         "mine"
//!     }
//!
//!     async fn place(&self) -> Place {
//!         // Here: one of the kit's own model servers.
//!         let server = ModelTransport::new(&Scenario::calm(Model::Listed));
//!         let look = server.clone();
//!         Place::new(Arc::new(server), move |completed: Completed, content| {
//!             let look = look.clone();
//!             async move {
//!                 let session = completed.session.ok_or("there was no session")?;
//!                 look.server().check_object(&session, content.len() as u64).map_err(|breach| breach.to_string())
//!             }
//!         })
//!     }
//! }
//!
//! let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()?;
//! let report = runtime.block_on(conformance::run(&Mine));
//! println!("{report}");
//! report.passed()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The engine itself drives every case, without a driver, and the [invariants](crate::invariants) are checked after every
//! step. What goes wrong is put between the engine and the transport ([`Mishap`]), so that the same loss strikes a simulated
//! server and a real one. Which cases there are follows from the profile: a protocol without an Abort is not asked to abort.
//! "Nobody can tell" is a good end only where there was a reason for doubt and nobody could be asked; of a protocol with a
//! Verify only if the place says that it may not tell ([`Place::may_not_tell`]). A process that goes on
//! from a checkpoint has a transport of its own, if the place can make one ([`Place::made_again_by`]).
//! Files that nobody wants to wait for are not needed: segments are as small as the profile allows.

mod bounds;
mod case;
mod content;
mod crashes;
mod losses;
mod mishap;
mod process;
mod questions;
mod report;
mod transfers;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chunkwise_core::{Completed, Session};
use chunkwise_transport::Transport;
use futures::StreamExt as _;

pub use self::case::Case;
pub use self::mishap::{Mishap, Strike};
pub use self::report::{Failed, Report, Table, Verdict};

/// An adapter under test, with the server at its other end.
#[async_trait]
pub trait Subject: Send + Sync {
    /// Its name, as at the head of its column.
    fn name(&self) -> &str;

    /// A place for an object that is not there yet. Every upload of the suite asks for its own.
    async fn place(&self) -> Place;

    /// The same with credentials that the server does not know. Default: none; there is nothing to know.
    async fn stranger(&self) -> Option<Arc<dyn Transport>> {
        None
    }

    /// A transport, and a session of it as the server names them, of an upload that there is not and never was. It must be
    /// one that goes out: what the adapter itself refuses asks the server nothing. Default: none; then nobody's session is
    /// not asked about.
    async fn nobody(&self) -> Option<(Arc<dyn Transport>, Session)> {
        None
    }

    /// How many uploads the server holds that have begun and are neither whole nor given up. Default: it can't be told.
    async fn unfinished(&self) -> Option<usize> {
        None
    }
}

type Again = Arc<dyn Fn() -> Arc<dyn Transport> + Send + Sync>;
type Look = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// Whether a Verify, where there is one, says what came of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Telling {
    /// It does.
    Tells,
    /// It may say that it can't be told.
    MayNot,
}

/// Where one object goes to, and how to look at it there.
#[derive(Clone)]
pub struct Place {
    pub(crate) transport: Arc<dyn Transport>,
    again: Option<Again>,
    pub(crate) verify: Telling,
    look: Arc<dyn Fn(Completed, Bytes) -> Look + Send + Sync>,
}

impl Place {
    /// A place behind this transport. `holds` says whether the object that an upload ended with is these bytes.
    pub fn new<F>(
        transport: Arc<dyn Transport>,
        holds: impl Fn(Completed, Bytes) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        let look = move |completed, content| -> Look { Box::pin(holds(completed, content)) };
        Self { transport, again: None, verify: Telling::Tells, look: Arc::new(look) }
    }

    /// The same, at a server of which it is true that a Verify may not tell what came of an object
    /// ([`CannotTell`](chunkwise_core::Verdict::CannotTell)). Default: where the profile has a Verify it tells, and an answer
    /// that it can't be told counts as failed.
    #[must_use]
    pub fn may_not_tell(mut self) -> Self {
        self.verify = Telling::MayNot;
        self
    }

    /// The same, to which a process that goes on from a checkpoint has a transport of its own, made anew: what an adapter
    /// only remembers is gone by then. Default: the same transport as the process before it.
    #[must_use]
    pub fn made_again_by(mut self, again: impl Fn() -> Arc<dyn Transport> + Send + Sync + 'static) -> Self {
        self.again = Some(Arc::new(again));
        self
    }

    pub(crate) fn again(&self) -> Arc<dyn Transport> {
        self.again.as_ref().map_or_else(|| Arc::clone(&self.transport), |again| again())
    }

    pub(crate) async fn holds(&self, completed: Completed, content: Bytes) -> Result<(), String> {
        (self.look)(completed, content).await
    }
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Place").field("profile", &self.transport.profile().name).finish_non_exhaustive()
    }
}

/// How many cases run at once: most of their time is waiting.
const AT_ONCE: usize = 8;

/// Runs every case.
pub async fn run<S: Subject + ?Sized>(subject: &S) -> Report {
    // What counts the unfinished uploads wants to be alone.
    let (alone, others): (Vec<_>, Vec<_>) = Case::all().into_iter().partition(|case| case.counts());
    let mut verdicts: Vec<_> = futures::stream::iter(others)
        .map(|case| async move { (case, run_case(subject, case).await) })
        .buffered(AT_ONCE)
        .collect()
        .await;
    for case in alone {
        verdicts.push((case, run_case(subject, case).await));
    }
    Report::new(subject.name(), verdicts)
}

/// Runs one case.
pub async fn run_case<S: Subject + ?Sized>(subject: &S, case: Case) -> Verdict {
    let profile = subject.place().await.transport.profile();
    if let Err(why) = case.applies(&profile) {
        return Verdict::NotAsked(why);
    }
    match case.judge(subject).await {
        Ok(()) => Verdict::Passed,
        Err(Finding::NotAsked(why)) => Verdict::NotAsked(why),
        Err(Finding::Wrong(what)) => Verdict::Failed(what),
    }
}

/// Why a case did not pass.
#[derive(Debug)]
enum Finding {
    /// It is not, as it ought to be.
    Wrong(String),
    /// It can't be asked of this subject.
    NotAsked(&'static str),
}

impl<E: ToString> From<E> for Finding {
    fn from(what: E) -> Self {
        Self::Wrong(what.to_string())
    }
}
