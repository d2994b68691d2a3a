//! The append family: one writer, the server owns the offset.

use chunkwise_core::{ByteRange, ProblemKind, Reply};

use super::{Answer, Appetite, Arrived, ServerSettings, SessionState};
use crate::model::Model;

/// The bytes of a session in the order in which they came, as ranges of the source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Bytewise(Vec<ByteRange>);

impl Bytewise {
    pub(super) fn object(&self) -> Vec<ByteRange> {
        self.0.clone()
    }

    /// How many bytes it holds: the offset at which the next Append has to begin.
    pub(super) fn cursor(&self) -> u64 {
        self.0.iter().map(|range| range.len()).sum()
    }

    /// Loses its second half, as a server does that fails over to a copy which is behind.
    pub(super) fn lose_half(&mut self) {
        let mut left = self.cursor() / 2;
        for range in &mut self.0 {
            let kept = range.len().min(left);
            *range = ByteRange::at(range.start(), kept);
            left -= kept;
        }
        self.0.retain(|range| !range.is_empty());
    }

    pub(super) fn append(
        &mut self,
        settings: &ServerSettings,
        state: SessionState,
        range: ByteRange,
        arrived: Arrived,
    ) -> Answer {
        let cursor = self.cursor();
        match state {
            SessionState::Open => {}
            SessionState::Committed => {
                return Answer::Problem(ProblemKind::OffsetConflict { cursor: Some(cursor) });
            }
            SessionState::Aborted => return Answer::Problem(ProblemKind::SessionGone),
        }
        if range.start() != cursor {
            // Some say where they are, some don't.
            let cursor = settings.polls.is_multiple_of(2).then_some(cursor);
            return Answer::Problem(ProblemKind::OffsetConflict { cursor });
        }
        let kept = match (arrived, settings.model) {
            (Arrived::Whole, Model::AppendPrefix) => settings.appetite.takes(range),
            (Arrived::Whole, _) => range.len(),
            (Arrived::Part(bytes), Model::AppendPrefix) => bytes.min(range.len()),
            (Arrived::Part(_), _) => 0,
        };
        if kept > 0 {
            match self.0.last_mut() {
                Some(last) if last.end() == range.start() => {
                    *last = ByteRange::at(last.start(), last.len() + kept)
                }
                Some(_) | None => self.0.push(ByteRange::at(range.start(), kept)),
            }
        }
        match arrived {
            Arrived::Whole => Answer::Reply(Reply::Advanced { cursor: self.cursor(), expires: None }),
            Arrived::Part(_) => Answer::Reset,
        }
    }
}

impl Appetite {
    /// How many bytes of these it takes.
    fn takes(self, range: ByteRange) -> u64 {
        match self {
            Self::All => range.len(),
            Self::AtMost(most) => range.len().min(most.max(1)),
            Self::NothingBehind(end) => range.len().min(end.saturating_sub(range.start())),
        }
    }
}
