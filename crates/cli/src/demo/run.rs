//! The demo from start to end.

use std::path::Path;
use std::time::{Duration, Instant};

use chunkwise::transport::http::Bearer;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::child::{ChildSandbox, Received};
use super::video;
use crate::args::{ConnectionOptions, DemoArgs, DestinationOptions, TransferOptions};
use crate::context::Context;
use crate::engine::EngineOptions;
use crate::exit::Exit;
use crate::failed::{Failed, Kept};
use crate::render::{Done, Render, Start, Started, bytes, document, json_line, per_second, result, say};
use crate::upload::{follow_media, going};
use crate::values::{LimitSet, Size};

/// 512 MiB: the most that X takes from any account.
const SIZE: Size = Size::of(512 << 20);
const FILE_NAME: &str = "chunkwise-demo.mp4";

/// What the demo found.
struct Figures {
    done: Done,
    sha256: String,
    held: super::child::Held,
    received: Received,
    made_in: Duration,
    peak: Option<u64>,
}

pub(crate) async fn run(context: Context, args: DemoArgs) -> Result<Exit, Failed> {
    let DemoArgs { size, https, faults, keep, directory, transfer } = args;
    let size = size.unwrap_or(SIZE).bytes();
    let transfer = context.layers.complete(transfer)?;
    let (render, stop) = context.watch(1)?;
    let folder = folder(directory.as_deref())?;
    let demo = Demo { context: &context, render: &*render, stop: &stop, folder: folder.path() };
    // What fails leaves nothing: the folder goes with everything in it.
    let figures = demo.run(size, https, faults, transfer).await.map_err(|failed| match failed.exit {
        Exit::Interrupted => Failed::new(Exit::Interrupted, "the demo's files are removed"),
        _ => Failed { kept: Kept::NothingBegun, ..failed },
    })?;
    drop(render);
    let kept = keep.then(|| folder.path().join(FILE_NAME));
    if keep {
        // From here on the folder is the user's.
        let _ = folder.keep();
    }
    let equal = figures.sha256 == figures.held.sha256 && figures.held.size == size;
    tell(&context, &figures, size, equal, kept.as_deref());
    if !equal {
        let what =
            "what the sandbox assembled differs from the file: this is a bug in chunkwise, please report it";
        return Err(Failed::new(Exit::Bug, what));
    }
    Ok(Exit::Ok)
}

fn folder(parent: Option<&Path>) -> Result<TempDir, Failed> {
    let parent = parent.map_or_else(std::env::temp_dir, Path::to_owned);
    tempfile::Builder::new().prefix("chunkwise-demo-").tempdir_in(&parent).map_err(|error| {
        let what = format!(
            "there can be no folder in {}: {error}; choose another with --directory",
            parent.display()
        );
        Failed::new(Exit::Io, what)
    })
}

struct Demo<'a> {
    context: &'a Context,
    render: &'a dyn Render,
    stop: &'a CancellationToken,
    folder: &'a Path,
}

impl Demo<'_> {
    async fn run(
        &self,
        size: u64,
        https: bool,
        faults: bool,
        transfer: TransferOptions,
    ) -> Result<Figures, Failed> {
        self.note(&format!("making a video of {} …", bytes(size)));
        let path = self.folder.join(FILE_NAME);
        let began = Instant::now();
        let (made, stop) = (path.clone(), self.stop.clone());
        let making = tokio::task::spawn_blocking(move || video::make(&made, size, 0x00C1_1973, &stop));
        let sha256 = making.await.map_err(|error| Failed::new(Exit::Bug, error.to_string()))??;
        let made_in = began.elapsed();

        self.note("starting a sandbox …");
        let sandbox = ChildSandbox::start(self.folder, &settings(faults)).await?;
        let done = self.upload(&sandbox, &path, https, transfer).await?;
        // Of this process alone: the sandbox is another one.
        let peak = peak_memory();
        self.note("comparing …");
        let held = sandbox.media(done.object.name()).await?;
        let received = sandbox.received().await?;
        sandbox.stop().await?;
        Ok(Figures { done, sha256, held, received, made_in, peak })
    }

    fn note(&self, text: &str) {
        if !self.context.output.json {
            self.render.note(text);
        }
    }

    async fn upload(
        &self,
        sandbox: &ChildSandbox,
        path: &Path,
        https: bool,
        transfer: TransferOptions,
    ) -> Result<Done, Failed> {
        let address = &sandbox.address;
        let base_url = match &address.https_url {
            Some(https_url) if https => https_url.clone(),
            Some(_) | None => address.base_url.clone(),
        };
        let engine = EngineOptions {
            destination: DestinationOptions {
                base_url: Some(base_url.into()),
                ..DestinationOptions::default()
            },
            connection: ConnectionOptions {
                proxy: None,
                no_proxy_env: Some(true),
                ca_file: address.ca_file.clone().filter(|_| https),
            },
            transfer,
            limits: LimitSet::None,
            directory: Some(self.folder.join("checkpoints")),
        };
        let handle = engine.uploader(Bearer::new(address.token.clone()))?.upload(path).start().await?;
        let destination = handle.destination();
        let started = Started {
            id: handle.id().clone(),
            file: Some(path.to_owned()),
            going: going(destination),
            total: handle.progress().borrow().total,
            start: Start::Anew,
        };
        follow_media(self.render, self.stop, 0, handle, started).await
    }
}

