//! Uploads to other places than X, from their start or from a checkpoint to their end.

use std::path::PathBuf;
use std::sync::Arc;

use chunkwise::driver::{StreamSource, UploadId};
use futures::StreamExt as _;
use tokio_util::sync::CancellationToken;

use super::uploader::{Bytes, Running};
use super::{Elsewhere, Place};
use crate::args::{StoreOptions, UploadArgs};
use crate::context::Context;
use crate::engine::EngineOptions;
use crate::exit::Exit;
use crate::failed::Failed;
use crate::flags::Flags;
use crate::given::Given;
use crate::render::{Going, Object, Render, Slot, Start, Started, shown};
use crate::upload::{Arrived, FILES_AT_ONCE, NO_STDIN_TO_EXPECT, Watching, end, follow};
use crate::values::LimitSet;

/// Uploads what was given to this place.
pub(crate) async fn run(context: Context, args: UploadArgs, place: Place) -> Result<Exit, Failed> {
    let UploadArgs {
        given,
        expected_size,
        media,
        destination,
        credentials,
        connection,
        transfer,
        store,
        s3,
        fetch: _,
        to: _,
    } = args;
    let flags = Flags::of(&context.output, &store, &destination, &credentials, &connection).elsewhere(&s3);
    let usage = |what: &str| Err(Failed::new(Exit::Usage, what.to_owned()));
    if given.len() > 1 && !place.takes_several() {
        return usage("several files can't have one key: let --to end with a slash");
    }
    if media.is_said() {
        return usage(
            "what is said of a media (its type, category, use, alt text, limits) is for X alone: leave it out",
        );
    }
    let streams = given.iter().filter(|given| matches!(given, Given::Stdin)).count();
    if streams == 0 && expected_size.is_some() {
        return usage(NO_STDIN_TO_EXPECT);
    }
    if streams > 1 {
        return usage("there is one standard input: give - once");
    }
    if streams > 0 && credentials.token_stdin {
        return usage("standard input can't be both the token and the file: give --token-file");
    }
    if given.iter().any(|given| matches!(given, Given::Url(_))) {
        return usage("what a URL leads to goes to X alone: download it, or give it on standard input as -");
    }
    let files = given.iter().filter_map(|given| match given {
        Given::File(path) => Some(path.as_path()),
        Given::Stdin | Given::Url(_) => None,
    });
    if let Some((one, other, object)) = place.clash(files) {
        return usage(&format!(
            "{} and {} would both be {object}: upload one of them under another key, as in --to s3://bucket/key",
            shown(&one.to_string_lossy()),
            shown(&other.to_string_lossy())
        ));
    }
    let engine = engine(&context, connection, transfer, store)?;
    let uploader = Elsewhere::to(&place, engine, &s3, &credentials).await?;
    let (render, stop) = match streams {
        0 => context.watch(given.len())?,
        _ => context.watch_telling(
            given.len(),
            "stopping: of standard input nothing is kept (once more to stop at once)",
        )?,
    };
    let (render, stop, uploader, place, flags) = (&*render, &stop, &uploader, &place, &flags);
    let exits = futures::stream::iter(given.into_iter().enumerate())
        .map(async |(slot, given)| {
            let (bytes, file) = match given {
                Given::File(path) => (Bytes::File(path.clone()), Some(path)),
                Given::Stdin | Given::Url(_) => {
                    let source = StreamSource::new(tokio::io::stdin()).named("standard input");
                    let source = match expected_size {
                        Some(size) => source.with_length(size.bytes()),
                        None => source,
                    };
                    (Bytes::Stream(Arc::new(source)), None)
                }
            };
            let name = file.as_ref().map_or("standard input".to_owned(), |file| file.display().to_string());
            let ending = match begin(stop, uploader.start(place, bytes)).await {
                Ok(running) => {
                    let started = started(&running, file, Start::Anew, place);
                    watch(render, stop, slot, running, started).await
                }
                Err(failed) => Err(failed),
            };
            end(render, slot, &name, flags, ending)
        })
        .buffer_unordered(FILES_AT_ONCE)
        .collect::<Vec<_>>()
        .await;
    Ok(Exit::worst(exits))
}

/// The engine's options; nothing in them is about media.
pub(crate) fn engine(
    context: &Context,
    connection: crate::args::ConnectionOptions,
    transfer: crate::args::TransferOptions,
    store: StoreOptions,
) -> Result<EngineOptions, Failed> {
    let layers = &context.layers;
    Ok(EngineOptions {
        connection: layers.complete(connection)?,
        transfer: layers.complete(transfer)?,
        directory: Some(layers.complete(store)?.directory()?),
        limits: LimitSet::None,
        ..EngineOptions::default()
    })
}

async fn begin(
    stop: &CancellationToken,
    start: impl Future<Output = Result<Running, Failed>>,
) -> Result<Running, Failed> {
    if stop.is_cancelled() {
        return Err(Failed::new(Exit::Interrupted, "not started: interrupted before its turn"));
    }
    start.await
}

/// Goes on with an upload to this place.
pub(crate) async fn resume(
    render: &dyn Render,
    stop: &CancellationToken,
    slot: Slot,
    id: &UploadId,
    uploader: &Elsewhere,
    (place, file): (&Place, Option<PathBuf>),
) -> Result<crate::render::Done, Failed> {
    let running = begin(stop, uploader.resume(id)).await.map_err(|failed| failed.resuming(id))?;
    let stored = running.progress().borrow().stored;
    let started = started(&running, file, Start::Resumed { stored }, place);
    watch(render, stop, slot, running, started).await
}

fn started(running: &Running, file: Option<PathBuf>, start: Start, place: &Place) -> Started {
    let total = running.progress().borrow().total;
    Started { id: running.id().clone(), file, going: Going::To(place.to_string()), total, start }
}

async fn watch(
    render: &dyn Render,
    stop: &CancellationToken,
    slot: Slot,
    running: Running,
    started: Started,
) -> Result<crate::render::Done, Failed> {
    let watching = Watching::of(&running);
    let wait = async {
        let (id, address, completed) = running.wait().await?;
        Ok(Arrived { id, object: Object::At(address), size: completed.result.size })
    };
    follow(render, stop, slot, watching, wait, started).await
}
