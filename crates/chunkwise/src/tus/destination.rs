//! Where an upload goes, as its checkpoint remembers it.

use chunkwise_tus::{Capabilities, Endpoint, Extension, Metadata, Way};
use serde::{Deserialize, Serialize};

/// Where an upload to a tus server goes: all that is needed to go on with it, and nothing secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "to", rename = "tus")]
pub struct Destination {
    /// Where uploads are created, without its query.
    pub endpoint: String,
    /// Whether there was one. Default: it is not known of any.
    #[serde(default)]
    pub query: Query,
    /// How the source becomes an upload: `whole`, `deferred` or `parts`.
    pub way: String,
    /// What the server is told about it, as keys with values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metadata: Vec<(String, String)>,
    /// Whether every request with bytes has a digest of them.
    #[serde(default)]
    pub checksums: bool,
    /// What the server said that it can do, so that it need not be asked to go on. Default: nothing is remembered of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerSaid>,
}

/// Whether the endpoint had a query.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Query {
    /// It had none.
    #[default]
    None,
    /// It had one, which is not kept: it may hold a key. What was begun is gone on with without it; a server that wants it
    /// needs an uploader whose endpoint has it.
    LeftOut,
}

/// What a server said that it can do, as a checkpoint remembers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerSaid {
    /// The names of its extensions; unknown ones are passed over.
    pub extensions: Vec<String>,
    /// The largest upload that it takes, in bytes. Default: it did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_size: Option<u64>,
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

    pub(super) fn new(
        endpoint: &Endpoint,
        way: Way,
        metadata: &Metadata,
        checksums: bool,
        server: &Capabilities,
    ) -> Self {
        let extensions = Extension::ALL.into_iter().filter(|known| server.has(*known));
        let extensions = extensions.map(|known| known.name().to_owned()).collect();
        let server = Some(ServerSaid { extensions, max_size: server.max_size() });
        let name = WAYS.iter().find(|(known, _)| *known == way).map_or("", |(_, name)| name);
        let metadata = metadata.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let query = if endpoint.as_str().contains('?') { Query::LeftOut } else { Query::None };
        Self { endpoint: endpoint.to_string(), query, way: name.to_owned(), metadata, checksums, server }
    }

    pub(super) fn to_record(&self) -> serde_json::Value {
        // Strings alone: there is nothing in it that JSON can't hold.
        serde_json::to_value(self).unwrap_or_default()
    }

    pub(super) fn capabilities(&self) -> Option<Capabilities> {
        let said = self.server.as_ref()?;
        let has = |known: &Extension| said.extensions.iter().any(|name| name == known.name());
        let known = Capabilities::new(Extension::ALL.into_iter().filter(has));
        Some(match said.max_size {
            Some(max_size) => known.with_max_size(max_size),
            None => known,
        })
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
