//! What is told of running uploads: bars on a terminal, lines elsewhere, JSON for programs.

mod bars;
mod json;
mod lines;

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytesize::ByteSize;
use chunkwise::core::{OperationKind, SessionEnd};
use chunkwise::driver::UploadId;
use chunkwise::media::Finding;
use chunkwise::{Event, Progress};
use indicatif::MultiProgress;
use serde_json::Value;

pub(crate) use json::{document, failed_fields};

use crate::args::OutputOptions;
use crate::exit::Exit;
use crate::failed::Failed;
use crate::flags::Flags;
use crate::moment::moment;

/// Which of the uploads of a command, from 0.
pub(crate) type Slot = usize;

/// An upload that starts or goes on.
#[derive(Clone, Debug)]
pub(crate) struct Started {
    pub(crate) id: UploadId,
    pub(crate) file: Option<PathBuf>,
    pub(crate) going: Going,
    /// How many bytes; nobody knows of a stream.
    pub(crate) total: Option<u64>,
    pub(crate) start: Start,
}

/// As what it goes, or where to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Going {
    /// To X, as a media of this kind.
    Media { media_type: String, category: String },
    /// Elsewhere.
    To(String),
}

/// What came of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Object {
    /// A media at X.
    Media { media_id: String, media_key: Option<String>, expires_after: Option<Duration> },
    /// An object at this address.
    At(String),
}

impl Object {
    /// What the user came for.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Media { media_id, .. } => media_id,
            Self::At(address) => address,
        }
    }
}

/// Whether an upload is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    Anew,
    Resumed {
        /// Bytes that X had acknowledged before.
        stored: u64,
    },
}

impl Start {
    /// Bytes that X had acknowledged before.
    pub(crate) const fn stored(self) -> u64 {
        match self {
            Self::Anew => 0,
            Self::Resumed { stored } => stored,
        }
    }
}

/// An upload that has come to its object.
#[derive(Clone, Debug)]
pub(crate) struct Done {
    pub(crate) id: UploadId,
    pub(crate) file: Option<PathBuf>,
    pub(crate) object: Object,
    pub(crate) size: u64,
    /// Bytes that this process sent for the first time.
    pub(crate) sent: u64,
    /// From the start of this process's part in it until X had it all.
    pub(crate) transfer: Duration,
    /// From the same start until the media was ready.
    pub(crate) took: Duration,
}

/// How one of the uploads of a command ended.
#[derive(Clone, Debug)]
pub(crate) enum Ending {
    Done(Done),
    Failed {
        /// The file or the upload it was about.
        what: String,
        /// What going on needs besides the upload's id.
        flags: Flags,
        failed: Failed,
    },
}

/// Tells of uploads. Nothing in it may fail: who can't be told is not told.
pub(crate) trait Render: Send + Sync {
    /// So much of what a URL leads to has been fetched, of so much.
    fn fetched(&self, slot: Slot, label: &str, got: u64, total: Option<u64>);
    fn started(&self, slot: Slot, started: &Started);
    fn progress(&self, slot: Slot, progress: Progress);
    fn event(&self, slot: Slot, event: &Event);
    fn ended(&self, slot: Slot, ending: &Ending);
    /// What X may object to in a file that is about to be sent.
    fn warning(&self, file: &Path, finding: &Finding) {
        self.note(&format!("warning: {}: {finding}", shown(&file.to_string_lossy())));
    }
    /// A sentence about the command as a whole.
    fn note(&self, text: &str);
}

/// The form that fits the flags and where stderr goes.
pub(crate) fn renderer(output: &OutputOptions, uploads: usize, terminal: &MultiProgress) -> Box<dyn Render> {
    if output.json {
        Box::new(json::Json::new(uploads))
    } else if output.quiet {
        Box::new(lines::Lines::quiet(uploads))
    } else if io::stderr().is_terminal() {
        Box::new(bars::Bars::new(terminal.clone(), uploads))
    } else {
        Box::new(lines::Lines::new(uploads))
    }
}

/// A line on stdout: a result. A reader that went away is no reason to stop an upload.
pub(crate) fn result(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{}", harmless(line));
    let _ = out.flush();
}

/// A line of JSON on stdout.
pub(crate) fn json_line(value: &Value) {
    result(&value.to_string());
}

/// Lines on stderr: for people.
pub(crate) fn say(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", harmless(text));
}

/// On one line, and with what a terminal would act on as escapes: for names that others gave.
pub(crate) fn shown(text: &str) -> String {
    let shown = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(shown).collect()
}

/// The same for a text of ours, which may have lines and columns: the last line of defence.
fn harmless(text: &str) -> Cow<'_, str> {
    let acts = |c: char| c.is_control() && c != '\n' && c != '\t';
    if !text.contains(acts) {
        return text.into();
    }
    let shown = |c: char| if acts(c) { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(shown).collect::<String>().into()
}

