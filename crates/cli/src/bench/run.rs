//! The command from start to end.

use std::path::Path;
use std::sync::Arc;

use chunkwise::ChunkSize;
use chunkwise::transport::http::Bearer;
use chunkwise::x::BaseUrl;
use tempfile::TempDir;

use super::link::Wanted;
use super::options::BenchArgs;
use super::plot;
use super::recommend::{Recommendation, percent, recommend};
use super::report::{Report, megabytes};
use super::setting::{Setting, exact_size};
use super::sweep::{Ended, Sweep};
use super::table::table;
use super::target::{Target, Way, default_lanes};
use super::telling::Telling;
use super::x_itself::{Cost, Told, permit};
use super::{cell::State, sockets};
use crate::args::{ConnectionOptions, CredentialOptions, DestinationOptions, TransferOptions, Untold};
use crate::context::Context;
use crate::credentials::Credentials;
use crate::demo::child::ChildSandbox;
use crate::demo::video;
use crate::engine::base_url_of;
use crate::exit::{Exit, Exits as _};
use crate::failed::Failed;
use crate::render::{json_line, result, say};
use crate::values::{Size, Span};

/// What is uploaded each time: enough for a few dozen segments, and few enough seconds.
const SIZE: Size = Size::of(64 << 20);
/// The same where nothing has to be sent: as much as X takes in segments of 256 KiB.
const SIZE_OF_A_LINK: Size = Size::of(256_000_000);
const CHUNKS: [u64; 5] = [256 << 10, 512 << 10, 1 << 20, 2 << 20, 4 << 20];
/// A measurement that takes longer says nothing.
const DEADLINE: Span = Span::of(std::time::Duration::from_secs(30 * 60));
const FILE_NAME: &str = "chunkwise-bench.mp4";

/// Where the uploads go, as it stands on the command line.
enum Wish {
    Sandbox,
    Endpoint { url: Untold, api: Option<String>, told: Told },
    Link(Wanted),
    LinkOverSockets(Wanted),
}

pub(crate) async fn run(context: Context, args: BenchArgs) -> Result<Exit, Failed> {
    let BenchArgs {
        url,
        link,
        over_sockets,
        size,
        meant_for,
        chunk_sizes,
        in_flight,
        rounds,
        out,
        directory,
        ..
    } = args;
    let told = Told::of(args.real_x, args.i_pay_for_the_uploads);
    let wish = match (url, link) {
        (Some(url), _) => Wish::Endpoint { url, api: args.api, told },
        (None, Some(link)) if over_sockets => Wish::LinkOverSockets(link),
        (None, Some(link)) => Wish::Link(link),
        (None, None) => Wish::Sandbox,
    };
    wish.check(&args.credentials, &args.connection)?;
    let (size, most) = match wish {
        Wish::Link(_) => (size.unwrap_or(SIZE_OF_A_LINK), 32),
        Wish::Sandbox | Wish::Endpoint { .. } | Wish::LinkOverSockets(_) => (size.unwrap_or(SIZE), 8),
    };
    let meant_for = meant_for.unwrap_or(size).bytes();
    let lanes = if in_flight.is_empty() { default_lanes(most) } else { in_flight };
    let sweep = Sweep::new(Setting::grid(&chunks(&chunk_sizes)?, &lanes), size.bytes(), rounds);
    check_sizes(&sweep, meant_for)?;
    if let Some(folder) = &out {
        std::fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
    }
    let preparation = Preparation { context: &context, directory: directory.as_deref(), sweep: &sweep };
    let (folder, target, name) = match wish {
        Wish::Sandbox => preparation.sandbox(Vec::new(), "a sandbox on this machine".to_owned()).await?,
        Wish::LinkOverSockets(wanted) => {
            let (name, link) =
                wanted.link(sweep.size).ok_or_else(|| Failed::new(Exit::Bug, "there is no such link"))?;
            preparation.sandbox(sockets::rules(&link)?, format!("{name}, as a sandbox emulates it")).await?
        }
        Wish::Link(wanted) => {
            let (name, link) =
                wanted.link(sweep.size).ok_or_else(|| Failed::new(Exit::Bug, "there is no such link"))?;
            (None, Target::Link(Box::new(link)), format!("{name}, in virtual time"))
        }
        Wish::Endpoint { url, api, told } => {
            preparation.endpoint(url, api, told, args.credentials, args.connection).await?
        }
    };
    let measured = measure(&context, sweep, target, &name).await;
    drop(folder);
    finish(&context, &measured?, &name, meant_for, out.as_deref())
}

