//! `GET /uploads/{id}/events`: how an upload goes, as server-sent events (WHATWG HTML §9.2).

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures::stream;
use http::HeaderMap;
use tokio::sync::watch;
use tokio::time::sleep;

use super::App;
use super::access::{enter, failing};
use super::running::{Stage, State as Seen};
use super::uploads::{not_found, told};
use crate::answer::Refusal;
use crate::store::{KeyId, UploadId};

/// How often there is news at most: four times a second.
const PACE: Duration = Duration::from_millis(250);

/// How often something is sent when there is no news, so that nothing in between takes the silence for the end.
const ALIVE: Duration = Duration::from_secs(15);

/// An upload that somebody watches.
struct Watching {
    app: Arc<App>,
    key: KeyId,
    upload: UploadId,
    next: Next,
}

/// What the next event is.
enum Next {
    /// How it is now.
    First(Option<watch::Receiver<Seen>>),
    /// How it is after the next change.
    Change(watch::Receiver<Seen>),
    /// There is none.
    Nothing,
}

/// Sends `progress` events, each with the whole upload as `GET /uploads/{id}` has it, and at last one `ended` event; then the
/// stream is over. An upload that is not under way has its `ended` event at once.
pub(super) async fn events(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let key = enter(&app, &headers).await?.id;
    let upload: UploadId = id.parse().map_err(|_| not_found())?;
    let watch = app.uploads.of(&upload, &key).map(|running| running.watch());
    let known = app.store.uploads().get(&key, upload).await.map_err(|error| failing(&error))?;
    known.ok_or_else(not_found)?;
    let watching = Watching { app, key, upload, next: Next::First(watch) };
    let stream = stream::unfold(watching, Watching::event);
    let mut response = Sse::new(stream).keep_alive(KeepAlive::new().interval(ALIVE)).into_response();
    // A proxy that buffers would make news old (nginx asks for this one).
    response.headers_mut().insert("x-accel-buffering", http::HeaderValue::from_static("no"));
    Ok(response)
}

impl Watching {
    async fn event(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        let watch = match std::mem::replace(&mut self.next, Next::Nothing) {
            Next::Nothing => return None,
            Next::First(watch) => watch,
            Next::Change(mut watch) => {
                sleep(PACE).await;
                // Its end drops the sender: then there is the last event still.
                watch.changed().await.is_ok().then_some(watch)
            }
        };
        let watch = watch.map(|mut watch| {
            let over = matches!(watch.borrow_and_update().stage, Stage::Ended(_));
            (watch, over)
        });
        let name = match watch {
            Some((watch, false)) => {
                self.next = Next::Change(watch);
                "progress"
            }
            Some((_, true)) | None => "ended",
        };
        // The end is written down before it is told.
        let record = self.app.store.uploads().get(&self.key, self.upload).await.ok()??;
        let data = told(&self.app, &record).to_string();
        Some((Ok(Event::default().event(name).data(data)), self))
    }
}
