//! Processes, and what they leave behind.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chunkwise_core::{ByteRange, CheckpointStage, OperationKind, RangeSet, Session};
use chunkwise_driver::{CheckpointStore, Driven, Driver, UploadId, UploadRequest};
use chunkwise_testkit::transport::{Exchange, ExchangeEnd, ModelTransport};
use chunkwise_testkit::{Model, Scenario};
use tokio::runtime::Builder;

use crate::power::{FailingPower, Written};
use crate::sources::PatternSource;

/// Small, so that small uploads show what large ones would.
pub(crate) const FRAME: usize = 8;
/// What an Append may hold is all there is: one place that leaks brings every later upload to a standstill.
const FRAMES: u32 = 3;
/// Where a segment of a stream fits into half of it, and not two of the largest.
const STREAM_FRAMES: u32 = 2 * 8;

/// A process in paused time. When its future ends it dies with everything in it: nothing of it is polled again.
pub(crate) fn process<T>(life: impl Future<Output = T>) -> T {
    Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(life)
}

/// A driver in a process, whose clock shows what the transport's does.
pub(crate) fn driver(transport: &ModelTransport, store: impl CheckpointStore) -> Driver {
    of_frames(FRAMES, transport, store)
}

/// The same, with room for a stream.
pub(crate) fn streaming(transport: &ModelTransport, store: impl CheckpointStore) -> Driver {
    of_frames(STREAM_FRAMES, transport, store)
}

fn of_frames(frames: u32, transport: &ModelTransport, store: impl CheckpointStore) -> Driver {
    let builder = Driver::builder().byte_budget(frames as usize * FRAME).frame_size(FRAME).read_ahead(frames);
    builder.checkpoints(store).clock_shows(transport.now()).build().unwrap()
}

pub(crate) fn name() -> UploadId {
    UploadId::new("mine").unwrap()
}

/// What must be so whenever no upload runs any more: every place of the byte budget is back, nobody holds an upload, and
/// no exchange is under way.
pub(crate) async fn nothing_leaks(driver: &Driver, transport: &ModelTransport) -> Result<(), String> {
    // A read that had begun ends on its own thread; time stands still until it has.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let budget = driver.budget();
    if budget.in_use != 0 || budget.peak > budget.limit {
        return Err(format!("the byte budget is not whole: {budget:?}"));
    }
    for listed in driver.uploads().await.map_err(|error| error.to_string())? {
        if listed.driven != Driven::Idle {
            return Err(format!("{} is still held by somebody", listed.id));
        }
    }
    if let Some(live) = transport.log().iter().find(|exchange| exchange.end == ExchangeEnd::UnderWay) {
        return Err(format!("it has ended, and yet there is {live}"));
    }
    transport.check_bytes().map_err(|breach| breach.to_string())?;
    whole_budget(driver).await
}

/// An upload that needs every place of the byte budget gets through.
async fn whole_budget(driver: &Driver) -> Result<(), String> {
    let total = driver.budget().limit as u64 * 2;
    let scenario = Scenario { total, chunk: total, ..Scenario::calm(Model::Listed) };
    let transport = ModelTransport::starting_at(&scenario, chunkwise_testkit::simulation::START);
    let source = PatternSource::read(total);
    let request = UploadRequest {
        policy: scenario.policy(),
        ..UploadRequest::new(source, Arc::new(transport.clone()))
    };
    let upload = async {
        driver
            .start(request)
            .await
            .map_err(|error| error.to_string())?
            .wait()
            .await
            .map_err(|error| error.to_string())
    };
    match tokio::time::timeout(Duration::from_secs(60), upload).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(format!("an upload that needs all of the byte budget failed: {error}")),
        Err(_) => Err("a place of the byte budget is missing: who needs all of it waits for ever".into()),
    }
}

/// Two barriers wait for the disk: no byte goes out before its session is on it, and no Finalize before it says that one
/// will.
pub(crate) fn barriers_hold(store: &FailingPower, log: &[Exchange]) -> Result<(), String> {
    let written = store.written();
    for exchange in log {
        let session = exchange.operation.action.session();
        let on_disk = |stage: fn(CheckpointStage) -> bool| {
            written.iter().any(|Written { at, checkpoint }| {
                *at <= exchange.began && checkpoint.session() == session && stage(checkpoint.stage())
            })
        };
        let holds = match exchange.operation.kind() {
            OperationKind::Append => on_disk(|_| true),
            OperationKind::Finalize => on_disk(|stage| stage == CheckpointStage::FinalizeSent),
            _ => true,
        };
        if !holds {
            return Err(format!("{exchange}, before the disk knew"));
        }
    }
    Ok(())
}

/// What a checkpoint on the disk holds as stored.
#[derive(Clone, Debug, Default)]
pub(crate) struct Durable(Option<(Session, RangeSet)>);

impl Durable {
    /// What the record of the upload holds, if there is one.
    pub(crate) async fn of(store: &impl CheckpointStore) -> Option<Self> {
        let listed = store.list().await.unwrap();
        let mine = listed.into_iter().find(|listed| listed.id == name())?;
        let checkpoint = mine.record.expect("a record is never half written").checkpoint;
        let stored = checkpoint.stored_ranges().cloned().unwrap_or_default();
        Some(Self(checkpoint.session().cloned().map(|session| (session, stored))))
    }

    /// What it holds as stored is with the server.
    pub(crate) fn is_true(&self, transport: &ModelTransport) -> Result<(), String> {
        let Some((session, stored)) = &self.0 else { return Ok(()) };
        let mut held = RangeSet::new();
        for range in transport.server().object(session) {
            held.insert(range);
        }
        match stored.iter().find(|range| !held.contains(*range)) {
            None => Ok(()),
            Some(range) => {
                Err(format!("{range} of {session} is stored on disk, and not at the server: {held:?}"))
            }
        }
    }

    /// Nothing of it is sent again by these exchanges.
    pub(crate) fn is_kept(&self, exchanges: &[Exchange]) -> Result<(), String> {
        let Some((session, stored)) = &self.0 else { return Ok(()) };
        let again = |exchange: &&Exchange| {
            exchange.operation.action.session() == Some(session)
                && exchange
                    .payload()
                    .is_some_and(|range: ByteRange| !range.is_empty() && stored.overlaps(range))
        };
        match exchanges.iter().find(again) {
            None => Ok(()),
            Some(exchange) => Err(format!("{exchange}, but the disk holds {stored:?}")),
        }
    }
}
