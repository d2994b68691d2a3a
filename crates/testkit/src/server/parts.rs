//! The parts family: numbered segments in any order.

use std::collections::BTreeMap;

use chunkwise_core::{
    ByteRange, Page, PageToken, Part, ProblemKind, Receipt, Refusal, Reply, Segment, SegmentIndex,
};

use super::{Answer, Repeats, ServerSettings};

/// The segments of a session by their index.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Numbered {
    session: usize,
    /// Which bytes of the source, and the receipt given for them.
    segments: BTreeMap<u32, (ByteRange, Stored)>,
    /// How many receipts were given for a segment, where they are wanted.
    given: BTreeMap<u32, u32>,
}

/// A segment as it was stored: which session, which segment, and for the how manieth time. It does not matter in which
/// order segments came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Stored {
    session: usize,
    index: u32,
    nth: u32,
}

impl Stored {
    fn receipt(self) -> Receipt {
        let Self { session, index, nth } = self;
        Receipt::new(format!("r{session}.{index}.{nth}"))
    }
}

impl Numbered {
    pub(super) fn new(session: usize) -> Self {
        Self { session, ..Self::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    pub(super) fn object(&self) -> Vec<ByteRange> {
        self.segments.values().map(|(range, _)| *range).filter(|range| !range.is_empty()).collect()
    }

    pub(super) fn lose_first(&mut self) {
        self.segments.pop_first();
    }

    pub(super) fn append(&mut self, settings: &ServerSettings, segment: Segment) -> Answer {
        let index = segment.index.get();
        let given = |stored: Stored| settings.model.wants_receipts().then(|| stored.receipt());
        if let Some((held, stored)) = self.segments.get(&index)
            && *held == segment.range
        {
            match settings.repeats {
                Repeats::Overwrite => {}
                Repeats::Tell => {
                    return Answer::Problem(ProblemKind::AlreadyStored { receipt: given(*stored) });
                }
                Repeats::Refuse => return Answer::Problem(ProblemKind::Refused(Refusal::Invalid)),
            }
        }
        let mut stored = Stored { session: self.session, index, nth: 0 };
        if settings.model.wants_receipts() {
            let given = self.given.entry(index).or_default();
            *given += 1;
            stored.nth = *given;
        }
        self.segments.insert(index, (segment.range, stored));
        Answer::Reply(Reply::Stored { receipt: given(stored), expires: None })
    }

    pub(super) fn probe(&self, settings: &ServerSettings, page: Option<&PageToken>) -> Answer {
        let Ok(from) = page.map_or(Ok(0), |page| page.as_str().parse::<u32>()) else {
            return Answer::Problem(ProblemKind::Refused(Refusal::Invalid));
        };
        let size = settings.page.max(1) as usize;
        let part = |(index, (range, stored)): (&u32, &(ByteRange, Stored))| Part {
            index: SegmentIndex::new(*index),
            len: range.len(),
            receipt: Some(stored.receipt()),
            range: None,
        };
        let next = self.segments.range(from..).nth(size).map(|(index, _)| PageToken::new(index.to_string()));
        Answer::Reply(Reply::Probed(Page {
            parts: self.segments.range(from..).take(size).map(part).collect(),
            next,
        }))
    }

    /// Makes one object; otherwise says what stands in the way.
    pub(super) fn finalize(
        &mut self,
        total: u64,
        receipts: Option<&[Receipt]>,
        forgot: bool,
    ) -> Option<ProblemKind> {
        if let Some(receipts) = receipts {
            // Like S3: what is not listed is dropped, what is listed must be there.
            let there: Vec<_> =
                self.segments.values().take(receipts.len()).map(|(_, stored)| stored.receipt()).collect();
            if there != receipts {
                return Some(ProblemKind::SegmentsMissing);
            }
            let listed: Vec<_> = self.segments.keys().copied().take(receipts.len()).collect();
            self.segments.retain(|index, _| listed.contains(index));
            return None;
        }
        // Like X: every index there is goes in.
        if !self.segments.keys().copied().zip(0u32..).all(|(index, n)| index == n) {
            return Some(ProblemKind::SegmentsMissing);
        }
        let sum: u64 = self.segments.values().map(|(range, _)| range.len()).sum();
        match sum == total {
            true => None,
            false if forgot && sum < total => Some(ProblemKind::SegmentsMissing),
            false => Some(ProblemKind::SizeMismatch),
        }
    }
}
