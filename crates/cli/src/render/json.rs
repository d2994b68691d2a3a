//! JSON for programs: one object per line on stdout. The schema is in the crate's README; `v` grows when a program
//! written for it would break.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use chunkwise::core::{OperationKind, Percent};
use chunkwise::media::Finding;
use chunkwise::{Event, Progress};
use serde_json::{Value, json};

use super::{Done, Ending, Going, Object, Render, Slot, Start, Started, json_line, per_second};
use crate::failed::Failed;
use crate::flags::Flags;

/// The version of the schema.
const VERSION: u32 = 1;
/// Progress is told not more often than this, and the last of it always.
const NOT_MORE_OFTEN: Duration = Duration::from_millis(500);

/// An object of this schema.
pub(crate) fn document(kind: &str, mut fields: Value) -> Value {
    if let Some(members) = fields.as_object_mut() {
        members.insert("v".to_owned(), VERSION.into());
        members.insert("type".to_owned(), kind.into());
    }
    fields
}

pub(super) struct Json {
    slots: Mutex<Vec<Option<Told>>>,
}

struct Told {
    upload: String,
    going: Going,
    began: Instant,
    before: u64,
    at: Option<Instant>,
    untold: Option<Progress>,
}

impl Json {
    pub(super) fn new(uploads: usize) -> Self {
        Self { slots: Mutex::new((0..uploads).map(|_| None).collect()) }
    }

    fn with<T>(&self, slot: Slot, work: impl FnOnce(&mut Told) -> T) -> Option<T> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).get_mut(slot)?.as_mut().map(work)
    }
}

impl Told {
    fn line(&self, progress: Progress) -> Value {
        let Progress { total, sent, stored, committed, processed, session } = progress;
        let rate = per_second(sent.saturating_sub(self.before), self.began.elapsed());
        let fields = json!({
            "upload": self.upload, "total": total, "sent": sent, "stored": stored, "committed": committed,
            "processed": processed.get(), "session": session, "bytes_per_second": rate,
        });
        document("progress", fields)
    }

    /// The line for this progress, if one is due.
    fn due(&mut self, progress: Progress) -> Option<Value> {
        if self.at.is_some_and(|at| at.elapsed() < NOT_MORE_OFTEN) {
            self.untold = Some(progress);
            return None;
        }
        self.at = Some(Instant::now());
        self.untold = None;
        Some(self.line(progress))
    }
}

impl Render for Json {
    fn fetched(&self, _: Slot, label: &str, got: u64, total: Option<u64>) {
        json_line(&document("fetch", json!({ "file": label, "received": got, "total": total })));
    }

    fn started(&self, slot: Slot, started: &Started) {
        let Started { id, file, going, total, start } = started;
        let (media_type, category, to) = match going {
            Going::Media { media_type, category } => (Some(media_type), Some(category), None),
            Going::To(to) => (None, None, Some(to)),
        };
        let resumed = match start {
            Start::Anew => false,
            Start::Resumed { .. } => true,
        };
        let before = start.stored();
        let fields = json!({
            "upload": id.as_str(), "file": file, "media_type": media_type, "category": category, "to": to, "total": total,
            "stored": before, "resumed": resumed,
        });
        json_line(&document("start", fields));
        let going = going.clone();
        let told =
            Told { upload: id.to_string(), going, began: Instant::now(), before, at: None, untold: None };
        if let Some(place) = self.slots.lock().unwrap_or_else(PoisonError::into_inner).get_mut(slot) {
            *place = Some(told);
        }
    }

    fn progress(&self, slot: Slot, progress: Progress) {
        if let Some(Some(line)) = self.with(slot, |told| told.due(progress)) {
            json_line(&line);
        }
    }

    fn event(&self, slot: Slot, event: &Event) {
        let Some((upload, going)) = self.with(slot, |told| (told.upload.clone(), told.going.clone())) else {
            return;
        };
        let Some(fields) = event_fields(event, &going) else { return };
        let mut line = document("event", fields);
        if let Some(members) = line.as_object_mut() {
            members.insert("upload".to_owned(), upload.into());
        }
        json_line(&line);
    }

