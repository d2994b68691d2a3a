//! What was asked of a model transport.

use std::fmt;

use chunkwise_core::{Action, ByteRange, Outcome, Timestamp};

use crate::fault::Fault;
use crate::simulation::brief;

/// One exchange, as the transport saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// What was to be done.
    pub operation: chunkwise_core::Operation,
    /// When it began.
    pub began: Timestamp,
    /// What went wrong with it.
    pub fault: Option<Fault>,
    /// How it ended.
    pub end: ExchangeEnd,
}

/// How an exchange ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExchangeEnd {
    /// Not yet.
    UnderWay,
    /// This was heard.
    Heard(Timestamp, Outcome),
    /// Whoever asked has gone.
    GivenUp(Timestamp),
}

impl Exchange {
    /// Whether it was under way at this time.
    pub fn is_live(&self, at: Timestamp) -> bool {
        self.began <= at && self.ended().is_none_or(|end| end > at)
    }

    /// When it ended.
    pub const fn ended(&self) -> Option<Timestamp> {
        match self.end {
            ExchangeEnd::UnderWay => None,
            ExchangeEnd::Heard(at, _) | ExchangeEnd::GivenUp(at) => Some(at),
        }
    }

    /// The bytes that it was to send: those of an Append.
    pub const fn payload(&self) -> Option<ByteRange> {
        self.operation.payload()
    }
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operation, began, fault, end } = self;
        write!(f, "{began} {} {}", operation.id, operation.kind())?;
        if let Some(session) = operation.action.session() {
            write!(f, " {session}")?;
        }
        if let Action::Append { segment, .. } = &operation.action {
            write!(f, " {} {}", segment.index.get(), segment.range)?;
        }
        write!(f, ", attempt {}", operation.attempt)?;
        if let Some(fault) = fault {
            write!(f, ", {fault:?}")?;
        }
        match end {
            ExchangeEnd::UnderWay => f.write_str(": under way"),
            ExchangeEnd::Heard(at, outcome) => write!(f, ": {} at {at}", brief(outcome)),
            ExchangeEnd::GivenUp(at) => write!(f, ": given up at {at}"),
        }
    }
}
