//! `chunkwise serve`: the self-hosted gateway.

use std::path::Path;
use std::sync::Arc;

use chunkwise_gateway::credentials::OfficialApi;
use chunkwise_gateway::settings::Settings;
use chunkwise_gateway::store::{Billing, KeyLimits, NewKey};
use chunkwise_gateway::{Gateway, StartError};
use chunkwise_sandbox::{BearerToken, Sandbox, credentials};
use serde_json::json;

use crate::args::ServeArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::failed::Failed;
use crate::flags::quoted;
use crate::interrupt;
use crate::logs::Form;
use crate::render::{document, json_line, result, say};

/// A PNG of one pixel, for the example that is printed.
const PIXEL: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// What stands for a token in every example: the trial takes it for one, so that they work as they stand.
const EXAMPLE_TOKEN: &str = "your_auth_token";

pub(crate) async fn run(context: Context, args: ServeArgs) -> Result<Exit, Failed> {
    let form = args.log_form();
    let mut settings = settings(args.settings.as_deref())?;
    if let Some(listen) = args.listen {
        settings.listen = listen;
    }
    if let Some(admin) = args.admin {
        settings.admin = admin;
    }
    if let Some(dir) = args.gateway_dir {
        settings.state_dir = dir;
    }
    let stopping = move || {
        let sentence = "stopping: uploads under way may end (once more to stop at once)";
        match form {
            Form::Json => tracing::info!("{sentence}"),
            Form::Text => say(sentence),
        }
    };
    let stop = interrupt::listen(stopping)
        .map_err(|error| Failed::new(Exit::Io, format!("signals can't be listened to: {error}")))?;
    let scheme = if settings.tls.is_some() { "https" } else { "http" };
    let keys = make_a_key(&settings);
    let trial = if args.sandbox { Some(Trial::start(&mut settings).await?) } else { None };
    let gateway = Gateway::start(settings, Arc::new(OfficialApi)).await?;
    tracing::info!(address = %gateway.address(), admin = %gateway.admin_address(), "the gateway listens");
    tell(&context, &gateway, scheme, &keys, trial.as_ref()).await?;
    stop.cancelled().await;
    gateway.stop().await;
    if let Some(Trial { sandbox, .. }) = trial {
        sandbox.shutdown().await;
    }
    Ok(Exit::Ok)
}

/// Everything on one machine, with no account: a sandbox in X's place, and a folder that goes with it.
struct Trial {
    sandbox: Sandbox,
    #[expect(dead_code, reason = "it is there to be removed at the end")]
    folder: tempfile::TempDir,
}

impl Trial {
    async fn start(settings: &mut Settings) -> Result<Self, Failed> {
        let io = |what: String| Failed::new(Exit::Io, what);
        let example = BearerToken::of_user(EXAMPLE_TOKEN, credentials::USER_ID);
        let sandbox = Sandbox::builder().with(|settings| settings.access.bearer.push(example)).start().await;
        let sandbox = sandbox.map_err(|error| io(format!("the sandbox can't start: {error}")))?;
        let folder = tempfile::tempdir();
        let folder =
            folder.map_err(|error| io(format!("there is no room for a temporary folder: {error}")))?;
        settings.x.base_url = Some(sandbox.base_url());
        settings.state_dir = folder.path().join("gateway");
        Ok(Self { sandbox, folder })
    }
}

/// The command that makes a key for a gateway with these settings.
fn make_a_key(settings: &Settings) -> String {
    let dir = &settings.state_dir;
    if *dir == Settings::default().state_dir {
        return "chunkwise keys create LABEL".to_owned();
    }
    format!("chunkwise keys create LABEL --gateway-dir {}", quoted(&dir.display().to_string()))
}

async fn tell(
    context: &Context,
    gateway: &Gateway,
    scheme: &str,
    keys: &str,
    trial: Option<&Trial>,
) -> Result<(), Failed> {
    let (address, admin) = (gateway.address(), gateway.admin_address());
    let key = match trial {
        Some(_) => {
            let new = NewKey {
                environment: "trial".parse().map_err(|_| Failed::new(Exit::Bug, "no environment"))?,
                label: "trial".to_owned(),
                limits: KeyLimits::default(),
                billing: Billing::Metered,
                expires_at: None,
            };
            Some(crate::keys::create(gateway.store(), &new).await?.1)
        }
        None => None,
    };
    if context.output.json {
        json_line(&document(
            "serve",
            json!({
                "url": format!("{scheme}://{address}"), "admin_url": format!("http://{admin}"), "api_key": key,
                "auth_token": trial.map(|_| EXAMPLE_TOKEN),
                "sandbox_url": trial.map(|trial| trial.sandbox.base_url()), "pid": std::process::id(),
            }),
        ));
        return Ok(());
    }
    result(&format!("gateway  {scheme}://{address}/  (a page with the uploads of a key)"));
    result(&format!("admin    http://{admin}/metrics, /livez, /readyz"));
    match (trial, key) {
        (Some(trial), Some(key)) => {
            result(&format!("sandbox  {}  (in X's place; good for nothing else)", trial.sandbox.base_url()));
            result(&format!("key      {key}"));
            result("");
            result(&format!("curl -X POST \"{scheme}://{address}/twitter/media/upload\" \\"));
            result(&format!("  -H \"Authorization: Bearer {key}\" -H \"Content-Type: application/json\" \\"));
            result(&format!(
                "  -d '{{\"auth_token\": \"{EXAMPLE_TOKEN}\", \"media_data\": \"{PIXEL}\", \"media_type\": \"image/png\"}}'"
            ));
        }
        (None, _) | (_, None) => result(&format!("keys     {keys}")),
    }
    result("");
    result("Ctrl-C stops it once the uploads under way have ended.");
    Ok(())
}

pub(crate) fn settings(path: Option<&Path>) -> Result<Settings, Failed> {
    let Some(path) = path else { return Ok(Settings::default()) };
    let config = |what: String| Failed::new(Exit::Config, what);
    let text = std::fs::read_to_string(path).map_err(|error| {
        config(format!("the gateway's settings {} can't be read: {error}", path.display()))
    })?;
    Settings::from_toml(&text).map_err(|error| config(format!("{}: {error}", path.display())))
}

impl From<StartError> for Failed {
    fn from(error: StartError) -> Self {
        let exit = match &error {
            StartError::Setting { .. } => Exit::Config,
            StartError::Listen { .. }
            | StartError::File { .. }
            | StartError::Taken { .. }
            | StartError::Checkpoints(_)
            | StartError::Store(_)
            | StartError::Spool(_)
            | StartError::Driver(_) => Exit::Io,
        };
        Self::new(exit, error.to_string())
    }
}
