//! `chunkwise`: the command line.

mod args;
mod bench;
mod check;
mod context;
mod credentials;
mod demo;
mod engine;
mod exit;
mod failed;
mod fetch;
mod flags;
mod given;
mod interrupt;
mod keys;
mod logs;
mod moment;
mod plan;
mod render;
mod resume;
mod sandbox;
mod serve;
mod settings;
mod to;
mod undumpable;
mod upload;
mod uploads;
mod values;

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _};
use indicatif::MultiProgress;

use crate::args::{Cli, Command, CompletionsArgs, OutputOptions};
use crate::context::Context;
use crate::exit::Exit;
use crate::failed::Failed;
use crate::flags::Flags;
use crate::logs::{Form, Level};
use crate::settings::Layers;

fn main() -> ExitCode {
    if let Some(flag) = credentials::secret_flag(std::env::args_os().skip(1)) {
        render::say(&format!("error: {}", credentials::secret_flag_refusal(flag)));
        return Exit::Usage.into();
    }
    let cli = match command().try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to stdout, mistakes to stderr.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Ok }.into();
        }
    };
    let Cli { output, command } = cli;
    let json = output.json;
    let logs = match &command {
        Command::Serve(args) => args.log_form(),
        _ => Form::Text,
    };
    let exit = run(output, command).unwrap_or_else(|failed| {
        if logs == Form::Json {
            tracing::error!(exit_code = failed.exit.code(), "{}", failed.what);
        }
        if json {
            render::json_line(&render::failed_fields(None, &Flags::default(), &failed));
        } else if logs == Form::Text {
            render::say(&render::failure("", &Flags::default(), &failed));
        }
        failed.exit
    });
    exit.into()
}

fn run(output: OutputOptions, command: Command) -> Result<Exit, Failed> {
    if let Command::Completions(CompletionsArgs { shell }) = command {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut self::command(), "chunkwise", &mut script);
        render::result(String::from_utf8_lossy(&script).trim_end());
        return Ok(Exit::Ok);
    }
    let terminal = MultiProgress::new();
    match &command {
        Command::Serve(args) => {
            logs::of_gateway(args.log_form(), args.log_level.unwrap_or_else(|| Level::of(&output)));
            undumpable::forbid_core_dumps()?;
        }
        Command::Keys(_) => {
            logs::above_bars(output.verbose, terminal.clone());
            undumpable::forbid_core_dumps()?;
        }
        _ => logs::above_bars(output.verbose, terminal.clone()),
    }
    let layers = Layers::read(output.config.clone(), |name| std::env::var_os(name))?;
    let context = Context { output, layers, terminal };
    let runtime = runtime(&command)
        .build()
        .map_err(|error| Failed::new(Exit::Io, format!("no threads can be started: {error}")))?;
    let result = runtime.block_on(async {
        match command {
            Command::Upload(args) => upload::run(context, *args).await,
            Command::Resume(args) => resume::run(context, args).await,
            Command::Uploads(args) => uploads::run(context, args).await,
            Command::Check(args) => check::run(context, args).await,
            Command::Plan(args) => plan::run(context, args).await,
            Command::Sandbox(args) => sandbox::run(context, args).await,
            Command::Serve(args) => serve::run(context, args).await,
            Command::Keys(args) => keys::run(context, args).await,
            Command::Demo(args) => demo::run(context, args).await,
            Command::Bench(args) => bench::run(context, args).await,
            Command::Completions(_) => Ok(Exit::Ok),
        }
    });
    // What is still under way has nobody left to wait for it.
    runtime.shutdown_background();
    result
}

/// The runtime that suits a command.
///
/// What uploads has one worker: an upload's tasks are one stream of small pieces of work, and between two workers each of
/// them hops to the other thread, which costs more than it gives (docs/performance.md: over HTTP 0.88 × of `curl -T`'s
/// wall with one, 0.97 × with two, and an eighth less CPU). What blocks (reading files, looking into them, hashing, writing
/// checkpoints) is on tokio's threads for that and not on this one. Servers keep a worker for every core: there requests of
/// many clients run side by side.
fn runtime(command: &Command) -> tokio::runtime::Builder {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.enable_all();
    match command {
        Command::Upload(_) | Command::Resume(_) | Command::Demo(_) | Command::Bench(_) => {
            builder.worker_threads(1);
        }
        Command::Uploads(_)
        | Command::Plan(_)
        | Command::Check(_)
        | Command::Sandbox(_)
        | Command::Serve(_)
        | Command::Keys(_)
        | Command::Completions(_) => {}
    }
    builder
}

/// The command line with what its words don't say: defaults, and the names in the environment.
fn command() -> clap::Command {
    fn completed(command: clap::Command, settings: &[String]) -> clap::Command {
        let defaults = engine::defaults();
        let command = command.mut_args(|arg| {
            let Some(name) = arg.get_long().map(str::to_owned) else { return arg };
            if !settings.contains(&name) {
                return arg;
            }
            let mut help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            if let Some((_, default)) = defaults.iter().find(|(option, _)| *option == name) {
                help.push_str(&format!(" [default: {default}]"));
            }
            help.push_str(&format!(" [env: {}]", settings::variable(&name)));
            arg.help(help)
        });
        // The sandbox's and the gateway's flags are their own, though some have the names of settings.
        command.mut_subcommands(|command| match command.get_name() {
            "sandbox" | "serve" | "keys" => command,
            _ => completed(command, settings),
        })
    }
    completed(Cli::command(), &settings::known_names())
}
