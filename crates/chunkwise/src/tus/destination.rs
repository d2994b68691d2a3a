//! Where an upload goes, as its checkpoint remembers it.

use chunkwise_tus::{Metadata, Way};
use serde::{Deserialize, Serialize};

/// Where an upload to a tus server goes: all that is needed to go on with it, and nothing secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "to", rename = "tus")]
pub struct Destination {
    /// Where uploads are created, without its query.
    pub endpoint: String,
    /// How the source becomes an upload: `whole`, `deferred` or `parts`.
    pub way: String,
    /// What the server is told about it, as keys with values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metadata: Vec<(String, String)>,
    /// Whether every request with bytes has a digest of them.
    #[serde(default)]
    pub checksums: bool,
}

/// A checkpoint that is not one of an upload to a tus server, or not one that this version understands.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the checkpoint is not one of an upload to a tus server: {reason}")]
pub struct NotToTus {
    reason: String,
}

const WAYS: [(Way, &str); 3] = [(Way::Whole, "whole"), (Way::Deferred, "deferred"), (Way::Parts, "parts")];

impl Destination {
    /// Reads it from a checkpoint's record.
    ///
    /// # Errors
    ///
    /// [`NotToTus`] if it belongs to another kind of destination.
    pub fn from_record(destination: &serde_json::Value) -> Result<Self, NotToTus> {
        Self::deserialize(destination).map_err(|error| NotToTus { reason: error.to_string() })
    }

    pub(super) fn new(endpoint: String, way: Way, metadata: &Metadata, checksums: bool) -> Self {
        let name = WAYS.iter().find(|(known, _)| *known == way).map_or("", |(_, name)| name);
        let metadata = metadata.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        Self { endpoint, way: name.to_owned(), metadata, checksums }
    }

    pub(super) fn to_record(&self) -> serde_json::Value {
        // Strings alone: there is nothing in it that JSON can't hold.
        serde_json::to_value(self).unwrap_or_default()
    }

    pub(super) fn way(&self) -> Result<Way, NotToTus> {
        let found = WAYS.iter().find(|(_, name)| *name == self.way).map(|(way, _)| *way);
        found.ok_or_else(|| NotToTus { reason: format!("there is no way {:?}", self.way) })
    }

    pub(super) fn metadata(&self) -> Result<Metadata, NotToTus> {
        self.metadata.iter().try_fold(Metadata::new(), |metadata, (key, value)| {
            metadata.with(key, value.as_str()).map_err(|error| NotToTus { reason: error.to_string() })
        })
    }
}
