//! Bars on a terminal: one line for every file, and one for all of them.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chunkwise::{Event, Phase, Progress};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::{
    Ending, Render, Slot, Started, failure, fetch_so_far, label, news, result, result_of, say, shown, summary,
};

const RUNNING: &str =
    "{prefix:<20!} {wide_bar} {bytes:>10} of {total_bytes:<10} {bytes_per_sec:>12} ETA {eta:<5} {msg}";
const FETCHING: &str = "{prefix:<20!} {spinner} {msg}";
const PROCESSING: &str = "{prefix:<20!} {spinner} X has it all and is processing it {msg}";

pub(super) struct Bars {
    terminal: MultiProgress,
    uploads: usize,
    all: Option<ProgressBar>,
    slots: Mutex<Vec<Option<ProgressBar>>>,
    /// How far each file is, for the line of all.
    sent: Mutex<Vec<u64>>,
}

fn style(template: &str) -> ProgressStyle {
    // The templates are constants; one that can't be read is shown as indicatif's default.
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━╸─")
}

impl Bars {
    pub(super) fn new(terminal: MultiProgress, uploads: usize) -> Self {
        let all = (uploads > 1).then(|| {
            let bar = terminal.add(ProgressBar::new(0).with_style(style(RUNNING)));
            bar.set_prefix("all files");
            bar
        });
        let slots = Mutex::new((0..uploads).map(|_| None).collect());
        Self { terminal, uploads, all, slots, sent: Mutex::new(vec![0; uploads]) }
    }

    fn bar(&self, slot: Slot) -> Option<ProgressBar> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).get(slot).cloned().flatten()
    }

    fn above(&self, text: &str) {
        self.terminal.suspend(|| say(text));
    }
}

impl Bars {
    /// Gives a slot its bar, in place of the one that it had.
    fn place(&self, slot: Slot, bar: ProgressBar) -> ProgressBar {
        let bar = match &self.all {
            Some(all) => self.terminal.insert_before(all, bar),
            None => self.terminal.add(bar),
        };
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = slots.get_mut(slot)
            && let Some(old) = place.replace(bar.clone())
        {
            old.finish_and_clear();
            self.terminal.remove(&old);
        }
        bar
    }
}

impl Render for Bars {
    fn fetched(&self, slot: Slot, label: &str, got: u64, total: Option<u64>) {
        let bar = self.bar(slot).unwrap_or_else(|| {
            let bar = self.place(slot, ProgressBar::new_spinner().with_style(style(FETCHING)));
            bar.set_prefix(shown(label.rsplit('/').next().unwrap_or(label)));
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        // Beside a bar there is little room.
        bar.set_message(match (bar.length(), total) {
            (Some(_), Some(total)) if got < total => {
                format!("(fetched {} %)", u128::from(got) * 100 / u128::from(total))
            }
            (Some(_), _) => String::new(),
            (None, total) => fetch_so_far(got, total),
        });
    }

    fn started(&self, slot: Slot, started: &Started) {
        let bar =
            started.total.map_or_else(ProgressBar::no_length, ProgressBar::new).with_style(style(RUNNING));
        bar.set_prefix(label(started));
        let bar = self.place(slot, bar);
        bar.set_position(started.start.stored());
        bar.reset_eta();
        bar.enable_steady_tick(Duration::from_millis(200));
        if let Some(all) = &self.all {
            all.inc_length(started.total.unwrap_or(0));
        }
    }

    fn progress(&self, slot: Slot, progress: Progress) {
        if let Some(bar) = self.bar(slot) {
            if let (None, Some(total)) = (bar.length(), progress.total) {
                bar.set_length(total);
            }
            bar.set_position(progress.sent);
        }
        if let Some(all) = &self.all {
            let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(place) = sent.get_mut(slot) {
                *place = progress.sent;
            }
            all.set_position(sent.iter().sum());
        }
    }

    fn event(&self, slot: Slot, event: &Event) {
        let Some(bar) = self.bar(slot) else { return };
        match event {
            Event::Phase(Phase::Processing) => bar.set_style(style(PROCESSING)),
            Event::Processing { percent: Some(percent) } => bar.set_message(format!("({} %)", percent.get())),
            event => {
                if let Some(text) = news(event) {
                    self.above(&format!("{}: {text}", bar.prefix()));
                }
            }
        }
    }

    fn ended(&self, slot: Slot, ending: &Ending) {
        let bar = self.bar(slot);
        if let Some(bar) = &bar {
            bar.finish_and_clear();
            self.terminal.remove(bar);
        }
        match ending {
            Ending::Done(done) => {
                let label = bar.map(|bar| bar.prefix()).unwrap_or_default();
                self.above(&summary(&label, done));
                self.terminal.suspend(|| result(&result_of(done, self.uploads)));
            }
            Ending::Failed { what, flags, failed } => self.above(&failure(what, flags, failed)),
        }
    }

    fn note(&self, text: &str) {
        self.above(text);
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        if let Some(all) = &self.all {
            all.finish_and_clear();
        }
    }
}
