//! Invariant 3.

use std::collections::BTreeMap;

use chunkwise_core::{
    Action, ByteRange, Checkpoint, Event, Failure, Last, Problem, ProblemKind, SourceLength, Timestamp,
    Uniformity,
};

use super::{Invariant, must};
use crate::record::{Fact, Record, Seen, acknowledged};

/// Invariant 3: a segment that may be stored keeps its index and range for this session; a size that was refused is never
/// sent again; where all are to be of one size, they are; the first segment of a new size goes alone.
#[derive(Clone, Debug, Hash)]
pub struct Frozen {
    /// Segments that the server may hold.
    held: BTreeMap<u32, ByteRange>,
    /// The smallest size that was answered "too large".
    refused: Option<u64>,
    /// No segment of the new size was stored yet.
    alone: bool,
    /// Where the source ends, as far as that is known.
    end: Option<u64>,
}

impl Frozen {
    pub(super) fn new(record: &Record, from: Option<&Checkpoint>) -> Self {
        let mut held = BTreeMap::new();
        if let Some(checkpoint) = from.filter(|_| !record.is_append()) {
            // What was sent and not acknowledged may be stored as well; where the server can't list what it holds, whatever
            // was sent after the checkpoint was written too.
            let known = if record.can_ask() { checkpoint.sent_to() } else { checkpoint.plan().count() };
            let sent = checkpoint.plan().segments().take(known as usize);
            held.extend(sent.chain(acknowledged(checkpoint)).map(|s| (s.index.get(), s.range)));
        }
        let end = match record.spec.length {
            SourceLength::Known(total) => Some(total),
            SourceLength::Unknown => {
                from.filter(|from| !from.plan().is_open()).map(|from| from.plan().total())
            }
        };
        Self { held, refused: None, alone: false, end }
    }
}

impl Invariant for Frozen {
    const NAME: &'static str = "invariant 3 (Frozen)";

    fn check(&mut self, _: Timestamp, seen: &Seen<'_>, record: &Record) -> Result<(), String> {
        match *seen {
            Seen::Perform(op) => {
                let Action::Append { segment, last, .. } = &op.action else { return Ok(()) };
                if *last == Last::End {
                    self.end = Some(segment.range.end());
                }
                let (index, range) = (segment.index.get(), segment.range);
                let uniform = record.profile.sizing.uniformity == Uniformity::Uniform;
                for (other, held) in &self.held {
                    if *other == index {
                        must!(
                            *held == range,
                            "segment {index} may be stored as {held}, and is sent as {range}"
                        );
                    } else {
                        // All but the last are of one size where the protocol wants it so.
                        let end = self.end.unwrap_or(u64::MAX);
                        let whole = range.end() < end && held.end() < end;
                        must!(
                            !(whole && uniform) || range.len() == held.len(),
                            "{index} {range} and {other} {held} differ in size"
                        );
                        let apart = range.end() <= held.start() || held.end() <= range.start();
                        must!(apart || held.is_empty(), "{index} {range} overlaps {other} {held}");
                        let in_order = (*other < index) == (held.start() < range.start());
                        must!(
                            in_order || held.is_empty(),
                            "{index} {range} and {other} {held} are out of order"
                        );
                    }
                }
                if let Some(refused) = self.refused {
                    must!(range.len() < refused, "{} bytes are sent, {refused} were refused", range.len());
                }
                let live = record.live_appends().count();
                must!(!self.alone || live == 0, "the first segment of a new size does not go alone");
            }
            Seen::Outcome(id, outcome) => {
                let too_large = matches!(
                    &outcome.result,
                    Err(Failure::Answered(Problem { kind: ProblemKind::TooLarge { .. }, .. }))
                );
                let segment = record.live.get(&id).and_then(|(op, _)| op.payload());
                if let Some(range) = segment.filter(|_| too_large) {
                    self.refused = Some(self.refused.map_or(range.len(), |known| known.min(range.len())));
                }
            }
            Seen::Notify(Event::Replanned { .. }) => self.alone = true,
            // The ceiling is kept, and the first of its size goes alone.
            Seen::Notify(Event::NewSession { .. }) => self.alone = self.refused.is_some(),
            _ => {}
        }
        Ok(())
    }

    fn learn(&mut self, fact: &Fact, record: &Record) {
        match fact {
            Fact::Stored(segment) => {
                self.held.insert(segment.index.get(), segment.range);
                self.alone = false;
            }
            Fact::Advanced { .. } => self.alone = false,
            Fact::FoundOut if !record.is_append() => {
                self.held.extend(record.acked.iter().map(|(index, range)| (*index, *range)));
            }
            Fact::MayBeDone(op) if !record.is_append() => {
                if let Action::Append { segment, .. } = &op.action {
                    self.held.insert(segment.index.get(), segment.range);
                }
            }
            Fact::SessionForgotten => self.held.clear(),
            Fact::FoundOut | Fact::MayBeDone(_) => {}
        }
    }
}
