//! The command line's words: commands, flags and their help. What they mean together with the environment and the
//! settings file is said in `settings`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser as _};
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use serde::Deserialize;

use crate::bench::BenchArgs;
use crate::fetch::FetchOptions;
use crate::given::Given;
use crate::keys::KeysArgs;
use crate::logs::{Form, Level};
use crate::to::{Place, StoreAddress, To};
use crate::values::{LimitSet, Rate, Size, Span, Window, scalar};

/// Uploads large media to X, to S3 and to tus servers, over networks and servers that fail: in segments, in parallel, with
/// checkpoints.
#[derive(Debug, Parser)]
#[command(
    name = "chunkwise",
    version,
    arg_required_else_help = true,
    after_help = crate::exit::TABLE,
    after_long_help = crate::exit::LONG_HELP
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) output: OutputOptions,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// How much is said, and in what form.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputOptions {
    /// Settings file; without it, config.toml in the user's configuration directory, if it is there
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// For programs: one JSON object per line on stdout (the schema is in the crate's README)
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Say nothing but results and errors
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Log on stderr, twice for everything. Never a secret
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Upload files, or what URLs lead to, and print a media_id for each
    Upload(Box<UploadArgs>),
    /// Go on with unfinished uploads
    ///
    /// Segments stay as they were cut when the upload began: the checkpoint's chunk size holds, whatever --chunk-size
    /// says.
    Resume(ResumeArgs),
    /// Show, discard or sweep unfinished uploads
    Uploads(UploadsArgs),
    /// Show what an upload would do, without doing it
    Plan(PlanArgs),
    /// Look inside a file and say what X will make of it, without sending it
    Check(CheckArgs),
    /// Run X's upload API on this machine, until Ctrl-C
    Sandbox(SandboxArgs),
    /// Run the gateway: POST /twitter/media/upload, until Ctrl-C
    Serve(ServeArgs),
    /// Make, show, credit or revoke the gateway's API keys
    Keys(KeysArgs),
    /// Upload a 512 MiB video of its own making to a sandbox of its own, and check every byte
    Demo(DemoArgs),
    /// Measure which chunk size and how many segments at once are fastest, and say which to use
    ///
    /// It never measures X itself unless told twice.
    Bench(BenchArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
}

#[derive(Args, Debug)]
pub(crate) struct UploadArgs {
    /// Files, http and https URLs, or - for standard input; several go up at once, and the options count for each of them
    #[arg(required = true, value_name = "FILE|URL|-", value_parser = OsStringValueParser::new().map(Given::from))]
    pub(crate) given: Vec<Given>,
    /// Where to: x, s3://bucket/key (or a folder, with a slash at its end), or tus+https:// and a tus server's address
    #[arg(long, value_name = "DESTINATION", default_value = "x", value_parser = str::parse::<To>)]
    pub(crate) to: To,
    /// How long standard input is: if it ends earlier, or is longer, that is an error and nothing is made of it
    #[arg(long, value_name = "SIZE")]
    pub(crate) expected_size: Option<Size>,
    #[command(flatten)]
    pub(crate) media: MediaOptions,
    #[command(flatten)]
    pub(crate) destination: DestinationOptions,
    #[command(flatten)]
    pub(crate) credentials: CredentialOptions,
    #[command(flatten)]
    pub(crate) connection: ConnectionOptions,
    #[command(flatten)]
    pub(crate) fetch: FetchOptions,
    #[command(flatten)]
    pub(crate) transfer: TransferOptions,
    #[command(flatten)]
    pub(crate) store: StoreOptions,
    #[command(flatten)]
    pub(crate) s3: StoreAddress,
}

#[derive(Args, Debug)]
pub(crate) struct ResumeArgs {
    /// Which uploads, by the ids that `chunkwise uploads` shows
    #[arg(required_unless_present = "all", conflicts_with = "all", value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// All that are unfinished and not running elsewhere
    #[arg(long)]
    pub(crate) all: bool,
    /// The address of a tus server with its query once more: it may hold a key, and is not kept
    #[arg(long, value_name = "DESTINATION", conflicts_with = "all", value_parser = tus_address)]
    pub(crate) to: Option<Place>,
    #[command(flatten)]
    pub(crate) destination: DestinationOptions,
    #[command(flatten)]
    pub(crate) credentials: CredentialOptions,
    #[command(flatten)]
    pub(crate) connection: ConnectionOptions,
    #[command(flatten)]
    pub(crate) transfer: TransferOptions,
    #[command(flatten)]
    pub(crate) store: StoreOptions,
    #[command(flatten)]
    pub(crate) s3: StoreAddress,
}

