//! The kinds of server that there are models of: a profile each, as a protocol of that kind would give it.

use std::borrow::Cow;

use chunkwise_core::{
    Abort, Append, Commit, Empty, Finalize, Length, Listing, Open, Parts, Processed, Profile, Receipts,
    Resend, Sizing, Transfer, Uniformity, Verify,
};

/// A kind of server, by what it can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Model {
    /// Numbered segments, no list of them, no receipts; processing follows. Like X.
    Parts,
    /// The same, but whether an object was committed can't be asked.
    PartsBlind,
    /// The same, but the answer to that question is always "cannot tell".
    PartsMute,
    /// The same, and all segments but the last are of one size.
    PartsUniform,
    /// Numbered segments with receipts, which can be listed; an upload can be given up. Like S3.
    Listed,
    /// One writer; what arrived of a broken Append is kept; the last Append makes the object. Like tus.
    AppendPrefix,
    /// One writer; a broken Append leaves nothing; a Finalize makes the object, and processing follows.
    AppendAtomic,
    /// A single request that carries everything, and its answer is final: a second one makes a second object, and nobody can
    /// be asked. Like a POST without an idempotency key.
    OneShot,
}

impl Model {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Parts,
        Self::PartsBlind,
        Self::PartsMute,
        Self::PartsUniform,
        Self::Listed,
        Self::AppendPrefix,
        Self::AppendAtomic,
        Self::OneShot,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Parts => "parts",
            Self::PartsBlind => "parts-blind",
            Self::PartsMute => "parts-mute",
            Self::PartsUniform => "parts-uniform",
            Self::Listed => "listed",
            Self::AppendPrefix => "append-prefix",
            Self::AppendAtomic => "append-atomic",
            Self::OneShot => "one-shot",
        }
    }

    /// What a protocol for it can do. Sizes are small, so that little bytes make many segments: from 1 byte, at most
    /// 1,000 segments. Where a single request carries everything, it is one of any size.
    pub const fn profile(self) -> Profile {
        let parts = Transfer::Parts(Parts { resend: Resend::Overwrites, listing: Listing::None });
        let listed = Transfer::Parts(Parts { resend: Resend::ProbeFirst, listing: Listing::Complete });
        let once = Transfer::Parts(Parts { resend: Resend::Never, listing: Listing::None });
        let (max, max_count) = if self.sends_once() { (u64::MAX, 1) } else { (5_000_000, 1000) };
        let sizing = Sizing {
            min: 1,
            max,
            multiple_of: 1,
            max_count,
            max_total: u64::MAX,
            uniformity: match self {
                Self::PartsUniform => Uniformity::Uniform,
                _ => Uniformity::Free,
            },
            empty: Empty::OneSegment,
        };
        let transfer = match self {
            Self::Parts | Self::PartsBlind | Self::PartsMute | Self::PartsUniform => parts,
            Self::Listed => listed,
            Self::AppendPrefix => Transfer::Append(Append { commit: Commit::Prefix }),
            Self::AppendAtomic => Transfer::Append(Append { commit: Commit::Atomic }),
            Self::OneShot => once,
        };
        Profile {
            name: Cow::Borrowed(self.name()),
            open: if self.sends_once() { Open::None } else { Open::Request },
            transfer,
            length: if self.sends_once() { Length::AtInit } else { Length::AtEnd },
            sizing,
            finalize: match self {
                Self::Listed => Finalize::Call { receipts: Receipts::Required },
                Self::AppendPrefix | Self::OneShot => Finalize::Implicit,
                _ => Finalize::Call { receipts: Receipts::NotWanted },
            },
            verify: match self {
                Self::PartsBlind | Self::OneShot => Verify::Unsupported,
                _ => Verify::Call,
            },
            processing: match self {
                Self::Listed | Self::AppendPrefix | Self::OneShot => Processed::Never,
                _ => Processed::Polled,
            },
            abort: match self {
                Self::Listed | Self::AppendPrefix => Abort::Call,
                _ => Abort::Expires,
            },
        }
    }

    /// Whether segments have numbers and come in any order.
    pub const fn is_parts(self) -> bool {
        match self {
            Self::Parts
            | Self::PartsBlind
            | Self::PartsMute
            | Self::PartsUniform
            | Self::Listed
            | Self::OneShot => true,
            Self::AppendPrefix | Self::AppendAtomic => false,
        }
    }

    /// Whether a single request makes the object, and must not be made twice.
    pub const fn sends_once(self) -> bool {
        matches!(self, Self::OneShot)
    }

    /// Whether it wants the receipt of every segment back.
    pub const fn wants_receipts(self) -> bool {
        matches!(self, Self::Listed)
    }

    /// Whether it processes what was finalized.
    pub const fn processes(self) -> bool {
        match self {
            Self::Parts | Self::PartsBlind | Self::PartsMute | Self::PartsUniform | Self::AppendAtomic => {
                true
            }
            Self::Listed | Self::AppendPrefix | Self::OneShot => false,
        }
    }

    /// Whether a session can be given up.
    pub const fn aborts(self) -> bool {
        matches!(self, Self::Listed | Self::AppendPrefix)
    }

    /// Whether it can say if an object was committed.
    pub const fn verifies(self) -> bool {
        match self {
            Self::Parts | Self::PartsUniform | Self::Listed | Self::AppendPrefix | Self::AppendAtomic => true,
            Self::PartsBlind | Self::PartsMute | Self::OneShot => false,
        }
    }
}
