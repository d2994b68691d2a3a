//! `chunkwise sandbox`: X's upload API on this machine, until somebody stops it.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chunkwise_sandbox::{
    AccessMode, Https, Lasts, ProcessingScript, Sandbox, Settings, SizeLimits, credentials,
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::args::SandboxArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::failed::Failed;
use crate::interrupt;
use crate::render::{document, json_line, result};
use crate::values::LimitSet;

pub(crate) async fn run(context: Context, args: SandboxArgs) -> Result<Exit, Failed> {
    let until_stdin_ends = args.until_stdin_ends;
    let settings = settings(args)?;
    let token = match settings.access.mode {
        AccessMode::Any => Some("any".to_owned()),
        AccessMode::Listed => settings.access.bearer.first().map(|bearer| bearer.token.reveal().to_owned()),
    };
    let stop = interrupt::listen(|| ())
        .map_err(|error| Failed::new(Exit::Io, format!("signals can't be listened to: {error}")))?;
    let sandbox = Sandbox::builder().settings(settings).start().await.map_err(|error| {
        let cause = std::error::Error::source(&error).map(|cause| format!(" ({cause})")).unwrap_or_default();
        Failed::new(Exit::Io, format!("the sandbox can't start: {error}{cause}"))
    })?;
    if context.output.json {
        json_line(&document(
            "sandbox",
            json!({
                "base_url": sandbox.base_url(), "https_url": sandbox.https_url(), "ca_file": sandbox.ca_file(),
                "token": token, "consumer_key": credentials::CONSUMER_KEY,
                "consumer_secret": credentials::CONSUMER_SECRET, "access_token": credentials::ACCESS_TOKEN,
                "access_secret": credentials::ACCESS_SECRET, "pid": std::process::id(),
            }),
        ));
    } else {
        tell(&sandbox, token.as_deref().unwrap_or_default());
    }
    if until_stdin_ends {
        stop_with_stdin(stop.clone());
    }
    stop.cancelled().await;
    sandbox.shutdown().await;
    Ok(Exit::Ok)
}

fn tell(sandbox: &Sandbox, token: &str) {
    let base_url = sandbox.base_url();
    result(&format!("base URL  {base_url}"));
    if let Some(https_url) = sandbox.https_url() {
        result(&format!("https     {https_url}"));
    }
    if let Some(ca_file) = sandbox.ca_file() {
        result(&format!("CA file   {}", ca_file.display()));
    }
    result(&format!("token     {token}  (good for this sandbox and nothing else)"));
    result(&format!("control   {base_url}/_sandbox/"));
    result("");
    result(&format!("  CHUNKWISE_TOKEN={token} chunkwise upload --base-url {base_url} FILE"));
    result("");
    result("Ctrl-C stops it and removes what was uploaded.");
}

/// A thread of its own: reading stdin can't be given up.
fn stop_with_stdin(stop: CancellationToken) {
    std::thread::spawn(move || {
        let mut stdin = std::io::stdin().lock();
        let mut buffer = [0; 1024];
        while matches!(stdin.read(&mut buffer), Ok(1..)) {}
        stop.cancel();
    });
}

/// The settings file, then the flags over it.
fn settings(args: SandboxArgs) -> Result<Settings, Failed> {
    let SandboxArgs {
        settings,
        listen,
        https,
        no_https,
        ca_file,
        directory,
        limits,
        any_token,
        processing,
        ..
    } = args;
    let mut settings = match settings {
        Some(path) => read(&path)?,
        None => Settings::default(),
    };
    if let Some(listen) = listen {
        settings.listen.http = listen;
    }
    if let Some(https) = https {
        settings.listen.https = Https::At(https);
    }
    if no_https {
        settings.listen.https = Https::Off;
    }
    let or = |flag: Option<PathBuf>, file: Option<PathBuf>| flag.or(file);
    settings.listen.ca_file = or(ca_file, settings.listen.ca_file);
    settings.listen.directory = or(directory, settings.listen.directory);
    if let Some(limits) = limits {
        settings.limits.media = sizes(limits);
    }
    if any_token {
        settings.access.mode = AccessMode::Any;
    }
    if let Some(time) = processing {
        settings.processing.video = script(time);
        settings.processing.gif = script(time);
    }
    Ok(settings)
}

fn sizes(limits: LimitSet) -> SizeLimits {
    match limits {
        LimitSet::Standard => SizeLimits::classic(),
        LimitSet::LongVideo => SizeLimits::long_video(),
        LimitSet::Premium => SizeLimits::premium(),
        LimitSet::None => {
            let most = u64::MAX;
            SizeLimits { image: most, gif: most, video: most, dm_video: most, subtitles: most }
        }
    }
}

fn script(time: Duration) -> ProcessingScript {
    if time.is_zero() {
        return ProcessingScript::already_succeeded();
    }
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let mut script = ProcessingScript::succeeds_after(millis);
    if let Some(first) = script.steps.first_mut() {
        first.lasts = Lasts::Millis(millis);
    }
    script
}

fn read(path: &Path) -> Result<Settings, Failed> {
    let config = |what: String| Failed::new(Exit::Config, what);
    let text = std::fs::read_to_string(path).map_err(|error| {
        config(format!(
            "the sandbox settings {} can't be read: {error}; check the path and the permissions",
            path.display()
        ))
    })?;
    let wrong = |reason: &str| {
        let reason = reason.lines().next().unwrap_or_default();
        config(format!("the sandbox settings {} can't be used: {reason}; mend them", path.display()))
    };
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("json") => serde_json::from_str(&text).map_err(|error| wrong(&error.to_string())),
        Some(_) | None => toml::from_str(&text).map_err(|error| wrong(error.message())),
    }
}