    fn ended(&self, slot: Slot, ending: &Ending) {
        if let Some(Some(line)) =
            self.with(slot, |told| told.untold.take().map(|progress| told.line(progress)))
        {
            json_line(&line);
        }
        json_line(&match ending {
            Ending::Done(done) => done_fields(done),
            Ending::Failed { what, flags, failed } => failed_fields(Some(what), flags, failed),
        });
    }

    fn warning(&self, file: &Path, finding: &Finding) {
        let (code, message) = (finding.code(), finding.to_string());
        json_line(&document("warning", json!({ "file": file, "code": code, "message": message })));
    }

    fn note(&self, text: &str) {
        json_line(&document("note", json!({ "message": text })));
    }
}

fn done_fields(done: &Done) -> Value {
    let Done { id, file, object, size, sent, transfer, took } = done;
    let (media_id, media_key, expires_after, address) = match object {
        Object::Media { media_id, media_key, expires_after } => {
            (Some(media_id), media_key.as_ref(), *expires_after, None)
        }
        Object::At(address) => (None, None, None, Some(address)),
    };
    let fields = json!({
        "ok": true, "exit_code": 0, "upload": id.as_str(), "file": file, "media_id": media_id,
        "media_key": media_key, "object": address, "size": size, "expires_after_secs": expires_after.map(|after| after.as_secs()),
        "sent": sent, "transfer_seconds": transfer.as_secs_f64(), "seconds": took.as_secs_f64(),
        "bytes_per_second": per_second(*sent, *transfer),
    });
    document("result", fields)
}

/// A failure as the final object of an upload, or of a whole command.
pub(crate) fn failed_fields(what: Option<&str>, flags: &Flags, failed: &Failed) -> Value {
    let Failed { exit, what: message, kept, media_id, .. } = failed;
    let upload = kept.upload();
    let fields = json!({
        "ok": false, "exit_code": exit.code(), "upload": upload.map(|id| id.as_str()), "file": what,
        "media_id": media_id, "message": message, "kept": kept.name(),
        "go_on": kept.resumable().map(|id| failed.go_on(flags, id)), "give_up": upload.map(|id| flags.discard(id)),
    });
    document("result", fields)
}

/// An event's name and fields; what progress tells already is left out.
fn event_fields(event: &Event, going: &Going) -> Option<Value> {
    let name = |kind: &OperationKind| kind.name().to_ascii_lowercase();
    Some(match event {
        Event::Phase(phase) => json!({ "event": "phase", "phase": phase.name() }),
        Event::Opened { session } => match going {
            Going::Media { .. } => json!({ "event": "opened", "media_id": session.as_str() }),
            // What a session is called there is for the server alone.
            Going::To(_) => json!({ "event": "opened" }),
        },
        Event::Stored(_) => return None,
        Event::Retrying { kind, attempts, at, failure } => json!({
            "event": "retrying", "operation": name(kind), "attempts": attempts, "at_ms": at.as_micros() / 1000,
            "message": failure.to_string(),
        }),
        Event::Held { kind, until } => {
            json!({ "event": "held", "operation": name(kind), "until_ms": until.as_micros() / 1000 })
        }
        Event::Replanned { chunk_size } => json!({ "event": "replanned", "chunk_size": chunk_size }),
        Event::NewSession { reason } => json!({ "event": "new_session", "message": super::because(*reason) }),
        Event::SessionLeakSuspected => json!({ "event": "session_leak_suspected" }),
        Event::Window { size } => json!({ "event": "window", "size": size }),
        Event::Processing { percent } => {
            json!({ "event": "processing", "percent": percent.map(Percent::get) })
        }
        Event::PersistFailed => json!({ "event": "persist_failed" }),
        Event::Paused => json!({ "event": "paused" }),
        Event::Resumed => json!({ "event": "resumed" }),
    })
}