impl Wish {
    /// What is for a URL is of no use without one.
    fn check(&self, credentials: &CredentialOptions, connection: &ConnectionOptions) -> Result<(), Failed> {
        let for_a_url = [
            ("--token-file", credentials.token_file.is_some()),
            ("--credentials-file", credentials.credentials_file.is_some()),
            ("--token-stdin", credentials.token_stdin),
            ("--proxy", connection.proxy.is_some()),
            ("--no-proxy-env", connection.no_proxy_env.is_some()),
            ("--ca-file", connection.ca_file.is_some()),
        ];
        match (self, for_a_url.into_iter().find(|(_, given)| *given)) {
            (Self::Endpoint { .. }, _) | (_, None) => Ok(()),
            (Self::Sandbox | Self::Link(_) | Self::LinkOverSockets(_), Some((flag, _))) => Err(Failed::new(
                Exit::Usage,
                format!("{flag} is for an endpoint: give --url too, or leave it out"),
            )),
        }
    }
}

fn chunks(sizes: &[Size]) -> Result<Vec<ChunkSize>, Failed> {
    let sizes = match sizes {
        [] => CHUNKS.to_vec(),
        sizes => sizes.iter().map(|size| size.bytes()).collect(),
    };
    let chunk = |bytes| {
        ChunkSize::new(bytes)
            .ok_or_else(|| Failed::new(Exit::Config, "a chunk size of zero bytes sends nothing: give more"))
    };
    sizes.into_iter().map(chunk).collect()
}

/// A chunk size that X never takes, and a size that it takes in no segments, are mistakes; segments that are too many are
/// left out.
fn check_sizes(sweep: &Sweep, meant_for: u64) -> Result<(), Failed> {
    use super::setting::Unplannable;
    for cell in &sweep.cells {
        for size in [sweep.size, meant_for] {
            match cell.setting.requests(size) {
                Ok(_) | Err(Unplannable::Raised { .. }) => {}
                Err(Unplannable::Refused(error)) => return Err(Failed::new(error.exit(), error.to_string())),
            }
        }
    }
    if sweep.planned().next().is_none() {
        let what = format!(
            "there is nothing to measure: a file of {} would have too many segments in every chunk size; give larger --chunk-sizes or a smaller --size",
            exact_size(sweep.size)
        );
        return Err(Failed::new(Exit::Config, what));
    }
    Ok(())
}

/// What has to be there before anything is measured.
struct Preparation<'a> {
    context: &'a Context,
    directory: Option<&'a Path>,
    sweep: &'a Sweep,
}

/// What is removed at the end, where to measure, and what to call it.
type Prepared = (Option<TempDir>, Target, String);

impl Preparation<'_> {
    async fn sandbox(&self, rules: Vec<serde_json::Value>, name: String) -> Result<Prepared, Failed> {
        let folder = self.folder()?;
        let settings = sockets::settings(rules)?;
        let sandbox = ChildSandbox::start(folder.path(), &settings).await?;
        let connection = ConnectionOptions { no_proxy_env: Some(true), ..ConnectionOptions::default() };
        let destination = DestinationOptions {
            base_url: Some(sandbox.address.base_url.clone().into()),
            ..DestinationOptions::default()
        };
        let authorizer = Arc::new(Bearer::new(sandbox.address.token.clone()));
        let way = Way {
            destination,
            connection,
            transfer: self.transfer()?,
            authorizer,
            file: folder.path().join(FILE_NAME),
        };
        self.make(&way.file).await?;
        Ok((Some(folder), Target::Sandbox { sandbox: Box::new(sandbox), way }, name))
    }

    async fn endpoint(
        &self,
        url: Untold,
        api: Option<String>,
        told: Told,
        credentials: CredentialOptions,
        connection: ConnectionOptions,
    ) -> Result<Prepared, Failed> {
        let base_url: BaseUrl = base_url_of("--url", &url)?;
        let uploads = u64::from(self.sweep.rounds);
        let cost = Cost {
            uploads: self.sweep.planned().count() as u64 * uploads + 1,
            size: self.sweep.size,
            requests: self.sweep.planned().map(|(_, requests)| requests).sum::<u64>() * uploads,
        };
        permit(&base_url, told, cost)?;
        let layers = &self.context.layers;
        let connection = layers.complete(connection)?;
        let destination = layers.complete(DestinationOptions { api, base_url: Some(url) })?;
        let credentials = Credentials::find(credentials, layers, |name| std::env::var_os(name))?;
        crate::engine::fitting(destination.api.as_deref(), &credentials)?;
        let folder = self.folder()?;
        let file = folder.path().join(FILE_NAME);
        self.make(&file).await?;
        let way = Way {
            destination,
            connection,
            transfer: self.transfer()?,
            authorizer: Arc::new(credentials),
            file,
        };
        Ok((Some(folder), Target::Endpoint(way), base_url.to_string()))
    }

    /// What the environment and the settings file say of transfers holds here too: it is with these that the user uploads.
    fn transfer(&self) -> Result<TransferOptions, Failed> {
        let transfer = self.context.layers.complete(TransferOptions::default())?;
        Ok(TransferOptions { deadline: transfer.deadline.or(Some(DEADLINE)), ..transfer })
    }

    fn folder(&self) -> Result<TempDir, Failed> {
        let parent = self.directory.map_or_else(std::env::temp_dir, Path::to_owned);
        tempfile::Builder::new().prefix("chunkwise-bench-").tempdir_in(&parent).map_err(|error| {
            let what = format!(
                "there can be no folder in {}: {error}; choose another with --directory",
                parent.display()
            );
            Failed::new(Exit::Io, what)
        })
    }

    async fn make(&self, path: &Path) -> Result<(), Failed> {
        let (path, size) = (path.to_owned(), self.sweep.size);
        let making = tokio::task::spawn_blocking(move || {
            video::make(&path, size, 0x00C1_1973, &tokio_util::sync::CancellationToken::new())
        });
        making.await.map_err(|error| Failed::new(Exit::Bug, error.to_string()))?.map(drop)
    }
}

