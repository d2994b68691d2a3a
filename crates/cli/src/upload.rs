//! `chunkwise upload`: files, and what URLs lead to, go up; media ids come out.

use std::path::{Path, PathBuf};
use std::time::Instant;

use chunkwise::driver::{Events, UploadControl, UploadHandle, UploadId};
use chunkwise::media::{Inspection, MediaCategory, MediaType, Use};
use chunkwise::x::{Uploaded, XHandle, XUpload};
use chunkwise::{Disposition, Event, Phase, Progress};
use futures::StreamExt as _;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::args::{MediaOptions, UploadArgs};
use crate::check::{check, refused};
use crate::context::Context;
use crate::credentials::Credentials;
use crate::engine::{EngineOptions, limit_values, rule_values};
use crate::exit::Exit;
use crate::failed::Failed;
use crate::fetch::{Fetching, Job};
use crate::flags::Flags;
use crate::given::Given;
use crate::render::{Done, Ending, Going, Object, Render, Slot, Start, Started};
use crate::to::{self, To};

/// How many files go up at once; the others wait for their turn.
pub(crate) const FILES_AT_ONCE: usize = 4;

pub(crate) async fn run(context: Context, args: UploadArgs) -> Result<Exit, Failed> {
    match args.to.clone() {
        To::X => to_x(context, args).await,
        To::Elsewhere(place) => to::run(context, args, place).await,
    }
}

/// A length is said where nothing else knows it.
pub(crate) const NO_STDIN_TO_EXPECT: &str =
    "--expected-size is for standard input, which can't say how long it is: give - too, or leave it out";

async fn to_x(context: Context, args: UploadArgs) -> Result<Exit, Failed> {
    let UploadArgs {
        given,
        to: _,
        expected_size,
        media,
        destination,
        credentials,
        connection,
        fetch,
        transfer,
        store,
        s3: _,
    } = args;
    if given.iter().any(|given| matches!(given, Given::Stdin)) {
        let what = "X wants to know a file's size beforehand: write standard input into a file, or give --to s3:// or tus+https://";
        return Err(Failed::new(Exit::Usage, what));
    }
    if expected_size.is_some() {
        return Err(Failed::new(Exit::Usage, NO_STDIN_TO_EXPECT));
    }
    let flags = Flags::of(&context.output, &store, &destination, &credentials, &connection);
    let layers = &context.layers;
    let media = Wanted::of(layers.complete(media)?)?;
    let (connection, folder) = (layers.complete(connection)?, layers.complete(store)?.directory()?);
    let fetching = match given.iter().any(|given| matches!(given, Given::Url(_))) {
        true => Some(Fetching::of(fetch, &connection, media.limits, folder.clone()).await?),
        false => None,
    };
    let engine = EngineOptions {
        destination: layers.complete(destination)?,
        connection,
        transfer: layers.complete(transfer)?,
        limits: media.limits,
        directory: Some(folder),
    };
    let credentials = Credentials::find(credentials, layers, |name| std::env::var_os(name))?;
    let uploader = engine.of(credentials)?;
    let (render, stop) = match &fetching {
        None => context.watch(given.len())?,
        Some(_) => context
            .watch_telling(given.len(), "stopping: of URLs nothing is kept (once more to stop at once)")?,
    };
    let (render, stop, media, uploader, flags) = (&*render, &stop, &media, &uploader, &flags);
    let fetching = fetching.as_ref();
    let exits = futures::stream::iter(given.into_iter().enumerate())
        .map(async |(slot, given)| match (given, fetching) {
            (Given::Url(url), Some(fetching)) => {
                Job { render, stop, media, uploader, flags, fetching }.one(slot, &url).await
            }
            (Given::Url(_), None) | (Given::Stdin, _) => Exit::Bug,
            (Given::File(file), _) => {
                let upload = media.apply(uploader.upload(&file));
                one(render, stop, slot, file, media.inspection(), upload, flags).await
            }
        })
        .buffer_unordered(FILES_AT_ONCE)
        .collect::<Vec<_>>()
        .await;
    Ok(Exit::worst(exits))
}

/// One file, from its inspection to its end.
async fn one(
    render: &dyn Render,
    stop: &CancellationToken,
    slot: Slot,
    file: PathBuf,
    inspection: Inspection,
    upload: XUpload,
    flags: &Flags,
) -> Exit {
    let ending = match begin(render, stop, inspection, upload, &file).await {
        Ok((handle, started)) => follow_media(render, stop, slot, handle, started).await,
        Err(failed) => Err(failed),
    };
    end(render, slot, &file.display().to_string(), flags, ending)
}

async fn begin(
    render: &dyn Render,
    stop: &CancellationToken,
    inspection: Inspection,
    upload: XUpload,
    file: &Path,
) -> Result<(XHandle, Started), Failed> {
    if stop.is_cancelled() {
        return Err(Failed::new(Exit::Interrupted, "not started: interrupted before its turn"));
    }
    let checked = check(inspection, file.to_owned()).await?;
    if let Some(finding) = checked.refusal() {
        return Err(refused(file, finding));
    }
    checked.warnings().for_each(|finding| render.warning(file, finding));
    let handle = upload.start().await?;
    let destination = handle.destination();
    let started = Started {
        id: handle.id().clone(),
        file: Some(file.to_owned()),
        going: going(destination),
        total: handle.progress().borrow().total,
        start: Start::Anew,
    };
    Ok((handle, started))
}

