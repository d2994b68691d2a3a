//! Measured uploads to a store that speaks S3, or to a tus server. Each is removed as soon as it is measured.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use chunkwise::core::Discard;
use chunkwise::transport::http::Authorizer;
use tokio_util::sync::CancellationToken;

use super::cell::Sample;
use super::owed::{Left, Owed, Why};
use super::setting::Setting;
use super::upload::{Troubles, bare, interrupted, watch};
use crate::args::{ConnectionOptions, TransferOptions};
use crate::engine::EngineOptions;
use crate::failed::Failed;
use crate::to::{Bytes, Elsewhere, Place, StoreAddress};
use crate::values::{LimitSet, Size};

/// A place other than X: how it is reached, as whom, with what, and what is there of ours.
pub(super) struct There {
    /// Of a bucket, with a key of the bench's own.
    pub(super) place: Place,
    pub(super) store: StoreAddress,
    pub(super) authorizer: Arc<dyn Authorizer>,
    pub(super) connection: ConnectionOptions,
    /// What the environment and the settings file say; chunk size and window are the sweep's.
    pub(super) transfer: TransferOptions,
    pub(super) file: PathBuf,
    pub(super) removal: Removal,
    pub(super) ours: Mutex<Ours>,
}

/// Whether what was uploaded can be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Removal {
    /// After each upload.
    Possible,
    /// The server has no `termination`: what is uploaded stays.
    Unable,
}

/// What is there of ours.
#[derive(Default)]
pub(super) struct Ours {
    /// What is to be removed before anything else is uploaded.
    owed: Option<Owed>,
    /// What stays.
    stays: Vec<Left>,
}

impl There {
    /// Uploads the file once, over new connections, and removes what came of it. As long as that is owed of the upload
    /// before, nothing is uploaded: more than one object is never left.
    pub(super) async fn upload(
        &self,
        setting: Setting,
        stop: &CancellationToken,
        troubles: &Troubles<'_>,
    ) -> Result<Sample, Failed> {
        if stop.is_cancelled() {
            return Err(interrupted());
        }
        self.settle().await?;
        let uploader = self.uploader(setting)?;
        let began = Instant::now();
        let running = uploader.start(&self.place, Bytes::File(self.file.clone())).await.map_err(bare)?;
        let (control, events) = (running.control(), running.events());
        match watch(began, control, events, running.wait(), stop, troubles).await {
            Ok(((_, address, _), sample)) => {
                match self.removal {
                    Removal::Possible => self.owe(Owed::object(uploader, address)),
                    Removal::Unable => self.stays(address),
                }
                self.settle().await?;
                Ok(sample)
            }
            Err(failed) => {
                self.give_up(uploader, &failed).await;
                // Whether that is owed, the next upload asks, or the end.
                let _ = self.settle().await;
                Err(bare(failed))
            }
        }
    }

    /// Owes the server word of an upload that did not end well.
    async fn give_up(&self, uploader: Elsewhere, failed: &Failed) {
        let Some(id) = failed.kept.upload().cloned() else { return };
        let address = match &self.place {
            Place::S3 { .. } => Some(self.place.written()),
            Place::Tus(_) => uploader.session(&id).await,
        };
        match (self.removal, address) {
            (Removal::Unable, Some(address)) => {
                let discarded = uploader.discard(&id).await;
                match discarded {
                    Ok(Discard::NothingToDo) => {}
                    Ok(_) | Err(_) => self.stays(address),
                }
            }
            (Removal::Unable, None) => {}
            (Removal::Possible, address) => self.owe(Owed::upload(uploader, id, address)),
        }
    }

    fn uploader(&self, setting: Setting) -> Result<Elsewhere, Failed> {
        let engine = EngineOptions {
            connection: self.connection.clone(),
            transfer: TransferOptions {
                chunk_size: Some(Size::of(setting.chunk.bytes())),
                window: Some(setting.window),
                ..self.transfer.clone()
            },
            limits: LimitSet::None,
            ..EngineOptions::default()
        };
        Elsewhere::of(&self.place, engine.parts()?, &self.store, Arc::clone(&self.authorizer))
    }

    /// Removes what is owed.
    async fn settle(&self) -> Result<(), Failed> {
        let Some(owed) = self.ours(|ours| ours.owed.take()) else { return Ok(()) };
        owed.settle().await.map_err(|(owed, failed)| {
            self.owe(owed);
            failed
        })
    }

    /// Removes what is owed, and tells what is left.
    pub(super) async fn end(self) -> Vec<Left> {
        let Ours { owed, stays } = self.ours.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut left = stays;
        if let Some(owed) = owed
            && let Err((owed, failed)) = owed.settle().await
        {
            left.push(owed.left(&failed));
        }
        left
    }

    fn owe(&self, owed: Owed) {
        self.ours(|ours| ours.owed = Some(owed));
    }

    fn stays(&self, address: String) {
        self.ours(|ours| ours.stays.push(Left { what: address, why: Why::Unable }));
    }

    fn ours<T>(&self, with: impl FnOnce(&mut Ours) -> T) -> T {
        with(&mut self.ours.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