async fn measure(context: &Context, mut sweep: Sweep, target: Target, name: &str) -> Result<Sweep, Failed> {
    let (render, stop) =
        context.watch_telling(1, "stopping: what was measured is shown (once more to stop at once)")?;
    let cells = sweep.planned().count() as u64;
    let telling = Telling::new(context, render, cells * u64::from(sweep.rounds));
    if !context.output.json {
        let (size, rounds) = (exact_size(sweep.size), sweep.rounds);
        telling.note(&format!("measuring {name}: {cells} settings, {rounds} rounds, {size} each time"));
    }
    let measured = sweep.run(&target, &stop, &telling).await;
    target.end().await?;
    measured.map(|()| sweep)
}

/// Tells what came of it.
fn finish(
    context: &Context,
    sweep: &Sweep,
    name: &str,
    meant_for: u64,
    out: Option<&Path>,
) -> Result<Exit, Failed> {
    let recommended = recommend(sweep, meant_for);
    let exit = exit_of(sweep);
    let report = Report { target: name, sweep, meant_for, recommended: recommended.as_ref(), exit };
    if context.output.json {
        report.cells().iter().for_each(json_line);
        json_line(&report.result());
    } else {
        table(sweep, recommended.as_ref()).iter().for_each(|line| result(line));
        tell(recommended.as_ref(), meant_for);
    }
    if let Some(folder) = out {
        write(folder, &report)?;
        if !context.output.json && !context.output.quiet {
            say(&format!("written: bench.json, heat.svg and lines.svg in {}", folder.display()));
        }
    }
    match (sweep.ended, context.output.json) {
        (Ended::Interrupted, false) => say("interrupted: this is what was measured until then"),
        (Ended::Interrupted, true) | (Ended::Complete, _) => {}
    }
    Ok(exit)
}

/// Interrupted if it was; good if anything was measured; else as the first failure.
fn exit_of(sweep: &Sweep) -> Exit {
    match sweep.ended {
        Ended::Interrupted => return Exit::Interrupted,
        Ended::Complete => {}
    }
    if sweep.cells.iter().any(|cell| cell.summary(sweep.size).is_some()) {
        return Exit::Ok;
    }
    Exit::worst(sweep.cells.iter().filter_map(|cell| match cell.state {
        State::Failed { exit, .. } => Some(exit),
        State::Goes { .. } | State::Unplannable { .. } => None,
    }))
}

fn tell(recommended: Option<&Recommendation>, meant_for: u64) {
    result("");
    let Some(found) = recommended else {
        result(&format!(
            "nothing is recommended: nothing was measured that a file of {} can be sent with",
            exact_size(meant_for)
        ));
        return;
    };
    let Recommendation { setting, summary, reason, notes, .. } = found;
    let (rate, spread) = (megabytes(summary.rate), percent(summary.spread));
    result(&format!("recommended: {} ({rate} MB/s, spread {spread})", setting.flags()));
    result(&format!("  why:  {reason}"));
    notes.iter().for_each(|note| result(&format!("  note: {note}")));
    result(&format!("  type: chunkwise upload {} FILE", setting.flags()));
}

fn write(folder: &Path, report: &Report<'_>) -> Result<(), Failed> {
    let undrawn = |error: plot::Undrawn| Failed::new(Exit::Bug, format!("a plot can't be drawn: {error}"));
    let files = [
        ("bench.json", format!("{:#}\n", report.file())),
        ("heat.svg", plot::heat(report).map_err(undrawn)?),
        ("lines.svg", plot::lines(report).map_err(undrawn)?),
    ];
    for (name, content) in files {
        let path = folder.join(name);
        std::fs::write(&path, content).map_err(|error| unwritable(&path, &error))?;
    }
    Ok(())
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failed {
    Failed::new(
        Exit::Io,
        format!("{} can't be written: {error}; choose another place with --out", path.display()),
    )
}
