//! The protocol: one value is one upload's destination.

use chunkwise_core::{Operation, OperationKind, Outcome, Profile, Timestamp};
use chunkwise_transport::http::{EncodeContext, EncodeError, Preview, Protocol, Request, Response};
use url::Origin;

use crate::place::{Misplaced, Upload};
use crate::{Capabilities, Endpoint, Extension, Metadata, checksum, decode, encode, profile};

/// How the source becomes an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// As one upload, whose length is said when it is created. The last Append makes it complete.
    Whole,
    /// As one upload, whose length may be said when the source has ended (`creation-defer-length`). A Finalize says it.
    Deferred,
    /// As several partial uploads in parallel, which a Finalize joins (`concatenation`, with `creation-with-upload`).
    Parts,
}

impl Way {
    /// The extensions without which it can't be gone.
    pub const fn needs(self) -> &'static [Extension] {
        match self {
            Self::Whole => &[Extension::Creation],
            Self::Deferred => &[Extension::Creation, Extension::CreationDeferLength],
            Self::Parts => &[Extension::Creation, Extension::CreationWithUpload, Extension::Concatenation],
        }
    }
}

/// A server that lacks an extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server can't do that: it lacks the tus extension {lacks}")]
pub struct Unsupported {
    /// What it lacks.
    pub lacks: Extension,
}

/// Whether the bytes of a request come with a digest of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Checksums {
    None,
    /// The one algorithm that every server with the extension has (tus 1.0.0, "Checksum").
    Sha1,
}

/// tus 1.0 as a pure codec. One value is one upload's destination: a server with what it can do, a way, and what the
/// server is told about the upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TusProtocol {
    pub(crate) endpoint: Endpoint,
    pub(crate) capabilities: Capabilities,
    pub(crate) way: Way,
    pub(crate) metadata: Metadata,
    pub(crate) max_parts: u32,
    pub(crate) checksums: Checksums,
    elsewhere: Vec<Origin>,
}

impl TusProtocol {
    /// An upload to this server.
    ///
    /// # Errors
    ///
    /// [`Unsupported`] if the server lacks what the way needs.
    pub fn new(endpoint: Endpoint, capabilities: Capabilities, way: Way) -> Result<Self, Unsupported> {
        if let Some(lacks) = way.needs().iter().copied().find(|extension| !capabilities.has(*extension)) {
            return Err(Unsupported { lacks });
        }
        let (metadata, max_parts) = (Metadata::new(), profile::MAX_PARTS);
        let checksums = Checksums::None;
        Ok(Self { endpoint, capabilities, way, metadata, max_parts, checksums, elsewhere: Vec::new() })
    }

    /// The same with what the server is told about the upload. Default: nothing.
    #[must_use]
    pub fn with_metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// The same with at most so many partial uploads. Default: [`MAX_PARTS`](crate::MAX_PARTS).
    #[must_use]
    pub const fn with_max_parts(mut self, max_parts: u32) -> Self {
        self.max_parts = max_parts;
        self
    }

    /// The same with a SHA-1 of the bytes in every request that has any (`checksum`): what changed on the way is refused and
    /// sent again. Every segment is read twice then. Default: without.
    ///
    /// # Errors
    ///
    /// [`Unsupported`] if the server lacks the extension.
    pub fn with_checksums(mut self) -> Result<Self, Unsupported> {
        if !self.capabilities.has(Extension::Checksum) {
            return Err(Unsupported { lacks: Extension::Checksum });
        }
        self.checksums = Checksums::Sha1;
        Ok(self)
    }

    /// The same, where uploads may also be at the origin of this URL. Credentials go there then. Default: only at that of
    /// the endpoint.
    #[must_use]
    pub fn with_uploads_at(mut self, elsewhere: &Endpoint) -> Self {
        self.elsewhere.push(elsewhere.origin());
        self
    }

    /// Where it creates uploads.
    pub const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub(crate) fn located(
        &self,
        location: &str,
        length: crate::place::Announced,
    ) -> Result<Upload, Misplaced> {
        Upload::located(location, length, &self.endpoint, &self.elsewhere)
    }

    pub(crate) fn upload(&self, session: &chunkwise_core::Session) -> Result<Upload, Misplaced> {
        Upload::of(session, &self.endpoint, &self.elsewhere)
    }
}

impl Protocol for TusProtocol {
    fn profile(&self) -> Profile {
        profile::profile(&self.capabilities, self.way, self.max_parts)
    }

    fn encode(&self, operation: &Operation, _: &EncodeContext) -> Result<Request, EncodeError> {
        encode::encode(self, &operation.action)
    }

    fn preview(&self, operation: &Operation) -> Option<Box<dyn Preview>> {
        match (self.checksums, operation.kind()) {
            (Checksums::Sha1, OperationKind::Append) => Some(Box::new(checksum::Checksum::default())),
            (Checksums::Sha1, _) | (Checksums::None, _) => None,
        }
    }

    fn decode(&self, operation: &Operation, response: &Response, received_at: Timestamp) -> Outcome {
        decode::decode(self, &operation.action, response, received_at)
    }
}
