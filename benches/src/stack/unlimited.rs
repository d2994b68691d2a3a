//! X's words without X's limits.

use std::borrow::Cow;

use chunkwise::core::{Action, Operation, Outcome, Profile, SegmentIndex, Sizing, Timestamp};
use chunkwise::transport::http::{EncodeContext, EncodeError, Protocol, Request, Response};
use chunkwise::x::XProtocol;

/// How many indexes X knows.
const INDEXES: u32 = 1_000;

/// X's protocol for segments of any size and number: what lies beyond X's limits can be measured, and is marked as such.
#[derive(Debug)]
pub struct Unlimited(XProtocol);

impl Unlimited {
    /// Of X's own.
    pub const fn new(protocol: XProtocol) -> Self {
        Self(protocol)
    }
}

impl Protocol for Unlimited {
    fn profile(&self) -> Profile {
        let x = self.0.profile();
        let sizing = Sizing { max: u64::MAX, max_count: u32::MAX, max_total: u64::MAX, ..x.sizing };
        Profile { name: Cow::Borrowed("x-v2-unlimited"), sizing, ..x }
    }

    fn encode(&self, operation: &Operation, context: &EncodeContext) -> Result<Request, EncodeError> {
        let mut operation = operation.clone();
        if let Action::Append { segment, .. } = &mut operation.action {
            // X's codec knows no more of them, and the sink looks at none.
            segment.index = SegmentIndex::new(segment.index.get() % INDEXES);
        }
        self.0.encode(&operation, context)
    }

    fn decode(&self, operation: &Operation, response: &Response, received_at: Timestamp) -> Outcome {
        self.0.decode(operation, response, received_at)
    }
}
