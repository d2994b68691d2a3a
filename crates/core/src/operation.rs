//! Operations: one exchange with the server each.

use alloc::sync::Arc;
use core::fmt;
use core::hash::{Hash, Hasher};

use crate::range::{ByteRange, Segment, SegmentIndex};
use crate::token::{PageToken, Receipt, Session};

/// The name of one attempt of an operation. Never used twice within an upload's life in one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OpId(pub(crate) u64);

/// As a `u128`, as nothing else is: a hasher that names operations anew, to find uploads that go on alike, can tell names
/// from numbers.
impl Hash for OpId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u128(u128::from(self.0));
    }
}

impl OpId {
    /// An id with this number, for tests and replays; the engine hands out its own.
    pub const fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    /// Its number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for OpId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "op{}", self.0)
    }
}

/// Which generation of credentials an operation was meant to use, from 0. It grows with every refresh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CredentialEpoch(u64);

impl CredentialEpoch {
    /// The epoch with this number.
    pub const fn new(epoch: u64) -> Self {
        Self(epoch)
    }

    /// Its number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The epoch after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// One exchange with the server, to be performed once. Retries are operations of their own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Operation {
    /// Its name; answers refer to it.
    pub id: OpId,
    /// Which try this is at the same thing, from 1.
    pub attempt: u32,
    /// The credentials it is meant to use.
    pub epoch: CredentialEpoch,
    /// What to do.
    pub action: Action,
}

impl Operation {
    /// Which kind of operation it is.
    pub const fn kind(&self) -> OperationKind {
        self.action.kind()
    }

    /// The source bytes it sends: those of an Append, none of any other.
    pub const fn payload(&self) -> Option<ByteRange> {
        match &self.action {
            Action::Append { segment, .. } => Some(segment.range),
            Action::Init { .. }
            | Action::Probe { .. }
            | Action::Finalize { .. }
            | Action::Status { .. }
            | Action::Verify { .. }
            | Action::Abort { .. } => None,
        }
    }
}

/// What an operation does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Open a session.
    Init {
        /// The source's length in bytes, if it is known.
        total: Option<u64>,
    },
    /// Send the bytes of a segment (in the append family: the rest of it, from the server's cursor on).
    Append {
        /// The session they belong to.
        session: Session,
        /// The segment's index and the bytes that this attempt sends.
        segment: Segment,
        /// Whether the source ends with these bytes.
        last: Last,
    },
    /// Ask what the server already holds.
    Probe {
        /// The session asked about.
        session: Session,
        /// The page to go on with, if an answer came in pages.
        page: Option<PageToken>,
    },
    /// Make one object of the segments.
    Finalize {
        /// The session to finalize.
        session: Session,
        /// The length of the object in bytes.
        total: u64,
        /// The receipts in index order, for protocols that want them.
        receipts: Option<Arc<[Receipt]>>,
    },
    /// Ask how the processing goes.
    Status {
        /// The session asked about.
        session: Session,
    },
    /// Ask whether the whole object was committed.
    Verify {
        /// The session asked about.
        session: Session,
        /// The length that the object must have.
        total: u64,
    },
    /// Give the session up and have the server forget its bytes.
    Abort {
        /// The session to give up.
        session: Session,
        /// Whether the server's last answer was that it took an Abort of it.
        taken: Taken,
    },
}

impl Action {
    /// Which kind of operation it is.
    pub const fn kind(&self) -> OperationKind {
        match self {
            Self::Init { .. } => OperationKind::Init,
            Self::Append { .. } => OperationKind::Append,
            Self::Probe { .. } => OperationKind::Probe,
            Self::Finalize { .. } => OperationKind::Finalize,
            Self::Status { .. } => OperationKind::Status,
            Self::Verify { .. } => OperationKind::Verify,
            Self::Abort { .. } => OperationKind::Abort,
        }
    }

