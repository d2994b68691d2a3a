//! Profiles: what a protocol can and cannot do, as data.
//!
//! The engine never asks "is this X?"; it reads the profile. Source of the axes: upload protocol study §4.

use alloc::borrow::Cow;

/// What a protocol can and cannot do for one destination.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Profile {
    /// The protocol's name; a checkpoint is only resumed under the same name.
    pub name: Cow<'static, str>,
    /// How a session comes to be.
    pub open: Open,
    /// Which family of transfer it is.
    pub transfer: Transfer,
    /// When the server wants to know the source's length.
    pub length: Length,
    /// Which segments it takes.
    pub sizing: Sizing,
    /// How the object comes to be once all bytes are stored.
    pub finalize: Finalize,
    /// Whether it can be asked if an object was committed.
    pub verify: Verify,
    /// Whether processing may follow a Finalize.
    pub processing: Processed,
    /// Whether a session can be given up.
    pub abort: Abort,
}

impl Profile {
    /// Whether a segment that may be stored must not be sent again, and nobody can be asked.
    pub(crate) const fn resends_never(&self) -> bool {
        match self.transfer {
            Transfer::Parts(Parts { resend: Resend::Never, .. }) => true,
            Transfer::Parts(Parts { resend: Resend::Overwrites | Resend::ProbeFirst, .. })
            | Transfer::Append(_) => false,
        }
    }

    /// The sizing where the length is said at the end only. If that is for the last Append to say, there has to be one,
    /// though it has no byte.
    pub(crate) const fn at_the_end(&self) -> Sizing {
        let empty = match (self.finalize, self.sizing.empty) {
            (Finalize::Implicit, Empty::NoSegment) => Empty::OneSegment,
            (Finalize::Implicit | Finalize::Call { .. }, empty) => empty,
        };
        Sizing { empty, ..self.sizing }
    }
}

/// How a session comes to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Open {
    /// By an Init.
    Request,
    /// There is none; the first Append needs nothing before it. The session token is empty.
    None,
}

/// The two families of transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Transfer {
    /// Numbered segments in any order: X, S3, tus concatenation.
    Parts(Parts),
    /// One writer, the server owns the offset: tus, GCS, IETF resumable uploads.
    Append(Append),
}

/// The parts family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Parts {
    /// What sending a segment does that the server may hold already.
    pub resend: Resend,
    /// Whether the server can list what it holds.
    pub listing: Listing,
}

/// What sending a segment does that the server may hold already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Resend {
    /// It replaces the same bytes by the same bytes: harmless.
    Overwrites,
    /// It is not known to be harmless: Probe first.
    ProbeFirst,
    /// It may make a second object, and nobody can be asked: it is never done unless the server certainly holds nothing
    /// of the first. Where that is not certain, the upload ends, and says so. For where a single Append makes the object.
    Never,
}

/// Whether the server can list the segments it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Listing {
    /// It can't; our own record is all there is.
    None,
    /// It can, in pages, and the list is complete.
    Complete,
}

/// The append family. After an Append with an unknown end the engine asks for the cursor, whatever is said here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Append {
    /// What is stored of an Append that breaks off.
    pub commit: Commit,
}

/// What is stored of an Append that breaks off in the middle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Commit {
    /// Nothing of it.
    Atomic,
    /// What arrived before the break.
    Prefix,
}

/// When the server wants to know the source's length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Length {
    /// At Init; a source of unknown length can't be uploaded.
    AtInit,
    /// When the source has ended.
    AtEnd,
}

/// Which segments a server takes. All sizes in bytes of source data, without the wire's own overhead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Sizing {
    /// The smallest segment; the last one may be smaller, and in the append family the rest of one stored in part.
    pub min: u64,
    /// The largest segment.
    pub max: u64,
    /// Every segment but the last is a multiple of this; 1 where any size goes. Zero counts as 1.
    pub multiple_of: u64,
    /// The most segments that an upload may have.
    pub max_count: u32,
    /// The largest object.
    pub max_total: u64,
    /// Whether segments may differ in size.
    pub uniformity: Uniformity,
    /// Whether a source without a byte can be uploaded.
    pub empty: Empty,
}

/// Whether segments may differ in size within a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Uniformity {
    /// They may.
    Free,
    /// All but the last are of one size.
    Uniform,
}

/// Whether a source without a byte can be uploaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Empty {
    /// It can't.
    Refused,
    /// As one segment without a byte.
    OneSegment,
    /// By a Finalize without any segment.
    NoSegment,
}

/// How the object comes to be once all bytes are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Finalize {
    /// By a Finalize.
    Call {
        /// Whether it lists the receipts.
        receipts: Receipts,
    },
    /// By the last Append.
    Implicit,
}

/// Whether Finalize lists a receipt for every segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Receipts {
    /// It does not.
    NotWanted,
    /// It does.
    Required,
}

/// Whether the server can be asked if an object was committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Verify {
    /// It can, by a Verify (whose answer may still be "cannot tell").
    Call,
    /// It can't.
    Unsupported,
}

/// Whether processing may follow a Finalize.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Processed {
    /// It does not.
    Never,
    /// It may, and is polled by Status.
    Polled,
}

/// Whether a session can be given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Abort {
    /// It can't, and the server says nowhere that it forgets one by itself.
    Unsupported,
    /// It need not: the server forgets it by itself after a while.
    Expires,
    /// By an Abort.
    Call,
}
