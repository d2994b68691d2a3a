//! Checkpoints: durable snapshots from which an upload continues after a crash.

use alloc::borrow::Cow;
use alloc::collections::BTreeMap;
use core::time::Duration;

use crate::io::CheckpointSeq;
use crate::plan::{Plan, PlanError};
use crate::profile::{Finalize, Length, Profile, Receipts, Transfer};
use crate::range::{Segment, SegmentIndex};
use crate::ranges::RangeSet;
use crate::spec::{Rewind, SourceLength, UploadSpec};
use crate::time::Timestamp;
use crate::token::{Receipt, Session};

/// The version of the format that this crate writes. It reads no newer one.
pub const CHECKPOINT_VERSION: u16 = 2;

/// The version of what an older program can read as well: all but the checkpoints of sources of unknown length.
const WITH_KNOWN_LENGTH: u16 = 1;

/// The version that a checkpoint of such a source needs.
pub(crate) const fn version_of(length: SourceLength) -> u16 {
    match length {
        SourceLength::Known(_) => WITH_KNOWN_LENGTH,
        SourceLength::Unknown => CHECKPOINT_VERSION,
    }
}

/// A durable snapshot of an upload. It holds no credentials.
///
/// It is plain data; with the feature `serde` it can be stored in any format. What comes back from a store is
/// checked by [`Upload::resume`](crate::Upload::resume), not trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Checkpoint {
    pub(crate) version: u16,
    pub(crate) seq: CheckpointSeq,
    pub(crate) protocol: Cow<'static, str>,
    pub(crate) spec: UploadSpec,
    pub(crate) plan: Plan,
    /// Time spent on the upload so far, pauses and the time between two processes excluded.
    pub(crate) elapsed: Duration,
    /// How many sessions were used, the present one included.
    pub(crate) sessions: u32,
    /// The largest segment that the server is not known to refuse, in bytes.
    pub(crate) ceiling: Option<u64>,
    pub(crate) state: Saved,
}

/// Where the upload was.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) enum Saved {
    Opening,
    Open(SavedSession),
}

/// An open session and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct SavedSession {
    pub(crate) session: Session,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) stored: RangeSet,
    pub(crate) receipts: BTreeMap<u32, Receipt>,
    /// One more than the highest index that may have been sent.
    pub(crate) sent_to: u32,
    pub(crate) doubt: Doubt,
    pub(crate) stage: SavedStage,
}

/// What was under way in an open session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) enum SavedStage {
    Transferring,
    FinalizeSent,
    Processing,
    Aborting,
}

/// What was under way when a checkpoint was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CheckpointStage {
    /// No session was open.
    Opening,
    /// Segments were being sent, or the server was asked what it holds.
    Transferring,
    /// Everything was stored, and Finalize may have been sent.
    FinalizeSent,
    /// The object was committed and being processed.
    Processing,
    /// The session was to be given up.
    Aborting,
}

/// Whether a segment that may have been stored was sent again in this session (invariant 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) enum Doubt {
    None,
    Repeated,
}

impl Checkpoint {
    /// Its number; a newer one is larger.
    pub const fn seq(&self) -> CheckpointSeq {
        self.seq
    }

    /// What is being uploaded.
    pub const fn spec(&self) -> &UploadSpec {
        &self.spec
    }

    /// The name of the protocol that it was made under.
    pub fn protocol(&self) -> &str {
        &self.protocol
    }

    /// The source's length in bytes; of one whose end was not known yet ([`Plan::is_open`]), how far it was known to go.
    pub const fn total(&self) -> u64 {
        self.plan.total()
    }

    /// How many bytes the server acknowledged.
    pub const fn stored(&self) -> u64 {
        match &self.state {
            Saved::Opening => 0,
            Saved::Open(open) => open.stored.bytes(),
        }
    }

    /// The plan in force.
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The bytes that the server acknowledged.
    pub const fn stored_ranges(&self) -> Option<&RangeSet> {
        match &self.state {
            Saved::Opening => None,
            Saved::Open(open) => Some(&open.stored),
        }
    }

