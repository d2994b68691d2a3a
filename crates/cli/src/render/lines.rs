//! Plain lines on stderr: for logs and pipes, and with `--quiet` for nobody.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use chunkwise::{Event, Phase, Progress};

use super::{
    Ending, Going, Render, Slot, Start, Started, bytes, failure, fetch_so_far, label, news, per_second,
    result, result_of, say, shown, summary,
};

/// A line for every so many per cent, if the last one is a second old; and one every few seconds.
const STEP: u64 = 5;
const NOT_MORE_OFTEN: Duration = Duration::from_secs(1);
const AT_LEAST_EVERY: Duration = Duration::from_secs(5);

pub(super) struct Lines {
    uploads: usize,
    talk: Talk,
    slots: Mutex<Vec<Option<Line>>>,
    /// When it was last said how far the fetch of each is.
    fetches: Mutex<Vec<Option<Instant>>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Talk {
    Everything,
    ResultsAndErrors,
}

struct Line {
    label: String,
    began: Instant,
    before: u64,
    said: Instant,
    said_percent: u64,
    processing: Option<u8>,
}

impl Lines {
    pub(super) fn new(uploads: usize) -> Self {
        let slots = Mutex::new((0..uploads).map(|_| None).collect());
        let fetches = Mutex::new(vec![None; uploads]);
        Self { uploads, talk: Talk::Everything, slots, fetches }
    }

    pub(super) fn quiet(uploads: usize) -> Self {
        Self { talk: Talk::ResultsAndErrors, ..Self::new(uploads) }
    }

    fn with<T>(&self, slot: Slot, work: impl FnOnce(&mut Line) -> T) -> Option<T> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).get_mut(slot)?.as_mut().map(work)
    }

    fn talk(&self, text: &str) {
        match self.talk {
            Talk::Everything => say(text),
            Talk::ResultsAndErrors => {}
        }
    }
}

fn percent(part: u64, total: u64) -> u64 {
    u64::try_from(u128::from(part) * 100 / u128::from(total.max(1))).unwrap_or(100)
}

impl Line {
    /// The line for this progress, if one is due.
    fn due(&mut self, progress: Progress) -> Option<String> {
        let total = progress.total?;
        let share = percent(progress.sent, total);
        let (now, since) = (Instant::now(), self.said.elapsed());
        let due = (since >= AT_LEAST_EVERY && share != self.said_percent)
            || (since >= NOT_MORE_OFTEN && share >= self.said_percent + STEP);
        if !due || progress.committed > 0 {
            return None;
        }
        (self.said, self.said_percent) = (now, share);
        let rate = per_second(progress.sent.saturating_sub(self.before), now - self.began);
        let left = total.saturating_sub(progress.sent).checked_div(rate).unwrap_or(0);
        let (sent, total, rate) = (bytes(progress.sent), bytes(total), bytes(rate));
        Some(format!("{}: {share} % ({sent} of {total}), {rate}/s, {left} s left", self.label))
    }
}

impl Render for Lines {
    fn fetched(&self, slot: Slot, label: &str, got: u64, total: Option<u64>) {
        let mut fetches = self.fetches.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(said) = fetches.get_mut(slot) else { return };
        if total == Some(got) || said.is_none_or(|said| said.elapsed() >= AT_LEAST_EVERY) {
            *said = Some(Instant::now());
            self.talk(&format!("{}: {}", shown(label), fetch_so_far(got, total)));
        }
    }

    fn started(&self, slot: Slot, started: &Started) {
        let Started { id, going, total, start, .. } = started;
        let size = total.map_or_else(|| "a stream".to_owned(), bytes);
        let going = match going {
            Going::Media { media_type, category } => format!("{size} of {media_type} ({category})"),
            Going::To(to) => format!("{size} to {}", shown(to)),
        };
        let total = &total.unwrap_or(0);
        let (label, now) = (label(started), Instant::now());
        self.talk(&match start {
            Start::Anew => format!("{label}: {going}, upload {id}"),
            Start::Resumed { stored } => {
                format!("{label}: going on with upload {id}, {} of {} stored", bytes(*stored), bytes(*total))
            }
        });
        let before = start.stored();
        let said_percent = percent(before, *total);
        let line = Line { label, began: now, before, said: now, said_percent, processing: None };
        if let Some(place) = self.slots.lock().unwrap_or_else(PoisonError::into_inner).get_mut(slot) {
            *place = Some(line);
        }
    }

    fn progress(&self, slot: Slot, progress: Progress) {
        if let Some(Some(line)) = self.with(slot, |line| line.due(progress)) {
            self.talk(&line);
        }
    }

    fn event(&self, slot: Slot, event: &Event) {
        let text = match event {
            Event::Phase(Phase::Processing) => Some("X has it all and is processing it".to_owned()),
            Event::Processing { percent: Some(percent) } => {
                let percent = percent.get();
                let known = self.with(slot, |line| line.processing.replace(percent)).flatten();
                (known != Some(percent)).then(|| format!("processing, {percent} %"))
            }
            event => news(event),
        };
        let label = self.with(slot, |line| line.label.clone());
        if let Some((label, text)) = label.zip(text) {
            self.talk(&format!("{label}: {text}"));
        }
    }

    fn ended(&self, slot: Slot, ending: &Ending) {
        match ending {
            Ending::Done(done) => {
                if let Some(label) = self.with(slot, |line| line.label.clone()) {
                    self.talk(&summary(&label, done));
                }
                result(&result_of(done, self.uploads));
            }
            Ending::Failed { what, flags, failed } => say(&failure(what, flags, failed)),
        }
    }

    fn note(&self, text: &str) {
        self.talk(text);
    }
}
