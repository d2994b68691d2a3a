//! `chunkwise resume`: goes on where a process ended, however it ended.

use std::path::PathBuf;

use chunkwise::driver::{Driven, Listed, Record, UploadId};
use chunkwise::tus;
use chunkwise::x::{XHandle, XUploader};
use futures::StreamExt as _;
use tokio_util::sync::CancellationToken;

use crate::args::{
    ConnectionOptions, CredentialOptions, DestinationOptions, ResumeArgs, StoreOptions, TransferOptions,
};
use crate::context::Context;
use crate::credentials::Credentials;
use crate::engine::EngineOptions;
use crate::exit::Exit;
use crate::failed::Failed;
use crate::flags::Flags;
use crate::render::{Done, Render, Slot, Start, Started};
use crate::to::{self, Elsewhere, Place, StoreAddress};
use crate::upload::{FILES_AT_ONCE, end, follow_media, going};

pub(crate) async fn run(context: Context, args: ResumeArgs) -> Result<Exit, Failed> {
    let ResumeArgs { ids, all, to, destination, credentials, connection, transfer, store, s3 } = args;
    let flags =
        Flags::of(&context.output, &store, &destination, &credentials, &connection).again(to.as_ref());
    let ids = ids.iter().map(|id| parse(id)).collect::<Result<Vec<_>, _>>()?;
    let listed = records(&context, store.clone()).await?;
    let ids = if all { idle(&listed) } else { ids };
    let resuming =
        Resuming { context: &context, to, destination, credentials, connection, transfer, store, s3 };
    // Every one to X has one uploader; nobody needs credentials for X who has nothing to go on with there.
    let is_to_x =
        |id: &UploadId| record(&listed, id).is_none_or(|record| to::place(record, &resuming.s3).is_none());
    let to_x = match ids.iter().any(is_to_x) {
        true => Some(resuming.to_x()?),
        false => None,
    };
    let (render, stop) = context.watch(ids.len())?;
    if ids.is_empty() {
        render.note("nothing to resume: no upload is unfinished");
    }
    let elsewhere = flags.clone().elsewhere(&resuming.s3);
    let (render, stop, listed, resuming, to_x) = (&*render, &stop, &listed, &resuming, &to_x);
    let (flags, elsewhere) = (&flags, &elsewhere);
    let exits = futures::stream::iter(ids.iter().enumerate())
        .map(async |(slot, id)| {
            let place =
                record(listed, id).and_then(|record| Some((record, to::place(record, &resuming.s3)?)));
            let flags = if place.is_some() { elsewhere } else { flags };
            let ending = match (place, to_x) {
                (Some((record, (to, store))), _) => {
                    let file = record.source.path().map(ToOwned::to_owned);
                    let place = resuming.with_query(to);
                    let ending = resuming.elsewhere(render, stop, slot, id, (place, store, file)).await;
                    ending.map_err(|failed| resuming.queried(record, failed))
                }
                (None, Some(uploader)) => media(render, stop, slot, id, uploader).await,
                (None, None) => Err(Failed::new(Exit::Bug, "an upload goes nowhere")),
            };
            end(render, slot, &format!("upload {id}"), flags, ending)
        })
        .buffer_unordered(FILES_AT_ONCE)
        .collect::<Vec<_>>()
        .await;
    Ok(Exit::worst(exits))
}

pub(crate) fn parse(id: &str) -> Result<UploadId, Failed> {
    UploadId::new(id).map_err(|error| {
        Failed::new(
            Exit::Usage,
            format!("{id:?} is no upload: {error}; `chunkwise uploads` shows those there are"),
        )
    })
}

/// Every upload there is a checkpoint of, wherever it goes.
pub(crate) async fn records(context: &Context, store: StoreOptions) -> Result<Vec<Listed>, Failed> {
    let directory = Some(context.layers.complete(store)?.directory()?);
    let (_, driver, _) = EngineOptions { directory, ..EngineOptions::default() }.parts()?;
    Ok(driver.uploads().await?)
}

/// The record of an upload, if it can be read.
pub(crate) fn record<'a>(listed: &'a [Listed], id: &UploadId) -> Option<&'a Record> {
    listed.iter().find(|listed| listed.id == *id)?.record.as_ref().ok()
}