    /// The server's name for the session.
    pub const fn session(&self) -> Option<&Session> {
        match &self.state {
            Saved::Opening => None,
            Saved::Open(open) => Some(&open.session),
        }
    }

    /// When the server forgets the session, if it said so.
    pub const fn expires_at(&self) -> Option<Timestamp> {
        match &self.state {
            Saved::Opening => None,
            Saved::Open(open) => open.expires,
        }
    }

    /// What was under way: what another process begins with.
    pub const fn stage(&self) -> CheckpointStage {
        match &self.state {
            Saved::Opening => CheckpointStage::Opening,
            Saved::Open(open) => match open.stage {
                SavedStage::Transferring => CheckpointStage::Transferring,
                SavedStage::FinalizeSent => CheckpointStage::FinalizeSent,
                SavedStage::Processing => CheckpointStage::Processing,
                SavedStage::Aborting => CheckpointStage::Aborting,
            },
        }
    }

    /// The receipts of acknowledged segments, by index, where Finalize wants them.
    pub const fn receipts(&self) -> Option<&BTreeMap<u32, Receipt>> {
        match &self.state {
            Saved::Opening => None,
            Saved::Open(open) => Some(&open.receipts),
        }
    }

    /// One more than the highest index that may have been sent in this session.
    pub const fn sent_to(&self) -> u32 {
        match &self.state {
            Saved::Opening => 0,
            Saved::Open(open) => open.sent_to,
        }
    }

    /// How many sessions were used, the present one included; from 1.
    pub const fn sessions(&self) -> u32 {
        self.sessions
    }

    /// Whether all that is left to do is to give the session up. No source is needed for that.
    pub const fn abort_owed(&self) -> bool {
        matches!(&self.state, Saved::Open(SavedSession { stage: SavedStage::Aborting, .. }))
    }

    /// Whether the source's bytes may still be needed. Those of a source that can't be rewound are gone once all are
    /// stored.
    pub const fn needs_source(&self) -> bool {
        match &self.state {
            Saved::Opening => true,
            Saved::Open(open) => match open.stage {
                SavedStage::Transferring | SavedStage::FinalizeSent => match self.spec.rewind {
                    Rewind::Possible => true,
                    Rewind::UntilReleased => !self.plan.ends_at(open.stored.bytes()),
                },
                SavedStage::Processing | SavedStage::Aborting => false,
            },
        }
    }

    /// Whether the upload can go on from it: not if it needs bytes that are gone.
    pub(crate) fn check_source(&self) -> Result<(), ResumeError> {
        match self.spec.rewind {
            Rewind::UntilReleased if self.needs_source() => Err(ResumeError::NotRewindable),
            Rewind::UntilReleased | Rewind::Possible => Ok(()),
        }
    }

    /// Checks everything that the engine's arithmetic relies on.
    pub(crate) fn check(&self, profile: &Profile) -> Result<(), ResumeError> {
        if self.version > CHECKPOINT_VERSION {
            return Err(ResumeError::Newer { found: self.version, known: CHECKPOINT_VERSION });
        }
        if self.protocol != profile.name {
            return Err(ResumeError::OtherProtocol {
                found: self.protocol.clone().into_owned().into(),
                wanted: profile.name.clone().into_owned().into(),
            });
        }
        if self.version == 0 {
            return Err(ResumeError::Damaged("there is no version 0"));
        }
        let fits = match self.spec.length {
            SourceLength::Known(total) => self.plan.ends_at(total),
            SourceLength::Unknown if profile.length == Length::AtInit => {
                return Err(ResumeError::Plan(PlanError::LengthRequired));
            }
            SourceLength::Unknown => true,
        };
        if !fits {
            return Err(ResumeError::Damaged("the plan is not for a source of this length"));
        }
        if !self.plan.is_sound(&profile.sizing) {
            return Err(ResumeError::Damaged("the plan does not hold together"));
        }
        if self.seq.0 > u64::MAX / 2 {
            return Err(ResumeError::Damaged("nobody writes so many checkpoints"));
        }
        if self.sessions == 0 {
            return Err(ResumeError::Damaged("no session was ever used"));
        }
        match &self.state {
            Saved::Opening => Ok(()),
            Saved::Open(open) => open.check(&self.plan, profile),
        }?;
        Ok(())
    }
}

