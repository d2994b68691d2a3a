//! What a caller has of a running upload.

use std::fmt;
use std::sync::Arc;

use chunkwise_core::{Completed, Disposition, Progress};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::checkpoint::UploadId;
use crate::error::DriverError;
use crate::events::{Events, Listeners};

/// What the caller wants of a running upload. The newest wish counts; a cancellation stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    Run,
    Pause,
    Cancel(Disposition),
}

/// Pauses, resumes and cancels an upload. Clones can be given away; they do not keep the upload running.
#[derive(Clone, Debug)]
pub struct UploadControl(Arc<watch::Sender<Wish>>);

impl UploadControl {
    pub(crate) fn new() -> (Self, watch::Receiver<Wish>) {
        let (sender, receiver) = watch::channel(Wish::Run);
        (Self(Arc::new(sender)), receiver)
    }

    /// Starts nothing new; what is in flight may finish.
    pub fn pause(&self) {
        self.wish(Wish::Pause);
    }

    /// Goes on after a pause.
    pub fn resume(&self) {
        self.wish(Wish::Run);
    }

    /// Stops for good, keeping the checkpoint or giving the session up. What was cancelled to be kept can still be
    /// discarded while it has not ended; not the other way round.
    pub fn cancel(&self, disposition: Disposition) {
        self.wish(Wish::Cancel(disposition));
    }

    fn wish(&self, wish: Wish) {
        self.0.send_if_modified(|current| {
            let changes = match (*current, wish) {
                (Wish::Run, Wish::Run) | (Wish::Pause, Wish::Pause) => false,
                (Wish::Run | Wish::Pause, _) => true,
                (Wish::Cancel(Disposition::Keep), Wish::Cancel(Disposition::Discard)) => true,
                (Wish::Cancel(_), _) => false,
            };
            if changes {
                *current = wish;
            }
            changes
        });
    }
}

/// A running upload. Dropping it is cancel-keep: the upload's task writes the last checkpoint and ends by itself
/// (what was cancelled to be discarded is discarded).
pub struct UploadHandle {
    id: UploadId,
    control: UploadControl,
    progress: watch::Receiver<Progress>,
    events: Listeners,
    task: JoinHandle<Result<Completed, DriverError>>,
}

impl UploadHandle {
    pub(crate) fn new(
        id: UploadId,
        control: UploadControl,
        progress: watch::Receiver<Progress>,
        events: Listeners,
        task: JoinHandle<Result<Completed, DriverError>>,
    ) -> Self {
        Self { id, control, progress, events, task }
    }

    /// The upload's name: that of its checkpoint.
    pub const fn id(&self) -> &UploadId {
        &self.id
    }

    /// How far it is, and a way to wait for news of that.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// What happens, until the upload ends. The first stream has everything from the start; further ones begin
    /// where they are made. Events are for people and logs: whoever falls more than 256 behind misses the oldest.
    pub fn events(&self) -> Events {
        self.events.listen()
    }

    /// A way to pause, resume and cancel from elsewhere, for instance while something waits for the end.
    pub fn control(&self) -> UploadControl {
        self.control.clone()
    }

    /// Starts nothing new; what is in flight may finish.
    pub fn pause(&self) {
        self.control.pause();
    }

    /// Goes on after a pause.
    pub fn resume(&self) {
        self.control.resume();
    }

    /// Stops for good; see [`UploadControl::cancel`]. [`UploadHandle::wait`] then tells what became of it.
    pub fn cancel(&self, disposition: Disposition) {
        self.control.cancel(disposition);
    }

    /// Waits for the end. Dropping this future drops the handle: cancel-keep.
    ///
    /// # Errors
    ///
    /// [`DriverError`] if the upload did not end with a ready object.
    pub async fn wait(mut self) -> Result<Completed, DriverError> {
        match (&mut self.task).await {
            Ok(result) => result,
            Err(failed) => Err(DriverError::Panicked(failed.to_string())),
        }
    }
}

impl Drop for UploadHandle {
    fn drop(&mut self) {
        self.control.cancel(Disposition::Keep);
    }
}

impl fmt::Debug for UploadHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UploadHandle")
            .field("id", &self.id)
            .field("progress", &*self.progress.borrow())
            .finish_non_exhaustive()
    }
}
