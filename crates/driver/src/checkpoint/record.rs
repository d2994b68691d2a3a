//! The record of an upload: what is written to disk.

use std::path::{Path, PathBuf};

use chunkwise_core::{Checkpoint, Completed, Final, Session, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Place, StoreError, UploadId};
use crate::source::Fingerprint;

/// The format that this version writes, and the newest that it reads.
pub const RECORD_VERSION: u32 = 1;

/// All there is to know to go on with an upload. It never holds a secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// The format: [`RECORD_VERSION`].
    pub version: u32,
    /// The upload.
    pub id: UploadId,
    /// When it was started.
    pub created_at: Timestamp,
    /// When this was written.
    pub updated_at: Timestamp,
    /// When the server forgets the session, if it said so; of a finished upload, when its result ceases to be usable.
    pub expires_at: Option<Timestamp>,
    /// What it is bound to.
    pub source: SourceBinding,
    /// Where it goes, in words of the caller's; for whoever has to make the transport again.
    pub destination: serde_json::Value,
    /// The engine's own state.
    pub checkpoint: Checkpoint,
    /// What came of it, if it has ended well and its record was to be kept
    /// ([`WhenDone::Keep`](crate::WhenDone::Keep)). Nothing is left to be sent then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished: Option<Finished>,
}

/// The result of an upload that has ended well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finished {
    /// The session in which it was uploaded.
    pub session: Option<Session>,
    /// The server's final answer.
    pub result: Final,
}

impl From<Finished> for Completed {
    fn from(finished: Finished) -> Self {
        let Finished { session, result } = finished;
        Self { session, result }
    }
}

impl From<&Completed> for Finished {
    fn from(completed: &Completed) -> Self {
        let Completed { session, result } = completed.clone();
        Self { session, result }
    }
}

impl Record {
    /// Whether the source may have to be read to go on.
    pub const fn needs_source(&self) -> bool {
        self.finished.is_none() && self.checkpoint.needs_source()
    }

    /// Whether the server has forgotten the session, or the result of a finished upload, by now.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut json = serde_json::to_vec(self)?;
        json.push(b'\n');
        Ok(json)
    }

    /// The format is looked at before anything else: a newer one need not be readable.
    pub(super) fn decode(json: &[u8], id: &UploadId, place: impl Fn() -> Place) -> Result<Self, StoreError> {
        #[derive(Deserialize)]
        struct Format {
            version: u64,
        }
        let damaged = |error: serde_json::Error| StoreError::Damaged {
            place: place(),
            reason: error.to_string().into(),
        };
        let Format { version } = serde_json::from_slice(json).map_err(damaged)?;
        if version > u64::from(RECORD_VERSION) {
            return Err(StoreError::Newer { place: place(), version });
        }
        let record: Self = serde_json::from_slice(json).map_err(damaged)?;
        if record.id != *id {
            let reason = format!("it belongs to upload {}", record.id).into();
            return Err(StoreError::Damaged { place: place(), reason });
        }
        Ok(record)
    }
}

/// What a checkpoint is bound to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceBinding {
    /// The absolute path of the file, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path: Option<StoredPath>,
    /// What it is recognised by.
    pub fingerprint: Fingerprint,
}

impl SourceBinding {
    /// Of a source at this path (if it has one) with this fingerprint.
    pub fn new(path: Option<PathBuf>, fingerprint: Fingerprint) -> Self {
        Self { path: path.map(StoredPath::from), fingerprint }
    }

    /// The absolute path of the file, if it is one.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_ref().map(|path| path.0.as_path())
    }
}

/// A path as JSON: a string, or the bytes of a name that is no UTF-8.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "PathText", into = "PathText")]
struct StoredPath(PathBuf);

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum PathText {
    Text(String),
    Bytes(Vec<u8>),
}

impl From<PathBuf> for StoredPath {
    fn from(path: PathBuf) -> Self {
        Self(path)
    }
}

impl From<StoredPath> for PathText {
    fn from(path: StoredPath) -> Self {
        match path.0.into_os_string().into_string() {
            Ok(text) => Self::Text(text),
            Err(name) => Self::Bytes(name.into_encoded_bytes()),
        }
    }
}

impl From<PathText> for StoredPath {
    fn from(path: PathText) -> Self {
        match path {
            PathText::Text(text) => Self(text.into()),
            #[cfg(unix)]
            PathText::Bytes(bytes) => {
                Self(PathBuf::from(<std::ffi::OsString as std::os::unix::ffi::OsStringExt>::from_vec(bytes)))
            }
            #[cfg(not(unix))]
            PathText::Bytes(bytes) => Self(String::from_utf8_lossy(&bytes).into_owned().into()),
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt as _;

    use super::*;

    #[test]
    fn any_path_survives() {
        for name in [b"/v/video.mp4".to_vec(), b"/v/\xff\xfe.mp4".to_vec()] {
            let path = PathBuf::from(OsString::from_vec(name));
            let binding = SourceBinding::new(Some(path.clone()), Fingerprint::default());
            let json = serde_json::to_string(&binding).unwrap();
            let back: SourceBinding = serde_json::from_str(&json).unwrap();
            assert_eq!(back.path(), Some(path.as_path()));
        }
    }
}
