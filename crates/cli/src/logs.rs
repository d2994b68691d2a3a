//! Logs, on stderr: of every command where they are asked for (`-v`), of the gateway always.
//!
//! They are of chunkwise's own crates alone: what others log of a request is not ours to vouch for.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};

use clap::ValueEnum;
use indicatif::MultiProgress;
use tracing_subscriber::EnvFilter;

use crate::args::OutputOptions;
use crate::render::AboveBars;

/// What a line of the gateway's log looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// The least that is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Level {
    /// What needs the operator.
    Error,
    /// What went wrong with an upload, too.
    Warn,
    /// A line for every request, too.
    Info,
    /// What became of every operation, too.
    Debug,
    /// Everything.
    Trace,
}

impl Form {
    /// What fits where stderr goes.
    pub(crate) fn fitting() -> Self {
        if io::stderr().is_terminal() { Self::Text } else { Self::Json }
    }
}

impl Level {
    /// What `--quiet` and `-v` ask of the gateway; without them it tells of every request.
    pub(crate) const fn of(output: &OutputOptions) -> Self {
        match (output.quiet, output.verbose) {
            (true, _) => Self::Error,
            (false, 0) => Self::Info,
            (false, 1) => Self::Debug,
            (false, 2..) => Self::Trace,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }

    fn filter(self) -> EnvFilter {
        EnvFilter::new(format!("chunkwise={}", self.word()))
    }
}

/// Of a command that draws bars: above them, and only if `-v` asks for it.
pub(crate) fn above_bars(verbose: u8, terminal: MultiProgress) {
    let level = match verbose {
        0 => return,
        1 => Level::Debug,
        2.. => Level::Trace,
    };
    tracing_subscriber::fmt()
        .with_env_filter(level.filter())
        .with_ansi(io::stderr().is_terminal())
        .with_writer(move || AboveBars(terminal.clone()))
        .init();
}

/// Of the gateway.
pub(crate) fn of_gateway(form: Form, level: Level) {
    let logs = tracing_subscriber::fmt().with_env_filter(level.filter());
    match form {
        Form::Json => logs.json().flatten_event(true).with_span_list(false).with_writer(io::stderr).init(),
        // No colours: they are made of what is kept out.
        Form::Text => logs.with_ansi(false).with_writer(|| OneLine).init(),
    }
}

/// Writes a line of log to stderr such that nothing in it is acted upon by a terminal, or looks like a line of its own: of
/// what strangers send, some gets into logs (threat T20). JSON is so by itself.
struct OneLine;

impl io::Write for OneLine {
    /// Of a whole line.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        io::stderr().lock().write_all(one_line(line).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

fn one_line(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let mut shown = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        if c.is_control() {
            let _ = write!(shown, "{}", c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown.push('\n');
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_text_stays_one_line_and_moves_no_cursor() {
        assert_eq!(one_line(b"INFO answered method=GET\n"), "INFO answered method=GET\n");
        assert_eq!(
            one_line("a\nERROR forged \u{1b}[2K\r\u{9b}31m \u{85} ö\n".as_bytes()),
            "a\\nERROR forged \\u{1b}[2K\\r\\u{9b}31m \\u{85} ö\n"
        );
    }

    #[test]
    fn quiet_and_verbose_say_how_much() {
        let of = |quiet, verbose| Level::of(&OutputOptions { quiet, verbose, ..OutputOptions::default() });
        assert_eq!([of(true, 0), of(false, 0), of(false, 1)], [Level::Error, Level::Info, Level::Debug]);
        assert_eq!(of(false, 9), Level::Trace);
    }
}