/// Every unfinished upload that nobody drives; those that can't be read too, so that they are told of.
fn idle(listed: &[Listed]) -> Vec<UploadId> {
    let idle = |listed: &&Listed| match listed.driven {
        Driven::Idle => true,
        Driven::Running => false,
    };
    listed.iter().filter(idle).map(|listed| listed.id.clone()).collect()
}

/// What the options say about how to go on.
struct Resuming<'a> {
    context: &'a Context,
    to: Option<Place>,
    destination: DestinationOptions,
    credentials: CredentialOptions,
    connection: ConnectionOptions,
    transfer: TransferOptions,
    store: StoreOptions,
    s3: StoreAddress,
}

impl Resuming<'_> {
    fn to_x(&self) -> Result<XUploader, Failed> {
        let layers = &self.context.layers;
        let engine = EngineOptions {
            destination: layers.complete(self.destination.clone())?,
            // The limits that counted when it was started count on: the checkpoint has them.
            ..to::engine(self.context, self.connection.clone(), self.transfer.clone(), self.store.clone())?
        };
        let credentials = Credentials::find(self.credentials.clone(), layers, |name| std::env::var_os(name))?;
        engine.of(credentials)
    }

    /// The place of a tus upload as it was given again, with the query that its record has not; every other as it is. Whether
    /// it is the same server, the uploader looks.
    fn with_query(&self, place: Place) -> Place {
        match (&self.to, &place) {
            (Some(again), Place::Tus(_)) => again.clone(),
            (None, Place::Tus(_)) | (_, Place::S3 { .. }) => place,
        }
    }

    /// The same failure; where it may be that a query is wanted that was not kept, with what to do about it.
    fn queried(&self, record: &Record, failed: Failed) -> Failed {
        let query = tus::Destination::from_record(&record.destination).map(|to| to.query);
        match (query, &self.to, failed.exit) {
            (Ok(tus::Query::LeftOut), None, Exit::Auth | Exit::Usage | Exit::BadMedia | Exit::Protocol) => {
                let what = format!(
                    "{} (the query of the server's address is not kept, since it may hold a key: if the server wants it, resume with --to and the whole address)",
                    failed.what
                );
                Failed { what, ..failed }
            }
            (Ok(tus::Query::LeftOut | tus::Query::None) | Err(_), _, _) => failed,
        }
    }

    async fn elsewhere(
        &self,
        render: &dyn Render,
        stop: &CancellationToken,
        slot: Slot,
        id: &UploadId,
        (place, store, file): (Place, StoreAddress, Option<PathBuf>),
    ) -> Result<Done, Failed> {
        let engine =
            to::engine(self.context, self.connection.clone(), self.transfer.clone(), self.store.clone())?;
        let uploader = Elsewhere::to(&place, engine, &store, &self.credentials).await;
        let uploader = uploader.map_err(|failed| failed.resuming(id))?;
        to::resume(render, stop, slot, id, &uploader, (&place, file)).await
    }
}

async fn media(
    render: &dyn Render,
    stop: &CancellationToken,
    slot: Slot,
    id: &UploadId,
    uploader: &XUploader,
) -> Result<Done, Failed> {
    let (handle, started) = begin(stop, uploader, id).await?;
    follow_media(render, stop, slot, handle, started).await
}

async fn begin(
    stop: &CancellationToken,
    uploader: &XUploader,
    id: &UploadId,
) -> Result<(XHandle, Started), Failed> {
    if stop.is_cancelled() {
        return Err(Failed::new(Exit::Interrupted, "not resumed: interrupted before its turn").resuming(id));
    }
    let listed = uploader.unfinished().await?.into_iter().find(|listed| listed.id == *id);
    let file = listed.and_then(|listed| listed.record.ok()?.source.path().map(ToOwned::to_owned));
    let handle = uploader.resume(id).await.map_err(|error| Failed::resumed(error, id))?;
    let progress = *handle.progress().borrow();
    let started = Started {
        id: id.clone(),
        file,
        going: going(handle.destination()),
        total: progress.total,
        start: Start::Resumed { stored: progress.stored },
    };
    Ok((handle, started))
}