/// Of places only a tus server's address may have left something out of its record.
fn tus_address(text: &str) -> Result<Place, String> {
    match text.parse()? {
        place @ Place::Tus(_) => Ok(place),
        Place::S3 { .. } => {
            Err("it is for the address of a tus server: a bucket is known from its record".into())
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct ServeArgs {
    /// Everything on this machine, with no account: a sandbox in X's place, a key, and a curl that works
    #[arg(long, conflicts_with = "gateway_dir")]
    pub(crate) sandbox: bool,
    /// The gateway's settings, as TOML (docs/gateway.md has every key)
    #[arg(long, value_name = "FILE")]
    pub(crate) settings: Option<PathBuf>,
    /// Where requests are answered [default: 127.0.0.1:8787]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// Where metrics and health are told [default: 127.0.0.1:8788]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) admin: Option<SocketAddr>,
    /// The folder for its database and media [default: chunkwise-gateway in this folder]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) gateway_dir: Option<PathBuf>,
    /// What its log on stderr looks like [default: text on a terminal, else json]
    #[arg(long, value_name = "FORM")]
    log: Option<Form>,
    /// How much it logs [default: info, or what --quiet and -v say]
    #[arg(long, value_name = "LEVEL")]
    pub(crate) log_level: Option<Level>,
}

impl ServeArgs {
    /// What the log looks like.
    pub(crate) fn log_form(&self) -> Form {
        self.log.unwrap_or_else(Form::fitting)
    }
}

#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct UploadsArgs {
    #[command(flatten)]
    pub(crate) store: StoreOptions,
    #[command(subcommand)]
    pub(crate) action: Option<UploadsAction>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UploadsAction {
    /// Give uploads up: the server is told where it can be, the checkpoint goes
    Discard(DiscardArgs),
    /// Clear away what is past saving: aborts still owed to the server, sessions that have expired
    Sweep(SweepArgs),
}

#[derive(Args, Debug)]
pub(crate) struct DiscardArgs {
    /// Which uploads
    #[arg(required = true, value_name = "ID")]
    pub(crate) ids: Vec<String>,
    #[command(flatten)]
    pub(crate) server: ServerOptions,
    #[command(flatten)]
    pub(crate) store: StoreOptions,
}

#[derive(Args, Debug)]
pub(crate) struct SweepArgs {
    #[command(flatten)]
    pub(crate) server: ServerOptions,
    #[command(flatten)]
    pub(crate) store: StoreOptions,
}

/// What it takes to tell a server that an upload is given up; X can't be told.
#[derive(Args, Debug)]
pub(crate) struct ServerOptions {
    #[command(flatten)]
    pub(crate) credentials: CredentialOptions,
    #[command(flatten)]
    pub(crate) connection: ConnectionOptions,
    #[command(flatten)]
    pub(crate) s3: StoreAddress,
}

#[derive(Args, Debug)]
pub(crate) struct PlanArgs {
    /// The file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) media: MediaOptions,
    #[command(flatten)]
    pub(crate) destination: DestinationOptions,
    #[command(flatten)]
    pub(crate) transfer: TransferOptions,
}

#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// The file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Refuse what there are only warnings of, too
    #[arg(long)]
    pub(crate) strict: bool,
    #[command(flatten)]
    pub(crate) media: MediaOptions,
}

#[derive(Args, Debug)]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: Shell,
}

#[derive(Args, Debug)]
pub(crate) struct SandboxArgs {
    /// Settings and scripted faults of the sandbox, as TOML (or JSON, if it ends in .json)
    #[arg(long, value_name = "FILE")]
    pub(crate) settings: Option<PathBuf>,
    /// Where plain HTTP is spoken; port 0 is any free one [default: 127.0.0.1:0]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: Option<SocketAddr>,
    /// Where HTTPS is spoken [default: 127.0.0.1:0]
    #[arg(long, value_name = "ADDRESS:PORT", conflicts_with = "no_https")]
    pub(crate) https: Option<SocketAddr>,
    /// No HTTPS
    #[arg(long)]
    pub(crate) no_https: bool,
    /// Write the certificate of the sandbox's own authority here
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Keep media in a folder of its own in here; removed at the end [default: the system's temporary folder]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) directory: Option<PathBuf>,
    /// Which size limits hold [default: standard]
    #[arg(long, value_name = "LIMITS")]
    pub(crate) limits: Option<LimitSet>,
    /// Take any token for one with every right
    #[arg(long)]
    pub(crate) any_token: bool,
    /// How long video and GIFs are processed after FINALIZE, as in 2s; 0s: ready at once [default: four polls]
    #[arg(long, value_name = "DURATION", value_parser = processing_time)]
    pub(crate) processing: Option<std::time::Duration>,
    /// Stop when stdin ends: for programs that start a sandbox and must not leave it behind
    #[arg(long)]
    pub(crate) until_stdin_ends: bool,
}

/// A duration that may be zero.
fn processing_time(text: &str) -> Result<std::time::Duration, String> {
    match text.trim() {
        "0" | "0s" => Ok(std::time::Duration::ZERO),
        text => text.parse().map(Span::duration).map_err(|error| error.to_string()),
    }
}

#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// The size of the video [default: 512.0 MiB, the most that X takes from any account]
    #[arg(long, value_name = "SIZE")]
    pub(crate) size: Option<Size>,
    /// Upload over HTTPS
    #[arg(long)]
    pub(crate) https: bool,
    /// Have the sandbox lose answers, reset connections, throttle and stall on the way
    #[arg(long)]
    pub(crate) faults: bool,
    /// Keep the video and print where it is
    #[arg(long)]
    pub(crate) keep: bool,
    /// Where the video and what the sandbox assembles go: twice the size is needed [default: the system's
    /// temporary folder]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) directory: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) transfer: TransferOptions,
}

/// What the file is and what it is for.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[command(next_help_heading = "Media")]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct MediaOptions {
    /// Its type, as in video/mp4, whatever its content says
    #[arg(long, value_name = "TYPE")]
    pub(crate) media_type: Option<String>,
    /// Its media_category, as in tweet_video, whatever type and use say
    #[arg(long, value_name = "CATEGORY")]
    pub(crate) category: Option<String>,
    /// What it will be attached to: post, dm or amplify
    #[arg(long = "use", value_name = "USE")]
    #[serde(rename = "use")]
    pub(crate) destined_for: Option<String>,
    /// What it shows, for people who can't see it: 1 to 1,000 characters
    #[arg(long, value_name = "TEXT")]
    pub(crate) alt_text: Option<String>,
    /// The account's size limits: standard, long-video, premium or none
    #[arg(long, value_name = "LIMITS")]
    #[serde(deserialize_with = "scalar")]
    pub(crate) limits: Option<LimitSet>,
}

