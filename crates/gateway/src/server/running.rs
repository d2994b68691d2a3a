//! An upload under way: what it does, what is seen of it, and the one task that runs it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

use chunkwise::core::{Disposition, Event, Phase, Progress};
use chunkwise::driver::UploadControl;
use chunkwise::x::{XError, XHandle, XMedia};
use futures::StreamExt as _;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::answer::{Refusal, Uploaded};
use crate::store::{KeyId, UploadId};

/// How far an upload is, for everybody who watches it.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) stage: Stage,
    pub(super) progress: Progress,
    pub(super) media_type: Option<String>,
}

/// Where an upload is.
#[derive(Clone, Debug)]
pub(super) enum Stage {
    /// The media comes in.
    Receiving,
    /// The engine is at it.
    Uploading(Phase),
    /// It is over.
    Ended(Box<Result<Uploaded, Refusal>>),
}

impl Stage {
    /// Its name in the API.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Receiving => "receiving",
            Self::Uploading(phase) => phase.name(),
            Self::Ended(result) => match &**result {
                Ok(_) => "completed",
                Err(_) => "failed",
            },
        }
    }
}

/// One upload that this process runs, or has run until a moment ago.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) key: KeyId,
    state: watch::Sender<State>,
    control: Mutex<Steering>,
    /// It was given up when there was no engine yet to be told so.
    given_up: CancellationToken,
}

/// How an upload is stopped: there may be nothing yet to stop.
#[derive(Debug)]
enum Steering {
    NotYet,
    By(UploadControl),
    CancelledEarly,
}

impl Running {
    fn new(key: KeyId) -> Arc<Self> {
        let state = State { stage: Stage::Receiving, progress: Progress::default(), media_type: None };
        let (state, control) = (watch::Sender::new(state), Mutex::new(Steering::NotYet));
        Arc::new(Self { key, state, control, given_up: CancellationToken::new() })
    }

    pub(super) fn watch(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    pub(super) fn state(&self) -> State {
        self.state.borrow().clone()
    }

    pub(super) fn note_media_type(&self, media_type: &str) {
        self.state.send_modify(|state| state.media_type = Some(media_type.to_owned()));
    }

    /// Ends when it is given up before the engine is at it.
    pub(super) async fn given_up(&self) {
        self.given_up.cancelled().await;
    }

    /// Gives it up, now or as soon as there is something to give up.
    pub(super) fn cancel(&self) {
        let mut control = self.control.lock().unwrap_or_else(PoisonError::into_inner);
        match &*control {
            Steering::By(control) => control.cancel(Disposition::Discard),
            Steering::NotYet | Steering::CancelledEarly => {
                *control = Steering::CancelledEarly;
                self.given_up.cancel();
            }
        }
    }

    fn steer(&self, new: UploadControl) {
        let mut control = self.control.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*control, Steering::CancelledEarly) {
            new.cancel(Disposition::Discard);
        }
        *control = Steering::By(new);
    }

    /// It is over.
    pub(super) fn end(&self, result: Result<Uploaded, Refusal>) {
        self.state.send_modify(|state| state.stage = Stage::Ended(Box::new(result)));
    }

    /// Follows the engine to its end, and gives what came of it.
    pub(super) async fn follow(&self, handle: XHandle) -> Result<XMedia, XError> {
        self.steer(handle.control());
        let (mut progress, mut events) = (handle.progress(), handle.events());
        // What came of it is written down first; then its record may go.
        let ended = handle.wait_and_keep();
        tokio::pin!(ended);
        let result = loop {
            tokio::select! {
                result = &mut ended => break result,
                Ok(()) = progress.changed() => {
                    let now = *progress.borrow_and_update();
                    self.state.send_modify(|state| state.progress = now);
                }
                Some(event) = events.next() => {
                    if let Event::Phase(phase) = event {
                        self.state.send_modify(|state| state.stage = Stage::Uploading(phase));
                    }
                }
            }
        };
        let last = *progress.borrow_and_update();
        self.state.send_modify(|state| state.progress = last);
        result.map(|uploaded| uploaded.media)
    }
}

/// An upload in hand. Dropped, it is anybody's again.
#[derive(Debug)]
pub(super) struct Held {
    uploads: Arc<Uploads>,
    id: UploadId,
    pub(super) running: Arc<Running>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.uploads.table().remove(&self.id);
    }
}

/// The uploads that this process runs, or is about to run or to give up.
#[derive(Debug, Default)]
pub(super) struct Uploads(Mutex<HashMap<UploadId, Arc<Running>>>);

impl Uploads {
    fn table(&self) -> std::sync::MutexGuard<'_, HashMap<UploadId, Arc<Running>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an upload in hand, before it is looked at what is left of it: of several who go on with it, or give it up,
    /// there is one. None if somebody has it.
    pub(super) fn hold(self: &Arc<Self>, id: UploadId, key: &KeyId) -> Option<Held> {
        match self.table().entry(id) {
            Entry::Occupied(_) => None,
            Entry::Vacant(place) => {
                let running = place.insert(Running::new(key.clone())).clone();
                Some(Held { uploads: self.clone(), id, running })
            }
        }
    }

    /// That upload, if it is this key's (threat T15).
    pub(super) fn of(&self, id: &UploadId, key: &KeyId) -> Option<Arc<Running>> {
        self.table().get(id).filter(|running| running.key == *key).cloned()
    }
}
