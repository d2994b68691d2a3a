//! What is told while it measures: a bar on a terminal, lines elsewhere, JSON for programs.

use std::io::IsTerminal as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::cell::Sample;
use super::report::{megabytes, setting_fields};
use super::setting::{Setting, exact_size};
use crate::context::Context;
use crate::render::{Render, document, json_line};
use crate::values::Window;

/// A line that is not the first comes so much later, but for the first of a round.
const NOT_MORE_OFTEN: Duration = Duration::from_secs(5);

/// Tells of a sweep.
pub(super) struct Telling {
    render: Arc<dyn Render>,
    form: Form,
}

enum Form {
    Bar(ProgressBar),
    Lines(Mutex<Option<(u32, Instant)>>),
    Json,
}

impl Telling {
    /// Of so many uploads.
    pub(super) fn new(context: &Context, render: Arc<dyn Render>, uploads: u64) -> Self {
        let form = if context.output.json {
            Form::Json
        } else if !context.output.quiet && std::io::stderr().is_terminal() {
            let style =
                ProgressStyle::with_template("{wide_bar} {pos:>4} of {len:<4} ETA {eta:<5} {msg:<38}");
            let style = style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸─");
            let bar = context.terminal.add(ProgressBar::new(uploads).with_style(style));
            bar.enable_steady_tick(Duration::from_millis(200));
            Form::Bar(bar)
        } else {
            Form::Lines(Mutex::new(None))
        };
        Self { render, form }
    }

    /// What is about to be measured. Programs are told at the end.
    pub(super) fn about(&self, text: &str) {
        match &self.form {
            Form::Bar(_) | Form::Lines(_) => self.render.note(text),
            Form::Json => {}
        }
    }

    pub(super) fn warming_up(&self) {
        match &self.form {
            Form::Bar(bar) => bar.set_message("warming up"),
            Form::Lines(_) => self.render.note("warming up …"),
            Form::Json => {}
        }
    }

    /// Something is tried again while it warms up.
    pub(super) fn trouble(&self, text: &str) {
        self.render.note(text);
    }

    pub(super) fn measuring(&self, round: u32, setting: Setting) {
        match &self.form {
            Form::Bar(bar) => bar.set_message(format!("round {round}: {}", spoken(setting))),
            Form::Lines(_) | Form::Json => {}
        }
    }

    pub(super) fn measured(&self, round: u32, setting: Setting, size: u64, sample: &Sample) {
        let rate = size as f64 / sample.transfer.as_secs_f64().max(1e-9);
        match &self.form {
            Form::Bar(bar) => bar.inc(1),
            Form::Lines(said) => {
                let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
                let due = said.is_none_or(|(of, at)| of != round || at.elapsed() >= NOT_MORE_OFTEN);
                if due {
                    *said = Some((round, Instant::now()));
                    self.render.note(&format!(
                        "round {round}: {}: {} MB/s",
                        spoken(setting),
                        megabytes(rate)
                    ));
                }
            }
            Form::Json => {
                let mut fields = setting_fields(setting);
                fields.insert("round".to_owned(), round.into());
                fields.insert("transfer_seconds".to_owned(), sample.transfer.as_secs_f64().into());
                fields.insert("seconds".to_owned(), json!(sample.whole.map(|whole| whole.as_secs_f64())));
                fields.insert("bytes_per_second".to_owned(), (rate as u64).into());
                fields.insert("retries".to_owned(), sample.retries.into());
                json_line(&document("bench_run", fields.into()));
            }
        }
    }

    /// A setting is left out of so many rounds to come.
    pub(super) fn failed(&self, round: u32, left: u32, setting: Setting, reason: &str) {
        if let Form::Bar(bar) = &self.form {
            bar.inc(1);
            bar.dec_length(u64::from(left));
        }
        self.render.note(&format!("round {round}: {} failed and is left out: {reason}", spoken(setting)));
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        if let Form::Bar(bar) = &self.form {
            bar.finish_and_clear();
        }
    }
}

/// A setting in words.
pub(super) fn spoken(setting: Setting) -> String {
    format!("{} × {}", spoken_window(setting.window), exact_size(setting.chunk.bytes()))
}

/// A window in words: a number, or that it adapts.
pub(super) fn spoken_window(window: Window) -> String {
    match window {
        Window::Fixed(lanes) => lanes.to_string(),
        Window::Adaptive(most) => format!("adaptive (up to {most})"),
    }
}