/// The result of an upload for people and shells: the media id or the address, and the file if there are several.
fn result_of(done: &Done, uploads: usize) -> String {
    match (&done.file, uploads) {
        (Some(file), 2..) => format!("{}\t{}", done.object.name(), shown(&file.to_string_lossy())),
        (None, _) | (Some(_), _) => shown(done.object.name()),
    }
}

/// A failure for people: what happened, what is kept, how to go on, how to give it up.
pub(crate) fn failure(what: &str, flags: &Flags, failed: &Failed) -> String {
    let word = match failed.exit {
        Exit::Interrupted => "interrupted",
        _ => "error",
    };
    let (what, said) = (shown(what), shown(&failed.what));
    let mut text = if what.is_empty() || said.contains(&what) {
        format!("{word}: {said}")
    } else {
        format!("{word}: {what}: {said}")
    };
    if let Some(media_id) = &failed.media_id {
        let _ = write!(text, "\n  media_id: {media_id}");
    }
    if let Some(kept) = failed.kept.sentence() {
        let _ = write!(text, "\n  kept:     {kept}");
    }
    if let Some(id) = failed.kept.resumable() {
        let _ = write!(text, "\n  go on:    {}", failed.go_on(flags, id));
    }
    if let Some(id) = failed.kept.upload() {
        let _ = write!(text, "\n  give up:  {}", flags.discard(id));
    }
    text
}

/// How far a fetch is, in words.
fn fetch_so_far(got: u64, total: Option<u64>) -> String {
    match total {
        Some(total) if total == got => format!("fetched, {}", bytes(got)),
        Some(total) => format!("fetched {} of {}", bytes(got), bytes(total)),
        None => format!("fetched {}", bytes(got)),
    }
}

/// An upload that ended well, in words.
fn summary(label: &str, done: &Done) -> String {
    let (transfer, took) = (done.transfer.as_secs_f64(), done.took.as_secs_f64());
    let rate = bytes(per_second(done.sent, done.transfer));
    format!("{label}: {} sent in {transfer:.1} s ({rate}/s), ready after {took:.1} s", bytes(done.sent))
}

/// An event in words, if a person would want to hear of it.
fn news(event: &Event) -> Option<String> {
    match event {
        Event::Retrying { kind, attempts, failure, .. } => {
            Some(format!("{} failed ({attempts}), trying again: {failure}", word(*kind)))
        }
        Event::Held { kind, until } => Some(format!(
            "the server wants a pause before the next {}, until {}",
            word(*kind),
            moment(*until)
        )),
        Event::Replanned { chunk_size } => {
            Some(format!("the server wants smaller segments: going on with {}", bytes(*chunk_size)))
        }
        Event::NewSession { reason } => {
            Some(format!("starting again from the first byte: {}", because(*reason)))
        }
        Event::PersistFailed => {
            Some("the checkpoint could not be written; going on without a new one".to_owned())
        }
        Event::SessionLeakSuspected => Some(
            "the server may keep a session that nobody can end from here, until its own rules remove it"
                .to_owned(),
        ),
        Event::Phase(_)
        | Event::Opened { .. }
        | Event::Stored(_)
        | Event::Window { .. }
        | Event::Processing { .. }
        | Event::Paused
        | Event::Resumed => None,
    }
}

const fn word(kind: OperationKind) -> &'static str {
    match kind {
        OperationKind::Init => "INIT",
        OperationKind::Append => "APPEND",
        OperationKind::Finalize => "FINALIZE",
        OperationKind::Status => "STATUS",
        OperationKind::Probe => "probe",
        OperationKind::Verify => "STATUS (was it committed?)",
        OperationKind::Abort => "abort",
    }
}

const fn because(reason: SessionEnd) -> &'static str {
    match reason {
        SessionEnd::Gone => "the server does not know the session any more",
        SessionEnd::Foreign => "the server has something in the session that was not sent from here",
        SessionEnd::Expired => "the session expired",
        SessionEnd::Unplannable => "what the server has stored can't be continued in smaller segments",
        SessionEnd::SizeMismatch => "what the server has stored does not add up",
        SessionEnd::RepetitionRefused => "the server refuses a segment that it may have already",
    }
}

pub(crate) fn bytes(bytes: u64) -> String {
    ByteSize(bytes).display().iec().to_string()
}

/// Bytes per second over a time.
pub(crate) fn per_second(bytes: u64, time: Duration) -> u64 {
    let nanos = time.as_nanos().max(1);
    u64::try_from(u128::from(bytes) * 1_000_000_000 / nanos).unwrap_or(u64::MAX)
}

/// What to call an upload in a line: its file's name, with what a terminal would act on as escapes.
fn label(started: &Started) -> String {
    match started.file.as_ref().and_then(|file| file.file_name()) {
        Some(name) => shown(&name.to_string_lossy()),
        None => started.id.to_string(),
    }
}

/// Where stderr goes while bars are drawn: lines appear above them.
#[derive(Clone, Debug)]
pub(crate) struct AboveBars(pub(crate) MultiProgress);

impl io::Write for AboveBars {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| io::stderr().lock().write_all(text))?;
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