/// The sandbox's settings. No size limit, so that --size can be anything; a second of processing, in three polls.
fn settings(faults: bool) -> Value {
    let most = u64::MAX;
    let media = json!({ "image": most, "gif": most, "video": most, "dm_video": most, "subtitles": most });
    let rules = if faults { scripted_faults() } else { json!([]) };
    json!({ "limits": { "media": media }, "faults": rules })
}

/// What can go wrong on the way to X, once each: a connection that breaks, answers that get lost, a server that is
/// down, throttles, stalls, and answers nonsense.
fn scripted_faults() -> Value {
    json!([
        { "operation": "initialize", "on": { "call": 1 }, "fault": { "kind": "answer", "status": 503 } },
        { "operation": "append", "on": { "call": 3 },
          "fault": { "kind": "reset", "moment": { "during_body": { "after_bytes": 1_000_000 } } } },
        { "operation": "append", "on": { "call": 6 }, "fault": { "kind": "reset", "moment": "after_commit" } },
        { "operation": "append", "on": { "call": 9 }, "fault": { "kind": "answer", "status": 502 } },
        { "operation": "append", "on": { "call": 12 }, "fault": { "kind": "throttle", "reset_after_secs": 2 } },
        { "operation": "append", "on": { "call": 20 }, "fault": { "kind": "delay", "millis": 1_500 } },
        { "operation": "append", "on": { "call": 30 }, "fault": { "kind": "close" } },
        { "operation": "finalize", "on": { "call": 1 }, "fault": { "kind": "reset", "moment": "after_commit" } },
        { "operation": "status", "on": { "call": 1 }, "fault": { "kind": "malformed_json" } },
    ])
}

/// The most memory that this process ever had resident, in bytes (VmHWM), where the system says so.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

fn tell(context: &Context, figures: &Figures, size: u64, equal: bool, kept: Option<&Path>) {
    let Figures { done, sha256, held, received, made_in, peak } = figures;
    let again = received.media_bytes.saturating_sub(size);
    if context.output.json {
        json_line(&document(
            "demo",
            json!({
                "ok": equal, "media_id": done.object.name(), "size": size, "sha256": sha256,
                "sandbox_sha256": held.sha256, "transfer_seconds": done.transfer.as_secs_f64(), "seconds": done.took.as_secs_f64(),
                "bytes_per_second": per_second(size, done.transfer), "peak_memory": peak, "sent_again": again,
                "requests": received.requests, "faults": received.faults, "video": kept,
            }),
        ));
        return;
    }
    result(done.object.name());
    if context.output.quiet {
        return;
    }
    let rate = bytes(per_second(size, done.transfer));
    let (transfer, took) = (done.transfer.as_secs_f64(), done.took.as_secs_f64());
    say("");
    say(&format!("video        {} bytes, made in {:.1} s", size, made_in.as_secs_f64()));
    say(&format!("SHA-256      {sha256} (the file)"));
    say(&format!(
        "             {} (what the sandbox assembled): {}",
        held.sha256,
        if equal { "equal" } else { "NOT EQUAL" }
    ));
    say(&format!("media_id     {}", done.object.name()));
    say(&format!(
        "time         {transfer:.2} s to send it ({rate}/s), {took:.2} s with the sandbox's processing"
    ));
    if let Some(peak) = peak {
        say(&format!("peak memory  {} of this process", bytes(*peak)));
    }
    say(&format!(
        "sent again   {} of {} requests' payload; {} faults struck",
        bytes(again),
        received.requests,
        received.faults
    ));
    if let Some(kept) = kept {
        say(&format!("kept         {}", kept.display()));
    }
}
