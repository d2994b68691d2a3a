//! `chunkwise resume`: goes on where a process ended, however it ended.

use chunkwise::driver::{Driven, Listed, UploadId};
use chunkwise::x::{XHandle, XUploader};
use futures::StreamExt as _;
use tokio_util::sync::CancellationToken;

use crate::args::ResumeArgs;
use crate::context::Context;
use crate::credentials::Credentials;
use crate::engine::EngineOptions;
use crate::exit::Exit;
use crate::failed::Failed;
use crate::flags::Flags;
use crate::render::{Render, Slot, Start, Started};
use crate::upload::{FILES_AT_ONCE, end, follow};

pub(crate) async fn run(context: Context, args: ResumeArgs) -> Result<Exit, Failed> {
    let ResumeArgs { ids, all, destination, credentials, connection, transfer, store } = args;
    let flags = Flags::of(&context.output, &store, &destination, &credentials, &connection);
    let ids = ids.iter().map(|id| parse(id)).collect::<Result<Vec<_>, _>>()?;
    let layers = &context.layers;
    let engine = EngineOptions {
        destination: layers.complete(destination)?,
        connection: layers.complete(connection)?,
        transfer: layers.complete(transfer)?,
        // The limits that counted when it was started count on: the checkpoint has them.
        limits: crate::values::LimitSet::None,
        directory: Some(layers.complete(store)?.directory()?),
    };
    let credentials = Credentials::find(credentials, layers, |name| std::env::var_os(name))?;
    let uploader = engine.of(credentials)?;
    let ids = if all { every(&uploader).await? } else { ids };
    let (render, stop) = context.watch(ids.len())?;
    if ids.is_empty() {
        render.note("nothing to resume: no upload is unfinished");
    }
    let exits = futures::stream::iter(ids.iter().enumerate())
        .map(|(slot, id)| one(&*render, &stop, slot, id, &uploader, &flags))
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

/// Every unfinished upload that nobody drives; those that can't be read too, so that they are told of.
async fn every(uploader: &XUploader) -> Result<Vec<UploadId>, Failed> {
    let idle = |listed: &Listed| match listed.driven {
        Driven::Idle => true,
        Driven::Running => false,
    };
    Ok(uploader.unfinished().await?.into_iter().filter(idle).map(|listed| listed.id).collect())
}

async fn one(
    render: &dyn Render,
    stop: &CancellationToken,
    slot: Slot,
    id: &UploadId,
    uploader: &XUploader,
    flags: &Flags,
) -> Exit {
    let ending = match begin(stop, uploader, id).await {
        Ok((handle, started)) => follow(render, stop, slot, handle, started).await,
        Err(failed) => Err(failed),
    };
    end(render, slot, &format!("upload {id}"), flags, ending)
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
    let destination = handle.destination();
    let progress = *handle.progress().borrow();
    let started = Started {
        id: id.clone(),
        file,
        media_type: destination.media_type.clone(),
        category: destination.category.clone(),
        total: progress.total.unwrap_or(0),
        start: Start::Resumed { stored: progress.stored },
    };
    Ok((handle, started))
}
