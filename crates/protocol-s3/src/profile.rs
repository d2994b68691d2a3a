//! What S3 can and cannot do, as data; and where stores that speak its API differ.

use std::borrow::Cow;

use chunkwise_core::{
    Abort, Empty, Finalize, Length, Listing, Open, Parts, Processed, Profile, Receipts, Resend, Sizing,
    Transfer, Uniformity, Verify,
};
use serde::{Deserialize, Serialize};

use crate::Checksum;

/// The smallest part but the last: 5 MiB. Source: S3 User Guide, "Amazon S3 multipart upload limits".
pub const MIN_PART: u64 = 5 << 20;

/// The largest part: 5 GiB. Source: as [`MIN_PART`].
pub const MAX_PART: u64 = 5 << 30;

/// The most parts; they are numbered from 1. Source: as [`MIN_PART`].
pub const MAX_PARTS: u32 = 10_000;

/// A store that speaks S3's API, by what differs between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Store {
    /// Whether parts may differ in size.
    pub parts: Uniformity,
    /// The checksum that every part is sent with, in a trailer. Default: CRC-64/NVME at S3, none elsewhere, since not every
    /// store knows trailers.
    pub checksum: Option<Checksum>,
    /// Whether objects keep the metadata they were created with.
    pub metadata: Metadata,
    /// The largest object in bytes. Default: as many of the largest parts as there may be.
    pub max_total: u64,
}

/// Whether objects keep the metadata they were created with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metadata {
    /// They do: after a lost answer to Complete the object is recognised by its [`Mark`](crate::Mark).
    Kept,
    /// They don't, or nobody knows: an object that is there may be an older one, and nobody can tell.
    Unsupported,
}

impl Store {
    /// Amazon S3.
    pub const S3: Self = Self { checksum: Some(Checksum::Crc64Nvme), ..Self::COMPATIBLE };

    /// Cloudflare R2: all parts but the last are of one size. Source: R2 documentation, "Multipart upload".
    pub const R2: Self = Self { parts: Uniformity::Uniform, ..Self::COMPATIBLE };

    /// Any other store: no checksums, for it may not know trailers.
    pub const COMPATIBLE: Self = Self {
        parts: Uniformity::Free,
        checksum: None,
        metadata: Metadata::Kept,
        max_total: MAX_PART * MAX_PARTS as u64,
    };

    /// The same with this checksum, or without one.
    #[must_use]
    pub const fn with_checksum(mut self, checksum: Option<Checksum>) -> Self {
        self.checksum = checksum;
        self
    }

    /// What it can and cannot do.
    pub const fn profile(&self) -> Profile {
        profile(self)
    }
}

/// The profile of an upload to this store.
const fn profile(store: &Store) -> Profile {
    Profile {
        name: Cow::Borrowed("s3"),
        open: Open::Request,
        transfer: Transfer::Parts(Parts {
            // A part replaces the one of its number (S3 API Reference, `UploadPart`).
            resend: Resend::Overwrites,
            listing: Listing::Complete,
        }),
        length: Length::AtEnd,
        sizing: Sizing {
            min: MIN_PART,
            max: MAX_PART,
            multiple_of: 1,
            max_count: MAX_PARTS,
            max_total: store.max_total,
            uniformity: store.parts,
            // Complete wants one part at least, and the last part may be of any size.
            empty: Empty::OneSegment,
        },
        finalize: Finalize::Call { receipts: Receipts::Required },
        verify: Verify::Call,
        processing: Processed::Never,
        abort: Abort::Call,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stores_differ_in_what_is_said_of_them_alone() {
        assert_eq!(profile(&Store::R2).sizing.uniformity, Uniformity::Uniform);
        assert_eq!(profile(&Store::S3).sizing.uniformity, Uniformity::Free);
        assert_eq!(profile(&Store::S3), profile(&Store::S3.with_checksum(None)));
        let sizing = profile(&Store::S3).sizing;
        assert_eq!(sizing.max_total, 53_687_091_200_000, "48.8 TiB");
    }
}