/// Tells how an upload ended, and says by which code.
pub(crate) fn end(
    render: &dyn Render,
    slot: Slot,
    what: &str,
    flags: &Flags,
    ending: Result<Done, Failed>,
) -> Exit {
    let (exit, ending) = match ending {
        Ok(done) => (Exit::Ok, Ending::Done(done)),
        Err(failed) => {
            let exit = failed.exit;
            (exit, Ending::Failed { what: what.to_owned(), flags: flags.clone(), failed })
        }
    };
    render.ended(slot, &ending);
    exit
}

/// As what a media goes to X.
pub(crate) fn going(destination: &chunkwise::x::Destination) -> Going {
    Going::Media { media_type: destination.media_type.clone(), category: destination.category.clone() }
}

/// What is watched of a running upload.
pub(crate) struct Watching {
    control: UploadControl,
    events: Events,
    progress: watch::Receiver<Progress>,
}

impl Watching {
    pub(crate) fn of(handle: &UploadHandle) -> Self {
        Self { control: handle.control(), events: handle.events(), progress: handle.progress() }
    }
}

/// An upload that has come to its object.
pub(crate) struct Arrived {
    pub(crate) id: UploadId,
    pub(crate) object: Object,
    pub(crate) size: Option<u64>,
}

/// Watches an upload to X to its end.
pub(crate) async fn follow_media(
    render: &dyn Render,
    stop: &CancellationToken,
    slot: Slot,
    handle: XHandle,
    started: Started,
) -> Result<Done, Failed> {
    let watching = Watching::of(&handle);
    let wait = async {
        let Uploaded { id, media, completed, .. } = handle.wait().await?;
        let size = completed.result.size.or(media.size);
        let (media_id, media_key) = (media.media_id.to_string(), media.media_key);
        Ok(Arrived {
            id,
            object: Object::Media { media_id, media_key, expires_after: media.expires_after },
            size,
        })
    };
    follow(render, stop, slot, watching, wait, started).await
}

/// Watches an upload to its end; an interruption stops it and keeps its checkpoint.
pub(crate) async fn follow(
    render: &dyn Render,
    stop: &CancellationToken,
    slot: Slot,
    watching: Watching,
    wait: impl Future<Output = Result<Arrived, Failed>>,
    started: Started,
) -> Result<Done, Failed> {
    render.started(slot, &started);
    let began = Instant::now();
    let Watching { control, mut events, mut progress } = watching;
    let before = progress.borrow().sent;
    tokio::pin!(wait);
    let (mut interrupted, mut transfer) = (false, None);
    let mut more = (true, true);
    let ended = loop {
        tokio::select! {
            biased;
            event = events.next(), if more.0 => match event {
                Some(event) => {
                    if event == Event::Phase(Phase::Processing) {
                        transfer = Some(began.elapsed());
                    }
                    render.event(slot, &event);
                }
                None => more.0 = false,
            },
            changed = progress.changed(), if more.1 => match changed {
                Ok(()) => {
                    let now = *progress.borrow_and_update();
                    render.progress(slot, now);
                }
                Err(_) => more.1 = false,
            },
            () = stop.cancelled(), if !interrupted => {
                interrupted = true;
                control.cancel(Disposition::Keep);
            }
            ended = &mut wait => break ended,
        }
    };
    let last = *progress.borrow();
    let Arrived { id, object, size } = ended.map_err(|failed| failed.running(&started.id))?;
    Ok(Done {
        id,
        file: started.file,
        object,
        size: size.or(started.total).unwrap_or(last.committed),
        sent: last.sent.saturating_sub(before),
        transfer: transfer.unwrap_or_else(|| began.elapsed()),
        took: began.elapsed(),
    })
}

/// What the caller wants said of the media.
#[derive(Debug)]
pub(crate) struct Wanted {
    media_type: Option<MediaType>,
    category: Option<MediaCategory>,
    destined_for: Use,
    alt_text: Option<String>,
    pub(crate) limits: crate::values::LimitSet,
}

impl Wanted {
    pub(crate) fn of(options: MediaOptions) -> Result<Self, Failed> {
        let usage = |error: &dyn std::fmt::Display| Failed::new(Exit::Usage, error.to_string());
        let MediaOptions { media_type, category, destined_for, alt_text, limits } = options;
        let media_type = media_type.map(|text| text.parse()).transpose();
        let category = category.map(|text| text.parse()).transpose();
        let destined_for = destined_for.map(|text| text.parse()).transpose();
        Ok(Self {
            media_type: media_type.map_err(|error: chunkwise::media::UnknownMediaType| usage(&error))?,
            category: category.map_err(|error: chunkwise::media::UnknownMediaCategory| usage(&error))?,
            destined_for: destined_for
                .map_err(|error: chunkwise::media::UnknownUse| usage(&error))?
                .unwrap_or_default(),
            alt_text,
            limits: limits.unwrap_or_default(),
        })
    }

    /// The same as a question about a file.
    pub(crate) fn inspection(&self) -> Inspection {
        let mut inspection = Inspection::new()
            .destined_for(self.destined_for)
            .limits(limit_values(self.limits))
            .rules(rule_values(self.limits));
        if let Some(media_type) = self.media_type {
            inspection = inspection.media_type(media_type);
        }
        if let Some(category) = self.category {
            inspection = inspection.category(category);
        }
        inspection
    }

    pub(crate) fn apply(&self, mut upload: XUpload) -> XUpload {
        upload = upload.destined_for(self.destined_for);
        if let Some(media_type) = self.media_type {
            upload = upload.media_type(media_type);
        }
        if let Some(category) = self.category {
            upload = upload.category(category);
        }
        self.described(upload)
    }

    /// The same of an upload of which it is known already what it is.
    pub(crate) fn described(&self, upload: XUpload) -> XUpload {
        match &self.alt_text {
            Some(alt_text) => upload.alt_text(alt_text.as_str()),
            None => upload,
        }
    }
}
