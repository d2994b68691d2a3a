//! Logs, on stderr: of every command where they are asked for (`-v`), of the gateway always.
//!
//! They are of chunkwise's own crates alone: what others log of a request is not ours to vouch for.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};
use std::panic::PanicHookInfo;

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
        Form::Json => logs.json().flatten_event(true).with_current_span(false).with_writer(io::stderr).init(),
        // No colours: they are made of what is kept out.
        Form::Text => logs.with_ansi(false).with_writer(|| OneLine).init(),
    }
    std::panic::set_hook(Box::new(log_panic));
}

/// A panic is a line like any other.
fn log_panic(panic: &PanicHookInfo<'_>) {
    tracing::error!("{panic}");
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
    fn a_panic_is_one_line_of_json() {
        /// Keeps what is written.
        #[derive(Clone, Default)]
        struct Kept(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

        impl io::Write for Kept {
            fn write(&mut self, line: &[u8]) -> io::Result<usize> {
                self.0.lock().unwrap().write(line)
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }

        let kept = Kept::default();
        let writer = kept.clone();
        let logs = tracing_subscriber::fmt().json().flatten_event(true).with_writer(move || writer.clone());
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(log_panic));
        tracing::subscriber::with_default(logs.finish(), || {
            assert!(std::panic::catch_unwind(|| panic!("two\nlines \u{1b}[2J")).is_err());
        });
        std::panic::set_hook(before);
        let written = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<serde_json::Value> =
            written.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let ours: Vec<_> = lines.iter().filter_map(|line| line["message"].as_str()).collect();
        assert!(matches!(ours[..], [message] if message.contains("two\nlines \u{1b}[2J")), "{written}");
    }

    #[test]
    fn quiet_and_verbose_say_how_much() {
        let of = |quiet, verbose| Level::of(&OutputOptions { quiet, verbose, ..OutputOptions::default() });
        assert_eq!([of(true, 0), of(false, 0), of(false, 1)], [Level::Error, Level::Info, Level::Debug]);
        assert_eq!(of(false, 9), Level::Trace);
    }
}
