//! `chunkwise uploads`: what is unfinished, and how to be rid of it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chunkwise::core::{Discard, Timestamp};
use chunkwise::driver::{Driven, Listed, Record, UploadId};
use chunkwise::x::XUploader;
use serde_json::{Value, json};

use crate::args::{
    DiscardArgs, ServerOptions, StoreOptions, SweepArgs, TransferOptions, UploadsAction, UploadsArgs,
};
use crate::context::Context;
use crate::engine::EngineOptions;
use crate::exit::{Exit, Exits as _};
use crate::failed::Failed;
use crate::flags::Flags;
use crate::render::{self, bytes, document, failed_fields, failure, json_line, say, shown};
use crate::resume::{parse, record, records};
use crate::to::{self, Elsewhere, StoreAddress};
use crate::values::Span;

pub(crate) async fn run(context: Context, args: UploadsArgs) -> Result<Exit, Failed> {
    match args.action {
        None => list(&context, args.store).await,
        Some(UploadsAction::Discard(args)) => discard(&context, args).await,
        Some(UploadsAction::Sweep(args)) => sweep(&context, args).await,
    }
}

fn uploader(context: &Context, store: StoreOptions) -> Result<XUploader, Failed> {
    let directory = Some(context.layers.complete(store)?.directory()?);
    EngineOptions { directory, ..EngineOptions::default() }.silent()
}

async fn list(context: &Context, store: StoreOptions) -> Result<Exit, Failed> {
    let listed = uploader(context, store)?.unfinished().await?;
    let now = now();
    if context.output.json {
        listed.iter().for_each(|listed| json_line(&document("unfinished", fields(listed, now))));
    } else if listed.is_empty() {
        say("no upload is unfinished");
    } else {
        let rows = listed.iter().map(|listed| row(listed, now));
        let header = ["UPLOAD", "STORED", "OF", "STATE", "AGE", "FILE"].map(str::to_owned);
        table(std::iter::once(header).chain(rows).collect());
    }
    let damaged = listed.iter().filter_map(|listed| listed.record.as_ref().err()).map(|error| {
        if !context.output.json {
            say(&format!("error: {error}"));
        }
        error.exit()
    });
    Ok(Exit::worst(damaged))
}

/// What can be done with an upload.
fn state(listed: &Listed, record: &Record, now: Timestamp) -> &'static str {
    match listed.driven {
        Driven::Running => "running",
        Driven::Idle if abort_owed(record) => "abort owed",
        Driven::Idle if record.has_expired(now) => "expired",
        Driven::Idle if record.finished.is_some() => "finished",
        Driven::Idle if record.needs_source() => "unfinished",
        Driven::Idle => "processing",
    }
}

fn abort_owed(record: &Record) -> bool {
    record.finished.is_none() && record.checkpoint.abort_owed()
}

/// How many bytes the server holds.
fn stored(record: &Record) -> u64 {
    if record.finished.is_some() { record.checkpoint.total() } else { record.checkpoint.stored() }
}

fn media_id(record: &Record) -> Option<&str> {
    match &record.finished {
        Some(finished) => Some(&finished.result.id),
        // Elsewhere than at X, what a session is called is for the server alone.
        None if to::place(record, &StoreAddress::default()).is_some() => None,
        None => record.checkpoint.session().map(|session| session.as_str()),
    }
}

fn row(listed: &Listed, now: Timestamp) -> [String; 6] {
    let id = listed.id.to_string();
    match &listed.record {
        Ok(record) => {
            let file = record.source.path().map_or_else(String::new, |path| shown(&path.to_string_lossy()));
            let age = Duration::from_secs(now.since(record.updated_at).as_secs());
            let age = if age.is_zero() { "now".to_owned() } else { Span::of(coarse(age)).to_string() };
            let (stored, total) = (bytes(stored(record)), bytes(record.checkpoint.total()));
            [id, stored, total, state(listed, record, now).to_owned(), age, file]
        }
        Err(_) => [id, "?".into(), "?".into(), "unreadable".into(), "?".into(), String::new()],
    }
}

/// To the unit that matters.
fn coarse(age: Duration) -> Duration {
    let secs = age.as_secs();
    let unit =
        [86_400 * 2, 3_600 * 2, 60 * 2].into_iter().find(|unit| secs >= *unit).map_or(1, |unit| unit / 2);
    Duration::from_secs(secs - secs % unit)
}

fn fields(listed: &Listed, now: Timestamp) -> Value {
    let id = listed.id.as_str();
    match &listed.record {
        Ok(record) => json!({
            "upload": id,
            "state": state(listed, record, now).replace(' ', "_"),
            "file": record.source.path(),
            "total": record.checkpoint.total(),
            "stored": stored(record),
            "media_id": media_id(record),
            "destination": record.destination,
            "created_at_ms": record.created_at.as_micros() / 1000,
            "updated_at_ms": record.updated_at.as_micros() / 1000,
            "expires_at_ms": record.expires_at.map(|at| at.as_micros() / 1000),
        }),
        Err(error) => json!({
            "upload": id, "state": "unreadable", "message": error.to_string(), "exit_code": error.exit().code(),
        }),
    }
}

/// Columns as wide as what is in them.
pub(crate) fn table<const N: usize>(rows: Vec<[String; N]>) {
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    for row in rows {
        let cells: Vec<_> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        render::result(cells.join("  ").trim_end());
    }
}