    /// The session it belongs to; an Init has none yet.
    pub const fn session(&self) -> Option<&Session> {
        match self {
            Self::Init { .. } => None,
            Self::Append { session, .. }
            | Self::Probe { session, .. }
            | Self::Finalize { session, .. }
            | Self::Status { session }
            | Self::Verify { session, .. }
            | Self::Abort { session, .. } => Some(session),
        }
    }

    /// The index of the segment it sends, if it sends one.
    pub const fn segment(&self) -> Option<SegmentIndex> {
        match self {
            Self::Append { segment, .. } => Some(segment.index),
            Self::Init { .. }
            | Self::Probe { .. }
            | Self::Finalize { .. }
            | Self::Status { .. }
            | Self::Verify { .. }
            | Self::Abort { .. } => None,
        }
    }
}

/// Whether more bytes follow an Append.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Last {
    /// The source goes on behind these bytes.
    More,
    /// The source ends with these bytes. Where the length was not known before, this says it.
    End,
}

/// Whether a server has just said that it took an Abort, and not that nothing is left
/// ([`Reply::AbortPending`](crate::Reply::AbortPending)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Taken {
    /// Not that is known: the session has to be given up.
    No,
    /// It did: whether anything is left has to be looked for.
    Yes,
}

/// The kinds of operation, for pacing, tables and logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum OperationKind {
    /// Open a session.
    Init,
    /// Send a segment.
    Append,
    /// Ask what the server holds.
    Probe,
    /// Make one object of the segments.
    Finalize,
    /// Ask how the processing goes.
    Status,
    /// Ask whether the object was committed.
    Verify,
    /// Give the session up.
    Abort,
}

impl OperationKind {
    /// Every kind, in the order of an upload's life.
    pub const ALL: [Self; 7] =
        [Self::Init, Self::Append, Self::Probe, Self::Finalize, Self::Status, Self::Verify, Self::Abort];

    /// Its name as in logs and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Init => "Init",
            Self::Append => "Append",
            Self::Probe => "Probe",
            Self::Finalize => "Finalize",
            Self::Status => "Status",
            Self::Verify => "Verify",
            Self::Abort => "Abort",
        }
    }
}

impl fmt::Display for OperationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn an_operation_goes_by_its_number() {
        let id = OpId::from_raw(7);
        assert_eq!((id.get(), format!("{id}")), (7, "op7".into()));
    }

    #[test]
    fn a_hasher_can_tell_names_from_numbers() {
        #[derive(Default)]
        struct Names(alloc::vec::Vec<u128>);

        impl Hasher for Names {
            fn write(&mut self, _bytes: &[u8]) {}

            fn write_u128(&mut self, name: u128) {
                self.0.push(name);
            }

            fn finish(&self) -> u64 {
                0
            }
        }

        let mut names = Names::default();
        (OpId::from_raw(7), 8u64, CredentialEpoch::new(9), OpId::from_raw(10)).hash(&mut names);
        assert_eq!((names.finish(), names.0), (0, [7, 10].into()));
    }

    #[test]
    fn all_but_an_init_belong_to_a_session() {
        let session = || Session::new("710");
        let segment = Segment { index: SegmentIndex::new(3), range: ByteRange::at(30, 10) };
        let of_session = [
            Action::Append { session: session(), segment, last: Last::More },
            Action::Probe { session: session(), page: None },
            Action::Finalize { session: session(), total: 40, receipts: None },
            Action::Status { session: session() },
            Action::Verify { session: session(), total: 40 },
            Action::Abort { session: session(), taken: Taken::No },
        ];
        for (action, kind) in of_session.into_iter().zip(OperationKind::ALL.into_iter().skip(1)) {
            assert_eq!((action.kind(), action.session()), (kind, Some(&session())));
            let index = (kind == OperationKind::Append).then_some(SegmentIndex::new(3));
            assert_eq!(action.segment(), index);
        }
        assert_eq!(Action::Init { total: None }.session(), None);
    }
}