impl SavedSession {
    fn check(&self, plan: &Plan, profile: &Profile) -> Result<(), ResumeError> {
        let too_many = !plan.is_open() && self.sent_to > plan.count();
        if self.stored.end() > plan.total() || too_many {
            return Err(ResumeError::Damaged("more is stored than there is"));
        }
        match profile.transfer {
            Transfer::Parts(_) => self.check_parts(plan, profile)?,
            Transfer::Append(_) => {
                // One prefix: whatever its length, the server's cursor is behind it.
                if self.stored.bytes() != self.stored.end() {
                    return Err(ResumeError::Damaged("what is stored does not begin with the first byte"));
                }
                if !self.receipts.is_empty() {
                    return Err(ResumeError::Damaged("there is a receipt for no segment"));
                }
            }
        }
        let complete = plan.is_tiled_by(&self.stored);
        match self.stage {
            SavedStage::FinalizeSent | SavedStage::Processing if !complete => {
                Err(ResumeError::Damaged("it was finalized before everything was stored"))
            }
            SavedStage::Transferring
            | SavedStage::FinalizeSent
            | SavedStage::Processing
            | SavedStage::Aborting => Ok(()),
        }
    }

    /// In the parts family: what is stored is whole segments, with their receipts.
    fn check_parts(&self, plan: &Plan, profile: &Profile) -> Result<(), ResumeError> {
        let on_edge = |offset: u64| {
            let begins = |segment: Segment| segment.range.start() == offset;
            plan.ends_at(offset) || plan.planned_at(offset).is_some_and(begins)
        };
        if !self.stored.iter().all(|range| on_edge(range.start()) && on_edge(range.end())) {
            return Err(ResumeError::Damaged("what is stored does not end with a segment"));
        }
        // Of a source whose end is not known, the server may have listed the last one known as whole.
        let one_more =
            plan.planned(SegmentIndex::new(plan.count())).filter(|last| last.range.end() <= plan.total());
        let count = plan.count().saturating_add(u32::from(one_more.is_some()));
        if self.receipts.keys().any(|index| *index >= count) {
            return Err(ResumeError::Damaged("there is a receipt for no segment"));
        }
        if profile.finalize == (Finalize::Call { receipts: Receipts::Required }) {
            // An empty segment that was stored before Finalize is not told from one that was not.
            let finalized = match self.stage {
                SavedStage::FinalizeSent | SavedStage::Processing => true,
                SavedStage::Transferring | SavedStage::Aborting => false,
            };
            let stored = |s: &Segment| self.stored.contains(s.range) && (finalized || !s.range.is_empty());
            let missing = |s: Segment| !self.receipts.contains_key(&s.index.get());
            if plan.segments().chain(one_more).filter(stored).any(missing) {
                return Err(ResumeError::Damaged("a stored segment has no receipt"));
            }
        }
        Ok(())
    }
}

/// Why an upload can't be resumed from a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResumeError {
    /// The checkpoint was written by a newer version.
    #[error(
        "the checkpoint has version {found}, but this program reads no newer one than {known}; use a newer one"
    )]
    Newer {
        /// Its version.
        found: u16,
        /// The newest that can be read.
        known: u16,
    },
    /// The checkpoint belongs to another protocol.
    #[error("the checkpoint was made for {found}, not for {wanted}")]
    OtherProtocol {
        /// The protocol it was made for.
        found: alloc::boxed::Box<str>,
        /// The protocol that it was to be resumed under.
        wanted: alloc::boxed::Box<str>,
    },
    /// The checkpoint does not hold together.
    #[error("the checkpoint is damaged: {0}")]
    Damaged(&'static str),
    /// The source's bytes are gone; the upload can only be aborted ([`Upload::discard`](crate::Upload::discard)).
    #[error(
        "the source can't be read a second time, so the upload can only be aborted: discard it, and start anew from a new \
         source"
    )]
    NotRewindable,
    /// The policy or the profile does not allow it.
    #[error(transparent)]
    Plan(#[from] PlanError),
}