async fn discard(context: &Context, args: DiscardArgs) -> Result<Exit, Failed> {
    let DiscardArgs { ids, server, store } = args;
    let ids = ids.iter().map(|id| parse(id)).collect::<Result<Vec<_>, _>>()?;
    let listed = records(context, store.clone()).await?;
    let giving_up = GivingUp { context, server, store };
    let mut exits = Vec::new();
    for id in &ids {
        match giving_up.discard(id, record(&listed, id)).await {
            Ok(_) if context.output.json => {
                json_line(&document("discarded", json!({ "upload": id.as_str() })))
            }
            Ok(_) if context.output.quiet => {}
            Ok(Forgotten::ByItself) => {
                say(&format!("upload {id} is discarded; X forgets what it has of it by itself, within a day"))
            }
            Ok(Forgotten::Told(discard)) => say(&told(id, &discard)),
            Err(failed) => exits.push(tell(context, id, failed)),
        }
    }
    Ok(Exit::worst(exits))
}

/// How a server comes to forget an upload.
enum Forgotten {
    ByItself,
    /// It was told, with this result.
    Told(Discard),
}

/// What came of telling a server.
fn told(id: &UploadId, discard: &Discard) -> String {
    match discard {
        Discard::NothingToDo => format!("upload {id} is discarded; the server had nothing of it"),
        Discard::Confirmed => format!("upload {id} is discarded, and the server has forgotten it"),
        Discard::ExpiresByItself => {
            format!("upload {id} is discarded; the server forgets what it has of it by itself")
        }
        Discard::LeftBehind => {
            format!(
                "upload {id} is discarded; the server keeps what it has of it: nobody can tell it to forget"
            )
        }
        Discard::AlreadyCommitted(_) => {
            format!("upload {id} is discarded, but the object was there already, and stays")
        }
        Discard::Unconfirmed { .. } | Discard::Unknown => {
            format!("upload {id} is discarded, and nobody can tell whether the server has its object")
        }
    }
}

/// What it takes to give uploads up, wherever they go.
struct GivingUp<'a> {
    context: &'a Context,
    server: ServerOptions,
    store: StoreOptions,
}

impl GivingUp<'_> {
    async fn discard(&self, id: &UploadId, record: Option<&Record>) -> Result<Forgotten, Failed> {
        let ServerOptions { credentials, connection, s3 } = &self.server;
        let Some((place, s3)) = record.and_then(|record| to::place(record, s3)) else {
            uploader(self.context, self.store.clone())?.discard(id).await?;
            return Ok(Forgotten::ByItself);
        };
        let transfer = TransferOptions::default();
        let engine = to::engine(self.context, connection.clone(), transfer, self.store.clone())?;
        match Elsewhere::to(&place, engine, &s3, credentials).await?.discard(id).await? {
            Discard::Unconfirmed { failure } => {
                let why =
                    failure.map_or_else(|| "it did not say so".to_owned(), |failure| failure.to_string());
                let what = format!(
                    "the server did not confirm that it forgot the upload ({why}); `chunkwise uploads sweep` asks it again"
                );
                Err(Failed::new(Exit::Temporary, what).resuming(id))
            }
            discard => Ok(Forgotten::Told(discard)),
        }
    }
}

/// Tells why an upload could not be given up.
fn tell(context: &Context, id: &UploadId, failed: Failed) -> Exit {
    let (what, flags) = (format!("upload {id}"), Flags::default());
    if context.output.json {
        json_line(&failed_fields(Some(&what), &flags, &failed));
    } else {
        say(&failure(&what, &flags, &failed));
    }
    failed.exit
}

async fn sweep(context: &Context, args: SweepArgs) -> Result<Exit, Failed> {
    let SweepArgs { server, store } = args;
    let uploader = uploader(context, store.clone())?;
    let giving_up = GivingUp { context, server, store };
    let (mut swept, mut exits) = (Vec::new(), Vec::new());
    for listed in uploader.unfinished().await? {
        let Some(record) = listed.record.as_ref().ok().filter(|record| abort_owed(record)) else { continue };
        if listed.driven == Driven::Running {
            continue;
        }
        // One that can't be given up now must not keep the others.
        match giving_up.discard(&listed.id, Some(record)).await {
            Ok(_) => swept.push((listed.id, "an abort was owed")),
            Err(failed) => exits.push(tell(context, &listed.id, failed)),
        }
    }
    let expired = uploader.driver().forget_expired(Duration::ZERO).await?;
    swept.extend(expired.into_iter().map(|id| (id, "its session had expired")));
    for (id, why) in &swept {
        if context.output.json {
            json_line(&document("swept", json!({ "upload": id.as_str(), "message": why })));
        } else if !context.output.quiet {
            say(&format!("upload {id} is swept away: {why}"));
        }
    }
    if swept.is_empty() && exits.is_empty() && !context.output.json && !context.output.quiet {
        say("nothing to sweep: no abort is owed and no session has expired");
    }
    Ok(Exit::worst(exits))
}

fn now() -> Timestamp {
    Timestamp::EPOCH.after(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_as_coarse_as_they_are_long() {
        let shown = |secs| Span::of(coarse(Duration::from_secs(secs))).to_string();
        assert_eq!([59, 119, 125, 7_300, 200_000].map(shown), ["59s", "119s", "2m", "2h", "2d"]);
    }
}