impl MediaOptions {
    /// Whether anything is said of the media.
    pub(crate) const fn is_said(&self) -> bool {
        let Self { media_type, category, destined_for, alt_text, limits } = self;
        media_type.is_some()
            || category.is_some()
            || destined_for.is_some()
            || alt_text.is_some()
            || limits.is_some()
    }
}

/// Where it goes.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[command(next_help_heading = "Destination")]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct DestinationOptions {
    /// Which of X's upload APIs: v2 or v1.1
    #[arg(long, value_name = "API")]
    pub(crate) api: Option<String>,
    /// Another server than X's own: a sandbox, a gateway
    #[arg(long, value_name = "URL")]
    pub(crate) base_url: Option<Untold>,
}

/// Who asks. A token is never an argument: arguments can be seen by everybody on the machine. It comes from
/// CHUNKWISE_TOKEN, a file or stdin.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[command(next_help_heading = "Credentials (never as an argument; CHUNKWISE_TOKEN, or:)")]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct CredentialOptions {
    /// File with an OAuth 2.0 user token; read again when the token has expired
    #[arg(long, value_name = "FILE", group = "credential")]
    pub(crate) token_file: Option<PathBuf>,
    /// TOML file with OAuth 1.0a credentials: consumer-key, consumer-secret, access-token, access-secret
    #[arg(long, value_name = "FILE", group = "credential")]
    pub(crate) credentials_file: Option<PathBuf>,
    /// Read the token from the first line of stdin
    #[arg(long, group = "credential")]
    #[serde(skip)]
    pub(crate) token_stdin: bool,
}

/// The way there.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[command(next_help_heading = "Connection")]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ConnectionOptions {
    /// A proxy for everything: http, https, socks5 or socks4; it goes before HTTPS_PROXY and its like
    #[arg(long, value_name = "URL")]
    pub(crate) proxy: Option<Untold>,
    /// Do not look at HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "true|false",
          hide_possible_values = true)]
    #[serde(deserialize_with = "scalar")]
    pub(crate) no_proxy_env: Option<bool>,
    /// PEM file with certificate authorities to trust besides the system's
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
}

/// How it is sent.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[command(next_help_heading = "Transfer")]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct TransferOptions {
    /// Bytes in a segment, at most 5MB for X; raised where the file would need more than 1,000 segments
    #[arg(long, value_name = "SIZE")]
    #[serde(deserialize_with = "scalar")]
    pub(crate) chunk_size: Option<Size>,
    /// Segments on their way at once, per file: a number, adaptive, or adaptive:MAX
    #[arg(long, value_name = "N")]
    #[serde(deserialize_with = "scalar")]
    pub(crate) window: Option<Window>,
    /// How long an upload may take until X has it all
    #[arg(long, value_name = "DURATION")]
    #[serde(deserialize_with = "scalar")]
    pub(crate) deadline: Option<Span>,
    /// How long X may take to process it
    #[arg(long, value_name = "DURATION")]
    #[serde(deserialize_with = "scalar")]
    pub(crate) processing_deadline: Option<Span>,
    /// The most bytes per second, all files together
    #[arg(long, value_name = "RATE")]
    #[serde(deserialize_with = "scalar")]
    pub(crate) limit_rate: Option<Rate>,
    /// The most bytes of files in memory, all files together
    #[arg(long, value_name = "SIZE")]
    #[serde(deserialize_with = "scalar")]
    pub(crate) byte_budget: Option<Size>,
}

/// Where checkpoints are.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[command(next_help_heading = "Checkpoints")]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct StoreOptions {
    /// Folder for checkpoints, so that uploads survive this process [default: the user's state directory]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) state_dir: Option<PathBuf>,
}

/// An address that may hold a password: errors and `Debug` do not repeat it.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub(crate) struct Untold(String);

impl Untold {
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Untold {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl std::fmt::Debug for Untold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}
