//! One measured upload: to an endpoint that speaks X's protocol, and what all such have in common.

use std::sync::Arc;
use std::time::Instant;

use chunkwise::driver::{Events, UploadControl};
use chunkwise::{Disposition, Event, Phase};
use futures::StreamExt as _;
use tokio_util::sync::CancellationToken;

use super::cell::Sample;
use super::setting::Setting;
use super::target::Way;
use crate::args::TransferOptions;
use crate::engine::EngineOptions;
use crate::exit::Exit;
use crate::failed::{Failed, Kept};
use crate::values::{LimitSet, Size};

/// Hears of what is tried again.
pub(super) type Troubles<'a> = dyn Fn(String) + Sync + 'a;

/// Uploads the file once, over new connections. Nothing is kept of it here.
pub(super) async fn upload(
    way: &Way,
    setting: Setting,
    stop: &CancellationToken,
    troubles: &Troubles<'_>,
) -> Result<Sample, Failed> {
    measured(way, setting, stop, troubles).await.map_err(bare)
}

async fn measured(
    way: &Way,
    setting: Setting,
    stop: &CancellationToken,
    troubles: &Troubles<'_>,
) -> Result<Sample, Failed> {
    if stop.is_cancelled() {
        return Err(interrupted());
    }
    let transfer = TransferOptions {
        chunk_size: Some(Size::of(setting.chunk.bytes())),
        window: Some(setting.window),
        ..way.transfer.clone()
    };
    let engine = EngineOptions {
        destination: way.destination.clone(),
        connection: way.connection.clone(),
        transfer,
        limits: LimitSet::None,
        directory: None,
    };
    let uploader = engine.uploader(Arc::clone(&way.authorizer))?;
    let began = Instant::now();
    let handle = uploader.upload(&way.file).start().await?;
    let (control, events) = (handle.control(), handle.events());
    let wait = async { Ok(handle.wait().await?) };
    watch(began, control, events, wait, stop, troubles).await.map(|(_, sample)| sample)
}

/// A failure of which nothing is kept here.
pub(super) fn bare(failed: Failed) -> Failed {
    match failed.exit {
        Exit::Interrupted => interrupted(),
        _ => Failed { kept: Kept::NothingBegun, media_id: None, ..failed },
    }
}

pub(super) fn interrupted() -> Failed {
    Failed::new(Exit::Interrupted, "interrupted")
}

/// Follows an upload to its end and takes the time, whatever its protocol. An interruption stops it.
pub(super) async fn watch<T>(
    began: Instant,
    control: UploadControl,
    mut events: Events,
    wait: impl Future<Output = Result<T, Failed>>,
    stop: &CancellationToken,
    troubles: &Troubles<'_>,
) -> Result<(T, Sample), Failed> {
    tokio::pin!(wait);
    let (mut transfer, mut retries) = (Transfer::NotYet, 0);
    let (mut interrupted, mut more) = (false, true);
    let ended = loop {
        tokio::select! {
            biased;
            event = events.next(), if more => match event {
                Some(Event::Phase(Phase::Transferring)) => transfer = transfer.begins(Instant::now()),
                Some(Event::Phase(Phase::Finalizing)) => transfer = transfer.ends(Instant::now()),
                Some(Event::Retrying { kind, failure, .. }) => {
                    retries += 1;
                    troubles(format!("{kind} failed, trying again: {failure}"));
                }
                Some(Event::NewSession { .. }) => troubles("starting again from the first byte".to_owned()),
                Some(_) => {}
                None => more = false,
            },
            () = stop.cancelled(), if !interrupted => {
                interrupted = true;
                control.cancel(Disposition::Keep);
            }
            ended = &mut wait => break ended,
        }
    };
    let whole = began.elapsed();
    let transfer = match transfer.ends(Instant::now()) {
        Transfer::Over(took) => took,
        // Its events got lost.
        Transfer::NotYet | Transfer::Since(_) => whole,
    };
    Ok((ended?, Sample { transfer, whole: Some(whole), retries }))
}

/// The part of an upload in which segments go. Where the last of them is the upload's end, it ends with that.
#[derive(Clone, Copy)]
enum Transfer {
    NotYet,
    Since(Instant),
    Over(std::time::Duration),
}

impl Transfer {
    const fn begins(self, now: Instant) -> Self {
        match self {
            Self::NotYet => Self::Since(now),
            Self::Since(_) | Self::Over(_) => self,
        }
    }

    fn ends(self, now: Instant) -> Self {
        match self {
            Self::Since(began) => Self::Over(now.duration_since(began)),
            Self::NotYet | Self::Over(_) => self,
        }
    }
}
