//! The parts family: numbered segments in any order.

use std::collections::BTreeMap;

use chunkwise_core::{
    ByteRange, Page, PageToken, Part, ProblemKind, Receipt, Refusal, Reply, Segment, SegmentIndex,
};

use super::{Answer, Repeats, ServerSettings};

/// The segments of a session by their index: which bytes of the source, and the number of the receipt given for them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Numbered(BTreeMap<u32, (ByteRange, u32)>);

impl Numbered {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn object(&self) -> Vec<ByteRange> {
        self.0.values().map(|(range, _)| *range).filter(|range| !range.is_empty()).collect()
    }

    pub(super) fn lose_first(&mut self) {
        self.0.pop_first();
    }

    pub(super) fn append(&mut self, settings: &ServerSettings, segment: Segment, receipt: u32) -> Answer {
        let index = segment.index.get();
        let given = |number| settings.model.wants_receipts().then(|| name(number));
        if let Some((held, number)) = self.0.get(&index)
            && *held == segment.range
        {
            match settings.repeats {
                Repeats::Overwrite => {}
                Repeats::Tell => {
                    return Answer::Problem(ProblemKind::AlreadyStored { receipt: given(*number) });
                }
                Repeats::Refuse => return Answer::Problem(ProblemKind::Refused(Refusal::Invalid)),
            }
        }
        self.0.insert(index, (segment.range, receipt));
        Answer::Reply(Reply::Stored { receipt: given(receipt), expires: None })
    }

    pub(super) fn probe(&self, settings: &ServerSettings, page: Option<&PageToken>) -> Answer {
        let Ok(from) = page.map_or(Ok(0), |page| page.as_str().parse::<u32>()) else {
            return Answer::Problem(ProblemKind::Refused(Refusal::Invalid));
        };
        let size = settings.page.max(1) as usize;
        let part = |(index, (range, number)): (&u32, &(ByteRange, u32))| Part {
            index: SegmentIndex::new(*index),
            len: range.len(),
            receipt: Some(name(*number)),
            range: None,
        };
        let next = self.0.range(from..).nth(size).map(|(index, _)| PageToken::new(index.to_string()));
        Answer::Reply(Reply::Probed(Page {
            parts: self.0.range(from..).take(size).map(part).collect(),
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
                self.0.values().take(receipts.len()).map(|(_, number)| name(*number)).collect();
            if there != receipts {
                return Some(ProblemKind::SegmentsMissing);
            }
            let listed: Vec<_> = self.0.keys().copied().take(receipts.len()).collect();
            self.0.retain(|index, _| listed.contains(index));
            return None;
        }
        // Like X: every index there is goes in.
        if !self.0.keys().copied().zip(0u32..).all(|(index, n)| index == n) {
            return Some(ProblemKind::SegmentsMissing);
        }
        let sum: u64 = self.0.values().map(|(range, _)| range.len()).sum();
        match sum == total {
            true => None,
            false if forgot && sum < total => Some(ProblemKind::SegmentsMissing),
            false => Some(ProblemKind::SizeMismatch),
        }
    }
}

fn name(receipt: u32) -> Receipt {
    Receipt::new(format!("r{receipt}"))
}
